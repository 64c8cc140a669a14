//! The shortest way to a violation.
//!
//! A search tells only that there is one: it may have left out states, and forgets how it came to
//! those that it visited. So all schedules are searched once more, one after the other and breadth
//! first, up to the first violation. Only reductions that keep the length of every schedule may leave
//! something out here, and of these that is symmetry: exchanging like threads turns a schedule into
//! one that is as long and breaks the same properties. So a representative is as far from the first
//! state as each state that it stands for, and the first violation among representatives is one of
//! the shortest of all.
//!
//! The way through representatives is no schedule, since a thread has another name in each. It is
//! gone once more from the first state, without exchanging anything: of the steps from the state
//! where it is now, one leads to a state with the next representative, because one led there from the
//! representative of this state.

use super::{
    Limit,
    history::Situation,
    judge::Violation,
    layout::Layout,
    lists::Lists,
    memo::{Judge, Memo, NO_MOVES},
    parts::{Id, Slots, Store},
    symmetry::{Canon, Symmetry},
};
use crate::{
    program::Program,
    state::{Choice, StepError},
};
use iocp_model::ThreadId;

/// A schedule that ends with a violation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Trail {
    pub(crate) choices: Vec<Choice>,
    pub(crate) violation: Violation,
}

/// How a search for the shortest way ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Shortest {
    /// None is shorter.
    Found(Trail),
    /// There is none.
    None,
    /// This limit was reached.
    Cut(Limit),
}

/// Searches for the shortest schedule with a violation. `over` is asked now and then, with the number
/// of states and of bytes, whether a limit has been reached.
///
/// # Errors
/// If a thread of the program spins.
pub(crate) fn shortest(
    program: &Program,
    judge: &(dyn Judge + Sync),
    symmetry: Option<&Symmetry>,
    first: &Situation,
    over: &dyn Fn(u64, usize) -> Option<Limit>,
) -> Result<Shortest, StepError> {
    let mut steps = Steps::new(program, judge, symmetry, first);
    let start = steps.store.ids(first);
    steps.memo.look_at(&mut steps.store);
    let mut states = Lists::new(start.len());
    let mut next = start.clone();
    steps.represent(&mut next);
    states.number(&next);
    // Of each state, the one before.
    let mut came: Vec<Id> = vec![0];
    // Where a violation was found first.
    let mut best: Option<Id> = None;
    let mut ids = vec![0; start.len()];
    // The states of a level stand one behind the other.
    let (mut at, mut level) = (0, 1);
    while at < states.len() {
        if at == level {
            // What has been found is one step longer than the states visited so far.
            if best.is_some() {
                break;
            }
            level = states.len();
        }
        ids.copy_from_slice(states.of(at as Id));
        let mut moves = 0;
        for thread in program.thread_ids() {
            for step in steps.of(thread, &ids)? {
                moves += 1;
                if steps.memo.moves[step].breaks {
                    best.get_or_insert(at as Id);
                }
                steps.take(step, &ids, &mut next);
                steps.represent(&mut next);
                if states.number(&next) as usize == came.len() {
                    came.push(at as Id);
                }
            }
        }
        if moves == 0 && judge.end(&steps.store.situation(&ids, first)).is_some() {
            // No state of this level has a shorter one.
            best = Some(at as Id);
            break;
        }
        at += 1;
        if at % 1024 == 0 {
            let memory = states.memory() + came.capacity() * size_of::<Id>() + steps.memory();
            if let Some(limit) = over(at as u64, memory) {
                return Ok(Shortest::Cut(limit));
            }
        }
    }
    let Some(mut state) = best else {
        return Ok(Shortest::None);
    };
    let mut way = vec![state];
    while state != 0 {
        state = came[state as usize];
        way.push(state);
    }
    let mut choices = Vec::new();
    let mut here = start;
    for &state in way.iter().rev().skip(1) {
        let leads = |next: &[Id]| next == states.of(state);
        let (choice, to) = steps
            .one(&here, |_, next| leads(next))?
            .unwrap_or_else(|| unreachable!("like states have like steps"));
        choices.push(choice);
        here = to;
    }
    let breaks = steps.one(&here, |breach, _| breach.is_some())?;
    let violation = match breaks {
        Some((choice, _)) => {
            choices.push(choice);
            steps.found.take()
        }
        None => judge.end(&steps.store.situation(&here, first)),
    };
    let violation = violation.unwrap_or_else(|| unreachable!("like states break like properties"));
    Ok(Shortest::Found(Trail { choices, violation }))
}

