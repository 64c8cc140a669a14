//! What the fitted scenario comes to, beside what was recorded.

use super::Fit;
use hdrhistogram::Histogram;
use iocp_model::Semantics;
use iocp_scheduler::{
    Program,
    simulate::{Settings, simulate},
};
use serde::Serialize;

/// How often the fitted scenario is simulated, each time as many requests as a recording has.
pub const REPLICATIONS: u64 = 20;

/// A number that was recorded, and the same simulated.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Pair {
    /// In the recordings, on average.
    pub recorded: f64,
    /// In the simulations: of the throughput the mean, of percentiles that of all requests.
    pub simulated: f64,
    /// The least of a single simulation.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Pair {
    /// How far the simulation is off, as a share of what was recorded.
    pub fn error(&self) -> f64 {
        self.simulated / self.recorded - 1.0
    }
}

/// Recorded and simulated.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Comparison {
    /// Requests over in a second.
    pub throughput: Pair,
    /// The time that half of the requests took at most, in seconds.
    pub latency_p50: Pair,
    /// The time that 99 of 100 took at most, in seconds.
    pub latency_p99: Pair,
}

/// Simulates what was fitted, on this kernel.
///
/// # Errors
/// A sentence: the fitted scenario cannot be simulated.
pub fn compare(fit: &Fit, semantics: Semantics) -> Result<Comparison, String> {
    let program = Program::compile(&fit.workload).map_err(|error| error.to_string())?;
    let recordings = &fit.model.recordings;
    let count = recordings.len().max(1);
    let requests = recordings.iter().map(|one| one.requests).sum::<usize>() / count;
    let mut all: Option<Histogram<u64>> = None;
    let (mut throughput, mut p50, mut p99) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..REPLICATIONS {
        let settings = Settings {
            seed,
            requests: requests as u64,
            ..Settings::default()
        };
        let one = simulate(&program, semantics, &settings).map_err(|error| error.to_string())?;
        throughput.push(one.throughput_per_s);
        p50.push(percentile(&one.latency, 0.5));
        p99.push(percentile(&one.latency, 0.99));
        match &mut all {
            Some(all) => all.add(&one.latency).map_err(|error| error.to_string())?,
            None => all = Some(one.latency),
        }
    }
    let Some(all) = all else {
        return Err("nothing was simulated".into());
    };
    let recorded =
        |of: fn(&super::Observed) -> f64| recordings.iter().map(of).sum::<f64>() / count as f64;
    let mean = throughput.iter().sum::<f64>() / throughput.len() as f64;
    Ok(Comparison {
        throughput: pair(recorded(|one| one.throughput), mean, &throughput),
        latency_p50: pair(recorded(|one| one.latency_p50), percentile(&all, 0.5), &p50),
        latency_p99: pair(
            recorded(|one| one.latency_p99),
            percentile(&all, 0.99),
            &p99,
        ),
    })
}

fn percentile(latency: &Histogram<u64>, share: f64) -> f64 {
    latency.value_at_quantile(share) as f64 / 1e9
}

fn pair(recorded: f64, simulated: f64, each: &[f64]) -> Pair {
    Pair {
        recorded,
        simulated,
        least: each.iter().copied().fold(f64::INFINITY, f64::min),
        greatest: each.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    }
}
