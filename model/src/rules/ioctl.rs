//! Section 1.24: `WSAIoctl` on an associated socket.

use super::sock as previous;

rules! {
    /// IOCTL-01
    IOCTL_01 "IOCTL-01" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock test_unsupported_ioctls"],
        says: "Codes that are answered in user mode (extension function pointer, FIONBIO, FIONREAD, SIOCATMARK, routing-interface query, address-list query, keep-alive values), when given an OVERLAPPED, return 0 at once with the true size in *lpcb, which only the keep-alive values leave untouched, and queue a packet with 0 bytes and Internal 0.",
    }

    /// IOCTL-02
    IOCTL_02 "IOCTL-02" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "An immediate failure returns its error, leaves the OVERLAPPED alone and queues nothing, as tests show for the extension pointer and, indirectly, for the address list. SIO_KEEPALIVE_VALS does put 0x103 into Internal if its input is too short, but touches neither InternalHigh nor the size. A NULL lpcb gives WSAEFAULT (10014), overlapped or not.",
    }

    /// IOCTL-03
    IOCTL_03 "IOCTL-03" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "Unsupported codes, and SIO_BASE_HANDLE, given an OVERLAPPED return WSA_IO_PENDING; the packet reads FALSE, ERROR_NOT_SUPPORTED (50), Internal 0xC00000BB, 0 bytes.",
    }

    /// IOCTL-04
    IOCTL_04 "IOCTL-04" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "SIO_GET_INTERFACE_LIST with an OVERLAPPED pends, and the packet's byte count is the size of the list. If the buffer is too small the packet reads FALSE, 122, Internal 0xC0000023, InternalHigh 0; without OVERLAPPED that is WSAEFAULT with size 0.",
    }

    /// IOCTL-05
    IOCTL_05 "IOCTL-05" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "SIO_ADDRESS_LIST_CHANGE pends until there is a change; closesocket ends it with 995.",
    }

    /// IOCTL-06
    IOCTL_06 "IOCTL-06" {
        layer: Winsock,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:sock"],
        says: "With a completion routine, on a socket without a port, SleepEx returns 192 and the routine runs once, with WSAEOPNOTSUPP (10045) or WSAEFAULT and size 0.",
    }
}
