//! The turns that are recorded now, on this machine.

use super::{Arguments, Problem, Result, record as recorder};
use crate::{
    file::Scenario,
    verify::{Recorded, Turn},
};
use iocp_scheduler::native::RecordError;

/// Records a scenario as often as is asked; or says why it cannot be recorded here.
///
/// After a turn that hung there is no other: it would most likely hang too, and take as long.
pub(super) fn record(
    scenario: &Scenario,
    arguments: &Arguments,
) -> Result<std::result::Result<Vec<Turn>, String>> {
    if let Some(folder) = &arguments.out {
        std::fs::create_dir_all(folder)
            .map_err(|error| Problem::file("make the folder", folder, &error))?;
    }
    let mut turns = Vec::new();
    for turn in 1..=arguments.times {
        let turn = match recorder::record(&scenario.program, &arguments.settings) {
            Ok(recording) => {
                let file = match &arguments.out {
                    Some(folder) => Some(recorder::keep(folder, &recording, turn)?),
                    None => None,
                };
                let file = file.map(|path| path.display().to_string());
                match Recorded::new(file, recording) {
                    Ok(recorded) => Turn::Recorded(Box::new(recorded)),
                    Err(error) => Turn::Aborted(error),
                }
            }
            Err(
                error @ (RecordError::NotRecordable(_)
                | RecordError::Processors { .. }
                | RecordError::Missing(_)),
            ) => return Ok(Err(error.to_string())),
            Err(error @ RecordError::Options(_)) => return Err(Problem::new(error)),
            Err(error @ (RecordError::NotOver { .. } | RecordError::Hung { .. })) => {
                turns.push(Turn::Hung(error.to_string()));
                break;
            }
            Err(error @ RecordError::TooMuch { .. }) => Turn::Limit(error.to_string()),
            Err(error) => Turn::Aborted(error.to_string()),
        };
        turns.push(turn);
    }
    Ok(Ok(turns))
}
