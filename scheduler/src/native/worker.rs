//! A thread that follows its program.

use super::{
    Failure,
    clock::now,
    log::What,
    run::{Gate, Phase, Run, Thread},
    system::Removed,
};
use crate::{
    compile::sets_result,
    law::{Law, Stream},
    program::{CallOp, Code, Condition, Op},
    state::{Last, Local, Word},
};
use iocp_model::{Api, Call, DeviceAnswer, NtStatus, RequestArguments, ThreadId};
use iocp_traces::SeenResult;
use std::sync::atomic::Ordering;
use windows_sys::Win32::System::{
    IO::OVERLAPPED_ENTRY,
    Threading::{INFINITE, SwitchToThread, WaitForSingleObject},
};

/// Two looks at the clock in a row that are further apart: the thread had no processor. An interrupt
/// is shorter.
const APART_NS: u64 = 20_000;

pub(super) struct Worker<'r> {
    pub(super) run: &'r Run,
    pub(super) me: &'r Thread,
    pub(super) id: ThreadId,
    pub(super) local: Local,
    code: &'r Code,
    /// Room for the greatest batch of its program.
    pub(super) entries: Vec<OVERLAPPED_ENTRY>,
    pub(super) removed: Vec<Removed>,
    /// A counter that it has just added to, and what came out: a branch on it is part of the same
    /// step.
    added: Option<(usize, i64)>,
    /// Where the values of laws come from: the same for this thread in every recording.
    stream: Stream,
    /// How often it has been at each op whose law is a sequence.
    turns: Vec<u64>,
    /// What its sleeps by a law were too short by, since they are whole milliseconds.
    asleep_ns: i64,
}

impl<'r> Worker<'r> {
    /// Everything that it will need, so that it need not ask for memory later.
    pub(super) fn new(run: &'r Run, id: ThreadId) -> Self {
        let code = run.program.code(id);
        let most = |api: Api| {
            let counts = code.ops.iter().filter_map(|op| match op {
                Op::Call(op) if op.call.api() == api => match op.call {
                    Call::GetQueuedCompletionStatusEx { count, .. }
                    | Call::NtRemoveIoCompletionEx { count, .. } => Some(usize::from(count).max(1)),
                    _ => None,
                },
                _ => None,
            });
            counts.max().unwrap_or(0)
        };
        Self {
            run,
            me: &run.threads[id.index()],
            id,
            local: Local::default(),
            code,
            entries: vec![OVERLAPPED_ENTRY::default(); most(Api::GetQueuedCompletionStatusEx)],
            removed: vec![Removed::default(); most(Api::NtRemoveIoCompletionEx)],
            added: None,
            stream: Stream::new(id.index() as u64),
            turns: vec![0; code.ops.len()],
            asleep_ns: 0,
        }
    }

    /// Follows the program to its end.
    pub(super) fn follow(&mut self) -> Result<(), Failure> {
        loop {
            let (run, added) = (self.run, self.added.take());
            let holds = |last: &Last, test: &Condition| holds(run, added, last, test);
            if !self.local.follow(self.code, holds) {
                return Err(Failure::Spins);
            }
            let at = self.local.at as usize;
            match &self.code.ops[at] {
                Op::Call(op) => self.call(at, op)?,
                Op::Compute(law) => {
                    let ns = self.draw(at, law);
                    self.compute(at, ns)?;
                }
                Op::Until(..) => {
                    self.log(now(), at, What::Until)?;
                    let seen = self.pass_gate(at);
                    self.log(now(), at, What::Reached(seen))?;
                }
                Op::Add { counter, by, .. } => {
                    let before = self.run.counters[*counter].fetch_add(*by, Ordering::SeqCst);
                    self.added = Some((*counter, before.wrapping_add(*by)));
                    self.log(now(), at, What::Does)?;
                }
                Op::Mark { .. } => self.log(now(), at, What::Does)?,
                Op::Complete {
                    file,
                    information,
                    status,
                } => {
                    self.complete(at, *file, *status, *information)?;
                    self.log(now(), at, What::Does)?;
                }
                Op::End => return Ok(()),
                // `follow` rests at none of these.
                Op::Branch { .. } | Op::Jump(_) | Op::Again { .. } => return Err(Failure::Spins),
            }
            self.me.set_phase(Phase::Runs);
            self.local.at += 1;
        }
    }

    fn log(&self, at: i64, op: usize, what: What) -> Result<(), Failure> {
        // SAFETY: this is the thread whose log it is.
        unsafe { self.me.log.entry(at, op, what) }
    }

    fn call(&mut self, at: usize, op: &CallOp) -> Result<(), Failure> {
        let objects = &self.run.objects;
        let (waits_on, dequeues) = match op.call {
            Call::GetQueuedCompletionStatus { port, .. }
            | Call::GetQueuedCompletionStatusEx { port, .. }
            | Call::NtRemoveIoCompletion { port, .. }
            | Call::NtRemoveIoCompletionEx { port, .. } => (objects.thing(port.0 as usize), true),
            Call::WaitForSingleObject { object, .. } => (objects.thing(object.0 as usize), false),
            Call::Request(arguments) => {
                self.prepare(&arguments)?;
                (0, false)
            }
            _ => (0, false),
        };
        self.me.waits_on.store(waits_on, Ordering::Release);
        if dequeues {
            self.me.member.store(true, Ordering::Release);
        }
        let mark = self.me.log.mark();
        self.log(now(), at, What::Begin)?;
        self.me.set_phase(Phase::Calls(at));
        let answer = self.make(op)?;
        let end = now();
        let answer = self.me.log.since(mark, answer);
        if self.me.log.is_out_of_apcs() {
            return Err(Failure::Apcs);
        }
        self.log(end, at, What::End(answer))?;
        if sets_result(&op.call) {
            let word = SeenResult::word_of(
                answer.success,
                answer.last_error,
                answer.status,
                answer.has_packet(),
            );
            self.local.last = Last {
                word: Word::named(word),
                key: match answer.has_packet() {
                    true => self
                        .me
                        .log
                        .first_packet(mark)
                        .map_or(0, |packet| packet.key.0),
                    false => 0,
                },
            };
        }
        Ok(())
    }