/// The steps of states, and the representatives of those that they lead to.
struct Steps<'a> {
    program: &'a Program,
    judge: &'a (dyn Judge + Sync),
    symmetry: Option<&'a Symmetry>,
    first: &'a Situation,
    store: Store,
    memo: Memo,
    /// Of each kernel's side, the way to its representative.
    canons: Vec<Option<Canon>>,
    /// What the step that was looked for breaks.
    found: Option<Violation>,
}

impl<'a> Steps<'a> {
    fn new(
        program: &'a Program,
        judge: &'a (dyn Judge + Sync),
        symmetry: Option<&'a Symmetry>,
        first: &'a Situation,
    ) -> Self {
        let store = Store::new(program, first);
        let memo = Memo::new(&store, &Layout::Folded, None);
        Self {
            program,
            judge,
            symmetry,
            first,
            store,
            memo,
            canons: Vec::new(),
            found: None,
        }
    }

    /// The memory that they take, roughly.
    fn memory(&self) -> usize {
        self.store.memory() + self.memo.memory() + self.canons.len() * size_of::<Option<Canon>>()
    }

    /// The steps of a thread in a state.
    fn of(&mut self, thread: ThreadId, ids: &[Id]) -> Result<std::ops::Range<usize>, StepError> {
        let leaf = match self.memo.leaf(thread.index(), ids) {
            Some(leaf) => leaf,
            None => {
                let (memo, store) = (&mut self.memo, &mut self.store);
                memo.learn(self.program, store, self.judge, self.first, thread, ids)?;
                memo.leaf(thread.index(), ids).unwrap_or(NO_MOVES)
            }
        };
        if leaf == NO_MOVES {
            return Ok(0..0);
        }
        let first = leaf as usize;
        let more = self.memo.moves[first..].iter().position(|step| step.last);
        Ok(first..first + more.unwrap_or(0) + 1)
    }

    /// The parts of the state that a step leads to.
    fn take(&mut self, step: usize, ids: &[Id], next: &mut Vec<Id>) {
        self.memo.next_ids(step, &mut self.store, ids, next);
        self.memo.look_at(&mut self.store);
    }

    /// Turns the parts of a state into those of its representative.
    fn represent(&mut self, ids: &mut [Id]) {
        let Some(symmetry) = self.symmetry else {
            return;
        };
        let system = ids[Slots::SYSTEM] as usize;
        if self.canons.len() <= system {
            self.canons.resize(system + 1, None);
        }
        let canon = self.canons[system].get_or_insert_with(|| {
            let canon = symmetry.canon(&mut self.store, system as Id);
            self.memo.look_at(&mut self.store);
            canon
        });
        let memo = &self.memo;
        canon.apply(ids, |thread, id| memo.rank(thread, id));
    }

    /// A step from a state: what it breaks, and the representative of the state that it leads to,
    /// decide. The parts of that state itself.
    fn one(
        &mut self,
        from: &[Id],
        is_it: impl Fn(Option<&Violation>, &[Id]) -> bool,
    ) -> Result<Option<(Choice, Vec<Id>)>, StepError> {
        let mut next = Vec::new();
        for thread in self.program.thread_ids() {
            for step in self.of(thread, from)? {
                self.take(step, from, &mut next);
                let mut represented = next.clone();
                self.represent(&mut represented);
                let breach = self.memo.effects[step].breach;
                let breach = breach.map(|breach| &self.memo.breaches[breach as usize]);
                if is_it(breach, &represented) {
                    self.found = breach.cloned();
                    return Ok(Some((self.memo.effects[step].choice, next)));
                }
            }
        }
        Ok(None)
    }
}
