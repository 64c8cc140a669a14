//! What a state consists of, each part under a number.
//!
//! Millions of states consist of a few thousand different parts: the kernel's side, the place of
//! each thread in its program, each counter. A part is kept once, under a number, and a state is
//! the numbers of its parts (Holzmann's *collapse* compression).

use super::history::{History, Situation};
use crate::{
    program::{MOST_NESTING, Program},
    state::{Last, Local, Part},
};
use hashbrown::HashTable;
use indexmap::IndexSet;
use iocp_model::{Encoder, Handle, System};
use iocp_traces::SeenResult;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

/// The number of a part.
pub(crate) type Id = u32;

type Hasher = foldhash::fast::FixedState;

/// In which order a state lists its parts.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    /// The number of threads.
    pub(crate) threads: usize,
    counters: usize,
    marked: usize,
    /// The number of slots.
    pub(crate) all: usize,
}

impl Slots {
    /// The kernel's side comes first, then the threads.
    pub(crate) const SYSTEM: usize = 0;

    pub(crate) fn new(situation: &Situation) -> Self {
        let state = &situation.state;
        let threads = state.threads.len();
        let counters = 2 + threads;
        let marked = counters + state.counters.len();
        let history = marked + state.marked.len();
        Self {
            threads,
            counters,
            marked,
            all: history + situation.history.parts(),
        }
    }

    /// The slot of a thread's place in its program and what it remembers.
    pub(crate) fn local(&self, thread: usize) -> usize {
        1 + thread
    }

    fn variables(&self) -> usize {
        1 + self.threads
    }

    fn history(&self, situation: &Situation) -> usize {
        self.marked + situation.state.marked.len()
    }

    /// The counter of a slot.
    pub(crate) fn counter(&self, slot: usize) -> Option<usize> {
        let counter = slot.checked_sub(self.counters)?;
        (slot < self.marked).then_some(counter)
    }

    /// The set of marked packets of a slot, if it is one and not a part of the history.
    pub(crate) fn set(&self, slot: usize, sets: usize) -> Option<usize> {
        slot.checked_sub(self.marked).filter(|set| *set < sets)
    }

    /// The slot of the part of the history of this number.
    pub(crate) fn of_history(&self, part: usize, parts: usize) -> usize {
        self.all - parts + part
    }

    /// The slot in which a part of a state is.
    pub(crate) fn of(&self, part: Part) -> usize {
        match part {
            Part::System | Part::Standing(_) => Self::SYSTEM,
            Part::Control(thread) | Part::Last(thread) => self.local(thread.index()),
            Part::Variables => self.variables(),
            Part::Counter(counter) => self.counters + counter,
            Part::Marked(set) => self.marked + set,
        }
    }
}

/// A part that is neither the kernel's nor a thread's.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Value {
    Handles(Vec<Handle>),
    Counter(i64),
    Keys(Vec<u64>),
    Calls(Vec<Option<SeenResult>>),
    Ages(Vec<u32>),
}

impl Value {
    /// The same bytes if and only if it is the same value, on every machine.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let numbers = |numbers: &[u64]| numbers.iter().flat_map(|it| it.to_le_bytes()).collect();
        match self {
            Self::Handles(handles) => {
                numbers(&handles.iter().map(|it| it.0.into()).collect::<Vec<_>>())
            }
            Self::Counter(counter) => counter.to_le_bytes().to_vec(),
            Self::Keys(keys) => numbers(keys),
            Self::Ages(ages) => ages.iter().flat_map(|it| it.to_le_bytes()).collect(),
            // Cannot fail: plain data with names for keys.
            Self::Calls(calls) => serde_json::to_vec(calls).unwrap_or_default(),
        }
    }
}

/// A thread's place in its program, without what it remembers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Control {
    pub(crate) at: u32,
    pub(crate) turns: [u32; MOST_NESTING],
}

impl Control {
    fn of(local: &Local) -> Self {
        Self {
            at: local.at,
            turns: local.turns,
        }
    }
}

