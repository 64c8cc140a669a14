//! Is this recording explained by some schedule of the model?
//!
//! A recording is a partial order: each thread's calls come one after the other, and each call is
//! an interval. It *conforms* to a profile if there is a schedule in which every thread makes the
//! same calls with the same results and every step of a call lies inside that call's interval.
//!
//! The search goes through the recording's events in the order of time. A begin makes a call
//! possible; an end demands that it has returned with the recorded result, and only then, as late
//! as can be, are steps of the model taken: every order of the calls that are open then is tried
//! until one fits (just-in-time linearisation, after Lowe). States that were tried are remembered,
//! so that nothing is tried twice; but those of long ago are forgotten, and memory grows with what is
//! open at a time.
//!
//! Where packets leave a queue in the order in which they came, the recording of both bounds that
//! order, and ways that contradict it are not followed. If the search is lost all the same, since it
//! guessed the order of a deep queue wrong, a rehearsal finds a better guess: a search in which the
//! packets are those that the recording wants, as long as some order of the posts allows them.
//!
//! What counts as evidence:
//! - a result, with every packet and error code in it;
//! - a call that never returned: in the model, too, it must be stuck when everything has settled;
//! - promptness: a thread that was given a packet returns within [`Options::prompt_ns`];
//! - a state that the recorder has waited for (`until`).
//!
//! What is not assumed: waits that the recording does not show. [`Options::hidden_waits`] allows
//! some, and the verdict says how many were needed.

mod arrivals;
mod compare;
mod dequeues;
mod divergence;
mod memo;
mod moves;
mod node;
mod path;
mod rank;
mod recording;
mod search;
mod spans;
mod trail;

pub use divergence::{Divergence, describe};
pub use recording::Recording;

use crate::program::Program;
use iocp_model::{Observer, Semantics};
use iocp_traces::Trace;
use std::fmt;

/// How to check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// The most states to look at before giving up. Whenever the search gets farther, each event
    /// gives a part of them back: one in [`PART_PER_EVENT`].
    pub most_states: u64,
    /// A call that the model completes must return at most so much later, in nanoseconds; `None`
    /// for any time.
    pub prompt_ns: Option<u64>,
    /// How many waits that the recording does not show may be assumed.
    pub hidden_waits: u32,
    /// The most states to keep of those in which a divergence was met.
    pub most_frontier: usize,
    /// Neither look ahead in the recording nor forget anything: slower, and the same answer. For
    /// whoever asks which rules matter on the way to it, and to test that it is the same.
    pub plain: bool,
}

/// Which part of [`Options::most_states`] each event that is explained gives back: ten states, if
/// nothing else is asked for.
pub const PART_PER_EVENT: u64 = 200_000;

impl Default for Options {
    fn default() -> Self {
        Self {
            most_states: 2_000_000,
            prompt_ns: Some(250_000_000),
            hidden_waits: 0,
            most_frontier: 64,
            plain: false,
        }
    }
}

/// What the check came to.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// Some schedule explains the recording.
    Conforms {
        /// States looked at.
        states: u64,
    },
    /// No schedule does.
    Diverges(Box<Divergence>),
    /// The most states were looked at, and neither was shown.
    NoVerdict {
        /// States looked at.
        states: u64,
        /// How many events some schedule explains.
        events: usize,
    },
}

impl Verdict {
    /// The verdict as a word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Conforms { .. } => "conforms",
            Self::Diverges(_) => "diverges",
            Self::NoVerdict { .. } => "no verdict",
        }
    }
}

/// A recording that cannot be checked, since it is not one of this program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfit {
    /// The event, as an index; `None` for the header.
    pub event: Option<usize>,
    /// What does not fit.
    pub message: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = &self.message;
        match self.event {
            Some(event) => write!(
                f,
                "event {} does not belong to the program in the header: {message}",
                event + 1
            ),
            None => write!(f, "the header does not fit the program in it: {message}"),
        }
    }
}

impl std::error::Error for Unfit {}

/// Checks a recording against the model under these semantics.
///
/// # Errors
/// If the recording does not belong to the program.
pub fn check(
    program: &Program,
    semantics: Semantics,
    trace: &Trace,
    options: Options,
) -> Result<Verdict, Unfit> {
    check_watched(program, semantics, trace, options, &mut ())
}

/// As [`check`]; the observer is told of every step that the search takes, also of those that turn
/// out to explain nothing.
///
/// # Errors
/// If the recording does not belong to the program.
pub fn check_watched<O: Observer>(
    program: &Program,
    semantics: Semantics,
    trace: &Trace,
    options: Options,
    observer: &mut O,
) -> Result<Verdict, Unfit> {
    Recording::read(program, trace)?.check(semantics, options, observer)
}
