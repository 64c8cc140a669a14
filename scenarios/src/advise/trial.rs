//! Trying one pool: as many replications as it takes to tell whether the objectives are met.
//!
//! Some are looked at early, and more are made only if that does not tell. Looking four times gives
//! chance four chances, so each look has a quarter of the error that is allowed (Bonferroni).

use super::{AdviseError, Question, Runner, objective::Verdict};
use crate::{
    parameters::{self, Setting},
    roles::{Roles, copies},
    study::{Estimate, Interval, Precision, StudyError, Warning, estimate},
};
use iocp_scheduler::{
    Program, Workload,
    simulate::{Replication, Settings},
};
use std::collections::BTreeMap;

/// How many replications there are at each look.
const LOOKS: [u32; 4] = [4, 8, 16, 32];
/// How many steps of the model a request may take on the mean, before it is known how many it takes.
const STEPS_A_REQUEST: u64 = 500;
/// A request takes about as many steps with every pool. With so many times as many the server stands
/// still while clients go on sending.
const MORE_STEPS: u64 = 4;

/// How many threads take packets, and the limit of their port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pool {
    /// The threads.
    pub threads: u32,
    /// The concurrency limit.
    pub limit: u32,
}

/// What a pool came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Trial {
    /// The pool.
    pub pool: Pool,
    /// Does it meet all objectives?
    pub verdict: Verdict,
    /// What was measured; empty if nothing could be.
    pub metrics: BTreeMap<String, Interval>,
    /// Does it keep up with what arrives?
    pub stable: bool,
    /// Why nothing could be measured.
    pub stopped: Option<String>,
    /// How many replications there were.
    pub replications: u32,
}

impl Trial {
    /// Are all objectives met, with the confidence that was asked for?
    pub fn meets(&self) -> bool {
        self.verdict == Verdict::Meets
    }

    /// The mean of a metric; 0 if it was not measured.
    pub fn mean(&self, metric: &str) -> f64 {
        self.metrics.get(metric).map_or(0.0, |it| it.mean)
    }

    /// How far it is from the objectives: the worst of them; less than 1 if all are met.
    pub(super) fn distance(&self, question: &Question) -> f64 {
        let distance = |(metric, of): (&str, &super::Objective)| match self.metrics.get(metric) {
            Some(interval) => of.distance(interval.mean),
            None => f64::INFINITY,
        };
        let objectives = question.objectives.iter();
        let worst = objectives
            .map(|objective| distance((&objective.metric, objective)))
            .fold(0.0, f64::max);
        // Of what does not keep up the figures say only how long it was simulated.
        if self.stable { worst } else { worst + 1e9 }
    }
}

/// Where pools are tried. It knows what was tried before, and what all that may take.
pub(super) struct Bench<'q, 'r> {
    pub(super) question: &'q Question,
    pub(super) knobs: Knobs,
    run: &'r mut Runner<'r>,
    tell: &'r mut dyn FnMut(&str),
    /// Requests that were simulated.
    pub(super) simulated: u64,
    /// Settings that were tried.
    pub(super) tried: usize,
    /// The most steps that a request has taken on the mean, where all was well.
    steps: Option<u64>,
    /// What came of the pools, under the load that the scenario has.
    known: BTreeMap<Pool, Trial>,
}

impl<'q, 'r> Bench<'q, 'r> {
    pub(super) fn new(
        question: &'q Question,
        knobs: Knobs,
        run: &'r mut Runner<'r>,
        tell: &'r mut dyn FnMut(&str),
    ) -> Self {
        Self {
            question,
            knobs,
            run,
            tell,
            simulated: 0,
            tried: 0,
            steps: None,
            known: BTreeMap::new(),
        }
    }

