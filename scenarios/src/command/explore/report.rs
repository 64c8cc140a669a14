//! What a search found, for people and for programs.

use super::{Arguments, Exit, counterexample::Shown, watch::Stopped};
use crate::{file::Scenario, unit::by_thousands};
use bytesize::ByteSize;
use iocp_model::Kernel;
use iocp_scheduler::{
    expect::{self, When},
    explore::{Limit, Report, Verdict},
    strategy::Schedule,
};
use serde_json::json;
use std::{
    io::{Result, Write},
    time::Duration,
};

/// From so many states on, it means something how many there are a second, and their bytes.
const ENOUGH_STATES: u64 = 10_000;

/// A scenario that was searched.
pub(super) struct Explored {
    /// As it was asked for: a name, or a file.
    pub(super) name: String,
    pub(super) kernel: Kernel,
    pub(super) report: Report,
    pub(super) elapsed: Duration,
    /// What stopped it from outside, if anything did.
    pub(super) stopped: Option<Stopped>,
    /// A violation had been found, and the shortest schedule was looked for.
    pub(super) looked_for_shortest: bool,
    /// The most memory that the process has ever had, if the system tells.
    pub(super) peak_memory: Option<u64>,
    /// It was searched depth first.
    pub(super) depth_first: bool,
    pub(super) again: String,
}

/// The most memory that this process has ever had, if the system tells.
pub(super) fn peak_memory() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let status = procfs::process::Process::myself().ok()?.status().ok()?;
        Some(status.vmhwm? * 1024)
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// "13,005".
pub(in super::super) fn number(number: u64) -> String {
    by_thousands(&number.to_string())
}

