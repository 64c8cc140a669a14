//! Lists of parts, each under a number.

use super::parts::Id;
use std::hash::BuildHasher;

/// Lists of parts, all of one length, each under a number: in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    width: usize,
    ids: Vec<Id>,
    known: hashbrown::HashTable<Id>,
}

impl Lists {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            width,
            ..Self::default()
        }
    }

    /// The parts of this number.
    pub(crate) fn of(&self, number: Id) -> &[Id] {
        let start = number as usize * self.width;
        &self.ids[start..start + self.width]
    }

    /// All parts of all lists, one behind the other.
    pub(crate) fn all(&self) -> &[Id] {
        &self.ids
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ids.len() / self.width.max(1)
    }

    /// The number of these parts.
    pub(crate) fn number(&mut self, ids: &[Id]) -> Id {
        let hasher = foldhash::fast::FixedState::default();
        let (width, all) = (self.width, &self.ids);
        let of = |number: Id| &all[number as usize * width..(number as usize + 1) * width];
        let hash = hasher.hash_one(ids);
        if let Some(&number) = self.known.find(hash, |&number| of(number) == ids) {
            return number;
        }
        let number = self.len() as Id;
        self.ids.extend_from_slice(ids);
        let all = &self.ids;
        self.known.insert_unique(hash, number, |&number| {
            hasher.hash_one(&all[number as usize * width..(number as usize + 1) * width])
        });
        number
    }

    /// The memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.ids.capacity() * 4 + self.known.allocation_size()
    }
}
