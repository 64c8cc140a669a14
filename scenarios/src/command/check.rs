//! `iocp check`: is each recording explained by some schedule of the model?

use super::{
    Exit, Format, Kernels, Problem, Result, answers::Answers, output, print_json, trace_file,
};
use crate::{
    explain::{self, Explanation},
    questions::QUESTIONS,
    recordings,
};
use clap::Args;
use iocp_model::Kernel;
use iocp_scheduler::{
    Program,
    conform::{Divergence, Options, Recording, Verdict},
    diagnose,
};
use iocp_traces::{ReadError, Trace, Verdict as Expected, columns};
use std::{
    fs::File,
    io::{BufReader, IsTerminal, Write},
    path::{Path, PathBuf},
    time::Instant,
};

/// How much of what came before a divergence is shown.
const MOST_EVENTS_SHOWN: usize = 60;
/// How much of what comes after it.
const MOST_EVENTS_AFTER: usize = 8;
/// Between the two.
const NOT_EXPLAINED: &str = "no schedule of the model has this:";

#[derive(Args)]
pub(super) struct Arguments {
    /// Recordings, or folders of them (*.jsonl, *.jsonl.gz); without any, all that are shipped.
    files: Vec<PathBuf>,
    /// Check against these profiles only; without it, against those of which the recording's header
    /// expects something, or else against the newest Windows. Rules to break may follow, with
    /// commas (`windows-10-1607+,no-limit`; `iocp rules --mutants` lists them).
    #[arg(long, value_parser = Kernels)]
    profile: Vec<Kernel>,
    #[command(flatten)]
    how: How,
    /// Show each divergence, also those that are expected.
    #[arg(long)]
    explain: bool,
    /// Write the verdicts into the headers of these files, as what is expected of them from now on.
    #[arg(long, requires = "files")]
    accept: bool,
    /// Say which answers the recordings give to the open questions of the rule book, and nothing
    /// else.
    #[arg(long, conflicts_with_all = ["profile", "explain", "accept"])]
    open_questions: bool,
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// How recordings are checked, here and by `iocp verify`.
#[derive(Args)]
pub(super) struct How {
    /// Assume up to so many waits that the recording does not show.
    #[arg(long, value_name = "WAITS", default_value_t = 0)]
    hidden_waits: u32,
    /// A call that the model completes must return within so many milliseconds; 0 for any time.
    #[arg(long, value_name = "MS", default_value_t = 250)]
    prompt: u64,
    /// Look at so many states before giving up; each event that is explained gives a 200,000th of them back.
    #[arg(long, value_name = "STATES", default_value_t = 2_000_000)]
    most_states: u64,
}

impl How {
    pub(super) fn options(&self) -> Options {
        Options {
            most_states: self.most_states,
            prompt_ns: (self.prompt > 0).then(|| self.prompt.saturating_mul(1_000_000)),
            hidden_waits: self.hidden_waits,
            ..Options::default()
        }
    }
}

/// One recording, checked.
struct Checked {
    file: String,
    scenario: String,
    producer: String,
    events: usize,
    trace: Trace,
    program: Program,
    verdicts: Vec<Judged>,
}

/// What one profile says of it.
struct Judged {
    kernel: Kernel,
    verdict: Verdict,
    expected: Option<Expected>,
    /// Why it diverges, if that is to be told.
    explanation: Option<Explanation>,
}

impl Judged {
    /// A divergence that was expected is as good as conformance.
    fn exit(&self) -> Exit {
        match (&self.verdict, self.expected) {
            (Verdict::NoVerdict { .. }, _) => Exit::NoVerdict,
            (Verdict::Conforms { .. }, None | Some(Expected::Conforms))
            | (Verdict::Diverges(_), Some(Expected::Diverges)) => Exit::Holds,
            _ => Exit::Violated,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result {
    let begin = Instant::now();
    let options = arguments.how.options();
    let mut sources: Vec<(String, Source)> = Vec::new();
    if arguments.files.is_empty() {
        let shipped = recordings::all().iter();
        sources.extend(shipped.map(|(name, bytes)| ((*name).to_owned(), Source::Shipped(bytes))));
    } else {
        for path in files(&arguments.files)? {
            sources.push((path.display().to_string(), Source::File(path)));
        }
    }
    if sources.is_empty() {
        return Err(Problem::new("there is no recording to check"));
    }
    if arguments.open_questions {
        return open_questions(&sources, options, arguments.format);
    }
    let mut out = output();
    let mut all = Vec::new();
    let mut exit = Exit::Holds;
    let mut unreadable = 0;
    let progress = std::io::stderr().is_terminal() && arguments.format == Format::Human;
    for (index, (name, source)) in sources.iter().enumerate() {
        if progress {
            eprint!("\r{} of {} recordings", index, sources.len());
        }
        let checked = match check(name, source, arguments, options) {
            Ok(checked) => checked,
            Err(problem) => {
                // One bad file does not lose what is said of the others.
                if progress {
                    eprint!("\r{:30}\r", "");
                }
                eprintln!("iocp: {problem}");
                unreadable += 1;
                continue;
            }
        };
        if arguments.accept
            && let Source::File(path) = source
        {
            accept(path, &checked)?;
        }
        exit = exit.max_severity(&checked);
        if arguments.format == Format::Human {
            if progress {
                eprint!("\r{:30}\r", "");
            }
            line(&mut out, &checked)?;
            for judged in &checked.verdicts {
                let surprising = judged.exit() != Exit::Holds;
                if surprising || (arguments.explain && judged.exit() == Exit::Holds) {
                    tell(&mut out, &checked, judged)?;
                }
            }
            out.flush()?;
        }
        all.push(checked);
    }
    let seconds = begin.elapsed().as_secs_f64();
    match arguments.format {
        Format::Human => {
            summary(&mut out, &all, unreadable, seconds)?;
            out.flush()?;
        }
        Format::Json => print_json(&json(&all, unreadable))?,
    }
    Ok(if unreadable > 0 { Exit::BadInput } else { exit })
}

impl Exit {
    /// The worse of two: violated before no verdict before holds.
    fn max_severity(self, checked: &Checked) -> Self {
        let rank = |exit| match exit {
            Self::Violated => 2,
            Self::NoVerdict => 1,
            _ => 0,
        };
        checked
            .verdicts
            .iter()
            .map(Judged::exit)
            .fold(self, |worst, exit| {
                if rank(exit) > rank(worst) {
                    exit
                } else {
                    worst
                }
            })
    }
}

enum Source {
    Shipped(&'static [u8]),
    File(PathBuf),
}

/// The files named, and those in the folders named.
pub(super) fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries =
            std::fs::read_dir(path).map_err(|error| Problem::file("read", path, &error))?;
        let before = files.len();
        files.extend(
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| trace_file::is_trace(path)),
        );
        files[before..].sort();
        if files.len() == before {
            return Err(Problem::new(format!(
                "there is no *.jsonl or *.jsonl.gz file in {}",
                path.display()
            )));
        }
    }
    Ok(files)
}

/// Reads a recording, and refuses one that was cut.
fn read(name: &str, source: &Source) -> std::result::Result<Trace, String> {
    let readable = |error: ReadError| format!("{name}: {error}");
    let trace = match source {
        Source::Shipped(bytes) => Trace::read(*bytes).map_err(readable)?,
        Source::File(path) => {
            let file = File::open(path).map_err(|error| format!("cannot read {name}: {error}"))?;
            Trace::read(BufReader::with_capacity(1 << 16, file)).map_err(readable)?
        }
    };
    recordings::whole(&trace).map_err(|error| format!("{name}: {error}"))?;
    Ok(trace)
}

/// The answers that the recordings of the questions' scenarios give; others say nothing.
fn open_questions(sources: &[(String, Source)], options: Options, format: Format) -> Result {
    let mut answers = Answers::default();
    let mut unreadable = 0;
    for (name, source) in sources {
        let read = read(name, source).and_then(|trace| answers.add(name, &trace, options));
        if let Err(problem) = read {
            eprintln!("iocp: {problem}");
            unreadable += 1;
        }
    }
    if answers.is_empty() && unreadable == 0 {
        return Err(Problem::new(format!(
            "none of the recordings is of a scenario that settles an open question; those are {}",
            QUESTIONS
                .iter()
                .map(|question| question.scenario)
                .collect::<Vec<_>>()
                .join(", ")
        )));
    }
    match format {
        Format::Human => {
            let mut out = output();
            answers.write(&mut out)?;
            out.flush()?;
        }
        Format::Json => print_json(&answers.json())?,
    }
    Ok(match unreadable {
        0 => answers.exit(),
        _ => Exit::BadInput,
    })
}

fn check(
    name: &str,
    source: &Source,
    arguments: &Arguments,
    options: Options,
) -> std::result::Result<Checked, String> {
    let trace = read(name, source)?;
    let program = recordings::program(&trace).map_err(|error| format!("{name}: {error}"))?;
    let kernels: Vec<Kernel> = if !arguments.profile.is_empty() {
        arguments.profile.clone()
    } else if trace.header.expect.is_empty() {
        vec![Kernel::default()]
    } else {
        let mut kernels = Vec::new();
        for name_of in trace.header.expect.keys() {
            kernels.push(name_of.parse().map_err(|error| {
                format!("{name}: line 1: the header expects something of \"{name_of}\": {error}")
            })?);
        }
        kernels
    };
    let mut verdicts = Vec::new();
    let unfit = |error| format!("{name}: {error}");
    let recording = Recording::read(&program, &trace).map_err(unfit)?;
    for kernel in kernels {
        let verdict = recording
            .check(kernel.semantics(), options, &mut ())
            .map_err(unfit)?;
        let mut judged = Judged {
            kernel,
            verdict,
            expected: trace.header.expect.get(&kernel.to_string()).copied(),
            explanation: None,
        };
        if let Verdict::Diverges(divergence) = &judged.verdict
            && (arguments.explain || judged.exit() != Exit::Holds)
        {
            let options = diagnose::Options {
                conform: options,
                ..diagnose::Options::default()
            };
            let explanation = explain::explain(&program, &recording, kernel, divergence, options);
            judged.explanation = Some(explanation.map_err(unfit)?);
        }
        verdicts.push(judged);
    }
    drop(recording);
    Ok(Checked {
        file: name.to_owned(),
        scenario: program.workload.name.clone(),
        producer: trace.header.producer.name().into_owned(),
        events: trace.events.len(),
        trace,
        program,
        verdicts,
    })
}

/// Makes what was found what is expected. A recording without a verdict stays as it is.
fn accept(path: &Path, checked: &Checked) -> Result<()> {
    if !checked.trace.header.producer.is_recorded() {
        return Err(Problem::new(format!(
            "{} was made by the simulator: what a recording is expected to show is for recordings",
            path.display()
        )));
    }
    let mut trace = checked.trace.clone();
    for judged in &checked.verdicts {
        let found = match judged.verdict {
            Verdict::Conforms { .. } => Expected::Conforms,
            Verdict::Diverges(_) => Expected::Diverges,
            Verdict::NoVerdict { .. } => continue,
        };
        trace.header.expect.insert(judged.kernel.to_string(), found);
    }
    trace_file::replace(path, &trace).map_err(|error| Problem::file("write", path, &error))
}

fn line(out: &mut impl Write, checked: &Checked) -> std::io::Result<()> {
    let verdicts: Vec<_> = checked
        .verdicts
        .iter()
        .map(|judged| format!("{} {}", judged.kernel, judged.verdict.word()))
        .collect();
    let worst = checked
        .verdicts
        .iter()
        .map(Judged::exit)
        .max()
        .unwrap_or(Exit::Holds);
    let expected = match worst {
        Exit::Holds
            if checked
                .verdicts
                .iter()
                .any(|judged| judged.expected.is_some()) =>
        {
            "as expected"
        }
        Exit::Holds => "",
        Exit::NoVerdict => "no verdict",
        _ if checked
            .verdicts
            .iter()
            .any(|judged| judged.expected.is_some()) =>
        {
            "NOT AS EXPECTED"
        }
        _ => "DIVERGES",
    };
    let text = format!(
        "{:<28} {:<10} {:>6} events  {:<48} {expected}",
        checked.scenario,
        checked.producer,
        checked.events,
        verdicts.join(", "),
    );
    writeln!(out, "{}", text.trim_end())
}

/// The longest conforming prefix, what the model could have done there, and what the recording did.
fn tell(out: &mut impl Write, checked: &Checked, judged: &Judged) -> std::io::Result<()> {
    let profile = judged.kernel;
    match &judged.verdict {
        Verdict::Conforms { states } => {
            if judged.exit() != Exit::Holds {
                writeln!(
                    out,
                    "\n  {} conforms to {profile} ({states} states), though its header says that it diverges.\n",
                    checked.file
                )?;
            }
        }
        Verdict::NoVerdict { states, events } => {
            let says = explain::undecided(profile, *states, *events, checked.events);
            writeln!(out, "\n  {}: {says}.\n", checked.file)?;
        }
        Verdict::Diverges(divergence) => {
            divergence_in_full(out, checked, profile, divergence)?;
            if let Some(explanation) = &judged.explanation {
                let width = super::terminal_width().saturating_sub(2);
                for line in explanation.text(width).lines() {
                    writeln!(out, "  {line}")?;
                }
                writeln!(out)?;
            }
        }
    }
    Ok(())
}

fn divergence_in_full(
    out: &mut impl Write,
    checked: &Checked,
    profile: Kernel,
    divergence: &Divergence,
) -> std::io::Result<()> {
    let event = divergence.event;
    writeln!(
        out,
        "\n  {}: {}.",
        checked.file,
        explain::unexplained(profile, event, checked.events)
    )?;
    writeln!(
        out,
        "\n  As far as it is explained, and what comes after:\n"
    )?;
    let after = MOST_EVENTS_AFTER.min(checked.events - event);
    let shown = Trace {
        header: checked.trace.header.clone(),
        events: checked.trace.events[..event + after].to_vec(),
    };
    let options = columns::Options {
        width: super::terminal_width().saturating_sub(4),
        title: false,
        last: MOST_EVENTS_SHOWN + after,
        ..Default::default()
    };
    let mark = columns::Mark {
        events: event,
        text: NOT_EXPLAINED.to_owned(),
    };
    for row in columns::marked(&shown, &options, &[mark]).lines() {
        writeln!(out, "{}", format!("    {row}").trim_end())?;
    }
    writeln!(out)?;
    for line in explain::parting(&checked.program, divergence, usize::MAX).lines() {
        writeln!(out, "  {line}")?;
    }
    writeln!(out)
}

fn summary(
    out: &mut impl Write,
    all: &[Checked],
    unreadable: usize,
    seconds: f64,
) -> std::io::Result<()> {
    let judged = || all.iter().flat_map(|checked| &checked.verdicts);
    let as_expected = all
        .iter()
        .filter(|checked| {
            checked
                .verdicts
                .iter()
                .all(|judged| judged.exit() == Exit::Holds)
        })
        .count();
    let mut profiles: Vec<String> = judged().map(|judged| judged.kernel.to_string()).collect();
    profiles.sort_unstable();
    profiles.dedup();
    let counts: Vec<String> = profiles
        .iter()
        .map(|name| {
            let count = |word: &str| {
                judged()
                    .filter(|judged| {
                        judged.kernel.to_string() == *name && judged.verdict.word() == word
                    })
                    .count()
            };
            let mut text = format!(
                "{name}: {} conform, {} diverge",
                count("conforms"),
                count("diverges")
            );
            if count("no verdict") > 0 {
                text += &format!(", {} without verdict", count("no verdict"));
            }
            text
        })
        .collect();
    let expecting = all.iter().any(|checked| {
        checked
            .verdicts
            .iter()
            .any(|judged| judged.expected.is_some())
    });
    let fine = if expecting {
        "as expected"
    } else {
        "conforming"
    };
    writeln!(
        out,
        "\n{}, {as_expected} {fine}{}{}. {seconds:.1} s.",
        super::counted(all.len(), "recording"),
        if unreadable > 0 {
            format!(", {unreadable} unreadable")
        } else {
            String::new()
        },
        if counts.is_empty() {
            String::new()
        } else {
            format!(" ({})", counts.join("; "))
        },
    )
}

fn json(all: &[Checked], unreadable: usize) -> serde_json::Value {
    let recordings: Vec<_> = all
        .iter()
        .map(|checked| {
            let verdicts: Vec<_> = checked
                .verdicts
                .iter()
                .map(|judged| {
                    let mut value = serde_json::json!({
                        "profile": judged.kernel.to_string(),
                        "verdict": judged.verdict.word(),
                        "expected": judged.expected.map(Expected::name),
                        "ok": judged.exit() == Exit::Holds,
                    });
                    if let Verdict::Diverges(divergence) = &judged.verdict {
                        value["event"] = (divergence.event + 1).into();
                        value["recorded"] = divergence.recorded.clone().into();
                        value["possible"] = divergence.possible.clone().into();
                        let states = divergence.states.iter();
                        let states: Vec<_> = states
                            .map(|state| explain::describe_state(&checked.program, state))
                            .collect();
                        value["states"] = states.into();
                    }
                    if let Some(explanation) = &judged.explanation {
                        value["diagnosis"] = explanation.json();
                    }
                    value
                })
                .collect();
            serde_json::json!({
                "file": checked.file,
                "scenario": checked.scenario,
                "producer": checked.trace.header.producer,
                "events": checked.events,
                "verdicts": verdicts,
            })
        })
        .collect();
    serde_json::json!({ "recordings": recordings, "unreadable": unreadable })
}
