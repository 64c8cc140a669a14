//! What a metric is counted in, and how its values are shown.

/// What a metric is counted in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Seconds.
    Time,
    /// A second.
    Rate,
    /// A part of one.
    Share,
    /// A number.
    Count,
}

impl Unit {
    /// Of this metric.
    pub fn of(metric: &str) -> Self {
        let is_one_of = |names: &[&str]| names.iter().any(|name| metric.starts_with(name));
        if is_one_of(&["latency.", "wait.", "queue_wait."]) {
            Self::Time
        } else if is_one_of(&["throughput", "switches", "wakeups"]) {
            Self::Rate
        } else if is_one_of(&[
            "delayed",
            "utilisation",
            "at_limit",
            "above_limit",
            "short_of_threads",
            "held_by_limit",
            "processor.",
        ]) {
            Self::Share
        } else {
            Self::Count
        }
    }

    /// Three digits that count, with the unit that fits: `18.2 ms`, `37.4 %`.
    pub fn shown(self, value: f64) -> String {
        if !value.is_finite() {
            return "?".into();
        }
        match self {
            Self::Share => format!("{:.1} %", 100.0 * value),
            Self::Rate => format!("{}/s", digits(value)),
            Self::Count => digits(value),
            Self::Time => {
                let (scale, name) = match value.abs() {
                    0.0 => (1.0, "s"),
                    v if v < 1e-6 => (1e9, "ns"),
                    v if v < 1e-3 => (1e6, "µs"),
                    v if v < 1.0 => (1e3, "ms"),
                    _ => (1.0, "s"),
                };
                format!("{} {name}", digits(value * scale))
            }
        }
    }
}

fn digits(value: f64) -> String {
    let places = match value.abs() {
        0.0 => 0,
        v if v < 0.9995 => 3,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_three_digits_and_their_unit() {
        assert_eq!(Unit::of("latency.p99").shown(0.018_24), "18.2 ms");
        assert_eq!(Unit::of("latency.mean").shown(0.000_066_13), "66.1 µs");
        assert_eq!(Unit::of("utilisation").shown(0.374), "37.4 %");
        assert_eq!(Unit::of("throughput").shown(50_143.2), "50143/s");
        assert_eq!(Unit::of("depth.mean").shown(0.0), "0");
    }
}
