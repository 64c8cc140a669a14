//! Dispatcher objects to wait for, so far as a port needs company: events, semaphores, mutexes;
//! and reserve objects, which are memory with a handle.

use crate::ThreadId;
use std::vec::Vec;

/// An object and the threads that wait for it, the oldest first.
#[derive(PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DispatcherObject {
    /// What it is and in which state.
    pub kind: Kind,
    /// Who waits for it. They are released first in, first out.
    pub waiters: Vec<ThreadId>,
}

crate::clone_field_wise!(DispatcherObject { kind, waiters });

/// The kinds of object, each with its state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Kind {
    /// An event. `manual`: it stays signaled until it is reset; else one wait consumes it.
    Event {
        /// Manual reset (a notification event)?
        manual: bool,
        /// Signaled?
        signaled: bool,
    },
    /// A semaphore.
    Semaphore {
        /// Signaled while positive.
        count: u32,
        /// The most that it can count.
        maximum: u32,
    },
    /// A mutex (the kernel's mutant).
    Mutex {
        /// Who owns it.
        owner: Option<ThreadId>,
        /// How often the owner has taken it.
        recursion: u32,
        /// The last owner ended without releasing it.
        abandoned: bool,
    },
    /// A reserve object: room for one packet or one APC (POST-03).
    Reserve {
        /// For packets (`IoCompletionReserve`), not for APCs.
        for_packets: bool,
        /// Its packet has been queued and not been taken (POST-04).
        in_use: bool,
    },
}

/// How a wait on an object is satisfied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Satisfied {
    Plainly,
    AbandonedMutex,
}

impl DispatcherObject {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            waiters: Vec::new(),
        }
    }

    /// Satisfies a wait of `thread` if the object is signaled for it, with what that does to the
    /// object.
    pub(crate) fn try_satisfy(&mut self, thread: ThreadId) -> Option<Satisfied> {
        match &mut self.kind {
            Kind::Event { manual, signaled } => {
                let satisfied = *signaled;
                *signaled &= *manual;
                satisfied.then_some(Satisfied::Plainly)
            }
            Kind::Semaphore { count, .. } => {
                *count = count.checked_sub(1)?;
                Some(Satisfied::Plainly)
            }
            Kind::Mutex {
                owner,
                recursion,
                abandoned,
            } => {
                if owner.is_some_and(|owner| owner != thread) {
                    return None;
                }
                *owner = Some(thread);
                *recursion += 1;
                Some(if core::mem::take(abandoned) {
                    Satisfied::AbandonedMutex
                } else {
                    Satisfied::Plainly
                })
            }
            Kind::Reserve { .. } => None,
        }
    }
}
