//! Requests: from the post that begins each to the moment at which nobody has anything of it left.
//!
//! As [`simulate`](iocp_scheduler::simulate) has it: a packet that a thread with no packet in hand
//! posts begins a request; one that it posts while it has some belongs to theirs. A thread has a
//! packet in hand until its next dequeue, a client not at all.
//!
//! Packets are known by their port and key, first in, first out. A recorder may not know the key of
//! each post of a loop; a packet of a key that nobody seems to have posted is the oldest of its port.

use super::{
    roles::Role,
    timeline::{At, Kind, Thread},
};
use std::collections::{BTreeMap, VecDeque};

/// A request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Request {
    pub(super) begin_ns: u64,
    /// `None`: not over when the trace ends.
    pub(super) end_ns: Option<u64>,
    /// The thread that began it.
    pub(super) source: usize,
    /// The port that its first packet went to.
    pub(super) port: String,
    /// It only told a worker to end.
    pub(super) stop: bool,
    /// Packets of it that are queued or in hand.
    live: u32,
}

/// What a dequeue gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Taken {
    /// The requests of its packets.
    pub(super) requests: Vec<usize>,
    /// When the first of its packets was posted.
    pub(super) posted_ns: u64,
}

/// All requests of a trace.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Requests {
    /// In the order in which they began.
    pub(super) all: Vec<Request>,
    /// What each dequeue that got something we know gave: by thread and call.
    pub(super) taken: BTreeMap<(usize, usize), Taken>,
    /// Packets that nobody posted: completions of files.
    pub(super) foreign: u64,
    /// Packets that were posted.
    pub(super) posted: u64,
}

/// A packet in a queue.
struct Packet {
    key: u64,
    request: usize,
    posted_ns: u64,
}

/// The oldest of this key, or else the oldest.
fn take(queue: &mut VecDeque<Packet>, key: u64) -> Option<Packet> {
    let place = queue.iter().position(|packet| packet.key == key);
    queue.remove(place.unwrap_or(0))
}

enum What<'t> {
    Posts { port: &'t str, key: u64 },
    Asks,
    Gets { port: &'t str, keys: &'t [u64] },
    Ends,
}

/// Follows all packets.
pub(super) fn follow(threads: &[Thread], roles: &[Role]) -> Requests {
    let mut found = Requests::default();
    let mut queues: BTreeMap<&str, VecDeque<Packet>> = BTreeMap::new();
    let mut hands: Vec<Vec<usize>> = vec![Vec::new(); threads.len()];
    let mut turns = vec![0; threads.len()];
    for (at, thread, call, what) in steps(threads) {
        match what {
            What::Posts { port, key } => {
                let hand = &hands[thread];
                let request = match hand.is_empty() {
                    false => hand[turns[thread] % hand.len()],
                    true => {
                        found.all.push(Request {
                            begin_ns: at.0,
                            end_ns: None,
                            source: thread,
                            port: port.to_owned(),
                            stop: false,
                            live: 0,
                        });
                        found.all.len() - 1
                    }
                };
                turns[thread] += 1;
                found.all[request].live += 1;
                found.posted += 1;
                queues.entry(port).or_default().push_back(Packet {
                    key,
                    request,
                    posted_ns: at.0,
                });
            }
            What::Asks | What::Ends => {
                turns[thread] = 0;
                for request in std::mem::take(&mut hands[thread]) {
                    found.over(request, at);
                }
            }
            What::Gets { port, keys } => {
                let mut requests = Vec::new();
                let mut posted_ns = u64::MAX;
                for key in keys {
                    match queues.get_mut(port).and_then(|queue| take(queue, *key)) {
                        None => found.foreign += 1,
                        Some(packet) => {
                            requests.push(packet.request);
                            posted_ns = posted_ns.min(packet.posted_ns);
                        }
                    }
                }
                if roles[thread] == Role::Client {
                    for &request in &requests {
                        found.over(request, at);
                    }
                } else {
                    hands[thread].clone_from(&requests);
                }
                if !requests.is_empty() {
                    found.taken.insert(
                        (thread, call),
                        Taken {
                            requests,
                            posted_ns,
                        },
                    );
                }
            }
        }
    }
    found
}

impl Requests {
    fn over(&mut self, request: usize, at: At) {
        let request = &mut self.all[request];
        request.live -= 1;
        if request.live == 0 {
            request.end_ns = Some(at.0);
        }
    }

    /// Those that are over and did more than end a worker.
    pub(super) fn finished(&self) -> impl Iterator<Item = (&Request, u64)> {
        self.all
            .iter()
            .filter(|request| !request.stop)
            .filter_map(|request| Some((request, request.end_ns?)))
    }
}

/// What happens to packets, in the order of time: when, which thread, which of its calls, what.
fn steps(threads: &[Thread]) -> Vec<(At, usize, usize, What<'_>)> {
    let mut steps = Vec::new();
    for (number, thread) in threads.iter().enumerate() {
        for (index, call) in thread.calls.iter().enumerate() {
            match &call.kind {
                Kind::Post { port, key } => {
                    steps.push((call.begin, number, index, What::Posts { port, key: *key }));
                }
                Kind::Take { port, keys, .. } => {
                    steps.push((call.begin, number, index, What::Asks));
                    if let Some(end) = call.end {
                        steps.push((end, number, index, What::Gets { port, keys }));
                    }
                }
                _ => {}
            }
        }
        if let Some(ended) = thread.ended {
            steps.push((ended, number, usize::MAX, What::Ends));
        }
    }
    steps.sort_by_key(|&(at, ..)| at);
    steps
}
