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

/// The durations in whole milliseconds.
fn ms(times: &Moments) -> (u64, f64, u64) {
    (times.n, times.sum_ns as f64 / MS as f64, times.max_ns / MS)
}

/// Two workers of one processor, each with 25 ms to compute, which take turns.
#[test]
fn a_quantum_and_a_switch_by_hand() {
    let program = program(json!({
        "name": "turns",
        "machine": {"processors": 1, "quantum": "10ms", "switch": "1ms"},
        "port": [{"name": "p", "concurrency": 2}],
        "thread": [
            {"name": "worker", "copies": 2, "program": [{"repeat": "forever", "do": [
                {"call": "GetQueuedCompletionStatus", "port": "p"}, {"compute": "25ms"}]}]},
            {"name": "client", "outside": true, "program": [
                {"repeat": 2, "do": [{"call": "PostQueuedCompletionStatus", "port": "p"}]}]}]
    }));
    let turns = run(&program, &first(2));
    // worker-1 blocks at 0, and the processor changes to worker-2, which takes the second packet at
    // 1; worker-1 has the first, and has it from 12 on. Then: 1-11 the one, 12-22 the other, 23-33,
    // 34-44, and what is left: 45-50, 51-56.
    assert_eq!((turns.end, turns.simulated_ns), (End::Finished, 56 * MS));
    assert_eq!(ms(&turns.latency_moments), (2, 106.0, 56));
    assert_eq!(ms(&turns.wait), (2, 13.0, 12));
    assert_eq!(ms(&turns.queue_wait), (2, 1.0, 1));
    assert_eq!(turns.switches, 6);
    assert_eq!(turns.processors, [1.0]);
    assert_eq!(turns.run_queue_mean, 50.0 / 56.0);
    assert_eq!(turns.ports[0].hand_offs, 1);
    assert_eq!(turns.ports[0].taken_at_once, 1);
}

/// One worker for packets that come at 10 ms, and this machine.
fn one_packet(machine: Value) -> Replication {
    let program = program(json!({
        "name": "one-packet",
        "machine": machine,
        "port": [{"name": "p"}],
        "thread": [
            {"name": "client", "outside": true, "program": [
                {"call": "Sleep", "for": "10ms"},
                {"call": "PostQueuedCompletionStatus", "port": "p"}]},
            {"name": "worker", "program": [{"repeat": "forever", "do": [
                {"call": "GetQueuedCompletionStatus", "port": "p"}, {"compute": "5ms"}]}]}]
    }));
    run(&program, &first(1))
}

#[test]
fn a_thread_that_is_woken_is_ready_later() {
    let woken = one_packet(json!({"processors": 1, "wake": "2ms"}));
    assert_eq!(ms(&woken.latency_moments), (1, 7.0, 7));
    assert_eq!(ms(&woken.wait), (1, 2.0, 2));
    assert_eq!((woken.wakeups, woken.simulated_ns), (1, 17 * MS));
}

#[test]
fn other_work_takes_its_share() {
    let shared = one_packet(json!({"processors": 2, "background": 0.5}));
    assert_eq!(ms(&shared.latency_moments), (1, 10.0, 10));
    // Busy for 10 of 20 ms, and half busy for the rest.
    assert_eq!(shared.processors, [0.75, 0.5]);
}

