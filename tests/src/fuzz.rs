//! Fuzz targets: what must hold of any bytes whatever.
//!
//! Each target is a function of bytes that panics if something is wrong. `tests/fuzz` gives them to
//! libFuzzer; the test `fuzz_regressions` gives them their seeds and what was found before, without
//! any fuzzer.
//!
//! | target | the bytes are |
//! |---|---|
//! | [`scenario_reader`] | a scenario file |
//! | [`trace_reader`] | a trace |
//! | [`conformance`] | a recording, to be checked against the model |
//! | [`schedules`] | a schedule file of a scenario of the catalogue |
//! | [`drive`] | lines for `iocp drive` |
//! | [`requests`] | numbers that stand for lines for `iocp drive`: fewer bytes are wasted on JSON |
//! | [`operations`] | numbers that stand for actions on a system |

pub mod conformance;
pub mod drive;
pub mod operations;
pub mod requests;
pub mod scenario_reader;
pub mod schedules;
pub mod trace_reader;

use iocp_scenarios::catalogue;
use iocp_scheduler::{determinism, run::Options, strategy::Random};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

/// A function of bytes, and what it is worth to begin with.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name; that of its module, too.
    pub name: &'static str,
    /// Panics if something is wrong.
    pub run: fn(&[u8]),
    /// Inputs to begin with: a name and the bytes of each.
    pub seeds: fn() -> Vec<(String, Vec<u8>)>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "scenario_reader",
        run: scenario_reader::run,
        seeds: scenario_reader::seeds,
    },
    Target {
        name: "trace_reader",
        run: trace_reader::run,
        seeds: trace_reader::seeds,
    },
    Target {
        name: "conformance",
        run: conformance::run,
        seeds: conformance::seeds,
    },
    Target {
        name: "schedules",
        run: schedules::run,
        seeds: schedules::seeds,
    },
    Target {
        name: "drive",
        run: drive::run,
        seeds: drive::seeds,
    },
    Target {
        name: "requests",
        run: requests::run,
        seeds: requests::seeds,
    },
    Target {
        name: "operations",
        run: operations::run,
        seeds: operations::seeds,
    },
];

/// Words that hardly any seed has: the ends of ranges, what numbers are not, and what texts can hold.
const ODD_WORDS: &[&str] = &[
    "18446744073709551615",
    "18446744073709551616",
    "0xffffffffffffffff",
    "9223372036854775807",
    "4294967295",
    "4294967296",
    "65535",
    "65536",
    "255",
    "-1",
    "0.1",
    "1e308",
    "nan",
    "null",
    // As the formats write characters that they do not show.
    r"\r",
    r"\n",
    r#"\""#,
    r"\\",
    r"\u0000",
    r"\u007f",
    r#"""""#,
    "'''",
    // As they are.
    "\r",
    "\t",
    "\u{feff}",
    "größer 漢字 🦀",
    "aäääääääääääääääääääääääääääää",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

impl Target {
    /// The words of the seeds, in order and each once: what a fuzzer may put in where it likes, and
    /// some that are odd. Empty if the seeds are not text.
    pub fn words(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::from_iter(ODD_WORDS.iter().map(|word| String::from(*word)));
        for (_, seed) in (self.seeds)() {
            let Ok(text) = String::from_utf8(seed) else {
                return BTreeSet::new();
            };
            let of_word = |c: char| c.is_ascii_alphanumeric() || "_-+".contains(c);
            // Long numbers are times of a recording, one as good as another.
            let worth = |word: &&str| {
                let most = if word.starts_with(|c: char| c.is_ascii_digit()) {
                    4
                } else {
                    40
                };
                (2..=most).contains(&word.len())
            };
            let known = text.split(|c| !of_word(c)).filter(worth);
            words.extend(known.map(str::to_owned));
        }
        words
    }
}

/// Inputs of random bytes, for targets whose bytes are numbers.
fn random_seeds(count: u64, length: usize) -> Vec<(String, Vec<u8>)> {
    let seed = |number| {
        let mut bytes = vec![0; length];
        ChaCha8Rng::seed_from_u64(number).fill_bytes(&mut bytes);
        (format!("random-{number}"), bytes)
    };
    (0..count).map(seed).collect()
}

/// A run of each scenario of the catalogue, each under another profile.
fn runs() -> impl Iterator<Item = (&'static str, determinism::Written)> {
    let profiles = iocp_model::Profile::ALL.iter().cycle();
    catalogue::all()
        .iter()
        .zip(profiles)
        .map(|(entry, profile)| {
            let scenario = entry
                .scenario()
                .unwrap_or_else(|error| panic!("{}: {error}", entry.name));
            let options = Options {
                most_steps: 2_000,
                jitter_percent: 20,
                untimed: false,
            };
            let written = determinism::write(&scenario.program, profile, Random::new(1), options)
                .unwrap_or_else(|error| panic!("{}: {error}", entry.name));
            (entry.name, written)
        })
}