/// "3.4 GiB".
pub(super) fn bytes(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// "1 end", "2 ends".
fn several(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", number(count))
}

impl Explored {
    pub(super) fn exit(&self) -> Exit {
        match self.report.verdict {
            Verdict::Holds => Exit::Holds,
            Verdict::Violated(_) => Exit::Violated,
            Verdict::Unknown(_) => Exit::NoVerdict,
        }
    }

    fn word(&self) -> &'static str {
        match self.report.verdict {
            Verdict::Holds => "holds",
            Verdict::Violated(_) => "violated",
            Verdict::Unknown(_) => "no-verdict",
        }
    }

    fn seconds(&self) -> f64 {
        self.elapsed.as_secs_f64()
    }

    fn states_per_second(&self) -> f64 {
        self.report.states as f64 / self.seconds().max(1e-9)
    }

    /// What the limit is called, and how to raise it.
    fn limit(&self, arguments: &Arguments) -> Option<(&'static str, String)> {
        let limit = match &self.report.verdict {
            Verdict::Unknown(limit) => *limit,
            Verdict::Violated(counterexample) => counterexample.not_shortest?,
            Verdict::Holds => return None,
        };
        Some(
            match (self.stopped.filter(|_| limit == Limit::Stopped), limit) {
                (Some(Stopped::Interrupted), _) => (
                    "stopped",
                    "it was stopped with Ctrl-C. Let it go on for longer".to_owned(),
                ),
                (Some(Stopped::Time), _) => (
                    "time",
                    match &arguments.time {
                        Some(time) => format!("the {time} were over. --time TIME allows more"),
                        None => "the time was over. --time TIME allows more".to_owned(),
                    },
                ),
                (None, Limit::States) => (
                    "states",
                    "it has visited as many states as it may. --most-states STATES allows more"
                        .to_owned(),
                ),
                (None, Limit::Depth) => (
                    "depth",
                    "there are longer schedules than it may follow. --most-depth STEPS allows more"
                        .to_owned(),
                ),
                (None, Limit::Memory) => (
                    "memory",
                    format!(
                        "it needs more memory than the {} that it may have. --memory SIZE allows more",
                        super::exactly(arguments.memory.as_u64())
                    ),
                ),
                (None, Limit::Stopped) => ("stopped", "it was stopped".to_owned()),
            },
        )
    }

    /// The properties that were looked after.
    fn properties(&self, scenario: &Scenario, arguments: &Arguments) -> Vec<String> {
        let mut properties = Vec::new();
        if self.kernel.mutants.iter().next().is_none() {
            properties.push("the invariants of the model".to_owned());
        }
        properties.push("no packet delivered twice".to_owned());
        if !arguments.allow_deadlock {
            properties.push("no deadlock".to_owned());
        }
        let expect = scenario.workload.expect.iter();
        let expect: Vec<_> = expect
            .filter(|expectation| expect::applies(expectation, self.kernel.profile.name))
            .collect();
        let always = expect
            .iter()
            .filter(|expectation| expect::when(expectation) == When::Always)
            .count();
        if !expect.is_empty() {
            let mut text = several(expect.len() as u64, "expectation");
            if always > 0 {
                text += &format!(", {always} of them after every step");
            }
            properties.push(text);
        }
        properties
    }

    /// Everything about it.
    pub(super) fn human(
        &self,
        out: &mut impl Write,
        scenario: &Scenario,
        arguments: &Arguments,
        shown: Option<&Shown>,
    ) -> Result<()> {
        let Self { report, kernel, .. } = self;
        match scenario.workload.title.as_str() {
            "" => writeln!(out, "{}", scenario.workload.name)?,
            title => writeln!(out, "{}: {title}", scenario.workload.name)?,
        }
        writeln!(out)?;
        if let Some(shown) = shown {
            let limit = self.limit(arguments).map(|(_, why)| why);
            shown.human(out, scenario, arguments.ascii, limit.as_deref())?;
        }
        let width = super::super::terminal_width();
        let mut item = |name: &str, text: &str| {
            const INDENT: usize = 12;
            let text = super::super::wrapped(text, width.saturating_sub(INDENT), INDENT);
            writeln!(out, "{name:<INDENT$}{text}")
        };
        item("kernel", &kernel.to_string())?;
        item("searched", &self.searched())?;
        item("needed", &self.needed())?;
        item("checked", &self.properties(scenario, arguments).join("; "))?;
        item(
            "reductions",
            &match report.reductions[..] {
                [] => "none".to_owned(),
                _ => report.reductions.join(", "),
            },
        )?;
        for (name, why) in &report.refused {
            item("refused", &format!("{name}: {why}"))?;
        }
        if let Some(digest) = report.digest {
            item("digest", &format!("{digest:016x}"))?;
        }
        writeln!(out)?;
        match &report.verdict {
            Verdict::Holds => match report.omission {
                None => writeln!(out, "Holds: no schedule breaks any of these properties.")?,
                Some(omission) => writeln!(
                    out,
                    "Holds, as far as it saw: no schedule breaks any of these properties, but states \
                     were not kept exactly, and one may have been left out, with a probability of at \
                     most {omission:.2e}. --storage exact is certain."
                )?,
            },
            Verdict::Violated(counterexample) => {
                writeln!(
                    out,
                    "Violated: {}",
                    sentence(&counterexample.violation.to_string())
                )?;
            }
            Verdict::Unknown(_) => {
                let (_, why) = self.limit(arguments).unwrap_or_default();
                writeln!(out, "No verdict: {why}.")?;
                if self.looked_for_shortest {
                    writeln!(
                        out,
                        "A property is broken in some schedule, but the search for it was cut short."
                    )?;
                } else {
                    writeln!(out, "What it has seen so far breaks no property.")?;
                }
            }
        }
        if let Some(path) = &arguments.schedule
            && shown.is_some()
        {
            let scenario = super::super::quoted(&arguments.scenarios[0]);
            let path = super::super::quoted(&path.display().to_string());
            writeln!(out, "Replay: iocp run {scenario} --replay {path}")?;
        }
        if let Some(path) = self.kept(arguments) {
            writeln!(out, "Go on: {} --resume {path}", self.again)?;
        }
        writeln!(out, "Again: {}", self.again)
    }

    /// The file in which the search was kept, for a shell.
    fn kept(&self, arguments: &Arguments) -> Option<String> {
        // What looks for the shortest schedule begins anew.
        let is_cut = self.exit() == Exit::NoVerdict && !self.looked_for_shortest;
        let path = arguments.checkpoint.as_ref().filter(|_| is_cut)?;
        Some(super::super::quoted(&path.display().to_string()))
    }

    fn searched(&self) -> String {
        let report = &self.report;
        let about = if report.is_about { "about " } else { "" };
        let depth = match self.depth_first {
            true => format!("depth first to depth {}", report.depth),
            false => format!("depth {}", report.depth),
        };
        [
            format!("{about}{}", several(report.states, "state")),
            format!("{about}{}", several(report.transitions, "transition")),
            depth,
            several(report.ends, "end"),
        ]
        .join(", ")
    }

    fn needed(&self) -> String {
        let memory = match self.peak_memory {
            Some(peak) => bytes(peak),
            None => format!("about {}", bytes(self.report.memory)),
        };
        let mut needed = format!("{:.2} s, {memory} of memory", self.seconds());
        // Of fewer, it says how long it takes to begin.
        if self.report.states >= ENOUGH_STATES {
            needed += &format!(
                "; {} states a second, {:.1} bytes a state",
                number(self.states_per_second() as u64),
                self.report.visited_memory as f64 / self.report.states as f64,
            );
        }
        needed
    }

    /// A line of a list.
    pub(super) fn line(&self, out: &mut impl Write) -> Result<()> {
        let report = &self.report;
        let digest = report.digest.map(|digest| format!("{digest:016x}"));
        let mut line = format!(
            "{:<36}  {:<10}  {:>13}  {:>13}  {:>5}  {:>8.2}  {}",
            self.name,
            self.word(),
            number(report.states),
            number(report.transitions),
            report.depth,
            self.seconds(),
            digest.as_deref().unwrap_or(""),
        );
        if let Verdict::Violated(counterexample) = &report.verdict {
            line += &counterexample.violation.to_string();
        }
        writeln!(out, "{}", line.trim_end())
    }

    pub(super) fn json(
        &self,
        scenario: &Scenario,
        arguments: &Arguments,
        shown: Option<&Shown>,
    ) -> serde_json::Value {
        let report = &self.report;
        let counterexample = match &report.verdict {
            Verdict::Violated(counterexample) => {
                let schedule = Schedule::untimed(
                    &scenario.program,
                    &self.kernel.to_string(),
                    arguments.allow_deadlock,
                    &counterexample.schedule,
                );
                json!({
                    "violation": {
                        "kind": counterexample.violation.kind(),
                        "message": counterexample.violation.to_string(),
                    },
                    "schedule": schedule.steps,
                    "is_shortest": counterexample.cycle.is_none()
                        && counterexample.not_shortest.is_none(),
                    "cycle": counterexample.cycle,
                    "point_of_no_return": counterexample.point_of_no_return,
                    "trace": shown.map(|shown| &shown.trace.events),
                })
            }
            _ => serde_json::Value::Null,
        };
        let limit = self.limit(arguments);
        let refused: Vec<_> = report
            .refused
            .iter()
            .map(|(reduction, why)| json!({ "reduction": reduction, "why": why }))
            .collect();
        json!({
            "scenario": scenario.workload.name,
            "profile": self.kernel.to_string(),
            "verdict": self.word(),
            "states": report.states,
            "transitions": report.transitions,
            "counts_are": if report.is_about { "about" } else { "exact" },
            "search": if self.depth_first { "depth-first" } else { "breadth-first" },
            "depth": report.depth,
            "ends": report.ends,
            "seconds": self.seconds(),
            "states_per_second": self.states_per_second(),
            "peak_memory_bytes": self.peak_memory.unwrap_or(report.memory),
            "peak_memory_of": if self.peak_memory.is_some() { "process" } else { "search, roughly" },
            "visited_bytes": report.visited_memory,
            "digest": report.digest.map(|digest| format!("{digest:016x}")),
            "omission_probability": report.omission,
            "checked": self.properties(scenario, arguments),
            "reductions": report.reductions,
            "refused": refused,
            "limit": limit.as_ref().map(|(name, _)| name),
            "limit_message": limit.as_ref().map(|(_, why)| why),
            "counterexample": counterexample,
            "again": self.again,
        })
    }
}

