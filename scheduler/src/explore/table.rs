//! The states that have been visited: a set of keys that several threads fill at once.
//!
//! An open table of atomic words. A key is put into the first free slot behind the one of its
//! hash, by compare-and-exchange; nothing is ever taken out, so whoever finds a free slot where a
//! key would have to stand knows that the key is new. It grows only while one thread has it alone.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

use super::layout::Key;

/// A set of keys.
#[derive(Debug)]
pub(crate) struct Table {
    /// The keys, plus one; zero is free.
    slots: Box<[AtomicU64]>,
    /// A hash without so many of its low bits is a slot: neighbours stay neighbours when the table
    /// grows.
    shift: u32,
}

/// Spreads the bits of a key. One to one, so that different keys stay different.
#[inline(always)]
pub(crate) fn spread(key: Key) -> u64 {
    let key = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (key ^ key >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

impl Table {
    /// An empty table of this many slots, a power of two.
    pub(crate) fn new(slots: usize) -> Self {
        debug_assert!(slots.is_power_of_two());
        Self {
            slots: (0..slots).map(|_| AtomicU64::new(0)).collect(),
            shift: u64::BITS - slots.trailing_zeros(),
        }
    }

    /// The number of slots.
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// The memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.slots.len() * size_of::<AtomicU64>()
    }

    #[inline(always)]
    fn first(&self, key: Key) -> usize {
        (spread(key) >> self.shift) as usize
    }

    /// Reads where the key would stand, so that it is near when it is looked up.
    #[inline(always)]
    pub(crate) fn touch(&self, key: Key) -> u64 {
        self.slots[self.first(key)].load(Ordering::Relaxed)
    }

    /// Adds a key; says whether it was new. There must be a free slot.
    #[inline]
    pub(crate) fn insert(&self, key: Key) -> bool {
        let entry = key + 1;
        let mut at = self.first(key);
        loop {
            // Nothing is published through an entry but the entry itself.
            let found = self.slots[at].load(Ordering::Relaxed);
            if found == entry {
                return false;
            }
            if found == 0 {
                match self.slots[at].compare_exchange(
                    0,
                    entry,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => return true,
                    Err(other) if other == entry => return false,
                    Err(_) => {}
                }
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Is the key in it?
    pub(crate) fn contains(&self, key: Key) -> bool {
        let mut at = self.first(key);
        loop {
            match self.slots[at].load(Ordering::Relaxed) {
                0 => return false,
                found if found == key + 1 => return true,
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
    }

    /// All keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.slots
            .iter()
            .filter_map(|slot| slot.load(Ordering::Relaxed).checked_sub(1))
    }
}
