//! What must hold, and of which parts of a state each property speaks.

use super::{
    history::Situation,
    memo::{Judge, Probe},
};
use crate::{
    expect::{self, When},
    program::{Condition, Op, Program},
    state::{Part, Watch},
};
use iocp_model::{Frame, Kernel, PortId, Target, ThreadState, invariants};

/// A property that does not hold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Violation {
    /// An invariant of the model is broken.
    Invariant(String),
    /// A packet was delivered, or lost, other than once.
    Packet(String),
    /// A thread has work and can never go on.
    Deadlock(String),
    /// An expectation of the scenario was not met: its number, and a sentence.
    Expectation(usize, String),
}

impl Violation {
    /// A packet of this key has been marked before.
    pub(crate) fn twice(key: u64) -> Self {
        Self::Packet(format!(
            "packet {key} is delivered twice: it is marked a second time"
        ))
    }

    /// The kind of property, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Invariant(_) => "invariant",
            Self::Packet(_) => "packet",
            Self::Deadlock(_) => "deadlock",
            Self::Expectation(..) => "expectation",
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invariant(message) | Self::Packet(message) | Self::Deadlock(message) => {
                f.write_str(message)
            }
            Self::Expectation(index, message) => write!(f, "expect[{index}]: {message}"),
        }
    }
}

/// All properties that a search looks after.
#[derive(Clone, Debug)]
pub(crate) struct Properties<'p> {
    program: &'p Program,
    kernel: Kernel,
    deadlocks: bool,
    /// The expectations that must be met after every step, and what they depend on.
    always: Vec<(usize, Vec<Part>)>,
    /// The expectations that bound how many steps a packet is queued. Every step has its part in
    /// that.
    waits: Vec<usize>,
}

impl<'p> Properties<'p> {
    pub(crate) fn new(program: &'p Program, kernel: Kernel, deadlocks: bool) -> Self {
        let meant = program.workload.expect.iter().enumerate();
        let meant = meant.filter(|(_, it)| expect::applies(it, kernel.profile.name));
        let always = meant
            .clone()
            .filter(|(_, it)| expect::is_of_every_moment(it))
            .map(|(index, it)| (index, expect::parts(program, it)))
            .collect();
        let waits = meant.filter(|(_, it)| it.most_wait.is_some());
        Self {
            program,
            kernel,
            deadlocks,
            always,
            waits: waits.map(|(index, _)| index).collect(),
        }
    }

    /// A packet that has been queued for too many steps.
    fn waits(&self, situation: &Situation) -> Option<Violation> {
        self.waits.iter().find_map(|&index| {
            let message = expect::waits_too_long(self.program, index, &situation.history.waits)?;
            Some(Violation::Expectation(index, message))
        })
    }

    /// The expectation of this number, in this situation.
    fn expectation(&self, index: usize, situation: &Situation) -> Option<Violation> {
        let message = expect::fails_now(self.program, index, &situation.state);
        message.map(|message| Violation::Expectation(index, message))
    }

    fn invariants(&self, situation: &Situation) -> Option<Violation> {
        // Of a kernel whose rules are broken they need not hold.
        if !self.kernel.mutants.is_empty() {
            return None;
        }
        let violation = invariants::check(&situation.state.system).err()?;
        Some(Violation::Invariant(violation.to_string()))
    }

    /// What is wrong with the first state.
    pub(crate) fn first(&self, situation: &Situation) -> Option<Violation> {
        let always = || {
            let mut always = self.always.iter();
            always.find_map(|(index, _)| self.expectation(*index, situation))
        };
        self.invariants(situation)
            .or_else(always)
            .or_else(|| self.waits(situation))
    }

