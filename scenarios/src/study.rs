//! How a scenario behaves under load, and how sure that is: replications of a simulation, and what
//! theory says beside them.
//!
//! [`estimate`] runs independent replications until the interval of one metric is as narrow as was
//! asked for. What depends on the empty beginning is left out of each (MSER-5, on pilot runs of
//! their own). Replication `k` of a seed draws the same random numbers under every setting, so that
//! settings can be compared. Nothing depends on how many replications run at a time, or on which is
//! done first: the number of replications is decided between rounds, whose sizes are given by the
//! results alone.

pub mod formula;
mod interval;
mod metrics;
mod percentiles;
mod samples;
mod shape;
mod theory;
mod warm_up;
mod warning;
mod written;

pub use interval::Interval;
pub use metrics::METRICS;
pub use percentiles::{CURVE, PERCENTILES};
pub use theory::{Theory, Value};
pub use warm_up::{WarmUp, mser};
pub use warning::Warning;
pub use written::{Percent, replications};

use crate::{parameters::short::anybody_sends, roles::Roles};
use hdrhistogram::Histogram;
use iocp_model::Semantics;
use iocp_scheduler::{
    Program,
    simulate::{Replication, Settings, SimulateError, simulate},
};
use samples::{Samples, checked};
use std::{collections::BTreeMap, fmt};

/// How many replications look for the end of the beginning.
const PILOTS: u64 = 4;
/// The most replications of one round: their histograms are in memory together.
const ROUND: u32 = 32;
/// How many steps of the model a request may take on average, if nobody says otherwise.
pub const STEPS_A_REQUEST: u64 = 1_000;

/// How sure an estimate is to be, and what it may take.
#[derive(Clone, PartialEq, Debug)]
pub struct Precision {
    /// How likely the true value is to be in the interval: 0.95.
    pub confidence: f64,
    /// Half of the interval of [`metric`](Self::metric), as a part of its mean: 0.02.
    pub relative: f64,
    /// The metric whose interval decides.
    pub metric: String,
    /// How many requests each replication measures.
    pub requests: u64,
    /// The fewest replications.
    pub least: u32,
    /// The most replications.
    pub most: u32,
    /// Where the random numbers come from.
    pub seed: u64,
    /// The most steps of the model in one replication.
    pub most_steps: u64,
}

impl Default for Precision {
    fn default() -> Self {
        Self {
            confidence: 0.95,
            relative: 0.02,
            metric: "latency.mean".into(),
            requests: 100_000,
            least: 10,
            most: 1_000,
            seed: 0,
            most_steps: 100_000 * STEPS_A_REQUEST,
        }
    }
}

/// Runs replications, in whatever order and on however many threads, and gives them back in the
/// order in which they were asked for. [`one_by_one`] does so without threads.
pub type Runner<'r> = dyn FnMut(&[Settings]) -> Vec<Result<Replication, SimulateError>> + 'r;

/// The runner without threads.
pub fn one_by_one(
    program: &Program,
    semantics: Semantics,
) -> impl FnMut(&[Settings]) -> Vec<Result<Replication, SimulateError>> {
    move |all| {
        let replications = all.iter();
        replications
            .map(|settings| simulate(program, semantics, settings))
            .collect()
    }
}

/// How far an estimate is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Progress {
    /// Replications that are done; 0 while the pilot runs.
    pub done: u32,
    /// Half of the interval as a part of the mean, so far.
    pub relative: f64,
    /// About how many replications it will take.
    pub needed: u32,
}

