//! Section 1.11: `GetQueuedCompletionStatusEx`.

use super::gq as previous;

rules! {
    /// GQX-01
    GQX_01 "GQX-01" {
        layer: Win32,
        confidence: [Documented, Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["M:sdk", "W:kfile"],
        says: "GetQueuedCompletionStatusEx takes up to ulCount packets, waits only as long as there is none, and returns TRUE exactly if it took at least one.",
    }

    /// GQX-02
    GQX_02 "GQX-02" {
        layer: Win32,
        confidence: [Inferred, Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["M:sdk", "W:kfile"],
        says: "A failed operation does not make the call fail: it returns TRUE, the NTSTATUS of each operation stands in its entry's Internal, and nothing is mapped to a last error.",
    }

    /// GQX-03
    GQX_03 "GQX-03" {
        layer: Win32,
        confidence: [Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:kfile"],
        says: "An entry holds key, overlapped, Internal and bytes; of Internal only the low 32 bits mean anything.",
    }

    /// GQX-04
    GQX_04 "GQX-04" {
        layer: IoCompletion,
        confidence: [Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:nfile"],
        says: "A count of 0 is refused with STATUS_INVALID_PARAMETER, presumably 87 in Win32, and the number removed is not written.",
        note: "the Win32 code is inferred",
    }

    /// GQX-05
    GQX_05 "GQX-05" {
        layer: IoCompletion,
        confidence: [Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:nfile", "W:kfile"],
        says: "The entries of a batch are in queue order, oldest first.",
    }

    /// GQX-06
    GQX_06 "GQX-06" {
        layer: Win32,
        confidence: [Tested, Documented],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:kfile", "W:nsync"],
        says: "The call returns FALSE with 258 when it times out, 192 when an APC ends it and 735 when the port is abandoned.",
    }

    /// GQX-07
    GQX_07 "GQX-07" {
        layer: KernelQueue,
        confidence: [Inferred],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:nfile", "W:kfile"],
        says: "If a batch caller was blocked and a hand-off wakes it, it returns that packet and may add others that are queued when it resumes, up to ulCount. The model lets the number be any k from 1 to min(n, 1 + depth at resumption), or fixes it by a \"drain\" policy.",
        note: "the tests cover only calls that do not block, see OPEN-3",
    }

    /// GQX-08
    GQX_08 "GQX-08" {
        layer: Win32,
        confidence: [Documented],
        versions: "V+",
        kind: Metadata,
        sources: ["M:sdk"],
        says: "The entry array and the count pointer must be valid; the function exists since Vista and Server 2008.",
    }

    /// GQX-09
    GQX_09 "GQX-09" {
        layer: KernelQueue,
        confidence: [Inferred],
        versions: "V+",
        kind: Mechanism,
        sources: ["KQ-18"],
        says: "A batch that need not block obeys the limit: with the limit filled by others it takes nothing, as in KQ-09; below the limit it takes all packets up to ulCount in a single active slot.",
    }
}
