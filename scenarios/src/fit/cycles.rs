//! What a worker does with a packet: from the dequeue that gives it to the next one there.

use super::{
    recorded::Recorded,
    roles::Group,
    timeline::{Kind, Thread},
};

/// A thread that waits for a processor has it so soon after one is free. So one that goes on when a
/// processor has been free for longer did not wait for it.
const PROMPT_NS: u64 = 250_000;

/// A step of a worker that is a call.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Step {
    /// It blocks for as long as a law says: it sleeps, or waits for what no thread here gives.
    Blocks(String),
    /// It waits for an object that threads here let go.
    Waits(String),
    /// It lets an object go; a mutex?
    Releases(String, bool),
    /// It posts a packet.
    Posts(String),
    /// It takes a packet from another port.
    Takes(String, u16),
}

/// A worker's turn.
pub(super) struct Cycle {
    pub(super) steps: Vec<Step>,
    /// Computing before the first step, between two, and after the last.
    pub(super) computing_ns: Vec<u64>,
    /// How long each step took, and whether a processor was free in the end; if none was, the thread
    /// may have waited for one.
    pub(super) blocked_ns: Vec<(u64, bool)>,
    /// How long the calls took that wait for nothing.
    pub(super) calls_ns: u64,
    /// The requests of the packets that it took.
    pub(super) requests: Vec<usize>,
    /// The next stretch of computing belongs to the one before.
    goes_on: bool,
}

/// What a dequeue costs.
#[derive(Default)]
pub(super) struct Dequeues {
    /// From the post to the return, where the worker was waiting and a processor was free.
    pub(super) woken_ns: Vec<u64>,
    /// From call to return, where a packet was there.
    pub(super) at_once_ns: Vec<u64>,
}

/// The port that the threads of a group serve: the first that each takes from; and the most packets
/// that they take.
pub(super) fn served(recorded: &Recorded, group: &Group) -> Option<(String, u16)> {
    let thread = &recorded.threads[*group.threads.first()?];
    first_take(thread).map(|(port, most)| (recorded.port(port), most))
}

fn first_take(thread: &Thread) -> Option<(&str, u16)> {
    thread.calls.iter().find_map(|call| match &call.kind {
        Kind::Take { port, most, .. } => Some((port.as_str(), *most)),
        _ => None,
    })
}

/// The turns of one thread.
pub(super) fn cycles(recorded: &Recorded, number: usize, costs: &mut Dequeues) -> Vec<Cycle> {
    let thread = &recorded.threads[number];
    let Some((port, _)) = first_take(thread) else {
        return Vec::new();
    };
    let mut cycles = Vec::new();
    let mut now: Option<(Cycle, u64)> = None;
    for (index, call) in thread.calls.iter().enumerate() {
        if let Some((cycle, since)) = &mut now {
            cycle.computes(recorded.busy.done_ns(*since, call.begin.0));
        }
        let taken = recorded.requests.taken.get(&(number, index));
        if let (Some(taken), Some(end)) = (taken, call.end) {
            match taken.posted_ns > call.begin.0 {
                true if recorded.busy.free_during(taken.posted_ns, end.0) => {
                    costs.woken_ns.push(end.0.saturating_sub(taken.posted_ns));
                }
                true => {}
                false => costs.at_once_ns.push(call.took_ns()),
            }
        }
        if matches!(&call.kind, Kind::Take { port: at, .. } if at == port) {
            cycles.extend(now.take().map(|(cycle, _)| cycle));
            if let (Some(taken), Some(end)) = (taken, call.end) {
                let cycle = Cycle {
                    steps: Vec::new(),
                    computing_ns: Vec::new(),
                    blocked_ns: Vec::new(),
                    calls_ns: 0,
                    requests: taken.requests.clone(),
                    goes_on: false,
                };
                now = Some((cycle, end.0));
            }
            continue;
        }
        let Some((mut cycle, _)) = now.take() else {
            continue;
        };
        let Some(end) = call.end else { continue };
        let step = match &call.kind {
            Kind::Post { port, .. } => Some(Step::Posts(recorded.port(port))),
            Kind::Take { port, most, .. } => Some(Step::Takes(recorded.port(port), *most)),
            Kind::Sleep => Some(Step::Blocks("Sleep".into())),
            Kind::Until => Some(Step::Blocks("until".into())),
            Kind::Wait { object } if recorded.released.contains(object) => {
                Some(Step::Waits(object.clone()))
            }
            Kind::Wait { object } => Some(Step::Blocks(object.clone())),
            Kind::Release { object, mutex } => Some(Step::Releases(object.clone(), *mutex)),
            Kind::Other => None,
        };
        match step {
            Some(step) => {
                if matches!(step, Step::Posts(_) | Step::Releases(..)) {
                    cycle.calls_ns += call.took_ns();
                }
                let from = end.0.saturating_sub(PROMPT_NS).max(call.begin.0);
                let free = recorded.busy.free_during(from, end.0);
                cycle.blocked_ns.push((call.took_ns(), free));
                cycle.steps.push(step);
            }
            // Neither a wait nor a packet: the computing goes on.
            None => {
                cycle.calls_ns += call.took_ns();
                cycle.goes_on = true;
            }
        }
        now = Some((cycle, end.0));
    }
    // When exactly a thread has ended, a recorder does not know, so its last turn does not count.
    cycles
}

impl Cycle {
    fn computes(&mut self, ns: u64) {
        match self.computing_ns.last_mut() {
            Some(before) if std::mem::take(&mut self.goes_on) => *before += ns,
            _ => self.computing_ns.push(ns),
        }
    }
}
