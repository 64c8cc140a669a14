//! `iocp rules`: the rule book, where each rule is, and who would notice if it were not so.

use super::{Exit, PageFormat as Format, Problem, Result, counted, output, print_json};
use crate::{
    matrix::{self, Broken, GAPS, Place, Row, Totals, json, page},
    near::nearest,
    questions::{self, Question},
    recordings,
};
use clap::Args;
use iocp_model::{Mutant, rules};
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

#[derive(Args)]
pub(super) struct Arguments {
    /// Show these in full: rules such as KQ-02, sections such as KQ, mutants such as fifo-waiters;
    /// open questions (OPEN-1), disagreements (DIS-11), published observations (OBS-KF-06).
    ids: Vec<String>,
    /// Only what lacks something: rules in scope without code, test, mutant or a scenario that
    /// kills one; mutants that no code asks about, no scenario kills or no check rejects.
    #[arg(long)]
    gaps: bool,
    /// List the mutants, rules broken on purpose, and who notices: all of them, or those that break
    /// the given rules.
    #[arg(long)]
    mutants: bool,
    /// The rules of all sections, those too that are about devices and not in scope yet.
    #[arg(long, conflicts_with = "mutants")]
    all: bool,
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// What the arguments name.
struct Named {
    /// Rules, and the rules of sections.
    rows: Vec<Row>,
    /// How many of those have what, before those without gaps are left away.
    totals: Totals,
    mutants: Vec<Broken>,
    /// Questions, disagreements, observations.
    others: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result {
    let named = select(arguments)?;
    match arguments.format {
        Format::Json => {
            let rows = named.rows.iter().map(json::rule);
            // The rules have theirs with them.
            let asked = arguments.mutants || arguments.gaps || !arguments.ids.is_empty();
            let mutants = named.mutants.iter().filter(|_| asked).map(json::mutant);
            let others = named.others.iter().filter_map(|id| other_json(id));
            let all: Vec<_> = rows.chain(mutants).chain(others).collect();
            print_json(&all.into())?;
        }
        Format::Html => {
            if !arguments.ids.is_empty() || arguments.mutants || arguments.gaps {
                return Err(Problem::new(
                    "the page always shows all rules and mutants, and has a filter for them: \
                     `--format html` takes no ids, no `--mutants` and no `--gaps`.",
                ));
            }
            let mut out = output();
            out.write_all(page::whole(&named.rows, &named.mutants).as_bytes())?;
            out.flush()?;
        }
        Format::Human => {
            let mut out = output();
            if arguments.gaps {
                gaps(&mut out, &named, !arguments.mutants)?;
            } else if arguments.mutants {
                list(&mut out, &named.mutants)?;
            } else if arguments.ids.is_empty() {
                table(&mut out, &named.rows)?;
            } else {
                in_full(&mut out, &named)?;
            }
            out.flush()?;
        }
    }
    Ok(Exit::Holds)
}

/// Finds what the arguments name.
fn select(arguments: &Arguments) -> Result<Named> {
    let (mut ids, mut names, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for given in &arguments.ids {
        let id = given.to_uppercase();
        let name = given.to_lowercase();
        let section = rules::SECTIONS.iter().any(|section| section.prefix == id);
        if Mutant::find(&name).is_some() {
            names.push(name);
        } else if rules::find(&id).is_some() || section {
            ids.push(id);
        } else if rules::exists(&id) {
            others.push(id);
        } else {
            let near = nearest(&id, rules::all().map(|rule| rule.id))
                .or_else(|| nearest(&name, Mutant::all().map(Mutant::name)))
                .map(|near| format!(" Did you mean {near}?"))
                .unwrap_or_default();
            return Err(Problem::new(format!(
                "there is no rule, section or mutant \"{given}\".{near} `iocp rules` lists the rules, \
                 `iocp rules --mutants` the mutants."
            )));
        }
    }
    let none = arguments.ids.is_empty();
    let mut rows = matrix::rows();
    rows.retain(|row| {
        let named = |id: &String| row.rule.id == id || row.rule.section().prefix == id;
        if none {
            arguments.all || row.rule.in_scope()
        } else {
            ids.iter().any(named)
        }
    });
    let mut mutants: Vec<_> = matrix::mutants().collect();
    mutants.retain(|broken| {
        let mutant = broken.kill.mutant;
        let breaks = |row: &Row| mutant.rules().contains(&row.rule.key);
        let named = names.iter().any(|name| name == mutant.name());
        none || named || arguments.mutants && rows.iter().any(breaks)
    });
    let totals = Totals::of(&rows);
    if arguments.gaps {
        rows.retain(|row| !row.gaps().is_empty());
        mutants.retain(|broken| !broken.gaps().is_empty());
    }
    if arguments.mutants {
        if let Some(id) = others.first() {
            return Err(Problem::new(format!(
                "{id} is no rule, so no mutant breaks it; `--mutants` takes rules and sections."
            )));
        }
        rows.clear();
    }
    Ok(Named {
        rows,
        totals,
        mutants,
        others,
    })
}

// ---------------------------------------------------------------------- tables

fn confidence(row: &Row) -> String {
    let words = row.rule.confidence.iter().map(|one| one.abbreviation());
    words.collect::<Vec<_>>().join("+")
}

/// A text of at most `most` characters, cut if need be.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// Where the last column of the table begins.
const COLUMNS: usize = 55;

fn table(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let width = super::terminal_width().saturating_sub(COLUMNS).max(30);
    writeln!(
        out,
        "{:<8} {:<9} {:<8} {:>4} {:>4} {:>4} {:>3} {:>3} {:>4}  rule",
        "id", "from", "versions", "code", "test", "scen", "rec", "mut", "kill"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:<8} {:<9} {:<8} {:>4} {:>4} {:>4} {:>3} {:>3} {:>4}  {}",
            row.rule.id,
            cut(&confidence(row), 9),
            cut(row.rule.versions, 8),
            row.code.len(),
            row.tests.len(),
            row.scenarios.len(),
            row.recordings.len(),
            row.mutants.len(),
            row.killers.len(),
            super::wrapped(row.rule.says, width, COLUMNS)
        )?;
    }
    let legend = "How many lines of code obey it, tests pin it, scenarios show it, recordings there are \
                  of those scenarios, mutants break it, scenarios kill one of them. `iocp rules ID` \
                  shows one in full.";
    writeln!(out)?;
    paragraph(out, legend, 0)?;
    paragraph(out, &Totals::of(rows).to_string(), 0)
}

fn gaps(out: &mut impl Write, named: &Named, with_rules: bool) -> io::Result<()> {
    let rules = named.rows.iter();
    let rules = rules.map(|row| (row.rule.id, row.gaps(), row.rule.says));
    let mutants = named.mutants.iter().map(|broken| {
        let mutant = broken.kill.mutant;
        (mutant.name(), broken.gaps(), mutant.says())
    });
    for (name, lacks, says) in rules.chain(mutants) {
        let text = format!("{name} lacks {}: {says}", lacks.join(", "));
        paragraph(out, &text, 0)?;
    }
    if !with_rules {
        let count = counted(named.mutants.len(), "mutant");
        return paragraph(
            out,
            &format!("{count} of {} lack something.", Mutant::COUNT),
            0,
        );
    }
    let lacking = |gap: &str| {
        let rows = named.rows.iter();
        let count = rows.filter(|row| row.gaps().contains(&gap)).count();
        format!("{count} a {gap}")
    };
    let each: Vec<_> = GAPS.into_iter().map(lacking).collect();
    let each = each.join(", ").replace(" a code", " code");
    let text = format!(
        "{} and {} lack something. Of the rules {each}.",
        counted(named.rows.len(), "rule"),
        counted(named.mutants.len(), "mutant"),
    );
    paragraph(out, &text, 0)?;
    paragraph(out, &named.totals.to_string(), 0)
}

/// A text behind `indent` spaces; if there are none, its other lines stand behind two.
fn paragraph(out: &mut impl Write, text: &str, indent: usize) -> io::Result<()> {
    let hang = if indent == 0 { 2 } else { indent };
    let width = super::terminal_width().saturating_sub(hang).max(30);
    let text = super::wrapped(text, width, hang);
    writeln!(out, "{:indent$}{text}", "")
}

/// How many killers the list of mutants names.
const MOST_KILLERS: usize = 4;

fn list(out: &mut impl Write, mutants: &[Broken]) -> io::Result<()> {
    for broken in mutants {
        let (kill, mutant) = (broken.kill, broken.kill.mutant);
        let breaks: Vec<_> = mutant.rules().iter().map(|rule| rule.id()).collect();
        let text = format!("{}  breaks {}", mutant.name(), breaks.join(", "));
        paragraph(out, &text, 0)?;
        paragraph(out, mutant.says(), 4)?;
        let noticed = match mutant.unobservable() {
            Some(why) => format!("unobservable: {why}"),
            None => format!("{}; {}", killers(&kill.scenarios), rejected(broken)),
        };
        paragraph(out, &noticed, 4)?;
    }
    let count = |has: fn(&&Broken) -> bool| mutants.iter().filter(has).count();
    let text = format!(
        "{}: {} killed by a scenario, {} rejected in random recordings, {} unobservable. \
         `iocp rules NAME` shows one in full, `iocp run SCENARIO --profile windows-10-1607+,NAME` \
         runs it.",
        counted(mutants.len(), "mutant"),
        count(|broken| !broken.kill.scenarios.is_empty()),
        count(|broken| broken.kill.rejected > 0),
        count(|broken| broken.kill.mutant.unobservable().is_some()),
    );
    writeln!(out)?;
    paragraph(out, &text, 0)
}

fn killers(scenarios: &[&str]) -> String {
    let (named, others) = scenarios.split_at(scenarios.len().min(MOST_KILLERS));
    let more = match others.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match named {
        [] => "killed by no scenario".into(),
        named => format!("killed by {}{more}", named.join(", ")),
    }
}

fn rejected(broken: &Broken) -> String {
    let kill = broken.kill;
    format!(
        "rejected in {} of {} recordings",
        kill.rejected, kill.recordings
    )
}

// --------------------------------------------------------------------- in full

fn in_full(out: &mut impl Write, named: &Named) -> io::Result<()> {
    let mut between = "";
    for row in &named.rows {
        out.write_all(between.as_bytes())?;
        rule(out, row)?;
        between = "\n";
    }
    for broken in &named.mutants {
        out.write_all(between.as_bytes())?;
        mutant(out, broken)?;
        between = "\n";
    }
    for id in &named.others {
        out.write_all(between.as_bytes())?;
        other(out, id)?;
        between = "\n";
    }
    Ok(())
}

/// A line of what is shown in full, if there is something in it.
fn line(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let width = super::terminal_width().saturating_sub(13).max(30);
    writeln!(out, "  {name:<11}{}", super::wrapped(text, width, 13))
}

fn rule(out: &mut impl Write, row: &Row) -> io::Result<()> {
    let rule = row.rule;
    let says = format!("{}  {}", rule.id, rule.says);
    writeln!(out, "{}", super::wrapped(&says, super::terminal_width(), 0))?;
    line(out, "note", rule.note)?;
    line(out, "layer", rule.layer.name())?;
    line(out, "kind", rule.kind.name())?;
    line(out, "confidence", &confidence(row))?;
    line(out, "versions", rule.versions)?;
    line(out, "sources", &rule.sources.join("; "))?;
    line(out, "code", &places(row.code))?;
    line(out, "tests", &places(row.tests))?;
    line(out, "scenarios", &row.scenarios.join(", "))?;
    line(out, "recordings", &recorded(&row.recordings))?;
    let mut name = "mutants";
    for kill in &row.mutants {
        let noticed = match kill.mutant.unobservable() {
            Some(_) => "unobservable".into(),
            None => format!(
                "killed by {}, {} of recordings rejected",
                counted(kill.scenarios.len(), "scenario"),
                kill.share()
            ),
        };
        let text = format!("{}: {} ({noticed})", kill.mutant.name(), kill.mutant.says());
        line(out, name, &text)?;
        name = "";
    }
    line(out, "killed by", &row.killers.join(", "))?;
    line(out, "not broken", row.unbroken.unwrap_or_default())?;
    line(out, "lacks", &row.gaps().join(", "))
}

fn mutant(out: &mut impl Write, broken: &Broken) -> io::Result<()> {
    let (kill, mutant) = (broken.kill, broken.kill.mutant);
    let says = format!("{}  {}", mutant.name(), mutant.says());
    writeln!(out, "{}", super::wrapped(&says, super::terminal_width(), 0))?;
    let mut name = "breaks";
    for rule in mutant.rules() {
        line(out, name, &format!("{}: {}", rule.id(), rule.rule().says))?;
        name = "";
    }
    line(out, "code", &places(broken.code))?;
    line(out, "tests", &places(broken.tests))?;
    if let Some(why) = mutant.unobservable() {
        return line(out, "nobody sees", why);
    }
    line(out, "killed by", &kill.scenarios.join(", "))?;
    let rejected = format!(
        "{} of {} random recordings in which it mattered ({})",
        kill.rejected,
        kill.recordings,
        kill.share()
    );
    line(out, "rejected", &rejected)?;
    line(out, "lacks", &broken.gaps().join(", "))
}

fn places(places: &[Place]) -> String {
    let place = |place: &Place| format!("{place} ({})", place.item);
    places.iter().map(place).collect::<Vec<_>>().join(", ")
}

/// How many recordings of which kernel, by scenario.
fn recorded(recordings: &[&str]) -> String {
    let mut kernels: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for name in recordings {
        let scenarios = kernels.entry(recordings::kernel(name)).or_default();
        *scenarios.entry(recordings::scenario(name)).or_default() += 1;
    }
    let kernel = |(kernel, scenarios): (&&str, &BTreeMap<&str, usize>)| {
        let each = scenarios.iter();
        let each = each.map(|(name, count)| format!("{count} of {name}"));
        format!("{kernel}: {}", each.collect::<Vec<_>>().join(", "))
    };
    kernels.iter().map(kernel).collect::<Vec<_>>().join("; ")
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
