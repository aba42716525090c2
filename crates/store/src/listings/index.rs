//! Every listed record of an application, in segments by time.
//!
//! A search holds the segments as they were when it began and needs no lock; a change makes a segment
//! its own first if a search still holds it.

use std::sync::Arc;

use queue::listing::{Field, Listing, Tally};

use super::bits::SLOTS;
use super::segment::{Row, Segment};
use super::words::Words;

/// Rows of a segment that is made anew: room for those that come between.
const FILLED: usize = SLOTS / 4 * 3;

/// A change of the listed records.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A record has this listing; `was`: the time of the one before.
    Put { id: String, was: Option<i64>, listing: Listing },
    /// A record, listed at that time, is gone.
    Gone { id: String, was: i64 },
}

/// The records of an application.
#[derive(Debug, Default)]
pub(crate) struct Index {
    words: Words,
    segments: Vec<Arc<Segment>>,
}

impl Index {
    /// An index of these records, which come by time and id.
    pub(crate) fn of(records: impl IntoIterator<Item = (String, Listing)>) -> Self {
        let mut index = Self::default();
        let mut segment = Segment::new();
        for (id, listing) in records {
            let row = index.row(&id, &listing);
            segment.push(&row);
            if segment.len() >= FILLED {
                index.segments.push(Arc::new(std::mem::replace(&mut segment, Segment::new())));
            }
        }
        if segment.len() > 0 {
            index.segments.push(Arc::new(segment));
        }
        index
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.segments.iter().map(|segment| segment.len()).sum()
    }

    pub(crate) fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    pub(crate) const fn words(&self) -> &Words {
        &self.words
    }

    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Put { id, was, listing } => {
                // before the old row goes, so that a word that both have keeps its number
                let row = self.row(id, listing);
                if let Some(was) = was.filter(|was| *was != listing.at) {
                    self.remove(was, id);
                }
                // a change that the loaded rows have already is applied once more
                self.remove(listing.at, id);
                self.insert(&row);
            }
            Change::Gone { id, was } => self.remove(*was, id),
        }
    }

    fn row(&mut self, id: &str, listing: &Listing) -> Row {
        Row {
            id: id.to_owned(),
            at: listing.at,
            words: self.words.take(&listing.words),
            texts: listing.texts.clone(),
            numbers: listing.numbers.clone(),
        }
    }

    /// The segment that has, or would take, a record with that time and id.
    fn place(&self, at: i64, id: &str) -> usize {
        let after = self.segments.partition_point(|segment| !segment.begins_after(at, id));
        after.saturating_sub(1)
    }

    fn insert(&mut self, row: &Row) {
        let mut place = self.place(row.at, &row.id);
        if self.segments.get(place).is_none_or(|segment| segment.is_full()) {
            self.make_room(place, row);
            place = self.place(row.at, &row.id);
            let is_last = place + 1 == self.segments.len();
            let full = self.segments.get(place).is_none_or(|segment| segment.is_full());
            if full && (is_last || self.segments.is_empty()) {
                self.segments.push(Arc::new(Segment::of([row.clone()])));
                return;
            }
        }
        if let Some(segment) = self.segments.get_mut(place) {
            Arc::make_mut(segment).push(row);
        }
    }

    /// Makes a full segment anew, as one or as two, unless the row goes behind all others.
    fn make_room(&mut self, place: usize, row: &Row) {
        let Some(segment) = self.segments.get(place) else { return };
        let is_last = place + 1 == self.segments.len();
        if is_last && segment.len() > FILLED && segment.ends_before(row.at, &row.id) {
            return;
        }
        let rows = segment.rows();
        let size = if rows.len() > FILLED { rows.len().div_ceil(2) } else { rows.len() };
        let anew = rows.chunks(size.max(1)).map(|rows| Arc::new(Segment::of(rows.iter().cloned())));
        let anew: Vec<_> = anew.collect();
        self.segments.splice(place..=place, anew);
    }

    fn remove(&mut self, at: i64, id: &str) {
        let place = self.place(at, id);
        let Some(segment) = self.segments.get_mut(place) else { return };
        // looked for first: a segment that a search holds is copied to be changed
        let Some(found) = segment.find(at, id) else { return };
        let words = Arc::make_mut(segment).remove(found);
        if segment.len() == 0 {
            self.segments.remove(place);
        } else if segment.is_sparse() {
            *segment = Arc::new(Segment::of(segment.rows()));
        }
        self.words.let_go(&words);
    }
}

/// Counts the records word by word, and sums a number of theirs up.
pub(crate) fn tally(
    segments: &[Arc<Segment>],
    words: Vec<(String, u32)>,
    sum: Field,
) -> Vec<Tally> {
    let mut tallies: Vec<Tally> = words
        .into_iter()
        .map(|(word, number)| {
            let mut tally = Tally { word, count: 0, sum: 0 };
            for segment in segments {
                if let Some(members) = segment.members(number) {
                    members.for_each(|slot| {
                        tally.count += 1;
                        tally.sum += segment.number(sum, slot).unwrap_or_default();
                    });
                }
            }
            tally
        })
        .filter(|tally| tally.count > 0)
        .collect();
    tallies.sort_unstable_by(|a, b| a.word.cmp(&b.word));
    tallies
}
