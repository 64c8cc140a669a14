//! What `iocp distinguish` finds is true, and where it finds nothing there is nothing.

#![allow(clippy::unwrap_used)]

use iocp_model::{Kernel, Mutant, Profile};
use iocp_scenarios::{
    catalogue,
    distinguish::{self, Answered, Bound, Outcome, in_program, in_small_programs, size},
    experiment, file,
    generate::{self, Shape},
};
use iocp_scheduler::{
    Program,
    conform::{Options, Verdict, check},
};

fn kernel(text: &str) -> Kernel {
    text.parse().unwrap()
}

fn broken(mutant: &str) -> Kernel {
    Kernel::default().with(Mutant::find(mutant).unwrap())
}

fn small(actual: Kernel, claimed: Kernel, steps: u32) -> Answered {
    let bound = Bound {
        steps,
        ..Bound::default()
    };
    in_small_programs(actual, claimed, bound, |_, _| {})
}

/// Each mutant with the number of steps that the smallest workload has. The workload is written and
/// read again; the outcome is shown to the checker of recordings, under both kernels; and random
/// runs show it.
#[test]
fn what_is_found_tells_the_kernels_apart() {
    let default = Kernel::default();
    for (mutant, steps) in [
        ("zero-waits-for-ever", 1),
        ("empty-batch-succeeds", 1),
        ("depth-counts-waiters", 2),
        ("first-close-ends-the-port", 3),
        ("newest-packet-first", 3),
        ("reserve-is-never-busy", 3),
        ("keep-waiting-on-close", 2),
        ("apc-ends-no-dequeue", 2),
        ("no-limit", 4),
        ("no-handoff-on-block", 4),
        ("suspended-still-counts", 4),
        ("batch-takes-one", 3),
    ] {
        let actual = broken(mutant);
        let answered = small(actual, default, 4);
        let Outcome::Differs(found) = answered.outcome else {
            panic!("{mutant}: {:?}", answered.outcome);
        };
        assert_eq!(answered.refused, 0, "{mutant}");
        assert_eq!(size(&found.program.workload), steps, "{mutant}");
        let text = file::to_toml(&found.program.workload);
        let read = file::parse(mutant, &text).unwrap();
        assert_eq!(read.workload, found.program.workload);
        let verdict = |kernel: Kernel| {
            check(
                &read.program,
                kernel.semantics(),
                &found.trace,
                Options::default(),
            )
            .unwrap()
        };
        assert!(
            matches!(verdict(actual), Verdict::Conforms { .. }),
            "{mutant}"
        );
        assert!(matches!(verdict(default), Verdict::Diverges(_)), "{mutant}");
        let shown = distinguish::shown_in(&read.program, actual, default, 200);
        assert!(shown > 0, "{mutant}: {text}");
        // With its order in it, the workload shows nothing else.
        let forced = distinguish::forced(&found, actual).unwrap();
        assert_eq!(forced.unforced, [""; 0], "{mutant}");
        let text = file::to_toml(&forced.program.workload);
        let read = file::parse(mutant, &text).unwrap();
        assert_eq!(read.workload, forced.program.workload);
        let shown = distinguish::shown_in(&read.program, actual, default, 200);
        assert_eq!(shown, 200, "{mutant}: {text}");
    }
}

/// A thread that was handed a packet returns when it likes: the file says so.
#[test]
fn what_cannot_be_forced_is_said() {
    let actual = broken("counts-when-it-runs");
    let Outcome::Differs(found) = small(actual, Kernel::default(), 4).outcome else {
        panic!("nothing was found");
    };
    let forced = distinguish::forced(&found, actual).unwrap();
    assert_eq!(
        forced.unforced,
        ["a returns from its call only after b takes its step 4"]
    );
    let text = file::to_toml(&forced.program.workload);
    assert!(text.contains("\n- a returns from its call only after b takes its step 4\n"));
}

