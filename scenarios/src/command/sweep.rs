//! `iocp sweep`: a scenario under many settings, point by point.
//!
//! Here are the arguments and the way through them. `pool` simulates points on several threads,
//! `watch` says how far it is; the folder of results is next door, because `iocp merge` has one, too.

mod pool;
mod watch;

use super::{
    Exit, Problem, Result, find_scenario, output, quoted, read_at_most,
    results::{Folder, counts, verdict},
};
use crate::{
    catalogue,
    file::{MOST_BYTES, Scenario},
    sweep::{Plan, Row, Shard, Sheet, Status, Written},
    unit::Unit,
};
use clap::Args;
use pool::{Event, Pool};
use std::{
    collections::BTreeMap,
    io::Write,
    num::NonZeroUsize,
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::mpsc::{RecvTimeoutError, channel},
    thread::available_parallelism,
    time::Duration,
};
use watch::Watch;

/// More points than this are not shown as a table; they are in the files.
const MOST_SHOWN: usize = 60;
/// How often it is said how far it is.
const TICK: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(super) struct Arguments {
    /// The plan: a scenario, and the values of its parameters.
    plan: PathBuf,
    /// The folder for the results; without it, one that is called as the plan, beside it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only every N-th point, beginning with the I-th. `iocp merge` puts the parts together.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Forget the results that are in the folder.
    #[arg(long)]
    again: bool,
    /// How many threads simulate; without it, one for each processor. The results are the same.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Say nothing on standard error of how far it is.
    #[arg(long)]
    quiet: bool,
}

impl Arguments {
    fn out(&self) -> PathBuf {
        let beside = || match self.plan.extension() {
            Some(_) => self.plan.with_extension(""),
            None => self.plan.with_extension("results"),
        };
        self.out.clone().unwrap_or_else(beside)
    }

    fn threads(&self) -> usize {
        let processors = || available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.map_or_else(processors, usize::from)
    }

    /// The command that goes on where this one stopped.
    fn go_on(&self) -> String {
        let mut command = format!("iocp sweep {}", quoted(&self.plan.display().to_string()));
        if let Some(out) = &self.out {
            command += &format!(" --out {}", quoted(&out.display().to_string()));
        }
        if let Some(shard) = self.shard {
            command += &format!(" --shard {shard}");
        }
        command
    }
}

pub(super) fn run(arguments: &Arguments) -> Result {
    let plan = read(&arguments.plan)?;
    let sheet = Sheet::of(&plan, arguments.shard.filter(|shard| !shard.is_whole()));
    let mut folder = Folder::open(&arguments.out(), sheet, arguments.again)?;
    let points: Vec<_> = folder.missing().collect();
    if !arguments.quiet {
        let done = folder.rows.len();
        if done > 0 {
            eprintln!(
                "{}: {done} of {} points are done already",
                plan.file,
                done + points.len()
            );
        }
    }
    if !simulated(&plan, points, &mut folder, arguments)? {
        eprintln!(
            "Interrupted. {} of {} points are done, and kept. To go on: {}",
            folder.rows.len(),
            folder.sheet.here().count(),
            arguments.go_on()
        );
        return Ok(Exit::NoVerdict);
    }
    let files = folder.finish()?;
    show(&folder, &files)?;
    Ok(verdict(&folder.rows))
}

/// The plan of a file, with its scenario.
fn read(path: &Path) -> Result<Plan> {
    let bytes = read_at_most(path, MOST_BYTES as u64 + 1)?;
    let name = path.display().to_string();
    let written = Written::parse(&name, &bytes)?;
    let scenario = scenario_of(&written, path)?;
    let mut plan = written.with(&scenario.workload)?;
    // Where the file is does not matter to what comes out.
    if let Some(name) = path.file_name() {
        plan.file = name.to_string_lossy().into_owned();
    }
    Ok(plan)
}

