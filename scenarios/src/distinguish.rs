//! The smallest experiment that tells two kernels apart.
//!
//! An experiment is a workload with a schedule whose outcome, seen from outside, is possible under
//! one kernel and impossible under another. It is looked for in a given program
//! ([`in_program`]), or among all small programs ([`in_small_programs`]): those whose steps are on
//! the [menu](areas), up to a [`Bound`]. The search is [`refine`]; what it finds is made a workload
//! of its own, played again, and shown to the checker of recordings, so that two pieces of code that
//! know nothing of each other agree on it.

mod forced;
mod menu;

pub use forced::{Forced, forced};
pub use menu::{Area, MOST_THREADS, areas};

use crate::experiment;
use iocp_model::{Kernel, Mutant, Mutants, Semantics, ThreadId, ThreadState};
use iocp_scheduler::{
    Choice, Op, Program, State, StepError, Workload,
    conform::{self, Divergence, Recording, Verdict},
    refine::{self, Answer, Client, Limits, Refined, Taken},
    run::RunWatch,
    trace::{Tracer, header},
};
use iocp_traces::Trace;
use menu::SmallPrograms;

/// After so many steps a schedule that is played to its end is cut off.
const MOST_STEPS: usize = 1_000;

/// The name of the workloads that are made here.
pub const NAME: &str = "tells-apart";

/// Which small programs to try, and how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound {
    /// The most threads.
    pub threads: usize,
    /// The most steps of all threads together.
    pub steps: u32,
    /// The most [areas] of the menu in one program, besides the first.
    pub areas: usize,
    /// The most states to look at in one search.
    pub most_states: u64,
}

impl Default for Bound {
    fn default() -> Self {
        Self {
            threads: 3,
            steps: 4,
            areas: 1,
            most_states: 2_000_000,
        }
    }
}

/// What tells two kernels apart.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// What to run.
    pub program: Program,
    /// How it goes under the one kernel, with a nanosecond for each step.
    pub trace: Trace,
    /// The steps.
    pub schedule: Vec<Choice>,
    /// So many of them make the difference; the others only bring the run to its end.
    pub decisive: usize,
    /// Why it cannot go so under the other.
    pub divergence: Divergence,
}

/// What a search for an experiment came to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// This tells the kernels apart.
    Differs(Box<Experiment>),
    /// Nothing does: everything was tried.
    Same,
    /// A limit was reached first.
    NoVerdict,
}

/// What a search came to, and what it took.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The outcome.
    pub outcome: Outcome,
    /// States looked at.
    pub states: u64,
    /// Steps taken between them.
    pub transitions: u64,
    /// Schedules that the checker did not find impossible although the search did. They were left
    /// out, so there might be something smaller than what was found.
    pub refused: u64,
}

impl Answered {
    fn nothing() -> Self {
        Self {
            outcome: Outcome::Same,
            states: 0,
            transitions: 0,
            refused: 0,
        }
    }

    fn add(&mut self, refined: &Refined) {
        self.states += refined.states;
        self.transitions += refined.transitions;
    }
}

/// The shortest schedule of a program whose outcome is possible under `actual` and impossible under
/// `claimed`.
///
/// # Errors
/// If a thread of the program spins.
pub fn in_program(
    program: &Program,
    actual: Kernel,
    claimed: Kernel,
    most_states: u64,
) -> Result<Answered, StepError> {
    let mut answered = Answered::nothing();
    // As a recording is read: on a real kernel others may come between a call and its count.
    let program = &*program.with_counts_apart();
    let client = Client {
        program,
        menu: None,
    };
    let mut found = None;
    let refined = refine::search(
        client,
        actual.semantics(),
        claimed.semantics(),
        Limits {
            most_states,
            differ: differences(actual, claimed),
        },
        |path| {
            found = experiment_of(program.clone(), actual, claimed, path);
            answered.refused += u64::from(found.is_none());
            found.is_some()
        },
    )?;
    answered.add(&refined);
    answered.outcome = match (refined.answer, found) {
        (Answer::Differs(_), Some(found)) => Outcome::Differs(Box::new(found)),
        (Answer::NoVerdict, _) => Outcome::NoVerdict,
        _ => Outcome::Same,
    };
    Ok(answered)
}