    /// Tries a pool, unless it has been.
    pub(super) fn pool(&mut self, workload: &Workload, pool: Pool) -> Result<Trial, AdviseError> {
        // A limit that more threads than there are would reach is none.
        let effective = Pool {
            limit: pool.limit.min(pool.threads),
            ..pool
        };
        let known = match self.known.get(&effective) {
            Some(known) => known.clone(),
            None => {
                let program = self.with_pool(workload, effective)?;
                let trial = self.program(&program, effective)?;
                self.known.insert(effective, trial.clone());
                trial
            }
        };
        Ok(Trial { pool, ..known })
    }

    /// The scenario with this pool.
    pub(super) fn with_pool(
        &self,
        workload: &Workload,
        pool: Pool,
    ) -> Result<Program, AdviseError> {
        changed(workload, &self.knobs.settings(pool))
    }

    /// All pools that were tried.
    pub(super) fn known(&self) -> impl Iterator<Item = &Trial> {
        self.known.values()
    }

    /// Tries a program, whose pool is this.
    pub(super) fn program(&mut self, program: &Program, pool: Pool) -> Result<Trial, AdviseError> {
        let question = self.question;
        let looks = || {
            LOOKS
                .into_iter()
                .filter(|n| *n <= question.most_replications)
        };
        let mut kept: Vec<(Settings, Replication)> = Vec::new();
        let mut trial = None;
        self.tried += 1;
        let spent = self.simulated;
        let steps = self
            .steps
            .map_or(STEPS_A_REQUEST, |steps| MORE_STEPS * steps);
        for replications in looks() {
            (self.tell)(&format!(
                "{} threads, limit {}: {replications} replications; {} requests simulated",
                pool.threads, pool.limit, self.simulated
            ));
            if self.simulated >= question.most_requests {
                return Err(AdviseError::Budget {
                    simulated: self.simulated,
                    tried: self.tried,
                    best: None,
                });
            }
            let precision = Precision {
                confidence: 1.0 - (1.0 - question.confidence) / looks().count() as f64,
                // How many there are is decided here.
                relative: f64::INFINITY,
                metric: question.objectives[0].metric.clone(),
                requests: question.requests,
                least: replications,
                most: replications,
                seed: question.seed,
                most_steps: question.requests.saturating_mul(steps),
            };
            let run = &mut self.run;
            // What was simulated for an earlier look is not simulated again.
            let mut again = |all: &[Settings]| {
                let new: Vec<_> = all
                    .iter()
                    .filter(|settings| !kept.iter().any(|(known, _)| known == *settings))
                    .cloned()
                    .collect();
                let mut failed = None;
                for (settings, replication) in new.iter().zip(run(program, &new)) {
                    match replication {
                        Ok(replication) => kept.push((settings.clone(), replication)),
                        Err(error) => failed = Some(error),
                    }
                }
                let of = |settings: &Settings| {
                    let found = kept.iter().find(|(known, _)| known == settings);
                    found.map(|(_, replication)| replication.clone())
                };
                let found = all.iter().filter_map(of).map(Ok);
                found.chain(failed.map(Err)).collect()
            };
            let estimated = estimate(program, &precision, &mut again, &mut |_| {});
            let made = kept.iter();
            self.simulated = spent + made.map(|(s, it)| s.skip + it.requests).sum::<u64>();
            let now = match estimated {
                Ok(estimate) => {
                    let each = kept
                        .iter()
                        .map(|(s, it)| it.steps.div_ceil(s.skip + it.requests));
                    self.steps = self.steps.max(each.max());
                    judged(pool, of_port(estimate, &self.knobs.port), question)
                }
                // The server stands still.
                Err(error @ (StudyError::OutOfSteps { .. } | StudyError::NoRequests)) => Trial {
                    pool,
                    verdict: Verdict::Fails,
                    metrics: BTreeMap::new(),
                    stable: false,
                    stopped: Some(stands_still(&error)),
                    replications,
                },
                Err(error) => return Err(AdviseError::Study(error)),
            };
            let clear = now.verdict != Verdict::Unclear;
            trial = Some(now);
            if clear {
                break;
            }
        }
        trial.ok_or_else(|| AdviseError::bad("there must be at least four replications."))
    }
}

