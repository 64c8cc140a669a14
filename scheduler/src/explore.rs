//! All schedules of a program: can a property fail, and if so, what is the shortest way?
//!
//! ```
//! use iocp_scheduler::{Program, Workload, explore::{self, Verdict}};
//!
//! let workload: Workload = serde_json::from_str(r#"{
//!     "name": "two-takers",
//!     "port": [{"name": "p", "concurrency": 1}],
//!     "thread": [
//!         {"name": "poster", "program": [
//!             {"call": "PostQueuedCompletionStatus", "port": "p", "key": 1}]},
//!         {"name": "taker", "copies": 2, "program": [
//!             {"call": "GetQueuedCompletionStatus", "port": "p"}]}],
//!     "expect": [{"thread": "taker-1", "took": [1]}]
//! }"#)?;
//! let program = Program::compile(&workload)?;
//! let report = explore::explore(&program, Default::default(), &Default::default(), &|_| true)
//!     .expect("no thread spins");
//! // The other one may be quicker.
//! assert!(matches!(report.verdict, Verdict::Violated(_)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
mod components;
mod counterexample;
mod cycle;
mod graph;
mod history;
mod judge;
mod layout;
mod lists;
mod liveness;
mod memo;
mod no_return;
mod packets;
mod partial_order;
mod parts;
mod search;
pub mod soundness;
mod steps;
mod symmetry;
mod table;
mod trail;

pub use checkpoint::CheckpointError;
pub use counterexample::{Counterexample, violation};
pub use judge::Violation;

use crate::{
    program::Program,
    state::{Choice, State, StepError},
};
use checkpoint::Label;
use history::{History, Situation};
use iocp_model::Kernel;
use judge::Properties;
use partial_order::Light;
use search::{Level, Reduction, Search};
use std::{
    io::{BufRead, Write},
    sync::atomic::{AtomicBool, Ordering},
};
use steps::Steps;
use symmetry::Symmetry;
use trail::{Shortest, Trail};

/// What a search may use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// How many threads search.
    pub threads: usize,
    /// The most states to visit.
    pub most_states: u64,
    /// The longest schedule to follow.
    pub most_depth: usize,
    /// The most bytes to use, roughly.
    pub memory: u64,
    /// Whether to make a digest of the states and of the steps between them.
    pub digest: bool,
    /// Whether it is a violation if a thread has work and can never go on.
    pub deadlocks: bool,
    /// What may be left out, where that is sound.
    pub reductions: Reductions,
    /// How visited states are kept.
    pub storage: Storage,
    /// Which state comes next.
    pub order: Order,
}

/// In which order a search visits states. All are visited in either; what differs is what a search
/// that ends early has seen, and the memory for states that wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// Those nearest to the first state come first: by several threads.
    #[default]
    BreadthFirst,
    /// Those that were found last come first: by one thread. Fewer wait, and a violation that is far
    /// away may be found earlier.
    DepthFirst,
}

/// How visited states are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Storage {
    /// Exactly: no state is taken for another.
    #[default]
    Exact,
    /// As 63 bits of their hashes: two states may be taken for one, with a probability that the
    /// report tells.
    Compact,
    /// As three bits each in a field of so many bytes: many more states in the same memory, and a
    /// much higher probability.
    Bitstate {
        /// The size of the field.
        bytes: u64,
    },
}

/// What a search may leave out without missing a violation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reductions {
    /// Of steps that commute, the other order.
    pub partial_order: bool,
    /// Of states that differ only in which of several like threads is which, all but one.
    pub symmetry: bool,
    /// Which of several packets that no thread tells apart is which.
    pub packets: bool,
}

impl Reductions {
    /// Nothing is left out.
    pub const NONE: Self = Self {
        partial_order: false,
        symmetry: false,
        packets: false,
    };
    /// All that is sound.
    pub const ALL: Self = Self {
        partial_order: true,
        symmetry: true,
        packets: true,
    };
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 1,
            most_states: u64::MAX,
            most_depth: usize::MAX,
            memory: 4 << 30,
            digest: true,
            deadlocks: true,
            reductions: Reductions::ALL,
            storage: Storage::Exact,
            order: Order::BreadthFirst,
        }
    }
}

