//! A trace as Perfetto and Chrome's `about:tracing` read it: the JSON of the Trace Event Format.
//!
//! A track a thread, with a slice for each call and, inside it, for what it waited for; for each
//! packet from the dequeue that returned it to the next dequeue; for computing and for being held
//! back. For each port counters of its depth, its active threads, its limit and its waiters. An arrow
//! from each post to where the packet was handled.
//!
//! Times are those of the trace. A trace in which no time passes, or which counts steps, is drawn
//! with one microsecond a step; it says so in its metadata.
//!
//! Specified in "Trace Event Format" by the Chromium project; Perfetto reads it as legacy JSON.

use crate::{
    Number, Trace,
    spans::{Call, Doing, Flight, Moment, Place, Sample, Spans, Thread},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// Writes the trace.
///
/// # Errors
/// If writing fails.
pub fn write(trace: &Trace, out: impl Write) -> io::Result<()> {
    let spans = Spans::of(trace);
    let mut out = Events {
        out,
        ruler: Ruler {
            in_steps: !spans.takes_time(),
        },
        first: true,
    };
    write!(out.out, "{{\"displayTimeUnit\":\"ns\",\"otherData\":")?;
    let times = match out.ruler.in_steps {
        true => "one microsecond a step",
        false => "as in the trace",
    };
    let other = json!({
        "producer": trace.header.producer.name(),
        "scenario": trace.header.scenario.get("name"),
        "times": times,
    });
    serde_json::to_writer(&mut out.out, &other)?;
    write!(out.out, ",\"traceEvents\":[")?;
    out.names(trace, &spans)?;
    for (at, turn, item) in Items::of(&spans) {
        out.item(at, turn, &item)?;
    }
    write!(out.out, "\n]}}\n")?;
    out.out.flush()
}

/// The one process of a trace. A thread of the same number would count as its main thread.
const PROCESS: u32 = 1;

/// The number of the first thread.
const FIRST: u32 = PROCESS + 1;

/// A slice of a thread's track.
struct Slice {
    thread: usize,
    name: String,
    category: &'static str,
    args: Option<Value>,
}

/// What is written.
enum Item<'s> {
    Begin(Slice),
    /// The slice that this thread began last ends.
    End(usize),
    /// Something that a thread did in no time.
    Mark(usize, &'s str),
    /// An arrow begins on the slice of this thread, for this packet, with this number.
    Leaves(u32, Number, u64),
    /// It ends.
    Arrives(u32, Number, u64),
    Port(&'s str, &'s Sample),
}

/// The turns in a moment: what ends in it, what begins in it, and what begins and ends in it.
/// Readers sort by time, and go by the order in the file where that is the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    WaitEnds,
    CallEnds,
    HandlingEnds,
    CallBegins,
    WaitBegins,
    Leaves,
    CallEndsAtOnce,
    HandlingBegins,
    Arrives,
    Mark,
    HandlingEndsAtOnce,
    Port,
}

impl Turn {
    /// Does it come when the moment is over?
    fn is_late(self) -> bool {
        (Self::CallEndsAtOnce..=Self::HandlingEndsAtOnce).contains(&self) || self == Self::CallEnds
    }
}

/// All that is written, in the order in which it happened.
struct Items<'s> {
    spans: &'s Spans,
    items: Vec<(Moment, Turn, Item<'s>)>,
}

impl<'s> Items<'s> {
    fn of(spans: &'s Spans) -> Vec<(Moment, Turn, Item<'s>)> {
        let mut items = Self {
            spans,
            items: Vec::new(),
        };
        for (index, thread) in spans.threads.iter().enumerate() {
            items.thread(index, thread);
        }
        for (id, flight) in (1..).zip(&spans.flights) {
            items.flight(id, flight);
        }
        for port in &spans.ports {
            for sample in &port.samples {
                items.add(sample.at, Turn::Port, Item::Port(&port.name, sample));
            }
        }
        items.items.sort_by_key(|(at, turn, _)| (at.step, *turn));
        items.items
    }