/// Every two profiles: where nothing is left to luck, every run shows the difference.
#[test]
fn an_order_that_is_written_down_is_kept() {
    let mut forced_fully = 0;
    for actual in Profile::ALL {
        for claimed in Profile::ALL {
            let (actual, claimed) = (Kernel::from(*actual), Kernel::from(*claimed));
            let Outcome::Differs(found) = small(actual, claimed, 4).outcome else {
                continue;
            };
            let forced = distinguish::forced(&found, actual).unwrap();
            let shown = distinguish::shown_in(&forced.program, actual, claimed, 50);
            let text = file::to_toml(&forced.program.workload);
            if forced.unforced.is_empty() {
                assert_eq!(shown, 50, "{actual} / {claimed}: {text}");
                forced_fully += 1;
            }
        }
    }
    assert!(forced_fully >= 40, "{forced_fully}");
}

/// No outcome of a mutant that nobody can observe is a new one.
#[test]
fn nothing_is_found_where_there_is_nothing() {
    let unobservable = Mutant::all().filter(|mutant| mutant.unobservable().is_some());
    for mutant in unobservable {
        let answered = small(Kernel::default().with(mutant), Kernel::default(), 3);
        let outcome = answered.outcome;
        assert!(matches!(outcome, Outcome::Same), "{mutant:?}: {outcome:?}");
    }
}

/// The other way round a kernel that does less can be told: it lacks an outcome.
#[test]
fn what_a_kernel_never_does_is_found_by_the_one_that_may() {
    let answered = small(Kernel::default(), broken("woken-batch-takes-one"), 4);
    let Outcome::Differs(found) = answered.outcome else {
        panic!("{:?}", answered.outcome);
    };
    assert_eq!(size(&found.program.workload), 4);
}

/// Each two profiles are told apart, both ways.
#[test]
fn profiles_are_told_apart() {
    for actual in Profile::ALL {
        for claimed in Profile::ALL {
            if actual == claimed {
                continue;
            }
            let answered = small((*actual).into(), (*claimed).into(), 5);
            let differs = matches!(answered.outcome, Outcome::Differs(_));
            assert!(differs, "{} and {}", actual.name, claimed.name);
        }
    }
}

#[test]
fn a_scenario_is_searched_completely() {
    let program = |name: &str| catalogue::find(name).unwrap().scenario().unwrap().program;
    let ask = |name, actual, claimed| {
        in_program(&program(name), kernel(actual), kernel(claimed), 1_000_000)
            .unwrap()
            .outcome
    };
    let fifo = "windows-10-1607+,fifo-waiters";
    let default = "windows-10-1607+";
    assert!(matches!(
        ask("lifo-release", fifo, default),
        Outcome::Differs(_)
    ));
    assert!(matches!(ask("fifo-packets", fifo, default), Outcome::Same));
    assert!(matches!(
        ask("lifo-release", default, fifo),
        Outcome::Differs(_)
    ));
}

#[test]
fn a_limit_is_no_answer() {
    let bound = Bound {
        most_states: 10,
        ..Bound::default()
    };
    let answered = in_small_programs(broken("no-limit"), Kernel::default(), bound, |_, _| {});
    assert!(matches!(answered.outcome, Outcome::NoVerdict));
}

/// Where random runs show a difference, the search finds one; and the checker refuses nothing of
/// what it finds.
#[test]
fn the_search_and_the_checker_agree() {
    let shape = Shape {
        most_threads: 3,
        most_steps: 3,
        ..Shape::default()
    };
    let (mut differ, mut same) = (0, 0);
    for seed in 0..150 {
        let workload = generate::workload(seed, &shape);
        let program = Program::compile(&workload).unwrap();
        let killed = experiment::killed(&program, Kernel::default());
        let others = Mutant::all().filter(|mutant| *mutant as u64 % 16 == seed % 16);
        for mutant in killed.iter().take(4).chain(others) {
            let actual = Kernel::default().with(mutant);
            let Ok(answered) = in_program(&program, actual, Kernel::default(), 3_000) else {
                continue;
            };
            assert_eq!(answered.refused, 0, "{mutant:?}, seed {seed}");
            match answered.outcome {
                Outcome::Differs(_) => differ += 1,
                Outcome::Same => {
                    assert!(!killed.contains(mutant), "{mutant:?}, seed {seed}");
                    same += 1;
                }
                Outcome::NoVerdict => {}
            }
        }
    }
    assert!(differ > 100 && same > 100, "{differ} differ, {same} do not");
}
