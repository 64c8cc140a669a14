//! Who chooses: strategies, and schedules that can be replayed.
//!
//! A [`Strategy`] answers two questions: which of these comes next, and which value does this
//! random quantity take. Its answers *are* the schedule; [`Recorded`] notes them, [`Replay`] gives
//! them again.

use crate::{program::Program, state::Choice};
use iocp_model::ThreadId;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Chooses what happens next.
pub trait Strategy {
    /// Which of these, as an index. There is at least one.
    ///
    /// # Errors
    /// If the strategy has no answer: a schedule that does not fit the program.
    fn choose(&mut self, choices: &[Choice]) -> Result<usize, ReplayError>;

    /// A number from 0 to `most`.
    ///
    /// # Errors
    /// As above.
    fn value(&mut self, most: u64) -> Result<u64, ReplayError>;
}

/// Any choice is as likely as any other. The generator is ChaCha with eight rounds, whose output
/// for a seed is the same on every machine.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }
}

impl Strategy for Random {
    fn choose(&mut self, choices: &[Choice]) -> Result<usize, ReplayError> {
        Ok(below(&mut self.0, choices.len()))
    }

    fn value(&mut self, most: u64) -> Result<u64, ReplayError> {
        Ok(self.0.random_range(0..=most))
    }
}

/// An index below `len`, drawn as 64 bits so that it does not depend on the machine's word.
fn below(rng: &mut ChaCha8Rng, len: usize) -> usize {
    rng.random_range(0..len.max(1) as u64) as usize
}

/// Probabilistic concurrency testing (Burckhardt and others, 2010): threads have random
/// priorities, the highest that can goes, and at a few random steps the one that runs drops to the
/// bottom. A bug that needs `depth` orderings is found with a known probability.
#[derive(Clone, Debug)]
pub struct Pct {
    rng: ChaCha8Rng,
    /// Threads, the highest priority first.
    order: Vec<ThreadId>,
    /// The steps at which the running thread drops, in ascending order.
    drops: Vec<u64>,
    step: u64,
}

impl Pct {
    /// For a program of `threads` threads and about `steps` steps; `depth` is one more than the
    /// number of drops.
    pub fn new(seed: u64, threads: usize, steps: u64, depth: u32) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut order: Vec<_> = (0..threads).filter_map(ThreadId::new).collect();
        order.shuffle(&mut rng);
        let mut drops: Vec<u64> = (1..depth)
            .map(|_| rng.random_range(0..steps.max(1)))
            .collect();
        drops.sort_unstable();
        Self {
            rng,
            order,
            drops,
            step: 0,
        }
    }
}

impl Strategy for Pct {
    fn choose(&mut self, choices: &[Choice]) -> Result<usize, ReplayError> {
        let first = self
            .order
            .iter()
            .find_map(|thread| choices.iter().position(|choice| choice.thread() == *thread))
            .unwrap_or(0);
        // A thread with several choices (time-out or packet) has no order among them: draw.
        let thread = choices[first].thread();
        let of_thread = choices
            .iter()
            .filter(|choice| choice.thread() == thread)
            .count();
        let chosen = first + below(&mut self.rng, of_thread);
        if self.drops.first().is_some_and(|&drop| drop <= self.step) {
            self.drops.remove(0);
            self.order.retain(|other| *other != thread);
            self.order.push(thread);
        }
        self.step += 1;
        Ok(chosen)
    }

    fn value(&mut self, most: u64) -> Result<u64, ReplayError> {
        Ok(self.rng.random_range(0..=most))
    }
}

/// The threads in turn.
#[derive(Clone, Debug, Default)]
pub struct RoundRobin {
    last: Option<ThreadId>,
}

impl Strategy for RoundRobin {
    fn choose(&mut self, choices: &[Choice]) -> Result<usize, ReplayError> {
        let next = choices
            .iter()
            .position(|choice| self.last.is_none_or(|last| choice.thread() > last))
            .unwrap_or(0);
        self.last = Some(choices[next].thread());
        Ok(next)
    }

    fn value(&mut self, _most: u64) -> Result<u64, ReplayError> {
        Ok(0)
    }
}

/// Another strategy, whose answers are noted.
#[derive(Clone, Debug)]
pub struct Recorded<S> {
    inner: S,
    /// The answers so far.
    pub steps: Vec<Answer>,
}

