//! The list of expected failures: a file that people keep beside their implementation.
//!
//! ```toml
//! profile = "windows-10-1607+"
//!
//! [diverges]
//! lifo-release = "breaks WAIT-01"
//!
//! [unstable]
//! observed-ns-1 = "two threads race"
//! ```
//!
//! A table is called as the outcome that it expects; a line in it is a scenario, and why. What is
//! listed under `unstable` may also conform.

use super::{Case, Outcome};
use crate::{
    file::{MOST_BYTES, ScenarioError},
    near::nearest,
};
use iocp_model::{Kernel, Mutants};
use std::{collections::BTreeMap, fmt::Write, ops::Range};
use toml::{
    Spanned, Value,
    de::{DeTable, DeValue},
};

/// The outcomes that can be expected, in the order in which they are written.
const FAILURES: [Outcome; 4] = [
    Outcome::Diverges,
    Outcome::Unstable,
    Outcome::Hung,
    Outcome::Aborted,
];

/// What is expected to fail.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    entries: BTreeMap<String, Expected>,
}

/// What is expected of one scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// How it fails.
    pub outcome: Outcome,
    /// Why, in the words of the list; may be empty.
    pub why: String,
    /// Where the list says so: "7 of wine-8.toml".
    pub place: String,
}

impl Expectations {
    /// Reads a list; `name` is the file's name in messages. It must be about this kernel, and about
    /// these scenarios.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn parse(
        name: &str,
        bytes: &[u8],
        kernel: Kernel,
        scenarios: &[&str],
    ) -> Result<Self, ScenarioError> {
        let text = String::from_utf8_lossy(bytes);
        let reader = Reader { name, text: &text };
        if bytes.len() > MOST_BYTES {
            let message = format!("the list has more than {MOST_BYTES} bytes");
            return Err(reader.wrong(0..0, message, "A line for each scenario is enough."));
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            let at = error.valid_up_to();
            let message = format!("this is not UTF-8: byte {at} of the file begins no character");
            return Err(reader.wrong(at..at + 1, message, "Save the file as UTF-8."));
        }
        reader.read(kernel, scenarios)
    }

    /// What is expected of a scenario; `None`: it should conform.
    pub fn of(&self, scenario: &str) -> Option<&Expected> {
        self.entries.get(scenario)
    }

    /// The list of what these cases are, as a file. Reasons that are in this list already are
    /// kept, and so is what is listed as unstable, and what is not among the cases.
    pub fn rewritten(&self, cases: &[Case], kernel: Kernel) -> String {
        let mut entries: BTreeMap<&str, (Outcome, String)> = BTreeMap::new();
        for (scenario, expected) in &self.entries {
            entries.insert(scenario, (expected.outcome, expected.why.clone()));
        }
        for case in cases {
            let old = self.of(&case.scenario);
            if old.is_some_and(|expected| expected.outcome == Outcome::Unstable) {
                continue;
            }
            if case.outcome == Outcome::Conforms {
                entries.remove(case.scenario.as_str());
            } else if FAILURES.contains(&case.outcome) {
                let same = old.filter(|expected| expected.outcome == case.outcome);
                let why = match same {
                    Some(expected) if !expected.why.is_empty() => expected.why.clone(),
                    _ => reason(case),
                };
                entries.insert(&case.scenario, (case.outcome, why));
            }
        }
        let kernel = Value::from(kernel.to_string());
        let mut text =
            format!("# Expected failures, for `iocp verify --expected`.\nprofile = {kernel}\n");
        for outcome in FAILURES {
            let mut lines = entries
                .iter()
                .filter(|(_, (expected, _))| *expected == outcome)
                .peekable();
            if lines.peek().is_some() {
                // Writing to a string does not fail.
                let _ = writeln!(text, "\n[{}]", outcome.word());
            }
            for (scenario, (_, why)) in lines {
                let _ = writeln!(text, "{} = {}", key(scenario), Value::from(why.as_str()));
            }
        }
        text
    }
}

/// A scenario's name as a TOML key.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    match !name.is_empty() && name.chars().all(bare) {
        true => name.to_owned(),
        false => Value::from(name).to_string(),
    }
}

/// Why a case fails, in a line for the list.
fn reason(case: &Case) -> String {
    let rules = |set: &Mutants| {
        let names: Vec<_> = set.iter().map(|mutant| mutant.name()).collect();
        names.join(" and ")
    };
    match &case.causes {
        Some(causes) if !causes.sets.is_empty() => {
            // The likeliest; `iocp verify` tells the others.
            rules(&causes.sets[0])
        }
        _ => {
            let says = case.telling().map_or("", |finding| finding.says.as_str());
            // What the recording did, rather than that it is not explained.
            let recorded = says
                .lines()
                .find_map(|line| line.strip_prefix("Then the recording: "));
            let line = recorded.or(says.lines().next()).unwrap_or_default();
            line.to_owned()
        }
    }
}

