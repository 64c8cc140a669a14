//! Threads as the kernel's dispatcher sees them.
//!
//! What a thread is doing has three independent parts: its dispatcher state, the frame of the
//! system call that it is in, and the APCs that are pending for it. A suspended thread inside an
//! interrupted dequeue is all three at once.

use crate::{Api, FileId, Handle, ObjectId, Packet, PortId, ProcessId, ThreadId};

/// A thread.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Thread {
    /// The process that it belongs to.
    pub process: ProcessId,
    /// Its dispatcher state.
    pub state: ThreadState,
    /// The port that it is associated with (THR-01).
    pub port: Option<PortId>,
    /// Does that port's active count include it? As a rule it does if the thread runs (CONC-01).
    pub counted: bool,
    /// The system call that it is in.
    pub frame: Frame,
    /// How often it has been suspended and not resumed.
    pub suspend_count: u8,
    /// A suspension APC is queued and has not run yet (CONC-11).
    pub suspend_pending: bool,
    /// Its wait reason still says "queue" although it waits no longer (OPEN-11). Kept only under
    /// [`SelfInsert::StaleWaitReason`](crate::profile::SelfInsert).
    pub stale_wait_reason: bool,
}

/// Does the thread run?
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ThreadState {
    /// Running, ready to run, or pre-empted: not blocked (CONC-01).
    Running,
    /// Blocked in the wait of its [`Frame`].
    Waiting,
    /// Blocked in the wait of its suspension APC, whatever its frame (CONC-11).
    Suspended,
    /// Ended.
    Terminated,
}

/// The system call that a thread is in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Frame {
    /// None: it runs its own code.
    User,
    /// A dequeue that could not return at once.
    Dequeue(Dequeue),
    /// A wait for something else.
    Wait(Wait),
}

/// A dequeue in progress.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Dequeue {
    /// Which call it is: it decides how the result is shown.
    pub api: Api,
    /// The port.
    pub port: PortId,
    /// The handle that it was called with.
    pub handle: Handle,
    /// The most packets that it takes.
    pub max: u16,
    /// Does a user APC end it?
    pub alertable: bool,
    /// Its time-out; never zero here.
    pub timeout: Timeout,
    /// Its due time has passed while its wait was interrupted (KQ-13).
    pub due: bool,
    /// How far it is.
    pub phase: DequeuePhase,
}

/// How far a dequeue is that could not return at once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum DequeuePhase {
    /// On the port's waiter stack.
    Blocked,
    /// Off the stack without a result; it looks again when it goes on.
    Interrupted,
    /// Handed a packet, which is its own from now on (WAIT-03).
    Granted(Packet),
    /// It has packets and looks for more: a batch dequeue that takes them one by one.
    Taking,
    /// Its time ran out.
    TimedOut,
    /// A user APC came.
    Alerted,
    /// The port was closed or run down.
    Abandoned,
}

/// A wait for something other than a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Wait {
    /// Which call it is.
    pub api: Api,
    /// What it waits for.
    pub target: Target,
    /// Does a user APC end it?
    pub alertable: bool,
    /// Its time-out; never zero here.
    pub timeout: Timeout,
    /// Its due time has passed while it was interrupted.
    pub due: bool,
    /// How far it is.
    pub phase: WaitPhase,
}

/// How far a wait is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum WaitPhase {
    /// Blocked.
    Blocked,
    /// Interrupted without a result; it looks again when it goes on.
    Interrupted,
    /// What it waited for has happened.
    Signaled,
    /// It has got a mutex whose owner ended.
    AbandonedMutex,
    /// Its time ran out.
    TimedOut,
    /// A user APC came.
    Alerted,
}

/// What a thread waits for, other than a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Target {
    /// Nothing: `Sleep`. Only time or an APC ends it.
    Time,
    /// Something outside the model (a lock, a page, synchronous I/O: CONC-12). The environment
    /// says when.
    Outside,
    /// A port's own handle (PORT-17).
    Port(PortId),
    /// A file's own event.
    File(FileId),
    /// An event, a semaphore or a mutex.
    Object(ObjectId),
    /// The end of a thread.
    Thread(ThreadId),
}

/// The time-out of a wait. The model knows no clock: it knows whether time can end a wait, and is
/// told when it does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum Timeout {
    /// Do not wait (TMO-01).
    Zero,
    /// Some time.
    Finite,
    /// `INFINITE`.
    Infinite,
}

impl Thread {
    /// A running thread in its own code, associated with no port.
    pub const fn new(process: ProcessId) -> Self {
        Self {
            process,
            state: ThreadState::Running,
            port: None,
            counted: false,
            frame: Frame::User,
            suspend_count: 0,
            suspend_pending: false,
            stale_wait_reason: false,
        }
    }

    /// Is it counted though it does not run, or not counted though it does? Never so in any
    /// profile; mutants do it.
    #[inline]
    pub(crate) fn is_miscounted(&self) -> bool {
        self.counted != (self.port.is_some() && self.state == ThreadState::Running)
    }

    /// Can it make a call now?
    #[inline]
    pub fn can_call(&self) -> bool {
        self.state == ThreadState::Running && matches!(self.frame, Frame::User)
    }

    /// Is it inside a call whose wait is over or interrupted, and not held up, so that it can go
    /// on?
    #[inline]
    pub fn can_return(&self) -> bool {
        self.state == ThreadState::Running && !matches!(self.frame, Frame::User)
    }

    /// Is a finite time-out of its running that has not run out?
    #[inline]
    pub fn can_expire(&self) -> bool {
        match self.frame {
            Frame::Dequeue(dequeue) => {
                dequeue.timeout == Timeout::Finite
                    && !dequeue.due
                    && matches!(
                        dequeue.phase,
                        DequeuePhase::Blocked | DequeuePhase::Interrupted
                    )
            }
            Frame::Wait(wait) => {
                wait.timeout == Timeout::Finite
                    && !wait.due
                    && matches!(wait.phase, WaitPhase::Blocked | WaitPhase::Interrupted)
            }
            Frame::User => false,
        }
    }

    /// Does it wait on this port's stack?
    pub fn waits_in(&self, port: PortId) -> bool {
        // Suspended or not: in some kernels a suspended waiter keeps its place.
        matches!(self.frame, Frame::Dequeue(dequeue)
            if dequeue.phase == DequeuePhase::Blocked && dequeue.port == port)
    }
}
