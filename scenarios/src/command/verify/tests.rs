//! What each format makes of each standing. The report is made by hand, so that no change of the
//! model changes it.

use super::{human, json, junit, tap};
use crate::verify::{Case, Causes, Expected, Finding, Outcome, Report};
use iocp_model::{Kernel, Mutant};

fn finding(turn: u32, outcome: Outcome, says: &str) -> Finding {
    let recorded = matches!(outcome, Outcome::Conforms | Outcome::Diverges);
    Finding {
        file: recorded.then(|| format!("out/s--wine-9.0--{turn}.jsonl")),
        outcome,
        says: says.to_owned(),
    }
}

fn case(scenario: &str, outcome: Outcome, findings: Vec<Finding>) -> Case {
    Case {
        scenario: scenario.to_owned(),
        outcome,
        findings,
        causes: None,
        reason: String::new(),
        expected: None,
        took_ms: 1_234,
    }
}

fn expected(outcome: Outcome, why: &str, line: usize) -> Option<Expected> {
    Some(Expected {
        outcome,
        why: why.to_owned(),
        place: format!("{line} of list.toml"),
    })
}

/// A case of each kind.
fn report() -> Report {
    use Outcome::{Aborted, Conforms, Diverges, Hung, NoVerdict, Unstable};
    let conforms = |turn| finding(turn, Conforms, "");
    let diverges = |turn| {
        finding(
            turn,
            Diverges,
            "no schedule of windows-10-1607+ explains event 8 of 27.\nThen the recording: <b> & \"c\".",
        )
    };
    let causes = |set: &[&[Mutant]]| {
        Some(Causes {
            sets: set
                .iter()
                .map(|set| set.iter().copied().collect())
                .collect(),
            complete_to: 3,
        })
    };
    let fifo: &[Mutant] = &[Mutant::FifoWaiters];
    let both: &[Mutant] = &[Mutant::NoLimit, Mutant::FifoWaiters];
    let hung =
        "the recording was not over after 30 s (`watchdog` raises the limit): a is in a call";

    let passes = case("passes", Conforms, vec![conforms(1), conforms(2)]);
    let mut known = case("known", Diverges, vec![diverges(1), diverges(2)]);
    known.causes = causes(&[fifo]);
    known.expected = expected(Diverges, "a bug, #7", 4);
    let mut fails = case("fails", Diverges, vec![diverges(1), diverges(2)]);
    fails.causes = causes(&[both, fifo]);
    let mut unexplained = case("unexplained", Unstable, vec![conforms(1), diverges(2)]);
    unexplained.causes = causes(&[]);
    let mut mended = case("mended", Conforms, vec![conforms(1), conforms(2)]);
    mended.expected = expected(Diverges, "", 5);
    let mut racing = case("racing", Conforms, vec![conforms(1), conforms(2)]);
    racing.expected = expected(Unstable, "two threads race", 9);
    let hangs = case("hangs", Hung, vec![conforms(1), finding(2, Hung, hung)]);
    let mut worse = case("worse", Hung, vec![finding(1, Hung, hung)]);
    worse.expected = expected(Diverges, "", 6);
    let crash = "the process that recorded failed: it ended without an answer (exit code: 3)";
    let aborts = case(
        "aborts",
        Aborted,
        vec![finding(1, Aborted, crash), conforms(2)],
    );
    let limit = "there were more than 10 events of a; `most_events` raises the limit";
    let limited = case(
        "limited",
        NoVerdict,
        vec![finding(1, NoVerdict, limit), conforms(2)],
    );
    let skipped = Case::skipped(
        "skipped",
        "it needs 8 processors; this machine has 2".into(),
    );
    Report {
        kernel: Kernel::default(),
        producers: ["Wine 9.0".to_owned()].into(),
        cases: vec![
            passes,
            known,
            fails,
            unexplained,
            mended,
            racing,
            hangs,
            worse,
            aborts,
            limited,
            skipped,
        ],
        unreadable: vec!["out/torn.jsonl: line 3: this is not JSON".into()],
    }
}

#[test]
fn human() {
    let report = report();
    let cases: String = report.cases.iter().map(human::case).collect();
    insta::assert_snapshot!(cases + &human::summary(&report, 12.34, 100));
}

#[test]
fn tap() {
    insta::assert_snapshot!(tap::report(&report()));
}

#[test]
fn junit() {
    insta::assert_snapshot!(junit::report(&report()).expect("it can be written"));
}

#[test]
fn json() {
    insta::assert_snapshot!(format!("{:#}", json::report(&report())));
}
