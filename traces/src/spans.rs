//! A trace as stretches of time: what each thread was doing from when to when, the calls that it
//! made, each port as it changed, and where each packet went.
//!
//! Pictures are made of this: the timeline of a report, and [`perfetto`](crate::perfetto). It says
//! what the events say. A simulator tells when a call began to wait; a recorder sees only that the
//! call began and ended, so there a dequeue counts as waiting from its begin to its end. It does not
//! know programs: that a thread computes, it has from the event's words.

mod flights;

use crate::{Change, Clock, Event, Happening, Header, SeenResult, Trace, columns::begins_step};
use flights::Flights;
use std::collections::BTreeMap;

pub use flights::{Flight, Place};

/// A moment of a trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Moment {
    /// The time, as the events have it.
    pub at_ns: u64,
    /// How many atomic steps there have been, this one included. In a recording each event counts as
    /// one.
    pub step: u32,
}

/// What a thread is doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Doing {
    /// It runs its program between two calls; or it could, and has no processor.
    Runs,
    /// It uses a processor.
    Computes,
    /// It is in a call that does not wait, or does not wait yet.
    Calls,
    /// It waits on a port for a packet.
    Waits,
    /// It is blocked on something else.
    Blocks,
    /// What it waited for has come, and its call has not returned yet.
    Woken,
    /// The scenario's order holds it back.
    HeldBack,
}

impl Doing {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Runs,
        Self::Computes,
        Self::Calls,
        Self::Waits,
        Self::Blocks,
        Self::Woken,
        Self::HeldBack,
    ];

    /// In a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Runs => "between calls",
            Self::Computes => "computes",
            Self::Calls => "in a call",
            Self::Waits => "waits for a packet",
            Self::Blocks => "blocked elsewhere",
            Self::Woken => "woken, not back yet",
            Self::HeldBack => "held back by the scenario",
        }
    }

    /// What a call does, of which nothing but its name is known.
    pub(crate) fn in_call(call: &str) -> Self {
        match call {
            "GetQueuedCompletionStatus"
            | "GetQueuedCompletionStatusEx"
            | "NtRemoveIoCompletion"
            | "NtRemoveIoCompletionEx" => Self::Waits,
            "WaitForSingleObject" | "WaitOutside" | "Sleep" => Self::Blocks,
            _ => Self::Calls,
        }
    }
}

/// A stretch of time in which a thread did one thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// Its begin.
    pub from: Moment,
    /// Its end.
    pub to: Moment,
    /// What the thread did.
    pub doing: Doing,
    /// What there is to say of it: the call, the condition, "compute 1ms". May be empty.
    pub words: String,
}

/// A call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// Its begin.
    pub from: Moment,
    /// When it returned; nothing if it never did.
    pub to: Option<Moment>,
    /// Its name, in Microsoft's spelling.
    pub name: String,
    /// Its arguments in words.
    pub with: String,
    /// What it returned.
    pub result: Option<SeenResult>,
}

/// A thread.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Thread {
    /// Its name.
    pub name: String,
    /// What it did, from its first event to its end, without gaps and without what took neither
    /// time nor a step.
    pub spans: Vec<Span>,
    /// Its calls, in their order.
    pub calls: Vec<Call>,
    /// What it did in no time, in words.
    pub marks: Vec<(Moment, String)>,
}

/// A port after a step that changed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    /// When.
    pub at: Moment,
    /// Packets waiting.
    pub depth: u32,
    /// Members that are not blocked.
    pub active: u32,
    /// The limit.
    pub limit: u32,
    /// The blocked dequeuers, by their places among the threads, the one that blocked first first:
    /// the last is the top of the stack.
    pub waiters: Vec<u32>,
}

/// A port. In a recording it has no samples.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// What it was like, in the order of time.
    pub samples: Vec<Sample>,
}

/// A trace as stretches of time.
#[derive(Clone, PartialEq, Debug)]
pub struct Spans {
    /// What the times are.
    pub clock: Clock,
    /// A real kernel, rather than the model?
    pub recorded: bool,
    /// The first moment.
    pub begin: Moment,
    /// The last.
    pub end: Moment,
    /// The threads, in the order of the header.
    pub threads: Vec<Thread>,
    /// The ports, those of the header first.
    pub ports: Vec<Port>,
    /// Where packets went, in the order in which they came.
    pub flights: Vec<Flight>,
}

impl Spans {
    /// What a trace tells.
    pub fn of(trace: &Trace) -> Self {
        let mut builder = Builder::new(&trace.header);
        for event in &trace.events {
            builder.add(event);
        }
        builder.finish()
    }

