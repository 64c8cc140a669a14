//! A trace as Perfetto and Chrome's `about:tracing` read it: the JSON of the Trace Event Format.
//!
//! A track a thread, with a slice for each call and, inside it, for what it waited for; slices for
//! computing and for being held back; for each port counters of its depth, its active threads, its
//! limit and its waiters; an arrow from each post to the dequeue that got the packet.
//!
//! Times are those of the trace. A trace in which no time passes, or which counts steps, is drawn
//! with one microsecond a step; it says so in its metadata.
//!
//! Specified in "Trace Event Format" by the Chromium project; Perfetto reads it as legacy JSON.

use crate::{
    Trace,
    spans::{Call, Doing, Flight, Moment, Place, Sample, Span, Spans},
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
    for item in in_order(&spans) {
        out.item(item, &spans)?;
    }
    write!(out.out, "\n]}}\n")?;
    out.out.flush()
}

/// The one process of a trace. A thread of the same number would count as its main thread.
const PROCESS: u32 = 1;

/// The number of the first thread.
const FIRST: u32 = PROCESS + 1;

/// What is written, with the places of threads and ports among theirs.
#[derive(Clone, Copy)]
enum Item<'s> {
    Call(usize, &'s Call),
    Span(usize, &'s Span),
    Mark(usize, Moment, &'s str),
    /// Where an arrow begins, with its number.
    Leaves(u64, &'s Flight, Place),
    /// Where it ends.
    Arrives(u64, &'s Flight, Place),
    Port(usize, &'s Sample),
}

impl Item<'_> {
    /// When it happens, and its turn in that moment: what stands inside of something, and what
    /// points at it, comes behind it.
    fn turn(&self) -> (u32, u8) {
        match self {
            Self::Call(_, call) => (call.from.step, 0),
            Self::Span(_, span) => (span.from.step, 1),
            Self::Mark(_, at, _) => (at.step, 2),
            Self::Leaves(_, _, place) => (place.at.step, 3),
            Self::Arrives(_, _, place) => (place.at.step, 4),
            Self::Port(_, sample) => (sample.at.step, 5),
        }
    }
}

/// All that is written, as it happened. Readers sort by time, and go by the order in the file where
/// that is the same.
fn in_order(spans: &Spans) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    for (index, thread) in spans.threads.iter().enumerate() {
        items.extend(thread.calls.iter().map(|call| Item::Call(index, call)));
        // Between calls there is nothing to draw, and the calls themselves are slices already.
        let spans = thread.spans.iter();
        let spans = spans.filter(|span| ![Doing::Runs, Doing::Calls].contains(&span.doing));
        items.extend(spans.map(|span| Item::Span(index, span)));
        let marks = thread.marks.iter();
        items.extend(marks.map(|(at, words)| Item::Mark(index, *at, words)));
    }
    for (id, flight) in (1..).zip(&spans.flights) {
        if let (Some(from), Some(to)) = (flight.from, flight.to) {
            items.push(Item::Leaves(id, flight, from));
            items.push(Item::Arrives(id, flight, to));
        }
    }
    for (index, port) in spans.ports.iter().enumerate() {
        items.extend(port.samples.iter().map(|sample| Item::Port(index, sample)));
    }
    items.sort_by_key(Item::turn);
    items
}

/// From moments to microseconds.
#[derive(Clone, Copy)]
struct Ruler {
    in_steps: bool,
}

impl Ruler {
    fn at(self, moment: Moment) -> f64 {
        match self.in_steps {
            true => f64::from(moment.step),
            // Exact up to 2^53 ns, a hundred days.
            false => moment.at_ns as f64 / 1e3,
        }
    }

    /// Where something ends that lasts to the end of a moment: a step has some room.
    fn behind(self, moment: Moment) -> f64 {
        self.at(moment) + if self.in_steps { 0.8 } else { 0.0 }
    }
}

/// A line of the file, with the letters that the format gives its fields.
#[derive(Serialize, Default)]
struct Line<'a> {
    ph: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    cat: &'a str,
    pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Value>,
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
                args: Some(args),
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

    fn item(&mut self, item: Item<'_>, spans: &Spans) -> io::Result<()> {
        match item {
            Item::Call(thread, call) => self.call(thread, call, spans),
            Item::Span(thread, span) => {
                let (name, category) = match span.doing {
                    Doing::Computes | Doing::HeldBack => (span.words.as_str(), "program"),
                    doing => (doing.words(), "wait"),
                };
                let times = (self.ruler.at(span.from), self.ruler.at(span.to));
                self.slice(thread, times, name, category, None)
            }
            Item::Mark(thread, at, words) => self.event(Line {
                ph: "i",
                name: words,
                cat: "program",
                ts: Some(self.ruler.at(at)),
                tid: tid(thread),
                s: Some("t"),
                ..Line::default()
            }),
            Item::Leaves(id, flight, place) => self.arrow_end("s", id, flight, place),
            Item::Arrives(id, flight, place) => self.arrow_end("f", id, flight, place),
            Item::Port(port, sample) => self.event(Line {
                ph: "C",
                name: &spans.ports[port].name,
                ts: Some(self.ruler.at(sample.at)),
                args: Some(json!({
                    "depth": sample.depth,
                    "active": sample.active,
                    "limit": sample.limit,
                    "waiters": sample.waiters.len(),
                })),
                ..Line::default()
            }),
        }
    }

    fn call(&mut self, thread: usize, call: &Call, spans: &Spans) -> io::Result<()> {
        let mut args = Map::new();
        if !call.with.is_empty() {
            args.insert("with".into(), call.with.clone().into());
        }
        match &call.result {
            Some(result) => {
                args.insert("came to".into(), result.word().into());
                args.insert("result".into(), serde_json::to_value(result)?);
            }
            None => _ = args.insert("came to".into(), "it never returned".into()),
        }
        let end = call.to.unwrap_or(spans.end);
        let times = (self.ruler.at(call.from), self.ruler.behind(end));
        self.slice(thread, times, &call.name, "call", Some(args.into()))
    }

    fn slice(
        &mut self,
        thread: usize,
        (from, to): (f64, f64),
        name: &str,
        cat: &str,
        args: Option<Value>,
    ) -> io::Result<()> {
        self.event(Line {
            ph: "X",
            name,
            cat,
            ts: Some(from),
            // To the nanosecond: the difference of two such numbers has more digits.
            dur: Some(((to - from) * 1e3).round() / 1e3),
            tid: tid(thread),
            args,
            ..Line::default()
        })
    }

    fn arrow_end(&mut self, ph: &str, id: u64, flight: &Flight, place: Place) -> io::Result<()> {
        self.event(Line {
            ph,
            name: &format!("key {}", flight.key),
            cat: "packet",
            id: Some(id),
            ts: Some(self.ruler.at(place.at)),
            tid: tid(place.thread as usize),
            bp: (ph == "f").then_some("e"),
            ..Line::default()
        })
    }
}

/// The number of a thread.
fn tid(thread: usize) -> Option<u32> {
    Some(FIRST + thread as u32)
}
