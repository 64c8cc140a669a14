//! Through all states: breadth first by several threads, or depth first by one.
//!
//! Breadth first, states are visited in the order of their distance from the first, level by level;
//! within a level threads take them from a common frontier. Which thread takes which state, and under
//! which numbers parts are entered, changes nothing that is reported. Depth first, the search always
//! goes on from the state that it found last, and knows the way to it.

use super::{
    Options, Order, Storage,
    checkpoint::{CheckpointError, Kept, Label},
    history::Situation,
    judge::Violation,
    layout::{Field, Key, Layout},
    lists::Lists,
    memo::{Judge, Lesson, Memo, Move, NO_MOVES, Tried},
    partial_order::Light,
    parts::{Id, Slots, Store},
    symmetry::{Canon, Symmetry},
    table::{Bits, Recent, Table, spread},
};
use crate::{
    program::Program,
    state::{Choice, StepError},
};
use iocp_model::ThreadId;
use std::{
    convert::Infallible,
    io::Write,
    ops::{Deref, Range},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

/// A thread takes so many states from the frontier at a time.
const CHUNK: usize = 512;
/// Successors are looked up so many at a time, so that the waits for memory overlap.
const BATCH: usize = 64;
/// The slots of a table in the beginning.
const FIRST_SLOTS: usize = 1 << 14;
/// A table of fewer slots is doubled; a larger one grows by half, so that a state never takes more
/// than sixteen bytes. Where states are kept exactly, it may a little longer.
const FAST_GROWTH: usize = 1 << 20;
const FAST_GROWTH_EXACT: usize = 1 << 22;
/// A frontier is sorted into two to this many heaps.
const BUCKET_BITS: u32 = 14;
/// A search depth first visits so many states in one go.
const DIVE: usize = 16 * CHUNK;
/// A frontier of fewer states is not worth a second thread.
const WORTH_SHARING: usize = 4 * CHUNK;

/// What a search has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) states: u64,
    pub(crate) transitions: u64,
    pub(crate) ends: u64,
    /// Of the states and the steps between them, whatever their order.
    pub(crate) digest: u64,
}

impl Counted {
    fn add(&mut self, other: Self) {
        self.states += other.states;
        self.transitions += other.transitions;
        self.ends += other.ends;
        self.digest = self.digest.wrapping_add(other.digest);
    }
}

/// A property that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Breach {
    /// In this state, or by a step from it.
    pub(crate) parts: Vec<Id>,
    /// How long the way to the breach is.
    pub(crate) depth: usize,
    pub(crate) violation: Violation,
}

/// What a search leaves out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Reduction {
    pub(crate) light: Option<Light>,
    pub(crate) symmetry: Option<Symmetry>,
}

/// The states that have been visited.
enum Visited {
    /// By their keys.
    Exact(Table),
    /// By 63 bits of their hashes.
    Compact(Table),
    /// By a few bits each.
    Bitstate(Bits),
}

/// All that the threads of a search share.
pub(crate) struct Space<'a> {
    program: &'a Program,
    judge: &'a (dyn Judge + Sync),
    first: Situation,
    reduction: Reduction,
    store: Alone<Mutex<Store>>,
    rest: Alone<Mutex<Lists>>,
    layout: Layout,
    /// How many parts there were of each slot when it was made.
    counts: Vec<usize>,
    visited: Visited,
    /// How many slots are taken, or spoken for.
    used: Alone<AtomicUsize>,
    /// A thread found no room.
    full: AtomicBool,
    stop: AtomicBool,
}

/// What is written often stands alone in its cache lines, or every write would take from the other
/// threads what stands beside it.
#[repr(align(128))]
struct Alone<T>(T);

impl<T> Deref for Alone<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A search under way.
pub(crate) struct Search<'a> {
    space: Space<'a>,
    workers: Vec<Worker>,
    frontier: Vec<Key>,
    next: Vec<Key>,
    /// Depth first: the states from the first to the one that was visited last, and where in the
    /// frontier the states begin that each of them led to.
    way: Vec<(Key, usize)>,
    /// The levels that have been visited, if they are to be kept.
    levels: Option<Vec<Vec<Key>>>,
    /// The longest way from the first state to one that was visited: breadth first, the way of each
    /// is the shortest.
    pub(crate) depth: usize,
    pub(crate) breaches: Vec<Breach>,
}

