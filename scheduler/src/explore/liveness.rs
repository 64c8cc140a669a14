//! What must come: is there a schedule on which it never does?
//!
//! An expectation of `when = "eventually"` is broken by a schedule that ends while something is owed,
//! or that goes on for ever while it is. Not every endless schedule counts: only those that are
//! *weakly fair*, on which nobody who could take a step from some point on never takes one. Three take
//! steps for each thread: the thread itself, with its own steps and its return from a call; its
//! clock, which lets a time-out run out; and its suspension, which takes effect. The clock is among
//! them because infinitely many steps take infinitely long, and a finite time-out does not. Which of
//! several ways a thread returns in, and with how many packets, nobody is bound to vary.
//!
//! The states in which something is owed are a part of the graph of all states. An endless schedule
//! stays, after a while, in one of its strongly connected components, and a component holds a weakly
//! fair one if and only if everybody can be given their due in it: for each who could always take a
//! step, one of its steps stays inside. So this is decided exactly, on the graph without
//! reductions; what is reported is replayed on the model before anybody sees it.

use super::{
    Limit, Options, Phase, Progress,
    components::{self, components},
    counterexample::Lasso,
    cycle::{Component, Round},
    graph::{Agent, Edge, Graph, Ways},
    parts::Id,
};
use crate::{
    expect::{self, When},
    program::Program,
    state::{State, StepError},
};
use iocp_model::Kernel;
use std::collections::HashMap;

/// So many pairs of a state and of those who had their due are looked at, to find a shorter way round.
const MOST_PAIRS: usize = 1 << 22;

/// What there is to say of all that must come.
pub(crate) enum Found {
    Holds,
    /// This expectation is broken.
    Broken(Lasso),
    Cut(Limit),
}

/// The expectations for this kernel of what must come, by number.
pub(crate) fn expectations(program: &Program, kernel: Kernel) -> Vec<usize> {
    let all = program.workload.expect.iter().enumerate();
    all.filter(|(_, it)| expect::applies(it, kernel.profile.name))
        .filter(|(_, it)| expect::when(it) == When::Eventually)
        .map(|(index, _)| index)
        .collect()
}

/// Is there a weakly fair schedule on which one of these expectations is never met? It is the first
/// of those that are broken.
///
/// # Errors
/// If a thread of the program spins.
pub(crate) fn check(
    program: &Program,
    expectations: &[usize],
    first: State,
    options: &Options,
    go_on: &dyn Fn(&Progress) -> bool,
) -> Result<Found, StepError> {
    let tell = |states: usize, waiting: usize, memory: usize| {
        let progress = Progress {
            phase: Phase::Liveness,
            states: states as u64,
            frontier: waiting as u64,
            depth: 0,
            memory: memory as u64,
        };
        if progress.memory > options.memory {
            return Some(Limit::Memory);
        }
        (!go_on(&progress)).then_some(Limit::Stopped)
    };
    let graph = match Graph::new(program, first, options.most_states, &tell)? {
        Ok(graph) => graph,
        Err(limit) => return Ok(Found::Cut(limit)),
    };
    let broken = expectations
        .iter()
        .find_map(|&expectation| Debt::new(program, &graph, expectation).never_paid(program));
    Ok(broken.map_or(Found::Holds, Found::Broken))
}

/// What an expectation says must come, in all states.
struct Debt<'g> {
    graph: &'g Graph,
    expectation: usize,
    /// In which states something is owed.
    open: Vec<bool>,
    /// How they are reached.
    ways: Ways,
    /// The thread that is to go on, if that is what must come.
    still: Option<usize>,
}

impl<'g> Debt<'g> {
    fn new(program: &Program, graph: &'g Graph, index: usize) -> Self {
        let expectation = &program.workload.expect[index];
        let parts = expect::parts(program, expectation);
        let slots: Vec<_> = parts
            .into_iter()
            .map(|part| graph.store.slots.of(part))
            .collect();
        let mut known: HashMap<Vec<Id>, bool, foldhash::fast::FixedState> = HashMap::default();
        let open: Vec<bool> = (0..graph.len() as Id)
            .map(|state| {
                let parts = graph.parts(state);
                let key: Vec<Id> = slots.iter().map(|slot| parts[*slot]).collect();
                *known.entry(key).or_insert_with(|| {
                    let situation = graph.store.situation(parts, &graph.first);
                    expect::is_open(program, index, &situation.state)
                })
            })
            .collect();
        let goes_on = expectation.goes_on.is_some();
        let arises = goes_on || expectation.served.is_some();
        let thread = expect::thread_named(program, expectation);
        Self {
            // A fact is owed from the first state on; a thread may begin to wait at any time.
            ways: graph.ways(|state| arises || open[state as usize]),
            still: thread.filter(|_| goes_on).map(|thread| thread.index()),
            graph,
            expectation: index,
            open,
        }
    }

