//! The way from the start to the node that is looked at, and how to go back on it.
//!
//! Of each step only a few bytes are kept: which of the moves was taken. A node of the path can be
//! had again in two ways. The last few at which something is left to try are kept, but for their
//! queues, whose changes are known; so going back a little costs next to nothing. And here and there
//! a whole node is kept, the farther back the fewer; from there the path is gone again.

use super::{moves::Move, node::Node, trail::Trail};
use std::collections::VecDeque;

/// One step of the path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// How many packets came to a port in it.
    pub(super) packets: u32,
    /// The move that was taken: its place in the list. Those before it are left to try.
    pub(super) taken: u16,
}

/// A node at which something is left to try.
#[derive(Debug)]
struct Fork {
    depth: usize,
    /// The node, but for its queues.
    node: Node,
    moves: Vec<Move>,
    /// How many changes of queues came before.
    changes: u64,
}

/// A whole node.
#[derive(Debug)]
struct Whole {
    depth: usize,
    node: Node,
}

/// The most forks. These are small where assertions are on, so that tests get to what comes then.
const MOST_FORKS: usize = if cfg!(debug_assertions) { 6 } else { 256 };
/// Steps from one whole node to the next, at the least.
const STEPS_APART: usize = if cfg!(debug_assertions) { 16 } else { 1024 };

/// The way from the start.
#[derive(Default, Debug)]
pub(super) struct Path {
    steps: Vec<Step>,
    forks: VecDeque<Fork>,
    wholes: Vec<Whole>,
    /// Forks that are needed no more, for their memory.
    spare: Vec<Fork>,
    /// Forget no fork.
    plain: bool,
}

impl Path {
    /// Begins here.
    pub(super) fn begin(&mut self, node: &Node, plain: bool) {
        self.plain = plain;
        let node = node.clone();
        self.wholes.push(Whole { depth: 0, node });
    }

    pub(super) fn depth(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn step(&self, depth: usize) -> Step {
        self.steps[depth]
    }

    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub(super) fn pop(&mut self) -> Option<Step> {
        let step = self.steps.pop();
        let depth = self.steps.len();
        // What was kept farther on is on another path from now on. The first is at depth 0.
        while self.wholes[self.wholes.len() - 1].depth > depth {
            self.wholes.pop();
        }
        step
    }

    /// Keeps a node at which something is left to try.
    pub(super) fn fork(&mut self, depth: usize, node: &Node, moves: &[Move], trail: &mut Trail) {
        if self.forks.len() >= MOST_FORKS && !self.plain {
            self.spare.extend(self.forks.pop_front());
            self.forget_changes(trail);
        }
        let changes = trail.changes();
        let fork = match self.spare.pop() {
            Some(mut fork) => {
                fork.depth = depth;
                fork.node.copy_but_queues(node);
                fork.moves.clear();
                fork.moves.extend_from_slice(moves);
                fork.changes = changes;
                fork
            }
            None => Fork {
                depth,
                node: node.without_queues(),
                moves: moves.to_vec(),
                changes,
            },
        };
        self.forks.push_back(fork);
    }

    /// Makes `node` the one at this depth again, if it was kept as a fork.
    pub(super) fn return_to_fork(
        &mut self,
        depth: usize,
        node: &mut Node,
        trail: &mut Trail,
    ) -> bool {
        match self.forks.back() {
            Some(fork) if fork.depth == depth => {
                node.go_back(&fork.node, trail.changes_since(fork.changes));
                true
            }
            _ => false,
        }
    }

    /// This move of the last fork. Once it is the last that is left, the fork is needed no more.
    pub(super) fn next_at_fork(&mut self, taken: usize) -> Move {
        let next = self.forks[self.forks.len() - 1].moves[taken];
        if taken == 0 {
            self.spare.extend(self.forks.pop_back());
        }
        next
    }

    /// Keeps the whole node, if it is time to.
    pub(super) fn keep(&mut self, depth: usize, node: &Node, trail: &mut Trail) {
        let last = self.wholes[self.wholes.len() - 1].depth;
        if depth < last + STEPS_APART || self.plain {
            return;
        }
        let mut spare = None;
        // Thin them out: the gap around one that goes is at most half of how far back it is.
        for place in (1..self.wholes.len().saturating_sub(1)).rev() {
            let (before, after) = (self.wholes[place - 1].depth, self.wholes[place + 1].depth);
            if after - before <= (depth - after) / 2 {
                spare = Some(self.wholes.remove(place));
            }
        }
        let mut whole = spare.unwrap_or_else(|| Whole {
            depth,
            node: node.without_queues(),
        });
        whole.depth = depth;
        whole.node.clone_from(node);
        self.wholes.push(whole);
        // Changes are kept from the first fork on; one of long ago is not worth them.
        while self
            .forks
            .front()
            .is_some_and(|fork| fork.depth + 4 * STEPS_APART < depth)
        {
            self.spare.extend(self.forks.pop_front());
        }
        self.forget_changes(trail);
    }

    fn forget_changes(&self, trail: &mut Trail) {
        let needed = self.forks.front().map(|fork| fork.changes);
        trail.forget_changes(needed.unwrap_or(trail.changes()));
    }

    /// Makes `node` the last one at or before this depth that was kept whole, and returns at which
    /// depth that is.
    pub(super) fn rewind(&mut self, depth: usize, node: &mut Node, trail: &mut Trail) -> usize {
        let whole = &self.wholes[self.wholes.len() - 1];
        node.clone_from(&whole.node);
        let since = &self.steps[whole.depth..depth];
        trail.forget_packets(since.iter().map(|step| step.packets as usize).sum());
        self.spare.extend(self.forks.drain(..));
        self.spare.truncate(MOST_FORKS);
        let from = whole.depth;
        self.forget_changes(trail);
        from
    }
}
