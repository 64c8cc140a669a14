//! What the tests across the crates share: checks that are plain functions, so that a random test,
//! a fuzzer and the replay of what a fuzzer found all run the same.

#![forbid(unsafe_code)]

pub mod actions;
pub mod fuzz;