    fn add(&mut self, at: Moment, turn: Turn, item: Item<'s>) {
        self.items.push((at, turn, item));
    }

    fn thread(&mut self, index: usize, thread: &'s Thread) {
        let end = thread.spans.last().map_or(self.spans.end, |span| span.to);
        for (at, call) in thread.calls.iter().enumerate() {
            self.call(index, call);
            let Some(back) = call.to.filter(|_| !keys(call).is_empty()) else {
                continue;
            };
            // A packet is handled until the thread asks for the next.
            let mut later = thread.calls[at + 1..].iter();
            let next = later.find(|call| Doing::in_call(&call.name) == Doing::Waits);
            let end = next.map_or(end.max(back), |call| call.from);
            let slice = Slice {
                thread: index,
                name: keys(call),
                category: "packet",
                args: None,
            };
            self.add(back, Turn::HandlingBegins, Item::Begin(slice));
            let turn = match end.step == back.step {
                true => Turn::HandlingEndsAtOnce,
                false => Turn::HandlingEnds,
            };
            self.add(end, turn, Item::End(index));
        }
        for span in &thread.spans {
            let (name, category) = match span.doing {
                // Between calls there is nothing to draw, and calls are drawn already.
                Doing::Runs | Doing::Calls => continue,
                Doing::Computes | Doing::HeldBack => (span.words.clone(), "program"),
                doing => (doing.words().to_owned(), "wait"),
            };
            let slice = Slice {
                thread: index,
                name,
                category,
                args: None,
            };
            self.add(span.from, Turn::WaitBegins, Item::Begin(slice));
            self.add(span.to, Turn::WaitEnds, Item::End(index));
        }
        for (at, words) in &thread.marks {
            self.add(*at, Turn::Mark, Item::Mark(index, words));
        }
    }

    fn call(&mut self, thread: usize, call: &Call) {
        let mut args = Map::new();
        if !call.with.is_empty() {
            args.insert("with".into(), call.with.clone().into());
        }
        match &call.result {
            Some(result) => {
                args.insert("came to".into(), result.word().into());
                // A result is plain data with text keys: it always is a JSON value.
                let result = serde_json::to_value(result).unwrap_or_default();
                args.insert("result".into(), result);
            }
            None => _ = args.insert("came to".into(), "it never returned".into()),
        }
        let slice = Slice {
            thread,
            name: call.name.clone(),
            category: "call",
            args: Some(args.into()),
        };
        self.add(call.from, Turn::CallBegins, Item::Begin(slice));
        let end = call.to.unwrap_or(self.spans.end);
        let turn = match end.step == call.from.step {
            true => Turn::CallEndsAtOnce,
            false => Turn::CallEnds,
        };
        self.add(end, turn, Item::End(thread));
    }

    /// From the call that sent a packet to the handling of it: readers take arrows for reversed that
    /// end on a slice which began before theirs.
    fn flight(&mut self, id: u64, flight: &Flight) {
        let call = |place: Place| {
            let calls = &self.spans.threads[place.thread as usize].calls;
            calls.get(place.call? as usize)
        };
        let (Some(from), Some(to)) = (flight.from, flight.to) else {
            return;
        };
        let sent = call(from).is_some_and(|call| call.to.is_none_or(|to| to.step >= from.at.step));
        let Some(back) = call(to)
            .filter(|call| !keys(call).is_empty())
            .and_then(|call| call.to)
        else {
            return;
        };
        if sent {
            let (leaves, arrives) = (
                Item::Leaves(from.thread, flight.key, id),
                Item::Arrives(to.thread, flight.key, id),
            );
            self.add(from.at, Turn::Leaves, leaves);
            self.add(back, Turn::Arrives, arrives);
        }
    }
}

