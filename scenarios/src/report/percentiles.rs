//! How long the slowest took: time against percentile, each further nine as wide as the last.

use super::{
    Axis, Line, Point, Threshold,
    axis::Scale,
    chart::{self, Chart},
    page::nothing,
};
use maud::Markup;

/// Curves of percentiles.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Percentiles {
    /// The axis of the values: "latency".
    pub y: Axis,
    /// The curves.
    pub curves: Vec<Curve>,
    /// A line across, at a value of `y`.
    pub threshold: Option<Threshold>,
}

/// A curve of percentiles.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Its points, with percentiles as parts of one in `x`: 0.99. Nothing stands at 1, which is
    /// infinitely far away.
    pub points: Vec<Point>,
}

impl Curve {
    /// A curve through these points.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = Point>) -> Self {
        Self {
            name: name.into(),
            points: points.into_iter().collect(),
        }
    }

    /// What a function says for the percentiles of which a curve is made, up to `most`: 0.9999.
    ///
    /// ```
    /// use iocp_scenarios::report::Curve;
    ///
    /// let curve = Curve::of("exponential", 0.999, |part| -(1.0 - part).ln());
    /// assert_eq!(curve.points.first().map(|point| point.y), Some(0.0));
    /// assert!(curve.points.iter().all(|point| point.x <= 0.999));
    /// ```
    pub fn of(name: impl Into<String>, most: f64, value: impl Fn(f64) -> f64) -> Self {
        let steps = 0..=(-(1.0 - most).log10() * STEPS_A_NINE).round() as i32;
        let point = |step: i32| {
            let x = 1.0 - 10_f64.powf(-f64::from(step) / STEPS_A_NINE);
            Point::new(x.min(most), value(x.min(most)))
        };
        Self::new(name, steps.map(point))
    }
}

/// Into how many steps a curve divides each nine.
const STEPS_A_NINE: f64 = 10.0;

impl Percentiles {
    pub(super) fn html(&self, title: &str) -> Markup {
        if self.curves.iter().all(|curve| curve.points.is_empty()) {
            return nothing();
        }
        let lines = self.curves.iter();
        let lines = lines.map(|curve| Line::new(&*curve.name, curve.points.iter().copied()));
        let lines: Vec<_> = lines.collect();
        let parts = || lines.iter().flat_map(|line| &line.points);
        let parts = || parts().map(|point| point.x);
        chart::html(&Chart {
            title,
            x_label: "percentile",
            x: &|pixels| Scale::nines(parts(), pixels),
            x_text: &percent,
            y: &self.y,
            lines: &lines,
            threshold: self.threshold.as_ref(),
        })
    }
}

/// 0.99 as "99 %", 0.9999 as "99.99 %".
fn percent(part: f64) -> String {
    if !part.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{:.6}", part * 100.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    // As many decimals as there are nines, and one more.
    let decimals = (-(1.0 - part).log10()).max(0.0).floor() as usize;
    let end = text.find('.').map_or(text.len(), |dot| dot + 1 + decimals);
    let text = &text[..end.min(text.len())];
    format!("{}\u{a0}%", text.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn nines_are_kept() {
        let texts = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999].map(percent);
        let wanted = ["0", "50", "90", "99", "99.9", "99.99", "99.999"];
        assert_eq!(texts, wanted.map(|text| format!("{text}\u{a0}%")));
        assert_eq!(percent(f64::NAN), "–");
    }
}
