//! A workload, checked and compiled: what the engines run.
//!
//! A program is a list of [`Op`]s and a thread's place in it is a number, so that the state of a
//! whole run is plain data. Some ops are *visible*: they touch what threads share, and each is one
//! step of a schedule. The others are local to their thread (a branch, a loop's bookkeeping) and
//! are part of the step before.

use crate::{
    law::Law,
    workload::{Place, Workload, WorkloadError},
};
use iocp_model::{
    Access, Call, Handle, Kind, Packet, PortId, ProcessId, Semantics, System, ThreadId, Timeout,
};
use iocp_traces::Number;
use std::borrow::Cow;

/// How deep `repeat` may be nested.
pub const MOST_NESTING: usize = 4;
/// How many threads a workload may have.
pub const MOST_THREADS: usize = 1024;
/// How many steps all programs of a workload may have together.
pub const MOST_OPS: usize = 100_000;

/// A workload that has been checked: names are numbers, steps are ops.
#[derive(Clone, Debug)]
pub struct Program {
    /// The workload that it came from.
    pub workload: Workload,
    /// The names of the threads.
    pub thread_names: Vec<String>,
    /// The names of the ports that exist from the start.
    pub port_names: Vec<String>,
    /// The names of the handle variables.
    pub variables: Vec<String>,
    /// The names of the counters.
    pub counter_names: Vec<String>,
    /// The names of the sets of marked packets.
    pub mark_names: Vec<String>,
    /// Which code each thread runs.
    pub threads: Vec<ThreadCode>,
    /// The code; threads that are copies of each other share it.
    pub codes: Vec<Code>,
    /// Could a thread be ended by another, so that being handed a packet and returning with it are
    /// two steps? (THR-07)
    pub threads_can_be_ended: bool,
    /// Can other threads come between the return of a call and its `counts`? They can on a real
    /// kernel; see [`with_counts_apart`](Self::with_counts_apart).
    pub counts_apart: bool,
    /// Packets that have been made alike for a search.
    pub(crate) alike: Option<Alike>,
}

/// How the packets that have been made alike are marked: they are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Alike {
    /// Their key.
    pub(crate) key: u64,
    /// The key that a thread remembers of one that it has marked.
    pub(crate) marked: u64,
    /// The counter.
    pub(crate) counter: usize,
}

/// Which code a thread runs, where.
#[derive(Clone, Copy, Debug)]
pub struct ThreadCode {
    /// An index into [`Program::codes`].
    pub code: usize,
    /// Its process.
    pub process: ProcessId,
    /// It runs on another machine, and needs no processor of this one.
    pub outside: bool,
}

/// One program.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Its ops; the last one is [`Op::End`].
    pub ops: Vec<Op>,
    /// For each op: is the result of the last call still of use when the thread rests here?
    pub result_live: Vec<bool>,
    /// For each op: where the thread rests after it, if that is always the same place, and nothing
    /// is remembered there of a result. This is what [`Local::follow`](crate::Local) would find.
    pub next: Vec<Option<u32>>,
    /// For each op: the step that it came from.
    pub places: Vec<Place>,
}

/// One op of a program.
#[derive(Clone, Debug)]
pub enum Op {
    /// Makes a call. Visible.
    Call(CallOp),
    /// Uses a processor for a duration of this law. Visible to a clock, local to an explorer.
    Compute(Law),
    /// Goes on when all conditions hold. Visible.
    Until(Vec<Condition>, String),
    /// Adds to a counter. Visible.
    Add {
        /// The counter.
        counter: usize,
        /// How much.
        by: i64,
        /// Is it the `counts` of the call before, and so part of the step in which that returns?
        of_call: bool,
    },
    /// Marks the packet in hand. Visible.
    Mark {
        /// The set.
        set: usize,
    },
    /// Finishes the oldest pending request of a file, as its device. Visible.
    Complete {
        /// The file's handle variable.
        file: usize,
        /// How it ended.
        status: u32,
        /// The byte count.
        information: u32,
    },
    /// The thread ends. Visible, if anybody can notice.
    End,
    /// Goes on elsewhere unless the test holds. Local.
    Branch {
        /// The test.
        test: Condition,
        /// Where to go on if it does not hold.
        otherwise: usize,
    },
    /// Goes on elsewhere. Local.
    Jump(usize),
    /// One turn of a loop is over. Local.
    Again {
        /// The loop's counter, if anybody needs it.
        slot: Option<usize>,
        /// How many turns; `None` for ever.
        times: Option<u32>,
        /// Where a turn begins.
        body: usize,
    },
}