fn stands_still(error: &StudyError) -> String {
    match error {
        StudyError::OutOfSteps { finished, .. } => {
            let requests = if *finished == 1 {
                "request"
            } else {
                "requests"
            };
            format!("it stands still after {finished} {requests}, while more arrive")
        }
        _ => "no request is ever finished".into(),
    }
}

/// What is measured of ports is meant of this one.
fn of_port(mut estimate: Estimate, port: &str) -> Estimate {
    let prefix = format!("port.{port}.");
    let of_it = |(name, interval): (&String, &Interval)| {
        Some((name.strip_prefix(&prefix)?.to_owned(), *interval))
    };
    let own: Vec<_> = estimate.metrics.iter().filter_map(of_it).collect();
    estimate.metrics.extend(own);
    estimate
}

fn judged(pool: Pool, estimate: Estimate, question: &Question) -> Trial {
    let each: Vec<_> = question
        .objectives
        .iter()
        .filter_map(|objective| Some(objective.judge(*estimate.metrics.get(&objective.metric)?)))
        .collect();
    let any = |verdict: Verdict| each.contains(&verdict);
    // Nobody can go on, though requests are sent for ever.
    let ends = estimate.warnings.iter().find_map(|warning| match warning {
        Warning::Ends { requests } => Some(*requests),
        _ => None,
    });
    let stopped = ends.map(|n| format!("after {n} requests nothing happens any more"));
    let verdict = if any(Verdict::Fails) || !estimate.stable || stopped.is_some() {
        Verdict::Fails
    } else if any(Verdict::Unclear) {
        Verdict::Unclear
    } else {
        Verdict::Meets
    };
    Trial {
        pool,
        verdict,
        stable: estimate.stable && stopped.is_none(),
        metrics: estimate.metrics,
        stopped,
        replications: estimate.replications,
    }
}

/// What the pool of a scenario is: which port has the limit, which threads take packets there. Looked
/// up once: with other numbers of threads another port might seem to be meant.
#[derive(Clone, Debug)]
pub(super) struct Knobs {
    pub(super) port: String,
    worker: String,
    /// The pool that the scenario has.
    pub(super) now: Pool,
}

impl Knobs {
    /// Of this scenario.
    ///
    /// # Errors
    /// If it is not clear.
    pub(super) fn of(workload: &Workload) -> Result<Self, AdviseError> {
        let program = Program::compile(workload).map_err(AdviseError::bad)?;
        // Says why, if it is not clear what limit and threads are.
        let asked = ["limit", "threads"].map(|key| Setting {
            key: key.into(),
            value: "1".into(),
        });
        for setting in asked {
            parameters::apply(workload, &[setting]).map_err(AdviseError::bad)?;
        }
        let roles = Roles::of(workload);
        let (Some(port), [worker]) = (roles.port, &roles.workers[..]) else {
            return Err(AdviseError::bad("it is not clear what its pool is."));
        };
        let declared = workload.ports.iter().find(|it| it.name == port);
        let limit = match declared.map_or(0, |port| port.concurrency) {
            0 => program.processors().into(),
            limit => limit,
        };
        Ok(Self {
            port: port.to_owned(),
            worker: worker.name.clone(),
            now: Pool {
                threads: copies(worker),
                limit,
            },
        })
    }

    /// The settings that make it this pool.
    pub(super) fn settings(&self, pool: Pool) -> [Setting; 2] {
        let set = |key: String, value: u32| Setting {
            key,
            value: value.to_string(),
        };
        [
            set(format!("thread.{}.copies", self.worker), pool.threads),
            set(format!("port.{}.concurrency", self.port), pool.limit),
        ]
    }
}

/// The scenario with these settings, as a program.
pub(super) fn changed(workload: &Workload, settings: &[Setting]) -> Result<Program, AdviseError> {
    let workload = parameters::apply(workload, settings).map_err(AdviseError::bad)?;
    Program::compile(&workload).map_err(AdviseError::bad)
}
