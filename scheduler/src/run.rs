//! One schedule, in virtual time.
//!
//! A computation takes a processor for its duration; a wait takes none. Time moves only when
//! nothing can happen now, and then to the next moment at which something can. Among what can
//! happen at one moment the [`Strategy`] chooses. All time is integer nanoseconds.
//!
//! An untimed run offers whatever [`State::choices`] does, and counts its steps instead.

use crate::{
    law::{self, Law},
    program::{Op, Program},
    state::{Choice, State, StepError, Watch},
    strategy::{ReplayError, Strategy},
};
use iocp_model::{Event, PortId, Semantics, ThreadId};
use std::fmt;

/// What a run may use, and how.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most steps.
    pub most_steps: u64,
    /// Durations are stretched by a random part of so many percent.
    pub jitter_percent: u32,
    /// Durations mean nothing: a time-out may run out at any moment, and each step takes one
    /// nanosecond. So the explorer sees a program.
    pub untimed: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            most_steps: 1_000_000,
            jitter_percent: 0,
            untimed: false,
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// All threads have ended.
    Finished,
    /// Nothing can happen any more: the threads that are left wait for ever.
    Settled,
    /// The most steps were taken.
    OutOfSteps,
}

/// Why a run could not be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RunError {
    /// A thread goes round in its program without ever doing anything.
    Spins {
        /// The thread's name.
        thread: String,
        /// Where in the workload it goes round.
        place: String,
    },
    /// The schedule does not fit the program.
    Replay(ReplayError),
    /// The engine took a step that was not possible: a bug of iocp-lab.
    Bug(String),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spins { thread, place } => write!(
                f,
                "thread {thread} goes round in {place} without ever making a call or waiting. \
                 Put a call into the loop, or a way out of it."
            ),
            Self::Replay(error) => error.fmt(f),
            Self::Bug(message) => write!(f, "this is a bug in iocp-lab: {message}"),
        }
    }
}

impl std::error::Error for RunError {}

impl RunError {
    /// What stopped a search of the program.
    pub fn of_step(program: &Program, error: StepError) -> Self {
        describe(program, None, error)
    }
}

/// Watches a run: programs, the kernel, and time.
pub trait RunWatch: Watch {
    /// A step begins at this time.
    #[inline]
    fn step_begins(&mut self, now_ns: u64) {
        let _ = now_ns;
    }

    /// Nothing has happened yet; this is the first state.
    #[inline]
    fn run_begins(&mut self, program: &Program, state: &State) {
        let _ = (program, state);
    }

    /// A step is over; this is the state after it.
    #[inline]
    fn step_ends(&mut self, program: &Program, state: &State) {
        let _ = (program, state);
    }

    /// The thread begins to wait until what its op says is so.
    #[inline]
    fn waits_until(&mut self, thread: ThreadId, op: &Op) {
        let _ = (thread, op);
    }

    /// Nothing happens any more.
    #[inline]
    fn settled(&mut self, now_ns: u64) {
        let _ = now_ns;
    }
}

impl RunWatch for () {}

/// A run in virtual time, step by step.
pub struct Run<'p, S> {
    program: &'p Program,
    strategy: S,
    options: Options,
    restarts_timeout: bool,
    processors: usize,
    state: State,
    has_begun: bool,
    now_ns: u64,
    steps: u64,
    /// When the time-out of the call that a thread is in runs out.
    due_ns: Vec<u64>,
    /// When the computation that a thread is in is over.
    busy_until_ns: Vec<Option<u64>>,
    /// How long the call that a thread is in waits at most.
    waits_ns: Vec<u64>,
    /// How often a thread has been at an op whose law is a sequence: thread, op, turns.
    turns: Vec<(ThreadId, u32, u64)>,
    /// Threads whose `until` has been reported.
    announced: Vec<bool>,
    choices: Vec<Choice>,
}

impl<'p, S: Strategy> Run<'p, S> {
    /// At its beginning.
    ///
    /// # Errors
    /// If a thread spins before it does anything.
    pub fn new(
        program: &'p Program,
        semantics: Semantics,
        strategy: S,
        options: Options,
    ) -> Result<Self, RunError> {
        let threads = program.threads.len();
        let state =
            State::initial(program, semantics).map_err(|error| describe(program, None, error))?;
        Ok(Self {
            program,
            strategy,
            options,
            restarts_timeout: semantics.restarts_timeouts(),
            processors: program.processors().into(),
            state,
            has_begun: false,
            now_ns: 0,
            steps: 0,
            due_ns: vec![u64::MAX; threads],
            busy_until_ns: vec![None; threads],
            waits_ns: vec![0; threads],
            turns: Vec::new(),
            announced: vec![false; threads],
            choices: Vec::new(),
        })
    }

