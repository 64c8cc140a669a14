//! `iocp run`: one schedule of a scenario on the model.

mod shrink;

use super::{
    Exit, Kernels, Problem, Result,
    explore::sentence,
    find_scenario, output,
    picture::{self, Format},
    print_json, quoted, read_at_most,
    trace_file::TraceFile,
};
use clap::{Args, ValueEnum};
use iocp_model::{Call, Kernel, Observer, Profile, Returned, ThreadId, ThreadState, rules::RuleId};
use iocp_scheduler::{
    End, Op, Program, Run, RunError, State, Watch,
    expect::{self, Collector, Failure},
    explore::{self, Violation},
    program::CallOp,
    run::{Options, RunWatch},
    strategy::{Answer, Pace, Pct, Random, Recorded, RoundRobin, Schedule, Strategy},
    trace::{Tracer, header},
};
use iocp_traces::{Clock, Event, Header, Trace, columns};
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// After how many steps a run is stopped, if nobody says otherwise.
const MOST_STEPS: u64 = 1_000_000;

/// The longest schedule that is read, in bytes.
const MOST_SCHEDULE_BYTES: u64 = 256 << 20;

#[derive(Args)]
pub(super) struct Arguments {
    /// The scenario: a file, or a name in the catalogue.
    scenario: String,
    /// The kernel that the model is to be: a profile, and behind it, with commas, rules to break
    /// (`windows-10-1607+,no-limit`; `iocp rules --mutants` lists them).
    #[arg(long, default_value = Profile::WINDOWS_10_1607.name, value_parser = Kernels)]
    profile: Kernel,
    /// The seed of the strategy.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Who chooses what happens next.
    #[arg(long, value_enum, default_value_t = Strategies::Random)]
    strategy: Strategies,
    /// Replay this schedule instead (one that --save-schedule or `iocp explore --schedule` wrote).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "strategy", "jitter", "profile"])]
    replay: Option<PathBuf>,
    /// Write the schedule to this file.
    #[arg(long, value_name = "FILE")]
    save_schedule: Option<PathBuf>,
    /// Write the trace to this file, as JSON lines; compressed if its name ends in .gz.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Stretch durations by a random part of so many percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    jitter: u32,
    /// Stop after so many steps.
    #[arg(
        long,
        value_name = "STEPS",
        default_value_t = MOST_STEPS,
        value_parser = clap::value_parser!(u64).range(..=100_000_000)
    )]
    most_steps: u64,
    /// If an expectation does not hold, make the scenario smaller as long as one of 200 seeds breaks
    /// it.
    #[arg(long, conflicts_with = "replay")]
    shrink: bool,
    /// Write the smaller scenario to this file.
    #[arg(long, value_name = "FILE", requires = "shrink")]
    output: Option<PathBuf>,
    /// Show at most so many events on the terminal.
    #[arg(long, value_name = "EVENTS", default_value_t = 2_000)]
    show: usize,
    /// Use ASCII characters only.
    #[arg(long)]
    ascii: bool,
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Strategies {
    /// Any choice is as likely as any other.
    Random,
    /// Random priorities with a few random changes (probabilistic concurrency testing).
    Pct,
    /// The threads in turn.
    RoundRobin,
}

impl Strategies {
    fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Pct => "pct",
            Self::RoundRobin => "round-robin",
        }
    }

    fn make(self, seed: u64, program: &Program) -> Box<dyn Strategy> {
        // A change for every tenth op or so, three of them: enough for bugs of depth four.
        let steps = program
            .codes
            .iter()
            .map(|code| code.ops.len() as u64)
            .sum::<u64>()
            * 10;
        match self {
            Self::Random => Box::new(Random::new(seed)),
            Self::Pct => Box::new(Pct::new(seed, program.threads.len(), steps, 4)),
            Self::RoundRobin => Box::new(RoundRobin::default()),
        }
    }
}

/// What a run gave.
struct Report {
    header: Header,
    events: Vec<Event<'static>>,
    count: u64,
    end: End,
    steps: u64,
    now_ns: u64,
    failures: Vec<Failure>,
    /// What a schedule of the explorer breaks.
    violation: Option<Violation>,
    untimed: bool,
    waiting: Vec<String>,
    again: String,
    kernel: Kernel,
}

