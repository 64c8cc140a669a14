//! What must come, and what may never be passed: answers that are known beforehand, and on random
//! looping programs those of a search that tries everything.

#![allow(clippy::unwrap_used)]

use iocp_model::{DequeuePhase, Frame, Kernel, PortId, ThreadState};
use iocp_scheduler::{
    Choice, Program, State, Workload,
    expect::{self, Collector},
    explore::{self, Counterexample, Limit, Options, Reductions, Report, Verdict},
};
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// A program with a port `p` of limit 2, the events `e` and `f`, and the counter `c`.
fn program(threads: &[(&str, Value)], expect: Value) -> Program {
    let threads: Vec<_> = threads
        .iter()
        .map(|(name, steps)| json!({"name": name, "program": steps}))
        .collect();
    let workload: Workload = serde_json::from_value(json!({
        "name": "test",
        "port": [{"name": "p", "concurrency": 2}],
        "event": [{"name": "e"}, {"name": "f"}],
        "counter": [{"name": "c"}],
        "thread": threads,
        "expect": expect,
    }))
    .unwrap();
    Program::compile(&workload).unwrap()
}

fn options() -> Options {
    Options::default()
}

fn explore_under(program: &Program, kernel: &str) -> Verdict {
    let kernel: Kernel = kernel.parse().unwrap();
    explore::explore(program, kernel, &options(), &|_| true)
        .unwrap()
        .verdict
}

fn explore(program: &Program) -> Verdict {
    explore_under(program, "windows-10-1607+")
}

fn holds(threads: &[(&str, Value)], expect: Value) {
    let verdict = explore(&program(threads, json!([expect])));
    assert_eq!(verdict, Verdict::Holds, "{expect}");
}

/// The lengths of the way to the cycle and of the cycle, if there is one.
fn violated(threads: &[(&str, Value)], expect: Value) -> (usize, Option<usize>) {
    match explore(&program(threads, json!([expect]))) {
        Verdict::Violated(found) => lengths(&found),
        verdict => panic!("{expect}: {verdict:?}"),
    }
}

fn lengths(found: &Counterexample) -> (usize, Option<usize>) {
    let all = found.schedule.len();
    match found.cycle {
        Some(begin) => (begin, Some(all - begin)),
        None => (all, None),
    }
}

fn post() -> Value {
    json!({"call": "PostQueuedCompletionStatus", "port": "p", "key": 1})
}

fn get() -> Value {
    json!({"call": "GetQueuedCompletionStatus", "port": "p"})
}

fn get_within(timeout: &str) -> Value {
    json!({"call": "GetQueuedCompletionStatus", "port": "p", "timeout": timeout})
}

fn set(event: &str) -> Value {
    json!({"call": "SetEvent", "object": event})
}

fn wait(event: &str) -> Value {
    json!({"call": "WaitForSingleObject", "object": event})
}

fn add() -> Value {
    json!({"add": 1, "counter": "c"})
}

fn forever(steps: &[Value]) -> Value {
    json!([{"repeat": "forever", "do": steps}])
}

// ------------------------------------------------------------------ what must come

#[test]
fn a_spinner_keeps_nobody_from_a_step() {
    let spinner = ("spinner", forever(&[set("e")]));
    let other = ("other", json!([add()]));
    let fact = json!({"counter": "c", "value": 1, "when": "eventually"});
    holds(&[spinner.clone(), other.clone()], fact);
    let never = json!({"counter": "c", "value": 2, "when": "eventually"});
    // The other has had its step; the spinner goes round.
    assert_eq!(violated(&[spinner, other], never), (2, Some(1)));
}

#[test]
fn who_can_go_on_only_now_and_then_may_starve() {
    let looper = ("looper", forever(&[post(), get()]));
    let other = ("other", json!([{"until": "p has 1 packet"}, add()]));
    let fact = json!({"counter": "c", "value": 1, "when": "eventually"});
    // In the first turn the looper joins the port, in the second it comes back to where it was.
    assert_eq!(violated(&[looper, other], fact), (2, Some(2)));
}

