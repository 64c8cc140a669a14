//! The states in which a kernel could be, after an outcome.
//!
//! A [`Member`] is one such state, with what each thread is about: a call that has begun may have
//! been made or not, and may be over although its end was not seen yet. What is seen next drives
//! all members on, each in every way that ends with what was seen. The steps are taken as late as
//! they can be, as in a check of a recording.

use super::{Client, Events, Taken, hash, looks_like};
use crate::{
    program::{CallOp, Op},
    state::{Choice, State, StepError, Watch},
};
use foldhash::quality::FixedState;
use iocp_model::{Frame, Mutant, Mutants, Observer, Returned, ThreadId, ThreadState};
use iocp_traces::SeenResult;
use smallvec::SmallVec;
use std::collections::{HashMap, HashSet};

/// The set without a member.
pub(super) const EMPTY: u32 = 0;

/// Something that is seen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Event {
    /// A thread begins the op at this place.
    Begins(ThreadId, u32),
    /// What it had begun is over, with the result of this number.
    Over(ThreadId, u32),
    /// It has ended.
    Ended(ThreadId),
}

/// What a thread is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Status {
    /// Nothing that was seen.
    Idle,
    /// It has begun the op at this place, and the kernel does not know yet.
    Begun(u32),
    /// It is in the call.
    Inside,
    /// The call is over, with the result of this number, and nobody has seen it yet.
    Done(u32),
    /// The same, and the thread has ended.
    DoneAndGone(u32),
    /// It has ended.
    Gone,
    /// The op at this place is done, before anybody has seen it begin.
    Early(u32),
}

/// A state in which the kernel could be.
#[derive(Clone)]
struct Member {
    state: State,
    threads: SmallVec<[Status; 8]>,
}

impl Member {
    fn key(&self, bytes: &mut Vec<u8>) -> u128 {
        bytes.clear();
        for status in &self.threads {
            let (kind, number) = match *status {
                Status::Idle => (0, 0),
                Status::Begun(at) => (1, at),
                Status::Inside => (2, 0),
                Status::Done(result) => (3, result),
                Status::DoneAndGone(result) => (4, result),
                Status::Gone => (5, 0),
                Status::Early(at) => (6, at),
            };
            bytes.push(kind);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.state.encode(bytes);
        hash(bytes)
    }
}

/// Sets of states, each once, and what becomes of them.
pub(super) struct Explained<'a> {
    client: Client<'a>,
    sets: Vec<Vec<Member>>,
    numbers: HashMap<Vec<u128>, u32, FixedState>,
    /// What a set becomes by an event.
    becomes: HashMap<(u32, Event), u32, FixedState>,
    results: Results,
    /// What the last step showed.
    seen: Events,
    bytes: Vec<u8>,
}

/// The different results, by number; 0 is that of a step that is no call.
#[derive(Default)]
struct Results {
    numbers: HashMap<SeenResult, u32, FixedState>,
}

impl Results {
    fn number(&mut self, result: SeenResult) -> u32 {
        let next = self.numbers.len() as u32 + 1;
        *self.numbers.entry(result).or_insert(next)
    }
}

/// Notes what a step shows.
struct Listen<'a> {
    results: &'a mut Results,
    seen: &'a mut Events,
    heard: Mutants,
}

impl Observer for Listen<'_> {
    fn mutant(&mut self, mutant: Mutant) {
        self.heard.insert(mutant);
    }
}

impl Watch for Listen<'_> {
    fn ends(&mut self, thread: ThreadId, _: &CallOp, returned: &Returned) {
        let number = self.results.number(SeenResult::of(returned));
        self.seen.push(Event::Over(thread, number));
    }

    fn does(&mut self, thread: ThreadId, op: &Op) {
        if !matches!(op, Op::Compute(_) | Op::End) {
            self.seen.push(Event::Over(thread, 0));
        }
    }

    fn ended(&mut self, thread: ThreadId) {
        self.seen.push(Event::Ended(thread));
    }
}

