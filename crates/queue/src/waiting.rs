//! The READY entries of one application, in the order of becoming READY.

use std::collections::VecDeque;

use crate::entry::Entry;
use crate::steady::Steady;

/// A line of entries.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// In the order of their turns.
    line: VecDeque<Entry>,
    /// The next turn; wraps around, the line being shorter than half of it.
    turns: u32,
    /// No entry of the line was born before this.
    oldest: Steady,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { line: VecDeque::new(), turns: 0, oldest: Steady(i64::MAX) }
    }
}

impl Waiting {
    pub(crate) fn len(&self) -> u64 {
        u64::try_from(self.line.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn size(&self) -> usize {
        self.line.len()
    }

    pub(crate) fn front(&self) -> Option<&Entry> {
        self.line.front()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Entry> {
        self.line.iter().copied()
    }

    /// A place behind all that were given so far.
    pub(crate) const fn take_turn(&mut self) -> u32 {
        let turn = self.turns;
        self.turns = turn.wrapping_add(1);
        turn
    }

    pub(crate) fn push_back(&mut self, entry: Entry) {
        let turn = self.take_turn();
        self.oldest = self.oldest.min(entry.born());
        self.line.push_back(entry.with_turn(turn));
    }

    /// Puts an entry where it was.
    pub(crate) fn put_back(&mut self, entry: Entry) {
        self.oldest = self.oldest.min(entry.born());
        let before = |other: &Entry| other.turn.wrapping_sub(entry.turn) > u32::MAX / 2;
        let index = self.line.partition_point(before);
        self.line.insert(index, entry);
    }

    /// The next entry, or the one with the fewest attempts.
    pub(crate) fn next(&mut self, fewest_attempts: bool) -> Option<Entry> {
        if !fewest_attempts {
            let entry = self.line.pop_front();
            if self.line.is_empty() {
                self.line.shrink_to(1024);
            }
            return entry;
        }
        let fewest = self.line.iter().enumerate().min_by_key(|(_, entry)| entry.attempts);
        let index = fewest.map(|(index, _)| index)?;
        self.line.remove(index)
    }

    /// Takes out up to `max` entries that are wanted, from the front.
    pub(crate) fn extract(&mut self, max: usize, wanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some(entry) = self.line.pop_front_if(|entry| wanted(entry))
        {
            taken.push(entry);
        }
        if taken.len() < max && !self.line.is_empty() {
            self.line.retain(|entry| {
                let take = taken.len() < max && wanted(entry);
                if take {
                    taken.push(*entry);
                }
                !take
            });
        }
        taken
    }

    /// Takes out up to `max` entries born at or before `oldest`. Looks at the line only if there may
    /// be one.
    pub(crate) fn extract_born_before(&mut self, oldest: Steady, max: usize) -> Vec<Entry> {
        if self.oldest > oldest {
            return Vec::new();
        }
        let taken = self.extract(max, |entry| entry.born() <= oldest);
        if taken.len() < max {
            self.oldest = self.line.iter().map(Entry::born).min().unwrap_or(Steady(i64::MAX));
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use model::{EventKind, Seq};

    use super::*;

    #[test]
    fn turns_may_wrap_around() {
        let mut waiting = Waiting { turns: u32::MAX - 2, ..Waiting::default() };
        for seq in 1..=6 {
            waiting.push_back(Entry::new(Seq(seq), EventKind::FileDeleted, Steady(1)));
        }
        let mut taken: Vec<Entry> = (0..5).filter_map(|_| waiting.next(false)).collect();
        taken.swap(0, 3);
        for entry in taken {
            waiting.put_back(entry);
        }
        let line: Vec<u64> = waiting.iter().map(|entry| entry.seq.0).collect();
        assert_eq!(line, [1, 2, 3, 4, 5, 6]);
    }
}
