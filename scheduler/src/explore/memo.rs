//! Steps, learned.
//!
//! A step depends on few parts of a state: where its thread is, perhaps the kernel's side, perhaps
//! a counter. When a step is taken for the first time, the model takes it, and it is noted which
//! parts it read, in which order, and what became of which parts. That is a path in a decision
//! tree; whenever a state's parts lead down the same path, the step has the same effect, and
//! nobody asks the model again. No rule is known here: only what was read and what was written.

use super::{
    history::Situation,
    judge::Violation,
    layout::{Field, Key, Layout},
    partial_order::Light,
    parts::{Id, Slots, Store},
};
use crate::{
    program::{CallOp, Program},
    state::{Choice, Part, Standing, StepError, Watch},
};
use iocp_model::{Event, Observer, Returned, ThreadId, ThreadState, rules::RuleId};
use smallvec::SmallVec;
use std::{collections::HashMap, iter::repeat_n};

/// Says what is wrong with a state or with a step into it.
pub(crate) trait Judge {
    /// A property that a step has just broken, here is the situation that it led to; what the
    /// judgement depends on is told to the probe.
    fn breach(&self, situation: &Situation, probe: &mut Probe<'_>) -> Option<Violation>;

    /// What is wrong if nothing can happen any more.
    fn end(&self, situation: &Situation) -> Option<Violation>;
}

/// A move that changes more parts is slow.
const MOST_LOST: usize = 4;

/// One step that can be taken, as what it does to a flat key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    /// What stays of the key, and what comes.
    stays: Key,
    comes: Key,
    /// A thread that keeps what it remembers: its new control,
    control: Id,
    /// and its slot; zero if there is none.
    keeps: u16,
    /// What is added to the hash of the state, but for the hash of a part that a thread remembers.
    gains: u64,
    /// The slots whose parts are taken out of the hash; behind them comes the one of no part.
    loses: [u8; MOST_LOST],
    /// The number of its choice in the digest.
    pub(crate) index: u64,
    /// The key does not tell; see its changes.
    slow: bool,
    /// It is the last of its leaf.
    pub(crate) last: bool,
    /// It breaks a property.
    pub(crate) breaks: bool,
    /// It is its thread's own business ([`Light`]), and the only one of its leaf.
    pub(crate) light: bool,
}

/// What else there is to know of a step.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(crate) choice: Choice,
    /// What it breaks: an index into the breaches.
    pub(crate) breach: Option<u32>,
    changes: SmallVec<[Change; 4]>,
}

/// What becomes of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    /// It is this.
    To(u16, Id),
    /// A thread goes on here, and remembers what it did.
    Control(u16, Id),
}

/// A place in a decision tree: nothing yet, a leaf, or a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Place(u32);

enum Found {
    Unknown,
    /// The moves from this one on.
    Leaf(u32),
    /// What is the kernel's side? The question of this number.
    System(u32),
    /// What is another part? The question of this number.
    Ask(u32),
}

impl Place {
    const KIND: u32 = 30;
    const NOTHING: Self = Self(1 << Self::KIND | NO_MOVES);

    fn leaf(index: usize) -> Self {
        Self(1 << Self::KIND | index as u32)
    }
    fn system(index: usize) -> Self {
        Self(2 << Self::KIND | index as u32)
    }
    fn ask(index: usize) -> Self {
        Self(3 << Self::KIND | index as u32)
    }

    #[inline(always)]
    fn found(self) -> Found {
        let index = self.0 & ((1 << Self::KIND) - 1);
        match self.0 >> Self::KIND {
            0 => Found::Unknown,
            1 => Found::Leaf(index),
            2 => Found::System(index),
            _ => Found::Ask(index),
        }
    }
}

/// What a question is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Topic {
    Control(u16),
    Last(u16),
    Slot(u16),
}

