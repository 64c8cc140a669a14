//! Where each rule of the book is: in which code, tests and scenarios.
//!
//! Places in code and tests are gathered when the crate is built; scenarios say themselves which
//! rules they demonstrate.

use crate::{catalogue, file};
use iocp_model::rules::{self, Rule};
use std::collections::BTreeMap;

/// A rule and where it is.
#[derive(Clone, Debug)]
pub struct Row {
    /// The rule.
    pub rule: &'static Rule,
    /// Lines of code that obey it, as "model/src/queue.rs:70".
    pub code: &'static [&'static str],
    /// Tests that pin it.
    pub tests: &'static [&'static str],
    /// Scenarios of the catalogue that demonstrate it.
    pub scenarios: Vec<&'static str>,
}

impl Row {
    /// What is missing of a rule that is in scope: "code", "test".
    pub fn gaps(&self) -> Vec<&'static str> {
        let mut gaps = Vec::new();
        if !self.rule.in_scope() {
            return gaps;
        }
        let silent = self.rule.kind == rules::Kind::Absence;
        if self.code.is_empty() && !silent {
            gaps.push("code");
        }
        if self.tests.is_empty() {
            gaps.push("test");
        }
        gaps
    }
}

type Citation = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// Ids that are cited somewhere, with the places.
pub fn citations() -> &'static [Citation] {
    include!(concat!(env!("OUT_DIR"), "/citations.rs"))
}

/// One row for each rule, in the order of the book.
pub fn rows() -> Vec<Row> {
    let mut scenarios: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for entry in catalogue::all() {
        if let Ok(scenario) = file::parse(entry.name, entry.text) {
            for rule in scenario.workload.rules {
                scenarios.entry(rule).or_default().push(entry.name);
            }
        }
    }
    rules::all()
        .map(|rule| {
            let cited = citations().iter().find(|(id, ..)| *id == rule.id);
            let (code, tests) =
                cited.map_or((&[][..], &[][..]), |(_, code, tests)| (*code, *tests));
            Row {
                rule,
                code,
                tests,
                scenarios: scenarios.remove(rule.id).unwrap_or_default(),
            }
        })
        .collect()
}
