//! Points on several threads.
//!
//! A thread takes the next point and replicates it. When no point is left to take, it helps those
//! that are still at theirs with their replications, so that no processor waits for the last point.
//! Who simulates what, and when, changes nothing in what comes out.

use crate::{
    study::{self, StudyError},
    sweep::{Plan, Row},
};
use iocp_model::Semantics;
use iocp_scheduler::{
    Program,
    run::RunError,
    simulate::{Replication, Settings, SimulateError, simulate},
};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc::Sender},
    thread,
};

/// What the threads tell.
pub(super) enum Event {
    /// A point is done.
    Done(Box<Row>),
    /// Ctrl-C.
    Interrupted,
    /// A thread found a bug.
    Died(Box<dyn Any + Send>),
}

/// What the threads share.
pub(super) struct Pool {
    plan: Plan,
    state: Mutex<State>,
    /// There are replications to help with, or there will be none any more.
    changed: Condvar,
}

struct State {
    /// The points that nobody has taken, the next one last.
    points: Vec<usize>,
    /// How many threads are at a point.
    busy: usize,
    /// Replications that others may help with.
    open: Vec<Arc<Batch>>,
}

impl Pool {
    /// Begins to simulate these points. The threads end by themselves, or with the process.
    pub(super) fn start(
        plan: &Plan,
        mut points: Vec<usize>,
        threads: usize,
        events: &Sender<Event>,
    ) {
        points.reverse();
        let pool = Arc::new(Self {
            plan: plan.clone(),
            state: Mutex::new(State {
                points,
                busy: 0,
                open: Vec::new(),
            }),
            changed: Condvar::new(),
        });
        for _ in 0..threads {
            let (pool, events) = (Arc::clone(&pool), events.clone());
            thread::spawn(move || {
                let work = AssertUnwindSafe(|| pool.work(&events));
                if let Err(why) = catch_unwind(work) {
                    let _ = events.send(Event::Died(why));
                }
            });
        }
    }

    fn work(&self, events: &Sender<Event>) {
        while let Some(point) = self.take() {
            let row = self.point(point);
            self.state().busy -= 1;
            self.changed.notify_all();
            if events.send(Event::Done(Box::new(row))).is_err() {
                return;
            }
        }
        while let Some(batch) = self.batch() {
            batch.work();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<usize> {
        let mut state = self.state();
        let point = state.points.pop()?;
        state.busy += 1;
        Some(point)
    }

    /// Replications to help with. `None`: all points are done.
    fn batch(&self) -> Option<Arc<Batch>> {
        let mut state = self.state();
        loop {
            if let Some(batch) = state.open.iter().find(|batch| batch.has_more()) {
                return Some(Arc::clone(batch));
            }
            if state.busy == 0 {
                return None;
            }
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn point(&self, point: usize) -> Row {
        let program = Arc::new(self.plan.program(point));
        let semantics = self.plan.kernel.semantics();
        let mut run = |settings: &[Settings]| {
            let batch = Arc::new(Batch::new(Arc::clone(&program), semantics, settings));
            self.state().open.push(Arc::clone(&batch));
            self.changed.notify_all();
            batch.work();
            let outcomes = batch.outcomes();
            self.state()
                .open
                .retain(|other| !Arc::ptr_eq(other, &batch));
            outcomes
        };
        let outcome = study::estimate(&program, &self.plan.precision, &mut run, &mut |_| {});
        if let Err(StudyError::Simulate(SimulateError::Run(error @ RunError::Bug(_)))) = &outcome {
            panic!("{}: {error}", self.plan.in_words(point));
        }
        Row::of(&self.plan, point, &outcome)
    }
}

type Outcome = Result<Replication, SimulateError>;

/// The replications of one round of one point.
struct Batch {
    program: Arc<Program>,
    semantics: Semantics,
    settings: Vec<Settings>,
    taken: Mutex<Taken>,
    /// The last one is done.
    done: Condvar,
}

struct Taken {
    /// The next one to take.
    next: usize,
    /// How many are not done.
    left: usize,
    outcomes: Vec<Option<Outcome>>,
}

impl Batch {
    fn new(program: Arc<Program>, semantics: Semantics, settings: &[Settings]) -> Self {
        Self {
            program,
            semantics,
            settings: settings.to_vec(),
            taken: Mutex::new(Taken {
                next: 0,
                left: settings.len(),
                outcomes: settings.iter().map(|_| None).collect(),
            }),
            done: Condvar::new(),
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is there one that nobody has taken?
    fn has_more(&self) -> bool {
        self.taken().next < self.settings.len()
    }

    /// Simulates until none is left to take.
    fn work(&self) {
        loop {
            let at = {
                let mut taken = self.taken();
                taken.next += 1;
                taken.next - 1
            };
            let Some(settings) = self.settings.get(at) else {
                return;
            };
            let outcome = simulate(&self.program, self.semantics, settings);
            let mut taken = self.taken();
            taken.outcomes[at] = Some(outcome);
            taken.left -= 1;
            if taken.left == 0 {
                self.done.notify_all();
            }
        }
    }

    /// What came out of each, as soon as all are done.
    fn outcomes(&self) -> Vec<Outcome> {
        let mut taken = self.taken();
        while taken.left > 0 {
            taken = self
                .done
                .wait(taken)
                .unwrap_or_else(PoisonError::into_inner);
        }
        taken.outcomes.drain(..).flatten().collect()
    }
}
