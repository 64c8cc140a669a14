//! Laws of durations: how long something takes that does not always take as long.
//!
//! A value is found by inversion: one uniform number gives one value, and a greater number a greater
//! value. So two runs that draw the same numbers can be compared request by request, whatever the
//! laws are. Nothing here is random, and all functions are those of `libm`, or written out here, so
//! that a number gives the same value on every machine.

mod erlang;
mod logarithm;
mod normal;
mod stream;

pub(crate) use stream::Stream;

use crate::{
    compile::durations,
    workload::{Duration, Place, Time, WorkloadError},
};
use std::{fmt, sync::Arc};

/// The most stages of an Erlang law: what it is nearly constant with.
pub const MOST_STAGES: u32 = 1_000;

/// The greatest number that [`share`] takes.
pub const MOST_NUMBER: u64 = (1 << 53) - 1;

/// The greatest number less than 1.
const GREATEST: f64 = 1.0 - f64::EPSILON / 2.0;

/// The number between 0 and 1, both excluded, that belongs to a whole number from 0 to
/// [`MOST_NUMBER`].
#[inline]
#[must_use]
pub fn share(number: u64) -> f64 {
    // Exact up to 2^52; above it the half is lost, and the greatest share is still less than 1.
    // Through a signed number, since processors have that conversion.
    let share = (number as i64 as f64 + 0.5) / (1u64 << 53) as f64;
    if share < GREATEST { share } else { GREATEST }
}

/// A law of durations, in nanoseconds.
#[derive(Clone, PartialEq, Debug)]
pub enum Law {
    /// Always this.
    Constant(u64),
    /// Exponential.
    Exponential {
        /// The mean.
        mean_ns: u64,
    },
    /// Any value between two is as likely as any other.
    Uniform {
        /// The least.
        from_ns: u64,
        /// The greatest.
        to_ns: u64,
    },
    /// Its logarithm is normal: many small values, a few great ones.
    LogNormal {
        /// The mean.
        mean_ns: u64,
        /// The standard deviation.
        deviation_ns: u64,
    },
    /// Pareto, with a heavy tail: none below a least value, and `P(X > x)` falls as `x^-shape`.
    Pareto {
        /// The mean.
        mean_ns: u64,
        /// The shape; more than 1, or there is no mean.
        shape: f64,
    },
    /// The sum of so many exponential stages.
    Erlang {
        /// The mean of the sum.
        mean_ns: u64,
        /// The number of stages.
        stages: u32,
    },
    /// One of these, each as likely as any other.
    Empirical(Arc<[u64]>),
    /// These, in this order, then again from the first.
    Sequence(Arc<[u64]>),
}

impl Law {
    /// The law of a duration as it is written; `None` if it is infinite.
    ///
    /// # Errors
    /// What is wrong with it; its place is within the duration.
    pub fn of(duration: &Duration) -> Result<Option<Self>, WorkloadError> {
        durations::law(&Place::default(), duration)
    }

    /// The value that belongs to `u`, a number between 0 and 1, both excluded: `P(X <= value) = u`.
    ///
    /// Of a [`Sequence`](Self::Sequence) it is one of the values, as if it had no order; see
    /// [`nth`](Self::nth).
    #[inline]
    #[must_use]
    pub fn sample(&self, u: f64) -> u64 {
        match self {
            Self::Constant(ns) => *ns,
            Self::Exponential { mean_ns } => exponential(*mean_ns, u),
            Self::Uniform { from_ns, to_ns } => {
                whole(*from_ns as f64 + (to_ns.saturating_sub(*from_ns)) as f64 * u)
            }
            Self::LogNormal {
                mean_ns,
                deviation_ns,
            } => {
                let (mu, sigma) = of_logarithm(*mean_ns, *deviation_ns);
                whole(libm::exp(mu + sigma * normal::quantile(u)))
            }
            Self::Pareto { mean_ns, shape } => {
                whole(least(*mean_ns, *shape) * libm::pow(1.0 - u, -1.0 / shape))
            }
            Self::Erlang { mean_ns, stages } => {
                whole(*mean_ns as f64 / f64::from(*stages) * erlang::quantile(*stages, u))
            }
            Self::Empirical(values) | Self::Sequence(values) => {
                let place = (u * values.len() as f64) as usize;
                values
                    .get(place)
                    .or(values.last())
                    .copied()
                    .unwrap_or_default()
            }
        }
    }

