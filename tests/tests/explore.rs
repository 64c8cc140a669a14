//! The explorer against the plain search, and its reductions against itself without them: on every
//! scenario of the catalogue and on thousands of random programs.

#![allow(clippy::unwrap_used)]

use iocp_model::{Kernel, Profile, Semantics};
use iocp_scenarios::{
    catalogue,
    generate::{self, Shape},
};
use iocp_scheduler::{
    Program,
    explore::{self, Limit, Options, Order, Phase, Reductions, Report, Storage, Verdict},
    search::{self, Budget},
};
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Random programs for each test.
const PROGRAMS: u64 = if cfg!(debug_assertions) { 200 } else { 2_000 };
/// Larger ones are left out.
const MOST_STATES: u64 = 3_000;

fn explore(program: &Program, kernel: Kernel, threads: usize, reductions: Reductions) -> Report {
    let options = Options {
        threads,
        reductions,
        most_states: MOST_STATES,
        ..Options::default()
    };
    explore::explore(program, kernel, &options, &|_| true).unwrap()
}

/// What kind of answer it is; not the schedule, of which there may be several.
fn answer(report: &Report) -> String {
    match &report.verdict {
        Verdict::Holds => "holds".to_owned(),
        Verdict::Violated(found) => {
            format!("{} after {}", found.violation.kind(), found.schedule.len())
        }
        Verdict::Unknown(limit) => format!("{limit:?}"),
    }
}

fn all_reductions() -> impl Iterator<Item = Reductions> {
    (0..8).map(|bits| Reductions {
        partial_order: bits & 1 != 0,
        symmetry: bits & 2 != 0,
        packets: bits & 4 != 0,
    })
}

/// All combinations of reductions give the same answer; says how many left something out.
fn agree(name: &str, program: &Program, kernel: Kernel) -> Option<u64> {
    let full = explore(program, kernel, 1, Reductions::NONE);
    if full.verdict == Verdict::Unknown(Limit::States) {
        return None;
    }
    let mut spared = 0;
    for reductions in all_reductions() {
        let reduced = explore(program, kernel, 1, reductions);
        assert_eq!(
            answer(&full),
            answer(&reduced),
            "{name}, {}, {reductions:?}",
            kernel.profile.name
        );
        if full.verdict == Verdict::Holds {
            assert!(reduced.states <= full.states, "{name}, {reductions:?}");
            spared += u64::from(reduced.states < full.states);
        }
    }
    Some(spared)
}

fn random(seed: u64) -> Program {
    Program::compile(&generate::workload(seed, &Shape::default())).unwrap()
}

/// The states that the plain search finds, if nothing is expected.
fn plain(program: &Program, semantics: Semantics) -> Option<(u64, u64, u64)> {
    let budget = Budget {
        states: MOST_STATES,
        ..Budget::default()
    };
    let reached = search::depth_first(program, semantics, budget, |_| {}).unwrap();
    reached
        .complete
        .then_some((reached.states, reached.transitions, reached.ends))
}

#[test]
fn as_many_states_as_the_plain_search() {
    let mut compared = 0;
    for seed in 0..PROGRAMS {
        let program = random(seed);
        let profile = &Profile::ALL[seed as usize % Profile::ALL.len()];
        let kernel = Kernel::from(*profile);
        let options = Options {
            deadlocks: false,
            most_states: MOST_STATES,
            reductions: Reductions::NONE,
            ..Options::default()
        };
        let report = explore::explore(&program, kernel, &options, &|_| true).unwrap();
        if report.verdict != Verdict::Holds {
            continue;
        }
        let plain = plain(&program, kernel.semantics());
        let found = (report.states, report.transitions, report.ends);
        assert_eq!(Some(found), plain, "seed {seed}, {}", profile.name);
        compared += 1;
    }
    assert!(compared > PROGRAMS / 3, "{compared}");
}

/// On every other random program from this one on.
fn reductions_change_no_answer(from: u64) {
    let (mut compared, mut spared) = (0, 0);
    for seed in (from..PROGRAMS).step_by(2) {
        let kernel = Kernel::from(Profile::ALL[seed as usize % Profile::ALL.len()]);
        let found = agree(&format!("seed {seed}"), &random(seed), kernel);
        compared += u64::from(found.is_some());
        spared += u64::from(found.is_some_and(|spared| spared > 0));
    }
    println!("{compared} programs, {spared} of them reduced");
    assert!(
        compared > PROGRAMS / 4 && spared > PROGRAMS / 40,
        "{compared} {spared}"
    );
}