    /// The state now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The virtual time now.
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// The steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The strategy, with what it has noted.
    pub fn into_strategy(self) -> S {
        self.strategy
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// If a thread spins, or the schedule does not fit.
    pub fn finish<W: RunWatch>(&mut self, watch: &mut W) -> Result<End, RunError> {
        loop {
            if self.steps >= self.options.most_steps {
                return Ok(End::OutOfSteps);
            }
            if !self.step(watch)? {
                watch.settled(self.now_ns);
                let ended = |thread: &iocp_model::Thread| {
                    thread.state == iocp_model::ThreadState::Terminated
                };
                return Ok(if self.state.system.threads().iter().all(ended) {
                    End::Finished
                } else {
                    End::Settled
                });
            }
        }
    }

    /// Takes one step, after moving time if nothing can happen now. `false`: nothing can happen
    /// any more.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn step<W: RunWatch>(&mut self, watch: &mut W) -> Result<bool, RunError> {
        if !self.has_begun {
            self.has_begun = true;
            watch.run_begins(self.program, &self.state);
        }
        loop {
            self.finish_computations(watch)?;
            self.collect(watch);
            if !self.choices.is_empty() {
                break;
            }
            let Some(next) = self.next_moment() else {
                return Ok(false);
            };
            self.now_ns = next;
        }
        let chosen = self
            .strategy
            .choose(&self.choices)
            .map_err(RunError::Replay)?;
        let choice = self.choices[chosen];
        let thread = choice.thread();
        self.steps += 1;
        if self.options.untimed {
            self.now_ns = self.steps;
            watch.step_begins(self.now_ns);
            self.take(choice, watch)?;
            return Ok(true);
        }
        watch.step_begins(self.now_ns);
        if let (Choice::Step(_), Op::Compute(law)) = (choice, self.state.op(self.program, thread)) {
            watch.does(thread, self.state.op(self.program, thread));
            let duration = self.draw(thread, law)?;
            let end = self.later(duration)?;
            self.busy_until_ns[thread.index()] = Some(end);
            watch.step_ends(self.program, &self.state);
            return Ok(true);
        }
        if matches!(choice, Choice::Step(_)) {
            self.waits_ns[thread.index()] = match self.state.op(self.program, thread) {
                Op::Call(op) => match &op.law {
                    Some(law) => self.draw(thread, law)?,
                    None => op.timeout_ns,
                },
                _ => 0,
            };
        }
        self.take(choice, watch)?;
        let begins_to_wait = match choice {
            Choice::Step(_) => true,
            Choice::Return(..) => self.restarts_timeout,
            Choice::Expire(_) | Choice::Suspend(_) => false,
        };
        if begins_to_wait && self.state.system.can_expire(thread) {
            self.due_ns[thread.index()] = self.later(self.waits_ns[thread.index()])?;
        }
        Ok(true)
    }

    fn take<W: RunWatch>(&mut self, choice: Choice, watch: &mut W) -> Result<(), RunError> {
        let thread = choice.thread().index();
        let before = self.state.threads[thread].at;
        self.state
            .take(self.program, choice, watch)
            .map_err(|error| describe(self.program, Some(&self.state), error))?;
        self.announced[thread] &= self.state.threads[thread].at == before;
        watch.step_ends(self.program, &self.state);
        Ok(())
    }

    /// What can happen now, rather than at some time.
    fn collect<W: RunWatch>(&mut self, watch: &mut W) {
        let mut choices = std::mem::take(&mut self.choices);
        choices.clear();
        self.state.choices(self.program, &mut choices);
        let outside = |thread: ThreadId| self.program.threads[thread.index()].outside;
        let busy = (self.state.system.thread_ids())
            .filter(|thread| self.busy_until_ns[thread.index()].is_some() && !outside(*thread))
            .count();
        let untimed = self.options.untimed;
        choices.retain(|choice| {
            let thread = choice.thread();
            match choice {
                _ if untimed => true,
                Choice::Expire(_) => self.due_ns[thread.index()] <= self.now_ns,
                Choice::Step(_) => match self.state.op(self.program, thread) {
                    Op::Compute(_) => {
                        self.busy_until_ns[thread.index()].is_none()
                            && (busy < self.processors || outside(thread))
                    }
                    _ => true,
                },
                Choice::Return(..) | Choice::Suspend(_) => true,
            }
        });
        self.choices = choices;
        for thread in self.state.system.thread_ids() {
            let index = thread.index();
            if self.announced[index] || !self.state.system.thread(thread).can_call() {
                continue;
            }
            let op = self.state.op(self.program, thread);
            if matches!(op, Op::Until(..)) {
                self.announced[index] = true;
                watch.step_begins(self.now_ns);
                watch.waits_until(thread, op);
            }
        }
    }

