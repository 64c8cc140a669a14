//! Replications on several threads. Which thread runs which, and when, changes nothing in what comes
//! back.

use super::watch::Watch;
use iocp_model::Semantics;
use iocp_scheduler::{
    Program,
    simulate::{Replication, Settings, SimulateError, simulate},
};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

type Outcome = Result<Replication, SimulateError>;

/// Runs them all, on at most so many threads, and gives them back in their order.
pub(in crate::command) fn run(
    program: &Program,
    semantics: Semantics,
    settings: &[Settings],
    threads: usize,
    watch: &Watch,
) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes: Vec<Mutex<Option<Outcome>>> = settings.iter().map(|_| Mutex::default()).collect();
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(settings) = settings.get(at) else {
                return;
            };
            let outcome = simulate(program, semantics, settings);
            watch.one_more();
            *outcomes[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        }
    };
    thread::scope(|scope| {
        // This thread works, too.
        for _ in 1..threads.min(settings.len()) {
            scope.spawn(work);
        }
        work();
    });
    let outcomes = outcomes.into_iter();
    outcomes
        .filter_map(|outcome| outcome.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect()
}
