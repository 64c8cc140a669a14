//! A stream of numbers between 0 and 1 that belongs to something: a request, a thread.

use super::{MOST_NUMBER, share};

/// SplitMix64 (Steele, Lea and Flood, 2014): small, quick, the same everywhere, and good enough for
/// any number of short streams, each begun from numbers that were mixed with each other.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Stream {
    state: u64,
    /// The next number, made before it is asked for: whoever asks is waiting for it.
    next: f64,
}

impl Default for Stream {
    fn default() -> Self {
        Self::at(0)
    }
}

/// The odd number nearest to 2^64 over the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Stream {
    /// The stream of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self::at(mix(seed.wrapping_add(STEP)))
    }

    /// The stream of this part of what the stream belongs to.
    #[inline]
    pub(crate) fn part(self, number: u64) -> Self {
        Self::at(mix(self.state ^ mix(number.wrapping_add(STEP))))
    }

    /// The next number between 0 and 1, both excluded.
    #[inline]
    pub(crate) fn next(&mut self) -> f64 {
        let next = self.next;
        *self = Self::at(self.state.wrapping_add(STEP));
        next
    }

    #[inline]
    fn at(state: u64) -> Self {
        Self {
            state,
            next: share(mix(state.wrapping_add(STEP)) & MOST_NUMBER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_even_and_apart() {
        let seed = Stream::new(7);
        for stretch in 0..20 {
            // The first numbers of many streams, as requests draw them.
            let first: Vec<f64> = (0..10_000)
                .map(|number| seed.part(stretch).part(number).next())
                .collect();
            let mean = first.iter().sum::<f64>() / 10_000.0;
            // Four standard deviations of the mean: 1 / sqrt(12 * 10,000) each.
            assert!((mean - 0.5).abs() < 4.0 * 0.002_887, "{stretch}: {mean}");
            let product = first.windows(2).map(|two| (two[0] - 0.5) * (two[1] - 0.5));
            let correlation = product.sum::<f64>() / 9_999.0 * 12.0;
            assert!(correlation.abs() < 4.0 * 0.01, "{stretch}: {correlation}");
        }
    }
}
