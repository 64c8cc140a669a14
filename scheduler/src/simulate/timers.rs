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
    /// Moment and number, as one number: it is quicker to compare.
    heap: BinaryHeap<Reverse<u128>>,
    set: u64,
    /// The first of the heap has gone off, and is there still: mostly another timer is set next, and
    /// takes its place.
    gone_off: bool,
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
        let entry = Reverse(u128::from(at_ns) << 64 | u128::from(number));
        if std::mem::take(&mut self.gone_off)
            && let Some(mut first) = self.heap.peek_mut()
        {
            *first = entry;
        } else {
            self.heap.push(entry);
        }
        number
    }

    /// How many are set.
    #[cfg(test)]
    pub(super) fn pending(&self) -> usize {
        self.heap.len() - usize::from(self.gone_off)
    }

    /// The earliest timer: its moment, its number, and what it is for.
    #[inline]
    pub(super) fn next(&mut self) -> Option<(u64, u64, Timer)> {
        if std::mem::replace(&mut self.gone_off, true) {
            self.heap.pop();
        }
        let Some(Reverse(entry)) = self.heap.peek() else {
            self.gone_off = false;
            return None;
        };
        let (at_ns, number) = ((entry >> 64) as u64, *entry as u64);
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

    /// Setting one after each that goes off, as an engine does, and two or none.
    #[test]
    fn timers_set_in_between_find_their_place() {
        let thread = ThreadId::new(0).expect("an id");
        let mut timers = Timers::default();
        let mut left = std::collections::BTreeSet::new();
        let mut now = 0;
        for step in 0..1_000_u64 {
            let set = [1, 2, 0, 1, 3, 0][step as usize % 6];
            for more in 0..set {
                let at = now + (step * 7919 + more * 104_729) % 50;
                left.insert((at, timers.set(at, Timer::GetsOn(thread))));
            }
            assert_eq!(timers.pending(), left.len());
            if let Some((at, number, _)) = timers.next() {
                assert_eq!(left.pop_first(), Some((at, number)));
                now = at;
            }
        }
        while let Some((at, number, _)) = timers.next() {
            assert_eq!(left.pop_first(), Some((at, number)));
        }
        assert!(left.is_empty());
    }

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
        assert_eq!(timers.pending(), 0);
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
