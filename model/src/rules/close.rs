//! Section 1.18: closing files, sockets and ports.

use super::canc as previous;

rules! {
    /// CLOSE-01
    CLOSE_01 "CLOSE-01" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:nfile", "W:sock", "W:afd"],
        says: "When the last handle of a file object is closed, the driver brings its pending requests to an end, and their packets then reach the port. The status depends on the device: pipe server STATUS_PIPE_BROKEN (0xC000014B); AcceptEx listener STATUS_CANCELLED (995); receive on a connected socket STATUS_CONNECTION_ABORTED (0xC0000241, 1236), on XP STATUS_LOCAL_DISCONNECT (0xC000013B, 64); an AFD poll ends with STATUS_TIMEOUT (0x102) and reports no socket.",
    }

    /// CLOSE-02
    CLOSE_02 "CLOSE-02" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Absence,
        sources: ["W:npipe", "W:afd", "W:sock"],
        says: "Closing one of several handles to a file object within the same process cancels nothing.",
    }

    /// CLOSE-03
    CLOSE_03 "CLOSE-03" {
        layer: IoManager,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:npipe", "W:afd"],
        says: "When a process closes its last handle to a file object that another process still has open, the thread-agnostic requests (port, context, no event) are cancelled, with a packet CANCELLED and information 0; requests with an event or without a context stay pending.",
    }

    /// CLOSE-04
    CLOSE_04 "CLOSE-04" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "For an AcceptEx on a socket shared through WSADuplicateSocket, the packet comes when the last of the descriptors is closed, whichever that is.",
    }

    /// CLOSE-05
    CLOSE_05 "CLOSE-05" {
        layer: IoCompletion,
        confidence: [Tested, Documented],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:nsync", "M:sdk/GetQueuedCompletionStatus"],
        says: "Closing the last handle of a port ends every blocked dequeue with STATUS_ABANDONED_WAIT_0 (0x80), in Win32 735, and every wait on the handle itself with WAIT_OBJECT_0.",
    }

    /// CLOSE-06
    CLOSE_06 "CLOSE-06" {
        layer: KernelQueue,
        confidence: [Documented],
        versions: "7+ (KQ), V+ (GQCS page)",
        kind: Mechanism,
        sources: ["M:ddi/KeRundownQueue", "M:sdk/GetQueuedCompletionStatus"],
        says: "Once a queue is run down, removes that come later or were under way fail immediately with STATUS_ABANDONED. By the driver documentation KeRundownQueue left waiters blocked before Windows 7; the Win32 page puts the change at Vista.",
        note: "see DIS-07",
    }

    /// CLOSE-07
    CLOSE_07 "CLOSE-07" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "NT5",
        kind: Mechanism,
        sources: ["R:queue KeRundownQueue"],
        says: "A rundown gives the list of packets to its caller and dissociates every thread of the queue.",
    }

    /// CLOSE-08
    CLOSE_08 "CLOSE-08" {
        layer: IoCompletion,
        confidence: [Inferred],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:nsync", "PORT-15"],
        says: "With files still associated, the port object outlives its last handle: its waiters were abandoned when the handle closed, and packets of later completions go to a queue that nobody can reach.",
        note: "the test involves no file, see OPEN-6",
    }

    /// CLOSE-09
    CLOSE_09 "CLOSE-09" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "Closing a socket that has nothing pending queues nothing.",
    }

    /// CLOSE-10
    CLOSE_10 "CLOSE-10" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock iocp_async_read_closesocket"],
        says: "For pending receives it makes no difference whether the socket is closed by closesocket, CloseHandle or NtClose.",
    }

    /// CLOSE-11
    CLOSE_11 "CLOSE-11" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock iocp_async_read_thread_closesocket"],
        says: "If one thread issued a WSARecv and another closes the socket, the packet reaches the port with the same status as if one thread had done both.",
    }

    /// CLOSE-12
    CLOSE_12 "CLOSE-12" {
        layer: IoManager,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:kpipe test_exit_process_async"],
        says: "When a process exits, requests pending on files whose port belongs to another process complete with CANCELLED, and that port gets the packet: FALSE, 995, the file's key, 0 bytes.",
    }
}
