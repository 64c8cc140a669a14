//! How long packets stand in the queue of a port, counted in steps.
//!
//! Every step of a schedule counts, whoever takes it: a time-out that runs out, or a suspension that
//! takes effect, as well. The step that queues a packet does not count, nor does the one with which
//! it leaves. Packets leave at the head, so it is enough to know what joined at which end; where a
//! rule of order is broken on purpose and a packet jumps the queue, it may be given the age of its
//! neighbour.

use iocp_model::{Event, PortId};

/// The ages of the packets that are queued at one port.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Waits {
    pub(crate) port: PortId,
    /// Whoever asks wants to know no more than whether one is older than this.
    pub(crate) most: u32,
    /// From the head of the queue, the ends of steps that each packet has seen, that of the step that
    /// queued it among them.
    pub(crate) ages: Vec<u32>,
}

impl Waits {
    /// Of this port, whose queue is empty.
    pub(crate) fn new(port: PortId, most: u32) -> Self {
        Self {
            port,
            most,
            ages: Vec::new(),
        }
    }

    /// Something happens in a step.
    pub(crate) fn event(&mut self, event: &Event) {
        match *event {
            Event::Queued { port, place, .. } if port == self.port => {
                self.ages.insert(place.min(self.ages.len()), 0);
            }
            Event::Taken { port, .. }
            | Event::HandedOff {
                port,
                from_queue: true,
                ..
            }
            | Event::Discarded {
                port,
                from_queue: true,
                ..
            } if port == self.port && !self.ages.is_empty() => {
                self.ages.remove(0);
            }
            _ => {}
        }
    }

    /// A step is over.
    pub(crate) fn step_ends(&mut self) {
        for age in &mut self.ages {
            *age = (*age).min(self.most.saturating_add(1)).saturating_add(1);
        }
    }

    /// Have so many steps gone by since a packet was queued that is still there?
    pub(crate) fn is_older_than(&self, most: u32) -> bool {
        self.ages.iter().any(|age| *age > most.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use iocp_model::Packet;

    fn queued(port: PortId, place: usize) -> Event {
        let packet = Packet::posted(1, 0, 0);
        Event::Queued {
            port,
            packet,
            at_head: place == 0,
            place,
        }
    }

    #[test]
    fn the_steps_between_are_counted() {
        let [port, other] = [0, 1].map(|index| PortId::new(index).unwrap());
        let mut waits = Waits::new(port, 2);
        waits.event(&queued(port, 0));
        waits.event(&queued(other, 0));
        waits.step_ends();
        // The step that queued it is none.
        assert_eq!(waits.ages, [1]);
        assert!(!waits.is_older_than(0));
        waits.event(&queued(port, 0));
        waits.step_ends();
        assert_eq!(waits.ages, [1, 2]);
        assert!(waits.is_older_than(0) && !waits.is_older_than(1));
        waits.step_ends();
        assert!(waits.is_older_than(1) && !waits.is_older_than(2));
        for _ in 0..9 {
            waits.step_ends();
        }
        // Nobody asks how much older.
        assert_eq!(waits.ages, [4, 4]);
    }
}