/// How a level ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Level {
    /// There are more.
    Done,
    /// It was the last one.
    Last,
    /// It was cut short.
    Cut,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        program: &'a Program,
        judge: &'a (dyn Judge + Sync),
        first: Situation,
        options: &Options,
        reduction: Reduction,
    ) -> Self {
        let mut store = Store::new(program, &first);
        let mut ids = store.ids(&first);
        if let Some(symmetry) = &reduction.symmetry {
            let ranks: Vec<_> = (0..store.slots.threads)
                .map(|thread| store.rank(thread, ids[1 + thread]))
                .collect();
            // Like threads begin alike, so that any of them has the rank of all.
            let canon = symmetry.canon(&mut store, ids[Slots::SYSTEM]);
            canon.apply(&mut ids, |thread, _| ranks[thread]);
        }
        let layout = Layout::new(&store, &vec![1; store.slots.all]);
        let hash = (0..ids.len()).fold(0_u64, |hash, slot| {
            hash.wrapping_add(store.hash_of(slot, ids[slot]))
        });
        let threads = match options.order {
            Order::BreadthFirst => options.threads.max(1),
            Order::DepthFirst => 1,
        };
        let shares = threads > 1;
        let workers = (0..threads)
            .map(|_| Worker::new(&store, &layout, options.digest, shares, &reduction))
            .collect();
        let space = Space {
            program,
            judge,
            first,
            reduction,
            rest: Alone(Mutex::new(Lists::new(store.slots.all - 1))),
            counts: store.counts(),
            store: Alone(Mutex::new(store)),
            layout,
            visited: match options.storage {
                Storage::Exact => Visited::Exact(Table::new(FIRST_SLOTS)),
                Storage::Compact => Visited::Compact(Table::new(FIRST_SLOTS)),
                Storage::Bitstate { bytes } => Visited::Bitstate(Bits::new(bytes)),
            },
            used: Alone(AtomicUsize::new(1)),
            full: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        };
        let key = key_of(&space.layout, &space.rest, &ids);
        space.visited.insert(if space.visited.is_exact() {
            key
        } else {
            word(hash)
        });
        Self {
            space,
            workers,
            frontier: vec![key],
            next: Vec::new(),
            way: Vec::new(),
            levels: None,
            depth: 0,
            breaches: Vec::new(),
        }
    }

    /// Writes the search, so that it can be gone on with.
    ///
    /// # Errors
    /// If writing fails, or the visited states are not kept as words.
    pub(crate) fn keep(
        &self,
        label: &Label<'_>,
        to: &mut dyn Write,
    ) -> Result<(), CheckpointError> {
        let visited: Vec<_> = match &self.space.visited {
            Visited::Exact(table) | Visited::Compact(table) => table.words().collect(),
            Visited::Bitstate(_) => return Err(CheckpointError::Bits),
        };
        let rest: Vec<_> = lock(&self.space.rest)
            .all()
            .iter()
            .map(|id| u64::from(*id))
            .collect();
        let Counted {
            states,
            transitions,
            ends,
            digest,
        } = self.counted();
        let counts = [self.depth as u64, states, transitions, ends, digest];
        // One of both is empty.
        let way = self
            .way
            .iter()
            .flat_map(|(key, start)| [*key, *start as u64]);
        let next: Vec<_> = self.next.iter().copied().chain(way).collect();
        let numbers = [&rest[..], &visited, &self.frontier, &next, &counts];
        label.write(to, &lock(&self.space.store), &self.space.layout, numbers)
    }

    /// Goes on with a search in this order that was kept.
    pub(crate) fn go_on_with(&mut self, kept: Kept, order: Order) {
        let words = kept.visited.len();
        let slots = (words * 2).max(FIRST_SLOTS);
        if let Visited::Exact(table) | Visited::Compact(table) = &mut self.space.visited {
            *table = Table::new(slots);
            kept.visited.iter().for_each(|word| {
                table.insert(*word);
            });
        }
        self.space.used = Alone(AtomicUsize::new(words));
        self.space.store.0 = Mutex::new(kept.store);
        self.space.rest.0 = Mutex::new(kept.rest);
        self.space.layout = kept.layout;
        for worker in &mut self.workers {
            worker.memo.lay_out(&self.space.layout);
        }
        self.workers[0].counted = kept.counted;
        self.frontier = kept.frontier;
        match order {
            Order::BreadthFirst => self.next = kept.next,
            Order::DepthFirst => {
                let pairs = kept.next.chunks_exact(2);
                self.way = pairs.map(|pair| (pair[0], pair[1] as usize)).collect();
            }
        }
        self.depth = kept.depth;
    }

    /// From now on the levels are kept, so that there is a way back.
    pub(crate) fn keep_levels(&mut self) {
        self.levels = Some(Vec::new());
    }

    /// How many threads search.
    pub(crate) fn threads(&self) -> usize {
        self.workers.len()
    }

    /// What has been counted.
    pub(crate) fn counted(&self) -> Counted {
        let mut counted = Counted::default();
        self.workers
            .iter()
            .for_each(|worker| counted.add(worker.counted));
        counted
    }

    /// The states that wait to be visited.
    pub(crate) fn waiting(&self) -> usize {
        self.frontier.len()
    }

    /// The memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        let own: usize = self.workers.iter().map(Worker::memory).sum();
        self.space.visited.memory()
            + lock(&self.space.store).memory()
            + lock(&self.space.rest).memory()
            + (self.frontier.capacity() + self.next.capacity()) * size_of::<Key>()
            + self.way.capacity() * size_of::<(Key, usize)>()
            + self
                .levels
                .iter()
                .flatten()
                .map(|level| level.len() * size_of::<Key>())
                .sum::<usize>()
            + own
    }

    /// A bound on the probability that a state was left out by mistake.
    pub(crate) fn omission(&self) -> Option<f64> {
        self.space.visited.omission(self.counted().states)
    }

    /// The memory that the visited states take.
    pub(crate) fn visited_memory(&self) -> usize {
        self.space.visited.memory()
    }

    /// Visits the states of one level. `go_on` is asked now and then.
    ///
    /// # Errors
    /// If a thread of the program spins.
    pub(crate) fn level(
        &mut self,
        go_on: &(dyn Fn(u64, usize) -> bool + Sync),
    ) -> Result<Level, StepError> {
        if let Some(levels) = &mut self.levels {
            levels.push(self.frontier.clone());
        }
        while !self.frontier.is_empty() {
            // What a level adds is counted while it is visited: the parts, and what is learned.
            let before = self.memory() - lock(&self.space.store).memory();
            let taken = AtomicUsize::new(0);
            let visited = AtomicU64::new(self.counted().states);
            let more = AtomicUsize::new(0);
            let (space, frontier) = (&self.space, &self.frontier);
            let run = |worker: &mut Worker| -> Result<(), StepError> {
                loop {
                    if space.full.load(Ordering::Relaxed) || space.stop.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                    let start = taken.fetch_add(CHUNK, Ordering::Relaxed);
                    let Some(rest) = frontier.get(start..).filter(|rest| !rest.is_empty()) else {
                        return Ok(());
                    };
                    let chunk = &rest[..CHUNK.min(rest.len())];
                    let (known, before_it) = (worker.memory(), worker.counted.states);
                    worker.visit(space, chunk)?;
                    // Those for which there was no room are visited later.
                    let states = worker.counted.states - before_it;
                    let so_far = visited.fetch_add(states, Ordering::Relaxed);
                    let learned = worker.memory().saturating_sub(known);
                    let learned = more.fetch_add(learned, Ordering::Relaxed) + learned;
                    let memory = before + learned + lock(&space.store).memory();
                    if !go_on(so_far + states, memory) {
                        space.stop.store(true, Ordering::Relaxed);
                    }
                }
            };
            let alone = if frontier.len() < WORTH_SHARING {
                1
            } else {
                self.workers.len()
            };
            together(&mut self.workers[..alone], run)?;
            let taken = taken.into_inner().min(self.frontier.len());
            self.frontier.drain(..taken);
            for worker in &mut self.workers {
                self.frontier.append(&mut worker.left);
                self.next.append(&mut worker.new);
                for breach in worker.breaches.drain(..) {
                    self.breaches.push(Breach {
                        depth: self.depth + breach.depth,
                        ..breach
                    });
                }
            }
            self.exchange();
            if self.space.stop.load(Ordering::Relaxed) {
                return Ok(Level::Cut);
            }
            if self.space.full.load(Ordering::Relaxed) {
                self.make_room();
            }
        }
        std::mem::swap(&mut self.frontier, &mut self.next);
        self.sort();
        if self.frontier.is_empty() {
            return Ok(Level::Last);
        }
        self.depth += 1;
        Ok(Level::Done)
    }

    /// Goes on depth first, for some states or until a property breaks. `go_on` is asked now and then.
    ///
    /// # Errors
    /// If a thread of the program spins.
    pub(crate) fn dive(
        &mut self,
        go_on: &(dyn Fn(u64, usize) -> bool + Sync),
    ) -> Result<Level, StepError> {
        for visited in 0..DIVE {
            if visited % CHUNK == 0 && !go_on(self.counted().states, self.memory()) {
                return Ok(Level::Cut);
            }
            // Back to the last state that led to one which has not been visited.
            while let Some((_, start)) = self.way.last()
                && *start == self.frontier.len()
            {
                self.way.pop();
            }
            let Some(key) = self.frontier.pop() else {
                return Ok(Level::Last);
            };
            let worker = &mut self.workers[0];
            worker.visit(&self.space, &[key])?;
            if self.space.full.load(Ordering::Relaxed) {
                self.frontier.append(&mut worker.left);
                self.make_room();
                continue;
            }
            self.way.push((key, self.frontier.len()));
            let depth = self.way.len() - 1;
            self.depth = self.depth.max(depth);
            // The first step is followed first.
            self.frontier.extend(worker.new.drain(..).rev());
            for breach in worker.breaches.drain(..) {
                self.breaches.push(Breach {
                    depth: depth + breach.depth,
                    ..breach
                });
            }
            if !self.breaches.is_empty() {
                return Ok(Level::Done);
            }
        }
        Ok(Level::Done)
    }

    /// A schedule that leads to a breach that was found: the way of a search depth first, or one of
    /// the shortest in a search that kept its levels. Threads have their own names in it, not those of
    /// representatives; `first` is the situation in which the search began.
    ///
    /// # Errors
    /// If a thread of the program spins.
    pub(crate) fn schedule(&mut self, first: &Situation) -> Result<Option<Vec<Choice>>, StepError> {
        let Some(breach) = self
            .breaches
            .iter()
            .min_by_key(|breach| breach.depth)
            .cloned()
        else {
            return Ok(None);
        };
        let way = match self.levels.take() {
            Some(levels) => self.way_back(&levels, &breach.parts)?,
            None => self.way.iter().map(|(key, _)| *key).collect(),
        };
        let space = &self.space;
        let worker = &mut self.workers[0];
        let mut store = lock(&space.store);
        let mut here = store.ids(first);
        worker.memo.look_at(&mut store);
        drop(store);
        let mut choices = Vec::new();
        let mut wanted = vec![0; here.len()];
        for key in way.iter().skip(1) {
            parts_of(&space.layout.fields(), &space.rest, *key, &mut wanted);
            let step = worker.step_to(space, &here, |_, ids| *ids == wanted)?;
            let Some((choice, next)) = step else {
                return Ok(None);
            };
            choices.push(choice);
            here = next;
        }
        if choices.len() < breach.depth {
            let last = worker.step_to(space, &here, |breaks, _| breaks)?;
            choices.extend(last.map(|(choice, _)| choice));
        }
        Ok(Some(choices))
    }

    /// The states of one of the shortest ways to a state of the last level, with it.
    fn way_back(&mut self, levels: &[Vec<Key>], to: &[Id]) -> Result<Vec<Key>, StepError> {
        let mut way = vec![key_of(&self.space.layout, &self.space.rest, to)];
        for level in levels.iter().rev().skip(1) {
            let target = way[way.len() - 1];
            for key in level {
                if self.workers[0].leads_to(&self.space, *key, target)? {
                    way.push(*key);
                    break;
                }
            }
        }
        way.reverse();
        Ok(way)
    }

    /// Teaches each thread what the others have learned.
    fn exchange(&mut self) {
        if self.workers.len() == 1 {
            return;
        }
        let learned = self.workers.iter_mut();
        let learned: Vec<_> = learned.map(|it| std::mem::take(&mut it.lessons)).collect();
        let (store, learned) = (&self.space.store, &learned);
        let taught = together(self.workers.iter_mut().enumerate(), |(me, worker)| {
            worker.memo.look_at(&mut lock(store));
            let others = (0..learned.len()).filter(|other| *other != me);
            for lesson in others.flat_map(|other| &learned[other]) {
                if !worker.memo.has_learned(lesson) {
                    worker.memo.adopt(lesson);
                }
            }
            Ok::<_, Infallible>(())
        });
        let Ok(()) = taught;
    }

    /// Puts states beside each other whose kernel's side is the same, or of near numbers: what has
    /// been learned of it is at hand then.
    fn sort(&mut self) {
        let Layout::Flat(fields) = &self.space.layout else {
            return;
        };
        if self.frontier.len() < CHUNK {
            return;
        }
        let system = |key: &Key| fields[Slots::SYSTEM].get(*key) as usize;
        let most = self.frontier.iter().map(system).max().unwrap_or(0);
        let shift = (usize::BITS - most.leading_zeros()).saturating_sub(BUCKET_BITS);
        let mut ends = vec![0; (most >> shift) + 2];
        for key in &self.frontier {
            ends[(system(key) >> shift) + 1] += 1;
        }
        for bucket in 1..ends.len() {
            ends[bucket] += ends[bucket - 1];
        }
        self.next.clear();
        self.next.resize(self.frontier.len(), 0);
        for key in &self.frontier {
            let place = &mut ends[system(key) >> shift];
            self.next[*place] = *key;
            *place += 1;
        }
        std::mem::swap(&mut self.frontier, &mut self.next);
        self.next.clear();
    }

    /// Lays the keys out anew if a part has no room, and makes the table larger if it is full.
    fn make_room(&mut self) {
        let space = &mut self.space;
        space.full = AtomicBool::new(false);
        let store = space
            .store
            .0
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let old = space.layout.fields();
        let same = space.layout.fits(store);
        if !same {
            space.layout = Layout::new(store, &space.counts);
            space.counts = store.counts();
        }
        let (parts, layout, rest) = (store.slots.all, &space.layout, &space.rest);
        let lay_out = |key: &mut Key, ids: &mut [Id]| {
            parts_of(&old, rest, *key, ids);
            *key = key_of(layout, rest, ids);
        };
        if !same {
            let mut ids = vec![0; parts];
            let ways = self.way.iter_mut().map(|(key, _)| key);
            let levels = self.levels.iter_mut().flatten().flatten();
            let keys = self.frontier.iter_mut().chain(&mut self.next);
            let keys = keys.chain(ways).chain(levels);
            keys.for_each(|key| lay_out(key, &mut ids));
            for worker in &mut self.workers {
                worker.memo.lay_out(layout);
                worker.recent.clear();
            }
        }
        let lays_out = !same && space.visited.is_exact();
        let fast = if space.visited.is_exact() {
            FAST_GROWTH_EXACT
        } else {
            FAST_GROWTH
        };
        if let Visited::Exact(table) | Visited::Compact(table) = &mut space.visited {
            let slots = match table.slots() {
                slots if *space.used.0.get_mut() * 2 <= slots => slots,
                slots if slots < fast => slots * 2,
                slots => slots / 2 * 3,
            };
            if same && slots == table.slots() {
                return;
            }
            let larger = Table::new(slots);
            let threads = if slots < WORTH_SHARING {
                1
            } else {
                self.workers.len()
            };
            let share = |of: &Table, thread: usize| {
                let share = of.slots().div_ceil(threads);
                let [start, end] = [thread, thread + 1].map(|at| of.slots().min(at * share));
                start..end
            };
            let settled = together(0..threads, |thread| {
                larger.settle(share(&larger, thread));
                Ok::<_, Infallible>(())
            });
            let Ok(()) = settled;
            let moved = together(0..threads, |thread| {
                let mut ids = vec![0; parts];
                let mut words = table.words_in(share(table, thread)).peekable();
                let mut batch = Vec::with_capacity(BATCH);
                while words.peek().is_some() {
                    batch.clear();
                    batch.extend(words.by_ref().take(BATCH));
                    if lays_out {
                        batch.iter_mut().for_each(|word| lay_out(word, &mut ids));
                    }
                    insert_all(&larger, &batch, |_| {});
                }
                Ok::<_, Infallible>(())
            });
            let Ok(()) = moved;
            *table = larger;
        }
    }
}

