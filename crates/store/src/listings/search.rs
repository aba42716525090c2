//! One search over the segments of an index.
//!
//! Segment by segment, from that end of time that is asked for. Words narrow a segment down by sets,
//! beginnings of texts by the order of the texts, numbers are looked at one by one. A search that needs
//! no ranking ends when it has counted what it may count; one that is ranked goes on for what matches
//! better than its page does. So what one search costs is bounded by one look at every record.

use std::sync::Arc;

use queue::listing::{Condition, Field, Order, SearchPage, SearchQuery};

use super::bits::{Bits, SLOTS, Slot};
use super::index::Index;
use super::segment::Segment;
use super::wanted::{Scores, Wanted};

/// A search, made ready for the words of one index.
#[derive(Debug)]
pub(crate) struct Search {
    tests: Vec<Test>,
    wanted: Wanted,
    page: Page,
}

/// Which of the hits are asked for.
#[derive(Clone, Copy, Debug)]
struct Page {
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
    Number(Field, i64, i64),
    At(i64, i64),
}

impl Search {
    /// `times`: when the records of the conditions on ids are listed.
    pub(crate) fn new(query: &SearchQuery, index: &Index, times: &[(String, i64)]) -> Self {
        let mut wanted = Wanted::default();
        let test = |condition: &Condition| match condition {
            Condition::Id(ids) => {
                let known = times.iter().filter(|(id, _)| ids.contains(id));
                Some(Test::Id(known.map(|(id, at)| (*at, id.clone())).collect()))
            }
            Condition::Word(field, words) => {
                let known = words.iter().filter_map(|word| index.words().number(*field, word));
                Some(Test::Word(known.collect()))
            }
            Condition::Prefix(field, prefixes) => Some(Test::Prefix(*field, prefixes.clone())),
            Condition::Contains(fields, texts) => {
                wanted.add(fields, texts);
                None
            }
            Condition::Number(field, from, to) => Some(Test::Number(*field, *from, *to)),
            Condition::At(from, to) => Some(Test::At(*from, *to)),
        };
        let mut tests: Vec<Test> = query.conditions.iter().filter_map(test).collect();
        // the cheap ones first; the parts of texts see what is left
        tests.sort_by_key(|test| match test {
            Test::At(..) => 0,
            Test::Id(_) => 1,
            Test::Word(_) => 2,
            Test::Prefix(..) => 3,
            Test::Number(..) => 4,
        });
        let (offset, limit, count_max) = (query.offset, query.limit, query.count_max);
        Self { tests, wanted, page: Page { order: query.order, offset, limit, count_max } }
    }

    /// Runs it.
    pub(crate) fn run(mut self, segments: &[Arc<Segment>]) -> SearchPage {
        let mut hits = Hits::new(self.page);
        let count = segments.len();
        for step in 0..count {
            let place = if self.page.order == Order::Oldest { step } else { count - 1 - step };
            let Some(segment) = segments.get(place) else { break };
            let found = self.narrowed(segment);
            self.add(&mut hits, segment, place, found);
            if hits.is_enough(&self.wanted) {
                break;
            }
        }
        hits.page(segments)
    }

    /// The slots that meet every condition but those on parts of texts.
    fn narrowed(&self, segment: &Segment) -> Bits {
        let mut hits = segment.alive().clone();
        for test in &self.tests {
            test.meet(segment, &mut hits);
            if hits.is_empty() {
                break;
            }
        }
        hits
    }

    /// Adds what is a hit among these slots.
    fn add(&mut self, hits: &mut Hits, segment: &Segment, place: usize, mut found: Bits) {
        if self.page.order == Order::Match {
            let mut scores: Box<Scores> = Box::new([0; SLOTS]);
            self.wanted.rank(segment, &mut found, &mut scores, hits.floor());
            hits.add_ranked(segment, place, &found, &scores);
        } else {
            self.wanted.meet(segment, &mut found);
            hits.add(segment, &found);
        }
    }
}

