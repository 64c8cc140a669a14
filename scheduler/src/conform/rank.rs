//! What to try first: guesses, from what the recording says of later.
//!
//! Nothing here decides whether a recording conforms; the model alone does. But a good guess is one
//! that need not be taken back, and a bad one can be refuted thousands of events later. What helps:
//!
//! - Packets are posted in the order in which they were dequeued.
//! - Who can take the packet at the head of the queue takes it: nobody else could, and a slot that
//!   is free now may be gone.
//! - A member goes to sleep as early as it can, and wakes as late as it can: it frees a slot.
//! - A dequeuer that has to wait does so about as long after its call began as other calls take; and
//!   of several, those whose turn comes last go first.

use super::{
    moves::Move,
    node::Node,
    recording::{Item, Kind, Recording, What},
    trail::Trail,
};
use crate::{
    program::Op,
    state::{Choice, State},
};
use iocp_model::{Call, Packet, Port, ThreadId, profile::WaiterOrder};
use smallvec::SmallVec;
use std::cmp::Reverse;

/// Choices that are being ranked.
#[derive(Default, Debug)]
pub(super) struct Ranking {
    ranked: Vec<(Rank, Choice)>,
    /// The ends of the dequeues whose packets can be posted now.
    leaves: Vec<u32>,
    /// The posts whose dequeuers wait: how many are to be served before, and where they are ranked.
    for_waiters: Vec<(usize, usize)>,
}

/// When a choice is to be tried: the least first.
#[derive(Clone, Copy, Default, Debug)]
struct Rank {
    turn: Turn,
    /// The mark by which it must have been taken, mostly.
    deadline: u32,
    /// The place in the order in which packets come, of the packet that it posts or waits for.
    place: u32,
    /// The mark by which its call is over: of packets that look the same, the most urgent comes
    /// first.
    over: u32,
}

/// Groups of choices, in the order in which they are to be tried.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
enum Turn {
    /// Something that has happened goes on.
    #[default]
    GoesOn,
    /// It brings a packet to its dequeuer, or frees a slot.
    Serves,
    /// A dequeuer begins to wait about now.
    Waits,
    /// By its deadline.
    Any,
    /// A dequeuer would wait, perhaps too early.
    Early,
    /// Time runs out, as late as it can.
    Late,
}

/// What a dequeue needs.
enum Need {
    /// Nothing: it can have its packet.
    Nothing,
    /// Its packet is not there.
    Packet,
    /// It returned without one.
    Other,
}

