//! Section 1.9: user APCs and alertable waits.

use super::tmo as previous;

rules! {
    /// APC-01
    APC_01 "APC-01" {
        layer: IoCompletion,
        confidence: [Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:nfile"],
        says: "If the thread is not yet associated with the port and a user APC is pending, an alertable NtRemoveIoCompletionEx runs the APC and returns STATUS_USER_APC at once. It removes no packet, and presumably leaves the association alone.",
        note: "the association part is inferred",
    }

    /// APC-02
    APC_02 "APC-02" {
        layer: IoCompletion,
        confidence: [Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:nfile", "W:kfile"],
        says: "If the thread already is associated with the port and a packet is queued, the same call returns STATUS_SUCCESS with the packets, and the APC stays pending.",
    }

    /// APC-03
    APC_03 "APC-03" {
        layer: IoCompletion,
        confidence: [Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:nfile", "W:kfile"],
        says: "If the thread is associated, nothing is queued and an APC is pending, an alertable dequeue returns STATUS_USER_APC (in Win32 FALSE with 192), even with time-out 0.",
    }

    /// APC-04
    APC_04 "APC-04" {
        layer: IoCompletion,
        confidence: [Tested],
        versions: "all",
        kind: Absence,
        sources: ["W:nfile", "W:kfile"],
        says: "A dequeue that is not alertable delivers no user APC; with time-out 0 it returns STATUS_TIMEOUT while the APC stays pending.",
    }

    /// APC-05
    APC_05 "APC-05" {
        layer: Win32,
        confidence: [Tested],
        versions: "Vista only",
        kind: Mechanism,
        sources: ["W:kfile"],
        says: "On Vista GetQueuedCompletionStatusEx returned TRUE when an APC had ended it.",
        note: "known from a broken() marker in the test",
    }

    /// APC-06
    APC_06 "APC-06" {
        layer: Win32,
        confidence: [Documented],
        versions: "V+",
        kind: Metadata,
        sources: ["M:sdk"],
        says: "The documentation has GetQueuedCompletionStatusEx enter the alertable wait only when no packet is available. This is APC-02; the case of APC-01 is missing from it.",
        note: "see DIS-11",
    }

    /// APC-07
    APC_07 "APC-07" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "NT5",
        kind: Mechanism,
        sources: ["R:queue"],
        says: "In NT 5 a user-mode dequeue looks for pending user APCs itself, after the packet check. Since the GetQueuedCompletionStatus of kernel32 is not alertable, only a \"user APC pending\" flag set earlier (by an alert or a termination) can make a difference there.",
    }

    /// APC-08
    APC_08 "APC-08" {
        layer: IoManager,
        confidence: [Documented, Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["WSP-144", "W:sock", "M:win32"],
        says: "An I/O completion routine (ReadFileEx, or WSARecv with a routine) runs only in the thread that issued the request and only during an alertable wait, which then ends with WAIT_IO_COMPLETION (192).",
    }

    /// APC-09
    APC_09 "APC-09" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["M:win32/Sync"],
        says: "These calls can wait alertably: SleepEx, WaitForSingleObjectEx, WaitForMultipleObjectsEx, SignalObjectAndWait, MsgWaitForMultipleObjectsEx, and, each with its alertable argument, GetQueuedCompletionStatusEx, WSAWaitForMultipleEvents and GetOverlappedResultEx.",
    }

    /// APC-10
    APC_10 "APC-10" {
        layer: Win32,
        confidence: [Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["W:nsync test_delayexecution"],
        says: "SleepEx(0, TRUE) returns 192 if an APC was pending and 0 otherwise. NtDelayExecution returns STATUS_SUCCESS, or possibly STATUS_NO_YIELD_PERFORMED (0x40000024) for a time of zero. The last error stays as it was.",
    }

    /// APC-11
    APC_11 "APC-11" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["M:win32/Sync"],
        says: "Before an alertable wait returns, all user APCs that were queued have run, in the order in which they were queued.",
    }

    /// APC-12
    APC_12 "APC-12" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Metadata,
        sources: ["M:sdk/QueueUserAPC"],
        says: "An APC queued to a thread that has not started yet runs when the thread starts; queuing one to a thread that has ended fails.",
        note: "outside the scope of completion ports",
    }

    /// APC-13
    APC_13 "APC-13" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock test_WSARecv"],
        says: "A blocking WSARecv without OVERLAPPED waits alertably, so APCs of the calling thread run inside it; if it can complete at once, none runs.",
    }
}
