//! Numbers that are kept while a replication goes on, in memory that does not grow with it.

use iocp_model::Port;

/// Count, mean, variance and greatest of some durations: sums of whole numbers, and so exact, and
/// the same in whatever order they come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moments {
    /// How many.
    pub n: u64,
    /// Their sum.
    pub sum_ns: u128,
    /// The sum of their squares.
    pub squares: u128,
    /// The greatest.
    pub max_ns: u64,
    /// How many are longer than nothing.
    pub longer_than_zero: u64,
}

impl Moments {
    /// One more.
    #[inline]
    pub fn add(&mut self, ns: u64) {
        self.n += 1;
        self.sum_ns += u128::from(ns);
        self.squares += u128::from(ns) * u128::from(ns);
        self.max_ns = self.max_ns.max(ns);
        self.longer_than_zero += u64::from(ns > 0);
    }

    /// The mean; 0 of none.
    pub fn mean(&self) -> f64 {
        self.sum_ns as f64 / self.n.max(1) as f64
    }

    /// The sum of the squares of the distances from the mean.
    pub fn m2(&self) -> f64 {
        let mean = self.mean();
        (self.squares as f64 - self.sum_ns as f64 * mean).max(0.0)
    }

    /// The variance of the values, as an estimate of that of their law; 0 of fewer than two.
    pub fn variance(&self) -> f64 {
        self.m2() / self.n.saturating_sub(1).max(1) as f64
    }

    /// Those of both together.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.sum_ns += other.sum_ns;
        self.squares += other.squares;
        self.max_ns = self.max_ns.max(other.max_ns);
        self.longer_than_zero += other.longer_than_zero;
    }
}

/// Values in their order, as the means of batches. There are at most [`Series::MOST`] batches; when
/// there would be more, each two become one.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    /// How many values make a batch.
    pub batch: u64,
    /// The means of full batches, in order.
    pub means: Vec<f64>,
    /// The batch that is not full yet.
    sum: u128,
    count: u64,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            batch: 1,
            means: Vec::new(),
            sum: 0,
            count: 0,
        }
    }
}

impl Series {
    /// The most batches.
    pub const MOST: usize = 4096;

    /// The next value.
    #[inline]
    pub fn add(&mut self, value: u64) {
        self.sum += u128::from(value);
        self.count += 1;
        if self.count == self.batch {
            self.close();
        }
    }

    fn close(&mut self) {
        self.means.push(self.sum as f64 / self.count as f64);
        (self.sum, self.count) = (0, 0);
        if self.means.len() == Self::MOST {
            for place in 0..Self::MOST / 2 {
                self.means[place] = (self.means[2 * place] + self.means[2 * place + 1]) / 2.0;
            }
            self.means.truncate(Self::MOST / 2);
            self.batch *= 2;
        }
    }
}

/// Requests that are under way: begun and not over.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Outstanding {
    /// When counting began.
    pub begin: u64,
    /// When it ended.
    pub end: u64,
    /// The most at any time.
    pub most: u64,
    /// The mean over time.
    pub mean: f64,
}

/// What a port was like over time.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PortStatistics {
    /// Its name.
    pub name: String,
    /// Its limit.
    pub limit: u32,
    /// The mean number of packets in the queue.
    pub depth_mean: f64,
    /// The most packets in the queue.
    pub depth_max: u64,
    /// The mean number of active threads.
    pub active_mean: f64,
    /// The most active threads.
    pub active_max: u64,
    /// The share of time with more active threads than the limit.
    pub above_limit: f64,
    /// The share of time with as many as the limit.
    pub at_limit: f64,
    /// The mean number of threads that wait in a dequeue.
    pub waiters_mean: f64,
    /// The share of time in which packets wait and no thread waits for one: all have work, or are
    /// blocked.
    pub short_of_threads: f64,
    /// The share of time in which packets wait and threads do, too: the limit keeps them apart.
    pub held_by_limit: f64,
    /// How many packets went to a thread that was blocked.
    pub hand_offs: u64,
    /// How many packets a running thread took from the queue.
    pub taken_at_once: u64,
}

/// The integral of a number over time, and its greatest value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gauge {
    value: u64,
    since_ns: u64,
    area: u128,
    most: u64,
}

impl Gauge {
    /// It has this value from now on.
    #[inline]
    pub(super) fn set(&mut self, value: u64, now_ns: u64) {
        if value != self.value {
            self.area += u128::from(self.value) * u128::from(now_ns - self.since_ns);
            self.since_ns = now_ns;
            self.value = value;
            self.most = self.most.max(value);
        }
    }

    /// The value.
    #[inline]
    pub(super) fn value(&self) -> u64 {
        self.value
    }

    /// Counting begins here.
    pub(super) fn begin(&mut self, now_ns: u64) {
        self.area = 0;
        self.since_ns = now_ns;
        self.most = self.value;
    }

