//! Sets of places in a segment.
//!
//! Most words are rare within 4,096 records and a few are on nearly all of them, so a set is a short
//! list or one bit a place, whichever its size calls for.

/// Places of a segment.
pub(super) const SLOTS: usize = 4_096;
const WORDS: usize = SLOTS / 64;
/// Members from which bits take less room than a list.
const FEW: usize = WORDS * 4;

/// A place in a segment.
pub(super) type Slot = u16;

/// A set as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bits([u64; WORDS]);

fn place(slot: Slot) -> (usize, u64) {
    (usize::from(slot / 64), 1 << (slot % 64))
}

impl Bits {
    pub(super) const fn none() -> Self {
        Self([0; WORDS])
    }

    pub(super) fn insert(&mut self, slot: Slot) {
        let (word, bit) = place(slot);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        let Some(word) = self.0.get_mut(word) else { return false };
        let was = *word & bit != 0;
        *word &= !bit;
        was
    }

    pub(super) fn contains(&self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| usize::try_from(word.count_ones()).unwrap_or_default()).sum()
    }

    /// Keeps only what is a member of another set too.
    pub(super) fn meet(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    /// Keeps only members that pass.
    pub(super) fn retain(&mut self, mut passes: impl FnMut(Slot) -> bool) {
        for (word, first) in self.0.iter_mut().zip((0..=Slot::MAX).step_by(64)) {
            let mut left = *word;
            while left != 0 {
                let bit = left & left.wrapping_neg();
                left ^= bit;
                let offset = Slot::try_from(bit.trailing_zeros()).unwrap_or_default();
                if !passes(first + offset) {
                    *word ^= bit;
                }
            }
        }
    }

    /// The members in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Slot> {
        let words = self.0.iter().copied().zip((0..=Slot::MAX).step_by(64));
        words.flat_map(|(word, first)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let offset = Slot::try_from(left.trailing_zeros()).ok().filter(|bit| *bit < 64)?;
                left &= left - 1;
                Some(first + offset)
            })
        })
    }
}

impl FromIterator<Slot> for Bits {
    fn from_iter<T: IntoIterator<Item = Slot>>(slots: T) -> Self {
        let mut bits = Self::none();
        slots.into_iter().for_each(|slot| bits.insert(slot));
        bits
    }
}

/// A set that is small while it has few members.
#[derive(Clone, Debug)]
pub(super) enum Members {
    /// In order.
    Few(Vec<Slot>),
    Many(Box<Bits>),
}

impl Default for Members {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Members {
    pub(super) fn insert(&mut self, slot: Slot) {
        match self {
            Self::Few(few) => {
                if let Err(at) = few.binary_search(&slot) {
                    few.insert(at, slot);
                }
                if few.len() > FEW {
                    let mut bits = Bits::none();
                    for slot in few.iter() {
                        bits.insert(*slot);
                    }
                    *self = Self::Many(Box::new(bits));
                }
            }
            Self::Many(bits) => bits.insert(slot),
        }
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, slot: Slot) -> bool {
        match self {
            Self::Few(few) => {
                let found = few.binary_search(&slot);
                found.is_ok_and(|at| few.remove(at) == slot)
            }
            Self::Many(bits) => bits.remove(slot),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(few) => few.is_empty(),
            Self::Many(bits) => bits.is_empty(),
        }
    }

    /// Adds the members to a set.
    pub(super) fn add_to(&self, set: &mut Bits) {
        match self {
            Self::Few(few) => few.iter().for_each(|slot| set.insert(*slot)),
            Self::Many(bits) => {
                set.0.iter_mut().zip(&bits.0).for_each(|(word, other)| *word |= other);
            }
        }
    }

    pub(super) fn for_each(&self, each: impl FnMut(Slot)) {
        match self {
            Self::Few(few) => few.iter().copied().for_each(each),
            Self::Many(bits) => bits.iter().for_each(each),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sets_are_sets(
            changes in prop::collection::vec((0..4_096_u16, any::<bool>()), 0..2_000),
            kept in 1..9_u16,
        ) {
            let (mut members, mut bits) = (Members::default(), Bits::none());
            let mut model = BTreeSet::new();
            for (slot, insert) in changes {
                if insert {
                    members.insert(slot);
                    bits.insert(slot);
                    model.insert(slot);
                } else {
                    let was = model.remove(&slot);
                    prop_assert_eq!((members.remove(slot), bits.remove(slot)), (was, was));
                }
            }
            let mut added = Bits::none();
            members.add_to(&mut added);
            prop_assert_eq!(&added, &bits);
            prop_assert_eq!(members.is_empty(), model.is_empty());
            let mut told = Vec::new();
            members.for_each(|slot| told.push(slot));
            prop_assert!(told.iter().eq(&model));
            prop_assert!(bits.iter().eq(model.iter().copied()));
            prop_assert_eq!((bits.count(), bits.is_empty()), (model.len(), model.is_empty()));
            prop_assert!((0..4_096).all(|slot| bits.contains(slot) == model.contains(&slot)));
            bits.retain(|slot| slot % kept == 0);
            prop_assert!(bits.iter().eq(model.iter().copied().filter(|slot| slot % kept == 0)));
            added.meet(&bits);
            prop_assert_eq!(added, bits);
        }
    }
}
