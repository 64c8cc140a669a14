//! The smallest pool and limit with which a scenario meets its objectives, and how sure that is.
//!
//! [`advise`] tries pools by simulation until it has found the smallest: the fewest threads, and with
//! so many the lowest limit. Every pool has the same random requests. A pool meets an objective if the
//! whole interval of the metric does, not if its mean does. Then it says what limits that pool, up to
//! which load the advice holds, what the common defaults come to, and what the explorer finds in a
//! small version of the same scenario.
//!
//! Here is no file, no clock and no thread: who calls gives what runs replications.

mod load;
mod objective;
mod reasons;
mod risks;
mod search;
mod small;
mod trial;

pub use load::Holds;
pub use objective::{Objective, Verdict};
pub use reasons::Reason;
pub use risks::{Finding, Hazard, Risk};
pub use trial::{Pool, Trial};

use crate::{
    parameters::short::anybody_sends,
    roles::{self, Roles, brings, steps},
    study::StudyError,
};
use iocp_model::Kernel;
use iocp_scheduler::{
    Program, Workload,
    simulate::{Replication, Settings, SimulateError},
    workload::Times,
};
use std::{fmt, ops::RangeInclusive};
use trial::{Bench, Knobs};

/// What is asked.
#[derive(Clone, PartialEq, Debug)]
pub struct Question {
    /// What must be met; at least one.
    pub objectives: Vec<Objective>,
    /// How many threads there may be.
    pub threads: RangeInclusive<u32>,
    /// What the limit may be.
    pub limits: RangeInclusive<u32>,
    /// How likely each metric's true value is to be in its interval: 0.95.
    pub confidence: f64,
    /// How many requests each replication measures.
    pub requests: u64,
    /// The most replications of one pool.
    pub most_replications: u32,
    /// The most requests to simulate in all.
    pub most_requests: u64,
    /// Where the random numbers come from.
    pub seed: u64,
    /// The kernel.
    pub kernel: Kernel,
}

impl Question {
    /// This question with everything else as it is if nobody says otherwise.
    pub fn new(objectives: Vec<Objective>) -> Self {
        Self {
            requests: requests_for(&objectives),
            objectives,
            threads: 1..=64,
            limits: 1..=16,
            confidence: 0.95,
            most_replications: 32,
            most_requests: 1_000_000_000,
            seed: 0,
            kernel: Kernel::default(),
        }
    }
}

/// How many requests a replication needs for these objectives: 200 above each percentile, and at
/// least 20,000.
pub fn requests_for(objectives: &[Objective]) -> u64 {
    let of = |objective: &Objective| {
        let percentiles = crate::study::PERCENTILES.iter();
        let mut parts = percentiles.filter(|(name, _)| *name == objective.metric);
        let part = parts.next().map_or(0.0, |(_, part)| *part);
        (200.0 / (1.0 - part)).round() as u64
    };
    objectives.iter().map(of).max().unwrap_or(0).max(20_000)
}

/// Runs replications of a program and gives them back in the order in which they were asked for.
pub type Runner<'r> =
    dyn FnMut(&Program, &[Settings]) -> Vec<Result<Replication, SimulateError>> + 'r;

/// The answer.
#[derive(Clone, Debug)]
pub struct Advice {
    /// The smallest pool that meets the objectives, if any in the range does.
    pub smallest: Option<Trial>,
    /// The best with one thread less.
    pub one_less: Option<Trial>,
    /// The best of the range, if none meets them.
    pub best: Option<Trial>,
    /// What the scenario has now and what common defaults give, each with what it is.
    pub defaults: Vec<(String, Trial)>,
    /// What limits the pool that is advised, or else the best.
    pub reasons: Vec<Reason>,
    /// What gives first where the objectives are missed, if none meets them.
    pub why_not: Option<String>,
    /// Up to which load that pool meets the objectives, or why that cannot be told.
    pub holds: Result<Holds, String>,
    /// All pools that were tried under the load that the scenario has, the smallest first.
    pub pools: Vec<Trial>,
    /// What the explorer found in a small version with that pool.
    pub risks: Vec<Risk>,
    /// How many settings were tried.
    pub tried: usize,
    /// How many requests were simulated.
    pub simulated: u64,
}

impl Advice {
    /// The pool that is spoken of: that which is advised, or else the best.
    pub fn trial(&self) -> Option<&Trial> {
        self.smallest.as_ref().or(self.best.as_ref())
    }
}

/// Why there is no advice.
#[derive(Clone, PartialEq, Debug)]
pub enum AdviseError {
    /// The scenario or the question is wrong: a sentence.
    Bad(String),
    /// It cannot be simulated.
    Study(StudyError),
    /// All the requests that may be simulated were.
    Budget {
        /// How many were.
        simulated: u64,
        /// How many settings were tried, the last one not to its end.
        tried: usize,
        /// The smallest pool so far that meets the objectives.
        best: Option<Pool>,
    },
}

impl AdviseError {
    pub(crate) fn bad(why: impl fmt::Display) -> Self {
        Self::Bad(why.to_string())
    }
}

