//! Section 1.22: named pipes.

use super::wcp as previous;

rules! {
    /// NP-01
    NP_01 "NP-01" {
        layer: NamedPipe,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:kpipe serverThreadMain4", "W:npipe"],
        says: "An overlapped ConnectNamedPipe fails with ERROR_PIPE_CONNECTED (535) and no packet if a client is there already; otherwise it gives 997 and a packet when a client connects.",
    }

    /// NP-02
    NP_02 "NP-02" {
        layer: NamedPipe,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:kpipe"],
        says: "A successful read or write on a pipe queues one packet, whether it was immediate or pended.",
    }

    /// NP-03
    NP_03 "NP-03" {
        layer: NamedPipe,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:kpipe"],
        says: "Once the peer has closed, a write fails at once with ERROR_NO_DATA (232) and a read with ERROR_BROKEN_PIPE (109); neither queues a packet.",
    }

    /// NP-04
    NP_04 "NP-04" {
        layer: NamedPipe,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:nfile"],
        says: "If the server closes its own handle, its pended read ends with a packet PIPE_BROKEN and 0 bytes.",
    }

    /// NP-05
    NP_05 "NP-05" {
        layer: NamedPipe,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:npipe"],
        says: "Reading a message into a buffer that is too short gives BUFFER_OVERFLOW with as many bytes as the buffer holds; whether a packet follows is governed by SKIP-06.",
    }

    /// NP-06
    NP_06 "NP-06" {
        layer: NamedPipe,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["OV-166", "W:npipe test_transceive"],
        says: "TransactNamedPipe writes and reads as a single operation with a single packet.",
    }
}
