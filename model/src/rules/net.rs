//! Section 1.28: file I/O over the network.

use super::spi as previous;

rules! {
    /// NET-01
    NET_01 "NET-01" {
        layer: NetworkFile,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["NET", "CIO-170..182"],
        says: "The file functions also work over a network, if its protocol and the redirector support them; a remote file handle is an ordinary overlapped handle.",
    }

    /// NET-02
    NET_02 "NET-02" {
        layer: NetworkFile,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:win32/FileIO/description-of-a-network-i-o-operation"],
        says: "A remote operation goes from the application to the I/O manager, to the redirector (a file-system driver in the kernel), as SMB requests to the server (which authenticates, then executes) and back. The network adds delay and ways to fail, but no rules on packets.",
    }

    /// NET-03
    NET_03 "NET-03" {
        layer: NetworkFile,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:win32/FileIO/microsoft-smb-protocol"],
        says: "SMB is the protocol on the wire and CIFS a dialect of it; neither adds anything to port semantics.",
    }

    /// NET-04
    NET_04 "NET-04" {
        layer: NetworkFile,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:win32/FileIO/opportunistic-locks"],
        says: "An oplock is asked for by an FSCTL on an overlapped handle. The request pends, and its completion, seen through an event, GetOverlappedResult or a packet, is the news that the oplock is breaking. The kinds are Level 1, Level 2, Batch and Filter, since Windows 7 also R, RH, RW and RWH.",
    }

    /// NET-05
    NET_05 "NET-05" {
        layer: NetworkFile,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:win32/FileIO/opportunistic-locks"],
        says: "A conflicting open is held up until the holder acknowledges the break; a Level 2 oplock needs no acknowledgement. The thread held up is blocked in the sense of CONC-03.",
    }

    /// NET-06
    NET_06 "NET-06" {
        layer: NetworkFile,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:win32/FileIO/opportunistic-locks"],
        says: "A local application should not ask a remote server for an oplock: the request fails at once with an error, so without a packet.",
    }
}
