//! A load on a machine: virtual time over the model, for millions of requests, in numbers rather
//! than events.
//!
//! The rules are the model's: every call goes through [`System::apply`](iocp_model::System::apply),
//! as it does in a [`Run`](crate::Run). What is added is what the model leaves open, time: a thread
//! needs a processor, and there are only so many. A thread that is woken is ready after the
//! machine's `wake`; then it stands in one line, first come, first served, until a processor is
//! free; the processor needs `switch` if it ran another thread before; and after a `quantum` the
//! thread stands behind the others, if there are any. Where the model lets several things happen,
//! the engine takes what happens first, and a batch dequeue takes as much as it can.
//!
//! # Requests
//!
//! A packet that a thread with no packet in hand inserts begins a *request*; a packet that it
//! inserts while it handles one of a request belongs to the same. A thread handles a packet from the
//! moment at which it gets it until its next dequeue, or its end. A client has its answer: a thread
//! [`outside`](crate::workload::ThreadDeclaration::outside) that gets a packet of a request which it,
//! or another copy of it, began, does not handle it. (A device outside, which did not begin it, does:
//! what it inserts next is the same request, on its way back.) A request is over when none of its
//! packets is queued or handled. Of several packets of a batch, the first insert belongs to the first
//! packet's request, the second to the second's, and so on round.
//!
//! # Random numbers
//!
//! What is drawn while a packet is handled depends on the seed, on which request it is (of which
//! thread, and its how-manieth), and on how many numbers were drawn for it before; anything else on
//! the seed, the thread, and how many it has drawn. So the same request costs the same under every
//! setting, and settings can be compared with fewer requests.
//!
//! Here is no clock, no file and no thread: the same seed gives the same numbers everywhere.

mod engine;
mod processors;
mod requests;
mod statistics;
mod timers;

use crate::{
    program::Program,
    run::{RunError, RunWatch},
    trace::Tracer,
};
use engine::Engine;
use hdrhistogram::Histogram;
use iocp_model::Semantics;
use iocp_traces::Event;
use std::{cell::Cell, fmt, rc::Rc};

pub use statistics::{Moments, Outstanding, PortStatistics, Series};

/// One replication's question.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Where random numbers come from.
    pub seed: u64,
    /// How many requests are to finish after those that are skipped.
    pub requests: u64,
    /// How many requests are to finish before anything is counted.
    pub skip: u64,
    /// The most steps of the model; the end of a quantum counts as one.
    pub most_steps: u64,
    /// Write down what happens in this stretch.
    pub window: Option<Window>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            requests: 100_000,
            skip: 0,
            most_steps: u64::MAX,
            window: None,
        }
    }
}

/// A stretch of a replication. Both ends are counted from the very beginning, skipped requests
/// included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// From one moment up to another.
    Time {
        /// It begins.
        from_ns: u64,
        /// It ends before this.
        to_ns: u64,
    },
    /// From the moment at which so many requests have begun to the moment at which as many as `to`
    /// have begun.
    Requests {
        /// It begins.
        from: u64,
        /// It ends.
        to: u64,
    },
}

/// What one replication came to. Times are nanoseconds; everything is of the time after the
/// requests that were skipped.
#[derive(Clone, PartialEq, Debug)]
pub struct Replication {
    /// How many requests finished.
    pub requests: u64,
    /// How long that took.
    pub simulated_ns: u64,
    /// The steps of the model and the ends of quanta, skipped ones included.
    pub steps: u64,
    /// How long requests took, to three digits.
    pub latency: Histogram<u64>,
    /// The same, exact.
    pub latency_moments: Moments,
    /// The same in the order of completion.
    pub series: Series,
    /// From the moment at which work could go on (its packet was inserted; what its thread was
    /// blocked on has happened) to the moment at which its thread has a processor; one for each
    /// phase of a request on this machine.
    pub wait: Moments,
    /// The part of that in a port's queue; one for each packet.
    pub queue_wait: Moments,
    /// Requests finished in a second.
    pub throughput_per_s: f64,
    /// Requests that are under way.
    pub outstanding: Outstanding,
    /// The ports, in the order of their ids.
    pub ports: Vec<PortStatistics>,
    /// The share of its time that each processor was busy: with threads, with changing between
    /// them, and with the machine's `background`.
    pub processors: Vec<f64>,
    /// The mean number of threads that are ready and have no processor.
    pub run_queue_mean: f64,
    /// How often a processor changed to another thread than it ran before.
    pub switches: u64,
    /// How often a blocked thread of this machine was woken.
    pub wakeups: u64,
    /// The mean number of threads of this machine that are blocked in anything but a dequeue.
    pub blocked_mean: f64,
    /// What happened in the window that was asked for.
    pub window: Vec<Event<'static>>,
    /// How it ended.
    pub end: End,
}

