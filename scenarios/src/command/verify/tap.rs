//! The report in the Test Anything Protocol, version 13.
//!
//! Version 14 adds nothing that is needed here, its consumers read 13, and many others, perl's
//! `prove` among them, take a file that says 14 for broken.
//!
//! An expected failure is `not ok` with the directive TODO, which no consumer counts as a failure.
//! What passes unexpectedly is `not ok` without it: the list has to be changed.

use crate::verify::{Case, Report, Standing};
use std::fmt::Write;

/// The whole report.
pub(super) fn report(report: &Report) -> String {
    let cases = report.cases.iter().enumerate();
    let cases: String = cases.map(|(index, one)| case(index + 1, one)).collect();
    plan(report.cases.len(), report) + &cases + &end(report)
}

/// The version and the plan, for so many scenarios. Each unreadable file is a test that failed.
pub(super) fn plan(scenarios: usize, report: &Report) -> String {
    format!(
        "TAP version 13\n1..{}\n",
        scenarios + report.unreadable.len()
    )
}

/// A test point.
pub(super) fn case(number: usize, case: &Case) -> String {
    let name = escaped(&case.scenario);
    let standing = case.standing();
    let why = case.expected.as_ref().map_or("", |expected| &expected.why);
    let mut text = match standing {
        Standing::Passes => format!("ok {number} - {name}\n"),
        Standing::Skipped => {
            format!("ok {number} - {name} # SKIP {}\n", escaped(&case.reason))
        }
        Standing::FailsAsExpected => {
            let line = format!("not ok {number} - {name} # TODO {}", escaped(why));
            format!("{}\n", line.trim_end())
        }
        Standing::Fails | Standing::PassesUnexpectedly | Standing::NoVerdict => {
            format!("not ok {number} - {name}\n")
        }
    };
    if !matches!(standing, Standing::Passes | Standing::Skipped) {
        let mut block = vec![("outcome", case.says())];
        block.extend(case.advice().map(|advice| ("advice", advice)));
        if let Some(finding) = case.telling() {
            block.extend(finding.file.clone().map(|file| ("recording", file)));
            block.push(("says", finding.says.clone()));
        }
        if let Some(causes) = &case.causes {
            let sets: Vec<_> = causes
                .sets
                .iter()
                .map(|set| super::human::names(*set))
                .collect();
            block.push(("explained_by", sets.join(", or ")));
        }
        diagnostics(&mut text, &block);
    }
    text
}

/// The files that could not be read.
pub(super) fn end(report: &Report) -> String {
    let mut text = String::new();
    for (index, unreadable) in report.unreadable.iter().enumerate() {
        let number = report.cases.len() + index + 1;
        let _ = writeln!(text, "not ok {number} - a recording that cannot be read");
        diagnostics(&mut text, &[("says", unreadable.clone())]);
    }
    text
}

/// A block of YAML. Its texts are written as JSON, which YAML takes.
fn diagnostics(text: &mut String, block: &[(&str, String)]) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "  ---");
    for (key, value) in block {
        let _ = writeln!(text, "  {key}: {}", serde_json::Value::from(value.as_str()));
    }
    let _ = writeln!(text, "  ...");
}

/// A text in one line, in which no directive begins.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('#', "\\#")
        .replace(['\n', '\r'], " ")
}
