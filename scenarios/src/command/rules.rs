//! `iocp rules`: the rule book, and where each rule is.

use super::{Exit, Format, Problem, Result, output, print_json};
use crate::{
    matrix::{self, Row},
    near::nearest,
    questions::{self, Question},
};
use clap::Args;
use iocp_model::rules;
use std::io::Write;

#[derive(Args)]
pub(super) struct Arguments {
    /// Show these in full: rules such as KQ-02, sections such as KQ; open questions (OPEN-1),
    /// disagreements (DIS-11) and published observations (OBS-KF-06).
    ids: Vec<String>,
    /// Only the rules that are in scope and have no code or no test.
    #[arg(long)]
    gaps: bool,
    /// The rules of all sections, those too that are about devices and not in scope yet.
    #[arg(long)]
    all: bool,
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result {
    let ids: Vec<String> = arguments.ids.iter().map(|id| id.to_uppercase()).collect();
    for id in &ids {
        let section = rules::SECTIONS.iter().any(|section| section.prefix == id);
        if !rules::exists(id) && !section {
            let near = nearest(id, rules::all().map(|rule| rule.id))
                .map(|near| format!(" Did you mean {near}?"))
                .unwrap_or_default();
            return Err(Problem::new(format!(
                "there is no rule or section \"{id}\".{near}"
            )));
        }
    }
    let wanted = |row: &Row| {
        let named = ids
            .iter()
            .any(|id| row.rule.id == id || row.rule.section().prefix == id);
        if !ids.is_empty() {
            return named;
        }
        (!arguments.gaps || !row.gaps().is_empty()) && (arguments.all || row.rule.in_scope())
    };
    let rows: Vec<Row> = matrix::rows().into_iter().filter(wanted).collect();
    if arguments.format == Format::Json {
        let rows = rows.iter().map(json);
        let others = ids.iter().filter_map(|id| other_json(id));
        print_json(&rows.chain(others).collect::<Vec<_>>().into())?;
        return Ok(Exit::Holds);
    }
    let mut out = output();
    if ids.is_empty() {
        table(&mut out, &rows, arguments.gaps)?;
    } else {
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            in_full(&mut out, row)?;
        }
        for id in &ids {
            other(&mut out, id)?;
        }
    }
    out.flush()?;
    Ok(Exit::Holds)
}

fn confidence(row: &Row) -> String {
    let words: Vec<_> = row
        .rule
        .confidence
        .iter()
        .map(|one| one.abbreviation())
        .collect();
    words.join("+")
}

/// Where the last column of the table begins.
const COLUMNS: usize = 53;

fn table(out: &mut impl Write, rows: &[Row], gaps: bool) -> std::io::Result<()> {
    let width = super::terminal_width().saturating_sub(COLUMNS).max(30);
    writeln!(
        out,
        "{:<9} {:<10} {:<9} {:>4} {:>5} {:>9}  rule",
        "id", "from", "versions", "code", "tests", "scenarios"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:<9} {:<10} {:<9} {:>4} {:>5} {:>9}  {}",
            row.rule.id,
            confidence(row),
            row.rule.versions,
            row.code.len(),
            row.tests.len(),
            row.scenarios.len(),
            super::wrapped(row.rule.says, width, COLUMNS)
        )?;
    }
    let scope = rows.iter().filter(|row| row.rule.in_scope()).count();
    let count = |has: fn(&Row) -> bool| {
        rows.iter()
            .filter(|row| row.rule.in_scope() && has(row))
            .count()
    };
    if gaps {
        writeln!(out, "\n{scope} rules in scope lack code or a test.")
    } else {
        writeln!(
            out,
            "\n{scope} rules in scope: {} cited in code, {} pinned by a test, {} shown by a scenario. \
             `iocp rules ID` shows one in full.",
            count(|row| !row.code.is_empty()),
            count(|row| !row.tests.is_empty()),
            count(|row| !row.scenarios.is_empty()),
        )
    }
}

fn in_full(out: &mut impl Write, row: &Row) -> std::io::Result<()> {
    let rule = row.rule;
    let width = super::terminal_width();
    let says = format!("{}  {}", rule.id, rule.says);
    writeln!(out, "{}", super::wrapped(&says, width, 0))?;
    let mut line = |name: &str, text: String| {
        if text.is_empty() {
            Ok(())
        } else {
            let text = super::wrapped(&text, width.saturating_sub(13).max(30), 13);
            writeln!(out, "  {name:<11}{text}")
        }
    };
    line("note", rule.note.to_owned())?;
    line("layer", rule.layer.name().to_owned())?;
    line("kind", rule.kind.name().to_owned())?;
    line("confidence", confidence(row))?;
    line("versions", rule.versions.to_owned())?;
    line("sources", rule.sources.join("; "))?;
    line("code", row.code.join(", "))?;
    line("tests", row.tests.join(", "))?;
    line("scenarios", row.scenarios.join(", "))
}