/// How a replication ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// All requests that were asked for are finished.
    Finished,
    /// Nothing can happen any more: threads that are left wait for ever, or none is left.
    Settled,
    /// The most steps were taken.
    OutOfSteps,
}

/// How many steps there may be at one moment of virtual time.
pub const MOST_STEPS_AT_A_MOMENT: u64 = 10_000_000;

/// Why a replication could not be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SimulateError {
    /// As a run could not.
    Run(RunError),
    /// Something happens again and again and takes no time.
    TimeStandsStill {
        /// One of the threads that do it.
        thread: String,
        /// Where in the workload it is.
        place: String,
    },
}

impl From<RunError> for SimulateError {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl fmt::Display for SimulateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(error) => error.fmt(f),
            Self::TimeStandsStill { thread, place } => write!(
                f,
                "time stands still: thread {thread} and perhaps others took more than \
                 {MOST_STEPS_AT_A_MOMENT} steps at one moment, the last at {place}. A call takes no \
                 time. Put a compute, a Sleep or a wait into the loop."
            ),
        }
    }
}

impl std::error::Error for SimulateError {}

/// Simulates the program on its machine.
///
/// ```
/// use iocp_scheduler::{Program, Workload, simulate::{Settings, simulate}};
///
/// // Requests arrive ten times a second; one thread takes 50 ms for each.
/// let workload: Workload = serde_json::from_value(serde_json::json!({
///     "name": "m-d-1",
///     "machine": {"processors": 1},
///     "port": [{"name": "p"}],
///     "thread": [
///         {"name": "clients", "outside": true, "program": [{"repeat": "forever", "do": [
///             {"call": "Sleep", "for": {"law": "exponential", "mean": "100ms"}},
///             {"call": "PostQueuedCompletionStatus", "port": "p"}]}]},
///         {"name": "worker", "program": [{"repeat": "forever", "do": [
///             {"call": "GetQueuedCompletionStatus", "port": "p"},
///             {"compute": "50ms"}]}]}]
/// })).expect("a workload");
/// let program = Program::compile(&workload).expect("a program");
/// let semantics = iocp_model::Profile::default().semantics;
/// let settings = Settings { requests: 200_000, ..Settings::default() };
/// let replication = simulate(&program, semantics, &settings).expect("a replication");
/// // Pollaczek and Khinchine: half as long as the exponential law would make them wait.
/// assert!((replication.wait.mean() / 25_000_000.0 - 1.0).abs() < 0.03);
/// ```
///
/// # Errors
/// If a thread goes round in its program without ever doing anything, or without time passing.
pub fn simulate(
    program: &Program,
    semantics: Semantics,
    settings: &Settings,
) -> Result<Replication, SimulateError> {
    if settings.window.is_none() {
        return Ok(simulate_watched(program, semantics, settings, ())?.0);
    }
    let open = Rc::new(Cell::new(false));
    let mut events = Vec::new();
    let sink = |event: &Event<'_>| {
        if open.get() {
            events.push(event.clone().into_owned());
        }
    };
    let tracer = Tracer::new(program, sink, true);
    let engine = Engine::new(program, semantics, settings, tracer, Some(Rc::clone(&open)))?;
    let (mut replication, tracer) = engine.finish()?;
    drop(tracer);
    replication.window = events;
    Ok(replication)
}

/// The same, and `watch` sees every step. No window is written down.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_watched<W: RunWatch>(
    program: &Program,
    semantics: Semantics,
    settings: &Settings,
    watch: W,
) -> Result<(Replication, W), SimulateError> {
    Engine::new(program, semantics, settings, watch, None)?.finish()
}

#[cfg(test)]
mod tests;
