//! The header and the events of a trace.

mod flat;

pub(crate) use flat::{Flat, Misfit};

use crate::seen::{Number, SeenResult};
use iocp_model::Api;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

/// The name of the format, the first thing in a file.
pub const FORMAT: &str = "iocp-trace";

/// The version of the format that this crate reads and writes.
pub const VERSION: u32 = 1;

/// The first line of a trace.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// Who made it.
    pub producer: Producer,
    /// Processors of the machine, real or virtual.
    pub processors: u32,
    /// What the times are.
    pub clock: Clock,
    /// The names of the threads, in the order of their columns.
    pub threads: Vec<String>,
    /// The names of the ports that exist from the start. One that a thread creates on the way is
    /// called by its number, "port-2".
    pub ports: Vec<String>,
    /// The whole scenario, normalised: a recording needs no other file. This crate does not look
    /// into it.
    pub scenario: serde_json::Value,
    /// What each profile is expected to say to this recording. Empty: nobody has said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expect: BTreeMap<String, Verdict>,
    /// For recordings: after how many nanoseconds without any event it was held that nothing would
    /// happen any more. A call without an end had at least that long to return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_ns: Option<u64>,
    /// Where and how it was made, in words, and how to make it again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provenance: String,
}

/// Who made a trace.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Producer {
    /// The model under a virtual scheduler.
    Simulator {
        /// The version of iocp-lab.
        version: String,
        /// The profile.
        profile: String,
        /// The strategy that chose the schedule.
        strategy: String,
        /// Its seed.
        seed: u64,
    },
    /// A real Windows kernel.
    Windows {
        /// `RtlGetVersion`: major, minor, build, as in "10.0.22631".
        build: String,
        /// The version of iocp-lab.
        recorder: String,
    },
    /// Wine. Never Windows.
    Wine {
        /// `wine_get_version`.
        version: String,
        /// The Windows version that it claims to be.
        claims: String,
        /// The version of iocp-lab.
        recorder: String,
    },
}

impl Producer {
    /// The producer in a few words.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Simulator { profile, .. } => format!("simulator ({profile})").into(),
            Self::Windows { build, .. } => format!("Windows {build}").into(),
            Self::Wine { version, .. } => format!("Wine {version}").into(),
        }
    }

    /// A real kernel, or an implementation that others wrote, rather than our own model?
    pub fn is_recorded(&self) -> bool {
        !matches!(self, Self::Simulator { .. })
    }
}

/// What the times of a trace are: nanoseconds from its start, unless it says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Virtual time.
    Virtual,
    /// No time: what happened in the first step stands at 1, in the second at 2.
    Steps,
    /// `QueryPerformanceCounter`.
    PerformanceCounter,
}

/// What a profile says to a recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Some schedule of the model explains it.
    Conforms,
    /// No schedule does.
    Diverges,
}

impl Verdict {
    /// The verdict as a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conforms => "conforms",
            Self::Diverges => "diverges",
        }
    }
}

/// One line of a trace after the first.
///
/// Borrowed where it is written, owned where it was read.
///
/// ```
/// use iocp_traces::{Event, Happening};
///
/// let event: Event<'_> = serde_json::from_str(r#"{"t":5,"event":"ends","thread":"a"}"#)?;
/// assert_eq!((event.at_ns, event.thread()), (5, Some("a")));
/// assert_eq!(event.what, Happening::Ends { thread: "a".into() });
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), try_from = "Flat<'a>")]
pub struct Event<'a> {
    /// When: nanoseconds from the start.
    #[serde(rename = "t")]
    pub at_ns: u64,
    /// What.
    #[serde(flatten)]
    pub what: Happening<'a>,
}

impl<'a> Event<'a> {
    /// The thread that the line is about: that acts, or, of an event inside the kernel, that it
    /// happened to. A port's state and [`Happening::Settled`] are about no thread.
    pub fn thread(&self) -> Option<&str> {
        match &self.what {
            Happening::Begin { thread, .. }
            | Happening::End { thread, .. }
            | Happening::Until { thread, .. }
            | Happening::Reached { thread, .. }
            | Happening::Does { thread, .. }
            | Happening::Ends { thread } => Some(thread),
            Happening::Kernel(event) => event.thread.as_deref(),
            Happening::Port(_) | Happening::Settled {} => None,
        }
    }

    /// The same event, borrowing from nothing. A call's name is copied only when it is not one of
    /// [`Api`]'s.
    pub fn into_owned(self) -> Event<'static> {
        Event {
            at_ns: self.at_ns,
            what: self.what.into_owned(),
        }
    }
}

