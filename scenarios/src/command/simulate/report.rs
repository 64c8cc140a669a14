//! What a simulation came to, for people and for programs.

use super::super::{output, terminal_width, wrapped};
use crate::study::{Estimate, Interval, Precision, Theory, Value};
use iocp_model::Kernel;
use iocp_scheduler::Workload;
use serde_json::{Map, json};
use std::{
    io::{Result, Write},
    time::Duration,
};

/// A scenario that was simulated.
pub(super) struct Simulated<'a> {
    pub(super) workload: &'a Workload,
    pub(super) kernel: Kernel,
    pub(super) precision: &'a Precision,
    pub(super) estimate: &'a Estimate,
    pub(super) elapsed: Duration,
    pub(super) again: String,
}

/// What a metric is counted in.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    /// Seconds.
    Time,
    /// A second.
    Rate,
    /// A part of one.
    Share,
    /// A number.
    Count,
}

/// The lines of the table: what it is called, and its metric. An empty name begins a new paragraph.
const LINES: [(&str, &str, Unit); 24] = [
    ("latency, mean", "latency.mean", Unit::Time),
    ("  p50", "latency.p50", Unit::Time),
    ("  p90", "latency.p90", Unit::Time),
    ("  p95", "latency.p95", Unit::Time),
    ("  p99", "latency.p99", Unit::Time),
    ("  p99.9", "latency.p999", Unit::Time),
    ("  p99.99", "latency.p9999", Unit::Time),
    ("wait, mean", "wait.mean", Unit::Time),
    ("  share that waits", "delayed", Unit::Share),
    ("queue wait, mean", "queue_wait.mean", Unit::Time),
    ("", "", Unit::Count),
    ("throughput", "throughput", Unit::Rate),
    ("utilisation", "utilisation", Unit::Share),
    ("requests under way", "outstanding.mean", Unit::Count),
    ("queue depth", "depth.mean", Unit::Count),
    ("  at most", "depth.max", Unit::Count),
    ("active threads", "active.mean", Unit::Count),
    ("  at the limit", "at_limit", Unit::Share),
    ("  above the limit", "above_limit", Unit::Share),
    ("waiting threads", "waiters.mean", Unit::Count),
    ("ready threads", "run_queue.mean", Unit::Count),
    ("blocked threads", "blocked.mean", Unit::Count),
    ("context switches", "switches", Unit::Rate),
    ("wake-ups", "wakeups", Unit::Rate),
];

/// Three digits and a bit, with the unit that fits.
fn shown(value: f64, unit: Unit) -> String {
    if !value.is_finite() {
        return "?".into();
    }
    match unit {
        Unit::Share => format!("{:.2} %", 100.0 * value),
        Unit::Rate => format!("{} /s", digits(value)),
        Unit::Count => digits(value),
        Unit::Time => {
            let (scale, name) = match value.abs() {
                0.0 => (1.0, "s"),
                v if v < 1e-6 => (1e9, "ns"),
                v if v < 1e-3 => (1e6, "µs"),
                v if v < 1.0 => (1e3, "ms"),
                _ => (1.0, "s"),
            };
            format!("{} {name}", digits(value * scale))
        }
    }
}

/// The value of a metric, with its unit.
pub(in crate::command) fn shown_metric(metric: &str, value: f64) -> String {
    shown(value, unit_of(metric))
}

/// Four digits that count, or the whole number if it has more: "0.7455", "3.200", "12,345".
fn digits(value: f64) -> String {
    let places = match value.abs() {
        v if v < 1e-4 => 0,
        v if v < 1.0 => 4,
        v if v < 10.0 => 3,
        v if v < 100.0 => 2,
        v if v < 1000.0 => 1,
        _ => return super::super::explore::number(value.round() as u64),
    };
    format!("{value:.places$}")
}

