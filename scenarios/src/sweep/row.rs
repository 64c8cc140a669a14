//! What came out of a point: a line of JSON, whose keys are the columns of the tables.

use super::{Plan, Sheet, axis::text};
use crate::study::{CURVE, Estimate, Interval, StudyError, Warning};
use serde_json::{Map, Number, Value, json};

/// How a point ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It is as sure as was asked for.
    Done,
    /// More arrives than can be served: its figures say only how long it was simulated.
    Unstable,
    /// The most replications were not enough.
    Imprecise,
    /// It could not be simulated to an end.
    Failed,
}

/// The statuses, by name.
const STATUSES: [(&str, Status); 4] = [
    ("done", Status::Done),
    ("unstable", Status::Unstable),
    ("imprecise", Status::Imprecise),
    ("failed", Status::Failed),
];

/// What came out of a point.
#[derive(Clone, PartialEq, Debug)]
pub struct Row(Map<String, Value>);

impl Row {
    /// Of this point of the plan.
    pub fn of(plan: &Plan, point: usize, outcome: &Result<Estimate, StudyError>) -> Self {
        let mut row = Map::new();
        row.insert("point".into(), json!(point + 1));
        for (axis, value) in plan.axes.iter().zip(&plan.points[point]) {
            row.insert(axis.key.clone(), value.clone());
        }
        let estimate = outcome.as_ref().ok();
        let status = match estimate {
            None => Status::Failed,
            Some(estimate) if !estimate.stable => Status::Unstable,
            Some(estimate) if !estimate.reached => Status::Imprecise,
            Some(_) => Status::Done,
        };
        let name = STATUSES.iter().find(|(_, known)| *known == status);
        row.insert("status".into(), json!(name.map(|(name, _)| name)));
        let warnings = estimate.map_or(&[][..], |estimate| &estimate.warnings);
        // The one that says why it ended so, or else the first.
        let telling = |warning: &&Warning| match status {
            Status::Imprecise => matches!(warning, Warning::Imprecise { .. }),
            _ => true,
        };
        let message = match outcome {
            Ok(_) => warnings.iter().find(telling).map(ToString::to_string),
            Err(error) => Some(error.to_string()),
        };
        let names: Vec<_> = warnings.iter().map(|warning| warning.name()).collect();
        row.insert("warnings".into(), json!(names.join(" ")));
        row.insert("message".into(), json!(message.unwrap_or_default()));
        row.insert("seed".into(), json!(plan.precision.seed));
        let Some(estimate) = estimate else {
            return Self(row);
        };
        row.insert("replications".into(), json!(estimate.replications));
        row.insert("requests".into(), json!(estimate.requests));
        row.insert("simulated".into(), json!(estimate.simulated));
        row.insert("warm_up".into(), json!(estimate.warm_up.requests));
        for (name, interval) in &estimate.metrics {
            let Interval { mean, low, high } = *interval;
            row.insert(name.clone(), number(mean));
            row.insert(format!("{name}.low"), number(low));
            row.insert(format!("{name}.high"), number(high));
        }
        let curve = CURVE.map(|part| {
            let mut known = estimate.curve.iter();
            let known = known.find(|(known, _)| *known == part);
            known.map_or(Value::Null, |(_, latency)| number(latency.mean))
        });
        row.insert("latency.curve".into(), json!(curve));
        Self(row)
    }

    /// Reads a line. It must be of a point of this sheet.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &str, sheet: &Sheet) -> Result<Self, String> {
        let row = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let row = Self(row);
        if !row.0.get("point").is_some_and(|point| {
            let point = point.as_u64().and_then(|point| usize::try_from(point).ok());
            point.is_some_and(|point| (1..=sheet.points).contains(&point))
        }) {
            return Err(format!("`point` is no number from 1 to {}", sheet.points));
        }
        if row.text("status").and_then(status).is_none() {
            return Err("`status` is none that there is".into());
        }
        let mut keys = sheet.over.iter();
        match keys.find(|axis| {
            !row.0
                .get(&axis.key)
                .is_some_and(|v| axis.values.contains(v))
        }) {
            Some(axis) => Err(format!("`{}` is no value of the plan", axis.key)),
            None => Ok(row),
        }
    }

    /// The row as a line, with its line end.
    pub fn line(&self) -> String {
        json!(self.0).to_string() + "\n"
    }

    /// Which point of the plan it is, from 0.
    pub fn point(&self) -> usize {
        let point = self.0.get("point").and_then(Value::as_u64).unwrap_or(1);
        usize::try_from(point).unwrap_or(usize::MAX) - 1
    }

    /// How the point ended.
    pub fn status(&self) -> Status {
        self.text("status")
            .and_then(status)
            .unwrap_or(Status::Failed)
    }

    /// A text of the row.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    /// A number of the row.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.0.get(key).and_then(Value::as_f64)
    }

    /// A value of the row.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// A value of the row as it is typed; empty if there is none.
    pub fn in_words(&self, key: &str) -> String {
        self.0.get(key).map(text).unwrap_or_default()
    }

    /// The keys, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn status(name: &str) -> Option<Status> {
    let status = STATUSES.iter().find(|(known, _)| *known == name);
    status.map(|(_, status)| *status)
}

/// A number that JSON has; what is not finite is null.
fn number(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
