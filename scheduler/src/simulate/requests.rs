//! The books of a replication: which packet belongs to which request, who handles it, and how long
//! all that took.
//!
//! They are kept by watching the model. What is queued is mirrored here packet by packet, in the
//! order in which the model says that it is.

use super::{
    Settings,
    statistics::{Gauge, Moments, PortBook, Series},
};
use crate::{
    law::{Law, Stream, exponential},
    program::{CallOp, Op, Program},
    run::RunWatch,
    state::Watch,
};
use hdrhistogram::Histogram;
use iocp_model::{Call, Event, Observer, PortId, Returned, System, ThreadId};
use smallvec::SmallVec;
use std::collections::VecDeque;

/// A request that is under way.
#[derive(Clone, Copy, Debug)]
struct Request {
    began_ns: u64,
    /// How many of its packets are queued or handled.
    packets: u32,
    /// The program of the thread that began it.
    origin: u32,
    /// How many began before it.
    number: u64,
    stream: Stream,
}

/// A packet in a queue.
#[derive(Clone, Copy, Debug)]
struct Queued {
    request: u32,
    since_ns: u64,
}

/// A thread, as far as requests go.
#[derive(Clone, Debug)]
pub(super) struct Handler {
    /// It needs no processor of this machine.
    pub(super) outside: bool,
    code: u32,
    /// The requests of the packets that it handles.
    hand: SmallVec<[u32; 4]>,
    /// To which of them its next insert belongs.
    next: usize,
    /// Since when it could go on with them.
    waits_since_ns: Option<u64>,
    /// It is blocked in something that is no dequeue.
    blocked: bool,
    /// Where its random numbers come from when it handles nothing.
    stream: Stream,
    /// From which its requests have theirs.
    requests: Stream,
    begun: u64,
    /// How many turns it has had of each op whose law is a sequence.
    turns: Vec<(u32, u64)>,
    /// The port that it is a member of.
    port: Option<PortId>,
}

/// The books. `W` watches the same steps.
#[derive(Debug)]
pub(super) struct Books<W> {
    pub(super) watch: W,
    pub(super) now_ns: u64,
    /// Who takes the step.
    pub(super) actor: Option<ThreadId>,
    /// Whom the step has woken, blocked or ended.
    pub(super) touched: Vec<ThreadId>,
    /// The ports that it has touched: a bit for each of the first 63, and one for all others.
    touched_ports: u64,
    pub(super) handlers: Vec<Handler>,
    requests: Vec<Request>,
    free: Vec<u32>,
    queues: Vec<VecDeque<Queued>>,
    pub(super) ports: Vec<PortBook>,
    /// How many requests have begun, and finished, since time 0.
    pub(super) begun: u64,
    pub(super) finished: u64,
    skip: u64,
    wanted: u64,
    /// Do statistics count?
    counts: bool,
    /// Since when.
    pub(super) since_ns: u64,
    /// Has counting just begun?
    pub(super) begins: bool,
    pub(super) latency: Histogram<u64>,
    pub(super) latency_moments: Moments,
    pub(super) series: Series,
    pub(super) wait: Moments,
    pub(super) queue_wait: Moments,
    pub(super) outstanding: Gauge,
    pub(super) outstanding_at_begin: u64,
    pub(super) blocked: Gauge,
    pub(super) wakeups: u64,
}

impl<W> Books<W> {
    pub(super) fn new(program: &Program, settings: &Settings, watch: W) -> Option<Self> {
        let seed = Stream::new(settings.seed);
        let handler = |(index, thread): (usize, &crate::program::ThreadCode)| Handler {
            outside: thread.outside,
            code: thread.code as u32,
            hand: SmallVec::new(),
            next: 0,
            waits_since_ns: None,
            blocked: false,
            stream: seed.part(2 * index as u64),
            requests: seed.part(2 * index as u64 + 1),
            begun: 0,
            turns: Vec::new(),
            port: None,
        };
        Some(Self {
            watch,
            now_ns: 0,
            actor: None,
            touched: Vec::new(),
            touched_ports: 0,
            handlers: program.threads.iter().enumerate().map(handler).collect(),
            requests: Vec::new(),
            free: Vec::new(),
            queues: Vec::new(),
            ports: Vec::new(),
            begun: 0,
            finished: 0,
            skip: settings.skip,
            wanted: settings.skip.saturating_add(settings.requests),
            counts: settings.skip == 0,
            since_ns: 0,
            begins: false,
            // Three digits, of any size: cannot fail.
            latency: Histogram::new(3).ok()?,
            latency_moments: Moments::default(),
            series: Series::default(),
            wait: Moments::default(),
            queue_wait: Moments::default(),
            outstanding: Gauge::default(),
            outstanding_at_begin: 0,
            blocked: Gauge::default(),
            wakeups: 0,
        })
    }

