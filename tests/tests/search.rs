//! The plain search finds as many states as the peers do: other programs, written by others, in
//! other languages, that count the schedules of the same small servers.

#![allow(clippy::unwrap_used)]

use iocp_model::Semantics;
use iocp_scheduler::{
    Program, Workload,
    search::{self, Budget},
};

/// One producer that posts some packets and then a stop for each worker; workers that take a
/// packet, block once, and mark it; a port of limit 2.
fn peers(posts: u32, workers: u32) -> Program {
    let workload: Workload = serde_json::from_value(serde_json::json!({
        "name": "peers",
        "port": [{"name": "p", "concurrency": 2}],
        "thread": [
            {"name": "producer", "program": [
                {"repeat": posts, "do": [
                    {"call": "PostQueuedCompletionStatus", "port": "p", "key": 1, "key_step": 1}]},
                {"repeat": workers, "do": [
                    {"call": "PostQueuedCompletionStatus", "port": "p", "key": 0}]}]},
            {"name": "worker", "copies": workers, "program": [
                {"repeat": "forever", "do": [
                    {"call": "GetQueuedCompletionStatus", "port": "p"},
                    {"if": {"key": 0}, "do": [{"leave": "loop"}]},
                    {"call": "Sleep", "for": "1ms"},
                    {"mark": "done"}]}]}]
    }))
    .unwrap();
    Program::compile(&workload).unwrap()
}

/// The states and transitions of an instance; all of them, with one end.
fn count(posts: u32, workers: u32) -> (u64, u64) {
    let program = peers(posts, workers);
    let mut visits = 0;
    let reached = search::depth_first(&program, Semantics::WINDOWS, Budget::default(), |_| {
        visits += 1
    })
    .unwrap();
    assert!(reached.complete);
    assert_eq!((reached.ends, visits), (1, reached.states));
    (reached.states, reached.transitions)
}

#[test]
fn instance_a() {
    assert_eq!(count(4, 3), (13_005, 44_165));
}

#[test]
fn instance_b() {
    assert_eq!(count(4, 4), (154_137, 634_186));
}

#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "slow without optimisation: run it with --release"
)]
fn instance_c() {
    assert_eq!(count(4, 5), (1_636_286, 7_667_674));
}

#[test]
fn a_budget_is_kept_and_told() {
    let program = peers(4, 4);
    let most = |states, depth| Budget { states, depth };
    for budget in [most(1_000, 100_000), most(100_000, 10)] {
        let reached = search::depth_first(&program, Semantics::WINDOWS, budget, |_| {}).unwrap();
        assert!(
            !reached.complete && reached.states <= budget.states,
            "{reached:?}"
        );
    }
}
