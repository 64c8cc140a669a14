//! The self-check: the same seed gives the same bytes, twice, on another thread, and from its
//! schedule.
//!
//! A dependence on the order of a hash, on an address or on a thread shows here before it shows in
//! somebody's trace.

use crate::{
    Program, Run, RunError,
    run::Options,
    strategy::{Recorded, ReplayError, Schedule, Strategy},
    trace::{Tracer, header},
};
use iocp_model::Profile;
use iocp_traces::{Event, Writer};
use std::fmt;

/// A run as a file, and the schedule that repeats it.
#[derive(Clone, PartialEq, Debug)]
pub struct Written {
    /// The trace, with what only the inside of the kernel shows.
    pub trace: Vec<u8>,
    /// The schedule.
    pub schedule: Schedule,
}

/// Runs a program to its end and writes everything down.
///
/// # Errors
/// As [`Run::finish`].
pub fn write<S: Strategy>(
    program: &Program,
    profile: &Profile,
    strategy: S,
    options: Options,
) -> Result<Written, RunError> {
    let mut run = Run::new(program, profile.semantics, Recorded::new(strategy), options)?;
    // Whoever chose is no part of what happened.
    let header = header(program, profile.name, "", 0);
    let bug = |error: std::io::Error| RunError::Bug(error.to_string());
    let mut writer = Writer::new(Vec::new(), &header).map_err(bug)?;
    let mut written = Ok(());
    let sink = |event: &Event<'_>| {
        if written.is_ok() {
            written = writer.event(event);
        }
    };
    run.finish(&mut Tracer::new(program, sink, true))?;
    written.map_err(bug)?;
    let steps = run.into_strategy().steps;
    Ok(Written {
        trace: writer.finish().map_err(bug)?,
        schedule: Schedule::new(program, profile.name, options.jitter_percent, &steps),
    })
}

/// Two runs that should have been the same and were not, or that could not be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Difference {
    /// A run could not be done.
    Failed(RunError),
    /// The traces differ.
    Trace {
        /// Which run differs from the first: "the second run", "the run on another thread", "the
        /// replay".
        of: &'static str,
        /// The line of the trace, counted from one.
        line: usize,
    },
    /// The schedule, written as JSON and read again, is another.
    Schedule(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Trace { of, line } => write!(
                f,
                "this is a bug in iocp-lab: {of} differs from the first in line {line} of the trace"
            ),
            Self::Schedule(message) => write!(
                f,
                "this is a bug in iocp-lab: the schedule does not survive being written: {message}"
            ),
        }
    }
}

impl std::error::Error for Difference {}

impl From<RunError> for Difference {
    fn from(error: RunError) -> Self {
        Self::Failed(error)
    }
}

impl From<ReplayError> for Difference {
    fn from(error: ReplayError) -> Self {
        Self::Failed(RunError::Replay(error))
    }
}

/// Runs a program again, on another thread, and from its schedule after that has been through JSON,
/// and compares the traces byte for byte. Returns the first run. `strategy` must make the same
/// strategy each time.
///
/// # Errors
/// The first difference.
pub fn self_check<S: Strategy>(
    program: &Program,
    profile: &Profile,
    strategy: impl Fn() -> S + Sync,
    options: Options,
) -> Result<Written, Difference> {
    let once = || write(program, profile, strategy(), options);
    let first = once()?;
    same(&first.trace, &once()?.trace, "the second run")?;
    let elsewhere = std::thread::scope(|scope| scope.spawn(once).join());
    // A panic there would have been one here: it is passed on.
    let elsewhere = elsewhere.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    same(&first.trace, &elsewhere.trace, "the run on another thread")?;
    replays(program, profile, &first, options)?;
    Ok(first)
}

/// Replays a run from its schedule, which goes through JSON first, and compares.
///
/// # Errors
/// The first difference.
pub fn replays(
    program: &Program,
    profile: &Profile,
    first: &Written,
    options: Options,
) -> Result<(), Difference> {
    let failed = |error: serde_json::Error| Difference::Schedule(error.to_string());
    let text = serde_json::to_string(&first.schedule).map_err(failed)?;
    let schedule: Schedule = serde_json::from_str(&text).map_err(failed)?;
    if schedule != first.schedule {
        return Err(Difference::Schedule("it reads as another".into()));
    }
    let replay = schedule.replay(program)?;
    let again = write(program, profile, replay, options)?;
    same(&first.trace, &again.trace, "the replay")
}

fn same(first: &[u8], second: &[u8], of: &'static str) -> Result<(), Difference> {
    if first == second {
        return Ok(());
    }
    let differ = first.iter().zip(second).take_while(|(a, b)| a == b).count();
    let line = 1 + first[..differ]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count();
    Err(Difference::Trace { of, line })
}
