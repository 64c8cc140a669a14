//! A parameter and the values that it is to have, one by one or as a range.

use super::MOST_POINTS;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// How near to its end a range ends, as a part of a step: `from = 0.1, to = 0.9, step = 0.1` has 0.9.
const NEAR: f64 = 1e-6;
/// The largest number up to which every whole number is a float.
const MOST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A parameter and its values.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// Its key, as `iocp simulate --set` takes it.
    pub key: String,
    /// Its values: numbers, or texts.
    pub values: Vec<Value>,
}

impl Axis {
    /// Are all values numbers?
    pub fn is_numeric(&self) -> bool {
        self.values.iter().all(Value::is_number)
    }
}

/// A value as `--set` takes it: 10 for 10.0, so that whole numbers among others stay whole.
pub(super) fn text(value: &Value) -> String {
    match (value, value.as_f64()) {
        (Value::String(text), _) => text.clone(),
        (value, Some(number)) if value.is_f64() => number.to_string(),
        (value, _) => value.to_string(),
    }
}

/// How a range goes on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Next {
    /// So much more.
    Step(f64),
    /// So many times as much.
    Times(f64),
}

/// The values from one number to another, both of them included where they are met.
pub(super) fn range(from: f64, to: f64, next: Next) -> Result<Vec<Value>, String> {
    let text = |number: f64| number.to_string();
    if from > to {
        let (from, to) = (text(from), text(to));
        return Err(format!("the range is empty: {from} is more than {to}"));
    }
    let values: Vec<f64> = match next {
        Next::Step(step) if step <= 0.0 => {
            return Err(format!(
                "the range has no end: a step of {} leads nowhere",
                text(step)
            ));
        }
        Next::Times(times) if times <= 1.0 || from <= 0.0 => {
            return Err(format!(
                "the range has no end: {} times as much, again and again, beginning with {}, does \
                 not grow",
                text(times),
                text(from)
            ));
        }
        Next::Step(step) => {
            let steps = ((to - from) / step + NEAR).floor();
            let count = counted(steps)?;
            (0..=count)
                .map(|at| tidy(from + at as f64 * step))
                .collect()
        }
        Next::Times(times) => {
            let mut values = Vec::new();
            let mut value = from;
            while value <= to * (1.0 + NEAR) {
                values.push(tidy(value));
                counted(values.len() as f64)?;
                value *= times;
            }
            values
        }
    };
    let whole = |value: &f64| value.fract() == 0.0 && value.abs() <= MOST_WHOLE;
    let whole = values.iter().all(whole);
    let number = |value: f64| match whole {
        true => Some(Number::from(value as i64)),
        false => Number::from_f64(value),
    };
    let values = values.into_iter().map(number);
    Ok(values
        .map(|number| number.map_or(Value::Null, Value::Number))
        .collect())
}

/// As many values as that, if there may be.
fn counted(values: f64) -> Result<usize, String> {
    match values < MOST_POINTS as f64 {
        true => Ok(values as usize),
        false => Err(format!("the range has more than {MOST_POINTS} values")),
    }
}

/// Twelve digits: 0.3 rather than 0.30000000000000004.
fn tidy(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(from: f64, to: f64, next: Next) -> String {
        match range(from, to, next) {
            Ok(values) => Value::from(values).to_string(),
            Err(why) => why,
        }
    }

    #[test]
    fn ranges_have_both_ends() {
        assert_eq!(shown(1.0, 4.0, Next::Step(1.0)), "[1,2,3,4]");
        assert_eq!(shown(100.0, 450.0, Next::Step(100.0)), "[100,200,300,400]");
        assert_eq!(shown(4.0, 64.0, Next::Times(2.0)), "[4,8,16,32,64]");
        assert_eq!(shown(0.1, 0.5, Next::Step(0.1)), "[0.1,0.2,0.3,0.4,0.5]");
        assert_eq!(shown(1.0, 2.0, Next::Step(0.5)), "[1.0,1.5,2.0]");
        assert_eq!(shown(7.0, 7.0, Next::Times(2.0)), "[7]");
        assert_eq!(shown(-2.0, 0.0, Next::Step(1.0)), "[-2,-1,0]");
    }

    #[test]
    fn ranges_that_are_none() {
        assert_eq!(
            shown(5.0, 4.0, Next::Step(1.0)),
            "the range is empty: 5 is more than 4"
        );
        for next in [
            Next::Step(0.0),
            Next::Step(-1.0),
            Next::Times(1.0),
            Next::Times(0.5),
        ] {
            assert!(shown(1.0, 2.0, next).starts_with("the range has no end"));
        }
        assert!(shown(0.0, 2.0, Next::Times(2.0)).starts_with("the range has no end"));
        assert!(shown(0.0, 1e9, Next::Step(1e-9)).contains("more than 100000"));
    }
}
