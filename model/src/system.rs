//! The whole: what there is, and the one way in which it changes.

use crate::{
    Access, Action, Call, DispatcherObject, File, FileId, Frame, Handle, HandleTable, Kind, Mutant,
    NotEnabled, ObjectId, Observer, Outcome, Port, PortId, ProcessId, Request, Semantics, Target,
    Thread, ThreadId, ThreadState, Timeout, Wait, WaitPhase,
    observer::{OfTheModel, Sound},
};
use std::vec::Vec;

/// Everything that a completion port's behaviour depends on, as plain data.
///
/// Two systems that are equal behave alike. `clone_from` copies into memory that is there already.
#[derive(PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct System {
    pub(crate) semantics: Semantics,
    pub(crate) processors: u16,
    /// How many posted packets fit into memory; `None` for any number (PKT-15).
    pub(crate) post_memory: Option<u32>,
    pub(crate) processes: Vec<HandleTable>,
    pub(crate) threads: Vec<Thread>,
    pub(crate) ports: Vec<Port>,
    pub(crate) objects: Vec<DispatcherObject>,
    pub(crate) files: Vec<File>,
    pub(crate) requests: Vec<Request>,
    pub(crate) next_request: u32,
    pub(crate) apcs: Vec<UserApc>,
    /// What batch dequeues that take packet after packet have taken so far.
    pub(crate) collected: Vec<Taken>,
}

crate::clone_field_wise!(System {
    semantics,
    processors,
    post_memory,
    processes,
    threads,
    ports,
    next_request,
} mostly empty {
    objects,
    files,
    requests,
    apcs,
    collected,
});

/// A user APC that is pending.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct UserApc {
    pub(crate) thread: ThreadId,
    pub(crate) apc: u32,
}

/// A packet that is a batch dequeuer's, which has not returned with it yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Taken {
    pub(crate) thread: ThreadId,
    pub(crate) packet: crate::Packet,
}

/// A process, a thread, a port or another thing more than a system can hold (65,535 of each kind).
const TOO_MANY: &str = "a system holds at most 65,535 of each kind of object";

impl System {
    /// An empty system under these rules on a machine of `processors` processors.
    pub fn new(semantics: Semantics, processors: u16) -> Self {
        Self {
            semantics,
            processors: processors.max(1),
            post_memory: None,
            processes: Vec::new(),
            threads: Vec::new(),
            ports: Vec::new(),
            objects: Vec::new(),
            files: Vec::new(),
            requests: Vec::new(),
            next_request: 1,
            apcs: Vec::new(),
            collected: Vec::new(),
        }
    }

    /// Lets posts fail for want of memory once `most` posted packets are queued (PKT-15).
    pub fn limit_post_memory(&mut self, most: Option<u32>) {
        self.post_memory = most;
    }

    /// Adds a process with an empty handle table.
    ///
    /// # Panics
    /// If there are 65,535 already, as do the other `add_` functions; whoever builds a system from
    /// outside input limits its size first.
    pub fn add_process(&mut self) -> ProcessId {
        let id = ProcessId::new(self.processes.len()).expect(TOO_MANY);
        self.processes.push(HandleTable::default());
        id
    }

    /// Adds a running thread, associated with no port.
    pub fn add_thread(&mut self, process: ProcessId) -> ThreadId {
        let id = ThreadId::new(self.threads.len()).expect(TOO_MANY);
        self.threads.push(Thread::new(process));
        id
    }

    /// Adds a port with all rights for `process`. `concurrency` 0 means the number of processors
    /// (PORT-06).
    pub fn add_port(&mut self, process: ProcessId, concurrency: u32) -> (PortId, Handle) {
        self.create_port(process, None, Access::ALL, concurrency, &mut ())
            .expect(TOO_MANY)
    }

    /// Adds a file object.
    pub fn add_file(&mut self, process: ProcessId, overlapped: bool) -> (FileId, Handle) {
        let (handle, id) = self.create_file(process, overlapped).expect(TOO_MANY);
        (id, handle)
    }

    /// Associates a file with a port before anything happens.
    ///
    /// # Errors
    /// As `CreateIoCompletionPort`: the file is synchronous or has a port (ASSOC-02, ASSOC-03).
    pub fn associate_file(
        &mut self,
        process: ProcessId,
        file: Handle,
        port: Handle,
        key: u64,
    ) -> Result<(), crate::NtStatus> {
        self.associate(process, file, port, key, false, &mut ())
            .map(|_| ())
    }

