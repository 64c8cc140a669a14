//! Gaps between arrivals: which law; or in which order, if they depend on each other or follow no
//! law.

use super::sample::{self, FEWEST, Fitted, neat};
use iocp_scheduler::Law;
use serde::Serialize;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// How many gaps apart the dependence is looked for.
pub const LAGS: usize = 10;
/// Less likely than this by chance: they depend on each other.
pub const UNLIKELY: f64 = 0.01;
/// Arrivals are counted in windows of so many mean gaps.
const WINDOW: f64 = 10.0;

/// How arrivals come.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Gaps {
    /// The law of the gaps.
    pub fitted: Fitted,
    /// The index of dispersion: the variance of the number of arrivals in windows of ten mean gaps,
    /// over its mean. 1 for arrivals at random, more for bursts, less for an even stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispersion: Option<f64>,
    /// The correlation of each gap with the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_1: Option<f64>,
    /// The probability of gaps that depend on each other as much as these, if they do not: Ljung and
    /// Box, over ten lags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_independent: Option<f64>,
}

impl Gaps {
    /// Are they taken in the order in which they came?
    pub fn in_order(&self) -> bool {
        matches!(self.fitted.law, Law::Sequence(_))
    }
}

/// Looks at the gaps, in the order in which they came.
pub(super) fn look(gaps: &[u64]) -> Gaps {
    let fitted = sample::choose(gaps);
    let mut gaps_seen = Gaps {
        fitted,
        dispersion: None,
        lag_1: None,
        p_independent: None,
    };
    let constant = matches!(gaps_seen.fitted.law, Law::Constant(_));
    if gaps.len() < FEWEST || constant {
        return gaps_seen;
    }
    let correlations = autocorrelations(gaps);
    let n = gaps.len() as f64;
    let q: f64 = correlations
        .iter()
        .enumerate()
        .map(|(place, r)| r * r / (n - (place + 1) as f64))
        .sum::<f64>()
        * n
        * (n + 2.0);
    let p = ChiSquared::new(LAGS as f64).map_or(1.0, |law| law.sf(q));
    gaps_seen.lag_1 = correlations.first().copied();
    gaps_seen.p_independent = Some(p);
    gaps_seen.dispersion = dispersion(gaps);
    let why = match gaps_seen.fitted.law {
        _ if p < UNLIKELY => "they depend on each other, so they are taken as they came".to_owned(),
        Law::Empirical(_) => format!("{}, so they are taken as they came", gaps_seen.fitted.why),
        _ => return gaps_seen,
    };
    let values: Vec<u64> = gaps.iter().map(|&ns| neat(ns as f64)).collect();
    gaps_seen.fitted.law = Law::Sequence(values.into());
    gaps_seen.fitted.why = why;
    gaps_seen
}

fn autocorrelations(gaps: &[u64]) -> Vec<f64> {
    let n = gaps.len() as f64;
    let mean = gaps.iter().map(|&ns| ns as f64).sum::<f64>() / n;
    let off: Vec<f64> = gaps.iter().map(|&ns| ns as f64 - mean).collect();
    let variance: f64 = off.iter().map(|off| off * off).sum();
    (1..=LAGS)
        .map(|lag| {
            let together: f64 = off.iter().zip(&off[lag..]).map(|(a, b)| a * b).sum();
            if variance > 0.0 {
                together / variance
            } else {
                0.0
            }
        })
        .collect()
}

fn dispersion(gaps: &[u64]) -> Option<f64> {
    let total: f64 = gaps.iter().map(|&ns| ns as f64).sum();
    let window = WINDOW * total / gaps.len() as f64;
    let windows = (total / window) as usize;
    if windows < FEWEST / 3 {
        return None;
    }
    let mut counts = vec![0.0; windows];
    let mut now = 0.0;
    for &gap in gaps {
        now += gap as f64;
        if let Some(count) = counts.get_mut((now / window) as usize) {
            *count += 1.0;
        }
    }
    let mean = counts.iter().sum::<f64>() / windows as f64;
    let variance = counts.iter().map(|c| (c - mean) * (c - mean)).sum::<f64>() / windows as f64;
    Some(variance / mean)
}
