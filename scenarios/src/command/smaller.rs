//! A smaller scenario with the same failure, shown and written.

use super::{Problem, Result};
use crate::file;
use iocp_scheduler::Workload;
use serde_json::json;
use std::{io::Write, path::Path};

/// A smaller scenario, and what it took.
pub(super) struct Smaller {
    pub(super) workload: Workload,
    /// Scenarios that were tried.
    pub(super) tried: usize,
    /// Ctrl-C ended the attempts.
    pub(super) cut: bool,
    /// What shows the failure, behind `iocp` and in front of the file.
    pub(super) shows: String,
    /// What comes behind the file.
    pub(super) how: String,
}

impl Smaller {
    /// Writes it to a file, if there is to be one.
    pub(super) fn write(&self, path: Option<&Path>) -> Result<()> {
        let Some(path) = path else { return Ok(()) };
        std::fs::write(path, file::to_toml(&self.workload))
            .map_err(|error| Problem::file("write", path, &error))
    }

    pub(super) fn human(&self, out: &mut impl Write, path: Option<&Path>) -> std::io::Result<()> {
        writeln!(
            out,
            "\nThe smallest of the {} smaller scenarios tried that fails in the same way{}:\n",
            self.tried,
            if self.cut {
                ", as far as Ctrl-C let it look"
            } else {
                ""
            },
        )?;
        write!(out, "{}", file::to_toml(&self.workload))?;
        if let Some(path) = path {
            let path = super::quoted(&path.display().to_string());
            writeln!(out, "\nAgain: iocp {} {path}{}", self.shows, self.how)?;
        }
        Ok(())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        json!({
            "scenario": self.workload,
            "tried": self.tried,
            "complete": !self.cut,
            "again": format!("iocp {} FILE{}", self.shows, self.how),
        })
    }
}
