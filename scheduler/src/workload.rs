//! What people write: a workload, in names and plain values.
//!
//! A [`Workload`] is what a scenario file says and what the header of a recording carries. It may
//! be wrong in many ways; [`Program::compile`](crate::Program::compile) says in which.

use iocp_traces::Number;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{collections::BTreeMap, fmt};

/// A scenario: the machine, the objects, and what each thread does.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// A short name, in words joined by hyphens.
    pub name: String,
    /// What it shows, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What to know about it, in a few sentences.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The ids of the rules that it demonstrates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// The machine.
    #[serde(default, skip_serializing_if = "Machine::is_default")]
    pub machine: Machine,
    /// Processes besides the first, which is called "main".
    #[serde(default, rename = "process", skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<ProcessDeclaration>,
    /// Ports that exist from the start.
    #[serde(default, rename = "port", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortDeclaration>,
    /// Files that are open from the start.
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileDeclaration>,
    /// Events that exist from the start.
    #[serde(default, rename = "event", skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventDeclaration>,
    /// Semaphores that exist from the start.
    #[serde(default, rename = "semaphore", skip_serializing_if = "Vec::is_empty")]
    pub semaphores: Vec<SemaphoreDeclaration>,
    /// Mutexes that exist from the start.
    #[serde(default, rename = "mutex", skip_serializing_if = "Vec::is_empty")]
    pub mutexes: Vec<MutexDeclaration>,
    /// Counters that all threads share.
    #[serde(default, rename = "counter", skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<CounterDeclaration>,
    /// The threads and their programs.
    #[serde(default, rename = "thread")]
    pub threads: Vec<ThreadDeclaration>,
    /// What must be so in the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expectation>,
}

/// The machine that the threads run on. What its processors cost (`quantum`, `switch`, `wake`,
/// `background`) is for [`simulate`](crate::simulate) alone; to the others nothing of it takes time.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The number of processors; without it, one for each thread that needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processors: Option<u16>,
    /// How many posted packets fit into memory; without it, any number (PKT-15).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_memory: Option<u32>,
    /// How long a thread keeps a processor while others wait for one; without it, as long as it
    /// likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantum: Option<Time>,
    /// How long a processor takes to change to another thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<Time>,
    /// How long it takes from the moment at which a thread is woken until it is ready to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake: Option<Time>,
    /// The share of each processor that other work takes, from 0 to less than 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<f64>,
}

impl Machine {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A further process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessDeclaration {
    /// Its name.
    pub name: String,
}

/// A port.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortDeclaration {
    /// Its name, which is also that of its handle.
    pub name: String,
    /// `NumberOfConcurrentThreads`: the limit on active threads; 0 for the number of processors.
    #[serde(default)]
    pub concurrency: u32,
}

/// A file: in a recording, one end of a named pipe whose other end the recorder holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDeclaration {
    /// Its name, which is also that of its handle.
    pub name: String,
    /// Opened with `FILE_FLAG_OVERLAPPED`?
    #[serde(default = "yes")]
    pub overlapped: bool,
    /// The port that it is associated with from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// The completion key of that association.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Number>,
}

fn yes() -> bool {
    true
}

fn is_false(value: &bool) -> bool {
    !value
}

/// An event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventDeclaration {
    /// Its name.
    pub name: String,
    /// Manual reset?
    #[serde(default)]
    pub manual: bool,
    /// Signaled from the start?
    #[serde(default)]
    pub signaled: bool,
}

/// A semaphore.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SemaphoreDeclaration {
    /// Its name.
    pub name: String,
    /// Its count at the start.
    #[serde(default)]
    pub count: u32,
    /// The most that it counts.
    pub maximum: u32,
}

/// A mutex.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MutexDeclaration {
    /// Its name.
    pub name: String,
}

/// A counter that all threads share. Adding to it is one atomic step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterDeclaration {
    /// Its name.
    pub name: String,
    /// Its value at the start.
    #[serde(default)]
    pub value: i64,
}

/// A thread, or several alike.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThreadDeclaration {
    /// Its name. With `copies`, the threads are called `name-1`, `name-2` and so on.
    pub name: String,
    /// How many threads run this program; without it, one, called just `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies: Option<u32>,
    /// Its process; without it, the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// It runs on another machine, as a client or a device does, and needs no processor of this one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub outside: bool,
    /// What it does.
    #[serde(default)]
    pub program: Vec<Step>,
}

