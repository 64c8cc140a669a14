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

#[test]
fn reductions_change_no_answer_on_random_programs() {
    let (mut compared, mut spared) = (0, 0);
    for seed in 0..PROGRAMS {
        let kernel = Kernel::from(Profile::ALL[seed as usize % Profile::ALL.len()]);
        let found = agree(&format!("seed {seed}"), &random(seed), kernel);
        compared += u64::from(found.is_some());
        spared += u64::from(found.is_some_and(|spared| spared > 0));
    }
    println!("{compared} programs, {spared} of them reduced");
    assert!(
        compared > PROGRAMS / 2 && spared > PROGRAMS / 20,
        "{compared} {spared}"
    );
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