#[derive(Clone, Copy, Debug)]
struct Question {
    about: Topic,
    /// The first answer that there was: most questions have no other.
    id: Id,
    place: Place,
    /// Where the others are.
    others: u32,
}

/// Parts of greater numbers are looked up in another way.
const SMALL: Id = 1 << 10;

/// The answer to a question about the kernel's side.
#[derive(Clone, Copy, Default, Debug)]
struct Cell {
    question: u32,
    place: Place,
}

/// So many answers of a thread and a system are found at once.
const WAYS: usize = 2;

/// The numbers of a code's locals.
#[derive(Clone, Default, Debug)]
struct Pairs {
    /// Control and last of each local.
    of: Vec<(Id, Id)>,
    /// The local of each control and last, plus one.
    to: Vec<Vec<Id>>,
    ranks: Vec<u64>,
}

/// What has been learned.
#[derive(Debug)]
pub(crate) struct Memo {
    threads: usize,
    codes: Vec<usize>,
    pairs: Vec<Pairs>,
    standing: Vec<u8>,
    cells: Vec<Cell>,
    more_cells: HashMap<(Id, u32), Place, foldhash::fast::FixedState>,
    more_answers: HashMap<(Id, u32), Place, foldhash::fast::FixedState>,
    /// Of each thread that runs its own code, by its control.
    own: Vec<Vec<Place>>,
    questions: Vec<Question>,
    /// Of each question with several answers, by the number of the part, as far as it is small.
    answers: Vec<Vec<Place>>,
    system_questions: u32,
    pub(crate) moves: Vec<Move>,
    /// Of each move.
    pub(crate) effects: Vec<Effect>,
    /// Of a flat layout.
    fields: Vec<Field>,
    /// Of each slot, the hashes of the parts that are known here.
    hashes: Vec<Vec<u64>>,
    light: Option<Light>,
    /// What was found broken.
    pub(crate) breaches: Vec<Violation>,
}

/// The leaf without moves.
pub(crate) const NO_MOVES: u32 = (1 << Place::KIND) - 1;

const STILL: u8 = 0;
const OWN: u8 = 1;
const OTHER: u8 = 2;

impl Memo {
    pub(crate) fn new(store: &Store, layout: &Layout, light: Option<Light>) -> Self {
        let threads = store.slots.threads;
        let codes: Vec<_> = (0..threads).map(|thread| store.code(thread)).collect();
        let count = codes.iter().max().map_or(0, |most| most + 1);
        Self {
            threads,
            pairs: vec![Pairs::default(); count],
            codes,
            standing: Vec::new(),
            cells: Vec::new(),
            more_cells: HashMap::default(),
            more_answers: HashMap::default(),
            own: vec![Vec::new(); threads],
            questions: Vec::new(),
            // None for those that have no others.
            answers: vec![Vec::new()],
            // The first questions are those of the threads: cell entries of zero mean none.
            system_questions: threads as u32 + 1,
            moves: Vec::new(),
            effects: Vec::new(),
            fields: layout.fields(),
            hashes: vec![Vec::new(); store.slots.all],
            light,
            breaches: Vec::new(),
        }
    }

    /// The memory that it takes, roughly.
    pub(crate) fn memory(&self) -> usize {
        self.cells.len() * size_of::<Cell>()
            + self.standing.len()
            + self.moves.len() * (size_of::<Move>() + size_of::<Effect>())
            + self.questions.len() * size_of::<Question>()
            + self.answers.len() * size_of::<Vec<Place>>() * 2
            + (self.more_cells.len() + self.more_answers.len()) * 24
    }

    /// Keys are laid out another way from now on.
    pub(crate) fn lay_out(&mut self, layout: &Layout) {
        self.fields = layout.fields();
        for (step, effect) in self.moves.iter_mut().zip(&self.effects) {
            step.compile(effect, &self.fields, &self.hashes);
        }
    }

    /// The parts of a state, from its flat key.
    #[inline]
    pub(crate) fn unpack(&self, key: Key, ids: &mut [Id]) {
        for (id, field) in ids.iter_mut().zip(&self.fields) {
            *id = field.get(key);
        }
    }

