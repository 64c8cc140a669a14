//! Traces as stretches of time, and as Perfetto reads them.
//!
//! The files were tried in Perfetto's own page (version 52), which read them without an error and
//! found the slices, counters and arrows that are meant. It is no tool for a test: here a small
//! reader holds the files against the format's description.

mod common;

use common::*;
use iocp_traces::{
    Change::*,
    Trace, perfetto,
    spans::{Doing, Spans},
};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

const MS: u64 = 1_000_000;

/// A worker waits, gets a packet, computes, blocks; the queued packet goes to the other.
fn hand_off() -> Sheet {
    let mut sheet = Sheet::new(simulator(), &["main", "worker-1", "worker-2"], &["p"]);
    sheet
        .until("main", "worker-2 waits on p")
        .begin("worker-1", GET, "p, infinite")
        .kernel(Waits, "worker-1", "p", None)
        .port("p", [0, 0, 1], &["worker-1"])
        .begin("worker-2", GET, "p, infinite")
        .kernel(Waits, "worker-2", "p", None)
        .port("p", [0, 0, 1], &["worker-1", "worker-2"])
        .at(MS)
        .reached("main", "worker-2 waits on p", true)
        .begin("main", POST, "p, key 7")
        .kernel(HandedOver, "worker-2", "p", Some(7))
        .kernel(LeavesStack, "worker-2", "p", None)
        .port("p", [0, 1, 1], &["worker-1"])
        .end("main", POST, ok())
        .begin("main", POST, "p, key 8")
        .kernel(Queued, "", "p", Some(8))
        .port("p", [1, 1, 1], &["worker-1"])
        .end("main", POST, ok())
        .ends("main")
        .at(2 * MS)
        .end("worker-2", GET, got(&[7]))
        .does("worker-2", "compute 1ms")
        .at(3 * MS)
        .does("worker-2", "add 1 to done")
        .begin("worker-2", "WaitOutside", "infinite")
        .kernel(Blocks, "worker-2", "", None)
        .kernel(HandedOff, "worker-1", "p", Some(8))
        .kernel(LeavesStack, "worker-1", "p", None)
        .port("p", [0, 1, 1], &[])
        .end("worker-1", GET, got(&[8]))
        .at(4 * MS)
        .ends("worker-1")
        .settled();
    sheet
}

/// What a thread did, with times in milliseconds.
fn did(spans: &Spans, thread: usize) -> Vec<(u64, u64, Doing)> {
    let spans = spans.threads[thread].spans.iter();
    let spans = spans.filter(|span| span.from.at_ns < span.to.at_ns);
    spans
        .map(|span| (span.from.at_ns / MS, span.to.at_ns / MS, span.doing))
        .collect()
}

#[test]
fn a_trace_as_stretches_of_time() {
    let spans = Spans::of(&hand_off().trace);
    assert_eq!(did(&spans, 0), [(0, 1, Doing::HeldBack)]);
    assert_eq!(did(&spans, 1), [(0, 3, Doing::Waits), (3, 4, Doing::Runs)]);
    assert_eq!(
        did(&spans, 2),
        [
            (0, 1, Doing::Waits),
            (1, 2, Doing::Woken),
            (2, 3, Doing::Computes),
            (3, 4, Doing::Blocks)
        ]
    );
    let calls: Vec<_> = spans.threads[2].calls.iter().collect();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].to, None, "it never returned");
    assert_eq!(spans.threads[2].marks.len(), 1);
    let depths: Vec<_> = spans.ports[0]
        .samples
        .iter()
        .map(|sample| sample.depth)
        .collect();
    assert_eq!(depths, [0, 0, 0, 1, 0]);
    assert_eq!(spans.ports[0].samples[1].waiters, [1, 2]);
    let ends = |flight: &iocp_traces::spans::Flight| {
        let thread = |place: iocp_traces::spans::Place| (place.thread, place.at.at_ns / MS);
        (flight.key.0, flight.from.map(thread), flight.to.map(thread))
    };
    let flights: Vec<_> = spans.flights.iter().map(ends).collect();
    assert_eq!(
        flights,
        [
            (7, Some((0, 1)), Some((2, 1))),
            (8, Some((0, 1)), Some((1, 3)))
        ]
    );
}

/// A recorder shows keys only: the oldest packet of a key is the one.
#[test]
fn packets_of_a_recording_are_followed_by_key() {
    let mut sheet = Sheet::new(wine(), &["a", "b"], &["p"]);
    sheet
        .begin("a", POST, "p, key 1")
        .at(10)
        .end("a", POST, ok())
        .begin("a", POST, "p, key 0xffffffffffffffff")
        .at(20)
        .end("a", POST, ok())
        .begin("b", GET, "p")
        .at(30)
        .end("b", GET, got(&[u64::MAX]))
        .begin("b", GET, "p")
        .at(50)
        .end("b", GET, got(&[1]))
        .begin("b", GET, "p")
        .at(60)
        .end("b", GET, got(&[9]));
    let spans = Spans::of(&sheet.trace);
    let flights = spans.flights.iter();
    let flights: Vec<_> = flights
        .map(|flight| {
            let at = |place: Option<iocp_traces::spans::Place>| place.map(|place| place.at.at_ns);
            (flight.key.0, at(flight.from), at(flight.to))
        })
        .collect();
    assert_eq!(
        flights,
        [
            (1, Some(0), Some(50)),
            (u64::MAX, Some(10), Some(30)),
            (9, None, Some(60))
        ]
    );
    // A dequeue counts as waiting, all of it.
    assert_eq!(spans.threads[1].spans[0].doing, Doing::Waits);
}

