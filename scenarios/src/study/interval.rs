//! How sure a mean of independent samples is: Student's t.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// A mean, and the interval in which the true one is with the confidence that was asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Interval {
    /// The mean of the samples.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Of independent samples. One sample says nothing of its error: its interval has no ends.
    ///
    /// ```
    /// use iocp_scenarios::study::Interval;
    /// // Ten samples: t is 2.262.
    /// let samples = [9.0, 11.0, 9.0, 11.0, 9.0, 11.0, 9.0, 11.0, 9.0, 11.0];
    /// let interval = Interval::of(&samples, 0.95);
    /// assert_eq!(interval.mean, 10.0);
    /// assert!((interval.half_width() - 2.262_157 * (10.0_f64 / 9.0).sqrt() / 10.0_f64.sqrt()).abs() < 1e-5);
    /// ```
    pub fn of(samples: &[f64], confidence: f64) -> Self {
        let n = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / n;
        let squares: f64 = samples.iter().map(|x| (x - mean) * (x - mean)).sum();
        let half = match samples.len() {
            0 | 1 => f64::INFINITY,
            // All alike: there is no error to be seen, however rounding went.
            _ if squares == 0.0 => 0.0,
            _ => quantile(confidence, n - 1.0) * (squares / (n - 1.0) / n).sqrt(),
        };
        Self {
            mean,
            low: mean - half,
            high: mean + half,
        }
    }

    /// Half of its width.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Half of its width as a part of the mean.
    pub fn relative(&self) -> f64 {
        match self.half_width() {
            0.0 => 0.0,
            half => half / self.mean.abs(),
        }
    }

    /// Is the value in it?
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// The value that Student's t with so many degrees of freedom exceeds, in either direction, with
/// probability one minus `confidence`.
///
/// It is rounded to nine digits: further ones depend on the machine's logarithm, and results must
/// not.
fn quantile(confidence: f64, freedom: f64) -> f64 {
    // Cannot fail: there is at least one degree of freedom, and the scale is one.
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::INFINITY, |t| {
        (t.inverse_cdf(0.5 + confidence / 2.0) * 1e9).round() / 1e9
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of the table that every textbook has.
    #[test]
    fn quantiles_are_those_of_the_table() {
        let table = [
            (0.95, 1.0, 12.7062),
            (0.95, 9.0, 2.2622),
            (0.99, 4.0, 4.6041),
            (0.99, 9.0, 3.2498),
            (0.90, 30.0, 1.6973),
            (0.95, 999.0, 1.9623),
        ];
        for (confidence, freedom, wanted) in table {
            let t = quantile(confidence, freedom);
            assert!((t - wanted).abs() < 1e-4, "{confidence} {freedom}: {t}");
        }
    }

    #[test]
    fn one_sample_says_nothing_of_its_error() {
        let interval = Interval::of(&[3.0], 0.95);
        assert_eq!(interval.mean, 3.0);
        assert_eq!(interval.relative(), f64::INFINITY);
        assert_eq!(Interval::of(&[2.0, 2.0], 0.95).relative(), 0.0);
    }
}
