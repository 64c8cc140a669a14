//! What people *write*: scenario files, the catalogue, generators; and the `iocp` command.
//!
//! | module | holds |
//! |---|---|
//! | [`file`](mod@file) | scenario files: reading with places for errors, writing |
//! | [`catalogue`] | the shipped scenarios |
//! | [`recordings`] | the shipped recordings |
//! | [`generate`] | random workloads from a seed |
//! | `strategies` | the same for proptest (feature `proptest`) |
//! | [`matrix`] | where each rule of the book is: code, tests, scenarios; who notices when it is broken |
//! | [`explain`] | why a recording does not conform: broken rules, and what would decide |
//! | [`experiment`] | which scenario tells two kernels apart |
//! | [`distinguish`] | the smallest experiment that tells two kernels apart |
//! | [`questions`] | experiments for the open questions |
//! | [`parameters`] | a scenario with other numbers: `limit=4` |
//! | [`report`] | results as one HTML page with pictures |
//! | [`roles`] | who plays which part: the server's port, its workers, who sends requests |
//! | [`study`] | how a scenario behaves under load, how sure that is, and what theory says |
//! | [`sweep`] | a scenario under many settings: plans, points, results |
//! | [`advise`] | the smallest pool that meets objectives, and how sure that is |
//! | [`fit`] | from a recording to a scenario for `iocp simulate` |
//! | [`unit`](mod@unit) | numbers in words, with their unit |
//! | [`shrink`] | a smaller workload with the same failure |
//! | [`verify`] | does an implementation do what the model says? |
//! | [`drive`] | the model as a service for other programs |
//! | `command` | the `iocp` command (feature `command`) |

#![forbid(unsafe_code)]

pub mod advise;
pub mod catalogue;
#[cfg(feature = "command")]
pub mod command;
pub mod distinguish;
pub mod drive;
pub mod experiment;
pub mod explain;
pub mod file;
pub mod fit;
pub mod generate;
pub mod matrix;
pub mod near;
pub mod parameters;
pub mod questions;
pub mod recordings;
pub mod report;
pub mod roles;
pub mod shrink;
#[cfg(feature = "proptest")]
pub mod strategies;
pub mod study;
pub mod sweep;
pub mod unit;
pub mod verify;
