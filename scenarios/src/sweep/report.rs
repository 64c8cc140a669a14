//! A sweep in pictures: latency against rate, heat maps, percentile curves, and all points.
//!
//! The pictures choose what goes where by the parameters that there are: `rate` to the right, a line
//! for each `limit`, `threads` down the heat maps. Where a plan has others, its first ones take their
//! places. Of parameters that have no place in a picture, the value with the lowest p99 is shown.

use super::{Axis, Row, Sheet, Status};
use crate::{
    report::{
        self, Cell, Curve, HeatMap, Line, Lines, Made, Page, Percentiles, Point, Section, Table,
        Unit,
    },
    study::CURVE,
};
use serde_json::Value;

/// What decides which of several points is shown.
const P99: &str = "latency.p99";
/// The most heat maps of latencies.
const MOST_MAPS: usize = 4;
/// The most points in the table; the others are in the files.
const MOST_LISTED: usize = 500;
/// The most lines of a picture.
const MOST_LINES: usize = 8;

/// The columns of the table behind the parameters.
const LISTED: [(&str, &str, Unit); 6] = [
    ("latency, mean", "latency.mean", Unit::Seconds),
    ("p99", P99, Unit::Seconds),
    ("p99.99", "latency.p9999", Unit::Seconds),
    ("throughput", "throughput", Unit::PerSecond),
    ("utilisation", "utilisation", Unit::Share),
    ("queue depth", "depth.mean", Unit::Number),
];

impl Sheet {
    /// The page of these results: all points, in their order.
    pub fn report(&self, rows: &[Row]) -> Page {
        Pictures::of(self, rows).page()
    }
}

/// What goes where.
struct Pictures<'a> {
    sheet: &'a Sheet,
    rows: &'a [Row],
    /// To the right: numbers, and more than one.
    x: Option<&'a Axis>,
    /// A line for each value; across in heat maps.
    lines: Option<&'a Axis>,
    /// Down in heat maps.
    down: Option<&'a Axis>,
}

impl<'a> Pictures<'a> {
    fn of(sheet: &'a Sheet, rows: &'a [Row]) -> Self {
        let mut left: Vec<_> = sheet
            .over
            .iter()
            .filter(|axis| axis.values.len() > 1)
            .collect();
        let mut take = |name: &str, numeric: bool| {
            let fits = |axis: &&Axis| !numeric || axis.is_numeric();
            let named = left.iter().position(|axis| axis.key == name && fits(axis));
            let other = || {
                // What another place asks for by its name is left to it.
                let wanted = |axis: &&Axis| ["limit", "threads"].contains(&axis.key.as_str());
                let free = left.iter().position(|axis| fits(axis) && !wanted(axis));
                free.or_else(|| left.iter().position(fits))
            };
            named.or_else(other).map(|at| left.remove(at))
        };
        let x = take("rate", true);
        let lines = take("limit", false);
        let down = take("threads", false);
        Self {
            sheet,
            rows,
            x,
            lines,
            down,
        }
    }

    fn page(&self) -> Page {
        let seed = self.sheet.simulate.get("seed").and_then(Value::as_u64);
        let made = Made::new(format!("iocp sweep {}", self.sheet.plan), seed);
        let mut page = Page::new(format!("Sweep of {}", self.scenario("name")), made);
        page.lead = self.scenario("title").to_owned();
        page.add(self.in_short());
        for section in [self.latency(), self.capacity()].into_iter().flatten() {
            page.add(section);
        }
        for section in self.maps() {
            page.add(section);
        }
        page.add(self.percentiles());
        page.add(self.table());
        page
    }

    fn scenario(&self, key: &str) -> &str {
        let text = self.sheet.scenario.get(key).and_then(Value::as_str);
        text.unwrap_or_default()
    }