    /// Have all requests finished that were asked for?
    #[inline]
    pub(super) fn are_full(&self) -> bool {
        self.finished >= self.wanted
    }

    /// How long an op takes this time.
    #[inline(always)]
    pub(super) fn draw(&mut self, thread: ThreadId, at: u32, law: &Law) -> u64 {
        match law {
            Law::Exponential { mean_ns } => exponential(*mean_ns, self.stream(thread).next()),
            law => self.draw_by(thread, at, law),
        }
    }

    /// As [`draw`](Self::draw), by any law.
    #[inline(never)]
    fn draw_by(&mut self, thread: ThreadId, at: u32, law: &Law) -> u64 {
        match law {
            Law::Constant(ns) => *ns,
            Law::Sequence(_) => {
                let handler = &mut self.handlers[thread.index()];
                let request = handler.hand.first().copied();
                let turn = match request {
                    Some(request) => self.requests[request as usize].number,
                    None => {
                        let turns = &mut handler.turns;
                        let place = turns.iter().position(|(op, _)| *op == at);
                        let place = place.unwrap_or_else(|| {
                            turns.push((at, 0));
                            turns.len() - 1
                        });
                        turns[place].1 += 1;
                        turns[place].1 - 1
                    }
                };
                law.nth(turn).unwrap_or_default()
            }
            law => law.sample(self.stream(thread).next()),
        }
    }

    /// Where the numbers come from that the thread draws now.
    #[inline]
    fn stream(&mut self, thread: ThreadId) -> &mut Stream {
        let handler = &mut self.handlers[thread.index()];
        match handler.hand.first() {
            Some(&request) => &mut self.requests[request as usize].stream,
            None => &mut handler.stream,
        }
    }

    /// The thread has what it needs and goes on.
    #[inline]
    pub(super) fn goes_on(&mut self, thread: ThreadId) {
        if let Some(since) = self.handlers[thread.index()].waits_since_ns.take()
            && self.counts
        {
            self.wait.add(self.now_ns - since);
        }
    }

    /// What the thread waited for has happened: if it handles a packet, that waits now.
    #[inline]
    pub(super) fn could_go_on(&mut self, thread: ThreadId) {
        let now_ns = self.now_ns;
        let handler = &mut self.handlers[thread.index()];
        if !handler.hand.is_empty() && !handler.outside {
            handler.waits_since_ns.get_or_insert(now_ns);
        }
    }

    /// The request of a packet that the actor inserts now.
    #[inline]
    fn inserts(&mut self) -> u32 {
        let Some(actor) = self.actor else {
            return self.begin(0, Stream::default());
        };
        let handler = &mut self.handlers[actor.index()];
        if handler.hand.is_empty() {
            let stream = handler.requests.part(handler.begun);
            handler.begun += 1;
            let code = handler.code;
            return self.begin(code, stream);
        }
        let request = handler.hand[handler.next % handler.hand.len()];
        handler.next += 1;
        self.requests[request as usize].packets += 1;
        request
    }

    #[inline]
    fn begin(&mut self, origin: u32, stream: Stream) -> u32 {
        let request = Request {
            began_ns: self.now_ns,
            packets: 1,
            origin,
            number: self.begun,
            stream,
        };
        self.begun += 1;
        self.outstanding
            .set(self.outstanding.value() + 1, self.now_ns);
        match self.free.pop() {
            Some(place) => {
                self.requests[place as usize] = request;
                place
            }
            None => {
                self.requests.push(request);
                (self.requests.len() - 1) as u32
            }
        }
    }

    /// One packet fewer.
    #[inline]
    fn done(&mut self, place: u32) {
        let request = &mut self.requests[place as usize];
        request.packets -= 1;
        if request.packets > 0 {
            return;
        }
        let took_ns = self.now_ns - request.began_ns;
        self.free.push(place);
        self.outstanding
            .set(self.outstanding.value() - 1, self.now_ns);
        if self.finished >= self.wanted {
            return;
        }
        self.finished += 1;
        if self.counts {
            // Cannot fail: it grows with what it is to hold.
            let _ = self.latency.record(took_ns);
            self.latency_moments.add(took_ns);
            self.series.add(took_ns);
        } else if self.finished == self.skip {
            self.counts = true;
            self.begins = true;
        }
    }

