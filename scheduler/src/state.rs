//! A run in progress, as plain data, and its next steps.
//!
//! A [`State`] is a system and where each thread is in its program. [`State::choices`] lists what
//! can happen next; [`State::take`] does it. One choice is one atomic step of the model, together
//! with what is local to the threads concerned: a return from a call, a branch, the end of a thread
//! that no port knows. Engines differ only in how they choose.

use crate::{
    compile::sets_result,
    program::{CallOp, Code, Condition, FIRST_VARIABLE, MOST_NESTING, Op, Program},
};
use iocp_model::{
    Action, Call, DequeuePhase, Encoder, Event, Frame, Handle, Mutant, Mutants, NotEnabled, Object,
    Observer, Outcome, Packet, PortId, Returned, Semantics, System, Target, Thread, ThreadId,
    ThreadState, profile::BatchWake, rules::RuleId,
};
use iocp_traces::SeenResult;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// How many local steps a thread may take in a row before it is held to spin.
pub const MOST_LOCAL_STEPS: u32 = 1_000_000;

/// A run in progress.
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// The kernel's side.
    pub system: System,
    /// Where each thread is in its program.
    pub threads: Vec<Local>,
    /// The handle variables.
    pub variables: Vec<Handle>,
    /// The shared counters.
    pub counters: Vec<i64>,
    /// The keys of the packets marked so far, by set, each set in ascending order.
    pub marked: Vec<Vec<u64>>,
}

impl Clone for State {
    fn clone(&self) -> Self {
        Self {
            system: self.system.clone(),
            threads: self.threads.clone(),
            variables: self.variables.clone(),
            counters: self.counters.clone(),
            marked: self.marked.clone(),
        }
    }

    fn clone_from(&mut self, source: &Self) {
        self.system.clone_from(&source.system);
        self.threads.clone_from(&source.threads);
        self.variables.clone_from(&source.variables);
        self.counters.clone_from(&source.counters);
        self.marked.clone_from(&source.marked);
    }
}

impl State {
    /// A copy without the packets that are queued.
    pub(crate) fn without_queues(&self) -> Self {
        let mut copy = Self {
            system: System::new(*self.system.semantics(), self.system.processors()),
            threads: Vec::new(),
            variables: Vec::new(),
            counters: Vec::new(),
            marked: Vec::new(),
        };
        copy.copy_but_queues(self);
        copy
    }

    /// Becomes a copy of `source` in everything but what is queued: that stays as it is here.
    pub(crate) fn copy_but_queues(&mut self, source: &Self) {
        let Self {
            system,
            threads,
            variables,
            counters,
            marked,
        } = source;
        self.system.copy_but_queues(system);
        self.threads.clone_from(threads);
        self.variables.clone_from(variables);
        self.counters.clone_from(counters);
        self.marked.clone_from(marked);
    }
}

/// A thread's place in its program, and what it remembers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Local {
    /// The op at which it rests.
    pub at: u32,
    /// The turns that it has done of each loop around it; zero where nobody counts.
    pub turns: [u32; MOST_NESTING],
    /// The result of its last dequeue or wait, while it is still of use.
    pub last: Last,
}

/// What a thread remembers of a result.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Last {
    /// What it came to.
    pub word: Word,
    /// The key of the first packet.
    pub key: u64,
}

impl Local {
    /// Follows local ops to a visible one; `holds` says whether a test does. False: the thread goes
    /// round for ever without doing anything.
    ///
    /// The same for every engine, the recorder on a real kernel included.
    #[inline]
    pub(crate) fn follow(
        &mut self,
        code: &Code,
        mut holds: impl FnMut(&Last, &Condition) -> bool,
    ) -> bool {
        for _ in 0..MOST_LOCAL_STEPS {
            match &code.ops[self.at as usize] {
                Op::Jump(to) => self.at = *to as u32,
                Op::Again { slot, times, body } => {
                    let turns = slot.map(|slot| {
                        self.turns[slot] = self.turns[slot].wrapping_add(1);
                        self.turns[slot]
                    });
                    if times.is_none() || turns < *times {
                        self.at = *body as u32;
                    } else {
                        if let Some(slot) = slot {
                            self.turns[*slot] = 0;
                        }
                        self.at += 1;
                    }
                }
                Op::Branch { test, otherwise } => {
                    self.at = if holds(&self.last, test) {
                        self.at + 1
                    } else {
                        *otherwise as u32
                    };
                }
                _ => return true,
            }
        }
        false
    }

    /// The call's key in this turn, if it numbers its packets.
    #[inline]
    pub(crate) fn numbered(&self, op: &CallOp, key: u64) -> u64 {
        match op.key_step {
            Some((slot, by)) => key.wrapping_add(u64::from(self.turns[slot]).wrapping_mul(by)),
            None => key,
        }
    }
}

