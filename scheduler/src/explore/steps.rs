//! Steps from one state to another, one by one, for searches that must keep the length of every
//! schedule: nothing is left out but what symmetry allows.

use super::{
    history::Situation,
    judge::Violation,
    layout::Layout,
    memo::{Judge, Memo, NO_MOVES},
    parts::{Id, Slots, Store},
    symmetry::{Canon, Symmetry},
};
use crate::{
    program::Program,
    state::{Choice, StepError},
};
use iocp_model::ThreadId;
use std::ops::Range;

/// The steps of states, and the representatives of those that they lead to.
pub(crate) struct Steps<'a> {
    pub(crate) program: &'a Program,
    judge: &'a (dyn Judge + Sync),
    symmetry: Option<&'a Symmetry>,
    pub(crate) first: &'a Situation,
    store: Store,
    pub(crate) memo: Memo,
    /// Of each kernel's side, the way to its representative.
    canons: Vec<Option<Canon>>,
    /// What the step that was looked for breaks.
    pub(crate) found: Option<Violation>,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(
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

    /// The parts of a situation.
    pub(crate) fn ids(&mut self, situation: &Situation) -> Vec<Id> {
        let ids = self.store.ids(situation);
        self.memo.look_at(&mut self.store);
        ids
    }

    /// What is wrong with a state of these parts if nothing can happen any more.
    pub(crate) fn end(&self, ids: &[Id]) -> Option<Violation> {
        self.judge.end(&self.store.situation(ids, self.first))
    }

    /// The memory that they take, roughly.
    pub(crate) fn memory(&self) -> usize {
        self.store.memory() + self.memo.memory() + self.canons.len() * size_of::<Option<Canon>>()
    }

    /// The steps of a thread in a state.
    pub(crate) fn of(&mut self, thread: ThreadId, ids: &[Id]) -> Result<Range<usize>, StepError> {
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
    pub(crate) fn take(&mut self, step: usize, ids: &[Id], next: &mut Vec<Id>) {
        self.memo.next_ids(step, &mut self.store, ids, next);
        self.memo.look_at(&mut self.store);
    }

    /// Turns the parts of a state into those of its representative.
    pub(crate) fn represent(&mut self, ids: &mut [Id]) {
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
    pub(crate) fn one(
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