/// What was estimated.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// The metrics by name: those of [`METRICS`] and [`PERCENTILES`], those of each port if there
    /// are several (`port.NAME.depth.mean`), and the use of each processor (`processor.0`).
    pub metrics: BTreeMap<String, Interval>,
    /// The latencies of all replications together.
    pub latency: Histogram<u64>,
    /// Each part of the requests in [`CURVE`] and the latency that it does not exceed, as long as enough
    /// requests do.
    pub curve: Vec<(f64, Interval)>,
    /// How many replications there were.
    pub replications: u32,
    /// How many requests each measured.
    pub requests: u64,
    /// How many requests were simulated in all, with those that were left out.
    pub simulated: u64,
    /// What was left out at the beginning.
    pub warm_up: WarmUp,
    /// Is the interval as narrow as was asked for?
    pub reached: bool,
    /// Does the system keep up with what arrives?
    pub stable: bool,
    /// What to mind.
    pub warnings: Vec<Warning>,
    /// What theory says.
    pub theory: Vec<Theory>,
    /// Why there is no formula for this scenario, if there is none.
    pub no_formula: Option<String>,
}

/// Why there is no estimate.
#[derive(Clone, PartialEq, Debug)]
pub enum StudyError {
    /// No thread brings a packet to a port.
    NobodySends,
    /// Nothing more could happen, and no request had been finished.
    NoRequests,
    /// The steps were used up before the requests were finished.
    OutOfSteps {
        /// How many steps.
        steps: u64,
        /// How many requests were finished.
        finished: u64,
    },
    /// There is no such metric.
    NoMetric {
        /// What was asked for.
        given: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The simulation could not be done.
    Simulate(SimulateError),
}

impl fmt::Display for StudyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NobodySends => f.write_str(
                "nobody sends requests: no thread posts a packet or reads from a file. Let a thread \
                 with `outside = true` sleep and call PostQueuedCompletionStatus in a `repeat = \
                 \"forever\"`.",
            ),
            Self::NoRequests => f.write_str(
                "no request is ever finished: nothing more can happen, and no packet was taken and \
                 done with. `iocp run` shows what happens.",
            ),
            Self::OutOfSteps { steps, finished } => {
                let are = if *finished == 1 { "request is" } else { "requests are" };
                write!(
                    f,
                    "after {steps} steps only {finished} {are} finished. Perhaps the workers have \
                     ended or wait for what never comes, far more arrives than can be served, a \
                     quantum is far too short, or threads go round without anything being done: \
                     `iocp run` shows what happens. If requests take as many steps as that, \
                     --most-steps allows more."
                )
            }
            Self::NoMetric { given, known } => {
                write!(f, "there is no metric \"{given}\"; there are {}", known.join(", "))
            }
            Self::Simulate(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StudyError {}

/// The seed of a replication. Those of different seeds have nothing in common, and a replication has
/// the same under every setting.
pub fn seed_of(seed: u64, replication: u64) -> u64 {
    // SplitMix64, twice.
    let mix = |number: u64| {
        let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    mix(mix(seed) ^ replication)
}

/// Estimates how the program behaves.
///
/// ```
/// use iocp_scenarios::{file, study::{Precision, estimate, one_by_one}};
/// let text = r#"
/// name = "m-m-1"
/// machine = { processors = 1 }
/// port = [{ name = "p" }]
///
/// [[thread]]
/// name = "clients"
/// outside = true
/// program = [{ repeat = "forever", do = [
///   { call = "Sleep", for = { law = "exponential", mean = "2ms" } },
///   { call = "PostQueuedCompletionStatus", port = "p" },
/// ] }]
///
/// [[thread]]
/// name = "worker"
/// program = [{ repeat = "forever", do = [
///   { call = "GetQueuedCompletionStatus", port = "p" },
///   { compute = { law = "exponential", mean = "1ms" } },
/// ] }]
/// "#;
/// let program = file::parse("m-m-1", text)?.program;
/// let semantics = iocp_model::Profile::default().semantics;
/// let mut run = one_by_one(&program, semantics);
/// let precision = Precision { requests: 20_000, confidence: 0.99, ..Precision::default() };
/// let estimate = estimate(&program, &precision, &mut run, &mut |_| {})?;
/// assert!(estimate.metrics["latency.mean"].contains(0.002));
/// assert_eq!(estimate.theory[0].name, "M/M/1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If there is nothing to measure, or the simulation cannot be done.
pub fn estimate(
    program: &Program,
    precision: &Precision,
    run: &mut Runner<'_>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Estimate, StudyError> {
    if !anybody_sends(&program.workload) {
        return Err(StudyError::NobodySends);
    }
    let roles = Roles::of(&program.workload);
    let mut samples = Samples::new(precision, roles.port);
    progress(&samples.progress(precision.least));
    let (warm_up, piloted) = pilot(precision, run)?;
    let settings = |replication: u32| Settings {
        seed: seed_of(precision.seed, u64::from(replication)),
        requests: precision.requests,
        skip: warm_up.requests,
        most_steps: precision.most_steps,
        ..Settings::default()
    };
    let queue = shape::queue(program);
    let mut needed = precision.least.min(precision.most);
    while samples.done < needed {
        let next = samples.done..needed.min(samples.done + ROUND);
        let round: Vec<_> = next.map(settings).collect();
        for replication in run(&round) {
            samples.add(&replication.map_err(StudyError::Simulate)?)?;
        }
        // More replications of what does not keep up would say no more.
        let unstable = warning::unstable(precision, queue.as_ref().ok(), &samples);
        needed = match unstable.is_some() && samples.done >= precision.least {
            true => samples.done,
            false => needed.max(samples.needed()?),
        };
        progress(&samples.progress(needed));
    }
    let metrics = samples.intervals();
    let formula = queue
        .as_ref()
        .map_err(Clone::clone)
        .and_then(theory::of_queue);
    let (mut theory, no_formula) = match formula {
        Ok(theory) => (vec![theory], None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let reached = samples.reached();
    let warnings = warning::of(precision, queue.as_ref().ok(), &samples, warm_up, reached);
    let stable = !warnings.iter().any(Warning::is_unstable);
    if stable {
        theory.extend(theory::laws(queue.as_ref().ok(), &metrics));
    }
    Ok(Estimate {
        stable,
        metrics,
        curve: samples.latency.curve(precision.confidence),
        latency: samples.latency.all,
        replications: samples.done,
        requests: samples.requests,
        simulated: samples.simulated + piloted + u64::from(samples.done) * warm_up.requests,
        warm_up,
        reached,
        warnings,
        theory,
        no_formula,
    })
}

/// Looks for the end of the beginning, in replications that are not used for anything else. Also how
/// many requests were simulated.
fn pilot(precision: &Precision, run: &mut Runner<'_>) -> Result<(WarmUp, u64), StudyError> {
    let settings = |pilot: u64| Settings {
        // Counted down from the end, where no replication is.
        seed: seed_of(precision.seed, u64::MAX - pilot),
        requests: precision.requests,
        most_steps: precision.most_steps,
        ..Settings::default()
    };
    let pilots: Vec<_> = (0..PILOTS).map(settings).collect();
    let mut all = Vec::new();
    let mut batch = 1;
    let mut simulated = 0;
    let mut fewest = u64::MAX;
    for replication in run(&pilots) {
        let replication = replication.map_err(StudyError::Simulate)?;
        checked(&replication)?;
        simulated += replication.requests;
        fewest = fewest.min(replication.requests);
        batch = batch.max(replication.series.batch);
        all.push(replication.series);
    }
    // At least five requests make a batch, and in each series as many.
    let batch = batch.max(warm_up::BATCH.next_multiple_of(batch));
    let series = all.iter().map(|series| {
        let size = usize::try_from(batch / series.batch).unwrap_or(1);
        warm_up::batched(&series.means, size)
    });
    let cut = mser(&warm_up::averaged(&series.collect::<Vec<_>>()));
    let warm_up = WarmUp {
        // Without an end in sight, the first half goes.
        requests: cut.map_or(fewest / 2, |cut| cut as u64 * batch),
        pilot: fewest,
        ended: cut.is_some(),
    };
    Ok((warm_up, simulated))
}
