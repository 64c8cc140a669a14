//! `iocp scenario`: the catalogue, and new scenarios.

use super::{Exit, Format, Problem, Result, find_scenario, output, print_json};
use crate::{catalogue, file, generate};
use clap::{Args, Subcommand};
use iocp_scheduler::capabilities::capabilities;
use std::{io::Write, path::PathBuf};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the catalogue.
    List {
        /// Only scenarios that demonstrate this rule.
        #[arg(long, value_name = "ID")]
        rule: Option<String>,
        /// The format of the output.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Show a scenario: its text, and which engines can run it.
    Show {
        /// The scenario: a file, or a name in the catalogue.
        scenario: String,
        /// The format of the output.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Make a scenario to begin with, or a random one.
    New {
        /// The file to write; without it, standard output.
        file: Option<PathBuf>,
        /// Make a random scenario from this seed.
        #[arg(long, value_name = "SEED")]
        random: Option<u64>,
    },
}

pub(super) fn run(arguments: &Arguments) -> Result {
    match &arguments.action {
        Action::List { rule, format } => list(rule.as_deref(), *format),
        Action::Show { scenario, format } => show(scenario, *format),
        Action::New { file, random } => new(file.as_ref(), *random),
    }
}

fn list(rule: Option<&str>, format: Format) -> Result {
    if let Some(id) = rule
        && !iocp_model::rules::exists(id)
    {
        return Err(Problem::new(format!(
            "there is no rule \"{id}\"; `iocp rules` shows the rule book"
        )));
    }
    let mut scenarios = Vec::new();
    for entry in catalogue::all() {
        let scenario = file::parse(entry.name, entry.text)?;
        if rule.is_none_or(|id| scenario.workload.rules.iter().any(|known| known == id)) {
            scenarios.push(scenario);
        }
    }
    if format == Format::Json {
        let list: Vec<_> = scenarios
            .iter()
            .map(|scenario| {
                serde_json::json!({
                    "name": scenario.workload.name,
                    "title": scenario.workload.title,
                    "rules": scenario.workload.rules,
                    "threads": scenario.program.threads.len(),
                    "not_recordable": capabilities(&scenario.program),
                })
            })
            .collect();
        print_json(&list.into())?;
        return Ok(Exit::Holds);
    }
    let mut out = output();
    let width = scenarios
        .iter()
        .map(|scenario| scenario.workload.name.len())
        .max()
        .unwrap_or(0);
    for scenario in &scenarios {
        writeln!(
            out,
            "{:width$}  {}",
            scenario.workload.name, scenario.workload.title
        )?;
    }
    writeln!(
        out,
        "\n{} scenarios. `iocp scenario show NAME` shows one, `iocp run NAME` runs it, and \
         `iocp scenario list --rule ID` lists those that show a rule.",
        scenarios.len()
    )?;
    out.flush()?;
    Ok(Exit::Holds)
}

fn show(argument: &str, format: Format) -> Result {
    let scenario = find_scenario(argument)?;
    let reasons = capabilities(&scenario.program);
    if format == Format::Json {
        print_json(&serde_json::json!({
            "scenario": scenario.workload,
            "threads": scenario.program.thread_names,
            "not_recordable": reasons,
        }))?;
        return Ok(Exit::Holds);
    }
    let mut out = output();
    match catalogue::find(argument) {
        Some(entry) => write!(out, "{}", entry.text)?,
        None => write!(out, "{}", file::to_toml(&scenario.workload))?,
    }
    writeln!(out, "\n# The simulator can run it.")?;
    if reasons.is_empty() {
        writeln!(out, "# It can be recorded on a real kernel.")?;
    } else {
        for reason in reasons {
            writeln!(out, "# It cannot be recorded on a real kernel: {reason}")?;
        }
    }
    out.flush()?;
    Ok(Exit::Holds)
}

/// What `iocp scenario new` begins with: commented, and it runs.
const TEMPLATE: &str = include_str!("../../template.toml");

fn new(path: Option<&PathBuf>, random: Option<u64>) -> Result {
    let text = match random {
        None => TEMPLATE.to_owned(),
        Some(seed) => file::to_toml(&generate::workload(seed, &generate::Shape::default())),
    };
    let Some(path) = path else {
        let mut out = output();
        write!(out, "{text}")?;
        out.flush()?;
        return Ok(Exit::Holds);
    };
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Problem::new(format!(
                "{} is there already, and is left as it is. Choose another name.",
                path.display()
            )),
            _ => Problem::file("write", path, &error),
        })?;
    println!("Wrote {0}. Run it with: iocp run {0}", path.display());
    Ok(Exit::Holds)
}