/// Does something with each, each on its own thread.
///
/// # Errors
/// The first that is met with.
fn together<T: Send, E: Send>(
    all: impl IntoIterator<Item = T>,
    run: impl Fn(T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let mut all = all.into_iter();
    let (Some(first), run) = (all.next(), &run) else {
        return Ok(());
    };
    std::thread::scope(|scope| {
        let threads = all.map(|one| scope.spawn(move || run(one)));
        let threads: Vec<_> = threads.collect();
        let first = run(first);
        let others = threads.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        first.and(others.collect())
    })
}

/// What stands for a state whose key is not kept.
fn word(hash: u64) -> u64 {
    spread(hash) >> 1
}

impl Visited {
    fn is_exact(&self) -> bool {
        matches!(self, Self::Exact(_))
    }

    fn memory(&self) -> usize {
        match self {
            Self::Exact(table) | Self::Compact(table) => table.memory(),
            Self::Bitstate(bits) => bits.memory(),
        }
    }

    /// So many states may be in it before it has to grow.
    fn room(&self) -> usize {
        match self {
            Self::Exact(table) | Self::Compact(table) => table.slots() / 4 * 3,
            Self::Bitstate(_) => usize::MAX,
        }
    }

    fn insert(&self, word: u64) -> bool {
        match self {
            Self::Exact(table) | Self::Compact(table) => table.insert(word),
            Self::Bitstate(bits) => bits.insert(word),
        }
    }

    /// Adds words; tells the places of those that were new.
    fn insert_all(&self, words: &[u64], mut tell: impl FnMut(usize)) {
        match self {
            Self::Exact(table) | Self::Compact(table) => insert_all(table, words, tell),
            Self::Bitstate(bits) => {
                for (at, &word) in words.iter().enumerate() {
                    if bits.insert(word) {
                        tell(at);
                    }
                }
            }
        }
    }

    /// A bound on the probability that a state was taken for another, after so many.
    fn omission(&self, states: u64) -> Option<f64> {
        let states = states as f64;
        match self {
            Self::Exact(_) => None,
            // So many pairs, each alike with a probability of one in 2^63.
            Self::Compact(_) => Some((states * states / 2.0 / (1_u64 << 63) as f64).min(1.0)),
            Self::Bitstate(bits) => Some((states * bits.mistakes()).min(1.0)),
        }
    }
}

/// Adds words; tells the places of those that were new.
fn insert_all(table: &Table, words: &[u64], mut tell: impl FnMut(usize)) {
    let near = words.iter().fold(0, |near, word| near ^ table.touch(*word));
    std::hint::black_box(near);
    for (at, &word) in words.iter().enumerate() {
        if table.insert(word) {
            tell(at);
        }
    }
}

/// The key of a state of these parts.
fn key_of(layout: &Layout, rest: &Mutex<Lists>, ids: &[Id]) -> Key {
    match layout {
        Layout::Flat(fields) => {
            let bits = fields.iter().zip(ids).map(|(field, id)| field.bits(*id));
            bits.fold(0, |key, bits| key | bits)
        }
        Layout::Folded => Layout::folded(ids[0], lock(rest).number(&ids[1..])),
    }
}

/// The parts of a state, from its key.
fn parts_of(fields: &[Field], rest: &Mutex<Lists>, key: Key, ids: &mut [Id]) {
    if fields.is_empty() {
        let (system, number) = Layout::unfold(key);
        ids[0] = system;
        ids[1..].copy_from_slice(lock(rest).of(number));
    } else {
        ids.iter_mut()
            .zip(fields)
            .for_each(|(id, field)| *id = field.get(key));
    }
}

/// One thread of a search, alone in its cache lines.
#[repr(align(128))]
struct Worker {
    memo: Memo,
    /// What was learned since the others were told, and whether there are others.
    lessons: Vec<Lesson>,
    shares: bool,
    digest: bool,
    /// Of each kernel's side, the way to its representative.
    canons: Vec<Option<Canon>>,
    counted: Counted,
    /// New states.
    new: Vec<Key>,
    /// States for which there was no room.
    left: Vec<Key>,
    breaches: Vec<Breach>,
    /// The parts of the state that is visited, and of the next; their hashes, and a zero.
    ids: Vec<Id>,
    next_ids: Vec<Id>,
    hashes: Vec<u64>,
    next_hashes: Vec<u64>,
    /// What was looked up last.
    recent: Recent,
    /// Memory for the next situation in which the model takes a step.
    spare: Option<Situation>,
    batch: Batch,
}

/// States, and their successors that have not been looked up yet.
#[derive(Default)]
struct Batch {
    states: Vec<Key>,
    successors: Vec<Key>,
    /// What stands for them, unless their keys do.
    words: Vec<u64>,
    counted: Counted,
    breaches: Vec<Breach>,
}

impl Batch {
    /// Leaves out the successors that have been looked up lately.
    fn forget_known(&mut self, recent: &mut Recent) {
        let has_words = !self.words.is_empty();
        let mut kept = 0;
        for at in 0..self.successors.len() {
            let next = self.successors[at];
            let word = if has_words { self.words[at] } else { next };
            self.successors[kept] = next;
            if has_words {
                self.words[kept] = word;
            }
            kept += usize::from(recent.insert(word));
        }
        self.successors.truncate(kept);
        self.words.truncate(kept);
    }
}

/// Why a state could not be visited.
enum Stuck {
    /// A part has no room in the layout.
    NoRoom,
    Step(StepError),
}

impl From<StepError> for Stuck {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

impl Worker {
    fn new(
        store: &Store,
        layout: &Layout,
        digest: bool,
        shares: bool,
        reduction: &Reduction,
    ) -> Self {
        Self {
            memo: Memo::new(store, layout, reduction.light.clone()),
            lessons: Vec::new(),
            shares,
            digest: digest && *reduction == Reduction::default(),
            canons: Vec::new(),
            counted: Counted::default(),
            new: Vec::new(),
            left: Vec::new(),
            breaches: Vec::new(),
            ids: vec![0; store.slots.all],
            next_ids: Vec::new(),
            hashes: vec![0; store.slots.all + 1],
            next_hashes: vec![0; store.slots.all + 1],
            recent: Recent::new(),
            spare: None,
            batch: Batch::default(),
        }
    }

    /// The memory that it takes by itself, roughly.
    fn memory(&self) -> usize {
        self.memo.memory()
            + self.recent.memory()
            + (self.new.capacity() + self.left.capacity()) * size_of::<Key>()
    }

    /// Visits these states.
    fn visit(&mut self, space: &Space<'_>, states: &[Key]) -> Result<(), StepError> {
        for (index, &key) in states.iter().enumerate() {
            let before = self.batch.successors.len();
            let breaches = self.batch.breaches.len();
            match self.expand(space, key) {
                Ok(counted) => {
                    self.batch.states.push(key);
                    self.batch.counted.add(counted);
                }
                Err(Stuck::NoRoom) => {
                    self.batch.successors.truncate(before);
                    self.batch.words.truncate(before);
                    self.batch.breaches.truncate(breaches);
                    self.left.push(key);
                    space.full.store(true, Ordering::Relaxed);
                }
                Err(Stuck::Step(error)) => return Err(error),
            }
            if self.batch.successors.len() >= BATCH || index + 1 == states.len() {
                self.commit(space);
            }
        }
        Ok(())
    }

    /// Does some step lead from a state to another, or to one that it represents?
    fn leads_to(&mut self, space: &Space<'_>, from: Key, to: Key) -> Result<bool, StepError> {
        let expanded = self.expand(space, from);
        let leads = self.batch.successors.contains(&to);
        self.batch.successors.clear();
        self.batch.words.clear();
        self.batch.breaches.clear();
        match expanded {
            // All parts that there are had room when the state was visited.
            Ok(_) | Err(Stuck::NoRoom) => Ok(leads),
            Err(Stuck::Step(error)) => Err(error),
        }
    }

    /// A step from a state to one that is wanted: whether the step breaks a property, and the parts of
    /// the representative of the state that it leads to, decide. The parts of that state itself.
    fn step_to(
        &mut self,
        space: &Space<'_>,
        from: &[Id],
        is_wanted: impl Fn(bool, &Vec<Id>) -> bool,
    ) -> Result<Option<(Choice, Vec<Id>)>, StepError> {
        self.ids.copy_from_slice(from);
        for thread in 0..space.program.threads.len() {
            let leaf = self.leaf(space, thread)?;
            if leaf == NO_MOVES {
                continue;
            }
            for step in leaf as usize.. {
                let mut store = lock(&space.store);
                let mut next = Vec::new();
                self.memo.next_ids(step, &mut store, from, &mut next);
                self.memo.look_at(&mut store);
                drop(store);
                let mut represented = next.clone();
                if space.reduction.symmetry.is_some() {
                    self.represent(space, &mut represented);
                }
                let Move { breaks, last, .. } = self.memo.moves[step];
                if is_wanted(breaks, &represented) {
                    return Ok(Some((self.memo.effects[step].choice, next)));
                }
                if last {
                    break;
                }
            }
        }
        Ok(None)
    }

    /// Looks the successors up, if the table has room for them.
    fn commit(&mut self, space: &Space<'_>) {
        let batch = &mut self.batch;
        batch.forget_known(&mut self.recent);
        let most = batch.successors.len();
        let used = space.used.0.fetch_add(most, Ordering::Relaxed);
        if used + most > space.visited.room() {
            space.used.0.fetch_sub(most, Ordering::Relaxed);
            self.recent.clear();
            self.left.append(&mut batch.states);
            batch.successors.clear();
            batch.words.clear();
            batch.breaches.clear();
            batch.counted = Counted::default();
            space.full.store(true, Ordering::Relaxed);
            return;
        }
        let before = self.new.len();
        let words = if space.visited.is_exact() {
            &batch.successors
        } else {
            &batch.words
        };
        space
            .visited
            .insert_all(words, |at| self.new.push(batch.successors[at]));
        let old = most - (self.new.len() - before);
        space.used.0.fetch_sub(old, Ordering::Relaxed);
        self.counted.add(batch.counted);
        self.breaches.append(&mut batch.breaches);
        batch.counted = Counted::default();
        batch.states.clear();
        batch.successors.clear();
        batch.words.clear();
    }

    /// Puts the successors of a state into the batch.
    #[inline]
    fn expand(&mut self, space: &Space<'_>, key: Key) -> Result<Counted, Stuck> {
        let mut counted = Counted {
            states: 1,
            ..Counted::default()
        };
        match &space.layout {
            Layout::Flat(_) => self.memo.unpack(key, &mut self.ids),
            Layout::Folded => parts_of(&[], &space.rest, key, &mut self.ids),
        }
        if !self.memo.knows(&self.ids) {
            self.memo.look_at(&mut lock(&space.store));
        }
        let is_exact = space.visited.is_exact();
        let hash = if self.digest || !is_exact {
            self.memo.hash(&self.ids, &mut self.hashes)
        } else {
            0
        };
        let threads = match space.reduction.light {
            Some(_) => self.ample(space)?,
            None => 0..space.program.threads.len(),
        };
        for thread in threads {
            let mut at = match self.leaf(space, thread)? {
                NO_MOVES => continue,
                leaf => leaf as usize,
            };
            loop {
                let step = self.memo.moves[at];
                let (next, to) = if space.reduction.symmetry.is_some() {
                    self.next_representative(space, at)?
                } else {
                    match self.memo.next(&step, key, &self.ids) {
                        Some((next, gains)) => {
                            let lost = Memo::lost(&step, &self.hashes);
                            (next, hash.wrapping_add(gains).wrapping_sub(lost))
                        }
                        None => self.next_slowly(space, at)?,
                    }
                };
                self.batch.successors.push(next);
                counted.transitions += 1;
                if !is_exact {
                    self.batch.words.push(word(to));
                }
                if step.breaks {
                    self.breach(at);
                }
                if self.digest {
                    let edge = spread(hash ^ to.rotate_left(17) ^ step.index);
                    counted.digest = counted.digest.wrapping_add(spread(edge));
                }
                if step.last {
                    break;
                }
                at += 1;
            }
        }
        if self.digest {
            counted.digest = counted.digest.wrapping_add(spread(spread(hash)));
        }
        if counted.transitions == 0 {
            counted.ends = 1;
            let situation = lock(&space.store).situation(&self.ids, &space.first);
            if let Some(violation) = space.judge.end(&situation) {
                self.batch.breaches.push(Breach {
                    parts: self.ids.clone(),
                    depth: 0,
                    violation,
                });
            }
        }
        Ok(counted)
    }

    /// The first move of a thread.
    #[inline(always)]
    fn leaf(&mut self, space: &Space<'_>, thread: usize) -> Result<u32, StepError> {
        match self.memo.leaf(thread, &self.ids) {
            Some(leaf) => Ok(leaf),
            None => self.learn(space, thread),
        }
    }

    /// The threads whose steps are enough: one with a light step, or all.
    fn ample(&mut self, space: &Space<'_>) -> Result<Range<usize>, StepError> {
        let all = 0..space.program.threads.len();
        for thread in all.clone() {
            let leaf = self.leaf(space, thread)?;
            if leaf != NO_MOVES && self.memo.moves[leaf as usize].light {
                return Ok(thread..thread + 1);
            }
        }
        Ok(all)
    }

    /// The key and the hash of the representative of the state that a move leads to.
    fn next_representative(&mut self, space: &Space<'_>, at: usize) -> Result<(Key, u64), Stuck> {
        self.next_ids.clear();
        self.next_ids.extend_from_slice(&self.ids);
        if !self.memo.change(at, &mut self.next_ids) {
            let mut store = lock(&space.store);
            self.memo
                .next_ids(at, &mut store, &self.ids, &mut self.next_ids);
            self.memo.look_at(&mut store);
        }
        let mut ids = std::mem::take(&mut self.next_ids);
        self.represent(space, &mut ids);
        self.next_ids = ids;
        self.next_key(space)
    }

    /// Turns the parts of a state into those of its representative.
    #[inline]
    fn represent(&mut self, space: &Space<'_>, ids: &mut [Id]) {
        let system = ids[Slots::SYSTEM] as usize;
        if self.canons.get(system).is_none_or(Option::is_none) {
            self.learn_canon(space, system);
        }
        if let Some(canon) = &self.canons[system] {
            let memo = &self.memo;
            canon.apply(ids, |thread, id| memo.rank(thread, id));
        }
    }

    #[cold]
    fn learn_canon(&mut self, space: &Space<'_>, system: usize) {
        if self.canons.len() <= system {
            self.canons.resize(system + 1, None);
        }
        let mut store = lock(&space.store);
        let symmetry = space.reduction.symmetry.as_ref();
        self.canons[system] = symmetry.map(|it| it.canon(&mut store, system as Id));
        self.memo.look_at(&mut store);
    }

    #[cold]
    fn breach(&mut self, at: usize) {
        if let Some(breach) = self.memo.effects[at].breach {
            self.batch.breaches.push(Breach {
                parts: self.ids.clone(),
                depth: 1,
                violation: self.memo.breaches[breach as usize].clone(),
            });
        }
    }

    /// The first time that a thread stands like this.
    #[cold]
    fn learn(&mut self, space: &Space<'_>, thread: usize) -> Result<u32, StepError> {
        // There are as many threads as the program has.
        let id = ThreadId::new(thread).unwrap_or_else(|| unreachable!("a thread of the program"));
        let mut before = self.spare.take().unwrap_or_else(|| space.first.clone());
        let store = lock(&space.store);
        store.recall(&self.ids, &mut before);
        let slots = store.slots.clone();
        drop(store);
        let tried = Tried::new(space.program, &slots, space.judge, before, id)?;
        let mut store = lock(&space.store);
        let lesson = tried.lesson(&mut store, space.reduction.light.as_ref(), &self.ids);
        self.memo.look_at(&mut store);
        drop(store);
        self.spare = tried.leftover();
        self.memo.adopt(&lesson);
        if self.shares {
            self.lessons.push(lesson);
        }
        Ok(self
            .memo
            .leaf(thread, &self.ids)
            .unwrap_or_else(|| unreachable!("what has been learned is known")))
    }

    #[cold]
    fn next_slowly(&mut self, space: &Space<'_>, index: usize) -> Result<(Key, u64), Stuck> {
        let mut store = lock(&space.store);
        self.memo
            .next_ids(index, &mut store, &self.ids, &mut self.next_ids);
        self.memo.look_at(&mut store);
        drop(store);
        self.next_key(space)
    }

    /// The key and the hash of the next state, from its parts.
    fn next_key(&mut self, space: &Space<'_>) -> Result<(Key, u64), Stuck> {
        let fits = |(slot, id): (usize, &Id)| space.layout.holds(slot, *id);
        if self.next_ids.iter().enumerate().all(fits) {
            let key = key_of(&space.layout, &space.rest, &self.next_ids);
            Ok((key, self.memo.hash(&self.next_ids, &mut self.next_hashes)))
        } else {
            Err(Stuck::NoRoom)
        }
    }
}