/// How far a search is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// States visited.
    pub states: u64,
    /// States found and not visited yet, of this level and the next.
    pub frontier: u64,
    /// Steps from the first state.
    pub depth: usize,
    /// Bytes used, roughly.
    pub memory: u64,
}

/// What a search is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It visits all states.
    Search,
    /// It looks for the shortest way to a violation.
    Shortest,
    /// It looks for the point of no return.
    NoReturn,
    /// It looks for a schedule on which something never comes, among all states once more.
    Liveness,
}

/// What a search found.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// The answer.
    pub verdict: Verdict,
    /// Different states, the first among them.
    pub states: u64,
    /// Steps from one to another.
    pub transitions: u64,
    /// The longest way from the first state to another: breadth first, if each is reached the
    /// shortest way; depth first, on the ways that the search went.
    pub depth: usize,
    /// States in which nothing can happen any more.
    pub ends: u64,
    /// The most bytes that the search used, roughly; those of the visited states.
    pub memory: u64,
    /// The bytes that the visited states took.
    pub visited_memory: u64,
    /// The same for the same states and steps, whatever their order; of a complete search that left
    /// nothing out and kept its states exactly.
    pub digest: Option<u64>,
    /// Are the numbers of states and steps only nearly right? Several threads that have nothing but a
    /// few bits of a state may count it twice now and then.
    pub is_about: bool,
    /// Where states were not kept exactly, a bound on the probability that one was left out by
    /// mistake.
    pub omission: Option<f64>,
    /// What was left out: the names of the reductions.
    pub reductions: Vec<&'static str>,
    /// What could not be left out, and why not: a reduction and a sentence.
    pub refused: Vec<(&'static str, String)>,
}

/// The answer of a search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// In no schedule is any property broken.
    Holds,
    /// In this schedule, and in no shorter one unless it says so; see [`Counterexample::schedule`].
    Violated(Counterexample),
    /// The search was cut short. What it saw was in order, or there was no room for any schedule of
    /// the violation that was found.
    Unknown(Limit),
}

/// What cut a search short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// The most states.
    States,
    /// The longest schedule.
    Depth,
    /// The memory.
    Memory,
    /// Whoever asked for the search.
    Stopped,
}

/// Searches all schedules of a program. `go_on` is told how far it is, now and then, by any of the
/// threads; it says whether to go on.
///
/// # Errors
/// If a thread goes round in its program without ever doing anything.
pub fn explore(
    program: &Program,
    kernel: Kernel,
    options: &Options,
    go_on: &(dyn Fn(&Progress) -> bool + Sync),
) -> Result<Report, StepError> {
    match explore_on(program, kernel, options, go_on, Checkpoints::default()) {
        Ok(report) => Ok(report),
        Err(ExploreError::Step(error)) => Err(error),
        Err(ExploreError::Checkpoint(_)) => unreachable!("there is no checkpoint"),
    }
}

/// Where a search is kept if it is cut short, and from which it goes on.
#[derive(Default)]
pub struct Checkpoints<'c> {
    /// Goes on from here.
    pub from: Option<&'c mut dyn BufRead>,
    /// Is kept here, if it is cut short.
    pub to: Option<&'c mut dyn Write>,
}

/// Why a search could not be made.
#[derive(Debug)]
pub enum ExploreError {
    /// A thread goes round in its program without ever doing anything.
    Step(StepError),
    /// A checkpoint could not be read or written.
    Checkpoint(CheckpointError),
}

