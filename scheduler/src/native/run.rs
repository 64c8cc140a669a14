//! A recording from its start to its end: the threads are made and released together; somebody
//! watches them, opens the gates at which they wait for the scenario's order, and says when nothing
//! happens any more.

use super::{
    Failure, Options, RecordError, Recording,
    calls::{self, ApcNote},
    clock::{Clock, now},
    log::{Log, What},
    objects::{Objects, Requests, Scratch, refused},
    system::{Ntdll, processors},
    thread_state::{Eyes, Ids, Reason, Seen},
    worker::Worker,
};
use crate::{
    capabilities::{capabilities, needed_processors},
    program::{Condition, Op, Program},
    trace::does_words,
};
use iocp_model::{Api, Call, ThreadId};
use iocp_traces::{
    Clock as TraceClock, Event, Happening, Header,
    event::{FORMAT, VERSION},
};
use std::{
    collections::BinaryHeap,
    ffi::c_void,
    ptr,
    sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};
use windows_sys::Win32::{
    Foundation::{GetLastError, HANDLE, WAIT_OBJECT_0},
    System::{
        RemoteDesktop::ProcessIdToSessionId,
        Threading::{
            CreateEventW, CreateThread, GetCurrentProcessId, INFINITE, SetEvent, Sleep,
            WaitForSingleObject,
        },
    },
};

/// What a thread does, as others may know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// It has not begun.
    Starts,
    /// Something between two ops.
    Runs,
    /// It is in the call of this op.
    Calls(usize),
    /// It computes.
    Computes(usize),
    /// It waits at the gate of this op.
    Waits(usize),
    /// Its program is over.
    Over,
}

impl Phase {
    fn encode(self) -> u64 {
        let (kind, op) = match self {
            Self::Starts => (0, 0),
            Self::Runs => (1, 0),
            Self::Calls(op) => (2, op),
            Self::Computes(op) => (3, op),
            Self::Waits(op) => (4, op),
            Self::Over => (5, 0),
        };
        (op as u64) << 8 | kind
    }

    fn decode(code: u64) -> Self {
        let op = (code >> 8) as usize;
        match code & 0xFF {
            0 => Self::Starts,
            1 => Self::Runs,
            2 => Self::Calls(op),
            3 => Self::Computes(op),
            4 => Self::Waits(op),
            _ => Self::Over,
        }
    }
}

/// The gate at which a thread waits for the scenario's order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(super) enum Gate {
    Closed,
    /// Open, though the condition was not seen to be so.
    Open,
    /// Open: the condition was seen to be so.
    Seen,
}

/// What the recorder knows of a thread. Aligned so that no two share a line of the cache.
#[repr(align(128))]
pub(super) struct Thread {
    pub(super) log: Log,
    pub(super) ids: Ids,
    phase: AtomicU64,
    gate: AtomicU32,
    /// What its call waits on, as a thing.
    pub(super) waits_on: AtomicU32,
    /// Has it ever dequeued?
    pub(super) member: AtomicBool,
    /// How often it is suspended, and since when it was suspended last.
    suspensions: AtomicU32,
    suspended: AtomicI64,
    wake: usize,
    handle: AtomicUsize,
    /// When it was seen to have ended; 0 if not yet.
    ended: AtomicI64,
}

impl Thread {
    fn new(options: &Options) -> Result<Self, RecordError> {
        Ok(Self {
            log: Log::new(options.most_events)?,
            ids: Ids::default(),
            phase: AtomicU64::new(Phase::Starts.encode()),
            gate: AtomicU32::new(Gate::Closed as u32),
            waits_on: AtomicU32::new(0),
            member: AtomicBool::new(false),
            suspensions: AtomicU32::new(0),
            suspended: AtomicI64::new(0),
            wake: new_event(false)? as usize,
            handle: AtomicUsize::new(0),
            ended: AtomicI64::new(0),
        })
    }

