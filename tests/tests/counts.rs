//! A call that is counted: one step in the model, two on a real kernel, and the checker knows it.

#![allow(clippy::unwrap_used)]

use iocp_model::{Profile, Semantics, ThreadId, ThreadState};
use iocp_scenarios::catalogue;
use iocp_scheduler::{
    Choice, Program, State, Workload,
    conform::{self, Verdict},
    outside,
    run::Options,
    search::{self, Budget},
    strategy::Random,
    trace::header,
};
use iocp_traces::{Event, Happening, Trace};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn program(threads: Value) -> Program {
    let workload: Workload = serde_json::from_value(json!({
        "name": "counted",
        "port": [{"name": "p", "concurrency": 1}],
        "counter": [{"name": "n"}],
        "thread": threads,
    }))
    .unwrap();
    Program::compile(&workload).unwrap()
}

fn thread(index: usize) -> ThreadId {
    ThreadId::new(index).unwrap()
}

/// Two threads that post one packet each; whoever sees the second number posts another one.
fn posters() -> Program {
    let poster = |name: &str, key: u64| {
        json!({"name": name, "program": [
            {"call": "PostQueuedCompletionStatus", "port": "p", "key": key, "counts": "n"},
            {"if": {"counter": "n", "equals": 2}, "do": [
                {"call": "PostQueuedCompletionStatus", "port": "p", "key": key + 10}]}]})
    };
    program(json!([poster("a", 1), poster("b", 2)]))
}

/// The keys in the queue when nothing can happen any more, over all schedules.
fn queues_in_the_end(program: &Program) -> BTreeSet<Vec<u64>> {
    let mut queues = BTreeSet::new();
    search::depth_first(program, Semantics::WINDOWS, Budget::default(), |state| {
        let mut choices = Vec::new();
        state.choices(program, &mut choices);
        if choices.is_empty() {
            let port = &state.system.ports()[0];
            queues.insert(port.queue.iter().map(|packet| packet.key).collect());
        }
    })
    .unwrap();
    queues
}

#[test]
fn a_call_and_its_count_and_the_branch_behind_it_are_one_step() {
    let program = posters();
    let last_sees_it = BTreeSet::from([vec![1, 2, 12], vec![2, 1, 11]]);
    assert_eq!(queues_in_the_end(&program), last_sees_it);
    // As a real kernel runs it, the other one can count first.
    let either_sees_it = BTreeSet::from([
        vec![1, 2, 11],
        vec![1, 2, 12],
        vec![2, 1, 11],
        vec![2, 1, 12],
    ]);
    assert_eq!(
        queues_in_the_end(&program.with_counts_apart()),
        either_sees_it
    );
}

#[test]
fn who_waited_counts_in_the_step_in_which_its_call_returns() {
    let program = program(json!([
        {"name": "worker", "program": [
            {"call": "GetQueuedCompletionStatus", "port": "p", "counts": "n"},
            {"call": "Sleep", "for": "1ms"}]},
        {"name": "poster", "program": [
            {"call": "PostQueuedCompletionStatus", "port": "p"}]}]));
    let mut state = State::initial(&program, Semantics::WINDOWS).unwrap();
    let mut counts = Vec::new();
    for index in [0, 1] {
        let step = Choice::Step(thread(index));
        state.take(&program, step, &mut ()).unwrap();
        counts.push(state.counters[0]);
    }
    assert_eq!(counts, [0, 1]);
}

/// It is back from its call only when somebody has resumed it; or it counts and is suspended then.
#[test]
fn a_suspended_thread_does_not_count() {
    let program = program(json!([
        {"name": "a", "program": [
            {"call": "SuspendThread", "thread": "a", "counts": "n"},
            {"call": "Sleep", "for": "1ms"}]},
        {"name": "b", "program": [
            {"until": "a is suspended"},
            {"call": "ResumeThread", "thread": "a"}]}]));
    for profile in Profile::ALL {
        let mut state = State::initial(&program, profile.semantics).unwrap();
        let mut choices = Vec::new();
        loop {
            choices.clear();
            state.choices(&program, &mut choices);
            let Some(choice) = choices.first() else { break };
            let stopped =
                |state: &State| state.system.thread(thread(0)).state == ThreadState::Suspended;
            let (was_stopped, before) = (stopped(&state), state.counters[0]);
            state.take(&program, *choice, &mut ()).unwrap();
            if was_stopped && stopped(&state) {
                assert_eq!(state.counters[0], before, "{}", profile.name);
            }
        }
        assert_eq!(state.counters, [1], "{}", profile.name);
    }
}

/// A recording of the two posters: "a(" is a begin of a call of the thread a, "a)" its end, and "a+"
/// says that a has counted it, at some time since that end.
fn recording(program: &Program, script: &str) -> Trace {
    let mut events = Vec::new();
    for word in script.split_whitespace() {
        let (thread, what) = word.split_at(1);
        let what = match what {
            "(" => r#""event":"begin","call":"PostQueuedCompletionStatus""#,
            ")" => r#""event":"end","call":"PostQueuedCompletionStatus","return":true"#,
            _ => r#""event":"does","what":"add 1 to n""#,
        };
        let text = format!(r#"{{"t":{},"thread":"{thread}",{what}}}"#, events.len());
        let event: Event<'_> = serde_json::from_str(&text).unwrap();
        events.push(event.into_owned());
    }
    let at_ns = events.len() as u64;
    let what = Happening::Settled {};
    events.push(Event { at_ns, what });
    let header = header(program, Profile::default().name, "", 0);
    Trace { header, events }
}

fn conforms(program: &Program, trace: &Trace) -> bool {
    let semantics = Profile::default().semantics;
    match conform::check(program, semantics, trace, conform::Options::default()).unwrap() {
        Verdict::Conforms { .. } => true,
        Verdict::Diverges(_) => false,
        Verdict::NoVerdict { .. } => panic!("no verdict"),
    }
}

#[test]
fn a_recording_may_count_later_but_every_number_is_seen_once() {
    let program = posters();
    let is_explained = |script| conforms(&program, &recording(&program, script));
    // a's call is over before b's begins, and either counts first.
    assert!(is_explained("a( a) b( b) a+ b+ b( b)"));
    assert!(is_explained("a( a) b( b) b+ a+ a( a)"));
    // Both see the second number.
    assert!(!is_explained("a( a) b( b) a+ b+ a( a) b( b)"));
    // b has counted before a is back.
    assert!(is_explained("a( b( b) b+ a) a+ a( a)"));
    assert!(!is_explained("a( b( b) b+ a) a+ b( b)"));
}

#[test]
fn runs_of_two_producers_conform() {
    let program = catalogue::find("peers-d")
        .unwrap()
        .scenario()
        .unwrap()
        .program;
    for seed in 0..20 {
        let kernel = Profile::default().into();
        let strategy = Random::new(seed);
        let seen =
            outside::record(&program, kernel, strategy, Options::default(), 8, seed).unwrap();
        assert!(conforms(&program, &seen.trace), "seed {seed}");
    }
}
