//! What can be seen of the system from inside, as it happens.

use crate::{Mutant, Packet, PortId, ThreadId, rules::RuleId};

/// Watches a [`System`](crate::System) work. The empty implementation `()` costs nothing.
pub trait Observer {
    /// Do all rules hold in the steps that it watches? Then nobody needs to look which are broken,
    /// and the compiler leaves the questions out. Only the model knows, so only it can say so.
    #[doc(hidden)]
    #[inline]
    fn is_sound(&self, _: OfTheModel) -> bool {
        false
    }

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

/// Has no name outside the model, so that what takes it cannot be said differently elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct OfTheModel;

/// Watches a system in which all rules hold; [`System::apply`](crate::System::apply) alone puts it
/// around an observer.
pub(crate) struct Sound<'o, O>(pub(crate) &'o mut O);

impl<O: Observer> Observer for Sound<'_, O> {
    #[inline]
    fn is_sound(&self, _: OfTheModel) -> bool {
        true
    }

    #[inline(always)]
    fn event(&mut self, event: Event) {
        self.0.event(event);
    }

    #[inline]
    fn rule(&mut self, rule: RuleId) {
        self.0.rule(rule);
    }

    #[inline]
    fn mutant(&mut self, mutant: Mutant) {
        self.0.mutant(mutant);
    }
}

impl<O: Observer + ?Sized> Observer for &mut O {
    #[inline]
    fn is_sound(&self, by: OfTheModel) -> bool {
        (**self).is_sound(by)
    }

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
        /// How many packets stand before it.
        place: usize,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Profile, System};

    /// Asks with the observer of a sound system, in a system with this mutant or with none.
    fn asked_as_sound(in_force: Option<Mutant>) -> bool {
        let semantics = Profile::default().semantics;
        let semantics = in_force.map_or(semantics, |mutant| semantics.with(mutant));
        System::new(semantics, 1).is_broken(Mutant::NewestPacketFirst, &mut Sound(&mut ()))
    }

    #[test]
    fn where_all_rules_hold_none_is_broken() {
        assert!(!asked_as_sound(None));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a broken system was taken for a sound one")]
    fn a_broken_system_cannot_pass_for_a_sound_one() {
        asked_as_sound(Some(Mutant::NewestPacketFirst));
    }

    /// What a step asks is heard the same, whether or not the answer was looked up.
    #[test]
    fn questions_are_heard_where_all_rules_hold() {
        struct Heard(crate::Mutants);
        impl Observer for Heard {
            fn mutant(&mut self, mutant: Mutant) {
                self.0.insert(mutant);
            }
        }
        let mut heard = Heard(crate::Mutants::NONE);
        let system = System::new(Profile::default().semantics, 1);
        system.is_broken(Mutant::NewestPacketFirst, &mut Sound(&mut heard));
        assert!(heard.0.contains(Mutant::NewestPacketFirst));
    }

    /// [`Observer`] can be used behind a pointer.
    #[test]
    fn an_observer_may_be_a_trait_object() {
        let observer: &mut dyn Observer = &mut ();
        assert!(!{ observer }.is_sound(OfTheModel));
    }
}
