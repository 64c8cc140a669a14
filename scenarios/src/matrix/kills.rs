//! What is known of each mutant: who notices it, and how often.
//!
//! It takes minutes of computing to find out, so it is kept in `kills.txt`: a line for each mutant,
//!
//! ```text
//! fifo-waiters 143/200: back-on-top lifo-release
//! ```
//!
//! which says that the checker rejects 143 of 200 random recordings in which the mutant mattered,
//! and that these scenarios of the catalogue kill it. A test in `tests/tests/mutants.rs` finds it
//! all out again and compares; `UPDATE_KILLS=1 cargo test -p iocp-tests --test mutants` writes it.

use crate::catalogue;
use iocp_model::Mutant;
use std::{fmt, sync::OnceLock};

/// Who notices a mutant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kill {
    /// The mutant.
    pub mutant: Mutant,
    /// Random recordings in which it mattered.
    pub recordings: u32,
    /// How many of them do not conform to the default profile.
    pub rejected: u32,
    /// The scenarios of the catalogue that [show](crate::experiment::killed) that a kernel is this
    /// mutant of the default profile, by name.
    pub scenarios: Vec<&'static str>,
}

/// The file itself.
pub const TEXT: &str = include_str!("kills.txt");

/// What is known of this mutant.
pub fn of(mutant: Mutant) -> &'static Kill {
    static KILLS: OnceLock<Vec<Kill>> = OnceLock::new();
    let kills = KILLS.get_or_init(|| {
        let lines: Vec<_> = TEXT.lines().filter_map(parse).collect();
        let find = |mutant| {
            let known = lines.iter().find(|kill| kill.mutant == mutant);
            known.cloned().unwrap_or_else(|| Kill::unknown(mutant))
        };
        Mutant::all().map(find).collect()
    });
    &kills[mutant as usize]
}

impl Kill {
    /// Nothing is known.
    fn unknown(mutant: Mutant) -> Self {
        Self {
            mutant,
            recordings: 0,
            rejected: 0,
            scenarios: Vec::new(),
        }
    }

    /// The share of the recordings that is rejected: "72%".
    pub fn share(&self) -> String {
        match self.recordings {
            0 => "-".into(),
            all => format!("{:.0}%", 100.0 * f64::from(self.rejected) / f64::from(all)),
        }
    }
}

/// A line of the file.
impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.mutant.name();
        write!(f, "{name} {}/{}:", self.rejected, self.recordings)?;
        self.scenarios
            .iter()
            .try_for_each(|scenario| write!(f, " {scenario}"))
    }
}

/// A line of the file; `None` if it speaks of what is no more. The test sees that.
fn parse(line: &str) -> Option<Kill> {
    let (what, scenarios) = line.split_once(':')?;
    let (name, share) = what.split_once(' ')?;
    let (rejected, recordings) = share.split_once('/')?;
    let known = |name: &str| Some(catalogue::find(name)?.name);
    Some(Kill {
        mutant: Mutant::find(name)?,
        recordings: recordings.parse().ok()?,
        rejected: rejected.parse().ok()?,
        scenarios: scenarios.split_whitespace().filter_map(known).collect(),
    })
}
