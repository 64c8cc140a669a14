//! `iocp advise`: the smallest limit and pool of threads that meet objectives.
//!
//! Here are the arguments and the way through them; `report` shows what came out, `page` does with pictures.

mod page;
mod report;

use super::{
    Exit, Kernels, PageFormat, Problem, Result, find_scenario, print_json, print_page, quoted,
    simulate::{changed, replications, watch::Watch},
};
use crate::{
    advise::{self, AdviseError, Objective, Question},
    parameters::Setting,
    study::{Percent, Precision, StudyError},
};
use clap::Args;
use iocp_model::{Kernel, Profile};
use iocp_scheduler::{Program, run::RunError, simulate::SimulateError};
use report::Advised;
use std::{num::NonZeroUsize, ops::RangeInclusive, thread::available_parallelism, time::Instant};

#[derive(Args)]
pub(super) struct Arguments {
    /// The scenario: a file, or a name in the catalogue.
    scenario: String,
    /// What must be met: a metric, < or >, and a bound (p99<20ms, throughput>900, utilisation<80%).
    /// Several must be met together.
    #[arg(long, value_name = "OBJECTIVE", required = true)]
    slo: Vec<Objective>,
    /// Change a parameter first: processors, batch, rate, or a path into the scenario
    /// (thread.worker.copies=8).
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Setting>,
    /// What the limit may be; without it, from 1 to 16, or to the number of processors if that is more.
    #[arg(long, value_name = "A..B", value_parser = range)]
    limit: Option<RangeInclusive<u32>>,
    /// How many threads there may be; without it, from 1 to 64, or to twice the processors if that is
    /// more.
    #[arg(long, value_name = "A..B", value_parser = range)]
    threads: Option<RangeInclusive<u32>>,
    /// How likely the true value of a metric is to be in its interval.
    #[arg(long, value_name = "PERCENT", default_value = "95%")]
    confidence: Percent,
    /// How many requests each replication measures; without it, 20,000, and 200 above each percentile
    /// that is asked for.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..=1_000_000_000))]
    requests: Option<u64>,
    /// The most replications of one setting: 4, 8, 16 or 32 are looked at.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(4..=32))]
    replications: u32,
    /// Give up when so many requests have been simulated.
    #[arg(long, value_name = "N", default_value_t = 1_000_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    most_requests: u64,
    /// Where the random numbers come from.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many threads simulate; without it, one for each processor. The result is the same.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// The kernel that the model is to be: a profile, and behind it, with commas, rules to break
    /// (`windows-10-1607+,no-limit`; `iocp rules --mutants` lists them).
    #[arg(long, default_value = Profile::WINDOWS_10_1607.name, value_parser = Kernels)]
    profile: Kernel,
    /// Say nothing on standard error of how far it is.
    #[arg(long)]
    quiet: bool,
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = PageFormat::Human)]
    format: PageFormat,
}

/// The most threads, and the highest limit.
const MOST: u32 = 1_000;

/// "1..16", or "4".
fn range(text: &str) -> std::result::Result<RangeInclusive<u32>, String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let read = |text: &str| text.trim_start_matches('=').trim().parse::<u32>().ok();
    let (Some(least), Some(most)) = (read(least), read(most)) else {
        return Err("write the least and the most, as in 1..16, or one number".into());
    };
    match (least, most) {
        (0, _) => Err("it begins at 1; there is no limit or pool of 0".into()),
        (least, most) if least > most => Err(format!(
            "there is nothing from {least} to {most}; write {most}..{least}"
        )),
        (_, most) if most > MOST => Err(format!("{MOST} is the most")),
        _ => Ok(least..=most),
    }
}

impl Arguments {
    /// The question about a machine of so many processors.
    fn question(&self, processors: u32) -> Question {
        let usual = Question::new(self.slo.clone());
        let up_to = |range: &RangeInclusive<u32>, most: u32| 1..=most.clamp(*range.end(), MOST);
        let (threads, limit) = (self.threads.clone(), self.limit.clone());
        Question {
            threads: threads.unwrap_or_else(|| up_to(&usual.threads, 2 * processors)),
            limits: limit.unwrap_or_else(|| up_to(&usual.limits, processors)),
            confidence: self.confidence.share(),
            requests: self.requests.unwrap_or(usual.requests),
            most_replications: self.replications,
            most_requests: self.most_requests,
            seed: self.seed,
            kernel: self.profile,
            ..usual
        }
    }

    /// The command that does the same again.
    fn again(&self, question: &Question) -> String {
        let mut again = format!("iocp advise {}", quoted(&self.scenario));
        for objective in &self.slo {
            again += &format!(" --slo \"{objective}\"");
        }
        for setting in &self.set {
            again += &format!(" --set {}", quoted(&setting.to_string()));
        }
        let ends = |range: &RangeInclusive<u32>| format!("{}..{}", range.start(), range.end());
        again += &format!(
            " --limit {} --threads {} --confidence {}",
            ends(&question.limits),
            ends(&question.threads),
            self.confidence
        );
        if let Some(requests) = self.requests {
            again += &format!(" --requests {requests}");
        }
        if self.replications != 32 {
            again += &format!(" --replications {}", self.replications);
        }
        if self.profile != Kernel::default() {
            again += &format!(" --profile {}", self.profile);
        }
        again + &format!(" --seed {}", self.seed)
    }
}

pub(super) fn run(arguments: &Arguments) -> Result {
    let scenario = find_scenario(&arguments.scenario)?;
    let program = changed(&scenario, &arguments.set)?;
    let workload = &program.workload;
    let question = arguments.question(program.processors().into());
    let semantics = arguments.profile.semantics();
    let watch = Watch::new(arguments.quiet, &Precision::default(), &workload.name);
    let jobs = arguments.jobs.map_or_else(
        || available_parallelism().map_or(1, NonZeroUsize::get),
        usize::from,
    );
    let begin = Instant::now();
    let mut simulate =
        |program: &Program, all: &[_]| replications::run(program, semantics, all, jobs, &watch);
    let advice = advise::advise(workload, &question, &mut simulate, &mut |what| {
        watch.says(what.to_owned());
    });
    let elapsed = begin.elapsed();
    watch.end();
    let advice = match advice {
        Ok(advice) => advice,
        Err(error @ AdviseError::Budget { .. }) => {
            eprintln!("iocp: {}: {error}", workload.name);
            return Ok(Exit::NoVerdict);
        }
        Err(AdviseError::Study(StudyError::Simulate(
            error @ SimulateError::Run(RunError::Bug(_)),
        ))) => panic!("{error}"),
        Err(error) => return Err(Problem::new(format!("{}: {error}", workload.name))),
    };
    let advised = Advised {
        workload,
        question: &question,
        advice: &advice,
        elapsed,
        again: arguments.again(&question),
    };
    match arguments.format {
        PageFormat::Human => advised.human()?,
        PageFormat::Json => print_json(&advised.json())?,
        PageFormat::Html => print_page(&advised.page())?,
    }
    Ok(match advice.smallest {
        Some(_) => Exit::Holds,
        None => Exit::Violated,
    })
}
