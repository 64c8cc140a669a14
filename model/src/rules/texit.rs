//! Section 1.19: what becomes of the requests of a thread that ends.

use super::close as previous;

rules! {
    /// TEXIT-01
    TEXIT_01 "TEXIT-01" {
        layer: IoManager,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:afd test_async_thread_termination"],
        says: "On a file without a port, the end of a thread, however it comes, cancels all its pending requests: CANCELLED in the status block, the event signaled, and APCs that never run.",
    }

    /// TEXIT-02
    TEXIT_02 "TEXIT-02" {
        layer: IoManager,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:afd", "W:sock iocp_async_read_thread", "M:win32", "sdk-api PR 1137"],
        says: "A request with a port, a completion context and no event is not cancelled by the end of its thread: it stays pending, and another thread can still cancel it with CancelIoEx.",
    }

    /// TEXIT-03
    TEXIT_03 "TEXIT-03" {
        layer: IoManager,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:afd"],
        says: "With a port but without context, or with an event, the request is cancelled when its thread ends, and a packet CANCELLED is queued exactly if there is a context.",
    }

    /// TEXIT-04
    TEXIT_04 "TEXIT-04" {
        layer: IoManager,
        confidence: [Tested],
        versions: "XP",
        kind: Device,
        sources: ["W:sock"],
        says: "XP cancels the requests of an ending thread in every case, with a 995 packet.",
        note: "known from a broken() marker in the test",
    }

    /// TEXIT-05
    TEXIT_05 "TEXIT-05" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:win32", "M:sdk"],
        says: "Several documentation pages still have the exit of a thread cancel all its I/O.",
        note: "outdated, see DIS-05",
    }
}