    /// Learns of the parts that there are now.
    pub(crate) fn look_at(&mut self, store: &mut Store) {
        for (slot, hashes) in self.hashes.iter_mut().enumerate() {
            for id in hashes.len()..store.count(slot) {
                hashes.push(store.hash_of(slot, id as Id));
            }
        }
        let known = self.standing.len() / self.threads.max(1);
        for system in known..store.count(Slots::SYSTEM) {
            let system = store.system_of(system as Id);
            self.standing.extend(
                system
                    .thread_ids()
                    .map(|id| match Standing::of(system, id) {
                        Standing::Still => STILL,
                        Standing::Own => OWN,
                        Standing::Other => OTHER,
                    }),
            );
        }
        self.cells
            .resize(self.standing.len() * WAYS, Cell::default());
        for thread in 0..self.threads {
            let pairs = &mut self.pairs[self.codes[thread]];
            for local in pairs.of.len()..store.count(store.slots.local(thread)) {
                let (control, last) = store.pair(thread, local as Id);
                pairs.of.push((control, last));
                pairs.ranks.push(store.rank(thread, local as Id));
                let (control, last) = (control as usize, last as usize);
                if pairs.to.len() <= control {
                    pairs.to.resize(control + 1, Vec::new());
                }
                if pairs.to[control].len() <= last {
                    pairs.to[control].resize(last + 1, 0);
                }
                pairs.to[control][last] = local as Id + 1;
            }
        }
    }

    /// Does it know all parts of this state?
    #[inline]
    pub(crate) fn knows(&self, ids: &[Id]) -> bool {
        ids.iter()
            .zip(&self.hashes)
            .all(|(id, hashes)| (*id as usize) < hashes.len())
    }

    /// The hash of a state of these parts: the sum of their hashes, which are listed in `each`. Behind
    /// them comes a zero.
    #[inline]
    pub(crate) fn hash(&self, ids: &[Id], each: &mut [u64]) -> u64 {
        let parts = ids.iter().zip(&self.hashes);
        let mut sum = 0_u64;
        for ((id, hashes), hash) in parts.zip(each) {
            *hash = hashes[*id as usize];
            sum = sum.wrapping_add(*hash);
        }
        sum
    }

    /// Is there nothing new in it? Its parts are known.
    pub(crate) fn has_learned(&self, lesson: &Lesson) -> bool {
        self.leaf(lesson.thread, &lesson.ids).is_some()
    }

    /// The first move of a thread in a state of these parts, if they have been learned.
    #[inline(always)]
    pub(crate) fn leaf(&self, thread: usize, ids: &[Id]) -> Option<u32> {
        let system = ids[0];
        let mut place = match self.standing[system as usize * self.threads + thread] {
            STILL => return Some(NO_MOVES),
            OWN => {
                let (control, _) = self.pairs[self.codes[thread]].of[ids[1 + thread] as usize];
                *self.own[thread].get(control as usize)?
            }
            _ => Place::system(thread + 1),
        };
        loop {
            place = match place.found() {
                Found::Unknown => return None,
                Found::Leaf(leaf) => return Some(leaf),
                Found::System(question) => self.cell(thread, system, question),
                Found::Ask(number) => {
                    let question = &self.questions[number as usize];
                    self.answered(number, question, self.answer(question.about, ids))
                }
            }
        }
    }

    #[inline(always)]
    fn cell(&self, thread: usize, system: Id, question: u32) -> Place {
        let at = (system as usize * self.threads + thread) * WAYS;
        for cell in &self.cells[at..at + WAYS] {
            if cell.question == question {
                return cell.place;
            }
        }
        self.more_cells
            .get(&(system, question))
            .copied()
            .unwrap_or_default()
    }

