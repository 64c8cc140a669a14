//! All states of a program and all steps between them, at hand at once.
//!
//! What goes on for ever is a way round in this graph, so nothing may be left out of it: it knows no
//! reduction. Its states remember nothing of the way to them.

use super::{
    Limit,
    history::{History, Situation},
    judge::Violation,
    layout::Layout,
    lists::Lists,
    memo::{Judge, Memo, NO_MOVES, Probe},
    parts::{Id, Store},
};
use crate::{
    program::Program,
    state::{Choice, State, StepError},
};

/// All states, by number, and the steps from each.
pub(crate) struct Graph {
    pub(crate) first: Situation,
    pub(crate) store: Store,
    memo: Memo,
    states: Lists,
    /// Where the steps from each state begin, and where the last ones end.
    starts: Vec<usize>,
    edges: Vec<Edge>,
    /// Of each of what has been learned, who takes it.
    agents: Vec<Agent>,
}

/// A step from a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Edge {
    /// Where it leads.
    pub(crate) to: Id,
    /// What it is: an index into what has been learned.
    step: u32,
}

/// Who takes a step: three for each thread, since its own steps, the end of its time-out and its
/// suspension do not wait for each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Agent(pub(crate) u32);

impl Agent {
    /// Who takes this step.
    pub(crate) fn of(choice: Choice) -> Self {
        let kind = match choice {
            Choice::Step(_) | Choice::Return(..) => 0,
            Choice::Expire(_) => 1,
            Choice::Suspend(_) => 2,
        };
        // There are at most `MOST_THREADS` threads.
        Self(choice.thread().index() as u32 * 3 + kind)
    }

    /// The number of agents of a program.
    pub(crate) fn count(program: &Program) -> usize {
        program.threads.len() * 3
    }

    /// Does the thread of this index go on with its steps? That it is suspended is no going on.
    pub(crate) fn goes_on(self, thread: usize) -> bool {
        self.0 as usize / 3 == thread && self.0 % 3 != 2
    }
}

/// A way from the first state to others.
pub(crate) struct Ways {
    /// The states that can be reached, nearest first.
    pub(crate) order: Vec<Id>,
    /// Of each state, how many steps it is away.
    pub(crate) depth: Vec<u32>,
    /// Of each state, the one before it, and the step from there.
    came: Vec<(Id, u32)>,
}

/// Of a state that cannot be reached.
const NOWHERE: u32 = u32::MAX;

/// Nobody judges.
struct Nobody;

impl Judge for Nobody {
    fn breach(&self, _: &Situation, _: &mut Probe<'_>) -> Option<Violation> {
        None
    }

    fn end(&self, _: &Situation) -> Option<Violation> {
        None
    }
}

