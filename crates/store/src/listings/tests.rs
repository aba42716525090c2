//! Random libraries of several segments, searched by the index and by a plain walk over all records.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use queue::listing::{Condition, Field, Listing, Order, SearchPage, SearchQuery, Tally};
use queue::{RecordKey, RecordKind, Steady};

use super::index::{Change, Index, tally};
use super::search::Search;
use super::{Listings, Shelf};
use crate::facts::Fact;
use model::AppId;

type Records = BTreeMap<(i64, String), Listing>;

const WORD: Field = 1;
const RARE: Field = 2;
const NAME: Field = 1;
const NOTE: Field = 2;
const NUMBER: Field = 1;

/// A stream of numbers from a seed: the cases must be large, so they are not drawn one by one.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn signed(&mut self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).unwrap()
    }

    fn text(&mut self) -> String {
        let parts = ["a", "ab", "b", "影", "影片", " ", "xyz"];
        (0..self.below(5)).map(|_| parts[usize::try_from(self.below(7)).unwrap()]).collect()
    }

    fn listing(&mut self) -> Listing {
        let mut words = vec![(WORD, self.below(3).to_string())];
        for _ in 0..self.below(3) {
            words.push((RARE, self.below(4_000).to_string()));
        }
        let mut texts = vec![(NAME, self.text())];
        if self.below(4) == 0 {
            texts.push((NOTE, self.text()));
        }
        let numbers = if self.below(5) == 0 { vec![] } else { vec![(NUMBER, self.signed(50) - 9)] };
        Listing { at: self.signed(2_000), words, texts, numbers }
    }

    fn conditions(&mut self, ids: u64) -> Vec<Condition> {
        let mut all = Vec::new();
        for _ in 0..self.below(4) {
            let from = self.signed(2_100) - 50;
            let number = self.signed(60) - 12;
            let mut values = |text: bool| -> Vec<String> {
                let count = 1 + self.below(3);
                (0..count)
                    .map(|_| if text { self.text() } else { self.below(4_000).to_string() })
                    .collect()
            };
            let (texts, words) = (values(true), values(false));
            let needles: Vec<String> = texts.iter().filter(|t| !t.is_empty()).cloned().collect();
            all.push(match self.below(8) {
                0 => Condition::Id((0..5).map(|_| self.below(ids * 2).to_string()).collect()),
                1 => Condition::Word(WORD, vec![self.below(4).to_string()]),
                2 => Condition::Word(RARE, words),
                3 => Condition::Prefix(NAME, texts),
                4 => Condition::Contains(vec![NAME], needles),
                5 => Condition::Contains(vec![NAME, NOTE], needles),
                6 => Condition::Number(NUMBER, number, number + self.signed(20)),
                _ => Condition::At(from, from + self.signed(900)),
            });
        }
        all
    }
}

fn text(listing: &Listing, field: Field) -> &str {
    listing.texts.iter().find(|(other, _)| *other == field).map_or("", |(_, text)| text)
}

fn meets(id: &str, listing: &Listing, condition: &Condition) -> bool {
    match condition {
        Condition::Id(ids) => ids.iter().any(|other| other == id),
        Condition::Word(field, words) => {
            words.iter().any(|word| listing.words.contains(&(*field, word.clone())))
        }
        Condition::Prefix(field, prefixes) => {
            prefixes.iter().any(|prefix| text(listing, *field).starts_with(prefix.as_str()))
        }
        Condition::Contains(fields, values) => {
            fields.iter().any(|f| values.iter().any(|v| text(listing, *f).contains(v.as_str())))
        }
        Condition::Number(field, from, to) => {
            listing.numbers.iter().any(|(f, n)| f == field && (from..=to).contains(&n))
        }
        Condition::At(from, to) => (*from..=*to).contains(&listing.at),
    }
}

