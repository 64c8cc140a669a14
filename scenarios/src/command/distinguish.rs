//! `iocp distinguish`: the smallest experiment that tells two kernels apart.

use super::{
    Exit, Format, Kernels, Problem, Result, counted, find_scenario, output, print_json, quoted,
    terminal_width, wrapped,
};
use crate::{
    distinguish::{
        Answered, Area, Bound, Experiment, Forced, MOST_THREADS, Outcome, areas, forced,
        in_program, in_small_programs, shown_in, size,
    },
    explain::parting,
    file::to_toml,
};
use clap::Args;
use iocp_model::{Kernel, Mutant, Profile};
use iocp_scheduler::{StepError, conform::describe};
use iocp_traces::{Happening, columns};
use std::{
    fs,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    time::Instant,
};

/// How many random runs are made of what was found.
const RUNS: u64 = 100;

/// How many states of the other kernel are printed.
const MOST_SHOWN: usize = 3;

#[derive(Args)]
pub(super) struct Arguments {
    /// The kernel under which the outcome is possible: a profile, and behind it, with commas, rules
    /// to break (`windows-10-1607+,no-limit`; `iocp rules --mutants` lists them).
    #[arg(value_name = "A", value_parser = Kernels, required_unless_present_any = ["all", "list"])]
    actual: Option<Kernel>,
    /// The kernel under which it is impossible.
    #[arg(value_name = "B", value_parser = Kernels, required_unless_present_any = ["all", "list"])]
    claimed: Option<Kernel>,
    /// Look in this scenario, a file or a name in the catalogue, rather than in small programs.
    #[arg(long, value_name = "SCENARIO", conflicts_with_all = ["threads", "steps", "areas"])]
    scenario: Option<String>,
    /// Try programs of up to so many threads.
    #[arg(
        long,
        default_value_t = Bound::default().threads as u16,
        value_parser = clap::value_parser!(u16).range(1..=MOST_THREADS as i64)
    )]
    threads: u16,
    /// Try programs of up to so many steps, of all threads together.
    #[arg(
        long,
        default_value_t = Bound::default().steps,
        value_parser = clap::value_parser!(u32).range(1..=12)
    )]
    steps: u32,
    /// Put steps of up to so many areas into one program, besides posts and dequeues; --list shows
    /// the areas.
    #[arg(
        long,
        default_value_t = Bound::default().areas as u16,
        value_parser = clap::value_parser!(u16).range(0..=3)
    )]
    areas: u16,
    /// Give up a search after so many states.
    #[arg(
        long,
        value_name = "STATES",
        default_value_t = Bound::default().most_states,
        value_parser = clap::value_parser!(u64).range(1..=100_000_000)
    )]
    most_states: u64,
    /// Write the workload that was found to this file, as a scenario.
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    output: Option<PathBuf>,
    /// Show what the small programs are made of.
    #[arg(long, conflicts_with_all = ["scenario", "output", "all"], exclusive = true)]
    list: bool,
    /// Every two profiles, and every mutant and the default profile: a line each.
    #[arg(long, conflicts_with_all = ["actual", "claimed", "scenario"])]
    all: bool,
    /// Use ASCII characters only.
    #[arg(long)]
    ascii: bool,
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl Arguments {
    fn bound(&self) -> Bound {
        Bound {
            threads: self.threads.into(),
            steps: self.steps,
            areas: self.areas.into(),
            most_states: self.most_states,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result {
    if arguments.list {
        return list();
    }
    if arguments.all {
        return all(arguments);
    }
    let (Some(actual), Some(claimed)) = (arguments.actual, arguments.claimed) else {
        return Err(Problem::new("name two kernels, or use --all"));
    };
    if actual.semantics() == claimed.semantics() {
        return Err(Problem::new(format!(
            "{actual} and {claimed} are the same kernel: nothing can tell them apart. \
             `iocp rules --mutants` lists what can be broken."
        )));
    }
    let begun = Instant::now();
    let answered = search(arguments, actual, claimed)?;
    let report = Report {
        arguments,
        actual,
        claimed,
        seconds: begun.elapsed().as_secs_f64(),
        answered: &answered,
    };
    if let (Some(path), Outcome::Differs(found)) = (&arguments.output, &answered.outcome) {
        let mut workload = match forced(found, actual) {
            Ok(forced) => forced.program.workload,
            Err(why) => {
                let mut workload = found.program.workload.clone();
                workload.about = format!("{}\n{why}\n", workload.about.trim_end());
                workload
            }
        };
        if arguments.scenario.is_none() {
            workload.name = name_for(path).unwrap_or(workload.name);
        }
        fs::write(path, to_toml(&workload))
            .map_err(|error| Problem::file("write", path, &error))?;
    }
    match arguments.format {
        Format::Human => report.human()?,
        Format::Json => print_json(&report.json())?,
    }
    Ok(exit(&answered))
}

/// The name of a scenario in this file, if it makes one.
fn name_for(path: &Path) -> Option<String> {
    let name = path.file_stem()?.to_str()?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain))
        .then(|| name.to_owned())
}

fn exit(answered: &Answered) -> Exit {
    match answered.outcome {
        Outcome::Differs(_) => Exit::Holds,
        Outcome::Same => Exit::Violated,
        Outcome::NoVerdict => Exit::NoVerdict,
    }
}

fn search(arguments: &Arguments, actual: Kernel, claimed: Kernel) -> Result<Answered> {
    let Some(name) = &arguments.scenario else {
        let mut progress = Progress::new();
        let tell = |steps, areas: &[&'static Area]| progress.tell(steps, areas);
        let answered = in_small_programs(actual, claimed, arguments.bound(), tell);
        progress.end();
        return Ok(answered);
    };
    let program = find_scenario(name)?.program;
    in_program(&program, actual, claimed, arguments.most_states).map_err(|error| match error {
        StepError::Spins(thread) => Problem::new(format!(
            "{name} cannot be explored: thread {} goes round without ever making a call or \
             waiting. Put a call into the loop, or a way out of it.",
            program.thread_name(thread)
        )),
        StepError::NotEnabled(error) => panic!("this is a bug in iocp-lab: {error}"),
    })
}

/// A line on the terminal that says where the search is; a line every half minute elsewhere.
struct Progress {
    begun: Instant,
    told: Instant,
    is_terminal: bool,
    open: bool,
}

impl Progress {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            told: Instant::now(),
            is_terminal: std::io::stderr().is_terminal(),
            open: false,
        }
    }

    fn tell(&mut self, steps: u32, areas: &[&'static Area]) {
        let often = if self.is_terminal { 1 } else { 30 };
        if self.told.elapsed().as_secs() < often {
            return;
        }
        self.told = Instant::now();
        let names: Vec<_> = areas.iter().map(|area| area.name.as_str()).collect();
        let seconds = self.begun.elapsed().as_secs();
        let line = format!(
            "{seconds} s: programs of {} ({})",
            counted(steps as usize, "step"),
            names.join(", ")
        );
        if self.is_terminal {
            eprint!("\r\x1b[K{line}");
            self.open = true;
        } else {
            eprintln!("{line}");
        }
    }

    fn end(&mut self) {
        if self.open {
            eprint!("\r\x1b[K");
        }
    }
}

/// Each two profiles both ways, and each mutant of the default profile.
fn all(arguments: &Arguments) -> Result {
    let profiles = Profile::ALL.iter().map(|profile| Kernel::from(*profile));
    let pairs = profiles.clone().flat_map(|actual| {
        let others = profiles.clone().filter(move |claimed| *claimed != actual);
        others.map(move |claimed| (actual, claimed))
    });
    let default = Kernel::default();
    let mutants = Mutant::all().map(|mutant| (default.with(mutant), default));
    let mut worst = Exit::Holds;
    let mut rows = Vec::new();
    for (actual, claimed) in pairs.chain(mutants) {
        let begun = Instant::now();
        let answered = search(arguments, actual, claimed)?;
        let seconds = begun.elapsed().as_secs_f64();
        worst = worst.max(exit(&answered));
        match arguments.format {
            Format::Human => {
                let mut out = output();
                let found = match &answered.outcome {
                    Outcome::Differs(found) => one_line(found),
                    Outcome::Same => "no difference".into(),
                    Outcome::NoVerdict => "no verdict".into(),
                };
                writeln!(out, "{actual} / {claimed}: {found} ({seconds:.1} s)")?;
                out.flush()?;
            }
            Format::Json => {
                let report = Report {
                    arguments,
                    actual,
                    claimed,
                    seconds,
                    answered: &answered,
                };
                rows.push(report.json());
            }
        }
    }
    if arguments.format == Format::Json {
        print_json(&rows.into())?;
    }
    Ok(worst)
}

/// "4 steps: a: Get(p); b: until a waits on p, Get(p)".
fn one_line(found: &Experiment) -> String {
    let workload = &found.program.workload;
    let threads = workload.threads.iter().map(|thread| {
        let steps = thread.program.iter().map(|step| {
            let mut step = serde_json::to_value(step).unwrap_or_default();
            let Some(keys) = step.as_object_mut() else {
                return String::new();
            };
            let what = keys.shift_remove("call");
            let words = keys
                .iter()
                .map(|(key, value)| format!("{key} {}", plain(value)));
            let words: Vec<_> = words.collect();
            match what {
                Some(call) => format!("{}({})", plain(&call), words.join(", ")),
                None => words.join(", "),
            }
        });
        format!("{}: {}", thread.name, steps.collect::<Vec<_>>().join("; "))
    });
    let threads: Vec<_> = threads.collect();
    format!(
        "{}: {}",
        counted(size(workload), "step"),
        threads.join(" | ")
    )
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

struct Report<'a> {
    arguments: &'a Arguments,
    actual: Kernel,
    claimed: Kernel,
    seconds: f64,
    answered: &'a Answered,
}

impl Report<'_> {
    fn human(&self) -> Result<()> {
        let mut out = output();
        match &self.answered.outcome {
            Outcome::Differs(found) => self.found(&mut out, found)?,
            Outcome::Same => writeln!(
                out,
                "{}",
                wrapped(
                    &format!(
                        "No difference: every outcome of {} is possible under {}, too, in {}. All {}.",
                        self.actual,
                        self.claimed,
                        self.where_it_looked(),
                        match self.arguments.scenario {
                            Some(_) => "schedules were tried",
                            None =>
                                "programs and schedules were tried; --steps N tries larger ones",
                        }
                    ),
                    terminal_width(),
                    0
                )
            )?,
            Outcome::NoVerdict => writeln!(
                out,
                "No verdict: the limit of {} states was reached, and no difference was found before \
                 it. --most-states N allows more.",
                self.arguments.most_states
            )?,
        }
        Ok(out.flush()?)
    }

    /// "programs of up to 3 threads and 4 steps".
    fn where_it_looked(&self) -> String {
        match &self.arguments.scenario {
            Some(name) => format!("the scenario {name}"),
            None => format!(
                "programs of up to {} and {} with up to {} of the menu",
                counted(self.arguments.threads.into(), "thread"),
                counted(self.arguments.steps as usize, "step"),
                counted(self.arguments.areas.into(), "area")
            ),
        }
    }

    fn found(&self, out: &mut impl Write, found: &Experiment) -> Result<()> {
        let Self {
            actual, claimed, ..
        } = self;
        let width = terminal_width();
        let workload = &found.program.workload;
        match &self.arguments.scenario {
            Some(_) => writeln!(
                out,
                "An outcome of {} that is possible under {actual} and impossible under {claimed},\n\
                 by the shortest schedule that has one:\n",
                workload.name
            )?,
            None => {
                writeln!(
                    out,
                    "The smallest workload with an outcome that is possible under {actual}\nand \
                     impossible under {claimed}, of {}:\n",
                    counted(size(workload), "step")
                )?;
                // What it declares and does; its title is said above.
                let text = to_toml(workload);
                let body = text.find("\n[").map_or(&text[..], |at| &text[at + 1..]);
                writeln!(out, "{body}")?;
            }
        }
        let options = columns::Options {
            ascii: self.arguments.ascii,
            width,
            title: false,
            ..Default::default()
        };
        writeln!(out, "Under {actual}, a nanosecond for each step:\n")?;
        write!(out, "{}", columns::columns(&found.trace, &options))?;
        writeln!(out, "\nThe outcome:")?;
        for line in outcome(found) {
            writeln!(out, "  {}", wrapped(&line, width.saturating_sub(2), 4))?;
        }
        writeln!(
            out,
            "\nUnder {claimed} some schedule does the same up to a point."
        )?;
        write!(
            out,
            "{}",
            parting(&found.program, &found.divergence, MOST_SHOWN)
        )?;
        let shown = self.shown(found);
        writeln!(
            out,
            "\n{shown} of {RUNS} random runs under {actual} have an outcome that {claimed} cannot \
             have."
        )?;
        if self.answered.refused > 0 {
            writeln!(
                out,
                "{} left out, since the checker of recordings explains what they show; there may be \
                 something smaller.",
                counted(self.answered.refused as usize, "schedule")
            )?;
        }
        match (&self.arguments.output, &self.arguments.scenario) {
            (Some(path), _) => {
                let path = quoted(&path.display().to_string());
                let says = match forced(found, *actual) {
                    Ok(forced) => self.says_forced(&forced, &path),
                    Err(why) => why,
                };
                if !says.is_empty() {
                    writeln!(out, "{}", wrapped(says.trim_start(), width, 0))?;
                }
                writeln!(out, "To see which a kernel is: iocp record {path}")?;
            }
            (None, Some(name)) => {
                writeln!(
                    out,
                    "To see which a kernel is: iocp record {}",
                    quoted(name)
                )?;
            }
            (None, None) => writeln!(
                out,
                "--output FILE writes the workload, ready for iocp record."
            )?,
        }
        Ok(())
    }

    /// What the order that is written into the file makes of random runs.
    fn says_forced(&self, forced: &Forced, path: &str) -> String {
        let shown = shown_in(&forced.program, self.actual, self.claimed, RUNS);
        let mut says = match forced.untils {
            0 => String::new(),
            _ => format!(
                "With the `until`s in {path}, which order the steps like this, {shown} of {RUNS} have."
            ),
        };
        if !forced.unforced.is_empty() {
            says += &format!(
                " No `until` can say, and it is left to luck: {}.",
                forced.unforced.join("; ")
            );
        }
        says
    }

    fn shown(&self, found: &Experiment) -> u64 {
        shown_in(&found.program, self.actual, self.claimed, RUNS)
    }

    fn json(&self) -> serde_json::Value {
        let Answered {
            outcome: answer,
            states,
            transitions,
            refused,
        } = self.answered;
        let verdict = match answer {
            Outcome::Differs(_) => "differs",
            Outcome::Same => "no-difference",
            Outcome::NoVerdict => "no-verdict",
        };
        let mut value = serde_json::json!({
            "possible_under": self.actual.to_string(),
            "impossible_under": self.claimed.to_string(),
            "verdict": verdict,
            "searched": self.where_it_looked(),
            "states": states,
            "transitions": transitions,
            "refused": refused,
            "seconds": self.seconds,
        });
        if let Outcome::Differs(found) = answer {
            let workload = &found.program.workload;
            let choices = found.schedule.iter().map(|choice| {
                let thread = found.program.thread_name(choice.thread());
                use iocp_scheduler::Choice;
                let what = match choice {
                    Choice::Step(_) => "step",
                    Choice::Return(..) => "return",
                    Choice::Expire(_) => "expire",
                    Choice::Suspend(_) => "suspend",
                };
                serde_json::json!({"thread": thread, "what": what})
            });
            let forced = forced(found, self.actual);
            let forced = match &forced {
                Ok(forced) => serde_json::json!({
                    "scenario": to_toml(&forced.program.workload),
                    "unforced": forced.unforced,
                    "random_runs_that_show_it":
                        shown_in(&forced.program, self.actual, self.claimed, RUNS),
                }),
                Err(why) => serde_json::json!({ "why_not": why }),
            };
            value["found"] = serde_json::json!({
                "steps": size(workload),
                "threads": found.program.threads.len(),
                "workload": workload,
                "scenario": to_toml(workload),
                "schedule": choices.collect::<Vec<_>>(),
                "trace": found.trace.events,
                "outcome": outcome(found),
                "event": found.divergence.event + 1,
                "recorded": found.divergence.recorded,
                "possible": found.divergence.possible,
                "forced": forced,
                "random_runs": RUNS,
                "random_runs_that_show_it": self.shown(found),
            });
        }
        value
    }
}

