//! Section 1.1: creating a port, its handle and the object behind it.

use super::origin as previous;

rules! {
    /// PORT-01
    PORT_01 "PORT-01" {
        layer: Win32,
        confidence: [Documented, Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["CIO-104", "CIO-116", "CIO-120", "CIO-122", "CIO-144", "CIO-145", "CIO-146", "CIO-147", "R:k32"],
        says: "CreateIoCompletionPort does one of three things: with (INVALID_HANDLE_VALUE, NULL) it makes a port, with (file, port) it ties the file to that port, with (file, NULL) it makes a port and ties the file to it. The depth is 0 after each of them.",
    }

    /// PORT-02
    PORT_02 "PORT-02" {
        layer: Win32,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["CIO-117", "R:k32 CreateIoCompletionPort"],
        says: "Passing INVALID_HANDLE_VALUE together with an existing port fails: the result is NULL with ERROR_INVALID_PARAMETER (87), and the port stays exactly as it was.",
    }

    /// PORT-03
    PORT_03 "PORT-03" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Absence,
        sources: ["CIO-117", "CIO-148"],
        says: "When a port is only created, the completion key argument has no effect.",
    }

    /// PORT-04
    PORT_04 "PORT-04" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["CIO-121", "CIO-124", "CIO-133", "CIO-134", "CIO-135", "CIO-136", "CIO-137", "CIO-138"],
        says: "On success the call returns a new handle (neither NULL nor INVALID_HANDLE_VALUE) if it created a port, or the very port handle it was given if it only associated. On failure it returns NULL, never INVALID_HANDLE_VALUE, and GetLastError holds the reason.",
    }

    /// PORT-05
    PORT_05 "PORT-05" {
        layer: Win32,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:k32"],
        says: "If create-and-associate creates the port but cannot associate the file, it closes the new port before it returns NULL, so the process has as many handles as before.",
    }

    /// PORT-06
    PORT_06 "PORT-06" {
        layer: KernelQueue,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["CIO-128", "CIO-131", "CIO-149", "OV-138", "M:ddi/KeInitializeQueue", "R:queue"],
        says: "NumberOfConcurrentThreads fixes the concurrency limit when the port is created; the value 0 stands for the number of processors of the machine.",
    }

    /// PORT-07
    PORT_07 "PORT-07" {
        layer: Win32,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Absence,
        sources: ["CIO-130", "R:k32"],
        says: "NumberOfConcurrentThreads has no effect when an existing port is passed, and no call can change the limit of a port once it exists.",
    }

    /// PORT-08
    PORT_08 "PORT-08" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:queue KeInitializeQueue", "M:ddi/KeInitializeQueue"],
        says: "A new port has depth 0 and active count 0, no packet, no waiter and no associated thread, and its handle is not signaled.",
    }

    /// PORT-09
    PORT_09 "PORT-09" {
        layer: IoCompletion,
        confidence: [Tested, ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["W:om test_object_types", "R:ioc", "PHNT"],
        says: "The kernel type is called IoCompletion. Its own rights are query-state 0x1 and modify-state 0x2, all access is 0x1F0003; generic read maps to read-control plus query-state, generic write to modify-state, generic execute to synchronize.",
    }

    /// PORT-10
    PORT_10 "PORT-10" {
        layer: IoCompletion,
        confidence: [ReverseEngineered, Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["R:ioc", "W:om"],
        says: "Posting (NtSetIoCompletion), removing (NtRemoveIoCompletion and its Ex form) and associating need modify-state on the port handle, NtQueryIoCompletion needs query-state, and waiting on the handle needs synchronize. A handle without the right gives STATUS_ACCESS_DENIED, in Win32 ERROR_ACCESS_DENIED (5).",
    }

    /// PORT-11
    PORT_11 "PORT-11" {
        layer: IoCompletion,
        confidence: [ReverseEngineered, Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["R:ioc", "PHNT", "W:nfile get_pending_msgs"],
        says: "NtQueryIoCompletion has one class, 0, whose buffer is exactly 4 bytes and receives the number of queued packets; waiters are not counted. Another length gives STATUS_INFO_LENGTH_MISMATCH (0xC0000004), another class STATUS_INVALID_INFO_CLASS (0xC0000003).",
    }

    /// PORT-12
    PORT_12 "PORT-12" {
        layer: IoCompletion,
        confidence: [Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["W:om"],
        says: "A port can have a name. Creating a name that exists succeeds with STATUS_OBJECT_NAME_EXISTS (0x40000000) and a handle to the same port; opening an unknown name gives STATUS_OBJECT_NAME_NOT_FOUND (0xC0000034), opening without object attributes STATUS_INVALID_PARAMETER, and opening an existing port with access 0 STATUS_ACCESS_DENIED.",
    }

    /// PORT-13
    PORT_13 "PORT-13" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["OV-134", "CIO-142", "W:om", "P11", "W:kpipe test_exit_process_async"],
        says: "The documentation calls a port private to the process that made it, but the object is an ordinary one: its handle can be duplicated into another process or opened by name there, and a packet taken in that process still fills the status block of the process that issued the request. \"Not sharable\" is a piece of advice about the API, not something the kernel enforces.",
        note: "contradicted, see DIS-08",
    }

    /// PORT-14
    PORT_14 "PORT-14" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["OV-135", "CIO-143"],
        says: "Every thread of a process may use one and the same port handle, all of them at the same time.",
    }

    /// PORT-15
    PORT_15 "PORT-15" {
        layer: IoCompletion,
        confidence: [Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["OV-130", "OV-131", "OV-132", "CIO-166", "CIO-167", "CIO-168"],
        says: "A port lives as long as anything refers to it: each of its handles and each associated file object is one reference, and the object is freed when the last one goes.",
    }

    /// PORT-16
    PORT_16 "PORT-16" {
        layer: IoCompletion,
        confidence: [ReverseEngineered, Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["R:ioc IopDeleteIoCompletion"],
        says: "When the port object is freed, the packets still in its queue are thrown away (request packets are freed, posted ones go back to their allocator) and nobody hears of them. Where the status block is written only on removal (IOSB-02), it is never written for those requests.",
        note: "the part on status blocks is inferred",
    }

    /// PORT-17
    PORT_17 "PORT-17" {
        layer: KernelQueue,
        confidence: [Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:nsync", "M:win32"],
        says: "A port handle can be given to WaitForSingleObject and WaitForMultipleObjects. It counts as signaled while the depth is above 0, and such a wait takes no packet.",
        note: "see DIS-02",
    }

    /// PORT-18
    PORT_18 "PORT-18" {
        layer: KernelQueue,
        confidence: [Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:nsync"],
        says: "If no dequeuer is blocked and threads wait on the port handle itself, a post wakes all of them with WAIT_OBJECT_0 and the packet remains queued.",
    }

    /// PORT-19
    PORT_19 "PORT-19" {
        layer: KernelQueue,
        confidence: [Tested],
        versions: "10-1607+",
        kind: Mechanism,
        sources: ["W:nsync"],
        says: "If a blocked dequeuer receives the packet, threads that wait on the handle itself stay asleep. Before Windows 10 1607 such a thread was seen to wake in the same situation.",
    }

    /// PORT-20
    PORT_20 "PORT-20" {
        layer: Win32,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:iof", "R:k32", "W:nfile", "W:kfile"],
        says: "Association fails with ERROR_INVALID_HANDLE (6) when the file handle or the port handle is closed (STATUS_INVALID_HANDLE) or is of another type (STATUS_OBJECT_TYPE_MISMATCH), and with ERROR_INVALID_PARAMETER (87, STATUS_INVALID_PARAMETER) when the file was not opened for overlapped I/O or already has a port.",
    }

    /// PORT-21
    PORT_21 "PORT-21" {
        layer: Win32,
        confidence: [Documented],
        versions: "XP+",
        kind: Metadata,
        sources: ["CIO-170..195"],
        says: "CreateIoCompletionPort exists since Windows XP (client) and Server 2003, in kernel32, declared in ioapi.h (winbase.h in older SDKs); SMB 3.0 with transparent failover and scale-out shares, CSVFS and ReFS support it.",
    }
}