    /// Adds an object to wait for.
    pub fn add_object(&mut self, process: ProcessId, kind: Kind) -> (ObjectId, Handle) {
        let (handle, id) = self.create_object(process, kind).expect(TOO_MANY);
        (id, handle)
    }

    /// The rules in force.
    pub fn semantics(&self) -> &Semantics {
        &self.semantics
    }

    /// Is this mutant in force? To be asked only where it makes a difference.
    #[inline]
    pub(crate) fn is_broken<O: Observer>(&self, mutant: Mutant, o: &mut O) -> bool {
        o.mutant(mutant);
        let sound = o.is_sound(OfTheModel);
        debug_assert!(
            !sound || self.semantics.mutants.is_empty(),
            "a broken system was taken for a sound one"
        );
        !sound && self.semantics.mutants.contains(mutant)
    }

    /// The number of processors.
    pub fn processors(&self) -> u16 {
        self.processors
    }

    /// A thread.
    #[inline]
    pub fn thread(&self, id: ThreadId) -> &Thread {
        &self.threads[id.index()]
    }

    /// All threads, in the order of their ids.
    pub fn threads(&self) -> &[Thread] {
        &self.threads
    }

    /// The ids of all threads.
    pub fn thread_ids(&self) -> impl Iterator<Item = ThreadId> + use<> {
        (0..self.threads.len()).filter_map(ThreadId::new)
    }

    /// A port.
    #[inline]
    pub fn port(&self, id: PortId) -> &Port {
        &self.ports[id.index()]
    }

    /// All ports, in the order of their ids, those that are gone among them.
    pub fn ports(&self) -> &[Port] {
        &self.ports
    }

    /// A file object.
    pub fn file(&self, id: FileId) -> &File {
        &self.files[id.index()]
    }

    /// An object to wait for.
    pub fn object(&self, id: ObjectId) -> &DispatcherObject {
        &self.objects[id.index()]
    }

    /// The requests that devices have not finished, oldest first.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The handles of a process.
    pub fn handles(&self, process: ProcessId) -> &HandleTable {
        &self.processes[process.index()]
    }