fn json(trace: &Trace) -> Value {
    let mut bytes = Vec::new();
    perfetto::write(trace, &mut bytes).expect("memory does not fail");
    serde_json::from_slice(&bytes).expect("it is JSON")
}

#[test]
fn a_small_trace_for_perfetto() {
    let mut bytes = Vec::new();
    perfetto::write(&hand_off().trace, &mut bytes).expect("memory does not fail");
    let text = String::from_utf8(bytes).expect("JSON is UTF-8");
    read(&serde_json::from_str(&text).expect("it is JSON"));
    insta::assert_snapshot!(text);
}

/// What a reader finds in a file.
#[derive(Default, PartialEq, Eq, Debug)]
struct Found {
    slices: usize,
    counters: usize,
    arrows: usize,
    marks: usize,
}

/// Reads a file as the Trace Event Format is described: every line has its fields, every slice of a
/// thread that begins also ends, threads have names, and an arrow begins on a slice before it ends on
/// another.
fn read(file: &Value) -> Found {
    let mut found = Found::default();
    let mut names: BTreeMap<u64, &str> = BTreeMap::new();
    let mut open: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    let mut arrows: BTreeMap<u64, &str> = BTreeMap::new();
    let mut events: Vec<&Value> = file["traceEvents"]
        .as_array()
        .expect("the events are a list")
        .iter()
        .collect();
    // Readers sort by time; equal times keep their order.
    let time = |event: &Value| event["ts"].as_f64().unwrap_or(f64::NEG_INFINITY);
    events.sort_by(|one, other| time(one).total_cmp(&time(other)));
    for event in events {
        let ph = event["ph"].as_str().expect("every event has a phase");
        let name = match ph {
            "E" => "",
            _ => event["name"].as_str().expect("every event has a name"),
        };
        assert_eq!(event["pid"], 1, "{event}");
        let tid = event["tid"].as_u64();
        let is_named = || names.contains_key(&tid.expect("it is on a thread"));
        match ph {
            "M" => {
                if name == "thread_name" {
                    let name = event["args"]["name"].as_str().expect("a name is a text");
                    names.insert(tid.expect("a thread has a number"), name);
                }
                continue;
            }
            "C" => {
                found.counters += 1;
                let args = event["args"].as_object().expect("counters have values");
                assert!(args.values().all(Value::is_u64), "{event}");
                assert!(time(event) >= 0.0, "{event}");
                continue;
            }
            _ => assert!(is_named(), "{event}"),
        }
        let at = event["ts"].as_f64().expect("it has a time");
        let stack = open.entry(tid.unwrap_or_default()).or_default();
        match ph {
            "B" => {
                found.slices += 1;
                stack.push(at);
            }
            "E" => {
                let begin = stack.pop().expect("a slice ends that has begun");
                assert!(begin <= at, "{event}");
            }
            "i" => found.marks += 1,
            "s" | "f" => {
                let id = event["id"].as_u64().expect("an arrow has a number");
                assert!(!stack.is_empty(), "{event} is on no slice");
                if ph == "s" {
                    assert!(arrows.insert(id, name).is_none(), "{event}");
                } else {
                    found.arrows += 1;
                    assert_eq!(arrows.get(&id), Some(&name), "{event} has no begin");
                    assert_eq!(event["bp"], "e", "{event}");
                }
            }
            _ => panic!("nobody writes {event}"),
        }
    }
    assert_eq!(arrows.len(), found.arrows, "every arrow ends");
    assert!(open.values().all(Vec::is_empty), "every slice ends");
    found
}

#[test]
fn a_simulation_has_slices_counters_and_arrows() {
    let found = read(&json(&hand_off().trace));
    // Five calls; an order, two waits, a wake, a computation, a block; two packets.
    let wanted = Found {
        slices: 13,
        counters: 5,
        arrows: 2,
        marks: 1,
    };
    assert_eq!(found, wanted);
}

/// Where no time passes, each step has a microsecond.
#[test]
fn without_time_steps_are_apart() {
    let mut trace = hand_off().trace;
    for event in &mut trace.events {
        event.at_ns = 0;
    }
    let file = json(&trace);
    read(&file);
    assert_eq!(file["otherData"]["times"], "one microsecond a step");
    let events = file["traceEvents"].as_array().expect("a list").iter();
    let posts = events.filter(|event| event["name"] == POST && event["ph"] == "B");
    let times: Vec<_> = posts.map(|post| post["ts"].as_f64()).collect();
    assert_eq!(times, [Some(5.0), Some(6.0)]);
}

#[test]
fn nothing_gives_an_empty_file() {
    let trace = Sheet::new(simulator(), &[], &[]).trace;
    assert_eq!(read(&json(&trace)), Found::default());
}

/// Names are written as JSON writes them.
#[test]
fn names_are_only_names() {
    let name = "\"},{\"ph\":\"X\"\n</script>";
    let mut sheet = Sheet::new(simulator(), &[name], &["p"]);
    sheet.begin(name, GET, "p").does(name, name).ends(name);
    let file = json(&sheet.trace);
    read(&file);
    assert!(file.to_string().contains("\\\"},{"));
}

/// All recordings that are shipped can be shown, and every packet that was got has an arrow.
#[test]
fn every_recording_can_be_shown() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("recordings are shipped") {
        let path = entry.expect("the folder can be read").path();
        let file = fs::File::open(&path).expect("the recording is there");
        let Ok(trace) = Trace::read(std::io::BufReader::new(file)) else {
            continue;
        };
        let found = read(&json(&trace));
        assert!(found.slices > 0, "{}", path.display());
        count += 1;
    }
    assert!(count > 50, "{count} recordings");
}
