//! Reads a plan.
//!
//! ```toml
//! scenario = "server.toml"
//!
//! [over]
//! limit = [1, 2, 4]
//! threads = { from = 4, to = 64, times = 2 }
//!
//! [where]
//! threads = ">= limit"
//!
//! [simulate]
//! requests = 20_000
//! ```
//!
//! What is wrong is a [`ScenarioError`], which knows where in the file. That every point can be
//! simulated is checked before the first one is: a mistake shows in the first second, not after a
//! night.

use super::{
    Condition, MOST_POINTS, Plan,
    axis::{self, Axis, Next},
};
use crate::{
    file::{MOST_BYTES, ScenarioError},
    near::nearest,
    parameters::{self, Setting, short},
    study::{self, METRICS, PERCENTILES, Percent, Precision, STEPS_A_REQUEST, StudyError},
};
use iocp_model::Kernel;
use iocp_scheduler::{Program, Workload};
use serde_json::{Number, Value};
use std::{collections::BTreeSet, ops::Range, str::FromStr};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The keys of a plan.
pub const KEYS: [&str; 5] = ["scenario", "profile", "over", "where", "simulate"];
/// The keys below `simulate`: options of `iocp simulate`.
pub const SIMULATE: [&str; 7] = [
    "requests",
    "precision",
    "confidence",
    "of",
    "replications",
    "seed",
    "most-steps",
];
/// The keys of a range.
const RANGE: [&str; 4] = ["from", "to", "step", "times"];

type Span = Range<usize>;
type Result<T> = std::result::Result<T, ScenarioError>;

/// A plan as it is written: it can be read, and its scenario is not known yet.
#[derive(Clone, Debug)]
pub struct Written {
    source: Source,
    /// The scenario: a name of the catalogue, or a file beside the plan.
    pub scenario: String,
    scenario_at: Span,
    kernel: Kernel,
    axes: Vec<(Axis, Vec<Span>)>,
    conditions: Vec<Condition>,
    precision: Precision,
}

impl Written {
    /// Reads a plan; `name` is the file's name in messages.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        let source = Source {
            name: name.to_owned(),
            text: String::from_utf8_lossy(bytes).into_owned(),
        };
        if bytes.len() > MOST_BYTES {
            let message = format!("the plan has more than {MOST_BYTES} bytes");
            return Err(source.wrong(
                0..0,
                message,
                "A range says in a line what a list says in many.",
            ));
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            let at = error.valid_up_to();
            let message = format!("this is not UTF-8: byte {at} of the file begins no character");
            return Err(source.wrong(at..at + 1, message, "Save the file as UTF-8."));
        }
        source.clone().read()
    }

    /// Something to say about the scenario that the plan names.
    pub fn about_scenario(&self, message: &str) -> ScenarioError {
        self.source.wrong(self.scenario_at.clone(), message, "")
    }

    /// The plan, with the scenario that it names.
    ///
    /// # Errors
    /// The first point that cannot be simulated, and why.
    pub fn with(self, workload: &Workload) -> Result<Plan> {
        if !short::anybody_sends(workload) {
            return Err(self.about_scenario(&StudyError::NobodySends.to_string()));
        }
        let mut points = Vec::new();
        self.expand(workload, &mut Vec::new(), &mut points)?;
        if points.is_empty() {
            let conditions: Vec<_> = self.conditions.iter().map(Condition::to_string).collect();
            let message = format!(
                "no combination is left: none has {}",
                conditions.join(" and ")
            );
            return Err(self
                .source
                .wrong(0..0, message, "Change `[over]` or `[where]`."));
        }
        Ok(Plan {
            file: self.source.name,
            workload: workload.clone(),
            kernel: self.kernel,
            axes: self.axes.into_iter().map(|(axis, _)| axis).collect(),
            conditions: self.conditions,
            precision: self.precision,
            points,
        })
    }

    /// All points that begin with these values.
    fn expand(
        &self,
        workload: &Workload,
        values: &mut Vec<Value>,
        points: &mut Vec<Vec<Value>>,
    ) -> Result<()> {
        let Some((axis, spans)) = self.axes.get(values.len()) else {
            let value = |key: &str| {
                let mut axes = self.axes.iter();
                let at = axes.position(|(axis, _)| axis.key == key);
                at.and_then(|at| values[at].as_f64()).unwrap_or(f64::NAN)
            };
            if self
                .conditions
                .iter()
                .all(|condition| condition.holds(&value))
            {
                self.checked(workload, values)?;
                points.push(values.clone());
            }
            return Ok(());
        };
        for (value, span) in axis.values.iter().zip(spans) {
            let setting = Setting {
                key: axis.key.clone(),
                value: axis::text(value),
            };
            let changed = parameters::apply(workload, &[setting])
                .map_err(|error| self.source.wrong(span.clone(), error.to_string(), ""))?;
            values.push(value.clone());
            self.expand(&changed, values, points)?;
            values.pop();
        }
        Ok(())
    }

    /// Can the point be simulated?
    fn checked(&self, workload: &Workload, values: &[Value]) -> Result<()> {
        let Err(error) = Program::compile(workload) else {
            return Ok(());
        };
        let pairs = self.axes.iter().zip(values);
        let words: Vec<_> = pairs
            .map(|((axis, _), value)| format!("{}={}", axis.key, axis::text(value)))
            .collect();
        let at = self.axes.first().and_then(|(_, spans)| spans.first());
        let message = format!(
            "with {}, {} cannot be: {error}",
            words.join(" "),
            workload.name
        );
        let help = "Change the values, or leave such combinations out with `[where]`.";
        Err(self
            .source
            .wrong(at.cloned().unwrap_or(0..0), message, help))
    }
}

