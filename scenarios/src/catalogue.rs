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
    "access-rights"
    "apc-against-packet"
    "apc-before-association"
    "apc-ends-batch-wait"
    "apc-releases-slot"
    "apc-waits-for-alertable"
    "associate-modes"
    "batch-at-limit"
    "batch-dequeue"
    "close-one-of-two"
    "close-with-packets"
    "close-with-waiters"
    "concurrency-limit"
    "decay"
    "exit-hands-off"
    "failing-status"
    "fifo-packets"
    "handoff-on-block"
    "information-64-bit"
    "killed-thread-hands-off"
    "killed-waiter"
    "lifo-release"
    "limit-is-set-once"
    "named-port"
    "no-switch"
    "null-overlapped"
    "poll-stays-counted"
    "post-without-memory"
    "query-depth"
    "read-before-association"
    "read-immediate"
    "read-pended"
    "read-without-packet"
    "refused-at-limit"
    "replace-association"
    "reserve-object"
    "shared-file"
    "switch-ports"
    "timeout-against-packet"
    "two-files-one-key"
    "wrong-handles"
}
