//! Where a value stands on a picture, and which values stand beside it.

use crate::unit::Unit;

/// What an axis shows.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Axis {
    /// What its values are: "arrivals", "latency, 99th percentile".
    pub label: String,
    /// What they count.
    pub unit: Unit,
    /// Equal steps for equal factors, rather than for equal differences? Values of zero and less
    /// have no place on it.
    pub log: bool,
}

impl Axis {
    /// A linear axis.
    pub fn new(label: impl Into<String>, unit: Unit) -> Self {
        Self {
            label: label.into(),
            unit,
            log: false,
        }
    }

    /// The same with a logarithmic scale.
    #[must_use]
    pub fn log(mut self) -> Self {
        self.log = true;
        self
    }

    /// Does a value have a place on it?
    pub(super) fn takes(&self, value: f64) -> bool {
        value.is_finite() && (!self.log || value > 0.0)
    }

    /// The scale for these values, from pixel `begin` to pixel `end`. A linear one begins at zero
    /// where `from_zero` says so. Values without a place do not count.
    pub(super) fn scale(
        &self,
        values: impl Iterator<Item = f64>,
        from_zero: bool,
        pixels: (f64, f64),
    ) -> Scale {
        let kind = if self.log { Kind::Log } else { Kind::Linear };
        Scale::new(kind, self.unit, values, from_zero, pixels)
    }
}

/// How values become places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Linear,
    Log,
    /// Each further nine of a percentile takes as much room as the last.
    Nines,
}

impl Kind {
    fn place(self, value: f64) -> Option<f64> {
        let place = match self {
            Self::Linear => value,
            Self::Log => value.log10(),
            // The percentile 1 is infinitely far away.
            Self::Nines => -(1.0 - value).log10(),
        };
        place.is_finite().then_some(place)
    }
}

/// From values to pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    kind: Kind,
    unit: Unit,
    /// The place of the least value.
    from: f64,
    /// The place of the greatest.
    to: f64,
    begin: f64,
    end: f64,
}

/// A value that is written beside an axis.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Tick {
    /// The pixel.
    pub(super) at: f64,
    pub(super) text: String,
}

impl Scale {
    fn new(
        kind: Kind,
        unit: Unit,
        values: impl Iterator<Item = f64>,
        from_zero: bool,
        (begin, end): (f64, f64),
    ) -> Self {
        let (mut from, mut to) = (f64::INFINITY, f64::NEG_INFINITY);
        for place in values.filter_map(|value| kind.place(value)) {
            from = from.min(place);
            to = to.max(place);
        }
        if from > to {
            (from, to) = (0.0, 1.0);
        }
        match kind {
            Kind::Linear => {
                if from_zero {
                    (from, to) = (from.min(0.0), to.max(0.0));
                }
                // One value: some room around it.
                if from == to {
                    let room = if from == 0.0 { 1.0 } else { from.abs() / 2.0 };
                    (from, to) = (from - if from_zero { 0.0 } else { room }, to + room);
                }
            }
            Kind::Log if to - from < 0.3 => (from, to) = (from - 0.15, to + 0.15),
            Kind::Log => {}
            Kind::Nines => (from, to) = (0.0, to.max(1.0)),
        }
        Self {
            kind,
            unit,
            from,
            to,
            begin,
            end,
        }
    }

    /// The scale of percentiles, as parts of one, from 0 to the greatest of these.
    pub(super) fn nines(values: impl Iterator<Item = f64>, pixels: (f64, f64)) -> Self {
        Self::new(Kind::Nines, Unit::Share, values, true, pixels)
    }

