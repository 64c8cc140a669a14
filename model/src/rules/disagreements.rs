//! Section 6 of the book: where sources contradict each other, and which one the book follows.

use super::{
    APC_01, APC_02, APC_05, APC_06, ASSOC_04, ASSOC_05, CLOSE_05, CLOSE_06, CLOSE_07, CLOSE_08,
    CONC_01, CONC_02, CONC_08, CONC_16, EVT_02, EVT_07, GQ_08, GQ_09, GQ_10, IOM_01, IOM_04,
    IOSB_01, IOSB_02, IOSB_03, IOSB_04, IOSB_05, IOSB_09, KQ_01, KQ_02, KQ_03, KQ_16, KQ_22,
    PKT_02, PKT_03, PORT_06, PORT_13, PORT_17, PORT_18, PORT_19, RuleId, SKIP_06, SOCK_07, SOCK_10,
    SOCK_11, SPI_08, TEXIT_01, TEXIT_02, TEXIT_03, TEXIT_04, TEXIT_05, THR_08, THR_10, THR_11,
    TMO_03, WAIT_01,
};

/// A disagreement between sources.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disagreement {
    /// The id, such as `DIS-07`.
    pub id: &'static str,
    /// The rules that it touches.
    pub rules: &'static [RuleId],
    /// Who says what.
    pub says: &'static str,
    /// What the book makes of it.
    pub verdict: &'static str,
}

/// Makes the table.
macro_rules! disagreements {
    ($($id:literal { rules: [$($rule:ident),+], says: $says:literal, verdict: $verdict:literal, })+) => {
        /// The disagreements between sources.
        pub static DISAGREEMENTS: [Disagreement; [$($id),+].len()] =
            [$(Disagreement { id: $id, rules: &[$($rule),+], says: $says, verdict: $verdict }),+];
    };
}

