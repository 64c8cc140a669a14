//! Servers whose recordings are long: what the benches and the tests of long recordings check.
//!
//! Included by each of them, since no crate lies below all.

use iocp_model::Profile;
use iocp_scheduler::{Program, Workload, outside, run, strategy::Random};
use iocp_traces::Trace;

/// A server: its name, its program for about so many events, and how many steps an interval of its
/// recording reaches beyond its call on either side.
pub struct Server {
    pub name: &'static str,
    program: fn(u32) -> serde_json::Value,
    reach: u64,
}

/// Each is hard in its own way.
pub const ALL: [Server; 4] = [
    Server {
        name: "busy",
        program: busy,
        reach: 8,
    },
    Server {
        name: "deep",
        program: deep,
        reach: 8,
    },
    Server {
        name: "crowded",
        program: crowded,
        reach: 64,
    },
    Server {
        name: "batches",
        program: batches,
        reach: 8,
    },
];

impl Server {
    /// A run of about so many events under the newest Windows, as seen from outside.
    pub fn record(&self, events: u32) -> (Program, Trace) {
        self.record_under(Profile::default(), events)
    }

    /// The same under another profile.
    pub fn record_under(&self, profile: Profile, events: u32) -> (Program, Trace) {
        let workload: Workload =
            serde_json::from_value((self.program)(events)).expect("a workload");
        let program = Program::compile(&workload).expect("a program");
        let options = run::Options {
            most_steps: u64::MAX,
            ..run::Options::default()
        };
        let kernel = profile.into();
        let seen = outside::record(&program, kernel, Random::new(1), options, self.reach, 1);
        (program, seen.expect("a run").trace)
    }
}

/// Four producers, four workers that block once a packet, a limit of two. The producers' packets
/// are the same.
fn busy(events: u32) -> serde_json::Value {
    serde_json::json!({
        "name": "busy",
        "port": [{"name": "p", "concurrency": 2}],
        "thread": [
            {"name": "producer", "copies": 4, "program": [
                {"repeat": events / 32 + 1, "do": [
                    {"call": "PostQueuedCompletionStatus", "port": "p", "key": 1, "key_step": 1},
                    {"call": "Sleep", "for": "1ms"}]}]},
            {"name": "worker", "copies": 4, "program": [
                {"repeat": "forever", "do": [
                    {"call": "GetQueuedCompletionStatus", "port": "p"},
                    {"call": "Sleep", "for": "1ms"}]}]}]
    })
}

/// Producers that post a thousand packets each before the workers have taken the first hundred, and
/// rest until nearly all have been taken: thousands are queued.
fn deep(events: u32) -> serde_json::Value {
    let burst = 1_000.min(events / 24 + 1);
    let producer = |number: u32| {
        serde_json::json!({
            "name": format!("producer-{number}"), "program": [
                {"repeat": events / 24 / burst + 1, "do": [
                    {"repeat": burst, "do": [
                        {"call": "PostQueuedCompletionStatus", "port": "p",
                         "key": number * 1_000_000, "key_step": 1}]},
                    {"call": "Sleep", "for": format!("{}us", burst * 750)}]}]
        })
    };
    serde_json::json!({
        "name": "deep",
        "port": [{"name": "p", "concurrency": 4}],
        "thread": [
            producer(1), producer(2), producer(3), producer(4),
            {"name": "worker", "copies": 4, "program": [
                {"repeat": "forever", "do": [
                    {"call": "GetQueuedCompletionStatus", "port": "p"},
                    {"call": "Sleep", "for": "1ms"}]}]}]
    })
}

/// Sixty-four threads, of whose calls dozens are open at any time.
fn crowded(events: u32) -> serde_json::Value {
    let producer = |number: u32| {
        serde_json::json!({
            "name": format!("producer-{number}"), "program": [
                {"repeat": events / (8 * 24) + 1, "do": [
                    {"call": "PostQueuedCompletionStatus", "port": "p",
                     "key": number * 1_000_000, "key_step": 1},
                    {"call": "Sleep", "for": "1ms"}]}]
        })
    };
    let mut threads: Vec<serde_json::Value> = (1..=24).map(producer).collect();
    threads.push(serde_json::json!(
        {"name": "worker", "copies": 40, "program": [
            {"repeat": "forever", "do": [
                {"call": "GetQueuedCompletionStatus", "port": "p"},
                {"call": "Sleep", "for": "1ms"}]}]}
    ));
    serde_json::json!({
        "name": "crowded",
        "port": [{"name": "p", "concurrency": 0}],
        "thread": threads
    })
}

/// Workers that take up to eight packets at once, or give up after a while, or look without
/// waiting.
fn batches(events: u32) -> serde_json::Value {
    serde_json::json!({
        "name": "batches",
        "port": [{"name": "p", "concurrency": 3}],
        "thread": [
            {"name": "producer", "copies": 3, "program": [
                {"repeat": events / 80 + 1, "do": [
                    {"repeat": 6, "do": [
                        {"call": "PostQueuedCompletionStatus", "port": "p", "key": 1, "key_step": 1}]},
                    {"call": "Sleep", "for": "5ms"}]}]},
            {"name": "batch", "copies": 3, "program": [
                {"repeat": events / 80 * 5, "do": [
                    {"call": "GetQueuedCompletionStatusEx", "port": "p", "count": 8, "timeout": "1ms"},
                    {"if": {"result": "packet"}, "do": [{"call": "Sleep", "for": "1ms"}]}]}]},
            {"name": "poll", "program": [
                {"repeat": events / 80 * 2, "do": [
                    {"call": "GetQueuedCompletionStatus", "port": "p", "timeout": 0},
                    {"call": "Sleep", "for": "3ms"}]}]},
            {"name": "rest", "program": [
                {"repeat": "forever", "do": [{"call": "GetQueuedCompletionStatus", "port": "p"}]}]}]
    })
}
