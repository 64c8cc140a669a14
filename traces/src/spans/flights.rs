//! Where packets went: from the call that put them into a port to the one that got them.
//!
//! In a simulation every packet is followed from the queue's tail to its head. A recording shows
//! only keys: there a packet that was taken is the oldest one of its key that nobody has got yet.

use super::Moment;
use crate::{Change, Number, SeenResult};
use std::collections::VecDeque;

/// An end of a packet's way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The thread, by its place among the threads.
    pub thread: u32,
    /// When.
    pub at: Moment,
    /// The thread's call, by its place among the thread's calls; nothing if it had made none yet.
    pub call: Option<u32>,
}

/// A packet on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flight {
    /// The port, by its place among the ports.
    pub port: u32,
    /// The packet's key.
    pub key: Number,
    /// Who put it into the port, if that is known.
    pub from: Option<Place>,
    /// Who got it, if anybody did.
    pub to: Option<Place>,
}

/// Follows packets.
pub(super) struct Flights {
    recorded: bool,
    all: Vec<Flight>,
    /// For each port the packets in it, by their places in `all`, the oldest first.
    queued: Vec<VecDeque<usize>>,
    /// In a recording: the port of each thread's dequeue.
    dequeues: Vec<Option<usize>>,
}

impl Flights {
    pub(super) fn new(recorded: bool) -> Self {
        Self {
            recorded,
            all: Vec::new(),
            queued: Vec::new(),
            dequeues: Vec::new(),
        }
    }

    fn queue(&mut self, port: usize) -> &mut VecDeque<usize> {
        if self.queued.len() <= port {
            self.queued.resize_with(port + 1, VecDeque::new);
        }
        &mut self.queued[port]
    }

    fn new_one(&mut self, port: usize, key: Number, from: Option<Place>) -> usize {
        self.all.push(Flight {
            port: port as u32,
            key,
            from,
            to: None,
        });
        self.all.len() - 1
    }

    /// Takes the oldest packet of this key out of the port.
    fn take(&mut self, port: usize, key: Number) -> usize {
        let all = &self.all;
        let queue = self.queued.get_mut(port);
        let found = queue.and_then(|queue| {
            let at = queue.iter().position(|&flight| all[flight].key == key)?;
            queue.remove(at)
        });
        // Otherwise it came before the trace begins.
        found.unwrap_or_else(|| self.new_one(port, key, None))
    }

    /// Something happened inside the kernel, in a step of `actor`, to `receiver`.
    pub(super) fn change(
        &mut self,
        what: Change,
        port: usize,
        key: Option<Number>,
        actor: Option<Place>,
        receiver: Option<Place>,
    ) {
        let Some(key) = key else { return };
        match what {
            Change::Queued => {
                let flight = self.new_one(port, key, actor);
                self.queue(port).push_back(flight);
            }
            Change::QueuedInFront => {
                let flight = self.new_one(port, key, actor);
                self.queue(port).push_front(flight);
            }
            Change::HandedOver => {
                let flight = self.new_one(port, key, actor);
                self.all[flight].to = receiver;
            }
            Change::HandedOff | Change::Taken => {
                let flight = self.take(port, key);
                self.all[flight].to = receiver;
            }
            Change::Discarded => _ = self.take(port, key),
            _ => {}
        }
    }

    /// A call begins that names a port. Only a recording needs to know.
    pub(super) fn begins(&mut self, call: &str, with: &str, port: usize, place: Place) {
        if !self.recorded {
            return;
        }
        let thread = place.thread as usize;
        if self.dequeues.len() <= thread {
            self.dequeues.resize(thread + 1, None);
        }
        self.dequeues[thread] = Some(port);
        let posts = ["PostQueuedCompletionStatus", "NtSetIoCompletion"];
        let key = with.split(", ").find_map(|word| word.strip_prefix("key "));
        if let Some(key) = key.and_then(number)
            && posts.iter().any(|post| call.starts_with(post))
        {
            let flight = self.new_one(port, key, Some(place));
            self.queue(port).push_back(flight);
        }
    }

    /// A call returns.
    pub(super) fn ends(&mut self, result: &SeenResult, place: Place) {
        let port = self.dequeues.get(place.thread as usize).copied().flatten();
        let Some(port) = port.filter(|_| self.recorded) else {
            return;
        };
        for packet in &result.packets {
            let flight = self.take(port, packet.key);
            self.all[flight].to = Some(place);
        }
    }

    pub(super) fn finish(self) -> Vec<Flight> {
        self.all
    }
}

/// A key as an event's words have it.
fn number(word: &str) -> Option<Number> {
    let number = match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => word.parse(),
    };
    number.ok().map(Number)
}
