//! What has happened on the way to the node that is looked at: what is needed to go back.

use super::{
    dequeues::{Dequeues, Look},
    memo::QueueHash,
    node::Order,
    spans::Span,
};
use iocp_model::{Event, Mutant, Mutants, Observer, Packet, QueueChange, Semantics};
use std::collections::VecDeque;

/// What has happened on the way.
#[derive(Debug)]
pub(super) struct Trail {
    /// How many packets of each look have come to a port.
    come: Vec<u32>,
    /// Their looks, in the order in which they came.
    looks: Vec<Look>,
    /// How the queues have changed, from some step on.
    changes: VecDeque<QueueChange>,
    /// Changes that are forgotten.
    forgotten: u64,
    /// Packets leave in the order in which they came, and the recording has them all.
    in_order: bool,
    /// It does not matter which packet it is that a dequeuer gets: what counts is the recorded one,
    /// and that those leave in an order in which they can have come.
    rehearses: bool,
    /// The mutants without which that holds.
    mutants: Mutants,
    /// The observer has been told of them, since it made a difference.
    told: bool,
}

impl Trail {
    pub(super) fn new(dequeues: &Dequeues, semantics: &Semantics, plain: bool) -> Self {
        let disorders = |mutant: &Mutant| !semantics.with(*mutant).takes_in_order();
        Self {
            come: vec![0; dequeues.looks()],
            looks: Vec::new(),
            changes: VecDeque::new(),
            forgotten: 0,
            in_order: dequeues.tell_order && semantics.takes_in_order() && !plain,
            mutants: Mutant::all().filter(disorders).collect(),
            told: false,
            rehearses: false,
        }
    }

    /// Counts packets as they leave from now on, not as they come.
    pub(super) fn rehearse(&mut self) {
        self.rehearses = true;
    }

    pub(super) const fn rehearses(&self) -> bool {
        self.rehearses
    }

    /// The looks of all packets, in their order.
    pub(super) fn looks(&self) -> &[Look] {
        &self.looks
    }

    /// A dequeuer gets the packet of this look, at this mark.
    pub(super) fn leaves(
        &mut self,
        look: Look,
        mark: usize,
        dequeues: &Dequeues,
        order: &mut Order,
    ) {
        let came = dequeues.came.get(look, self.come[look as usize]);
        self.come[look as usize] += 1;
        self.looks.push(look);
        order.missing = dequeues.came.first_missing(order.missing, &self.come);
        // It has not come yet, or one that came before it is still there.
        if came.begin as usize >= mark || dequeues.came.end_at(order.missing) < came.begin {
            order.doom = 0;
        }
    }

    /// How many packets of this look have come.
    pub(super) fn come(&self, look: Look) -> u32 {
        self.come[look as usize]
    }

    /// How many packets have come in all.
    pub(super) fn packets(&self) -> usize {
        self.looks.len()
    }

    /// As many of the packets that came last had not come after all.
    pub(super) fn forget_packets(&mut self, packets: usize) {
        let left = self.looks.len() - packets;
        for look in self.looks.drain(left..) {
            self.come[look as usize] -= 1;
        }
    }

    /// How many changes there have been.
    pub(super) fn changes(&self) -> u64 {
        self.forgotten + self.changes.len() as u64
    }

    /// Takes the changes out that came after so many.
    pub(super) fn changes_since(
        &mut self,
        changes: u64,
    ) -> impl DoubleEndedIterator<Item = QueueChange> + '_ {
        let from = (changes - self.forgotten) as usize;
        self.changes.drain(from..)
    }

    /// Nobody will go back to before so many changes.
    pub(super) fn forget_changes(&mut self, changes: u64) {
        let gone = (changes - self.forgotten) as usize;
        self.changes.drain(..gone);
        self.forgotten = changes;
    }

    /// Notes an event.
    #[inline]
    pub(super) fn note<O: Observer>(
        &mut self,
        event: &Event,
        dequeues: &Dequeues,
        queues: &mut Vec<QueueHash>,
        order: &mut Order,
        observer: &mut O,
    ) {
        if let Some(change) = QueueChange::of(event) {
            self.changes.push_back(change);
            let (QueueChange::Joined(port, ..) | QueueChange::Left(port, _)) = change;
            if queues.len() <= port.index() {
                queues.resize(port.index() + 1, QueueHash::default());
            }
            queues[port.index()].change(&change);
            if let QueueChange::Joined(_, packet, _) = change {
                if self.rehearses {
                    return;
                }
                let span = self.comes(&packet, dequeues);
                if self.in_order {
                    self.joins(span, dequeues, order, observer);
                }
            }
        } else if let (Event::HandedOff { packet, .. }, false) = (event, self.rehearses) {
            self.comes(packet, dequeues);
        }
    }

    /// A packet comes to a port. When does it leave?
    fn comes(&mut self, packet: &Packet, dequeues: &Dequeues) -> Span {
        let Some(look) = dequeues.look(packet) else {
            return Span::NEVER;
        };
        let before = self.come[look as usize];
        self.come[look as usize] += 1;
        self.looks.push(look);
        dequeues.span(look, before)
    }

    /// A packet of this span joins the queue, before all that have not come yet. If one of those is
    /// dequeued earlier, the recording cannot be followed beyond the end of that dequeue.
    fn joins<O: Observer>(
        &mut self,
        span: Span,
        dequeues: &Dequeues,
        order: &mut Order,
        observer: &mut O,
    ) {
        order.missing = dequeues.first_missing(order.missing, &self.come);
        let end = dequeues.end_at(order.missing);
        if end < span.begin && end < order.doom {
            order.doom = end;
            self.tell(observer);
        }
    }

    /// The order in which packets leave makes a difference: whatever would change it has been asked
    /// about.
    pub(super) fn tell<O: Observer>(&mut self, observer: &mut O) {
        if !self.told {
            self.told = true;
            self.mutants
                .iter()
                .for_each(|mutant| observer.mutant(mutant));
        }
    }

    /// Can the order of the queue be told from the recording?
    pub(super) const fn is_in_order(&self) -> bool {
        self.in_order
    }

    /// Was a node met from which the recording cannot be followed to its end?
    pub(super) fn has_met_doom(&self) -> bool {
        self.told
    }
}
