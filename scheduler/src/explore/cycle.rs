//! The shortest way round in a component on which nobody is kept waiting without reason.

use super::{
    graph::{Agent, Edge, Graph},
    parts::Id,
};
use std::collections::{HashMap, HashSet, VecDeque};

type Hasher = foldhash::fast::FixedState;

/// A component of a part of a graph: its states, and the steps between them.
pub(crate) struct Component<'g> {
    pub(crate) graph: &'g Graph,
    /// The component of each state,
    pub(crate) of: &'g [u32],
    /// and the number of this one.
    pub(crate) number: u32,
    /// A thread that stands still.
    pub(crate) still: Option<usize>,
}

/// A pair that has been found.
struct Pair {
    state: Id,
    /// Who has had their due.
    had: u64,
    /// How we came here: from which pair, by which step.
    came: Option<(usize, Edge)>,
}

/// What came of a search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Round {
    /// None is shorter.
    Shortest(Vec<Edge>),
    /// None is short enough.
    None,
    /// It would have taken too long.
    Cut,
}

impl Component<'_> {
    /// The steps from a state that stay inside.
    pub(crate) fn steps(&self, state: Id) -> impl Iterator<Item = Edge> + '_ {
        let edges = self.graph.edges(state).iter().copied();
        edges.filter(|edge| {
            self.of[edge.to as usize] == self.number
                && !self
                    .still
                    .is_some_and(|still| self.graph.agent(*edge).goes_on(still))
        })
    }

    /// Who can take a step in a state, inside or not.
    pub(crate) fn enabled(&self, state: Id) -> impl Iterator<Item = Agent> + '_ {
        let mut last = None;
        let edges = self.graph.edges(state).iter();
        let agents = edges.map(|edge| self.graph.agent(*edge));
        // Those of an agent stand together.
        agents.filter(move |agent| last.replace(*agent) != Some(*agent))
    }

    /// Is there a way round through all states on which everybody who always can take a step takes
    /// one? Then the component has an endless weakly fair schedule, and if not, it has none: a way
    /// round through fewer states gives fewer of them a reason to wait.
    pub(crate) fn is_fair(&self, members: &[Id], agents: usize) -> bool {
        let mut can = vec![0usize; agents];
        let mut does = vec![false; agents];
        for &state in members {
            self.enabled(state)
                .for_each(|agent| can[agent.0 as usize] += 1);
            self.steps(state)
                .for_each(|edge| does[self.graph.agent(edge).0 as usize] = true);
        }
        does.contains(&true)
            && can
                .iter()
                .zip(&does)
                .all(|(can, does)| *does || *can < members.len())
    }

    /// The shortest such way round from a state, if it has at most so many steps. It is looked for
    /// among pairs of a state and of those who have had their due; of these at most `budget` are
    /// looked at.
    pub(crate) fn round(&self, from: Id, most_steps: usize, budget: &mut usize) -> Round {
        // Who cannot take a step here has a reason to wait.
        let mut owed: Vec<Agent> = self.enabled(from).collect();
        owed.sort_unstable();
        if owed.len() > 64 {
            return Round::Cut;
        }
        let all = u64::MAX.checked_shr(64 - owed.len() as u32).unwrap_or(0);
        let bit = |agent: Agent| {
            let bit = owed.binary_search(&agent).ok();
            bit.map_or(0, |bit| 1u64 << bit)
        };
        let had = |edge: Edge| {
            let can = self.enabled(edge.to).fold(0, |can, it| can | bit(it));
            all & !can | bit(self.graph.agent(edge))
        };
        let mut seen = HashSet::with_hasher(Hasher::default());
        let mut found = vec![Pair {
            state: from,
            had: 0,
            came: None,
        }];
        let (mut at, mut level, mut steps) = (0, 1, 0);
        while let Some(&Pair {
            state, had: so_far, ..
        }) = found.get(at)
        {
            if at == level {
                level = found.len();
                steps += 1;
            }
            if steps == most_steps {
                return Round::None;
            }
            for edge in self.steps(state) {
                let now = so_far | had(edge);
                if edge.to == from && now == all {
                    let mut round = vec![edge];
                    let mut before = at;
                    while let Some((earlier, edge)) = found[before].came {
                        round.push(edge);
                        before = earlier;
                    }
                    round.reverse();
                    return Round::Shortest(round);
                }
                if seen.insert((edge.to, now)) {
                    found.push(Pair {
                        state: edge.to,
                        had: now,
                        came: Some((at, edge)),
                    });
                }
            }
            at += 1;
            match budget.checked_sub(1) {
                Some(left) => *budget = left,
                None => return Round::Cut,
            }
        }
        Round::None
    }

    /// Some such way round: from one who is owed to the next, and back.
    pub(crate) fn some_round(&self, from: Id) -> Vec<Edge> {
        let mut owed: Vec<Agent> = self.enabled(from).collect();
        let mut round: Vec<Edge> = Vec::new();
        let mut at = from;
        loop {
            let is_due = |edge: Edge| {
                owed.iter().any(|agent| {
                    *agent == self.graph.agent(edge)
                        || !self.enabled(edge.to).any(|it| it == *agent)
                })
            };
            let way = match owed.is_empty() {
                false => self.way(at, is_due),
                true if at == from && !round.is_empty() => return round,
                true => self.way(at, |edge| edge.to == from),
            };
            for edge in way {
                owed.retain(|agent| {
                    *agent != self.graph.agent(edge) && self.enabled(edge.to).any(|it| it == *agent)
                });
                at = edge.to;
                round.push(edge);
            }
        }
    }

    /// The shortest way that ends with such a step. In a fair component there is one.
    fn way(&self, from: Id, is_last: impl Fn(Edge) -> bool) -> Vec<Edge> {
        let mut came: HashMap<Id, (Id, Edge), Hasher> = HashMap::default();
        let mut found = VecDeque::from([from]);
        while let Some(state) = found.pop_front() {
            for edge in self.steps(state) {
                if is_last(edge) {
                    let mut way = vec![edge];
                    let mut at = state;
                    while at != from {
                        let (before, edge) = came[&at];
                        way.push(edge);
                        at = before;
                    }
                    way.reverse();
                    return way;
                }
                if edge.to != from && !came.contains_key(&edge.to) {
                    came.insert(edge.to, (state, edge));
                    found.push_back(edge.to);
                }
            }
        }
        unreachable!("in a fair component everybody who is owed a step can be given it")
    }
}
