//! `iocp record`: scenarios on the kernel of this machine.

#[cfg(not(windows))]
use super::Problem;
use super::Result;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Arguments {
    /// The scenarios: files, or names in the catalogue.
    #[arg(required_unless_present_any = ["all", "open_questions"])]
    scenarios: Vec<String>,
    /// Record the whole catalogue, as far as this machine can.
    #[arg(long, conflicts_with = "scenarios")]
    all: bool,
    /// Record what settles the open questions of the rule book, and say which answers this kernel
    /// gives.
    #[arg(long, conflicts_with_all = ["scenarios", "all"])]
    open_questions: bool,
    /// The folder for the recordings; it is made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "recordings")]
    out: PathBuf,
    /// Record each scenario so many times; 1 if not given, or 10 with --open-questions.
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: Option<u32>,
    #[command(flatten)]
    settings: Settings,
}

/// How scenarios are recorded, here and by `iocp verify`.
#[derive(Args)]
pub(super) struct Settings {
    /// Where the kernel does not tell whether a thread is blocked: take it to be after so many
    /// milliseconds in its call.
    #[arg(long, value_name = "MS", default_value_t = 30)]
    pub(super) settle: u64,
    /// Give up on a recording after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(super) watchdog: u64,
    /// Have room for so many events, and packets, of each thread.
    #[arg(long, value_name = "EVENTS", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(super) most_events: u32,
    /// A sentence about the machine, for the header.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) note: String,
}

#[cfg(not(windows))]
pub(super) fn run(arguments: &Arguments) -> Result {
    let Arguments {
        scenarios,
        all,
        open_questions,
        out,
        repeat,
        settings,
    } = arguments;
    let Settings {
        settle,
        watchdog,
        most_events,
        note,
    } = settings;
    let _ = (
        (scenarios, all, open_questions, out, repeat),
        (settle, watchdog, most_events, note),
    );
    Err(Problem::new(
        "recording needs a Windows kernel, or Wine: build iocp for Windows and run it there. The \
         book's chapter \"Record a real kernel\" says how.",
    ))
}

#[cfg(windows)]
pub(super) use on_windows::{keep, record, run};

#[cfg(windows)]
mod on_windows {
    use super::{
        super::{Exit, Problem, answers::Answers, find_scenario, output, trace_file},
        Arguments, Result, Settings,
    };
    use crate::{catalogue, questions::QUESTIONS};
    use iocp_scheduler::{
        Program, conform,
        native::{self, Options, RecordError},
    };
    use iocp_traces::{Producer, Trace};
    use std::{
        io::Write,
        path::{Path, PathBuf},
        time::Duration,
    };

    /// A recording of so many events is compressed.
    const MANY_EVENTS: usize = 5_000;
    /// How often the scenarios of the open questions are recorded: some answers vary.
    const QUESTION_REPEAT: u32 = 10;

    pub(in super::super) fn run(arguments: &Arguments) -> Result {
        let names: Vec<String> = if arguments.all {
            catalogue::all()
                .iter()
                .map(|entry| entry.name.to_owned())
                .collect()
        } else if arguments.open_questions {
            QUESTIONS
                .iter()
                .map(|question| question.scenario.to_owned())
                .collect()
        } else {
            arguments.scenarios.clone()
        };
        std::fs::create_dir_all(&arguments.out)
            .map_err(|error| Problem::file("make the folder", &arguments.out, &error))?;
        let repeat = match arguments.open_questions {
            true => QUESTION_REPEAT,
            false => 1,
        };
        let repeat = arguments.repeat.unwrap_or(repeat);
        let mut answers = Answers::default();
        let (mut made, mut skipped, mut failed) = (0, 0, 0);
        for name in &names {
            let scenario = find_scenario(name)?;
            for turn in 1..=repeat {
                match record(&scenario.program, &arguments.settings) {
                    Ok(recording) => {
                        let path = keep(&arguments.out, &recording, turn)?;
                        println!("{}  {} events", path.display(), recording.events.len());
                        made += 1;
                        if arguments.open_questions {
                            let file = path.display().to_string();
                            answers
                                .add(&file, &recording, conform::Options::default())
                                .map_err(Problem::new)?;
                        }
                    }
                    Err(
                        error @ (RecordError::NotRecordable(_)
                        | RecordError::Processors { .. }
                        | RecordError::Missing(_)),
                    ) => {
                        println!("{name}: skipped: {error}");
                        skipped += 1;
                        break;
                    }
                    Err(error) => {
                        eprintln!("iocp: {name}: {error}");
                        failed += 1;
                    }
                }
            }
        }
        println!(
            "{made} recordings made, {skipped} scenarios skipped, {failed} recordings failed."
        );
        if arguments.open_questions {
            let mut out = output();
            writeln!(out)?;
            answers.write(&mut out)?;
            out.flush()?;
        }
        Ok(if failed > 0 {
            Exit::NoVerdict
        } else {
            Exit::Holds
        })
    }

    /// Records a program once.
    pub(in super::super) fn record(
        program: &Program,
        settings: &Settings,
    ) -> std::result::Result<Trace, RecordError> {
        let options = Options {
            settle: Duration::from_millis(settings.settle),
            watchdog: Duration::from_secs(settings.watchdog),
            most_events: settings.most_events,
            ..Options::default()
        };
        let mut recording = native::record(program, &options)?;
        if !settings.note.is_empty() {
            recording.header.provenance += &format!(" {}", settings.note);
        }
        Ok(recording)
    }

    /// Writes a recording into the folder, and says where.
    pub(in super::super) fn keep(folder: &Path, recording: &Trace, turn: u32) -> Result<PathBuf> {
        let path = path(folder, recording, turn);
        trace_file::write(&path, recording)
            .map_err(|error| Problem::file("write", &path, &error))?;
        Ok(path)
    }

    /// `lifo-release--wine-8.0--1.jsonl`: the scenario, the kernel that was recorded, the turn. A
    /// large one is compressed: `load-batches--wine-8.0--1.jsonl.gz`.
    fn path(folder: &Path, recording: &Trace, turn: u32) -> PathBuf {
        let ending = match recording.events.len() {
            0..MANY_EVENTS => "jsonl",
            _ => "jsonl.gz",
        };
        let scenario = recording.header.scenario["name"]
            .as_str()
            .unwrap_or("scenario")
            .to_owned();
        let kernel = match &recording.header.producer {
            Producer::Windows { build, .. } => format!("windows-{build}"),
            Producer::Wine { version, .. } => format!("wine-{version}"),
            Producer::Simulator { .. } => "simulator".into(),
        };
        let kernel: String = kernel
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "-.".contains(c) {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        folder.join(format!("{scenario}--{kernel}--{turn}.{ending}"))
    }
}