/// One answer of a strategy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// This comes next.
    Choice(Choice),
    /// This random quantity takes this value.
    Value(u64),
}

impl<S> Recorded<S> {
    /// Nothing noted yet.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            steps: Vec::new(),
        }
    }
}

impl<S: Strategy> Strategy for Recorded<S> {
    fn choose(&mut self, choices: &[Choice]) -> Result<usize, ReplayError> {
        let chosen = self.inner.choose(choices)?;
        self.steps.push(Answer::Choice(choices[chosen]));
        Ok(chosen)
    }

    fn value(&mut self, most: u64) -> Result<u64, ReplayError> {
        let value = self.inner.value(most)?;
        self.steps.push(Answer::Value(value));
        Ok(value)
    }
}

impl<S: Strategy + ?Sized> Strategy for Box<S> {
    fn choose(&mut self, choices: &[Choice]) -> Result<usize, ReplayError> {
        (**self).choose(choices)
    }

    fn value(&mut self, most: u64) -> Result<u64, ReplayError> {
        (**self).value(most)
    }
}

impl<S: Strategy + ?Sized> Strategy for &mut S {
    fn choose(&mut self, choices: &[Choice]) -> Result<usize, ReplayError> {
        (**self).choose(choices)
    }

    fn value(&mut self, most: u64) -> Result<u64, ReplayError> {
        (**self).value(most)
    }
}

/// The answers of a schedule, given again.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The threads' names, for messages.
    names: Vec<String>,
    steps: std::vec::IntoIter<Answer>,
    given: usize,
}

impl Replay {
    /// From the answers. The messages of [`Schedule::replay`] know the threads' names.
    pub fn new(steps: Vec<Answer>) -> Self {
        Self {
            names: Vec::new(),
            steps: steps.into_iter(),
            given: 0,
        }
    }

    /// How many answers have not been asked for. If there are any when the program has ended, the
    /// schedule does not fit it.
    pub fn left(&self) -> usize {
        self.steps.len()
    }

    /// A choice as a schedule file has it, in quotes.
    fn quote(&self, choice: Choice) -> String {
        let thread = choice.thread();
        match self.names.get(thread.index()) {
            Some(name) => format!("\"{}\"", sentence(choice, name)),
            None => format!("\"{}\"", sentence(choice, &format!("{thread:?}"))),
        }
    }

    fn next(&mut self) -> Result<Answer, ReplayError> {
        self.given += 1;
        self.steps.next().ok_or(ReplayError {
            step: self.given,
            message: "the schedule ends here, but the program can go on".into(),
        })
    }
}

impl Strategy for Replay {
    fn choose(&mut self, choices: &[Choice]) -> Result<usize, ReplayError> {
        let answer = self.next()?;
        let wrong = |message: String| ReplayError {
            step: self.given,
            message,
        };
        let Answer::Choice(wanted) = answer else {
            return Err(wrong(
                "the schedule has a value where a choice is due".into(),
            ));
        };
        choices
            .iter()
            .position(|choice| *choice == wanted)
            .ok_or_else(|| {
                let possible: Vec<_> = choices.iter().map(|choice| self.quote(*choice)).collect();
                wrong(format!(
                    "{} cannot happen here; possible: {}",
                    self.quote(wanted),
                    possible.join(", ")
                ))
            })
    }

    fn value(&mut self, most: u64) -> Result<u64, ReplayError> {
        match self.next()? {
            Answer::Value(value) if value <= most => Ok(value),
            _ => Err(ReplayError {
                step: self.given,
                message: format!("the schedule has no value up to {most} where one is due"),
            }),
        }
    }
}

/// A schedule that does not fit the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplayError {
    /// The step of the schedule, counted from one.
    pub step: usize,
    /// What does not fit.
    pub message: String,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "step {} of the schedule does not fit: {}. Was it made from this scenario, under this profile?",
            self.step, self.message
        )
    }
}

impl std::error::Error for ReplayError {}

/// The name of the schedule format, the first thing in a file.
pub const FORMAT: &str = "iocp-schedule";