impl Graph {
    /// Builds it. `go_on` is asked now and then, with the number of states, of those not visited yet,
    /// and of bytes.
    ///
    /// # Errors
    /// If a thread of the program spins.
    pub(crate) fn new(
        program: &Program,
        state: State,
        most_states: u64,
        go_on: &dyn Fn(usize, usize, usize) -> Option<Limit>,
    ) -> Result<Result<Self, Limit>, StepError> {
        let first = Situation {
            state,
            history: History::default(),
        };
        let store = Store::new(program, &first);
        let width = store.slots.all;
        let mut graph = Self {
            memo: Memo::new(&store, &Layout::Folded, None),
            store,
            states: Lists::new(width),
            starts: Vec::new(),
            edges: Vec::new(),
            agents: Vec::new(),
            first,
        };
        graph.states.number(&graph.store.ids(&graph.first));
        graph.memo.look_at(&mut graph.store);
        let (mut ids, mut next) = (vec![0; width], Vec::new());
        while graph.starts.len() < graph.states.len() {
            let at = graph.starts.len();
            graph.starts.push(graph.edges.len());
            ids.copy_from_slice(graph.states.of(at as Id));
            for (thread, id) in program.thread_ids().enumerate() {
                let leaf = match graph.memo.leaf(thread, &ids) {
                    Some(leaf) => leaf,
                    None => {
                        let Self {
                            memo, store, first, ..
                        } = &mut graph;
                        memo.learn(program, store, &Nobody, first, id, &ids)?;
                        memo.leaf(thread, &ids).unwrap_or(NO_MOVES)
                    }
                };
                if leaf == NO_MOVES {
                    continue;
                }
                for step in leaf as usize.. {
                    let Self { memo, store, .. } = &mut graph;
                    memo.next_ids(step, store, &ids, &mut next);
                    memo.look_at(store);
                    let to = graph.states.number(&next);
                    let step_of = step as u32;
                    graph.edges.push(Edge { to, step: step_of });
                    if graph.memo.moves[step].last {
                        break;
                    }
                }
            }
            if graph.states.len() as u64 > most_states {
                return Ok(Err(Limit::States));
            }
            if at.is_multiple_of(4096) {
                let memory = graph.memory();
                let waiting = graph.states.len() - at;
                if let Some(limit) = go_on(graph.states.len(), waiting, memory) {
                    return Ok(Err(limit));
                }
            }
        }
        graph.starts.push(graph.edges.len());
        let effects = graph.memo.effects.iter();
        graph.agents = effects.map(|effect| Agent::of(effect.choice)).collect();
        Ok(Ok(graph))
    }

    /// The memory that it takes, and that of looking at it.
    fn memory(&self) -> usize {
        const LOOKING: usize = 48;
        self.states.memory()
            + self.edges.capacity() * size_of::<Edge>()
            + self.states.len() * (size_of::<usize>() + LOOKING)
            + self.memo.memory()
            + self.store.memory()
    }

    /// How many states there are.
    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    /// The parts of a state.
    pub(crate) fn parts(&self, state: Id) -> &[Id] {
        self.states.of(state)
    }

    /// The steps from a state; those of an agent stand together.
    pub(crate) fn edges(&self, state: Id) -> &[Edge] {
        &self.edges[self.starts[state as usize]..self.starts[state as usize + 1]]
    }

    /// Who takes a step.
    pub(crate) fn agent(&self, edge: Edge) -> Agent {
        self.agents[edge.step as usize]
    }

    /// What a step is.
    pub(crate) fn choice(&self, edge: Edge) -> Choice {
        self.memo.effects[edge.step as usize].choice
    }

    /// The shortest ways from the first state that lead only through such states.
    pub(crate) fn ways(&self, through: impl Fn(Id) -> bool) -> Ways {
        let mut ways = Ways {
            order: Vec::new(),
            depth: vec![NOWHERE; self.len()],
            came: vec![(0, 0); self.len()],
        };
        if through(0) {
            ways.order.push(0);
            ways.depth[0] = 0;
        }
        let mut at = 0;
        while let Some(&state) = ways.order.get(at) {
            at += 1;
            for edge in self.edges(state) {
                let to = edge.to as usize;
                if ways.depth[to] == NOWHERE && through(edge.to) {
                    ways.depth[to] = ways.depth[state as usize] + 1;
                    ways.came[to] = (state, edge.step);
                    ways.order.push(edge.to);
                }
            }
        }
        ways
    }

    /// The steps of the way to a state.
    pub(crate) fn way_to(&self, ways: &Ways, state: Id) -> Vec<Choice> {
        let mut choices = Vec::new();
        let mut at = state;
        while ways.depth[at as usize] != 0 {
            let (before, step) = ways.came[at as usize];
            choices.push(self.memo.effects[step as usize].choice);
            at = before;
        }
        choices.reverse();
        choices
    }
}

impl Ways {
    /// Is there one to this state?
    pub(crate) fn lead_to(&self, state: Id) -> bool {
        self.depth[state as usize] != NOWHERE
    }
}
