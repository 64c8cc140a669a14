//! What *drives* programs over the model: one schedule, all schedules, a recording, or the real
//! kernel.

#![deny(unsafe_code)]

mod compile;
pub mod grammar;
pub mod program;
pub mod search;
pub mod state;
pub mod workload;

pub use program::{Code, Condition, Op, Program};
pub use state::{Choice, Local, State, StepError, Watch};
pub use workload::{Workload, WorkloadError};