    /// Where a value stands, if it has a place. Values outside of the scale stand outside.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let part = (self.kind.place(value)? - self.from) / (self.to - self.from);
        part.is_finite()
            .then_some(self.begin + part * (self.end - self.begin))
    }

    /// The same scale with its ends at round values, if it is linear.
    pub(super) fn rounded(self, about: usize) -> Self {
        if self.kind != Kind::Linear {
            return self;
        }
        let step = step(self.to - self.from, about);
        Self {
            from: (self.from / step + 1e-9).floor() * step,
            to: (self.to / step - 1e-9).ceil() * step,
            ..self
        }
    }

    /// About so many ticks at round values, with the unit that suits them all. On a linear axis the
    /// unit stands with the last tick only.
    pub(super) fn ticks(&self, about: usize) -> Vec<Tick> {
        match self.kind {
            Kind::Linear => {}
            Kind::Log => return self.log_ticks(about),
            Kind::Nines => return self.nines_ticks(),
        }
        let step = step(self.to - self.from, about);
        let suited = self.unit.suited(self.from.abs().max(self.to.abs()));
        let decimals = suited.decimals(step);
        let first = (self.from / step - 1e-9).ceil();
        let last = (self.to / step + 1e-9).floor();
        let count = (last - first).clamp(0.0, 50.0) as usize;
        let tick = |index: usize| {
            let value = (first + index as f64) * step;
            let number = suited.number(value, decimals);
            let text = match index == count {
                true => suited.with_name(number),
                false => number,
            };
            self.place(value).map(|at| Tick { at, text })
        };
        (0..=count).filter_map(tick).collect()
    }

    /// Powers of ten, with twos and fives between them if there is room.
    fn log_ticks(&self, about: usize) -> Vec<Tick> {
        let decades = (self.from.floor() as i32)..=(self.to.ceil() as i32);
        let inside = |mantissas: &[f64], every: i32| {
            let decades = decades.clone().filter(|power| power % every == 0);
            let values = decades.flat_map(|power| {
                mantissas
                    .iter()
                    .map(move |mantissa| mantissa * 10_f64.powi(power))
            });
            let inside = |value: &f64| (self.from - 1e-9..=self.to + 1e-9).contains(&value.log10());
            values.filter(inside).collect::<Vec<_>>()
        };
        let mut values = inside(&[1.0, 2.0, 5.0], 1);
        // Less than about a decade: one or two of these would say little.
        if values.len() < 3 {
            values = inside(&[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], 1);
        }
        if values.len() > about + 2 {
            values = inside(&[1.0], 1);
        }
        let mut every = 2;
        while values.len() > about + 2 {
            values = inside(&[1.0], every);
            every += 1;
        }
        let tick = |value: &f64| {
            let at = self.place(*value)?;
            let text = self.unit.text(*value);
            Some(Tick { at, text })
        };
        values.iter().filter_map(tick).collect()
    }

    /// 0 %, 50 %, 90 %, 99 % and so on.
    fn nines_ticks(&self) -> Vec<Tick> {
        let nines = (1..=self.to.floor().clamp(1.0, 12.0) as i32).map(|nines| {
            let decimals = (nines - 2).max(0) as usize;
            let value = 1.0 - 10_f64.powi(-nines);
            (value, format!("{:.decimals$}\u{a0}%", value * 100.0))
        });
        let low = [(0.0, "0".to_owned()), (0.5, "50\u{a0}%".to_owned())];
        let tick = |(value, text)| {
            Some(Tick {
                at: self.place(value)?,
                text,
            })
        };
        low.into_iter().chain(nines).filter_map(tick).collect()
    }
}

/// A round step that cuts the length into about so many.
fn step(length: f64, about: usize) -> f64 {
    let rough = length / about.max(1) as f64;
    if !(rough.is_finite() && rough > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powf(rough.log10().floor());
    let mantissas = [1.0, 2.0, 5.0, 10.0];
    let fits = |mantissa: &&f64| *mantissa * power >= rough * 0.999;
    mantissas.iter().find(fits).unwrap_or(&10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis, values: &[f64]) -> Vec<String> {
        let scale = axis.scale(values.iter().copied(), true, (0.0, 100.0));
        let ticks = scale.rounded(5).ticks(5);
        ticks.into_iter().map(|tick| tick.text).collect()
    }

    #[test]
    fn ticks_are_round() {
        let seconds = Axis::new("", Unit::Seconds);
        assert_eq!(
            texts(&seconds, &[0.003, 0.0187]),
            ["0", "5", "10", "15", "20\u{a0}ms"]
        );
        let log = seconds.log();
        assert_eq!(
            texts(&log, &[0.0009, 0.11]),
            [
                "1\u{a0}ms",
                "2\u{a0}ms",
                "5\u{a0}ms",
                "10\u{a0}ms",
                "20\u{a0}ms",
                "50\u{a0}ms",
                "100\u{a0}ms"
            ]
        );
        assert_eq!(
            texts(&log, &[0.015, 0.04]),
            ["15\u{a0}ms", "20\u{a0}ms", "30\u{a0}ms", "40\u{a0}ms"]
        );
        assert_eq!(
            texts(&log, &[1e-6, 10.0]),
            ["1\u{a0}µs", "100\u{a0}µs", "10\u{a0}ms", "1\u{a0}s"]
        );
    }

    /// Nothing, one value, and what has no place give a scale on which everything stands somewhere.
    #[test]
    fn a_scale_takes_anything() {
        for log in [false, true] {
            let axis = Axis {
                log,
                ..Axis::default()
            };
            for values in [
                &[][..],
                &[0.0],
                &[3.0],
                &[f64::NAN, f64::INFINITY],
                &[-1.0, 0.0],
                &[f64::MAX, f64::MIN_POSITIVE],
            ] {
                for from_zero in [false, true] {
                    let scale = axis.scale(values.iter().copied(), from_zero, (0.0, 100.0));
                    let ticks = scale.rounded(5).ticks(5);
                    assert!(ticks.len() < 60, "{values:?}: {ticks:?}");
                    assert!(ticks.iter().all(|tick| tick.at.is_finite()));
                }
            }
            let scale = axis.scale([].into_iter(), false, (0.0, 1.0));
            assert_eq!(scale.place(f64::NAN), None);
        }
    }
}
