//! One value against another: several lines, each with a band of how sure it is.

use super::{
    Axis, Threshold,
    chart::{self, Chart},
    page::nothing,
};
use maud::Markup;

/// Lines on two axes.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Lines {
    /// The axis to the right.
    pub x: Axis,
    /// The axis upwards. A linear one begins at zero.
    pub y: Axis,
    /// The lines.
    pub lines: Vec<Line>,
    /// A line across, at a value of `y`.
    pub threshold: Option<Threshold>,
}

/// A line, or points without one.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Its points, in the order in which they are joined.
    pub points: Vec<Point>,
    /// Points only?
    pub dots: bool,
}

/// A point of a line.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Upwards.
    pub y: f64,
    /// The interval in which `y` is, with the confidence that the page states.
    pub between: Option<(f64, f64)>,
}

impl Point {
    /// A point without an interval.
    pub fn new(x: f64, y: f64) -> Self {
        Self {
            x,
            y,
            between: None,
        }
    }

    /// The same with an interval.
    #[must_use]
    pub fn between(mut self, low: f64, high: f64) -> Self {
        self.between = Some((low, high));
        self
    }
}

impl Line {
    /// A line through these points.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = Point>) -> Self {
        Self {
            name: name.into(),
            points: points.into_iter().collect(),
            dots: false,
        }
    }

    /// These points without a line.
    pub fn dots(name: impl Into<String>, points: impl IntoIterator<Item = Point>) -> Self {
        Self {
            dots: true,
            ..Self::new(name, points)
        }
    }
}

impl Lines {
    pub(super) fn html(&self, title: &str) -> Markup {
        if self.lines.iter().all(|line| line.points.is_empty()) {
            return nothing();
        }
        let x_values = || self.lines.iter().flat_map(|line| &line.points);
        let x_values = || x_values().map(|point| point.x);
        chart::html(&Chart {
            title,
            x_label: &self.x.label,
            x: &|pixels| self.x.scale(x_values(), false, pixels),
            x_text: &|value| self.x.unit.text(value),
            y: &self.y,
            lines: &self.lines,
            threshold: self.threshold.as_ref(),
        })
    }
}
