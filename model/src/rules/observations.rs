//! Section 5 of the book, as far as it is about the port alone: what Wine's conformance tests
//! assert of real Windows. The ports have concurrency 0 (the number of processors).
//!
//! `dead` is the sentinel 0xDEADBEEF, in places that a call must not write. S is the byte count
//! 0x1234567800000003 (3 on 32-bit Windows).

use super::{
    APC_02, APC_03, APC_04, APC_05, ASSOC_03, CLOSE_05, GQ_01, GQX_01, GQX_03, GQX_04, GQX_05,
    GQX_06, IOM_11, IOM_13, KQ_02, KQ_18, KQ_22, PKT_02, PKT_03, PKT_08, PKT_12, PORT_17, PORT_18,
    PORT_19, POST_01, POST_02, POST_03, RuleId, THR_01, TMO_01, TMO_02, TMO_03, TMO_04, WAIT_01,
    WAIT_07, WAIT_09,
};

/// One step of a test that runs on Windows, and what it found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observation {
    /// The id, such as `OBS-NS-3`.
    pub id: &'static str,
    /// Short name of the source, with the test function (see [`source`](super::source)).
    pub source: &'static str,
    /// The rules that it bears on.
    pub rules: &'static [RuleId],
    /// What was done, and what Windows answered.
    pub says: &'static str,
    /// What older versions did instead; empty if the test knows of no difference.
    pub before: &'static str,
}

/// Makes the table.
macro_rules! observations {
    ($(
        $id:literal {
            source: $source:literal,
            rules: [$($rule:ident),*],
            says: $says:literal,
            $(before: $before:literal,)?
        }
    )+) => {
        /// The published observations that bear on the port alone.
        pub static OBSERVATIONS: [Observation; [$($id),+].len()] = [$(Observation {
            id: $id,
            source: $source,
            rules: &[$($rule),*],
            says: $says,
            before: concat!($($before)?),
        }),+];
    };
}

