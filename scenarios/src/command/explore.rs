//! `iocp explore`: all schedules of a scenario.
//!
//! Here are the arguments and the way through them. `watch` shows how far a search is and stops it,
//! `report` says what it found, `counterexample` shows the schedule that breaks a property.

mod checkpoint;
mod counterexample;
mod report;
mod shrink;
mod watch;

pub(super) use report::{number, sentence};

use super::{
    Exit, Format, Kernels, Problem, Result, find_scenario, output, print_json, quoted, run,
};
use crate::{catalogue, file::Scenario};
use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use counterexample::Shown;
use humantime::Duration;
use iocp_model::{Kernel, Profile};
use iocp_scheduler::{
    explore::{Options, Order, Reductions, Storage, Verdict},
    strategy::Schedule,
};
use report::Explored;
use std::{num::NonZeroUsize, path::PathBuf, thread::available_parallelism, time::Instant};
use watch::Watch;

#[derive(Args)]
pub(super) struct Arguments {
    /// The scenarios: files, or names in the catalogue.
    #[arg(required_unless_present = "all")]
    scenarios: Vec<String>,
    /// All scenarios of the catalogue.
    #[arg(long, conflicts_with = "scenarios")]
    all: bool,
    /// The kernel that the model is to be: a profile, and behind it, with commas, rules to break
    /// (`windows-10-1607+,no-limit`; `iocp rules --mutants` lists them).
    #[arg(long, default_value = Profile::WINDOWS_10_1607.name, value_parser = Kernels)]
    profile: Kernel,
    /// How many threads search; without it, one for each processor. The result is the same.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Leave nothing out: visit every state, take every step.
    #[arg(long)]
    no_reduction: bool,
    /// Of steps that commute, take the other order too.
    #[arg(long)]
    no_partial_order: bool,
    /// Tell threads with the same program from one another.
    #[arg(long)]
    no_symmetry: bool,
    /// Tell packets from one another that no thread tells from one another.
    #[arg(long)]
    no_packets: bool,
    /// Do not mind a thread that has work and can never go on.
    #[arg(long)]
    allow_deadlock: bool,
    /// Which state comes next. The answer is the same.
    #[arg(long, value_enum, default_value_t = Orders::BreadthFirst)]
    search: Orders,
    /// How visited states are kept.
    #[arg(long, value_enum, default_value_t = Storages::Exact)]
    storage: Storages,
    /// Stop after so many states.
    #[arg(long, value_name = "STATES")]
    most_states: Option<u64>,
    /// Follow no schedule for longer than so many steps.
    #[arg(long, value_name = "STEPS")]
    most_depth: Option<usize>,
    /// Stop when the search needs about so much memory: 4GiB, 500MB.
    #[arg(long, value_name = "SIZE", default_value_t = MEMORY, value_parser = size)]
    memory: ByteSize,
    /// Stop after so much time: 10m, 90s.
    #[arg(long, value_name = "TIME", value_parser = time)]
    time: Option<Duration>,
    /// If the search is cut short, keep it in this file, for --resume.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Go on with a search that --checkpoint kept.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Write the schedule that breaks a property to this file, for `iocp run --replay`.
    #[arg(long, value_name = "FILE")]
    schedule: Option<PathBuf>,
    /// Make the scenario smaller as long as it breaks the same property.
    #[arg(long)]
    shrink: bool,
    /// Write the smaller scenario to this file.
    #[arg(long, value_name = "FILE", requires = "shrink")]
    output: Option<PathBuf>,
    /// Say nothing on standard error of how far the search is.
    #[arg(long)]
    quiet: bool,
    /// Use ASCII characters only.
    #[arg(long)]
    ascii: bool,
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Orders {
    /// Those nearest to the first.
    BreadthFirst,
    /// Those that were found last: by one thread; fewer states wait, and a violation far away may be
    /// found earlier.
    DepthFirst,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Storages {
    /// As they are: no state is taken for another.
    Exact,
    /// As 63 bits of a hash: less memory, and a state may be taken for another; the verdict says
    /// how likely that is.
    Compact,
    /// As three bits in a field of half the memory: for far more states, and far less certain.
    Bitstate,
}

/// The most memory, if nobody says otherwise.
const MEMORY: ByteSize = ByteSize::gib(4);

fn size(text: &str) -> std::result::Result<ByteSize, String> {
    let says = "write a number and a unit, as in 4GiB or 500MB";
    text.parse().map_err(|_| says.to_owned())
}

/// The size as it is written in a command: nothing is rounded.
fn exactly(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1_000_000, "MB")];
    let unit = units.iter().find(|(size, _)| bytes.is_multiple_of(*size));
    let (size, name) = unit.unwrap_or(&(1, "B"));
    format!("{}{name}", bytes / size)
}