#[test]
fn a_fact_may_come_and_go() {
    let looper = ("looper", forever(&[post(), get()]));
    let full = json!({"port": "p", "depth": 1, "when": "eventually"});
    holds(std::slice::from_ref(&looper), full);
    let two = json!({"port": "p", "depth": 2, "when": "eventually"});
    assert_eq!(violated(&[looper], two), (2, Some(2)));
}

#[test]
fn a_fact_of_the_first_state_has_come() {
    let fact = json!({"counter": "c", "value": 0, "when": "eventually"});
    holds(&[("adder", json!([add()]))], fact);
}

/// Who waits first is at the bottom of the stack, and a packet goes to the top (WAIT-01). Where the
/// first waiter comes first, it gets the next packet but one at the latest.
#[test]
fn the_bottom_waiter_starves_under_lifo_only() {
    let expect = json!([{"thread": "bottom", "served": true, "when": "eventually"}]);
    let threads = [
        ("bottom", json!([get()])),
        ("top", forever(&[get()])),
        (
            "poster",
            forever(&[json!({"until": "top waits on p"}), post()]),
        ),
    ];
    let program = program(&threads, expect);
    let Verdict::Violated(found) = explore(&program) else {
        panic!("nobody starves");
    };
    // Both wait; then the poster looks, posts, and the top waits again.
    assert_eq!(lengths(&found), (2, Some(3)));
    assert_eq!(
        found.violation.to_string(),
        "expect[0]: bottom waits for a packet for ever."
    );
    let fifo = explore_under(&program, "windows-10-1607+,fifo-waiters");
    assert_eq!(fifo, Verdict::Holds);
}

#[test]
fn a_wait_that_nobody_ends_is_never_served() {
    let served = json!({"thread": "worker", "served": true, "when": "eventually"});
    assert_eq!(
        violated(&[("worker", json!([get()]))], served.clone()),
        (1, None)
    );
    holds(
        &[("worker", json!([get()])), ("poster", json!([post()]))],
        served,
    );
}

#[test]
fn time_goes_on() {
    let spinner = ("spinner", forever(&[set("e")]));
    let worker = ("worker", forever(&[get_within("10ms")]));
    let served = json!({"thread": "worker", "served": true, "when": "eventually"});
    holds(&[spinner.clone(), worker], served);
    let sleeper = ("sleeper", json!([{"call": "Sleep", "for": "1s"}, add()]));
    let fact = json!({"counter": "c", "value": 1, "when": "eventually"});
    holds(&[spinner, sleeper], fact);
}

#[test]
fn a_suspension_takes_effect() {
    let runner = ("runner", forever(&[set("e")]));
    let suspends = json!({"call": "SuspendThread", "thread": "runner"});
    let resumes = json!({"call": "ResumeThread", "thread": "runner"});
    let suspended = json!({"thread": "runner", "state": "suspended", "when": "eventually"});
    let goes_on = json!({"thread": "runner", "goes_on": true, "when": "eventually"});
    let once = ("other", json!([suspends]));
    holds(&[runner.clone(), once.clone()], suspended.clone());
    // It stands still for ever.
    let (_, cycle) = violated(&[runner.clone(), once], goes_on.clone());
    assert_eq!(cycle, None);
    // Nobody sees to it that it runs in between.
    let again = ("other", forever(&[suspends, resumes]));
    let (_, cycle) = violated(&[runner.clone(), again.clone()], goes_on);
    assert_eq!(cycle, Some(3));
    // The other may resume it before the suspension takes effect.
    violated(&[runner, again], suspended);
}

#[test]
fn a_cycle_may_go_through_several_threads() {
    let ping = ("ping", forever(&[set("e"), wait("f")]));
    let pong = ("pong", forever(&[wait("e"), set("f")]));
    let third = ("third", json!([{"until": "c is 1"}]));
    let goes_on = |thread: &str| json!({"thread": thread, "goes_on": true, "when": "eventually"});
    let threads = [ping, pong, third];
    let (_, cycle) = violated(&threads, goes_on("third"));
    assert_eq!(cycle, Some(4));
    holds(&threads, goes_on("ping"));
    holds(&threads, goes_on("pong"));
}

