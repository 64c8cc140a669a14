//! Taking steps back, for whoever tries them.
//!
//! A copy of a system costs what its queues hold, and a step changes a queue by a packet or two. So
//! the copy leaves the queues out, and the [`Event`]s say how they have changed since.

use crate::{Event, Packet, Port, PortId, System};

/// One change of a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueChange {
    /// A packet joined the queue of a port, behind so many others.
    Joined(PortId, Packet, usize),
    /// The packet in front left.
    Left(PortId, Packet),
}

impl QueueChange {
    /// The change that an event tells of, if it does.
    #[inline]
    pub fn of(event: &Event) -> Option<Self> {
        match *event {
            Event::Queued {
                port,
                packet,
                place,
                ..
            } => Some(Self::Joined(port, packet, place)),
            Event::HandedOff {
                port,
                packet,
                from_queue: true,
                ..
            }
            | Event::Taken { port, packet, .. }
            | Event::Discarded {
                port,
                packet,
                from_queue: true,
            } => Some(Self::Left(port, packet)),
            _ => None,
        }
    }
}

impl System {
    /// Becomes a copy of `source` in everything but what is queued: that stays as it is here.
    pub fn copy_but_queues(&mut self, source: &Self) {
        // All fields are named, so that none can be forgotten.
        let Self {
            semantics,
            processors,
            post_memory,
            processes,
            threads,
            ports,
            objects,
            files,
            requests,
            next_request,
            apcs,
            collected,
        } = source;
        self.semantics = *semantics;
        self.processors = *processors;
        self.post_memory = *post_memory;
        self.processes.clone_from(processes);
        self.threads.clone_from(threads);
        self.objects.clone_from(objects);
        self.files.clone_from(files);
        self.requests.clone_from(requests);
        self.next_request = *next_request;
        self.apcs.clone_from(apcs);
        self.collected.clone_from(collected);
        self.ports.truncate(ports.len());
        for from in &ports[self.ports.len()..] {
            self.ports.push(Port::new(from.limit, from.name));
        }
        for (to, from) in self.ports.iter_mut().zip(ports) {
            to.copy_but_queue(from);
        }
    }

    /// Goes back to an earlier state: a copy of it but for its queues, and how these have changed
    /// since, in the order in which they did.
    ///
    /// # Panics
    /// If the changes are not those that led from there to here.
    ///
    /// ```
    /// use iocp_model::{Action, Call, Event, Observer, Packet, Profile, QueueChange, System};
    ///
    /// #[derive(Default)]
    /// struct Changes(Vec<QueueChange>);
    /// impl Observer for Changes {
    ///     fn event(&mut self, event: Event) {
    ///         self.0.extend(QueueChange::of(&event));
    ///     }
    /// }
    ///
    /// let mut system = System::new(Profile::default().semantics, 1);
    /// let process = system.add_process();
    /// let (_, port) = system.add_port(process, 1);
    /// let thread = system.add_thread(process);
    /// let (original, mut before) = (system.clone(), system.clone());
    /// before.copy_but_queues(&system);
    /// let post = Call::PostQueuedCompletionStatus { port, packet: Packet::posted(7, 0, 0) };
    /// let mut changes = Changes::default();
    /// system.apply(Action::Call(thread, post), &mut changes)?;
    /// system.go_back(&before, changes.0.into_iter());
    /// assert_eq!(system, original);
    /// # Ok::<(), iocp_model::NotEnabled>(())
    /// ```
    pub fn go_back(
        &mut self,
        before: &Self,
        changes: impl DoubleEndedIterator<Item = QueueChange>,
    ) {
        for change in changes.rev() {
            match change {
                QueueChange::Joined(port, packet, place) => {
                    let left = self.ports[port.index()].queue.remove(place);
                    assert_eq!(left, Some(packet), "it joined there");
                }
                QueueChange::Left(port, packet) => {
                    self.ports[port.index()].queue.push_front(packet);
                }
            }
        }
        self.copy_but_queues(before);
    }
}

impl Port {
    fn copy_but_queue(&mut self, source: &Self) {
        let Self {
            limit,
            active,
            queue: _,
            waiters,
            direct,
            handles,
            files,
            name,
            life,
        } = source;
        self.limit = *limit;
        self.active = *active;
        self.waiters.clone_from(waiters);
        self.direct.clone_from(direct);
        self.handles = *handles;
        self.files = *files;
        self.name = *name;
        self.life = *life;
    }
}
