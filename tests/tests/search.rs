//! The searches find as many states as the peers do: other programs, written by others, in
//! other languages, that count the schedules of the same small servers, the scenarios `peers-*`.

#![allow(clippy::unwrap_used)]

use iocp_model::{Kernel, Semantics};
use iocp_scenarios::catalogue;
use iocp_scheduler::{
    Program,
    explore::{self, Progress, Reductions, Verdict},
    search::{self, Budget},
};

fn scenario(name: &str) -> Program {
    let entry = catalogue::find(name).unwrap();
    entry.scenario().unwrap().program
}

/// Explores all of the set, and the plain way too: as many states and transitions as the peers
/// count.
#[track_caller]
fn counts(set: &str, states: u64, transitions: u64) {
    explores(set, states, transitions);
    let mut visits = 0;
    let reached = search::depth_first(
        &scenario(set),
        Semantics::WINDOWS,
        Budget::default(),
        |_| visits += 1,
    )
    .unwrap();
    assert!(reached.complete);
    assert_eq!((reached.states, reached.transitions), (states, transitions));
    assert_eq!((reached.ends, visits), (1, reached.states));
}

/// Explores all of the set without a reduction; what the scenario expects holds in every schedule.
#[track_caller]
fn explores(set: &str, states: u64, transitions: u64) {
    let options = explore::Options {
        reductions: Reductions::NONE,
        ..explore::Options::default()
    };
    let go_on = |_: &Progress| true;
    let report = explore::explore(&scenario(set), Kernel::default(), &options, &go_on).unwrap();
    assert_eq!(report.verdict, Verdict::Holds);
    assert_eq!((report.states, report.transitions), (states, transitions));
    assert_eq!(report.ends, 1);
}

#[test]
fn set_a() {
    counts("peers-a", 13_005, 44_165);
}

#[test]
fn set_b() {
    counts("peers-b", 154_137, 634_186);
}

macro_rules! slow {
    ($($name:ident: $counts:ident($set:literal, $states:literal, $transitions:literal);)*) => {
        $(#[test]
        #[cfg_attr(
            debug_assertions,
            ignore = "slow without optimisation: run it with --release"
        )]
        fn $name() {
            $counts($set, $states, $transitions);
        })*
    };
}

slow! {
    set_c: counts("peers-c", 1_636_286, 7_667_674);
    set_d: counts("peers-d", 1_852_334, 8_151_438);
    set_e: explores("peers-e", 7_779_792, 36_336_618);
    set_f: explores("peers-f", 9_613_653, 43_591_058);
    set_g: explores("peers-g", 10_502_266, 53_307_012);
}

#[test]
fn a_budget_is_kept_and_told() {
    let program = scenario("peers-b");
    let most = |states, depth| Budget { states, depth };
    for budget in [most(1_000, 100_000), most(100_000, 10)] {
        let reached = search::depth_first(&program, Semantics::WINDOWS, budget, |_| {}).unwrap();
        assert!(
            !reached.complete && reached.states <= budget.states,
            "{reached:?}"
        );
    }
}
