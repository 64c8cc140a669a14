//! A run, as a recorder on the kernel would have seen it.
//!
//! A recorder sees calls begin and end, and nothing of the inside. Between its look at the clock
//! and the kernel's own step time passes, so that calls are intervals and overlap. Here a run of
//! the model is seen in that way: recordings whose true explanation is known, to try the checker
//! on.

use crate::{
    Program, Run, RunError, State,
    run::{End, Options},
    strategy::Strategy,
    trace::{Tracer, header},
};
use iocp_model::{Kernel, Mutants};
use iocp_traces::{Event, Happening, Trace};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// The time between two steps of the run, in the recording.
const APART_NS: u64 = 1_000;

/// A run, as seen from outside.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The recording.
    pub trace: Trace,
    /// How the run ended.
    pub end: End,
    /// The mutants on which it has depended.
    pub heard: Mutants,
}

/// Runs a program to its end and records it from outside: an interval reaches at most `reach`
/// steps beyond its call, on either side, as the seed has it.
///
/// # Errors
/// As [`Run::finish`].
pub fn record<S: Strategy>(
    program: &Program,
    kernel: Kernel,
    strategy: S,
    options: Options,
    reach: u64,
    seed: u64,
) -> Result<Seen, RunError> {
    let semantics = kernel.semantics();
    let mut run = Run::new(program, semantics, strategy, options)?;
    let mut tracer = Tracer::new(program, Vec::new(), false);
    let end = run.finish(&mut tracer)?;
    let heard = tracer
        .heard()
        .union(State::heard_at_start(program, semantics));
    let mut events = tracer.into_sink();
    widen(&mut events, reach, &mut ChaCha8Rng::seed_from_u64(seed));
    let header = header(program, &kernel.to_string(), "", seed);
    let trace = Trace { header, events };
    Ok(Seen { trace, end, heard })
}

/// Moves begins to earlier times and ends to later ones, each thread's events staying in their
/// order.
fn widen(events: &mut [Event<'static>], reach: u64, rng: &mut ChaCha8Rng) {
    // The threads by name; for each event the number of its thread, and when that did the next.
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut thread_of = Vec::with_capacity(events.len());
    for (index, event) in events.iter_mut().enumerate() {
        event.at_ns = (index as u64 + 1) * APART_NS;
        thread_of.push(event.thread().map(|name| match numbers.get(name) {
            Some(number) => *number,
            None => {
                let number = numbers.len();
                numbers.insert(name.to_owned(), number);
                number
            }
        }));
    }
    let mut next_ns = vec![u64::MAX; numbers.len()];
    let mut next_of = vec![u64::MAX; events.len()];
    for (index, thread) in thread_of.iter().enumerate().rev() {
        if let Some(thread) = *thread {
            next_of[index] = std::mem::replace(&mut next_ns[thread], events[index].at_ns);
        }
    }
    // In each gap between an end and the begin after it, the two move towards each other.
    let reach_ns = reach * APART_NS;
    let mut last_ns = vec![0; numbers.len()];
    for (index, event) in events.iter_mut().enumerate() {
        let Some(thread) = thread_of[index] else {
            continue;
        };
        let at_ns = event.at_ns;
        let begins = matches!(
            event.what,
            Happening::Begin { .. } | Happening::Until { .. }
        );
        event.at_ns = if begins {
            rng.random_range(at_ns.saturating_sub(reach_ns).max(last_ns[thread])..=at_ns)
        } else {
            rng.random_range(at_ns..=at_ns.saturating_add(reach_ns).min(next_of[index]))
        };
        last_ns[thread] = event.at_ns;
    }
    let settled_ns = events.iter().map(|event| event.at_ns).max().unwrap_or(0) + APART_NS;
    for (event, thread) in events.iter_mut().zip(&thread_of) {
        if thread.is_none() {
            event.at_ns = settled_ns;
        }
    }
    events.sort_by_key(|event| event.at_ns);
}