    fn phase(&self) -> Phase {
        Phase::decode(self.phase.load(Ordering::Acquire))
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase.encode(), Ordering::Release);
    }

    pub(super) fn gate(&self) -> Gate {
        match self.gate.load(Ordering::Acquire) {
            0 => Gate::Closed,
            1 => Gate::Open,
            _ => Gate::Seen,
        }
    }

    pub(super) fn set_gate(&self, gate: Gate) {
        self.gate.store(gate as u32, Ordering::Release);
    }

    /// The event that opens its gate.
    pub(super) fn wake(&self) -> HANDLE {
        self.wake as HANDLE
    }

    pub(super) fn handle(&self) -> HANDLE {
        self.handle.load(Ordering::Acquire) as HANDLE
    }

    pub(super) fn note_suspension(&self) {
        self.suspended.store(now(), Ordering::Release);
        self.suspensions.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn note_resumption(&self) {
        self.suspensions.fetch_sub(1, Ordering::AcqRel);
    }

    fn is_suspended(&self) -> bool {
        self.suspensions.load(Ordering::Acquire) > 0
    }

    /// Has it ended? Notes when that was first seen.
    fn has_ended(&self) -> bool {
        if self.ended.load(Ordering::Acquire) != 0 {
            return true;
        }
        // SAFETY: the handle is the recorder's own and never closed.
        let ended = unsafe { WaitForSingleObject(self.handle(), 0) } == WAIT_OBJECT_0;
        if ended {
            self.ended.store(now(), Ordering::Release);
        }
        ended
    }
}

fn new_event(manual: bool) -> Result<HANDLE, RecordError> {
    // SAFETY: no name and no attributes.
    let event = unsafe { CreateEventW(ptr::null(), manual.into(), 0, ptr::null()) };
    match event.is_null() {
        // SAFETY: takes nothing.
        true => Err(refused("create an event", unsafe { GetLastError() })),
        false => Ok(event),
    }
}

/// All that the threads of a run share. It lives for ever: a thread may hang in a call until the
/// process ends.
pub(super) struct Run {
    pub(super) program: &'static Program,
    pub(super) ntdll: Ntdll,
    pub(super) clock: Clock,
    /// How long things take to settle, in counts of the clock.
    pub(super) settle: i64,
    pub(super) threads: Box<[Thread]>,
    pub(super) objects: Objects,
    pub(super) requests: Requests,
    pub(super) counters: Box<[AtomicI64]>,
    pub(super) scratch: Scratch,
    pub(super) apcs: Box<[ApcNote]>,
    /// Where ports get their names, up to their number.
    pub(super) directory: String,
    eyes_are_linux: bool,
    start: usize,
    ready: AtomicU32,
    /// The first failure, and whose it is.
    failure: AtomicU32,
    failed: AtomicU32,
}

// SAFETY: all but `apcs` is `Sync` by itself, and those are never written; the logs to which they
// point live for ever and are written by their threads alone.
unsafe impl Sync for Run {}

/// What a new thread is given.
struct Start {
    run: &'static Run,
    thread: ThreadId,
}

unsafe extern "system" fn thread_main(start: *mut c_void) -> u32 {
    // SAFETY: `Run::create_threads` passes a `Start` that lives for ever.
    let Start { run, thread } = unsafe { &*start.cast::<Start>() };
    let me = &run.threads[thread.index()];
    let mut worker = Worker::new(run, *thread);
    me.ids.note(run.eyes_are_linux);
    run.ready.fetch_add(1, Ordering::AcqRel);
    // SAFETY: the event is never closed.
    unsafe { WaitForSingleObject(run.start as HANDLE, INFINITE) };
    me.set_phase(Phase::Runs);
    if let Err(failure) = worker.follow() {
        let first =
            run.failure
                .compare_exchange(0, failure as u32, Ordering::AcqRel, Ordering::Acquire);
        if first.is_ok() {
            run.failed.store(thread.index() as u32, Ordering::Release);
        }
    }
    // Its memory stays: giving it back would be work that the program does not ask for.
    std::mem::forget(worker);
    me.set_phase(Phase::Over);
    0
}

/// Records the program in this process, and leaves threads that hang behind: to be done once in a
/// process, which then ends. [`record`](super::record) does all that.
///
/// # Errors
/// If the program cannot be recorded here, or the run is not over in time.
pub fn record_here(program: &Program, options: &Options) -> Result<Recording, RecordError> {
    check(program, options)?;
    let ntdll = Ntdll::load();
    check_functions(program, &ntdll)?;
    let mut eyes = match options.look {
        true => Eyes::open(&ntdll),
        false => Eyes::None,
    };
    let program: &'static Program = Box::leak(Box::new(program.clone()));
    let run: &'static Run = Box::leak(Box::new(Run::new(program, options, ntdll, &eyes)?));
    run.declare()?;
    run.create_threads()?;
    let start = now();
    // SAFETY: the event is never closed.
    unsafe { SetEvent(run.start as HANDLE) };
    let end = Watcher {
        run,
        options,
        eyes: &mut eyes,
        start,
    }
    .watch()?;
    let header = run.header(options, &eyes);
    let events = run.events(start, &end);
    Ok(Recording { header, events })
}

