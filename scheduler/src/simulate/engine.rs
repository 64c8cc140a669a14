//! The engine: virtual time, and who has a processor.
//!
//! Between two steps of the model a thread is in one [`Standing`]. What the model says of a thread
//! is looked at only after a step that touched it; the [`Books`] notice which steps do.

use super::{
    End, MOST_STEPS_AT_A_MOMENT, Replication, Settings, SimulateError, Window,
    processors::Processors,
    requests::Books,
    timers::{Timer, Timers},
};
use crate::{
    program::{CallOp, Condition, Op, Program},
    run::{RunError, RunWatch},
    state::{self, Choice, PreparedCall, State, StepError},
    workload::Time,
};
use iocp_model::{Call, PortId, Semantics, ThreadId, ThreadState, Timeout};
use std::{cell::Cell, collections::VecDeque, rc::Rc};

/// What a thread is doing, as far as processors and time go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// It is blocked, suspended, or has ended.
    Still,
    /// It waits at an op until something is so, without a processor.
    AtAnUntil,
    /// It has been woken and is not ready yet.
    Waking,
    /// It stands in line for a processor.
    InLine,
    /// Its processor is changing to it.
    Switching,
    /// It runs, or is about to at this moment.
    Running,
    /// It computes.
    Computing,
    /// It sleeps, and nobody can tell.
    Asleep,
}

/// A thread, as far as processors and time go.
#[derive(Clone, Debug)]
struct Place {
    standing: Standing,
    /// The processor that it has, or had last.
    processor: u16,
    /// What its computation still takes.
    left_ns: Option<u64>,
    /// When it began the stretch that it computes now, and when it has used up its quantum.
    since_ns: u64,
    quantum_ends_ns: u64,
    /// The timer that it waits for; others of its kind mean nothing any more.
    timer: u64,
    /// When the time-out of its call runs out, and when the timer for that goes off, at the latest
    /// then.
    due_ns: u64,
    due_timer_ns: u64,
    /// How long that call waits at most.
    waits_ns: u64,
    /// Where its ops begin among all.
    first_op: usize,
    /// Nobody can tell whether it sleeps, unless it is a member of a port.
    sleeps_unseen: bool,
}

/// What is to be known of an op, looked up before.
#[derive(Clone, Copy, Debug)]
struct Prepared<'p> {
    op: &'p Op,
    kind: OpKind,
    /// The call, if it is the same in every turn.
    call: Option<PreparedCall<'p>>,
    /// Where the thread rests after it, if it takes nothing to know that.
    next: Option<u32>,
    /// Can its time run out?
    is_timed: bool,
    /// Can it change how another thread stands without waking, blocking or ending it at once?
    reaches_others: bool,
}

/// What the engine does with an op.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OpKind {
    /// Lets the model take the step.
    Step,
    /// The same, and the call is known.
    Call,
    /// Lets time pass.
    Compute,
    /// Waits until it can take the step.
    Wait,
    /// As a step, unless nobody can tell.
    Sleep,
}

impl<'p> Prepared<'p> {
    fn new(op: &'p Op, call: Option<PreparedCall<'p>>, next: Option<u32>) -> Self {
        let kind = match op {
            Op::Compute(_) => OpKind::Compute,
            Op::Until(..) | Op::Complete { .. } => OpKind::Wait,
            Op::Call(CallOp {
                call:
                    Call::Sleep {
                        timeout: Timeout::Finite,
                        alertable: false,
                    },
                ..
            }) => OpKind::Sleep,
            _ if call.is_some() => OpKind::Call,
            _ => OpKind::Step,
        };
        let reaches_others = matches!(
            op,
            Op::Call(CallOp {
                call: Call::SuspendThread(_) | Call::ResumeThread(_) | Call::TerminateThread(_),
                ..
            })
        );
        Self {
            op,
            kind,
            call,
            next,
            is_timed: matches!(op, Op::Call(op) if op.is_finite()),
            reaches_others,
        }
    }
}

/// What the machine costs.
#[derive(Clone, Copy, Debug)]
struct Costs {
    quantum_ns: Option<u64>,
    switch_ns: u64,
    wake_ns: u64,
    /// By what computations are longer for the background.
    stretch: f64,
    background: f64,
}