impl Last {
    /// Did it come to this?
    #[inline]
    pub(crate) fn came_to(&self, word: &str) -> bool {
        self.word.name() == word
    }

    /// Does the test hold, as far as this decides it?
    pub(crate) fn holds(&self, test: &Condition) -> Option<bool> {
        match test {
            Condition::Result(word) => Some(self.came_to(word)),
            Condition::Key(key) => Some(self.has_key(key.0)),
            Condition::All(all) => all.iter().try_fold(true, |so_far, one| {
                self.holds(one).map(|holds| so_far && holds)
            }),
            _ => None,
        }
    }

    /// Is it a packet of this key?
    #[inline]
    pub(crate) fn has_key(&self, key: u64) -> bool {
        self.word == Word::Packet && self.key == key
    }
}

/// What a call came to, in a word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[repr(u8)]
pub enum Word {
    /// Nothing to remember.
    #[default]
    None,
    /// A packet, or several.
    Packet,
    /// Its time ran out.
    Timeout,
    /// The port is gone.
    Abandoned,
    /// A user APC.
    Apc,
    /// Success without a packet.
    Ok,
    /// Under way.
    Pending,
    /// A failure.
    Failed,
}

impl Word {
    fn of(returned: &Returned) -> Self {
        if returned.packets.is_empty() {
            Self::seen(&SeenResult::of(returned))
        } else {
            Self::Packet
        }
    }

    /// The word for a result.
    pub(crate) fn seen(result: &SeenResult) -> Self {
        Self::named(result.word())
    }

    /// The word of this name.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "packet" => Self::Packet,
            "timeout" => Self::Timeout,
            "abandoned" => Self::Abandoned,
            "apc" => Self::Apc,
            "pending" => Self::Pending,
            "ok" => Self::Ok,
            _ => Self::Failed,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Packet => "packet",
            Self::Timeout => "timeout",
            Self::Abandoned => "abandoned",
            Self::Apc => "apc",
            Self::Ok => "ok",
            Self::Pending => "pending",
            Self::Failed => "failed",
        }
    }
}

/// One thing that can happen next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Choice {
    /// The thread does its next op.
    Step(ThreadId),
    /// The thread, in a call whose wait is over or interrupted, goes on; a batch dequeue collects
    /// so many more packets.
    Return(ThreadId, u16),
    /// The time-out of the thread's call runs out.
    Expire(ThreadId),
    /// The suspension of the running thread takes effect.
    Suspend(ThreadId),
}

impl Choice {
    /// The thread that it is about.
    pub fn thread(self) -> ThreadId {
        match self {
            Self::Step(thread)
            | Self::Return(thread, _)
            | Self::Expire(thread)
            | Self::Suspend(thread) => thread,
        }
    }
}

/// Why a run cannot go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepError {
    /// The choice was not among those possible.
    NotEnabled(NotEnabled),
    /// The thread goes round in its program without ever doing anything.
    Spins(ThreadId),
}

impl From<NotEnabled> for StepError {
    fn from(error: NotEnabled) -> Self {
        Self::NotEnabled(error)
    }
}

/// A part of a [`State`]: what a step may depend on or change, apart from the rest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    /// The kernel's side.
    System,
    /// Of the kernel's side only the [`Standing`] of a thread.
    Standing(ThreadId),
    /// Where a thread is in its program: the op, and the turns of the loops around it.
    Control(ThreadId),
    /// What a thread remembers of its last result.
    Last(ThreadId),
    /// The handle variables.
    Variables,
    /// A counter.
    Counter(usize),
    /// A set of marked packets.
    Marked(usize),
}

/// A call of a program, with what would have to be looked up each time that it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PreparedCall<'p> {
    /// The op that makes it.
    op: &'p CallOp,
    /// The call, with its handles and its key.
    call: Call,
    /// Where the thread rests when it has returned, if it takes nothing to know that.
    next: Option<u32>,
}

/// What a thread can do, as far as the kernel has a say in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Standing {
    /// Nothing: it waits for others, or has ended.
    Still,
    /// It runs its own code, and nothing else can happen to it.
    Own,
    /// Something of which the whole system must be asked.
    Other,
}

impl Standing {
    /// How a thread stands.
    #[inline]
    pub fn of(system: &System, id: ThreadId) -> Self {
        let thread = system.thread(id);
        match thread.state {
            ThreadState::Terminated => Self::Still,
            _ if system.can_expire(id) => Self::Other,
            ThreadState::Running if thread.can_call() && !thread.suspend_pending => Self::Own,
            ThreadState::Running => Self::Other,
            ThreadState::Waiting | ThreadState::Suspended => Self::Still,
        }
    }
}

/// Watches programs as well as the kernel.
pub trait Watch: Observer {
    /// What comes next depends on this part as it now is, or changes it relative to that.
    #[inline]
    fn reads(&mut self, part: Part) {
        let _ = part;
    }

