//! The `IoCompletion` object: a kernel queue, and the references that keep it alive.

use crate::{NameId, Packet, ThreadId};
use std::{collections::VecDeque, vec::Vec};

/// A completion port.
///
/// Depth (the kernel's `SignalState`) is not a field: it is `queue.len()`. Which threads are
/// associated is not a field either: a thread knows its port. `active` is one, because it is what
/// the kernel counts, and the invariants compare it with the threads.
#[derive(PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Port {
    /// The concurrency limit (the kernel's `MaximumCount`), set at creation for good (PORT-06,
    /// PORT-07).
    pub limit: u32,
    /// Associated threads that are not blocked, as counted by the queue (the kernel's
    /// `CurrentCount`; CONC-01).
    pub active: u32,
    /// Packets that nobody has yet, the oldest first (PKT-02).
    pub queue: VecDeque<Packet>,
    /// Blocked dequeuers, the one that blocked first first (KQ-11).
    pub waiters: Vec<ThreadId>,
    /// Threads that wait on the handle itself, the oldest first (PORT-17).
    pub direct: Vec<ThreadId>,
    /// Handles open to it, in all processes (PORT-15).
    pub handles: u32,
    /// File objects associated with it (ASSOC-15).
    pub files: u32,
    /// Its name in the object manager's namespace (PORT-12).
    pub name: Option<NameId>,
    /// How far its life has gone.
    pub life: PortLife,
}

/// How far a port's life has gone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum PortLife {
    /// In use.
    Open,
    /// Run down, or its last handle closed, in a kernel that abandons waits then: a dequeue ends
    /// at once (CLOSE-05, CLOSE-06).
    Abandoned,
    /// The last reference is gone, and the object with it (PORT-15, PORT-16).
    Deleted,
}

crate::clone_field_wise!(Port {
    limit,
    active,
    handles,
    files,
    name,
    life,
} mostly empty {
    queue,
    waiters,
    direct,
});

impl Port {
    /// A fresh port: nothing queued, nobody waiting, nobody counted (PORT-08).
    pub(crate) fn new(limit: u32, name: Option<NameId>) -> Self {
        Self {
            limit,
            active: 0,
            queue: VecDeque::new(),
            waiters: Vec::new(),
            direct: Vec::new(),
            handles: 0,
            files: 0,
            name,
            life: PortLife::Open,
        }
    }

    /// The number of packets waiting (`SignalState`): what `NtQueryIoCompletion` reports
    /// (PORT-11).
    #[inline]
    pub fn depth(&self) -> usize {
        self.queue.len()
    }

    /// Is the handle signaled? (PORT-17)
    pub fn is_signaled(&self) -> bool {
        !self.queue.is_empty() || self.life == PortLife::Abandoned
    }
}
