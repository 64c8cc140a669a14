//! Section 1.5: which threads count as active, and what the limit limits.

use super::kq as previous;

rules! {
    /// CONC-01
    CONC_01 "CONC-01" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue", "R:wait", "R:sched", "OV-123", "OV-139"],
        says: "The active count covers the associated threads that are not blocked. A thread that is running, standby, ready or pre-empted counts, however long it waits for a processor.",
    }

    /// CONC-02
    CONC_02 "CONC-02" {
        layer: KernelQueue,
        confidence: [ReverseEngineered, Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "A thread that dequeues from its own queue is not counted while the decision is made, and counts again if it leaves with a packet, a time-out or an APC. That is why the running thread gets the next packet before any waiter, without a context switch.",
    }

    /// CONC-03
    CONC_03 "CONC-03" {
        layer: KernelQueue,
        confidence: [ReverseEngineered, Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["OV-152", "R:wait", "R:queue KiActivateWaiterQueue"],
        says: "When a counted thread blocks on something else (a wait on one or more objects, a sleep of non-zero length, a wait inside a system call, synchronous I/O, paging in), the active count drops by one; if it is then below the limit and both packets and waiters exist, the top waiter is given the oldest packet at once.",
    }

    /// CONC-04
    CONC_04 "CONC-04" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "That transfer lowers the depth and raises the active count in one step, and one blocking event transfers at most one packet.",
    }

    /// CONC-05
    CONC_05 "CONC-05" {
        layer: KernelQueue,
        confidence: [ReverseEngineered, Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["R:wait KiUnlinkThread", "OV-153"],
        says: "When the block of an associated thread ends, be it by a signal, a time-out, an APC, a resume or its termination, the active count rises by one without regard to the limit, which it may thereby exceed.",
    }

    /// CONC-06
    CONC_06 "CONC-06" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:wait"],
        says: "The count rises as soon as the thread becomes ready, even if it gets a processor only later.",
    }

    /// CONC-07
    CONC_07 "CONC-07" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Absence,
        sources: ["R:wait", "W:nsync test_delayexecution"],
        says: "A wait that is satisfied at once, a poll with time-out 0, Sleep(0) or another yield, and SwitchToThread leave the active count alone and release nobody.",
    }

    /// CONC-08
    CONC_08 "CONC-08" {
        layer: KernelQueue,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["OV-154", "R:queue"],
        says: "Above the limit nothing new is granted, but threads that are already active are neither stopped nor pre-empted. The excess shrinks only as they block, dequeue or exit of their own accord; one that dequeues while the rest still fill the limit blocks even though packets are queued.",
    }

    /// CONC-09
    CONC_09 "CONC-09" {
        layer: KernelQueue,
        confidence: [Inferred],
        versions: "all",
        kind: Mechanism,
        sources: ["CONC-03", "CONC-05"],
        says: "The active count never exceeds the number of associated threads and can reach it: each blocks in turn, letting the next one in, and then all wake.",
    }

    /// CONC-10
    CONC_10 "CONC-10" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Absence,
        sources: ["R:ioc"],
        says: "Posting does not associate a thread, so one that only posts is never counted.",
    }

    /// CONC-11
    CONC_11 "CONC-11" {
        layer: KernelQueue,
        confidence: [Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["OV-152", "R:wait"],
        says: "A suspended thread stops counting. To be suspended is to wait on a semaphore within a kernel APC, hence to block like any other thread, from when that APC runs and not from the call of SuspendThread; after the resume the thread counts again.",
        note: "documented by name, the mechanism is inferred, see OPEN-8",
    }

    /// CONC-12
    CONC_12 "CONC-12" {
        layer: KernelQueue,
        confidence: [Inferred],
        versions: "all",
        kind: Mechanism,
        sources: ["R:wait"],
        says: "Hard page faults and all waits in kernel mode (executive resources, synchronous I/O, paging) are blocks, for they use the same wait primitives. Spinning, or entering a user-mode critical section without contention, is not.",
    }

    /// CONC-13
    CONC_13 "CONC-13" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "To block in a dequeue on another port is not a block as seen from the first: the association moves beforehand (THR-03), so the old port loses the thread entirely.",
    }

    /// CONC-14
    CONC_14 "CONC-14" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Absence,
        sources: ["R:wait"],
        says: "Waiting on a port handle itself (PORT-17) does not change the thread's association: for the thread's own port it is an ordinary block, for the port waited on nothing.",
        note: "partly inferred",
    }

    /// CONC-15
    CONC_15 "CONC-15" {
        layer: KernelQueue,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Absence,
        sources: ["OV-121", "OV-139", "OV-155"],
        says: "The limit restrains grants only; any number of threads may be associated with the port and blocked on it.",
    }

    /// CONC-16
    CONC_16 "CONC-16" {
        layer: KernelQueue,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["OV-142", "OV-143", "OV-144", "OV-145", "OV-146", "R:queue"],
        says: "With limit 1 and a queue that never empties, a thread that blocks nowhere else handles every packet and the waiters starve. The cause is CONC-02 (the caller is uncounted first and never enters the stack), not the LIFO order that the documentation names.",
        note: "see DIS-17",
    }

    /// CONC-17
    CONC_17 "CONC-17" {
        layer: KernelQueue,
        confidence: [Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["OV-146"],
        says: "This starvation ends when the thread waits for something else, exits or gives up the port.",
    }

    /// CONC-18
    CONC_18 "CONC-18" {
        layer: KernelQueue,
        confidence: [Documented],
        versions: "all",
        kind: Advice,
        sources: ["OV-148", "OV-149", "OV-150", "OV-151", "OV-152", "OV-153", "OV-154", "OV-155", "OV-156"],
        says: "Sizing advice: a limit equal to the number of processors is the best choice in general, a higher one overlaps long computations, and the pool should have at least twice as many threads as there are processors.",
    }

    /// CONC-19
    CONC_19 "CONC-19" {
        layer: KernelQueue,
        confidence: [Inferred],
        versions: "all",
        kind: Absence,
        sources: ["CONC-01"],
        says: "The limit does not bound how much is posted or processed by unassociated threads at once. A thread that took a packet and never blocks keeps its slot until its next dequeue, whether it still works on the packet or merely spins.",
    }

    /// CONC-20
    CONC_20 "CONC-20" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:wait", "R:queue"],
        says: "A thread that came back from a dequeue with a time-out or an APC is active, and counts while it runs on; with limit 1 a blocked dequeuer gets nothing until that thread blocks, dequeues or exits.",
    }

    /// CONC-21
    CONC_21 "CONC-21" {
        layer: KernelQueue,
        confidence: [Inferred],
        versions: "all",
        kind: Absence,
        sources: ["CONC-01"],
        says: "A limit that is at least the number of threads never matters: the port is then a plain meeting point of LIFO waiters and FIFO packets.",
    }
}
