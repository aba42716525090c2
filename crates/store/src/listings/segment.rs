//! A few thousand records that are next to each other in time, column by column.
//!
//! A record has a slot in every column; slots are in the order of arrival, `order` has them in the order
//! of time. Texts lie one behind the other, each after a byte that no text has, so that one search runs
//! over all of them. What is removed leaves its slot until the segment is made anew.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use queue::listing::Field;

use super::bits::{Bits, Members, SLOTS, Slot};

/// A number that a record does not have.
const ABSENT: i64 = i64::MIN;
/// Stands before each text; UTF-8 has no such byte.
const SEPARATOR: u8 = 0xff;

/// A record as a segment takes it; words by their number in the index.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) at: i64,
    pub(super) words: Vec<u32>,
    pub(super) texts: Vec<(Field, String)>,
    pub(super) numbers: Vec<(Field, i64)>,
}

/// Texts by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.bytes.push(SEPARATOR);
        self.bytes.extend_from_slice(text.as_bytes());
        // 4,096 texts of the largest body are far below 4 GiB
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    fn fill(&mut self, slots: usize) {
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

/// Records next to each other in time.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    ids: Texts,
    at: Vec<i64>,
    numbers: Vec<(Field, Vec<i64>)>,
    texts: Vec<(Field, Texts)>,
    words: BTreeMap<u32, Members>,
    /// The slots in use, by time and id.
    order: Vec<Slot>,
    alive: Bits,
}

impl Segment {
    pub(super) fn new() -> Self {
        Self {
            ids: Texts::default(),
            at: Vec::new(),
            numbers: Vec::new(),
            texts: Vec::new(),
            words: BTreeMap::new(),
            order: Vec::new(),
            alive: Bits::none(),
        }
    }

    /// A segment of these rows, which are in order.
    pub(super) fn of(rows: impl IntoIterator<Item = Row>) -> Self {
        let mut segment = Self::new();
        for row in rows {
            segment.push(&row);
        }
        segment
    }

    pub(super) fn is_full(&self) -> bool {
        self.at.len() >= SLOTS
    }

    /// Records in it.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether most of it is left of what was removed.
    pub(super) fn is_sparse(&self) -> bool {
        self.at.len() >= 256 && self.order.len() * 4 < self.at.len()
    }

    /// Adds a row; there must be room, and no row with this time and id.
    pub(super) fn push(&mut self, row: &Row) {
        let slots = self.at.len();
        let Ok(slot) = Slot::try_from(slots) else { return };
        let place =
            self.order.partition_point(|other| self.compare(*other, row.at, &row.id).is_lt());
        self.ids.push(&row.id);
        self.at.push(row.at);
        for (field, number) in &row.numbers {
            column(&mut self.numbers, *field).resize(slots, ABSENT);
            column(&mut self.numbers, *field).push(*number);
        }
        for (_, numbers) in &mut self.numbers {
            numbers.resize(slots + 1, ABSENT);
        }
        for (field, text) in &row.texts {
            let texts = column(&mut self.texts, *field);
            texts.fill(slots);
            texts.push(text);
        }
        for (_, texts) in &mut self.texts {
            texts.fill(slots + 1);
        }
        for word in &row.words {
            self.words.entry(*word).or_default().insert(slot);
        }
        self.order.insert(place, slot);
        self.alive.insert(slot);
    }

    /// Removes a row that was [found](Self::find); its words.
    pub(super) fn remove(&mut self, (place, slot): (usize, Slot)) -> Vec<u32> {
        self.order.remove(place);
        self.alive.remove(slot);
        let mut had = Vec::new();
        self.words.retain(|word, members| {
            if members.remove(slot) {
                had.push(*word);
            }
            !members.is_empty()
        });
        had
    }

    /// Whether a row with that time and id would stand before all of these rows.
    pub(super) fn begins_after(&self, at: i64, id: &str) -> bool {
        self.order.first().is_none_or(|first| self.compare(*first, at, id).is_gt())
    }

    /// Whether a row with that time and id would stand behind all of these rows.
    pub(super) fn ends_before(&self, at: i64, id: &str) -> bool {
        self.order.last().is_none_or(|last| self.compare(*last, at, id).is_lt())
    }

    /// Where a row is: in the order, and its slot.
    pub(super) fn find(&self, at: i64, id: &str) -> Option<(usize, Slot)> {
        let place = self.order.partition_point(|slot| self.compare(*slot, at, id).is_lt());
        let slot = *self.order.get(place)?;
        self.compare(slot, at, id).is_eq().then_some((place, slot))
    }

    fn compare(&self, slot: Slot, at: i64, id: &str) -> Ordering {
        let time = self.time(slot).cmp(&at);
        time.then_with(|| self.ids.get(slot).cmp(id.as_bytes()))
    }

    /// The rows in order.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut words: Vec<Vec<u32>> = vec![Vec::new(); self.at.len()];
        for (word, members) in &self.words {
            members.for_each(|slot| {
                if let Some(words) = words.get_mut(usize::from(slot)) {
                    words.push(*word);
                }
            });
        }
        let row = |slot: &Slot| {
            let slot = *slot;
            let numbers = self
                .numbers
                .iter()
                .filter_map(|(field, _)| Some((*field, self.number(*field, slot)?)));
            let texts = self.texts.iter().map(|(field, texts)| (*field, owned(texts.get(slot))));
            Row {
                id: self.id(slot),
                at: self.time(slot),
                words: words.get(usize::from(slot)).cloned().unwrap_or_default(),
                texts: texts.collect(),
                numbers: numbers.collect(),
            }
        };
        self.order.iter().map(row).collect()
    }

    pub(super) fn id(&self, slot: Slot) -> String {
        owned(self.ids.get(slot))
    }

    pub(super) fn time(&self, slot: Slot) -> i64 {
        self.at.get(usize::from(slot)).copied().unwrap_or(ABSENT)
    }

    pub(super) fn number(&self, field: Field, slot: Slot) -> Option<i64> {
        let (_, numbers) = self.numbers.iter().find(|(other, _)| *other == field)?;
        numbers.get(usize::from(slot)).copied().filter(|number| *number != ABSENT)
    }

    pub(super) fn texts(&self, field: Field) -> Option<&Texts> {
        self.texts.iter().find(|(other, _)| *other == field).map(|(_, texts)| texts)
    }

    pub(super) fn members(&self, word: u32) -> Option<&Members> {
        self.words.get(&word)
    }

    pub(super) fn alive(&self) -> &Bits {
        &self.alive
    }

    /// The slots in use, by time and id.
    pub(super) fn order(&self) -> &[Slot] {
        &self.order
    }

    /// The earliest and the latest time in it.
    pub(super) fn times(&self) -> Option<(i64, i64)> {
        Some((self.time(*self.order.first()?), self.time(*self.order.last()?)))
    }
}

/// The column of a field, made if it is not there.
fn column<T: Default>(columns: &mut Vec<(Field, T)>, field: Field) -> &mut T {
    let found = columns.iter().position(|(other, _)| *other == field);
    let index = found.unwrap_or(columns.len());
    if found.is_none() {
        columns.push((field, T::default()));
    }
    #[expect(clippy::expect_used, reason = "it was found or pushed just now")]
    let (_, column) = columns.get_mut(index).expect("the column is there");
    column
}

fn owned(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