    /// The greatest value.
    pub(super) fn most(&self) -> u64 {
        self.most
    }

    /// The mean over so long, up to now.
    pub(super) fn mean(&self, now_ns: u64, over_ns: u64) -> f64 {
        let area = self.area + u128::from(self.value) * u128::from(now_ns - self.since_ns);
        area as f64 / over_ns.max(1) as f64
    }
}

/// What a port was like so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PortBook {
    depth: u32,
    active: u32,
    waiters: u32,
    limit: u32,
    since_ns: u64,
    areas: [u128; 3],
    above_ns: u64,
    at_ns: u64,
    short_ns: u64,
    held_ns: u64,
    most_depth: u32,
    most_active: u32,
    pub(super) hand_offs: u64,
    pub(super) taken_at_once: u64,
}

impl PortBook {
    /// What it is like now.
    #[inline]
    pub(super) fn look(&mut self, port: &Port, now_ns: u64) {
        let now = (
            port.depth() as u32,
            port.active,
            port.waiters.len() as u32,
            port.limit,
        );
        if now != (self.depth, self.active, self.waiters, self.limit) {
            self.pass(now_ns);
            (self.depth, self.active, self.waiters, self.limit) = now;
            self.most_depth = self.most_depth.max(self.depth);
            self.most_active = self.most_active.max(self.active);
        }
    }

    /// Time has passed since it changed last.
    #[inline]
    fn pass(&mut self, now_ns: u64) {
        let ns = now_ns - self.since_ns;
        if ns == 0 {
            return;
        }
        self.since_ns = now_ns;
        let values = [self.depth, self.active, self.waiters];
        for (area, value) in self.areas.iter_mut().zip(values) {
            *area += u128::from(ns) * u128::from(value);
        }
        if self.active > self.limit {
            self.above_ns += ns;
        } else if self.active == self.limit && self.limit > 0 {
            self.at_ns += ns;
        }
        match (self.depth, self.waiters) {
            (0, _) => {}
            (_, 0) => self.short_ns += ns,
            _ => self.held_ns += ns,
        }
    }

    /// Counting begins here.
    pub(super) fn begin(&mut self, now_ns: u64) {
        self.since_ns = now_ns;
        self.areas = [0; 3];
        (self.above_ns, self.at_ns) = (0, 0);
        (self.short_ns, self.held_ns) = (0, 0);
        (self.most_depth, self.most_active) = (self.depth, self.active);
        (self.hand_offs, self.taken_at_once) = (0, 0);
    }

    /// What it came to, over so long.
    pub(super) fn report(
        mut self,
        name: String,
        limit: u32,
        now_ns: u64,
        over_ns: u64,
    ) -> PortStatistics {
        self.pass(now_ns);
        let over = over_ns.max(1) as f64;
        let [depth, active, waiters] = self.areas.map(|area| area as f64 / over);
        PortStatistics {
            name,
            limit,
            depth_mean: depth,
            depth_max: self.most_depth.into(),
            active_mean: active,
            active_max: self.most_active.into(),
            above_limit: self.above_ns as f64 / over,
            at_limit: self.at_ns as f64 / over,
            waiters_mean: waiters,
            short_of_threads: self.short_ns as f64 / over,
            held_by_limit: self.held_ns as f64 / over,
            hand_offs: self.hand_offs,
            taken_at_once: self.taken_at_once,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_by_hand() {
        let mut all = Moments::default();
        let mut rest = Moments::default();
        for (place, ns) in [1, 2, 3, 6].into_iter().enumerate() {
            if place < 2 { &mut all } else { &mut rest }.add(ns);
        }
        all.merge(&rest);
        assert_eq!((all.n, all.mean(), all.max_ns), (4, 3.0, 6));
        assert_eq!((all.m2(), all.variance()), (14.0, 14.0 / 3.0));
        assert_eq!(Moments::default().mean(), 0.0);
    }

    #[test]
    fn a_series_keeps_the_mean_and_the_order() {
        let mut series = Series::default();
        let count = 10 * Series::MOST as u64;
        (0..count).for_each(|value| series.add(value));
        assert_eq!(series.batch, 16);
        assert_eq!(series.means.len() as u64, count / 16);
        assert!(series.means.len() <= Series::MOST);
        assert!(series.means.is_sorted());
        let mean = series.means.iter().sum::<f64>() / series.means.len() as f64;
        assert_eq!(mean, (count - 1) as f64 / 2.0);
    }

    #[test]
    fn a_gauge_integrates() {
        let mut gauge = Gauge::default();
        gauge.set(3, 0);
        gauge.begin(10);
        gauge.set(1, 20);
        gauge.set(2, 40);
        assert_eq!(gauge.mean(50, 40), (30 + 20 + 20) as f64 / 40.0);
        assert_eq!((gauge.most(), gauge.value()), (3, 2));
    }
}
