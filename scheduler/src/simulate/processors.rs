//! The processors of the machine, and the line of those who want one.

use super::statistics::Gauge;
use iocp_model::ThreadId;
use std::collections::VecDeque;

/// Which thread has which processor.
#[derive(Clone, Debug)]
pub(super) struct Processors {
    /// One bit for each processor that is idle.
    idle: Vec<u64>,
    /// Who ran last on each.
    last: Vec<Option<ThreadId>>,
    busy: Vec<Gauge>,
    /// Who is ready, first come, first served.
    pub(super) line: VecDeque<ThreadId>,
    /// How long the line is.
    pub(super) waiting: Gauge,
    /// How often a processor changed to another thread.
    pub(super) switches: u64,
}

impl Processors {
    pub(super) fn new(count: u16) -> Self {
        let count = usize::from(count);
        let mut idle = vec![u64::MAX; count.div_ceil(64)];
        if let (Some(last), rest @ 1..) = (idle.last_mut(), count % 64) {
            *last = (1 << rest) - 1;
        }
        Self {
            idle,
            last: vec![None; count],
            busy: vec![Gauge::default(); count],
            line: VecDeque::new(),
            waiting: Gauge::default(),
            switches: 0,
        }
    }

    /// An idle processor for a thread, which is busy from now on: the one on which it ran last, or
    /// else the first.
    #[inline]
    pub(super) fn take(&mut self, thread: ThreadId, before: u16, now_ns: u64) -> Option<u16> {
        let before = usize::from(before);
        let (word, bit) = (before / 64, 1 << (before % 64));
        let processor = if self.idle[word] & bit != 0 && self.last[before] == Some(thread) {
            before
        } else {
            let word = self.idle.iter().position(|word| *word != 0)?;
            word * 64 + self.idle[word].trailing_zeros() as usize
        };
        self.idle[processor / 64] &= !(1 << (processor % 64));
        self.busy[processor].set(1, now_ns);
        Some(processor as u16)
    }

    /// The thread gets this busy processor. Did another run there before?
    #[inline]
    pub(super) fn changes_to(&mut self, processor: u16, thread: ThreadId) -> bool {
        let last = &mut self.last[usize::from(processor)];
        let changes = last.is_some_and(|last| last != thread);
        *last = Some(thread);
        self.switches += u64::from(changes);
        changes
    }

    /// Nobody wants this processor.
    #[inline]
    pub(super) fn rests(&mut self, processor: u16, now_ns: u64) {
        let processor = usize::from(processor);
        self.idle[processor / 64] |= 1 << (processor % 64);
        self.busy[processor].set(0, now_ns);
    }

    /// A thread stands in line.
    #[inline]
    pub(super) fn stands_in_line(&mut self, thread: ThreadId, now_ns: u64) {
        self.line.push_back(thread);
        self.waiting.set(self.line.len() as u64, now_ns);
    }

    /// The first in line.
    #[inline]
    pub(super) fn next_in_line(&mut self, now_ns: u64) -> Option<ThreadId> {
        let next = self.line.pop_front();
        self.waiting.set(self.line.len() as u64, now_ns);
        next
    }

    /// A thread leaves the line without a processor.
    pub(super) fn leaves_line(&mut self, thread: ThreadId, now_ns: u64) {
        self.line.retain(|other| *other != thread);
        self.waiting.set(self.line.len() as u64, now_ns);
    }

    /// Counting begins here.
    pub(super) fn begin(&mut self, now_ns: u64) {
        self.busy.iter_mut().for_each(|busy| busy.begin(now_ns));
        self.waiting.begin(now_ns);
        self.switches = 0;
    }

    /// The share of so long that each was busy.
    pub(super) fn shares(&self, now_ns: u64, over_ns: u64) -> impl Iterator<Item = f64> + '_ {
        self.busy.iter().map(move |busy| busy.mean(now_ns, over_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_goes_where_it_ran_last() {
        let [a, b] = [0, 1].map(|index| ThreadId::new(index).expect("an id"));
        for count in [2, 65, 128] {
            let mut processors = Processors::new(count);
            assert_eq!(processors.take(a, 0, 0), Some(0));
            assert_eq!(processors.take(b, 0, 0), Some(1));
            assert!(!processors.changes_to(0, a) && !processors.changes_to(1, b));
            processors.rests(0, 5);
            processors.rests(1, 10);
            assert_eq!(processors.take(b, 1, 20), Some(1));
            assert!(!processors.changes_to(1, b));
            assert_eq!(processors.take(b, 1, 20), Some(0));
            assert!(processors.changes_to(0, b));
            assert_eq!(processors.switches, 1);
            let shares: Vec<_> = processors.shares(40, 40).take(2).collect();
            assert_eq!(shares, [25.0 / 40.0, 30.0 / 40.0]);
            for _ in 2..count {
                assert!(processors.take(a, 0, 20).is_some());
            }
            assert_eq!(processors.take(a, 0, 20), None);
        }
    }
}
