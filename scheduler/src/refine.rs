//! Is every outcome of one kernel an outcome of another, too?
//!
//! An outcome is what can be seen from outside: which calls are made, what they return, and what
//! came before what. It is one of the other kernel if some schedule of that explains it, in the
//! sense of [`conform`](crate::conform). The search here asks this of all schedules of a program at
//! once, in the way of trace refinement: it goes through the states of the first kernel breadth
//! first, and with each keeps the *set* of the states in which the second could be after the same
//! outcome (`explained`). Where that set is empty, the outcome is impossible there.
//!
//! The threads do what a [`Client`] lets them: what their programs say, or any step of a menu, so
//! that all small programs are tried in one search.
//!
//! Pairs of a state and a set are told apart by hashes of 128 bits.

mod bearing;
mod explained;

use crate::{
    program::{Op, Program},
    state::{Choice, State, StepError},
};
use bearing::Bearing;
use explained::{EMPTY, Event, Explained};
use foldhash::quality::FixedState;
use iocp_model::{Frame, Mutants, Semantics, ThreadId, ThreadState};
use std::{
    collections::{HashSet, VecDeque},
    hash::BuildHasher,
};

/// What the threads may do.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    /// Their programs.
    pub program: &'a Program,
    /// If there is a menu, a thread does any step of its program that the menu allows, as often as
    /// it likes and in any order.
    pub menu: Option<&'a Menu<'a>>,
}

/// Which steps of their programs threads may do, in any order. The last step of each program must
/// be one that can always be done; there threads rest, and nobody ever does it.
pub struct Menu<'a> {
    /// May this thread do this op now? The number is how many threads have done something so far,
    /// the first ones in their order.
    pub allows: &'a dyn Fn(&State, usize, ThreadId, usize) -> bool,
    /// The most steps of all threads together.
    pub most_steps: u32,
}

/// How far to search.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most pairs of a state and a set to visit.
    pub most_states: u64,
    /// If the kernels differ in these mutants only: a step on which none of them has a bearing
    /// cannot tell them apart.
    pub differ: Option<Mutants>,
}

/// One step of a schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// What happened.
    pub choice: Choice,
    /// The op, if the thread did its next one.
    pub at: usize,
}

/// What a search came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refined {
    /// The answer.
    pub answer: Answer,
    /// Pairs visited.
    pub states: u64,
    /// Steps taken between them.
    pub transitions: u64,
}

/// Is every outcome of the one kernel one of the other?
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Yes: all schedules were tried.
    Refines,
    /// No: this schedule has an outcome that the other cannot have.
    Differs(Vec<Taken>),
    /// The limit was reached first.
    NoVerdict,
}

/// Asks whether all outcomes that `actual` can have are possible under `claimed`. A schedule whose
/// outcome is not is shown to `accept`; if that refuses it, the search goes on.
///
/// With a menu, schedules of fewer steps of the threads come first, without one, shorter ones.
///
/// # Errors
/// If a thread spins.
pub fn search(
    client: Client<'_>,
    actual: Semantics,
    claimed: Semantics,
    limits: Limits,
    accept: impl FnMut(&[Taken]) -> bool,
) -> Result<Refined, StepError> {
    let mut first = State::initial(client.program, actual)?;
    let mut other = State::initial(client.program, claimed)?;
    client.rest(&mut first);
    client.rest(&mut other);
    let in_step = limits.differ.is_some() && same(&first, &other);
    let bearing = match limits.differ {
        Some(differ) if in_step => Bearing::find(client, &first, differ, limits.most_states)?,
        _ => None,
    };
    let mut explained = Explained::new(client);
    let set = explained.begin(other, &first)?;
    let mut search = Search {
        client,
        limits,
        accept,
        explained,
        bearing,
        visited: HashSet::with_hasher(FixedState::with_seed(0)),
        nodes: Vec::new(),
        now: VecDeque::new(),
        later: VecDeque::new(),
        transitions: 0,
        scratch: Vec::new(),
        found: None,
    };
    let node = Node {
        before: NONE,
        taken: None,
        set,
        used: 0,
        steps: 0,
        in_step,
    };
    search.add(node, &first, false);
    search.run()
}