#[test]
fn the_first_that_is_broken_is_told() {
    let facts: Vec<_> = [0, 7, 8]
        .map(|value| json!({"counter": "c", "value": value, "when": "eventually"}))
        .into();
    let program = program(&[("adder", json!([add()]))], json!(facts));
    let Verdict::Violated(found) = explore(&program) else {
        panic!("it never is 7");
    };
    assert_eq!(
        found.violation.to_string(),
        "expect[1]: it never becomes so: counter c should be 7 and is 1."
    );
}

#[test]
fn a_limit_is_no_verdict() {
    let spinner = |name| (name, forever(&[set("e"), wait("e"), set("f"), wait("f")]));
    let threads = [
        spinner("a"),
        spinner("b"),
        ("other", json!([add(), set("e")])),
    ];
    let fact = json!([{"counter": "c", "value": 1, "when": "eventually"}]);
    let program = program(&threads, fact);
    let reduced = |most_states, reductions| -> Report {
        let options = Options {
            most_states,
            reductions,
            ..options()
        };
        explore::explore(&program, Kernel::default(), &options, &|_| true).unwrap()
    };
    let all = reduced(u64::MAX, Reductions::NONE);
    assert_eq!(all.verdict, Verdict::Holds);
    let fewer = reduced(u64::MAX, Reductions::ALL);
    assert!(fewer.states < all.states, "{fewer:?}");
    assert_eq!(fewer.verdict, Verdict::Holds);
    // The search fits, the graph of all states does not.
    let cut = reduced(all.states - 1, Reductions::ALL);
    assert_eq!(cut.verdict, Verdict::Unknown(Limit::States));
    let stopped = explore::explore(&program, Kernel::default(), &options(), &|progress| {
        progress.phase != explore::Phase::Liveness
    });
    assert_eq!(stopped.unwrap().verdict, Verdict::Unknown(Limit::Stopped));
}

// ------------------------------------------------------------------ bounds

#[test]
fn a_bound_on_depth_is_kept_or_passed() {
    let threads = [
        ("poster", json!([post(), post()])),
        ("worker", json!([get(), get()])),
    ];
    let most = |most: u32| json!({"port": "p", "most_depth": most});
    holds(&threads, most(2));
    assert_eq!(violated(&threads, most(1)), (2, None));
}

#[test]
fn a_wait_is_counted_in_steps_of_all() {
    let threads = [
        ("poster", json!([post()])),
        ("adder", json!([add(), add(), add()])),
        ("worker", json!([get()])),
    ];
    let most = |most: u32| json!({"port": "p", "most_wait": most});
    holds(&threads, most(3));
    // The post, and three steps of the adder: then it has been queued for three.
    assert_eq!(violated(&threads, most(2)), (4, None));
    assert_eq!(violated(&threads, most(0)), (2, None));
}

/// A run and the explorer count alike: a schedule that breaks a bound for the explorer breaks it in a
/// run after the same step.
#[test]
fn a_run_breaks_what_the_explorer_says_it_does() {
    let threads = [
        ("poster", json!([post(), post()])),
        ("adder", json!([add(), add()])),
        ("worker", json!([get(), get()])),
    ];
    for expect in [
        json!({"port": "p", "most_wait": 2}),
        json!({"port": "p", "most_depth": 1}),
        json!({"port": "p", "most_active": 0}),
        json!({"counter": "c", "value": 0, "when": "always"}),
    ] {
        let program = program(&threads, json!([expect]));
        let Verdict::Violated(found) = explore(&program) else {
            panic!("{expect} holds");
        };
        let mut state = State::initial(&program, Kernel::default().semantics()).unwrap();
        let mut collector = Collector::new(&program);
        collector.before(&program, &state);
        for choice in &found.schedule {
            let profile = Kernel::default().profile.name;
            assert!(expect::broken(&program, profile, collector.seen()).is_empty());
            state.take(&program, *choice, &mut collector).unwrap();
            collector.after(&program, &state);
        }
        let broken = &collector.seen().broken[..];
        assert_eq!(broken.len(), 1, "{expect}");
        assert_eq!(broken[0].steps, found.schedule.len() as u64);
        let violation = format!("expect[0]: {}", broken[0].message);
        assert_eq!(violation, found.violation.to_string());
    }
}

