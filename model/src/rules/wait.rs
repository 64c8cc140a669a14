//! Section 1.7: blocked dequeuers, a stack.

use super::thr as previous;

rules! {
    /// WAIT-01
    WAIT_01 "WAIT-01" {
        layer: KernelQueue,
        confidence: [Documented, ReverseEngineered, Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["OV-119", "OV-120", "OV-124", "W:nsync"],
        says: "Dequeuers are released in LIFO order: the one that blocked most recently goes first.",
    }

    /// WAIT-02
    WAIT_02 "WAIT-02" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "What counts for the place on the stack is when the thread last blocked, not when it joined the port.",
    }

    /// WAIT-03
    WAIT_03 "WAIT-03" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue", "Wine MR"],
        says: "A packet belongs to the waiter it was handed to from that moment: no later dequeuer can take it, even if the waiter has not run yet.",
    }

    /// WAIT-04
    WAIT_04 "WAIT-04" {
        layer: KernelQueue,
        confidence: [Inferred],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "The step that hands a packet to a waiter also cancels its timer, so a time-out at the same instant comes too late. Which of the two atomic steps is first decides; both never happen, and the packet is never lost.",
    }

    /// WAIT-05
    WAIT_05 "WAIT-05" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "If at one instant the time-out comes before the packet, the waiter returns WAIT_TIMEOUT (258) and the packet goes to the next waiter, or into the queue.",
    }

    /// WAIT-06
    WAIT_06 "WAIT-06" {
        layer: KernelQueue,
        confidence: [Inferred],
        versions: "all",
        kind: Absence,
        sources: ["WAIT-01"],
        says: "There is no fairness among waiters: one at the bottom of the stack may starve for ever while the threads above it keep up with the load.",
    }

    /// WAIT-07
    WAIT_07 "WAIT-07" {
        layer: KernelQueue,
        confidence: [Tested],
        versions: "V+",
        kind: Absence,
        sources: ["W:nsync"],
        says: "A thread that waits on the port handle itself is not on the waiter stack and is never given a packet.",
    }

    /// WAIT-08
    WAIT_08 "WAIT-08" {
        layer: KernelQueue,
        confidence: [Documented],
        versions: "all",
        kind: Absence,
        sources: ["M:win32/Sync/asynchronous-procedure-calls"],
        says: "GetQueuedCompletionStatus does not wait alertably: a user APC does not end it and runs only at the thread's next alertable wait.",
    }

    /// WAIT-09
    WAIT_09 "WAIT-09" {
        layer: KernelQueue,
        confidence: [Tested, Documented],
        versions: "V+",
        kind: Mechanism,
        sources: ["M:sdk/GetQueuedCompletionStatusEx", "W:kfile"],
        says: "With fAlertable TRUE, an APC queued to a thread blocked in GetQueuedCompletionStatusEx runs and ends the wait with WAIT_IO_COMPLETION (192).",
        note: "the test queues the APC beforehand and uses a zero time-out; the blocked case is documentation",
    }
}
