//! Small machines, computed by hand; and the queues that have a closed form.

use super::*;
use crate::Workload;
use iocp_model::Profile;
use serde_json::{Value, json};

const MS: u64 = 1_000_000;

fn program(workload: Value) -> Program {
    let workload: Workload = serde_json::from_value(workload).expect("a workload");
    Program::compile(&workload).unwrap_or_else(|error| panic!("{error}"))
}

fn run(program: &Program, settings: &Settings) -> Replication {
    let semantics = Profile::default().semantics;
    simulate(program, semantics, settings).unwrap_or_else(|error| panic!("{error}"))
}

/// So many requests from the beginning on.
fn first(requests: u64) -> Settings {
    Settings {
        requests,
        ..Settings::default()
    }
}

/// Four processors, requests at random 3.2 times a second, and workers that do this with each.
fn four_processors(limit: u32, workers: u32, work: Value) -> Program {
    let mut body = vec![json!({"call": "GetQueuedCompletionStatus", "port": "p"})];
    body.extend(work.as_array().cloned().unwrap_or_default());
    program(json!({
        "name": "four-processors",
        "machine": {"processors": 4},
        "port": [{"name": "p", "concurrency": limit}],
        "thread": [
            {"name": "clients", "outside": true, "program": [{"repeat": "forever", "do": [
                {"call": "Sleep", "for": {"law": "exponential", "mean": "312.5ms"}},
                {"call": "PostQueuedCompletionStatus", "port": "p"}]}]},
            {"name": "worker", "copies": workers, "program": [{"repeat": "forever", "do": body}]}]
    }))
}

fn plain() -> Program {
    four_processors(
        4,
        4,
        json!([{"compute": {"law": "exponential", "mean": "1s"}}]),
    )
}

fn blocking(limit: u32) -> Program {
    four_processors(
        limit,
        128,
        json!([
            {"compute": {"law": "exponential", "mean": "500ms"}},
            {"call": "Sleep", "for": {"law": "exponential", "mean": "5s"}},
            {"compute": {"law": "exponential", "mean": "500ms"}}]),
    )
}

/// The mean wait of M/M/4 at 3.2 erlangs for services of a second.
const ERLANG_C_S: f64 = 0.745_540_6;

#[test]
fn four_servers_wait_as_erlang_says() {
    let replication = run(
        &plain(),
        &Settings {
            requests: 400_000,
            skip: 10_000,
            ..Settings::default()
        },
    );
    let wait = replication.wait.mean() / 1e9;
    assert!((wait / ERLANG_C_S - 1.0).abs() < 0.03, "{wait}");
    assert_eq!(replication.wait, replication.queue_wait);
    assert!(replication.wait.n.abs_diff(replication.requests) <= 4);
    let latency = replication.latency_moments.mean() / 1e9;
    assert!(
        (latency / (1.0 + ERLANG_C_S) - 1.0).abs() < 0.02,
        "{latency}"
    );
    // A share of them waits, and for an exponential time of mean 1 / (4 - 3.2) s.
    let (waits, rate) = (0.596_432_5, 0.8);
    let served = |t: f64| libm::exp(-t);
    let beyond = |t: f64| {
        let both = (libm::exp(-rate * t) - rate * served(t)) / (1.0 - rate);
        (1.0 - waits) * served(t) + waits * both
    };
    let p90 = replication.latency.value_at_quantile(0.9) as f64 / 1e9;
    assert!((beyond(p90) - 0.1).abs() < 0.005, "{p90}: {}", beyond(p90));
    for busy in &replication.processors {
        assert!((busy - 0.8).abs() < 0.02, "{:?}", replication.processors);
    }
    let depth = replication.ports[0].depth_mean;
    assert!((depth / (3.2 * ERLANG_C_S) - 1.0).abs() < 0.04, "{depth}");
    assert!((replication.throughput_per_s / 3.2 - 1.0).abs() < 0.01);
    assert_eq!((replication.switches, replication.end), (0, End::Finished));
}

/// Without a limit all phases stand in one line, that for the processors.
#[test]
fn four_servers_that_block_wait_as_jackson_says() {
    let settings = Settings {
        requests: 400_000,
        skip: 10_000,
        ..Settings::default()
    };
    let replication = run(&blocking(128), &settings);
    let wait = replication.wait.mean() / 1e9;
    assert!((wait / (ERLANG_C_S / 2.0) - 1.0).abs() < 0.03, "{wait}");
    // Two phases of each request; the first never in the port's queue.
    assert!(replication.wait.n.abs_diff(2 * replication.requests) < 200);
    assert_eq!(replication.queue_wait.max_ns, 0);
    let in_line = replication.run_queue_mean;
    assert!(
        (in_line / (3.2 * ERLANG_C_S) - 1.0).abs() < 0.03,
        "{in_line}"
    );
    let blocked = replication.blocked_mean;
    assert!((blocked / 16.0 - 1.0).abs() < 0.02, "{blocked}");
    let under_way = replication.outstanding.mean;
    let little = replication.throughput_per_s * replication.latency_moments.mean() / 1e9;
    assert!(
        (under_way / little - 1.0).abs() < 0.001,
        "{under_way}, {little}"
    );
}

/// With a limit, whoever has blocked goes before a packet that is queued. So requests end sooner,
/// and the line is shorter than where all stand in one: 0.335 s, as a simulation of just these two
/// lines has it, for 0.373 s.
#[test]
fn a_limit_lets_those_that_have_blocked_go_first() {
    let settings = Settings {
        requests: 400_000,
        skip: 10_000,
        ..Settings::default()
    };
    let replication = run(&blocking(4), &settings);
    let wait = replication.wait.mean() / 1e9;
    assert!((wait / 0.335 - 1.0).abs() < 0.03, "{wait}");
    assert!(replication.queue_wait.mean() > replication.wait.mean());
    assert_eq!(replication.ports[0].limit, 4);
    assert!(replication.ports[0].above_limit > 0.1);
}
