//! The report as JSON.

use crate::verify::{Case, Report, Standing};
use iocp_model::Mutants;
use serde_json::{Value, json};

pub(super) fn report(report: &Report) -> Value {
    let broken = report.broken();
    let explained = broken
        .explained
        .iter()
        .map(|(set, scenarios)| json!({ "rules": rules(*set), "scenarios": scenarios }));
    json!({
        "profile": report.kernel.to_string(),
        "producers": report.producers,
        "passes": report.count(Standing::Passes),
        "fails_as_expected": report.count(Standing::FailsAsExpected),
        "fails": report.count(Standing::Fails),
        "passes_unexpectedly": report.count(Standing::PassesUnexpectedly),
        "no_verdict": report.count(Standing::NoVerdict),
        "skipped": report.count(Standing::Skipped),
        "unreadable": report.unreadable,
        "broken": explained.collect::<Vec<_>>(),
        "unexplained": broken.unexplained,
        "scenarios": report.cases.iter().map(case).collect::<Vec<_>>(),
    })
}

fn case(case: &Case) -> Value {
    let turns = case.findings.iter().map(|finding| {
        json!({
            "file": finding.file,
            "outcome": finding.outcome.word(),
            "says": finding.says,
        })
    });
    let mut value = json!({
        "scenario": case.scenario,
        "standing": case.standing().word(),
        "outcome": case.outcome.word(),
        "turns": turns.collect::<Vec<_>>(),
        "took_ms": case.took_ms,
    });
    if !case.reason.is_empty() {
        value["reason"] = case.reason.clone().into();
    }
    if let Some(expected) = &case.expected {
        value["expected"] = json!({
            "outcome": expected.outcome.word(),
            "why": expected.why,
            "line": expected.place,
        });
    }
    if let Some(causes) = &case.causes {
        let sets = causes.sets.iter().map(|set| rules(*set));
        value["explained_by"] = sets.collect::<Vec<_>>().into();
        value["complete_to"] = causes.complete_to.into();
    }
    value
}

fn rules(set: Mutants) -> Value {
    set.iter()
        .map(|mutant| {
            let rules: Vec<_> = mutant.rules().iter().map(|rule| rule.id()).collect();
            json!({ "mutant": mutant.name(), "says": mutant.says(), "breaks": rules })
        })
        .collect()
}