/// Reads a list that is UTF-8.
struct Reader<'a> {
    name: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn wrong(&self, span: Range<usize>, message: impl Into<String>, help: &str) -> ScenarioError {
        ScenarioError::new(self.name, self.text, span, message).with_help(help)
    }

    fn read(&self, kernel: Kernel, scenarios: &[&str]) -> Result<Expectations, ScenarioError> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            self.wrong(
                span,
                error.message().to_owned(),
                "A line is a scenario's name, =, and why it fails in quotes.",
            )
        })?;
        let mut list = Expectations::default();
        for (key, value) in table.get_ref() {
            let known = FAILURES.iter().map(|outcome| outcome.word());
            let outcome = FAILURES
                .into_iter()
                .find(|outcome| outcome.word() == key.get_ref());
            match (outcome, value.get_ref()) {
                (Some(outcome), DeValue::Table(lines)) => {
                    self.read_lines(&mut list, outcome, lines, scenarios)?;
                }
                (Some(outcome), _) => {
                    return Err(self.wrong(
                        value.span(),
                        format!("`{0}` is a table: [{0}]", outcome.word()),
                        "Below it, a line is a scenario's name, =, and why it fails in quotes.",
                    ));
                }
                (None, DeValue::String(profile)) if key.get_ref() == "profile" => {
                    self.is_about(profile, value.span(), kernel)?;
                }
                _ => {
                    let near = nearest(key.get_ref(), known.clone().chain(["profile"]));
                    let help = match near {
                        Some(near) => format!("Did you mean `{near}`?"),
                        None => {
                            let tables: Vec<_> = known.map(|word| format!("[{word}]")).collect();
                            let tables = tables.join(", ");
                            format!("There is `profile = \"...\"`, and the tables {tables}.")
                        }
                    };
                    let message = format!("a list of expected failures has no `{}`", key.get_ref());
                    return Err(self.wrong(key.span(), message, &help));
                }
            }
        }
        Ok(list)
    }

    /// Is the list about what the recordings are checked against?
    fn is_about(
        &self,
        profile: &str,
        span: Range<usize>,
        kernel: Kernel,
    ) -> Result<(), ScenarioError> {
        match profile.parse::<Kernel>() {
            Ok(about) if about == kernel => Ok(()),
            Ok(_) => Err(self.wrong(
                span,
                format!(
                    "this list is about {profile}, and the recordings are checked against {kernel}"
                ),
                &format!("Give --profile {profile}, or another list."),
            )),
            Err(error) => Err(self.wrong(
                span,
                error.to_string(),
                "`iocp verify --help` lists the profiles.",
            )),
        }
    }

    fn read_lines(
        &self,
        list: &mut Expectations,
        outcome: Outcome,
        lines: &DeTable<'_>,
        scenarios: &[&str],
    ) -> Result<(), ScenarioError> {
        for (key, value) in lines {
            let scenario: &str = key.get_ref();
            let Some(why) = text(value) else {
                return Err(self.wrong(
                    value.span(),
                    format!("why {scenario} fails is a text in quotes; it may be empty"),
                    "",
                ));
            };
            if !scenarios.contains(&scenario) {
                let help = match nearest(scenario, scenarios.iter().copied()) {
                    Some(near) => format!("Did you mean \"{near}\"?"),
                    None => "`iocp scenario list` shows the catalogue.".to_owned(),
                };
                let message = format!("there is no scenario \"{scenario}\"");
                return Err(self.wrong(key.span(), message, &help));
            }
            let line = self.text[..key.span().start].matches('\n').count() + 1;
            let expected = Expected {
                outcome,
                why: why.to_owned(),
                place: format!("{line} of {}", self.name),
            };

            if let Some(first) = list.entries.insert(scenario.to_owned(), expected) {
                return Err(self.wrong(
                    key.span(),
                    format!(
                        "\"{scenario}\" is listed twice; the other place is line {}",
                        first.place
                    ),
                    "Keep one of the two lines.",
                ));
            }
        }
        Ok(())
    }
}

fn text<'v>(value: &'v Spanned<DeValue<'_>>) -> Option<&'v str> {
    match value.get_ref() {
        DeValue::String(text) => Some(text),
        _ => None,
    }
}
