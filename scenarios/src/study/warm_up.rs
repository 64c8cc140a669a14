//! Where the beginning ends: MSER-5.
//!
//! A simulation begins empty, and what it measures there is not what a server that has run for a
//! while would show. MSER leaves out so many of the first batch means that the standard error of the
//! mean of the rest is smallest (White, 1997; with batches of five, MSER-5: White, Cobb and Spratt,
//! 2000). If that leaves out more than half, the run is too short to tell.

/// The batch means that are too few to say anything at the end of a series: the rest there may be
/// alike by luck.
const TAIL: usize = 5;
/// How many values MSER-5 puts in one batch, at least.
pub(super) const BATCH: u64 = 5;

/// What is left out at the beginning of each replication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WarmUp {
    /// How many requests are left out.
    pub requests: u64,
    /// Of how many that the pilot looked at.
    pub pilot: u64,
    /// Did the beginning end in the first half? If not, the run is too short.
    pub ended: bool,
}

/// How many of the first values to leave out, of a series of batch means. `None`: more than half of
/// them, or there are too few.
///
/// ```
/// use iocp_scenarios::study::mser;
/// let mut series = vec![9.0, 7.0, 5.0];
/// series.extend([1.0, 2.0].repeat(30));
/// assert_eq!(mser(&series), Some(3));
/// ```
pub fn mser(means: &[f64]) -> Option<usize> {
    let n = means.len();
    if n < 2 * TAIL {
        return None;
    }
    // Around the mean of all, so that nothing is lost when squares are subtracted.
    let middle = means.iter().sum::<f64>() / n as f64;
    let (mut sum, mut squares) = (0.0, 0.0);
    let mut best = (f64::INFINITY, n);
    for (at, value) in means.iter().enumerate().rev() {
        let value = value - middle;
        sum += value;
        squares += value * value;
        let left = (n - at) as f64;
        if n - at < TAIL {
            continue;
        }
        let statistic = (squares - sum * sum / left).max(0.0) / (left * left);
        // Of two that are as good, the one that leaves out less.
        if statistic <= best.0 {
            best = (statistic, at);
        }
    }
    (best.1 <= n / 2).then_some(best.1)
}

/// The mean of several series, moment by moment, as far as the shortest goes.
pub(super) fn averaged(series: &[Vec<f64>]) -> Vec<f64> {
    let shortest = series.iter().map(Vec::len).min().unwrap_or(0);
    let count = series.len() as f64;
    (0..shortest)
        .map(|at| series.iter().map(|one| one[at]).sum::<f64>() / count)
        .collect()
}

/// The means of `size` values each; what is left over at the end is left out.
pub(super) fn batched(values: &[f64], size: usize) -> Vec<f64> {
    let batches = values.chunks_exact(size.max(1));
    batches
        .map(|batch| batch.iter().sum::<f64>() / batch.len() as f64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An exponential approach to a level, with noise: what is left out covers the approach.
    #[test]
    fn an_approach_is_left_out() {
        let noise = |at: usize| ((at * 7919) % 101) as f64 / 101.0 - 0.5;
        let series: Vec<_> = (0..1000)
            .map(|at| 10.0 - 10.0 * (-(at as f64) / 20.0).exp() + noise(at))
            .collect();
        let cut = mser(&series).expect("half is enough");
        assert!((40..150).contains(&cut), "{cut}");
    }

    #[test]
    fn what_only_grows_is_too_short() {
        let series: Vec<_> = (0..1000).map(f64::from).collect();
        assert_eq!(mser(&series), None);
        assert_eq!(mser(&[1.0; 9]), None);
    }

    #[test]
    fn what_is_level_loses_nothing() {
        assert_eq!(mser(&[4.0; 100]), Some(0));
        assert_eq!(batched(&[1.0, 3.0, 5.0, 7.0, 9.0], 2), [2.0, 6.0]);
        assert_eq!(averaged(&[vec![1.0, 2.0], vec![3.0]]), [2.0]);
    }
}