/// One step of a program: an inline table. Which keys may stand together is a table in
/// [`grammar`](crate::grammar).
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// Makes this call, in Microsoft's spelling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// Uses a processor for so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute: Option<Duration>,
    /// Goes on when all of this is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<OneOrMore>,
    /// Does the steps in `do` so many times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Times>,
    /// Does the steps in `do` if this is so, else those in `else`.
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Test>,
    /// Leaves the innermost `repeat`, or ends the thread: "loop" or "thread".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leave: Option<String>,
    /// Adds to the shared counter `counter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add: Option<i64>,
    /// Marks the packet in hand as done in this set; marking one twice breaks the property that
    /// packets are handled once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// Finishes the oldest pending request of this file, as the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete: Option<String>,
    /// The steps of `repeat` and `if`.
    #[serde(rename = "do", skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<Step>,
    /// The steps of `if` when it is not so.
    #[serde(rename = "else", skip_serializing_if = "Vec::is_empty")]
    pub otherwise: Vec<Step>,
    /// A name for this call's result, for `expect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The shared counter that grows by one in the step in which this call returns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<String>,

    /// A port's handle, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// A file's handle, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A handle of any kind, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// A reserve object's handle, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserve: Option<String>,
    /// `ExistingCompletionPort`: a port's handle, by name, or "NULL".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub existing: Option<String>,
    /// A thread, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// A process, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// A counter, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<String>,
    /// The name under which the handle that the call gives is known from then on.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub bind: Option<String>,
    /// A name in the object manager's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How long to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Time>,
    /// How long to sleep.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// The most packets to take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u16>,
    /// May a user APC end the wait?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alertable: Option<bool>,
    /// The completion key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Number>,
    /// Added to the key for each earlier turn of the enclosing `repeat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_step: Option<u64>,
    /// The byte count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Number>,
    /// The `OVERLAPPED`, as a number that stands for its address; 0 is NULL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlapped: Option<Number>,
    /// An `NTSTATUS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Number>,
    /// `NumberOfConcurrentThreads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Rights: "query", "modify", "synchronize", "all", "none", "generic-read" and the like, or
    /// several of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<OneOrMore>,
    /// An APC's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apc: Option<u32>,
    /// What the device says at once: "pending", "done" or "failed".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Manual reset?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manual: Option<bool>,
    /// Signaled, or owned, at once?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signaled: Option<bool>,
    /// Opened with `FILE_FLAG_OVERLAPPED`?
    #[serde(rename = "overlapped_file", skip_serializing_if = "Option::is_none")]
    pub overlapped_file: Option<bool>,
    /// For packets rather than APCs?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_packets: Option<bool>,
    /// Close the handle that was duplicated?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_source: Option<bool>,
    /// The information class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<u32>,
    /// The length of the buffer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// The most that a semaphore counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<u32>,
}

/// One text or several.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum OneOrMore {
    /// One.
    One(String),
    /// Several.
    More(Vec<String>),
}

impl OneOrMore {
    /// All of them.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

/// A test that `if` makes: on the result of the last dequeue or wait, or on a counter. All keys
/// given must hold.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Test {
    /// What the last dequeue or wait came to: "packet", "timeout", "abandoned", "apc", "ok",
    /// "pending" or "failed".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The key of the packet in hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Number>,
    /// A counter,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<String>,
    /// and the value that it must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<i64>,
}

