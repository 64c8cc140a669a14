//! The catalogue: small scenarios, each named for what it shows.
//!
//! They are files of `scenarios/catalogue/`, compiled in, so that `iocp run lifo-release` needs no
//! file. A test holds each against the model: its expectations in every schedule, its rules.
//!
//! Those in `scenarios/catalogue/endless/` go on for ever, so they cannot be explored: they are loads
//! to be simulated. They are found by their names as the others are, and listed apart.

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

/// All scenarios that come to an end, by name.
pub fn all() -> &'static [Entry] {
    ENTRIES
}

/// All scenarios that go on for ever, by name: loads to be simulated.
pub fn endless() -> &'static [Entry] {
    ENDLESS
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
    [ENTRIES, ENDLESS].into_iter().find_map(|entries| {
        let at = entries.binary_search_by_key(&name, |entry| entry.name);
        entries.get(at.ok()?)
    })
}

/// The name that was probably meant.
pub fn near(name: &str) -> Option<&'static str> {
    let names = ENTRIES.iter().chain(ENDLESS).map(|entry| entry.name);
    nearest(name, names)
}

/// Makes the list. The names are in the order of their bytes.
macro_rules! catalogue {
    ($list:ident: $folder:literal $($name:literal)+) => {
        static $list: &[Entry] = &[$(Entry {
            name: $name,
            text: include_str!(concat!("../catalogue/", $folder, $name, ".toml")),
        }),+];
    };
}

catalogue! { ENDLESS: "endless/"
    "chat-fan-out"
    "cpu-bound-service"
    "database-web-server"
    "echo-server"
    "file-server"
    "mm4"
    "mm4-blocking"
    "proxy"
}

catalogue! { ENTRIES: ""
    "above-the-limit"
    "access-rights"
    "apc-against-packet"
    "apc-before-association"
    "apc-ends-batch-wait"
    "apc-releases-slot"
    "apc-waits-for-alertable"
    "associate-modes"
    "association-outlives-handle"
    "association-sets-event"
    "back-on-top"
    "batch-at-limit"
    "batch-dequeue"
    "close-one-keeps-members"
    "close-one-of-two"
    "close-with-direct-waiter"
    "close-with-packets"
    "close-with-suspended-waiter"
    "close-with-waiters"
    "completion-routine"
    "concurrency-limit"
    "create-without-file"
    "credits"
    "cross-traffic"
    "decay"
    "direct-wait"
    "direct-wait-releases-slot"
    "exit-hands-off"
    "failed-association-closes-port"
    "failing-status"
    "fifo-packets"
    "file-holds-port"
    "generic-rights"
    "handed-over-wakes-one"
    "handoff-on-block"
    "information-64-bit"
    "key-64-bit"
    "killed-thread-hands-off"
    "killed-waiter"
    "lifo-release"
    "limit-is-set-once"
    "load-batches"
    "load-blocking-workers"
    "load-open-20"
    "load-open-40"
    "load-open-60"
    "load-open-75"
    "load-open-85"
    "load-request-reply"
    "more-threads-than-processors"
    "mutex-releases-slot"
    "named-port"
    "no-block-keeps-slot"
    "no-switch"
    "nt-poll"
    "null-overlapped"
    "observed-kf-01"
    "observed-kf-02"
    "observed-kf-03"
    "observed-kf-04"
    "observed-kf-05"
    "observed-kf-06"
    "observed-kf-07"
    "observed-ns-1"
    "observed-ns-2"
    "observed-ns-3-1cpu"
    "observed-ns-3-2cpu"
    "observed-ns-3-3cpu"
    "observed-ns-3-4cpu"
    "observed-ns-3-8cpu"
    "observed-ns-3-all-cpus"
    "observed-ns-6"
    "observed-ns-8"
    "open-10-direct-waiters-at-limit"
    "open-11-stale-wait-reason"
    "open-2-suspended-waiter"
    "open-3-woken-batch"
    "open-6-closed-with-file"
    "open-7-killed-with-packet"
    "open-8-when-suspension-counts"
    "other-process"
    "overlapped-reused"
    "owned-packet"
    "peers-a"
    "peers-b"
    "peers-c"
    "peers-d"
    "peers-e"
    "peers-f"
    "peers-g"
    "poll-stays-counted"
    "post-without-memory"
    "poster-not-counted"
    "query-depth"
    "read-before-association"
    "read-immediate"
    "read-pended"
    "read-without-packet"
    "reference-1"
    "reference-2"
    "reference-3"
    "reference-4"
    "reference-5"
    "reference-6"
    "refused-at-limit"
    "replace-association"
    "reserve-object"
    "reserve-without-memory"
    "resumed-counts-again"
    "same-handle"
    "self-post"
    "semaphore-releases-slot"
    "sentinel-shutdown"
    "shared-file"
    "starvation"
    "stop-in-the-end"
    "suspend-releases-slot"
    "suspended-time-out"
    "switch-ports"
    "synchronous-read-releases-slot"
    "timed-out-stays-counted"
    "timed-out-takes-nothing"
    "timeout-against-packet"
    "two-files-associated"
    "two-files-one-key"
    "wrong-handles"
    "zero-means-processors"
}
