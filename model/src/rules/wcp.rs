//! Section 1.21: wait completion packets and reserve objects.

use super::job as previous;

rules! {
    /// WCP-01
    WCP_01 "WCP-01" {
        layer: IoCompletion,
        confidence: [Documented],
        versions: "8+",
        kind: Device,
        sources: ["M:win32/DevNotes", "PHNT", "POLLING"],
        says: "NtAssociateWaitCompletionPacket(packet, port, target, key, context, status, information, &already) queues one packet (key, context, status, information) to the port when the target becomes signaled; the association is then used up.",
        note: "also exercised on Windows by the tests of smol-rs/polling",
    }

    /// WCP-02
    WCP_02 "WCP-02" {
        layer: IoCompletion,
        confidence: [Documented],
        versions: "8+",
        kind: Device,
        sources: ["M:win32/DevNotes", "PHNT"],
        says: "If the target is signaled already, the packet is queued at once and the output flag is TRUE.",
    }

    /// WCP-03
    WCP_03 "WCP-03" {
        layer: IoCompletion,
        confidence: [Documented],
        versions: "8+",
        kind: Device,
        sources: ["M:win32/DevNotes"],
        says: "The association consumes the target's signal like a normal wait: an auto-reset event is reset, a semaphore is decremented.",
        note: "inferred from the documentation",
    }

    /// WCP-04
    WCP_04 "WCP-04" {
        layer: IoCompletion,
        confidence: [Documented],
        versions: "8+",
        kind: Device,
        sources: ["M:win32/DevNotes", "PHNT"],
        says: "A packet in use cannot be associated again; it can as soon as its completion has been removed from the port.",
    }

    /// WCP-05
    WCP_05 "WCP-05" {
        layer: IoCompletion,
        confidence: [Documented],
        versions: "8+",
        kind: Device,
        sources: ["M:win32/DevNotes", "PHNT"],
        says: "NtCancelWaitCompletionPacket(packet, removeSignaled) returns STATUS_SUCCESS if it cancelled the wait (and, if asked, took the packet off the port), STATUS_PENDING (0x103) if the packet is in use and cannot be taken back now, and STATUS_CANCELLED (0xC0000120) if it has been completed and picked up, or was never associated.",
    }

    /// WCP-06
    WCP_06 "WCP-06" {
        layer: Library,
        confidence: [Folklore],
        versions: "10+",
        kind: Device,
        sources: ["GO"],
        says: "Go uses one for high-resolution timers on its netpoll port; another thread's GetQueuedCompletionStatusEx may see the packet.",
    }

    /// RES-01
    RES_01 "RES-01" {
        layer: IoCompletion,
        confidence: [Tested],
        versions: "7+",
        kind: Device,
        sources: ["W:om"],
        says: "NtAllocateReserveObject makes a UserApcReserve or an IoCompletionReserve. A NULL output pointer gives STATUS_ACCESS_VIOLATION, an unknown type STATUS_INVALID_PARAMETER, attributes with a name STATUS_OBJECT_NAME_INVALID.",
    }
}