    #[inline(always)]
    fn answered(&self, number: u32, question: &Question, id: Id) -> Place {
        if id == question.id {
            return question.place;
        }
        self.other_answer(number, question, id)
    }

    #[inline]
    fn other_answer(&self, question: u32, Question { others, .. }: &Question, id: Id) -> Place {
        if id < SMALL {
            self.answers[*others as usize].get(id as usize).copied()
        } else {
            self.more_answers.get(&(id, question)).copied()
        }
        .unwrap_or_default()
    }

    #[inline(always)]
    fn answer(&self, about: Topic, ids: &[Id]) -> Id {
        let pair = |thread: u16| {
            let thread = usize::from(thread);
            self.pairs[self.codes[thread]].of[ids[1 + thread] as usize]
        };
        match about {
            Topic::Control(thread) => pair(thread).0,
            Topic::Last(thread) => pair(thread).1,
            Topic::Slot(slot) => ids[usize::from(slot)],
        }
    }

    /// The key of the state that a move leads to, and what the hashes of the parts that come add to
    /// that of the state; `None` if the key does not tell, or a part is not known or has no room.
    #[inline(always)]
    pub(crate) fn next(&self, step: &Move, key: Key, ids: &[Id]) -> Option<(Key, u64)> {
        if step.slow {
            return None;
        }
        let next = key & step.stays | step.comes;
        let slot = step.keeps as usize;
        if slot == 0 {
            return Some((next, step.gains));
        }
        let pairs = &self.pairs[self.codes[slot - 1]];
        let (_, last) = pairs.of[ids[slot] as usize];
        let local = pairs.local(step.control, last)?;
        let field = self.fields[slot];
        let gains = step.gains.wrapping_add(self.hashes[slot][local as usize]);
        field
            .holds(local)
            .then(|| (next | field.bits(local), gains))
    }

    /// Where a thread's local comes in an order that does not depend on when it was seen.
    #[inline]
    pub(crate) fn rank(&self, thread: usize, local: Id) -> u64 {
        self.pairs[self.codes[thread]].ranks[local as usize]
    }

    /// Turns `next`, the parts of a state, into those of the state that a move leads to; false if
    /// one of them is not known yet.
    #[inline]
    pub(crate) fn change(&self, step: usize, next: &mut [Id]) -> bool {
        for change in &self.effects[step].changes {
            match *change {
                Change::To(slot, id) => next[slot as usize] = id,
                Change::Control(slot, control) => {
                    let pairs = &self.pairs[self.codes[slot as usize - 1]];
                    let (_, last) = pairs.of[next[slot as usize] as usize];
                    match pairs.local(control, last) {
                        Some(local) => next[slot as usize] = local,
                        None => return false,
                    }
                }
            }
        }
        true
    }

    /// The parts of the state that a move leads to.
    pub(crate) fn next_ids(&self, step: usize, store: &mut Store, ids: &[Id], next: &mut Vec<Id>) {
        next.clear();
        next.extend_from_slice(ids);
        for change in &self.effects[step].changes {
            match *change {
                Change::To(slot, id) => next[slot as usize] = id,
                Change::Control(slot, control) => {
                    let thread = slot as usize - 1;
                    let (_, last) = store.pair(thread, ids[slot as usize]);
                    next[slot as usize] = store.local(thread, (control, last));
                }
            }
        }
    }

    /// What a move takes from the hash of a state whose parts have these.
    #[inline(always)]
    pub(crate) fn lost(step: &Move, each: &[u64]) -> u64 {
        step.loses
            .iter()
            .fold(0, |lost, slot| lost.wrapping_add(each[usize::from(*slot)]))
    }

    /// Lets the model take the steps of a thread in a state of these parts, and learns them.
    ///
    /// # Errors
    /// If the thread spins.
    pub(crate) fn learn(
        &mut self,
        program: &Program,
        store: &mut Store,
        judge: &(dyn Judge + Sync),
        like: &Situation,
        thread: ThreadId,
        ids: &[Id],
    ) -> Result<(), StepError> {
        let before = store.situation(ids, like);
        let tried = Tried::new(program, &store.slots, judge, before, thread)?;
        let lesson = tried.lesson(store, self.light.as_ref(), ids);
        self.look_at(store);
        self.adopt(&lesson);
        Ok(())
    }

