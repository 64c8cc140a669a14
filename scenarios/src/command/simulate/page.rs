//! What a simulation came to, as a page with pictures.

use super::{
    super::counted,
    report::{LINES, Simulated, of_theory},
    window::{MOST_EVENTS, REQUESTS, Window},
};
use crate::{
    report::{
        Axis, Bar, Bars, Curve, Made, Page, Percentiles, Point, Section, Table, Timeline, Unit,
    },
    study::{Interval, METRICS, PERCENTILES, Value},
};

impl Simulated<'_> {
    /// The page; the window is for its timeline.
    pub(super) fn page(&self, window: &Window) -> Page {
        let made = Made::new(format!("{} --format html", self.again), self.precision.seed);
        let mut page = Page::new(format!("Simulation of {}", self.workload.name), made);
        page.lead.clone_from(&self.workload.title);
        page.add(self.in_short());
        let warnings = self.estimate.warnings.iter();
        let warnings: Vec<_> = warnings.map(|warning| format!("- {warning}")).collect();
        if !warnings.is_empty() {
            page.add(Section::warning("To mind", warnings));
        }
        page.add(self.percentiles());
        page.add(self.figures());
        page.add(self.processors());
        page.add(Self::timeline(window));
        page.add(self.others());
        page
    }

    fn in_short(&self) -> Section {
        let shown = |metric: &str| {
            let interval = self.estimate.metrics.get(metric);
            interval.map_or("–".to_owned(), |it| Unit::of(metric).text(it.mean))
        };
        let mut text = vec![format!(
            "A request takes **{}** on the mean; half of them at most {}, 99 of 100 at most **{}**. {} are \
             finished in a second, and the processors are busy for {} of their time.",
            shown("latency.mean"),
            shown("latency.p50"),
            shown("latency.p99"),
            shown("throughput").trim_end_matches("\u{a0}/s"),
            shown("utilisation"),
        )];
        if !self.estimate.stable {
            text.insert(0, "**It does not keep up with what arrives.**".into());
        }
        // How long it took is nothing that would be the same again.
        let notes = self
            .notes()
            .into_iter()
            .filter(|(name, _)| *name != "needed");
        text.extend(notes.map(|(name, says)| format!("- {name}: {says}")));
        Section::text("In short", text)
    }

    fn percentiles(&self) -> Section {
        let latencies = self.estimate.curve.iter().map(|(part, latency)| {
            Point::new(*part, latency.mean).between(latency.low, latency.high)
        });
        let mut curves = vec![Curve::new("simulated", latencies)];
        if let Some(theory) = self.formula() {
            let known = PERCENTILES.iter().filter_map(|(metric, part)| {
                match theory.values.get(metric)? {
                    Value::Is(value) => Some(Point::new(*part, *value)),
                    _ => None,
                }
            });
            let known: Vec<_> = known.collect();
            if !known.is_empty() {
                curves.push(Curve::new(theory.name, known));
            }
        }
        let figure = Percentiles {
            y: Axis::new("latency", Unit::Seconds),
            curves,
            threshold: None,
        };
        let confidence = self.confidence();
        Section::figure("How long the slowest took", figure).says(format!(
            "The latency that so many of the requests do not exceed. The band is its interval of \
             {confidence}; it ends where too few requests are slower to tell the upper end."
        ))
    }

    /// "95 %".
    fn confidence(&self) -> String {
        Unit::Share.text(self.precision.confidence)
    }

    fn figures(&self) -> Section {
        let theory = self.formula();
        let mut head = vec![
            String::new(),
            "simulated".into(),
            format!("{} interval", self.confidence()),
        ];
        head.extend(theory.map(|theory| theory.name.to_owned()));
        let mut table = Table::new(head);
        for (name, metric) in LINES {
            let Some(interval) = self.estimate.metrics.get(metric) else {
                continue;
            };
            let name = match name.strip_prefix("  ") {
                Some(part) => format!("\u{2003}{part}"),
                None => name.to_owned(),
            };
            let mut row = vec![name];
            row.extend(cells(metric, interval));
            if let Some(theory) = theory {
                let said = theory.values.get(metric);
                row.push(said.map_or(String::new(), |value| of_theory(*value, Unit::of(metric))));
            }
            table.row(row);
        }
        Section::figure("Figures", table)
    }

    fn processors(&self) -> Section {
        let each = self.estimate.metrics.iter();
        let each = each.filter_map(|(metric, used)| {
            let processor = metric.strip_prefix("processor.")?;
            Some((processor.parse::<u32>().ok()?, used))
        });
        let mut each: Vec<_> = each.collect();
        each.sort_by_key(|(processor, _)| *processor);
        let bar = |(processor, used): (u32, &Interval)| {
            Bar::new(format!("processor {processor}"), used.mean).between(used.low, used.high)
        };
        let figure = Bars {
            axis: Axis::new("share of the time in which it is busy", Unit::Share),
            bars: each.into_iter().map(bar).collect(),
            ..Bars::default()
        };
        Section::figure("Processors", figure)
    }

    fn timeline(window: &Window) -> Section {
        let mut says = format!(
            "From the begin of request {} to that of request {}, the first behind the beginning that is \
             left out, in the first replication. Waiting threads stand as the stack that they are: the top \
             one gets the next packet. Those that wait from before it to its end are only there.",
            window.first,
            window.first + REQUESTS,
        );
        if window.cut {
            says += &format!(" Of all that happens, the first {MOST_EVENTS} events are shown.");
        }
        if window.left_out > 0 {
            let left_out = counted(window.left_out, "thread");
            says += &format!(" Not shown: {left_out} without a part in it.");
        }
        Section::figure("A short stretch of it", Timeline::of(&window.trace)).says(says)
    }

    /// The metrics that have no line among the figures.
    fn others(&self) -> Section {
        let interval = format!("{} interval", self.confidence());
        let mut table = Table::new(["metric", "simulated", &interval, "what it is"]);
        for (metric, value) in &self.estimate.metrics {
            let has_a_line = LINES.iter().any(|(_, known)| known == metric);
            if has_a_line || metric.starts_with("processor.") {
                continue;
            }
            let known = METRICS.iter().find(|(known, _)| known == metric);
            let mut row = vec![format!("`{metric}`")];
            row.extend(cells(metric, value));
            row.push(known.map_or(String::new(), |(_, what)| (*what).to_owned()));
            table.row(row);
        }
        Section::figure("Other metrics", table)
    }
}

/// A value and its interval.
fn cells(metric: &str, interval: &Interval) -> [String; 2] {
    let unit = Unit::of(metric);
    let Interval { mean, low, high } = *interval;
    let ends = format!("{} to {}", unit.in_table(low.max(0.0)), unit.in_table(high));
    [unit.in_table(mean), ends]
}