    /// The value of turn `n`, the first being 0, if the order decides it.
    #[must_use]
    pub fn nth(&self, n: u64) -> Option<u64> {
        match self {
            Self::Constant(ns) => Some(*ns),
            Self::Sequence(values) if !values.is_empty() => {
                Some(values[(n % values.len() as u64) as usize])
            }
            _ => None,
        }
    }

    /// The mean.
    #[must_use]
    pub fn mean_ns(&self) -> f64 {
        match self {
            Self::Constant(ns) => *ns as f64,
            Self::Exponential { mean_ns }
            | Self::LogNormal { mean_ns, .. }
            | Self::Pareto { mean_ns, .. }
            | Self::Erlang { mean_ns, .. } => *mean_ns as f64,
            Self::Uniform { from_ns, to_ns } => (*from_ns as f64 + *to_ns as f64) / 2.0,
            Self::Empirical(values) | Self::Sequence(values) => moments(values).0,
        }
    }

    /// The squared coefficient of variation: the variance over the square of the mean. 0 for a
    /// constant, 1 for the exponential law, infinite for a Pareto law whose shape is at most 2.
    #[must_use]
    pub fn scv(&self) -> f64 {
        match self {
            Self::Constant(_) => 0.0,
            Self::Exponential { .. } => 1.0,
            Self::Uniform { from_ns, to_ns } => {
                let ratio = (*to_ns as f64 - *from_ns as f64) / self.mean_ns();
                ratio * ratio / 12.0
            }
            Self::LogNormal {
                mean_ns,
                deviation_ns,
            } => {
                let ratio = *deviation_ns as f64 / *mean_ns as f64;
                ratio * ratio
            }
            Self::Pareto { shape, .. } if *shape <= 2.0 => f64::INFINITY,
            Self::Pareto { shape, .. } => 1.0 / (shape * (shape - 2.0)),
            Self::Erlang { stages, .. } => 1.0 / f64::from(*stages),
            Self::Empirical(values) | Self::Sequence(values) => {
                let (mean, variance) = moments(values);
                variance / (mean * mean)
            }
        }
    }

    /// The share of values up to `ns`.
    #[must_use]
    pub fn cdf(&self, ns: f64) -> f64 {
        if ns < 0.0 {
            return 0.0;
        }
        match self {
            Self::Constant(value) => f64::from(ns >= *value as f64),
            Self::Exponential { mean_ns } => -libm::expm1(-ns / *mean_ns as f64),
            Self::Uniform { from_ns, to_ns } if ns >= *from_ns as f64 => {
                ((ns - *from_ns as f64) / (*to_ns as f64 - *from_ns as f64)).min(1.0)
            }
            Self::Uniform { .. } => 0.0,
            Self::LogNormal {
                mean_ns,
                deviation_ns,
            } => {
                let (mu, sigma) = of_logarithm(*mean_ns, *deviation_ns);
                normal::cdf((libm::log(ns) - mu) / sigma)
            }
            Self::Pareto { mean_ns, shape } => {
                let ratio = least(*mean_ns, *shape) / ns;
                (1.0 - libm::pow(ratio, *shape)).max(0.0)
            }
            Self::Erlang { mean_ns, stages } => {
                erlang::cdf(*stages, ns * f64::from(*stages) / *mean_ns as f64)
            }
            Self::Empirical(values) | Self::Sequence(values) => {
                let up_to = values.iter().filter(|&&value| value as f64 <= ns).count();
                up_to as f64 / values.len().max(1) as f64
            }
        }
    }

