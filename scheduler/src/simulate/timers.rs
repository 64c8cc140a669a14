//! What is going to happen, and when.

use iocp_model::ThreadId;
use std::{cmp::Reverse, collections::BinaryHeap};

/// What a timer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    /// The thread gets on: it is awake, its processor has changed to it, a stretch of its
    /// computation is over.
    GetsOn(ThreadId),
    /// The time-out of the call that the thread is in may run out.
    Expires(ThreadId),
}

/// Bits for the thread and the kind in an entry's number.
const BITS: u32 = 17;

/// Timers, the earliest first; of those for the same moment the one that was set first.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    set: u64,
}

impl Timers {
    /// Sets a timer and returns its number, which no other has.
    #[inline]
    pub(super) fn set(&mut self, at_ns: u64, timer: Timer) -> u64 {
        self.set += 1;
        let (thread, kind) = match timer {
            Timer::GetsOn(thread) => (thread, 0),
            Timer::Expires(thread) => (thread, 1),
        };
        let number = self.set << BITS | (thread.index() as u64) << 1 | kind;
        self.heap.push(Reverse((at_ns, number)));
        number
    }

    /// How many are set.
    #[cfg(test)]
    pub(super) fn pending(&self) -> usize {
        self.heap.len()
    }

    /// The earliest timer: its moment, its number, and what it is for.
    #[inline]
    pub(super) fn next(&mut self) -> Option<(u64, u64, Timer)> {
        let Reverse((at_ns, number)) = self.heap.pop()?;
        let thread = ThreadId::new((number >> 1) as usize & 0xFFFF)?;
        let timer = match number & 1 {
            0 => Timer::GetsOn(thread),
            _ => Timer::Expires(thread),
        };
        Some((at_ns, number, timer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_of_equals_the_first_set() {
        let mut timers = Timers::default();
        let [a, b] = [0, 1023].map(|index| ThreadId::new(index).expect("an id"));
        timers.set(5, Timer::GetsOn(b));
        timers.set(3, Timer::Expires(b));
        let first = timers.set(3, Timer::GetsOn(a));
        timers.set(1, Timer::Expires(a));
        let mut order = Vec::new();
        while let Some((at, number, timer)) = timers.next() {
            order.push((at, timer));
            assert_eq!(number == first, (at, timer) == (3, Timer::GetsOn(a)));
        }
        assert_eq!(
            order,
            [
                (1, Timer::Expires(a)),
                (3, Timer::Expires(b)),
                (3, Timer::GetsOn(a)),
                (5, Timer::GetsOn(b)),
            ]
        );
    }
}
