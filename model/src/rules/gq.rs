//! Section 1.10: `GetQueuedCompletionStatus`.

use super::apc as previous;

rules! {
    /// GQ-01
    GQ_01 "GQ-01" {
        layer: Win32,
        confidence: [Documented, Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["M:sdk", "W:sock"],
        says: "The result has four cases: TRUE with an overlapped is a packet with a success status; FALSE with an overlapped is the packet of a failed operation, with its mapped status as last error and valid bytes and key; FALSE with NULL means that nothing was dequeued (258 timed out, 735 abandoned, 6 bad handle, ...), and bytes and key mean nothing; TRUE with NULL is a posted packet whose overlapped is NULL.",
    }

    /// GQ-02
    GQ_02 "GQ-02" {
        layer: Win32,
        confidence: [ReverseEngineered, Inferred],
        versions: "all",
        kind: Mechanism,
        sources: ["R:k32"],
        says: "FALSE with a NULL overlapped is ambiguous in one case, a packet with a failing status and a NULL context. No request produces one, since a NULL context queues nothing, but NtSetIoCompletion can; then bytes and key are written and the last error is the mapped status, for instance 1 (ERROR_INVALID_FUNCTION) for 0xC0000010.",
    }

    /// GQ-03
    GQ_03 "GQ-03" {
        layer: Win32,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:k32", "W:sock"],
        says: "A call that dequeues nothing sets *lpOverlapped to NULL; key and byte count are written only along with a packet.",
    }

    /// GQ-04
    GQ_04 "GQ-04" {
        layer: Win32,
        confidence: [Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["W:sock"],
        says: "A call that returns TRUE leaves the thread's last error alone.",
    }

    /// GQ-05
    GQ_05 "GQ-05" {
        layer: Win32,
        confidence: [ReverseEngineered, Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["R:k32", "W:npipe"],
        says: "TRUE means that the status, read as a signed number, is not negative, so informational statuses are successes. Warnings (0x8...) and errors (0xC...) give FALSE and RtlNtStatusToDosError of the status; STATUS_BUFFER_OVERFLOW, say, gives ERROR_MORE_DATA (234) along with a valid byte count.",
    }

    /// GQ-06
    GQ_06 "GQ-06" {
        layer: Win32,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:k32"],
        says: "The byte count returned is the low 32 bits of the packet's information.",
        note: "partly inferred",
    }

    /// GQ-07
    GQ_07 "GQ-07" {
        layer: Win32,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Device,
        sources: ["M:sdk/OVERLAPPED", "OV-116"],
        says: "When GetQueuedCompletionStatus returns the packet of a request, the status and the byte count are in Internal and InternalHigh of its OVERLAPPED.",
    }

    /// GQ-08
    GQ_08 "GQ-08" {
        layer: Win32,
        confidence: [ReverseEngineered],
        versions: "?",
        kind: Metadata,
        sources: ["R:k32"],
        says: "ReactOS refuses NULL output pointers with 87; Wine and the documentation say nothing about them. Treat such a call as undefined; real Windows may well fault.",
        note: "not in Wine, see DIS-19",
    }

    /// GQ-09
    GQ_09 "GQ-09" {
        layer: Win32,
        confidence: [Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:nsync", "M:sdk"],
        says: "If the port is closed while the caller is blocked, the call returns FALSE with ERROR_ABANDONED_WAIT_0 (735) and a NULL overlapped. If it was closed before the call, the error is 6.",
    }

    /// GQ-10
    GQ_10 "GQ-10" {
        layer: Win32,
        confidence: [Documented],
        versions: "XP",
        kind: Mechanism,
        sources: ["M:sdk/GetQueuedCompletionStatus"],
        says: "On XP and Server 2003, a caller blocked on a port whose handle is closed simply goes on waiting.",
    }

    /// GQ-11
    GQ_11 "GQ-11" {
        layer: Win32,
        confidence: [ReverseEngineered, Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["R:ioc"],
        says: "A handle that is not a port gives FALSE with 6, one without modify access FALSE with 5.",
    }

    /// GQ-12
    GQ_12 "GQ-12" {
        layer: Library,
        confidence: [Folklore],
        versions: "all",
        kind: Advice,
        sources: ["issue trackers"],
        says: "A FALSE with an overlapped is a dequeued packet and must be handled as one; overlooking it was the cause of past bugs in miow, c-ares and others.",
    }
}
