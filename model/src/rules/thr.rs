//! Section 1.6: which port a thread belongs to.

use super::conc as previous;

rules! {
    /// THR-01
    THR_01 "THR-01" {
        layer: KernelQueue,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["OV-121", "OV-122", "R:queue"],
        says: "A thread becomes associated with a port by its first dequeue on it, and is associated with at most one port at a time.",
    }

    /// THR-02
    THR_02 "THR-02" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "A thread that dequeues on a port for the first time was not counted there, so nothing is subtracted; it is added when the call ends without blocking, or when it is woken.",
    }

    /// THR-03
    THR_03 "THR-03" {
        layer: KernelQueue,
        confidence: [ReverseEngineered, Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue", "OV-121"],
        says: "A dequeue on a different port moves the thread: the old port drops it from its threads, its active count falls by one and it may release a waiter as in CONC-03; on the new port the thread then starts as in THR-02.",
    }

    /// THR-04
    THR_04 "THR-04" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Absence,
        sources: ["R:ioc"],
        says: "Posting, associating files, waiting on the port handle and querying the depth change nobody's association.",
    }

    /// THR-05
    THR_05 "THR-05" {
        layer: KernelQueue,
        confidence: [ReverseEngineered, Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["R:thr", "OV-121", "OV-146"],
        says: "A thread that ends, by itself or by termination, leaves its port: it stops counting, if it did count, and that may release a waiter.",
    }

    /// THR-06
    THR_06 "THR-06" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:wait", "R:thr"],
        says: "A thread killed while blocked in a dequeue is taken off the waiter stack by its termination APC. No packet is lost, because packets are handed only to threads that are on the stack.",
        note: "partly inferred",
    }

    /// THR-07
    THR_07 "THR-07" {
        layer: KernelQueue,
        confidence: [Inferred],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "If a thread has been handed a packet and is killed before it is back in user mode, the packet is lost; no other thread gets it.",
        note: "whether modern Windows queues it again is open, see OPEN-7",
    }

    /// THR-08
    THR_08 "THR-08" {
        layer: KernelQueue,
        confidence: [Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["OV-121", "CLOSE-05"],
        says: "By the documentation an association ends in three ways: the thread exits, it dequeues on another port, or the port is closed (for the last see CLOSE-05).",
        note: "closing is qualified by DIS-20",
    }

    /// THR-09
    THR_09 "THR-09" {
        layer: IoCompletion,
        confidence: [Tested],
        versions: "V+",
        kind: Absence,
        sources: ["W:nfile"],
        says: "If the thread is not associated with the port, and its alertable batch dequeue returns STATUS_USER_APC immediately, it is not associated with it afterwards either; presumably an older association stays as it was.",
        note: "that the old association stays is inferred",
    }

    /// THR-10
    THR_10 "THR-10" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Absence,
        sources: ["R:queue"],
        says: "Nothing else ends an association: not idling, not time-outs, not duplicating the port handle, not closing one of several handles to the port.",
    }

    /// THR-11
    THR_11 "THR-11" {
        layer: KernelQueue,
        confidence: [Inferred],
        versions: "all",
        kind: Mechanism,
        sources: ["THR-10", "CONC-05"],
        says: "A thread of a port that is blocked on something else remains one of its threads and is counted again when it wakes, no matter how much later.",
    }

    /// THR-12
    THR_12 "THR-12" {
        layer: KernelQueue,
        confidence: [Inferred],
        versions: "all",
        kind: Device,
        sources: ["THR-03", "M:win32"],
        says: "Workers of the system thread pool are associated with the pool's own port. A callback that dequeues from another port takes its worker off the pool's queue, and so frees that concurrency slot, until the worker goes back to the pool.",
    }
}