    fn in_short(&self) -> Section {
        let count = |status| {
            self.rows
                .iter()
                .filter(|row| row.status() == status)
                .count()
        };
        let mut text = vec![format!(
            "{} points on `{}`: **{}** are sure, **{}** are unstable, {} are less sure than was asked \
             for, {} failed.",
            self.rows.len(),
            self.sheet.profile,
            count(Status::Done),
            count(Status::Unstable),
            count(Status::Imprecise),
            count(Status::Failed),
        )];
        text.extend(self.sheet.over.iter().map(|axis| {
            let values: Vec<_> = axis.values.iter().map(super::axis::text).collect();
            format!("- `{}`: {}", axis.key, values.join(", "))
        }));
        text.extend(
            self.sheet
                .conditions
                .iter()
                .map(|one| format!("- where `{one}`")),
        );
        let asked = |key: &str| self.sheet.simulate.get(key).and_then(Value::as_f64);
        if let (Some(confidence), Some(precision)) = (asked("confidence"), asked("precision")) {
            text.push(format!(
                "Intervals hold with {} % confidence; replications went on until that of `{}` was \
                 ±{} % or narrower. All points met the same requests.",
                percent(confidence),
                self.sheet
                    .simulate
                    .get("of")
                    .and_then(Value::as_str)
                    .unwrap_or("latency.mean"),
                percent(precision),
            ));
        }
        Section::text("In short", text)
    }