    /// The same law with each value times `factor`.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let times = |ns: &u64| whole(*ns as f64 * factor);
        match self {
            Self::Constant(ns) => Self::Constant(times(ns)),
            Self::Exponential { mean_ns } => Self::Exponential {
                mean_ns: times(mean_ns),
            },
            Self::Uniform { from_ns, to_ns } => Self::Uniform {
                from_ns: times(from_ns),
                to_ns: times(to_ns),
            },
            Self::LogNormal {
                mean_ns,
                deviation_ns,
            } => Self::LogNormal {
                mean_ns: times(mean_ns),
                deviation_ns: times(deviation_ns),
            },
            Self::Pareto { mean_ns, shape } => Self::Pareto {
                mean_ns: times(mean_ns),
                shape: *shape,
            },
            Self::Erlang { mean_ns, stages } => Self::Erlang {
                mean_ns: times(mean_ns),
                stages: *stages,
            },
            Self::Empirical(values) => Self::Empirical(values.iter().map(times).collect()),
            Self::Sequence(values) => Self::Sequence(values.iter().map(times).collect()),
        }
    }
}

/// As a scenario's reader would say it: "exponential, mean 1ms"; a constant is just its time.
impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |ns: &u64| Time::Nanoseconds(*ns);
        match self {
            Self::Constant(ns) => time(ns).fmt(f),
            Self::Exponential { mean_ns } => write!(f, "exponential, mean {}", time(mean_ns)),
            Self::Uniform { from_ns, to_ns } => {
                write!(f, "uniform, {} to {}", time(from_ns), time(to_ns))
            }
            Self::LogNormal {
                mean_ns,
                deviation_ns,
            } => write!(
                f,
                "log-normal, mean {}, deviation {}",
                time(mean_ns),
                time(deviation_ns)
            ),
            Self::Pareto { mean_ns, shape } => {
                write!(f, "pareto, mean {}, shape {shape}", time(mean_ns))
            }
            Self::Erlang { mean_ns, stages } => {
                write!(f, "erlang, mean {}, {stages} stages", time(mean_ns))
            }
            Self::Empirical(values) => write!(f, "empirical, {} values", values.len()),
            Self::Sequence(values) => write!(f, "sequence of {}", values.len()),
        }
    }
}

/// The nearest whole number of nanoseconds that is a [`Time`].
#[inline]
fn whole(ns: f64) -> u64 {
    // A conversion saturates; half a nanosecond is far below what any of this means. Through a
    // signed number, since processors have that conversion.
    ((ns + 0.5) as i64).clamp(0, Time::MOST_NS as i64) as u64
}

/// The value of the exponential law of this mean that belongs to `u`, as [`Law::sample`] has it.
#[inline]
pub(crate) fn exponential(mean_ns: u64, u: f64) -> u64 {
    whole(-(mean_ns as f64) * logarithm::of(1.0 - u))
}

/// Mean and deviation of the logarithm of a log-normal value.
fn of_logarithm(mean_ns: u64, deviation_ns: u64) -> (f64, f64) {
    let ratio = deviation_ns as f64 / mean_ns as f64;
    let variance = libm::log1p(ratio * ratio);
    (
        libm::log(mean_ns as f64) - variance / 2.0,
        libm::sqrt(variance),
    )
}

/// The least value of a Pareto law.
fn least(mean_ns: u64, shape: f64) -> f64 {
    mean_ns as f64 * (shape - 1.0) / shape
}