fn same(a: &State, b: &State) -> bool {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    a.encode(&mut left);
    b.encode(&mut right);
    left == right
}

fn hash(bytes: &[u8]) -> u128 {
    let half = |seed| u128::from(FixedState::with_seed(seed).hash_one(bytes));
    half(1) << 64 | half(2)
}

impl Client<'_> {
    /// With a menu, all threads in their own code rest at the same place.
    fn rest(&self, state: &mut State) {
        if self.menu.is_none() {
            return;
        }
        for thread in state.system.thread_ids() {
            let object = state.system.thread(thread);
            if object.frame == Frame::User && object.state != ThreadState::Terminated {
                state.threads[thread.index()].at = self.resting_place(thread) as u32;
            }
        }
    }

    /// The op before the last: the last is the thread's end.
    fn resting_place(&self, thread: ThreadId) -> usize {
        self.program.code(thread).ops.len().saturating_sub(2)
    }

    /// What can happen next, and how many steps of a program that is.
    fn moves(&self, state: &State, used: usize, steps: u32, moves: &mut Vec<(Taken, u32)>) {
        moves.clear();
        let mut choices = Vec::new();
        state.choices(self.program, &mut choices);
        for choice in choices {
            let thread = choice.thread();
            let own = state.threads[thread.index()].at as usize;
            let Some(menu) = self.menu else {
                moves.push((Taken { choice, at: own }, 1));
                continue;
            };
            if !matches!(choice, Choice::Step(_)) {
                moves.push((Taken { choice, at: own }, 0));
                continue;
            }
            if thread.index() > used {
                continue;
            }
            let ops = &self.program.code(thread).ops;
            let rest = self.resting_place(thread);
            for at in (0..rest).chain([rest + 1]) {
                let cost = u32::from(at < rest);
                if steps + cost <= menu.most_steps
                    && state.can_do(thread, &ops[at], &mut ())
                    && (menu.allows)(state, used, thread, at)
                {
                    moves.push((Taken { choice, at }, cost));
                }
            }
        }
    }
}

/// No node.
const NONE: u32 = u32::MAX;

/// A pair of a state, which waits in a queue, and a set.
struct Node {
    before: u32,
    taken: Option<Taken>,
    set: u32,
    used: usize,
    steps: u32,
    /// Nothing in which the kernels differ has had a bearing yet.
    in_step: bool,
}

struct Search<'a, F> {
    client: Client<'a>,
    limits: Limits,
    accept: F,
    explained: Explained<'a>,
    /// What leads to a step on which the difference between the kernels has a bearing.
    bearing: Option<Bearing>,
    visited: HashSet<u128, FixedState>,
    nodes: Vec<Node>,
    /// Nodes to visit, of as many steps as those that are being visited, and of one more.
    now: VecDeque<(u32, State)>,
    later: VecDeque<(u32, State)>,
    transitions: u64,
    scratch: Vec<u8>,
    found: Option<Vec<Taken>>,
}

