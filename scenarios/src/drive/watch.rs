//! What the protocol must know of a step and the model's state does not say: in which order
//! threads joined a port, and in which order waits ended.

use iocp_model::{Event, Observer, PortId, ThreadId, rules::RuleId};
use std::collections::VecDeque;

/// Watches the model work for a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// The members of each port, in the order in which they joined.
    members: Vec<Vec<ThreadId>>,
    /// The threads whose wait ended or was interrupted in this step, in that order.
    woken: VecDeque<ThreadId>,
    /// The tags of the packets that left the system in this step.
    gone: Vec<u32>,
    /// Checks every invariant after every step, in debug builds.
    #[cfg(debug_assertions)]
    pub(super) audit: iocp_model::invariants::Audit,
}

impl Watch {
    /// The members of a port, in the order in which they joined.
    pub(super) fn members(&self, port: PortId) -> &[ThreadId] {
        self.members.get(port.index()).map_or(&[], Vec::as_slice)
    }

    /// The next thread whose wait has ended or been interrupted.
    pub(super) fn next_woken(&mut self) -> Option<ThreadId> {
        self.woken.pop_front()
    }

    /// A packet with this tag has been delivered.
    pub(super) fn delivered(&mut self, tag: u32) {
        self.gone.push(tag);
    }

    /// The tags of the packets that have left since the last time.
    pub(super) fn take_gone(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.gone)
    }
}

impl Observer for Watch {
    fn event(&mut self, event: Event) {
        match event {
            Event::Associated(thread, port) => {
                if self.members.len() <= port.index() {
                    self.members.resize_with(port.index() + 1, Vec::new);
                }
                self.members[port.index()].push(thread);
            }
            Event::Dissociated(thread, port) => {
                if let Some(members) = self.members.get_mut(port.index()) {
                    members.retain(|&member| member != thread);
                }
            }
            Event::HandedOff { thread, .. }
            | Event::WaiterLeft(thread, _)
            | Event::Unblocked(thread) => self.woken.push_back(thread),
            Event::Discarded { packet, .. } => self.gone.push(packet.tag),
            _ => {}
        }
        #[cfg(debug_assertions)]
        self.audit.event(event);
    }

    fn rule(&mut self, rule: RuleId) {
        #[cfg(debug_assertions)]
        self.audit.rule(rule);
        #[cfg(not(debug_assertions))]
        let _ = rule;
    }
}
