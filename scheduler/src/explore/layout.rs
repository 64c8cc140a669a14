//! A state as one number.
//!
//! The numbers of a state's parts stand side by side in 63 bits, each as wide as its slot needs.
//! Where that is not enough, the parts beside the kernel's are entered together as one more part,
//! and the state is the two numbers.

use super::parts::{Id, Slots, Store};
use serde::{Deserialize, Serialize};

/// A state as one number, below 2^63.
pub(crate) type Key = u64;

/// The bits that a key may have: one less than a word, so that a table can use zero for nothing.
const KEY_BITS: u32 = 63;
/// The bits of the kernel's part, where the others are entered together.
const FOLDED_SYSTEM_BITS: u32 = 31;

/// Where in a key a slot is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Field {
    shift: u32,
    mask: u64,
}

impl Field {
    #[inline(always)]
    pub(crate) fn get(self, key: Key) -> Id {
        (key >> self.shift & self.mask) as Id
    }

    #[inline(always)]
    pub(crate) fn bits(self, id: Id) -> Key {
        u64::from(id) << self.shift
    }

    pub(crate) fn place(self) -> Key {
        self.mask << self.shift
    }

    /// Is there room for this number?
    pub(crate) fn holds(self, id: Id) -> bool {
        u64::from(id) <= self.mask
    }
}

/// Where in a key each slot is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Layout {
    /// All slots side by side.
    Flat(Vec<Field>),
    /// The kernel's side, and the number of all else.
    Folded,
}

impl Layout {
    /// The fields of a flat layout, and none of a folded one.
    pub(crate) fn fields(&self) -> Vec<Field> {
        match self {
            Self::Flat(fields) => fields.clone(),
            Self::Folded => Vec::new(),
        }
    }

    /// Is there room for all parts that there are?
    pub(crate) fn fits(&self, store: &Store) -> bool {
        (0..store.slots.all).all(|slot| {
            let last = store.count(slot).saturating_sub(1);
            Id::try_from(last).is_ok_and(|last| self.holds(slot, last))
        })
    }

    /// A layout with room for the parts that there are. The bits that are left over go where they
    /// will be needed first, if the parts of each slot grow on as they did since there were `before`:
    /// to lay the keys out anew, every state is touched.
    pub(crate) fn new(store: &Store, before: &[usize]) -> Self {
        let counts = store.counts();
        // A part that never changes takes no bits.
        let needed = |count: &usize| usize::BITS - count.saturating_sub(1).leading_zeros();
        let mut widths: Vec<_> = counts.iter().map(needed).collect();
        let taken: u32 = widths.iter().sum();
        let Some(spare) = KEY_BITS.checked_sub(taken) else {
            return Self::Folded;
        };
        let lasts = |slot: usize, width: u32| {
            let (count, before) = (counts[slot] as f64, before[slot] as f64);
            (f64::from(width) - count.log2()) / ((count + 1.0) / before.max(1.0)).log2()
        };
        for _ in 0..spare {
            let growing = (0..widths.len()).filter(|slot| (1..Id::BITS).contains(&widths[*slot]));
            let first =
                growing.min_by(|a, b| lasts(*a, widths[*a]).total_cmp(&lasts(*b, widths[*b])));
            let Some(slot) = first else { break };
            widths[slot] += 1;
        }
        let mut shift = 0;
        let fields = widths.into_iter().map(|bits| {
            let field = Field {
                // A part of no bits behind all others is nowhere.
                shift: shift.min(KEY_BITS),
                mask: (1 << bits) - 1,
            };
            shift += bits;
            field
        });
        Self::Flat(fields.collect())
    }

    /// The kernel's part of a folded key.
    pub(crate) fn folded(system: Id, rest: Id) -> Key {
        u64::from(rest) << FOLDED_SYSTEM_BITS | u64::from(system)
    }

    /// Both parts of a folded key.
    pub(crate) fn unfold(key: Key) -> (Id, Id) {
        let system = key & ((1 << FOLDED_SYSTEM_BITS) - 1);
        (system as Id, (key >> FOLDED_SYSTEM_BITS) as Id)
    }

    /// Is there room for this part?
    pub(crate) fn holds(&self, slot: usize, id: Id) -> bool {
        match self {
            Self::Flat(fields) => fields[slot].holds(id),
            Self::Folded => slot != Slots::SYSTEM || id < 1 << FOLDED_SYSTEM_BITS,
        }
    }
}
