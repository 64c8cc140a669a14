//! Section 1.13: how the I/O manager completes a request.

use super::post as previous;

rules! {
    /// IOM-01
    IOM_01 "IOM-01" {
        layer: IoManager,
        confidence: [ReverseEngineered, Tested],
        versions: "all",
        kind: Device,
        sources: ["R:irp", "W:drv test_return_status"],
        says: "Completion processing (status block, event, APC, packet) happens if the final status is not an error, or if it is one, the issuing call had reported pending, and request and file object are not both synchronous. An error reported synchronously yields nothing but the return code. \"Error\" means that the two top bits are 11 (0xC...), so warnings and informational statuses are none.",
        note: "exception: a synchronous file handle at end of file does write the block and signal the event, see DIS-22",
    }

    /// IOM-02
    IOM_02 "IOM-02" {
        layer: IoManager,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Device,
        sources: ["R:irp"],
        says: "One completion proceeds so: take port and key; write the status block (subject to IOSB-*); signal the request's event or, if it has none, that of the file object; then queue the APC if there is one, else the packet if there are a port and a context, else free the request. So the event may be seen before the packet; and where the block is not deferred, it is never seen after the packet.",
    }

    /// IOM-03
    IOM_03 "IOM-03" {
        layer: IoManager,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Device,
        sources: ["R:irp"],
        says: "A request ends with an APC or with a packet, never with both: at completion the APC routine takes precedence.",
    }

    /// IOM-04
    IOM_04 "IOM-04" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:npipe", "W:nfile", "W:drv"],
        says: "Issuing a request resets its event and always resets the file object's own event; completion sets the latter only if the request has no event. The reset happens even if the driver then fails the request synchronously, whereas bad parameters noticed earlier may leave the event alone.",
        note: "see DIS-23",
    }

    /// IOM-05
    IOM_05 "IOM-05" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:nfile", "W:sock test_AcceptEx"],
        says: "In the NT calls a request that fails at issue leaves the status block alone. The Win32 and Winsock wrappers have put STATUS_PENDING (0x103) into Internal beforehand, so an OVERLAPPED may read PENDING after an immediate failure, as with AcceptEx.",
    }

    /// IOM-06
    IOM_06 "IOM-06" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:sdk/OVERLAPPED"],
        says: "Win32 sets Internal to STATUS_PENDING when it issues a request; the caller must zero the members that it does not use.",
    }

    /// IOM-07
    IOM_07 "IOM-07" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:sdk/HasOverlappedIoCompleted"],
        says: "HasOverlappedIoCompleted tells whether Internal differs from STATUS_PENDING, which means something only after the issuing call returned FALSE with 997. Where the status block is deferred it stays false until the packet is dequeued.",
    }

    /// IOM-08
    IOM_08 "IOM-08" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:sdk", "WSP-114", "WSP-115", "WSP-116", "WSP-117"],
        says: "The issuing call has three outcomes: TRUE (or 0), the request is done; FALSE with 997, it is pending; FALSE with another error, it failed and nothing more will come.",
    }

    /// IOM-09
    IOM_09 "IOM-09" {
        layer: Win32,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:nfile test_read_write", "W:afd test_read_write"],
        says: "ReadFile on an overlapped handle of a disk file fails with ERROR_INVALID_PARAMETER (87) if OVERLAPPED is NULL; in the NT calls a missing byte offset on an overlapped disk file or socket gives STATUS_INVALID_PARAMETER. Pipes accept it.",
        note: "partly an assertion that Wine itself fails (todo_wine)",
    }

    /// IOM-10
    IOM_10 "IOM-10" {
        layer: IoManager,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Device,
        sources: ["R:iof"],
        says: "On a file object opened for synchronous I/O the I/O manager waits for each request; there are no packets, since the file cannot be associated (ASSOC-03).",
    }

    /// IOM-11
    IOM_11 "IOM-11" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:kfile test_WriteFileGather", "W:nfile"],
        says: "An overlapped read at or past the end of a disk file may fail at once with ERROR_HANDLE_EOF (38) and no packet, or pend and deliver a packet with STATUS_END_OF_FILE (0xC0000011), which GetQueuedCompletionStatus reports as FALSE with 38. Both are legal.",
    }

    /// IOM-12
    IOM_12 "IOM-12" {
        layer: IoManager,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:nfile test_file_completion_information"],
        says: "From Vista on, overlapped disk writes pend; before, they might return TRUE.",
    }

    /// IOM-13
    IOM_13 "IOM-13" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:sdk/GetOverlappedResult", "W:nfile", "W:sock"],
        says: "GetOverlappedResult without waiting returns FALSE with ERROR_IO_INCOMPLETE (996) while the request is pending, otherwise the result of the operation. It waits on hEvent or, without one, on the file handle; together with a port, waiting may hang or race. It never removes the packet.",
    }

    /// IOM-14
    IOM_14 "IOM-14" {
        layer: Win32,
        confidence: [Documented, Tested],
        versions: "8+",
        kind: Device,
        sources: ["M:sdk", "W:kpipe test_GetOverlappedResultEx"],
        says: "For a pending request GetOverlappedResultEx returns 996 with time 0, even if alertable with an APC pending, which then does not run; 258 when a finite time-out expires; and 192 if it is alertable, the time is not zero and an APC arrives.",
    }

    /// IOM-15
    IOM_15 "IOM-15" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:sdk/OVERLAPPED"],
        says: "The event in an OVERLAPPED should be a manual-reset one: another wait may consume an auto-reset event, whereupon GetOverlappedResult blocks.",
    }

    /// IOM-16
    IOM_16 "IOM-16" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:sdk", "P11"],
        says: "OVERLAPPED and buffer must stay alive and unmodified until the completion has been observed. Where the status block is deferred, the system still writes to the OVERLAPPED at the dequeue, after the device has finished.",
    }

    /// IOM-17
    IOM_17 "IOM-17" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:sdk", "dlls/ntdll/tests/change.c", "dlls/kernel32/tests/change.c"],
        says: "ReadDirectoryChangesW with a port takes no completion routine and reports once per call. If its buffer overflows it completes with STATUS_NOTIFY_ENUM_DIR (0x10C), a success, and 0 bytes, so the dequeue returns TRUE with 0 bytes (the documentation names error 1022, ERROR_NOTIFY_ENUM_DIR, as an alternative). A buffer above 64 KiB on a network drive fails with 87.",
    }

    /// IOM-18
    IOM_18 "IOM-18" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["OV-158..168", "M:sdk"],
        says: "LockFileEx, DeviceIoControl, WaitCommEvent, TransactNamedPipe and ConnectNamedPipe are issued and completed by the same protocol (IOM-08, PKT-04).",
    }
}
