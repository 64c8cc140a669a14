//! All schedules of a small program, the plain way: depth first, every state once, nothing
//! reduced.
//!
//! States are kept exactly, as the bytes of [`State::encode`]; two states are the same if their
//! bytes are, never merely if their hashes are.

use crate::{
    program::Program,
    state::{Choice, State, StepError},
};
use foldhash::quality::FixedState;
use iocp_model::Semantics;
use std::hash::BuildHasher;

/// What a search may use.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// The most states to visit.
    pub states: u64,
    /// The longest path to follow.
    pub depth: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            states: 100_000_000,
            depth: 100_000,
        }
    }
}

/// What a search found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reached {
    /// Different states, the first among them.
    pub states: u64,
    /// Steps from one to another.
    pub transitions: u64,
    /// The longest path followed.
    pub depth: usize,
    /// States in which nothing can happen any more.
    pub ends: u64,
    /// All states were reached, rather than the budget.
    pub complete: bool,
    /// The bytes that the visited states take.
    pub bytes: usize,
}

/// Visits every state that some schedule reaches, once, and calls `visit` with it.
///
/// # Errors
/// If a thread spins.
pub fn depth_first(
    program: &Program,
    semantics: Semantics,
    budget: Budget,
    mut visit: impl FnMut(&State),
) -> Result<Reached, StepError> {
    let mut reached = Reached::default();
    let mut visited = Visited::default();
    let mut levels = vec![Level::new(State::initial(program, semantics)?)];
    visited.insert(&levels[0].state);
    visit(&levels[0].state);
    levels[0].expand(program);
    reached.states = 1;
    let mut depth = 0;
    reached.complete = true;
    loop {
        let (below, above) = levels.split_at_mut(depth + 1);
        let level = &mut below[depth];
        let Some(choice) = level.choices.pop() else {
            if depth == 0 {
                break;
            }
            depth -= 1;
            continue;
        };
        reached.transitions += 1;
        if above.is_empty() {
            let state = level.state.clone();
            levels.push(Level::new(state));
        } else {
            above[0].state.clone_from(&level.state);
        }
        let next = &mut levels[depth + 1];
        next.state.take(program, choice, &mut ())?;
        if !visited.insert(&next.state) {
            continue;
        }
        reached.states += 1;
        visit(&next.state);
        next.expand(program);
        reached.ends += u64::from(next.choices.is_empty());
        depth += 1;
        reached.depth = reached.depth.max(depth);
        if reached.states >= budget.states || depth >= budget.depth {
            reached.complete = false;
            break;
        }
    }
    reached.bytes = visited.bytes();
    Ok(reached)
}

/// One state of the path that is being followed, and what is still to try there.
struct Level {
    state: State,
    choices: Vec<Choice>,
}

impl Level {
    fn new(state: State) -> Self {
        Self {
            state,
            choices: Vec::new(),
        }
    }

    fn expand(&mut self, program: &Program) {
        self.choices.clear();
        self.state.choices(program, &mut self.choices);
        // `pop` takes the last; the first is to be tried first.
        self.choices.reverse();
    }
}

/// A set of states: an open table of offsets into one run of bytes.
pub struct Visited {
    hasher: FixedState,
    /// 24 bits of the hash above 40 bits of offset plus one; zero is free.
    slots: Vec<u64>,
    used: usize,
    /// The states, each behind its length in two bytes.
    arena: Vec<u8>,
    scratch: Vec<u8>,
}

const OFFSET_BITS: u32 = 40;

impl Default for Visited {
    fn default() -> Self {
        Self {
            hasher: FixedState::with_seed(0),
            slots: vec![0; 1 << 12],
            used: 0,
            arena: Vec::new(),
            scratch: Vec::new(),
        }
    }
}

impl Visited {
    /// Adds a state; says whether it was new.
    pub fn insert(&mut self, state: &State) -> bool {
        self.scratch.clear();
        state.encode(&mut self.scratch);
        let hash = self.hasher.hash_one(self.scratch.as_slice());
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let tag = hash >> OFFSET_BITS;
        let mut slot = hash as usize & mask;
        loop {
            let entry = self.slots[slot];
            if entry == 0 {
                break;
            }
            if entry >> OFFSET_BITS == tag && self.at(entry) == self.scratch {
                return false;
            }
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = tag << OFFSET_BITS | (self.arena.len() as u64 + 1);
        self.used += 1;
        let length = u16::try_from(self.scratch.len()).unwrap_or(u16::MAX);
        self.arena.extend_from_slice(&length.to_le_bytes());
        self.arena.extend_from_slice(&self.scratch);
        true
    }

    /// The number of states.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// The memory that the set takes.
    pub fn bytes(&self) -> usize {
        self.arena.capacity() + self.slots.len() * size_of::<u64>()
    }

    /// The bytes of the state that an entry points to.
    fn at(&self, entry: u64) -> &[u8] {
        let offset = (entry & ((1 << OFFSET_BITS) - 1)) as usize - 1;
        let length = u16::from_le_bytes([self.arena[offset], self.arena[offset + 1]]);
        &self.arena[offset + 2..offset + 2 + usize::from(length)]
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.slots);
        self.slots = vec![0; old.len() * 2];
        let mask = self.slots.len() - 1;
        for entry in old.into_iter().filter(|&entry| entry != 0) {
            let hash = self.hasher.hash_one(self.at(entry));
            let mut slot = hash as usize & mask;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = entry;
        }
    }
}
