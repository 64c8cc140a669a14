//! Section 1.27: overlapped I/O as Winsock service providers see it.

use super::rio as previous;

rules! {
    /// SPI-01
    SPI_01 "SPI-01" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-104"],
        says: "Support for overlapped I/O is mandatory for transport providers of Windows Sockets 2.",
    }

    /// SPI-02
    SPI_02 "SPI-02" {
        layer: ServiceProvider,
        confidence: [Documented, Tested],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-105", "W:sock test_nonblocking_async_recv"],
        says: "Overlapped calls need a socket that WSPSocket created with WSA_FLAG_OVERLAPPED. Without that flag Microsoft's provider carries out a WSARecv with an OVERLAPPED synchronously, blocking even in non-blocking mode.",
    }

    /// SPI-03
    SPI_03 "SPI-03" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-107", "WSP-108"],
        says: "Data that arrive while receive buffers are posted go into these buffers directly and at once, without a copy in the provider.",
    }

    /// SPI-04
    SPI_04 "SPI-04" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-109"],
        says: "Data that arrive while no buffer is posted are kept by the provider until a receive call, which then usually completes at once; a test also accepts 997, so this cannot be relied on.",
    }

    /// SPI-05
    SPI_05 "SPI-05" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-110", "WSP-111"],
        says: "With a receive buffer of size 0 (SO_RCVBUF through WSPSetSockOpt) a reliable protocol accepts data only into posted buffers, holding the sender back, and an unreliable one drops what finds no buffer.",
    }

    /// SPI-06
    SPI_06 "SPI-06" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-112"],
        says: "A send buffer belongs to the provider until the network has taken its contents.",
    }

    /// SPI-07
    SPI_07 "SPI-07" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-113", "WSP-114", "WSP-115", "WSP-116", "WSP-117"],
        says: "An overlapped call returns at once with one of three results: 0, done and already indicated; SOCKET_ERROR with WSA_IO_PENDING (997), the indication will follow; SOCKET_ERROR with another error, nothing will follow.",
    }

    /// SPI-08
    SPI_08 "SPI-08" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-116", "M:sdk/WSARecv"],
        says: "A send is indicated when its buffers have been consumed, a receive when its buffers have been filled; on byte streams a receive without MSG_WAITALL completes as soon as it has taken the data there are, full or not.",
        note: "see DIS-14",
    }

    /// SPI-09
    SPI_09 "SPI-09" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-118", "WSP-119"],
        says: "Any number of sends and receives may be outstanding together.",
    }

    /// SPI-10
    SPI_10 "SPI-10" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-120", "WSP-121"],
        says: "Data keep the order of the calls, for sends as for receive buffers; the indications may come in another order.",
    }

    /// SPI-11
    SPI_11 "SPI-11" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-122"],
        says: "WSPIoctl can be deferred in the same manner.",
    }

    /// SPI-12
    SPI_12 "SPI-12" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-124", "WSP-125", "WSP-126", "WSP-127"],
        says: "Completion is indicated by an event object or by a completion routine. The WSAOVERLAPPED names the event and gives the provider room for the results.",
    }

    /// SPI-13
    SPI_13 "SPI-13" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-128", "WSP-129", "WSP-130", "WSP-131", "WSP-132"],
        says: "WSPGetOverlappedResult reads the results: by polling or waiting with an event, by polling only with a routine (WSA_IO_INCOMPLETE, 996, while pending). Once completion was indicated it returns at once.",
    }

    /// SPI-14
    SPI_14 "SPI-14" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["M:win32", "WSP-124"],
        says: "Which way is used follows from (lpOverlapped, hEvent, routine): without lpOverlapped the call is synchronous; with it alone Winsock indicates nothing, though a port may; with an event and no routine the event is used; with a routine the routine is, and hEvent is ignored.",
    }

    /// SPI-15
    SPI_15 "SPI-15" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["M:sdk/WSPGetOverlappedResult"],
        says: "While an operation is in progress the provider keeps Internal at WSS_OPERATION_IN_PROGRESS (STATUS_PENDING, 0x103). At completion Internal takes another value, InternalHigh holds the count, Offset the flags and OffsetHigh the error.",
    }

    /// SPI-16
    SPI_16 "SPI-16" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-134", "WSP-135", "WSP-136", "WSP-137"],
        says: "The thread that issued the call is the one that runs the completion routine: the provider does not call the routine but queues an APC with WPUQueueApc.",
    }

    /// SPI-17
    SPI_17 "SPI-17" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-138", "WSP-139", "WSP-143", "M:sdk"],
        says: "WPUQueueApc may be called in any thread and process context, takes a thread id structure, a function and one context value (32 bits in the seed, pointer-sized today), and only enqueues. An invalid thread id gives WSAEFAULT.",
    }

    /// SPI-18
    SPI_18 "SPI-18" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-140", "WSP-141", "WSP-142"],
        says: "The provider copies the WSATHREADID that comes with the call and may discard the copy when WPUQueueApc returns.",
    }

    /// SPI-19
    SPI_19 "SPI-19" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-144", "WSP-150"],
        says: "The queued function runs in the target thread when that thread waits alertably.",
    }

    /// SPI-20
    SPI_20 "SPI-20" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-145", "WSP-146", "WSP-147", "WSP-148", "WSP-149", "WSP-150", "WSP-151"],
        says: "As an APC carries a single context value, the provider queues a function of its own with a small allocated record of the routine and its parameters; this function unpacks the record, frees it and calls the client's routine.",
    }

    /// SPI-21
    SPI_21 "SPI-21" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-152", "WSP-153"],
        says: "Providers in kernel mode do the same with the kernel's APC facilities, which Windows Sockets 2 does not specify.",
    }

    /// SPI-22
    SPI_22 "SPI-22" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-154"],
        says: "A completion routine may itself send and receive. Routines of one socket never nest, even if one of them waits alertably; routines of different sockets may.",
    }

    /// SPI-23
    SPI_23 "SPI-23" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-155", "WSP-156", "WSP-157", "WSP-158"],
        says: "A layered provider that works from a thread of its own gets a WSATHREADID from WPUOpenCurrentThread and gives it back with WPUCloseThread.",
    }

    /// SPI-24
    SPI_24 "SPI-24" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["WSP-131"],
        says: "A client may wait by other means, such as WSAWaitForMultipleEvents, until its event is signaled or its routine has run; after a routine an alertable wait returns WSA_WAIT_IO_COMPLETION (192).",
    }

    /// SPI-25
    SPI_25 "SPI-25" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["FT"],
        says: "A provider's table has 29 functions: Accept, AsyncSelect, Bind, CancelBlockingCall, Cleanup, CloseSocket, Connect, DuplicateSocket, EnumNetworkEvents, EventSelect, GetOverlappedResult, GetPeerName, GetSockName, GetSockOpt, GetQOSByName, Ioctl, JoinLeaf, Listen, Recv, RecvDisconnect, RecvFrom, Select, Send, SendDisconnect, SendTo, SetSockOpt, Shutdown, Socket, Startup. Recv, RecvFrom, Send, SendTo and Ioctl can be overlapped, and GetOverlappedResult reads their completions.",
    }

    /// SPI-26
    SPI_26 "SPI-26" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["FT"],
        says: "WSPAccept acknowledges a connection, possibly on a condition, and makes a new socket for it at once; the listener goes on listening.",
    }

    /// SPI-27
    SPI_27 "SPI-27" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["FT"],
        says: "WSPCloseSocket takes the socket out of the table of the process. It blocks only on a blocking socket that lingers with a non-zero time-out.",
    }

    /// SPI-28
    SPI_28 "SPI-28" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["FT"],
        says: "WSPDuplicateSocket returns a protocol-info structure from which another descriptor of the same socket can be made; see CLOSE-04.",
    }

    /// SPI-29
    SPI_29 "SPI-29" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["FT"],
        says: "WSPSelect multiplexes synchronously, WSPAsyncSelect asynchronously; WSPEventSelect and WSPEnumNetworkEvents connect network events with event objects. None of them uses a port.",
    }

    /// SPI-30
    SPI_30 "SPI-30" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["FT"],
        says: "WSPRecv and WSPRecvFrom scatter, WSPSend and WSPSendTo gather, all of them possibly overlapped; the receiving ones take and return flags. WSPSendDisconnect begins a close, with data if wished; WSPRecvDisconnect ends reception and fetches the disconnect data; WSPShutdown ends one direction; WSPCancelBlockingCall interrupts a blocking call; WSPStartup and WSPCleanup enclose all use.",
    }

    /// SPI-31
    SPI_31 "SPI-31" {
        layer: ServiceProvider,
        confidence: [Documented],
        versions: "WS2",
        kind: Device,
        sources: ["M:sdk/SetFileCompletionNotificationModes", "LIBUV"],
        says: "Only providers based on installable file systems hand out real file handles. With other layered providers CreateIoCompletionPort on a socket, and the skip modes, cannot be relied on.",
    }
}
