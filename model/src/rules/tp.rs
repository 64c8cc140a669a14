//! Section 1.25: the thread pool and `BindIoCompletionCallback`.

use super::ioctl as previous;

rules! {
    /// TP-01
    TP_01 "TP-01" {
        layer: ThreadPool,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["OV-178", "M:sdk", "dlls/kernel32/tests/sync.c test_iocp_callback"],
        says: "BindIoCompletionCallback(file, function, 0) ties the file to the port of the process's default pool; the callback gets error, bytes and overlapped, and is not called for an operation that fails immediately. Flags must be 0. A file not opened overlapped, or bound a second time (even with a NULL function), gives 87; other Flags give 87 on 2003 and are accepted by some later versions.",
    }

    /// TP-02
    TP_02 "TP-02" {
        layer: ThreadPool,
        confidence: [Documented, Tested],
        versions: "V+",
        kind: Device,
        sources: ["M:sdk", "W:tp"],
        says: "CreateThreadpoolIo binds a file. StartThreadpoolIo must come before each operation, and each Start is matched by one callback or one CancelThreadpoolIo.",
    }

    /// TP-03
    TP_03 "TP-03" {
        layer: ThreadPool,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:tp"],
        says: "WaitForThreadpoolIoCallbacks blocks until the callbacks of all outstanding Starts have run, so without any it returns at once. Asked to cancel, it drops callbacks that have not begun, but it does not cancel the I/O.",
    }

    /// TP-04
    TP_04 "TP-04" {
        layer: ThreadPool,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:tp"],
        says: "Without the skip mode, a synchronous success leads to a callback too.",
    }

    /// TP-05
    TP_05 "TP-05" {
        layer: ThreadPool,
        confidence: [Tested, Documented],
        versions: "V+",
        kind: Device,
        sources: ["W:tp"],
        says: "After an immediate failure other than 997, such as ERROR_NOACCESS (998), no callback comes and CancelThreadpoolIo is needed.",
    }

    /// TP-06
    TP_06 "TP-06" {
        layer: ThreadPool,
        confidence: [Documented],
        versions: "V+",
        kind: Device,
        sources: ["SKIP-09"],
        says: "The same holds after a synchronous success under the skip mode (SKIP-09).",
    }

    /// TP-07
    TP_07 "TP-07" {
        layer: ThreadPool,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:tp"],
        says: "CancelIo leads to a callback with STATUS_CANCELLED in the NT form, 995 in the Win32 form, and 0 bytes.",
    }

    /// TP-08
    TP_08 "TP-08" {
        layer: ThreadPool,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:tp"],
        says: "After Start and Cancel, the callback of an I/O that completes does not run: what matters is the balance of the counts, not which operation is meant.",
    }

    /// TP-09
    TP_09 "TP-09" {
        layer: ThreadPool,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:win32"],
        says: "RegisterWaitForSingleObject and its like show the application no port semantics. In the old pool the non-I/O workers block on a port and the I/O workers wait alertably.",
    }

    /// TP-10
    TP_10 "TP-10" {
        layer: ThreadPool,
        confidence: [Documented],
        versions: "V+",
        kind: Device,
        sources: ["M:sdk", "W:tp"],
        says: "CloseThreadpoolIo with callbacks outstanding frees the object when they are done. The caller must have closed the file handle, and its I/O must be over, before that call.",
    }
}
