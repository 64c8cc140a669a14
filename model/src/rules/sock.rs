//! Section 1.23: sockets.

use super::np as previous;

rules! {
    /// SOCK-01
    SOCK_01 "SOCK-01" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "If the peer resets the connection while a WSARecv is pending, the packet reads FALSE, ERROR_NETNAME_DELETED (64), 0 bytes, and not WSAECONNRESET.",
    }

    /// SOCK-02
    SOCK_02 "SOCK-02" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "If the reset is noticed at issue, the call itself fails with WSAECONNRESET (10054) and there is no packet.",
    }

    /// SOCK-03
    SOCK_03 "SOCK-03" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock", "M:sdk"],
        says: "WSAGetOverlappedResult turns the NTSTATUS into a Winsock code, GetQueuedCompletionStatus turns it into a Win32 code, so one failure has two numbers (10054 and 64, for instance).",
    }

    /// SOCK-04
    SOCK_04 "SOCK-04" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "After a graceful close by the peer, WSARecv completes successfully with 0 bytes and a packet.",
    }

    /// SOCK-05
    SOCK_05 "SOCK-05" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "On an unconnected socket the call fails with WSAENOTCONN (10057) and no packet.",
    }

    /// SOCK-06
    SOCK_06 "SOCK-06" {
        layer: Winsock,
        confidence: [Tested, Documented],
        versions: "all",
        kind: Device,
        sources: ["WSP-121", "W:sock test_simultaneous_async_recv"],
        says: "Of several posted receives, the one posted first is filled first.",
    }

    /// SOCK-07
    SOCK_07 "SOCK-07" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "The packet of an AcceptEx goes to the listener's port with the listener's key. Its byte count is the data received with the connection, 0 if none was asked for or the peer closed without sending; an association of the accept socket plays no part.",
    }

    /// SOCK-08
    SOCK_08 "SOCK-08" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "Closing the accept socket before the AcceptEx completes ends it with 995 or 1236 and 0 bytes.",
    }

    /// SOCK-09
    SOCK_09 "SOCK-09" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "If the accept socket is closed after the AcceptEx succeeded but before the dequeue, the packet still reads TRUE with its bytes.",
    }

    /// SOCK-10
    SOCK_10 "SOCK-10" {
        layer: Winsock,
        confidence: [Tested, Documented],
        versions: "all",
        kind: Device,
        sources: ["W:sock", "M:sdk"],
        says: "ConnectEx needs a bound socket and always pends. Its packet counts the bytes of initial data sent; a refused connection gives FALSE with ERROR_CONNECTION_REFUSED (1225).",
    }

    /// SOCK-11
    SOCK_11 "SOCK-11" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "DisconnectEx pends and queues a packet even with the skip mode set; without OVERLAPPED it returns TRUE synchronously and queues none.",
        note: "an assertion that Wine itself fails (todo_wine)",
    }

    /// SOCK-12
    SOCK_12 "SOCK-12" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock test_timeout"],
        says: "SO_RCVTIMEO has no effect on overlapped receives.",
    }

    /// SOCK-13
    SOCK_13 "SOCK-13" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock test_send", "WSP-112"],
        says: "With SO_SNDBUF 0 overlapped sends stay pending until the peer takes the data.",
    }

    /// SOCK-14
    SOCK_14 "SOCK-14" {
        layer: Winsock,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:sdk/WSARecv"],
        says: "The array of WSABUF structures is copied during the call; the buffers that it describes are not.",
    }

    /// SOCK-15
    SOCK_15 "SOCK-15" {
        layer: Winsock,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:sdk", "WSP-129", "WSP-130"],
        says: "WSAGetOverlappedResult may wait (fWait TRUE) only for requests that complete by an event.",
    }

    /// SOCK-16
    SOCK_16 "SOCK-16" {
        layer: Winsock,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:sdk", "WSP-114", "WSP-115"],
        says: "A WSARecv with a completion routine that returns 0 has completed, and its routine is queued already; it runs at the next alertable wait.",
    }

    /// SOCK-17
    SOCK_17 "SOCK-17" {
        layer: Winsock,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["OV-169", "OV-170", "OV-171", "OV-172", "OV-173", "OV-174", "M:sdk"],
        says: "WSASendMsg, WSARecvMsg, WSARecvFrom and WSASendTo obey the same rules. A truncated datagram fills the buffer and is reported as WSAEMSGSIZE, status BUFFER_OVERFLOW.",
    }

    /// SOCK-18
    SOCK_18 "SOCK-18" {
        layer: SocketDriver,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:afd"],
        says: "AFD poll requests are requests like others: one with a completion context queues a packet, even if it completes at once or has time-out 0, and one without queues none.",
    }

    /// SOCK-19
    SOCK_19 "SOCK-19" {
        layer: Winsock,
        confidence: [Inferred],
        versions: "all",
        kind: Device,
        sources: ["PKT-07"],
        says: "setsockopt, getsockopt, bind and listen queue no packets.",
    }
}
