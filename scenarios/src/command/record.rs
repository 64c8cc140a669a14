//! `iocp record`: scenarios on the kernel of this machine.

use super::{Exit, Problem, Result};
use clap::Args;

#[derive(Args)]
pub(super) struct Arguments {
    /// The scenarios: files, or names in the catalogue.
    scenarios: Vec<String>,
}

pub(super) fn run(_: &Arguments) -> Result {
    let _ = Exit::Holds;
    Err(Problem::new("recording needs Windows, or Wine."))
}
