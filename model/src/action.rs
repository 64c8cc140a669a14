//! The only ways in which a system changes.

use crate::{Call, Handle, NtStatus, Packet, PortId, ProcessId, RequestId, ThreadId};
use core::fmt;

/// One atomic step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A thread in its own code makes a call.
    Call(ThreadId, Call),
    /// A thread whose wait is over or was interrupted goes on: it returns to its own code with the
    /// result, or looks again and perhaps blocks again.
    Return {
        /// The thread.
        thread: ThreadId,
        /// Packets that a batch dequeue collects from the queue beyond the one that woke it
        /// (GQX-07); at most [`System::most_more`](crate::System::most_more).
        more: u16,
    },
    /// The finite time-out of the call that a thread is in runs out.
    Expire(ThreadId),
    /// What a thread waits for outside the model happens.
    Unblock(ThreadId),
    /// A kernel APC runs in a blocked thread: it leaves its wait, the APC may insert packets, and it
    /// goes back to its wait (KQ-12).
    KernelApc {
        /// The thread.
        thread: ThreadId,
        /// What the APC inserts.
        inserts: [Option<Insert>; 2],
    },
    /// The suspension APC that is pending for a running thread runs (CONC-11).
    SuspensionRuns(ThreadId),
    /// Somebody outside suspends a thread.
    Suspend(ThreadId),
    /// Somebody outside takes one suspension back.
    Resume(ThreadId),
    /// Somebody outside queues a user APC.
    QueueUserApc {
        /// The target.
        thread: ThreadId,
        /// The APC.
        apc: u32,
    },
    /// Somebody outside ends a thread, whatever it is doing (THR-06, THR-07).
    Terminate(ThreadId),
    /// Somebody outside, or a driver, inserts a packet.
    Insert(Insert),
    /// A thread inserts a packet, as a driver does on its behalf.
    InsertAs(ThreadId, Insert),
    /// The device finishes a request.
    Complete {
        /// The request.
        request: RequestId,
        /// How.
        status: NtStatus,
        /// The byte count.
        information: u32,
    },
    /// Somebody outside closes a handle.
    CloseHandle {
        /// In this process,
        process: ProcessId,
        /// this handle.
        handle: Handle,
    },
    /// The kernel queue is run down (CLOSE-06, CLOSE-07).
    RunDown(PortId),
}

/// An insert into a port's queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Insert {
    /// The port.
    pub port: PortId,
    /// The packet.
    pub packet: Packet,
    /// In front of all others (PKT-14)?
    pub at_head: bool,
}

/// The action cannot happen now; the system is as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotEnabled(pub(crate) &'static str);

impl fmt::Display for NotEnabled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotEnabled {}
