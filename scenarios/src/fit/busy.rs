//! How many threads compute at each moment, and so how much of a processor each of them has.

/// A function of time that is constant between the moments at which a thread begins or ends to
/// compute.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Busy {
    processors: u32,
    /// When the number changes, what it is from then on, and how much one thread that has computed
    /// since the very beginning would have got done by then.
    changes: Vec<(u64, u32, f64)>,
}

impl Busy {
    /// From the stretches of time in which threads compute.
    pub(super) fn new(stretches: &[(u64, u64)], processors: u32) -> Self {
        let processors = processors.max(1);
        let mut edges: Vec<(u64, i64)> = Vec::with_capacity(stretches.len() * 2);
        for &(from, to) in stretches.iter().filter(|(from, to)| from < to) {
            edges.push((from, 1));
            edges.push((to, -1));
        }
        edges.sort_unstable();
        let mut busy = Self {
            processors,
            changes: vec![(0, 0, 0.0)],
        };
        let mut count = 0;
        for (at, by) in edges {
            let done = busy.done_by(at);
            count += by;
            let now = u32::try_from(count).unwrap_or(0);
            match busy.changes.last_mut() {
                Some(last) if last.0 == at => last.1 = now,
                _ => busy.changes.push((at, now, done)),
            }
        }
        busy
    }

    fn before(&self, at: u64) -> (u64, u32, f64) {
        let place = self.changes.partition_point(|change| change.0 <= at);
        self.changes[place.saturating_sub(1)]
    }

    fn done_by(&self, at: u64) -> f64 {
        let (from, count, done) = self.before(at);
        let share = f64::from(self.processors) / f64::from(count.max(self.processors));
        done + (at - from) as f64 * share
    }

    /// What a thread that computes from one moment to the other gets done, in nanoseconds of a
    /// processor of its own.
    pub(super) fn done_ns(&self, from: u64, to: u64) -> u64 {
        (self.done_by(to) - self.done_by(from)).max(0.0).round() as u64
    }

    /// Is there a processor that no thread uses, all the time from one moment to the other?
    pub(super) fn free_during(&self, from: u64, to: u64) -> bool {
        let after = self.changes.partition_point(|change| change.0 < to);
        let first = self.changes.partition_point(|change| change.0 <= from);
        self.changes[first.saturating_sub(1)..after.max(first)]
            .iter()
            .all(|change| change.1 < self.processors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_threads_on_two_processors_have_two_thirds_each() {
        let busy = Busy::new(&[(0, 90), (30, 90), (30, 60)], 2);
        assert_eq!(busy.done_ns(0, 30), 30);
        assert_eq!(busy.done_ns(30, 60), 20);
        assert_eq!(busy.done_ns(0, 90), 80);
        assert!(busy.free_during(0, 30));
        assert!(!busy.free_during(0, 31));
        assert!(!busy.free_during(89, 95));
        assert!(busy.free_during(90, 95));
    }
}
