//! `iocp fit`: from recordings to a scenario for `iocp simulate`.
//!
//! Here are the arguments and the way through them; `page` shows what came out with pictures.

mod page;

use super::{
    Exit, PageFormat, Problem, Result, output, print_json, print_page, profiles, quoted,
    trace_file::read,
};
use crate::fit::{
    self, Fit,
    compare::{Comparison, Pair, REPLICATIONS},
};
use clap::Args;
use iocp_model::Profile;
use iocp_traces::{Producer, Trace};
use std::{io::Write, path::PathBuf};

#[derive(Args)]
pub(super) struct Arguments {
    /// The recordings, or traces of the simulator: one, or several of the same scenario.
    #[arg(required = true, value_name = "RECORDING")]
    files: Vec<PathBuf>,
    /// Write the scenario into this file rather than to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Simulate what was fitted, and compare throughput and latency with the recordings.
    #[arg(long)]
    compare: bool,
    /// The kernel to simulate with --compare; if not given, that of the recordings.
    #[arg(long, value_parser = profiles(), requires = "compare")]
    profile: Option<Profile>,
    /// The format of the output: the scenario, what was found in numbers, or both in pictures.
    #[arg(long, value_enum, default_value_t = PageFormat::Human)]
    format: PageFormat,
}

pub(super) fn run(arguments: &Arguments) -> Result {
    arguments.keep_the_recordings()?;
    let traces: Vec<Trace> = arguments
        .files
        .iter()
        .map(|file| read(file))
        .collect::<Result<_>>()?;
    let fitted = fit::fit(&traces).map_err(|error| {
        let file = error.recording.and_then(|index| arguments.files.get(index));
        Problem::new(match file {
            Some(file) => format!("{}: {error}.", file.display()),
            None => format!("{error}."),
        })
    })?;
    let profile = arguments.profile.unwrap_or_else(|| kernel(&traces));
    let comparison = match arguments.compare {
        true => {
            let compared = fit::compare::compare(&fitted, profile.semantics);
            Some(compared.map_err(Problem::new)?)
        }
        false => None,
    };
    if let Some(path) = &arguments.out {
        std::fs::write(path, &fitted.text).map_err(|error| Problem::file("write", path, &error))?;
    }
    match arguments.format {
        PageFormat::Human => human(arguments, &fitted, comparison.as_ref(), profile)?,
        PageFormat::Json => print_json(&serde_json::json!({
            "fitted": fitted.model,
            "compared": comparison,
            "scenario": fitted.text,
        }))?,
        PageFormat::Html => {
            let compared = comparison.map(|comparison| (comparison, profile));
            print_page(&page::page(&fitted, compared.as_ref(), arguments.again()))?;
        }
    }
    Ok(Exit::Holds)
}

impl Arguments {
    /// The scenario must not be written over what it is made from.
    fn keep_the_recordings(&self) -> Result<()> {
        let Some(out) = &self.out else {
            return Ok(());
        };
        let there = |path: &PathBuf| path.canonicalize().ok();
        let same = |file: &&PathBuf| there(file).is_some() && there(file) == there(out);
        match self.files.iter().find(same) {
            Some(_) => Err(Problem::new(format!(
                "{} is a recording, and the scenario would take its place. Choose another name with \
                 --out.",
                out.display()
            ))),
            None => Ok(()),
        }
    }

    /// The command that makes the page again.
    fn again(&self) -> String {
        let mut again = String::from("iocp fit");
        for file in &self.files {
            again += &format!(" {}", quoted(&file.display().to_string()));
        }
        if self.compare {
            again += " --compare";
        }
        if let Some(profile) = &self.profile {
            again += &format!(" --profile {}", profile.name);
        }
        again + " --format html"
    }
}

fn human(
    arguments: &Arguments,
    fitted: &Fit,
    comparison: Option<&Comparison>,
    profile: Profile,
) -> Result<()> {
    let mut out = output();
    match &arguments.out {
        None => write!(out, "{}", fitted.text)?,
        Some(path) => writeln!(
            out,
            "{}: {} fitted. To simulate it: iocp simulate {} --profile {}",
            path.display(),
            fitted.model.scenario,
            quoted(&path.display().to_string()),
            profile.name,
        )?,
    }
    if let Some(comparison) = comparison {
        write!(out, "{}", table(fitted, comparison, profile))?;
    }
    Ok(out.flush()?)
}

/// The profile of the kernel that was recorded.
fn kernel(traces: &[Trace]) -> Profile {
    let name = traces.first().map(|trace| match &trace.header.producer {
        Producer::Wine { .. } => "wine-8",
        Producer::Windows { .. } => "",
        Producer::Simulator { profile, .. } => profile,
    });
    name.and_then(Profile::find).unwrap_or_default()
}

/// What is compared: its name, the pair, and how its values are shown.
type Compared<'c> = (&'static str, &'c Pair, fn(f64) -> String);

fn compared(comparison: &Comparison) -> [Compared<'_>; 3] {
    let time = |seconds: f64| fit::time(seconds * 1e9);
    let rate = |rate: f64| format!("{rate:.1}/s");
    [
        ("throughput", &comparison.throughput, rate),
        ("latency p50", &comparison.latency_p50, time),
        ("latency p99", &comparison.latency_p99, time),
    ]
}

/// How it was simulated.
fn simulated(fitted: &Fit, profile: Profile) -> String {
    let recordings = &fitted.model.recordings;
    let requests: usize = recordings.iter().map(|one| one.requests).sum();
    let requests = requests / recordings.len().max(1);
    format!(
        "Simulated under {}, {REPLICATIONS} times {requests} requests",
        profile.name
    )
}

/// Recorded beside simulated; lines of a comment, so that it can follow the scenario.
fn table(fitted: &Fit, comparison: &Comparison, profile: Profile) -> String {
    let mut text = format!(
        "\n# {}:\n#               recorded  simulated     error   each time\n",
        simulated(fitted, profile)
    );
    for (name, pair, show) in compared(comparison) {
        text += &format!(
            "# {name:<11} {:>10} {:>10} {:>+8.1} %   {} to {}\n",
            show(pair.recorded),
            show(pair.simulated),
            pair.error() * 100.0,
            show(pair.least),
            show(pair.greatest),
        );
    }
    text
}