    /// The rows with these values that have an answer, and are stable.
    fn stable(&self, fixed: &[(&Axis, &Value)]) -> impl Iterator<Item = &'a Row> {
        let is = |row: &&Row| {
            let mut fixed = fixed.iter();
            let stable = matches!(row.status(), Status::Done | Status::Imprecise);
            stable && fixed.all(|(axis, value)| row.get(&axis.key) == Some(*value))
        };
        self.rows.iter().filter(is).collect::<Vec<_>>().into_iter()
    }

    /// That with the lowest p99.
    fn best(&self, fixed: &[(&Axis, &Value)]) -> Option<&'a Row> {
        let p99 = |row: &&Row| row.number(P99).unwrap_or(f64::INFINITY);
        let rows = self.stable(fixed);
        rows.min_by(|one, other| p99(one).total_cmp(&p99(other)))
    }

    /// That the best of the others is shown, if there are others.
    fn of_others(&self, shown: &[Option<&Axis>]) -> String {
        let others = self.sheet.over.iter().filter(|axis| axis.values.len() > 1);
        let others = others.filter(|axis| !shown.iter().flatten().any(|one| one.key == axis.key));
        let others: Vec<_> = others.map(|axis| format!("`{}`", axis.key)).collect();
        match &others[..] {
            [] => String::new(),
            others => format!(
                " Of {}, the value with the lowest p99 is shown.",
                others.join(" and ")
            ),
        }
    }

    /// The values of an axis; without one, a single nameless value.
    fn each(axis: Option<&'a Axis>) -> Vec<Option<(&'a Axis, &'a Value)>> {
        match axis {
            None => vec![None],
            Some(axis) => axis
                .values
                .iter()
                .map(|value| Some((axis, value)))
                .collect(),
        }
    }

    fn latency(&self) -> Option<Section> {
        let x = self.x?;
        let mut lines = Vec::new();
        for one in Self::each(self.lines).into_iter().take(MOST_LINES) {
            let points = x.values.iter().filter_map(|value| {
                let fixed: Vec<_> = one.into_iter().chain([(x, value)]).collect();
                let row = self.best(&fixed)?;
                let point = Point::new(value.as_f64()?, row.number(P99)?);
                Some(match ends(row, P99) {
                    Some((low, high)) => point.between(low, high),
                    None => point,
                })
            });
            lines.push(Line::new(name(one), points));
        }
        let title = format!("Latency against {}", x.key);
        let figure = Lines {
            x: report::Axis::new(x.key.as_str(), unit(x)),
            y: report::Axis::new("latency, 99th percentile", Unit::Seconds).log(),
            lines,
            ..Lines::default()
        };
        let says = "Points at which the system is unstable are left out: a line ends where it does not \
                    keep up any more.";
        let others = self.of_others(&[Some(x), self.lines]);
        Some(Section::figure(title, figure).says(format!("{says}{others}")))
    }

    /// The heat map of the highest value to the right that is stable.
    fn capacity(&self) -> Option<Section> {
        let (x, across, down) = (self.x?, self.lines?, self.down?);
        let cell = |fixed: &[(&Axis, &Value)]| {
            let numbers = self.stable(fixed).filter_map(|row| row.number(&x.key));
            match numbers.reduce(f64::max) {
                Some(most) => Cell::new(most),
                None => Cell::empty(if self.is_there(fixed) { "unstable" } else { "" }),
            }
        };
        let map = HeatMap {
            what: format!("highest stable {}", x.key),
            unit: unit(x),
            more_is_better: true,
            ..Self::map(across, down, cell)
        };
        let says = format!(
            "The highest `{}` of the plan at which the system is stable.",
            x.key
        );
        Some(Section::figure("How much it holds", map).says(says))
    }

    fn map(across: &Axis, down: &Axis, cell: impl Fn(&[(&Axis, &Value)]) -> Cell) -> HeatMap {
        let names = |axis: &Axis| axis.values.iter().map(super::axis::text).collect();
        let row = |value| {
            let cells = across.values.iter();
            cells
                .map(|other| cell(&[(down, value), (across, other)]))
                .collect()
        };
        HeatMap {
            across: across.key.clone(),
            columns: names(across),
            down: down.key.clone(),
            rows: names(down),
            cells: down.values.iter().map(row).collect(),
            ..HeatMap::default()
        }
    }

    /// Does the plan have a point with these values?
    fn is_there(&self, fixed: &[(&Axis, &Value)]) -> bool {
        let mut rows = self.rows.iter();
        rows.any(|row| {
            fixed
                .iter()
                .all(|(axis, value)| row.get(&axis.key) == Some(*value))
        })
    }

    /// Heat maps of the latency, at the values to the right that say most: the highest ones.
    fn maps(&self) -> Vec<Section> {
        let two = [self.x, self.lines];
        let named = |key: &str| two.into_iter().flatten().find(|axis| axis.key == key);
        let (across, down, mut at) = match (self.lines, self.down) {
            (Some(across), Some(down)) => (across, down, Self::each(self.x)),
            // A plan of limits and threads alone has a map, too.
            _ => match (named("limit"), named("threads")) {
                (Some(across), Some(down)) => (across, down, vec![None]),
                _ => return Vec::new(),
            },
        };
        at.retain(|one| {
            self.best(&one.iter().copied().collect::<Vec<_>>())
                .is_some()
        });
        let at = at.split_off(at.len().saturating_sub(MOST_MAPS));
        let section = |one: Option<(&'a Axis, &'a Value)>| {
            let cell = |fixed: &[(&Axis, &Value)]| {
                let fixed: Vec<_> = fixed.iter().copied().chain(one).collect();
                let row = self.best(&fixed);
                match row.and_then(|row| Some((row, row.number(P99)?))) {
                    Some((row, p99)) => match ends(row, P99) {
                        Some((low, high)) => Cell::new(p99).between(low, high),
                        None => Cell::new(p99),
                    },
                    None => Cell::empty(if self.is_there(&fixed) {
                        "unstable"
                    } else {
                        ""
                    }),
                }
            };
            let map = HeatMap {
                what: "latency, 99th percentile".into(),
                unit: Unit::Seconds,
                ..Self::map(across, down, cell)
            };
            let title = match one {
                Some(_) => format!("Latency at {}", name(one)),
                None => "Latency".to_owned(),
            };
            let others = self.of_others(&[self.x, self.lines, self.down]);
            let section = Section::figure(title, map);
            match others.is_empty() {
                true => section,
                false => section.says(others.trim_start()),
            }
        };
        at.into_iter().map(section).collect()
    }

    /// Curves at the highest value to the right at which anything is stable.
    fn percentiles(&self) -> Section {
        let stable = |one: &Option<(&'a Axis, &'a Value)>| {
            self.best(&one.iter().copied().collect::<Vec<_>>())
                .is_some()
        };
        let at = Self::each(self.x).into_iter().rev().find(stable).flatten();
        let mut curves = Vec::new();
        for one in Self::each(self.lines).into_iter().take(MOST_LINES) {
            let fixed: Vec<_> = at.into_iter().chain(one).collect();
            let Some(row) = self.best(&fixed) else {
                continue;
            };
            let values = row.get("latency.curve").and_then(Value::as_array);
            let values = values.into_iter().flatten().map(Value::as_f64);
            let points = CURVE.iter().zip(values);
            let points = points.filter_map(|(part, value)| Some(Point::new(*part, value?)));
            curves.push(Curve::new(name(one), points));
        }
        let title = match at {
            Some(_) => format!("Percentiles at {}", name(at)),
            None => "Percentiles".to_owned(),
        };
        let figure = Percentiles {
            y: report::Axis::new("latency", Unit::Seconds).log(),
            curves,
            threshold: None,
        };
        // A single curve has no legend.
        let mut says = match (self.lines, &figure.curves[..]) {
            (Some(_), [only]) => format!("Only {} keeps up there.", only.name),
            _ => String::new(),
        };
        says += &self.of_others(&[self.x, self.lines]);
        let section = Section::figure(title, figure);
        match says.trim_start() {
            "" => section,
            says => section.says(says),
        }
    }

    fn table(&self) -> Section {
        let keys = || self.sheet.over.iter().map(|axis| axis.key.as_str());
        let heads = LISTED.map(|(head, _, _)| head);
        let mut table = Table::new(keys().chain(heads).chain(["status"]));
        let mut too_short = false;
        for row in self.rows.iter().take(MOST_LISTED) {
            let mut cells: Vec<_> = keys().map(|key| row.in_words(key)).collect();
            for (_, metric, unit) in LISTED {
                let end = row.get(&format!("{metric}.high"));
                cells.push(match row.number(metric) {
                    Some(value) if end.is_some_and(Value::is_null) => {
                        too_short = true;
                        format!("{} to ?", unit.text(value))
                    }
                    Some(value) => unit.text(value),
                    None => "–".into(),
                });
            }
            cells.push(row.in_words("status"));
            table.row(cells);
            if row.status() != Status::Done {
                table.mark();
            }
        }
        let mut says = Vec::new();
        if self.rows.len() > MOST_LISTED {
            says.push(format!(
                "The first {MOST_LISTED}; `points.csv` has the others."
            ));
        }
        if too_short {
            says.push(
                "**to ?**: it may be more, and nobody knows how much, for the replications were too short; \
                 `requests` makes them longer."
                    .into(),
            );
        }
        let section = Section::figure("All points", table);
        match &says[..] {
            [] => section,
            says => section.says(says.join(" ")),
        }
    }
}

/// "limit 4".
fn name(one: Option<(&Axis, &Value)>) -> String {
    one.map_or("all points".into(), |(axis, value)| {
        format!("{} {}", axis.key, super::axis::text(value))
    })
}

fn unit(axis: &Axis) -> Unit {
    match axis.key.as_str() {
        "rate" => Unit::PerSecond,
        _ => Unit::Number,
    }
}

fn ends(row: &Row, metric: &str) -> Option<(f64, f64)> {
    let end = |end: &str| row.number(&format!("{metric}.{end}"));
    Some((end("low")?, end("high")?))
}

/// 0.95 as "95".
fn percent(part: f64) -> f64 {
    (part * 1e8).round() / 1e6
}
