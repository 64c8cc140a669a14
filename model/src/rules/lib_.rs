//! Section 1.29: what well-known libraries rely on.

use super::net as previous;

rules! {
    /// LIB-01
    LIB_01 "LIB-01" {
        layer: Library,
        confidence: [Folklore],
        versions: "all",
        kind: Advice,
        sources: ["ASIO"],
        says: "asio expects a completion to race with its initiation: a \"ready\" flag in each operation makes whoever comes second process it, and one dequeued too early is posted again.",
    }

    /// LIB-02
    LIB_02 "LIB-02" {
        layer: Library,
        confidence: [Folklore],
        versions: "all",
        kind: Advice,
        sources: ["LIBUV tcp.c", "LIBUV pipe.c"],
        says: "Where association fails, libuv emulates completion with waiting threads that post; to suppress a packet it sets bit 0 of hEvent.",
    }

    /// LIB-03
    LIB_03 "LIB-03" {
        layer: Library,
        confidence: [Folklore],
        versions: "all",
        kind: Advice,
        sources: ["WEPOLL", "MIO"],
        says: "wepoll and mio send AFD poll requests to one port. They accept NOT_FOUND from a cancel, take a status block that is not PENDING as complete, and wait for the packet before they free the request.",
    }

    /// LIB-04
    LIB_04 "LIB-04" {
        layer: Library,
        confidence: [Folklore],
        versions: "all",
        kind: Advice,
        sources: ["GO"],
        says: ".NET and Go set the skip mode on TCP sockets only, and their runtimes handle a success without packet.",
    }

    /// LIB-05
    LIB_05 "LIB-05" {
        layer: Library,
        confidence: [Folklore],
        versions: "all",
        kind: Advice,
        sources: ["various"],
        says: "To shut down, a server posts one sentinel packet per worker; closing the port instead depends on error 735, which exists since Vista.",
    }
}