impl<F: FnMut(&[Taken]) -> bool> Search<'_, F> {
    fn run(mut self) -> Result<Refined, StepError> {
        let mut moves = Vec::new();
        let answer = loop {
            let Some((index, state)) = self.now.pop_front() else {
                if self.later.is_empty() {
                    break Answer::Refines;
                }
                std::mem::swap(&mut self.now, &mut self.later);
                continue;
            };
            self.visit(index, &state, &mut moves)?;
            if let Some(path) = self.found.take() {
                break Answer::Differs(path);
            }
            if self.nodes.len() as u64 >= self.limits.most_states {
                break Answer::NoVerdict;
            }
        };
        Ok(Refined {
            answer,
            states: self.nodes.len() as u64,
            transitions: self.transitions,
        })
    }

    fn visit(
        &mut self,
        index: u32,
        state: &State,
        moves: &mut Vec<(Taken, u32)>,
    ) -> Result<(), StepError> {
        let &Node {
            set,
            used,
            steps,
            in_step,
            ..
        } = &self.nodes[index as usize];
        self.client.moves(state, used, steps, moves);
        if !in_step && self.settled(state, used) && !self.explained.settles(set, state)? {
            self.offer(index, None);
            if self.found.is_some() {
                return Ok(());
            }
        }
        let mut after = state.clone();
        for &(taken, cost) in &*moves {
            after.clone_from(state);
            let heard = self.explained.act(&mut after, taken)?;
            self.transitions += 1;
            let differ = self.limits.differ;
            let in_step = in_step && differ.is_some_and(|differ| !heard.intersects(differ));
            if in_step && !self.leads_on(&after, steps + cost) {
                continue;
            }
            let set = self.explained.follow(set)?;
            if set == EMPTY {
                self.offer(index, Some(taken));
                if self.found.is_some() {
                    return Ok(());
                }
                continue;
            }
            let node = Node {
                before: index,
                taken: Some(taken),
                set,
                used: used.max(taken.choice.thread().index() + 1),
                steps: steps + cost,
                in_step,
            };
            self.add(node, &after, cost > 0);
        }
        Ok(())
    }

    /// The kernels have done the same so far: can they do anything else after this state and so
    /// many steps?
    fn leads_on(&mut self, state: &State, steps: u32) -> bool {
        let Some(bearing) = &mut self.bearing else {
            return true;
        };
        match (bearing.steps_from(state), self.client.menu) {
            (Some(more), Some(menu)) => steps + more <= menu.most_steps,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// Does nothing happen any more, if no thread does another step? A thread that belongs to no
    /// port ends unseen.
    fn settled(&self, state: &State, used: usize) -> bool {
        let mut choices = Vec::new();
        state.choices(self.client.program, &mut choices);
        let free = self.client.menu.is_some();
        choices.iter().all(|choice| {
            let thread = state.system.thread(choice.thread());
            free && matches!(choice, Choice::Step(_))
                && (thread.port.is_none() || choice.thread().index() >= used)
        })
    }

    fn add(&mut self, node: Node, state: &State, later: bool) {
        self.scratch.clear();
        self.scratch.extend_from_slice(&node.set.to_le_bytes());
        self.scratch.push(node.in_step.into());
        state.encode(&mut self.scratch);
        if !self.visited.insert(hash(&self.scratch)) {
            return;
        }
        // At most `most_states` and a few.
        let index = self.nodes.len() as u32;
        self.nodes.push(node);
        let queue = if later {
            &mut self.later
        } else {
            &mut self.now
        };
        queue.push_back((index, state.clone()));
    }

    /// A schedule whose outcome is impossible under the other kernel.
    fn offer(&mut self, index: u32, last: Option<Taken>) {
        let mut path: Vec<Taken> = last.into_iter().collect();
        let mut at = index;
        while let Some(node) = self.nodes.get(at as usize) {
            path.extend(node.taken);
            at = node.before;
        }
        path.reverse();
        if (self.accept)(&path) {
            self.found = Some(path);
        }
    }
}

/// Does one op look like the other in a recording?
fn looks_like(one: &Op, other: &Op) -> bool {
    match (one, other) {
        (Op::Call(one), Op::Call(other)) => one.call.api() == other.call.api(),
        (Op::Until(..), Op::Until(..)) | (Op::End, Op::End) => true,
        (
            Op::Add { .. } | Op::Mark { .. } | Op::Complete { .. },
            Op::Add { .. } | Op::Mark { .. } | Op::Complete { .. },
        ) => true,
        _ => false,
    }
}

/// The events of a step, as others see them.
type Events = smallvec::SmallVec<[Event; 4]>;
