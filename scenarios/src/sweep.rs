//! A scenario under many settings: a plan, its points, and what came out of each.
//!
//! A plan names a scenario and, for some of its parameters, the values that they are to have. Its
//! points are all combinations of them, in the plan's order: the last parameter changes fastest.
//! Each is estimated with the same seed, so that all meet the same requests and settings can be
//! compared (common random numbers). A [`Row`] is what came out of one point; rows that were made in
//! pieces, by several processes or on several machines, are the same as if one had made them all.
//!
//! Nothing here opens files or starts threads; `iocp sweep` and `iocp merge` do.
//!
//! | module | holds |
//! |---|---|
//! | `read` | a plan, as it is written |
//! | `axis` | a parameter and its values; ranges |
//! | `condition` | which combinations are left out |
//! | `row` | a point's result, as a line of JSON |
//! | `sheet` | what a folder of results is about |
//! | `table` | rows as columns, and as CSV |
//! | `report` | rows as pictures |

mod axis;
mod condition;
mod read;
mod report;
mod row;
mod sheet;
mod table;

pub use axis::Axis;
pub use condition::Condition;
pub use read::{KEYS, SIMULATE, Written};
pub use row::{Row, Status};
pub use sheet::{Shard, Sheet};
pub use table::{Cells, Column, Table};

use crate::{
    parameters::{self, Setting},
    study::Precision,
};
use iocp_model::Kernel;
use iocp_scheduler::{Program, Workload};
use serde_json::Value;

/// The most points of a plan.
pub const MOST_POINTS: usize = 100_000;

/// A plan whose points can all be simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The file's name, for messages.
    pub file: String,
    /// The scenario, without any of the values.
    pub workload: Workload,
    /// The kernel that the model is to be.
    pub kernel: Kernel,
    /// The parameters.
    pub axes: Vec<Axis>,
    /// What is left out.
    pub conditions: Vec<Condition>,
    /// How sure each point is to be.
    pub precision: Precision,
    /// The points: a value for each parameter.
    pub points: Vec<Vec<Value>>,
}

impl Plan {
    /// The settings of a point.
    pub fn settings(&self, point: usize) -> Vec<Setting> {
        let pairs = self.axes.iter().zip(&self.points[point]);
        pairs
            .map(|(axis, value)| Setting {
                key: axis.key.clone(),
                value: axis::text(value),
            })
            .collect()
    }

    /// A point in words: "limit=4 threads=8".
    pub fn in_words(&self, point: usize) -> String {
        let settings = self.settings(point);
        let words: Vec<_> = settings.iter().map(Setting::to_string).collect();
        words.join(" ")
    }

    /// The program of a point.
    pub fn program(&self, point: usize) -> Program {
        let workload = parameters::apply(&self.workload, &self.settings(point));
        let program = workload
            .map_err(|error| error.to_string())
            .and_then(|workload| Program::compile(&workload).map_err(|error| error.to_string()));
        program.unwrap_or_else(|error| unreachable!("the plan was read with this point: {error}"))
    }
}