// Two tests, for two processors.
#[test]
fn reductions_change_no_answer_on_random_programs() {
    reductions_change_no_answer(0);
}

#[test]
fn reductions_change_no_answer_on_other_random_programs() {
    reductions_change_no_answer(1);
}

#[test]
fn reductions_change_no_answer_on_the_catalogue() {
    for entry in catalogue::all() {
        let program = entry.scenario().unwrap().program;
        agree(entry.name, &program, Kernel::default());
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for entry in catalogue::all() {
        let program = entry.scenario().unwrap().program;
        for reductions in [Reductions::NONE, Reductions::ALL] {
            let one = explore(&program, Kernel::default(), 1, reductions);
            if matches!(one.verdict, Verdict::Unknown(_)) {
                continue;
            }
            let two = explore(&program, Kernel::default(), 3, reductions);
            let facts = |report: &Report| {
                let Report {
                    verdict,
                    states,
                    transitions,
                    depth,
                    ends,
                    digest,
                    ..
                } = report.clone();
                (verdict, states, transitions, depth, ends, digest)
            };
            assert_eq!(facts(&one), facts(&two), "{}, {reductions:?}", entry.name);
        }
    }
}

/// Depth first: the same states and steps, the same answer, the same shortest schedule.
#[test]
fn the_order_of_the_search_changes_nothing() {
    let deep = |program: &Program, kernel, reductions| {
        let options = Options {
            reductions,
            most_states: MOST_STATES,
            order: Order::DepthFirst,
            ..Options::default()
        };
        explore::explore(program, kernel, &options, &|_| true).unwrap()
    };
    // Loads have more states than either search would finish.
    let catalogue = catalogue::all().iter();
    let catalogue = catalogue.filter(|entry| !entry.name.starts_with("load-"));
    let catalogue = catalogue.map(|entry| entry.scenario().unwrap().program);
    let random = (0..100).map(random);
    let (mut compared, mut violated) = (0, 0);
    for program in catalogue.chain(random) {
        for reductions in [Reductions::NONE, Reductions::ALL] {
            let kernel = Kernel::default();
            let wide = explore(&program, kernel, 1, reductions);
            let name = &program.workload.name;
            let deep = deep(&program, kernel, reductions);
            match (&wide.verdict, &deep.verdict) {
                (Verdict::Unknown(_), _) | (_, Verdict::Unknown(_)) => {}
                (Verdict::Holds, _) => {
                    let facts = |report: &Report| {
                        let Report {
                            states,
                            transitions,
                            ends,
                            digest,
                            ..
                        } = *report;
                        (answer(report), states, transitions, ends, digest)
                    };
                    assert_eq!(facts(&wide), facts(&deep), "{name}, {reductions:?}");
                    assert!(deep.depth >= wide.depth, "{name}");
                    compared += 1;
                }
                _ => {
                    assert_eq!(wide.verdict, deep.verdict, "{name}, {reductions:?}");
                    violated += 1;
                }
            }
        }
    }
    assert!(compared > 200 && violated > 20, "{compared} {violated}");
}

/// No number of workers done with their packets is right: every end breaks it, after many steps.
fn counted_wrong() -> Program {
    let mut workload = catalogue::find("peers-a")
        .unwrap()
        .scenario()
        .unwrap()
        .workload;
    for expectation in &mut workload.expect {
        if let Some(keys) = &mut expectation.keys {
            keys.pop();
        }
    }
    Program::compile(&workload).unwrap()
}

/// A violation is told even where there is no room to look for its shortest schedule: with the
/// schedule that was found, which breaks the property when it is replayed.
#[test]
fn a_violation_is_told_though_its_shortest_schedule_is_not_found() {
    let program = counted_wrong();
    let kernel = Kernel::default();
    let shortest = explore::explore(&program, kernel, &Options::default(), &|_| true).unwrap();
    let Verdict::Violated(shortest) = shortest.verdict else {
        panic!("{:?}", shortest.verdict);
    };
    assert_eq!(shortest.not_shortest, None);
    for order in [Order::BreadthFirst, Order::DepthFirst] {
        for storage in [Storage::Exact, Storage::Compact] {
            for reductions in all_reductions().filter(|it| it.symmetry || !it.packets) {
                let options = Options {
                    reductions,
                    order,
                    storage,
                    ..Options::default()
                };
                // Whoever asked loses patience as soon as a violation has been found.
                let go_on = |progress: &explore::Progress| progress.phase == Phase::Search;
                let report = explore::explore(&program, kernel, &options, &go_on).unwrap();
                let Verdict::Violated(found) = report.verdict else {
                    panic!("{order:?}, {reductions:?}: {:?}", report.verdict);
                };
                assert_eq!(found.not_shortest, Some(Limit::Stopped), "{reductions:?}");
                assert!(found.schedule.len() >= shortest.schedule.len());
                let broken = explore::violation(&program, kernel, true, &found.schedule).unwrap();
                assert_eq!(broken.as_ref(), Some(&found.violation));
                assert_eq!(found.violation, shortest.violation);
            }
        }
    }
}

/// Symmetry leaves states out of the search for the shortest schedule, and changes nothing in it.
#[test]
fn symmetry_keeps_the_shortest_schedule_short() {
    let program = counted_wrong();
    let visited = |symmetry| {
        let visited = std::sync::atomic::AtomicU64::new(0);
        let options = Options {
            reductions: Reductions {
                symmetry,
                ..Reductions::NONE
            },
            ..Options::default()
        };
        let go_on = |progress: &explore::Progress| {
            if progress.phase == Phase::Shortest {
                visited.store(progress.states, std::sync::atomic::Ordering::Relaxed);
            }
            true
        };
        let report = explore::explore(&program, Kernel::default(), &options, &go_on).unwrap();
        (answer(&report), visited.into_inner())
    };
    let ((without, all), (with, few)) = (visited(false), visited(true));
    assert_eq!(without, with);
    assert!(few > 0 && few * 4 < all, "{few} of {all}");
}

/// A number that stands for all states is not made of hashes of theirs.
#[test]
fn only_exact_storage_has_a_digest() {
    let program = catalogue::find("peers-a")
        .unwrap()
        .scenario()
        .unwrap()
        .program;
    let digest = |storage, threads| {
        let options = Options {
            storage,
            threads,
            reductions: Reductions::NONE,
            ..Options::default()
        };
        let report = explore::explore(&program, Kernel::default(), &options, &|_| true).unwrap();
        assert_eq!(report.verdict, Verdict::Holds);
        (report.digest.is_some(), report.is_about)
    };
    let bits = Storage::Bitstate { bytes: 1 << 24 };
    assert_eq!(digest(Storage::Exact, 2), (true, false));
    assert_eq!(digest(Storage::Compact, 2), (false, false));
    assert_eq!(digest(bits, 1), (false, false));
    assert_eq!(digest(bits, 2), (false, true));
}

/// Some post packets, some take and mark them, and which are expected is right or wrong.
fn marking(rng: &mut ChaCha8Rng) -> Program {
    let post = |key: u64| json!({"call": "PostQueuedCompletionStatus", "port": "p", "key": key});
    let take = |rng: &mut ChaCha8Rng| match rng.random_range(0..4) {
        0 => json!({"call": "GetQueuedCompletionStatus", "port": "p", "timeout": "1ms"}),
        _ => json!({"call": "GetQueuedCompletionStatus", "port": "p"}),
    };
    let mut keys = Vec::new();
    let mut threads = Vec::new();
    for index in 0..rng.random_range(1..=2) {
        let first = 10 * index + 1;
        let mut program = vec![json!({"repeat": 2, "do": [
            {"call": "PostQueuedCompletionStatus", "port": "p", "key": first, "key_step": 1}]})];
        keys.extend([first, first + 1]);
        match rng.random_range(0..8) {
            0 => program.push(post(0)),
            1 => program.push(json!({"repeat": 2, "do": [post(first + 5)]})),
            2 => program.push(post(first)),
            3 => {
                program.push(post(first + 5));
                keys.push(first + 5);
            }
            _ => {}
        }
        threads.push(json!({"name": format!("producer-{index}"), "program": program}));
    }
    let set = |rng: &mut ChaCha8Rng| {
        if rng.random_range(0..5) == 0 {
            "b"
        } else {
            "a"
        }
    };
    for index in 0..rng.random_range(1..=2) {
        let mut body = vec![take(rng)];
        if rng.random_range(0..3) == 0 {
            body.push(json!({"if": {"key": 0}, "do": [{"leave": "loop"}]}));
        }
        let mark = json!({"mark": set(rng)});
        body.extend(match rng.random_range(0..8) {
            0 => vec![mark.clone(), mark],
            1 => vec![json!({"if": {"result": "packet"}, "do": [mark]})],
            2 => vec![],
            _ => vec![mark],
        });
        let turns = match rng.random_range(0..4) {
            0 => json!("forever"),
            _ => json!(rng.random_range(2..=4)),
        };
        threads.push(json!({
            "name": format!("worker-{index}"),
            "copies": rng.random_range(1..=2),
            "program": [{"repeat": turns, "do": body}],
        }));
    }
    let wrong = rng.random_range(0..keys.len());
    match rng.random_range(0..5) {
        0 => keys[wrong] = 99,
        1 => {
            keys.remove(wrong);
        }
        _ => {}
    }
    let marks = |name: &str| {
        threads
            .iter()
            .any(|it| it.to_string().contains(&format!(r#""mark":"{name}""#)))
    };
    let mut expect = Vec::new();
    if marks("a") {
        expect.push(json!({"marked": "a", "keys": keys}));
    }
    if marks("b") {
        expect.push(json!({"marked": "b", "keys": []}));
    }
    let workload = json!({
        "name": "marking",
        "port": [{"name": "p", "concurrency": 1}],
        "thread": threads,
        "expect": expect,
    });
    Program::compile(&serde_json::from_value(workload).unwrap()).unwrap()
}

/// Two packets, and who takes them.
fn two_packets(workers: &[Value], expect: &[Value]) -> Program {
    let mut threads = vec![json!({"name": "producer", "program": [{"repeat": 2, "do": [
        {"call": "PostQueuedCompletionStatus", "port": "p", "key": 1, "key_step": 1}]}]})];
    threads.extend_from_slice(workers);
    let workload = json!({
        "name": "two-packets",
        "port": [{"name": "p", "concurrency": 1}],
        "thread": threads,
        "expect": expect,
    });
    Program::compile(&serde_json::from_value(workload).unwrap()).unwrap()
}

#[test]
fn marks_that_a_count_would_miss() {
    let take = json!({"call": "GetQueuedCompletionStatus", "port": "p"});
    let poll = json!({"call": "GetQueuedCompletionStatus", "port": "p", "timeout": "1ms"});
    let mark = json!({"mark": "a"});
    let both = json!({"marked": "a", "keys": [1, 2]});
    let worker = |name: &str, turns: Value, body: &[&Value]| json!({"name": name, "program": [{"repeat": turns, "do": body}]});
    let programs = [
        // Each in its own set.
        two_packets(
            &[
                worker("x", json!(1), &[&take, &mark]),
                worker("y", json!(1), &[&take, &json!({"mark": "b"})]),
            ],
            &[both.clone(), json!({"marked": "b", "keys": []})],
        ),
        // One twice, the other never.
        two_packets(
            &[
                worker("x", json!(1), &[&take, &mark, &mark]),
                worker("y", json!(1), &[&take]),
            ],
            std::slice::from_ref(&both),
        ),
        // One twice, without end.
        two_packets(
            &[json!({"name": "x", "program": [
                take, mark, mark, {"repeat": "forever", "do": [poll]}]})],
            std::slice::from_ref(&both),
        ),
        // None instead of one.
        two_packets(&[worker("x", json!(2), &[&poll, &mark])], &[both]),
        // Others.
        two_packets(
            &[worker("x", json!(2), &[&take, &mark])],
            &[json!({"marked": "a", "keys": [1, 3]})],
        ),
    ];
    for (number, program) in programs.iter().enumerate() {
        let full = explore(program, Kernel::default(), 1, Reductions::NONE);
        assert!(matches!(full.verdict, Verdict::Violated(_)), "{number}");
        let reduced = explore(program, Kernel::default(), 1, Reductions::ALL);
        assert_eq!(answer(&full), answer(&reduced), "{number}");
    }
}

#[test]
fn packets_are_alike_only_where_a_count_says_as_much() {
    let (mut alike, mut broken) = (0, 0);
    let programs = PROGRAMS / 2;
    for seed in 0..programs {
        let program = marking(&mut ChaCha8Rng::seed_from_u64(seed));
        let kernel = match seed % 4 {
            0 => Kernel::from(
                *Profile::ALL
                    .choose(&mut ChaCha8Rng::seed_from_u64(seed))
                    .unwrap(),
            ),
            _ => Kernel::default(),
        };
        let reductions = Reductions {
            packets: true,
            ..Reductions::NONE
        };
        let full = explore(&program, kernel, 1, Reductions::NONE);
        let reduced = explore(&program, kernel, 1, reductions);
        if full.verdict == Verdict::Unknown(Limit::States) {
            continue;
        }
        assert_eq!(answer(&full), answer(&reduced), "seed {seed}");
        let is_reduced = !reduced.reductions.is_empty() && !program.mark_names.is_empty();
        alike += u64::from(is_reduced);
        broken += u64::from(is_reduced && full.verdict != Verdict::Holds);
    }
    println!("{alike} with alike packets, {broken} of them broken");
    assert!(
        alike > programs / 10 && broken > programs / 50 && broken < alike,
        "{alike} {broken}"
    );
}
