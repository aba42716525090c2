//! Parts of texts that are looked for, and how well a text matches them.
//!
//! Ranking takes a look at every record, because the best match may be the oldest. But once as many
//! hits are counted as are told, and the page is full, only what ranks above the last hit of the page
//! matters, and that is found without reading all texts: what can no longer contain enough parts is left
//! out at once, and whether a text begins with a part is known from the order of the texts.

use memchr::memmem::Finder;
use queue::listing::Field;

use super::bits::{Bits, SLOTS, Slot};
use super::segment::Segment;
use super::texts::Texts;

/// Records from which all texts of a segment are searched in one go.
const MANY: usize = 512;
/// Points for each part that a text contains; below it the best way in which one did.
const FOUND: u8 = 4;
const WHOLE: u8 = 3;
const BEGINS: u8 = 2;
const INSIDE: u8 = 1;

/// How well the texts of a slot match.
pub(super) type Scores = [u8; SLOTS];

/// A part that is looked for in the texts of a field.
#[derive(Debug)]
struct Part {
    field: Field,
    finder: Finder<'static>,
    /// Hits so far.
    hits: usize,
}

/// What texts must contain: one part of each list.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    lists: Vec<Vec<Part>>,
}

impl Wanted {
    /// Adds a list: one of these texts must be in one of these fields.
    pub(super) fn add(&mut self, fields: &[Field], texts: &[String]) {
        let part = |field: Field, text: &String| {
            let finder = Finder::new(text).into_owned();
            Part { field, finder, hits: 0 }
        };
        let parts = fields.iter().flat_map(|field| texts.iter().map(|text| part(*field, text)));
        self.lists.push(parts.collect());
    }

    fn count(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
    }

    /// Whether no text can match better.
    pub(super) fn is_best(&self, score: u8) -> bool {
        let best = u8::try_from(self.count()).ok().and_then(|count| count.checked_mul(FOUND));
        best.and_then(|best| best.checked_add(WHOLE)).is_some_and(|best| score >= best)
            || self.count() == 0
    }

    /// Keeps the slots with texts that contain what is wanted.
    pub(super) fn meet(&self, segment: &Segment, hits: &mut Bits) {
        for list in &self.lists {
            let mut found = Bits::none();
            for part in list {
                part.look(segment, hits, |slot, _, _| found.insert(slot));
            }
            hits.meet(&found);
        }
    }

    /// The same, and adds up how well they match. What scores no more than `floor` may be left out.
    pub(super) fn rank(
        &mut self,
        segment: &Segment,
        hits: &mut Bits,
        scores: &mut Scores,
        floor: Option<u8>,
    ) {
        let mut left = self.count();
        let bar = floor.map(|floor| self.bar(segment, floor));
        if let Some(bar) = bar.as_ref().filter(|bar| bar.found == left) {
            hits.meet(&bar.closer);
        }
        for list in &mut self.lists {
            // the rare ones first: what has none of them is soon out
            list.sort_by_key(|part| part.hits);
            let mut found = Bits::none();
            for part in list {
                let mut count = 0;
                part.look(segment, hits, |slot, at, is_all| {
                    found.insert(slot);
                    count += 1;
                    if let Some(score) = scores.get_mut(usize::from(slot)) {
                        *score = better(*score, at, is_all);
                    }
                });
                part.hits += count;
                left -= 1;
                if let Some(bar) = &bar {
                    bar.pass(hits, scores, left);
                }
            }
            hits.meet(&found);
        }
    }

    /// What it takes to score above that.
    fn bar(&self, segment: &Segment, floor: u8) -> Bar {
        let mut closer = Bits::none();
        for part in self.lists.iter().flatten() {
            let Some(texts) = segment.texts(part.field) else { continue };
            let slots = match floor % FOUND {
                WHOLE => &[],
                BEGINS => texts.equal(part.finder.needle()),
                _ => texts.beginning(part.finder.needle()),
            };
            for slot in slots {
                closer.insert(*slot);
            }
        }
        Bar { found: usize::from(floor / FOUND), closer }
    }
}

/// What a slot must pass to matter.
struct Bar {
    /// Parts that its texts must contain, if one of them matches more closely; or one more.
    found: usize,
    /// The slots with a text that matches a part more closely.
    closer: Bits,
}

impl Bar {
    /// Lets go of the slots that can no longer pass when so many parts are left to look for.
    fn pass(&self, hits: &mut Bits, scores: &Scores, left: usize) {
        if left > self.found {
            return;
        }
        let found = |slot| scores.get(usize::from(slot)).map_or(0, |score| score / FOUND);
        hits.retain(|slot| {
            let most = usize::from(found(slot)) + left;
            most > self.found || most == self.found && self.closer.contains(slot)
        });
    }
}

impl Part {
    /// Calls with each of those slots whose text contains it, with where, and whether it is all.
    fn look(&self, segment: &Segment, among: &Bits, mut each: impl FnMut(Slot, usize, bool)) {
        let Some(texts) = segment.texts(self.field) else { return };
        let mut one = |slot: Slot, text: &[u8], at: usize| {
            each(slot, at, text.len() == self.finder.needle().len());
        };
        if among.count() >= MANY {
            self.scan(texts, among, one);
        } else {
            for slot in among.iter() {
                let text = texts.get(slot);
                if let Some(at) = self.finder.find(text) {
                    one(slot, text, at);
                }
            }
        }
    }

    fn scan(&self, texts: &Texts, among: &Bits, mut one: impl FnMut(Slot, &[u8], usize)) {
        texts.scan(
            |bytes| self.finder.find(bytes),
            |slot, at| {
                if among.contains(slot) {
                    one(slot, texts.get(slot), at);
                }
            },
        );
    }
}

/// A score after one more part was found, at that place of a text of which it may be all.
fn better(score: u8, at: usize, is_all: bool) -> u8 {
    let best = if is_all {
        WHOLE
    } else if at == 0 {
        BEGINS
    } else {
        INSIDE
    };
    (score - score % FOUND).saturating_add(FOUND) | best.max(score % FOUND)
}