fn score(listing: &Listing, conditions: &[Condition]) -> (usize, usize) {
    let (mut found, mut best) = (0, 0);
    for condition in conditions {
        let Condition::Contains(fields, values) = condition else { continue };
        for (field, value) in fields.iter().flat_map(|f| values.iter().map(move |v| (f, v))) {
            let text = text(listing, *field);
            if text.contains(value.as_str()) {
                found += 1;
                best = best.max(match text {
                    text if text == value => 3,
                    text if text.starts_with(value.as_str()) => 2,
                    _ => 1,
                });
            }
        }
    }
    (found, best)
}

fn walk(records: &Records, query: &SearchQuery) -> SearchPage {
    let mut hits: Vec<(&(i64, String), &Listing)> = records
        .iter()
        .filter(|((_, id), listing)| query.conditions.iter().all(|c| meets(id, listing, c)))
        .collect();
    let total = hits.len().min(query.count_max);
    if query.order != Order::Oldest {
        hits.reverse();
    }
    if query.order == Order::Match {
        hits.sort_by_key(|(_, listing)| std::cmp::Reverse(score(listing, &query.conditions)));
    }
    let page = hits.into_iter().skip(query.offset).take(query.limit);
    SearchPage { ids: page.map(|((_, id), _)| id.clone()).collect(), total }
}

fn searched(index: &Index, records: &Records, query: &SearchQuery) -> SearchPage {
    let times: Vec<_> = records.keys().map(|(at, id)| (id.clone(), *at)).collect();
    Search::new(query, index, &times).run(index.segments())
}

fn pick(dice: &mut Dice, values: &[usize]) -> usize {
    values[usize::try_from(dice.below(3)).unwrap()]
}

fn compare(
    index: &Index,
    records: &Records,
    dice: &mut Dice,
    ids: u64,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(index.len(), records.len());
    for order in [Order::Newest, Order::Oldest, Order::Match] {
        let limit = usize::try_from(dice.below(40)).unwrap();
        let offset = usize::try_from(dice.below(60) * dice.below(60)).unwrap();
        let query = SearchQuery {
            kind: RecordKind::Media,
            app: AppId(1),
            conditions: dice.conditions(ids),
            order,
            offset,
            limit,
            count_max: offset + limit + pick(dice, &[0, 1, 5_000]),
        };
        prop_assert_eq!(searched(index, records, &query), walk(records, &query), "{:?}", query);
    }
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for listing in records.values() {
        for (_, word) in listing.words.iter().filter(|(field, _)| *field == WORD) {
            let new = Tally { word: word.clone(), count: 0, sum: 0 };
            let tally = tallies.entry(word.clone()).or_insert(new);
            tally.count += 1;
            tally.sum += listing.numbers.iter().map(|(_, number)| number).sum::<i64>();
        }
    }
    let found = tally(index.segments(), index.words().of(WORD), NUMBER);
    prop_assert_eq!(found, tallies.into_values().collect::<Vec<_>>());
    for field in [WORD, RARE] {
        let words = records.values().flat_map(|listing| &listing.words);
        let had: BTreeSet<&String> =
            words.filter(|(f, _)| *f == field).map(|(_, word)| word).collect();
        let known = index.words().of(field);
        prop_assert_eq!(known.iter().map(|(word, _)| word).collect::<BTreeSet<_>>(), had);
    }
    Ok(())
}

