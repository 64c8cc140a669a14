//! Section 1.12: `PostQueuedCompletionStatus` and `NtSetIoCompletion`.

use super::gqx as previous;

rules! {
    /// POST-01
    POST_01 "POST-01" {
        layer: Win32,
        confidence: [Documented, Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["M:sdk", "W:kfile"],
        says: "PostQueuedCompletionStatus queues (key, overlapped, bytes) with STATUS_SUCCESS and returns TRUE; it never blocks.",
    }

    /// POST-02
    POST_02 "POST-02" {
        layer: IoCompletion,
        confidence: [Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["W:nfile"],
        says: "NtSetIoCompletion accepts any status and the dequeuer gets it unchanged; a failing one makes the Win32 dequeue return FALSE.",
    }

    /// POST-03
    POST_03 "POST-03" {
        layer: IoCompletion,
        confidence: [Tested],
        versions: "7+",
        kind: Mechanism,
        sources: ["W:nfile test_set_io_completion_ex"],
        says: "NtSetIoCompletionEx posts with a reserve object allocated beforehand and so cannot run out of memory. As port, NULL gives STATUS_INVALID_HANDLE and the pseudo-handle -1 STATUS_OBJECT_TYPE_MISMATCH; as reserve, NULL gives STATUS_INVALID_HANDLE, and -1 or a UserApcReserve STATUS_OBJECT_TYPE_MISMATCH.",
    }

    /// POST-04
    POST_04 "POST-04" {
        layer: IoCompletion,
        confidence: [Inferred],
        versions: "7+",
        kind: Mechanism,
        sources: ["PHNT"],
        says: "A reserve object serves one outstanding packet at a time; using it again before that packet has been dequeued fails.",
        note: "the status is not known, see OPEN-5",
    }

    /// POST-05
    POST_05 "POST-05" {
        layer: Win32,
        confidence: [ReverseEngineered, Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["R:k32", "R:ioc"],
        says: "Posting to an invalid handle returns FALSE with 6, through a handle without modify access FALSE with 5.",
    }

    /// POST-06
    POST_06 "POST-06" {
        layer: KernelQueue,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Absence,
        sources: ["R:queue"],
        says: "Posting does not free the poster's own slot: with limit 1, an active thread that posts to its own port wakes no waiter and gets the packet itself at its next dequeue.",
    }

    /// POST-07
    POST_07 "POST-07" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Advice,
        sources: ["OV-126", "OV-127", "OV-128", "OV-129"],
        says: "The documentation suggests posting for messages between threads, for announcing external events and for telling workers to stop; N posts with a sentinel key end N workers.",
    }

    /// POST-08
    POST_08 "POST-08" {
        layer: IoCompletion,
        confidence: [Tested],
        versions: "all",
        kind: Absence,
        sources: ["RC 2007-05-25", "W:nfile"],
        says: "The system neither reads nor writes through the overlapped address of a posted packet.",
    }

    /// POST-09
    POST_09 "POST-09" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["CIO-161"],
        says: "PostQueuedCompletionStatus has a key argument of its own, which need not be the key of any associated file.",
        note: "unclear in the documentation, which says only that the function \"uses\" the key",
    }
}
