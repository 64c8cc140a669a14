//! What *drives* programs over the model: one schedule, all schedules, a recording, or the real
//! kernel.
//!
//! | module | holds |
//! |---|---|
//! | [`workload`] | what people write: names and plain values |
//! | [`program`] | the same, checked and compiled |
//! | [`state`] | a run in progress as plain data, and its next steps |
//! | [`law`] | how long something takes that does not always take as long |
//! | [`strategy`] | who chooses among them; schedules that can be replayed |
//! | [`run`] | one schedule, in virtual time |
//! | [`simulate`] | a load on a machine of so many processors, in virtual time: statistics |
//! | [`determinism`] | the self-check: the same seed, the same bytes |
//! | [`trace`] | what the simulator writes down |
//! | [`expect`] | what must be so in the end |
//! | [`search`] | all schedules, the plain way |
//! | [`explore`] | all schedules, learned, reduced, in parallel; counterexamples |
//! | [`capabilities`] | why a program cannot be recorded on a real kernel |
//! | `native` (Windows) | the same program on the real kernel |
//! | [`outside`] | a run, as a recorder would have seen it |
//! | [`conform`] | is this recording explained by some schedule? |
//! | [`diagnose`] | if not: which rules would have to be broken? |
//! | [`refine`] | is every outcome of one kernel an outcome of another? |

#![deny(unsafe_code)]

pub mod capabilities;
mod compile;
pub mod conform;
// It runs a thread to show that threads do not matter; a browser has none.
#[cfg(not(target_family = "wasm"))]
pub mod determinism;
pub mod diagnose;
pub mod expect;
pub mod explore;
pub mod grammar;
pub mod law;
#[cfg(windows)]
pub mod native;
pub mod outside;
pub mod program;
pub mod refine;
pub mod run;
pub mod search;
pub mod simulate;
pub mod state;
pub mod strategy;
pub mod trace;
mod waits;
pub mod workload;

pub use law::Law;
pub use program::{Code, Condition, Op, Program};
pub use run::{End, Run, RunError};
pub use state::{Choice, Local, State, StepError, Watch};
pub use workload::{Workload, WorkloadError};