/// The packets that a call returned, in words.
fn keys(call: &Call) -> String {
    let packets = call.result.iter().flat_map(|result| &result.packets);
    let keys: Vec<_> = packets.map(|packet| packet.key.to_string()).collect();
    match keys.len() {
        0 => String::new(),
        1 => format!("key {}", keys[0]),
        _ => format!("keys {}", keys.join(" ")),
    }
}

/// From moments to microseconds.
#[derive(Clone, Copy)]
struct Ruler {
    in_steps: bool,
}

impl Ruler {
    fn at(self, moment: Moment, late: bool) -> f64 {
        match self.in_steps {
            // A step has some room, so that what it did can be seen.
            true => f64::from(moment.step) + if late { 0.8 } else { 0.0 },
            // Exact up to 2^53 ns, a hundred days.
            false => moment.at_ns as f64 / 1e3,
        }
    }
}

/// A line of the file, with the letters that the format gives its fields.
#[derive(Serialize, Default)]
struct Line<'a> {
    ph: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    cat: &'a str,
    pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<&'a Value>,
}

struct Events<W> {
    out: W,
    ruler: Ruler,
    first: bool,
}

impl<W: Write> Events<W> {
    fn event(&mut self, line: Line<'_>) -> io::Result<()> {
        let before: &[u8] = if self.first { b"\n" } else { b",\n" };
        self.first = false;
        self.out.write_all(before)?;
        let line = Line {
            pid: PROCESS,
            ..line
        };
        Ok(serde_json::to_writer(&mut self.out, &line)?)
    }

    /// What the process and its tracks are called, and their order.
    fn names(&mut self, trace: &Trace, spans: &Spans) -> io::Result<()> {
        let scenario = trace.header.scenario.get("name").and_then(Value::as_str);
        let producer = trace.header.producer.name();
        let process = match scenario {
            Some(scenario) => format!("{scenario}: {producer}"),
            None => producer.into_owned(),
        };
        let mut meta = |name, tid, args| {
            self.event(Line {
                ph: "M",
                name,
                tid,
                args: Some(&args),
                ..Line::default()
            })
        };
        meta("process_name", None, json!({ "name": process }))?;
        for (tid, thread) in (FIRST..).zip(&spans.threads) {
            meta("thread_name", Some(tid), json!({ "name": thread.name }))?;
            meta("thread_sort_index", Some(tid), json!({ "sort_index": tid }))?;
        }
        Ok(())
    }

    fn item(&mut self, at: Moment, turn: Turn, item: &Item<'_>) -> io::Result<()> {
        let ts = self.ruler.at(at, turn.is_late());
        let on = |thread: usize| Line {
            ts: Some(ts),
            tid: Some(FIRST + thread as u32),
            ..Line::default()
        };
        let key = |key: Number| format!("key {key}");
        match item {
            Item::Begin(slice) => self.event(Line {
                ph: "B",
                name: &slice.name,
                cat: slice.category,
                args: slice.args.as_ref(),
                ..on(slice.thread)
            }),
            Item::End(thread) => self.event(Line {
                ph: "E",
                ..on(*thread)
            }),
            Item::Mark(thread, words) => self.event(Line {
                ph: "i",
                name: words,
                cat: "program",
                s: Some("t"),
                ..on(*thread)
            }),
            Item::Leaves(thread, packet, id) => self.event(Line {
                ph: "s",
                name: &key(*packet),
                cat: "packet",
                id: Some(*id),
                ..on(*thread as usize)
            }),
            Item::Arrives(thread, packet, id) => self.event(Line {
                ph: "f",
                name: &key(*packet),
                cat: "packet",
                id: Some(*id),
                bp: Some("e"),
                ..on(*thread as usize)
            }),
            Item::Port(name, sample) => self.event(Line {
                ph: "C",
                name,
                ts: Some(ts),
                args: Some(&json!({
                    "depth": sample.depth,
                    "active": sample.active,
                    "limit": sample.limit,
                    "waiters": sample.waiters.len(),
                })),
                ..Line::default()
            }),
        }
    }
}