    /// Learns what has been tried, here or by another who learns from the same store; its parts are
    /// known.
    pub(crate) fn adopt(&mut self, lesson: &Lesson) {
        let start = self.moves.len();
        for (effect, breach) in &lesson.effects {
            let breach = breach.as_ref().map(|breach| {
                self.breaches.push(breach.clone());
                self.breaches.len() as u32 - 1
            });
            let mut step = Move {
                stays: 0,
                comes: 0,
                control: 0,
                keeps: 0,
                gains: 0,
                loses: [0; MOST_LOST],
                index: index_of(effect.choice),
                slow: true,
                last: self.moves.len() + 1 == start + lesson.effects.len(),
                breaks: breach.is_some(),
                light: lesson.is_light && breach.is_none(),
            };
            step.compile(effect, &self.fields, &self.hashes);
            self.moves.push(step);
            self.effects.push(Effect {
                breach,
                ..effect.clone()
            });
        }
        let leaf = if lesson.effects.is_empty() {
            Place::NOTHING
        } else {
            Place::leaf(start)
        };
        self.grow(lesson.thread, &lesson.ids, &lesson.read, leaf);
    }

    /// Grows the path of what was read, down to the leaf.
    fn grow(&mut self, thread: usize, ids: &[Id], read: &[Asked], leaf: Place) {
        let mut read = read.iter().copied().peekable();
        let own = self.standing[ids[0] as usize * self.threads + thread] == OWN;
        // Who stands how is asked first, and then where it is in its program, or of the system.
        let mut at = if own {
            read.next_if(|asked| *asked == Asked::Control(thread));
            let (control, _) = self.pairs[self.codes[thread]].of[ids[1 + thread] as usize];
            Spot::Own(thread, control)
        } else {
            read.next_if(|asked| *asked == Asked::System);
            Spot::Cell(thread, ids[0], thread as u32 + 1)
        };
        for asked in read {
            let place = self.place(at);
            at = match asked {
                Asked::System => {
                    let question = match place.found() {
                        Found::System(question) => question,
                        _ => {
                            let question = self.system_questions;
                            self.system_questions += 1;
                            self.set(at, Place::system(question as usize));
                            question
                        }
                    };
                    Spot::Cell(thread, ids[0], question)
                }
                _ => {
                    let about = match asked {
                        Asked::Control(thread) => Topic::Control(thread as u16),
                        Asked::Last(thread) => Topic::Last(thread as u16),
                        Asked::Slot(slot) => Topic::Slot(slot as u16),
                        Asked::System => continue,
                    };
                    let question = match place.found() {
                        Found::Ask(question) => question,
                        _ => {
                            let question = self.questions.len();
                            self.questions.push(Question {
                                about,
                                id: self.answer(about, ids),
                                place: Place::default(),
                                others: 0,
                            });
                            self.set(at, Place::ask(question));
                            question as u32
                        }
                    };
                    debug_assert_eq!(self.questions[question as usize].about, about);
                    Spot::Answer(question, self.answer(about, ids))
                }
            };
        }
        self.set(at, leaf);
    }

    fn place(&self, at: Spot) -> Place {
        match at {
            Spot::Own(thread, control) => self.own[thread]
                .get(control as usize)
                .copied()
                .unwrap_or_default(),
            Spot::Cell(thread, system, question) => self.cell(thread, system, question),
            Spot::Answer(question, id) => {
                self.answered(question, &self.questions[question as usize], id)
            }
        }
    }

