//! Where each rule of the book is, and who would notice if it were not so.
//!
//! Places in code and tests are gathered when the crate is built; scenarios say themselves which
//! rules they demonstrate; mutants say which rules they break, and [`kills`] who notices them.

pub mod json;
pub mod kills;
pub mod page;

use crate::{catalogue, file, recordings};
use iocp_model::{
    Mutant, mutant,
    rules::{self, Rule},
};
use kills::Kill;
use std::{collections::BTreeMap, fmt};

/// A line of code or of a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file, from the root of the repository.
    pub file: &'static str,
    /// The line, the first being 1.
    pub line: u32,
    /// The function around it, or the item that it documents.
    pub item: &'static str,
}

/// As "model/src/queue.rs:70".
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A rule, where it is, and what breaks it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The rule.
    pub rule: &'static Rule,
    /// Lines of code that obey it.
    pub code: &'static [Place],
    /// Tests that pin it.
    pub tests: &'static [Place],
    /// Scenarios of the catalogue that demonstrate it.
    pub scenarios: Vec<&'static str>,
    /// The shipped recordings of those scenarios.
    pub recordings: Vec<&'static str>,
    /// The mutants that break it, with who notices them.
    pub mutants: Vec<&'static Kill>,
    /// The scenarios that kill one of those, by name.
    pub killers: Vec<&'static str>,
    /// Why no mutant breaks it, if that was argued.
    pub unbroken: Option<&'static str>,
}

impl Row {
    /// What is missing of a rule that is in scope: some of [`GAPS`].
    pub fn gaps(&self) -> Vec<&'static str> {
        let silent = self.rule.kind == rules::Kind::Absence;
        let missing = [
            self.code.is_empty() && !silent,
            self.tests.is_empty(),
            self.mutants.is_empty(),
            !self.mutants.is_empty() && self.killers.is_empty() && !self.is_unobservable(),
        ];
        let excused = !self.rule.in_scope() || self.unbroken.is_some();
        let gaps = GAPS.into_iter().zip(missing);
        gaps.filter(|(_, missing)| *missing && !excused)
            .map(|(gap, _)| gap)
            .collect()
    }

    /// Can nobody tell by calls and their results whether it holds?
    pub fn is_unobservable(&self) -> bool {
        let mut mutants = self.mutants.iter().map(|kill| kill.mutant);
        self.unbroken.is_some()
            || (!self.mutants.is_empty() && mutants.all(|one| one.unobservable().is_some()))
    }
}

/// What a rule may lack: a line of code (rules that say what does not happen need none), a test, a
/// mutant that breaks it, a scenario that kills one. An argument why it cannot be broken, or why
/// nobody would notice, excuses it.
pub const GAPS: [&str; 4] = ["code", "test", "mutant", "killer"];

/// A mutant, where it is, and who notices it.
#[derive(Clone, Copy, Debug)]
pub struct Broken {
    /// Who notices it.
    pub kill: &'static Kill,
    /// Lines of code that ask about it.
    pub code: &'static [Place],
    /// Tests that are about it.
    pub tests: &'static [Place],
}

impl Broken {
    /// What is missing: a line of "code" that asks about it, a "killer", a "rejection". The last
    /// two may be missing of a mutant of which nobody can tell.
    pub fn gaps(&self) -> Vec<&'static str> {
        let observable = self.kill.mutant.unobservable().is_none();
        let missing = [
            ("code", self.code.is_empty()),
            ("killer", observable && self.kill.scenarios.is_empty()),
            ("rejection", observable && self.kill.rejected == 0),
        ];
        let missing = missing.into_iter().filter(|(_, missing)| *missing);
        missing.map(|(gap, _)| gap).collect()
    }
}

type Citation = (&'static str, &'static [Place], &'static [Place]);

/// Ids of rules, and names of mutants as in code, that are cited somewhere, with the places.
pub fn citations() -> &'static [Citation] {
    include!(concat!(env!("OUT_DIR"), "/citations.rs"))
}

/// Where it is cited in code, and in tests.
fn cited(id: &str) -> (&'static [Place], &'static [Place]) {
    let found = citations().iter().find(|(cited, ..)| *cited == id);
    found.map_or((&[], &[]), |(_, code, tests)| (*code, *tests))
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
    let row = |rule: &'static Rule| {
        let (code, tests) = cited(rule.id);
        let scenarios = scenarios.remove(rule.id).unwrap_or_default();
        let recordings = recordings::all().iter().map(|(name, _)| *name);
        let mutants: Vec<_> = Mutant::all()
            .filter(|mutant| mutant.rules().contains(&rule.key))
            .map(kills::of)
            .collect();
        let mut killers: Vec<_> = mutants.iter().flat_map(|kill| &kill.scenarios).collect();
        killers.sort();
        killers.dedup();
        let unbroken = mutant::UNBROKEN.iter().find(|(id, _)| *id == rule.key);
        Row {
            rule,
            code,
            tests,
            recordings: recordings
                .filter(|name| scenarios.contains(&recordings::scenario(name)))
                .collect(),
            scenarios,
            killers: killers.into_iter().copied().collect(),
            mutants,
            unbroken: unbroken.map(|(_, why)| *why),
        }
    };
    rules::all().map(row).collect()
}

/// One row for each mutant, in the order of their table.
pub fn mutants() -> impl Iterator<Item = Broken> {
    Mutant::all().map(|mutant| {
        let (code, tests) = cited(&format!("{mutant:?}"));
        Broken {
            kill: kills::of(mutant),
            code,
            tests,
        }
    })
}

/// How many rules in scope have what.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// Rules in scope.
    pub in_scope: usize,
    /// Cited in code.
    pub cited: usize,
    /// Pinned by a test.
    pub pinned: usize,
    /// Shown by a scenario.
    pub shown: usize,
    /// Broken by a mutant.
    pub broken: usize,
    /// Of those, by one that a scenario kills.
    pub killed: usize,
    /// Not killed, because nobody could tell.
    pub unobservable: usize,
}

impl Totals {
    /// Those of these rows.
    pub fn of(rows: &[Row]) -> Self {
        let count = |has: fn(&Row) -> bool| {
            let rows = rows.iter().filter(|row| row.rule.in_scope());
            rows.filter(|row| has(row)).count()
        };
        Self {
            in_scope: count(|_| true),
            cited: count(|row| !row.code.is_empty()),
            pinned: count(|row| !row.tests.is_empty()),
            shown: count(|row| !row.scenarios.is_empty()),
            broken: count(|row| !row.mutants.is_empty()),
            killed: count(|row| !row.killers.is_empty()),
            unobservable: count(|row| row.killers.is_empty() && row.is_unobservable()),
        }
    }
}

/// As a sentence.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = if self.in_scope == 1 { "rule" } else { "rules" };
        write!(
            f,
            "{} {rules} in scope: {} cited in code, {} pinned by a test, {} shown by a scenario, \
             {} with a mutant; {} killed by a scenario, {} unobservable.",
            self.in_scope,
            self.cited,
            self.pinned,
            self.shown,
            self.broken,
            self.killed,
            self.unobservable
        )
    }
}
