//! How fast the engines are: a run with its trace written to a file, the two searches, and the
//! check of a recording.
//!
//! `cargo bench -p iocp-scheduler`

use divan::{Bencher, counter::ItemsCount};
use iocp_model::{Kernel, Profile, Semantics};
use iocp_scheduler::{
    Program, Run, Workload, conform,
    explore::{self, Reductions, Report},
    run,
    search::{self, Budget, Reached},
    strategy::Random,
    trace::{Tracer, header},
};
use iocp_traces::{Event, Trace, Writer};
use std::fs::File;

fn main() {
    divan::main();
}

fn program(workload: serde_json::Value) -> Program {
    let workload: Workload = serde_json::from_value(workload).expect("a workload");
    Program::compile(&workload).expect("a program")
}

/// Three producers that post so many packets each, five workers that block once a packet.
fn busy(posts: u32) -> Program {
    program(serde_json::json!({
        "name": "busy",
        "port": [{"name": "p", "concurrency": 2}],
        "thread": [
            {"name": "producer", "copies": 3, "program": [
                {"repeat": posts, "do": [
                    {"call": "PostQueuedCompletionStatus", "port": "p", "key": 1, "key_step": 1},
                    {"call": "Sleep", "for": "1ms"}]}]},
            {"name": "worker", "copies": 5, "program": [
                {"repeat": "forever", "do": [
                    {"call": "GetQueuedCompletionStatus", "port": "p"},
                    {"call": "Sleep", "for": "1ms"}]}]}]
    }))
}

/// Runs to the end, with every event going to `sink`.
fn run_to<F: FnMut(&Event<'_>)>(program: &Program, kernel: bool, sink: F) {
    let options = run::Options {
        most_steps: u64::MAX,
        ..run::Options::default()
    };
    let semantics = Profile::default().semantics;
    let mut run = Run::new(program, semantics, Random::new(1), options).expect("a run");
    run.finish(&mut Tracer::new(program, sink, kernel))
        .expect("an end");
}

/// A run, its trace written to a file with what only the inside of the kernel shows.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn run_with_trace_to_a_file(bencher: Bencher<'_, '_>) {
    let program = busy(20_000);
    let mut events: u64 = 0;
    run_to(&program, true, |_| events += 1);
    let path = std::env::temp_dir().join(format!("iocp-bench-{}.jsonl", std::process::id()));
    bencher.counter(ItemsCount::new(events)).bench_local(|| {
        let file = File::create(&path).expect("a file");
        let header = header(&program, Profile::default().name, "random", 1);
        let mut writer = Writer::new(file, &header).expect("a file that can be written");
        run_to(&program, true, |event| {
            writer.event(event).expect("room on the disk")
        });
        writer.finish().expect("room on the disk")
    });
    let _ = std::fs::remove_file(path);
}

/// A set of the scenarios `peers-b` and `peers-c`: one producer of four packets, a limit of two, so
/// many workers, each of which blocks once a packet.
#[derive(Clone, Copy, Debug)]
struct Set {
    workers: u32,
    states: u64,
    transitions: u64,
}

const B: Set = Set {
    workers: 4,
    states: 154_137,
    transitions: 634_186,
};
const C: Set = Set {
    workers: 5,
    states: 1_636_286,
    transitions: 7_667_674,
};

impl Set {
    fn program(self) -> Program {
        program(serde_json::json!({
            "name": "peers",
            "port": [{"name": "p", "concurrency": 2}],
            "thread": [
                {"name": "producer", "program": [
                    {"repeat": 4, "do": [
                        {"call": "PostQueuedCompletionStatus", "port": "p", "key": 1, "key_step": 1}]},
                    {"repeat": self.workers, "do": [
                        {"call": "PostQueuedCompletionStatus", "port": "p", "key": 0}]}]},
                {"name": "worker", "copies": self.workers, "program": [
                    {"repeat": "forever", "do": [
                        {"call": "GetQueuedCompletionStatus", "port": "p"},
                        {"if": {"key": 0}, "do": [{"leave": "loop"}]},
                        {"call": "Sleep", "for": "1ms"},
                        {"mark": "done"}]}]}]
        }))
    }
}

/// Every state of set C, the plain way.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn search_set_c(bencher: Bencher<'_, '_>) {
    let program = C.program();
    bencher.counter(ItemsCount::new(C.states)).bench_local(|| {
        let reached = search::depth_first(&program, Semantics::WINDOWS, Budget::default(), |_| {});
        let Reached {
            states,
            transitions,
            ..
        } = reached.expect("no thread spins");
        assert_eq!((states, transitions), (C.states, C.transitions));
    });
}

/// Every state of a set, by the exhaustive search on one thread, nothing left out.
fn explore(bencher: Bencher<'_, '_>, set: Set) {
    let program = set.program();
    let options = explore::Options {
        reductions: Reductions::NONE,
        digest: false,
        ..explore::Options::default()
    };
    bencher
        .counter(ItemsCount::new(set.states))
        .bench_local(|| {
            let report = explore::explore(&program, Kernel::default(), &options, &|_| true);
            let Report {
                states,
                transitions,
                ..
            } = report.expect("no thread spins");
            assert_eq!((states, transitions), (set.states, set.transitions));
        });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn explore_set_b(bencher: Bencher<'_, '_>) {
    explore(bencher, B);
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn explore_set_c(bencher: Bencher<'_, '_>) {
    explore(bencher, C);
}

/// A recording of ten thousand events on eight threads, its calls stretched until they overlap.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn conform_ten_thousand_events(bencher: Bencher<'_, '_>) {
    let program = busy(420);
    let profile = Profile::default();
    let mut events: Vec<Event<'static>> = Vec::new();
    run_to(&program, false, |event| {
        // Each step stands alone; an end comes eight steps late, if its thread lets it.
        let at_ns = (events.len() as u64 + 1) * 1_000;
        events.push(Event {
            at_ns,
            ..event.clone().into_owned()
        });
    });
    for index in (0..events.len()).rev() {
        let thread = events[index].thread().map(str::to_owned);
        let next = events[index + 1..]
            .iter()
            .find(|event| event.thread() == thread.as_deref());
        if let (iocp_traces::Happening::End { .. }, Some(next)) = (&events[index].what, next) {
            events[index].at_ns = next.at_ns.min(events[index].at_ns + 8_000);
        }
    }
    events.sort_by_key(|event| event.at_ns);
    let header = header(&program, profile.name, "random", 1);
    let trace = Trace { header, events };
    assert!(trace.events.len() >= 10_000);
    bencher
        .counter(ItemsCount::new(trace.events.len()))
        .bench_local(|| {
            let options = conform::Options::default();
            let verdict = conform::check(&program, profile.semantics, &trace, options);
            assert!(
                matches!(verdict, Ok(conform::Verdict::Conforms { .. })),
                "{verdict:?}"
            );
        });
}
