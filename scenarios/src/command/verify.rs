//! `iocp verify`: does the implementation on which it runs do what the model says?
//!
//! Where the turns come from is here, and in `live` for those that are recorded now; the judgement
//! is [`crate::verify`]; each format of the report is a file.

mod human;
mod json;
mod junit;
#[cfg(windows)]
mod live;
mod tap;

use super::{Exit, Kernels, Problem, Result, check, find_scenario, output, read_at_most, record};
use crate::{
    catalogue,
    file::MOST_BYTES,
    near::nearest,
    recordings,
    verify::{Case, Expectations, Recorded, Report, Standing, Turn},
};
use clap::{Args, ValueEnum};
use iocp_model::Kernel;
use iocp_traces::Trace;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufReader, IsTerminal, Write},
    path::{Path, PathBuf},
    time::Instant,
};

/// What `--recordings` calls those that are inside iocp.
const SHIPPED: &str = "shipped";
/// How the names of those begin that are there for their times (`iocp fit`): each takes the checker
/// as long as all others together, and has nothing that they have not.
const TIMED: &str = "load-open-";

#[derive(Args)]
pub(super) struct Arguments {
    /// The scenarios: files, or names in the catalogue; without any, the whole catalogue.
    scenarios: Vec<String>,
    /// Record each scenario so many times.
    #[arg(long, value_name = "TIMES", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: u32,
    /// What the recordings must conform to. Rules to break may follow, with commas.
    #[arg(long, value_parser = Kernels, default_value_t = Kernel::default())]
    profile: Kernel,
    /// A list of expected failures (TOML).
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,
    /// Write the present failures as such a list; what --expected says already is kept.
    #[arg(long, value_name = "FILE")]
    write_expected: Option<PathBuf>,
    /// Keep the recordings in this folder; it is made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Record nothing; check the recordings in this folder, or those inside iocp ("shipped", the loads whose times matter left out).
    #[arg(long, value_name = "DIR", conflicts_with_all = ["times", "out", "settle", "watchdog", "note"])]
    recordings: Option<PathBuf>,
    /// The format of the report.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Write the report into this file, and what is for people to the standard output.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    how: check::How,
    #[command(flatten)]
    settings: record::Settings,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
    /// Test Anything Protocol, version 13.
    Tap,
    /// The XML that servers for continuous integration read.
    Junit,
}

/// A scenario that waits to be judged.
enum Pending {
    /// It was recorded elsewhere.
    Recorded(String, Vec<Turn>),
    /// It is to be recorded now.
    #[cfg(windows)]
    ToRecord(Box<crate::file::Scenario>),
}

impl Pending {
    fn name(&self) -> &str {
        match self {
            Self::Recorded(name, _) => name,
            #[cfg(windows)]
            Self::ToRecord(scenario) => &scenario.workload.name,
        }
    }

