//! In which order packets came: an estimate.
//!
//! A post is an interval, and so is the dequeue of its packet; each bounds the order of the queue
//! from one side. Where that leaves a choice, the packet comes first that was gone first.

use super::recording::{Item, Kind};
use crate::{
    compile::sets_result,
    program::{Op, Program},
    state::{Last, Local, Word},
};
use iocp_model::{Call, Packet};
use std::{cmp::Reverse, collections::BinaryHeap};

/// A post, as recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Post {
    pub(super) packet: Packet,
    pub(super) begin: u32,
    pub(super) over: u32,
}

/// Appends what a thread posted: its program, followed with the results of its calls. As far as that
/// can be told, what depends on others ends it. Says whether it is all that the thread did, and no
/// packet can have come in another way.
pub(super) fn posts(
    program: &Program,
    thread: usize,
    items: &[Item],
    posts: &mut Vec<Post>,
) -> bool {
    let code = &program.codes[program.threads[thread].code];
    let mut local = Local::default();
    let mut items = items.iter();
    let [mut told, mut all] = [true; 2];
    loop {
        let rests = local.follow(code, |last, test| {
            last.holds(test).unwrap_or_else(|| {
                told = false;
                false
            })
        });
        if !rests || !told {
            return false;
        }
        match &code.ops[local.at as usize] {
            Op::Compute(_) => {}
            Op::End => return all,
            Op::Call(op) => {
                let Some(item) = items.next() else {
                    return all;
                };
                all &= is_plain(&op.call);
                if let Some(packet) = op.packet() {
                    all &= succeeds(item);
                    posts.push(Post {
                        packet: Packet {
                            key: local.numbered(op, packet.key),
                            ..packet
                        },
                        begin: item.begin,
                        over: item.over,
                    });
                }
                let Kind::Call {
                    result: Some(result),
                    ..
                } = &item.kind
                else {
                    return all;
                };
                if sets_result(&op.call) {
                    local.last = Last {
                        word: Word::seen(result),
                        key: result.packets.first().map_or(0, |packet| packet.key.0),
                    };
                }
            }
            _ => {
                if items.next().is_none() {
                    return all;
                }
            }
        }
        local.at += 1;
    }
}

/// Has it no effect on a port but by a packet that it posts or takes?
fn is_plain(call: &Call) -> bool {
    matches!(
        call,
        Call::GetQueuedCompletionStatus { .. }
            | Call::GetQueuedCompletionStatusEx { .. }
            | Call::NtRemoveIoCompletion { .. }
            | Call::NtRemoveIoCompletionEx { .. }
            | Call::PostQueuedCompletionStatus { .. }
            | Call::NtSetIoCompletion { .. }
            | Call::NtSetIoCompletionEx { .. }
            | Call::Sleep { .. }
    )
}

/// Did it succeed, or not return?
fn succeeds(item: &Item) -> bool {
    match &item.kind {
        Kind::Call { result, .. } => result.as_ref().is_none_or(|result| result.success),
        _ => false,
    }
}

/// What is known of a packet: the marks between which it was posted, and the one by which it was
/// gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passage {
    pub(super) begin: u32,
    pub(super) over: u32,
    pub(super) gone: u32,
}

/// The places of packets in the order in which they come.
pub(super) fn order(passages: &[Passage]) -> Vec<u32> {
    let by = |key: fn(&Passage) -> u32| {
        let mut list: Vec<usize> = (0..passages.len()).collect();
        list.sort_by_key(|&one| key(&passages[one]));
        list
    };
    let (by_begin, by_over) = (by(|one| one.begin), by(|one| one.over));
    let mut by_begin = by_begin.into_iter().peekable();
    let mut by_over = by_over.into_iter().peekable();
    let mut places = vec![u32::MAX; passages.len()];
    let mut open = BinaryHeap::new();
    for place in 0..passages.len() as u32 {
        while by_over.next_if(|&one| places[one] != u32::MAX).is_some() {}
        let next_over = by_over.peek().map_or(u32::MAX, |&one| passages[one].over);
        while let Some(one) = by_begin.next_if(|&one| passages[one].begin <= next_over) {
            open.push(Reverse((passages[one].gone, passages[one].over, one)));
        }
        if let Some(Reverse((.., one))) = open.pop() {
            places[one] = place;
        }
    }
    places
}