    /// The user APCs pending for a thread, oldest first.
    pub fn user_apcs(&self, thread: ThreadId) -> impl Iterator<Item = u32> + '_ {
        self.apcs
            .iter()
            .filter(move |apc| apc.thread == thread)
            .map(|apc| apc.apc)
    }

    /// The members of a port: the threads associated with it, in the order of their ids.
    pub fn members(&self, port: PortId) -> impl Iterator<Item = ThreadId> + '_ {
        self.thread_ids()
            .filter(move |id| self.threads[id.index()].port == Some(port))
    }

    /// The actions that the system itself has in store: a thread whose wait is over goes on, a
    /// suspension that is pending takes effect, a time-out runs out, something outside happens.
    /// Calls and what else the environment may do are not listed, since nothing here knows who
    /// wants them; [`check`](Self::check) says of any action whether it can happen.
    pub fn enabled(&self) -> impl Iterator<Item = Action> + '_ {
        self.thread_ids().flat_map(move |id| {
            let thread = self.thread(id);
            let returns = thread.can_return().then(|| {
                (self.least_more(id)..=self.most_more(id))
                    .map(move |more| Action::Return { thread: id, more })
            });
            let suspension = (thread.suspend_pending && thread.state == ThreadState::Running)
                .then_some(Action::SuspensionRuns(id));
            let expire = self.can_expire(id).then_some(Action::Expire(id));
            let unblock = waits_outside(thread).then_some(Action::Unblock(id));
            returns
                .into_iter()
                .flatten()
                .chain(suspension)
                .chain(expire)
                .chain(unblock)
        })
    }

    /// Can this action happen now?
    #[inline(always)]
    pub fn check(&self, action: &Action) -> Result<(), NotEnabled> {
        let thread_is = |id: ThreadId, wanted: fn(&Thread) -> bool, otherwise| {
            let thread = self.threads.get(id.index());
            match thread {
                None => Err(NotEnabled("there is no such thread")),
                Some(thread) if wanted(thread) => Ok(()),
                Some(_) => Err(NotEnabled(otherwise)),
            }
        };
        let alive = |id| {
            thread_is(
                id,
                |thread| thread.state != ThreadState::Terminated,
                "the thread has ended",
            )
        };
        match *action {
            Action::Call(thread, call) => {
                thread_is(
                    thread,
                    Thread::can_call,
                    "the thread is not running its own code",
                )?;
                match call {
                    Call::QueueUserApc { thread, .. }
                    | Call::WaitForThread { thread, .. }
                    | Call::SuspendThread(thread)
                    | Call::ResumeThread(thread)
                    | Call::TerminateThread(thread)
                        if thread.index() >= self.threads.len() =>
                    {
                        Err(NotEnabled("there is no such thread"))
                    }
                    _ => Ok(()),
                }
            }
            Action::Return { thread, more } => {
                thread_is(
                    thread,
                    Thread::can_return,
                    "the thread is in no call that it could go on with",
                )?;
                if more > 0 && more > self.most_more(thread) {
                    return Err(NotEnabled("there are not so many packets to collect"));
                }
                if more < self.least_more(thread) {
                    return Err(NotEnabled("it collects all packets that are queued"));
                }
                Ok(())
            }
            Action::Expire(thread) => {
                alive(thread)?;
                if self.can_expire(thread) {
                    Ok(())
                } else {
                    Err(NotEnabled(
                        "the thread is in no call with a finite time-out still to run out",
                    ))
                }
            }
            Action::Unblock(thread) => thread_is(
                thread,
                waits_outside,
                "the thread waits for nothing outside",
            ),
            Action::KernelApc { thread, inserts } => {
                thread_is(
                    thread,
                    |thread| thread.state == ThreadState::Waiting,
                    "the thread is not blocked",
                )?;
                inserts
                    .iter()
                    .flatten()
                    .try_for_each(|insert| self.check_port(insert.port))
            }
            Action::SuspensionRuns(thread) => thread_is(
                thread,
                |thread| thread.suspend_pending && thread.state == ThreadState::Running,
                "no suspension is pending for the thread",
            ),
            Action::Resume(thread) => thread_is(
                thread,
                |thread| thread.suspend_count > 0,
                "the thread is not suspended",
            ),
            Action::Suspend(thread) => {
                alive(thread)?;
                thread_is(
                    thread,
                    |thread| thread.suspend_count < i8::MAX as u8,
                    "the thread is suspended 127 times already",
                )
            }
            Action::QueueUserApc { thread, .. } | Action::Terminate(thread) => alive(thread),
            Action::Insert(insert) => self.check_port(insert.port),
            Action::InsertAs(thread, insert) => {
                thread_is(
                    thread,
                    Thread::can_call,
                    "the thread is not running its own code",
                )?;
                self.check_port(insert.port)
            }
            Action::Complete { request, .. } => {
                if self.requests.iter().any(|pending| pending.id == request) {
                    Ok(())
                } else {
                    Err(NotEnabled("no such request is pending"))
                }
            }
            Action::CloseHandle { process, handle } => {
                let table = self
                    .processes
                    .get(process.index())
                    .ok_or(NotEnabled("there is no such process"))?;
                table
                    .get(handle)
                    .map(|_| ())
                    .map_err(|_| NotEnabled("the process has no such handle"))
            }
            Action::RunDown(port) => {
                self.check_port(port)?;
                if self.is_open(port) {
                    Ok(())
                } else {
                    Err(NotEnabled("the port has been run down already"))
                }
            }
        }
    }

    fn check_port(&self, port: PortId) -> Result<(), NotEnabled> {
        match self.ports.get(port.index()) {
            None => Err(NotEnabled("there is no such port")),
            Some(port) if port.life == crate::PortLife::Deleted => {
                Err(NotEnabled("the port is gone"))
            }
            Some(_) => Ok(()),
        }
    }

    /// Takes one atomic step.
    ///
    /// # Errors
    /// If the action cannot happen now ([`check`](Self::check)); nothing has changed then.
    // Always inlined: who applies it mostly knows which action it is, and then the compiler leaves
    // all others out.
    #[inline(always)]
    pub fn apply<O: Observer>(&mut self, action: Action, o: &mut O) -> Result<Outcome, NotEnabled> {
        self.check(&action)?;
        // The one place that knows whether a rule is broken.
        Ok(if self.semantics.mutants.is_empty() {
            self.act(action, &mut Sound(o))
        } else {
            self.act_broken(action, o)
        })
    }

    /// Takes an atomic step that can happen, in a system in which rules are broken.
    #[inline(never)]
    fn act_broken<O: Observer>(&mut self, action: Action, o: &mut O) -> Outcome {
        self.act(action, o)
    }

    /// Takes an atomic step that can happen.
    #[inline(always)]
    fn act<O: Observer>(&mut self, action: Action, o: &mut O) -> Outcome {
        match action {
            Action::Call(thread, call) => self.call(thread, &call, o),
            Action::Return { thread, more } => match self.threads[thread.index()].frame {
                Frame::Dequeue(dequeue) => self.return_from_dequeue(thread, dequeue, more, o),
                Frame::Wait(wait) => self.return_from_wait(thread, wait, o),
                Frame::User => Outcome::Done,
            },
            Action::Expire(thread) => {
                self.expire(thread, o);
                Outcome::Done
            }
            Action::Unblock(thread) => {
                self.unblock(thread, o);
                Outcome::Done
            }
            Action::KernelApc { thread, inserts } => self.kernel_apc(thread, inserts, o),
            Action::SuspensionRuns(thread) => {
                self.run_suspension(thread, o);
                Outcome::Done
            }
            Action::Suspend(thread) => {
                // Cannot fail: `check` has seen that the thread is alive and the count has room.
                let _ = self.suspend(thread, o);
                Outcome::Done
            }
            Action::Resume(thread) => {
                self.resume(thread, o);
                Outcome::Done
            }
            Action::QueueUserApc { thread, apc } => {
                self.queue_user_apc(thread, apc, o);
                Outcome::Done
            }
            Action::Terminate(thread) => {
                self.end_thread(thread, o);
                Outcome::Done
            }
            Action::Insert(insert) => {
                self.insert(insert, None, false, o);
                Outcome::Done
            }
            Action::InsertAs(thread, insert) => {
                self.insert(insert, Some(thread), false, o);
                Outcome::Done
            }
            Action::Complete {
                request,
                status,
                information,
            } => {
                self.complete(request, status, information, o);
                Outcome::Done
            }
            Action::CloseHandle { process, handle } => {
                // Cannot fail: `check` has seen the handle.
                let _ = self.close_handle(process, handle, o);
                Outcome::Done
            }
            Action::RunDown(port) => Outcome::Packets(self.run_down(port, o)),
        }
    }

    fn call<O: Observer>(&mut self, thread: ThreadId, call: &Call, o: &mut O) -> Outcome {
        let wait = |target, timeout, alertable| Wait {
            api: call.api(),
            target,
            alertable,
            timeout,
            due: false,
            phase: WaitPhase::Blocked,
        };
        match *call {
            Call::WaitForSingleObject {
                object,
                timeout,
                alertable,
            } => self.wait_call(thread, object, timeout, alertable, o),
            Call::WaitForThread {
                thread: other,
                timeout,
            } => self.wait(thread, wait(Target::Thread(other), timeout, false), o),
            Call::WaitOutside { timeout, alertable } => {
                self.wait(thread, wait(Target::Outside, timeout, alertable), o)
            }
            Call::Sleep { timeout, alertable } => {
                self.wait(thread, wait(Target::Time, timeout, alertable), o)
            }
            _ => self.dequeue_call(thread, call, o),
        }
    }
}

/// Does the thread wait for something that only the environment can make happen?
fn waits_outside(thread: &Thread) -> bool {
    matches!(
        thread.frame,
        Frame::Wait(Wait {
            target: Target::Outside,
            phase: WaitPhase::Blocked | WaitPhase::Interrupted,
            ..
        })
    ) && thread.state != ThreadState::Running
        && thread.state != ThreadState::Terminated
}

/// A time-out as Win32 gives it: milliseconds, `u32::MAX` for ever (TMO-01).
impl From<u32> for Timeout {
    fn from(milliseconds: u32) -> Self {
        match milliseconds {
            0 => Self::Zero,
            u32::MAX => Self::Infinite,
            _ => Self::Finite,
        }
    }
}