pub(super) fn run(arguments: &Arguments) -> Result {
    let pictures = [Format::Html, Format::Perfetto];
    if arguments.shrink && pictures.contains(&arguments.format) {
        return Err(Problem::new(
            "--shrink tells of a smaller scenario, for which a picture has no place: use it with \
             --format human or json",
        ));
    }
    let scenario = find_scenario(&arguments.scenario)?;
    let program = &scenario.program;
    let replayed = match &arguments.replay {
        Some(path) => Some(read_schedule(path, program)?),
        None => None,
    };
    let mut kernel = arguments.profile;
    let mut jitter_percent = arguments.jitter;
    if let Some(schedule) = &replayed {
        kernel = schedule.profile.parse().map_err(|error| {
            Problem::new(format!(
                "the schedule is for \"{}\": {error}",
                schedule.profile
            ))
        })?;
        jitter_percent = schedule.jitter_percent;
    }
    let strategy: Box<dyn Strategy> = match &replayed {
        Some(schedule) => Box::new(schedule.replay(program).map_err(Problem::new)?),
        None => arguments.strategy.make(arguments.seed, program),
    };
    let name = if replayed.is_some() {
        "replay"
    } else {
        arguments.strategy.name()
    };
    let mut header = header(program, &kernel.to_string(), name, arguments.seed);
    let untimed = replayed
        .as_ref()
        .filter(|schedule| schedule.clock == Pace::None);
    if untimed.is_some() {
        header.clock = Clock::Steps;
    }
    let options = Options {
        most_steps: arguments.most_steps,
        jitter_percent,
        untimed: untimed.is_some(),
    };
    let mut run = Run::new(
        program,
        kernel.semantics(),
        Recorded::new(strategy),
        options,
    )
    .map_err(Problem::new)?;
    let sink = Output::new(arguments, &header)?;
    let mut watch = Both {
        tracer: Tracer::new(program, sink, true),
        collector: Collector::new(program),
    };
    let ran = match untimed {
        None => run.finish(&mut watch),
        Some(schedule) => finish_schedule(&mut run, &mut watch, schedule, program),
    };
    let end = match ran {
        Ok(end) => end,
        Err(error @ RunError::Bug(_)) => panic!("{error}"),
        Err(error) => return Err(Problem::new(error)),
    };
    let outcome = watch.collector.finish(run.state().clone());
    let failures = match end {
        // What comes later cannot mend what was broken on the way.
        End::OutOfSteps => expect::broken(program, kernel.profile.name, &outcome.seen),
        End::Finished | End::Settled => expect::check(program, kernel.profile.name, &outcome),
    };
    let sink = watch.tracer.into_sink();
    let (steps, now_ns) = (run.steps(), run.now_ns());
    let waiting = waiting(program, run.state());
    let strategy = run.into_strategy();
    if let Some(schedule) = &replayed
        && strategy.steps.len() < schedule.steps.len()
        && end != End::OutOfSteps
    {
        return Err(Problem::new(format!(
            "the schedule has {} steps, and nothing more can happen after {} of them. Was it made \
             from this scenario?",
            schedule.steps.len(),
            strategy.steps.len()
        )));
    }
    if let Some(path) = &arguments.save_schedule {
        let profile = kernel.to_string();
        let mut schedule = Schedule::new(program, &profile, jitter_percent, &strategy.steps);
        if let Some(replayed) = untimed {
            schedule.clock = Pace::None;
            schedule.allow_deadlock = replayed.allow_deadlock;
        }
        save_schedule(path, &schedule)?;
    }
    let violation = match untimed {
        None => None,
        Some(schedule) => broken(program, kernel, !schedule.allow_deadlock, &strategy.steps)?,
    };
    let (events, count) = sink.finish()?;
    let report = Report {
        header,
        events,
        count,
        end,
        steps,
        now_ns,
        failures,
        violation,
        untimed: untimed.is_some(),
        waiting,
        again: again(arguments, kernel),
        kernel,
    };
    let smaller = match report.failures.first() {
        Some(failure) if arguments.shrink => {
            let broken = failure.expectation;
            Some(shrink::shrink(arguments, &scenario, kernel, broken)?)
        }
        _ => None,
    };
    match arguments.format {
        Format::Human => {
            report.human(program, arguments)?;
            if let Some(smaller) = &smaller {
                let mut out = output();
                smaller.human(&mut out, arguments.output.as_deref())?;
                out.flush()?;
            }
        }
        Format::Json => {
            let mut json = report.json(arguments);
            if let Some(smaller) = &smaller {
                json["smaller"] = smaller.json();
            }
            print_json(&json)?;
        }
        Format::Html => {
            let command = format!("{} --format html", report.again);
            let outcome = report.outcome(program);
            picture::page(&report.trace(), report.hidden(), command, outcome)?;
        }
        Format::Perfetto => picture::perfetto(&report.trace(), report.hidden())?,
    }
    Ok(match report.verdict() {
        "holds" => Exit::Holds,
        "violated" => Exit::Violated,
        _ => Exit::NoVerdict,
    })
}