    /// What the device answers at once must be so before the call.
    fn prepare(&self, arguments: &RequestArguments) -> Result<(), Failure> {
        let objects = &self.run.objects;
        let file = objects.thing(arguments.file.0 as usize);
        match arguments.answer {
            DeviceAnswer::Done(_, bytes) if file != 0 => {
                objects.write(file, &self.run.scratch, bytes)?;
            }
            // The capabilities let no other failure pass than that of a broken pipe.
            DeviceAnswer::Failed(_) if file != 0 => objects.hang_up(file),
            _ => {}
        }
        Ok(())
    }

    /// How long it takes this time.
    fn draw(&mut self, at: usize, law: &Law) -> u64 {
        let turn = self.turns[at];
        self.turns[at] += 1;
        law.nth(turn)
            .unwrap_or_else(|| law.sample(self.stream.next()))
    }

    /// How many milliseconds it sleeps this time by this law: at least one, since it is to block,
    /// and over many turns as long as the law says.
    pub(super) fn draw_sleep(&mut self, law: &Law) -> u32 {
        const MS: i64 = 1_000_000;
        let at = self.local.at as usize;
        let due = self.asleep_ns.saturating_add(self.draw(at, law) as i64);
        let milliseconds = (due / MS).clamp(1, i64::from(u32::MAX - 1));
        self.asleep_ns = due - milliseconds * MS;
        milliseconds as u32
    }

    /// Uses a processor for so long. Time in which the thread had none does not count: between two
    /// looks at the clock it shows as a gap.
    fn compute(&self, at: usize, ns: u64) -> Result<(), Failure> {
        let start = now();
        self.log(start, at, What::Does)?;
        self.me.set_phase(Phase::Computes(at));
        let apart = self.run.clock.counts(APART_NS);
        let (mut end, mut last) = (start + self.run.clock.counts(ns), start);
        while last < end {
            std::hint::spin_loop();
            let now = now();
            if now - last > apart {
                end += now - last;
            }
            last = now;
        }
        Ok(())
    }

    /// Finishes the oldest pending request of a file, once there is one.
    fn complete(&self, at: usize, file: usize, status: u32, bytes: u32) -> Result<(), Failure> {
        loop {
            self.pass_gate(at);
            let thing = self.run.objects.thing(file);
            let Some(request) = self.run.requests.take(thing) else {
                continue;
            };
            let objects = &self.run.objects;
            match NtStatus(status) {
                NtStatus::SUCCESS => objects.write(thing, &self.run.scratch, bytes)?,
                NtStatus::PIPE_BROKEN => objects.hang_up(thing),
                // The capabilities let no other status pass.
                _ => super::objects::cancel(objects.handle(file as u32), request),
            }
            // A kernel finishes a request in the thread that issued it, which may be a little
            // later. It may also be as late as that thread pleases, so this is not for ever.
            let start = now();
            while !request.is_done() && now() - start < self.run.settle {
                // SAFETY: takes nothing.
                unsafe { SwitchToThread() };
            }
            return Ok(());
        }
    }

    /// Waits until the one who watches the run opens the gate; whether it has seen what the op
    /// waits for.
    ///
    /// A thread that is a port's must not block here: that would release another one. Spinning
    /// leaves the processor to others, but stays runnable.
    fn pass_gate(&self, at: usize) -> bool {
        self.me.set_gate(Gate::Closed);
        self.me.set_phase(Phase::Waits(at));
        let member = self.me.member.load(Ordering::Acquire);
        loop {
            match self.me.gate() {
                Gate::Closed if member => {
                    std::hint::spin_loop();
                    // SAFETY: takes nothing.
                    unsafe { SwitchToThread() };
                }
                Gate::Closed => {
                    // SAFETY: the event is the thread's own and never closed.
                    unsafe { WaitForSingleObject(self.me.wake(), INFINITE) };
                }
                Gate::Open => return false,
                Gate::Seen => return true,
            }
        }
    }
}

/// Is this so, for a branch?
fn holds(run: &Run, added: Option<(usize, i64)>, last: &Last, test: &Condition) -> bool {
    match test {
        Condition::Result(word) => last.came_to(word),
        Condition::Key(key) => last.has_key(key.0),
        Condition::Counter(counter, value) => {
            *value
                == match added {
                    Some((known, result)) if known == *counter => result,
                    _ => run.counters[*counter].load(Ordering::SeqCst),
                }
        }
        Condition::All(all) => all.iter().all(|one| holds(run, added, last, one)),
        // No branch tests these.
        _ => false,
    }
}
