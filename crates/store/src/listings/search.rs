//! One search over the segments of an index.
//!
//! Segment by segment, from that end of time that is asked for. Words narrow a segment down by sets,
//! numbers and texts are looked at one by one, or, of texts that many records have, all in one go. A
//! search that needs no ranking ends when it has counted what it may count. So what one search costs is
//! bounded by one look at every record of the application.

use std::sync::Arc;

use memchr::memmem::Finder;
use queue::listing::{Condition, Field, Order, SearchPage, SearchQuery};

use super::bits::{Bits, SLOTS, Slot};
use super::index::Index;
use super::segment::{Segment, Texts};

/// Records from which all texts of a segment are searched in one go.
const MANY: usize = 512;
/// Points for each value that a text contains; below it the best way in which one did.
const FOUND: u8 = 4;
const WHOLE: u8 = 3;
const BEGINS: u8 = 2;
const INSIDE: u8 = 1;

/// A search, made ready for the words of one index.
#[derive(Debug)]
pub(crate) struct Search {
    tests: Vec<Test>,
    order: Order,
    offset: usize,
    limit: usize,
    count_max: usize,
}

#[derive(Debug)]
enum Test {
    Id(Vec<(i64, String)>),
    Word(Vec<u32>),
    Prefix(Field, Vec<String>),
    Contains(Vec<Field>, Vec<Finder<'static>>),
    Number(Field, i64, i64),
    At(i64, i64),
}

impl Search {
    /// `times`: when the records of the conditions on ids are listed.
    pub(crate) fn new(query: &SearchQuery, index: &Index, times: &[(String, i64)]) -> Self {
        let test = |condition: &Condition| match condition {
            Condition::Id(ids) => {
                let known = times.iter().filter(|(id, _)| ids.contains(id));
                Test::Id(known.map(|(id, at)| (*at, id.clone())).collect())
            }
            Condition::Word(field, words) => Test::Word(
                words.iter().filter_map(|word| index.words().number(*field, word)).collect(),
            ),
            Condition::Prefix(field, prefixes) => Test::Prefix(*field, prefixes.clone()),
            Condition::Contains(fields, texts) => {
                let finders = texts.iter().map(|text| Finder::new(text).into_owned());
                Test::Contains(fields.clone(), finders.collect())
            }
            Condition::Number(field, from, to) => Test::Number(*field, *from, *to),
            Condition::At(from, to) => Test::At(*from, *to),
        };
        let mut tests: Vec<Test> = query.conditions.iter().map(test).collect();
        // the cheap ones first; those that look at texts see what is left
        tests.sort_by_key(|test| match test {
            Test::At(..) => 0,
            Test::Id(_) => 1,
            Test::Word(_) => 2,
            Test::Number(..) => 3,
            Test::Prefix(..) => 4,
            Test::Contains(..) => 5,
        });
        let (offset, limit, count_max) = (query.offset, query.limit, query.count_max);
        Self { tests, order: query.order, offset, limit, count_max }
    }

    /// Runs it.
    pub(crate) fn run(&self, segments: &[Arc<Segment>]) -> SearchPage {
        let mut hits = Hits::new(self);
        let count = segments.len();
        for step in 0..count {
            let place = if self.order == Order::Oldest { step } else { count - 1 - step };
            let Some(segment) = segments.get(place) else { break };
            let (found, scores) = self.matches(segment);
            hits.add(segment, place, &found, scores.as_deref());
            if hits.is_enough() {
                break;
            }
        }
        hits.page(segments)
    }