/// What must be so when a run is over: a fact about one thing. Give one of `result` (of a labelled
/// call), `port`, `thread`, `counter` and `marked`, and the facts that go with it; the table is
/// [`expect::FACTS`](crate::expect::FACTS).
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expectation {
    /// The call labelled so, "label" or "thread.label" if several threads make it, and "label.2"
    /// or "thread.label.2" for the second time that the thread makes it,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// came to "packet", "timeout", "abandoned", "apc", "ok", "pending", "failed" or "never" (it
    /// did not return);
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<OneOrMore>,
    /// with packets of these keys, oldest first;
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<Number>>,
    /// with this byte count;
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Number>,
    /// with this last error,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<u32>,
    /// this status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Number>,
    /// this count;
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// with these APCs run in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apcs: Option<Vec<u32>>,
    /// This port
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// has so many packets,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// so many active threads,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<u32>,
    /// these waiters, the one that blocked first first,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiters: Option<Vec<String>>,
    /// or has had at most so many active threads at any time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_active: Option<u32>,
    /// at most so many packets in its queue at any time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_depth: Option<u32>,
    /// or no packet in its queue for more steps than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_wait: Option<u32>,
    /// This thread
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// is "waiting", "blocked", "suspended", "ended" or "running",
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// or took packets of just these keys in this order;
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took: Option<Vec<Number>>,
    /// whenever it waits in a dequeue, is given a packet in the end, or its wait ends otherwise;
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<bool>,
    /// never stands still for ever before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goes_on: Option<bool>,
    /// This counter
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<String>,
    /// has this value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
    /// In this set of marked packets are just those of `keys`, in any order, each marked once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marked: Option<String>,
    /// When this must be so: in the "end" (without it), "always": after every step, or "eventually":
    /// sooner or later, at some moment of every run in which nobody is kept waiting without reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Holds only under these profiles, "windows-7+" being that one and all newer ones; without it,
    /// under all Windows profiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under: Option<OneOrMore>,
}

/// When an expectation must be met.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// When nothing can happen any more.
    #[default]
    End,
    /// Before the first step and after every one.
    Always,
    /// At some moment of every weakly fair schedule.
    Eventually,
}

/// How often `repeat` repeats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Times {
    /// So many times.
    Exactly(u32),
    /// "forever".
    Forever,
}

/// A duration: 0, "250us", "10ms", "2s", "infinite".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Time {
    /// So many nanoseconds.
    Nanoseconds(u64),
    /// "infinite".
    Infinite,
}

