//! The nodes that have been looked at, so that none is looked at twice.
//!
//! Only their hashes are kept, of 128 bits. While the search gets farther, the oldest are forgotten:
//! they can save work, and are needed for nothing else.

use foldhash::quality::FixedState;
use std::collections::HashSet;

/// So many are kept at the least.
///
/// Few where assertions are on, so that tests get to what comes then.
const GENERATION: usize = if cfg!(debug_assertions) { 64 } else { 1 << 15 };

/// The nodes that have been looked at.
#[derive(Debug)]
pub(super) struct Memo {
    young: HashSet<u128, FixedState>,
    old: HashSet<u128, FixedState>,
}

impl Default for Memo {
    fn default() -> Self {
        let empty = || HashSet::with_hasher(FixedState::with_seed(0));
        Self {
            young: empty(),
            old: empty(),
        }
    }
}

impl Memo {
    /// Adds a node; says whether it was new.
    pub(super) fn insert(&mut self, hash: u128) -> bool {
        !self.old.contains(&hash) && self.young.insert(hash)
    }

    /// The search has got farther: what is old may go.
    pub(super) fn forget(&mut self) {
        if self.young.len() >= GENERATION {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
            self.young.shrink_to(2 * GENERATION);
        }
    }
}
