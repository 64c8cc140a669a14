//! When each packet was dequeued, as recorded: what the order of the queue can be told from.
//!
//! Packets that look the same cannot be told apart. But where packets leave a queue in the order in
//! which they came, the n-th of them to come is the n-th to leave, and it cannot leave before the
//! n-th of their dequeues began, nor after the n-th of them, by their ends, was over. The same holds
//! of the posts, where the programs tell what was posted.

use super::{
    arrivals::{self, Passage, Post},
    recording::{Item, Kind, Mark, What},
    spans::{Span, Spans},
};
use crate::program::{Op, Program};
use foldhash::quality::FixedState;
use iocp_model::{Call, Packet};
use std::collections::HashMap;

/// Packets that look the same: a number.
pub(super) type Look = u32;

/// The recorded dequeues, by the look of their packets.
#[derive(Clone, Debug)]
pub(super) struct Dequeues {
    looks: HashMap<(u64, u64, u32), Look, FixedState>,
    /// When the packets left.
    left: Spans,
    /// When they came, of those of which that is known.
    pub(super) came: Spans,
    /// Their places in the order in which packets come, each look's in ascending order.
    turns: Vec<u32>,
    /// There is one port, and every packet that left its queue is in the recording.
    pub(super) tell_order: bool,
    /// No order of one queue explains when packets came and when they left.
    pub(super) contradictory: bool,
}

impl Dequeues {
    pub(super) fn read(program: &Program, items: &[Vec<Item>], marks: &[Mark]) -> Self {
        let mut looks = HashMap::with_hasher(FixedState::with_seed(0));
        // The look, the begin and the end of each packet's dequeue.
        let mut found: Vec<(Look, u32, u32)> = Vec::new();
        let mut begins = vec![Vec::new(); items.len()];
        for (mark, Mark { what, .. }) in marks.iter().enumerate() {
            match *what {
                // At most two marks for each of MOST_EVENTS events.
                What::Begins(thread) => begins[thread.index()].push(mark as u32),
                What::Over(thread, item) => {
                    let begin = begins[thread.index()][item as usize];
                    let Kind::Call {
                        result: Some(result),
                        ..
                    } = &items[thread.index()][item as usize].kind
                    else {
                        continue;
                    };
                    for packet in &result.packets {
                        let next = looks.len() as Look;
                        let look = (packet.key.0, packet.overlapped.0, packet.bytes.0 as u32);
                        let look = *looks.entry(look).or_insert(next);
                        found.push((look, begin, mark as u32));
                    }
                }
                What::Settled => {}
            }
        }
        let left = Spans::new(looks.len(), &found);
        let mut posts = Vec::new();
        let mut all_posts = true;
        for (thread, items) in items.iter().enumerate() {
            all_posts &= arrivals::posts(program, thread, items, &mut posts);
        }
        // The n-th to come did so between the n-th begin and the n-th end.
        let mut begins = vec![Vec::new(); looks.len()];
        let look = |post: &Post| {
            let packet = &post.packet;
            let look = looks.get(&(packet.key, packet.overlapped, packet.bytes()));
            look.copied()
        };
        posts.sort_unstable_by_key(|post| post.begin);
        for post in &posts {
            if let Some(look) = look(post) {
                begins[look as usize].push(post.begin);
            }
        }
        posts.sort_unstable_by_key(|post| post.over);
        let mut before = vec![0; looks.len()];
        let came = posts.iter().filter_map(|post| {
            let look = look(post)?;
            let place = &mut before[look as usize];
            *place += 1;
            // Those that never left are of no interest.
            let begin = begins[look as usize][*place - 1];
            (*place <= left.count(look) as usize).then_some((look, begin, post.over))
        });
        let came: Vec<(Look, u32, u32)> = came.collect();
        let came = Spans::new(looks.len(), &came);
        let turns = turns(&left, &came);
        let calls = || program.codes.iter().flat_map(|code| &code.ops);
        let calls = |wanted: fn(&Call) -> bool| {
            calls().any(|op| matches!(op, Op::Call(op) if wanted(&op.call)))
        };
        // A thread that is held up or ended can take packets that nobody sees.
        let loses = calls(|call| matches!(call, Call::SuspendThread(_) | Call::TerminateThread(_)));
        let settled = matches!(marks.last(), Some(mark) if matches!(mark.what, What::Settled));
        let creates = calls(|call| {
            matches!(
                call,
                Call::CreateIoCompletionPort { .. } | Call::NtCreateIoCompletion { .. }
            )
        });
        let tell_order = program.port_names.len() == 1 && !creates && !loses && settled;
        let contradictory = tell_order && all_posts && contradict(&left, &came);
        Self {
            looks,
            left,
            came,
            turns,
            tell_order,
            contradictory,
        }
    }