    fn set(&mut self, at: Spot, place: Place) {
        match at {
            Spot::Own(thread, control) => {
                set_at(&mut self.own[thread], control, place);
            }
            Spot::Cell(thread, system, question) => {
                let start = (system as usize * self.threads + thread) * WAYS;
                let cells = &mut self.cells[start..start + WAYS];
                match cells
                    .iter_mut()
                    .find(|cell| cell.question == 0 || cell.question == question)
                {
                    Some(cell) => *cell = Cell { question, place },
                    None => {
                        self.more_cells.insert((system, question), place);
                    }
                }
            }
            Spot::Answer(number, id) => {
                let question = &mut self.questions[number as usize];
                if id == question.id {
                    question.place = place;
                } else if id < SMALL {
                    if question.others == 0 {
                        question.others = self.answers.len() as u32;
                        self.answers.push(Vec::new());
                    }
                    set_at(&mut self.answers[question.others as usize], id, place);
                } else {
                    self.more_answers.insert((id, number), place);
                }
            }
        }
    }
}

fn set_at(places: &mut Vec<Place>, at: Id, place: Place) {
    let at = at as usize;
    if places.len() <= at {
        places.resize(at + 1, Place::default());
    }
    places[at] = place;
}

/// Where in the trees a place is noted.
#[derive(Clone, Copy, Debug)]
enum Spot {
    Own(usize, Id),
    Cell(usize, Id, u32),
    Answer(u32, Id),
}

/// The steps of a thread in a state, as the model took them.
pub(crate) struct Tried {
    thread: usize,
    read: SmallVec<[Asked; 8]>,
    steps: Vec<Step>,
}

/// A step that the model took.
struct Step {
    choice: Choice,
    after: Situation,
    written: SmallVec<[Asked; 8]>,
    breach: Option<Violation>,
}

/// The steps of a thread in a state, as what was read and what became of which parts.
#[derive(Debug)]
pub(crate) struct Lesson {
    thread: usize,
    ids: SmallVec<[Id; 16]>,
    read: SmallVec<[Asked; 8]>,
    effects: SmallVec<[(Effect, Option<Violation>); 1]>,
    is_light: bool,
}

impl Tried {
    /// Lets the model take the steps of a thread.
    ///
    /// # Errors
    /// If the thread spins.
    pub(crate) fn new(
        program: &Program,
        slots: &Slots,
        judge: &(dyn Judge + Sync),
        before: Situation,
        thread: ThreadId,
    ) -> Result<Self, StepError> {
        let mut probe = Probe::new(slots, before.history.parts());
        let mut choices = Vec::new();
        before
            .state
            .choices_of(program, thread, &mut choices, &mut probe);
        let mut steps = Vec::with_capacity(choices.len());
        let count = choices.len();
        // The last step needs no copy of the situation before it.
        for (choice, mut after) in choices.into_iter().zip(repeat_n(before, count)) {
            probe.written.clear();
            probe.history = std::mem::take(&mut after.history);
            probe.twice = None;
            after.state.take(program, choice, &mut probe)?;
            probe.step_ends();
            after.history = std::mem::take(&mut probe.history);
            let breach = judge.breach(&after, &mut probe);
            steps.push(Step {
                choice,
                after,
                written: probe.written.clone(),
                breach,
            });
        }
        Ok(Self {
            thread: thread.index(),
            read: probe.read,
            steps,
        })
    }

    /// What there is to learn from it; it was tried in a state of these parts.
    pub(crate) fn lesson(&self, store: &mut Store, light: Option<&Light>, ids: &[Id]) -> Lesson {
        let Self {
            thread,
            read,
            steps,
        } = self;
        let is_light = steps.len() == 1
            && light.is_some_and(|light| is_light(light, store, *thread, ids, read));
        let effects = steps.iter().map(|step| {
            let effect = Effect {
                choice: step.choice,
                breach: None,
                changes: changes(store, read, &step.written, ids, &step.after),
            };
            (effect, step.breach.clone())
        });
        Lesson {
            thread: *thread,
            ids: ids.into(),
            effects: effects.collect(),
            is_light,
            read: read.clone(),
        }
    }

