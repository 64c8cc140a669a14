//! Section 1.16: `SetFileCompletionNotificationModes`.

use super::evt as previous;

rules! {
    /// SKIP-01
    SKIP_01 "SKIP-01" {
        layer: Win32,
        confidence: [Documented, Tested],
        versions: "V+",
        kind: Device,
        sources: ["M:sdk/SetFileCompletionNotificationModes", "PHNT", "W:nfile"],
        says: "The mode bits are 1, a synchronous success sends no packet; 2, the handle's event is never set; 4, in NT only, fast I/O does not set the request's event.",
    }

    /// SKIP-02
    SKIP_02 "SKIP-02" {
        layer: IoManager,
        confidence: [Tested, Documented],
        versions: "V+",
        kind: Device,
        sources: ["W:nfile"],
        says: "The bits are OR-ed into the file object and cannot be cleared: setting 2, then 4, then 0 keeps them. Unknown bits are accepted (0xDEADBEEF succeeds).",
    }

    /// SKIP-03
    SKIP_03 "SKIP-03" {
        layer: IoManager,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:nfile"],
        says: "A file opened for synchronous I/O refuses bit 1 with STATUS_INVALID_PARAMETER. A buffer one byte short gives STATUS_INFO_LENGTH_MISMATCH; XP answers STATUS_INVALID_INFO_CLASS for the whole class.",
    }

    /// SKIP-04
    SKIP_04 "SKIP-04" {
        layer: IoManager,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:nfile", "W:npipe", "W:drv"],
        says: "With bit 1 set, an operation that succeeds immediately queues no packet.",
    }

    /// SKIP-05
    SKIP_05 "SKIP-05" {
        layer: IoManager,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:sock", "W:nfile", "W:drv"],
        says: "With bit 1 set, an operation that pended queues its packet whatever its result.",
    }

    /// SKIP-06
    SKIP_06 "SKIP-06" {
        layer: IoManager,
        confidence: [Tested],
        versions: "8+",
        kind: Device,
        sources: ["W:npipe", "W:drv"],
        says: "With bit 1 set and an immediate warning such as BUFFER_OVERFLOW: from Windows 8 on the call returns STATUS_PENDING and a packet is queued, before that the warning is returned and there is no packet. For warnings from drivers the test expects 0x103 on Windows 10 only, and a packet also comes when a call returns 0 with a warning status.",
        note: "see DIS-12",
    }

    /// SKIP-07
    SKIP_07 "SKIP-07" {
        layer: IoManager,
        confidence: [Tested],
        versions: "8+",
        kind: Device,
        sources: ["W:npipe"],
        says: "FSCTL_PIPE_PEEK, too, may return PENDING and queue a packet on 8+ where it used to complete at once without one. Callers can rely on this: if the call returned pending, a packet will come; the converse does not hold (SKIP-06).",
    }

    /// SKIP-08
    SKIP_08 "SKIP-08" {
        layer: Winsock,
        confidence: [Folklore],
        versions: "all",
        kind: Device,
        sources: ["LIBUV tcp.c", "LIBUV udp.c", "GO", "M:sdk"],
        says: "Bit 1 is unsafe for UDP sockets, where a known bug queues a packet anyway or reports a wrong pending status, and when layered providers without installable-file-system handles are present; libuv and Go check for this.",
    }

    /// SKIP-09
    SKIP_09 "SKIP-09" {
        layer: ThreadPool,
        confidence: [Documented],
        versions: "V+",
        kind: Device,
        sources: ["M:sdk/StartThreadpoolIo"],
        says: "After StartThreadpoolIo with bit 1 set, a synchronous success must be followed by CancelThreadpoolIo, because no callback will come.",
    }

    /// SKIP-10
    SKIP_10 "SKIP-10" {
        layer: Win32,
        confidence: [Documented],
        versions: "V+",
        kind: Device,
        sources: ["M:sdk", "W:sock", "W:nfile"],
        says: "Bit 1 has an effect only on a handle that is associated; it may be set before or after the association.",
    }
}