/// The smallest program, with the shortest schedule of it, whose outcome is possible under `actual`
/// and impossible under `claimed`. `tell` hears of each search before it begins: how many steps the
/// programs have, and the areas of the menu.
pub fn in_small_programs(
    actual: Kernel,
    claimed: Kernel,
    bound: Bound,
    mut tell: impl FnMut(u32, &[&'static Area]),
) -> Answered {
    let mut answered = Answered::nothing();
    let differ = differences(actual, claimed);
    let choices: Vec<SmallPrograms> = menu::choices(bound.areas)
        .into_iter()
        .map(|areas| SmallPrograms::new(areas, bound.threads))
        .collect();
    let mut limit_reached = false;
    for steps in 1..=bound.steps {
        for programs in &choices {
            tell(steps, &programs.areas);
            let found = in_choice(
                programs,
                actual,
                claimed,
                steps,
                differ,
                bound,
                &mut answered,
            );
            match found {
                Outcome::Differs(_) => {
                    answered.outcome = found;
                    return answered;
                }
                Outcome::NoVerdict => limit_reached = true,
                Outcome::Same => {}
            }
        }
        if limit_reached {
            // What is found from here on might not be the smallest.
            answered.outcome = Outcome::NoVerdict;
            return answered;
        }
    }
    answered
}

/// One search: programs of so many steps.
fn in_choice(
    programs: &SmallPrograms,
    actual: Kernel,
    claimed: Kernel,
    steps: u32,
    differ: Option<Mutants>,
    bound: Bound,
    answered: &mut Answered,
) -> Outcome {
    let allows = |state: &State, used: usize, thread: ThreadId, at: usize| {
        programs.allows(state, used, thread, at)
    };
    let menu = refine::Menu {
        allows: &allows,
        most_steps: steps,
    };
    let client = Client {
        program: &programs.program,
        menu: Some(&menu),
    };
    let mut found = None;
    let refined = refine::search(
        client,
        actual.semantics(),
        claimed.semantics(),
        Limits {
            most_states: bound.most_states,
            differ,
        },
        |path| {
            found = programs.experiment(path, actual, claimed);
            answered.refused += u64::from(found.is_none());
            found.is_some()
        },
    );
    // A thread of a menu never spins, so there is no error.
    let Ok(refined) = refined else {
        return Outcome::NoVerdict;
    };
    answered.add(&refined);
    match (refined.answer, found) {
        (Answer::Differs(_), Some(found)) => Outcome::Differs(Box::new(found)),
        (Answer::NoVerdict, _) => Outcome::NoVerdict,
        _ => Outcome::Same,
    }
}

/// The mutants in which two kernels differ, if that is all in which they do.
fn differences(a: Kernel, b: Kernel) -> Option<Mutants> {
    let (a, b) = (a.semantics(), b.semantics());
    // What `more` breaks and `less` does not.
    let added = |more: Semantics, less: Semantics| {
        let is_added = |mutant: &Mutant| more.with(*mutant) == more && less.with(*mutant) != less;
        let added: Mutants = Mutant::all().filter(is_added).collect();
        let all = added.iter().fold(less, Semantics::with);
        (all == more).then_some(added)
    };
    added(a, b).or_else(|| added(b, a))
}

/// How many of so many random runs of a program under `actual` have an outcome that is impossible
/// under `claimed`.
pub fn shown_in(program: &Program, actual: Kernel, claimed: Kernel, runs: u64) -> u64 {
    (0..runs)
        .filter(|seed| experiment::differs(program, actual, claimed, *seed) == Some(true))
        .count() as u64
}

/// Plays a schedule, to the end of all threads or until nothing more happens, and shows the outcome
/// to the checker. `None` if the schedule does not fit the program, or the outcome is possible under
/// `claimed`.
fn experiment_of(
    program: Program,
    actual: Kernel,
    claimed: Kernel,
    path: &[Taken],
) -> Option<Experiment> {
    let (trace, schedule, decisive) = play(&program, actual, path)?;
    let verdict = Recording::read(&program, &trace).and_then(|recording| {
        recording.check(claimed.semantics(), conform::Options::default(), &mut ())
    });
    match verdict {
        Ok(Verdict::Diverges(divergence)) => Some(Experiment {
            program,
            trace,
            schedule,
            decisive,
            divergence: *divergence,
        }),
        _ => None,
    }
}

fn play(program: &Program, kernel: Kernel, path: &[Taken]) -> Option<(Trace, Vec<Choice>, usize)> {
    let mut state = State::initial(program, kernel.semantics()).ok()?;
    let mut tracer = Tracer::new(program, Vec::new(), true);
    let mut schedule = Vec::new();
    let mut decisive = 0;
    let mut choices = Vec::new();
    let mut path = path.iter().map(|taken| taken.choice).peekable();
    let mut now_ns = 0;
    while schedule.len() < MOST_STEPS {
        choices.clear();
        state.choices(program, &mut choices);
        let choice = match path.next() {
            Some(choice) if choices.contains(&choice) => {
                decisive = schedule.len() + 1;
                choice
            }
            // A thread that belongs to no port has ended with its last step.
            Some(Choice::Step(thread)) if has_ended(&state, thread) => continue,
            Some(_) => return None,
            // The rest makes no difference; time-outs run out last.
            None => match choices.iter().min_by_key(|choice| rank(choice)) {
                Some(choice) => *choice,
                None => break,
            },
        };
        tracer.step_begins(now_ns);
        let thread = choice.thread();
        if let (Choice::Step(_), op @ Op::Until(..)) = (choice, state.op(program, thread)) {
            tracer.waits_until(thread, op);
        }
        state.take(program, choice, &mut tracer).ok()?;
        tracer.step_ends(program, &state);
        schedule.push(choice);
        now_ns += 1;
    }
    if path.peek().is_some() {
        return None;
    }
    if choices.is_empty() {
        tracer.step_begins(now_ns);
        for thread in state.system.thread_ids() {
            let op = state.op(program, thread);
            if state.system.thread(thread).can_call() && matches!(op, Op::Until(..)) {
                tracer.waits_until(thread, op);
            }
        }
        tracer.settled(now_ns + 1);
    }
    let header = header(program, &kernel.to_string(), "", 0);
    let events = tracer.into_sink();
    Some((Trace { header, events }, schedule, decisive))
}

fn has_ended(state: &State, thread: ThreadId) -> bool {
    state.system.thread(thread).state == ThreadState::Terminated
}

fn rank(choice: &Choice) -> u8 {
    match choice {
        Choice::Return(..) => 0,
        Choice::Step(_) => 1,
        Choice::Suspend(_) => 2,
        Choice::Expire(_) => 3,
    }
}

/// How many steps a workload has.
pub fn size(workload: &Workload) -> usize {
    let threads = workload.threads.iter();
    threads.map(|thread| thread.program.len()).sum()
}

/// In a sentence: what to see in the workload, for its file.
fn title(actual: Kernel, claimed: Kernel) -> String {
    format!("An outcome of {actual} that {claimed} cannot have")
}

/// The rules that are broken in one kernel and not in the other.
fn rules(actual: Kernel, claimed: Kernel) -> Vec<String> {
    let mutants = actual.mutants.difference(claimed.mutants);
    let mut rules: Vec<String> = mutants
        .iter()
        .flat_map(Mutant::rules)
        .map(|rule| rule.id().to_owned())
        .collect();
    rules.dedup();
    rules
}