impl Happening<'_> {
    fn into_owned(self) -> Happening<'static> {
        match self {
            Self::Begin { thread, call, with } => Happening::Begin {
                thread: owned(thread),
                call: known(&call),
                with: owned(with),
            },
            Self::End {
                thread,
                call,
                result,
            } => Happening::End {
                thread: owned(thread),
                call: known(&call),
                result: Cow::Owned(result.into_owned()),
            },
            Self::Until { thread, condition } => Happening::Until {
                thread: owned(thread),
                condition: owned(condition),
            },
            Self::Reached {
                thread,
                condition,
                seen,
            } => Happening::Reached {
                thread: owned(thread),
                condition: owned(condition),
                seen,
            },
            Self::Does { thread, what } => Happening::Does {
                thread: owned(thread),
                what: owned(what),
            },
            Self::Ends { thread } => Happening::Ends {
                thread: owned(thread),
            },
            Self::Kernel(event) => Happening::Kernel(KernelEvent {
                what: event.what,
                thread: event.thread.map(owned),
                port: event.port.map(owned),
                key: event.key,
            }),
            Self::Port(state) => Happening::Port(PortState {
                port: owned(state.port),
                waiters: state.waiters.into_iter().map(owned).collect(),
                ..state
            }),
            Self::Settled {} => Happening::Settled {},
        }
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    match text {
        Cow::Borrowed("") => Cow::Borrowed(""),
        text => Cow::Owned(text.into_owned()),
    }
}

pub(crate) fn known(call: &str) -> Cow<'static, str> {
    match Api::ALL.iter().find(|api| api.name() == call) {
        Some(api) => Cow::Borrowed(api.name()),
        None => Cow::Owned(call.to_owned()),
    }
}

/// What a line tells.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Happening<'a> {
    /// A thread makes a call. Its arguments are as the program gives them, for readers; the
    /// program in the header is what counts.
    Begin {
        /// The thread.
        thread: Cow<'a, str>,
        /// The call, in Microsoft's spelling.
        call: Cow<'a, str>,
        /// Its arguments in words: "p, infinite".
        #[serde(default, skip_serializing_if = "str::is_empty")]
        with: Cow<'a, str>,
    },
    /// The call returns.
    End {
        /// The thread.
        thread: Cow<'a, str>,
        /// The call.
        call: Cow<'a, str>,
        /// The result.
        #[serde(flatten)]
        result: Cow<'a, SeenResult>,
    },
    /// A thread begins to wait until something is so, by the scenario's order.
    Until {
        /// The thread.
        thread: Cow<'a, str>,
        /// What it waits for.
        condition: Cow<'a, str>,
    },
    /// It goes on.
    Reached {
        /// The thread.
        thread: Cow<'a, str>,
        /// What it waited for.
        condition: Cow<'a, str>,
        /// It was seen to be so. Otherwise the recorder could not see, and paused until things had
        /// settled.
        seen: bool,
    },
    /// A thread does something that is no call: computes, adds to a counter, marks a packet.
    Does {
        /// The thread.
        thread: Cow<'a, str>,
        /// What: "compute 1ms".
        what: Cow<'a, str>,
    },
    /// A thread's program has ended, and the thread with it.
    Ends {
        /// The thread.
        thread: Cow<'a, str>,
    },
    /// Seen from inside the kernel; only a simulator can.
    Kernel(KernelEvent<'a>),
    /// The state of a port after a step that changed it; only a simulator can.
    Port(PortState<'a>),
    /// Nothing happened any more. Calls that have begun and not ended never returned.
    Settled {},
}

/// Something that happens inside the kernel.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct KernelEvent<'a> {
    /// What.
    pub what: Change,
    /// The thread that it happened to, if to a thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<Cow<'a, str>>,
    /// The port, if to a port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Cow<'a, str>>,
    /// The key of the packet, if to a packet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Number>,
}

/// The kinds of event inside the kernel; see [`iocp_model::Event`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A thread became a member of a port.
    Associated,
    /// A thread left the members of a port.
    Dissociated,
    /// A packet joined the queue.
    Queued,
    /// A packet was put in front of the queue.
    QueuedInFront,
    /// A packet went straight to a blocked thread.
    HandedOver,
    /// The packet at the queue's head went to a blocked thread.
    HandedOff,
    /// A thread took the packet at the queue's head.
    Taken,
    /// A packet is gone and nobody got it.
    Discarded,
    /// A thread went to the top of the waiter stack.
    Waits,
    /// A thread left the waiter stack.
    LeavesStack,
    /// A thread blocked on something else.
    Blocks,
    /// A thread's other wait ended.
    Unblocks,
    /// A time-out ran out.
    Expires,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Associated,
        Self::Dissociated,
        Self::Queued,
        Self::QueuedInFront,
        Self::HandedOver,
        Self::HandedOff,
        Self::Taken,
        Self::Discarded,
        Self::Waits,
        Self::LeavesStack,
        Self::Blocks,
        Self::Unblocks,
        Self::Expires,
    ];

    /// Its name in a trace.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Associated => "associated",
            Self::Dissociated => "dissociated",
            Self::Queued => "queued",
            Self::QueuedInFront => "queued-in-front",
            Self::HandedOver => "handed-over",
            Self::HandedOff => "handed-off",
            Self::Taken => "taken",
            Self::Discarded => "discarded",
            Self::Waits => "waits",
            Self::LeavesStack => "leaves-stack",
            Self::Blocks => "blocks",
            Self::Unblocks => "unblocks",
            Self::Expires => "expires",
        }
    }
}

/// A port as the kernel sees it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct PortState<'a> {
    /// The port.
    pub port: Cow<'a, str>,
    /// Packets waiting.
    pub depth: u32,
    /// Members that are not blocked.
    pub active: u32,
    /// The concurrency limit.
    pub limit: u32,
    /// Blocked dequeuers, the one that blocked first first.
    pub waiters: Vec<Cow<'a, str>>,
}
