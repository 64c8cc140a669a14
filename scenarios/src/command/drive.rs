//! `iocp drive`: the model for another program.

use super::{Exit, Result, profiles};
use crate::drive::serve;
use clap::Args;
use iocp_model::Profile;
use std::io;

#[derive(Args)]
pub(super) struct Arguments {
    /// The kernel that the model is to be.
    #[arg(long, default_value = Profile::WINDOWS_10_1607.name, value_parser = profiles())]
    profile: Profile,
}

pub(super) fn run(arguments: &Arguments) -> Result {
    serve(io::stdin().lock(), io::stdout().lock(), arguments.profile)?;
    Ok(Exit::Holds)
}