    /// The turns; or why there can be none.
    #[cfg_attr(
        not(windows),
        expect(unused_variables, reason = "nothing is recorded here")
    )]
    fn turns(self, arguments: &Arguments) -> Result<std::result::Result<Vec<Turn>, String>> {
        match self {
            Self::Recorded(_, turns) => Ok(Ok(turns)),
            #[cfg(windows)]
            Self::ToRecord(scenario) => live::record(&scenario, arguments),
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result {
    if arguments.report.is_some() && arguments.format == Format::Human {
        return Err(Problem::new(
            "--report is for a report that programs read: add --format json, tap or junit",
        ));
    }
    let begin = Instant::now();
    let mut report = Report {
        kernel: arguments.profile,
        ..Report::default()
    };
    let pending = match &arguments.recordings {
        Some(folder) => recorded(folder, &arguments.scenarios, &mut report)?,
        None => to_record(&arguments.scenarios)?,
    };
    let expectations = match &arguments.expected {
        Some(path) => {
            let names: Vec<_> = catalogue::all().iter().map(|entry| entry.name).collect();
            let here = pending.iter().map(Pending::name);
            let names: Vec<_> = names.into_iter().chain(here).collect();
            let bytes = read_at_most(path, MOST_BYTES as u64 + 1)?;
            let name = path.display().to_string();
            Expectations::parse(&name, &bytes, arguments.profile, &names)?
        }
        None => Expectations::default(),
    };
    // What is written in the end is found to be writable now, not after minutes of recording.
    for path in [&arguments.report, &arguments.write_expected]
        .into_iter()
        .flatten()
    {
        let file = File::options().append(true).create(true).open(path);
        file.map_err(|error| Problem::file("write", path, &error))?;
    }

    let for_people = arguments.format == Format::Human || arguments.report.is_some();
    let tap_as_it_comes = arguments.format == Format::Tap && !for_people;
    let progress = for_people && std::io::stderr().is_terminal();
    let mut out = output();
    let count = pending.len();
    if tap_as_it_comes {
        out.write_all(tap::plan(count, &report).as_bytes())?;
        out.flush()?;
    }
    for (index, one) in pending.into_iter().enumerate() {
        let name = one.name().to_owned();
        if progress {
            eprint!("\r{index} of {count} scenarios");
        }
        let begin = Instant::now();
        let mut case = match one.turns(arguments)? {
            Ok(turns) => {
                let recorded = turns.iter().filter_map(|turn| match turn {
                    Turn::Recorded(recorded) => Some(recorded.producer()),
                    _ => None,
                });
                report.producers.extend(recorded);
                Case::judge(&name, &turns, arguments.profile, arguments.how.options())
            }
            Err(reason) => Case::skipped(&name, reason),
        };
        case.took_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        case.expected = expectations.of(&name).cloned();
        if progress {
            eprint!("\r{:30}\r", "");
        }
        if for_people {
            out.write_all(human::case(&case).as_bytes())?;
        } else if tap_as_it_comes {
            out.write_all(tap::case(index + 1, &case).as_bytes())?;
        }
        out.flush()?;
        report.cases.push(case);
    }

    let whole = match arguments.format {
        Format::Human => None,
        Format::Json => Some(format!("{:#}\n", json::report(&report))),
        Format::Tap if tap_as_it_comes => {
            out.write_all(tap::end(&report).as_bytes())?;
            None
        }
        Format::Tap => Some(tap::report(&report)),
        Format::Junit => Some(junit::report(&report).map_err(Problem::new)?),
    };
    match (&arguments.report, whole) {
        (Some(path), Some(text)) => {
            fs::write(path, text).map_err(|error| Problem::file("write", path, &error))?;
        }
        (None, Some(text)) => out.write_all(text.as_bytes())?,
        (_, None) => {}
    }
    if for_people {
        let seconds = begin.elapsed().as_secs_f64();
        let width = super::terminal_width();
        out.write_all(human::summary(&report, seconds, width).as_bytes())?;
    }
    out.flush()?;
    for unreadable in &report.unreadable {
        eprintln!("iocp: {unreadable}");
    }
    if let Some(path) = &arguments.write_expected {
        let text = expectations.rewritten(&report.cases, arguments.profile);
        fs::write(path, text).map_err(|error| Problem::file("write", path, &error))?;
        eprintln!(
            "iocp: {} says now what fails; read it before you keep it.",
            path.display()
        );
    }
    Ok(exit(&report, arguments.write_expected.is_some()))
}

/// What was written down as expected is no failure.
fn exit(report: &Report, written: bool) -> Exit {
    let fails = report.count(Standing::Fails) + report.count(Standing::PassesUnexpectedly) > 0;
    if !report.unreadable.is_empty() {
        Exit::BadInput
    } else if fails && !written {
        Exit::Violated
    } else if report.count(Standing::NoVerdict) > 0 || !report.knows_something() {
        Exit::NoVerdict
    } else {
        Exit::Holds
    }
}

/// The scenarios that are to be recorded here.
#[cfg(windows)]
fn to_record(names: &[String]) -> Result<Vec<Pending>> {
    let all = catalogue::all().iter().map(|entry| entry.name.to_owned());
    let names = if names.is_empty() {
        all.collect()
    } else {
        names.to_vec()
    };
    names
        .iter()
        .map(|name| Ok(Pending::ToRecord(Box::new(find_scenario(name)?))))
        .collect()
}

#[cfg(not(windows))]
fn to_record(names: &[String]) -> Result<Vec<Pending>> {
    for name in names {
        find_scenario(name)?;
    }
    Err(Problem::new(
        "this system has no completion ports to verify: build iocp for Windows (`rustup target add \
         x86_64-pc-windows-gnu`, `cargo build --release --target x86_64-pc-windows-gnu`, or \
         .ci/windows-build) and run it on Windows or Wine, or give --recordings DIR.",
    ))
}

/// The recordings in a folder, by scenario. What cannot be read goes into the report.
fn recorded(folder: &Path, names: &[String], report: &mut Report) -> Result<Vec<Pending>> {
    let mut scenarios: BTreeMap<String, Vec<Turn>> = BTreeMap::new();
    let mut take = |file: String, trace: std::result::Result<Trace, String>| {
        let recorded = trace.and_then(|trace| Recorded::new(Some(file.clone()), trace));
        match recorded {
            Ok(recorded) => scenarios
                .entry(recorded.scenario().to_owned())
                .or_default()
                .push(Turn::Recorded(Box::new(recorded))),
            Err(error) => report.unreadable.push(format!("{file}: {error}")),
        }
    };
    if folder == Path::new(SHIPPED) {
        let timed = |name: &str| name.starts_with(TIMED);
        for (name, bytes) in recordings::all().iter().filter(|(name, _)| !timed(name)) {
            take(
                (*name).to_owned(),
                Trace::read(*bytes).map_err(|error| error.to_string()),
            );
        }
    } else {
        for path in check::files(&[folder.to_owned()])? {
            let file = File::open(&path).map_err(|error| error.to_string());
            let trace = file.and_then(|file| {
                Trace::read(BufReader::with_capacity(1 << 16, file))
                    .map_err(|error| error.to_string())
            });
            take(path.display().to_string(), trace);
        }
    }
    if !names.is_empty() {
        for name in names {
            if !scenarios.contains_key(name) {
                let known = scenarios.keys().map(String::as_str);
                let near = nearest(name, known)
                    .map(|near| format!(" Did you mean \"{near}\"?"))
                    .unwrap_or_default();
                let folder = folder.display();
                return Err(Problem::new(format!(
                    "there is no recording of \"{name}\" in {folder}.{near}"
                )));
            }
        }
        scenarios.retain(|name, _| names.contains(name));
    }
    Ok(scenarios
        .into_iter()
        .map(|(name, turns)| Pending::Recorded(name, turns))
        .collect())
}

#[cfg(test)]
mod tests;
