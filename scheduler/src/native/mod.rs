//! The same program on the real kernel: real threads, real ports, real calls, and what they
//! returned.
//!
//! | module | holds |
//! |---|---|
//! | `system` | which functions `ntdll` has, and whose `ntdll` it is |
//! | `clock` | `QueryPerformanceCounter` |
//! | `log` | what a thread writes down, in memory that it has from the start |
//! | `objects` | handles, pipes that serve as files, requests |
//! | `calls` | the calls and their results |
//! | `worker` | a thread that follows its program |
//! | `thread_state` | is that thread blocked? |
//! | `run` | the threads' start, their conditions, the end |
//! | `child` | each recording in a process of its own |
//!
//! A recording shows what the callers saw and nothing else: the results, when a call began and
//! when it had returned, and that a call never returned. Recording must not disturb what it
//! records: while the threads run they take no lock, allocate nothing and write to no file. A
//! thread that waits for the scenario's order (`until`) and has used a port does so without
//! blocking, since blocking would release another thread of that port.

#![allow(unsafe_code)]

mod calls;
mod child;
mod clock;
mod log;
mod objects;
mod run;
mod system;
mod thread_state;
mod worker;

use crate::capabilities::MOST_BYTES;
use iocp_traces::Trace;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

pub use child::{child, record};
pub use run::record_here;
pub use system::{processors, producer};

/// A recording: a trace whose producer is a kernel.
pub type Recording = Trace;

/// How to record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Options {
    /// Look at the states of threads, where that can be done; otherwise as if it could not.
    pub look: bool,
    /// Where the kernel does not tell whether a thread is blocked: for how long it must have been
    /// in its call before it is taken to be.
    pub settle: Duration,
    /// For how long nothing may have happened before it is held that nothing will. Time-outs and
    /// computations that still run are waited for.
    pub settled: Duration,
    /// How long a recording may take altogether.
    pub watchdog: Duration,
    /// The most events, and the most packets, of one thread.
    pub most_events: u32,
    /// The most requests on files, and the most objects, of all threads together.
    pub most_objects: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            look: true,
            settle: Duration::from_millis(30),
            settled: Duration::from_millis(300),
            watchdog: Duration::from_secs(30),
            most_events: 100_000,
            most_objects: 4096,
        }
    }
}

/// Why there is no recording.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum RecordError {
    /// No machine can record the program.
    NotRecordable(Vec<String>),
    /// This machine has too few processors.
    Processors {
        /// It would need so many.
        needed: u16,
        /// It has so many.
        present: u32,
    },
    /// This system lacks a function that the program calls.
    Missing(String),
    /// The options contradict each other.
    Options(String),
    /// Something that the recorder itself needs was refused.
    Refused {
        /// What.
        what: String,
        /// The error code.
        error: u32,
    },
    /// More happened than there is room for.
    TooMuch {
        /// What there was too much of.
        what: String,
        /// The option that raises the limit.
        option: String,
        /// The limit.
        limit: u32,
    },
    /// The run was not over in time.
    NotOver {
        /// How long it took.
        after: Duration,
        /// What each thread was doing.
        threads: Vec<String>,
    },
    /// The process that recorded did not even say that the run was not over, and was ended.
    Hung {
        /// How long it was waited for.
        after: Duration,
    },
    /// A thread goes round in its program without doing anything.
    Spins(String),
    /// The process that recorded failed.
    Child(String),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRecordable(reasons) => {
                write!(
                    f,
                    "this scenario cannot be recorded: {}",
                    reasons.join("; ")
                )
            }
            Self::Processors { needed, present } => write!(
                f,
                "this scenario is about a machine with {needed} processors; this one has {present}"
            ),
            Self::Missing(function) => {
                write!(
                    f,
                    "this system has no function {function}, which the scenario calls"
                )
            }
            Self::Options(message) => f.write_str(message),
            Self::Refused { what, error } => {
                write!(f, "the recorder could not {what} (error {error})")
            }
            Self::TooMuch {
                what,
                option,
                limit,
            } => write!(
                f,
                "there were more than {limit} {what}; `{option}` raises the limit"
            ),
            Self::NotOver { after, threads } => write!(
                f,
                "the recording was not over after {} s (`--watchdog` raises the limit): {}",
                after.as_secs_f32(),
                threads.join("; ")
            ),
            Self::Hung { after } => write!(
                f,
                "the process that recorded hung and was ended after {} s",
                after.as_secs_f32()
            ),
            Self::Spins(thread) => {
                write!(
                    f,
                    "{thread} goes round in its program without ever doing anything"
                )
            }
            Self::Child(message) => write!(f, "the process that recorded failed: {message}"),
        }
    }
}

impl std::error::Error for RecordError {}

/// Why a thread, and with it the recording, stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
enum Failure {
    Events = 1,
    Packets,
    Apcs,
    Objects,
    Requests,
    Spins,
    Missing,
    Peer,
}

impl Failure {
    const ALL: [Self; 8] = [
        Self::Events,
        Self::Packets,
        Self::Apcs,
        Self::Objects,
        Self::Requests,
        Self::Spins,
        Self::Missing,
        Self::Peer,
    ];

    fn error(self, options: &Options, thread: &str) -> RecordError {
        let too_much = |what: &str, option: &str, limit| RecordError::TooMuch {
            what: format!("{what} of {thread}"),
            option: option.into(),
            limit,
        };
        match self {
            Self::Events => too_much("events", "--most-events", options.most_events),
            Self::Packets => too_much("packets", "--most-events", options.most_events),
            Self::Apcs => too_much("APCs", "--most-events", options.most_events),
            Self::Objects => too_much("objects", "most_objects", options.most_objects),
            Self::Requests => too_much("requests", "most_objects", options.most_objects),
            Self::Spins => RecordError::Spins(thread.into()),
            Self::Missing => RecordError::Missing(format!("that {thread} needs")),
            Self::Peer => RecordError::Refused {
                what: format!("write into the other end of a file for {thread}"),
                error: 0,
            },
        }
    }
}