impl From<StepError> for ExploreError {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

impl From<CheckpointError> for ExploreError {
    fn from(error: CheckpointError) -> Self {
        Self::Checkpoint(error)
    }
}

/// Searches all schedules of a program, as [`explore`] does, and may go on with a search that was
/// cut short.
///
/// # Errors
/// As [`explore`]; and if a checkpoint cannot be read or written, or is of another search.
pub fn explore_on(
    program: &Program,
    kernel: Kernel,
    options: &Options,
    go_on: &(dyn Fn(&Progress) -> bool + Sync),
    checkpoints: Checkpoints<'_>,
) -> Result<Report, ExploreError> {
    let first = Situation {
        state: State::initial(program, kernel.semantics())?,
        history: History::new(program, kernel.profile.name),
    };
    let properties = Properties::new(program, kernel, options.deadlocks);
    let reduced = Reduced::new(program, kernel, options);
    let searched = reduced.program.as_ref().unwrap_or(program);
    let searched_properties = Properties::new(searched, kernel, options.deadlocks);
    let searched_first = Situation {
        state: State::initial(searched, kernel.semantics())?,
        history: History::new(searched, kernel.profile.name),
    };
    let begin = || {
        let first = searched_first.clone();
        let reduction = reduced.reduction.clone();
        Search::new(searched, &searched_properties, first, options, reduction)
    };
    let mut search = begin();
    let label = Label {
        program: searched,
        kernel: kernel.to_string(),
        options: format!(
            "{:?} {:?} {:?}",
            options.storage, options.order, reduced.names
        ),
    };
    if let Some(from) = checkpoints.from {
        search.go_on_with(label.read(from, &searched_first)?, options.order);
    }
    let broken_at_once = properties.first(&first).map(|violation| Trail {
        choices: Vec::new(),
        violation,
    });
    let limit = if broken_at_once.is_some() {
        None
    } else {
        run(&mut search, options, go_on)?
    };
    if let (Some(to), Some(_)) = (checkpoints.to, limit) {
        search.keep(&label, to)?;
    }
    let counted = search.counted();
    let leaves_nothing_out = reduced.names.is_empty() && options.storage == Storage::Exact;
    let is_complete = limit.is_none() && search.breaches.is_empty() && broken_at_once.is_none();
    let mut report = Report {
        verdict: Verdict::Holds,
        states: counted.states,
        transitions: counted.transitions,
        depth: search.depth,
        ends: counted.ends,
        memory: search.memory() as u64,
        visited_memory: search.visited_memory() as u64,
        digest: (options.digest && is_complete && leaves_nothing_out).then_some(counted.digest),
        is_about: matches!(options.storage, Storage::Bitstate { .. }) && search.threads() > 1,
        omission: search.omission(),
        reductions: reduced.names.clone(),
        refused: reduced.refused.clone(),
    };
    let is_violated = broken_at_once.is_some() || !search.breaches.is_empty();
    // A search depth first knows the way that it has come.
    let mut long = match options.order {
        Order::DepthFirst if is_violated => search.schedule(&searched_first)?,
        _ => None,
    };
    // Its memory may be needed.
    drop(search);
    if is_violated {
        let watched = |phase, states, memory: usize| Progress {
            phase,
            states,
            frontier: 0,
            depth: 0,
            memory: memory as u64,
        };
        let over = |phase, states, memory: usize| match () {
            () if memory as u64 > options.memory => Some(Limit::Memory),
            () if !go_on(&watched(phase, states, memory)) => Some(Limit::Stopped),
            () => None,
        };
        let symmetry = options.reductions.symmetry;
        let symmetry = symmetry.then(|| Symmetry::find(program, kernel).ok());
        let symmetry = symmetry.flatten();
        let mut steps = Steps::new(program, &properties, symmetry.as_ref(), &first);
        let shortest = match broken_at_once {
            Some(trail) => Shortest::Found(trail),
            None => trail::shortest(&mut steps, &|states, memory| {
                over(Phase::Shortest, states, memory)
            })?,
        };
        let over_for_good = |states, memory| over(Phase::NoReturn, states, memory);
        report.verdict = match shortest {
            Shortest::Found(trail) => Verdict::Violated(Counterexample::new(
                &properties,
                &mut steps,
                trail,
                None,
                &over_for_good,
            )?),
            Shortest::Cut(limit) => {
                if long.is_none() {
                    long = found_again(begin(), &searched_first, options, |progress| {
                        let progress =
                            watched(Phase::Shortest, progress.states, progress.memory as usize);
                        // What stopped the search for the shortest does not stop this one.
                        go_on(&progress) || limit == Limit::Stopped
                    })?;
                }
                match long {
                    Some(choices) => Verdict::Violated(Counterexample::longer(
                        &properties,
                        &mut steps,
                        &choices,
                        limit,
                        &over_for_good,
                    )?),
                    None => Verdict::Unknown(limit),
                }
            }
            Shortest::None => unreachable!("what one search found, the other finds"),
        };
    } else if let Some(limit) = limit {
        report.verdict = Verdict::Unknown(limit);
    } else if let must_come @ [_, ..] = &liveness::expectations(program, kernel)[..] {
        let first = first.state;
        let found = liveness::check(program, must_come, first.clone(), options, go_on)?;
        report.verdict = match found {
            liveness::Found::Holds => Verdict::Holds,
            liveness::Found::Broken(lasso) => {
                Verdict::Violated(Counterexample::never(program, first, lasso)?)
            }
            liveness::Found::Cut(limit) => Verdict::Unknown(limit),
        };
    }
    Ok(report)
}

/// Searches once more as far as a violation, and keeps the levels, so that there is a way back from
/// it. `None` if that takes too much memory, or was stopped.
fn found_again(
    mut search: Search<'_>,
    first: &Situation,
    options: &Options,
    go_on: impl Fn(&Progress) -> bool + Sync,
) -> Result<Option<Vec<Choice>>, StepError> {
    search.keep_levels();
    let options = Options {
        most_states: u64::MAX,
        ..options.clone()
    };
    run(&mut search, &options, &go_on)?;
    search.schedule(first)
}

/// Searches until a violation is found, all is visited, or a limit is reached.
fn run(
    search: &mut Search<'_>,
    options: &Options,
    go_on: &(dyn Fn(&Progress) -> bool + Sync),
) -> Result<Option<Limit>, StepError> {
    loop {
        let progress = Progress {
            phase: Phase::Search,
            states: search.counted().states,
            frontier: search.waiting() as u64,
            depth: search.depth,
            memory: search.memory() as u64,
        };
        if progress.memory > options.memory {
            return Ok(Some(Limit::Memory));
        }
        if !go_on(&progress) {
            return Ok(Some(Limit::Stopped));
        }
        let before = progress.states;
        let [is_full, is_over] = [false; 2].map(AtomicBool::new);
        let go_on = |states, memory: usize| {
            is_full.fetch_or(memory as u64 > options.memory, Ordering::Relaxed);
            is_over.fetch_or(states >= options.most_states, Ordering::Relaxed);
            states < options.most_states
                && memory as u64 <= options.memory
                && go_on(&Progress {
                    states,
                    frontier: progress.frontier.saturating_sub(states - before),
                    memory: memory as u64,
                    ..progress
                })
        };
        let level = match options.order {
            Order::BreadthFirst => search.level(&go_on),
            Order::DepthFirst => search.dive(&go_on),
        }?;
        if !search.breaches.is_empty() {
            return Ok(None);
        }
        match level {
            Level::Last => return Ok(None),
            Level::Cut if is_over.into_inner() => return Ok(Some(Limit::States)),
            Level::Cut if is_full.into_inner() => return Ok(Some(Limit::Memory)),
            Level::Cut => return Ok(Some(Limit::Stopped)),
            Level::Done if search.depth > options.most_depth => return Ok(Some(Limit::Depth)),
            Level::Done => {}
        }
    }
}

/// What can be left out of a search of a program, and what cannot.
#[derive(Default)]
struct Reduced {
    /// The program with alike packets.
    program: Option<Program>,
    reduction: Reduction,
    names: Vec<&'static str>,
    refused: Vec<(&'static str, String)>,
}

impl Reduced {
    fn new(program: &Program, kernel: Kernel, options: &Options) -> Self {
        let wanted = options.reductions;
        let mut reduced = Self::default();
        if wanted.packets {
            let alike = packets::made_alike(program, kernel);
            reduced.program = reduced.note("packets", alike);
        }
        let searched = reduced.program.take();
        let program = searched.as_ref().unwrap_or(program);
        if wanted.symmetry {
            let symmetry = Symmetry::find(program, kernel);
            reduced.reduction.symmetry = reduced.note("symmetry", symmetry);
        }
        if wanted.partial_order {
            let light = if options.most_depth < usize::MAX {
                Err("schedules are followed only so far".to_owned())
            } else {
                Light::find(program, kernel)
            };
            reduced.reduction.light = reduced.note("partial order", light);
        }
        reduced.program = searched;
        reduced
    }

    fn note<T>(&mut self, name: &'static str, found: Result<T, String>) -> Option<T> {
        match found {
            Ok(found) => {
                self.names.push(name);
                Some(found)
            }
            Err(why) => {
                self.refused.push((name, why));
                None
            }
        }
    }
}
