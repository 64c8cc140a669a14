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
use std::{hash::BuildHasher, ops::Range};

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
    let mut reached = Reached {
        complete: true,
        ..Reached::default()
    };
    let mut visited = Visited::default();
    let mut choices = Vec::new();
    let mut levels = vec![Level {
        states: vec![State::initial(program, semantics)?],
        left: 1,
    }];
    visited.insert_all(&levels[0].states, |_, _| {});
    let mut depth = 0;
    loop {
        let (above, below) = levels.split_at_mut(depth + 1);
        let Some(state) = above[depth].next() else {
            if depth == 0 {
                break;
            }
            depth -= 1;
            continue;
        };
        reached.states += 1;
        reached.depth = reached.depth.max(depth);
        visit(state);
        choices.clear();
        state.choices(program, &mut choices);
        reached.transitions += choices.len() as u64;
        reached.ends += u64::from(choices.is_empty());
        if reached.states >= budget.states || depth >= budget.depth {
            reached.complete = false;
            break;
        }
        if let Some(level) = below.first_mut() {
            level.expand(program, state, &choices, &mut visited)?;
        } else {
            let mut level = Level::default();
            level.expand(program, state, &choices, &mut visited)?;
            levels.push(level);
        }
        depth += 1;
    }
    reached.bytes = visited.bytes();
    Ok(reached)
}

/// What is still to visit at one step of the path that is being followed. States are copied into
/// those that have been there before, whose memory is theirs already.
#[derive(Default)]
struct Level {
    states: Vec<State>,
    /// This many, from the front, are to visit: the last first.
    left: usize,
}

impl Level {
    fn next(&mut self) -> Option<&mut State> {
        self.left = self.left.checked_sub(1)?;
        Some(&mut self.states[self.left])
    }

    /// The states after `state` that are new. Nobody needs `state` any more.
    fn expand(
        &mut self,
        program: &Program,
        state: &mut State,
        choices: &[Choice],
        visited: &mut Visited,
    ) -> Result<(), StepError> {
        // The last is visited first, and that should be the first choice.
        for (index, choice) in choices.iter().rev().enumerate() {
            match self.states.get_mut(index) {
                Some(room) if index + 1 == choices.len() => std::mem::swap(room, state),
                Some(room) => room.clone_from(state),
                None => self.states.push(state.clone()),
            }
            self.states[index].take(program, *choice, &mut ())?;
        }
        self.left = 0;
        let (states, left) = (&mut self.states, &mut self.left);
        visited.remember(&states[..choices.len()]);
        visited.add_remembered(|index, is_new| {
            if is_new {
                if *left != index {
                    states.swap(*left, index);
                }
                *left += 1;
            }
        });
        Ok(())
    }
}

/// A set of states: an open table of offsets into one run of bytes.
///
/// Most of the time goes into waiting for memory, so states are looked up several at a time: the
/// waits for their slots overlap, and then those for their bytes.
pub struct Visited {
    hasher: FixedState,
    /// 24 bits of the hash above 40 bits of offset plus one; zero is free.
    slots: Vec<u64>,
    used: usize,
    /// The states, each behind its length.
    arena: Vec<u8>,
    /// The states that are being looked up: their bytes, one behind the other.
    bytes: Vec<u8>,
    asked: Vec<Asked>,
}

/// A state that is being looked up.
struct Asked {
    /// Where its bytes end.
    end: usize,
    hash: u64,
    /// The slot in which it would stand, as it was when it was first looked at.
    entry: u64,
}

const OFFSET_BITS: u32 = 40;
/// The length of a state is written before it in so many bytes.
const LENGTH: usize = size_of::<u32>();

impl Default for Visited {
    fn default() -> Self {
        Self {
            hasher: FixedState::with_seed(0),
            slots: vec![0; 1 << 12],
            used: 0,
            arena: Vec::new(),
            bytes: Vec::new(),
            asked: Vec::new(),
        }
    }
}

impl Visited {
    /// Adds states; says of each, in their order, whether it was new.
    pub fn insert_all(&mut self, states: &[State], tell: impl FnMut(usize, bool)) {
        self.remember(states);
        self.add_remembered(tell);
    }

    /// Notes the states to look up.
    fn remember(&mut self, states: &[State]) {
        self.asked.clear();
        let mut start = 0;
        for state in states {
            let end = state.encode_at(&mut self.bytes, start);
            self.asked.push(Asked {
                end,
                hash: self.hasher.hash_one(&self.bytes[start..end]),
                entry: 0,
            });
            start = end;
        }
    }

    /// Adds the states noted; says of each whether it was new.
    fn add_remembered(&mut self, mut tell: impl FnMut(usize, bool)) {
        while (self.used + self.asked.len()) * 8 > self.slots.len() * 7 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        // Nothing depends on these reads, so the processor does not wait for one before the next.
        for asked in &mut self.asked {
            asked.entry = self.slots[asked.hash as usize & mask];
        }
        let mut touched = 0;
        for asked in &self.asked {
            if asked.entry >> OFFSET_BITS == asked.hash >> OFFSET_BITS && asked.entry != 0 {
                touched ^= self.arena[offset(asked.entry)];
            }
        }
        std::hint::black_box(touched);
        let mut start = 0;
        for index in 0..self.asked.len() {
            let Asked { end, hash, .. } = self.asked[index];
            tell(index, self.add(start..end, hash));
            start = end;
        }
    }

    /// Adds the state of these bytes among those noted; says whether it was new.
    fn add(&mut self, range: Range<usize>, hash: u64) -> bool {
        let bytes = &self.bytes[range];
        let mask = self.slots.len() - 1;
        let tag = hash >> OFFSET_BITS;
        let mut slot = hash as usize & mask;
        loop {
            let entry = self.slots[slot];
            if entry == 0 {
                break;
            }
            if entry >> OFFSET_BITS == tag && state_at(&self.arena, offset(entry)) == bytes {
                return false;
            }
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = tag << OFFSET_BITS | (self.arena.len() as u64 + 1);
        self.used += 1;
        // A state of 4 GB does not fit into memory a second time.
        self.arena
            .extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.arena.extend_from_slice(bytes);
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

    /// Doubles the table. The states are read in the order in which they lie in memory.
    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        let mask = self.slots.len() - 1;
        let mut at = 0;
        while at < self.arena.len() {
            let state = state_at(&self.arena, at);
            let hash = self.hasher.hash_one(state);
            let mut slot = hash as usize & mask;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = (hash >> OFFSET_BITS) << OFFSET_BITS | (at as u64 + 1);
            at += LENGTH + state.len();
        }
    }
}

/// Where in the arena the state of an entry is.
#[inline]
fn offset(entry: u64) -> usize {
    (entry & ((1 << OFFSET_BITS) - 1)) as usize - 1
}

/// The bytes of the state at this place of the arena.
#[inline]
fn state_at(arena: &[u8], at: usize) -> &[u8] {
    let (length, rest) = arena[at..].split_at(LENGTH);
    let length = length
        .iter()
        .rev()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    &rest[..length]
}