    /// A situation that is of no use any more: its memory may be.
    pub(crate) fn leftover(mut self) -> Option<Situation> {
        self.steps.pop().map(|step| step.after)
    }
}

/// Is the step that read this its thread's own business?
fn is_light(light: &Light, store: &Store, thread: usize, ids: &[Id], read: &[Asked]) -> bool {
    let at = store.local_of(thread, ids[1 + thread]).at;
    light.is_light(store.code(thread), at)
        && read.iter().all(|asked| match *asked {
            Asked::System => false,
            Asked::Control(other) | Asked::Last(other) => other == thread,
            Asked::Slot(slot) => light.may_read(&store.slots, slot),
        })
}

impl Move {
    fn compile(&mut self, effect: &Effect, fields: &[Field], hashes: &[Vec<u64>]) {
        (self.stays, self.comes, self.keeps, self.gains) = (Key::MAX, 0, 0, 0);
        // No slot is behind the last.
        self.loses = [hashes.len() as u8; MOST_LOST];
        self.slow = fields.is_empty()
            || effect.changes.len() > MOST_LOST
            || hashes.len() > usize::from(u8::MAX);
        if self.slow {
            return;
        }
        for (change, loses) in effect.changes.iter().zip(&mut self.loses) {
            let slot = match *change {
                Change::To(slot, id) => {
                    let field = fields[slot as usize];
                    self.comes |= field.bits(id);
                    self.slow |= !field.holds(id);
                    self.gains = self.gains.wrapping_add(hashes[slot as usize][id as usize]);
                    slot
                }
                Change::Control(slot, control) => {
                    self.slow |= self.keeps != 0;
                    (self.keeps, self.control) = (slot, control);
                    slot
                }
            };
            self.stays &= !fields[slot as usize].place();
            *loses = slot as u8;
        }
    }
}

/// A number for each choice.
fn index_of(choice: Choice) -> u64 {
    let (kind, more) = match choice {
        Choice::Step(_) => (0, 0),
        Choice::Return(_, more) => (1, more),
        Choice::Expire(_) => (2, 0),
        Choice::Suspend(_) => (3, 0),
    };
    (choice.thread().index() as u64) << 32 | kind << 16 | u64::from(more)
}

impl Pairs {
    /// The local of a control and a last.
    #[inline]
    fn local(&self, control: Id, last: Id) -> Option<Id> {
        let lasts = self.to.get(control as usize)?;
        lasts.get(last as usize)?.checked_sub(1)
    }
}

/// What becomes of the parts that a step read or wrote.
fn changes(
    store: &mut Store,
    read: &[Asked],
    written: &[Asked],
    ids: &[Id],
    after: &Situation,
) -> SmallVec<[Change; 4]> {
    let mut changes = SmallVec::new();
    let mut threads: SmallVec<[usize; 4]> = SmallVec::new();
    for asked in read.iter().chain(written) {
        let slot = match *asked {
            Asked::System => Slots::SYSTEM,
            Asked::Slot(slot) => slot,
            Asked::Control(thread) | Asked::Last(thread) => {
                if !threads.contains(&thread) {
                    threads.push(thread);
                }
                continue;
            }
        };
        let id = store.id(slot, after);
        let change = Change::To(slot as u16, id);
        if (id != ids[slot] || !read.contains(asked)) && !changes.contains(&change) {
            changes.push(change);
        }
    }
    for thread in threads {
        let slot = store.slots.local(thread);
        let (old_control, old_last) = store.pair(thread, ids[slot]);
        let (control, last) = store.control_and_last(thread, &after.state.threads[thread]);
        let of = |asked: Asked| (read.contains(&asked), written.contains(&asked));
        let (control_read, control_written) = of(Asked::Control(thread));
        let (last_read, last_written) = of(Asked::Last(thread));
        debug_assert!(control_read || control_written);
        if !control_read && !last_read && had_ended(store, ids[Slots::SYSTEM], thread) {
            continue;
        }
        if control_read && control == old_control && !last_written | last_read && last == old_last {
            continue;
        }
        changes.push(if last_read || last_written {
            let local = store.local(thread, (control, last));
            Change::To(slot as u16, local)
        } else {
            Change::Control(slot as u16, control)
        });
    }
    changes
}