fn check(program: &Program, options: &Options) -> Result<(), RecordError> {
    let reasons = capabilities(program);
    if !reasons.is_empty() {
        return Err(RecordError::NotRecordable(reasons));
    }
    if let Some(needed) = needed_processors(program)
        && u32::from(needed) > processors()
    {
        return Err(RecordError::Processors {
            needed,
            present: processors(),
        });
    }
    if options.settled < options.settle * 2 {
        return Err(RecordError::Options(
            "`settled` must be at least twice `settle`: otherwise the recording could be held to \
             be over while a thread waits for things to settle"
                .into(),
        ));
    }
    Ok(())
}

/// Are the functions there that the program calls?
fn check_functions(program: &Program, ntdll: &Ntdll) -> Result<(), RecordError> {
    for op in program.codes.iter().flat_map(|code| &code.ops) {
        let Op::Call(op) = op else { continue };
        let there = match op.call.api() {
            Api::NtCreateIoCompletion => ntdll.create.is_some(),
            Api::NtOpenIoCompletion => ntdll.open.is_some(),
            Api::NtQueryIoCompletion => ntdll.query.is_some(),
            Api::NtRemoveIoCompletion => ntdll.remove.is_some(),
            Api::NtRemoveIoCompletionEx => ntdll.remove_ex.is_some(),
            Api::NtSetIoCompletion => ntdll.set.is_some(),
            Api::NtSetIoCompletionEx => ntdll.set_ex.is_some(),
            Api::NtAllocateReserveObject => ntdll.reserve.is_some(),
            Api::NtSetInformationFile => ntdll.set_information.is_some(),
            Api::ReadFile => ntdll.read.is_some() && ntdll.to_win32.is_some(),
            _ => true,
        };
        if !there {
            return Err(RecordError::Missing(op.call.api().name().into()));
        }
    }
    Ok(())
}

/// Where a process of this session names its objects, and the beginning of our names.
fn directory() -> String {
    let mut session = 0;
    // SAFETY: the pointer is to a live number.
    let process = unsafe {
        let process = GetCurrentProcessId();
        ProcessIdToSessionId(process, &mut session);
        process
    };
    match session {
        0 => format!(r"\BaseNamedObjects\iocp-lab-{process}-"),
        _ => format!(r"\Sessions\{session}\BaseNamedObjects\iocp-lab-{process}-"),
    }
}

impl Run {
    fn new(
        program: &'static Program,
        options: &Options,
        ntdll: Ntdll,
        eyes: &Eyes,
    ) -> Result<Self, RecordError> {
        let threads = (0..program.threads.len())
            .map(|_| Thread::new(options))
            .collect::<Result<Box<[_]>, _>>()?;
        let calls = || {
            program
                .codes
                .iter()
                .flat_map(|code| &code.ops)
                .filter_map(|op| match op {
                    Op::Call(op) => Some(op.call),
                    _ => None,
                })
        };
        let mut apcs: Vec<ApcNote> = Vec::new();
        for call in calls() {
            if let Call::QueueUserApc { thread, apc } = call
                && !apcs
                    .iter()
                    .any(|note| note.thread == thread && note.apc == apc)
            {
                // The box is moved, what it points to is not.
                let log = ptr::from_ref(&threads[thread.index()].log);
                apcs.push(ApcNote { thread, apc, log });
            }
        }
        let names = calls()
            .filter_map(|call| match call {
                Call::NtCreateIoCompletion { name, .. } | Call::NtOpenIoCompletion { name, .. } => {
                    name.map(|name| name.index() + 1)
                }
                _ => None,
            })
            .max()
            .unwrap_or(0);
        let clock = Clock::new();
        Ok(Self {
            program,
            ntdll,
            clock,
            settle: clock.counts(u64::try_from(options.settle.as_nanos()).unwrap_or(u64::MAX)),
            threads,
            objects: Objects::new(program.variables.len(), names, options.most_objects),
            requests: Requests::new(options.most_objects),
            counters: program
                .workload
                .counters
                .iter()
                .map(|counter| AtomicI64::new(counter.value))
                .collect(),
            scratch: Scratch::new(),
            apcs: apcs.into(),
            directory: directory(),
            eyes_are_linux: eyes.are_linux(),
            start: new_event(true)? as usize,
            ready: AtomicU32::new(0),
            failure: AtomicU32::new(0),
            failed: AtomicU32::new(0),
        })
    }

