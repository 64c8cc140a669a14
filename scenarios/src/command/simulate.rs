//! `iocp simulate`: how a scenario behaves under load, in virtual time.
//!
//! Here are the arguments and the way through them. `replications` runs on several threads, `watch`
//! says how far it is, `report` shows what came out, `page` does with pictures, and `window` writes down
//! a short stretch for one of them.

mod page;
pub(super) mod replications;
mod report;
pub(super) mod watch;
mod window;

use super::{
    Exit, Kernels, PageFormat, Problem, Result, find_scenario, print_json, print_page, quoted,
};
use crate::{
    file::Scenario,
    parameters::{self, Setting},
    study::{self, METRICS, PERCENTILES, Percent, Precision, STEPS_A_REQUEST, StudyError},
};
use clap::{Args, builder::PossibleValuesParser};
use iocp_model::{Kernel, Profile};
use iocp_scheduler::{Program, run::RunError, simulate::SimulateError};
use report::Simulated;
use std::{num::NonZeroUsize, thread::available_parallelism, time::Instant};
use watch::Watch;
use window::Window;

#[derive(Args)]
pub(super) struct Arguments {
    /// The scenario: a file, or a name in the catalogue.
    scenario: String,
    /// Change a parameter first: limit, threads, processors, batch, rate, or a path into the scenario
    /// (thread.worker.copies=8).
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Setting>,
    /// How many requests each replication measures.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    requests: u64,
    /// Replicate until half of the interval is at most such a part of the mean.
    #[arg(long, value_name = "PERCENT", default_value = "2%")]
    precision: Percent,
    /// How likely the true value is to be in the interval.
    #[arg(long, value_name = "PERCENT", default_value = "95%")]
    confidence: Percent,
    /// The metric whose interval decides how many replications there are.
    #[arg(long, value_name = "METRIC", default_value = "latency.mean", value_parser = metrics(), hide_possible_values = true)]
    of: String,
    /// The fewest and the most replications.
    #[arg(long, value_name = "A..B", default_value = "10..1000", value_parser = study::replications)]
    replications: (u32, u32),
    /// Where the random numbers come from.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many threads simulate; without it, one for each processor. The result is the same.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// The kernel that the model is to be: a profile, and behind it, with commas, rules to break
    /// (`windows-10-1607+,no-limit`; `iocp rules --mutants` lists them).
    #[arg(long, default_value = Profile::WINDOWS_10_1607.name, value_parser = Kernels)]
    profile: Kernel,
    /// Stop a replication after so many steps of the model; without it, after a thousand a request.
    #[arg(long, value_name = "STEPS")]
    most_steps: Option<u64>,
    /// Say nothing on standard error of how far it is.
    #[arg(long)]
    quiet: bool,
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = PageFormat::Human)]
    format: PageFormat,
}

/// The metrics that an interval can be asked for, for clap.
fn metrics() -> PossibleValuesParser {
    let percentiles = PERCENTILES.iter().map(|(name, _)| *name);
    PossibleValuesParser::new(METRICS.iter().map(|(name, _)| *name).chain(percentiles))
}

impl Arguments {
    fn precision(&self) -> Precision {
        let (least, most) = self.replications;
        Precision {
            confidence: self.confidence.share(),
            relative: self.precision.share(),
            metric: self.of.clone(),
            requests: self.requests,
            least,
            most,
            seed: self.seed,
            most_steps: self
                .most_steps
                .unwrap_or(self.requests.saturating_mul(STEPS_A_REQUEST)),
        }
    }

    fn threads(&self) -> usize {
        let processors = || available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.map_or_else(processors, usize::from)
    }

    /// The command that does the same again.
    fn again(&self) -> String {
        let mut again = format!("iocp simulate {}", quoted(&self.scenario));
        for setting in &self.set {
            again += &format!(" --set {}", quoted(&setting.to_string()));
        }
        again += &format!(" --requests {}", self.requests);
        again += &format!(
            " --precision {} --confidence {}",
            self.precision, self.confidence
        );
        if self.of != "latency.mean" {
            again += &format!(" --of {}", self.of);
        }
        let (least, most) = self.replications;
        again += &format!(" --replications {least}..{most} --seed {}", self.seed);
        if self.profile != Kernel::default() {
            again += &format!(" --profile {}", self.profile);
        }
        if let Some(steps) = self.most_steps {
            again += &format!(" --most-steps {steps}");
        }
        again
    }
}

pub(super) fn run(arguments: &Arguments) -> Result {
    let scenario = find_scenario(&arguments.scenario)?;
    let program = changed(&scenario, &arguments.set)?;
    let precision = arguments.precision();
    let watch = Watch::new(arguments.quiet, &precision, &program.workload.name);
    let semantics = arguments.profile.semantics();
    let begin = Instant::now();
    let estimate = {
        let mut run = |settings: &[_]| {
            replications::run(&program, semantics, settings, arguments.threads(), &watch)
        };
        study::estimate(&program, &precision, &mut run, &mut |progress| {
            watch.round(progress)
        })
    };
    let elapsed = begin.elapsed();
    watch.end();
    let not_simulated = |error| match error {
        StudyError::Simulate(error @ SimulateError::Run(RunError::Bug(_))) => panic!("{error}"),
        error => Problem::new(format!("{}: {error}", program.workload.name)),
    };
    let estimate = match estimate {
        Err(error @ StudyError::OutOfSteps { .. }) => {
            eprintln!("iocp: {}: {error}", program.workload.name);
            return Ok(Exit::NoVerdict);
        }
        estimate => estimate.map_err(not_simulated)?,
    };
    let simulated = Simulated {
        workload: &program.workload,
        kernel: arguments.profile,
        precision: &precision,
        estimate: &estimate,
        elapsed,
        again: arguments.again(),
    };
    match arguments.format {
        PageFormat::Human => simulated.human()?,
        PageFormat::Json => print_json(&simulated.json())?,
        PageFormat::Html => {
            let window = Window::of(&program, arguments.profile, &precision, &estimate);
            print_page(&simulated.page(&window.map_err(not_simulated)?))?;
        }
    }
    Ok(match estimate.reached && estimate.stable {
        true => Exit::Holds,
        false => Exit::NoVerdict,
    })
}

/// The scenario's program with these settings.
pub(super) fn changed(scenario: &Scenario, settings: &[Setting]) -> Result<Program> {
    if settings.is_empty() {
        return Ok(scenario.program.clone());
    }
    let said = || {
        let said: Vec<_> = settings
            .iter()
            .map(|setting| format!("--set {setting}"))
            .collect();
        said.join(" ")
    };
    let workload = parameters::apply(&scenario.workload, settings)
        .map_err(|error| Problem::new(format!("--set {error}")))?;
    Program::compile(&workload).map_err(|error| {
        let name = &workload.name;
        Problem::new(format!("with {}, {name} cannot be: {error}", said()))
    })
}