    /// This part gets a value that does not depend on the one it had.
    #[inline]
    fn overwrites(&mut self, part: Part) {
        let _ = part;
    }

    /// A thread makes a call: the op, and the call that it is this time.
    #[inline]
    fn begins(&mut self, thread: ThreadId, op: &CallOp, call: &Call) {
        let _ = (thread, op, call);
    }

    /// A call returns.
    #[inline]
    fn ends(&mut self, thread: ThreadId, op: &CallOp, returned: &Returned) {
        let _ = (thread, op, returned);
    }

    /// A thread does an op that is no call.
    #[inline]
    fn does(&mut self, thread: ThreadId, op: &Op) {
        let _ = (thread, op);
    }

    /// A packet was marked a second time in its set.
    #[inline]
    fn marked_twice(&mut self, thread: ThreadId, key: u64) {
        let _ = (thread, key);
    }

    /// A thread has ended.
    #[inline]
    fn ended(&mut self, thread: ThreadId) {
        let _ = thread;
    }
}

impl Watch for () {}

impl<W: Watch + ?Sized> Watch for &mut W {
    #[inline]
    fn reads(&mut self, part: Part) {
        (**self).reads(part);
    }
    #[inline]
    fn overwrites(&mut self, part: Part) {
        (**self).overwrites(part);
    }
    #[inline]
    fn begins(&mut self, thread: ThreadId, op: &CallOp, call: &Call) {
        (**self).begins(thread, op, call);
    }
    #[inline]
    fn ends(&mut self, thread: ThreadId, op: &CallOp, returned: &Returned) {
        (**self).ends(thread, op, returned);
    }
    #[inline]
    fn does(&mut self, thread: ThreadId, op: &Op) {
        (**self).does(thread, op);
    }
    #[inline]
    fn marked_twice(&mut self, thread: ThreadId, key: u64) {
        (**self).marked_twice(thread, key);
    }
    #[inline]
    fn ended(&mut self, thread: ThreadId) {
        (**self).ended(thread);
    }
}

/// Passes everything on, and notes which threads left a wait.
struct Noting<'w, W> {
    watch: &'w mut W,
    woken: SmallVec<[ThreadId; 4]>,
}

impl<W: Watch> Observer for Noting<'_, W> {
    // Always inlined: where an event happens it is known which it is, and what it carries is only
    // looked at if somebody does.
    #[inline(always)]
    fn event(&mut self, event: Event) {
        match event {
            Event::HandedOff { thread, .. }
            | Event::WaiterLeft(thread, _)
            | Event::Unblocked(thread) => self.woken.push(thread),
            _ => {}
        }
        self.watch.event(event);
    }

    #[inline]
    fn rule(&mut self, rule: RuleId) {
        self.watch.rule(rule);
    }

    #[inline]
    fn mutant(&mut self, mutant: Mutant) {
        self.watch.mutant(mutant);
    }
}

impl State {
    /// The state before the first step.
    ///
    /// # Errors
    /// If a thread spins before it does anything.
    pub fn initial(program: &Program, semantics: Semantics) -> Result<Self, StepError> {
        let setup = program.setup(semantics);
        let mut state = Self {
            system: setup.system,
            threads: vec![Local::default(); program.threads.len()],
            variables: setup.variables,
            counters: program
                .workload
                .counters
                .iter()
                .map(|counter| counter.value)
                .collect(),
            marked: vec![Vec::new(); program.mark_names.len()],
        };
        for thread in state.system.thread_ids() {
            state.rest(program, thread, &mut ())?;
        }
        Ok(state)
    }

    /// The mutants that would make a difference before the first step.
    pub fn heard_at_start(program: &Program, semantics: Semantics) -> Mutants {
        let begin = |semantics| {
            let mut bytes = Vec::new();
            if let Ok(state) = Self::initial(program, semantics) {
                state.encode(&mut bytes);
            }
            bytes
        };
        let as_is = begin(semantics);
        Mutant::all()
            .filter(|mutant| begin(semantics.with(*mutant)) != as_is)
            .collect()
    }

    /// Appends what can happen next, in the order of the threads. Time is not looked at: a time-out
    /// may run out at any moment, a computation is over at once.
    pub fn choices(&self, program: &Program, choices: &mut Vec<Choice>) {
        for thread in self.system.thread_ids() {
            self.choices_of(program, thread, choices, &mut ());
        }
    }