impl Time {
    const UNITS: [(&'static str, u64); 4] = [
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
    ];

    /// The longest finite time: 49 days, as `dwMilliseconds` has it.
    pub const MOST_NS: u64 = (u32::MAX as u64 - 1) * 1_000_000;

    /// Reads a time as it is written.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "infinite" {
            return Some(Self::Infinite);
        }
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = text.split_at(digits);
        let unit = match unit.trim() {
            // The micro sign and the letter, as measurements are printed.
            "µs" | "μs" => "us",
            unit => unit,
        };
        let (_, unit_ns) = Self::UNITS.into_iter().find(|(name, _)| *name == unit)?;
        let ns = match number.split_once('.') {
            None => number.parse::<u64>().ok()?.checked_mul(unit_ns)?,
            Some((whole, fraction)) => {
                let scale = 10u64.checked_pow(fraction.len().try_into().ok()?)?;
                let whole = whole.parse::<u64>().ok()?.checked_mul(unit_ns)?;
                let part = fraction.parse::<u64>().ok()?.checked_mul(unit_ns)?;
                if part % scale != 0 {
                    return None;
                }
                whole.checked_add(part / scale)?
            }
        };
        (ns <= Self::MOST_NS).then_some(Self::Nanoseconds(ns))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Infinite => f.write_str("infinite"),
            Self::Nanoseconds(0) => f.write_str("0"),
            Self::Nanoseconds(ns) => {
                let (unit, unit_ns) = Self::UNITS
                    .into_iter()
                    .rev()
                    .find(|(_, unit_ns)| ns % unit_ns == 0)
                    .unwrap_or(("ns", 1));
                write!(f, "{}{unit}", ns / unit_ns)
            }
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nanoseconds(0) => serializer.serialize_u64(0),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a time with its unit (\"10ms\", \"250us\", \"2s\"), 0 or \"infinite\", of at most 49 days",
                )
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Time, E> {
                if value == 0 {
                    Ok(Time::Nanoseconds(0))
                } else {
                    Err(E::invalid_value(de::Unexpected::Signed(value), &self))
                }
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Time, E> {
                self.visit_i64(value.try_into().unwrap_or(i64::MAX))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                Time::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// How long something takes: always as long, or by a law.
#[derive(Clone, PartialEq, Debug)]
pub enum Duration {
    /// Always so long.
    Fixed(Time),
    /// By this law.
    Law(Box<LawDeclaration>),
}

impl From<Time> for Duration {
    fn from(time: Time) -> Self {
        Self::Fixed(time)
    }
}

/// A law of durations, as it is written: which keys go with which law is a table in
/// [`grammar`](crate::grammar), and [`Law`](crate::Law) is what it comes to.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LawDeclaration {
    /// "exponential", "constant", "uniform", "log-normal", "pareto", "erlang", "empirical" or
    /// "sequence".
    pub law: String,
    /// The mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Time>,
    /// The standard deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deviation: Option<Time>,
    /// The shape of a Pareto law.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<f64>,
    /// The number of exponential stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stages: Option<u32>,
    /// The least value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// The greatest value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Time>,
    /// The values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Time>>,
    /// The file that has the values, one a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Which column of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(time) => time.serialize(serializer),
            Self::Law(law) => law.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a time with its unit (\"10ms\", \"250us\", \"2s\"), 0 or \"infinite\", of at most 49 days, or a law such as { law = \"exponential\", mean = \"1ms\" }",
                )
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Duration, E> {
                match value {
                    0 => Ok(Duration::Fixed(Time::Nanoseconds(0))),
                    _ => Err(E::invalid_value(de::Unexpected::Signed(value), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Duration, E> {
                self.visit_i64(value.try_into().unwrap_or(i64::MAX))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
                Time::parse(text)
                    .map(Duration::Fixed)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Duration, A::Error> {
                let declaration = de::value::MapAccessDeserializer::new(map);
                LawDeclaration::deserialize(declaration).map(|law| Duration::Law(Box::new(law)))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore::One(text.to_owned()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut texts: A) -> Result<OneOrMore, A::Error> {
                let mut more = Vec::new();
                while let Some(text) = texts.next_element()? {
                    more.push(text);
                }
                Ok(OneOrMore::More(more))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for Times {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exactly(times) => serializer.serialize_u32(*times),
            Self::Forever => serializer.serialize_str("forever"),
        }
    }
}

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Times;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of times from 0 to 4294967295, or \"forever\"")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Times, E> {
                u32::try_from(value)
                    .map(Times::Exactly)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(value), &self))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Times, E> {
                u32::try_from(value)
                    .map(Times::Exactly)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Times, E> {
                if text == "forever" {
                    Ok(Times::Forever)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Workload {
    /// The names of all threads, copies spelled out, in the order of their ids.
    pub fn thread_names(&self) -> Vec<String> {
        self.threads
            .iter()
            .flat_map(|thread| {
                let copies = match thread.copies {
                    None => vec![thread.name.clone()],
                    Some(copies) => (1..=copies)
                        .map(|copy| format!("{}-{copy}", thread.name))
                        .collect(),
                };
                copies.into_iter()
            })
            .collect()
    }
}

/// A place in a workload: `thread[1].program[3].port`, as a person counts lines but from zero.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place(pub Vec<Segment>);

/// One segment of a [`Place`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Segment {
    /// A key of a table.
    Key(&'static str),
    /// A position in an array.
    Index(usize),
}

impl Place {
    /// This place, and a key in it.
    #[must_use]
    pub fn key(&self, key: &'static str) -> Self {
        let mut place = self.clone();
        place.0.push(Segment::Key(key));
        place
    }

    /// This place, and a position in it.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut place = self.clone();
        place.0.push(Segment::Index(index));
        place
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if position == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Something in a workload that cannot be: what, where, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkloadError {
    /// Where.
    pub place: Place,
    /// What is wrong, as a sentence.
    pub message: String,
    /// What to do, as a sentence; may be empty.
    pub help: String,
    /// The name that is wrong and those that would be right, if that is what is wrong.
    pub name: Option<WrongName>,
}

/// A name that nothing has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrongName {
    /// What was written.
    pub given: String,
    /// What could have been.
    pub known: Vec<String>,
}

impl fmt::Display for WorkloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.0.is_empty() {
            write!(f, "{}", self.message)?;
        } else {
            write!(f, "{}: {}", self.place, self.message)?;
        }
        if !self.help.is_empty() {
            write!(f, " {}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for WorkloadError {}

/// Named values of any kind.
pub type Names = BTreeMap<String, usize>;