impl Simulated<'_> {
    /// The column of theory: the first of all that is not a law of the simulated values.
    fn formula(&self) -> Option<&Theory> {
        let formula = self.estimate.theory.first();
        formula.filter(|_| self.estimate.no_formula.is_none())
    }

    pub(super) fn human(&self) -> Result<()> {
        let mut out = output();
        match self.workload.title.as_str() {
            "" => writeln!(out, "{}", self.workload.name)?,
            title => writeln!(out, "{}: {title}", self.workload.name)?,
        }
        writeln!(out)?;
        self.table(&mut out)?;
        writeln!(out)?;
        self.notes(&mut out)?;
        for warning in &self.estimate.warnings {
            writeln!(out)?;
            let text = format!("Warning: {warning}");
            writeln!(out, "{}", wrapped(&text, terminal_width(), 0))?;
        }
        writeln!(out)?;
        writeln!(out, "Again: {}", self.again)?;
        out.flush()
    }

    fn table(&self, out: &mut impl Write) -> Result<()> {
        let formula = self.formula();
        let confidence = format!("{} % interval", 100.0 * self.precision.confidence);
        let theory = formula.map_or("", |theory| theory.name);
        let head = format!("{:<20}{:>12}   {confidence:<25}{theory}", "", "simulated");
        writeln!(out, "{}", head.trim_end())?;
        for (name, metric, unit) in LINES {
            let Some(interval) = self.estimate.metrics.get(metric) else {
                if metric.is_empty() {
                    writeln!(out)?;
                }
                continue;
            };
            let Interval { mean, low, high } = *interval;
            // What is never there needs no line.
            if mean == 0.0 && high == 0.0 && ["above_limit", "blocked.mean"].contains(&metric) {
                continue;
            }
            let ends = format!("{} to {}", shown(low.max(0.0), unit), shown(high, unit));
            let said = formula.and_then(|theory| theory.values.get(metric));
            let said = said.map_or(String::new(), |value| of_theory(*value, unit));
            let line = format!("{name:<20}{:>12}   {ends:<25}{said}", shown(mean, unit));
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn notes(&self, out: &mut impl Write) -> Result<()> {
        const INDENT: usize = 12;
        let width = terminal_width().saturating_sub(INDENT);
        let mut item = |name: &str, text: &str| {
            writeln!(out, "{name:<INDENT$}{}", wrapped(text, width, INDENT))
        };
        let estimate = self.estimate;
        let number = super::super::explore::number;
        item("kernel", &self.kernel.to_string())?;
        item(
            "measured",
            &format!(
                "{} replications of {} requests, the first {} of each left out (MSER-5 on {})",
                estimate.replications,
                number(estimate.requests),
                number(estimate.warm_up.requests),
                number(estimate.warm_up.pilot),
            ),
        )?;
        let used: Vec<_> = estimate
            .metrics
            .iter()
            .filter(|(name, _)| name.starts_with("processor."))
            .map(|(_, used)| shown(used.mean, Unit::Share))
            .collect();
        item("processors", &used.join(", "))?;
        match (&estimate.no_formula, self.formula()) {
            (Some(why), _) => item("formula", &format!("none: {why}"))?,
            (None, Some(theory)) => {
                let about = if theory.approximation {
                    "about, for "
                } else {
                    ""
                };
                item(
                    "formula",
                    &format!("{}: {about}{}", theory.name, theory.says),
                )?;
            }
            (None, None) => {}
        }
        for law in self.laws() {
            for (metric, value) in &law.values {
                let unit = unit_of(metric);
                let simulated = estimate.metrics.get(*metric).map_or(f64::NAN, |i| i.mean);
                item(
                    "law",
                    &format!(
                        "{}: {metric} is {} ({}); simulated {}",
                        law.name,
                        of_theory(*value, unit),
                        law.says,
                        shown(simulated, unit)
                    ),
                )?;
            }
        }
        item("needed", &self.needed())
    }

    /// The laws: whatever is not the formula.
    fn laws(&self) -> impl Iterator<Item = &Theory> {
        let formulas = usize::from(self.estimate.no_formula.is_none());
        self.estimate.theory.iter().skip(formulas)
    }

    fn needed(&self) -> String {
        let number = super::super::explore::number;
        format!(
            "{:.2} s for {} requests, {} a second",
            self.elapsed.as_secs_f64(),
            number(self.estimate.simulated),
            number(self.jobs_per_second() as u64)
        )
    }

    fn jobs_per_second(&self) -> f64 {
        self.estimate.simulated as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let estimate = self.estimate;
        let mut json = json!({
            "scenario": self.workload.name,
            "profile": self.kernel.to_string(),
            "confidence": self.precision.confidence,
        });
        for (name, interval) in &estimate.metrics {
            put(&mut json, name, (*interval).into());
        }
        let theory: Vec<_> = estimate.theory.iter().map(theory).collect();
        let warnings: Vec<_> = estimate
            .warnings
            .iter()
            .map(|warning| json!({ "kind": warning.name(), "message": warning.to_string() }))
            .collect();
        let rest = json!({
            "theory": theory,
            "no_formula": estimate.no_formula,
            "stable": estimate.stable,
            "reached": estimate.reached,
            "precision": { "of": self.precision.metric, "asked": self.precision.relative },
            "warnings": warnings,
            "warm_up": {
                "requests": estimate.warm_up.requests,
                "pilot": estimate.warm_up.pilot,
                "ended": estimate.warm_up.ended,
            },
            "seed": self.precision.seed,
            "replications": estimate.replications,
            "requests": estimate.requests,
            "simulated": estimate.simulated,
            "seconds": self.elapsed.as_secs_f64(),
            "jobs_per_second": self.jobs_per_second(),
            "command": self.again,
        });
        if let (Some(json), serde_json::Value::Object(rest)) = (json.as_object_mut(), rest) {
            json.extend(rest);
        }
        json
    }
}

/// A value of theory, in words.
fn of_theory(value: Value, unit: Unit) -> String {
    match value {
        Value::Is(value) => shown(value, unit),
        Value::AtLeast(value) => format!("at least {}", shown(value, unit)),
        Value::AtMost(value) => format!("at most {}", shown(value, unit)),
    }
}

fn unit_of(metric: &str) -> Unit {
    let line = LINES.iter().find(|(_, known, _)| *known == metric);
    line.map_or(Unit::Count, |(_, _, unit)| *unit)
}

fn theory(theory: &Theory) -> serde_json::Value {
    let value = |value: &Value| match *value {
        Value::Is(value) => json!(value),
        Value::AtLeast(value) => json!({ "at_least": value }),
        Value::AtMost(value) => json!({ "at_most": value }),
    };
    let values: Map<_, _> = theory
        .values
        .iter()
        .map(|(metric, known)| ((*metric).to_owned(), value(known)))
        .collect();
    json!({
        "name": theory.name,
        "says": theory.says,
        "approximation": theory.approximation,
        "values": values,
    })
}

/// Puts an interval where the dots of its name lead: `wait.mean` and, beside it,
/// `wait.mean_interval`.
fn put(json: &mut serde_json::Value, name: &str, interval: Ends) {
    let (path, last) = name.rsplit_once('.').unwrap_or(("", name));
    let mut here = json;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        here = &mut here[part];
    }
    here[last] = json!(interval.mean);
    here[format!("{last}_interval")] = json!([interval.low, interval.high]);
}

/// An interval as numbers that JSON has: what is not finite is null.
struct Ends {
    mean: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

impl From<Interval> for Ends {
    fn from(interval: Interval) -> Self {
        let finite = |number: f64| number.is_finite().then_some(number);
        Self {
            mean: finite(interval.mean),
            low: finite(interval.low),
            high: finite(interval.high),
        }
    }
}