    /// The look of a packet; nothing if the recording has none such.
    pub(super) fn look(&self, packet: &Packet) -> Option<Look> {
        self.look_of(packet.key, packet.overlapped, packet.bytes())
    }

    /// The same, from what is seen of it.
    pub(super) fn look_of(&self, key: u64, overlapped: u64, bytes: u32) -> Option<Look> {
        self.looks.get(&(key, overlapped, bytes)).copied()
    }

    /// How many looks there are.
    pub(super) fn looks(&self) -> usize {
        self.looks.len()
    }

    /// When the packet left that came after so many of its look. Right where packets leave in the
    /// order in which they came, if the recording [tells the order](Self::tell_order).
    pub(super) fn span(&self, look: Look, before: u32) -> Span {
        self.left.get(look, before)
    }

    /// Of the packets from this place on, in the order of the ends of their dequeues, the place of
    /// the first that has not come, if so many of each look have come.
    pub(super) fn first_missing(&self, from: u32, come: &[u32]) -> u32 {
        self.left.first_missing(from, come)
    }

    /// When the packet at this place is dequeued at the latest.
    pub(super) fn end_at(&self, place: u32) -> u32 {
        self.left.end_at(place)
    }

    /// A guess at when the packet leaves that comes next: after so many of its look, at this mark.
    pub(super) fn guess(&self, look: Look, before: u32, mark: usize) -> u32 {
        if self.tell_order {
            return self.span(look, before).end;
        }
        let ends = self.left.ends(look);
        let next = ends.partition_point(|&end| (end as usize) < mark);
        ends.get(next).copied().unwrap_or(u32::MAX)
    }

    /// The place of a packet in the order in which packets come, after so many of its look: an
    /// estimate.
    pub(super) fn turn(&self, look: Look, before: u32) -> u32 {
        match self.left.place(look, before) {
            Some(place) => self.turns[place],
            None => u32::MAX,
        }
    }

    /// The same for the first packet of each recorded dequeue: calls `tell` with the mark at which
    /// it was over and the place.
    pub(super) fn turns_by_end(&self, mut tell: impl FnMut(u32, u32)) {
        for (place, &(look, before)) in self.left.by_end().iter().enumerate().rev() {
            tell(self.end_at(place as u32), self.turn(look, before));
        }
    }

    /// Takes another order for the likeliest: the looks of the packets as they come.
    pub(super) fn reorder(&mut self, order: &[Look]) {
        let mut before = vec![0; self.looks()];
        for (turn, &look) in order.iter().enumerate() {
            let before = &mut before[look as usize];
            if let Some(place) = self.left.place(look, *before) {
                self.turns[place] = turn as u32;
            }
            *before += 1;
        }
    }
}

/// The places of the packets in the order in which they come, each look's in ascending order.
fn turns(left: &Spans, came: &Spans) -> Vec<u32> {
    let mut passages = Vec::with_capacity(left.len());
    for look in 0..left.looks() {
        for before in 0..left.count(look) {
            let gone = left.get(look, before).end;
            // A packet without a post has its dequeue only.
            let (begin, over) = match came.get(look, before) {
                Span::NEVER => (0, gone),
                span => (span.begin, span.end.min(gone)),
            };
            passages.push(Passage { begin, over, gone });
        }
    }
    let mut turns = arrivals::order(&passages);
    let mut rest = &mut turns[..];
    for look in 0..left.looks() {
        let (of_look, others) = rest.split_at_mut(left.count(look) as usize);
        of_look.sort_unstable();
        rest = others;
    }
    turns
}

/// Did a packet leave before it came, or one that came earlier than another leave later? Right where
/// packets leave in the order in which they came.
fn contradict(left: &Spans, came: &Spans) -> bool {
    let packets = || left.by_end().iter().map(|&(look, before)| (look, before));
    let when = |(look, before)| (came.get(look, before), left.get(look, before));
    if packets()
        .map(when)
        .any(|(came, left)| came.begin > left.end)
    {
        return true;
    }
    let mut by_begin: Vec<_> = packets().map(when).collect();
    let mut by_over = by_begin.clone();
    by_begin.sort_by_key(|(came, _)| came.begin);
    by_over.sort_by_key(|(came, _)| came.end);
    let mut earlier = by_over.into_iter().peekable();
    // The latest begin of a dequeue of those that came earlier.
    let mut latest = 0;
    by_begin.into_iter().any(|(came, left)| {
        while let Some((_, left)) = earlier.next_if(|(other, _)| other.end < came.begin) {
            latest = latest.max(left.begin);
        }
        left.end < latest
    })
}