/// A reply goes to a port of the client's, which asks again as soon as it has it.
#[test]
fn a_request_ends_when_its_reply_has_come_and_nobody_handles_it() {
    let program = program(json!({
        "name": "replies",
        "port": [{"name": "p"}, {"name": "replies"}],
        "thread": [
            {"name": "client", "outside": true, "program": [{"repeat": 3, "do": [
                {"call": "PostQueuedCompletionStatus", "port": "p"},
                {"call": "GetQueuedCompletionStatus", "port": "replies"}]}]},
            {"name": "worker", "program": [{"repeat": "forever", "do": [
                {"call": "GetQueuedCompletionStatus", "port": "p"},
                {"compute": "2ms"},
                {"call": "PostQueuedCompletionStatus", "port": "replies"},
                {"compute": "1ms"}]}]}]
    }));
    let replies = run(&program, &first(3));
    // The worker tidies up for 1 ms after each reply, while the next request waits: 0-3, 2-6, 5-9.
    assert_eq!(replies.series.means, [3e6, 4e6, 4e6]);
    assert_eq!(ms(&replies.wait), (3, 2.0, 1));
    assert_eq!(replies.simulated_ns, 9 * MS);
    let outstanding = replies.outstanding;
    assert_eq!(
        (outstanding.begin, outstanding.end, outstanding.most),
        (0, 0, 2)
    );
    assert_eq!(outstanding.mean, 11.0 / 9.0);
}

#[test]
fn a_request_ends_with_the_last_of_its_packets() {
    let program = program(json!({
        "name": "fan-out",
        "port": [{"name": "p"}, {"name": "q"}],
        "thread": [
            {"name": "client", "outside": true, "program": [
                {"call": "PostQueuedCompletionStatus", "port": "p"}]},
            {"name": "front", "program": [
                {"call": "GetQueuedCompletionStatus", "port": "p"},
                {"compute": "1ms"},
                {"repeat": 2, "do": [{"call": "PostQueuedCompletionStatus", "port": "q"}]}]},
            {"name": "back", "program": [{"repeat": "forever", "do": [
                {"call": "GetQueuedCompletionStatus", "port": "q"}, {"compute": "5ms"}]}]}]
    }));
    let both = run(&program, &first(10));
    assert_eq!((both.end, both.requests), (End::Settled, 1));
    assert_eq!(ms(&both.latency_moments), (1, 11.0, 11));
    // The second packet waits in the queue for as long as the first takes.
    assert_eq!(ms(&both.queue_wait), (3, 5.0, 5));
}

/// A device is another machine that hands on what it did not begin.
#[test]
fn a_request_goes_on_through_a_device() {
    let program = program(json!({
        "name": "device",
        "port": [{"name": "p"}, {"name": "reads"}],
        "thread": [
            {"name": "client", "outside": true, "program": [
                {"call": "PostQueuedCompletionStatus", "port": "p", "key": 1}]},
            {"name": "disk", "outside": true, "program": [{"repeat": "forever", "do": [
                {"call": "GetQueuedCompletionStatus", "port": "reads"},
                {"call": "Sleep", "for": "5ms"},
                {"call": "PostQueuedCompletionStatus", "port": "p", "key": 2}]}]},
            {"name": "worker", "program": [{"repeat": "forever", "do": [
                {"call": "GetQueuedCompletionStatus", "port": "p"},
                {"if": {"key": 1}, "do": [
                    {"compute": "1ms"},
                    {"call": "PostQueuedCompletionStatus", "port": "reads"}],
                 "else": [{"compute": "2ms"}]}]}]}]
    }));
    let whole = run(&program, &first(10));
    assert_eq!(whole.requests, 1);
    assert_eq!(ms(&whole.latency_moments), (1, 8.0, 8));
    assert_eq!(whole.blocked_mean, 0.0);
}

#[test]
fn time_outs_of_dequeues_run_out() {
    let program = program(json!({
        "name": "time-outs",
        "port": [{"name": "p"}],
        "thread": [
            {"name": "client", "outside": true, "program": [
                {"call": "Sleep", "for": "12ms"},
                {"call": "PostQueuedCompletionStatus", "port": "p"}]},
            {"name": "worker", "program": [{"repeat": "forever", "do": [
                {"call": "GetQueuedCompletionStatus", "port": "p", "timeout": "5ms"},
                {"if": {"result": "timeout"}, "do": [{"compute": "500us"}],
                 "else": [{"compute": "1ms"}]}]}]}]
    }));
    let one = run(&program, &first(1));
    // Waits 0-5 and 5.5-10.5, and from 11 until the packet comes.
    assert_eq!((one.wakeups, one.simulated_ns), (3, 13 * MS));
    assert_eq!(ms(&one.wait), (1, 0.0, 0));
}

