//! A state as few bytes: for whoever stores or compares millions of them.

use crate::{
    Dequeue, DequeuePhase, Frame, Kind, Object, Origin, Packet, PortLife, System, Target, Thread,
    Timeout, Wait, WaitPhase,
};
use std::vec::Vec;

/// Appends numbers in seven-bit groups, low group first: small numbers take one byte.
struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    #[inline]
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    #[inline]
    fn index(&mut self, index: usize) {
        self.number(index as u64);
    }

    fn optional(&mut self, index: Option<usize>) {
        self.index(index.map_or(0, |index| index + 1));
    }

    #[inline]
    fn packet(&mut self, packet: &Packet) {
        let (origin, reserve) = match packet.origin {
            Origin::Posted => (0, None),
            Origin::Request => (1, None),
            Origin::Reserve(object) => (2, Some(object)),
        };
        let present = |present: bool, bit: u8| u8::from(present) << bit;
        self.byte(
            origin
                | present(packet.overlapped != 0, 2)
                | present(packet.information != 0, 3)
                | present(packet.status.0 != 0, 4)
                | present(packet.tag != 0, 5),
        );
        self.number(packet.key);
        for value in [
            packet.overlapped,
            packet.information,
            packet.status.0.into(),
            packet.tag.into(),
        ] {
            if value != 0 {
                self.number(value);
            }
        }
        if let Some(object) = reserve {
            self.index(object.index());
        }
    }

    #[inline]
    fn thread(&mut self, thread: &Thread) {
        let (frame, phase) = match &thread.frame {
            Frame::User => (0, 0),
            Frame::Dequeue(dequeue) => (1, dequeue_phase(dequeue.phase)),
            Frame::Wait(wait) => (2, wait_phase(wait.phase)),
        };
        let rare = thread.suspend_count > 0 || thread.suspend_pending || thread.stale_wait_reason;
        self.byte(thread.state as u8 | frame << 2 | phase << 4 | u8::from(rare) << 7);
        self.optional(thread.port.map(|port| port.index()));
        if rare {
            self.byte(thread.suspend_count);
            self.byte(u8::from(thread.suspend_pending) | u8::from(thread.stale_wait_reason) << 1);
        }
        match &thread.frame {
            Frame::User => {}
            Frame::Dequeue(dequeue) => self.dequeue(dequeue),
            Frame::Wait(wait) => self.wait(wait),
        }
    }

    fn dequeue(&mut self, dequeue: &Dequeue) {
        self.byte(dequeue.api as u8);
        self.byte(flags(dequeue.alertable, dequeue.due, dequeue.timeout));
        self.index(dequeue.port.index());
        self.number(dequeue.handle.0.into());
        self.number(dequeue.max.into());
        if let DequeuePhase::Granted(packet) = &dequeue.phase {
            self.packet(packet);
        }
    }

    fn wait(&mut self, wait: &Wait) {
        self.byte(wait.api as u8);
        self.byte(flags(wait.alertable, wait.due, wait.timeout));
        let (tag, index) = match wait.target {
            Target::Time => (0, 0),
            Target::Outside => (1, 0),
            Target::Port(id) => (2, id.index()),
            Target::File(id) => (3, id.index()),
            Target::Object(id) => (4, id.index()),
            Target::Thread(id) => (5, id.index()),
        };
        self.byte(tag);
        self.index(index);
    }
}

fn flags(alertable: bool, due: bool, timeout: Timeout) -> u8 {
    u8::from(alertable) | u8::from(due) << 1 | (timeout as u8) << 2
}

fn dequeue_phase(phase: DequeuePhase) -> u8 {
    match phase {
        DequeuePhase::Blocked => 0,
        DequeuePhase::Interrupted => 1,
        DequeuePhase::Granted(_) => 2,
        DequeuePhase::TimedOut => 3,
        DequeuePhase::Alerted => 4,
        DequeuePhase::Abandoned => 5,
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
    /// memory) have the same bytes if and only if they are equal; the active counts are left out,
    /// since the threads determine them.
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
        let mut to = Writer(out);
        to.index(self.threads.len());
        for thread in &self.threads {
            to.thread(thread);
        }
        to.index(self.ports.len());
        for port in &self.ports {
            to.index(port.queue.len());
            for packet in &port.queue {
                to.packet(packet);
            }
            to.index(port.waiters.len());
            for waiter in &port.waiters {
                to.index(waiter.index());
            }
            to.index(port.direct.len());
            for waiter in &port.direct {
                to.index(waiter.index());
            }
            to.byte(match port.life {
                PortLife::Open => 0,
                PortLife::Abandoned => 1,
                PortLife::Deleted => 2,
            });
            to.number(port.handles.into());
            to.number(port.files.into());
            to.number(port.limit.into());
            to.optional(port.name.map(|name| name.index()));
        }
        self.encode_rare(&mut to);
    }

    /// What most systems have none of, or what seldom changes.
    fn encode_rare(&self, to: &mut Writer<'_>) {
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
        for process in &self.processes {
            for (handle, entry) in process.iter() {
                let (tag, index) = match entry.object {
                    Object::Port(id) => (0, id.index()),
                    Object::File(id) => (1, id.index()),
                    Object::Other(id) => (2, id.index()),
                };
                to.number(handle.0.into());
                to.byte(tag);
                to.index(index);
                to.number(entry.access.0.into());
            }
            to.byte(0);
        }
    }
}
