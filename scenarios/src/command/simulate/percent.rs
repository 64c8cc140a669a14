//! Parts in percent, as they are written: `2%`.

use std::{fmt, str::FromStr};

/// A part between 0 and 1, both excluded, written in percent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Percent(f64);

impl Percent {
    /// As a part of one.
    pub(super) fn share(self) -> f64 {
        self.0 / 100.0
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text
            .trim()
            .strip_suffix('%')
            .and_then(|number| number.trim().parse().ok());
        number
            .filter(|percent: &f64| *percent > 0.0 && *percent < 100.0)
            .map(Self)
            .ok_or_else(|| {
                "write percent, more than 0% and less than 100%, as in 2% or 99.5%".into()
            })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}