/// Takes the steps of a schedule that knows no time. It may end before the program does.
fn finish_schedule<S: Strategy>(
    run: &mut Run<'_, S>,
    watch: &mut impl RunWatch,
    schedule: &Schedule,
    program: &Program,
) -> std::result::Result<End, RunError> {
    for _ in &schedule.steps {
        if !run.step(watch)? {
            break;
        }
    }
    let mut choices = Vec::new();
    run.state().choices(program, &mut choices);
    if choices.is_empty() {
        run.finish(watch)
    } else {
        Ok(End::OutOfSteps)
    }
}

/// What the schedule breaks of what the explorer looks after.
fn broken(
    program: &Program,
    kernel: Kernel,
    deadlocks: bool,
    steps: &[Answer],
) -> Result<Option<Violation>> {
    let choices = steps.iter().filter_map(|step| match step {
        Answer::Choice(choice) => Some(*choice),
        Answer::Value(_) => None,
    });
    let choices: Vec<_> = choices.collect();
    explore::violation(program, kernel, deadlocks, &choices)
        .map_err(|error| Problem::new(RunError::of_step(program, error)))
}

/// The command that does the same again.
fn again(arguments: &Arguments, kernel: Kernel) -> String {
    let mut again = format!("iocp run {}", quoted(&arguments.scenario));
    if arguments.most_steps != MOST_STEPS {
        again += &format!(" --most-steps {}", arguments.most_steps);
    }
    if let Some(path) = &arguments.replay {
        return format!("{again} --replay {}", quoted(&path.display().to_string()));
    }
    again += &format!(" --seed {}", arguments.seed);
    if kernel != Kernel::default() {
        again += &format!(" --profile {kernel}");
    }
    again + &arguments.chooser()
}

impl Arguments {
    /// The options that say who chooses, but for the seed.
    fn chooser(&self) -> String {
        let mut options = String::new();
        if self.strategy != Strategies::Random {
            options += &format!(" --strategy {}", self.strategy.name());
        }
        if self.jitter > 0 {
            options += &format!(" --jitter {}", self.jitter);
        }
        options
    }
}

fn read_schedule(path: &Path, program: &Program) -> Result<Schedule> {
    let bytes = read_at_most(path, MOST_SCHEDULE_BYTES)?;
    let schedule: Schedule = serde_json::from_slice(&bytes).map_err(|error| {
        Problem::new(format!(
            "{} is not a schedule: {error}. --save-schedule and `iocp explore --schedule` write one.",
            path.display()
        ))
    })?;
    if schedule.format != iocp_scheduler::strategy::FORMAT || schedule.version != 1 {
        return Err(Problem::new(format!(
            "{} says that it is \"{}\" version {}; a schedule is \"{}\" version 1",
            path.display(),
            schedule.format,
            schedule.version,
            iocp_scheduler::strategy::FORMAT
        )));
    }
    if schedule.scenario != program.workload.name {
        return Err(Problem::new(format!(
            "{} is a schedule of the scenario \"{}\", not of \"{}\"",
            path.display(),
            schedule.scenario,
            program.workload.name
        )));
    }
    Ok(schedule)
}

pub(super) fn save_schedule(path: &Path, schedule: &Schedule) -> Result<()> {
    let write = || {
        let mut out = BufWriter::new(File::create(path)?);
        serde_json::to_writer_pretty(&mut out, schedule)?;
        writeln!(out)?;
        out.flush()
    };
    write().map_err(|error| Problem::file("write", path, &error))
}