impl Costs {
    /// When a quantum is over that begins now.
    #[inline]
    fn quantum_ends_ns(&self, now_ns: u64) -> u64 {
        let end = |quantum_ns| now_ns.saturating_add(quantum_ns);
        self.quantum_ns.map_or(u64::MAX, end)
    }
}

/// A replication under way.
pub(super) struct Engine<'p, W> {
    program: &'p Program,
    settings: &'p Settings,
    state: State,
    books: Books<W>,
    timers: Timers,
    processors: Processors,
    places: Vec<Place>,
    /// Threads that run at this moment, in the order in which they began to.
    turns: VecDeque<ThreadId>,
    /// Threads that wait at an op until something is so.
    at_untils: Vec<ThreadId>,
    costs: Costs,
    restarts_timeouts: bool,
    /// Is it the stretch that is to be written down?
    open: Option<Rc<Cell<bool>>>,
    /// The ops of all codes.
    ops: Vec<Prepared<'p>>,
    steps: u64,
    /// The steps at this moment.
    steps_now: u64,
}

fn ns(time: Option<Time>) -> Option<u64> {
    match time {
        Some(Time::Nanoseconds(ns)) => Some(ns),
        _ => None,
    }
}

impl<'p, W: RunWatch> Engine<'p, W> {
    pub(super) fn new(
        program: &'p Program,
        semantics: Semantics,
        settings: &'p Settings,
        watch: W,
        open: Option<Rc<Cell<bool>>>,
    ) -> Result<Self, SimulateError> {
        let state = State::initial(program, semantics)
            .map_err(|error| RunError::of_step(program, error))?;
        let books = Books::new(program, settings, watch)
            .ok_or_else(|| RunError::Bug("no histogram could be made".into()))?;
        let machine = &program.workload.machine;
        let background = machine.background.unwrap_or(0.0);
        let seen = seen_threads(program);
        let place = |thread: ThreadId| Place {
            standing: Standing::Still,
            processor: 0,
            left_ns: None,
            since_ns: 0,
            // Who needs no processor has no quantum either.
            quantum_ends_ns: u64::MAX,
            timer: 0,
            due_ns: 0,
            due_timer_ns: u64::MAX,
            waits_ns: 0,
            first_op: 0,
            sleeps_unseen: program.threads[thread.index()].outside
                && settings.window.is_none()
                && !seen.contains(&thread),
        };
        let binds = |op: &Op| matches!(op, Op::Call(call) if call.bind.is_some());
        let fixed = !program.codes.iter().flat_map(|code| &code.ops).any(binds);
        let (mut ops, mut begins) = (Vec::new(), Vec::new());
        for code in &program.codes {
            begins.push(ops.len());
            let calls = state.prepared(program, code);
            let calls = calls.map(|call| call.filter(|_| fixed));
            let prepared = |(at, call)| {
                let next = state::next(program, code, at);
                Prepared::new(&code.ops[at], call, next)
            };
            ops.extend(calls.enumerate().map(prepared));
        }
        let place = |thread: ThreadId| Place {
            first_op: begins[program.threads[thread.index()].code],
            ..place(thread)
        };
        Ok(Self {
            program,
            settings,
            ops,
            books,
            timers: Timers::default(),
            processors: Processors::new(program.processors()),
            places: program.thread_ids().map(place).collect(),
            turns: VecDeque::new(),
            at_untils: Vec::new(),
            costs: Costs {
                quantum_ns: ns(machine.quantum),
                switch_ns: ns(machine.switch).unwrap_or(0),
                wake_ns: ns(machine.wake).unwrap_or(0),
                stretch: 1.0 / (1.0 - background),
                background,
            },
            restarts_timeouts: semantics.restarts_timeouts(),
            open,
            steps: 0,
            steps_now: 0,
            state,
        })
    }

    /// Goes on to the end.
    pub(super) fn finish(mut self) -> Result<(Replication, W), SimulateError> {
        let end = self.goes_on()?;
        #[cfg(debug_assertions)]
        self.books.balance();
        Ok(self.report(end))
    }

    /// How many timers are set.
    #[cfg(test)]
    pub(super) fn pending_timers(&self) -> usize {
        self.timers.pending()
    }

