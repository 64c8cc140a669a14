//! Lines on two axes, as they are drawn: the legend, the picture, and its numbers as a table.
//!
//! The picture is drawn twice, for a wide page and for a phone; the style sheet shows the one that
//! fits.

use super::{
    Axis, Line, Point, Threshold,
    axis::{Scale, Tick},
};
use maud::{Markup, html};
use std::fmt::Write;

/// What is drawn.
pub(super) struct Chart<'a> {
    /// What the picture shows, for those who do not see it.
    pub(super) title: &'a str,
    pub(super) x_label: &'a str,
    /// The scale to the right, between two pixels.
    pub(super) x: &'a dyn Fn((f64, f64)) -> Scale,
    /// A value of it in words.
    pub(super) x_text: &'a dyn Fn(f64) -> String,
    pub(super) y: &'a Axis,
    pub(super) lines: &'a [Line],
    pub(super) threshold: Option<&'a Threshold>,
}

/// How many colours the style sheet has for lines, bars and threads.
pub(super) const COLOURS: usize = 8;

/// A line with more points shows them only where the pointer is.
const MOST_DOTS: usize = 40;

/// A table of more rows is cut.
const MOST_ROWS: usize = 500;

/// The size of a picture, and the room around its plot.
struct Frame {
    class: &'static str,
    width: f64,
    height: f64,
    ticks: usize,
}

const FRAMES: [Frame; 2] = [
    Frame {
        class: "wide",
        width: 760.0,
        height: 400.0,
        ticks: 8,
    },
    Frame {
        class: "narrow",
        width: 360.0,
        height: 300.0,
        ticks: 4,
    },
];

const LEFT: f64 = 62.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 46.0;

pub(super) fn html(chart: &Chart<'_>) -> Markup {
    let more_than_one = chart.lines.len() > 1 || chart.lines.iter().any(|line| line.dots);
    html! {
        p.axis { (chart.y.label) @if chart.y.log { " (logarithmic)" } }
        @for frame in &FRAMES { (chart.svg(frame)) }
        @if more_than_one || chart.threshold.is_some() {
            ul.legend {
                @if more_than_one {
                    @for (index, line) in chart.lines.iter().enumerate() {
                        li { (sample(index, line.dots)) (line.name) }
                    }
                }
                @if let Some(threshold) = chart.threshold {
                    li {
                        svg.sample viewBox="0 0 28 12" aria-hidden="true" {
                            line.threshold x1="0" y1="6" x2="28" y2="6" {}
                        }
                        (threshold.label)
                    }
                }
            }
        }
        (chart.left_out())
        (chart.numbers())
    }
}

/// A line of the legend.
fn sample(index: usize, dots: bool) -> Markup {
    html! {
        svg class=(format!("sample {}", colour(index))) viewBox="0 0 28 12" aria-hidden="true" {
            @if !dots { path.line d="M0 6H28" {} }
            circle.dot cx="14" cy="6" r="3.5" {}
        }
    }
}

/// The class of the colour of the line, bar or thread with this place.
pub(super) fn colour(index: usize) -> String {
    format!("c{}", index % COLOURS)
}

