//! What is asked of a server: `p99<20ms`, `throughput>900`, `utilisation<80%`.

use crate::{
    near::nearest,
    study::{Interval, METRICS, PERCENTILES},
    unit::Unit,
};
use iocp_scheduler::workload::Time;
use std::{fmt, str::FromStr};

/// A bound for one metric.
#[derive(Clone, PartialEq, Debug)]
pub struct Objective {
    /// The metric, by its full name: `latency.p99`.
    pub metric: String,
    /// Is the metric to be at most as great as [`bound`](Self::bound)? Else at least.
    pub at_most: bool,
    /// In the unit of the metric: seconds, a second, a part of one.
    pub bound: f64,
    text: String,
}

/// What an interval says to an objective.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// All of the interval is on the good side.
    Meets,
    /// All of it is on the bad side.
    Fails,
    /// The bound is within.
    Unclear,
}

impl Objective {
    /// Its metric as it is usually called: `p99` for `latency.p99`.
    pub fn name(&self) -> &str {
        match self.metric.strip_prefix("latency.") {
            Some(short) => short,
            None => &self.metric,
        }
    }

    /// The unit of its metric.
    pub fn unit(&self) -> Unit {
        Unit::of(&self.metric)
    }

    /// What the interval says.
    pub fn judge(&self, interval: Interval) -> Verdict {
        let (good, bad) = match self.at_most {
            true => (interval.high <= self.bound, interval.low > self.bound),
            false => (interval.low >= self.bound, interval.high < self.bound),
        };
        match (good, bad) {
            (true, _) => Verdict::Meets,
            (_, true) => Verdict::Fails,
            _ => Verdict::Unclear,
        }
    }