    /// The thread handles none of its packets any more.
    #[inline(always)]
    fn lays_down(&mut self, thread: ThreadId) {
        let handler = &mut self.handlers[thread.index()];
        handler.next = 0;
        handler.waits_since_ns = None;
        if handler.hand.is_empty() {
            return;
        }
        for place in 0..handler.hand.len() {
            self.done(self.handlers[thread.index()].hand[place]);
        }
        self.handlers[thread.index()].hand.clear();
    }

    /// The thread gets a packet. `at_once`: it runs, and so goes on with it.
    #[inline]
    fn gets(&mut self, thread: ThreadId, packet: Queued, at_once: bool) {
        let waited_ns = self.now_ns - packet.since_ns;
        let handler = &mut self.handlers[thread.index()];
        if handler.outside {
            if self.requests[packet.request as usize].origin == handler.code {
                return self.done(packet.request);
            }
        } else {
            if at_once {
                if self.counts {
                    self.wait.add(waited_ns);
                }
            } else {
                handler.waits_since_ns = Some(packet.since_ns);
            }
            if self.counts {
                self.queue_wait.add(waited_ns);
            }
        }
        handler.hand.push(packet.request);
    }

    fn queue(&mut self, port: PortId) -> &mut VecDeque<Queued> {
        if self.queues.len() <= port.index() {
            self.queues.resize_with(port.index() + 1, VecDeque::new);
        }
        &mut self.queues[port.index()]
    }

    /// To be looked at after the step.
    #[inline]
    pub(super) fn is_touched(&mut self, port: PortId) {
        self.touched_ports |= 1 << port.index().min(63);
    }

    #[inline]
    fn port_of_is_touched(&mut self, thread: ThreadId) {
        if let Some(port) = self.handlers[thread.index()].port {
            self.is_touched(port);
        }
    }

    /// The step is over: what have ports come to?
    #[inline]
    pub(super) fn look_at_ports(&mut self, system: &System) {
        let mut touched = std::mem::take(&mut self.touched_ports);
        while touched != 0 {
            let index = touched.trailing_zeros() as usize;
            if index == 63 {
                return self.look_at_last_ports(system);
            }
            touched &= touched - 1;
            self.look_at_port(system, index);
        }
    }

    /// Those that have no bit of their own.
    #[cold]
    fn look_at_last_ports(&mut self, system: &System) {
        (63..system.ports().len()).for_each(|index| self.look_at_port(system, index));
    }

    #[inline(always)]
    fn look_at_port(&mut self, system: &System, index: usize) {
        if self.ports.len() <= index {
            self.ports
                .resize_with(system.ports().len(), PortBook::default);
        }
        let port = &system.ports()[index];
        self.ports[index].look(port, self.now_ns);
        debug_assert_eq!(
            self.queues.get(index).map_or(0, VecDeque::len),
            port.depth(),
            "what is queued is mirrored"
        );
    }

    /// Each request that is under way has as many packets as are queued and handled, and all others
    /// are finished.
    #[cfg(debug_assertions)]
    pub(super) fn balance(&self) {
        let mut packets = vec![0; self.requests.len()];
        for queued in self.queues.iter().flatten() {
            packets[queued.request as usize] += 1;
        }
        for request in self.handlers.iter().flat_map(|handler| &handler.hand) {
            packets[*request as usize] += 1;
        }
        for place in &self.free {
            assert_eq!(packets[*place as usize], 0, "a request is over too soon");
        }
        let under_way = packets.iter().filter(|packets| **packets > 0).count();
        assert_eq!(under_way, self.requests.len() - self.free.len());
        assert_eq!(self.outstanding.value(), under_way as u64);
        for (request, packets) in self.requests.iter().zip(&packets) {
            assert!(*packets == 0 || request.packets == *packets);
        }
    }

    /// Counting begins now.
    pub(super) fn begin_counting(&mut self) {
        self.begins = false;
        let now_ns = self.now_ns;
        self.since_ns = now_ns;
        self.outstanding.begin(now_ns);
        self.outstanding_at_begin = self.outstanding.value();
        self.blocked.begin(now_ns);
        self.ports.iter_mut().for_each(|port| port.begin(now_ns));
        self.wakeups = 0;
    }
}

