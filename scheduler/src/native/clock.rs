//! `QueryPerformanceCounter`.

use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};

/// The counter now. It never goes back, on whatever processor it is read.
#[inline]
pub(super) fn now() -> i64 {
    let mut count = 0;
    // SAFETY: the pointer is to a live i64. The call cannot fail since Windows XP.
    unsafe { QueryPerformanceCounter(&mut count) };
    count
}

/// Turns counts into nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    frequency: i64,
}

impl Clock {
    pub(super) fn new() -> Self {
        let mut frequency = 0;
        // SAFETY: the pointer is to a live i64. The call cannot fail since Windows XP.
        unsafe { QueryPerformanceFrequency(&mut frequency) };
        Self {
            frequency: frequency.max(1),
        }
    }

    /// The nanoseconds from `start` to `at`; 0 if that is before.
    pub(super) fn ns(self, start: i64, at: i64) -> u64 {
        let counts = u128::try_from(at - start).unwrap_or(0);
        u64::try_from(counts * 1_000_000_000 / self.frequency as u128).unwrap_or(u64::MAX)
    }

    /// So many nanoseconds as counts, rounded up.
    pub(super) fn counts(self, ns: u64) -> i64 {
        let counts = (u128::from(ns) * self.frequency as u128).div_ceil(1_000_000_000);
        // Half of the range, so that a time plus a duration does not overflow.
        i64::try_from(counts).unwrap_or(i64::MAX).min(i64::MAX / 4)
    }
}
