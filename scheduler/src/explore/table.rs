//! The states that have been visited: sets that several threads fill at once.
//!
//! [`Table`] is an open table of atomic words. A word is put into the first free slot from the one of
//! its hash on, by compare-and-exchange: first round the line of the cache in which that slot is, then
//! round the next lines. Nothing is ever taken out, so whoever finds a free slot where a word would
//! have to stand knows that the word is new. It grows only while one thread has
//! it alone. [`Bits`] are the bits of a Bloom filter, which never grows.

use std::ops::Range;

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

/// A set of words below 2^63.
#[derive(Debug)]
pub(crate) struct Table {
    /// The words, plus one; zero is free.
    slots: Box<[AtomicU64]>,
    /// Where the first line of the cache begins, and how many slots there are from there.
    start: usize,
    count: usize,
}

/// So many slots are a line of the processor's cache: who has one at hand has all.
const LINE: usize = 8;

/// Spreads the bits of a word. One to one, so that different words stay different.
#[inline(always)]
pub(crate) fn spread(word: u64) -> u64 {
    let word = word.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (word ^ word >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

/// So many slots are in a page of memory, or more.
const PAGE: usize = 512;

/// So many zeros. The system has them at hand: nobody writes them here, and each page comes when it
/// is first used.
fn free(words: usize) -> Box<[AtomicU64]> {
    vec![0; words].into_iter().map(AtomicU64::new).collect()
}

impl Table {
    /// An empty table of at least this many slots.
    pub(crate) fn new(slots: usize) -> Self {
        let count = slots.next_multiple_of(LINE);
        let slots = free(count + LINE - 1);
        // Where the first line begins, if it is a matter of slots.
        let start = slots.as_ptr().align_offset(LINE * size_of::<u64>());
        Self {
            start: if start < LINE { start } else { 0 },
            slots,
            count,
        }
    }

    /// The number of slots.
    pub(crate) fn slots(&self) -> usize {
        self.count
    }

    /// The memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.slots.len() * size_of::<AtomicU64>()
    }

    #[inline(always)]
    fn all(&self) -> &[AtomicU64] {
        &self.slots[self.start..self.start + self.count]
    }

    /// Writes to each page of these slots, which are free and which nobody else uses yet. A page that
    /// is read before it is written comes twice, and the second time stops all threads.
    pub(crate) fn settle(&self, slots: Range<usize>) {
        for slot in self.all()[slots].iter().step_by(PAGE) {
            slot.store(0, Ordering::Relaxed);
        }
    }

    /// The slot of a word's hash: as far into the table as the hash is into all hashes, so that
    /// neighbours stay neighbours when the table grows.
    #[inline(always)]
    fn first(&self, word: u64) -> usize {
        ((u128::from(spread(word)) * self.count as u128) >> u64::BITS) as usize
    }

    /// Reads where the word would stand, so that it is near when it is looked up.
    #[inline(always)]
    pub(crate) fn touch(&self, word: u64) -> u64 {
        self.all()[self.first(word)].load(Ordering::Relaxed)
    }

    /// Adds a word; says whether it was new. There must be a free slot.
    #[inline]
    pub(crate) fn insert(&self, word: u64) -> bool {
        let (all, entry) = (self.all(), word + 1);
        let first = self.first(word);
        let (mut line, in_line) = (first / LINE * LINE, first % LINE);
        loop {
            for turn in 0..LINE {
                let slot = &all[line + (in_line + turn) % LINE];
                // Nothing is published through an entry but the entry itself.
                let found = slot.load(Ordering::Relaxed);
                if found == entry {
                    return false;
                }
                if found == 0 {
                    match slot.compare_exchange(0, entry, Ordering::Relaxed, Ordering::Relaxed) {
                        Ok(_) => return true,
                        Err(other) if other == entry => return false,
                        Err(_) => {}
                    }
                }
            }
            line += LINE;
            if line == self.count {
                line = 0;
            }
        }
    }

    /// All words.
    pub(crate) fn words(&self) -> impl Iterator<Item = u64> + '_ {
        self.words_in(0..self.count)
    }

    /// The words in these slots.
    pub(crate) fn words_in(&self, slots: Range<usize>) -> impl Iterator<Item = u64> + '_ {
        self.all()[slots]
            .iter()
            .filter_map(|slot| slot.load(Ordering::Relaxed).checked_sub(1))
    }
}

/// Most of the words that one thread has added last, where they are at hand: the table is not.
#[derive(Debug)]
pub(crate) struct Recent {
    /// The words, plus one; zero is free.
    places: Box<[u64]>,
}

/// Two to this many words are remembered: they fit into the cache that a processor has for itself.
const RECENT_BITS: u32 = 15;

impl Recent {
    /// No words yet.
    pub(crate) fn new() -> Self {
        Self {
            places: vec![0; 1 << RECENT_BITS].into(),
        }
    }