    /// Computations that are over by now end, in the order of the threads.
    fn finish_computations<W: RunWatch>(&mut self, watch: &mut W) -> Result<(), RunError> {
        for thread in self.state.system.thread_ids() {
            let index = thread.index();
            let Some(end) = self.busy_until_ns[index] else {
                continue;
            };
            let object = self.state.system.thread(thread);
            if object.state == iocp_model::ThreadState::Terminated {
                self.busy_until_ns[index] = None;
            } else if end <= self.now_ns && object.can_call() {
                self.busy_until_ns[index] = None;
                watch.step_begins(self.now_ns);
                self.state
                    .finish_computation(self.program, thread, watch)
                    .map_err(|error| describe(self.program, Some(&self.state), error))?;
            }
        }
        Ok(())
    }

    /// The next moment at which something can happen that cannot now.
    fn next_moment(&self) -> Option<u64> {
        let timeouts = self
            .state
            .system
            .thread_ids()
            .filter(|thread| self.state.system.can_expire(*thread))
            .map(|thread| self.due_ns[thread.index()]);
        let computations = self
            .state
            .system
            .thread_ids()
            .filter(|thread| self.state.system.thread(*thread).can_call())
            .filter_map(|thread| self.busy_until_ns[thread.index()]);
        timeouts
            .chain(computations)
            .filter(|&at| at > self.now_ns)
            .min()
    }

    /// How long it takes this time: a number that the strategy draws, so that it is a part of the
    /// schedule.
    fn draw(&mut self, thread: ThreadId, law: &Law) -> Result<u64, RunError> {
        if let Law::Sequence(_) = law {
            let at = self.state.threads[thread.index()].at;
            let place = self
                .turns
                .iter()
                .position(|turn| (turn.0, turn.1) == (thread, at));
            let place = place.unwrap_or_else(|| {
                self.turns.push((thread, at, 0));
                self.turns.len() - 1
            });
            self.turns[place].2 += 1;
            return Ok(law.nth(self.turns[place].2 - 1).unwrap_or_default());
        }
        match law.nth(0) {
            Some(constant) => Ok(constant),
            None => {
                let number = self.strategy.value(law::MOST_NUMBER);
                Ok(law.sample(law::share(number.map_err(RunError::Replay)?)))
            }
        }
    }

    /// The moment at which something that takes so long is over.
    fn later(&mut self, duration_ns: u64) -> Result<u64, RunError> {
        let most = duration_ns / 100 * u64::from(self.options.jitter_percent);
        let stretch = if most == 0 {
            0
        } else {
            self.strategy.value(most).map_err(RunError::Replay)?
        };
        Ok(self
            .now_ns
            .saturating_add(duration_ns)
            .saturating_add(stretch))
    }
}

/// A step error in the words of the workload.
fn describe(program: &Program, state: Option<&State>, error: StepError) -> RunError {
    match error {
        StepError::Spins(thread) => {
            let at = state.map_or(0, |state| state.threads[thread.index()].at as usize);
            let place = program
                .code(thread)
                .places
                .get(at)
                .cloned()
                .unwrap_or_default();
            RunError::Spins {
                thread: program.thread_name(thread).to_owned(),
                place: place.to_string(),
            }
        }
        StepError::NotEnabled(error) => RunError::Bug(error.to_string()),
    }
}

/// The ports that a kernel event is about.
pub(crate) fn port_of(event: &Event) -> Option<PortId> {
    match *event {
        Event::Associated(_, port)
        | Event::Dissociated(_, port)
        | Event::WaiterPushed(_, port)
        | Event::WaiterLeft(_, port)
        | Event::Queued { port, .. }
        | Event::HandedOff { port, .. }
        | Event::Taken { port, .. }
        | Event::Discarded { port, .. } => Some(port),
        Event::Blocked(_) | Event::Unblocked(_) | Event::Ended(_) => None,
    }
}