    /// Does any time pass?
    pub fn takes_time(&self) -> bool {
        self.clock != Clock::Steps && self.begin.at_ns < self.end.at_ns
    }
}

/// What is known of a thread while events come.
#[derive(Default)]
struct Now {
    doing: Option<(Doing, Moment, String)>,
    in_call: bool,
    /// The thread that its call ends, if it ends one.
    victim: Option<usize>,
}

struct Builder<'t> {
    spans: Spans,
    threads: BTreeMap<&'t str, usize>,
    ports: BTreeMap<String, usize>,
    now: Vec<Now>,
    flights: Flights,
    /// The thread whose step this is.
    actor: Option<usize>,
    rank: u8,
    has_begun: bool,
}

impl<'t> Builder<'t> {
    fn new(header: &'t Header) -> Self {
        let named = |name: &String| Thread {
            name: name.clone(),
            ..Thread::default()
        };
        let mut builder = Self {
            spans: Spans {
                clock: header.clock,
                recorded: header.producer.is_recorded(),
                begin: Moment::default(),
                end: Moment::default(),
                threads: header.threads.iter().map(named).collect(),
                ports: Vec::new(),
                flights: Vec::new(),
            },
            threads: header.threads.iter().map(String::as_str).zip(0..).collect(),
            ports: BTreeMap::new(),
            now: Vec::new(),
            flights: Flights::new(header.producer.is_recorded()),
            actor: None,
            rank: 0,
            has_begun: false,
        };
        builder.now.resize_with(header.threads.len(), Now::default);
        for port in &header.ports {
            builder.port(port);
        }
        builder
    }

    fn port(&mut self, name: &str) -> usize {
        if let Some(&port) = self.ports.get(name) {
            return port;
        }
        self.spans.ports.push(Port {
            name: name.to_owned(),
            samples: Vec::new(),
        });
        self.ports
            .insert(name.to_owned(), self.spans.ports.len() - 1);
        self.spans.ports.len() - 1
    }

    /// The moment of an event: is it a step of its own?
    fn moment(&mut self, event: &Event<'_>) -> Moment {
        let rank = match event.what {
            _ if begins_step(event) => 0,
            Happening::Reached { .. } => 0,
            Happening::Kernel(_) => 1,
            Happening::Port(_) => 2,
            _ => 3,
        };
        let end = self.spans.end;
        let same = self.has_begun
            && !self.spans.recorded
            && rank > 0
            && rank >= self.rank
            && event.at_ns == end.at_ns;
        self.rank = rank;
        if !same {
            self.actor = None;
        }
        let moment = Moment {
            // Between threads of a recording lines may come in any order.
            at_ns: event.at_ns.max(end.at_ns),
            step: end.step + u32::from(!same),
        };
        if !self.has_begun {
            self.has_begun = true;
            self.spans.begin = moment;
        }
        self.spans.end = moment;
        moment
    }

