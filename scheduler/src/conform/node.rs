//! A point of the search: the model's state, and how far it is in the recording.

use super::memo::QueueHash;
use crate::state::State;
use iocp_model::QueueChange;

/// A point of the search.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) state: State,
    /// Marks passed.
    pub(super) mark: usize,
    /// Items of each thread that have begun in the recording.
    pub(super) begun: Vec<u32>,
    /// Items of each thread that are over in the model.
    pub(super) done: Vec<u32>,
    /// Hidden waits assumed so far.
    pub(super) hidden: u32,
    /// For each port, a hash of the packets in its queue, in their order.
    pub(super) queues: Vec<QueueHash>,
    /// What is known of the order in which packets come.
    pub(super) order: Order,
}

/// What is known of the order in which packets come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// A mark that cannot be passed from here.
    pub(super) doom: u32,
    /// All packets before this place have come, in the order of the ends of their dequeues.
    pub(super) missing: u32,
}

impl Clone for Node {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
            mark: self.mark,
            begun: self.begun.clone(),
            done: self.done.clone(),
            hidden: self.hidden,
            queues: self.queues.clone(),
            order: self.order,
        }
    }

    fn clone_from(&mut self, source: &Self) {
        self.state.clone_from(&source.state);
        self.copy_place(source);
    }
}

impl Node {
    /// The start: nothing has happened.
    pub(super) fn new(state: State) -> Self {
        let threads = state.system.threads().len();
        let ports = state.system.ports().len();
        Self {
            state,
            mark: 0,
            begun: vec![0; threads],
            done: vec![0; threads],
            hidden: 0,
            queues: vec![QueueHash::default(); ports],
            order: Order {
                doom: u32::MAX,
                missing: 0,
            },
        }
    }

    /// A copy without the packets that are queued.
    pub(super) fn without_queues(&self) -> Self {
        let mut copy = Self::new(self.state.without_queues());
        copy.copy_place(self);
        copy
    }

    /// Becomes a copy of `source` in everything but the packets that are queued.
    pub(super) fn copy_but_queues(&mut self, source: &Self) {
        self.state.copy_but_queues(&source.state);
        self.copy_place(source);
    }

    /// Goes back to an earlier node: a copy of it but for its queues, and their changes since.
    pub(super) fn go_back(
        &mut self,
        before: &Self,
        changes: impl DoubleEndedIterator<Item = QueueChange>,
    ) {
        self.state.system.go_back(&before.state.system, changes);
        self.copy_but_queues(before);
    }

    fn copy_place(&mut self, source: &Self) {
        self.mark = source.mark;
        self.begun.clone_from(&source.begun);
        self.done.clone_from(&source.done);
        self.hidden = source.hidden;
        self.queues.clone_from(&source.queues);
        self.order = source.order;
    }
}