impl fmt::Display for AdviseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(why) => f.write_str(why),
            Self::Study(error) => error.fmt(f),
            Self::Budget {
                simulated,
                tried,
                best,
            } => {
                write!(
                    f,
                    "no advice: {simulated} requests were simulated for {tried} settings, and that is \
                     all that --most-requests allows. "
                )?;
                match best {
                    Some(Pool { threads, limit }) => write!(
                        f,
                        "Of those that were tried to the end, {threads} threads with a limit of {limit} \
                         meet the objectives; whether fewer do is not known."
                    ),
                    None => f.write_str(
                        "None of those that were tried to the end meets the objectives.",
                    ),
                }
            }
        }
    }
}

impl std::error::Error for AdviseError {}

/// Looks for the smallest pool. `tell` is told now and then what is being tried.
///
/// ```
/// use iocp_scenarios::{advise::{Question, advise}, catalogue};
/// use iocp_scheduler::simulate::simulate;
/// let workload = catalogue::find("mm4").ok_or("no mm4")?.scenario()?.workload;
/// let mut question = Question::new(vec!["wait.mean<2s".parse()?]);
/// (question.threads, question.limits) = (1..=8, 1..=8);
/// let semantics = question.kernel.semantics();
/// let mut run = |program: &_, all: &[_]| all.iter().map(|it| simulate(program, semantics, it)).collect();
/// let advice = advise(&workload, &question, &mut run, &mut |_| {})?;
/// // With three threads the queue grows for ever; with four a request waits 0.75 s.
/// let pool = advice.smallest.ok_or("none")?.pool;
/// assert_eq!((pool.threads, pool.limit), (4, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the scenario cannot be simulated, its pool is not clear, or more would have to be simulated
/// than may be.
pub fn advise<'r>(
    workload: &Workload,
    question: &Question,
    run: &'r mut Runner<'r>,
    tell: &'r mut dyn FnMut(&str),
) -> Result<Advice, AdviseError> {
    if question.objectives.is_empty() {
        return Err(AdviseError::bad(
            "there is no objective; say one with --slo.",
        ));
    }
    if anybody_sends(workload) && !sends_for_ever(workload) {
        return Err(AdviseError::bad(
            "it ends by itself, so it has no load to choose a pool for. Let those who send requests do \
             so in a `repeat = \"forever\"`.",
        ));
    }
    let knobs = Knobs::of(workload)?;
    let mut bench = Bench::new(question, knobs, run, tell);
    match of_bench(&mut bench, workload) {
        Err(AdviseError::Budget {
            simulated, tried, ..
        }) => {
            let meeting = bench.known().filter(|trial| trial.meets());
            Err(AdviseError::Budget {
                simulated,
                tried,
                best: meeting.map(|trial| trial.pool).min(),
            })
        }
        other => other,
    }
}

/// Does anybody who is no worker bring packets again and again?
fn sends_for_ever(workload: &Workload) -> bool {
    let workers = Roles::of(workload).workers;
    let is_worker = |name: &str| workers.iter().any(|worker| worker.name == name);
    let mut others = workload.threads.iter().filter(|it| !is_worker(&it.name));
    others.any(|thread| {
        let steps = steps(&thread.program);
        let mut turns = steps.iter().filter(|it| it.repeat == Some(Times::Forever));
        turns.any(|turn| roles::steps(&turn.body).into_iter().any(brings))
    })
}

fn of_bench(bench: &mut Bench<'_, '_>, workload: &Workload) -> Result<Advice, AdviseError> {
    let question = bench.question;
    let now = bench.knobs.now;
    let program = bench.with_pool(workload, now)?;
    // What it has now comes first: if it cannot be simulated, that is told at once.
    let mut defaults = vec![(
        "the scenario as it is".to_owned(),
        bench.pool(workload, now)?,
    )];
    let found = search::smallest(bench, workload)?;
    for (name, pool) in common(now, program.processors().into()) {
        defaults.push((name.to_owned(), bench.pool(workload, pool)?));
    }
    let of = found.smallest.as_ref().or(found.best.as_ref());
    let of = of.cloned().unwrap_or_else(|| defaults[0].1.clone());
    let reasons = reasons::of(&of, &bench.with_pool(workload, of.pool)?, workload);
    let holds = load::holds(bench, workload, of.pool, of.meets())?;
    let risks = risks::of(workload, of.pool, question.kernel);
    let why_not = match &found.smallest {
        Some(_) => None,
        None => reasons::why(&of, &reasons),
    };
    Ok(Advice {
        smallest: found.smallest,
        one_less: found.one_less,
        best: found.best,
        defaults,
        reasons,
        why_not,
        holds,
        pools: bench.known().cloned().collect(),
        risks,
        tried: bench.tried,
        simulated: bench.simulated,
    })
}

/// What servers commonly have: a name, and the pool on so many processors.
fn common(now: Pool, processors: u32) -> [(&'static str, Pool); 3] {
    [
        (
            "limit = processors, twice the threads (Microsoft's page)",
            Pool {
                threads: 2 * processors,
                limit: processors,
            },
        ),
        (
            "limit 1, one thread (libuv's loop)",
            Pool {
                threads: 1,
                limit: 1,
            },
        ),
        (
            "no limit, the threads of now (Go and others)",
            Pool {
                limit: now.threads,
                ..now
            },
        ),
    ]
}