    /// The slots that meet every condition, and how well if that is asked for.
    fn matches(&self, segment: &Segment) -> (Bits, Option<Box<[u8; SLOTS]>>) {
        let mut hits = segment.alive().clone();
        let mut scores = (self.order == Order::Match).then(|| Box::new([0; SLOTS]));
        for test in &self.tests {
            match test {
                Test::At(from, to) => at(segment, (*from, *to), &mut hits),
                Test::Id(ids) => {
                    let mut named = Bits::none();
                    let found = ids.iter().filter_map(|(at, id)| segment.find(*at, id));
                    found.for_each(|(_, slot)| named.insert(slot));
                    hits.meet(&named);
                }
                Test::Word(words) => {
                    let mut union = Bits::none();
                    let members = words.iter().filter_map(|word| segment.members(*word));
                    members.for_each(|members| members.add_to(&mut union));
                    hits.meet(&union);
                }
                Test::Number(field, from, to) => hits.retain(|slot| {
                    segment.number(*field, slot).is_some_and(|n| (*from..=*to).contains(&n))
                }),
                Test::Prefix(field, prefixes) => {
                    let texts = segment.texts(*field);
                    hits.retain(|slot| {
                        let text = texts.map(|texts| texts.get(slot)).unwrap_or_default();
                        prefixes.iter().any(|prefix| text.starts_with(prefix.as_bytes()))
                    });
                }
                Test::Contains(fields, finders) => {
                    contains(segment, fields, finders, &mut hits, scores.as_deref_mut());
                }
            }
            if hits.is_empty() {
                break;
            }
        }
        (hits, scores)
    }
}

fn at(segment: &Segment, (from, to): (i64, i64), hits: &mut Bits) {
    match segment.times() {
        Some((first, last)) if from <= first && last <= to => {}
        Some((first, last)) if first <= to && from <= last => {
            hits.retain(|slot| (from..=to).contains(&segment.time(slot)));
        }
        Some(_) | None => *hits = Bits::none(),
    }
}

/// Keeps slots with a text that contains one of the values, and adds up how well they match.
fn contains(
    segment: &Segment,
    fields: &[Field],
    finders: &[Finder<'static>],
    hits: &mut Bits,
    mut scores: Option<&mut [u8; SLOTS]>,
) {
    let mut found = Bits::none();
    for texts in fields.iter().filter_map(|field| segment.texts(*field)) {
        for finder in finders {
            let mut one = |slot: Slot, at: usize, len: usize| {
                found.insert(slot);
                if let Some(score) =
                    scores.as_deref_mut().and_then(|scores| scores.get_mut(usize::from(slot)))
                {
                    *score = better(*score, at, len == finder.needle().len());
                }
            };
            if hits.count() >= MANY {
                scan(texts, finder, hits, &mut one);
            } else {
                for slot in hits.iter() {
                    let text = texts.get(slot);
                    if let Some(at) = finder.find(text) {
                        one(slot, at, text.len());
                    }
                }
            }
        }
    }
    hits.meet(&found);
}

fn scan(
    texts: &Texts,
    finder: &Finder<'static>,
    hits: &Bits,
    one: &mut impl FnMut(Slot, usize, usize),
) {
    let find = |bytes: &[u8]| finder.find(bytes);
    texts.scan(find, |slot, at| {
        if hits.contains(slot) {
            one(slot, at, texts.get(slot).len());
        }
    });
}

/// A score after one more value was found, at that place of a text of which it may be all.
fn better(score: u8, at: usize, whole: bool) -> u8 {
    let best = if whole {
        WHOLE
    } else if at == 0 {
        BEGINS
    } else {
        INSIDE
    };
    (score - score % FOUND).saturating_add(FOUND) | best.max(score % FOUND)
}

/// What was found so far.
struct Hits<'a> {
    search: &'a Search,
    total: usize,
    /// Hits of each score, in the order of time: no more than the page could need.
    ranked: Vec<Vec<(usize, Slot)>>,
    /// Hits without scores that lie on the page.
    ids: Vec<String>,
}

impl<'a> Hits<'a> {
    const fn new(search: &'a Search) -> Self {
        Self { search, total: 0, ranked: Vec::new(), ids: Vec::new() }
    }

    fn add(&mut self, segment: &Segment, place: usize, found: &Bits, scores: Option<&[u8; SLOTS]>) {
        let count = found.count();
        if count == 0 {
            return;
        }
        let (offset, limit) = (self.search.offset, self.search.limit);
        let before = self.total;
        self.total += count;
        if let Some(scores) = scores {
            for slot in in_order(segment, false).filter(|slot| found.contains(*slot)) {
                let score = scores.get(usize::from(slot)).copied().map_or(0, usize::from);
                if self.ranked.len() <= score {
                    self.ranked.resize(score + 1, Vec::new());
                }
                if let Some(equals) = self.ranked.get_mut(score)
                    && equals.len() < offset + limit
                {
                    equals.push((place, slot));
                }
            }
        } else if self.total > offset && self.ids.len() < limit {
            let oldest = self.search.order == Order::Oldest;
            let hits = in_order(segment, oldest).filter(|slot| found.contains(*slot));
            let page = hits.skip(offset.saturating_sub(before)).take(limit - self.ids.len());
            self.ids.extend(page.map(|slot| segment.id(slot)));
        }
    }

    /// Whether nothing that is to come could change the page.
    fn is_enough(&self) -> bool {
        self.search.order != Order::Match && self.total >= self.search.count_max
    }

    fn page(mut self, segments: &[Arc<Segment>]) -> SearchPage {
        if self.search.order == Order::Match {
            let best = self.ranked.iter().rev().flatten();
            let page = best.skip(self.search.offset).take(self.search.limit);
            let id = |(place, slot): &(usize, Slot)| Some(segments.get(*place)?.id(*slot));
            self.ids = page.filter_map(id).collect();
        }
        SearchPage { ids: self.ids, total: self.total.min(self.search.count_max) }
    }
}

/// The slots of a segment by time, from either end.
fn in_order(segment: &Segment, oldest: bool) -> impl Iterator<Item = Slot> {
    let order = segment.order();
    let count = order.len();
    (0..count)
        .filter_map(move |step| order.get(if oldest { step } else { count - 1 - step }).copied())
}
