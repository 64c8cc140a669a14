//! Section 1.17: cancelling requests.

use super::skip as previous;

rules! {
    /// CANC-01
    CANC_01 "CANC-01" {
        layer: Win32,
        confidence: [Documented, Tested],
        versions: "all",
        kind: Device,
        sources: ["M:sdk/CancelIo", "W:npipe"],
        says: "CancelIo cancels the requests that the calling thread issued on the file object, and returns TRUE even if there are none.",
    }

    /// CANC-02
    CANC_02 "CANC-02" {
        layer: Win32,
        confidence: [Documented, Tested],
        versions: "V+",
        kind: Device,
        sources: ["M:sdk/CancelIoEx", "W:npipe"],
        says: "CancelIoEx reaches the requests of the whole process, either all of the file or the one with the given OVERLAPPED. If there is none it returns FALSE with ERROR_NOT_FOUND (1168, STATUS_NOT_FOUND 0xC0000225).",
    }

    /// CANC-03
    CANC_03 "CANC-03" {
        layer: Win32,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:sdk", "WEPOLL"],
        says: "Cancellation is only asked for: the operation may still succeed, fail with ERROR_OPERATION_ABORTED (995, STATUS_CANCELLED 0xC0000120) or fail otherwise. In each case completion is notified as usual, by a packet with that status.",
    }

    /// CANC-04
    CANC_04 "CANC-04" {
        layer: Win32,
        confidence: [Folklore, Documented],
        versions: "all",
        kind: Device,
        sources: ["WEPOLL", "LIBUV"],
        says: "After a cancel the OVERLAPPED still belongs to the system until its packet has been dequeued.",
    }

    /// CANC-05
    CANC_05 "CANC-05" {
        layer: Win32,
        confidence: [Documented],
        versions: "V+",
        kind: Device,
        sources: ["M:sdk/CancelIoEx"],
        says: "Cancelling a synchronous operation queues no packet.",
    }

    /// CANC-06
    CANC_06 "CANC-06" {
        layer: Win32,
        confidence: [Documented, Tested],
        versions: "V+",
        kind: Device,
        sources: ["M:sdk", "W:kpipe", "W:npipe"],
        says: "CancelSynchronousIo makes the interrupted call return 995; if the thread has no synchronous operation in progress it fails with 1168.",
    }

    /// CANC-07
    CANC_07 "CANC-07" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock test_AcceptEx"],
        says: "CancelIo on the accept socket does not cancel the AcceptEx, which was issued on the listener.",
    }

    /// CANC-08
    CANC_08 "CANC-08" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:npipe test_cancelio"],
        says: "When a request with an APC is cancelled by CancelIo, its status block becomes CANCELLED, its event is set, and the APC runs at the next alertable wait.",
    }

    /// CANC-09
    CANC_09 "CANC-09" {
        layer: IoManager,
        confidence: [Inferred],
        versions: "all",
        kind: Device,
        sources: ["CANC-03", "PKT-11"],
        says: "If a cancel races with completion there is exactly one packet, with either the normal status or CANCELLED.",
    }
}
