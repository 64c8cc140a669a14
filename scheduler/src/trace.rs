//! From a run to a trace: what the simulator writes down.

use crate::{
    program::{CallOp, Op, Program},
    run::{RunWatch, port_of},
    state::{State, Watch},
};
use iocp_model::{
    Call, Event as KernelHappening, Mutant, Mutants, Observer, PortId, Returned, ThreadId,
};
use iocp_traces::{
    Change, Clock, Event, Happening, Header, KernelEvent, Number, PortState, Producer, SeenResult,
    event::{FORMAT, VERSION},
};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Where events go.
pub trait Sink {
    /// Takes one event.
    fn event(&mut self, event: &Event<'_>);
}

impl Sink for Vec<Event<'static>> {
    fn event(&mut self, event: &Event<'_>) {
        self.push(event.clone().into_owned());
    }
}

impl<F: FnMut(&Event<'_>)> Sink for F {
    fn event(&mut self, event: &Event<'_>) {
        self(event);
    }
}

/// The header of a trace that the simulator makes.
pub fn header(program: &Program, profile: &str, strategy: &str, seed: u64) -> Header {
    Header {
        format: FORMAT.into(),
        version: VERSION,
        producer: Producer::Simulator {
            version: env!("CARGO_PKG_VERSION").into(),
            profile: profile.into(),
            strategy: strategy.into(),
            seed,
        },
        processors: program.processors().into(),
        clock: Clock::Virtual,
        threads: program.thread_names.clone(),
        ports: program.port_names.clone(),
        // A workload is plain data with text keys: it always is a JSON value.
        scenario: serde_json::to_value(&program.workload).unwrap_or_default(),
        expect: Default::default(),
        settled_ns: None,
        provenance: String::new(),
    }
}

/// What a thread does in an op that is no call and no wait, in words.
pub(crate) fn does_words(program: &Program, op: &Op) -> Option<String> {
    Some(match op {
        Op::Compute(law) => format!("compute {law}"),
        Op::Add { counter, by, .. } => format!("add {by} to {}", program.counter_names[*counter]),
        Op::Mark { set } => format!("mark in {}", program.mark_names[*set]),
        Op::Complete { file, .. } => format!("complete {}", program.variables[*file]),
        _ => return None,
    })
}

/// Watches a run and writes down what happens.
pub struct Tracer<'p, S> {
    program: &'p Program,
    sink: S,
    now_ns: u64,
    /// Ports that the step has touched.
    touched: SmallVec<[PortId; 4]>,
    /// What each port was like when it was last written down.
    ports: Vec<(u32, u32, SmallVec<[ThreadId; 8]>)>,
    /// Write what only the inside of the kernel shows?
    kernel: bool,
    /// What the step made threads return with: told after what it did to the ports.
    later: SmallVec<[Happening<'p>; 4]>,
    heard: Mutants,
}

impl<'p, S: Sink> Tracer<'p, S> {
    /// Writes to `sink`; with `kernel`, also what only the inside of the kernel shows.
    pub fn new(program: &'p Program, sink: S, kernel: bool) -> Self {
        Self {
            program,
            sink,
            now_ns: 0,
            touched: SmallVec::new(),
            ports: Vec::new(),
            kernel,
            later: SmallVec::new(),
            heard: Mutants::NONE,
        }
    }

    /// The mutants on which a step has depended.
    pub fn heard(&self) -> Mutants {
        self.heard
    }

    /// The sink, with everything told.
    pub fn into_sink(mut self) -> S {
        self.tell_rest();
        self.sink
    }

    fn tell_rest(&mut self) {
        let at_ns = self.now_ns;
        for what in self.later.drain(..) {
            self.sink.event(&Event { at_ns, what });
        }
    }

    fn tell(&mut self, what: Happening<'_>) {
        let at_ns = self.now_ns;
        self.sink.event(&Event { at_ns, what });
    }

    fn thread(&self, thread: ThreadId) -> Cow<'p, str> {
        Cow::Borrowed(&self.program.thread_names[thread.index()])
    }

    fn port(&self, port: PortId) -> Cow<'p, str> {
        match self.program.port_names.get(port.index()) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(self.program.port_name(port)),
        }
    }

    fn kernel(
        &mut self,
        what: Change,
        thread: Option<ThreadId>,
        port: Option<PortId>,
        key: Option<u64>,
    ) {
        let event = KernelEvent {
            what,
            thread: thread.map(|thread| self.thread(thread)),
            port: port.map(|port| self.port(port)),
            key: key.map(Number),
        };
        self.tell(Happening::Kernel(event));
    }
}