impl<'a> Explained<'a> {
    pub(super) fn new(client: Client<'a>) -> Self {
        Self {
            client,
            sets: vec![Vec::new()],
            numbers: HashMap::from_iter([(Vec::new(), EMPTY)]),
            becomes: HashMap::default(),
            results: Results::default(),
            seen: Events::new(),
            bytes: Vec::new(),
        }
    }

    /// The set of one state, before anything was seen.
    pub(super) fn begin(&mut self, state: State, actual: &State) -> Result<u32, StepError> {
        let threads = state.threads.iter().map(|_| Status::Idle).collect();
        let set = self.number(vec![Member { state, threads }]);
        self.seen.clear();
        if self.client.menu.is_none() {
            self.announce(actual, None);
        }
        self.follow(set)
    }

    fn number(&mut self, members: Vec<Member>) -> u32 {
        let mut keyed: Vec<(u128, Member)> = members
            .into_iter()
            .map(|member| (member.key(&mut self.bytes), member))
            .collect();
        keyed.sort_by_key(|(key, _)| *key);
        keyed.dedup_by_key(|(key, _)| *key);
        let (keys, members): (Vec<_>, Vec<_>) = keyed.into_iter().unzip();
        let sets = &mut self.sets;
        *self.numbers.entry(keys).or_insert_with(|| {
            sets.push(members);
            sets.len() as u32 - 1
        })
    }

    /// Takes a step of the kernel that is watched, and notes what it shows; gives the mutants that
    /// had a bearing on it.
    pub(super) fn act(&mut self, state: &mut State, taken: Taken) -> Result<Mutants, StepError> {
        let program = self.client.program;
        self.seen.clear();
        let thread = taken.choice.thread();
        if let Choice::Step(_) = taken.choice {
            state.threads[thread.index()].at = taken.at as u32;
            let op = state.op(program, thread);
            if !matches!(op, Op::Compute(_)) && !self.begins_unseen(op) {
                self.seen.push(Event::Begins(thread, taken.at as u32));
            }
        }
        let mut listen = Listen {
            results: &mut self.results,
            seen: &mut self.seen,
            heard: Mutants::NONE,
        };
        state.take(program, taken.choice, &mut listen)?;
        let heard = listen.heard;
        self.client.rest(state);
        if self.client.menu.is_none() {
            self.announce(state, Some(taken));
        }
        Ok(heard)
    }

    /// A recording shows when such a step was done and not when it began: that can have been any
    /// time after what the thread did before. With a menu nobody knows yet that it will come.
    fn begins_unseen(&self, op: &Op) -> bool {
        self.client.menu.is_none() && is_unseen(op)
    }

    /// Notes the threads that rest at a step of which nobody sees the beginning: after this step,
    /// or, without one, at the start.
    fn announce(&mut self, state: &State, taken: Option<Taken>) {
        let program = self.client.program;
        for thread in state.system.thread_ids() {
            let index = thread.index();
            // What it was in is over.
            let is_over = |event: &Event| matches!(event, Event::Over(over, _) if *over == thread);
            let moved = match taken {
                None => true,
                Some(taken) => {
                    taken.choice == Choice::Step(thread) || self.seen.iter().any(is_over)
                }
            };
            let object = state.system.thread(thread);
            let rests = object.frame == Frame::User && object.state != ThreadState::Terminated;
            if moved && rests && self.begins_unseen(state.op(program, thread)) {
                let begins = Event::Begins(thread, state.threads[index].at);
                self.seen.push(begins);
            }
        }
    }

    /// What the set becomes by what the last step showed.
    pub(super) fn follow(&mut self, mut set: u32) -> Result<u32, StepError> {
        for event in self.seen.clone() {
            if set == EMPTY {
                break;
            }
            set = match self.becomes.get(&(set, event)) {
                Some(after) => *after,
                None => {
                    let after = self.after(set, event)?;
                    self.becomes.insert((set, event), after);
                    after
                }
            };
        }
        Ok(set)
    }

