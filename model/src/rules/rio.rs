//! Section 1.26: registered I/O.

use super::tp as previous;

rules! {
    /// RIO-01
    RIO_01 "RIO-01" {
        layer: Winsock,
        confidence: [Documented],
        versions: "8+",
        kind: Device,
        sources: ["M:sdk/RIO_NOTIFICATION_COMPLETION", "M:sdk/RIONotify"],
        says: "A RIO completion queue can notify through a port, with a key and an overlapped of its own. RIONotify arms it; as soon as there is a result in the queue, be it at once or later, one packet with these values goes to the port.",
    }

    /// RIO-02
    RIO_02 "RIO-02" {
        layer: Winsock,
        confidence: [Documented],
        versions: "8+",
        kind: Device,
        sources: ["M:sdk/RIO_NOTIFICATION_COMPLETION", "M:sdk/RIONotify"],
        says: "One arming gives one packet. Arming an armed queue gives WSAEALREADY (10037), a bad queue WSAEINVAL.",
    }

    /// RIO-03
    RIO_03 "RIO-03" {
        layer: Winsock,
        confidence: [Documented],
        versions: "8+",
        kind: Device,
        sources: ["M:sdk/RIO_NOTIFICATION_COMPLETION", "M:sdk/RIONotify"],
        says: "Requests with RIO_MSG_DONT_NOTIFY do not trigger the notification, and no RIO request queues a packet by itself.",
    }
}