/// All parts that have been seen.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) slots: Slots,
    /// Which code each thread runs: threads of the same code share their numbers.
    codes: Vec<usize>,
    systems: Systems,
    controls: Vec<IndexSet<Control, Hasher>>,
    lasts: IndexSet<Last, Hasher>,
    /// Of each code, the pairs of a control and a last.
    locals: Vec<IndexSet<(Id, Id), Hasher>>,
    /// Of each slot behind the threads' ones.
    values: Vec<IndexSet<Value, Hasher>>,
    /// Of each slot, the hashes of its parts.
    hashes: Vec<Vec<u64>>,
    /// Room for the bytes of a system.
    room: Vec<u8>,
    /// The memory that the systems take, roughly.
    systems_memory: usize,
}

/// Systems, which are the same if their bytes are.
#[derive(Debug, Default)]
struct Systems {
    /// By the hashes of their bytes.
    known: HashTable<Id>,
    values: Vec<System>,
    /// The bytes of all, one behind the other, and where those of each end.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Systems {
    fn bytes(&self, id: Id) -> &[u8] {
        let id = id as usize;
        let start = id.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[id]]
    }
}

/// The number of the next part.
///
/// # Panics
/// If there are four thousand million: they do not fit into memory.
#[allow(clippy::expect_used)]
fn number(count: usize) -> Id {
    Id::try_from(count).expect("fewer than 2^32 parts")
}

/// The memory that a system takes, roughly, with its place in the tables.
fn memory_of(system: &System) -> usize {
    let queued: usize = system
        .ports()
        .iter()
        .map(|port| port.queue.len() * size_of::<iocp_model::Packet>())
        .sum();
    let places = size_of::<Id>() * 2 + size_of::<usize>() * 2 + size_of::<u64>() * 2;
    size_of::<System>()
        + size_of_val(system.threads())
        + size_of_val(system.ports())
        + queued
        + places
}

fn listed<T: Clone>(set: &IndexSet<T, Hasher>) -> Vec<T> {
    set.iter().cloned().collect()
}

impl Store {
    pub(crate) fn new(program: &Program, situation: &Situation) -> Self {
        let slots = Slots::new(situation);
        let codes: Vec<_> = program.threads.iter().map(|thread| thread.code).collect();
        let mut lasts = IndexSet::default();
        lasts.insert(Last::default());
        Self {
            systems: Systems::default(),
            controls: vec![IndexSet::default(); program.codes.len()],
            lasts,
            locals: vec![IndexSet::default(); program.codes.len()],
            values: vec![IndexSet::default(); slots.all - 1 - slots.threads],
            hashes: vec![Vec::new(); slots.all],
            room: Vec::new(),
            systems_memory: 0,
            codes,
            slots,
        }
    }

    /// How many parts there are of a slot.
    pub(crate) fn count(&self, slot: usize) -> usize {
        if slot == Slots::SYSTEM {
            self.systems.values.len()
        } else if slot <= self.slots.threads {
            self.locals[self.codes[slot - 1]].len()
        } else {
            self.values[slot - 1 - self.slots.threads].len()
        }
    }

    /// How many parts there are of each slot.
    pub(crate) fn counts(&self) -> Vec<usize> {
        (0..self.slots.all).map(|slot| self.count(slot)).collect()
    }

    /// The code of a thread.
    pub(crate) fn code(&self, thread: usize) -> usize {
        self.codes[thread]
    }

    /// All systems, in the order of their numbers; as the other parts below.
    pub(crate) fn systems(&self) -> &[System] {
        &self.systems.values
    }

    pub(crate) fn controls(&self) -> Vec<Vec<Control>> {
        self.controls.iter().map(listed).collect()
    }

    pub(crate) fn lasts(&self) -> Vec<Last> {
        listed(&self.lasts)
    }

    pub(crate) fn locals(&self) -> Vec<Vec<(Id, Id)>> {
        self.locals.iter().map(listed).collect()
    }

    pub(crate) fn values(&self) -> Vec<Vec<Value>> {
        self.values.iter().map(listed).collect()
    }