// ------------------------------------------------------------------ what is refused

#[test]
fn what_makes_no_sense_is_refused_in_its_place() {
    let refused = |expect: Value| {
        let workload: Workload = serde_json::from_value(json!({
            "name": "test",
            "port": [{"name": "p"}],
            "thread": [{"name": "t", "program": [
                {"call": "CreateIoCompletionPort", "as": "q"},
                {"call": "PostQueuedCompletionStatus", "port": "p", "label": "post"}]}],
            "expect": [expect],
        }))
        .unwrap();
        Program::compile(&workload).unwrap_err().to_string()
    };
    for (expect, sentence) in [
        (
            json!({"thread": "t", "served": true}),
            "expect[0].served: `served` is about what must come, and not about a moment. Write `when \
             = \"eventually\"` beside it.",
        ),
        (
            json!({"thread": "t", "goes_on": false, "when": "eventually"}),
            "expect[0].goes_on: `goes_on = false` says nothing. Write `true`, or leave it out.",
        ),
        (
            json!({"thread": "t", "served": true, "state": "ended", "when": "eventually"}),
            "expect[0].served: `served` cannot stand beside another fact. Write two expectations.",
        ),
        (
            json!({"port": "p", "served": true, "when": "eventually"}),
            "expect[0].served: `served` says nothing about a port. With `port` go: depth, active, \
             waiters, most_active, most_depth, most_wait.",
        ),
        (
            json!({"port": "p", "most_depth": 1, "when": "always"}),
            "expect[0].when: `most_depth` is a fact about a whole run, and not about a moment of it. \
             Leave `when` out.",
        ),
        (
            json!({"result": "post", "is": "ok", "when": "eventually"}),
            "expect[0].when: `result` is a fact about a whole run, and not about a moment of it. Leave \
             `when` out.",
        ),
        (
            json!({"port": "q", "most_wait": 1}),
            "expect[0].most_wait: \"q\" is no port that exists from the start. Waits are counted at \
             ports that are declared with `[[port]]`.",
        ),
    ] {
        assert_eq!(refused(expect), sentence);
    }
}

// ------------------------------------------------------------------ everything tried

/// All states of a program, the plain way: no state is learned, nothing is shared with the explorer
/// but the model.
struct Plain {
    states: Vec<State>,
    /// Of each state, the steps and where they lead.
    steps: Vec<Vec<(Choice, usize)>>,
}

/// Programs with more states are not tried.
const MOST_STATES: usize = 200;

impl Plain {
    fn new(program: &Program) -> Option<Self> {
        let first = State::initial(program, Kernel::default().semantics()).unwrap();
        let bytes = |state: &State| {
            let mut bytes = Vec::new();
            state.encode(&mut bytes);
            bytes
        };
        let mut known = HashMap::from([(bytes(&first), 0)]);
        let mut plain = Self {
            states: vec![first],
            steps: Vec::new(),
        };
        while plain.steps.len() < plain.states.len() {
            let state = plain.states[plain.steps.len()].clone();
            let mut choices = Vec::new();
            state.choices(program, &mut choices);
            let mut steps = Vec::new();
            for choice in choices {
                let mut next = state.clone();
                next.take(program, choice, &mut ()).unwrap();
                let number = *known.entry(bytes(&next)).or_insert_with(|| {
                    plain.states.push(next);
                    plain.states.len() - 1
                });
                steps.push((choice, number));
            }
            plain.steps.push(steps);
            if plain.states.len() > MOST_STATES {
                return None;
            }
        }
        Some(plain)
    }