    /// Appends what can happen next to one thread.
    #[inline]
    pub fn choices_of<W: Watch>(
        &self,
        program: &Program,
        id: ThreadId,
        choices: &mut Vec<Choice>,
        watch: &mut W,
    ) {
        watch.reads(Part::Standing(id));
        match Standing::of(&self.system, id) {
            Standing::Still => return,
            Standing::Own => {
                if self.can_step(program, id, watch) {
                    choices.push(Choice::Step(id));
                }
                return;
            }
            Standing::Other => watch.reads(Part::System),
        }
        let thread = self.system.thread(id);
        if thread.state == ThreadState::Running {
            if let Frame::User = thread.frame {
                if self.can_step(program, id, watch) {
                    choices.push(Choice::Step(id));
                }
            } else {
                for more in self.system.least_more(id)..=self.system.most_more(id) {
                    choices.push(Choice::Return(id, more));
                }
            }
            if thread.suspend_pending {
                choices.push(Choice::Suspend(id));
            }
        }
        if self.system.can_expire(id) {
            choices.push(Choice::Expire(id));
        }
    }

    /// Can the thread, which runs its own code, do its next op?
    fn can_step<W: Watch>(&self, program: &Program, thread: ThreadId, watch: &mut W) -> bool {
        watch.reads(Part::Control(thread));
        self.can_do(thread, self.op(program, thread), watch)
    }

    /// Could the thread, which runs its own code, do this op if it came next?
    pub(crate) fn can_do<W: Watch>(&self, thread: ThreadId, op: &Op, watch: &mut W) -> bool {
        match op {
            Op::Until(conditions, _) => conditions
                .iter()
                .all(|condition| self.holds_watched(thread, condition, watch)),
            Op::Complete { file, .. } => self.pending_on(*file, watch).is_some(),
            _ => true,
        }
    }