/// A call of a program.
#[derive(Clone, Debug)]
pub struct CallOp {
    /// The call; its handles are numbers of variables.
    pub call: Call,
    /// Added to the key for each earlier turn of the loop of this slot.
    pub key_step: Option<(usize, u64)>,
    /// The variable that gets the handle that the call gives.
    pub bind: Option<usize>,
    /// How long it waits at most, where that is finite; by a law, the mean.
    pub timeout_ns: u64,
    /// The law of how long it sleeps, where it is not always as long.
    pub law: Option<Law>,
    /// Its label.
    pub label: Option<String>,
    /// Its arguments in words, for traces.
    pub words: String,
}

impl CallOp {
    /// The packet that it posts, if it is a call that posts; its key is that of the first turn.
    pub(crate) fn packet(&self) -> Option<Packet> {
        match self.call {
            Call::PostQueuedCompletionStatus { packet, .. }
            | Call::NtSetIoCompletion { packet, .. }
            | Call::NtSetIoCompletionEx { packet, .. } => Some(packet),
            _ => None,
        }
    }

    /// Can the time of the call run out?
    pub(crate) fn is_finite(&self) -> bool {
        match &self.call {
            Call::GetQueuedCompletionStatus { timeout, .. }
            | Call::GetQueuedCompletionStatusEx { timeout, .. }
            | Call::NtRemoveIoCompletion { timeout, .. }
            | Call::NtRemoveIoCompletionEx { timeout, .. }
            | Call::WaitForSingleObject { timeout, .. }
            | Call::WaitForThread { timeout, .. }
            | Call::WaitOutside { timeout, .. }
            | Call::Sleep { timeout, .. } => *timeout == Timeout::Finite,
            _ => false,
        }
    }

    /// The arguments of this turn's call in words: the number of a packet is that of the turn.
    pub fn words_of(&self, call: &Call) -> Cow<'_, str> {
        let key = |call: &Call| match call {
            Call::PostQueuedCompletionStatus { packet, .. }
            | Call::NtSetIoCompletion { packet, .. }
            | Call::NtSetIoCompletionEx { packet, .. } => Some(packet.key),
            _ => None,
        };
        match (self.key_step, key(&self.call), key(call)) {
            (Some(_), Some(first), Some(now)) if first != now => self
                .words
                .replace(
                    &format!("key {}", Number(first)),
                    &format!("key {}", Number(now)),
                )
                .into(),
            _ => Cow::Borrowed(&self.words),
        }
    }
}

/// Something that may be so or not.
#[derive(Clone, PartialEq, Debug)]
pub enum Condition {
    /// The thread is blocked in a dequeue of this port, or in a wait on its handle.
    Waits(ThreadId, usize),
    /// The thread is blocked in anything.
    Blocked(ThreadId),
    /// The thread is suspended.
    Suspended(ThreadId),
    /// The thread has ended.
    Ended(ThreadId),
    /// The port behind this variable has so many packets.
    Depth(usize, u32),
    /// The counter has this value.
    Counter(usize, i64),
    /// The last dequeue or wait came to this.
    Result(String),
    /// The packet in hand has this key.
    Key(Number),
    /// All of these.
    All(Vec<Condition>),
}

/// The variable that always holds the null handle.
pub const NULL: usize = 0;
/// The variable that always holds `INVALID_HANDLE_VALUE`.
pub const INVALID: usize = 1;
/// The first variable that holds what the workload says.
pub const FIRST_VARIABLE: usize = 2;

/// A fresh system with what the workload declares, and the values of the handle variables.
pub(crate) struct Setup {
    pub(crate) system: System,
    pub(crate) variables: Vec<Handle>,
}

impl Program {
    /// Checks and compiles a workload.
    ///
    /// # Errors
    /// The first thing that cannot be, with its place in the workload and what to do.
    pub fn compile(workload: &Workload) -> Result<Self, WorkloadError> {
        crate::compile::compile(workload)
    }

    /// The ids of all threads.
    pub fn thread_ids(&self) -> impl Iterator<Item = ThreadId> + use<> {
        (0..self.threads.len()).filter_map(ThreadId::new)
    }

