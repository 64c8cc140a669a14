//! Section 1.4: how packets enter and leave the kernel queue.

use super::pkt as previous;

rules! {
    /// KQ-01
    KQ_01 "KQ-01" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "A queue consists of its limit, the active count, the packets, the stack of waiters and the set of associated threads, blocked or not. At all times depth equals the number of packets, every blocked dequeuer is associated, and the active count equals the number of associated threads that are not in the Waiting state, so it is never negative.",
    }

    /// KQ-02
    KQ_02 "KQ-02" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue KiInsertQueue", "OV-119", "OV-120", "OV-124"],
        says: "An insert that finds the active count below the limit and a dequeuer blocked gives the packet straight to the dequeuer that blocked last, KQ-04 excepted. The depth does not change; waking that thread raises the active count by one.",
    }

    /// KQ-03
    KQ_03 "KQ-03" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue", "OV-123", "OV-141"],
        says: "Every other insert puts the packet at the tail and raises the depth by one; this includes the case that dequeuers are blocked but the active count has reached the limit.",
    }

    /// KQ-04
    KQ_04 "KQ-04" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "NT5+",
        kind: Mechanism,
        sources: ["R:queue KiInsertQueue"],
        says: "No hand-off is made if the inserting thread belongs to this queue and is itself inside a wait on it, its wait reason being \"queue\" because a kernel APC that interrupted its dequeue does the insert. The packet is queued, and the thread can take it when it looks again.",
        note: "the condition in ReactOS covers more if taken to the letter, see OPEN-11",
    }

    /// KQ-05
    KQ_05 "KQ-05" {
        layer: KernelQueue,
        confidence: [ReverseEngineered, Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["M:ddi/KeInsertQueue", "R:queue"],
        says: "An insert returns the depth from before it; 0 tells that the queue was empty.",
    }

    /// KQ-06
    KQ_06 "KQ-06" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Absence,
        sources: ["R:queue", "R:irp"],
        says: "The queue gives a thread that it wakes no priority boost (KeInsertQueue uses increment 0). A driver's increment may reach the thread through request completion, but this does not change any outcome.",
    }

    /// KQ-07
    KQ_07 "KQ-07" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue KeRemoveQueue"],
        says: "A dequeue first associates the calling thread with the queue, before it checks anything else (THR-01 to THR-03), and the association holds even if the call then times out.",
    }

    /// KQ-08
    KQ_08 "KQ-08" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue", "OV-125", "OV-143", "OV-144"],
        says: "Then, with the caller not counted, if the active count is below the limit and a packet is queued, the caller takes the head without blocking: depth down by one, active count up by one.",
    }

    /// KQ-09
    KQ_09 "KQ-09" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue", "OV-123", "OV-140", "OV-141"],
        says: "If other active threads fill the limit, the caller gets nothing although packets are queued: it blocks, or with a zero time-out returns STATUS_TIMEOUT while the depth is above 0.",
        note: "not confirmed on modern Windows, see OPEN-1",
    }

    /// KQ-10
    KQ_10 "KQ-10" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "A dequeue checks, in this order: a packet; a pending kernel APC (run it and start over); a pending user APC, if the wait admits them; a time-out that is already due; and then it blocks. So a packet wins over a zero time-out, and in KeRemoveQueue with UserMode over a pending user APC as well.",
    }

    /// KQ-11
    KQ_11 "KQ-11" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "A dequeuer that blocks goes on top of the waiter stack, in state Waiting with wait reason \"queue\".",
    }

    /// KQ-12
    KQ_12 "KQ-12" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "A kernel APC takes a blocked dequeuer off the stack, runs, and the thread starts again at the packet check; if it blocks once more it lands on top. Kernel APCs thus change the LIFO order.",
        note: "not confirmed on Windows 10 and later, see OPEN-2",
    }

    /// KQ-13
    KQ_13 "KQ-13" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "Such an interruption does not restart the time-out of a relative wait: the absolute due time is kept, and what is left is computed anew.",
    }

    /// KQ-14
    KQ_14 "KQ-14" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "Work conservation: no dequeuer stays blocked while a packet is queued and the active count is below the limit, since each step that lowers the count or adds a packet tries a hand-off. The only exception is KQ-04, and it may last: after a kernel APC that inserts two packets, one is taken by the thread and one remains queued below the limit.",
    }

    /// KQ-15
    KQ_15 "KQ-15" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue", "OV-154"],
        says: "At or above the limit nothing is handed off, even where unblocking caused the excess. With the active count k above the limit, k decrements grant nothing, and the next one after them is the first that can.",
    }

    /// KQ-16
    KQ_16 "KQ-16" {
        layer: KernelQueue,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["M:ddi/KeRemoveQueue", "M:ddi/KeRundownQueue"],
        says: "A remove ends with a packet, STATUS_TIMEOUT (0x102), STATUS_USER_APC (0xC0) or, after a rundown, STATUS_ABANDONED (0x80); the caller tells the statuses from packet addresses by their value.",
        note: "abandonment: Windows 7+ by the rundown page, Vista+ through handles, see DIS-07",
    }

    /// KQ-17
    KQ_17 "KQ-17" {
        layer: KernelQueue,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Absence,
        sources: ["R:queue", "M:ddi/KeRemoveQueue"],
        says: "User APCs do not end a remove whose wait mode is KernelMode.",
    }

    /// KQ-18
    KQ_18 "KQ-18" {
        layer: KernelQueue,
        confidence: [Inferred, Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["PHNT", "W:nfile"],
        says: "The batch remove behind NtRemoveIoCompletionEx takes up to N packets in one call. It can block only for the first, and however many it takes, the thread counts as one active thread.",
        note: "contents are tested, the single slot is inferred",
    }

    /// KQ-19
    KQ_19 "KQ-19" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "Insert and remove exclude each other (the dispatcher lock in NT 5, a lock per queue later), so each is one atomic step.",
    }

    /// KQ-20
    KQ_20 "KQ-20" {
        layer: KernelQueue,
        confidence: [Folklore],
        versions: "8+",
        kind: Metadata,
        sources: ["public symbol dumps", "Windows Internals"],
        says: "Windows 8 added a second kind of queue (KPRIQUEUE, with a list and an active count per priority) for the kernel's own worker threads. Completion ports kept the plain queue, so they have no packet priorities.",
    }

    /// KQ-21
    KQ_21 "KQ-21" {
        layer: KernelQueue,
        confidence: [Inferred],
        versions: "all",
        kind: Absence,
        sources: ["R:queue", "OV-119"],
        says: "A thread's priority does not matter when a waiter is chosen; only how recently it blocked does.",
    }

    /// KQ-22
    KQ_22 "KQ-22" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "NT5",
        kind: Mechanism,
        sources: ["R:queue", "R:wait", "W:nsync"],
        says: "NT 5 code holds dequeuers and plain waiters of a queue in one wait list and asserts that plain waits on queues do not occur, while current Windows allows both. The waiter stack therefore holds dequeuers only, and threads waiting on the handle form a separate set.",
        note: "contradicted for current Windows, see PORT-17 to PORT-19",
    }
}