/// The threads that are left, and what they wait for.
fn waiting(program: &Program, state: &State) -> Vec<String> {
    use iocp_model::{Frame, Target};
    let what = |id: ThreadId| {
        let thread = state.system.thread(id);
        let name = program.thread_name(id);
        match (thread.state, thread.frame) {
            (ThreadState::Terminated, _) => None,
            (ThreadState::Suspended, _) => Some(format!("{name} is suspended")),
            (ThreadState::Waiting, Frame::Dequeue(dequeue)) => Some(format!(
                "{name} waits on {}",
                program.port_name(dequeue.port)
            )),
            (ThreadState::Waiting, Frame::Wait(wait)) => Some(match wait.target {
                Target::Port(port) => {
                    format!("{name} waits on the handle of {}", program.port_name(port))
                }
                Target::Thread(other) => {
                    format!("{name} waits for the end of {}", program.thread_name(other))
                }
                _ => format!("{name} is blocked"),
            }),
            _ => match state.op(program, id) {
                Op::Until(_, text) => Some(format!("{name} waits until {text}")),
                _ => Some(format!("{name} is stuck")),
            },
        }
    };
    state.system.thread_ids().filter_map(what).collect()
}

/// A moment of virtual time: "0 ns", "10.406 ms".
fn moment(ns: u64) -> String {
    let (unit, name) = match ns {
        0..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let thousandths = (ns % unit) * 1_000 / unit;
    match thousandths {
        0 => format!("{} {name}", ns / unit),
        _ => format!("{}.{thousandths:03} {name}", ns / unit),
    }
}

/// Where the trace goes: into memory for the terminal, as far as it is shown, and to a file.
struct Output {
    shown: Vec<Event<'static>>,
    most_shown: usize,
    count: u64,
    file: Option<(PathBuf, TraceFile)>,
    error: Option<std::io::Error>,
}

impl Output {
    fn new(arguments: &Arguments, header: &Header) -> Result<Self> {
        let file = match &arguments.trace {
            Some(path) => {
                let file = TraceFile::create(path, header)
                    .map_err(|error| Problem::file("write", path, &error))?;
                Some((path.clone(), file))
            }
            None => None,
        };
        Ok(Self {
            shown: Vec::new(),
            most_shown: arguments.format.most_events(arguments.show),
            count: 0,
            file,
            error: None,
        })
    }

    fn finish(mut self) -> Result<(Vec<Event<'static>>, u64)> {
        if let Some((path, writer)) = self.file {
            let flushed = match self.error.take() {
                Some(error) => Err(error),
                None => writer.finish(),
            };
            flushed.map_err(|error| Problem::file("write", &path, &error))?;
        }
        Ok((self.shown, self.count))
    }
}

impl iocp_scheduler::trace::Sink for Output {
    fn event(&mut self, event: &Event<'_>) {
        self.count += 1;
        if self.shown.len() < self.most_shown {
            self.shown.push(event.clone().into_owned());
        }
        if let (Some((_, writer)), None) = (&mut self.file, &self.error)
            && let Err(error) = writer.event(event)
        {
            self.error = Some(error);
        }
    }
}

/// A tracer and a collector, both watching.
struct Both<'p> {
    tracer: Tracer<'p, Output>,
    collector: Collector,
}

impl Observer for Both<'_> {
    fn event(&mut self, event: iocp_model::Event) {
        self.collector.event(event);
        self.tracer.event(event);
    }

    fn rule(&mut self, _: RuleId) {}
}

impl Watch for Both<'_> {
    fn begins(&mut self, thread: ThreadId, op: &CallOp, call: &Call) {
        self.tracer.begins(thread, op, call);
        self.collector.begins(thread, op, call);
    }

    fn ends(&mut self, thread: ThreadId, op: &CallOp, returned: &Returned) {
        self.tracer.ends(thread, op, returned);
        self.collector.ends(thread, op, returned);
    }

    fn does(&mut self, thread: ThreadId, op: &Op) {
        self.tracer.does(thread, op);
        self.collector.does(thread, op);
    }

    fn marked_twice(&mut self, thread: ThreadId, key: u64) {
        self.collector.marked_twice(thread, key);
    }

    fn ended(&mut self, thread: ThreadId) {
        self.tracer.ended(thread);
    }
}

impl RunWatch for Both<'_> {
    fn step_begins(&mut self, now_ns: u64) {
        self.tracer.step_begins(now_ns);
    }

    fn run_begins(&mut self, program: &Program, state: &State) {
        self.collector.run_begins(program, state);
    }

    fn step_ends(&mut self, program: &Program, state: &State) {
        self.tracer.step_ends(program, state);
        self.collector.step_ends(program, state);
    }

    fn waits_until(&mut self, thread: ThreadId, op: &Op) {
        self.tracer.waits_until(thread, op);
    }

    fn settled(&mut self, now_ns: u64) {
        self.tracer.settled(now_ns);
    }
}