    /// From the beginning to the end.
    pub(super) fn goes_on(&mut self) -> Result<End, SimulateError> {
        self.books.watch.run_begins(self.program, &self.state);
        for index in 0..self.state.system.ports().len() {
            if let Some(port) = PortId::new(index) {
                self.books.is_touched(port);
            }
        }
        self.books.look_at_ports(&self.state.system);
        for thread in self.program.thread_ids() {
            if self.state.system.thread(thread).state == ThreadState::Running {
                self.is_ready(thread);
            }
        }
        let end = self.pass_time()?;
        if end == End::Settled {
            self.books.watch.settled(self.books.now_ns);
        }
        Ok(end)
    }

    fn pass_time(&mut self) -> Result<End, SimulateError> {
        loop {
            let thread = match self.turns.pop_front() {
                Some(thread) => thread,
                None => {
                    let Some((at_ns, number, timer)) = self.timers.next() else {
                        return Ok(End::Settled);
                    };
                    if at_ns > self.books.now_ns {
                        self.books.now_ns = at_ns;
                        self.steps_now = 0;
                    }
                    match timer {
                        Timer::GetsOn(thread) => {
                            if self.places[thread.index()].timer != number {
                                continue;
                            }
                            self.gets_on(thread)?;
                            thread
                        }
                        Timer::Expires(thread) => {
                            self.expires(thread)?;
                            continue;
                        }
                    }
                }
            };
            self.runs(thread)?;
            if self.books.are_full() {
                return Ok(End::Finished);
            }
            if self.steps >= self.settings.most_steps {
                return Ok(End::OutOfSteps);
            }
            if self.steps_now > MOST_STEPS_AT_A_MOMENT {
                return Err(self.stands_still(thread));
            }
        }
    }

