//! What replications have come to, so far: a value of each metric for each of them.

use super::{
    Precision, Progress, StudyError,
    interval::Interval,
    metrics,
    percentiles::{Latencies, PERCENTILES},
};
use iocp_scheduler::simulate::{End, Replication};
use std::collections::BTreeMap;

/// A replication in which there is something to measure.
pub(super) fn checked(replication: &Replication) -> Result<(), StudyError> {
    match replication.end {
        End::OutOfSteps => Err(StudyError::OutOfSteps {
            steps: replication.steps,
            finished: replication.requests,
        }),
        _ if replication.requests == 0 => Err(StudyError::NoRequests),
        _ => Ok(()),
    }
}

/// What the replications came to, so far.
pub(super) struct Samples<'a> {
    precision: &'a Precision,
    port: Option<&'a str>,
    /// A value for each replication.
    values: BTreeMap<String, Vec<f64>>,
    pub(super) latency: Latencies,
    pub(super) done: u32,
    /// The fewest requests of a replication.
    pub(super) requests: u64,
    pub(super) simulated: u64,
    /// By how much the requests under way have grown in each replication, as a share of those that
    /// were finished.
    pub(super) growth: Vec<f64>,
}

impl<'a> Samples<'a> {
    pub(super) fn new(precision: &'a Precision, port: Option<&'a str>) -> Self {
        Self {
            precision,
            port,
            values: BTreeMap::new(),
            latency: Latencies::new(),
            done: 0,
            requests: u64::MAX,
            simulated: 0,
            growth: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, replication: &Replication) -> Result<(), StudyError> {
        checked(replication)?;
        for (name, value) in metrics::values(replication, self.port) {
            self.values.entry(name).or_default().push(value);
        }
        self.latency.add(&replication.latency);
        let outstanding = replication.outstanding;
        let grown = outstanding.end as f64 - outstanding.begin as f64;
        self.growth.push(grown / replication.requests as f64);
        self.requests = self.requests.min(replication.requests);
        self.simulated += replication.requests;
        self.done += 1;
        Ok(())
    }

    /// The interval that decides.
    pub(super) fn deciding(&self) -> Result<Interval, StudyError> {
        let Precision {
            metric, confidence, ..
        } = self.precision;
        let percentile = PERCENTILES.iter().find(|(name, _)| name == metric);
        match (percentile, self.values.get(metric)) {
            (Some((_, part)), _) => Ok(self.latency.interval(*part, *confidence)),
            (None, Some(values)) => Ok(Interval::of(values, *confidence)),
            (None, None) => Err(StudyError::NoMetric {
                given: metric.clone(),
                known: self.values.keys().cloned().collect(),
            }),
        }
    }

    /// How many replications it will take, as far as can be told from those that are done.
    pub(super) fn needed(&self) -> Result<u32, StudyError> {
        let relative = self.deciding()?.relative();
        if relative <= self.precision.relative {
            return Ok(self.done);
        }
        // The interval shrinks with the root of the number. One more at least; twice as many at
        // most, because what it is told from is uncertain, too.
        let times = (relative / self.precision.relative).powi(2).min(2.0);
        let more = (f64::from(self.done) * times).ceil() as u32;
        Ok(more.max(self.done + 1).min(self.precision.most))
    }

    pub(super) fn reached(&self) -> bool {
        let interval = self.deciding();
        interval.is_ok_and(|interval| interval.relative() <= self.precision.relative)
    }

    pub(super) fn progress(&self, needed: u32) -> Progress {
        Progress {
            done: self.done,
            relative: self
                .deciding()
                .map_or(f64::INFINITY, |interval| interval.relative()),
            needed,
        }
    }

    pub(super) fn intervals(&self) -> BTreeMap<String, Interval> {
        let confidence = self.precision.confidence;
        let values = self.values.iter();
        let values = values.map(|(name, values)| (name.clone(), Interval::of(values, confidence)));
        let percentiles = PERCENTILES.iter().map(|&(name, part)| {
            let interval = self.latency.interval(part, confidence);
            (name.to_owned(), interval)
        });
        values.chain(percentiles).collect()
    }
}