impl Recording<'_> {
    /// Appends choices to a list of moves, the likeliest last.
    pub(super) fn rank(
        &self,
        node: &Node,
        trail: &Trail,
        choices: &[Choice],
        ranking: &mut Ranking,
        to: &mut Vec<Move>,
    ) {
        let Ranking {
            ranked,
            leaves,
            for_waiters,
        } = ranking;
        ranked.clear();
        leaves.clear();
        for_waiters.clear();
        let demanded = match self.marks.get(node.mark).map(|mark| mark.what) {
            Some(What::Over(thread, _)) => Some(thread),
            _ => None,
        };
        for &choice in choices {
            let thread = choice.thread();
            let item = self.item(node, thread);
            let deadline = item.map_or(u32::MAX, |item| item.over);
            let rank = |turn, place| Rank {
                turn,
                deadline,
                place,
                over: deadline,
            };
            let rank = match choice {
                Choice::Return(_, more) => Rank {
                    // A batch that was woken collects as many as it returned with.
                    deadline: self.packets(item).abs_diff(u32::from(more) + 1),
                    ..Rank::default()
                },
                Choice::Suspend(_) => Rank::default(),
                Choice::Expire(_) if demanded == Some(thread) => rank(Turn::Any, 0),
                Choice::Expire(_) => rank(Turn::Late, 0),
                Choice::Step(_) => match self.packet(node, thread) {
                    Some((port, packet)) => {
                        let (when, place) = self.leaves(node, trail, &packet);
                        leaves.push(when);
                        if let Some(before) = port.and_then(|port| self.before(node, port, when)) {
                            for_waiters.push((before, ranked.len()));
                        }
                        let serves = port.is_some_and(|port| self.is_served(node, port, when));
                        let turn = if serves { Turn::Serves } else { Turn::Any };
                        Rank {
                            deadline: deadline.min(when),
                            ..rank(turn, place)
                        }
                    }
                    // Nobody has it yet.
                    None => rank(Turn::Early, item.map_or(u32::MAX, |item| item.turn)),
                },
            };
            ranked.push((rank, choice));
        }
        // Waiters are served in the order in which they stand, whatever was guessed.
        let mut places: SmallVec<[u32; 32]> = for_waiters
            .iter()
            .map(|&(_, post)| ranked[post].0.place)
            .collect();
        places.sort_unstable();
        for_waiters.sort_unstable();
        for (place, &mut (_, post)) in places.into_iter().zip(for_waiters) {
            ranked[post].0.place = place;
        }
        if leaves.len() > 1 {
            // No post has a later deadline than another whose packet comes later.
            ranked.sort_by_key(|(rank, _)| Reverse(rank.place));
            let mut least = u32::MAX;
            for (rank, choice) in &mut *ranked {
                if matches!(choice, Choice::Step(_)) && rank.turn != Turn::Early {
                    least = least.min(rank.deadline);
                    rank.deadline = least;
                }
            }
        }
        let order = node.state.system.semantics().waiter_order;
        // Those that wait about now, and the one among them whose turn comes first.
        let mut first = None;
        for (rank, choice) in &mut *ranked {
            if let (Turn::Early, Choice::Step(thread)) = (rank.turn, *choice) {
                rank.turn = self.turn(node, trail, thread, leaves);
                if rank.turn == Turn::Early
                    && self.is_due(node, thread)
                    && self.stands_well(node, thread, rank.place)
                {
                    let before = |first: u32| match order {
                        WaiterOrder::Lifo => rank.place.min(first),
                        WaiterOrder::Fifo => rank.place.max(first),
                    };
                    first = Some(first.map_or(rank.place, before));
                }
            }
        }
        for (rank, choice) in ranked.iter_mut() {
            let (Some(first), Turn::Early) = (first, rank.turn) else {
                continue;
            };
            match order {
                WaiterOrder::Lifo
                    if rank.place >= first
                        && self.stands_well(node, choice.thread(), rank.place) =>
                {
                    rank.turn = Turn::Waits;
                    rank.deadline = u32::MAX - rank.place;
                }
                WaiterOrder::Fifo if rank.place <= first => {
                    rank.turn = Turn::Waits;
                    rank.deadline = rank.place;
                }
                _ => {}
            }
        }
        ranked.sort_by_key(|(rank, _)| Reverse((rank.turn, rank.deadline, rank.place, rank.over)));
        to.extend(ranked.iter().map(|(_, choice)| Move::Choice(*choice)));
    }

    /// How many packets it returned with.
    fn packets(&self, item: Option<&Item>) -> u32 {
        match item.map(|item| &item.kind) {
            Some(Kind::Call {
                result: Some(result),
                ..
            }) => result.packets.len() as u32,
            _ => 0,
        }
    }

    /// The item that is next for a thread.
    fn item(&self, node: &Node, thread: ThreadId) -> Option<&Item> {
        self.items[thread.index()].get(node.done[thread.index()] as usize)
    }

    /// The packet that the next step of a thread posts, and the port.
    fn packet<'n>(&self, node: &'n Node, thread: ThreadId) -> Option<(Option<&'n Port>, Packet)> {
        let Op::Call(op) = node.state.op(&self.program, thread) else {
            return None;
        };
        let packet = node.state.packet_to_post(thread, op)?;
        let port = match op.call {
            Call::PostQueuedCompletionStatus { port, .. }
            | Call::NtSetIoCompletion { port, .. }
            | Call::NtSetIoCompletionEx { port, .. } => port_behind(&node.state, port.0),
            _ => None,
        };
        Some((port, packet))
    }

    /// The end of the dequeue of a packet that comes now, and its place in the order.
    fn leaves(&self, node: &Node, trail: &Trail, packet: &Packet) -> (u32, u32) {
        match self.dequeues.look(packet) {
            Some(look) => {
                let before = trail.come(look);
                let when = self.dequeues.guess(look, before, node.mark);
                (when, self.dequeues.turn(look, before))
            }
            None => (u32::MAX, u32::MAX),
        }
    }

    /// How many waiters stand before the one whose call is over at this mark, if it waits.
    fn before(&self, node: &Node, port: &Port, leaves: u32) -> Option<usize> {
        let taker = match self.marks.get(leaves as usize)?.what {
            What::Over(taker, item) if node.done[taker.index()] == item => taker,
            _ => return None,
        };
        let place = port.waiters.iter().position(|waiter| *waiter == taker)?;
        Some(match node.state.system.semantics().waiter_order {
            WaiterOrder::Lifo => port.waiters.len() - 1 - place,
            WaiterOrder::Fifo => place,
        })
    }

    /// Does a packet that comes now go to the dequeuer whose call is over at this mark?
    fn is_served(&self, node: &Node, port: &Port, leaves: u32) -> bool {
        let Some(What::Over(taker, item)) = self.marks.get(leaves as usize).map(|mark| mark.what)
        else {
            return false;
        };
        let is_open = node.done[taker.index()] == item && node.begun[taker.index()] > item;
        let is_next = next_waiter(node, port).is_none_or(|waiter| waiter == taker);
        is_open && is_next && port.queue.is_empty() && port.active < port.limit
    }

    /// When the next step of a thread that posts nothing is best taken. `leaves`: the ends of the
    /// dequeues whose packets can come now.
    fn turn(&self, node: &Node, trail: &Trail, thread: ThreadId, leaves: &[u32]) -> Turn {
        let Op::Call(op) = node.state.op(&self.program, thread) else {
            return Turn::Any;
        };
        let object = node.state.system.thread(thread);
        match op.call {
            Call::Sleep { .. } => {
                let Some(port) = object.port else {
                    return Turn::Any;
                };
                let port = node.state.system.port(port);
                // It may let in the waiter whose turn it is; that should be the right one.
                let right = |waiter| match self.need(node, trail, waiter, port) {
                    Need::Nothing => Turn::Serves,
                    Need::Packet | Need::Other => Turn::Any,
                };
                match next_waiter(node, port) {
                    Some(waiter) if !port.queue.is_empty() => right(waiter),
                    _ => Turn::Serves,
                }
            }
            Call::GetQueuedCompletionStatus { port, .. }
            | Call::GetQueuedCompletionStatusEx { port, .. }
            | Call::NtRemoveIoCompletion { port, .. }
            | Call::NtRemoveIoCompletionEx { port, .. } => {
                let Some(port) = port_behind(&node.state, port.0) else {
                    return Turn::Any;
                };
                let counted = object
                    .port
                    .is_some_and(|own| std::ptr::eq(node.state.system.port(own), port));
                let has_slot = port.active.saturating_sub(u32::from(counted)) < port.limit;
                let comes = || {
                    let over = self.item(node, thread).map(|item| item.over);
                    over.is_some_and(|over| leaves.contains(&over))
                };
                match self.need(node, trail, thread, port) {
                    Need::Nothing if has_slot => Turn::Serves,
                    // Others wait already: it has to be the next of them when its packet comes.
                    Need::Packet
                        if has_slot
                            && port.queue.is_empty()
                            && !port.waiters.is_empty()
                            && comes() =>
                    {
                        Turn::Serves
                    }
                    Need::Nothing | Need::Packet => Turn::Early,
                    Need::Other => Turn::Any,
                }
            }
            _ => Turn::Any,
        }
    }

    /// What the dequeue needs in which a thread is or which it makes next.
    fn need(&self, node: &Node, trail: &Trail, thread: ThreadId, port: &Port) -> Need {
        match self.item(node, thread).map(|item| &item.kind) {
            Some(Kind::Call {
                result: Some(result),
                ..
            }) => match (result.packets.first(), port.queue.front()) {
                (None, _) => Need::Other,
                (Some(packet), Some(head)) if trail.rehearses() || packet.key.0 == head.key => {
                    Need::Nothing
                }
                _ => Need::Packet,
            },
            _ => Need::Packet,
        }
    }

    /// Would the waiters be served in the order of their packets if this thread waited now?
    fn stands_well(&self, node: &Node, thread: ThreadId, place: u32) -> bool {
        let Op::Call(op) = node.state.op(&self.program, thread) else {
            return false;
        };
        let port = match op.call {
            Call::GetQueuedCompletionStatus { port, .. }
            | Call::GetQueuedCompletionStatusEx { port, .. }
            | Call::NtRemoveIoCompletion { port, .. }
            | Call::NtRemoveIoCompletionEx { port, .. } => port_behind(&node.state, port.0),
            _ => None,
        };
        let Some(waiter) = port.and_then(|port| port.waiters.last()) else {
            return true;
        };
        let other = self.item(node, *waiter).map_or(u32::MAX, |item| item.turn);
        match node.state.system.semantics().waiter_order {
            WaiterOrder::Lifo => place <= other,
            WaiterOrder::Fifo => place >= other,
        }
    }

    /// Has a thread's call been open for as long as calls usually take?
    fn is_due(&self, node: &Node, thread: ThreadId) -> bool {
        let begin = self.item(node, thread).map_or(0, |item| item.begin);
        node.mark as u32 >= begin.saturating_add(self.usual_length)
    }
}

/// The blocked dequeuer whose turn it is.
fn next_waiter(node: &Node, port: &Port) -> Option<ThreadId> {
    match node.state.system.semantics().waiter_order {
        WaiterOrder::Lifo => port.waiters.last(),
        WaiterOrder::Fifo => port.waiters.first(),
    }
    .copied()
}

fn port_behind(state: &State, variable: u32) -> Option<&Port> {
    let port = state.port_behind(variable as usize)?;
    Some(state.system.port(port))
}
