//! A short stretch of a simulation, event by event: what the timeline of the page shows.
//!
//! It is of the first replication, which is simulated once more up to there: the same seed, so the same
//! requests at the same times.

use crate::study::{Estimate, Precision, StudyError, seed_of};
use iocp_model::Kernel;
use iocp_scheduler::{
    Program,
    simulate::{Settings, Window as Stretch, simulate},
    trace::header,
};
use iocp_traces::{Event, Happening, Trace};
use std::collections::BTreeSet;

/// How many requests begin in it.
pub(super) const REQUESTS: u64 = 30;

/// The most events that are kept of it.
pub(super) const MOST_EVENTS: usize = 1_500;

/// What happened between the begins of two requests.
pub(super) struct Window {
    /// The events, and the threads that have a part in them.
    pub(super) trace: Trace,
    /// The first request that begins in it; the first of all is 1.
    pub(super) first: u64,
    /// How many threads have no part in it.
    pub(super) left_out: usize,
    /// Had it more events than are kept?
    pub(super) cut: bool,
}

impl Window {
    /// The first requests after the beginning that is left out.
    pub(super) fn of(
        program: &Program,
        kernel: Kernel,
        precision: &Precision,
        estimate: &Estimate,
    ) -> Result<Self, StudyError> {
        let from = estimate.warm_up.requests;
        let settings = Settings {
            seed: seed_of(precision.seed, 0),
            // When so many are finished, at least as many have begun.
            requests: REQUESTS,
            skip: from,
            most_steps: precision.most_steps,
            window: Some(Stretch::Requests {
                from,
                to: from + REQUESTS,
            }),
        };
        let replication = simulate(program, kernel.semantics(), &settings);
        let mut events = replication.map_err(StudyError::Simulate)?.window;
        let cut = events.len() > MOST_EVENTS;
        events.truncate(MOST_EVENTS);
        let mut header = header(program, kernel.profile.name, "simulate", settings.seed);
        let part = with_a_part(&events);
        let all = header.threads.len();
        header
            .threads
            .retain(|thread| part.contains(thread.as_str()));
        let left_out = all - header.threads.len();
        drop(part);
        Ok(Self {
            trace: Trace { header, events },
            first: from + 1,
            left_out,
            cut,
        })
    }
}

/// The threads that do something, or wait at a port.
fn with_a_part<'e>(events: &'e [Event<'_>]) -> BTreeSet<&'e str> {
    let mut threads = BTreeSet::new();
    for event in events {
        threads.extend(event.thread());
        if let Happening::Port(state) = &event.what {
            threads.extend(state.waiters.iter().map(AsRef::as_ref));
        }
    }
    threads
}
