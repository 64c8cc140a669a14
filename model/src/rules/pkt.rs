//! Section 1.3: packets, and what sends one.

use super::assoc as previous;

rules! {
    /// PKT-01
    PKT_01 "PKT-01" {
        layer: IoCompletion,
        confidence: [Documented, Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["W:nfile", "PHNT"],
        says: "A packet is (key, overlapped, bytes, status). Key, overlapped and bytes are pointer-sized in NT, status is an NTSTATUS; GetQueuedCompletionStatus shows only the low 32 bits of the byte count.",
    }

    /// PKT-02
    PKT_02 "PKT-02" {
        layer: KernelQueue,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["OV-109", "OV-119", "OV-120", "R:queue"],
        says: "Packets join the tail in the order in which requests complete or posts are made; what is handed out is always the oldest, at the head.",
    }

    /// PKT-03
    PKT_03 "PKT-03" {
        layer: KernelQueue,
        confidence: [Documented, Inferred],
        versions: "all",
        kind: Mechanism,
        sources: ["OV-111", "W:nsync"],
        says: "Several threads may start on packets in another order than that of the queue: dequeuers race once each has its packet, and a waiter that was granted an older packet may run later than a thread that took a younger one. Removal itself is never out of order.",
        note: "see DIS-10",
    }

    /// PKT-04
    PKT_04 "PKT-04" {
        layer: IoManager,
        confidence: [Documented, ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:irp", "W:afd", "W:npipe", "W:drv"],
        says: "A finished request sends a packet if and only if its file object has a port, its completion context is not NULL, it has no APC routine, its completion is eligible (IOM-01) and no skip mode suppresses it.",
    }

    /// PKT-05
    PKT_05 "PKT-05" {
        layer: Win32,
        confidence: [Documented, Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["M:sdk/GetQueuedCompletionStatus", "W:sock test_connect_completion_port", "LIBUV"],
        says: "Overlapped calls of Win32 and Winsock use the address of the OVERLAPPED as completion context. If bit 0 of its hEvent is set they pass NULL instead, so there is no packet; the event, taken without that bit, is signaled all the same.",
    }

    /// PKT-06
    PKT_06 "PKT-06" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock test_shutdown_completion_port"],
        says: "On an associated socket a request without OVERLAPPED (the synchronous form of WSASend or DisconnectEx) sends no packet.",
    }

    /// PKT-07
    PKT_07 "PKT-07" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "Calls that are not overlapped requests never send packets: connect, a blocking accept, shutdown, WSASendDisconnect, WSARecvDisconnect, and closesocket when nothing is pending.",
    }

    /// PKT-08
    PKT_08 "PKT-08" {
        layer: IoManager,
        confidence: [Tested, Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["W:nfile", "W:kfile", "W:sock", "W:kpipe", "WSP-114"],
        says: "A request that succeeds at once sends its packet all the same, unless a skip mode forbids it: the caller gets both the success and the packet.",
    }

    /// PKT-09
    PKT_09 "PKT-09" {
        layer: IoManager,
        confidence: [Tested, Documented],
        versions: "all",
        kind: Absence,
        sources: ["WSP-117", "W:sock", "W:kpipe", "W:kfile", "R:irp"],
        says: "A request whose issuing call fails with anything but ERROR_IO_PENDING sends no packet.",
    }

    /// PKT-10
    PKT_10 "PKT-10" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["W:sock", "W:nfile"],
        says: "A request that pended and then fails (error, cancellation, disconnection) always sends a packet, which carries the failing status.",
    }

    /// PKT-11
    PKT_11 "PKT-11" {
        layer: IoManager,
        confidence: [Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["W:sock"],
        says: "One eligible request sends one packet, never two.",
    }

    /// PKT-12
    PKT_12 "PKT-12" {
        layer: IoCompletion,
        confidence: [Documented, Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["RC 2007-05-25", "W:nfile", "W:kfile"],
        says: "The system attaches no meaning to the contents of a posted packet: any key, any overlapped value including NULL and any byte count pass through, and the NT call lets any status through as well.",
    }

    /// PKT-13
    PKT_13 "PKT-13" {
        layer: KernelQueue,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:ioc", "R:queue"],
        says: "Packets of requests and posted packets stand in one list in one order; neither sort has precedence.",
    }

    /// PKT-14
    PKT_14 "PKT-14" {
        layer: KernelQueue,
        confidence: [ReverseEngineered, Documented],
        versions: "all",
        kind: Mechanism,
        sources: ["M:ddi/KeInsertHeadQueue", "R:queue", "R:ioc"],
        says: "The kernel queue can also insert at its head, though nothing that feeds a completion port does so.",
    }

    /// PKT-15
    PKT_15 "PKT-15" {
        layer: IoCompletion,
        confidence: [ReverseEngineered],
        versions: "all",
        kind: Mechanism,
        sources: ["R:ioc"],
        says: "The depth is a signed 32-bit number and only memory bounds the queue. A post can fail for one reason beyond its handle, lack of memory: STATUS_INSUFFICIENT_RESOURCES (0xC000009A), ERROR_NO_SYSTEM_RESOURCES (1450).",
    }

    /// PKT-16
    PKT_16 "PKT-16" {
        layer: IoManager,
        confidence: [ReverseEngineered, Inferred],
        versions: "all",
        kind: Absence,
        sources: ["R:irp", "R:ioc"],
        says: "Queuing the completion of a request allocates nothing, because the request packet itself is the queue entry; so lack of memory can make a post fail but never lose a completion.",
    }

    /// PKT-17
    PKT_17 "PKT-17" {
        layer: IoManager,
        confidence: [Measured, ReverseEngineered],
        versions: "11; earlier by RE",
        kind: Mechanism,
        sources: ["P11", "R:ioc"],
        says: "The dequeuer gets the byte count and status that the request had when it completed. They travel in the packet, so overwriting the OVERLAPPED in between does not change them.",
        note: "measured on Windows 11, reverse-engineered for earlier versions",
    }

    /// PKT-18
    PKT_18 "PKT-18" {
        layer: IoManager,
        confidence: [Folklore, Inferred],
        versions: "all",
        kind: Mechanism,
        sources: ["ASIO", "GO"],
        says: "Another thread may dequeue the packet of a request before the call that issued the request (ReadFile, WSASend) has returned.",
    }
}