    /// Makes what the workload declares.
    fn declare(&self) -> Result<(), RecordError> {
        let workload = &self.program.workload;
        let keep = |name: &str, handle: Option<HANDLE>| {
            // SAFETY: takes nothing.
            let handle = handle.ok_or_else(|| refused(name, unsafe { GetLastError() }))?;
            let thing = self.objects.number().map_err(|_| refused(name, 0))?;
            let variables = &self.program.variables;
            if let Some(variable) = variables.iter().position(|known| known == name) {
                self.objects.bind(variable, handle, thing);
            }
            Ok::<_, RecordError>((handle, thing))
        };
        let mut ports = Vec::new();
        for port in &workload.ports {
            let (handle, _) = keep(&port.name, calls::port(port.concurrency))?;
            ports.push((port.name.as_str(), handle));
        }
        for file in &workload.files {
            let (handle, peer) = self
                .objects
                .file(file.overlapped)
                .map_err(|error| refused(&format!("make the file {}", file.name), error))?;
            let (_, thing) = keep(&file.name, Some(handle))?;
            self.objects.set_peer(thing, peer);
            let port = ports
                .iter()
                .find(|(name, _)| Some(*name) == file.port.as_deref());
            if let Some(&(_, port)) = port
                && !calls::associate(handle, port, file.key.unwrap_or_default().0)
            {
                // SAFETY: takes nothing.
                let error = unsafe { GetLastError() };
                return Err(refused(&format!("associate the file {}", file.name), error));
            }
        }
        for event in &workload.events {
            keep(&event.name, calls::event(event.manual, event.signaled))?;
        }
        for semaphore in &workload.semaphores {
            keep(
                &semaphore.name,
                calls::semaphore(semaphore.count, semaphore.maximum),
            )?;
        }
        for mutex in &workload.mutexes {
            keep(&mutex.name, calls::mutex())?;
        }
        Ok(())
    }