disagreements! {
    "DIS-01" {
        rules: [IOSB_01, IOSB_02, IOSB_03, IOSB_04, IOSB_05, IOSB_09],
        says: "When is the status block written? The overview page: at the dequeue, synchronous errors excepted. ReactOS (NT 5): at completion, before the packet is queued. Measurements of Windows 11 and two assertions that Wine fails: at the dequeue, but only for a request with a port, a completion context and no event that really pended. A test with an event reads the block before it dequeues.",
        verdict: "Deferred for thread-agnostic requests only; a switch makes it eager.",
    }
    "DIS-02" {
        rules: [PORT_17, PORT_18, PORT_19, KQ_22],
        says: "Can a port handle be waited on? A comment in Wine of 2007 says no, and ReactOS asserts that nobody waits on a queue directly; Wine's test of 2024/25 shows that Windows allows it and that the handle is signaled while packets are queued.",
        verdict: "It can.",
    }
    "DIS-03" {
        rules: [WAIT_01, PORT_19],
        says: "For OBS-NS-2 and OBS-NS-3 the test gives other results before Windows 10. Those of OBS-NS-3 are just what the classic queue does with two processors, the newer ones what it does with three or more, so the cause may be the test machines. The direct waiter that wakes in OBS-NS-2 is a real change.",
        verdict: "OBS-NS-3 depends on the number of processors, not on the version.",
    }
    "DIS-04" {
        rules: [EVT_02, EVT_07],
        says: "Wine's tests assert that completions signal a pipe handle (no event; no port, or a skip mode); the probe of Windows 11 reports that they never do, with or without a port.",
        verdict: "The tests are followed; a switch follows the probe.",
    }
    "DIS-05" {
        rules: [TEXIT_01, TEXIT_02, TEXIT_03, TEXIT_04, TEXIT_05],
        says: "Many pages of Microsoft have the end of a thread cancel all its pending I/O. Its RPC page and a pull request to the documentation except handles with a port, since Vista. The socket tests are exact: requests with a port, a context and no event survive, those with an event or without a context are cancelled.",
        verdict: "The tests are followed.",
    }
    "DIS-06" {
        rules: [KQ_01, KQ_02, KQ_03, CONC_01, PORT_06],
        says: "Pages of the driver documentation take CurrentCount for the number of waiting threads or of entries and MaximumCount for the maximum of entries, and let an insert satisfy a wait whenever a thread waits. ReactOS and the overview page mean active threads and the concurrency limit.",
        verdict: "The reading of the kernel source is followed.",
    }
    "DIS-07" {
        rules: [CLOSE_05, CLOSE_06, GQ_09, GQ_10, KQ_16],
        says: "What becomes of blocked dequeuers when the port is closed? The Win32 page: on XP and 2003 they go on waiting, from Vista on they are abandoned. The driver page: abandoned from Windows 7 on. The tests show today's behaviour only (735, 0x80).",
        verdict: "The change is at Vista for handles and at Windows 7 for direct users of the kernel queue.",
    }
    "DIS-08" {
        rules: [PORT_13],
        says: "Documentation: a port cannot be shared between processes. Against it stand named ports, duplicated handles, dequeues in another process, and packets caused by the exit of another process.",
        verdict: "Advice, not a mechanism.",
    }
    "DIS-09" {
        rules: [ASSOC_04, ASSOC_05],
        says: "Documentation: a file stays associated until it is closed. From Windows 8.1 on FileReplaceCompletionInformation changes that.",
        verdict: "True of Win32; the NT call is a switch.",
    }
    "DIS-10" {
        rules: [PKT_02, PKT_03],
        says: "The overview page says that packets are queued FIFO but may be dequeued in another order; every other source removes strictly at the head.",
        verdict: "Removal is FIFO; the order in which threads are seen to start is not, because of hand-off and scheduling.",
    }
    "DIS-11" {
        rules: [APC_01, APC_02, APC_05, APC_06],
        says: "In an alertable batch dequeue, does an APC or a packet come first? The documentation suggests the packet. The tests: the APC if the thread is not yet associated with the port, the packet if it is; and Vista returned TRUE for an APC.",
        verdict: "The tests are followed.",
    }
    "DIS-12" {
        rules: [SKIP_06],
        says: "Under the skip mode, versions before Windows 8 skip the packet of everything but errors; from 8 on only that of successes, and then the call reports PENDING for a warning. Wine's authors call this a possible bug of Windows.",
        verdict: "A switch by version; 8+ by default.",
    }
    "DIS-13" {
        rules: [TMO_03],
        says: "The count that a timed-out batch dequeue writes is 0 or 1, depending on the version; three tests accept both.",
        verdict: "A switch; 0 by default.",
    }
    "DIS-14" {
        rules: [SPI_08],
        says: "The provider page: a receive completes when its buffers are filled. The Winsock pages: when the available data have been taken.",
        verdict: "The Winsock pages are followed for byte streams.",
    }
    "DIS-15" {
        rules: [SOCK_07, SOCK_10, SOCK_11],
        says: "The edition of the overview page used here speaks of a queue for requests and does not list AcceptEx; later editions speak of threads and list it.",
        verdict: "Tests show that AcceptEx, ConnectEx and DisconnectEx work with a port.",
    }
    "DIS-16" {
        rules: [KQ_02, KQ_03],
        says: "The documentation of KeInsertQueue ignores the concurrency limit.",
        verdict: "As DIS-06.",
    }
    "DIS-17" {
        rules: [CONC_02, CONC_16],
        says: "Why does the running thread get the next packet? The overview page: because waiters are LIFO. The mechanism: the call first stops counting its thread, which then takes the head and never joins the stack.",
        verdict: "LIFO plays no part. A model without the decrement, even a LIFO one, would deadlock or switch threads.",
    }
    "DIS-18" {
        rules: [CONC_08, PORT_06],
        says: "Wine does not store the limit, and its tests make no limit bind: the only ports with concurrency 1 serve a single thread.",
        verdict: "Wine is no evidence on concurrency.",
    }
    "DIS-19" {
        rules: [GQ_08],
        says: "For NULL output pointers of GetQueuedCompletionStatus ReactOS returns 87; Wine does not check; Windows is unknown.",
        verdict: "Undefined.",
    }
    "DIS-20" {
        rules: [THR_08, CLOSE_05, CLOSE_07, CLOSE_08],
        says: "Documentation: closing the port ends the association of its threads. In the kernel the rundown of the queue ends it, in ReactOS when the object is deleted. From Vista on the close of the last handle abandons the waiters, but files may keep the object.",
        verdict: "Whether threads are dissociated at the close or at the deletion cannot be seen from user mode, except through CLOSE-08.",
    }
    "DIS-21" {
        rules: [THR_10, THR_11],
        says: "A pull request of mio says that a thread is no longer associated once it blocks.",
        verdict: "It is no longer counted; it stays associated.",
    }
    "DIS-22" {
        rules: [IOM_01],
        says: "The driver test matrix, on overlapped handles: a synchronous error writes nothing. On a synchronous file handle at end of file, the status block is written and the event set.",
        verdict: "The rule holds for overlapped handles; synchronous ones may differ.",
    }
    "DIS-23" {
        rules: [IOM_04],
        says: "Given a bad buffer, NtReadFile does not touch the event, whereas NtWriteFile has reset it by then.",
        verdict: "That an issue always resets the event is true only once the parameters have been captured.",
    }
    "DIS-24" {
        rules: [PORT_06],
        says: "Richter (MSJ, April 1999) has the port of the Windows 2000 pool's non-I/O workers allow twice as many threads as there are processors; CreateIoCompletionPort defaults to once.",
        verdict: "Two different ports, no contradiction.",
    }
}
