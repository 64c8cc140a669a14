//! Numbers in words: with their unit, and as many digits as anyone reads.

/// What a number counts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Unit {
    /// Just a number.
    #[default]
    Number,
    /// Seconds. Shown as ns, µs, ms or s.
    Seconds,
    /// So many a second.
    PerSecond,
    /// A part of one. Shown in percent.
    Share,
}

/// A unit and a power of ten that suit a whole axis or column.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Suited {
    /// Values are divided by this.
    size: f64,
    /// What stands behind the number.
    pub(super) name: &'static str,
}

const TIMES: [(f64, &str); 4] = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];

impl Unit {
    /// What suits a value of this size.
    pub(super) fn suited(self, size: f64) -> Suited {
        let (size, name) = match self {
            Self::Number => (1.0, ""),
            Self::PerSecond => (1.0, "/s"),
            Self::Share => (0.01, "%"),
            Self::Seconds => {
                let fits = |(unit, _): &&(f64, &str)| size.abs() >= *unit;
                *TIMES.iter().find(fits).unwrap_or(match size == 0.0 {
                    true => &TIMES[0],
                    false => &TIMES[3],
                })
            }
        };
        Suited { size, name }
    }

    /// The value with its unit, to three digits: "12.3 ms", "450 /s", "3.2 %", "–" if there is none.
    pub fn text(self, value: f64) -> String {
        let suited = self.suited(value);
        if !(value / suited.size).is_finite() {
            return "–".to_owned();
        }
        suited.with_name(digits(value / suited.size, 3))
    }
}

impl Suited {
    /// The number alone, with so many decimals.
    pub(super) fn number(self, value: f64, decimals: usize) -> String {
        let value = value / self.size;
        if value.abs() >= 1e15 {
            return digits(value, 3);
        }
        grouped(&format!("{value:.decimals$}"))
    }

    /// How many decimals tell multiples of this step apart.
    pub(super) fn decimals(self, step: f64) -> usize {
        let step = (step / self.size).abs();
        if step.is_finite() && step > 0.0 {
            (-(step.log10() + 1e-9).floor()).clamp(0.0, 12.0) as usize
        } else {
            0
        }
    }

    pub(super) fn with_name(self, number: String) -> String {
        match self.name {
            "" => number,
            name => format!("{number}\u{a0}{name}"),
        }
    }
}

/// A number to so many digits that count, without zeros behind them; whole numbers stay whole.
pub(super) fn digits(value: f64, count: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-12..15).contains(&magnitude) {
        return format!("{value:.*e}", count as usize - 1);
    }
    let decimals = (count - 1 - magnitude).clamp(0, 12) as usize;
    let text = format!("{value:.decimals$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    grouped(if text == "-0" { "0" } else { text })
}

/// 12345.6 as "12,345.6".
fn grouped(number: &str) -> String {
    let (sign, rest) = match number.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", number),
    };
    let (whole, decimals) = match rest.split_once('.') {
        Some((whole, _)) => (whole, &rest[whole.len()..]),
        None => (rest, ""),
    };
    let mut text = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) && whole.len() > 4 {
            text.push(',');
        }
        text.push(digit);
    }
    text + decimals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (unit, value, text) in [
            (Unit::Seconds, 0.745_5, "746\u{a0}ms"),
            (Unit::Seconds, 0.000_012_34, "12.3\u{a0}µs"),
            (Unit::Seconds, 2.5e-9, "2.5\u{a0}ns"),
            (Unit::Seconds, 0.0, "0\u{a0}s"),
            (Unit::Seconds, 1e-12, "0.001\u{a0}ns"),
            (Unit::PerSecond, 12_345.0, "12,345\u{a0}/s"),
            (Unit::Share, 0.032, "3.2\u{a0}%"),
            (Unit::Share, 1.0, "100\u{a0}%"),
            (Unit::Number, 4.0, "4"),
            (Unit::Number, -1_234.56, "-1235"),
            (Unit::Number, f64::NAN, "–"),
            (Unit::Number, f64::MAX, "1.80e308"),
            (Unit::Share, f64::MAX, "–"),
            (Unit::Seconds, f64::INFINITY, "–"),
        ] {
            assert_eq!(unit.text(value), text);
        }
    }
}
