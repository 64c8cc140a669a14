//! What each thread did, moment by moment, and below it each port: its queue, its active threads
//! against its limit, its waiters as the stack that they are.

mod draw;

use iocp_traces::{Trace, spans::Spans};
use maud::Markup;

/// A trace, or the part of one that is shown.
#[derive(Clone, PartialEq, Debug)]
pub struct Timeline {
    /// What happened.
    pub spans: Spans,
    /// How many events of the trace are not shown, because there are more than a page bears.
    pub left_out: usize,
}

/// The most events of a timeline.
pub const MOST_EVENTS: usize = 20_000;

impl Timeline {
    /// The timeline of a trace; of a longer one than [`MOST_EVENTS`], of its begin.
    pub fn of(trace: &Trace) -> Self {
        let left_out = trace.events.len().saturating_sub(MOST_EVENTS);
        let spans = match left_out {
            0 => Spans::of(trace),
            _ => Spans::of(&Trace {
                header: trace.header.clone(),
                events: trace.events[..MOST_EVENTS].to_vec(),
            }),
        };
        Self { spans, left_out }
    }

    pub(super) fn html(&self, id: &str, title: &str) -> Markup {
        draw::html(self, id, title)
    }
}
