//! A value for each of a few names, as bars to the right; each may be made of parts.

use super::{
    Axis, Threshold, Unit,
    chart::{colour, pixel},
    page::nothing,
};
use maud::{Markup, html};

/// Bars.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Bars {
    /// The axis of the values. Bars begin at zero, so it is linear, whatever it says; shares go on to
    /// 100 %.
    pub axis: Axis,
    /// What the parts of each bar are, from left to right; empty if there is only one.
    pub parts: Vec<String>,
    /// The bars, from top to bottom.
    pub bars: Vec<Bar>,
    /// A line down, at a value of the axis.
    pub threshold: Option<Threshold>,
}

/// A bar.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Bar {
    /// Its name.
    pub name: String,
    /// Its parts, from left to right.
    pub values: Vec<f64>,
    /// The interval in which the whole is.
    pub between: Option<(f64, f64)>,
    /// What else there is to say: "misses the objective".
    pub note: String,
}

impl Bar {
    /// A bar of one part.
    pub fn new(name: impl Into<String>, value: f64) -> Self {
        Self::of(name, [value])
    }

    /// A bar of these parts.
    pub fn of(name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        Self {
            name: name.into(),
            values: values.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The same with an interval.
    #[must_use]
    pub fn between(mut self, low: f64, high: f64) -> Self {
        self.between = Some((low, high));
        self
    }

    /// The same with a note.
    #[must_use]
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// What its parts come to: those that are numbers. Nothing if none is.
    fn whole(&self) -> f64 {
        let values = self.values.iter().filter(|value| value.is_finite());
        values.copied().reduce(|a, b| a + b).unwrap_or(f64::NAN)
    }
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 18.0;

impl Bars {
    /// A table of names, bars and numbers: it is readable without the bars.
    pub(super) fn html(&self, title: &str) -> Markup {
        if self.bars.is_empty() {
            return nothing();
        }
        let ends = self.bars.iter().flat_map(|bar| {
            let (low, high) = bar.between.unwrap_or((0.0, 0.0));
            [bar.whole(), low, high]
        });
        let values = ends.chain(self.threshold.iter().map(|threshold| threshold.at));
        // A share is one of a whole.
        let values = values.chain((self.axis.unit == Unit::Share).then_some(1.0));
        let axis = Axis {
            log: false,
            ..self.axis.clone()
        };
        let scale = axis.scale(values, true, (0.0, WIDTH));
        let unit = self.axis.unit;
        let place = |value: f64| scale.place(value).map_or(0.0, pixel);
        html! {
            p.axis { (self.axis.label) }
            div.bars role="list" aria-label=(title) {
                @for bar in &self.bars {
                    div role="listitem" {
                        p {
                            span.name { (bar.name) }
                            " "
                            b { (unit.text(bar.whole())) }
                            @if let Some((low, high)) = bar.between {
                                span.quiet { " (" (unit.text(low)) " to " (unit.text(high)) ")" }
                            }
                            @if !bar.note.is_empty() { span.note { " " (bar.note) } }
                        }
                        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none"
                            aria-hidden="true" {
                            rect.ground x="0" y="0" width=(WIDTH) height=(HEIGHT) {}
                            @for (part, (from, to, value)) in stacked(bar).into_iter().enumerate() {
                                @let class = colour(part);
                                rect class=(format!("part {class}")) x=(place(from)) y="1"
                                    width=(pixel(place(to) - place(from)).max(0.0))
                                    height=(HEIGHT - 2.0) {
                                    title {
                                        @if let Some(name) = self.parts.get(part) { (name) ": " }
                                        (unit.text(value))
                                    }
                                }
                            }
                            @if let Some((low, high)) = bar.between {
                                path.whisker d=(format!(
                                    "M{0} 4V14M{0} 9H{1}M{1} 4V14", place(low), place(high)
                                )) {}
                            }
                            @if let Some(threshold) = &self.threshold {
                                line.threshold x1=(place(threshold.at)) x2=(place(threshold.at))
                                    y1="0" y2=(HEIGHT) { title { (threshold.label) } }
                            }
                        }
                        @if !self.parts.is_empty() {
                            p.quiet {
                                @for (part, value) in bar.values.iter().enumerate() {
                                    @if part > 0 { " · " }
                                    (self.parts.get(part).map_or("", String::as_str)) " "
                                    (unit.text(*value))
                                }
                            }
                        }
                    }
                }
            }
            @if !self.parts.is_empty() || self.threshold.is_some() {
                ul.legend {
                    @for (part, name) in self.parts.iter().enumerate() {
                        li {
                            svg class=(format!("sample {}", colour(part))) viewBox="0 0 28 12"
                                aria-hidden="true" {
                                rect.part x="0" y="0" width="28" height="12" {}
                            }
                            (name)
                        }
                    }
                    @if let Some(threshold) = &self.threshold {
                        li {
                            svg.sample viewBox="0 0 28 12" aria-hidden="true" {
                                line.threshold x1="14" x2="14" y1="0" y2="12" {}
                            }
                            (threshold.label)
                        }
                    }
                }
            }
        }
    }
}

/// The parts of a bar, each with where it begins and ends.
fn stacked(bar: &Bar) -> Vec<(f64, f64, f64)> {
    let mut end = 0.0;
    let part = |&value: &f64| {
        let begin = end;
        end += if value.is_finite() {
            value.max(0.0)
        } else {
            0.0
        };
        (begin, end, value)
    };
    bar.values.iter().map(part).collect()
}