    fn is_owed(&self, state: Id) -> bool {
        self.open[state as usize] && self.ways.lead_to(state)
    }

    /// The shortest schedule found on which it is not paid.
    fn never_paid(&self, program: &Program) -> Option<Lasso> {
        let is_end = |state: &&Id| self.graph.edges(**state).is_empty() && self.is_owed(**state);
        let end = self.ways.order.iter().find(is_end).copied();
        let of = self.components();
        let fair = self.fair(&of, Agent::count(program));
        let ends = end.map(|end| self.ways.depth[end as usize] as usize);
        if let Some((state, round)) = self.shortest(&of, &fair, ends) {
            let mut choices = self.graph.way_to(&self.ways, state);
            let cycle = Some(choices.len());
            choices.extend(round.into_iter().map(|edge| self.graph.choice(edge)));
            return Some(Lasso {
                expectation: self.expectation,
                choices,
                cycle,
            });
        }
        end.map(|end| Lasso {
            expectation: self.expectation,
            choices: self.graph.way_to(&self.ways, end),
            cycle: None,
        })
    }

    /// The component of each state in which something is owed.
    fn components(&self) -> Vec<u32> {
        let edge = |state: Id, number: usize| {
            let edge = *self.graph.edges(state).get(number)?;
            let agent = self.graph.agent(edge);
            let goes_on = self.still.is_some_and(|still| agent.goes_on(still));
            Some((self.is_owed(edge.to) && !goes_on).then_some(edge.to))
        };
        components(self.graph.len(), |state| self.is_owed(state), edge)
    }

    fn component<'a>(&'a self, of: &'a [u32], number: u32) -> Component<'a> {
        Component {
            graph: self.graph,
            of,
            number,
            still: self.still,
        }
    }

    /// Which components hold a weakly fair schedule.
    fn fair(&self, of: &[u32], agents: usize) -> Vec<bool> {
        let is_in = |state: &Id| of[*state as usize] != components::NONE;
        let mut members: Vec<Id> = (0..self.graph.len() as Id).filter(is_in).collect();
        members.sort_by_key(|state| of[*state as usize]);
        members
            .chunk_by(|a, b| of[*a as usize] == of[*b as usize])
            .map(|members| {
                let component = self.component(of, of[members[0] as usize]);
                // Most have one state and no way round.
                let has_a_way_round =
                    members.len() > 1 || component.steps(members[0]).next().is_some();
                has_a_way_round && component.is_fair(members, agents)
            })
            .collect()
    }

    /// A state and a fair way round from there, the way to it and the way round together as short as
    /// can be, as far as that is found out in time; and shorter than `ends`.
    fn shortest(&self, of: &[u32], fair: &[bool], ends: Option<usize>) -> Option<(Id, Vec<Edge>)> {
        let mut best = None;
        let mut length = ends.unwrap_or(usize::MAX);
        let mut budget = MOST_PAIRS;
        let is_fair = |number: u32| fair.get(number as usize) == Some(&true);
        for &state in &self.ways.order {
            let number = of[state as usize];
            let depth = self.ways.depth[state as usize] as usize;
            let most = length.saturating_sub(depth + 1);
            if most == 0 {
                break;
            }
            if !is_fair(number) {
                continue;
            }
            let component = self.component(of, number);
            match component.round(state, most, &mut budget) {
                Round::Shortest(round) => {
                    length = depth + round.len();
                    best = Some((state, round));
                }
                Round::None => {}
                Round::Cut if best.is_none() && ends.is_none() => {
                    return Some((state, component.some_round(state)));
                }
                Round::Cut => break,
            }
        }
        best
    }
}
