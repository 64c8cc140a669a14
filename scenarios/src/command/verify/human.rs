//! The report for people.

use super::super::{counted, wrapped};
use crate::verify::{Broken, Case, Outcome, Report, Standing};
use iocp_model::Mutants;
use std::fmt::Write;

/// A line for a case; below it, what there is to say if it is not as expected.
pub(super) fn case(case: &Case) -> String {
    let standing = case.standing();
    let mut says = case.says();
    if standing == Standing::FailsAsExpected
        && let Some(expected) = &case.expected
        && !expected.why.is_empty()
    {
        says += &format!(" ({})", expected.why);
    }
    // What asks for an answer is in capitals.
    let surprising = standing.is_surprising();
    let word = match surprising {
        true => standing.word().to_uppercase(),
        false => standing.word().to_owned(),
    };
    let mut text = format!("{word:<20} {:<32} {says}\n", case.scenario);
    // Writing to a string does not fail.
    if surprising && let Some(finding) = case.telling() {
        let _ = writeln!(text);
        if let Some(file) = &finding.file {
            let _ = writeln!(text, "    {file}:");
        }
        for line in finding.says.lines() {
            let _ = writeln!(text, "    {line}");
        }
        if let Some(causes) = &case.causes {
            let _ = writeln!(text, "    {}", explained(&causes.sets, causes.complete_to));
        }
    }
    if let Some(advice) = case.advice() {
        let _ = writeln!(text, "    {advice}");
    }
    if surprising && case.telling().is_some() {
        let _ = writeln!(text);
    }
    text
}

/// In one sentence, which rules would have to be broken.
fn explained(sets: &[Mutants], complete_to: usize) -> String {
    if sets.is_empty() {
        return format!(
            "No set of up to {complete_to} broken rules explains all recordings of this scenario."
        );
    }
    let sets: Vec<_> = sets.iter().map(|set| names(*set)).collect();
    format!(
        "All its recordings are explained by {}.",
        sets.join(", or by ")
    )
}

/// "fifo-waiters and no-limit".
pub(super) fn names(set: Mutants) -> String {
    let names: Vec<_> = set.iter().map(|mutant| mutant.name()).collect();
    names.join(" and ")
}

/// The broken rules, what hung, and the figures.
pub(super) fn summary(report: &Report, seconds: f64, width: usize) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut text, report, seconds, width);
    text
}

fn write(text: &mut String, report: &Report, seconds: f64, width: usize) -> std::fmt::Result {
    let Broken {
        explained,
        unexplained,
        complete_to,
    } = report.broken();
    if !explained.is_empty() {
        writeln!(text, "\nBroken rules, as few as explain what diverges:\n")?;
        // What a mutant breaks is told once.
        let mut told = Mutants::NONE;
        for (set, scenarios) in &explained {
            for mutant in set.iter().filter(|mutant| !told.contains(*mutant)) {
                let rules: Vec<_> = mutant.rules().iter().map(|rule| rule.id()).collect();
                let says = format!(
                    "  {}: {} Breaks {}.",
                    mutant.name(),
                    mutant.says(),
                    rules.join(", ")
                );
                writeln!(text, "{}", wrapped(&says, width, 4))?;
            }
            told = told.union(*set);
            let says = format!("    explains {}", scenarios.join(", "));
            writeln!(text, "{}", wrapped(&says, width, 6))?;
        }
    }
    if !unexplained.is_empty() {
        let says = format!(
            "Not explained by up to {complete_to} broken rules: {}",
            unexplained.join(", ")
        );
        writeln!(text, "\n{}", wrapped(&says, width, 2))?;
    }
    for (outcome, what) in [
        (Outcome::Hung, "Hung, and ended by the watchdog"),
        (Outcome::Aborted, "Aborted, without a recording"),
        (Outcome::Unstable, "Unstable, conforming in some turns only"),
    ] {
        let names: Vec<_> = report
            .cases
            .iter()
            .filter(|case| case.outcome == outcome)
            .map(|case| case.scenario.as_str())
            .collect();
        if !names.is_empty() {
            let says = format!("{what}: {}", names.join(", "));
            writeln!(text, "\n{}", wrapped(&says, width, 2))?;
        }
    }
    let mut parts = Vec::new();
    for (standing, what) in [
        (Standing::Passes, "pass"),
        (Standing::FailsAsExpected, "fail as expected"),
        (Standing::Fails, "FAIL"),
        (Standing::PassesUnexpectedly, "PASS UNEXPECTEDLY"),
        (Standing::NoVerdict, "WITHOUT VERDICT"),
        (Standing::Skipped, "skipped"),
    ] {
        match report.count(standing) {
            0 if standing != Standing::Passes => {}
            count => parts.push(format!("{count} {what}")),
        }
    }
    if !report.unreadable.is_empty() {
        parts.push(format!(
            "{} unreadable",
            counted(report.unreadable.len(), "file")
        ));
    }
    let producers: Vec<_> = report.producers.iter().map(String::as_str).collect();
    let who = match producers[..] {
        [] => "Nothing recorded".to_owned(),
        _ => producers.join(", "),
    };
    let says = format!(
        "{who} against {}: {}, {}. {seconds:.1} s.",
        report.kernel,
        counted(report.cases.len(), "scenario"),
        parts.join(", ")
    );
    writeln!(text, "\n{}", wrapped(&says, width, 0))
}
