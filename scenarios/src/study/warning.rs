//! What to mind in an estimate.

use super::{
    Interval, Precision, Samples, WarmUp,
    percentiles::PERCENTILES,
    shape::{Arrivals, Queue},
};
use std::fmt;

/// Requests under way that grow by more than this share of those that are finished are no accident.
const GROWTH: f64 = 0.01;
/// How sure that must be.
const SURE: f64 = 0.99;
/// A percentile needs so many requests above it.
const ABOVE: f64 = 10.0;

/// Something to mind.
#[derive(Clone, PartialEq, Debug)]
pub enum Warning {
    /// More arrives than can be served.
    Overloaded {
        /// How many of them what arrives would keep busy.
        offered: f64,
        /// How many there are.
        capacity: u32,
        /// Of what: "processors", "threads" or "threads within the limit".
        of: &'static str,
    },
    /// Ever more requests are under way.
    Growing {
        /// The share of requests by which they grow.
        share: f64,
    },
    /// The beginning does not end in the first half.
    WarmUp {
        /// Of so many requests.
        requests: u64,
    },
    /// Too few requests for this percentile.
    Percentile {
        /// Its metric.
        metric: &'static str,
        /// How many requests a replication had.
        requests: u64,
        /// How many it should have.
        needed: u64,
    },
    /// The scenario ends by itself before the requests that were asked for.
    Ends {
        /// After so many.
        requests: u64,
    },
    /// The interval is wider than was asked for.
    Imprecise {
        /// Half of it, as a part of the mean.
        relative: f64,
        /// What was asked for.
        asked: f64,
        /// After so many replications.
        replications: u32,
    },
}

impl Warning {
    /// A short name, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Overloaded { .. } => "overloaded",
            Self::Growing { .. } => "growing",
            Self::WarmUp { .. } => "warm-up",
            Self::Percentile { .. } => "percentile",
            Self::Ends { .. } => "ends",
            Self::Imprecise { .. } => "imprecise",
        }
    }

    /// Does it say that the system does not keep up?
    pub fn is_unstable(&self) -> bool {
        matches!(self, Self::Overloaded { .. } | Self::Growing { .. })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overloaded {
                offered,
                capacity,
                of,
            } => write!(
                f,
                "unstable: what arrives would keep {offered:.2} {of} busy, and there are {capacity}. The \
                 queue grows for ever, and the figures say only how long it was simulated."
            ),
            Self::Growing { share } => write!(
                f,
                "unstable: ever more requests are under way; of those that arrive, {:.1} % pile up. \
                 The figures say only how long it was simulated.",
                100.0 * share
            ),
            Self::WarmUp { requests } => write!(
                f,
                "too short: the beginning does not end within the first half of {requests} requests. \
                 --requests simulates more."
            ),
            Self::Percentile {
                metric,
                requests,
                needed,
            } => write!(
                f,
                "too short for {metric}: it needs {needed} requests in a replication, and there are \
                 {requests}. --requests simulates more."
            ),
            Self::Ends { requests } => write!(
                f,
                "the scenario ends after {requests} requests; its beginning and its end are in the \
                 figures. Let those who send do so in a `repeat = \"forever\"`."
            ),
            Self::Imprecise {
                relative,
                asked,
                replications,
            } => write!(
                f,
                "after {replications} replications the interval is ±{:.2} %, wider than the ±{:.2} % \
                 that was asked for. --requests makes replications longer, and --replications allows \
                 more of them.",
                100.0 * relative,
                100.0 * asked
            ),
        }
    }
}

/// What there is to mind.
pub(super) fn of(
    precision: &Precision,
    queue: Option<&Queue>,
    samples: &Samples<'_>,
    warm_up: WarmUp,
    reached: bool,
) -> Vec<Warning> {
    let mut warnings: Vec<_> = unstable(precision, queue, samples).into_iter().collect();
    if ends(precision, samples) {
        let requests = samples.requests + warm_up.requests;
        warnings.push(Warning::Ends { requests });
    } else if !warm_up.ended && !warnings.iter().any(Warning::is_unstable) {
        let requests = warm_up.pilot;
        warnings.push(Warning::WarmUp { requests });
    }
    let requests = samples.requests;
    // The lowest percentile that has too few: those above it have, too.
    let short = PERCENTILES.iter().find_map(|&(metric, part)| {
        let needed = (ABOVE / (1.0 - part)).round() as u64;
        (requests < needed).then_some(Warning::Percentile {
            metric,
            requests,
            needed,
        })
    });
    warnings.extend(short);
    if !reached {
        let deciding = samples.deciding();
        warnings.push(Warning::Imprecise {
            relative: deciding.map_or(f64::INFINITY, |interval| interval.relative()),
            asked: precision.relative,
            replications: samples.done,
        });
    }
    warnings
}

/// Does the scenario end by itself?
fn ends(precision: &Precision, samples: &Samples<'_>) -> bool {
    samples.requests < precision.requests
}

/// That the system does not keep up, if it does not.
pub(super) fn unstable(
    precision: &Precision,
    queue: Option<&Queue>,
    samples: &Samples<'_>,
) -> Option<Warning> {
    queue.and_then(overloaded).or_else(|| {
        let growth = Interval::of(&samples.growth, SURE);
        let grows = growth.low > 0.0 && growth.mean > GROWTH && !ends(precision, samples);
        grows.then_some(Warning::Growing { share: growth.mean })
    })
}

fn overloaded(queue: &Queue) -> Option<Warning> {
    let Arrivals::Open { rate, .. } = queue.arrivals else {
        return None;
    };
    let computing = rate * queue.work();
    let handling = computing + rate * queue.blocked;
    let limits = [
        (computing, queue.processors, "processors"),
        (handling, queue.threads, "threads"),
        // A thread that is back from blocking may pass the limit.
        (computing, queue.limit, "threads within the limit"),
    ];
    let limits = &limits[..if queue.blocked > 0.0 { 2 } else { 3 }];
    // The one that is passed by most is what holds the others back.
    let ratio = |limit: &(f64, u32, &str)| limit.0 / f64::from(limit.1);
    let most = limits.iter().max_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let &(offered, capacity, of) = most.filter(|most| ratio(most) >= 1.0)?;
    Some(Warning::Overloaded {
        offered,
        capacity,
        of,
    })
}
