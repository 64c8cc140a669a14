//! `iocp rules`: the rule book, and where each rule is.

use super::{Exit, Format, Problem, Result, output, print_json};
use crate::{
    matrix::{self, Row},
    near::nearest,
};
use clap::Args;
use iocp_model::rules;
use std::io::Write;

#[derive(Args)]
pub(super) struct Arguments {
    /// Show these rules in full: ids such as KQ-02, or sections such as KQ.
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
    for id in &arguments.ids {
        let section = rules::SECTIONS.iter().any(|section| section.prefix == id);
        if rules::find(id).is_none() && !section {
            let near = nearest(id, rules::all().map(|rule| rule.id))
                .map(|near| format!(" Did you mean {near}?"))
                .unwrap_or_default();
            return Err(Problem::new(format!("there is no rule or section \"{id}\".{near}")));
        }
    }
    let wanted = |row: &Row| {
        let named = arguments.ids.iter().any(|id| {
            row.rule.id == id || row.rule.section().prefix == id
        });
        if !arguments.ids.is_empty() {
            return named;
        }
        (!arguments.gaps || !row.gaps().is_empty()) && (arguments.all || row.rule.in_scope())
    };
    let rows: Vec<Row> = matrix::rows().into_iter().filter(wanted).collect();
    if arguments.format == Format::Json {
        print_json(&rows.iter().map(json).collect::<Vec<_>>().into())?;
        return Ok(Exit::Holds);
    }
    let mut out = output();
    if arguments.ids.is_empty() {
        table(&mut out, &rows, arguments.gaps)?;
    } else {
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            in_full(&mut out, row)?;
        }
    }
    out.flush()?;
    Ok(Exit::Holds)
}

fn confidence(row: &Row) -> String {
    let words: Vec<_> = row.rule.confidence.iter().map(|one| one.abbreviation()).collect();
    words.join("+")
}

fn table(out: &mut impl Write, rows: &[Row], gaps: bool) -> std::io::Result<()> {
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
            row.rule.says
        )?;
    }
    let scope = rows.iter().filter(|row| row.rule.in_scope()).count();
    let count = |has: fn(&Row) -> bool| rows.iter().filter(|row| row.rule.in_scope() && has(row)).count();
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
    writeln!(out, "{}  {}", rule.id, rule.says)?;
    let mut line = |name: &str, text: String| {
        if text.is_empty() {
            Ok(())
        } else {
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
