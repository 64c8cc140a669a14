//! Which law some durations follow: the likeliest of each kind, the best kind by BIC, and how far
//! the values are from it.

use iocp_scheduler::Law;
use serde::Serialize;
use statrs::function::gamma::ln_gamma;

/// The fewest values from which a law is told.
pub const FEWEST: usize = 30;
/// The greatest distance, by Kolmogorov and Smirnov, at which a law is close enough, even where so
/// many values show that it is not exact.
pub const CLOSE: f64 = 0.03;
/// A law that values as far from it as these, or further, have with at least this probability.
pub const LIKELY: f64 = 0.01;
/// How far from each other, over the median, nine tenths of the values of a constant are at most;
/// and how far their mean from the median.
pub const CONSTANT: f64 = 0.05;
/// The most values of an empirical law; more are put together, and their means taken.
pub const MOST_VALUES: usize = 200;

/// In how many steps [`Fitted::measured`] goes from one nine to the next.
const STEPS_A_NINE: f64 = 10.0;

/// The law that was chosen, and how well it fits.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Fitted {
    /// The law.
    #[serde(serialize_with = "shown")]
    pub law: Law,
    /// From so many values.
    pub values: usize,
    /// Their mean, in seconds.
    pub mean: f64,
    /// Their squared coefficient of variation.
    pub scv: f64,
    /// The Kolmogorov-Smirnov distance to the law; `None` where there is none to speak of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance: Option<f64>,
    /// The probability of values this far from the law or further, if it is the true one with these
    /// parameters. They were chosen by the same values, so it is rather too high.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    /// Each kind that was tried, with its BIC over that of the best.
    pub tried: Vec<Tried>,
    /// Why this law.
    pub why: String,
    /// The best by BIC, if it is too far from the values to be taken.
    #[serde(skip)]
    pub rejected: Option<Law>,
    /// Shares of the values, each with the time in nanoseconds that so many do not exceed.
    #[serde(skip)]
    pub measured: Vec<(f64, u64)>,
}

/// A kind of law that was tried.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Tried {
    /// Its name, as a scenario has it.
    pub law: &'static str,
    /// Its Bayesian information criterion, less that of the best; 0 is best.
    pub bic_above_best: f64,
}

fn shown<S: serde::Serializer>(law: &Law, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(law)
}

/// Four digits are more than any sample tells.
pub(super) fn neat(ns: f64) -> u64 {
    let whole = ns.max(0.0).round() as u64;
    let mut unit = 1;
    while whole / unit >= 10_000 {
        unit *= 10;
    }
    (whole + unit / 2) / unit * unit
}