/// A time-out that never runs out leaves no timer behind for each call.
#[test]
fn timers_do_not_pile_up() {
    let program = program(json!({
        "name": "time-outs",
        "port": [{"name": "p"}],
        "thread": [
            {"name": "clients", "outside": true, "program": [{"repeat": "forever", "do": [
                {"call": "Sleep", "for": "1ms"},
                {"call": "PostQueuedCompletionStatus", "port": "p"}]}]},
            {"name": "worker", "copies": 2, "program": [{"repeat": "forever", "do": [
                {"call": "GetQueuedCompletionStatus", "port": "p", "timeout": "60s"},
                {"compute": "500us"}]}]}]
    }));
    let settings = first(50_000);
    let semantics = Profile::default().semantics;
    let mut engine = Engine::new(&program, semantics, &settings, (), None).expect("an engine");
    assert_eq!(engine.goes_on(), Ok(End::Finished));
    // One to sleep, one to compute, and one time-out of each worker.
    assert!(engine.pending_timers() <= 4, "{}", engine.pending_timers());
}

#[test]
fn who_waits_until_something_is_so_needs_no_processor() {
    let program = program(json!({
        "name": "until",
        "machine": {"processors": 1},
        "port": [{"name": "p"}],
        "counter": [{"name": "ready"}],
        "thread": [
            {"name": "starter", "program": [
                {"until": "ready is 2"},
                {"call": "PostQueuedCompletionStatus", "port": "p"}]},
            {"name": "worker", "program": [{"repeat": "forever", "do": [
                {"call": "GetQueuedCompletionStatus", "port": "p"}, {"compute": "1ms"}]}]},
            {"name": "other", "copies": 2, "program": [
                {"compute": "3ms"}, {"add": 1, "counter": "ready"}]}]
    }));
    let one = run(&program, &first(1));
    assert_eq!((one.end, one.simulated_ns), (End::Finished, 7 * MS));
}

/// The end of a computation can be that of a thread.
#[test]
fn who_waits_for_the_end_of_a_thread_sees_it() {
    let program = program(json!({
        "name": "until-the-end",
        "port": [{"name": "p"}],
        "thread": [
            {"name": "client", "outside": true, "program": [
                {"until": "other has ended"},
                {"call": "PostQueuedCompletionStatus", "port": "p"}]},
            {"name": "worker", "program": [
                {"call": "GetQueuedCompletionStatus", "port": "p"}, {"compute": "1ms"}]},
            {"name": "other", "program": [{"compute": "3ms"}]}]
    }));
    let one = run(&program, &first(1));
    assert_eq!((one.end, one.simulated_ns), (End::Finished, 4 * MS));
}

/// Services of 1, 2 and 3 ms in this order.
fn in_order() -> Program {
    program(json!({
        "name": "in-order",
        "port": [{"name": "p"}],
        "thread": [
            {"name": "clients", "outside": true, "program": [{"repeat": "forever", "do": [
                {"call": "Sleep", "for": {"law": "constant", "mean": "10ms"}},
                {"call": "PostQueuedCompletionStatus", "port": "p"}]}]},
            {"name": "worker", "copies": 2, "program": [{"repeat": "forever", "do": [
                {"call": "GetQueuedCompletionStatus", "port": "p"},
                {"compute": {"law": "sequence", "values": ["1ms", "2ms", "3ms"]}}]}]}]
    }))
}

#[test]
fn requests_have_the_values_of_a_sequence_in_order() {
    let all = run(&in_order(), &first(4));
    assert_eq!(all.series.means, [1e6, 2e6, 3e6, 1e6]);
}

