//! A state as few bytes: for whoever stores or compares millions of them.

use crate::{
    Access, Api, Dequeue, DequeuePhase, Frame, HandleEntry, Kind, Object, Origin, Packet, Port,
    PortLife, System, Target, Thread, Wait, WaitPhase,
};
use std::vec::Vec;

/// Writes numbers in seven-bit groups, low group first: small numbers take one byte.
///
/// The room is made before, for the most that can come, so that a byte is one store. What is
/// written can be read again without knowing its length, if the reader knows what it is.
#[derive(Debug)]
pub struct Encoder<'a> {
    room: &'a mut [u8],
    at: usize,
}

impl Encoder<'_> {
    /// The most bytes of a number.
    pub const MOST_NUMBER: usize = 10;

    /// Lets `write` write behind the first `start` bytes of `out`, and returns where that ends. The
    /// bytes from there on mean nothing: they are room for the next, so that it need not be cleared
    /// again. `most` is a bound on what is written.
    ///
    /// # Panics
    /// If it is more.
    #[inline]
    pub fn write_at(
        out: &mut Vec<u8>,
        start: usize,
        most: usize,
        write: impl FnOnce(&mut Encoder<'_>),
    ) -> usize {
        if out.len() < start + most {
            out.resize(start + most, 0);
        }
        let mut to = Encoder {
            room: &mut out[start..],
            at: 0,
        };
        write(&mut to);
        start + to.at
    }

    /// Writes through a copy of itself, which the compiler can keep in registers.
    #[inline]
    pub fn locally(&mut self, write: impl FnOnce(&mut Encoder<'_>)) {
        let mut to = Encoder {
            room: &mut *self.room,
            at: self.at,
        };
        write(&mut to);
        self.at = to.at;
    }

    /// Writes one byte.
    #[inline(always)]
    pub fn byte(&mut self, byte: u8) {
        self.room[self.at] = byte;
        self.at += 1;
    }

    /// Writes a number.
    #[inline(always)]
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    #[inline]
    fn index(&mut self, index: usize) {
        self.number(index as u64);
    }

    #[inline]
    fn optional(&mut self, index: Option<usize>) {
        self.index(index.map_or(0, |index| index + 1));
    }

    #[inline(always)]
    fn packet(&mut self, packet: &Packet) {
        let (origin, reserve) = match packet.origin {
            Origin::Posted => (0, None),
            Origin::Request => (1, None),
            Origin::Reserve(object) => (2, Some(object)),
        };
        let present = |present: bool, bit: u8| u8::from(present) << bit;
        let present = present(packet.overlapped != 0, 2)
            | present(packet.information != 0, 3)
            | present(packet.status.0 != 0, 4)
            | present(packet.tag != 0, 5);
        self.byte(origin | present);
        self.number(packet.key);
        if present != 0 {
            let values = [
                packet.overlapped,
                packet.information,
                packet.status.0.into(),
                packet.tag.into(),
            ];
            values
                .into_iter()
                .filter(|value| *value != 0)
                .for_each(|value| self.number(value));
        }
        if let Some(object) = reserve {
            self.index(object.index());
        }
    }

    #[inline(always)]
    pub(crate) fn thread(&mut self, thread: &Thread) {
        let (frame, phase) = match &thread.frame {
            Frame::User => (0, 0),
            Frame::Dequeue(dequeue) => (1, dequeue_phase(dequeue.phase)),
            Frame::Wait(wait) => (2, wait_phase(wait.phase)),
        };
        let miscounted = thread.is_miscounted();
        let rare = thread.suspend_count > 0
            || thread.suspend_pending
            || thread.stale_wait_reason
            || miscounted;
        self.byte(thread.state as u8 | frame << 2 | phase << 4 | u8::from(rare) << 7);
        self.optional(thread.port.map(|port| port.index()));
        if rare {
            self.byte(thread.suspend_count);
            self.byte(
                u8::from(thread.suspend_pending)
                    | u8::from(thread.stale_wait_reason) << 1
                    | u8::from(miscounted) << 2,
            );
        }
        match &thread.frame {
            Frame::User => {}
            Frame::Dequeue(dequeue) => self.dequeue(dequeue),
            Frame::Wait(wait) => self.wait(wait),
        }
    }

    #[inline(always)]
    fn port(&mut self, port: &Port, with_queue: bool) {
        self.index(port.queue.len());
        if with_queue {
            for packet in &port.queue {
                self.packet(packet);
            }
        }
        self.index(port.waiters.len());
        for waiter in &port.waiters {
            self.index(waiter.index());
        }
        let life = match port.life {
            PortLife::Open => 0,
            PortLife::Abandoned => 1,
            PortLife::Deleted => 2,
        };
        self.byte(
            life | u8::from(!port.direct.is_empty()) << 2 | u8::from(port.name.is_some()) << 3,
        );
        self.number(port.handles.into());
        self.number(port.limit.into());
        if !port.direct.is_empty() {
            self.index(port.direct.len());
            for waiter in &port.direct {
                self.index(waiter.index());
            }
        }
        if let Some(name) = port.name {
            self.index(name.index());
        }
    }

    fn handle(&mut self, place: Option<&HandleEntry>) {
        let Some(entry) = place else {
            self.byte(0);
            return;
        };
        let (tag, index) = match entry.object {
            Object::Port(id) => (1, id.index()),
            Object::File(id) => (2, id.index()),
            Object::Other(id) => (3, id.index()),
        };
        let all = entry.access == Access::ALL;
        self.number((index as u64) << 3 | u64::from(all) << 2 | tag);
        if !all {
            self.number(entry.access.0.into());
        }
    }

    #[inline(always)]
    fn dequeue(&mut self, dequeue: &Dequeue) {
        self.byte(call(dequeue.api, dequeue.alertable, dequeue.due));
        let single = u64::from(dequeue.max == 1);
        self.number((dequeue.port.index() as u64) << 3 | single << 2 | dequeue.timeout as u64);
        self.number(dequeue.handle.0.into());
        if dequeue.max != 1 {
            self.number(dequeue.max.into());
        }
        if let DequeuePhase::Granted(packet) = &dequeue.phase {
            self.packet(packet);
        }
    }

    #[inline(always)]
    fn wait(&mut self, wait: &Wait) {
        self.byte(call(wait.api, wait.alertable, wait.due));
        let (tag, index) = match wait.target {
            Target::Time => (0, None),
            Target::Outside => (1, None),
            Target::Port(id) => (2, Some(id.index())),
            Target::File(id) => (3, Some(id.index())),
            Target::Object(id) => (4, Some(id.index())),
            Target::Thread(id) => (5, Some(id.index())),
        };
        self.byte(tag << 2 | wait.timeout as u8);
        if let Some(index) = index {
            self.index(index);
        }
    }
}

/// There are fewer than 64 calls.
#[inline]
fn call(api: Api, alertable: bool, due: bool) -> u8 {
    const { assert!(Api::ALL.len() <= 64) };
    api as u8 | u8::from(alertable) << 6 | u8::from(due) << 7
}

fn dequeue_phase(phase: DequeuePhase) -> u8 {
    match phase {
        DequeuePhase::Blocked => 0,
        DequeuePhase::Interrupted => 1,
        DequeuePhase::Granted(_) => 2,
        DequeuePhase::TimedOut => 3,
        DequeuePhase::Alerted => 4,
        DequeuePhase::Abandoned => 5,
        DequeuePhase::Taking => 6,
    }
}

fn wait_phase(phase: WaitPhase) -> u8 {
    match phase {
        WaitPhase::Blocked => 0,
        WaitPhase::Interrupted => 1,
        WaitPhase::Signaled => 2,
        WaitPhase::AbandonedMutex => 3,
        WaitPhase::TimedOut => 4,
        WaitPhase::Alerted => 5,
    }
}

impl System {
    /// Appends the state to `out`. Two systems that began alike (the same semantics, processors and
    /// memory) have the same bytes if and only if they are equal; left out is what follows
    /// from the rest: how many threads are active in a port, and how many files it serves.
    ///
    /// ```
    /// use iocp_model::{Action, Call, Packet, Profile, System};
    /// let mut system = System::new(Profile::default().semantics, 1);
    /// let process = system.add_process();
    /// let (_, port) = system.add_port(process, 1);
    /// let thread = system.add_thread(process);
    /// let encode = |system: &System| { let mut out = Vec::new(); system.encode(&mut out); out };
    /// let before = encode(&system);
    /// let post = Call::PostQueuedCompletionStatus { port, packet: Packet::posted(7, 0, 0) };
    /// system.apply(Action::Call(thread, post), &mut ())?;
    /// assert_ne!(encode(&system), before);
    /// # Ok::<(), iocp_model::NotEnabled>(())
    /// ```
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let end = Encoder::write_at(out, start, self.most_encoded(), |to| self.encode_to(to));
        out.truncate(end);
    }

    /// A bound on the bytes of [`encode`](Self::encode).
    pub fn most_encoded(&self) -> usize {
        const NUMBER: usize = Encoder::MOST_NUMBER;
        const PACKET: usize = 1 + 6 * NUMBER;
        let ports: usize = self
            .ports
            .iter()
            .map(|port| {
                let waiters = port.waiters.len() + port.direct.len();
                1 + 7 * NUMBER + port.queue.len() * PACKET + waiters * NUMBER
            })
            .sum();
        let objects: usize = self
            .objects
            .iter()
            .map(|object| 1 + 3 * NUMBER + object.waiters.len() * NUMBER)
            .sum();
        let handles: usize = self
            .processes
            .iter()
            .map(|table| (1 + table.places().len() * 2) * NUMBER)
            .sum();
        let others = self.files.len() * 5 + self.requests.len() * 5 + self.apcs.len() * 2;
        let taken = self.collected.len() * (NUMBER + PACKET);
        self.threads.len() * (6 + 5 * NUMBER + PACKET)
            + ports
            + objects
            + handles
            + taken
            + (9 + others) * NUMBER
    }

    /// Writes the state, as [`encode`](Self::encode) does.
    #[inline]
    pub fn encode_to(&self, to: &mut Encoder<'_>) {
        self.write::<true>(to);
    }

    /// Writes all of the state but the packets that are queued: only how many there are.
    #[inline]
    pub fn encode_but_queues_to(&self, to: &mut Encoder<'_>) {
        self.write::<false>(to);
    }

    fn write<const QUEUES: bool>(&self, to: &mut Encoder<'_>) {
        to.locally(|to| {
            to.index(self.threads.len());
            for thread in &self.threads {
                to.thread(thread);
            }
            to.index(self.ports.len());
            for port in &self.ports {
                to.port(port, QUEUES);
            }
        });
        // Requests have a file.
        let has_rare = !(self.objects.is_empty()
            && self.files.is_empty()
            && self.apcs.is_empty()
            && self.collected.is_empty());
        to.byte(has_rare.into());
        if has_rare {
            self.encode_rare(to);
        }
        for table in &self.processes {
            to.index(table.places().len());
            for place in table.places() {
                to.handle(place.as_ref());
            }
        }
    }

    /// What many systems have none of.
    fn encode_rare(&self, to: &mut Encoder<'_>) {
        to.index(self.objects.len());
        for object in &self.objects {
            match object.kind {
                Kind::Event { manual, signaled } => {
                    to.byte(u8::from(manual) << 2 | u8::from(signaled) << 3);
                }
                Kind::Semaphore { count, maximum } => {
                    to.byte(1);
                    to.number(count.into());
                    to.number(maximum.into());
                }
                Kind::Mutex {
                    owner,
                    recursion,
                    abandoned,
                } => {
                    to.byte(2 | u8::from(abandoned) << 2);
                    to.optional(owner.map(|owner| owner.index()));
                    to.number(recursion.into());
                }
                Kind::Reserve {
                    for_packets,
                    in_use,
                } => to.byte(3 | u8::from(for_packets) << 2 | u8::from(in_use) << 3),
            }
            to.index(object.waiters.len());
            for waiter in &object.waiters {
                to.index(waiter.index());
            }
        }
        to.index(self.files.len());
        for file in &self.files {
            to.byte(u8::from(file.overlapped) | u8::from(file.signaled) << 1);
            to.optional(file.association.map(|to| to.port.index()));
            to.number(file.association.map_or(0, |to| to.key));
            to.number(file.handles.into());
            to.number(file.pending.into());
        }
        to.index(self.requests.len());
        for request in &self.requests {
            to.number(request.id.0.into());
            to.index(request.file.index());
            to.index(request.thread.index());
            to.number(request.context);
            to.byte(request.apc.into());
        }
        to.number(self.next_request.into());
        to.index(self.apcs.len());
        for apc in &self.apcs {
            to.index(apc.thread.index());
            to.number(apc.apc.into());
        }
        to.index(self.collected.len());
        for taken in &self.collected {
            to.index(taken.thread.index());
            to.packet(&taken.packet);
        }
    }
}