impl Test {
    /// Keeps only the slots that meet it.
    fn meet(&self, segment: &Segment, hits: &mut Bits) {
        match self {
            Self::At(from, to) => at(segment, (*from, *to), hits),
            Self::Id(ids) => {
                let found = ids.iter().filter_map(|(at, id)| segment.find(*at, id));
                hits.meet(&found.map(|(_, slot)| slot).collect());
            }
            Self::Word(words) => {
                let mut union = Bits::none();
                let members = words.iter().filter_map(|word| segment.members(*word));
                members.for_each(|members| members.add_to(&mut union));
                hits.meet(&union);
            }
            Self::Number(field, from, to) => hits.retain(|slot| {
                segment.number(*field, slot).is_some_and(|n| (*from..=*to).contains(&n))
            }),
            Self::Prefix(field, prefixes) => match segment.texts(*field) {
                Some(texts) => {
                    let found = prefixes.iter().flat_map(|with| texts.beginning(with.as_bytes()));
                    hits.meet(&found.copied().collect());
                }
                None if prefixes.iter().any(String::is_empty) => {}
                None => *hits = Bits::none(),
            },
        }
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

/// What was found so far.
struct Hits {
    of: Page,
    total: usize,
    /// Hits of each score, in the order of time: no more than the page could need.
    ranked: Vec<Vec<(usize, Slot)>>,
    /// Hits without scores that lie on the page.
    ids: Vec<String>,
}

impl Hits {
    const fn new(of: Page) -> Self {
        Self { of, total: 0, ranked: Vec::new(), ids: Vec::new() }
    }

    /// Adds what was found in the next segment.
    fn add(&mut self, segment: &Segment, found: &Bits) {
        let Page { order, offset, limit, .. } = self.of;
        let before = self.total;
        self.total += found.count();
        if self.total > offset && self.ids.len() < limit {
            let hits =
                in_order(segment, order == Order::Oldest).filter(|slot| found.contains(*slot));
            let page = hits.skip(offset.saturating_sub(before)).take(limit - self.ids.len());
            self.ids.extend(page.map(|slot| segment.id(slot)));
        }
    }

    fn add_ranked(&mut self, segment: &Segment, place: usize, found: &Bits, scores: &Scores) {
        if found.is_empty() {
            return;
        }
        self.total += found.count();
        for slot in in_order(segment, false).filter(|slot| found.contains(*slot)) {
            let score = scores.get(usize::from(slot)).copied().map_or(0, usize::from);
            if self.ranked.len() <= score {
                self.ranked.resize(score + 1, Vec::new());
            }
            if let Some(equals) = self.ranked.get_mut(score)
                && equals.len() < self.of.offset + self.of.limit
            {
                equals.push((place, slot));
            }
        }
    }

    /// The score that a hit must exceed to change the page; none: any hit may, or is to be counted.
    fn floor(&self) -> Option<u8> {
        if self.total < self.of.count_max {
            return None;
        }
        let mut above = 0;
        let is_last = |equals: &Vec<_>| {
            above += equals.len();
            above >= self.of.offset + self.of.limit
        };
        let from_best = self.ranked.iter().rev().position(is_last)?;
        u8::try_from(self.ranked.len() - 1 - from_best).ok()
    }

    /// Whether nothing that is to come could change the page.
    fn is_enough(&self, wanted: &Wanted) -> bool {
        match self.of.order {
            Order::Match => self.floor().is_some_and(|floor| wanted.is_best(floor)),
            Order::Newest | Order::Oldest => self.total >= self.of.count_max,
        }
    }

    fn page(mut self, segments: &[Arc<Segment>]) -> SearchPage {
        if self.of.order == Order::Match {
            let best = self.ranked.iter().rev().flatten();
            let page = best.skip(self.of.offset).take(self.of.limit);
            let id = |(place, slot): &(usize, Slot)| Some(segments.get(*place)?.id(*slot));
            self.ids = page.filter_map(id).collect();
        }
        SearchPage { ids: self.ids, total: self.total.min(self.of.count_max) }
    }
}

/// The slots of a segment by time, from either end.
fn in_order(segment: &Segment, oldest: bool) -> impl Iterator<Item = Slot> {
    let order = segment.order();
    let count = order.len();
    (0..count)
        .filter_map(move |step| order.get(if oldest { step } else { count - 1 - step }).copied())
}
