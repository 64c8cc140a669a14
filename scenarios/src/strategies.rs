//! Strategies for [`proptest`]: workloads, schedules and actions, built so that what fails shrinks
//! to something that a person can read.
//!
//! ```
//! use iocp_scenarios::{generate::Shape, strategies};
//! use iocp_scheduler::{Program, Run, run};
//! use proptest::prelude::*;
//!
//! proptest!(|(
//!     workload in strategies::workloads(Shape::PLAIN),
//!     schedule in strategies::schedules(100),
//! )| {
//!     let program = Program::compile(&workload)?;
//!     let mut run = Run::new(&program, Default::default(), schedule, run::Options::default())?;
//!     run.finish(&mut ())?;
//! });
//! ```

use crate::generate::{self, MOST_DEPTH, SETUP_NUMBERS, Shape, Sketch, Stroke};
use iocp_model::{Action, System};
use iocp_scheduler::{
    Choice, Workload,
    strategy::{ReplayError, Strategy as Schedule},
};
use proptest::{collection::vec, prelude::*};

/// Workloads. They shrink to fewer threads, fewer steps, simpler steps.
pub fn workloads(shape: Shape) -> impl Strategy<Value = Workload> {
    sketches(shape).prop_map(move |sketch| sketch.workload(&shape))
}

/// Workloads as numbers.
fn sketches(shape: Shape) -> impl Strategy<Value = Sketch> {
    let setup = vec(any::<u16>(), SETUP_NUMBERS);
    let program = vec(strokes(shape, MOST_DEPTH), 0..=shape.most_steps);
    let threads = vec(program, 1..=shape.most_threads.max(1));
    (setup, threads).prop_map(|(setup, threads)| Sketch { setup, threads })
}

fn strokes(shape: Shape, depth: u32) -> BoxedStrategy<Stroke> {
    let inner = match depth {
        0 => Just(Vec::new()).boxed(),
        _ => {
            let most = shape.most_steps >> (MOST_DEPTH + 1 - depth);
            vec(strokes(shape, depth - 1), 0..=most).boxed()
        }
    };
    (any::<u16>(), any::<[u16; 4]>(), inner)
        .prop_map(|(kind, numbers, inner)| Stroke {
            kind,
            numbers,
            inner,
        })
        .boxed()
}

/// Who chooses, as a list of up to `most` numbers. It shrinks towards always taking the first of
/// what can happen.
pub fn schedules(most: usize) -> impl Strategy<Value = Picks> {
    vec(any::<u16>(), 0..=most).prop_map(Picks::new)
}

/// A list of numbers that chooses: each picks among what can happen, and when there are no more,
/// the first is picked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picks {
    numbers: Vec<u16>,
    used: usize,
}

impl Picks {
    /// From the numbers.
    pub fn new(numbers: Vec<u16>) -> Self {
        Self { numbers, used: 0 }
    }

    fn next(&mut self) -> u64 {
        let number = self.numbers.get(self.used).copied().unwrap_or(0);
        self.used += 1;
        number.into()
    }
}

impl Schedule for Picks {
    fn choose(&mut self, choices: &[Choice]) -> Result<usize, ReplayError> {
        let picked = self.next() % choices.len().max(1) as u64;
        Ok(picked as usize)
    }

    fn value(&mut self, most: u64) -> Result<u64, ReplayError> {
        Ok(self.next() % most.saturating_add(1).max(1))
    }
}

/// Up to `most` actions, each drawn for the state of `system` that the ones before it lead to; not
/// every one is possible ([`generate::actions`]). They shrink to fewer and simpler ones.
pub fn actions(system: System, most: usize) -> impl Strategy<Value = Vec<Action>> {
    let shape = Shape::default();
    vec(strokes(shape, 0), 0..=most).prop_map(move |strokes| {
        let mut system = system.clone();
        let action = |stroke: &Stroke| {
            let action = generate::action(&system, stroke);
            // One that is refused changes nothing.
            let _ = system.apply(action, &mut ());
            action
        };
        strokes.iter().map(action).collect()
    })
}