/// The scenario that a plan names: of the catalogue, or a file beside the plan.
fn scenario_of(written: &Written, plan: &Path) -> Result<Scenario> {
    let name = &written.scenario;
    let is_path = name.ends_with(".toml") || name.contains(['/', '\\']);
    let file = plan.parent().unwrap_or(Path::new("")).join(name);
    if !is_path && (catalogue::find(name).is_some() || !file.exists()) {
        return find_scenario(name).map_err(|problem| match problem {
            Problem::Sentence(why) => written.about_scenario(&why).into(),
            problem => problem,
        });
    }
    if !file.exists() {
        let message = format!("there is no file {}, beside the plan", file.display());
        return Err(written.about_scenario(&message).into());
    }
    let shown = file.display().to_string();
    match is_path {
        true => find_scenario(&shown),
        // So that it is no name of the catalogue.
        false => find_scenario(&format!("./{shown}")),
    }
}

/// Simulates these points. Were they all done, or was it interrupted?
fn simulated(
    plan: &Plan,
    points: Vec<usize>,
    folder: &mut Folder,
    arguments: &Arguments,
) -> Result<bool> {
    let mut left = points.len();
    let mut watch = Watch::new(arguments.quiet, &plan.file, left);
    let (sender, events) = channel();
    let stop = sender.clone();
    // Where there is no such thing, Ctrl-C ends the process at once; what is done is in the file.
    let _ = ctrlc::set_handler(move || _ = stop.send(Event::Interrupted));
    Pool::start(plan, points, arguments.threads(), &sender);
    while left > 0 {
        match events.recv_timeout(TICK) {
            Ok(Event::Done(row)) => {
                folder.add(*row)?;
                left -= 1;
                watch.done();
            }
            Ok(Event::Interrupted) => break,
            Ok(Event::Died(why)) => resume_unwind(why),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => unreachable!("a sender is here"),
        }
        watch.tell();
    }
    watch.end();
    Ok(left == 0)
}

/// What came out, for people.
fn show(folder: &Folder, files: &[PathBuf]) -> Result<()> {
    let mut out = output();
    if folder.rows.len() <= MOST_SHOWN {
        table(&mut out, &folder.sheet, &folder.rows)?;
        writeln!(out)?;
    }
    writeln!(out, "{}", counts(&folder.rows))?;
    let files: Vec<_> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    writeln!(out, "Results: {}", files.join(", "))?;
    if let Some(shard) = folder.sheet.shard {
        writeln!(
            out,
            "This is shard {shard}. `iocp merge` puts all of them together."
        )?;
    }
    Ok(out.flush()?)
}

/// What is shown of each point: the head, and its metric.
const SHOWN: [(&str, &str); 5] = [
    ("latency", "latency.mean"),
    ("p99", "latency.p99"),
    ("throughput", "throughput"),
    ("utilisation", "utilisation"),
    ("depth", "depth.mean"),
];

fn table(out: &mut impl Write, sheet: &Sheet, rows: &BTreeMap<usize, Row>) -> Result<()> {
    let keys = || sheet.over.iter().map(|axis| axis.key.as_str());
    let mut lines = vec![keys().map(str::to_owned).collect::<Vec<_>>()];
    lines[0].extend(SHOWN.map(|(head, _)| head.to_owned()));
    lines[0].push(String::new());
    for row in rows.values() {
        let mut cells: Vec<_> = keys().map(|key| row.in_words(key)).collect();
        cells.extend(SHOWN.map(|(_, metric)| match row.number(metric) {
            Some(value) => Unit::of(metric).in_table(value),
            None => "?".into(),
        }));
        cells.push(match row.status() {
            Status::Done => String::new(),
            _ => row.in_words("status"),
        });
        lines.push(cells);
    }
    let columns = 0..lines[0].len();
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max();
    let widths: Vec<_> = columns.map(|at| width(at).unwrap_or(0)).collect();
    for line in &lines {
        let cells = line.iter().zip(&widths);
        let (last, cells) = (line.last(), cells.take(line.len() - 1));
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:>width$}"))
            .collect();
        let line = format!("{}  {}", cells.join("  "), last.map_or("", String::as_str));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
