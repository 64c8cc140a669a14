//! How fast a load is simulated: requests a second, one thread.
//!
//! `cargo bench -p iocp-scheduler --bench simulate`. The instances are the scenarios `mm4` and
//! `mm4-blocking` of the catalogue, which `.ci/bench-peers` measures beside other simulators.

use divan::{Bencher, counter::ItemsCount};
use iocp_model::Profile;
use iocp_scheduler::{
    Program, Workload,
    simulate::{Settings, simulate},
};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

/// Requests at random, 3.2 a second, for four processors.
fn program(limit: u32, workers: u32, work: &[Value]) -> Program {
    let mut body = vec![json!({"call": "GetQueuedCompletionStatus", "port": "p"})];
    body.extend_from_slice(work);
    let workload: Workload = serde_json::from_value(json!({
        "name": "four-processors",
        "machine": {"processors": 4},
        "port": [{"name": "p", "concurrency": limit}],
        "thread": [
            {"name": "clients", "outside": true, "program": [{"repeat": "forever", "do": [
                {"call": "Sleep", "for": {"law": "exponential", "mean": "312.5ms"}},
                {"call": "PostQueuedCompletionStatus", "port": "p"}]}]},
            {"name": "worker", "copies": workers, "program": [{"repeat": "forever", "do": body}]}]
    }))
    .expect("a workload");
    Program::compile(&workload).expect("a program")
}

fn requests(bencher: Bencher<'_, '_>, program: &Program, requests: u64) {
    let semantics = Profile::default().semantics;
    let settings = Settings {
        requests,
        ..Settings::default()
    };
    bencher
        .counter(ItemsCount::new(requests))
        .bench_local(|| simulate(program, semantics, &settings).map(|it| it.simulated_ns));
}

/// One phase on a processor.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn mm4(bencher: Bencher<'_, '_>) {
    let work = [json!({"compute": {"law": "exponential", "mean": "1s"}})];
    requests(bencher, &program(4, 4, &work), 2_000_000);
}

/// A phase on a processor, one blocked, one on a processor.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn mm4_blocking(bencher: Bencher<'_, '_>) {
    let work = [
        json!({"compute": {"law": "exponential", "mean": "500ms"}}),
        json!({"call": "Sleep", "for": {"law": "exponential", "mean": "5s"}}),
        json!({"compute": {"law": "exponential", "mean": "500ms"}}),
    ];
    requests(bencher, &program(128, 128, &work), 1_000_000);
}
