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
    spans::{Call, Doing, Moment, Place, Span, Spans},
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
    for (tid, thread) in (1..).zip(&spans.threads) {
        for call in &thread.calls {
            out.call(tid, call, &spans)?;
        }
        for span in &thread.spans {
            out.span(tid, span)?;
        }
        for (at, words) in &thread.marks {
            out.event(Line {
                ph: "i",
                name: words,
                cat: "does",
                ts: Some(out.ruler.at(*at)),
                tid: Some(tid),
                s: Some("t"),
                ..Line::default()
            })?;
        }
    }
    out.ports(&spans)?;
    for (id, flight) in (1..).zip(&spans.flights) {
        if let (Some(from), Some(to)) = (flight.from, flight.to) {
            let name = format!("key {}", flight.key);
            out.arrow_end("s", id, &name, from)?;
            out.arrow_end("f", id, &name, to)?;
        }
    }
    write!(out.out, "\n]}}\n")?;
    out.out.flush()
}

/// The one process of a trace.
const PROCESS: u32 = 1;

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
        for (tid, thread) in (1..).zip(&spans.threads) {
            meta("thread_name", Some(tid), json!({ "name": thread.name }))?;
            meta("thread_sort_index", Some(tid), json!({ "sort_index": tid }))?;
        }
        Ok(())
    }

    fn call(&mut self, tid: u32, call: &Call, spans: &Spans) -> io::Result<()> {
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
        let (from, to) = (call.from, call.to.unwrap_or(spans.end));
        self.slice(tid, (from, to), &call.name, "call", Some(args.into()))
    }

    fn span(&mut self, tid: u32, span: &Span) -> io::Result<()> {
        let (name, category) = match span.doing {
            // The calls have slices of their own.
            Doing::Runs | Doing::Calls => return Ok(()),
            Doing::Computes | Doing::HeldBack => (span.words.as_str(), "program"),
            Doing::Waits | Doing::Blocks | Doing::Woken => (span.doing.words(), "wait"),
        };
        self.slice(tid, (span.from, span.to), name, category, None)
    }

    fn slice(
        &mut self,
        tid: u32,
        (from, to): (Moment, Moment),
        name: &str,
        cat: &str,
        args: Option<Value>,
    ) -> io::Result<()> {
        let ts = self.ruler.at(from);
        self.event(Line {
            ph: "X",
            name,
            cat,
            ts: Some(ts),
            dur: Some(self.ruler.at(to) - ts),
            tid: Some(tid),
            args,
            ..Line::default()
        })
    }

    fn ports(&mut self, spans: &Spans) -> io::Result<()> {
        for port in &spans.ports {
            for sample in &port.samples {
                self.event(Line {
                    ph: "C",
                    name: &port.name,
                    ts: Some(self.ruler.at(sample.at)),
                    args: Some(json!({
                        "depth": sample.depth,
                        "active": sample.active,
                        "limit": sample.limit,
                        "waiters": sample.waiters.len(),
                    })),
                    ..Line::default()
                })?;
            }
        }
        Ok(())
    }

    fn arrow_end(&mut self, ph: &str, id: u64, name: &str, place: Place) -> io::Result<()> {
        self.event(Line {
            ph,
            name,
            cat: "packet",
            id: Some(id),
            ts: Some(self.ruler.at(place.at)),
            tid: Some(place.thread + 1),
            bp: (ph == "f").then_some("e"),
            ..Line::default()
        })
    }
}