    /// How far a value is from the bound: 1 at the bound, more on the bad side.
    pub(super) fn distance(&self, value: f64) -> f64 {
        let (over, under) = match self.at_most {
            true => (value, self.bound),
            false => (self.bound, value),
        };
        match under {
            0.0 => f64::INFINITY,
            under => over / under,
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Metrics of which more is never better, by the beginnings of their names.
const LESS_IS_BETTER: [&str; 7] = [
    "latency.",
    "wait.",
    "queue_wait.",
    "delayed",
    "depth.",
    "run_queue.",
    "outstanding.",
];

impl FromStr for Objective {
    type Err = String;

    /// ```
    /// use iocp_scenarios::advise::Objective;
    /// let objective: Objective = "p99<20ms".parse()?;
    /// assert_eq!((objective.metric.as_str(), objective.bound), ("latency.p99", 0.02));
    /// let bad = |text: &str| text.parse::<Objective>().unwrap_err();
    /// assert!(bad("p98<20ms").contains("Did you mean \"p90\"?"));
    /// assert!(bad("p99<20").contains("with its unit"));
    /// # Ok::<(), String>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, String> {
        let shape = || {
            format!(
                "\"{text}\" is no objective; write a metric, < or >, and a bound, as in p99<20ms, \
                 throughput>900 or utilisation<80%."
            )
        };
        let at = text.find(['<', '>']).ok_or_else(shape)?;
        let (name, rest) = text.split_at(at);
        let at_most = rest.starts_with('<');
        let bound = rest[1..].strip_prefix('=').unwrap_or(&rest[1..]).trim();
        let name = name.trim();
        if name.is_empty() || bound.is_empty() {
            return Err(shape());
        }
        let metric = metric(name)?;
        if !at_most && LESS_IS_BETTER.iter().any(|it| metric.starts_with(it)) {
            return Err(format!(
                "\"{text}\" asks for much of what should be little; write {name}<{bound}."
            ));
        }
        if at_most && metric == "throughput" {
            return Err(format!(
                "\"{text}\" asks for little of what should be much; write throughput>{bound}."
            ));
        }
        let bound = read(bound, Unit::of(&metric)).map_err(|why| format!("\"{text}\": {why}"))?;
        Ok(Self {
            metric,
            at_most,
            bound,
            text: text.split_whitespace().collect(),
        })
    }
}

/// The full name of a metric: `p99`, `p99.9` and `mean` are of the latency.
fn metric(name: &str) -> Result<String, String> {
    let percentiles = PERCENTILES.iter().map(|(name, _)| *name);
    let known: Vec<_> = METRICS
        .iter()
        .map(|(name, _)| *name)
        .chain(percentiles)
        .collect();
    let digits = name.replace('.', "");
    let of_latency = match name.starts_with('p') && digits[1..].parse::<u32>().is_ok() {
        true => format!("latency.{digits}"),
        false => format!("latency.{name}"),
    };
    if let Some(found) = known.iter().find(|it| **it == name || **it == of_latency) {
        return Ok((*found).to_owned());
    }
    let short = |name: &'static str| name.strip_prefix("latency.").unwrap_or(name);
    let shorts: Vec<_> = known.iter().map(|name| short(name)).collect();
    let near = nearest(name, shorts.iter().copied().chain(known.iter().copied()))
        .map(|near| format!(" Did you mean \"{near}\"?"))
        .unwrap_or_default();
    Err(format!(
        "there is no metric \"{name}\".{near} There are {}.",
        shorts.join(", ")
    ))
}

fn read(bound: &str, unit: Unit) -> Result<f64, String> {
    let number = |text: &str| {
        let number = text.trim().parse().ok();
        number.filter(|number: &f64| number.is_finite() && *number >= 0.0)
    };
    match unit {
        Unit::Seconds => match Time::parse(bound) {
            Some(Time::Nanoseconds(ns)) if ns > 0 => Ok(ns as f64 / 1e9),
            _ => Err(format!(
                "\"{bound}\" is no time; write it with its unit and more than 0, as in 20ms, 250us or 1.5s."
            )),
        },
        Unit::Share => {
            let share = match bound.strip_suffix('%') {
                Some(percent) => number(percent).map(|percent| percent / 100.0),
                None => number(bound),
            };
            share
                .filter(|share| *share <= 1.0)
                .ok_or_else(|| format!("\"{bound}\" is no share; write 80% or 0.8, from 0 to 1."))
        }
        Unit::PerSecond | Unit::Number => {
            let text = bound.strip_suffix("/s").unwrap_or(bound);
            number(text).ok_or_else(|| format!("\"{bound}\" is no number; write one, as in 900."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read_and_judged() {
        let of = |text: &str| text.parse::<Objective>();
        let shares = of("utilisation <= 80%").unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((shares.bound, shares.at_most), (0.8, true));
        assert_eq!(
            of("p99.9<1s").map(|it| it.metric),
            Ok("latency.p999".into())
        );
        assert_eq!(of("throughput>900/s").map(|it| it.bound), Ok(900.0));
        let interval = |low, high| Interval {
            mean: (low + high) / 2.0,
            low,
            high,
        };
        assert_eq!(shares.judge(interval(0.7, 0.79)), Verdict::Meets);
        assert_eq!(shares.judge(interval(0.7, 0.81)), Verdict::Unclear);
        assert_eq!(shares.judge(interval(0.81, 0.9)), Verdict::Fails);
    }

    #[test]
    fn what_is_no_objective_is_told() {
        let bad = [
            ("p99", "is no objective"),
            ("<20ms", "is no objective"),
            ("p99<", "is no objective"),
            ("p99<0ms", "more than 0"),
            ("p99<-2ms", "is no time"),
            ("p99>20ms", "write p99<20ms"),
            ("throughput<5", "write throughput>5"),
            ("thruput>5", "Did you mean \"throughput\"?"),
            ("utilisation<120%", "from 0 to 1"),
            ("throughput>many", "is no number"),
            ("p<1ms", "no metric"),
        ];
        for (text, says) in bad {
            match text.parse::<Objective>() {
                Ok(objective) => panic!("{text}: {objective:?}"),
                Err(why) => assert!(why.contains(says), "{text}: {why}"),
            }
        }
    }
}
