//! Numbers in words: with their unit, and as many digits as anyone reads.
//!
//! Who shows a quantity asks here, and says where it stands: on a page ([`Unit::text`]), in a table of
//! the terminal ([`Unit::in_table`]) or in a sentence ([`Unit::in_words`]).

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
pub(crate) struct Suited {
    /// Values are divided by this.
    size: f64,
    /// What stands behind the number.
    pub(crate) name: &'static str,
}

const TIMES: [(f64, &str); 4] = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];

impl Unit {
    /// What this metric is counted in: `latency.p99` in seconds.
    pub fn of(metric: &str) -> Self {
        let begins = |names: &[&str]| names.iter().any(|name| metric.starts_with(name));
        // A metric of one port among several ends as that of the server's: `port.NAME.at_limit`.
        let ends = |names: &[&str]| names.iter().any(|name| metric.ends_with(name));
        if begins(&["latency.", "wait.", "queue_wait."]) {
            Self::Seconds
        } else if begins(&["throughput", "switches", "wakeups"]) {
            Self::PerSecond
        } else if begins(&["delayed", "utilisation", "processor."])
            || ends(&[
                "at_limit",
                "above_limit",
                "short_of_threads",
                "held_by_limit",
            ])
        {
            Self::Share
        } else {
            Self::Number
        }
    }

    /// What suits a value of this size.
    pub(crate) fn suited(self, size: f64) -> Suited {
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

    /// On a page, to three digits and unbroken: "12.3 ms", "450 /s", "3.2 %", "–" if there is none.
    pub fn text(self, value: f64) -> String {
        let suited = self.suited(value);
        if !(value / suited.size).is_finite() {
            return "–".to_owned();
        }
        suited.with_name(digits(value / suited.size, 3))
    }

    /// In a table of the terminal, to four digits and a bit: "12.49 ms", "12,345 /s", "40.01 %".
    pub fn in_table(self, value: f64) -> String {
        self.written(value, 2, " /s", |value| {
            let places = match value.abs() {
                v if v < 1e-4 => 0,
                v if v < 1.0 => 4,
                v if v < 10.0 => 3,
                v if v < 100.0 => 2,
                v if v < 1000.0 => 1,
                _ => return by_thousands(&format!("{:.0}", value.round())),
            };
            format!("{value:.places$}")
        })
    }

    /// In a sentence, to three digits: "18.2 ms", "900/s", "37.4 %".
    pub fn in_words(self, value: f64) -> String {
        self.written(value, 1, "/s", |value| {
            let places = match value.abs() {
                0.0 => 0,
                v if v < 0.9995 => 3,
                v if v < 9.995 => 2,
                v if v < 99.95 => 1,
                _ => 0,
            };
            format!("{value:.places$}")
        })
    }

    /// The value, "?" if there is none.
    fn written(
        self,
        value: f64,
        places_of_percent: usize,
        per_second: &str,
        digits: impl Fn(f64) -> String,
    ) -> String {
        if !value.is_finite() {
            return "?".into();
        }
        match self {
            Self::Share => format!("{:.places_of_percent$} %", 100.0 * value),
            Self::PerSecond => digits(value) + per_second,
            Self::Number => digits(value),
            Self::Seconds => {
                let Suited { size, name } = self.suited(value);
                format!("{} {name}", digits(value / size))
            }
        }
    }
}

impl Suited {
    /// The number alone, with so many decimals.
    pub(crate) fn number(self, value: f64, decimals: usize) -> String {
        let value = value / self.size;
        if value.abs() >= 1e15 {
            return digits(value, 3);
        }
        grouped(&format!("{value:.decimals$}"))
    }

    /// How many decimals tell multiples of this step apart.
    pub(crate) fn decimals(self, step: f64) -> usize {
        let step = (step / self.size).abs();
        if step.is_finite() && step > 0.0 {
            (-(step.log10() + 1e-9).floor()).clamp(0.0, 12.0) as usize
        } else {
            0
        }
    }

    pub(crate) fn with_name(self, number: String) -> String {
        match self.name {
            "" => number,
            name => format!("{number}\u{a0}{name}"),
        }
    }
}

/// A number to so many digits that count, without zeros behind them; whole numbers stay whole.
pub(crate) fn digits(value: f64, count: i32) -> String {
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

/// 12345.6 as "12,345.6"; four digits stay together.
fn grouped(number: &str) -> String {
    let unsigned = number.trim_start_matches('-');
    match unsigned.find('.').unwrap_or(unsigned.len()) {
        ..=4 => number.to_owned(),
        _ => by_thousands(number),
    }
}

/// 1234.5 as "1,234.5".
pub(crate) fn by_thousands(number: &str) -> String {
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
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
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

    #[test]
    fn a_terminal_has_four_digits_in_tables_and_three_in_sentences() {
        for (metric, value, in_table, in_words) in [
            ("latency.p99", 0.018_24, "18.24 ms", "18.2 ms"),
            ("latency.mean", 0.000_066_13, "66.13 µs", "66.1 µs"),
            ("wait.max", 0.0, "0 s", "0 s"),
            ("utilisation", 0.374, "37.40 %", "37.4 %"),
            ("processor.0", 0.5281, "52.81 %", "52.8 %"),
            ("throughput", 50_143.2, "50,143 /s", "50143/s"),
            ("switches", 1_234.5, "1,235 /s", "1234/s"),
            ("depth.mean", 0.0, "0", "0"),
            ("depth.max", 12.6, "12.60", "12.6"),
            ("port.a.b.depth.mean", 0.7455, "0.7455", "0.746"),
            ("port.a.b.at_limit", 0.5, "50.00 %", "50.0 %"),
            ("active.mean", f64::NAN, "?", "?"),
        ] {
            let unit = Unit::of(metric);
            assert_eq!(unit.in_table(value), in_table);
            assert_eq!(unit.in_words(value), in_words);
        }
    }
}
