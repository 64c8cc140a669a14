//! What can be seen of the system from inside, as it happens.

use crate::{Mutant, Packet, PortId, ThreadId, rules::RuleId};

/// Watches a [`System`](crate::System) work. The empty implementation `()` costs nothing.
pub trait Observer {
    /// Something happened inside the kernel.
    #[inline]
    fn event(&mut self, event: Event) {
        let _ = event;
    }

    /// This rule decided something just now.
    #[inline]
    fn rule(&mut self, rule: RuleId) {
        let _ = rule;
    }

    /// The step went as it did because this mutant is in force, or because it is not.
    #[inline]
    fn mutant(&mut self, mutant: Mutant) {
        let _ = mutant;
    }
}

impl Observer for () {}

impl<O: Observer + ?Sized> Observer for &mut O {
    #[inline]
    fn event(&mut self, event: Event) {
        (**self).event(event);
    }

    #[inline]
    fn rule(&mut self, rule: RuleId) {
        (**self).rule(rule);
    }

    #[inline]
    fn mutant(&mut self, mutant: Mutant) {
        (**self).mutant(mutant);
    }
}

/// Something that happens inside the kernel, in the order in which it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The thread joined the port's members (THR-01).
    Associated(ThreadId, PortId),
    /// The thread left them (THR-08).
    Dissociated(ThreadId, PortId),
    /// The packet joined the queue, at its end or `at_head`.
    Queued {
        /// The port.
        port: PortId,
        /// The packet.
        packet: Packet,
        /// In front of all others (PKT-14)?
        at_head: bool,
    },
    /// The packet went to a blocked dequeuer; `from_queue` if it had been queued.
    HandedOff {
        /// The port.
        port: PortId,
        /// Who got it.
        thread: ThreadId,
        /// The packet.
        packet: Packet,
        /// From the queue's head (CONC-03), rather than from the insert itself (KQ-02)?
        from_queue: bool,
    },
    /// A running thread took the packet at the queue's head (KQ-08).
    Taken {
        /// The port.
        port: PortId,
        /// Who took it.
        thread: ThreadId,
        /// The packet.
        packet: Packet,
    },
    /// The packet is gone and nobody got it (PORT-16, THR-07, CLOSE-07).
    Discarded {
        /// The port.
        port: PortId,
        /// The packet.
        packet: Packet,
        /// From the queue's head, rather than from a thread that had been handed it?
        from_queue: bool,
    },
    /// The thread blocked on top of the port's waiter stack (KQ-11).
    WaiterPushed(ThreadId, PortId),
    /// The thread left the stack.
    WaiterLeft(ThreadId, PortId),
    /// The thread blocked on something else.
    Blocked(ThreadId),
    /// The thread left a wait other than a dequeue, or its suspension.
    Unblocked(ThreadId),
    /// The thread ended.
    Ended(ThreadId),
}
