//! Section 1.15: events, and when a file handle is signaled.

use super::iosb as previous;

rules! {
    /// EVT-01
    EVT_01 "EVT-01" {
        layer: IoManager,
        confidence: [Tested, Documented],
        versions: "all",
        kind: Device,
        sources: ["W:npipe", "RC 2019-07-19"],
        says: "Each issue resets the file object's own event. Completion sets it if the request has no event; if it has one, only that one is set.",
    }

    /// EVT-02
    EVT_02 "EVT-02" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:npipe"],
        says: "The handle is also signaled by the completion of a request with an APC and no event, and of one with a completion context on a file without a port.",
    }

    /// EVT-03
    EVT_03 "EVT-03" {
        layer: IoManager,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:npipe"],
        says: "FILE_SKIP_SET_EVENT_ON_HANDLE makes the handle unsignaled the moment it is set, and no completion signals it afterwards.",
    }

    /// EVT-04
    EVT_04 "EVT-04" {
        layer: IoManager,
        confidence: [Tested],
        versions: "V+",
        kind: Device,
        sources: ["W:npipe"],
        says: "FILE_SKIP_COMPLETION_PORT_ON_SUCCESS does not alter how the handle is signaled.",
    }

    /// EVT-05
    EVT_05 "EVT-05" {
        layer: IoManager,
        confidence: [Documented, Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock", "M:sdk"],
        says: "With both an event and a port, completion sets the event and queues the packet, unless bit 0 of hEvent suppresses the packet.",
    }

    /// EVT-06
    EVT_06 "EVT-06" {
        layer: SocketDriver,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock test_WSARecv", "M:sdk/WSARecv"],
        says: "Where a Winsock call has a completion routine, hEvent is ignored: the application may use it as it likes, and it is not signaled.",
    }

    /// EVT-07
    EVT_07 "EVT-07" {
        layer: NamedPipe,
        confidence: [Measured, Tested],
        versions: "11",
        kind: Device,
        sources: ["P11", "W:npipe"],
        says: "A study of Windows 11 reports that completions never signal a pipe handle, with or without a port, while the tests assert signaling without port or context.",
        note: "contradicted, see DIS-04 and OPEN-4",
    }

    /// EVT-08
    EVT_08 "EVT-08" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:npipe"],
        says: "A pipe handle is signaled when it has just been created.",
    }
}