/// A message with a full stop at its end.
pub(in super::super) fn sentence(message: &str) -> String {
    if message.ends_with(['.', '?', '!']) {
        message.to_owned()
    } else {
        format!("{message}.")
    }
}

/// Over the lines of a list.
pub(super) fn head(out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "{:<36}  {:<10}  {:>13}  {:>13}  {:>5}  {:>8}",
        "scenario", "verdict", "states", "transitions", "depth", "seconds"
    )
}

/// Under the lines of a list.
pub(super) fn summary(out: &mut impl Write, all: &[Explored], asked: usize) -> Result<()> {
    let count = |exit| {
        all.iter()
            .filter(|explored| explored.exit() == exit)
            .count()
    };
    let mut parts = vec![format!("{} hold", count(Exit::Holds))];
    if count(Exit::Violated) > 0 {
        parts.push(format!("{} violated", count(Exit::Violated)));
    }
    if count(Exit::NoVerdict) > 0 {
        parts.push(format!("{} without a verdict", count(Exit::NoVerdict)));
    }
    if all.len() < asked {
        parts.push(format!("{} not searched", asked - all.len()));
    }
    writeln!(out)?;
    writeln!(
        out,
        "{}: {}. {} states, {:.1} s.",
        super::super::counted(asked, "scenario"),
        parts.join(", "),
        number(all.iter().map(|explored| explored.report.states).sum()),
        all.iter().map(Explored::seconds).sum::<f64>(),
    )
}