    /// The op at which a thread rests.
    #[inline]
    pub fn op<'p>(&self, program: &'p Program, thread: ThreadId) -> &'p Op {
        &program.code(thread).ops[self.threads[thread.index()].at as usize]
    }

    /// Takes one step.
    ///
    /// # Errors
    /// If it cannot be taken now, or a thread spins after it.
    pub fn take<W: Watch>(
        &mut self,
        program: &Program,
        choice: Choice,
        watch: &mut W,
    ) -> Result<(), StepError> {
        let mut noting = Noting {
            watch,
            woken: SmallVec::new(),
        };
        match choice {
            Choice::Step(thread) => self.step(program, thread, &mut noting)?,
            Choice::Return(thread, more) => self.go_on(program, thread, more, &mut noting)?,
            Choice::Expire(thread) => {
                noting.watch.reads(Part::System);
                self.system.apply(Action::Expire(thread), &mut noting)?;
            }
            Choice::Suspend(thread) => {
                noting.watch.reads(Part::System);
                self.system
                    .apply(Action::SuspensionRuns(thread), &mut noting)?;
            }
        }
        self.settle(program, &mut noting)
    }

    /// Applies an action that no program asks for, and what belongs to the same step.
    pub(crate) fn apply_and_settle<W: Watch>(
        &mut self,
        program: &Program,
        action: Action,
        watch: &mut W,
    ) -> Result<(), StepError> {
        let mut noting = Noting {
            watch,
            woken: SmallVec::new(),
        };
        self.system.apply(action, &mut noting)?;
        self.settle(program, &mut noting)
    }

    /// Lets the threads that left a wait return, as far as that is no step of its own.
    #[inline(always)]
    fn settle<W: Watch>(
        &mut self,
        program: &Program,
        noting: &mut Noting<'_, W>,
    ) -> Result<(), StepError> {
        let mut next = 0;
        while let Some(&thread) = noting.woken.get(next) {
            next += 1;
            if self.returns_at_once(program, thread) {
                self.go_on(program, thread, 0, noting)?;
            }
        }
        Ok(())
    }

    /// Is the thread's return from its wait nothing but a return, so that it belongs to the step
    /// that woke it? A look at the queue, the collecting of more packets, or a return that a
    /// termination could forestall is a step of its own; where rules are broken, others may be.
    fn returns_at_once(&self, program: &Program, thread: ThreadId) -> bool {
        let frame = &self.system.thread(thread).frame;
        self.system.thread(thread).state == ThreadState::Running
            && !self.system.return_matters(thread)
            && match frame {
                Frame::User => false,
                Frame::Dequeue(dequeue) => match dequeue.phase {
                    DequeuePhase::Interrupted | DequeuePhase::Taking => false,
                    // A batch dequeuer may find more when it runs than there was when it was woken.
                    DequeuePhase::Granted(_) => {
                        !program.threads_can_be_ended
                            && (dequeue.max == 1
                                || self.system.semantics().batch_wake == BatchWake::ExactlyOne)
                    }
                    _ => true,
                },
                Frame::Wait(wait) => wait.phase != iocp_model::WaitPhase::Interrupted,
            }
    }

    #[inline]
    fn step<W: Watch>(
        &mut self,
        program: &Program,
        thread: ThreadId,
        noting: &mut Noting<'_, W>,
    ) -> Result<(), StepError> {
        noting.watch.reads(Part::Control(thread));
        match self.op(program, thread) {
            Op::Call(op) => {
                noting.watch.reads(Part::System);
                noting.watch.reads(Part::Variables);
                let call = PreparedCall {
                    op,
                    call: self.instantiate(thread, op),
                    next: self.next(program, thread),
                };
                self.make(program, thread, &call, noting)
            }
            op => {
                if !self.system.thread(thread).can_call() {
                    return Err(self
                        .system
                        .check(&Action::Call(thread, Call::ExitThread))
                        .err()
                        .map_or(StepError::Spins(thread), StepError::NotEnabled));
                }
                noting.watch.does(thread, op);
                match op {
                    Op::Add { counter, by, .. } => self.add(*counter, *by, noting.watch),
                    Op::Mark { set } => self.mark(program, *set, thread, noting.watch),
                    Op::Complete {
                        file,
                        status,
                        information,
                    } => {
                        if let Some(request) = self.pending_on(*file, noting.watch) {
                            let complete = Action::Complete {
                                request,
                                status: iocp_model::NtStatus(*status),
                                information: *information,
                            };
                            self.system.apply(complete, noting)?;
                        }
                    }
                    Op::End => return self.end(thread, noting),
                    _ => {}
                }
                self.threads[thread.index()].at += 1;
                self.rest(program, thread, noting.watch)
            }
        }
    }

    /// The thread makes the call of the op at which it rests.
    #[inline]
    fn make<W: Watch>(
        &mut self,
        program: &Program,
        thread: ThreadId,
        call: &PreparedCall<'_>,
        noting: &mut Noting<'_, W>,
    ) -> Result<(), StepError> {
        let PreparedCall { op, call, next } = call;
        noting.watch.begins(thread, op, call);
        // Looked at where it is: to move it would take longer than to make it.
        match &self.system.apply(Action::Call(thread, *call), noting) {
            Ok(Outcome::Returned(returned)) => {
                self.returned(program, thread, op, *next, returned, noting.watch)
            }
            Ok(_) => Ok(()),
            Err(error) => Err((*error).into()),
        }
    }

    /// As [`take`](Self::take) of the thread's step, which is this call, as
    /// [`prepared`](Self::prepared).
    #[inline]
    pub(crate) fn take_call<W: Watch>(
        &mut self,
        program: &Program,
        thread: ThreadId,
        call: &PreparedCall<'_>,
        watch: &mut W,
    ) -> Result<(), StepError> {
        let mut noting = Noting {
            watch,
            woken: SmallVec::new(),
        };
        self.make(program, thread, call, &mut noting)?;
        self.settle(program, &mut noting)
    }

    /// For each op of this code the call that it makes, if that is the same in every turn, in a
    /// program whose handle variables never change.
    pub(crate) fn prepared<'p>(
        &self,
        program: &'p Program,
        code: &'p Code,
    ) -> impl Iterator<Item = Option<PreparedCall<'p>>> {
        code.ops.iter().enumerate().map(|(at, op)| match op {
            Op::Call(op) if op.key_step.is_none() => Some(PreparedCall {
                op,
                call: with_handles(op.call, &self.variables),
                next: next(program, code, at),
            }),
            _ => None,
        })
    }

    /// The computation at which the thread rests is over.
    ///
    /// # Errors
    /// If the thread spins after it.
    pub fn finish_computation<W: Watch>(
        &mut self,
        program: &Program,
        thread: ThreadId,
        watch: &mut W,
    ) -> Result<(), StepError> {
        watch.reads(Part::Control(thread));
        if let Some(next) = self.next(program, thread) {
            self.goes_straight_on(thread, next);
            return Ok(());
        }
        self.threads[thread.index()].at += 1;
        self.rest(program, thread, watch)
    }

    /// Where the thread rests after the op at which it rests, if it takes nothing to know that.
    #[inline]
    fn next(&self, program: &Program, thread: ThreadId) -> Option<u32> {
        let at = self.threads[thread.index()].at;
        next(program, program.code(thread), at as usize)
    }

    /// Rests at the [`next`](Self::next) op.
    #[inline]
    pub(crate) fn goes_straight_on(&mut self, thread: ThreadId, next: u32) {
        let local = &mut self.threads[thread.index()];
        debug_assert_eq!(local.last, Last::default(), "nothing is remembered");
        local.at = next;
    }

    /// The thread goes on in the call that it is in.
    #[inline(never)]
    fn go_on<W: Watch>(
        &mut self,
        program: &Program,
        thread: ThreadId,
        more: u16,
        noting: &mut Noting<'_, W>,
    ) -> Result<(), StepError> {
        noting.watch.reads(Part::System);
        let action = Action::Return { thread, more };
        match &self.system.apply(action, noting) {
            Ok(Outcome::Returned(returned)) => match self.op(program, thread) {
                Op::Call(op) => {
                    let next = self.next(program, thread);
                    self.returned(program, thread, op, next, returned, noting.watch)
                }
                _ => self.goes_past(program, thread, noting.watch),
            },
            Ok(_) => Ok(()),
            Err(error) => Err((*error).into()),
        }
    }

    fn end<W: Watch>(
        &mut self,
        thread: ThreadId,
        noting: &mut Noting<'_, W>,
    ) -> Result<(), StepError> {
        noting.watch.reads(Part::System);
        self.system
            .apply(Action::Call(thread, Call::ExitThread), noting)?;
        self.forget(thread, noting.watch);
        noting.watch.ended(thread);
        Ok(())
    }

    /// The call at which the thread rests has returned.
    #[inline(always)]
    fn returned<W: Watch>(
        &mut self,
        program: &Program,
        thread: ThreadId,
        op: &CallOp,
        next: Option<u32>,
        returned: &Returned,
        watch: &mut W,
    ) -> Result<(), StepError> {
        watch.reads(Part::Control(thread));
        watch.ends(thread, op, returned);
        if let Some(next) = next {
            self.goes_straight_on(thread, next);
            return Ok(());
        }
        self.returned_from(program, thread, op, returned, watch)
    }

    /// As [`returned`](Self::returned), if the thread does not go straight on.
    #[inline(never)]
    fn returned_from<W: Watch>(
        &mut self,
        program: &Program,
        thread: ThreadId,
        op: &CallOp,
        returned: &Returned,
        watch: &mut W,
    ) -> Result<(), StepError> {
        if let (Some(variable), Some(handle)) = (op.bind, returned.handle()) {
            watch.reads(Part::Variables);
            self.variables[variable] = handle;
        }
        if sets_result(&op.call) {
            watch.overwrites(Part::Last(thread));
            self.threads[thread.index()].last = Last {
                word: Word::of(returned),
                key: returned.packets.first().map_or(0, |packet| packet.key),
            };
        }
        self.goes_past(program, thread, watch)
    }

    /// The thread is past the call at which it rests.
    fn goes_past<W: Watch>(
        &mut self,
        program: &Program,
        thread: ThreadId,
        watch: &mut W,
    ) -> Result<(), StepError> {
        if program.threads_can_be_ended {
            self.clear_ended(watch);
        }
        if self.system.thread(thread).state == ThreadState::Terminated {
            // It has ended itself.
            return Ok(());
        }
        self.threads[thread.index()].at += 1;
        self.count(program, thread, watch);
        self.rest(program, thread, watch)
    }

    /// Counts the call that has just returned, if it is counted in the same step. A thread that
    /// its call has suspended counts when it runs again.
    fn count<W: Watch>(&mut self, program: &Program, thread: ThreadId, watch: &mut W) {
        if program.counts_apart || !self.system.thread(thread).can_call() {
            return;
        }
        let op = self.op(program, thread);
        if let Op::Add {
            counter,
            by,
            of_call: true,
        } = op
        {
            watch.does(thread, op);
            self.add(*counter, *by, watch);
            self.threads[thread.index()].at += 1;
        }
    }

    fn add<W: Watch>(&mut self, counter: usize, by: i64, watch: &mut W) {
        watch.reads(Part::Counter(counter));
        let counter = &mut self.counters[counter];
        *counter = counter.wrapping_add(by);
    }

    /// A thread that was ended by another has no place in its program any more.
    fn clear_ended<W: Watch>(&mut self, watch: &mut W) {
        for thread in self.system.thread_ids() {
            if self.system.thread(thread).state == ThreadState::Terminated {
                self.forget(thread, watch);
            }
        }
    }

    fn forget<W: Watch>(&mut self, thread: ThreadId, watch: &mut W) {
        watch.overwrites(Part::Control(thread));
        watch.overwrites(Part::Last(thread));
        self.threads[thread.index()] = Local::default();
    }

    /// Follows the local ops until the thread rests at a visible one.
    fn rest<W: Watch>(
        &mut self,
        program: &Program,
        thread: ThreadId,
        watch: &mut W,
    ) -> Result<(), StepError> {
        if self.system.thread(thread).state == ThreadState::Terminated {
            return Ok(());
        }
        let code: &Code = program.code(thread);
        watch.reads(Part::Control(thread));
        let mut local = self.threads[thread.index()];
        if !local.follow(code, |_, test| self.holds_watched(thread, test, watch)) {
            return Err(StepError::Spins(thread));
        }
        let at = local.at as usize;
        let is_last = matches!(code.ops[at], Op::End);
        if is_last {
            watch.reads(Part::System);
        }
        let object = self.system.thread(thread);
        // One that has suspended itself ends when it is resumed.
        let ends = is_last && object.port.is_none() && object.can_call();
        if !code.result_live[at] && !ends {
            watch.overwrites(Part::Last(thread));
            local.last = Last::default();
        }
        self.threads[thread.index()] = local;
        if ends {
            let mut noting = Noting {
                watch,
                woken: SmallVec::new(),
            };
            self.end(thread, &mut noting)?;
            return self.settle(program, &mut noting);
        }
        Ok(())
    }

    fn mark<W: Watch>(&mut self, program: &Program, set: usize, thread: ThreadId, watch: &mut W) {
        watch.reads(Part::Last(thread));
        let last = &mut self.threads[thread.index()].last;
        if let Some(alike) = &program.alike {
            if last.has_key(alike.key) {
                watch.overwrites(Part::Last(thread));
                last.key = alike.marked;
                return self.add(alike.counter, 1, watch);
            }
            if last.has_key(alike.marked) {
                return watch.marked_twice(thread, alike.key);
            }
        }
        let key = last.key;
        watch.reads(Part::Marked(set));
        let marked = &mut self.marked[set];
        match marked.binary_search(&key) {
            Ok(_) => watch.marked_twice(thread, key),
            Err(place) => marked.insert(place, key),
        }
    }

    /// The call with its handles looked up and its key numbered.
    #[inline]
    fn instantiate(&self, thread: ThreadId, op: &CallOp) -> Call {
        let mut call = with_handles(op.call, &self.variables);
        if let Call::PostQueuedCompletionStatus { packet, .. }
        | Call::NtSetIoCompletion { packet, .. }
        | Call::NtSetIoCompletionEx { packet, .. } = &mut call
        {
            packet.key = self.threads[thread.index()].numbered(op, packet.key);
        }
        call
    }

    /// The packet that this call would post now, if it is one that posts.
    pub(crate) fn packet_to_post(&self, thread: ThreadId, op: &CallOp) -> Option<Packet> {
        let packet = op.packet()?;
        let key = self.threads[thread.index()].numbered(op, packet.key);
        Some(Packet { key, ..packet })
    }

    /// The port behind a handle variable, whoever's handle it is.
    pub fn port_behind(&self, variable: usize) -> Option<PortId> {
        let handle = self.variables[variable];
        let main = iocp_model::ProcessId::new(0)?;
        match self.system.handles(main).get(handle).ok()?.object {
            Object::Port(port) => Some(port),
            _ => None,
        }
    }

    /// The oldest pending request on the file behind a handle variable.
    fn pending_on<W: Watch>(
        &self,
        variable: usize,
        watch: &mut W,
    ) -> Option<iocp_model::RequestId> {
        watch.reads(Part::System);
        watch.reads(Part::Variables);
        let main = iocp_model::ProcessId::new(0)?;
        let entry = self
            .system
            .handles(main)
            .get(self.variables[variable])
            .ok()?;
        let Object::File(file) = entry.object else {
            return None;
        };
        self.system
            .requests()
            .iter()
            .find(|request| request.file == file)
            .map(|request| request.id)
    }

    /// Is this so, for this thread?
    pub fn holds(&self, thread: ThreadId, condition: &Condition) -> bool {
        self.holds_watched(thread, condition, &mut ())
    }

    fn holds_watched<W: Watch>(
        &self,
        thread: ThreadId,
        condition: &Condition,
        watch: &mut W,
    ) -> bool {
        let local = &self.threads[thread.index()];
        let mut system = || {
            watch.reads(Part::System);
            &self.system
        };
        let blocked = |thread: &Thread| thread.state == ThreadState::Waiting;
        match condition {
            Condition::Waits(other, variable) => {
                let other = system().thread(*other);
                watch.reads(Part::Variables);
                let Some(port) = self.port_behind(*variable) else {
                    return false;
                };
                blocked(other)
                    && match other.frame {
                        Frame::Dequeue(dequeue) => dequeue.port == port,
                        Frame::Wait(wait) => wait.target == Target::Port(port),
                        Frame::User => false,
                    }
            }
            Condition::Blocked(other) => blocked(system().thread(*other)),
            Condition::Suspended(other) => system().thread(*other).state == ThreadState::Suspended,
            Condition::Ended(other) => system().thread(*other).state == ThreadState::Terminated,
            Condition::Depth(variable, packets) => {
                let system = system();
                watch.reads(Part::Variables);
                self.port_behind(*variable)
                    .is_some_and(|port| system.port(port).depth() == *packets as usize)
            }
            Condition::Counter(counter, value) => {
                watch.reads(Part::Counter(*counter));
                self.counters[*counter] == *value
            }
            Condition::Result(word) => {
                watch.reads(Part::Last(thread));
                local.last.came_to(word)
            }
            Condition::Key(key) => {
                watch.reads(Part::Last(thread));
                local.last.has_key(key.0)
            }
            Condition::All(all) => all.iter().all(|one| self.holds_watched(thread, one, watch)),
        }
    }

    /// Appends the state to `out`: the same bytes if and only if it is the same state of the same
    /// program.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let end = self.encode_at(out, out.len());
        out.truncate(end);
    }

    /// Encodes the state behind the first `start` bytes of `out` and returns where it ends; what is
    /// behind that means nothing ([`Encoder::write_at`]).
    #[inline]
    pub(crate) fn encode_at(&self, out: &mut Vec<u8>, start: usize) -> usize {
        self.write_at::<true>(out, start)
    }

    /// As [`encode_at`](Self::encode_at), without the packets that are queued.
    #[inline]
    pub(crate) fn encode_but_queues_at(&self, out: &mut Vec<u8>, start: usize) -> usize {
        self.write_at::<false>(out, start)
    }

    fn write_at<const QUEUES: bool>(&self, out: &mut Vec<u8>, start: usize) -> usize {
        const NUMBER: usize = Encoder::MOST_NUMBER;
        let marked: usize = self.marked.iter().map(|set| 1 + set.len()).sum();
        let numbers = self.threads.len() * (3 + MOST_NESTING)
            + self.variables.len()
            + self.counters.len()
            + marked;
        let most = self.system.most_encoded() + numbers * NUMBER;
        Encoder::write_at(out, start, most, |to| {
            if QUEUES {
                self.system.encode_to(to);
            } else {
                self.system.encode_but_queues_to(to);
            }
            to.locally(|to| self.threads.iter().for_each(|local| local.encode_to(to)));
            for handle in &self.variables[FIRST_VARIABLE..] {
                to.number(handle.0.into());
            }
            for counter in &self.counters {
                // Zigzag: small negative numbers stay small.
                to.number((counter << 1 ^ counter >> 63) as u64);
            }
            for set in &self.marked {
                to.number(set.len() as u64);
                set.iter().for_each(|key| to.number(*key));
            }
        })
    }
}