    /// A thread that has work and can never go on.
    fn deadlock(&self, situation: &Situation) -> Option<Violation> {
        let state = &situation.state;
        for id in state.system.thread_ids() {
            let thread = state.system.thread(id);
            let name = self.program.thread_name(id);
            // Who says how a thread ends means it.
            let is_meant = self.program.workload.expect.iter().any(|expectation| {
                expect::when(expectation) == When::End
                    && expectation.thread.as_deref() == Some(name)
                    && expectation.state.is_some()
                    || expectation.is.is_some()
                        && expectation
                            .result
                            .as_deref()
                            .is_some_and(|result| result.starts_with(&format!("{name}.")))
            });
            if is_meant || thread.state == ThreadState::Terminated {
                continue;
            }
            let at = || match state.op(self.program, id) {
                Op::Until(_, text) => format!("until {text}"),
                Op::Call(op) => op
                    .label
                    .clone()
                    .unwrap_or_else(|| op.call.api().name().to_owned()),
                _ => "the end of its program".to_owned(),
            };
            let depth = |port: PortId| state.system.port(port).depth();
            match (&thread.frame, thread.state) {
                (Frame::Dequeue(dequeue), ThreadState::Waiting) => {
                    let queued = depth(dequeue.port);
                    if queued > 0 {
                        return Some(Violation::Deadlock(format!(
                            "{name} waits for a packet for ever, and {queued} are queued at {}",
                            self.program.port_name(dequeue.port)
                        )));
                    }
                }
                (Frame::Wait(wait), ThreadState::Waiting)
                    if !matches!(wait.target, Target::Port(_)) =>
                {
                    return Some(Violation::Deadlock(format!(
                        "{name} waits for ever in {}",
                        at()
                    )));
                }
                // An order that did not come about: the scenario means other schedules than this.
                (Frame::User, ThreadState::Running) if orders(state.op(self.program, id)) => {}
                (Frame::User, ThreadState::Running) => {
                    return Some(Violation::Deadlock(format!(
                        "{name} stands for ever at {}",
                        at()
                    )));
                }
                _ => {}
            }
        }
        None
    }
}

/// Does the op wait until others stand in a certain way, as no program can? It says which schedules
/// a scenario is about.
fn orders(op: &Op) -> bool {
    fn about_threads(condition: &Condition) -> bool {
        match condition {
            Condition::Waits(..)
            | Condition::Blocked(_)
            | Condition::Suspended(_)
            | Condition::Depth(..) => true,
            Condition::All(all) => all.iter().any(about_threads),
            Condition::Ended(_)
            | Condition::Counter(..)
            | Condition::Result(_)
            | Condition::Key(_) => false,
        }
    }
    matches!(op, Op::Until(conditions, _) if conditions.iter().any(about_threads))
}

impl Judge for Properties<'_> {
    fn breach(&self, situation: &Situation, probe: &mut Probe<'_>) -> Option<Violation> {
        if let Some(key) = probe.twice() {
            return Some(Violation::twice(key));
        }
        if probe.touched(Part::System)
            && let Some(violation) = self.invariants(situation)
        {
            return Some(violation);
        }
        // A step that left alone what an expectation depends on has not broken it.
        let touched = |(_, parts): &&(usize, Vec<Part>)| parts.iter().any(|it| probe.touched(*it));
        let concerned: Vec<_> = self.always.iter().filter(touched).collect();
        let always = concerned.into_iter().find_map(|(index, parts)| {
            parts.iter().for_each(|part| probe.reads(*part));
            self.expectation(*index, situation)
        });
        // All steps depend on the waits already.
        always.or_else(|| self.waits(situation))
    }

    fn end(&self, situation: &Situation) -> Option<Violation> {
        let outcome = situation.outcome(self.program);
        let failures = expect::check_end(self.program, self.kernel.profile.name, &outcome);
        let failed = failures
            .into_iter()
            .next()
            .map(|failure| Violation::Expectation(failure.expectation, failure.message));
        let deadlock = || self.deadlocks.then(|| self.deadlock(situation)).flatten();
        failed.or_else(deadlock)
    }
}