impl Chart<'_> {
    fn points(&self) -> impl Iterator<Item = &Point> + Clone {
        self.lines.iter().flat_map(|line| &line.points)
    }

    fn svg(&self, frame: &Frame) -> Markup {
        let (width, height) = (frame.width, frame.height);
        let (right, bottom) = (width - RIGHT, height - BOTTOM);
        let x = (self.x)((LEFT, right));
        let ends = self.points().flat_map(|point| {
            let (low, high) = point.between.unwrap_or((point.y, point.y));
            [point.y, low, high]
        });
        let values = ends.chain(self.threshold.map(|threshold| threshold.at));
        let y = self.y.scale(values, true, (bottom, TOP)).rounded(6);
        let across = |at: f64| pixel(at);
        html! {
            svg class=(frame.class) viewBox=(format!("0 0 {width} {height}")) role="img"
                aria-label=(self.alt()) {
                @for Tick { at, text } in y.ticks(6) {
                    line.grid x1=(LEFT) x2=(right) y1=(across(at)) y2=(across(at)) {}
                    text.tick x=(LEFT - 6.0) y=(across(at + 4.0)) text-anchor="end" { (text) }
                }
                @for Tick { at, text } in apart(x.ticks(frame.ticks)) {
                    line.grid x1=(across(at)) x2=(across(at)) y1=(TOP) y2=(bottom) {}
                    text.tick x=(across(at)) y=(bottom + 17.0) text-anchor="middle" { (text) }
                }
                line.frame x1=(LEFT) x2=(right) y1=(bottom) y2=(bottom) {}
                text.label x=(pixel((LEFT + right) / 2.0)) y=(height - 8.0) text-anchor="middle" {
                    (self.x_label)
                }
                @for (index, line) in self.lines.iter().enumerate() {
                    (self.line(index, line, &x, &y))
                }
                @if let Some((threshold, at)) = self.threshold.and_then(|threshold| {
                    Some((threshold, y.place(threshold.at)?))
                }) {
                    line.threshold x1=(LEFT) x2=(right) y1=(across(at)) y2=(across(at)) {
                        title { (threshold.label) }
                    }
                }
            }
        }
    }

    fn line(&self, index: usize, line: &Line, x: &Scale, y: &Scale) -> Markup {
        let mut band = String::new();
        let mut path = String::new();
        // Points without a place interrupt a line.
        let pieces = line
            .points
            .split(|point| x.place(point.x).is_none() || y.place(point.y).is_none());
        for piece in pieces.filter(|_| !line.dots) {
            let places = piece
                .iter()
                .filter_map(|point| Some((x.place(point.x)?, y.place(point.y)?)));
            trace(&mut path, places);
            // Points without an interval, or with one whose end nobody knows, interrupt the band.
            for sure in piece.split(|point| !point.between.is_some_and(known)) {
                let ends = |pick: fn((f64, f64)) -> f64| {
                    let end = move |point: &Point| {
                        let end = point.between.map_or(point.y, pick);
                        // An interval that leaves the axis ends where the value is.
                        Some((x.place(point.x)?, y.place(end).or(y.place(point.y))?))
                    };
                    sure.iter().filter_map(end)
                };
                if sure.len() > 1 {
                    let there = ends(|(low, _)| low).collect::<Vec<_>>();
                    let back = ends(|(_, high)| high).collect::<Vec<_>>();
                    trace(&mut band, there.into_iter().chain(back.into_iter().rev()));
                    band.push('Z');
                }
            }
        }
        let shown = line.dots || line.points.len() <= MOST_DOTS;
        let class = if shown { "dot" } else { "dot hidden" };
        html! {
            g class=(colour(index)) {
                @if !band.is_empty() { path.band d=(band) {} }
                @if !path.is_empty() { path.line d=(path) {} }
                @for point in &line.points {
                    @if let (Some(cx), Some(cy)) = (x.place(point.x), y.place(point.y)) {
                        @if let Some((low, high)) = self.whisker(line, point, y) {
                            path.line d=(format!("M{0} {1}V{2}", pixel(cx), pixel(low), pixel(high))) {}
                        }
                        circle class=(class) cx=(pixel(cx)) cy=(pixel(cy)) r="3.5" {
                            title { (line.name) ": " (self.says(point)) }
                        }
                    }
                }
            }
        }
    }

    /// The interval of a point that stands alone, where there is no band.
    fn whisker(&self, line: &Line, point: &Point, y: &Scale) -> Option<(f64, f64)> {
        let alone = line.dots || line.points.len() == 1;
        let (low, high) = point.between.filter(|_| alone)?;
        Some((y.place(low)?, y.place(high)?))
    }

    fn says(&self, point: &Point) -> String {
        let unit = self.y.unit;
        let mut says = format!("{} {}: ", self.x_label, (self.x_text)(point.x));
        says += &unit.text(point.y);
        if let Some((low, high)) = point.between {
            _ = write!(says, " ({} to {})", unit.text(low), unit.text(high));
        }
        says
    }

    /// The picture in a sentence.
    fn alt(&self) -> String {
        let names: Vec<_> = self.lines.iter().map(|line| line.name.as_str()).collect();
        let mut alt = format!("{}: {} against {}", self.title, self.y.label, self.x_label);
        if names.len() > 1 {
            _ = write!(alt, ", for {}", names.join(", "));
        }
        let values = self.points().map(|point| point.y);
        let values = values.filter(|value| value.is_finite());
        if let (Some(low), Some(high)) = (values.clone().reduce(f64::min), values.reduce(f64::max))
        {
            let unit = self.y.unit;
            _ = write!(alt, ", from {} to {}", unit.text(low), unit.text(high));
        }
        alt + ". The numbers stand below as a table."
    }

    /// What has no place on the picture.
    fn left_out(&self) -> Markup {
        let x = (self.x)((0.0, 1.0));
        let stands = |point: &&Point| x.place(point.x).is_none() || !self.y.takes(point.y);
        let count = self.points().filter(stands).count();
        html! {
            @match count {
                0 => {}
                1 => p.note { "One point has no place on these axes; the table has it." }
                count => p.note { (count) " points have no place on these axes; the table has them." }
            }
        }
    }

    fn numbers(&self) -> Markup {
        let rows = self.lines.iter();
        let rows =
            rows.flat_map(|line| line.points.iter().map(|point| (line.name.as_str(), point)));
        let count = rows.clone().count();
        let unit = self.y.unit;
        let has_intervals = self.points().any(|point| point.between.is_some());
        html! {
            details {
                summary { "The numbers" }
                div.scrolls tabindex="0" role="region" aria-label="the numbers" {
                    table {
                        thead { tr {
                            th scope="col" { "line" }
                            th.number scope="col" { (self.x_label) }
                            th.number scope="col" { (self.y.label) }
                            @if has_intervals { th.number scope="col" { "between" } }
                        } }
                        tbody {
                            @for (name, point) in rows.take(MOST_ROWS) {
                                tr {
                                    td { (name) }
                                    td.number { ((self.x_text)(point.x)) }
                                    td.number { (unit.text(point.y)) }
                                    @if has_intervals {
                                        td.number {
                                            @if let Some((low, high)) = point.between {
                                                (unit.text(low)) " and " (unit.text(high))
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
                @if count > MOST_ROWS {
                    p.note { "And " (count - MOST_ROWS) " more." }
                }
            }
        }
    }
}

/// The ticks whose texts do not touch the one before, by their usual width.
fn apart(ticks: Vec<Tick>) -> Vec<Tick> {
    let half = |tick: &Tick| 3.5 * tick.text.chars().count() as f64;
    let mut kept: Vec<Tick> = Vec::new();
    for tick in ticks {
        let touches = |last: &Tick| tick.at - half(&tick) < last.at + half(last) + 7.0;
        if !kept.last().is_some_and(touches) {
            kept.push(tick);
        }
    }
    kept
}

/// Are both ends of an interval known?
fn known((low, high): (f64, f64)) -> bool {
    low.is_finite() && high.is_finite()
}

/// Adds a line through these places to a path.
fn trace(path: &mut String, places: impl Iterator<Item = (f64, f64)>) {
    for (index, (x, y)) in places.enumerate() {
        let to = if index == 0 { 'M' } else { 'L' };
        _ = write!(path, "{to}{} {}", pixel(x), pixel(y));
    }
}

/// A coordinate, to a tenth of a pixel.
pub(super) fn pixel(at: f64) -> f64 {
    // Far outside is far outside: no huge numbers.
    (at.clamp(-1e5, 1e5) * 10.0).round() / 10.0
}
