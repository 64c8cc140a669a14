//! Section 1.14: when the status block, that is the `OVERLAPPED`, is written.

use super::iom as previous;

rules! {
    /// IOSB-01
    IOSB_01 "IOSB-01" {
        layer: IoManager,
        confidence: [Documented],
        versions: "all per doc",
        kind: Device,
        sources: ["OV-116", "OV-117"],
        says: "According to the overview page, the status block of a file with a port changes only when the packet is taken from the port, unless the operation returns at once with an error.",
        note: "too simple, see DIS-01",
    }

    /// IOSB-02
    IOSB_02 "IOSB-02" {
        layer: IoManager,
        confidence: [Measured, Tested],
        versions: "11 measured; at least one earlier",
        kind: Device,
        sources: ["P11", "W:npipe", "W:afd test_async_cancel_on_handle_close"],
        says: "For a request with a port, a completion context and no event that really pended (\"thread-agnostic\"), the thread that dequeues the packet writes status and count during the dequeue, and for buffered transfers such as pipes the user's buffer too. Until then it does not matter whether the issuer spins, sleeps alertably or exits.",
        note: "that an earlier Windows did so follows from assertions that Wine itself fails (todo_wine)",
    }

    /// IOSB-03
    IOSB_03 "IOSB-03" {
        layer: IoManager,
        confidence: [Measured, Tested],
        versions: "11",
        kind: Device,
        sources: ["P11", "W:sock test_connect_completion_port"],
        says: "If the request has an event, the status block is written at completion and the packet is queued as well.",
    }

    /// IOSB-04
    IOSB_04 "IOSB-04" {
        layer: IoManager,
        confidence: [Measured, Tested],
        versions: "11",
        kind: Device,
        sources: ["P11", "W:npipe"],
        says: "If the request completes immediately, with success or a warning, the status block is written before the issuing call returns, and the packet is queued too. What matters is that it never really pended; the call may still report STATUS_PENDING (a BUFFER_OVERFLOW on 8+).",
    }

    /// IOSB-05
    IOSB_05 "IOSB-05" {
        layer: IoManager,
        confidence: [Inferred],
        versions: "all",
        kind: Device,
        sources: ["IOSB-02", "IOSB-03", "IOSB-04"],
        says: "The exception in IOSB-01 must be wider: writing is never deferred if the request completes synchronously in whatever way, has an event, has no completion context, or its file has no port.",
    }

    /// IOSB-06
    IOSB_06 "IOSB-06" {
        layer: IoManager,
        confidence: [Measured],
        versions: "11",
        kind: Device,
        sources: ["P11"],
        says: "A cancelled request follows the same rule: its status block reads PENDING until the packet has been dequeued.",
        note: "measured for CancelIo, inferred for CancelIoEx",
    }

    /// IOSB-07
    IOSB_07 "IOSB-07" {
        layer: IoManager,
        confidence: [Measured],
        versions: "11",
        kind: Device,
        sources: ["P11"],
        says: "If a thread of another process dequeues through a duplicate of the port handle, the issuer's status block, in the issuer's address space, is filled all the same.",
    }

    /// IOSB-08
    IOSB_08 "IOSB-08" {
        layer: SocketDriver,
        confidence: [Measured],
        versions: "11",
        kind: Device,
        sources: ["P11"],
        says: "A socket's received data are in the user's buffer from completion on; its status block and the signaled state of its handle change only at the dequeue.",
    }

    /// IOSB-09
    IOSB_09 "IOSB-09" {
        layer: IoManager,
        confidence: [ReverseEngineered],
        versions: "NT5",
        kind: Device,
        sources: ["R:irp"],
        says: "In NT 5 the completion APC runs in the thread that issued the request; it writes the status block and then queues the packet, so the block is always written before any dequeue.",
    }

    /// IOSB-10
    IOSB_10 "IOSB-10" {
        layer: IoManager,
        confidence: [Inferred],
        versions: "all",
        kind: Device,
        sources: ["OV-116", "GQ-07"],
        says: "Deferred or not, the status block is up to date when GetQueuedCompletionStatus, its Ex form or NtRemoveIoCompletion returns the packet.",
    }

    /// IOSB-11
    IOSB_11 "IOSB-11" {
        layer: IoManager,
        confidence: [Inferred],
        versions: "V+",
        kind: Device,
        sources: ["PORT-16", "IOSB-02"],
        says: "If the port is destroyed with the packet still queued, a deferred status block is never written, and whoever polls Internal sees PENDING for ever.",
    }
}