fn time(text: &str) -> std::result::Result<Duration, String> {
    let says = "write a number and a unit, as in 10m or 1h 30m";
    text.parse().map_err(|_| says.to_owned())
}

impl Arguments {
    fn options(&self) -> Options {
        let processors = || available_parallelism().map_or(1, NonZeroUsize::get);
        let on = |no: bool| !no && !self.no_reduction;
        let most = Options::default();
        Options {
            threads: self.threads.map_or_else(processors, usize::from),
            most_states: self.most_states.unwrap_or(most.most_states),
            most_depth: self.most_depth.unwrap_or(most.most_depth),
            memory: self.memory.as_u64(),
            reductions: Reductions {
                partial_order: on(self.no_partial_order),
                symmetry: on(self.no_symmetry),
                packets: on(self.no_packets),
            },
            deadlocks: !self.allow_deadlock,
            order: match self.search {
                Orders::BreadthFirst => Order::BreadthFirst,
                Orders::DepthFirst => Order::DepthFirst,
            },
            storage: match self.storage {
                Storages::Exact => Storage::Exact,
                Storages::Compact => Storage::Compact,
                Storages::Bitstate => Storage::Bitstate {
                    bytes: self.memory.as_u64() / 2,
                },
            },
            ..most
        }
    }

    /// What cannot be asked for together.
    fn check(&self) -> Result<()> {
        let is_deep = self.search == Orders::DepthFirst;
        let says = if is_deep && self.threads.is_some_and(|threads| threads > 1) {
            "--search depth-first is for one thread: leave out --threads, or search breadth first"
        } else if is_deep && self.most_depth.is_some() {
            "--most-depth counts the steps of the shortest ways, and --search depth-first does not \
             go the shortest ways: search breadth first"
        } else if self.storage == Storages::Bitstate
            && (self.checkpoint.is_some() || self.resume.is_some())
        {
            "a search with --storage bitstate cannot be kept for later: use --storage compact, or do \
             without --checkpoint and --resume"
        } else {
            return Ok(());
        };
        Err(Problem::new(says))
    }

    /// The command that does the same again.
    fn again(&self, scenario: &str) -> String {
        let mut again = format!("iocp explore {}", quoted(scenario)) + &self.switches();
        if let Some(states) = self.most_states {
            again += &format!(" --most-states {states}");
        }
        if let Some(steps) = self.most_depth {
            again += &format!(" --most-depth {steps}");
        }
        if self.memory != MEMORY {
            again += &format!(" --memory {}", exactly(self.memory.as_u64()));
        }
        if let Some(time) = &self.time {
            again += &format!(" --time {}", quoted(&time.to_string()));
        }
        again
    }

    /// The part of it that says which search it is, rather than how far it goes.
    fn switches(&self) -> String {
        let mut again = String::new();
        if self.profile != Kernel::default() {
            again += &format!(" --profile {}", self.profile);
        }
        let switches = [
            (self.no_reduction, "--no-reduction"),
            (self.no_partial_order, "--no-partial-order"),
            (self.no_symmetry, "--no-symmetry"),
            (self.no_packets, "--no-packets"),
            (self.allow_deadlock, "--allow-deadlock"),
            (self.search == Orders::DepthFirst, "--search depth-first"),
            (self.storage == Storages::Compact, "--storage compact"),
            (self.storage == Storages::Bitstate, "--storage bitstate"),
        ];
        for (_, switch) in switches.iter().filter(|(on, _)| *on) {
            again += &format!(" {switch}");
        }
        again
    }
}