    /// The length of the shortest schedule on which what is owed never comes: found by trying, from
    /// every state, all ways round with all those who had their due on them.
    fn shortest(&self, debt: &Debt) -> Option<usize> {
        let open: Vec<bool> = self
            .states
            .iter()
            .map(|state| debt.is_open(state))
            .collect();
        let mut away = vec![None; self.states.len()];
        let mut found = Vec::new();
        if open[0] || debt.arises() {
            away[0] = Some(0);
            found.push(0);
        }
        let mut at = 0;
        while let Some(&state) = found.get(at) {
            at += 1;
            for &(_, to) in &self.steps[state] {
                if away[to].is_none() && (open[to] || debt.arises()) {
                    away[to] = away[state].map(|away: usize| away + 1);
                    found.push(to);
                }
            }
        }
        let owed = |state: usize| open[state] && away[state].is_some();
        (0..self.states.len())
            .filter(|state| owed(*state))
            .filter_map(|state| {
                let round = match self.steps[state].is_empty() {
                    true => 0,
                    false => self.round(state, debt, &owed)?,
                };
                Some(away[state]? + round)
            })
            .min()
    }

    /// The length of the shortest fair way round from a state.
    fn round(&self, from: usize, debt: &Debt, owed: &dyn Fn(usize) -> bool) -> Option<usize> {
        let agent = |choice: Choice| {
            let kind = match choice {
                Choice::Step(_) | Choice::Return(..) => 0,
                Choice::Expire(_) => 1,
                Choice::Suspend(_) => 2,
            };
            1u32 << (3 * choice.thread().index() + kind)
        };
        let can = |state: usize| {
            let steps = self.steps[state].iter();
            steps.fold(0, |can, (choice, _)| can | agent(*choice))
        };
        let mut lengths = BTreeMap::from([((from, !can(from)), 0)]);
        let mut level = vec![(from, !can(from))];
        for length in 1.. {
            let mut next = Vec::new();
            for (state, had) in level {
                for &(choice, to) in &self.steps[state] {
                    if !owed(to) || debt.stands_still(choice) {
                        continue;
                    }
                    let had = had | agent(choice) | !can(to);
                    if to == from && had == u32::MAX {
                        return Some(length);
                    }
                    if lengths.insert((to, had), length).is_none() {
                        next.push((to, had));
                    }
                }
            }
            if next.is_empty() {
                return None;
            }
            level = next;
        }
        None
    }
}

/// What must come, in a few words of our own.
#[derive(Clone, Copy, Debug)]
enum Debt {
    Counter(i64),
    Depth(usize),
    Ends(usize),
    Served(usize),
    GoesOn(usize),
}

const NAMES: [&str; 3] = ["a", "b", "d"];

impl Debt {
    fn expectation(self) -> Value {
        match self {
            Self::Counter(value) => json!({"counter": "c", "value": value, "when": "eventually"}),
            Self::Depth(depth) => json!({"port": "p", "depth": depth, "when": "eventually"}),
            Self::Ends(thread) => {
                json!({"thread": NAMES[thread], "state": "ended", "when": "eventually"})
            }
            Self::Served(thread) => {
                json!({"thread": NAMES[thread], "served": true, "when": "eventually"})
            }
            Self::GoesOn(thread) => {
                json!({"thread": NAMES[thread], "goes_on": true, "when": "eventually"})
            }
        }
    }

    fn is_open(self, state: &State) -> bool {
        let thread = |thread: usize| &state.system.threads()[thread];
        match self {
            Self::Counter(value) => state.counters[0] != value,
            Self::Depth(depth) => state.system.port(PortId::new(0).unwrap()).depth() != depth,
            Self::Ends(index) | Self::GoesOn(index) => {
                thread(index).state != ThreadState::Terminated
            }
            Self::Served(index) => match thread(index).frame {
                Frame::Dequeue(dequeue) => matches!(
                    dequeue.phase,
                    DequeuePhase::Blocked | DequeuePhase::Interrupted
                ),
                _ => false,
            },
        }
    }

