//! Compares what the model does with what was recorded.

use super::{
    memo::QueueHash,
    node::Order,
    recording::{Item, Kind, Recording},
    trail::Trail,
};
use crate::{
    program::{CallOp, Op},
    state::Watch,
};
use iocp_model::{Event, Mutant, Observer, Returned, ThreadId, rules::RuleId};
use iocp_traces::SeenResult;

/// Compares what the model does with what was recorded.
pub(super) struct Compare<'a, O> {
    pub(super) recording: &'a Recording<'a>,
    /// Items of each thread that are over in the model.
    pub(super) done: &'a mut [u32],
    /// The mark that is to be passed next.
    pub(super) mark: usize,
    pub(super) now_ns: u64,
    pub(super) prompt_ns: Option<u64>,
    /// How many packets the thread has that got some in this step.
    pub(super) got: usize,
    /// Something happened that the recording does not have.
    pub(super) differs: bool,
    /// What has happened before.
    pub(super) trail: &'a mut Trail,
    /// The hashes of the queues.
    pub(super) queues: &'a mut Vec<QueueHash>,
    /// What is known of the order in which packets come.
    pub(super) order: &'a mut Order,
    /// Who else watches.
    pub(super) observer: &'a mut O,
}

impl<O> Compare<'_, O> {
    fn over(&mut self, thread: ThreadId) -> Option<&Item> {
        let done = &mut self.done[thread.index()];
        let item = self.recording.items[thread.index()].get(*done as usize)?;
        *done += 1;
        // Steps are taken as late as they can be: now is the latest moment for this one.
        let latest = self
            .prompt_ns
            .map(|prompt| self.now_ns.saturating_add(prompt));
        match (item.ended_ns, latest) {
            (None, _) => self.differs = true,
            (Some(ended), Some(latest)) if ended > latest => self.differs = true,
            _ => {}
        }
        Some(item)
    }

    /// In a rehearsal: the thread gets the packet that the recording has for it.
    fn gets(&mut self, thread: ThreadId) {
        let place = self.got;
        self.got += 1;
        let items = &self.recording.items[thread.index()];
        let look = match items.get(self.done[thread.index()] as usize) {
            Some(Item {
                kind:
                    Kind::Call {
                        result: Some(result),
                        ..
                    },
                ..
            }) => result.packets.get(place).and_then(|packet| {
                let dequeues = &self.recording.dequeues;
                dequeues.look_of(packet.key.0, packet.overlapped.0, packet.bytes.0 as u32)
            }),
            _ => None,
        };
        match look {
            Some(look) => {
                let dequeues = &self.recording.dequeues;
                self.trail.leaves(look, self.mark, dequeues, self.order);
            }
            None => self.differs = true,
        }
    }
}

impl<O: Observer> Observer for Compare<'_, O> {
    #[inline]
    fn event(&mut self, event: Event) {
        self.observer.event(event);
        let dequeues = &self.recording.dequeues;
        self.trail
            .note(&event, dequeues, self.queues, self.order, self.observer);
        if let (true, Event::HandedOff { thread, .. } | Event::Taken { thread, .. }) =
            (self.trail.rehearses(), event)
        {
            self.gets(thread);
        }
    }

    #[inline]
    fn rule(&mut self, rule: RuleId) {
        self.observer.rule(rule);
    }

    #[inline]
    fn mutant(&mut self, mutant: Mutant) {
        self.observer.mutant(mutant);
    }
}

impl<O: Observer> Watch for Compare<'_, O> {
    fn ends(&mut self, thread: ThreadId, _: &CallOp, returned: &Returned) {
        let rehearses = self.trail.rehearses();
        let same = match self.over(thread) {
            Some(Item {
                kind:
                    Kind::Call {
                        result: Some(result),
                        ..
                    },
                ..
            }) => {
                let mut seen = SeenResult::of(returned);
                if rehearses && seen.packets.len() == result.packets.len() {
                    seen.packets.clone_from(&result.packets);
                }
                seen == *result
            }
            _ => false,
        };
        self.differs |= !same;
    }

    fn does(&mut self, thread: ThreadId, op: &Op) {
        if !matches!(op, Op::Compute(_) | Op::End) && self.over(thread).is_none() {
            self.differs = true;
        }
    }

    fn ended(&mut self, thread: ThreadId) {
        // A recording need not say that a thread ended; but one that ends does nothing more.
        if let Some(item) = self.over(thread) {
            let ends = matches!(item.kind, Kind::Ends);
            self.differs |= !ends;
        }
    }
}
