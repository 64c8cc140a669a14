//! An advice as a page with pictures.

use super::report::{Advised, meets, of_threads};
use crate::{
    advise::{Holds, Objective, Pool, Trial, Verdict},
    report::{
        Axis, Bar, Bars, Cell, HeatMap, Line, Lines, Made, Page, Point, Section, Table, Threshold,
        Unit,
    },
    study::Interval,
};
use std::collections::BTreeSet;

impl Advised<'_> {
    pub(super) fn page(&self) -> Page {
        let made = Made::new(format!("{} --format html", self.again), self.question.seed);
        let mut page = Page::new(format!("Advice for {}", self.workload.name), made);
        page.lead.clone_from(&self.workload.title);
        page.add(Section::text("The advice", [self.answer()]));
        for objective in &self.question.objectives {
            page.add(self.pools(objective));
        }
        page.add(self.compared());
        for objective in &self.question.objectives {
            page.add(self.defaults(objective));
        }
        page.add(Section::text("What limits it", items(self.limits())));
        page.add(Section::text("How far it holds", self.holds()));
        if let Ok(holds) = &self.advice.holds {
            for objective in &self.question.objectives {
                page.add(under_load(holds, objective));
            }
        }
        let risks = items(self.risks());
        page.add(Section::text("What can go wrong in some schedule", risks));
        page.add(Section::text("How sure that is", self.sure("")));
        page
    }

    /// Every pool that was tried, by its limit and its threads.
    fn pools(&self, objective: &Objective) -> Section {
        let pools = &self.advice.pools;
        let limits: BTreeSet<_> = pools.iter().map(|trial| trial.pool.limit).collect();
        let threads: BTreeSet<_> = pools.iter().map(|trial| trial.pool.threads).collect();
        let names = |numbers: &BTreeSet<u32>| numbers.iter().map(u32::to_string).collect();
        let cell = |threads: u32, limit: u32| {
            let is = |trial: &&Trial| trial.pool == Pool { threads, limit };
            let tried = pools.iter().find(is);
            tried.map_or(Cell::empty(""), |trial| self.cell(trial, objective))
        };
        let map = HeatMap {
            what: objective.name().to_owned(),
            unit: objective.unit(),
            across: "limit".into(),
            columns: names(&limits),
            down: "threads".into(),
            rows: names(&threads),
            cells: threads
                .iter()
                .map(|threads| limits.iter().map(|limit| cell(*threads, *limit)).collect())
                .collect(),
            objective: format!("{objective}, or may miss it"),
            choice: match self.advice.smallest {
                Some(_) => "the advice".into(),
                None => "the best that was found".into(),
            },
            more_is_better: !objective.at_most,
        };
        let says = "The search tries pools until it knows the smallest that will do; a cell with – it had \
                    no need to try. A limit above the number of threads is none, and stands at that \
                    number.";
        let title = format!("The pools that were tried: {}", objective.name());
        Section::figure(title, map).says(says)
    }

    fn cell(&self, trial: &Trial, objective: &Objective) -> Cell {
        let mut cell = match value(trial, objective) {
            Some(interval) => Cell {
                misses: objective.judge(interval) != Verdict::Meets,
                ..Cell::new(interval.mean).between(interval.low, interval.high)
            },
            None => Cell::empty("unstable"),
        };
        let chosen = self.advice.trial().map(|chosen| chosen.pool);
        cell.chosen = chosen.is_some_and(|Pool { threads, limit }| {
            let limit = limit.min(threads);
            trial.pool == Pool { threads, limit }
        });
        cell
    }

    /// The pools that are worth a line, as a table.
    fn compared(&self) -> Section {
        let mut head = vec![String::new(), "threads".into(), "limit".into()];
        for objective in &self.question.objectives {
            head.extend([objective.name().to_owned(), "interval".into()]);
        }
        head.extend(["busy".into(), String::new()]);
        let mut table = Table::new(head);
        for (name, trial) in self.lines() {
            let Pool { threads, limit } = trial.pool;
            let mut row = vec![name, threads.to_string(), limit.to_string()];
            for objective in &self.question.objectives {
                let unit = objective.unit();
                row.extend(match value(trial, objective) {
                    Some(Interval { mean, low, high }) => [
                        unit.in_words(mean),
                        format!("{} to {}", unit.in_words(low.max(0.0)), unit.in_words(high)),
                    ],
                    None => ["–".into(), "–".into()],
                });
            }
            row.push(Unit::Share.in_words(trial.mean("utilisation")));
            row.push(came_to(trial).into());
            table.row(row);
            if trial.meets() {
                table.mark();
            }
        }
        Section::figure("Beside the common defaults", table)
            .says("Lines that stand out meet what was asked for.")
    }

    /// The same as bars.
    fn defaults(&self, objective: &Objective) -> Section {
        let bar = |(name, trial): (String, &Trial)| {
            let Pool { threads, limit } = trial.pool;
            let name = format!("{name}: {}, limit {limit}", of_threads(threads));
            let bar = match value(trial, objective) {
                Some(Interval { mean, low, high }) => Bar::new(name, mean).between(low, high),
                None => Bar::new(name, f64::NAN),
            };
            bar.noting(came_to(trial))
        };
        let figure = Bars {
            axis: Axis::new(objective.name(), objective.unit()),
            bars: self.lines().into_iter().map(bar).collect(),
            threshold: Some(threshold(objective)),
            ..Bars::default()
        };
        let title = format!("Beside the common defaults: {}", objective.name());
        Section::figure(title, figure)
    }
}

/// What the pool comes to under other loads.
fn under_load(holds: &Holds, objective: &Objective) -> Section {
    let points = holds.tried.iter().filter_map(|(load, trial)| {
        let interval = value(trial, objective)?;
        Some(Point::new(*load, interval.mean).between(interval.low, interval.high))
    });
    let unit = match holds.unit {
        "clients" => Unit::Number,
        _ => Unit::PerSecond,
    };
    let figure = Lines {
        x: Axis::new(holds.unit, unit),
        y: Axis::new(objective.name(), objective.unit()),
        lines: vec![Line::new(objective.name(), points)],
        threshold: Some(threshold(objective)),
    };
    let says = "The same pool under the loads that were tried. Loads with which it does not keep up are \
                left out.";
    Section::figure(format!("{} against load", objective.name()), figure).says(says)
}

/// What was measured for an objective, if it means anything.
fn value(trial: &Trial, objective: &Objective) -> Option<Interval> {
    let interval = trial.metrics.get(&objective.metric);
    interval.filter(|_| trial.stable).copied()
}

fn came_to(trial: &Trial) -> &'static str {
    match trial.stable {
        true => meets(trial),
        false => "does not keep up",
    }
}

fn threshold(objective: &Objective) -> Threshold {
    Threshold::new(objective.bound, format!("objective: {objective}"))
}

/// Paragraphs as items of a list.
fn items(paragraphs: Vec<String>) -> Vec<String> {
    let items = paragraphs.into_iter();
    items.map(|paragraph| format!("- {paragraph}")).collect()
}