pub(super) fn run(arguments: &Arguments) -> Result {
    arguments.check()?;
    let names: Vec<&str> = if arguments.all {
        catalogue::all().iter().map(|entry| entry.name).collect()
    } else {
        arguments.scenarios.iter().map(String::as_str).collect()
    };
    let for_one = [
        (arguments.schedule.is_some(), "--schedule"),
        (arguments.shrink, "--shrink"),
        (arguments.checkpoint.is_some(), "--checkpoint"),
        (arguments.resume.is_some(), "--resume"),
    ];
    if names.len() > 1
        && let Some((_, option)) = for_one.iter().find(|(given, _)| *given)
    {
        return Err(Problem::new(format!(
            "{option} is for one scenario: name one"
        )));
    }
    // What is wrong with the last is said before the first is searched.
    let scenarios = names.iter().map(|name| find_scenario(name));
    let scenarios = scenarios.collect::<Result<Vec<_>>>()?;
    let watch = Watch::new(arguments.quiet, arguments.time.map(Into::into));
    if let ([scenario], [name]) = (&scenarios[..], &names[..]) {
        return one(arguments, scenario, name, &watch);
    }
    several(arguments, &scenarios, &names, &watch)
}

/// Searches one scenario, and says everything about it.
fn one(arguments: &Arguments, scenario: &Scenario, name: &str, watch: &Watch) -> Result {
    let explored = search(arguments, scenario, name, watch)?;
    let smaller = match (&explored.report.verdict, arguments.shrink) {
        (Verdict::Violated(counterexample), true) => {
            Some(shrink::shrink(arguments, scenario, counterexample, watch)?)
        }
        _ => None,
    };
    if let Verdict::Violated(counterexample) = &explored.report.verdict
        && let Some(path) = &arguments.schedule
    {
        let profile = arguments.profile.to_string();
        let choices = &counterexample.schedule;
        let allow_deadlock = arguments.allow_deadlock;
        let schedule = Schedule::untimed(&scenario.program, &profile, allow_deadlock, choices);
        run::save_schedule(path, &schedule)?;
    }
    let shown = Shown::of(scenario, arguments.profile, &explored.report.verdict)?;
    match arguments.format {
        Format::Human => {
            let mut out = output();
            explored.human(&mut out, scenario, arguments, shown.as_ref())?;
            if let Some(smaller) = &smaller {
                smaller.human(&mut out, arguments.output.as_deref())?;
            }
            std::io::Write::flush(&mut out)?;
        }
        Format::Json => {
            let mut json = explored.json(scenario, arguments, shown.as_ref());
            if let Some(smaller) = &smaller {
                json["smaller"] = smaller.json();
            }
            print_json(&json)?;
        }
    }
    Ok(explored.exit())
}

/// Searches scenarios one after the other: a line for each.
fn several(arguments: &Arguments, scenarios: &[Scenario], names: &[&str], watch: &Watch) -> Result {
    let mut all = Vec::new();
    let mut json = Vec::new();
    for (scenario, name) in scenarios.iter().zip(names) {
        let explored = search(arguments, scenario, name, watch)?;
        match arguments.format {
            Format::Human => {
                let mut out = output();
                if all.is_empty() {
                    report::head(&mut out)?;
                }
                explored.line(&mut out)?;
                std::io::Write::flush(&mut out)?;
            }
            Format::Json => {
                let shown = Shown::of(scenario, arguments.profile, &explored.report.verdict)?;
                json.push(explored.json(scenario, arguments, shown.as_ref()));
            }
        }
        all.push(explored);
        if watch.is_interrupted() {
            break;
        }
    }
    match arguments.format {
        Format::Human => {
            let mut out = output();
            report::summary(&mut out, &all, scenarios.len())?;
            std::io::Write::flush(&mut out)?;
        }
        Format::Json => print_json(&json.into())?,
    }
    let rank = |exit: &Exit| {
        [Exit::Holds, Exit::NoVerdict, Exit::Violated]
            .iter()
            .position(|known| known == exit)
    };
    let cut = (all.len() < scenarios.len()).then_some(Exit::NoVerdict);
    let exits = all.iter().map(Explored::exit).chain(cut);
    Ok(exits.max_by_key(rank).unwrap_or(Exit::Holds))
}

/// Searches one scenario.
fn search(
    arguments: &Arguments,
    scenario: &Scenario,
    name: &str,
    watch: &Watch,
) -> Result<Explored> {
    let program = &scenario.program;
    watch.begin(name);
    let begin = Instant::now();
    let report = checkpoint::explore(arguments, program, watch)?;
    let elapsed = begin.elapsed();
    watch.end();
    Ok(Explored {
        name: name.to_owned(),
        kernel: arguments.profile,
        report,
        elapsed,
        stopped: watch.stopped(),
        looked_for_shortest: watch.looked_for_shortest(),
        peak_memory: report::peak_memory(),
        depth_first: arguments.search == Orders::DepthFirst,
        again: arguments.again(name),
    })
}