    fn after(&mut self, set: u32, event: Event) -> Result<u32, StepError> {
        let mut members = self.sets[set as usize].clone();
        let (thread, is_over): (_, fn(Status, u32) -> Option<Status>) = match event {
            Event::Begins(thread, at) => {
                members.retain_mut(|member| self.begins(member, thread, at));
                return Ok(self.number(members));
            }
            Event::Over(thread, _) => (thread, |status, number| match status {
                Status::Done(result) if result == number => Some(Status::Idle),
                Status::DoneAndGone(result) if result == number => Some(Status::Gone),
                _ => None,
            }),
            Event::Ended(thread) => {
                members.retain_mut(|member| self.ends(member, thread));
                (thread, |status, _| {
                    (status == Status::Gone).then_some(status)
                })
            }
        };
        let number = match event {
            Event::Over(_, number) => number,
            _ => 0,
        };
        let mut after = Vec::new();
        self.explore(members, |_, member| {
            let status = &mut member.threads[thread.index()];
            match *status {
                Status::Done(_) | Status::DoneAndGone(_) | Status::Gone => {
                    if let Some(next) = is_over(*status, number) {
                        *status = next;
                        after.push(member.clone());
                    }
                    false
                }
                _ => true,
            }
        })?;
        Ok(self.number(after))
    }

    /// The thread begins an op; false if it cannot.
    fn begins(&self, member: &mut Member, thread: ThreadId, at: u32) -> bool {
        let index = thread.index();
        match member.threads[index] {
            Status::Idle => {}
            // It has ended already, as it was seen to do now.
            Status::Gone => {
                return matches!(self.client.program.code(thread).ops[at as usize], Op::End);
            }
            Status::Early(done) => {
                member.threads[index] = Status::Done(0);
                return done == at;
            }
            _ => return false,
        }
        if member.state.system.thread(thread).state == ThreadState::Terminated {
            return false;
        }
        member.threads[index] = Status::Begun(at);
        if self.client.menu.is_some() {
            member.state.threads[index].at = at;
        }
        true
    }

    /// The thread ends, if it has not yet; false if it cannot.
    fn ends(&self, member: &mut Member, thread: ThreadId) -> bool {
        match member.threads[thread.index()] {
            Status::Gone | Status::Begun(_) => true,
            Status::Idle => {
                let end = self.client.program.code(thread).ops.len() - 1;
                self.begins(member, thread, end as u32)
            }
            _ => false,
        }
    }

    /// Could the kernel be in a state, after what was seen, in which nothing more happens?
    pub(super) fn settles(&mut self, set: u32, actual: &State) -> Result<bool, StepError> {
        let mut members = self.sets[set as usize].clone();
        if self.client.menu.is_none() {
            // A thread that waits until something is so has begun to.
            let program = self.client.program;
            for thread in actual.system.thread_ids() {
                let object = actual.system.thread(thread);
                let at = actual.threads[thread.index()].at;
                if object.can_call() && matches!(actual.op(program, thread), Op::Until(..)) {
                    members.retain_mut(|member| self.begins(member, thread, at));
                }
            }
        }
        let mut settles = false;
        self.explore(members, |explained, member| {
            let unseen = |status: &Status| {
                matches!(
                    status,
                    Status::Done(_) | Status::DoneAndGone(_) | Status::Early(_)
                )
            };
            if settles || member.threads.iter().any(unseen) {
                return false;
            }
            // A thread that has not ended by now, as far as anybody saw, may still be about to.
            let forced = |taken: &Taken| match taken.choice {
                Choice::Expire(_) => false,
                Choice::Step(thread) => member.threads[thread.index()] != Status::Idle,
                _ => true,
            };
            settles = !explained.moves(member).iter().any(forced);
            !settles
        })?;
        Ok(settles)
    }

