//! The nodes that have been looked at, so that none is looked at twice, and how to tell that two are
//! the same.
//!
//! Only their hashes are kept, of 128 bits. While the search gets farther, the oldest are forgotten:
//! they can save work, and are needed for nothing else.

use super::node::Node;
use foldhash::quality::FixedState;
use iocp_model::{Packet, QueueChange};
use std::{collections::HashSet, hash::BuildHasher};

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

impl Node {
    /// A hash of everything on which the rest of the search depends.
    pub(super) fn hash(&self, scratch: &mut Vec<u8>) -> u128 {
        let mut end = 0;
        let mut put = |bytes: &[u8]| {
            if scratch.len() < end + bytes.len() {
                scratch.resize(end + bytes.len(), 0);
            }
            scratch[end..end + bytes.len()].copy_from_slice(bytes);
            end += bytes.len();
        };
        put(&(self.mark as u64).to_le_bytes());
        put(&self.hidden.to_le_bytes());
        for done in &self.done {
            put(&done.to_le_bytes());
        }
        for queue in &self.queues {
            put(&queue.value().to_le_bytes());
        }
        let end = self.state.encode_but_queues_at(scratch, end);
        let half = |seed| u128::from(FixedState::with_seed(seed).hash_one(&scratch[..end]));
        half(1) << 64 | half(2)
    }
}

/// A hash of a sequence that costs the same to change at either end however long the sequence is:
/// a polynomial, in two places at once, over the field of 2^61 - 1 elements.
///
/// A change in the middle, which only mutants make, hashes the history of the queue too: then two
/// ways to the same queue count as different.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct QueueHash {
    value: [u64; 2],
    /// The place to the power of the length.
    power: [u64; 2],
    length: usize,
}

const PRIME: u64 = (1 << 61) - 1;
const PLACE: [u64; 2] = [0x1234_5678_9abc_def1, 0x0fed_cba9_8765_4321];
const INVERSE: [u64; 2] = [inverse(PLACE[0]), inverse(PLACE[1])];

const fn times(a: u64, b: u64) -> u64 {
    (a as u128 * b as u128 % PRIME as u128) as u64
}

/// By Fermat: the power of the prime less two.
const fn inverse(number: u64) -> u64 {
    let (mut result, mut square, mut left) = (1, number, PRIME - 2);
    while left > 0 {
        if left & 1 == 1 {
            result = times(result, square);
        }
        square = times(square, square);
        left >>= 1;
    }
    result
}

impl Default for QueueHash {
    fn default() -> Self {
        Self {
            value: [0; 2],
            power: [1; 2],
            length: 0,
        }
    }
}

impl QueueHash {
    /// Follows a change of the queue.
    pub(super) fn change(&mut self, change: &QueueChange) {
        let (QueueChange::Joined(_, packet, _) | QueueChange::Left(_, packet)) = change;
        for half in 0..2 {
            let value = &mut self.value[half];
            let power = &mut self.power[half];
            let element = element(packet, half);
            match change {
                QueueChange::Joined(_, _, place) => {
                    *value = if *place == self.length {
                        (*value + times(element, *power)) % PRIME
                    } else if *place == 0 {
                        (times(*value, PLACE[half]) + element) % PRIME
                    } else {
                        (times(*value, element) + *place as u64) % PRIME
                    };
                    *power = times(*power, PLACE[half]);
                }
                QueueChange::Left(..) => {
                    *value = times((*value + PRIME - element) % PRIME, INVERSE[half]);
                    *power = times(*power, INVERSE[half]);
                }
            }
        }
        match change {
            QueueChange::Joined(..) => self.length += 1,
            QueueChange::Left(..) => self.length -= 1,
        }
    }

    fn value(&self) -> u128 {
        u128::from(self.value[0]) << 64 | u128::from(self.value[1])
    }
}

fn element(packet: &Packet, half: usize) -> u64 {
    FixedState::with_seed(half as u64 + 3).hash_one(packet) % PRIME
}

#[cfg(test)]
mod tests {
    use super::*;
    use iocp_model::PortId;
    use std::collections::VecDeque;

    #[test]
    fn the_hash_of_a_queue_depends_on_what_is_in_it_alone() {
        let port = PortId::new(0).expect("a port");
        let join = |key, place| QueueChange::Joined(port, Packet::posted(key, 0, 0), place);
        let of = |keys: &VecDeque<u64>| {
            let mut hash = QueueHash::default();
            for (place, &key) in keys.iter().enumerate() {
                hash.change(&join(key, place));
            }
            hash
        };
        let mut keys = VecDeque::new();
        let mut hash = QueueHash::default();
        for step in 0..1_000_u64 {
            let key = step % 7;
            let change = match step * 2_654_435_761 % 5 {
                0 | 1 => {
                    keys.push_back(key);
                    join(key, keys.len() - 1)
                }
                2 => {
                    keys.push_front(key);
                    join(key, 0)
                }
                _ => match keys.pop_front() {
                    Some(key) => QueueChange::Left(port, Packet::posted(key, 0, 0)),
                    None => continue,
                },
            };
            hash.change(&change);
            assert_eq!(hash, of(&keys), "{keys:?}");
        }
        let swapped = VecDeque::from([2, 1]);
        assert_ne!(of(&VecDeque::from([1, 2])), of(&swapped));
    }
}