impl Local {
    #[inline(always)]
    fn encode_to(&self, to: &mut Encoder<'_>) {
        let turns = self.turns.iter().fold(0, |all, turns| all | turns) != 0;
        to.number(u64::from(self.at) << 4 | u64::from(turns) << 3 | self.last.word as u64);
        if self.last.word == Word::Packet {
            to.number(self.last.key);
        }
        if turns {
            let inner = self
                .turns
                .iter()
                .rposition(|turns| *turns != 0)
                .unwrap_or(0);
            to.number(inner as u64);
            self.turns[..=inner]
                .iter()
                .for_each(|turns| to.number((*turns).into()));
        }
    }
}

/// Where a thread rests after this op of its code, if it takes nothing to know that.
#[inline]
pub(crate) fn next(program: &Program, code: &Code, at: usize) -> Option<u32> {
    // Where threads are ended, this one may be.
    code.next[at].filter(|_| !program.threads_can_be_ended)
}

/// The call with each handle field, which holds a variable's number, replaced by its value.
#[inline]
fn with_handles(mut call: Call, variables: &[Handle]) -> Call {
    let value = |handle: &mut Handle| {
        *handle = variables
            .get(handle.0 as usize)
            .copied()
            .unwrap_or(Handle::NULL);
    };
    match &mut call {
        Call::GetQueuedCompletionStatus { port, .. }
        | Call::GetQueuedCompletionStatusEx { port, .. }
        | Call::NtRemoveIoCompletion { port, .. }
        | Call::NtRemoveIoCompletionEx { port, .. }
        | Call::PostQueuedCompletionStatus { port, .. }
        | Call::NtSetIoCompletion { port, .. }
        | Call::NtQueryIoCompletion { port, .. } => value(port),
        Call::CreateIoCompletionPort { file, existing, .. } => {
            value(file);
            value(existing);
        }
        Call::NtSetIoCompletionEx { port, reserve, .. } => {
            value(port);
            value(reserve);
        }
        Call::Request(arguments) => value(&mut arguments.file),
        Call::NtSetInformationFile { file, port, .. } => {
            value(file);
            value(port);
        }
        Call::SetEvent(handle)
        | Call::ResetEvent(handle)
        | Call::ReleaseSemaphore(handle)
        | Call::ReleaseMutex(handle)
        | Call::CloseHandle(handle)
        | Call::WaitForSingleObject { object: handle, .. }
        | Call::DuplicateHandle { handle, .. } => value(handle),
        Call::NtCreateIoCompletion { .. }
        | Call::NtOpenIoCompletion { .. }
        | Call::NtAllocateReserveObject { .. }
        | Call::CreateFile { .. }
        | Call::CreateEvent { .. }
        | Call::CreateSemaphore { .. }
        | Call::CreateMutex { .. }
        | Call::WaitForThread { .. }
        | Call::WaitOutside { .. }
        | Call::Sleep { .. }
        | Call::QueueUserApc { .. }
        | Call::SuspendThread(_)
        | Call::ResumeThread(_)
        | Call::TerminateThread(_)
        | Call::ExitThread => {}
    }
    call
}