    /// The code of a thread.
    #[inline]
    pub fn code(&self, thread: ThreadId) -> &Code {
        &self.codes[self.threads[thread.index()].code]
    }

    /// The name of a thread.
    pub fn thread_name(&self, thread: ThreadId) -> &str {
        &self.thread_names[thread.index()]
    }

    /// The name of a port: its own, or "port-3" for one that was created on the way.
    pub fn port_name(&self, port: PortId) -> String {
        match self.port_names.get(port.index()) {
            Some(name) => name.clone(),
            None => format!("port-{}", port.index() + 1),
        }
    }

    /// The same program as a real kernel runs it: a thread counts a call when it is back from it,
    /// and that is a step of its own.
    ///
    /// Every schedule of the program is one of this one, in which the thread counts at once.
    #[must_use]
    pub fn with_counts_apart(&self) -> Cow<'_, Self> {
        let counts = |op: &Op| matches!(op, Op::Add { of_call: true, .. });
        let mut ops = self.codes.iter().flat_map(|code| &code.ops);
        if self.counts_apart || !ops.any(counts) {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self {
            counts_apart: true,
            ..self.clone()
        })
    }

    /// The number of processors: as the machine has it, or one for each thread that is not outside.
    pub fn processors(&self) -> u16 {
        let inside = self.threads.iter().filter(|thread| !thread.outside);
        let threads = u16::try_from(inside.count()).unwrap_or(u16::MAX);
        self.workload.machine.processors.unwrap_or(threads.max(1))
    }

    /// The system before the first step.
    pub(crate) fn setup(&self, semantics: Semantics) -> Setup {
        let workload = &self.workload;
        let mut system = System::new(semantics, self.processors());
        system.limit_post_memory(workload.machine.post_memory);
        let main = system.add_process();
        for _ in &workload.processes {
            system.add_process();
        }
        let mut variables = vec![Handle::NULL; self.variables.len()];
        variables[INVALID] = Handle::INVALID;
        let variable_of = |name: &str| self.variables.iter().position(|known| known == name);
        let mut bind = |name: &str, handle: Handle| {
            if let Some(variable) = variable_of(name) {
                variables[variable] = handle;
            }
        };
        let mut ports = Vec::new();
        for port in &workload.ports {
            let (_, handle) = system.add_port(main, port.concurrency);
            ports.push((port.name.as_str(), handle));
            bind(&port.name, handle);
        }
        for file in &workload.files {
            let (_, handle) = system.add_file(main, file.overlapped);
            bind(&file.name, handle);
            let port = ports
                .iter()
                .find(|(name, _)| Some(*name) == file.port.as_deref());
            if let Some(&(_, port)) = port {
                // Cannot fail: the file is fresh, and `compile` has refused synchronous ones.
                let _ = system.associate_file(main, handle, port, file.key.unwrap_or_default().0);
            }
        }
        for event in &workload.events {
            let kind = Kind::Event {
                manual: event.manual,
                signaled: event.signaled,
            };
            bind(&event.name, system.add_object(main, kind).1);
        }
        for semaphore in &workload.semaphores {
            let kind = Kind::Semaphore {
                count: semaphore.count,
                maximum: semaphore.maximum,
            };
            bind(&semaphore.name, system.add_object(main, kind).1);
        }
        for mutex in &workload.mutexes {
            let kind = Kind::Mutex {
                owner: None,
                recursion: 0,
                abandoned: false,
            };
            bind(&mutex.name, system.add_object(main, kind).1);
        }
        for thread in &self.threads {
            system.add_thread(thread.process);
        }
        Setup { system, variables }
    }
}

/// Rights by the names that scenarios use.
pub(crate) fn access(name: &str) -> Option<Access> {
    Some(match name {
        "query" => Access::QUERY_STATE,
        "modify" => Access::MODIFY_STATE,
        "synchronize" => Access::SYNCHRONIZE,
        "all" => Access::ALL,
        "none" => Access(0),
        "generic-read" => Access::GENERIC_READ,
        "generic-write" => Access::GENERIC_WRITE,
        "generic-execute" => Access::GENERIC_EXECUTE,
        "generic-all" => Access::GENERIC_ALL,
        _ => return None,
    })
}
