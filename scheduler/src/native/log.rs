//! What one thread writes down while it runs.
//!
//! All memory is there, and touched, before the run begins. Only the thread itself writes; anybody
//! may read what it has published.

use super::{Failure, RecordError};
use iocp_traces::{Number, SeenPacket, SeenResult};
use std::{
    cell::UnsafeCell,
    ops::Range,
    sync::atomic::{AtomicI64, AtomicU32, Ordering},
};

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// When, as a count of the clock.
    pub(super) at: i64,
    /// The op that it is about.
    pub(super) op: u32,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// A call begins.
    Begin,
    /// It has returned.
    End(Answer),
    /// The thread waits for the scenario's order.
    Until,
    /// It goes on. Was the condition seen to be so?
    Reached(bool),
    /// Something that is no call.
    Does,
}

/// A call's result but for its packets and APCs, which are in lists of the log.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answer {
    pub(super) success: bool,
    pub(super) last_error: Option<u32>,
    pub(super) status: Option<u32>,
    pub(super) count: Option<u32>,
    /// From where to where in the list of packets, and in that of APCs.
    pub(super) packets: (u32, u32),
    pub(super) apcs: (u32, u32),
}

impl Answer {
    pub(super) fn has_packet(&self) -> bool {
        self.packets.0 < self.packets.1
    }
}

/// A list of fixed room, written by one thread and read by others as far as `length` says.
struct List<T> {
    room: Box<[UnsafeCell<T>]>,
    length: AtomicU32,
}

// SAFETY: an element is written once, by the one thread that `push` asks for, before `length`
// covers it (release), and read only when `length` covers it (acquire).
unsafe impl<T: Copy + Send + Sync> Sync for List<T> {}

impl<T: Copy> List<T> {
    fn new(room: u32, empty: T) -> Result<Self, RecordError> {
        let mut list = Vec::new();
        list.try_reserve_exact(room as usize)
            .map_err(|_| RecordError::Refused {
                what: format!("reserve memory for {room} events"),
                error: 8,
            })?;
        // Writing to it makes the memory really there: no page fault later.
        list.extend((0..room).map(|_| UnsafeCell::new(empty)));
        Ok(Self {
            room: list.into(),
            length: AtomicU32::new(0),
        })
    }

    fn len(&self) -> u32 {
        self.length.load(Ordering::Acquire)
    }

    /// # Safety
    /// Only one thread may ever call it.
    unsafe fn push(&self, item: T) -> bool {
        let at = self.length.load(Ordering::Relaxed);
        let Some(place) = self.room.get(at as usize) else {
            return false;
        };
        // SAFETY: nobody reads at or after `length`, and nobody else writes.
        unsafe { *place.get() = item };
        self.length.store(at + 1, Ordering::Release);
        true
    }

    fn get(&self, at: u32) -> Option<T> {
        let place = (at < self.len()).then(|| &self.room[at as usize])?;
        // SAFETY: it is below `length`: written, and never written again.
        Some(unsafe { *place.get() })
    }

    fn range(&self, (from, to): (u32, u32)) -> impl Iterator<Item = T> + '_ {
        Range {
            start: from,
            end: to,
        }
        .filter_map(|at| self.get(at))
    }
}

/// What one thread writes down.
pub(super) struct Log {
    entries: List<Entry>,
    packets: List<SeenPacket>,
    apcs: List<u32>,
    /// When it wrote last.
    last: AtomicI64,
}

impl Log {
    /// # Errors
    /// If there is no memory for it.
    pub(super) fn new(most_events: u32) -> Result<Self, RecordError> {
        let nothing = Entry {
            at: 0,
            op: 0,
            what: What::Does,
        };
        let no_packet = SeenPacket {
            key: Number(0),
            overlapped: Number(0),
            bytes: Number(0),
            status: None,
        };
        Ok(Self {
            entries: List::new(most_events, nothing)?,
            packets: List::new(most_events, no_packet)?,
            apcs: List::new(most_events, 0)?,
            last: AtomicI64::new(0),
        })
    }

    /// # Safety
    /// Only the thread whose log it is may call it.
    pub(super) unsafe fn entry(&self, at: i64, op: usize, what: What) -> Result<(), Failure> {
        // There are at most MOST_OPS ops.
        let op = op as u32;
        self.last.store(at, Ordering::Release);
        // SAFETY: the caller's promise.
        match unsafe { self.entries.push(Entry { at, op, what }) } {
            true => Ok(()),
            false => Err(Failure::Events),
        }
    }

    /// # Safety
    /// Only the thread whose log it is may call it.
    pub(super) unsafe fn packet(&self, packet: SeenPacket) -> Result<(), Failure> {
        // SAFETY: the caller's promise.
        match unsafe { self.packets.push(packet) } {
            true => Ok(()),
            false => Err(Failure::Packets),
        }
    }

    /// Notes that an APC runs. One that finds no room is left out and noticed by
    /// [`is_out_of_apcs`](Self::is_out_of_apcs).
    ///
    /// # Safety
    /// Only the thread whose log it is may call it.
    pub(super) unsafe fn apc(&self, apc: u32) {
        // SAFETY: the caller's promise.
        unsafe { self.apcs.push(apc) };
    }

    pub(super) fn is_out_of_apcs(&self) -> bool {
        self.apcs.len() as usize == self.apcs.room.len()
    }

    /// How many packets and APCs there are: what is added from here on belongs to the next answer.
    pub(super) fn mark(&self) -> (u32, u32) {
        (self.packets.len(), self.apcs.len())
    }

    /// The answer, with the packets and APCs that came since the mark.
    pub(super) fn since(&self, (packets, apcs): (u32, u32), mut answer: Answer) -> Answer {
        answer.packets = (packets, self.packets.len());
        answer.apcs = (apcs, self.apcs.len());
        answer
    }

    /// The first packet since the mark.
    pub(super) fn first_packet(&self, (packets, _): (u32, u32)) -> Option<SeenPacket> {
        self.packets.get(packets)
    }

    /// When the thread wrote last.
    pub(super) fn last(&self) -> i64 {
        self.last.load(Ordering::Acquire)
    }

    /// How much it has written.
    pub(super) fn len(&self) -> u32 {
        self.entries.len()
    }

    pub(super) fn get(&self, index: u32) -> Option<Entry> {
        self.entries.get(index)
    }

    /// The result as its caller saw it.
    pub(super) fn seen(&self, answer: &Answer) -> SeenResult {
        SeenResult {
            success: answer.success,
            last_error: answer.last_error,
            status: answer.status,
            packets: self.packets.range(answer.packets).collect(),
            count: answer.count,
            apcs: self.apcs.range(answer.apcs).collect(),
        }
    }
}
