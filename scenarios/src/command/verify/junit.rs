//! The report as JUnit XML.
//!
//! JUnit has no expected failure. As other runners do, one is written as skipped, with the reason.

use crate::verify::{Case, Report, Standing};
use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

pub(super) fn report(report: &Report) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new(report.kernel.to_string());
    let producers: Vec<_> = report.producers.iter().map(String::as_str).collect();
    suite.add_property(("producer", &*producers.join(", ")));
    for (set, scenarios) in report.broken().explained {
        suite.add_property((
            &*format!("broken: {}", super::human::names(set)),
            &*scenarios.join(", "),
        ));
    }
    let mut all = Duration::ZERO;
    for one in &report.cases {
        all += Duration::from_millis(one.took_ms);
        suite.add_test_case(case(one, report));
    }
    for unreadable in &report.unreadable {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status
            .set_type("unreadable")
            .set_message(unreadable.as_str());
        suite.add_test_case(TestCase::new("a recording that cannot be read", status));
    }
    suite.set_time(all);
    let mut junit = quick_junit::Report::new("iocp verify");
    junit.set_time(all);
    junit.add_test_suite(suite);
    junit.to_string()
}

fn case(case: &Case, report: &Report) -> TestCase {
    let mut status = match case.standing() {
        Standing::Passes => TestCaseStatus::success(),
        Standing::FailsAsExpected | Standing::Skipped => TestCaseStatus::skipped(),
        Standing::Fails | Standing::PassesUnexpectedly => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
        Standing::NoVerdict => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    match case.standing() {
        Standing::Passes => {}
        Standing::Skipped => _ = status.set_message(case.reason.as_str()),
        Standing::FailsAsExpected => {
            let why = case.expected.as_ref().map_or("", |expected| &expected.why);
            status.set_message(format!("fails as expected: {}: {why}", case.says()));
        }
        _ => {
            let advice = case.advice().map(|advice| format!(". {advice}"));
            status.set_type(case.outcome.word());
            status.set_message(case.says() + &advice.unwrap_or_default());
            if let Some(finding) = case.telling() {
                let file = finding
                    .file
                    .iter()
                    .map(|file| format!("\nRecording: {file}"));
                status.set_description(finding.says.clone() + &file.collect::<String>());
            }
        }
    }
    let mut test = TestCase::new(case.scenario.as_str(), status);
    test.set_classname(format!("iocp.{}", report.kernel));
    test.set_time(Duration::from_millis(case.took_ms));
    test
}