    /// The thread has got what it was waiting for in time. If it runs, its turn is next.
    fn gets_on(&mut self, thread: ThreadId) -> Result<(), SimulateError> {
        let now_ns = self.books.now_ns;
        let place = &mut self.places[thread.index()];
        match place.standing {
            Standing::Waking => self.is_ready(thread),
            Standing::Switching => self.has_processor(thread),
            Standing::Computing | Standing::Asleep => {
                let done_ns = now_ns - place.since_ns;
                let left_ns = place.left_ns.unwrap_or_default().saturating_sub(done_ns);
                place.standing = Standing::Running;
                if left_ns == 0 {
                    place.left_ns = None;
                    self.passes(thread)?;
                } else {
                    place.left_ns = Some(left_ns);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A step begins.
    #[inline]
    fn begins(&mut self) {
        let now_ns = self.books.now_ns;
        if let (Some(open), Some(window)) = (&self.open, self.settings.window) {
            open.set(match window {
                Window::Time { from_ns, to_ns } => (from_ns..to_ns).contains(&now_ns),
                Window::Requests { from, to } => (from..to).contains(&self.books.begun),
            });
        }
        self.books.watch.step_begins(now_ns);
    }

    /// The thread is past the op that took time.
    fn passes(&mut self, thread: ThreadId) -> Result<(), SimulateError> {
        self.begins();
        let index = self.op(thread);
        if let Some(next) = self.ops[index].next {
            self.state.goes_straight_on(thread, next);
            self.books.watch.step_ends(self.program, &self.state);
            return Ok(());
        }
        self.books.actor = Some(thread);
        let passed = self
            .state
            .finish_computation(self.program, thread, &mut self.books);
        if passed.is_ok() && self.books.touched.is_empty() {
            self.books.watch.step_ends(self.program, &self.state);
            return Ok(());
        }
        self.passes_the_last(thread, passed)
    }

    /// The thread is past its last op.
    #[cold]
    fn passes_the_last(
        &mut self,
        thread: ThreadId,
        passed: Result<(), StepError>,
    ) -> Result<(), SimulateError> {
        self.settle(thread, passed)?;
        self.look_at_untils()
    }

    /// A thread that has a processor, or needs none, does what takes no time, and begins what does.
    fn runs(&mut self, thread: ThreadId) -> Result<(), SimulateError> {
        loop {
            let place = &self.places[thread.index()];
            if place.standing != Standing::Running || self.books.are_full() {
                return Ok(());
            }
            if place.quantum_ends_ns <= self.books.now_ns && self.is_preempted(thread) {
                return Ok(());
            }
            if self.state.system.thread(thread).can_return() {
                let more = self.state.system.most_more(thread);
                self.steps(Choice::Return(thread, more))?;
            } else {
                let index = self.op(thread);
                let Prepared { op, kind, .. } = self.ops[index];
                match kind {
                    OpKind::Call => self.makes(thread, index)?,
                    OpKind::Compute => {
                        self.begins_to_compute(thread, op);
                        return Ok(());
                    }
                    _ if self.rests(thread, op, kind) => return Ok(()),
                    _ => self.makes(thread, index)?,
                }
            }
            if self.steps_now > MOST_STEPS_AT_A_MOMENT || self.steps >= self.settings.most_steps {
                // Others, and whoever counts, have a turn.
                if self.places[thread.index()].standing == Standing::Running {
                    self.turns.push_back(thread);
                }
                return Ok(());
            }
        }
    }

    /// Does the thread, instead of a step, wait at this op until something is so, or sleep unseen?
    fn rests(&mut self, thread: ThreadId, op: &Op, kind: OpKind) -> bool {
        match kind {
            OpKind::Wait if !self.state.can_do(thread, op, &mut ()) => {
                self.begins();
                self.books.watch.waits_until(thread, op);
                self.at_untils.push(thread);
                self.stops(thread, Standing::AtAnUntil);
                true
            }
            OpKind::Sleep if self.sleeps_unseen(thread) => {
                let at_ns = self.books.now_ns.saturating_add(self.how_long(thread, op));
                let place = &mut self.places[thread.index()];
                place.standing = Standing::Asleep;
                place.timer = self.timers.set(at_ns, Timer::GetsOn(thread));
                true
            }
            _ => false,
        }
    }

    /// The op at which a thread rests: its place among all.
    #[inline]
    fn op(&self, thread: ThreadId) -> usize {
        let at = self.state.threads[thread.index()].at as usize;
        self.places[thread.index()].first_op + at
    }

    /// The thread computes, or goes on with what it had begun.
    #[inline]
    fn begins_to_compute(&mut self, thread: ThreadId, op: &Op) {
        if let Op::Compute(law) = op
            && self.places[thread.index()].left_ns.is_none()
        {
            let at = self.state.threads[thread.index()].at;
            let ns = self.books.draw(thread, at, law);
            let slows =
                self.costs.background != 0.0 && !self.books.handlers[thread.index()].outside;
            let ns = match slows {
                true => (ns as f64 * self.costs.stretch + 0.5) as u64,
                false => ns,
            };
            self.places[thread.index()].left_ns = Some(ns);
            self.begins();
            self.books.watch.does(thread, op);
            self.books.watch.step_ends(self.program, &self.state);
        }
        self.computes(thread);
    }

    /// Does the thread, whose quantum is over, stand behind others now?
    fn is_preempted(&mut self, thread: ThreadId) -> bool {
        let Some(quantum_ns) = self.costs.quantum_ns else {
            return false;
        };
        let now_ns = self.books.now_ns;
        // A quantum of a nanosecond must not go on without end.
        self.steps += 1;
        if self.processors.line.is_empty() {
            self.places[thread.index()].quantum_ends_ns = now_ns.saturating_add(quantum_ns);
            return false;
        }
        self.places[thread.index()].standing = Standing::InLine;
        self.processors.stands_in_line(thread, now_ns);
        self.is_free(self.places[thread.index()].processor);
        true
    }

    /// The thread computes until it is done, or until its quantum is over.
    #[inline]
    fn computes(&mut self, thread: ThreadId) {
        let now_ns = self.books.now_ns;
        let place = &mut self.places[thread.index()];
        let done_ns = now_ns.saturating_add(place.left_ns.unwrap_or_default());
        let until_ns = done_ns.min(place.quantum_ends_ns);
        place.since_ns = now_ns;
        place.standing = Standing::Computing;
        place.timer = self.timers.set(until_ns, Timer::GetsOn(thread));
    }

    /// How long the call of a thread takes or waits at most, this time.
    fn how_long(&mut self, thread: ThreadId, op: &Op) -> u64 {
        match op {
            Op::Call(CallOp { law: Some(law), .. }) => {
                let at = self.state.threads[thread.index()].at;
                self.books.draw(thread, at, law)
            }
            Op::Call(op) => op.timeout_ns,
            _ => 0,
        }
    }

    /// Can nobody tell whether the thread sleeps?
    fn sleeps_unseen(&self, thread: ThreadId) -> bool {
        self.places[thread.index()].sleeps_unseen && self.state.system.thread(thread).port.is_none()
    }

    /// One step of the model, and what follows from it.
    #[inline(never)]
    fn steps(&mut self, choice: Choice) -> Result<(), SimulateError> {
        let thread = choice.thread();
        let Prepared {
            op,
            is_timed,
            reaches_others,
            ..
        } = self.ops[self.op(thread)];
        self.step_begins(thread);
        if is_timed && matches!(choice, Choice::Step(_)) {
            self.places[thread.index()].waits_ns = self.how_long(thread, op);
        }
        let taken = self.state.take(self.program, choice, &mut self.books);
        let begins_to_wait = match choice {
            Choice::Step(_) => true,
            Choice::Return(..) => self.restarts_timeouts,
            Choice::Expire(_) | Choice::Suspend(_) => false,
        };
        self.step_ends(thread, begins_to_wait && is_timed, reaches_others, taken)
    }

    /// The thread takes the step of the op at which it rests: as [`steps`](Self::steps), without
    /// another look at a call that is the same in every turn.
    #[inline(always)]
    fn makes(&mut self, thread: ThreadId, index: usize) -> Result<(), SimulateError> {
        let Prepared {
            op,
            is_timed,
            reaches_others,
            ..
        } = self.ops[index];
        self.step_begins(thread);
        if is_timed {
            self.places[thread.index()].waits_ns = self.how_long(thread, op);
        }
        let (state, books) = (&mut self.state, &mut self.books);
        let taken = match &self.ops[index].call {
            Some(call) => state.take_call(self.program, thread, call, books),
            None => state.take(self.program, Choice::Step(thread), books),
        };
        self.step_ends(thread, is_timed, reaches_others, taken)
    }

    /// A step of a thread begins.
    #[inline(always)]
    fn step_begins(&mut self, thread: ThreadId) {
        self.steps += 1;
        self.steps_now += 1;
        self.begins();
        self.books.actor = Some(thread);
    }

    /// A step of a thread is over, and others follow. `may_wait`: it may have begun to wait for so
    /// long. `reaches_others`: see [`Prepared`].
    #[inline(always)]
    fn step_ends(
        &mut self,
        thread: ThreadId,
        may_wait: bool,
        reaches_others: bool,
        taken: Result<(), StepError>,
    ) -> Result<(), SimulateError> {
        if may_wait && self.state.system.can_expire(thread) {
            self.is_due(thread);
        }
        self.settle(thread, taken)?;
        if reaches_others {
            for other in self.program.thread_ids() {
                self.follow(other)?;
            }
        }
        if !self.at_untils.is_empty() {
            self.look_at_untils()?;
        }
        Ok(())
    }

    /// The time-out of the call that the thread is in begins to run.
    fn is_due(&mut self, thread: ThreadId) {
        let now_ns = self.books.now_ns;
        let place = &mut self.places[thread.index()];
        place.due_ns = now_ns.saturating_add(place.waits_ns);
        // A timer that goes off before that will do: it is set again then. So there is one of a
        // thread, however many of its calls have a time-out that never runs out.
        if place.due_timer_ns > place.due_ns {
            place.due_timer_ns = place.due_ns;
            self.timers.set(place.due_ns, Timer::Expires(thread));
        }
    }

    /// The timer of a call's time-out goes off.
    fn expires(&mut self, thread: ThreadId) -> Result<(), SimulateError> {
        let now_ns = self.books.now_ns;
        let place = &mut self.places[thread.index()];
        if place.due_timer_ns != now_ns {
            return Ok(());
        }
        place.due_timer_ns = u64::MAX;
        if !self.state.system.can_expire(thread) {
            return Ok(());
        }
        if place.due_ns > now_ns {
            place.due_timer_ns = place.due_ns;
            self.timers.set(place.due_ns, Timer::Expires(thread));
            return Ok(());
        }
        self.steps(Choice::Expire(thread))
    }

    /// After a step of `actor`: threads that it touched follow.
    #[inline(always)]
    fn settle(
        &mut self,
        actor: ThreadId,
        taken: Result<(), StepError>,
    ) -> Result<(), SimulateError> {
        if let Err(error) = taken {
            return Err(RunError::of_step(self.program, error).into());
        }
        self.books.look_at_ports(&self.state.system);
        self.books.watch.step_ends(self.program, &self.state);
        if self.books.begins {
            self.books.begin_counting();
            self.processors.begin(self.books.now_ns);
        }
        // Whom it touches on the way follows as well.
        let mut next = 0;
        while let Some(&thread) = self.books.touched.get(next) {
            next += 1;
            if thread != actor {
                self.follow(thread)?;
            }
        }
        self.books.touched.clear();
        self.follow(actor)
    }

    /// The thread does what the model says that it does.
    #[inline(always)]
    fn follow(&mut self, thread: ThreadId) -> Result<(), SimulateError> {
        let object = self.state.system.thread(thread);
        let standing = self.places[thread.index()].standing;
        if object.state == ThreadState::Running {
            if object.suspend_pending {
                return self.steps(Choice::Suspend(thread));
            }
            if standing == Standing::Still {
                self.wakes(thread);
            }
            return Ok(());
        }
        match standing {
            Standing::Still => {}
            Standing::AtAnUntil => {
                if object.state == ThreadState::Terminated {
                    self.at_untils.retain(|other| *other != thread);
                    self.places[thread.index()].standing = Standing::Still;
                }
            }
            _ => {
                if standing == Standing::Computing {
                    let now_ns = self.books.now_ns;
                    let place = &mut self.places[thread.index()];
                    let done_ns = now_ns - place.since_ns;
                    place.left_ns = place.left_ns.map(|left| left.saturating_sub(done_ns));
                }
                if object.state == ThreadState::Terminated {
                    self.places[thread.index()].left_ns = None;
                }
                self.stops(thread, Standing::Still);
            }
        }
        Ok(())
    }

    /// The thread was still, and is to run.
    fn wakes(&mut self, thread: ThreadId) {
        if self.costs.wake_ns > 0 && !self.books.handlers[thread.index()].outside {
            let at_ns = self.books.now_ns.saturating_add(self.costs.wake_ns);
            self.places[thread.index()].standing = Standing::Waking;
            self.places[thread.index()].timer = self.timers.set(at_ns, Timer::GetsOn(thread));
        } else {
            self.is_ready(thread);
        }
    }

    /// The thread is ready to run.
    fn is_ready(&mut self, thread: ThreadId) {
        let now_ns = self.books.now_ns;
        if self.books.handlers[thread.index()].outside {
            self.places[thread.index()].standing = Standing::Running;
            self.turns.push_back(thread);
            return;
        }
        let before = self.places[thread.index()].processor;
        match self.processors.take(thread, before, now_ns) {
            Some(processor) => self.gets_processor(thread, processor),
            None => {
                self.places[thread.index()].standing = Standing::InLine;
                self.processors.stands_in_line(thread, now_ns);
            }
        }
    }

    /// The thread gets a processor, which may have to change to it.
    fn gets_processor(&mut self, thread: ThreadId, processor: u16) {
        self.places[thread.index()].processor = processor;
        let changes = self.processors.changes_to(processor, thread);
        if changes && self.costs.switch_ns > 0 {
            let at_ns = self.books.now_ns.saturating_add(self.costs.switch_ns);
            self.places[thread.index()].standing = Standing::Switching;
            self.places[thread.index()].timer = self.timers.set(at_ns, Timer::GetsOn(thread));
        } else {
            self.has_processor(thread);
        }
    }

    /// The thread has a processor and goes on.
    fn has_processor(&mut self, thread: ThreadId) {
        let now_ns = self.books.now_ns;
        let place = &mut self.places[thread.index()];
        place.standing = Standing::Running;
        place.quantum_ends_ns = self.costs.quantum_ends_ns(now_ns);
        self.books.goes_on(thread);
        self.turns.push_back(thread);
    }

    /// The thread runs no more, and has no processor.
    fn stops(&mut self, thread: ThreadId, standing: Standing) {
        let place = &mut self.places[thread.index()];
        let before = std::mem::replace(&mut place.standing, standing);
        place.timer = 0;
        if self.books.handlers[thread.index()].outside {
            return;
        }
        match before {
            Standing::InLine => self.processors.leaves_line(thread, self.books.now_ns),
            Standing::Running | Standing::Computing | Standing::Switching => {
                self.is_free(self.places[thread.index()].processor);
            }
            _ => {}
        }
    }

    /// The processor is free: it is for who is first in line.
    fn is_free(&mut self, processor: u16) {
        match self.processors.next_in_line(self.books.now_ns) {
            Some(thread) => self.gets_processor(thread, processor),
            None => self.processors.rests(processor, self.books.now_ns),
        }
    }

    /// Threads that wait until something is so look whether it is.
    fn look_at_untils(&mut self) -> Result<(), SimulateError> {
        let can = |engine: &Self, thread: ThreadId| {
            let op = engine.state.op(engine.program, thread);
            engine.state.system.thread(thread).can_call()
                && engine.state.can_do(thread, op, &mut ())
        };
        while let Some(index) = (0..self.at_untils.len()).find(|&at| can(self, self.at_untils[at]))
        {
            let thread = self.at_untils.remove(index);
            self.places[thread.index()].standing = Standing::Still;
            self.books.could_go_on(thread);
            // What it has seen it has seen, even if it is not so any more when it has a processor.
            if let Op::Until(..) = self.state.op(self.program, thread) {
                self.steps(Choice::Step(thread))?;
            } else {
                self.wakes(thread);
            }
        }
        Ok(())
    }

    /// Time does not pass, whatever happens.
    fn stands_still(&self, thread: ThreadId) -> SimulateError {
        let at = self.state.threads[thread.index()].at as usize;
        let place = self.program.code(thread).places.get(at);
        SimulateError::TimeStandsStill {
            thread: self.program.thread_name(thread).to_owned(),
            place: place.cloned().unwrap_or_default().to_string(),
        }
    }

    fn report(self, end: End) -> (Replication, W) {
        let Self {
            program,
            state,
            books,
            processors,
            costs,
            steps,
            ..
        } = self;
        let now_ns = books.now_ns;
        let over_ns = now_ns - books.since_ns;
        let ports = (state.system.ports().iter().zip(&books.ports))
            .enumerate()
            .filter_map(|(index, (port, book))| {
                let name = program.port_name(PortId::new(index)?);
                Some(book.report(name, port.limit, now_ns, over_ns))
            })
            .collect();
        let own = 1.0 - costs.background;
        let replication = Replication {
            requests: books.latency_moments.n,
            simulated_ns: over_ns,
            steps,
            latency: books.latency,
            latency_moments: books.latency_moments,
            series: books.series,
            wait: books.wait,
            queue_wait: books.queue_wait,
            throughput_per_s: books.latency_moments.n as f64 / (over_ns.max(1) as f64 / 1e9),
            outstanding: super::Outstanding {
                begin: books.outstanding_at_begin,
                end: books.outstanding.value(),
                most: books.outstanding.most(),
                mean: books.outstanding.mean(now_ns, over_ns),
            },
            ports,
            processors: processors
                .shares(now_ns, over_ns)
                .map(|share| costs.background + own * share)
                .collect(),
            run_queue_mean: processors.waiting.mean(now_ns, over_ns),
            switches: processors.switches,
            wakeups: books.wakeups,
            blocked_mean: books.blocked.mean(now_ns, over_ns),
            window: Vec::new(),
            end,
        };
        (replication, books.watch)
    }
}

/// The threads of which somebody can tell what they do: who is named in a call or a condition.
fn seen_threads(program: &Program) -> Vec<ThreadId> {
    fn of_condition(condition: &Condition, seen: &mut Vec<ThreadId>) {
        match condition {
            Condition::Waits(thread, _)
            | Condition::Blocked(thread)
            | Condition::Suspended(thread)
            | Condition::Ended(thread) => seen.push(*thread),
            Condition::All(all) => all.iter().for_each(|one| of_condition(one, seen)),
            _ => {}
        }
    }
    let mut seen = Vec::new();
    for op in program.codes.iter().flat_map(|code| &code.ops) {
        match op {
            Op::Until(conditions, _) => {
                conditions
                    .iter()
                    .for_each(|one| of_condition(one, &mut seen));
            }
            Op::Call(CallOp {
                call:
                    Call::QueueUserApc { thread, .. }
                    | Call::WaitForThread { thread, .. }
                    | Call::SuspendThread(thread)
                    | Call::ResumeThread(thread)
                    | Call::TerminateThread(thread),
                ..
            }) => seen.push(*thread),
            _ => {}
        }
    }
    seen
}
