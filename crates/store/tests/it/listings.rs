//! Searching what is listed: across restarts, beside commits, and whoever's it is.

use model::AppId;
use queue::listing::Condition;
use queue::{
    Backend, Commit, Listing, Order, RecordKey, RecordKind, RecordPut, SearchPage, SearchQuery,
    TallyQuery,
};
use tokio::task::JoinSet;

use crate::harness::{APP, Bed};

fn key(app: AppId, id: &str) -> RecordKey {
    RecordKey { kind: RecordKind::Media, app, id: id.to_owned() }
}

fn listed(id: &str, at: i64, name: &str) -> RecordPut {
    let listing = Listing {
        at,
        words: vec![(1, "w".to_owned())],
        texts: vec![(1, name.to_owned())],
        numbers: vec![(1, at)],
    };
    let body = "{}".into();
    RecordPut { key: key(APP, id), body, terms: vec![], listing: Some(listing) }
}

fn put(puts: Vec<RecordPut>) -> Commit {
    Commit { put: puts, ..Commit::default() }
}

fn query(conditions: Vec<Condition>) -> SearchQuery {
    SearchQuery {
        kind: RecordKind::Media,
        app: APP,
        conditions,
        order: Order::Newest,
        offset: 0,
        limit: 10,
        count_max: 5_000,
    }
}

async fn search(bed: &Bed, conditions: Vec<Condition>) -> SearchPage {
    bed.store.search(query(conditions)).await.unwrap()
}

fn containing(text: &str) -> Vec<Condition> {
    vec![Condition::Contains(vec![1], vec![text.to_owned()])]
}

#[tokio::test]
async fn a_search_sees_every_commit_before_it() {
    let bed = Bed::new().await;
    assert_eq!(search(&bed, vec![]).await, SearchPage::default());
    bed.store.commit(put(vec![listed("1", 1, "first"), listed("2", 2, "second")])).await.unwrap();
    assert_eq!(search(&bed, vec![]).await.ids, ["2", "1"]);
    assert_eq!(search(&bed, containing("irs")).await.ids, ["1"]);
    bed.store.commit(put(vec![listed("1", 1, "changed")])).await.unwrap();
    assert_eq!(search(&bed, containing("irs")).await.total, 0);
    assert_eq!(search(&bed, containing("chan")).await.ids, ["1"]);
    bed.store.commit(put(vec![listed("1", 3, "moved")])).await.unwrap();
    assert_eq!(search(&bed, vec![]).await.ids, ["1", "2"]);
    let by_id = |ids: &[&str]| vec![Condition::Id(ids.iter().map(|&id| id.to_owned()).collect())];
    assert_eq!(search(&bed, by_id(&["1", "9"])).await.ids, ["1"]);
    let unlisted = RecordPut { listing: None, ..listed("2", 0, "") };
    bed.store.commit(put(vec![unlisted])).await.unwrap();
    assert_eq!(search(&bed, vec![]).await.ids, ["1"]);
    let delete = Commit { delete: vec![key(APP, "1"), key(APP, "1")], ..Commit::default() };
    bed.store.commit(delete).await.unwrap();
    assert_eq!(search(&bed, vec![]).await, SearchPage::default());
}

#[tokio::test]
async fn what_is_listed_outlives_a_crash_and_the_memory() {
    let bed = Bed::new().await;
    let all: Vec<_> = (0..500).map(|n| listed(&n.to_string(), n % 50, &format!("n{n}"))).collect();
    bed.store.commit(put(all)).await.unwrap();
    let delete = Commit { delete: vec![key(APP, "7")], ..Commit::default() };
    bed.store.commit(delete).await.unwrap();
    let refused =
        Commit { expect: vec![(key(APP, "8"), None)], ..put(vec![listed("999", 1, "x")]) };
    bed.store.commit(refused).await.unwrap_err();
    let before = search(&bed, containing("n4")).await;
    assert_eq!(before.total, 111);
    let bed = bed.crash();
    assert_eq!(search(&bed, containing("n4")).await, before);
    bed.hands.pass(31 * 60 * 1000);
    bed.store.tick().await.unwrap();
    assert_eq!(search(&bed, containing("n4")).await, before);
    let tally = TallyQuery { kind: RecordKind::Media, app: APP, by: 1, sum: 1 };
    let tallies = bed.store.tally(tally).await.unwrap();
    let sum = (0..500).filter(|n| *n != 7).map(|n| n % 50).sum::<i64>();
    assert_eq!((tallies.len(), tallies[0].count, tallies[0].sum), (1, 499, sum));
    let other = SearchQuery { app: AppId(2), ..query(vec![]) };
    assert_eq!(bed.store.search(other).await.unwrap(), SearchPage::default());
}

/// An index that is loaded while commits go on misses none of them.
#[tokio::test(flavor = "multi_thread")]
async fn loading_and_committing_do_not_pass_each_other() {
    let bed = Bed::new().await;
    let all: Vec<_> = (0..2_000).map(|n| listed(&n.to_string(), n, "old")).collect();
    bed.store.commit(put(all)).await.unwrap();
    let bed = bed.restart().await;
    let mut callers = JoinSet::new();
    for caller in 0..8_i64 {
        let store = bed.store.clone();
        callers.spawn(async move {
            for n in 0..20 {
                let id = (caller * 20 + n).to_string();
                store.commit(put(vec![listed(&id, caller * 20 + n, "new")])).await.unwrap();
                let one = vec![
                    Condition::Id(vec![id.clone()]),
                    Condition::Contains(vec![1], vec!["new".to_owned()]),
                ];
                assert_eq!(store.search(query(one)).await.unwrap().ids, [id]);
            }
        });
    }
    callers.join_all().await;
    assert_eq!(search(&bed, containing("new")).await.total, 160);
    assert_eq!(search(&bed, containing("old")).await.total, 1_840);
}