    /// Makes the threads, and waits until all of them stand at the start.
    fn create_threads(&'static self) -> Result<(), RecordError> {
        for (index, thread) in self.threads.iter().enumerate() {
            let Some(id) = ThreadId::new(index) else {
                break;
            };
            let start: &'static Start = Box::leak(Box::new(Start {
                run: self,
                thread: id,
            }));
            // SAFETY: `start` lives for ever, and `thread_main` takes just that.
            let handle = unsafe {
                CreateThread(
                    ptr::null(),
                    0,
                    Some(thread_main),
                    ptr::from_ref(start).cast(),
                    0,
                    ptr::null_mut(),
                )
            };
            if handle.is_null() {
                // SAFETY: takes nothing.
                return Err(refused("create a thread", unsafe { GetLastError() }));
            }
            thread.handle.store(handle as usize, Ordering::Release);
        }
        while (self.ready.load(Ordering::Acquire) as usize) < self.threads.len() {
            // SAFETY: takes a number.
            unsafe { Sleep(1) };
        }
        // The last of them has yet to reach its wait.
        // SAFETY: takes a number.
        unsafe { Sleep(5) };
        Ok(())
    }

    fn header(&self, options: &Options, eyes: &Eyes) -> Header {
        let producer = self.ntdll.producer();
        let provenance = format!(
            "Recorded on {} with real threads; {}. Again: iocp record {}",
            producer.name(),
            eyes.describe(),
            self.program.workload.name,
        );
        Header {
            format: FORMAT.into(),
            version: VERSION,
            producer,
            processors: processors(),
            clock: TraceClock::PerformanceCounter,
            threads: self.program.thread_names.clone(),
            ports: self.program.port_names.clone(),
            // A workload is plain data with text keys: it always is a JSON value.
            scenario: serde_json::to_value(&self.program.workload).unwrap_or_default(),
            expect: Default::default(),
            settled_ns: Some(u64::try_from(options.settled.as_nanos()).unwrap_or(u64::MAX)),
            provenance,
        }
    }

    /// The events of all threads, in the order of time. At the same time, what begins comes before
    /// what ends: that claims the least about what came first.
    fn events(&self, start: i64, end: &End) -> Vec<Event<'static>> {
        let mut heads = BinaryHeap::new();
        let at = |thread: usize, index: u32| {
            if index < end.lengths[thread] {
                return self.threads[thread].log.get(index).map(|entry| {
                    let ends = matches!(entry.what, What::End(_) | What::Reached(_));
                    (entry.at, ends)
                });
            }
            // A thread that another one ended says nothing.
            let over = self.threads[thread].phase() == Phase::Over;
            (index == end.lengths[thread] && over)
                .then_some(end.ended[thread])
                .flatten()
                .map(|at| (at, true))
        };
        let head = |thread: usize, index: u32| {
            at(thread, index).map(|(at, ends)| std::cmp::Reverse((at, ends, thread, index)))
        };
        heads.extend((0..self.threads.len()).filter_map(|thread| head(thread, 0)));
        let mut events = Vec::new();
        while let Some(std::cmp::Reverse((at, _, thread, index))) = heads.pop() {
            events.push(Event {
                at_ns: self.clock.ns(start, at),
                what: self.happening(thread, index),
            });
            heads.extend(head(thread, index + 1));
        }
        events.push(Event {
            at_ns: self.clock.ns(start, end.at),
            what: Happening::Settled {},
        });
        events
    }

    fn happening(&self, thread: usize, index: u32) -> Happening<'static> {
        let log = &self.threads[thread].log;
        let name = || self.program.thread_names[thread].clone().into();
        let Some(entry) = log.get(index) else {
            return Happening::Ends { thread: name() };
        };
        let code = &self.program.codes[self.program.threads[thread].code];
        match (entry.what, &code.ops[entry.op as usize]) {
            (What::Begin, Op::Call(op)) => Happening::Begin {
                thread: name(),
                call: op.call.api().name().into(),
                with: op.words.clone().into(),
            },
            (What::End(answer), Op::Call(op)) => Happening::End {
                thread: name(),
                call: op.call.api().name().into(),
                result: std::borrow::Cow::Owned(log.seen(&answer)),
            },
            (What::Until, Op::Until(_, text)) => Happening::Until {
                thread: name(),
                condition: text.clone().into(),
            },
            (What::Reached(seen), Op::Until(_, text)) => Happening::Reached {
                thread: name(),
                condition: text.clone().into(),
                seen,
            },
            (_, op) => Happening::Does {
                thread: name(),
                what: does_words(self.program, op).unwrap_or_default().into(),
            },
        }
    }

    /// What a thread is doing, in words.
    fn doing(&self, thread: usize) -> String {
        let name = &self.program.thread_names[thread];
        let code = &self.program.codes[self.program.threads[thread].code];
        match self.threads[thread].phase() {
            Phase::Starts => format!("{name} has not begun"),
            Phase::Runs => format!("{name} runs"),
            Phase::Computes(_) => format!("{name} computes"),
            Phase::Over => format!("{name} has ended"),
            Phase::Calls(at) => match &code.ops[at] {
                Op::Call(op) => format!("{name} is in {}({})", op.call.api().name(), op.words),
                _ => format!("{name} is in a call"),
            },
            Phase::Waits(at) => match &code.ops[at] {
                Op::Until(_, text) => format!("{name} waits until {text}"),
                _ => format!("{name} waits for a request to complete"),
            },
        }
    }
}

/// How a run ended.
struct End {
    at: i64,
    /// How much of each thread's log belongs to it.
    lengths: Vec<u32>,
    /// When each thread was seen to have ended.
    ended: Vec<Option<i64>>,
}

/// The one who watches: a thread that has nothing to do with any port of the scenario.
struct Watcher<'w> {
    run: &'static Run,
    options: &'w Options,
    eyes: &'w mut Eyes,
    start: i64,
}

/// Whether a condition holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    No,
    /// Nothing speaks against it, and things have had the time to settle.
    Presumably,
    Yes,
}