    fn arises(self) -> bool {
        matches!(self, Self::Served(_) | Self::GoesOn(_))
    }

    fn stands_still(self, choice: Choice) -> bool {
        let is_own = !matches!(choice, Choice::Suspend(_));
        matches!(self, Self::GoesOn(thread) if is_own && choice.thread().index() == thread)
    }
}

/// A few steps that can be done again and again without counting up anything.
fn steps(random: &mut ChaCha8Rng, threads: usize) -> Vec<Value> {
    let other = NAMES[random.random_range(0..threads)];
    match random.random_range(0..12) {
        0..=2 => vec![json!({"until": "p has 0 packets"}), post()],
        3 | 4 => vec![get()],
        5 => vec![get_within("1ms")],
        6 => vec![json!({"call": "GetQueuedCompletionStatus", "port": "p", "timeout": 0})],
        7 => vec![set(["e", "f"].choose(random).unwrap())],
        8 => vec![wait(["e", "f"].choose(random).unwrap())],
        9 => vec![json!({"until": format!("{other} is blocked")})],
        10 => vec![json!({"until": "p has 1 packet"})],
        _ => vec![
            json!({"call": "SuspendThread", "thread": other}),
            json!({"call": "ResumeThread", "thread": other}),
        ],
    }
}

fn random_program(random: &mut ChaCha8Rng, expect: &dyn Fn(usize) -> Value) -> Program {
    let count = random.random_range(2..=3);
    let threads: Vec<_> = (0..count)
        .map(|thread| {
            let mut body = Vec::new();
            for _ in 0..random.random_range(1..=2) {
                body.extend(steps(random, count));
            }
            let mut all = Vec::new();
            if random.random_bool(0.3) {
                all.push(add());
            }
            if random.random_bool(0.8) {
                all.push(json!({"repeat": "forever", "do": body}));
            } else {
                all.extend(body);
                all.push(add());
            }
            (NAMES[thread], json!(all))
        })
        .collect();
    program(&threads, expect(count))
}

#[test]
fn random_looping_programs_give_what_trying_everything_gives() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    // Programs tried; answers that hold, that end, that go round; the longest ways round.
    let (mut tried, mut hold, mut end, mut go_round, mut longest) = (0, 0, 0, 0, 0);
    while tried < 400 {
        let pick = random.random_range(0..5);
        let (thread, value) = (random.random_range(0..2), random.random_range(1..3));
        let debt = match pick {
            0 => Debt::Counter(value),
            1 => Debt::Depth(value as usize),
            2 => Debt::Ends(thread),
            3 => Debt::Served(thread),
            _ => Debt::GoesOn(thread),
        };
        let program = random_program(&mut random, &|_| json!([debt.expectation()]));
        let Some(plain) = Plain::new(&program) else {
            continue;
        };
        let verdict = explore(&program);
        // What cannot go on at all is told before what never comes.
        let found = match &verdict {
            Verdict::Violated(found) if found.violation.kind() == "deadlock" => continue,
            Verdict::Violated(found) => Some(found),
            Verdict::Holds => None,
            Verdict::Unknown(limit) => panic!("{limit:?}"),
        };
        tried += 1;
        let shortest = plain.shortest(&debt);
        assert_eq!(
            found.map(|found| found.schedule.len()),
            shortest,
            "{debt:?} of {:#?}: {verdict:?}",
            program.workload.threads
        );
        match found.map(lengths) {
            None => hold += 1,
            Some((_, None)) => end += 1,
            Some((_, Some(round))) => {
                go_round += 1;
                longest = longest.max(round);
            }
        }
    }
    println!("{tried}: {hold} hold, {end} end, {go_round} go round, at most {longest} steps");
    assert!(hold > 50 && end > 5 && go_round > 50 && longest > 5);
}
