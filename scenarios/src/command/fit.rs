//! `iocp fit`: from recordings to a scenario for `iocp simulate`.

use super::{Exit, Format, Problem, Result, output, print_json, profiles, trace_file::read};
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
    /// The format of the output: the scenario, or what was found in numbers.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result {
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
    if arguments.format == Format::Json {
        print_json(&serde_json::json!({
            "fitted": fitted.model,
            "compared": comparison,
            "scenario": fitted.text,
        }))?;
        return Ok(Exit::Holds);
    }
    let mut out = output();
    match &arguments.out {
        None => write!(out, "{}", fitted.text)?,
        Some(path) => writeln!(
            out,
            "{}: {} fitted. To simulate it: iocp simulate {} --profile {}",
            path.display(),
            fitted.model.scenario,
            super::quoted(&path.display().to_string()),
            profile.name,
        )?,
    }
    if let Some(comparison) = &comparison {
        write!(out, "{}", table(&fitted, comparison, profile))?;
    }
    out.flush()?;
    Ok(Exit::Holds)
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

/// Recorded beside simulated; lines of a comment, so that it can follow the scenario.
fn table(fitted: &Fit, comparison: &Comparison, profile: Profile) -> String {
    let line = |name: &str, pair: &Pair, show: fn(f64) -> String| {
        format!(
            "# {name:<11} {:>10} {:>10} {:>+8.1} %   {} to {}\n",
            show(pair.recorded),
            show(pair.simulated),
            pair.error() * 100.0,
            show(pair.least),
            show(pair.greatest),
        )
    };
    let time = |seconds: f64| fit::time(seconds * 1e9);
    let requests: usize = fitted.model.recordings.iter().map(|one| one.requests).sum();
    let requests = requests / fitted.model.recordings.len().max(1);
    let mut text = format!(
        "\n# Simulated under {}, {REPLICATIONS} times {requests} requests:\n\
         #               recorded  simulated     error   each time\n",
        profile.name
    );
    text += &line("throughput", &comparison.throughput, |rate| {
        format!("{rate:.1}/s")
    });
    text += &line("latency p50", &comparison.latency_p50, time);
    text += &line("latency p99", &comparison.latency_p99, time);
    text
}