    /// Enters parts in the order of their numbers.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn refill(
        &mut self,
        systems: &[System],
        controls: Vec<Vec<Control>>,
        lasts: Vec<Last>,
        locals: Vec<Vec<(Id, Id)>>,
        values: Vec<Vec<Value>>,
    ) -> Result<(), &'static str> {
        if controls.len() != self.controls.len() || locals.len() != self.locals.len() {
            return Err("it has another number of programs");
        }
        if values.len() != self.values.len() {
            return Err("it has another number of parts");
        }
        systems.iter().for_each(|system| {
            self.system(system);
        });
        self.controls = controls
            .into_iter()
            .map(|one| one.into_iter().collect())
            .collect();
        self.lasts = lasts.into_iter().collect();
        self.locals = locals
            .into_iter()
            .map(|one| one.into_iter().collect())
            .collect();
        let first = 1 + self.slots.threads;
        for (slot, values) in values.into_iter().enumerate() {
            for value in values {
                self.value(first + slot, value);
            }
        }
        Ok(())
    }

    /// The memory that the parts take, roughly.
    pub(crate) fn memory(&self) -> usize {
        self.systems_memory
    }

    fn hash(slot: usize, bytes: &[u8]) -> u64 {
        XxHash3_64::oneshot_with_seed(slot as u64, bytes)
    }

    /// The number of a system.
    pub(crate) fn system(&mut self, system: &System) -> Id {
        let most = system.most_encoded();
        let end = Encoder::write_at(&mut self.room, 0, most, |to| system.encode_to(to));
        let bytes = &self.room[..end];
        let hash = Self::hash(Slots::SYSTEM, bytes);
        let (systems, hashes) = (&mut self.systems, &mut self.hashes[Slots::SYSTEM]);
        let is_it = |id: &Id| hashes[*id as usize] == hash && systems.bytes(*id) == bytes;
        if let Some(&id) = systems.known.find(hash, is_it) {
            return id;
        }
        let id = number(systems.values.len());
        hashes.push(hash);
        let rehash = |id: &Id| hashes[*id as usize];
        systems.known.insert_unique(hash, id, rehash);
        systems.values.push(system.clone());
        systems.bytes.extend_from_slice(bytes);
        systems.ends.push(systems.bytes.len());
        self.systems_memory += bytes.len() + memory_of(system);
        id
    }

    /// The system of a number.
    pub(crate) fn system_of(&self, id: Id) -> &System {
        &self.systems.values[id as usize]
    }

    /// The numbers of a thread's control, and of what it remembers.
    pub(crate) fn control_and_last(&mut self, thread: usize, local: &Local) -> (Id, Id) {
        let (control, _) = self.controls[self.codes[thread]].insert_full(Control::of(local));
        let (last, _) = self.lasts.insert_full(local.last);
        (number(control), number(last))
    }

    /// The number of a pair of these, in the thread's slot.
    pub(crate) fn local(&mut self, thread: usize, pair: (Id, Id)) -> Id {
        let code = self.codes[thread];
        let (local, _) = self.locals[code].insert_full(pair);
        number(local)
    }

    /// The pair behind a number in the thread's slot.
    pub(crate) fn pair(&self, thread: usize, local: Id) -> (Id, Id) {
        self.locals[self.codes[thread]][local as usize]
    }

    /// What is behind a number in the thread's slot.
    pub(crate) fn local_of(&self, thread: usize, local: Id) -> Local {
        let (control, last) = self.pair(thread, local);
        let Control { at, turns } = self.controls[self.codes[thread]][control as usize];
        Local {
            at,
            turns,
            last: self.lasts[last as usize],
        }
    }

    fn value(&mut self, slot: usize, value: Value) -> Id {
        let values = &mut self.values[slot - 1 - self.slots.threads];
        if let Some(id) = values.get_index_of(&value) {
            return number(id);
        }
        self.hashes[slot].push(Self::hash(slot, &value.bytes()));
        number(values.insert_full(value).0)
    }

    /// The number of what is in a slot.
    pub(crate) fn id(&mut self, slot: usize, situation: &Situation) -> Id {
        let Situation { state, history } = situation;
        let slots = &self.slots;
        if slot == Slots::SYSTEM {
            return self.system(&state.system);
        }
        if slot <= slots.threads {
            let pair = self.control_and_last(slot - 1, &state.threads[slot - 1]);
            return self.local(slot - 1, pair);
        }
        let value = if slot == slots.variables() {
            Value::Handles(state.variables.clone())
        } else if slot < slots.marked {
            Value::Counter(state.counters[slot - slots.counters])
        } else if slot < slots.history(situation) {
            Value::Keys(state.marked[slot - slots.marked].clone())
        } else {
            history.part(slot - slots.history(situation))
        };
        self.value(slot, value)
    }

    /// The numbers of all parts.
    pub(crate) fn ids(&mut self, situation: &Situation) -> Vec<Id> {
        (0..self.slots.all)
            .map(|slot| self.id(slot, situation))
            .collect()
    }

    /// The situation whose parts have these numbers. `like` is any situation of the same program.
    pub(crate) fn situation(&self, ids: &[Id], like: &Situation) -> Situation {
        let mut situation = like.clone();
        self.recall(ids, &mut situation);
        situation
    }

    /// Turns a situation, any of the same program, into the one whose parts have these numbers.
    pub(crate) fn recall(&self, ids: &[Id], situation: &mut Situation) {
        let slots = &self.slots;
        let value = |slot: usize| &self.values[slot - 1 - slots.threads][ids[slot] as usize];
        let first = slots.history(situation);
        for slot in first..slots.all {
            situation.history.set_part(slot - first, value(slot));
        }
        let state = &mut situation.state;
        state.system.clone_from(self.system_of(ids[Slots::SYSTEM]));
        for (thread, local) in state.threads.iter_mut().enumerate() {
            *local = self.local_of(thread, ids[slots.local(thread)]);
        }
        if let Value::Handles(handles) = value(slots.variables()) {
            state.variables.clone_from(handles);
        }
        for (slot, counter) in (slots.counters..).zip(&mut state.counters) {
            if let Value::Counter(value) = value(slot) {
                *counter = *value;
            }
        }
        for (slot, marked) in (slots.marked..).zip(&mut state.marked) {
            if let Value::Keys(keys) = value(slot) {
                marked.clone_from(keys);
            }
        }
    }

    /// The hash of the part of this number in a slot: of the part itself, whatever its number.
    pub(crate) fn hash_of(&mut self, slot: usize, id: Id) -> u64 {
        if let Some(&hash) = self.hashes[slot].get(id as usize) {
            return hash;
        }
        // Only the threads' hashes are made on demand: a pair is entered for all threads of a code.
        for id in self.hashes[slot].len()..=id as usize {
            let hash = Self::hash(slot, &self.local_bytes(slot - 1, number(id)));
            self.hashes[slot].push(hash);
        }
        self.hashes[slot][id as usize]
    }

    /// A number by which the locals of a code can be sorted.
    pub(crate) fn rank(&self, thread: usize, local: Id) -> u64 {
        Self::hash(Slots::SYSTEM, &self.local_bytes(thread, local))
    }

    fn local_bytes(&self, thread: usize, local: Id) -> Vec<u8> {
        let local = self.local_of(thread, local);
        let turns = local.turns.iter().map(|turn| u64::from(*turn));
        let numbers = [u64::from(local.at), local.last.word as u64, local.last.key];
        let numbers = numbers.into_iter().chain(turns);
        numbers.flat_map(u64::to_le_bytes).collect()
    }
}

impl History {
    /// The number of parts.
    pub(crate) fn parts(&self) -> usize {
        self.calls.len() + self.took.len() + self.waits.len()
    }

    /// A part.
    pub(crate) fn part(&self, index: usize) -> Value {
        let (calls, took) = (self.calls.len(), self.took.len());
        if index < calls {
            Value::Calls(self.calls[index].results.clone())
        } else if index < calls + took {
            Value::Keys(self.took[index - calls].keys.clone())
        } else {
            Value::Ages(self.waits[index - calls - took].ages.clone())
        }
    }

    fn set_part(&mut self, index: usize, value: &Value) {
        let (calls, took) = (self.calls.len(), self.took.len());
        match value {
            Value::Calls(results) => self.calls[index].results.clone_from(results),
            Value::Keys(keys) => self.took[index - calls].keys.clone_from(keys),
            Value::Ages(ages) => self.waits[index - calls - took].ages.clone_from(ages),
            Value::Handles(_) | Value::Counter(_) => {}
        }
    }
}
