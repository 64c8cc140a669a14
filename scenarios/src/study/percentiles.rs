//! Percentiles of all replications together, and how sure they are.
//!
//! The percentile of a short run is not that of a long one: of 100,000 requests, ten are above
//! p99.99, and they come in clusters. So the value is that of all replications together, and its
//! interval is found the other way round (Woodruff, 1952): which part of the requests is slower than
//! the value, in each replication? That part has a mean without bias and Student's interval, and the
//! ends of the interval are the values of all replications that belong to its ends.

use super::interval::Interval;
use hdrhistogram::Histogram;

/// The percentiles of the latency: name, and the part of the requests that is not slower.
pub const PERCENTILES: [(&str, f64); 6] = [
    ("latency.p50", 0.5),
    ("latency.p90", 0.9),
    ("latency.p95", 0.95),
    ("latency.p99", 0.99),
    ("latency.p999", 0.999),
    ("latency.p9999", 0.9999),
];

/// The parts of the requests for which the curve of latencies has a value: four steps for each nine.
pub const CURVE: [f64; 16] = [
    0.5, 0.6838, 0.8222, 0.9, 0.94377, 0.96838, 0.98222, 0.99, 0.994377, 0.996838, 0.998222, 0.999,
    0.9994377, 0.9996838, 0.9998222, 0.9999,
];
/// A value of the curve needs so many requests above it.
const ABOVE: f64 = 10.0;

/// The most groups; when there would be more, each two become one.
const MOST: usize = 64;

/// The latencies of replications: all together, and in groups of as many replications each.
pub(super) struct Latencies {
    pub(super) all: Histogram<u64>,
    groups: Vec<Histogram<u64>>,
    /// How many replications make a group.
    size: u32,
    /// The group that is not full yet, and how many it has.
    next: Histogram<u64>,
    count: u32,
}

impl Latencies {
    pub(super) fn new() -> Self {
        Self {
            all: empty(),
            groups: Vec::new(),
            size: 1,
            next: empty(),
            count: 0,
        }
    }

    /// Those of one more replication.
    pub(super) fn add(&mut self, latency: &Histogram<u64>) {
        // Adding cannot fail: these histograms grow.
        let _ = self.all.add(latency);
        let _ = self.next.add(latency);
        self.count += 1;
        if self.count < self.size {
            return;
        }
        self.groups.push(std::mem::replace(&mut self.next, empty()));
        self.count = 0;
        if self.groups.len() == MOST {
            let pairs = std::mem::take(&mut self.groups);
            let mut pairs = pairs.into_iter();
            while let (Some(mut one), Some(other)) = (pairs.next(), pairs.next()) {
                let _ = one.add(&other);
                self.groups.push(one);
            }
            self.size *= 2;
        }
    }

    /// The latency that this part of the requests does not exceed, in seconds.
    pub(super) fn interval(&self, part: f64, confidence: f64) -> Interval {
        let value = self.all.value_at_quantile(part);
        let slower: Vec<_> = self
            .groups
            .iter()
            .map(|group| 1.0 - group.quantile_below(value))
            .collect();
        let error = Interval::of(&slower, confidence).half_width();
        let at = |part: f64| match part {
            part if part >= 1.0 => f64::INFINITY,
            part => self.all.value_at_quantile(part.max(0.0)) as f64 / 1e9,
        };
        Interval {
            mean: at(part),
            low: at(part - error),
            high: at(part + error),
        }
    }

    /// The latencies of [`CURVE`] that enough requests exceed, with their parts.
    pub(super) fn curve(&self, confidence: f64) -> Vec<(f64, Interval)> {
        let requests = self.all.len() as f64;
        let parts = CURVE.into_iter();
        let known = parts.filter(|part| requests * (1.0 - part) >= ABOVE);
        known
            .map(|part| (part, self.interval(part, confidence)))
            .collect()
    }
}

/// A histogram of three digits that grows by itself, as those of the replications.
fn empty() -> Histogram<u64> {
    // Cannot fail: three digits are within what there may be.
    let made = Histogram::new(3);
    made.unwrap_or_else(|_| unreachable!("three digits make a histogram"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values 1 to 1000 in each replication: nothing differs between them, so nothing is unsure.
    #[test]
    fn replications_that_agree_are_sure() {
        let mut latencies = Latencies::new();
        let mut one = empty();
        (1..=1000).for_each(|value| one.record(value).expect("it grows"));
        (0..200).for_each(|_| latencies.add(&one));
        assert_eq!(latencies.all.len(), 200_000);
        assert!(latencies.groups.len() < MOST && latencies.groups.len() >= MOST / 2);
        assert_eq!(latencies.groups[0].len(), 1000 * u64::from(latencies.size));
        let median = latencies.interval(0.5, 0.95);
        assert_eq!((median.low, median.mean, median.high), (5e-7, 5e-7, 5e-7));
    }

    /// Half of the replications are ten times as slow: the upper percentiles are theirs alone.
    #[test]
    fn replications_that_differ_are_not() {
        let mut latencies = Latencies::new();
        for replication in 0..10 {
            let mut one = empty();
            let slow = if replication % 2 == 0 { 1 } else { 10 };
            (1..=1000).for_each(|value| one.record(slow * value).expect("it grows"));
            latencies.add(&one);
        }
        // A tenth of all is slower, in half of the ten replications none and in half a fifth: give
        // or take 2.262 * 0.1054 / sqrt(10) = 0.075 of the requests, at 10 ns for each thousandth.
        let interval = latencies.interval(0.9, 0.95);
        assert!((interval.low - 6.5e-6).abs() < 1e-8, "{interval:?}");
        assert!((interval.high - 9.5e-6).abs() < 2e-8, "{interval:?}");
        assert!(latencies.interval(0.999, 0.95).high.is_infinite() || interval.contains(8e-6));
    }
}
