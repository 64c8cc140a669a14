//! When each packet was dequeued, as recorded: what the order of the queue can be told from.
//!
//! Packets that look the same cannot be told apart. But where packets leave a queue in the order in
//! which they came, the n-th of them to come is the n-th to leave, and it cannot leave before the
//! n-th of their dequeues began, nor after the n-th of them, by their ends, was over.

use super::{
    arrivals::{self, Passage, Post},
    recording::{Item, Kind, Mark, What},
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
    /// Where the dequeues of each look begin and end in the lists below.
    places: Vec<u32>,
    /// The marks at which they began, each look's in ascending order.
    begins: Vec<u32>,
    /// The marks at which they were over, each look's in ascending order.
    ends: Vec<u32>,
    /// Their places in the order in which packets come, each look's in ascending order.
    turns: Vec<u32>,
    /// The packets in the order in which their dequeues were over: the look, and how many of that
    /// look come before.
    by_end: Vec<(Look, u32)>,
    /// There is one port, and every packet that left its queue is in the recording.
    pub(super) tell_order: bool,
}

/// The marks between which a packet left its queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    /// Not before this.
    pub(super) begin: u32,
    /// Not after this.
    pub(super) end: u32,
}

impl Span {
    /// It never left.
    pub(super) const NEVER: Self = Self {
        begin: u32::MAX,
        end: u32::MAX,
    };
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
        let mut places = vec![0; looks.len() + 1];
        for (look, ..) in &found {
            places[*look as usize + 1] += 1;
        }
        for look in 0..looks.len() {
            places[look + 1] += places[look];
        }
        let sorted = |which: fn(&(Look, u32, u32)) -> u32| {
            let mut next = places.clone();
            let mut list = vec![0; found.len()];
            for one in &found {
                let place = &mut next[one.0 as usize];
                list[*place as usize] = which(one);
                *place += 1;
            }
            for look in places.windows(2) {
                list[look[0] as usize..look[1] as usize].sort_unstable();
            }
            list
        };
        let turns = turns(program, items, &looks, &places, &found);
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
        // Marks are in order, and so is what was found at them.
        let mut before = vec![0; looks.len()];
        let by_end = found.iter().map(|(look, ..)| {
            let place = &mut before[*look as usize];
            *place += 1;
            (*look, *place - 1)
        });
        Self {
            by_end: by_end.collect(),
            turns,
            begins: sorted(|one| one.1),
            ends: sorted(|one| one.2),
            looks,
            places,
            tell_order: program.port_names.len() == 1 && !creates && !loses && settled,
        }
    }

    /// The look of a packet; nothing if the recording has none such.
    pub(super) fn look(&self, packet: &Packet) -> Option<Look> {
        let look = (packet.key, packet.overlapped, packet.bytes());
        self.looks.get(&look).copied()
    }

    /// How many looks there are.
    pub(super) fn looks(&self) -> usize {
        self.looks.len()
    }

    /// When the packet left that came after so many of its look. Right where packets leave in the
    /// order in which they came, if the recording [tells the order](Self::tell_order).
    pub(super) fn span(&self, look: Look, before: u32) -> Span {
        let place = self.places[look as usize] + before;
        if place < self.places[look as usize + 1] {
            Span {
                begin: self.begins[place as usize],
                end: self.ends[place as usize],
            }
        } else {
            Span::NEVER
        }
    }

    /// Of the packets from this place on, in the order of the ends of their dequeues, the place of
    /// the first that has not come, if so many of each look have come.
    pub(super) fn first_missing(&self, from: u32, come: &[u32]) -> u32 {
        let has_come = |(look, before): &(Look, u32)| come[*look as usize] > *before;
        let rest = &self.by_end[from as usize..];
        from + rest.iter().take_while(|packet| has_come(packet)).count() as u32
    }

    /// When the packet at this place is dequeued at the latest.
    pub(super) fn end_at(&self, place: u32) -> u32 {
        match self.by_end.get(place as usize) {
            Some(&(look, before)) => self.ends[(self.places[look as usize] + before) as usize],
            None => u32::MAX,
        }
    }

    /// A guess at when the packet leaves that comes next: after so many of its look, at this mark.
    pub(super) fn guess(&self, look: Look, before: u32, mark: usize) -> u32 {
        if self.tell_order {
            return self.span(look, before).end;
        }
        let range = self.places[look as usize] as usize..self.places[look as usize + 1] as usize;
        let ends = &self.ends[range];
        let next = ends.partition_point(|&end| (end as usize) < mark);
        ends.get(next).copied().unwrap_or(u32::MAX)
    }

    /// The place of a packet in the order in which packets come, after so many of its look: an
    /// estimate.
    pub(super) fn turn(&self, look: Look, before: u32) -> u32 {
        let place = self.places[look as usize] + before;
        if place < self.places[look as usize + 1] {
            self.turns[place as usize]
        } else {
            u32::MAX
        }
    }

    /// The same for the first packet of each recorded dequeue: calls `tell` with the mark at which
    /// it was over and the place.
    pub(super) fn turns_by_end(&self, mut tell: impl FnMut(u32, u32)) {
        for (place, &(look, before)) in self.by_end.iter().enumerate().rev() {
            tell(self.end_at(place as u32), self.turn(look, before));
        }
    }
}

/// The places of the packets in the order in which they come, each look's in ascending order.
fn turns(
    program: &Program,
    items: &[Vec<Item>],
    looks: &HashMap<(u64, u64, u32), Look, FixedState>,
    places: &[u32],
    found: &[(Look, u32, u32)],
) -> Vec<u32> {
    let unknown = Passage {
        begin: 0,
        over: u32::MAX,
        gone: u32::MAX,
    };
    let mut passages = vec![unknown; found.len()];
    let mut next = places.to_vec();
    for (look, _, end) in found {
        let place = &mut next[*look as usize];
        passages[*place as usize].gone = *end;
        *place += 1;
    }
    let mut posts: Vec<Post> = (0..items.len())
        .flat_map(|thread| arrivals::posts(program, thread, &items[thread]))
        .collect();
    posts.sort_by_key(|post| post.over);
    let mut next = places.to_vec();
    for Post {
        packet,
        begin,
        over,
    } in posts
    {
        let look = (packet.key, packet.overlapped, packet.bytes());
        let Some(&look) = looks.get(&look) else {
            continue;
        };
        let place = &mut next[look as usize];
        if *place < places[look as usize + 1] {
            let passage = &mut passages[*place as usize];
            (passage.begin, passage.over) = (begin, over);
            *place += 1;
        }
    }
    // A packet without a post has its dequeue only.
    for passage in &mut passages {
        passage.over = passage.over.min(passage.gone);
    }
    let mut turns = arrivals::order(&passages);
    for look in places.windows(2) {
        turns[look[0] as usize..look[1] as usize].sort_unstable();
    }
    turns
}