/// A part that a step depends on, without the standing of threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    System,
    Control(usize),
    Last(usize),
    Slot(usize),
}

/// Watches what a step reads and writes.
pub(crate) struct Probe<'s> {
    slots: &'s Slots,
    history_parts: usize,
    read: SmallVec<[Asked; 8]>,
    written: SmallVec<[Asked; 8]>,
    pub(crate) history: super::history::History,
    twice: Option<u64>,
}

impl<'s> Probe<'s> {
    pub(crate) fn new(slots: &'s Slots, history_parts: usize) -> Self {
        Self {
            slots,
            history_parts,
            read: SmallVec::new(),
            written: SmallVec::new(),
            history: super::history::History::default(),
            twice: None,
        }
    }

    fn asks(&mut self, asked: Asked) {
        if !self.written.contains(&asked) && !self.read.contains(&asked) {
            self.read.push(asked);
        }
    }

    /// The key of a packet that the step marked a second time.
    pub(crate) fn twice(&self) -> Option<u64> {
        self.twice
    }

    /// Did the step depend on this part? If not, it has not changed it.
    pub(crate) fn touched(&self, part: Part) -> bool {
        let asked = self.asked(part);
        self.read.contains(&asked) || self.written.contains(&asked)
    }

    fn asked(&self, part: Part) -> Asked {
        match part {
            Part::System | Part::Standing(_) => Asked::System,
            Part::Control(thread) => Asked::Control(thread.index()),
            Part::Last(thread) => Asked::Last(thread.index()),
            part => Asked::Slot(self.slots.of(part)),
        }
    }

    /// The step is over.
    fn step_ends(&mut self) {
        self.history
            .step_ends()
            .for_each(|part| self.reads_history(part));
    }

    /// The step changes the part of the history of this number.
    fn reads_history(&mut self, part: usize) {
        let slot = self.slots.of_history(part, self.history_parts);
        self.asks(Asked::Slot(slot));
    }
}

impl Observer for Probe<'_> {
    #[inline]
    fn event(&mut self, event: Event) {
        self.history.event(&event);
    }
    #[inline]
    fn rule(&mut self, _: RuleId) {}
}

impl Watch for Probe<'_> {
    fn reads(&mut self, part: Part) {
        // The standing is asked first of all, and in another way.
        if !matches!(part, Part::Standing(_)) {
            self.asks(self.asked(part));
        }
    }

    fn overwrites(&mut self, part: Part) {
        let asked = self.asked(part);
        if !self.written.contains(&asked) {
            self.written.push(asked);
        }
    }

    fn begins(&mut self, thread: ThreadId, op: &CallOp, _: &iocp_model::Call) {
        if let Some(label) = &op.label
            && let Some(part) = self.history.begins(thread, label)
        {
            self.reads_history(part);
        }
    }

    fn ends(&mut self, thread: ThreadId, op: &CallOp, returned: &Returned) {
        let parts = self.history.returned(thread, op, returned);
        parts
            .into_iter()
            .flatten()
            .for_each(|part| self.reads_history(part));
    }

    fn marked_twice(&mut self, _: ThreadId, key: u64) {
        self.twice = Some(key);
    }
}

/// Has the thread ended in this system? Then nothing of it is left that could be overwritten.
fn had_ended(store: &Store, system: Id, thread: usize) -> bool {
    ThreadId::new(thread)
        .is_some_and(|id| store.system_of(system).thread(id).state == ThreadState::Terminated)
}
