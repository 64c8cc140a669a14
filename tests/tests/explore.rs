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
    explore::{self, Limit, Options, Reductions, Report, Verdict},
    search::{self, Budget},
};

/// Random programs for each test.
const PROGRAMS: u64 = if cfg!(debug_assertions) { 200 } else { 4_000 };
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