/// An open question, a disagreement or an observation: beside the rules in the book.
fn other(out: &mut impl Write, id: &str) -> std::io::Result<()> {
    let mut tell = |says: String, rules: &[rules::RuleId], more: [(&str, &str); 2]| {
        let width = super::terminal_width();
        writeln!(
            out,
            "{}",
            super::wrapped(&format!("{id}  {says}"), width, 0)
        )?;
        let about: Vec<_> = rules.iter().map(|rule| rule.id()).collect();
        for (name, text) in [("rules", about.join(", ").as_str())]
            .into_iter()
            .chain(more)
        {
            if !text.is_empty() {
                let text = super::wrapped(text, width.saturating_sub(13).max(30), 13);
                writeln!(out, "  {name:<11}{text}")?;
            }
        }
        Ok(())
    };
    if let Some(question) = rules::question(id) {
        tell(
            question.says.to_owned(),
            question.rules,
            [("", ""), ("", "")],
        )?;
        match questions::find(id) {
            Some(experiment) => experiment_in_full(out, experiment),
            None => Ok(()),
        }
    } else if let Some(disagreement) = rules::disagreement(id) {
        let verdict = ("here", disagreement.verdict);
        tell(
            disagreement.says.to_owned(),
            disagreement.rules,
            [verdict, ("", "")],
        )
    } else if let Some(observation) = rules::observation(id) {
        let more = [
            ("source", observation.source),
            ("before", observation.before),
        ];
        tell(observation.says.to_owned(), observation.rules, more)
    } else {
        Ok(())
    }
}

/// Which scenario settles an open question, and the answers that there can be.
fn experiment_in_full(out: &mut impl Write, experiment: &Question) -> std::io::Result<()> {
    let width = super::terminal_width().saturating_sub(13).max(30);
    writeln!(out, "  {:<11}{}", "scenario", experiment.scenario)?;
    for answer in experiment.answers {
        let says = format!("{} {}", answer.says, answer.means);
        let says = super::wrapped(&says, width, 13);
        writeln!(out, "  {:<11}{says}", format!("answer {}", answer.letter))?;
    }
    if experiment.untold.is_empty() {
        return Ok(());
    }
    let untold = super::wrapped(experiment.untold, width, 13);
    writeln!(out, "  {:<11}{untold}", "untold")
}

fn other_json(id: &str) -> Option<serde_json::Value> {
    let ids = |rules: &[rules::RuleId]| rules.iter().map(|rule| rule.id()).collect::<Vec<_>>();
    if let Some(question) = rules::question(id) {
        let mut value = serde_json::json!({
            "id": id, "says": question.says, "rules": ids(question.rules),
        });
        if let Some(experiment) = questions::find(id) {
            let answers = experiment.answers.iter();
            let answers: Vec<_> = answers
                .map(|answer| serde_json::json!({ "answer": answer.letter, "says": answer.says, "means": answer.means }))
                .collect();
            value["scenario"] = experiment.scenario.into();
            value["answers"] = answers.into();
            value["untold"] = experiment.untold.into();
        }
        return Some(value);
    }
    if let Some(disagreement) = rules::disagreement(id) {
        return Some(serde_json::json!({
            "id": id, "says": disagreement.says, "verdict": disagreement.verdict,
            "rules": ids(disagreement.rules),
        }));
    }
    let observation = rules::observation(id)?;
    Some(serde_json::json!({
        "id": id, "says": observation.says, "before": observation.before,
        "source": observation.source, "rules": ids(observation.rules),
    }))
}

fn json(row: &Row) -> serde_json::Value {
    let rule = row.rule;
    serde_json::json!({
        "id": rule.id,
        "says": rule.says,
        "note": rule.note,
        "layer": rule.layer.name(),
        "kind": rule.kind.name(),
        "in_scope": rule.in_scope(),
        "confidence": rule.confidence.iter().map(|one| one.abbreviation()).collect::<Vec<_>>(),
        "versions": rule.versions,
        "sources": rule.sources,
        "code": row.code,
        "tests": row.tests,
        "scenarios": row.scenarios,
        "gaps": row.gaps(),
    })
}
