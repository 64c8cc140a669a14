//! How sure an estimate is to be, as people write it: `2%`, `10..1000`.

use std::{fmt, str::FromStr};

/// A part between 0 and 1, both excluded, written in percent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Percent(f64);

impl Percent {
    /// As a part of one.
    pub fn share(self) -> f64 {
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

/// The fewest and the most replications: `10..1000`.
///
/// # Errors
/// What to write instead.
pub fn replications(text: &str) -> Result<(u32, u32), String> {
    let says =
        "write the fewest and the most, as in 10..1000; 2 is the fewest that have an interval";
    let ends = text.split_once("..").and_then(|(least, most)| {
        let most = most.trim_start_matches('=');
        Some((least.parse().ok()?, most.parse().ok()?))
    });
    ends.filter(|(least, most)| *least >= 2 && least <= most)
        .ok_or_else(|| says.to_owned())
}
