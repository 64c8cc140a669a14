//! Random workloads and random actions, for tests that should not know what they look for.
//!
//! Everything random goes through a [`Sketch`]: lists of [`Stroke`]s, which are plain numbers. Any
//! numbers whatever make a workload that compiles and that ends or settles, since every loop in it
//! is bounded; smaller numbers make a simpler one. So what a workload may look like is said once,
//! here, and both a seed ([`workload`]) and proptest
//! (`strategies`, behind the feature `proptest`) draw the numbers.
//!
//! ```
//! use iocp_scenarios::generate::{Shape, workload};
//! use iocp_scheduler::Program;
//!
//! let random = workload(7, &Shape::default());
//! assert_eq!(random, workload(7, &Shape::default()));
//! assert!(Program::compile(&random).is_ok());
//! ```

mod actions;
mod paint;

pub use actions::{action, actions, lab};

use iocp_scheduler::Workload;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Limits on what is generated, and what may occur in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// The most thread declarations; the first may be several copies.
    pub most_threads: usize,
    /// The most steps of a program, and of the inside of a loop or branch.
    pub most_steps: usize,
    /// One port or two.
    pub two_ports: bool,
    /// Files, and requests that their devices finish.
    pub files: bool,
    /// User APCs and alertable waits.
    pub apcs: bool,
    /// Threads that suspend and resume others.
    pub suspends: bool,
    /// Threads that end others.
    pub terminates: bool,
    /// A second process, handles that are closed, duplicated or made on the way, ports with names.
    pub handles: bool,
}

impl Default for Shape {
    /// Everything, on up to four declarations of up to eight steps.
    fn default() -> Self {
        Self {
            most_threads: 4,
            most_steps: 8,
            two_ports: true,
            files: true,
            apcs: true,
            suspends: true,
            terminates: true,
            handles: true,
        }
    }
}

impl Shape {
    /// Posts and dequeues on one port, waits and computations: what every kernel can be recorded
    /// doing, and no more.
    pub const PLAIN: Self = Self {
        most_threads: 4,
        most_steps: 8,
        two_ports: false,
        files: false,
        apcs: false,
        suspends: false,
        terminates: false,
        handles: false,
    };
}

/// A workload as numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sketch {
    /// The machine and the objects: processors, memory, limits, what is signaled. Missing numbers
    /// are zero.
    pub setup: Vec<u16>,
    /// The programs.
    pub threads: Vec<Vec<Stroke>>,
}

/// A step, or an action, as numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stroke {
    /// Which kind; taken modulo the kinds that there are.
    pub kind: u16,
    /// Its arguments, each taken modulo what there is to choose from; zero is the simplest.
    pub numbers: [u16; 4],
    /// What is inside, if the kind has an inside.
    pub inner: Vec<Stroke>,
}

/// How many numbers the setup of a workload uses.
pub const SETUP_NUMBERS: usize = 10;

/// How deep strokes are nested in each other.
pub const MOST_DEPTH: u32 = 2;

impl Sketch {
    /// The workload that these numbers stand for.
    pub fn workload(&self, shape: &Shape) -> Workload {
        paint::workload(self, shape)
    }

    /// Random numbers.
    fn draw(rng: &mut ChaCha8Rng, shape: &Shape) -> Self {
        let threads = rng.random_range(1..=shape.most_threads.max(1) as u32);
        Self {
            setup: (0..SETUP_NUMBERS).map(|_| rng.random::<u16>()).collect(),
            threads: (0..threads)
                .map(|_| Stroke::draw_some(rng, shape, MOST_DEPTH))
                .collect(),
        }
    }
}

impl Stroke {
    fn draw_some(rng: &mut ChaCha8Rng, shape: &Shape, depth: u32) -> Vec<Self> {
        let most = shape.most_steps as u32 >> (MOST_DEPTH - depth);
        let steps = rng.random_range(1..=most.max(1));
        (0..steps).map(|_| Self::draw(rng, shape, depth)).collect()
    }

    fn draw(rng: &mut ChaCha8Rng, shape: &Shape, depth: u32) -> Self {
        let mut stroke = Self {
            kind: rng.random(),
            numbers: rng.random(),
            inner: Vec::new(),
        };
        if depth > 0 && paint::has_inside(&stroke, shape) {
            stroke.inner = Self::draw_some(rng, shape, depth - 1);
        }
        stroke
    }
}

/// A random workload: the same for the same seed and shape on every machine.
///
/// It compiles, and every run of it ends or settles: after a few hundred steps with the default
/// shape.
pub fn workload(seed: u64, shape: &Shape) -> Workload {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut workload = Sketch::draw(&mut rng, shape).workload(shape);
    workload.name = format!("random-{seed}");
    workload.title = format!("Random, from the seed {seed}.");
    workload
}