/// Mean and variance of these values, each as likely as any other.
fn moments(values: &[u64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&value| value as f64).sum::<f64>() / count;
    let variance = values
        .iter()
        .map(|&value| (value as f64 - mean) * (value as f64 - mean))
        .sum::<f64>()
        / count;
    (mean, variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn laws() -> Vec<Law> {
        vec![
            Law::Constant(MS),
            Law::Exponential { mean_ns: MS },
            Law::Uniform {
                from_ns: MS,
                to_ns: 3 * MS,
            },
            Law::LogNormal {
                mean_ns: MS,
                deviation_ns: 2 * MS,
            },
            Law::Pareto {
                mean_ns: MS,
                shape: 3.5,
            },
            Law::Erlang {
                mean_ns: MS,
                stages: 3,
            },
            Law::Erlang {
                mean_ns: MS,
                stages: MOST_STAGES,
            },
            Law::Empirical([MS, 2 * MS, 2 * MS, 7 * MS].into()),
        ]
    }

    /// The middles of `count` equal parts of the interval from 0 to 1.
    fn middles(count: u32) -> impl Iterator<Item = f64> {
        (0..count).map(move |place| (f64::from(place) + 0.5) / f64::from(count))
    }

    #[test]
    fn a_sample_is_where_the_distribution_says() {
        for law in laws() {
            let mut last = 0;
            for u in middles(1_000) {
                let value = law.sample(u);
                assert!(
                    value >= last,
                    "{law}: a greater number gave a smaller value"
                );
                last = value;
                // One nanosecond on either side, since values are whole.
                assert!(law.cdf(value as f64 + 1.0) >= u - 1e-9, "{law} at {u}");
                assert!(law.cdf(value as f64 - 1.0) <= u + 1e-9, "{law} at {u}");
            }
        }
    }

    #[test]
    fn samples_have_the_mean_and_the_variation() {
        for law in laws() {
            // The middles of equal parts leave out the far tail, and how much that matters differs.
            let count = 200_000;
            let values: Vec<u64> = middles(count).map(|u| law.sample(u)).collect();
            let (mean, variance) = moments(&values);
            assert!((mean / law.mean_ns() - 1.0).abs() < 2e-3, "{law}: {mean}");
            let scv = variance / (mean * mean);
            assert!(
                (scv - law.scv()).abs() <= 0.05 * law.scv(),
                "{law}: {scv} for {}",
                law.scv()
            );
        }
    }

    #[test]
    fn heavy_tails_have_no_variance() {
        let law = Law::Pareto {
            mean_ns: MS,
            shape: 2.0,
        };
        assert_eq!(law.scv(), f64::INFINITY);
        // Nothing is below the least value: the mean times (shape - 1) / shape.
        assert_eq!(law.sample(1e-18), MS / 2);
        assert_eq!(law.cdf(499_999.0), 0.0);
    }

    #[test]
    fn extreme_numbers_give_times() {
        let least = 0.5 / (1u64 << 53) as f64;
        for law in laws() {
            assert!(law.sample(least) <= law.sample(1.0 - f64::EPSILON / 2.0));
            assert!(law.sample(1.0 - f64::EPSILON / 2.0) <= Time::MOST_NS);
        }
    }

    #[test]
    fn a_sequence_keeps_its_order() {
        let law = Law::Sequence([3, 1, 2].into());
        let values: Vec<_> = (0..5).filter_map(|n| law.nth(n)).collect();
        assert_eq!(values, [3, 1, 2, 3, 1]);
        assert_eq!(law.mean_ns(), 2.0);
        assert_eq!(Law::Empirical([3].into()).nth(0), None);
    }

    #[test]
    fn a_scaled_law_has_the_same_shape() {
        for law in laws() {
            let twice = law.scaled(2.0);
            assert!(
                (twice.mean_ns() / law.mean_ns() - 2.0).abs() < 1e-9,
                "{law}"
            );
            assert!((twice.scv() - law.scv()).abs() < 1e-9, "{law}");
        }
    }

    /// The same numbers on every machine: these were computed once.
    #[test]
    fn values_do_not_depend_on_the_machine() {
        let values: Vec<_> = laws().iter().map(|law| law.sample(0.9)).collect();
        assert_eq!(values, EXPECTED);
    }

    const EXPECTED: [u64; 8] = [
        1_000_000, 2_302_585, 2_800_000, 2_273_007, 1_379_070, 1_774_107, 1_040_734, 7_000_000,
    ];
}
