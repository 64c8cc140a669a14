//! What can go wrong in some schedule, however rare: the explorer on a small version.

use super::{
    small::{Arrivals, Small, small},
    trial::Pool,
};
use iocp_model::Kernel;
use iocp_scheduler::{
    Program, Workload,
    explore::{Options, Verdict, explore},
    run::RunError,
};

/// The most states of one question.
const MOST_STATES: u64 = 100_000;
/// The most workers of the small version; with fewer, if that has too many states.
const WORKERS: [u32; 2] = [3, 2];

/// Makes of a small version the scenario that asks.
type Asked = fn(&Small) -> Workload;

/// What can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hazard {
    /// A thread has work and waits for ever.
    Deadlock,
    /// Nobody takes a packet.
    Packet,
    /// A thread waits at the port for ever, while others are served.
    Starvation,
}

impl Hazard {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deadlock => "deadlock",
            Self::Packet => "packet",
            Self::Starvation => "starvation",
        }
    }

    const fn phrase(self) -> &'static str {
        match self {
            Self::Deadlock => "a deadlock",
            Self::Packet => "a packet that is left behind",
            Self::Starvation => "a thread that starves",
        }
    }
}

/// What was asked of the explorer, and what it found.
#[derive(Clone, PartialEq, Debug)]
pub struct Risk {
    /// What was asked for.
    pub kind: Hazard,
    /// What it found.
    pub found: Finding,
    /// The same in a sentence.
    pub says: String,
    /// How the small version was made.
    pub small: Vec<String>,
    /// The small version itself, with what was asked of it.
    pub scenario: Workload,
}

/// What the explorer found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finding {
    /// It can happen: in a schedule of so many steps, and in no shorter one.
    Happens {
        /// The steps.
        steps: usize,
    },
    /// It cannot: so many states were searched, and there are no more.
    Never {
        /// The states.
        states: u64,
    },
    /// There are more states than were searched.
    Unknown {
        /// The states.
        states: u64,
    },
}

/// Asks for a deadlock, for a packet that nobody takes, and for a thread that starves.
pub(super) fn of(workload: &Workload, pool: Pool, kernel: Kernel) -> Vec<Risk> {
    let questions: [(Hazard, Arrivals, Asked); 3] = [
        (Hazard::Deadlock, Arrivals::AFew, |small| {
            small.workload.clone()
        }),
        (Hazard::Packet, Arrivals::AFew, Small::all_taken),
        (Hazard::Starvation, Arrivals::OneByOne, Small::all_served),
    ];
    questions
        .into_iter()
        .map(|(kind, arrivals, asked)| risk(kind, workload, pool, kernel, arrivals, asked))
        .collect()
}

fn risk(
    kind: Hazard,
    workload: &Workload,
    pool: Pool,
    kernel: Kernel,
    arrivals: Arrivals,
    asked: Asked,
) -> Risk {
    let mut workers = WORKERS.into_iter().peekable();
    loop {
        let most = workers.next().unwrap_or(1);
        let small = small(workload, pool, most, arrivals);
        let scenario = asked(&small);
        let (found, says) = match ask(kind, &scenario, kernel) {
            Ok((found, what)) => (found, says(kind, found, &what)),
            Err(why) => (
                Finding::Unknown { states: 0 },
                format!("Not known whether there is {}: {why}.", kind.phrase()),
            ),
        };
        if workers.peek().is_none() || !matches!(found, Finding::Unknown { .. }) {
            return Risk {
                kind,
                found,
                says,
                small: small.changes,
                scenario,
            };
        }
    }
}

/// What was found, and the explorer's sentence.
///
/// # Errors
/// A clause that says why nothing can be found.
fn ask(kind: Hazard, scenario: &Workload, kernel: Kernel) -> Result<(Finding, String), String> {
    let program = Program::compile(scenario)
        .map_err(|error| format!("the small version cannot be: {error}"))?;
    let options = Options {
        most_states: MOST_STATES,
        memory: 1 << 30,
        digest: false,
        deadlocks: kind == Hazard::Deadlock,
        ..Options::default()
    };
    let report = explore(&program, kernel, &options, &|_| true).map_err(|error| {
        let error = RunError::of_step(&program, error);
        format!("the small version cannot be explored: {error}")
    })?;
    let states = report.states;
    Ok(match report.verdict {
        Verdict::Holds => (Finding::Never { states }, String::new()),
        Verdict::Violated(counterexample) => (
            Finding::Happens {
                steps: counterexample.schedule.len(),
            },
            counterexample.violation.to_string(),
        ),
        Verdict::Unknown(_) => (Finding::Unknown { states }, String::new()),
    })
}

fn says(kind: Hazard, found: Finding, what: &str) -> String {
    let what = what.split_once("]: ").map_or(what, |(_, what)| what);
    let what = what.trim_end_matches('.');
    match (found, kind) {
        (Finding::Happens { steps }, Hazard::Deadlock) => format!(
            "Deadlock: after {steps} steps {what}. More threads make that rarer, not impossible."
        ),
        (Finding::Happens { steps }, Hazard::Packet) => {
            format!("A packet is left: after {steps} steps nothing more happens, and {what}.")
        }
        (Finding::Happens { steps }, Hazard::Starvation) => format!(
            "Starvation: {what}; {steps} steps show it. Who waited last is served first, so under little \
             load the thread at the bottom gets nothing. No packet suffers, but do not count on every \
             thread having its turn."
        ),
        (Finding::Never { states }, Hazard::Deadlock) => {
            format!(
                "No deadlock: in none of {states} states does a thread with work wait for ever."
            )
        }
        (Finding::Never { states }, Hazard::Packet) => {
            format!("No packet is left behind, in any of {states} states.")
        }
        (Finding::Never { states }, Hazard::Starvation) => {
            format!("No thread starves: in {states} states each that waits is served in the end.")
        }
        (Finding::Unknown { states }, kind) => format!(
            "Not known whether there is {}: there are more than {states} states.",
            kind.phrase()
        ),
    }
}