observations! {
    "OBS-NF-01" {
        source: "W:nfile test_set_io_completion",
        rules: [THR_01, GQX_01],
        says: "On a fresh port h2, NtSetIoCompletion(123, 456, 789, S) returns 0; then an alertable NtRemoveIoCompletionEx for up to 2 with time-out 0 returns 0 and counts 1. The thread is now associated with h2.",
    }
    "OBS-NF-04" {
        source: "W:nfile test_set_io_completion",
        rules: [APC_02],
        says: "An APC is queued and then a packet is set on h: the alertable NtRemoveIoCompletionEx (up to 2, time-out 0) returns 0, counts 1 and runs no APC; SleepEx(0, TRUE) afterwards runs it.",
    }
    "OBS-NF-05" {
        source: "W:nfile test_set_io_completion",
        rules: [PKT_12, POST_02],
        says: "NtSetIoCompletion(0x1030341, 0xFFFABBCC, 0xC0000010, S) returns 0 and makes the depth 1. NtRemoveIoCompletion returns 0 with exactly these four values, the failing status included, and the depth is 0.",
    }
    "OBS-NF-06" {
        source: "W:nfile test_set_io_completion",
        rules: [TMO_04],
        says: "On an empty port NtRemoveIoCompletion with time-out 0 returns 0x102.",
    }
    "OBS-NF-07" {
        source: "W:nfile test_set_io_completion",
        rules: [GQX_04],
        says: "NtRemoveIoCompletionEx for up to 0 returns 0xC000000D, and the count stays dead.",
    }
    "OBS-NF-08" {
        source: "W:nfile test_set_io_completion",
        rules: [TMO_03, TMO_04],
        says: "On an empty port NtRemoveIoCompletionEx (up to 2, time-out 0, not alertable) returns 0x102 with a count of 0 or 1.",
    }
    "OBS-NF-09" {
        source: "W:nfile test_set_io_completion",
        rules: [GQX_01, KQ_18],
        says: "After one NtSetIoCompletion(123, 456, 789, S), NtRemoveIoCompletionEx for up to 2 returns 0, counts 1 and fills the entry (123, 456, 789, S).",
    }
    "OBS-NF-11" {
        source: "W:nfile test_set_io_completion",
        rules: [GQX_05, PKT_02],
        says: "With (123, 456, 789, S) and (12, 34, 56, S) set, two calls of NtRemoveIoCompletionEx for up to 1 without time limit count 1 each, and return them in this order.",
    }
    "OBS-NF-12" {
        source: "W:nfile test_set_io_completion",
        rules: [APC_04, TMO_03],
        says: "With an APC pending, NtRemoveIoCompletionEx (up to 2, time-out 0, not alertable) returns 0x102, counts at most 1 and does not run the APC.",
    }
    "OBS-NF-13" {
        source: "W:nfile test_set_io_completion",
        rules: [APC_03],
        says: "Then the same call made alertable, the queue still empty, returns 0xC0, counts at most 1, and the APC has run.",
    }
    "OBS-NF-14" {
        source: "W:nfile test_set_io_completion",
        rules: [APC_02],
        says: "With an APC pending and a packet set, on a port with which the thread is associated, the alertable NtRemoveIoCompletionEx (up to 2, time-out 0) returns 0, counts 1 and does not run the APC.",
    }
    "OBS-NF-40" {
        source: "W:nfile test_set_io_completion_ex",
        rules: [POST_03],
        says: "NtSetIoCompletionEx returns 0xC0000008 for port NULL, 0xC0000024 for port -1, 0xC0000008 for reserve NULL, 0xC0000024 for reserve -1 and for a UserApcReserve. With valid handles it returns 0, and NtRemoveIoCompletion (time-out 0) returns 0 with exactly the values set (0x1030341, 0xFFFABBCC, 0xC0000010, S).",
    }
    "OBS-NS-1" {
        source: "W:nsync test_completion_port_scheduling",
        rules: [PORT_17, PORT_18, KQ_22],
        says: "Two threads call WaitForSingleObject on the port without time limit and one packet with key 1 is posted, without a pause before it, so that a thread may find the port signaled already: both return 0, and GetQueuedCompletionStatus in the main thread still gets the packet.",
    }
    "OBS-NS-2" {
        source: "W:nsync test_completion_port_scheduling",
        rules: [PORT_19, WAIT_07, KQ_22],
        says: "T1 blocks in GetQueuedCompletionStatus, 40 ms later T0 in WaitForSingleObject on the port with 100 ms, 10 ms after that a packet with key 2 is posted: T1 gets a packet, T0 returns 258.",
        before: "Before Windows 10 1607 T0 returns 0.",
    }
    "OBS-NS-3" {
        source: "W:nsync test_completion_port_scheduling",
        rules: [WAIT_01, KQ_02, PKT_03],
        says: "T1 blocks in GetQueuedCompletionStatus first and T0 40 ms later; 20 ms after that the main thread, itself active on the port, posts keys 3, 4 and 5 and calls GetQueuedCompletionStatus: T0 gets 3, T1 gets 4, main gets 5. The model gives this for a limit of 3 or more.",
        before: "Before Windows 10 T1 gets 5 and main gets 4, which the model gives for a limit of 2, that is two processors; see DIS-03.",
    }
    "OBS-NS-6" {
        source: "W:nsync test_completion_port_scheduling",
        rules: [CLOSE_05],
        says: "Two threads are blocked in NtRemoveIoCompletion without time limit and the port is closed: both return 0x80, or 0xC0000008 if they came too late. In NtRemoveIoCompletionEx (up to 1, not alertable) it is 0x80, and the count is at most 1.",
    }
    "OBS-NS-8" {
        source: "W:nsync test_completion_port_scheduling",
        rules: [CLOSE_05, GQX_06],
        says: "Two threads are blocked in an alertable GetQueuedCompletionStatusEx for up to 1 without time limit and the port is closed: FALSE with 735, or with 6 if they came too late.",
    }
    "OBS-KF-01" {
        source: "W:kfile test_post_completion",
        rules: [TMO_01, TMO_02],
        says: "On a port created with INVALID_HANDLE_VALUE, NULL and key 999, GetQueuedCompletionStatus with time-out 0 returns FALSE with 258.",
    }
    "OBS-KF-02" {
        source: "W:kfile test_post_completion",
        rules: [POST_01, GQ_01],
        says: "PostQueuedCompletionStatus(123, key 456, &ovl) returns TRUE; GetQueuedCompletionStatus with time-out 0 returns TRUE with these values, and a second one FALSE with 258.",
    }
    "OBS-KF-03" {
        source: "W:kfile test_post_completion",
        rules: [GQX_06, TMO_03],
        says: "On an empty port GetQueuedCompletionStatusEx (up to 2, time-out 0, not alertable) returns FALSE with 258 and counts at most 1.",
    }
    "OBS-KF-04" {
        source: "W:kfile test_post_completion",
        rules: [GQX_01, GQX_03],
        says: "After one post, GetQueuedCompletionStatusEx (up to 2, time-out 0) returns TRUE and counts 1; the entry has key 456, &ovl, 123 bytes, and 0 in the low 32 bits of Internal.",
    }
    "OBS-KF-05" {
        source: "W:kfile test_post_completion",
        rules: [GQX_01, GQX_05],
        says: "After the posts (123, 456, &ovl) and (654, 321, &ovl2), GetQueuedCompletionStatusEx for up to 2 returns TRUE and both entries in this order.",
    }
    "OBS-KF-06" {
        source: "W:kfile test_post_completion",
        rules: [WAIT_09, APC_03, APC_04, APC_05, GQX_06],
        says: "With an APC queued, GetQueuedCompletionStatusEx (up to 2, time-out 0) returns FALSE with 258 if not alertable and the APC has not run; alertable it returns FALSE with 192 and the APC has run. Both count at most 1.",
        before: "On Vista the alertable call returned TRUE.",
    }
    "OBS-KF-07" {
        source: "W:kfile test_post_completion",
        rules: [APC_02],
        says: "With an APC queued and a packet posted, the alertable GetQueuedCompletionStatusEx (up to 2, time-out 0) returns TRUE, counts 1, and the APC has not run.",
    }
    "OBS-KF-08" {
        source: "W:kfile test_WriteFileGather",
        rules: [PKT_08, IOM_13],
        says: "On a file opened for unbuffered overlapped I/O, tied to a port with key 999, with an event in the OVERLAPPED, WriteFileGather of one page returns TRUE or gives 997; GetQueuedCompletionStatus(1000) returns TRUE and &ovl, and GetOverlappedResult afterwards still returns TRUE and the size of the page.",
    }
    "OBS-KF-09" {
        source: "W:kfile test_WriteFileGather",
        rules: [IOM_13],
        says: "ReadFileScatter of exactly that page gives FALSE with 997 (it is always asynchronous); GetQueuedCompletionStatus returns TRUE, GetOverlappedResult TRUE and the size of the page, and the data are equal.",
    }
    "OBS-KF-10" {
        source: "W:kfile test_WriteFileGather",
        rules: [IOM_11],
        says: "A read that starts at the end of the file gives either FALSE with 38, whereupon GetQueuedCompletionStatus(100) returns FALSE with 258 and a NULL overlapped, or 997, whereupon GetQueuedCompletionStatus returns FALSE with 38 and &ovl, and GetOverlappedResult FALSE with 38.",
    }
    "OBS-KF-12" {
        source: "W:kfile test_CreateFile2",
        rules: [ASSOC_03],
        says: "For a file from CreateFile2 without the overlapped flag, CreateIoCompletionPort (key 0, concurrency 2) returns NULL with 87; with the flag it returns something other than INVALID_HANDLE_VALUE.",
    }
}