/// Chooses a law for these durations.
pub(super) fn choose(values: &[u64]) -> Fitted {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let count = sorted.len();
    let mean = sorted.iter().map(|&ns| ns as f64).sum::<f64>() / count.max(1) as f64;
    let variance = sorted
        .iter()
        .map(|&ns| (ns as f64 - mean).powi(2))
        .sum::<f64>()
        / count.max(1) as f64;
    let scv = if mean > 0.0 {
        variance / (mean * mean)
    } else {
        0.0
    };
    let fitted = |law, why| Fitted {
        law,
        values: count,
        mean: mean / 1e9,
        scv,
        distance: None,
        p: None,
        tried: Vec::new(),
        why,
        rejected: None,
        measured: measured(&sorted),
    };
    let at = |share: f64| {
        sorted
            .get((share * count as f64) as usize)
            .copied()
            .unwrap_or(0) as f64
    };
    let median = at(0.5);
    let near = |a: f64, b: f64| (a - b).abs() <= CONSTANT * median;
    if count > 0 && near(at(0.95), at(0.05)) && near(mean, median) {
        let why = "nine tenths of the values are within 5 % of each other".into();
        return fitted(Law::Constant(neat(mean)), why);
    }
    let empirical = || Law::Empirical(condensed(&sorted).into());
    if count < FEWEST {
        let why = format!("fewer than {FEWEST} values tell no law");
        return fitted(empirical(), why);
    }
    let mut tried: Vec<(&'static str, Law, f64)> = candidates(&sorted, mean)
        .into_iter()
        .filter(|(.., likelihood, _)| likelihood.is_finite())
        .map(|(name, law, likelihood, parameters)| {
            let bic = f64::from(parameters) * (count as f64).ln() - 2.0 * likelihood;
            (name, law, bic)
        })
        .collect();
    tried.sort_by(|a, b| a.2.total_cmp(&b.2));
    let Some((_, best, best_bic)) = tried.first().cloned() else {
        return fitted(empirical(), "no law can have these values".into());
    };
    let distance = distance(&sorted, &best);
    let p = kolmogorov(distance, count);
    let tried = tried
        .iter()
        .map(|&(law, _, bic)| Tried {
            law,
            bic_above_best: bic - best_bic,
        })
        .collect();
    let mut rejected = None;
    let (law, why) = if p >= LIKELY {
        (
            best,
            "the best by BIC, and the values do not contradict it".into(),
        )
    } else if distance <= CLOSE {
        let why = format!(
            "the best by BIC; with so many values one sees that it is not exact, but it is nowhere \
             further off than {:.1} %",
            distance * 100.0
        );
        (best, why)
    } else {
        let why = format!(
            "no law fits: the best by BIC, {best}, is {:.1} % off at the worst",
            distance * 100.0
        );
        rejected = Some(best);
        (empirical(), why)
    };
    Fitted {
        distance: Some(distance),
        p: Some(p),
        tried,
        rejected,
        ..fitted(law, why)
    }
}

/// The likeliest law of each kind: name, law, logarithm of the likelihood, number of parameters.
fn candidates(sorted: &[u64], mean: f64) -> Vec<(&'static str, Law, f64, u32)> {
    let (Some(&least), Some(&most)) = (sorted.first(), sorted.last()) else {
        return Vec::new();
    };
    let n = sorted.len() as f64;
    let mut found = vec![(
        "exponential",
        Law::Exponential {
            mean_ns: neat(mean),
        },
        -n * (mean.ln() + 1.0),
        1,
    )];
    if most > least {
        found.push((
            "uniform",
            Law::Uniform {
                from_ns: least,
                to_ns: most,
            },
            -n * ((most - least) as f64).ln(),
            2,
        ));
    }
    if least == 0 {
        // The others have no zeros.
        return found;
    }
    let logs: Vec<f64> = sorted.iter().map(|&ns| (ns as f64).ln()).collect();
    let sum_of_logs: f64 = logs.iter().sum();
    let mu = sum_of_logs / n;
    let variance = logs.iter().map(|log| (log - mu) * (log - mu)).sum::<f64>() / n;
    if variance > 0.0 {
        let of_mean = (mu + variance / 2.0).exp();
        found.push((
            "log-normal",
            Law::LogNormal {
                mean_ns: neat(of_mean),
                deviation_ns: neat(of_mean * variance.exp_m1().sqrt()).max(1),
            },
            -sum_of_logs - n / 2.0 * ((std::f64::consts::TAU * variance).ln() + 1.0),
            2,
        ));
    }
    let beyond = sum_of_logs - n * (least as f64).ln();
    let shape = n / beyond;
    // With a shape of 1 or less there is no mean.
    if beyond > 0.0 && shape > 1.0 {
        found.push((
            "pareto",
            Law::Pareto {
                mean_ns: neat(least as f64 * shape / (shape - 1.0)),
                shape: (shape * 1_000.0).round() / 1_000.0,
            },
            n * shape.ln() + n * shape * (least as f64).ln() - (shape + 1.0) * sum_of_logs,
            2,
        ));
    }
    let erlang = |stages: u32| {
        let k = f64::from(stages);
        n * (k * (k / mean).ln() - ln_gamma(k)) + (k - 1.0) * sum_of_logs - k * n
    };
    let best = (2..=iocp_scheduler::law::MOST_STAGES)
        .map(|stages| (erlang(stages), stages))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((likelihood, stages)) = best {
        found.push((
            "erlang",
            Law::Erlang {
                mean_ns: neat(mean),
                stages,
            },
            likelihood,
            2,
        ));
    }
    found
}

/// What shares of the values do not exceed: from none to nine tenths, and to each further nine, in as
/// many steps, as long as there is a value for it.
fn measured(sorted: &[u64]) -> Vec<(f64, u64)> {
    let count = sorted.len() as f64;
    let shares = (0..).map(|step| 1.0 - 10_f64.powf(-f64::from(step) / STEPS_A_NINE));
    let told = shares.take_while(|share| (1.0 - share) * count >= 1.0);
    let value = |share: f64| {
        let place = ((share * count).ceil() as usize).saturating_sub(1);
        Some((share, *sorted.get(place)?))
    };
    told.filter_map(value).collect()
}

/// The greatest distance between the share of the values up to a point and the law's.
fn distance(sorted: &[u64], law: &Law) -> f64 {
    let n = sorted.len() as f64;
    let mut worst = 0.0_f64;
    for (place, &value) in sorted.iter().enumerate() {
        let share = law.cdf(value as f64);
        worst = worst
            .max(share - place as f64 / n)
            .max((place + 1) as f64 / n - share);
    }
    worst
}

/// The probability of this distance or a greater one: Kolmogorov's series, with Stephens's
/// correction for finite samples.
fn kolmogorov(distance: f64, count: usize) -> f64 {
    let root = (count as f64).sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * distance;
    if lambda < 0.2 {
        return 1.0;
    }
    let sum: f64 = (1..=100)
        .map(|k| {
            let k = f64::from(k);
            let sign = if k % 2.0 == 1.0 { 1.0 } else { -1.0 };
            sign * (-2.0 * k * k * lambda * lambda).exp()
        })
        .sum();
    (2.0 * sum).clamp(0.0, 1.0)
}

/// At most [`MOST_VALUES`] values with the same mean: of as many equal parts, each part's mean.
fn condensed(sorted: &[u64]) -> Vec<u64> {
    let parts = sorted.len().min(MOST_VALUES);
    (0..parts)
        .map(|part| {
            let from = part * sorted.len() / parts;
            let to = (part + 1) * sorted.len() / parts;
            let sum: f64 = sorted[from..to].iter().map(|&ns| ns as f64).sum();
            neat(sum / (to - from) as f64)
        })
        .collect()
}