impl Report {
    fn verdict(&self) -> &'static str {
        match self.end {
            _ if self.violation.is_some() => "violated",
            End::OutOfSteps if self.failures.is_empty() => "no-verdict",
            _ if self.failures.is_empty() => "holds",
            _ => "violated",
        }
    }

    fn human(&self, program: &Program, arguments: &Arguments) -> Result<()> {
        let mut out = output();
        let workload = &program.workload;
        match workload.title.as_str() {
            "" => writeln!(out, "{}", workload.name)?,
            title => writeln!(out, "{}: {title}", workload.name)?,
        }
        writeln!(out)?;
        let trace = self.trace();
        let options = columns::Options {
            ascii: arguments.ascii,
            width: super::terminal_width(),
            title: false,
            ..Default::default()
        };
        write!(out, "{}", columns::columns(&trace, &options))?;
        let hidden = self.hidden();
        if hidden > 0 {
            writeln!(
                out,
                "\n{hidden} more events are not shown; --show N shows more, --trace FILE writes all."
            )?;
        }
        writeln!(out)?;
        for line in self.outcome(program) {
            match line.strip_prefix("- ") {
                Some(failure) => writeln!(out, "  {failure}")?,
                None => writeln!(out, "{line}")?,
            }
        }
        writeln!(out, "Again: {}", self.again)?;
        Ok(out.flush()?)
    }

    /// What is shown of the trace.
    fn trace(&self) -> Trace {
        Trace {
            header: self.header.clone(),
            events: self.events.clone(),
        }
    }

    /// How many events are not.
    fn hidden(&self) -> usize {
        self.count as usize - self.events.len()
    }

    /// How it ended and what holds, in sentences; each expectation that does not hold behind "- ".
    fn outcome(&self, program: &Program) -> Vec<String> {
        let mut lines = Vec::new();
        let after = if self.untimed {
            format!("after {}", super::counted(self.steps as usize, "step"))
        } else {
            format!("after {} steps, at {}", self.steps, moment(self.now_ns))
        };
        lines.push(match self.end {
            End::Finished => format!("All threads ended, {after}."),
            End::Settled => {
                format!(
                    "Nothing more can happen, {after}: {}.",
                    self.waiting.join("; ")
                )
            }
            End::OutOfSteps if self.untimed => {
                format!("The schedule ends here, {after}; the program can go on.")
            }
            End::OutOfSteps => {
                let verdict = match self.failures.is_empty() {
                    true => "No verdict: stopped",
                    false => "Stopped",
                };
                format!("{verdict} {after}. --most-steps N allows more.")
            }
        });
        let checked = program
            .workload
            .expect
            .iter()
            .filter(|expectation| expect::applies(expectation, self.kernel.profile.name))
            .count();
        if self.end != End::OutOfSteps || !self.failures.is_empty() {
            match (checked, self.failures.len()) {
                (0, _) => lines.push(format!(
                    "The scenario expects nothing under {}.",
                    self.kernel
                )),
                (1, 0) => lines.push("The one expectation holds.".to_owned()),
                (all, 0) => lines.push(format!("All {all} expectations hold.")),
                (all, broken) => {
                    lines.push(format!("{broken} of {all} expectations do not hold:"));
                    let failures = self.failures.iter();
                    lines.extend(failures.map(|failure| format!("- {failure}")));
                }
            }
        }
        match &self.violation {
            Some(violation) => {
                lines.push(format!("Violated: {}", sentence(&violation.to_string())));
            }
            None if self.untimed && self.end == End::OutOfSteps => {
                lines.push("No verdict: the schedule breaks no property so far.".to_owned());
            }
            None => {}
        }
        lines
    }

    fn json(&self, arguments: &Arguments) -> serde_json::Value {
        serde_json::json!({
            "scenario": self.header.scenario.get("name"),
            "profile": self.kernel.to_string(),
            "seed": arguments.seed,
            "verdict": self.verdict(),
            "end": match self.end {
                End::Finished => "finished",
                End::Settled => "settled",
                End::OutOfSteps => "out-of-steps",
            },
            "steps": self.steps,
            "time_ns": self.now_ns,
            "waiting": self.waiting,
            "failures": self.failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "violation": self.violation.as_ref().map(ToString::to_string),
            "events": self.count,
            "trace": self.events,
            "again": self.again,
        })
    }
}
