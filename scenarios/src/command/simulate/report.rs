//! What a simulation came to, for people and for programs.

use super::super::{output, terminal_width, titled, wrapped};
use crate::{
    study::{Estimate, Interval, Precision, Theory, Value},
    unit::Unit,
};
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

/// The lines of the table: what it is called, and its metric. An empty name begins a new paragraph.
pub(super) const LINES: [(&str, &str); 24] = [
    ("latency, mean", "latency.mean"),
    ("  p50", "latency.p50"),
    ("  p90", "latency.p90"),
    ("  p95", "latency.p95"),
    ("  p99", "latency.p99"),
    ("  p99.9", "latency.p999"),
    ("  p99.99", "latency.p9999"),
    ("wait, mean", "wait.mean"),
    ("  share that waits", "delayed"),
    ("queue wait, mean", "queue_wait.mean"),
    ("", ""),
    ("throughput", "throughput"),
    ("utilisation", "utilisation"),
    ("requests under way", "outstanding.mean"),
    ("queue depth", "depth.mean"),
    ("  at most", "depth.max"),
    ("active threads", "active.mean"),
    ("  at the limit", "at_limit"),
    ("  above the limit", "above_limit"),
    ("waiting threads", "waiters.mean"),
    ("ready threads", "run_queue.mean"),
    ("blocked threads", "blocked.mean"),
    ("context switches", "switches"),
    ("wake-ups", "wakeups"),
];

impl Simulated<'_> {
    /// The column of theory: the first of all that is not a law of the simulated values.
    pub(super) fn formula(&self) -> Option<&Theory> {
        let formula = self.estimate.theory.first();
        formula.filter(|_| self.estimate.no_formula.is_none())
    }

    pub(super) fn human(&self) -> Result<()> {
        let mut out = output();
        let title = titled(&self.workload.name, &self.workload.title);
        writeln!(out, "{title}\n")?;
        self.table(&mut out)?;
        writeln!(out)?;
        const INDENT: usize = 12;
        let width = terminal_width().saturating_sub(INDENT);
        for (name, text) in self.notes() {
            writeln!(out, "{name:<INDENT$}{}", wrapped(&text, width, INDENT))?;
        }
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
        for (name, metric) in LINES {
            let unit = Unit::of(metric);
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
            let ends = format!("{} to {}", unit.in_table(low.max(0.0)), unit.in_table(high));
            let said = formula.and_then(|theory| theory.values.get(metric));
            let said = said.map_or(String::new(), |value| of_theory(*value, unit));
            let line = format!("{name:<20}{:>12}   {ends:<25}{said}", unit.in_table(mean));
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// How the figures came about, and what theory says of them: names, and what there is to say.
    pub(super) fn notes(&self) -> Vec<(&'static str, String)> {
        let mut notes = Vec::new();
        let mut item = |name, text: &str| notes.push((name, text.to_owned()));
        let estimate = self.estimate;
        let number = super::super::explore::number;
        item("kernel", &self.kernel.to_string());
        item(
            "measured",
            &format!(
                "{} replications of {} requests, the first {} of each left out (MSER-5 on {})",
                estimate.replications,
                number(estimate.requests),
                number(estimate.warm_up.requests),
                number(estimate.warm_up.pilot),
            ),
        );
        let used: Vec<_> = estimate
            .metrics
            .iter()
            .filter(|(name, _)| name.starts_with("processor."))
            .map(|(_, used)| Unit::Share.in_table(used.mean))
            .collect();
        item("processors", &used.join(", "));
        match (&estimate.no_formula, self.formula()) {
            (Some(why), _) => item("formula", &format!("none: {why}")),
            (None, Some(theory)) => {
                let about = if theory.approximation {
                    "about, for "
                } else {
                    ""
                };
                item(
                    "formula",
                    &format!("{}: {about}{}", theory.name, theory.says),
                );
            }
            (None, None) => {}
        }
        for law in self.laws() {
            for (metric, value) in &law.values {
                let unit = Unit::of(metric);
                let simulated = estimate.metrics.get(*metric).map_or(f64::NAN, |i| i.mean);
                item(
                    "law",
                    &format!(
                        "{}: {metric} is {} ({}); simulated {}",
                        law.name,
                        of_theory(*value, unit),
                        law.says,
                        unit.in_table(simulated)
                    ),
                );
            }
        }
        item("needed", &self.needed());
        notes
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
pub(super) fn of_theory(value: Value, unit: Unit) -> String {
    match value {
        Value::Is(value) => unit.in_table(value),
        Value::AtLeast(value) => format!("at least {}", unit.in_table(value)),
        Value::AtMost(value) => format!("at most {}", unit.in_table(value)),
    }
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
