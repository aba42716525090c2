//! Sets of places in a block: one bit for each of its 16,384 entries.
//!
//! On disk a set is the packed gaps between its members or, if those take as much, the bits
//! themselves: never more than 2 KiB.

use model::{Seq, limits};

use crate::pack::{Packer, Unpacker};

const WORDS: usize = 256;
/// Bytes of a set that is kept as bits; gaps always take fewer.
const BITS_BYTES: usize = WORDS * 8;

/// A set of places in one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offsets([u64; WORDS]);

impl Default for Offsets {
    fn default() -> Self {
        Self([0; WORDS])
    }
}

/// Word and bit of an entry within its block.
fn place(seq: Seq) -> (usize, u64) {
    let offset = seq.0 % limits::BLOCK_ENTRIES;
    (usize::try_from(offset / 64).unwrap_or_default(), 1 << (offset % 64))
}

impl Offsets {
    /// A set from its words, the lowest first; words that are missing are empty.
    pub(crate) fn from_words(words: impl IntoIterator<Item = u64>) -> Self {
        let mut set = Self::default();
        set.0.iter_mut().zip(words).for_each(|(to, from)| *to = from);
        set
    }

    pub(crate) fn insert(&mut self, seq: Seq) {
        let (word, bit) = place(seq);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    pub(crate) fn remove(&mut self, seq: Seq) {
        let (word, bit) = place(seq);
        if let Some(word) = self.0.get_mut(word) {
            *word &= !bit;
        }
    }

    pub(crate) fn contains(&self, seq: Seq) -> bool {
        let (word, bit) = place(seq);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Keeps only what is a member of another set too.
    pub(crate) fn meet(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= other);
    }

    /// Keeps only entries from `from` on and before `to`, both of the same block (`to` may be its end).
    pub(crate) fn keep(&mut self, from: Seq, to: Seq) {
        let first = from.0 - from.0 % limits::BLOCK_ENTRIES;
        let (low, high) = (from.0 - first, to.0.saturating_sub(first));
        for (word, start) in self.0.iter_mut().zip((0_u64..).step_by(64)) {
            let below = ones(low.saturating_sub(start));
            let above = ones(high.saturating_sub(start));
            *word &= above & !below;
        }
    }

    /// The members as entries of block `number`, oldest first.
    pub(crate) fn iter(&self, number: u64) -> impl DoubleEndedIterator<Item = Seq> {
        let start = number * limits::BLOCK_ENTRIES;
        let words = self.0.iter().zip(0..256_u16);
        words.filter(|(word, _)| **word != 0).flat_map(move |(word, index)| {
            let start = start + u64::from(index) * 64;
            let bits = (0..64).filter(move |bit| word >> bit & 1 == 1);
            bits.map(move |bit| Seq(start + bit))
        })
    }

    /// The bytes that are kept of places, which come in order and differ.
    pub(crate) fn pack(places: &[u16]) -> Vec<u8> {
        let mut gaps = Packer::default();
        let mut next = 0;
        for place in places.iter().copied().map(u64::from) {
            gaps.put(place.saturating_sub(next));
            next = place + 1;
        }
        if gaps.bytes().len() < BITS_BYTES {
            return gaps.bytes().to_vec();
        }
        let mut set = Self::default();
        for place in places {
            set.insert(Seq((*place).into()));
        }
        set.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Adds what was packed.
    pub(crate) fn unpack(&mut self, bytes: &[u8]) {
        if bytes.len() == BITS_BYTES {
            let (words, _) = bytes.as_chunks();
            for (word, bytes) in self.0.iter_mut().zip(words) {
                *word |= u64::from_le_bytes(*bytes);
            }
            return;
        }
        let mut gaps = Unpacker::new(bytes);
        let mut next = 0_u64;
        while let Some(gap) = gaps.get() {
            let place = next.saturating_add(gap);
            self.insert(Seq(place));
            next = place.saturating_add(1);
        }
    }
}

/// A word of that many ones, low ones first.
fn ones(count: u64) -> u64 {
    let shift = u32::try_from(count).unwrap_or(u32::MAX);
    1_u64.checked_shl(shift).map_or(u64::MAX, |bit| bit - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn places() -> impl Strategy<Value = BTreeSet<u16>> {
        let place = 0..16_384_u16;
        prop_oneof![
            prop::collection::btree_set(place.clone(), 0..50),
            prop::collection::btree_set(place, 1_900..2_300),
            (0..16_384_u16, 1..5_usize)
                .prop_map(|(from, step)| (from..16_384).step_by(step).collect()),
        ]
    }

    proptest! {
        #[test]
        fn sets_round_trip_and_are_small(places in places(), number in 0..9_u64) {
            let bytes = Offsets::pack(&places.iter().copied().collect::<Vec<_>>());
            prop_assert!(bytes.len() <= 2_048);
            let mut set = Offsets::default();
            set.unpack(&bytes);
            let start = number * limits::BLOCK_ENTRIES;
            let found: Vec<u64> = set.iter(number).map(|seq| seq.0 - start).collect();
            prop_assert_eq!(&found, &places.iter().copied().map(u64::from).collect::<Vec<_>>());
            let backwards: Vec<u64> = set.iter(number).rev().map(|seq| seq.0 - start).collect();
            prop_assert!(backwards.into_iter().rev().eq(found));
            prop_assert_eq!(set.is_empty(), places.is_empty());
        }

        #[test]
        fn a_range_keeps_what_is_in_it(places in places(), from in 0..16_384_u64, more in 0..16_384_u64) {
            let to = (from + more).min(16_384);
            let mut set = Offsets::default();
            for place in &places {
                set.insert(Seq(16_384 + u64::from(*place)));
            }
            set.keep(Seq(16_384 + from), Seq(16_384 + to));
            let kept = places.iter().copied().map(u64::from).filter(|p| (from..to).contains(p));
            prop_assert!(set.iter(0).map(|seq| seq.0).eq(kept));
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            Offsets::default().unpack(&bytes);
        }
    }

    #[test]
    fn sets_meet() {
        let of = |places: &[u64]| {
            let mut set = Offsets::default();
            for place in places {
                set.insert(Seq(*place));
            }
            set
        };
        let mut set = of(&[1, 2, 64, 16_383]);
        set.meet(&of(&[2, 64, 99]));
        assert_eq!(set, of(&[2, 64]));
        set.remove(Seq(64));
        assert!(set.contains(Seq(16_384 + 2)) && !set.contains(Seq(64)));
    }
}
