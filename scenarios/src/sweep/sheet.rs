//! What a folder of results is about: written beside them, and compared before anything is added.

use super::{Axis, Plan};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{fmt, str::FromStr};

/// What results are of. Those of the same sheet belong together, shards aside.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sheet {
    /// The version of `iocp` that makes them. Another one may number points otherwise.
    pub iocp: String,
    /// The name of the plan's file.
    pub plan: String,
    /// The kernel that the model is.
    pub profile: String,
    /// How sure they are to be.
    pub simulate: Value,
    /// The parameters.
    pub over: Vec<Axis>,
    /// What must hold of a point.
    #[serde(rename = "where")]
    pub conditions: Vec<String>,
    /// How many points there are in all.
    pub points: usize,
    /// Which part of them is here; `None`: all.
    pub shard: Option<Shard>,
    /// The scenario.
    pub scenario: Value,
}

impl Sheet {
    /// The sheet of a plan, or of a part of its points.
    pub fn of(plan: &Plan, shard: Option<Shard>) -> Self {
        let precision = &plan.precision;
        Self {
            iocp: env!("CARGO_PKG_VERSION").into(),
            plan: plan.file.clone(),
            profile: plan.kernel.to_string(),
            simulate: json!({
                "requests": precision.requests,
                "precision": precision.relative,
                "confidence": precision.confidence,
                "of": precision.metric,
                "replications": [precision.least, precision.most],
                "seed": precision.seed,
                "most-steps": precision.most_steps,
            }),
            over: plan.axes.clone(),
            conditions: plan.conditions.iter().map(ToString::to_string).collect(),
            points: plan.points.len(),
            shard,
            scenario: json!(plan.workload),
        }
    }

    /// What the results of this sheet and of another have not in common, in words; `None`: nothing.
    pub fn differs(&self, other: &Self) -> Option<String> {
        let parts = [
            ("the scenario", self.scenario != other.scenario),
            ("the profile", self.profile != other.profile),
            ("the values of `[over]`", self.over != other.over),
            ("`[where]`", self.conditions != other.conditions),
            ("`[simulate]`", self.simulate != other.simulate),
            ("the version of iocp", self.iocp != other.iocp),
            ("the number of points", self.points != other.points),
        ];
        let parts = parts.iter().filter(|(_, differs)| *differs);
        let parts: Vec<_> = parts.map(|(part, _)| *part).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// The points that belong here.
    pub fn here(&self) -> impl Iterator<Item = usize> + use<> {
        let Shard { part, of } = self.shard.unwrap_or(Shard::WHOLE);
        (0..self.points).skip(part - 1).step_by(of)
    }

    /// The file, for people to read.
    pub fn to_json(&self) -> String {
        let mut text = json!(self).to_string();
        if let Ok(pretty) = serde_json::to_string_pretty(self) {
            text = pretty;
        }
        text + "\n"
    }

    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sheet: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match sheet.points <= super::MOST_POINTS {
            true => Ok(sheet),
            false => Err(format!(
                "{} points are more than there may be",
                sheet.points
            )),
        }
    }
}

/// Every so many points of a plan, from one of them on: `2/4`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    /// Which, from 1.
    part: usize,
    /// Of how many.
    of: usize,
}

impl Shard {
    /// All points.
    const WHOLE: Self = Self { part: 1, of: 1 };

    /// Is it all of them?
    pub fn is_whole(self) -> bool {
        self == Self::WHOLE
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let parts = parts.and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((part, of)) if (1..=of).contains(&part) => Ok(Self { part, of }),
            _ => Err("write which part of how many, counted from 1, as in 2/4".into()),
        }
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}
