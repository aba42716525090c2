//! The texts of one field in a segment.
//!
//! They lie one behind the other, each after a byte that no text has, so that one search runs over all
//! of them. Beside them stand their slots in the order of the texts, so that those with the same
//! beginning are next to each other. Two bytes a text are a tenth of the text; one such order for the
//! whole library would have to be moved for each change.

use super::bits::Slot;

/// Stands before each text; UTF-8 has no such byte.
const SEPARATOR: u8 = 0xff;

/// Texts by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// All slots, by text.
    sorted: Vec<Slot>,
}

impl Texts {
    /// Adds the text of the next slot.
    pub(super) fn push(&mut self, text: &str) {
        let Ok(slot) = Slot::try_from(self.ends.len()) else { return };
        let text = text.as_bytes();
        let place = self.sorted.partition_point(|other| self.get(*other) <= text);
        self.sorted.insert(place, slot);
        self.bytes.push(SEPARATOR);
        self.bytes.extend_from_slice(text);
        // 4,096 texts of the largest body are far below 4 GiB
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    /// Gives the slots up to there an empty text.
    pub(super) fn fill(&mut self, slots: usize) {
        while self.ends.len() < slots {
            self.push("");
        }
    }

    fn end(&self, slot: usize) -> Option<usize> {
        self.ends.get(slot).and_then(|end| usize::try_from(*end).ok())
    }

    fn start(&self, slot: usize) -> usize {
        slot.checked_sub(1).and_then(|before| self.end(before)).unwrap_or_default() + 1
    }

    pub(super) fn get(&self, slot: Slot) -> &[u8] {
        let slot = usize::from(slot);
        let end = self.end(slot).unwrap_or_default();
        self.bytes.get(self.start(slot)..end).unwrap_or_default()
    }

    /// The slots whose texts begin with that.
    pub(super) fn beginning(&self, with: &[u8]) -> &[Slot] {
        let from = self.sorted.partition_point(|slot| self.get(*slot) < with);
        let after = self.sorted.get(from..).unwrap_or_default();
        let count = after.partition_point(|slot| self.get(*slot).starts_with(with));
        after.get(..count).unwrap_or_default()
    }

    /// The slots whose texts are that.
    pub(super) fn equal(&self, to: &[u8]) -> &[Slot] {
        // of texts with one beginning the shortest stands first
        let beginning = self.beginning(to);
        let count = beginning.partition_point(|slot| self.get(*slot).len() == to.len());
        beginning.get(..count).unwrap_or_default()
    }

    /// Calls with the slot of each text in which `find` finds something in the bytes of many, and with
    /// where in the text; of several hits in a text with the first.
    pub(super) fn scan(
        &self,
        find: impl Fn(&[u8]) -> Option<usize>,
        mut each: impl FnMut(Slot, usize),
    ) {
        let (mut from, mut slot) = (0, 0);
        while let Some(hit) = self.bytes.get(from..).and_then(&find) {
            let hit = from + hit;
            slot = self.slot_of(hit, slot);
            let (start, Some(end)) = (self.start(slot), self.end(slot)) else { return };
            each(Slot::try_from(slot).unwrap_or_default(), hit.saturating_sub(start));
            from = end;
            slot += 1;
        }
    }

    /// The slot whose text holds that byte, which is not before `slot`: near ones first.
    fn slot_of(&self, byte: usize, slot: usize) -> usize {
        let before = |slot: usize| self.end(slot).is_some_and(|end| end <= byte);
        let (mut low, mut step) = (slot, 1);
        while before(low + step) {
            low += step;
            step *= 2;
        }
        let window = self.ends.get(low..self.ends.len().min(low + step + 1)).unwrap_or_default();
        low + window.partition_point(|end| usize::try_from(*end).is_ok_and(|end| end <= byte))
    }
}