impl Watcher<'_> {
    fn counts(&self, time: std::time::Duration) -> i64 {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.run.clock.counts(ns)
    }

    fn watch(&mut self) -> Result<End, RecordError> {
        let deadline = self
            .start
            .saturating_add(self.counts(self.options.watchdog));
        let mut idle = 0_u32;
        loop {
            self.eyes.blink();
            let opened = self.open_gates();
            if let Some(error) = self.failure() {
                return Err(error);
            }
            if let Some(end) = self.end() {
                return Ok(end);
            }
            if now() > deadline {
                let after = self.options.watchdog;
                let threads = (0..self.run.threads.len()).map(|thread| self.run.doing(thread));
                return Err(RecordError::NotOver {
                    after,
                    threads: threads.collect(),
                });
            }
            idle = if opened { 0 } else { idle.saturating_add(1) };
            // SAFETY: takes a number.
            unsafe { Sleep(u32::from(idle > 3)) };
        }
    }

    fn failure(&self) -> Option<RecordError> {
        let code = self.run.failure.load(Ordering::Acquire);
        let failure = Failure::ALL
            .into_iter()
            .find(|failure| *failure as u32 == code)?;
        let thread = self.run.failed.load(Ordering::Acquire) as usize;
        let name = &self.run.program.thread_names[thread];
        Some(failure.error(self.options, name))
    }

    /// Lets go whom the scenario's order lets go.
    fn open_gates(&mut self) -> bool {
        let run = self.run;
        let mut opened = false;
        for (index, thread) in run.threads.iter().enumerate() {
            let Phase::Waits(at) = thread.phase() else {
                continue;
            };
            if thread.gate() != Gate::Closed || thread.has_ended() {
                continue;
            }
            let code = &run.program.codes[run.program.threads[index].code];
            let holds = match &code.ops[at] {
                Op::Until(conditions, _) => conditions
                    .iter()
                    .map(|condition| self.holds(condition))
                    .fold(Holds::Yes, weaker),
                Op::Complete { file, .. } => match run.requests.any(run.objects.thing(*file)) {
                    true => Holds::Yes,
                    false => Holds::No,
                },
                _ => Holds::Yes,
            };
            let gate = match holds {
                Holds::No => continue,
                Holds::Presumably => Gate::Open,
                Holds::Yes => Gate::Seen,
            };
            thread.set_gate(gate);
            // SAFETY: the event is the recorder's own and never closed.
            unsafe { SetEvent(thread.wake()) };
            opened = true;
        }
        opened
    }

    fn holds(&mut self, condition: &Condition) -> Holds {
        let run = self.run;
        let plain = |so: bool| if so { Holds::Yes } else { Holds::No };
        match condition {
            Condition::Waits(thread, variable) => {
                let waits_on = &run.threads[thread.index()].waits_on;
                let thing = run.objects.thing(*variable);
                match thing != 0 && waits_on.load(Ordering::Acquire) == thing {
                    true => self.is_blocked(*thread, true),
                    false => Holds::No,
                }
            }
            Condition::Blocked(thread) => self.is_blocked(*thread, false),
            Condition::Suspended(thread) => self.is_suspended(*thread),
            Condition::Ended(thread) => plain(run.threads[thread.index()].has_ended()),
            Condition::Depth(variable, packets) => plain(self.depth(*variable) == Some(*packets)),
            Condition::Counter(counter, value) => {
                plain(run.counters[*counter].load(Ordering::SeqCst) == *value)
            }
            Condition::All(all) => all
                .iter()
                .map(|one| self.holds(one))
                .fold(Holds::Yes, weaker),
            // `until` does not speak of these.
            Condition::Result(_) | Condition::Key(_) => Holds::No,
        }
    }

    /// Is the thread blocked in its call? `on_port`: in a dequeue, or a wait on a port's handle.
    fn is_blocked(&mut self, id: ThreadId, on_port: bool) -> Holds {
        let run = self.run;
        let thread = &run.threads[id.index()];
        let before = thread.log.len();
        let Phase::Calls(at) = thread.phase() else {
            return Holds::No;
        };
        if thread.is_suspended() || thread.has_ended() {
            return Holds::No;
        }
        let Op::Call(op) = &run.program.code(id).ops[at] else {
            return Holds::No;
        };
        let dequeues = matches!(
            op.call.api(),
            Api::GetQueuedCompletionStatus
                | Api::GetQueuedCompletionStatusEx
                | Api::NtRemoveIoCompletion
                | Api::NtRemoveIoCompletionEx
        );
        let waits = dequeues || matches!(op.call.api(), Api::WaitForSingleObject);
        let blocks = waits || matches!(op.call.api(), Api::Sleep | Api::ReadFile);
        if !blocks || (on_port && !waits) {
            return Holds::No;
        }
        let holds = match self.eyes.look(thread) {
            Seen::Waits(Reason::Untold) => Holds::Yes,
            Seen::Waits(Reason::Queue) if dequeues => Holds::Yes,
            Seen::Waits(Reason::Other) if !dequeues => Holds::Yes,
            Seen::Unknown => self.presumably(thread.log.last()),
            _ => Holds::No,
        };
        // What was seen must be of this call.
        match thread.log.len() == before && thread.phase() == Phase::Calls(at) {
            true => holds,
            false => Holds::No,
        }
    }

    fn is_suspended(&mut self, id: ThreadId) -> Holds {
        let thread = &self.run.threads[id.index()];
        if !thread.is_suspended() || thread.has_ended() {
            return Holds::No;
        }
        match self.eyes.look(thread) {
            Seen::Suspended | Seen::Waits(Reason::Untold) => Holds::Yes,
            Seen::Unknown => self.presumably(thread.suspended.load(Ordering::Acquire)),
            _ => Holds::No,
        }
    }

    /// Has it been so for long enough to have settled?
    fn presumably(&self, since: i64) -> Holds {
        match now() - since > self.counts(self.options.settle) {
            true => Holds::Presumably,
            false => Holds::No,
        }
    }

    fn depth(&self, variable: usize) -> Option<u32> {
        let run = self.run;
        if run.objects.thing(variable) == 0 {
            return None;
        }
        let query = run.ntdll.query?;
        let mut depth = 0_u32;
        let port = run.objects.handle(variable as u32);
        // SAFETY: the pointer is to a live number of the length that is said.
        let status = unsafe {
            query(
                port,
                0,
                ptr::from_mut(&mut depth).cast(),
                4,
                ptr::null_mut(),
            )
        };
        (status == 0).then_some(depth)
    }

    /// Is the run over?
    fn end(&mut self) -> Option<End> {
        let run = self.run;
        let lengths: Vec<u32> = run.threads.iter().map(|thread| thread.log.len()).collect();
        let mut all_ended = true;
        let mut last = self.start;
        for thread in &run.threads {
            all_ended &= thread.has_ended();
            last = last
                .max(thread.log.last())
                .max(thread.ended.load(Ordering::Acquire));
        }
        if !all_ended && !self.is_quiet(last) {
            return None;
        }
        let ended = run
            .threads
            .iter()
            .map(|thread| Some(thread.ended.load(Ordering::Acquire)).filter(|at| *at != 0))
            .collect();
        // Something may have happened while it was looked at.
        let same = run
            .threads
            .iter()
            .zip(&lengths)
            .all(|(thread, &length)| thread.log.len() == length);
        same.then(|| End {
            at: now(),
            lengths,
            ended,
        })
    }

    /// Will nothing happen any more? `last` is when something happened last.
    fn is_quiet(&mut self, last: i64) -> bool {
        let run = self.run;
        let settled = self.counts(self.options.settled);
        let now = now();
        if now - last < settled {
            return false;
        }
        for (index, thread) in run.threads.iter().enumerate() {
            if thread.has_ended() {
                continue;
            }
            let code = &run.program.codes[run.program.threads[index].code];
            // What runs out by itself. A time-out may begin anew when the wait was interrupted
            // (Wine), and that was not after the last event.
            let due = match thread.phase() {
                Phase::Calls(at) => match &code.ops[at] {
                    Op::Call(op) if op.is_finite() => run.clock.counts(op.timeout_ns),
                    _ => 0,
                },
                Phase::Computes(at) => match &code.ops[at] {
                    Op::Compute(law) => run.clock.counts(law.mean_ns() as u64),
                    _ => 0,
                },
                // A closed gate would be open by now if what it waits for were so.
                Phase::Waits(_) if thread.gate() == Gate::Closed => continue,
                Phase::Starts | Phase::Runs | Phase::Waits(_) | Phase::Over => 0,
            };
            if now - last < settled.saturating_add(due) {
                return false;
            }
            // Slow is not stuck.
            if self.eyes.look(thread) == Seen::Runs {
                return false;
            }
        }
        true
    }
}

fn weaker(a: Holds, b: Holds) -> Holds {
    match (a, b) {
        (Holds::No, _) | (_, Holds::No) => Holds::No,
        (Holds::Presumably, _) | (_, Holds::Presumably) => Holds::Presumably,
        _ => Holds::Yes,
    }
}
