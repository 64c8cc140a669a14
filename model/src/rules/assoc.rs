//! Section 1.2: tying files to a port.

use super::port as previous;

rules! {
    /// ASSOC-01
    ASSOC_01 "ASSOC-01" {
        layer: IoManager,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["CIO-154", "CIO-158", "CIO-164", "R:iof"],
        says: "The association is a (port, key) pair kept in the file object, not in the handle; all duplicates of a handle refer to that object and therefore share it.",
    }

    /// ASSOC-02
    ASSOC_02 "ASSOC-02" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["CIO-154", "R:iof", "LIBUV"],
        says: "A file object takes one association. A second attempt, to the same port or to another, fails with STATUS_INVALID_PARAMETER / ERROR_INVALID_PARAMETER (87), and the first port and key stay in force.",
    }

    /// ASSOC-03
    ASSOC_03 "ASSOC-03" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["CIO-114", "W:nfile", "W:kfile test_CreateFile2"],
        says: "A file object opened for synchronous I/O cannot be associated: STATUS_INVALID_PARAMETER / 87, and the status block passed to the call is not written.",
        note: "the untouched status block is an assertion that Wine itself fails (todo_wine)",
    }

    /// ASSOC-04
    ASSOC_04 "ASSOC-04" {
        layer: IoManager,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Absence,
        sources: ["CIO-154"],
        says: "Win32 offers no way to undo an association: it ends when the file object is closed. Closing the port handle does not end it either, and associating the file again still fails with 87.",
    }

    /// ASSOC-05
    ASSOC_05 "ASSOC-05" {
        layer: IoManager,
        confidence: [Folklore],
        versions: "8.1+",
        kind: Mechanism,
        sources: ["PHNT", "SaneCppLibraries"],
        says: "NtSetInformationFile class 61 (FileReplaceCompletionInformation) swaps the port and key of a file, or drops the association if the port is NULL. It is said to be refused while certain requests, such as a pending AcceptEx, are outstanding.",
        note: "a model option, on for 8.1+; the status of a refusal is unknown, see OPEN-9",
    }

    /// ASSOC-06
    ASSOC_06 "ASSOC-06" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["W:nfile", "W:sock"],
        says: "A request that was already pending when its file was associated delivers a packet with the association's key once it completes, provided that it has a completion context and no APC routine.",
    }

    /// ASSOC-07
    ASSOC_07 "ASSOC-07" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["W:nfile"],
        says: "A request with an APC routine that was pending when its file was associated ends with its APC and with no packet.",
    }

    /// ASSOC-08
    ASSOC_08 "ASSOC-08" {
        layer: IoManager,
        confidence: [Tested, Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["CIO-162", "W:nfile", "W:npipe", "W:afd", "W:sock test_WSARecv"],
        says: "On an associated file a request with an APC routine is refused with STATUS_INVALID_PARAMETER and nothing is started. So ReadFileEx and WriteFileEx fail with 87, and WSARecv or WSASend with a completion routine with WSAEINVAL (10022).",
    }

    /// ASSOC-09
    ASSOC_09 "ASSOC-09" {
        layer: IoManager,
        confidence: [Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["CIO-126", "CIO-157", "CIO-158", "CIO-159", "CIO-160"],
        says: "The key belongs to the file object, is never interpreted, and is copied into each packet of that file. Nothing checks that keys differ: two files may use the same one.",
    }

    /// ASSOC-10
    ASSOC_10 "ASSOC-10" {
        layer: IoManager,
        confidence: [Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["CIO-156", "OV-108", "OV-110"],
        says: "One port serves any number of file objects.",
    }

    /// ASSOC-11
    ASSOC_11 "ASSOC-11" {
        layer: IoManager,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["OV-112", "OV-113", "OV-114", "CIO-106", "CIO-107", "CIO-150", "CIO-151", "CIO-152"],
        says: "Every kind of object with overlapped I/O is fit for association: directories, disk files, mailslots, named pipes, sockets, communications devices and other devices. Console handles and ordinary synchronous handles are not.",
    }

    /// ASSOC-12
    ASSOC_12 "ASSOC-12" {
        layer: IoManager,
        confidence: [Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["CIO-163", "CIO-164", "CIO-165"],
        says: "A request issued through a duplicated or inherited handle sends its packet to the same port, which is why the documentation advises against sharing such handles.",
    }

    /// ASSOC-13
    ASSOC_13 "ASSOC-13" {
        layer: IoManager,
        confidence: [Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:nfile test_file_completion_information"],
        says: "Associating through NtSetInformationFile also sets the file object's own event, so the handle turns signaled even if a read is pending; with FILE_SKIP_SET_EVENT_ON_HANDLE it does not.",
    }

    /// ASSOC-14
    ASSOC_14 "ASSOC-14" {
        layer: IoManager,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Absence,
        sources: ["R:iof"],
        says: "Associating a file makes no packets for requests that had completed before.",
    }

    /// ASSOC-15
    ASSOC_15 "ASSOC-15" {
        layer: Win32,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:iof"],
        says: "An association holds one reference on the port. It is released when the file object is deleted, that is when its last handle is closed and its last outstanding request is done.",
    }
}