    /// The memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.places.len() * size_of::<u64>()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.places.fill(0);
    }

    /// Adds a word, in the place of another; says whether it was not there.
    #[inline(always)]
    pub(crate) fn insert(&mut self, word: u64) -> bool {
        let place = &mut self.places[(spread(word) >> (u64::BITS - RECENT_BITS)) as usize];
        let is_new = *place != word + 1;
        *place = word + 1;
        is_new
    }
}

/// So many bits are set for each word.
const BITS: u32 = 3;

/// A set that takes a word for one of its own now and then.
#[derive(Debug)]
pub(crate) struct Bits {
    words: Box<[AtomicU64]>,
}

impl Bits {
    /// An empty set of so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let words = usize::try_from(bytes / 8).unwrap_or(usize::MAX).max(1);
        Self { words: free(words) }
    }

    /// The memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.words.len() * size_of::<AtomicU64>()
    }

    /// Adds a word; says whether it was new: it certainly is if it says so.
    pub(crate) fn insert(&self, word: u64) -> bool {
        let (mut hash, step) = (spread(word), spread(!word) | 1);
        let mut is_new = false;
        for _ in 0..BITS {
            let at = ((u128::from(hash) * self.words.len() as u128) >> u64::BITS) as usize;
            let bit = 1 << (hash & 63);
            is_new |= self.words[at].fetch_or(bit, Ordering::Relaxed) & bit == 0;
            hash = hash.wrapping_add(step);
        }
        is_new
    }

    /// The share of words that are taken for one of its own by mistake.
    pub(crate) fn mistakes(&self) -> f64 {
        let set: u64 = self
            .words
            .iter()
            .map(|word| u64::from(word.load(Ordering::Relaxed).count_ones()))
            .sum();
        let share = set as f64 / (self.words.len() as f64 * 64.0);
        share.powi(BITS as i32)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_new_once() {
        let table = Table::new(8);
        for word in [0, 1, (1 << 63) - 2] {
            assert!(table.insert(word));
            assert!(!table.insert(word));
        }
        let mut words: Vec<_> = table.words().collect();
        words.sort_unstable();
        assert_eq!(words, [0, 1, (1 << 63) - 2]);
    }

    #[test]
    fn a_table_can_be_filled_to_the_last_slot() {
        let table = Table::new(17);
        let slots = table.slots() as u64;
        assert_eq!(slots, 24);
        assert!((0..slots).all(|word| table.insert(word)));
        assert!((0..slots).all(|word| !table.insert(word)));
    }

    #[test]
    fn what_is_remembered_was_added() {
        let mut recent = Recent::new();
        let places = 1 << RECENT_BITS;
        let words = places as u64 * 2;
        assert!((0..words).all(|word| recent.insert(word)));
        let known = (0..words)
            .rev()
            .filter(|word| !recent.insert(*word))
            .count();
        // One at each place that was used.
        assert!(known > places / 2 && known <= places, "{known}");
        assert!(!recent.insert(0));
        recent.clear();
        assert!(recent.insert(0));
    }

    #[test]
    fn bits_never_take_an_old_word_for_a_new_one() {
        let bits = Bits::new(1 << 10);
        let new = (0..1000).filter(|word| bits.insert(*word)).count();
        assert!((0..1000).all(|word| !bits.insert(word)));
        // It is more than a third full, and tells how often it is wrong.
        assert!(new > 900, "{new}");
        assert!(
            bits.mistakes() > 0.0 && bits.mistakes() < 0.1,
            "{}",
            bits.mistakes()
        );
    }
}

/// Every order in which threads can fill the sets; `.ci/run` has them checked with
/// `RUSTFLAGS="--cfg loom"`.
#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use loom::sync::Arc;

    fn both(
        insert: impl Fn(u64) -> bool + Clone + Send + 'static,
        mine: [u64; 2],
        other: [u64; 2],
    ) -> usize {
        let theirs = insert.clone();
        let thread =
            loom::thread::spawn(move || other.map(theirs).into_iter().filter(|it| *it).count());
        let new = mine.map(insert).into_iter().filter(|it| *it).count();
        new + thread.join().unwrap()
    }

    #[test]
    fn each_word_is_new_to_one_thread() {
        loom::model(|| {
            let table = Arc::new(Table::new(4));
            let of_both = table.clone();
            let new = both(move |word| of_both.insert(word), [1, 2], [2, 1]);
            assert_eq!(new, 2);
            assert_eq!(table.words().count(), 2);
        });
    }

    #[test]
    fn different_words_lose_no_slot() {
        loom::model(|| {
            let table = Arc::new(Table::new(4));
            let of_both = table.clone();
            let new = both(move |word| of_both.insert(word), [1, 2], [3, 4]);
            assert_eq!(new, 4);
            let mut words: Vec<_> = table.words().collect();
            words.sort_unstable();
            assert_eq!(words, [1, 2, 3, 4]);
        });
    }

    #[test]
    fn a_bit_is_new_to_somebody() {
        loom::model(|| {
            let bits = Arc::new(Bits::new(8));
            let of_both = bits.clone();
            let new = both(move |word| of_both.insert(word), [1, 1], [1, 1]);
            assert!((1..=2).contains(&new), "{new}");
        });
    }
}