/// The text of a plan.
#[derive(Clone, Debug)]
struct Source {
    name: String,
    text: String,
}

impl Source {
    /// A sentence about a place.
    fn wrong(&self, span: Span, message: impl Into<String>, help: &str) -> ScenarioError {
        ScenarioError::new(&self.name, &self.text, span, message).with_help(help)
    }

    fn read(self) -> Result<Written> {
        let table = DeTable::parse(&self.text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            self.wrong(span, error.message().trim_end_matches('.'), "")
        })?;
        let table = table.get_ref();
        self.known(table, &KEYS, "a plan")?;
        let Some(scenario) = table.get("scenario") else {
            let help = "Write scenario = \"...\" above all tables: a file, or a name of `iocp scenario list`.";
            return Err(self.wrong(0..0, "the plan names no scenario", help));
        };
        let kernel = match table.get("profile") {
            None => Kernel::default(),
            Some(profile) => self.text(profile, "profile")?.parse().map_err(
                |error: iocp_model::mutant::UnknownKernel| {
                    let help = "`iocp simulate --help` lists the profiles.";
                    self.wrong(profile.span(), error.to_string(), help)
                },
            )?,
        };
        let mut axes = Vec::new();
        if let Some(over) = table.get("over") {
            self.axes("", self.table(over, "over")?, &mut axes)?;
        }
        if axes.is_empty() {
            let help =
                "Below [over], a line is a parameter and its values, as in limit = [1, 2, 4].";
            return Err(self.wrong(
                0..0,
                "the plan changes nothing: `[over]` is missing or empty",
                help,
            ));
        }
        axes.sort_by_key(|(_, spans)| spans.first().map_or(0, |span| span.start));
        let all = axes.iter().try_fold(1, |all: usize, (axis, _)| {
            all.checked_mul(axis.values.len())
                .filter(|all| *all <= MOST_POINTS)
        });
        if all.is_none() {
            let message = format!("the plan has more than {MOST_POINTS} combinations");
            let help = "Make ranges shorter or their steps wider, or make several plans of it.";
            return Err(self.wrong(axes[0].1[0].clone(), message, help));
        }
        let conditions = match table.get("where") {
            None => Vec::new(),
            Some(conditions) => self.conditions(self.table(conditions, "where")?, &axes)?,
        };
        let precision = match table.get("simulate") {
            None => Precision::default(),
            Some(simulate) => self.precision(self.table(simulate, "simulate")?)?,
        };
        Ok(Written {
            scenario: self.text(scenario, "scenario")?.to_owned(),
            scenario_at: scenario.span(),
            kernel,
            axes,
            conditions,
            precision,
            source: self,
        })
    }

    /// Are all keys of the table known?
    fn known(&self, table: &DeTable<'_>, known: &[&str], what: &str) -> Result<()> {
        let mut keys = table.keys();
        let Some(key) = keys.find(|key| !known.contains(&key.get_ref().as_ref())) else {
            return Ok(());
        };
        let help = match nearest(key.get_ref(), known.iter().copied()) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => format!("There is {}.", known.join(", ")),
        };
        let message = format!("{what} has no `{}`", key.get_ref());
        Err(self.wrong(key.span(), message, &help))
    }

    fn table<'v, 't>(&self, value: &'v Spanned<DeValue<'t>>, key: &str) -> Result<&'v DeTable<'t>> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.wrong(value.span(), format!("`{key}` is a table: [{key}]"), "")),
        }
    }

    fn text<'v>(&self, value: &'v Spanned<DeValue<'_>>, key: &str) -> Result<&'v str> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong(value.span(), format!("`{key}` is a text in quotes"), "")),
        }
    }

    /// The parameters of a table, with the place of each value.
    fn axes(
        &self,
        prefix: &str,
        table: &DeTable<'_>,
        axes: &mut Vec<(Axis, Vec<Span>)>,
    ) -> Result<()> {
        for (key, value) in table {
            let path = format!("{prefix}{}", key.get_ref());
            let (values, spans) = match value.get_ref() {
                DeValue::Table(inner) if short::find(&path).is_some() || is_range(inner) => {
                    let values = self.range(inner, value.span())?;
                    let spans = vec![value.span(); values.len()];
                    (values, spans)
                }
                // A path without quotes: `thread.worker.copies = [1, 2]`.
                DeValue::Table(inner) => {
                    self.axes(&format!("{path}."), inner, axes)?;
                    continue;
                }
                DeValue::Array(array) => {
                    let values = array.iter().map(|value| self.value(value));
                    let spans = array.iter().map(Spanned::span).collect();
                    (values.collect::<Result<Vec<_>>>()?, spans)
                }
                _ => (vec![self.value(value)?], vec![value.span()]),
            };
            if values.is_empty() {
                let message = format!("`{path}` has no values: the list is empty");
                return Err(self.wrong(value.span(), message, "Give it a value, or leave it out."));
            }
            let texts: Vec<_> = values.iter().map(axis::text).collect();
            let mut known = BTreeSet::new();
            if let Some(twice) = texts.iter().position(|text| !known.insert(text)) {
                let message = format!("`{path}` has the value {} twice", texts[twice]);
                return Err(self.wrong(spans[twice].clone(), message, "Keep one of them."));
            }
            axes.push((Axis { key: path, values }, spans));
        }
        Ok(())
    }

    /// One value of a parameter.
    fn value(&self, value: &Spanned<DeValue<'_>>) -> Result<Value> {
        let read = match value.get_ref() {
            DeValue::String(text) => Some(Value::from(text.as_ref())),
            DeValue::Boolean(value) => Some(Value::from(*value)),
            DeValue::Integer(_) => integer(value).map(Value::from),
            DeValue::Float(_) => float(value).and_then(Number::from_f64).map(Value::Number),
            _ => None,
        };
        let help = "Values are numbers or texts, as in [1, 2, 4] or [\"1ms\", \"2ms\"].";
        read.ok_or_else(|| self.wrong(value.span(), "this is no value of a parameter", help))
    }

    fn range(&self, table: &DeTable<'_>, span: Span) -> Result<Vec<Value>> {
        self.known(table, &RANGE, "a range")?;
        let number = |key: &str| match table.get(key) {
            None => Ok(None),
            Some(value) => float(value).map(Some).ok_or_else(|| {
                let help = "Write times and texts as a list, as in [\"1ms\", \"2ms\", \"4ms\"].";
                self.wrong(
                    value.span(),
                    format!("`{key}` of a range is a number"),
                    help,
                )
            }),
        };
        let help =
            "Write { from = 4, to = 64, times = 2 }, or { from = 100, to = 900, step = 100 }.";
        let (Some(from), Some(to)) = (number("from")?, number("to")?) else {
            return Err(self.wrong(span, "a range has `from` and `to`", help));
        };
        let next = match (number("step")?, number("times")?) {
            (Some(step), None) => Next::Step(step),
            (None, Some(times)) => Next::Times(times),
            _ => return Err(self.wrong(span, "a range has either `step` or `times`", help)),
        };
        axis::range(from, to, next).map_err(|why| self.wrong(span, why, help))
    }

    fn conditions(
        &self,
        table: &DeTable<'_>,
        axes: &[(Axis, Vec<Span>)],
    ) -> Result<Vec<Condition>> {
        let mut conditions = Vec::new();
        for (key, value) in table {
            let texts = match value.get_ref() {
                DeValue::Array(array) => array.iter().collect(),
                _ => vec![value],
            };
            for value in texts {
                let says = self.text(value, key.get_ref())?;
                let condition = Condition::parse(key.get_ref(), says)
                    .map_err(|why| self.wrong(value.span(), why, ""))?;
                self.compares(&condition.key, key.span(), axes)?;
                if let Some(other) = condition.other() {
                    self.compares(other, value.span(), axes)?;
                }
                conditions.push(condition);
            }
        }
        Ok(conditions)
    }

    /// Is it a parameter of the plan, and a number?
    fn compares(&self, key: &str, span: Span, axes: &[(Axis, Vec<Span>)]) -> Result<()> {
        let Some((axis, _)) = axes.iter().find(|(axis, _)| axis.key == key) else {
            let keys = axes.iter().map(|(axis, _)| axis.key.as_str());
            let help = match nearest(key, keys.clone()) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => format!("There is {}.", keys.collect::<Vec<_>>().join(", ")),
            };
            return Err(self.wrong(span, format!("`[over]` has no `{key}`"), &help));
        };
        match axis.is_numeric() {
            true => Ok(()),
            false => Err(self.wrong(span, format!("`{key}` is not a number everywhere"), "")),
        }
    }

    fn precision(&self, table: &DeTable<'_>) -> Result<Precision> {
        self.known(table, &SIMULATE, "`[simulate]`")?;
        let whole = |key: &str, least: i64| match table.get(key) {
            None => Ok(None),
            Some(value) => match integer(value).filter(|number| *number >= least) {
                Some(number) => Ok(Some(number.unsigned_abs())),
                None => {
                    let message = format!("`{key}` is a whole number from {least} on");
                    Err(self.wrong(value.span(), message, ""))
                }
            },
        };
        let mut precision = Precision::default();
        precision.requests = whole("requests", 1)?.unwrap_or(precision.requests);
        precision.seed = whole("seed", 0)?.unwrap_or(precision.seed);
        precision.most_steps = match whole("most-steps", 1)? {
            Some(steps) => steps,
            None => precision.requests.saturating_mul(STEPS_A_REQUEST),
        };
        if let Some(part) = self.written::<Percent>(table, "precision", str::parse)? {
            precision.relative = part.share();
        }
        if let Some(part) = self.written::<Percent>(table, "confidence", str::parse)? {
            precision.confidence = part.share();
        }
        if let Some(ends) = self.written(table, "replications", study::replications)? {
            (precision.least, precision.most) = ends;
        }
        if let Some(metric) = self.written(table, "of", metric)? {
            precision.metric = metric;
        }
        Ok(precision)
    }

    /// What stands at a key, if anything does.
    fn written<T>(
        &self,
        table: &DeTable<'_>,
        key: &str,
        read: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<Option<T>> {
        let Some(value) = table.get(key) else {
            return Ok(None);
        };
        let says = match value.get_ref() {
            DeValue::String(text) => read(text),
            _ => read("").map_err(|says| format!("{says}, in quotes")),
        };
        let wrong = |says| self.wrong(value.span(), format!("`{key}`: {says}"), "");
        says.map(Some).map_err(wrong)
    }
}

fn metric(name: &str) -> std::result::Result<String, String> {
    let metrics = METRICS.iter().map(|(name, _)| *name);
    let known = metrics.chain(PERCENTILES.iter().map(|(name, _)| *name));
    if known.clone().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    let near = nearest(name, known.clone())
        .map(|near| format!("there is no \"{name}\"; did you mean {near}"));
    Err(near.unwrap_or_else(|| format!("write one of {}", known.collect::<Vec<_>>().join(", "))))
}

/// Has it what only a range has: a number to begin with, or to end at?
fn is_range(table: &DeTable<'_>) -> bool {
    let ends = RANGE.iter().filter_map(|key| table.get(*key));
    let mut ends = ends.map(Spanned::get_ref);
    ends.any(|end| matches!(end, DeValue::Integer(_) | DeValue::Float(_)))
}

fn integer(value: &Spanned<DeValue<'_>>) -> Option<i64> {
    match value.get_ref() {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    }
}

fn float(value: &Spanned<DeValue<'_>>) -> Option<f64> {
    let number = match value.get_ref() {
        DeValue::Float(number) => f64::from_str(number.as_str()).ok(),
        _ => integer(value).map(|number| number as f64),
    };
    number.filter(|number| number.is_finite())
}