#[test]
fn what_is_skipped_does_not_count() {
    let settings = Settings {
        skip: 1,
        ..first(2)
    };
    let rest = run(&in_order(), &settings);
    // From the end of the first at 11 to that of the third at 33.
    assert_eq!((rest.requests, rest.simulated_ns), (2, 22 * MS));
    assert_eq!(ms(&rest.latency_moments), (2, 5.0, 3));
    assert_eq!(rest.ports[0].active_mean, 5.0 / 22.0);
    assert_eq!(rest.ports[0].hand_offs, 2);
    assert_eq!(rest.wakeups, 2);
}

#[test]
fn the_same_seed_gives_the_same_numbers() {
    for program in [plain(), blocking(4)] {
        let settings = Settings {
            skip: 100,
            ..first(2_000)
        };
        let once = run(&program, &settings);
        assert_eq!(run(&program, &settings), once);
        let other = Settings {
            seed: 1,
            ..settings.clone()
        };
        assert_ne!(run(&program, &other).wait, once.wait);
        // Who writes things down sees sleeps of clients that are no steps otherwise.
        let window = Settings {
            window: Some(Window::Requests { from: 10, to: 20 }),
            ..settings
        };
        let mut seen = run(&program, &window);
        let posts = |event: &&Event<'_>| {
            matches!(&event.what, iocp_traces::Happening::Begin { call, .. }
                if call == "PostQueuedCompletionStatus")
        };
        assert_eq!(seen.window.iter().filter(posts).count(), 10);
        (seen.window, seen.steps) = (Vec::new(), once.steps);
        assert_eq!(seen, once);
    }
}

#[test]
fn a_window_of_time_is_of_that_time() {
    let settings = Settings {
        window: Some(Window::Time {
            from_ns: 10 * MS,
            to_ns: 20 * MS,
        }),
        ..first(3)
    };
    let window = run(&in_order(), &settings).window;
    assert!(!window.is_empty());
    assert!(
        window
            .iter()
            .all(|event| (10 * MS..20 * MS).contains(&event.at_ns))
    );
}

/// A request costs the same, whatever the limit and the number of threads.
#[test]
fn settings_share_their_random_numbers() {
    let busy_ns = |limit: u32, workers: u32| {
        let mut workload = four_processors(
            limit,
            workers,
            json!([{"compute": {"law": "exponential", "mean": "10ms"}},
                {"compute": {"law": "log-normal", "mean": "5ms", "deviation": "9ms"}}]),
        )
        .workload;
        workload.threads[0].program[0].repeat = Some(crate::workload::Times::Exactly(500));
        let program = Program::compile(&workload).expect("a program");
        let all = run(&program, &first(1_000));
        assert_eq!((all.requests, all.end), (500, End::Settled));
        all.processors.iter().sum::<f64>() * all.simulated_ns as f64
    };
    let one = busy_ns(1, 1);
    for (limit, workers) in [(1, 3), (2, 2), (4, 9)] {
        assert!((busy_ns(limit, workers) / one - 1.0).abs() < 1e-9);
    }
}

#[test]
fn what_takes_no_time_is_told() {
    let program = program(json!({
        "name": "poll",
        "port": [{"name": "p"}],
        "thread": [{"name": "t", "program": [{"repeat": "forever", "do": [
            {"call": "GetQueuedCompletionStatus", "port": "p", "timeout": 0}]}]}]
    }));
    let semantics = Profile::default().semantics;
    let error = simulate(&program, semantics, &first(1)).expect_err("time stands still");
    assert_eq!(
        error.to_string(),
        "time stands still: thread t and perhaps others took more than 10000000 steps at one moment, \
         the last at thread[0].program[0].do[0]. A call takes no time. Put a compute, a Sleep or a \
         wait into the loop."
    );
    let few = Settings {
        most_steps: 1_000,
        ..first(1)
    };
    let stopped = run(&program, &few);
    assert_eq!((stopped.end, stopped.steps), (End::OutOfSteps, 1_000));
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
