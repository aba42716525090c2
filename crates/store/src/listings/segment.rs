//! A few thousand records that are next to each other in time, column by column.
//!
//! A record has a slot in every column; slots are in the order of arrival, `order` has them in the order
//! of time. What is removed leaves its slot until the segment is made anew.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use queue::listing::Field;

use super::bits::{Bits, Members, SLOTS, Slot};
use super::texts::Texts;

/// A number that a record does not have.
const ABSENT: i64 = i64::MIN;

/// A record as a segment takes it; words by their number in the index.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) at: i64,
    pub(super) words: Vec<u32>,
    pub(super) texts: Vec<(Field, String)>,
    pub(super) numbers: Vec<(Field, i64)>,
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