impl<S: Sink> Observer for Tracer<'_, S> {
    fn mutant(&mut self, mutant: Mutant) {
        self.heard.insert(mutant);
    }

    fn event(&mut self, event: KernelHappening) {
        if !self.kernel {
            return;
        }
        if let Some(port) = port_of(&event)
            && !self.touched.contains(&port)
        {
            self.touched.push(port);
        }
        match event {
            KernelHappening::Associated(thread, port) => {
                self.kernel(Change::Associated, Some(thread), Some(port), None);
            }
            KernelHappening::Dissociated(thread, port) => {
                self.kernel(Change::Dissociated, Some(thread), Some(port), None);
            }
            KernelHappening::Queued {
                port,
                packet,
                at_head,
                ..
            } => {
                let change = if at_head {
                    Change::QueuedInFront
                } else {
                    Change::Queued
                };
                self.kernel(change, None, Some(port), Some(packet.key));
            }
            KernelHappening::HandedOff {
                port,
                thread,
                packet,
                from_queue,
            } => {
                let change = if from_queue {
                    Change::HandedOff
                } else {
                    Change::HandedOver
                };
                self.kernel(change, Some(thread), Some(port), Some(packet.key));
            }
            KernelHappening::Taken {
                port,
                thread,
                packet,
            } => self.kernel(Change::Taken, Some(thread), Some(port), Some(packet.key)),
            KernelHappening::Discarded { port, packet, .. } => {
                self.kernel(Change::Discarded, None, Some(port), Some(packet.key));
            }
            KernelHappening::WaiterPushed(thread, port) => {
                self.kernel(Change::Waits, Some(thread), Some(port), None);
            }
            KernelHappening::WaiterLeft(thread, port) => {
                self.kernel(Change::LeavesStack, Some(thread), Some(port), None);
            }
            KernelHappening::Blocked(thread) => {
                self.kernel(Change::Blocks, Some(thread), None, None);
            }
            KernelHappening::Unblocked(thread) => {
                self.kernel(Change::Unblocks, Some(thread), None, None);
            }
            KernelHappening::Ended(_) => {}
        }
    }
}

impl<S: Sink> Watch for Tracer<'_, S> {
    fn begins(&mut self, thread: ThreadId, op: &CallOp, call: &Call) {
        let thread = self.thread(thread);
        self.tell(Happening::Begin {
            thread,
            call: Cow::Borrowed(op.call.api().name()),
            with: op.words_of(call),
        });
    }

    fn ends(&mut self, thread: ThreadId, op: &CallOp, returned: &Returned) {
        let thread = self.thread(thread);
        self.later.push(Happening::End {
            thread,
            call: Cow::Borrowed(op.call.api().name()),
            result: Cow::Owned(SeenResult::of(returned)),
        });
    }

    fn does(&mut self, thread: ThreadId, op: &Op) {
        let thread = self.thread(thread);
        if let Op::Until(_, text) = op {
            self.tell(Happening::Reached {
                thread,
                condition: Cow::Borrowed(text),
                seen: true,
            });
            return;
        }
        let Some(what) = does_words(self.program, op) else {
            return;
        };
        let does = Happening::Does {
            thread,
            what: Cow::Owned(what),
        };
        match op {
            // After the end of the call that it belongs to.
            Op::Add { of_call: true, .. } => self.later.push(does),
            _ => self.tell(does),
        }
    }

    fn ended(&mut self, thread: ThreadId) {
        let thread = self.thread(thread);
        self.later.push(Happening::Ends { thread });
    }
}

impl<S: Sink> RunWatch for Tracer<'_, S> {
    fn step_begins(&mut self, now_ns: u64) {
        self.tell_rest();
        self.now_ns = now_ns;
    }

    fn waits_until(&mut self, thread: ThreadId, op: &Op) {
        if let Op::Until(_, text) = op {
            let thread = self.thread(thread);
            self.tell(Happening::Until {
                thread,
                condition: Cow::Borrowed(text),
            });
        }
    }

    fn step_ends(&mut self, _: &Program, state: &State) {
        if self.kernel {
            self.tell_ports(state);
        }
        self.tell_rest();
    }

    fn settled(&mut self, now_ns: u64) {
        self.tell_rest();
        self.now_ns = now_ns;
        self.tell(Happening::Settled {});
    }
}

impl<S: Sink> Tracer<'_, S> {
    /// The ports that the step has changed.
    fn tell_ports(&mut self, state: &State) {
        let system = &state.system;
        self.ports.resize_with(system.ports().len(), || {
            (u32::MAX, u32::MAX, SmallVec::new())
        });
        for (index, port) in system.ports().iter().enumerate() {
            let depth = port.depth() as u32;
            let (old_depth, old_active, old_waiters) = &mut self.ports[index];
            let touched = self.touched.iter().any(|touched| touched.index() == index);
            let same = *old_depth == depth
                && *old_active == port.active
                && old_waiters.as_slice() == port.waiters.as_slice();
            if same || (!touched && *old_active == port.active) {
                continue;
            }
            (*old_depth, *old_active) = (depth, port.active);
            old_waiters.clear();
            old_waiters.extend_from_slice(&port.waiters);
            let Some(id) = PortId::new(index) else { break };
            let state = PortState {
                port: self.port(id),
                depth,
                active: port.active,
                limit: port.limit,
                waiters: port
                    .waiters
                    .iter()
                    .map(|&waiter| self.thread(waiter))
                    .collect(),
            };
            let at_ns = self.now_ns;
            self.sink.event(&Event {
                at_ns,
                what: Happening::Port(state),
            });
        }
        self.touched.clear();
    }
}
