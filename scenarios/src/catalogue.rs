//! The catalogue: small scenarios, each named for what it shows.
//!
//! They are files of `scenarios/catalogue/`, compiled in, so that `iocp run lifo-release` needs no
//! file. A test holds each against the model: its expectations in every schedule, its rules.

use crate::{
    file::{self, Scenario, ScenarioError},
    near::nearest,
};

/// One scenario of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name, which is also that of its file without `.toml`.
    pub name: &'static str,
    /// The text of its file.
    pub text: &'static str,
}

impl Entry {
    /// Reads it.
    ///
    /// # Errors
    /// None; a test reads them all.
    pub fn scenario(&self) -> Result<Scenario, ScenarioError> {
        file::parse(self.name, self.text)
    }
}

/// All scenarios, by name.
pub fn all() -> &'static [Entry] {
    ENTRIES
}

/// The scenario of this name.
///
/// ```
/// use iocp_scenarios::catalogue;
/// let scenario = catalogue::find("lifo-release").unwrap().scenario()?;
/// assert_eq!(scenario.program.thread_names, ["first", "second", "third", "poster"]);
/// # Ok::<(), iocp_scenarios::file::ScenarioError>(())
/// ```
pub fn find(name: &str) -> Option<&'static Entry> {
    let at = ENTRIES.binary_search_by_key(&name, |entry| entry.name).ok()?;
    ENTRIES.get(at)
}

/// The name that was probably meant.
pub fn near(name: &str) -> Option<&'static str> {
    nearest(name, ENTRIES.iter().map(|entry| entry.name))
}

/// Makes the list. The names are in the order of their bytes.
macro_rules! catalogue {
    ($($name:literal)+) => {
        static ENTRIES: &[Entry] = &[$(Entry {
            name: $name,
            text: include_str!(concat!("../catalogue/", $name, ".toml")),
        }),+];
    };
}

catalogue! {
    "above-the-limit"
    "apc-before-association"
    "batch-at-limit"
    "batch-dequeue"
    "concurrency-limit"
    "decay"
    "exit-hands-off"
    "fifo-packets"
    "handoff-on-block"
    "killed-thread-hands-off"
    "killed-waiter"
    "lifo-release"
    "no-switch"
    "poll-stays-counted"
    "refused-at-limit"
    "switch-ports"
}
