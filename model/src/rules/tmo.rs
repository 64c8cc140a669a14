//! Section 1.8: time-outs.

use super::wait as previous;

rules! {
    /// TMO-01
    TMO_01 "TMO-01" {
        layer: Win32,
        confidence: [Documented, Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["M:sdk", "W:kfile"],
        says: "dwMilliseconds 0 polls, INFINITE (0xFFFFFFFF) waits without limit.",
    }

    /// TMO-02
    TMO_02 "TMO-02" {
        layer: Win32,
        confidence: [Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["W:sock", "M:sdk"],
        says: "A GetQueuedCompletionStatus that times out returns FALSE with WAIT_TIMEOUT (258), sets *lpOverlapped to NULL and leaves the key and the byte count as they were.",
    }

    /// TMO-03
    TMO_03 "TMO-03" {
        layer: IoCompletion,
        confidence: [Tested],
        versions: "V+",
        kind: Mechanism,
        sources: ["W:nfile", "W:kfile"],
        says: "A batch dequeue that times out writes 0 or 1 as the number removed, depending on the version; a caller must not rely on it.",
        note: "see DIS-13",
    }

    /// TMO-04
    TMO_04 "TMO-04" {
        layer: IoCompletion,
        confidence: [ReverseEngineered, Tested],
        versions: "all",
        kind: Mechanism,
        sources: ["R:ioc", "W:nfile"],
        says: "In the NT calls a NULL time-out pointer means no limit, 0 a poll, a negative value a relative and a positive value an absolute time; on expiry they return STATUS_TIMEOUT (0x102).",
    }

    /// TMO-05
    TMO_05 "TMO-05" {
        layer: Win32,
        confidence: [Documented],
        versions: "≤7 vs 8+",
        kind: Mechanism,
        sources: ["M:sdk/GetQueuedCompletionStatusEx"],
        says: "Up to Windows 7 and Server 2008 R2 the time a machine spends asleep or hibernating counts towards a finite time-out; from Windows 8 on it does not.",
    }

    /// TMO-06
    TMO_06 "TMO-06" {
        layer: Library,
        confidence: [Folklore],
        versions: "all",
        kind: Advice,
        sources: ["LIBUV src/win/core.c"],
        says: "A wait may report WAIT_TIMEOUT a little early because of the timer's resolution, so libraries look at the clock again.",
    }

    /// TMO-07
    TMO_07 "TMO-07" {
        layer: Win32,
        confidence: [Measured, Folklore],
        versions: "all",
        kind: Metadata,
        sources: ["GO"],
        says: "Finite time-outs of GetQueuedCompletionStatus follow the coarse system tick, about 15.6 ms by default; Go uses wait completion packets with high-resolution timers instead.",
    }
}