impl<W: RunWatch> Observer for Books<W> {
    // Always inlined, as it is known where an event happens which it is.
    #[inline(always)]
    fn event(&mut self, event: Event) {
        self.watch.event(event);
        match event {
            Event::Queued { port, place, .. } => {
                let packet = Queued {
                    request: self.inserts(),
                    since_ns: self.now_ns,
                };
                let queue = self.queue(port);
                if place >= queue.len() {
                    queue.push_back(packet);
                } else {
                    queue.insert(place, packet);
                }
                self.is_touched(port);
            }
            Event::HandedOff {
                port,
                thread,
                from_queue,
                ..
            } => {
                let queued = match from_queue {
                    true => self.queue(port).pop_front(),
                    false => None,
                };
                let packet = queued.unwrap_or_else(|| Queued {
                    request: self.inserts(),
                    since_ns: self.now_ns,
                });
                self.gets(thread, packet, false);
                self.touched.push(thread);
                self.wakeups += u64::from(!self.handlers[thread.index()].outside);
                self.is_touched(port);
                self.port_mut(port).hand_offs += u64::from(self.counts);
            }
            Event::Taken { port, thread, .. } => {
                if let Some(packet) = self.queue(port).pop_front() {
                    self.gets(thread, packet, true);
                }
                self.is_touched(port);
                self.port_mut(port).taken_at_once += u64::from(self.counts);
            }
            Event::Discarded {
                port, from_queue, ..
            } => {
                if from_queue && let Some(packet) = self.queue(port).pop_front() {
                    self.done(packet.request);
                }
                self.is_touched(port);
            }
            Event::WaiterLeft(thread, port) => {
                self.touched.push(thread);
                self.wakeups += u64::from(!self.handlers[thread.index()].outside);
                self.is_touched(port);
            }
            Event::WaiterPushed(_, port) => self.is_touched(port),
            Event::Associated(thread, port) => {
                self.handlers[thread.index()].port = Some(port);
                self.is_touched(port);
            }
            Event::Dissociated(thread, port) => {
                self.handlers[thread.index()].port = None;
                self.is_touched(port);
            }
            Event::Blocked(thread) => {
                self.touched.push(thread);
                self.port_of_is_touched(thread);
                let handler = &mut self.handlers[thread.index()];
                if !handler.outside && !handler.blocked {
                    handler.blocked = true;
                    self.blocked.set(self.blocked.value() + 1, self.now_ns);
                }
            }
            Event::Unblocked(thread) => {
                self.touched.push(thread);
                self.port_of_is_touched(thread);
                self.is_not_blocked(thread);
                self.wakeups += u64::from(!self.handlers[thread.index()].outside);
                self.could_go_on(thread);
            }
            Event::Ended(thread) => {
                self.touched.push(thread);
                self.is_not_blocked(thread);
                self.lays_down(thread);
            }
        }
    }

    #[inline]
    fn mutant(&mut self, mutant: iocp_model::Mutant) {
        self.watch.mutant(mutant);
    }

    #[inline]
    fn rule(&mut self, rule: iocp_model::rules::RuleId) {
        self.watch.rule(rule);
    }
}

impl<W> Books<W> {
    #[inline]
    fn is_not_blocked(&mut self, thread: ThreadId) {
        let handler = &mut self.handlers[thread.index()];
        if handler.blocked {
            handler.blocked = false;
            self.blocked.set(self.blocked.value() - 1, self.now_ns);
        }
    }

    #[inline]
    fn port_mut(&mut self, port: PortId) -> &mut PortBook {
        if self.ports.len() <= port.index() {
            self.ports.resize_with(port.index() + 1, PortBook::default);
        }
        &mut self.ports[port.index()]
    }
}

impl<W: RunWatch> Watch for Books<W> {
    #[inline]
    fn begins(&mut self, thread: ThreadId, op: &CallOp, call: &Call) {
        self.watch.begins(thread, op, call);
        if matches!(
            call,
            Call::GetQueuedCompletionStatus { .. }
                | Call::GetQueuedCompletionStatusEx { .. }
                | Call::NtRemoveIoCompletion { .. }
                | Call::NtRemoveIoCompletionEx { .. }
        ) {
            self.lays_down(thread);
        }
    }

    #[inline]
    fn ends(&mut self, thread: ThreadId, op: &CallOp, returned: &Returned) {
        self.watch.ends(thread, op, returned);
    }

    #[inline]
    fn does(&mut self, thread: ThreadId, op: &Op) {
        self.watch.does(thread, op);
    }

    #[inline]
    fn ended(&mut self, thread: ThreadId) {
        self.watch.ended(thread);
    }
}