    fn add(&mut self, event: &Event<'_>) {
        let at = self.moment(event);
        let thread = event.thread().and_then(|name| self.threads.get(name));
        let thread = thread.copied();
        match (&event.what, thread) {
            (Happening::Port(state), _) => {
                let port = self.port(&state.port);
                let waiters = state.waiters.iter();
                let waiters = waiters.filter_map(|name| self.threads.get(name.as_ref()));
                let waiters: Vec<_> = waiters.map(|&thread| thread as u32).collect();
                for &thread in &waiters {
                    // The trace is a part of a longer one: it has been waiting since before.
                    let before = (Doing::Waits, self.spans.begin, String::new());
                    self.now[thread as usize].doing.get_or_insert(before);
                }
                self.spans.ports[port].samples.push(Sample {
                    at,
                    depth: state.depth,
                    active: state.active,
                    limit: state.limit,
                    waiters,
                });
            }
            (Happening::Kernel(kernel), thread) => {
                let port = kernel.port.as_deref().map(|port| self.port(port));
                if let Some(port) = port {
                    let actor = self.actor.map(|thread| self.place(thread, at));
                    let receiver = thread.map(|thread| self.place(thread, at));
                    self.flights
                        .change(kernel.what, port, kernel.key, actor, receiver);
                }
                let doing = match kernel.what {
                    Change::Waits => Doing::Waits,
                    Change::Blocks => Doing::Blocks,
                    Change::HandedOver
                    | Change::HandedOff
                    | Change::LeavesStack
                    | Change::Unblocks
                    | Change::Expires => Doing::Woken,
                    _ => return,
                };
                if let Some(thread) = thread.filter(|&thread| self.now[thread].in_call) {
                    let doing_now = self.now[thread].doing.as_ref();
                    let words = doing_now.map_or_else(String::new, |(_, _, words)| words.clone());
                    self.turn(thread, at, Some((doing, words)));
                }
            }
            (_, None) => {}
            (Happening::Begin { call, with, .. }, Some(thread)) => {
                self.actor = Some(thread);
                let doing = match self.spans.recorded {
                    true => Doing::in_call(call),
                    false => Doing::Calls,
                };
                self.spans.threads[thread].calls.push(Call {
                    from: at,
                    to: None,
                    name: call.clone().into_owned(),
                    with: with.clone().into_owned(),
                    result: None,
                });
                self.turn(thread, at, Some((doing, format!("{call}({with})"))));
                self.now[thread].in_call = true;
                if call == "TerminateThread" {
                    self.now[thread].victim = self.threads.get(with.as_ref()).copied();
                }
                let place = self.place(thread, at);
                let port = with.split(", ").next().unwrap_or_default();
                if let Some(&port) = self.ports.get(port) {
                    self.flights.begins(call, with, port, place);
                }
            }
            (Happening::End { call, result, .. }, Some(thread)) => {
                self.returns(thread, at, call, result);
            }
            (Happening::Until { condition, .. }, Some(thread)) => {
                let words = format!("until {condition}");
                self.turn(thread, at, Some((Doing::HeldBack, words)));
            }
            (Happening::Reached { .. }, Some(thread)) => {
                self.turn(thread, at, Some((Doing::Runs, String::new())));
            }
            (Happening::Does { what, .. }, Some(thread)) => {
                self.actor = Some(thread);
                if what.starts_with("compute ") {
                    let words = what.clone().into_owned();
                    self.turn(thread, at, Some((Doing::Computes, words)));
                } else {
                    let marks = &mut self.spans.threads[thread].marks;
                    marks.push((at, what.clone().into_owned()));
                    if !self.now[thread].in_call {
                        self.turn(thread, at, Some((Doing::Runs, String::new())));
                    }
                }
            }
            (Happening::Ends { .. }, Some(thread)) => self.turn(thread, at, None),
            (Happening::Settled {}, _) => {}
        }
    }

    fn returns(&mut self, thread: usize, at: Moment, call: &str, result: &SeenResult) {
        if !self.now[thread].in_call {
            // The trace is a part of a longer one: the call began before it.
            let before = (Doing::in_call(call), self.spans.begin, call.to_owned());
            self.now[thread].doing.get_or_insert(before);
            self.spans.threads[thread].calls.push(Call {
                from: self.spans.begin,
                to: None,
                name: call.to_owned(),
                with: String::new(),
                result: None,
            });
        }
        let place = self.place(thread, at);
        self.flights.ends(result, place);
        if let Some(call) = self.spans.threads[thread].calls.last_mut() {
            call.to = Some(at);
            call.result = Some(result.clone());
        }
        self.turn(thread, at, Some((Doing::Runs, String::new())));
        self.now[thread].in_call = false;
        let victim = self.now[thread].victim.take();
        if let Some(victim) = victim.filter(|_| result.success) {
            self.turn(victim, at, None);
        }
    }

    /// Where a packet is that this thread sends or gets.
    fn place(&self, thread: usize, at: Moment) -> Place {
        let calls = &self.spans.threads[thread].calls;
        Place {
            thread: thread as u32,
            at,
            call: calls.len().checked_sub(1).map(|call| call as u32),
        }
    }

    /// From now on the thread does this; nothing if it has ended.
    fn turn(&mut self, thread: usize, at: Moment, next: Option<(Doing, String)>) {
        let ended = next.is_none();
        let next = next.map(|(doing, words)| (doing, at, words));
        let last = std::mem::replace(&mut self.now[thread].doing, next);
        if ended {
            self.now[thread].in_call = false;
        }
        let Some((doing, from, words)) = last.filter(|(_, from, _)| *from != at) else {
            return;
        };
        let spans = &mut self.spans.threads[thread].spans;
        match spans.last_mut() {
            Some(span) if span.doing == doing && span.words == words && span.to == from => {
                span.to = at;
            }
            _ => spans.push(Span {
                from,
                to: at,
                doing,
                words,
            }),
        }
    }

    fn finish(mut self) -> Spans {
        let end = self.spans.end;
        for thread in 0..self.now.len() {
            self.turn(thread, end, None);
        }
        self.spans.flights = self.flights.finish();
        self.spans
    }
}