    /// Visits what these members can become without anything being seen, each once; `visit` says
    /// whether to go on from there.
    fn explore(
        &mut self,
        mut members: Vec<Member>,
        mut visit: impl FnMut(&Self, &mut Member) -> bool,
    ) -> Result<(), StepError> {
        let mut known: HashSet<u128, FixedState> = HashSet::default();
        let mut bytes = Vec::new();
        members.retain(|member| known.insert(member.key(&mut bytes)));
        while let Some(mut member) = members.pop() {
            if !visit(self, &mut member) {
                continue;
            }
            for taken in self.moves(&member) {
                let mut child = member.clone();
                if self.advance(&mut child, taken)? && known.insert(child.key(&mut bytes)) {
                    members.push(child);
                }
            }
        }
        Ok(())
    }

    /// What can happen in a member.
    fn moves(&self, member: &Member) -> Vec<Taken> {
        let program = self.client.program;
        let (mut choices, mut moves) = (Vec::new(), Vec::new());
        member.state.choices(program, &mut choices);
        for choice in choices {
            let thread = choice.thread();
            let own = member.state.threads[thread.index()].at as usize;
            let Choice::Step(_) = choice else {
                moves.push(Taken { choice, at: own });
                continue;
            };
            let ops = &program.code(thread).ops;
            match (member.threads[thread.index()], self.client.menu) {
                (Status::Begun(at), _)
                    if matches!(ops[own], Op::Compute(_))
                        || looks_like(&ops[own], &ops[at as usize]) =>
                {
                    moves.push(Taken { choice, at: own });
                }
                (Status::Idle, None) if matches!(ops[own], Op::Compute(_)) => {
                    moves.push(Taken { choice, at: own });
                }
                (Status::Idle, Some(menu)) => {
                    let early = ops.iter().enumerate().filter(|(at, op)| {
                        is_unseen(op)
                            && member.state.can_do(thread, op, &mut ())
                            && (menu.allows)(&member.state, usize::MAX, thread, *at)
                    });
                    moves.extend(early.map(|(at, _)| Taken { choice, at }));
                }
                _ => {}
            }
        }
        moves
    }

    /// Takes a step of a member; false if it shows what was not seen.
    fn advance(&mut self, member: &mut Member, taken: Taken) -> Result<bool, StepError> {
        let Taken { choice, at } = taken;
        let program = self.client.program;
        let mut seen = Events::new();
        let mut listen = Listen {
            results: &mut self.results,
            seen: &mut seen,
            heard: Mutants::NONE,
        };
        let thread = choice.thread().index();
        if let Choice::Step(_) = choice {
            member.state.threads[thread].at = at as u32;
        }
        member.state.take(program, choice, &mut listen)?;
        if let (Choice::Step(_), Status::Begun(_)) = (choice, member.threads[thread])
            && member.state.system.thread(choice.thread()).frame != Frame::User
        {
            member.threads[thread] = Status::Inside;
        }
        for event in seen {
            let (thread, next) = match event {
                Event::Begins(..) => continue,
                Event::Over(thread, number) => match member.threads[thread.index()] {
                    Status::Begun(_) | Status::Inside => (thread, Status::Done(number)),
                    Status::Idle => (thread, Status::Early(at as u32)),
                    _ => return Ok(false),
                },
                Event::Ended(thread) => match member.threads[thread.index()] {
                    Status::Done(number) => (thread, Status::DoneAndGone(number)),
                    _ => (thread, Status::Gone),
                },
            };
            member.threads[thread.index()] = next;
        }
        if self.client.menu.is_some() {
            self.rest(member);
        }
        Ok(true)
    }

    /// Threads that are not about to do anything rest at the same place.
    fn rest(&self, member: &mut Member) {
        let threads = member.state.system.threads().iter().enumerate();
        for (index, thread) in threads {
            let at_rest = thread.frame == Frame::User
                && thread.state != ThreadState::Terminated
                && !matches!(member.threads[index], Status::Begun(_));
            if let (true, Some(id)) = (at_rest, ThreadId::new(index)) {
                member.state.threads[index].at = self.client.resting_place(id) as u32;
            }
        }
    }
}

/// Does a recording show only when such a step was done, and not when it began?
fn is_unseen(op: &Op) -> bool {
    matches!(
        op,
        Op::Add { .. } | Op::Mark { .. } | Op::Complete { .. } | Op::End
    )
}
