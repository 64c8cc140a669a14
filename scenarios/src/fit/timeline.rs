//! What each thread did, and when: the calls of a trace, a thread at a time.
//!
//! Of a trace only what threads show is read: when each call began and returned, and its port or
//! object. Between two calls a thread computes.

use super::FitError;
use iocp_model::Api;
use iocp_traces::{Happening, Trace};
use std::collections::BTreeMap;

/// A call, as far as it matters here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// It inserts a packet.
    Post { port: String, key: u64 },
    /// It takes up to `most` packets; these are the keys of those that it got.
    Take {
        port: String,
        most: u16,
        keys: Vec<u64>,
    },
    /// It sleeps.
    Sleep,
    /// It waits for an object.
    Wait { object: String },
    /// It lets an object go.
    Release { object: String, mutex: bool },
    /// It waits for the scenario's order.
    Until,
    /// Anything else.
    Other,
}

/// A moment, and which event of the file it is, since equal times have an order, too.
pub(super) type At = (u64, usize);

/// A call from its begin to its return.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Call {
    pub(super) kind: Kind,
    pub(super) begin: At,
    /// `None`: it never returned, or the trace ends before.
    pub(super) end: Option<At>,
}

impl Call {
    /// How long it took; 0 if it did not return.
    pub(super) fn took_ns(&self) -> u64 {
        self.end.map_or(0, |end| end.0.saturating_sub(self.begin.0))
    }
}

/// A thread's calls, in their order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Thread {
    pub(super) name: String,
    pub(super) calls: Vec<Call>,
    /// When it was told to compute last.
    pub(super) computed: Option<At>,
    /// When its program ended, if it did.
    pub(super) ended: Option<At>,
}

/// Reads the calls of all threads.
pub(super) fn threads(trace: &Trace) -> Result<Vec<Thread>, FitError> {
    let names = &trace.header.threads;
    let numbers: BTreeMap<&str, usize> = names
        .iter()
        .enumerate()
        .map(|(number, name)| (name.as_str(), number))
        .collect();
    let mut threads: Vec<Thread> = names
        .iter()
        .map(|name| Thread {
            name: name.clone(),
            calls: Vec::new(),
            computed: None,
            ended: None,
        })
        .collect();
    let mut order: Vec<usize> = (0..trace.events.len()).collect();
    // Stable: the order of the file decides between equal times.
    order.sort_by_key(|&index| trace.events[index].at_ns);
    for (place, index) in order.into_iter().enumerate() {
        let event = &trace.events[index];
        let Some(number) = event.thread().and_then(|name| numbers.get(name)) else {
            continue;
        };
        let thread = &mut threads[*number];
        let at = (event.at_ns, place);
        match &event.what {
            Happening::Begin { call, with, .. } => thread.calls.push(Call {
                kind: kind(call, with),
                begin: at,
                end: None,
            }),
            Happening::Until { .. } => thread.calls.push(Call {
                kind: Kind::Until,
                begin: at,
                end: None,
            }),
            Happening::End { result, .. } => {
                let Some(last) = thread.calls.last_mut() else {
                    continue;
                };
                last.end = Some(at);
                if let Kind::Take { keys, .. } = &mut last.kind {
                    keys.extend(result.packets.iter().map(|packet| packet.key.0));
                }
            }
            Happening::Reached { .. } => {
                if let Some(last) = thread.calls.last_mut() {
                    last.end = Some(at);
                }
            }
            Happening::Ends { .. } => thread.ended = Some(at),
            Happening::Does { what, .. } if what.starts_with("compute") => {
                thread.computed = Some(at);
            }
            Happening::Does { .. }
            | Happening::Kernel(_)
            | Happening::Port(_)
            | Happening::Settled {} => {}
        }
    }
    if threads.iter().all(|thread| thread.calls.is_empty()) {
        return Err(FitError::new(
            "the trace has no calls at all; there is nothing to fit",
        ));
    }
    Ok(threads)
}

/// What a call is, by its name and its arguments in words: "p, key 7".
fn kind(call: &str, with: &str) -> Kind {
    let mut words = with.split(", ");
    let first = words.next().unwrap_or_default().to_owned();
    let number = |name: &str| {
        with.split(", ").find_map(|part| {
            let text = part.strip_prefix(name)?.trim();
            match text.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16).ok(),
                None => text.parse().ok(),
            }
        })
    };
    let Some(api) = Api::ALL.iter().copied().find(|api| api.name() == call) else {
        return Kind::Other;
    };
    match api {
        Api::PostQueuedCompletionStatus | Api::NtSetIoCompletion | Api::NtSetIoCompletionEx => {
            Kind::Post {
                port: first,
                key: number("key ").unwrap_or(0),
            }
        }
        Api::GetQueuedCompletionStatus | Api::NtRemoveIoCompletion => Kind::Take {
            port: first,
            most: 1,
            keys: Vec::new(),
        },
        Api::GetQueuedCompletionStatusEx | Api::NtRemoveIoCompletionEx => Kind::Take {
            port: first,
            most: number("count ")
                .and_then(|count| u16::try_from(count).ok())
                .unwrap_or(1),
            keys: Vec::new(),
        },
        Api::Sleep => Kind::Sleep,
        Api::WaitForSingleObject => Kind::Wait { object: first },
        Api::ReleaseSemaphore => Kind::Release {
            object: first,
            mutex: false,
        },
        Api::ReleaseMutex => Kind::Release {
            object: first,
            mutex: true,
        },
        _ => Kind::Other,
    }
}