/// What each thread did and what came of it, a line each.
fn outcome(found: &Experiment) -> Vec<String> {
    let program = &found.program;
    let mut lines: Vec<Vec<String>> = vec![Vec::new(); program.threads.len()];
    for event in &found.trace.events {
        let Some(thread) = event.thread() else {
            continue;
        };
        let index = program.thread_names.iter().position(|name| name == thread);
        let Some(line) = index.map(|index| &mut lines[index]) else {
            continue;
        };
        match &event.what {
            Happening::Begin { call, .. } => line.push(format!("{call} never returns")),
            Happening::End { call, result, .. } => {
                line.pop();
                line.push(format!("{call} returns {}", describe(result)));
            }
            Happening::Until { condition, .. } => {
                line.push(format!("never sees that {condition}"));
            }
            Happening::Reached { condition, .. } => {
                line.pop();
                line.push(format!("sees that {condition}"));
            }
            Happening::Does { what, .. } => line.push(what.to_string()),
            _ => {}
        }
    }
    let named = program.thread_names.iter().zip(lines);
    named
        .map(|(name, line)| format!("{name}: {}", line.join("; ")))
        .collect()
}

/// The areas of the menu.
fn list() -> Result {
    let mut out = output();
    for (index, area) in areas().iter().enumerate() {
        let always = if index == 0 { ", in every program" } else { "" };
        writeln!(out, "{}: {}{always}", area.name, area.says)?;
    }
    out.flush()?;
    Ok(Exit::Holds)
}