/// Changes some records, in the index and in the model.
fn change(index: &mut Index, records: &mut Records, dice: &mut Dice, ids: u64) {
    let at: BTreeMap<String, i64> = records.keys().map(|(at, id)| (id.clone(), *at)).collect();
    let mut at = at;
    for _ in 0..dice.below(2_000) {
        let id = dice.below(ids).to_string();
        let was = at.get(&id).copied();
        if let Some(was) = was {
            records.remove(&(was, id.clone()));
        }
        let change = if dice.below(3) == 0 {
            at.remove(&id);
            was.map(|was| Change::Gone { id, was })
        } else {
            let mut listing = dice.listing();
            // most changes leave the time as it is
            listing.at = was.filter(|_| dice.below(5) > 0).unwrap_or(listing.at);
            at.insert(id.clone(), listing.at);
            records.insert((listing.at, id.clone()), listing.clone());
            Some(Change::Put { id, was, listing })
        };
        if let Some(change) = change {
            index.apply(&change);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn an_index_finds_what_a_walk_finds(seed: u64, size in 0_u64..14_000) {
        let mut dice = Dice(seed);
        let mut records = Records::new();
        for id in 0..size {
            let listing = dice.listing();
            records.insert((listing.at, id.to_string()), listing);
        }
        let loaded = records.iter().map(|((_, id), listing)| (id.clone(), listing.clone()));
        let mut index = Index::of(loaded);
        let ids = size * 5 / 4 + 1;
        for _ in 0..4 {
            compare(&index, &records, &mut dice, ids)?;
            change(&mut index, &mut records, &mut dice, ids);
        }
        compare(&index, &records, &mut dice, ids)?;
    }

    /// What is noted while an index is loaded may be in it already, or be older than what it has.
    #[test]
    fn changes_may_be_applied_once_more(seed: u64) {
        let mut dice = Dice(seed);
        let mut index = Index::default();
        let mut records = Records::new();
        let listing = |at, dice: &mut Dice| Listing { at, ..dice.listing() };
        let (first, second) = (listing(1, &mut dice), listing(2, &mut dice));
        let changes = [
            Change::Put { id: "a".to_owned(), was: None, listing: first.clone() },
            Change::Put { id: "a".to_owned(), was: Some(1), listing: second.clone() },
            Change::Put { id: "b".to_owned(), was: None, listing: first.clone() },
            Change::Gone { id: "b".to_owned(), was: 1 },
        ];
        for known in 0..=changes.len() {
            changes.iter().take(known).for_each(|change| index.apply(change));
            for change in &changes {
 index.apply(change);
}
            prop_assert_eq!(index.len(), 1);
        }
        records.insert((2, "a".to_owned()), second);
        compare(&index, &records, &mut dice, 3)?;
        let mut empty = Index::default();
        empty.apply(&Change::Gone { id: "a".to_owned(), was: 2 });
        prop_assert_eq!(empty.len(), 0);
    }
}

fn put_fact(id: &str, was: Option<i64>, listing: Option<Listing>) -> Fact {
    let key = RecordKey { kind: RecordKind::Media, app: AppId(1), id: id.to_owned() };
    let body = bytes::Bytes::new();
    Fact::Put { key, version: 1, body, terms: vec![], was, listing: listing.map(Box::new) }
}

/// What is committed while an index is read from the disk is in it when it is there.
#[test]
fn changes_during_a_load_are_not_lost() {
    let name = (RecordKind::Media, AppId(1));
    let listing = |at| Some(Listing { at, ..Listing::default() });
    let listings = Listings::default();
    listings.apply(&[put_fact("before", None, listing(1))]);
    listings.shelves().insert(name, Shelf::Loading(Vec::new()));
    assert!(listings.look(name, Steady(0), Index::len).is_none());
    let gone = put_fact("b", Some(2), None);
    listings.apply(&[put_fact("a", None, listing(3)), put_fact("c", Some(2), listing(9)), gone]);
    let read = ["b", "c"].map(|id| (id.to_owned(), listing(2).unwrap()));
    listings.finish(name, Index::of(read), Steady(0));
    let query = SearchQuery {
        kind: name.0,
        app: name.1,
        conditions: vec![],
        order: Order::Newest,
        offset: 0,
        limit: 9,
        count_max: 9,
    };
    let run = |index: &Index| Search::new(&query, index, &[]).run(index.segments());
    assert_eq!(listings.look(name, Steady(0), run).unwrap().ids, ["c", "a"]);
    listings.forget(Steady(i64::MAX));
    assert!(listings.look(name, Steady(0), Index::len).is_none());
}