/// A schedule as a file: everything that a run needs to happen again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// [`FORMAT`].
    pub format: String,
    /// The version of the format: 1.
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The profile.
    pub profile: String,
    /// "none": durations mean nothing; such a schedule the explorer writes.
    #[serde(default, skip_serializing_if = "Pace::is_virtual")]
    pub clock: Pace,
    /// By how many percent durations may have been stretched.
    #[serde(default)]
    pub jitter_percent: u32,
    /// Whoever made it did not mind a thread that has work and can never go on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_deadlock: bool,
    /// The answers: "worker-1" (does its next step), "worker-1 returns", "worker-1 returns with 2
    /// more", "worker-1 times out", "worker-1 is suspended", or a number (a random value).
    pub steps: Vec<Line>,
}

/// Whether a schedule was made in virtual time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// It was: what takes time happens when its time has come.
    #[default]
    Virtual,
    /// It was not: what takes time happens at any moment.
    None,
}

impl Pace {
    fn is_virtual(&self) -> bool {
        *self == Self::Virtual
    }
}

/// One line of a schedule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a step is a sentence such as \"worker-1 times out\", or a number from 0 up"
)]
pub enum Line {
    /// A random value.
    Value(u64),
    /// A choice, in words.
    Choice(String),
}

/// A choice of the thread of this name, as a schedule file has it.
fn sentence(choice: Choice, name: &str) -> String {
    match choice {
        Choice::Step(_) => name.to_owned(),
        Choice::Return(_, 0) => format!("{name} returns"),
        Choice::Return(_, more) => format!("{name} returns with {more} more"),
        Choice::Expire(_) => format!("{name} times out"),
        Choice::Suspend(_) => format!("{name} is suspended"),
    }
}

impl Schedule {
    /// The schedule of a run.
    pub fn new(program: &Program, profile: &str, jitter_percent: u32, steps: &[Answer]) -> Self {
        let lines = steps.iter().map(|step| match *step {
            Answer::Value(value) => Line::Value(value),
            Answer::Choice(choice) => {
                Line::Choice(sentence(choice, program.thread_name(choice.thread())))
            }
        });
        Self {
            format: FORMAT.into(),
            version: 1,
            scenario: program.workload.name.clone(),
            profile: profile.into(),
            clock: Pace::Virtual,
            jitter_percent,
            allow_deadlock: false,
            steps: lines.collect(),
        }
    }

    /// A schedule in which durations mean nothing, as [`explore`](crate::explore) finds it.
    pub fn untimed(
        program: &Program,
        profile: &str,
        allow_deadlock: bool,
        choices: &[Choice],
    ) -> Self {
        let steps: Vec<_> = choices.iter().copied().map(Answer::Choice).collect();
        Self {
            clock: Pace::None,
            allow_deadlock,
            ..Self::new(program, profile, 0, &steps)
        }
    }

    /// The strategy that gives the answers again, for this program.
    ///
    /// # Errors
    /// As [`answers`](Self::answers).
    pub fn replay(&self, program: &Program) -> Result<Replay, ReplayError> {
        Ok(Replay {
            names: program.thread_names.clone(),
            ..Replay::new(self.answers(program)?)
        })
    }

    /// The answers, for this program.
    ///
    /// # Errors
    /// If a line is not understood, or names a thread that the program does not have.
    pub fn answers(&self, program: &Program) -> Result<Vec<Answer>, ReplayError> {
        self.steps
            .iter()
            .enumerate()
            .map(|(index, line)| {
                let text = match line {
                    Line::Value(value) => return Ok(Answer::Value(*value)),
                    Line::Choice(text) => text,
                };
                let wrong = |message: String| ReplayError {
                    step: index + 1,
                    message,
                };
                let words: Vec<_> = text.split(' ').collect();
                let name = words[0];
                let thread = program
                    .thread_names
                    .iter()
                    .position(|known| known == name)
                    .and_then(ThreadId::new)
                    .ok_or_else(|| wrong(format!("there is no thread \"{name}\"")))?;
                let choice = match words[1..] {
                    [] => Choice::Step(thread),
                    ["returns"] => Choice::Return(thread, 0),
                    ["returns", "with", more, "more"] => {
                        let more = more
                            .parse()
                            .map_err(|_| wrong(format!("\"{more}\" is no number")))?;
                        Choice::Return(thread, more)
                    }
                    ["times", "out"] => Choice::Expire(thread),
                    ["is", "suspended"] => Choice::Suspend(thread),
                    _ => return Err(wrong(format!("\"{text}\" is not understood"))),
                };
                Ok(Answer::Choice(choice))
            })
            .collect()
    }
}
