//! Commits: all or nothing, and once.

use model::{AppId, ApplicationStatus};
use queue::{
    Backend, Commit, CommitError, DueQuery, Load, RecordKey, RecordKind, RecordPut, RecordQuery,
    Settled, State, Term,
};

use crate::harness::{APP, Bed, event};

fn key(id: &str) -> RecordKey {
    RecordKey { kind: RecordKind::Media, app: APP, id: id.to_owned() }
}

fn put(id: &str, body: &'static str, terms: Vec<Term>) -> RecordPut {
    RecordPut { key: key(id), body: body.into(), terms, listing: None }
}

#[tokio::test]
async fn a_refused_commit_changes_nothing() {
    let bed = Bed::new().await;
    let first = Commit { put: vec![put("1", "a", vec![])], ..Commit::default() };
    bed.store.commit(first).await.unwrap();
    let stale = Commit {
        expect: vec![(key("2"), None), (key("1"), Some(7))],
        vacant: vec![],
        put: vec![put("2", "b", vec![])],
        delete: vec![key("1")],
        events: vec![event("x")],
        garbage: vec!["object".to_owned()],
        swept: vec![],
    };
    let refused = bed.store.commit(stale).await;
    assert!(matches!(refused, Err(CommitError::Conflict(conflict)) if conflict == key("1")));
    let found = bed.store.get(vec![key("1"), key("2")]).await.unwrap();
    assert_eq!(found[0].as_ref().map(|record| record.version), Some(1));
    assert_eq!(found[1], None);
    assert_eq!(bed.store.load(None), Load::default());
    assert!(bed.store.garbage(None, 9).await.unwrap().is_empty());
}

/// Of one who uses a thing and one who removes it if nobody does, one is too late.
#[tokio::test]
async fn a_term_that_none_may_have_refuses_the_commit() {
    let bed = Bed::new().await;
    let used = Term { name: "class", value: "7".to_owned() };
    let put = |id: &str, terms| Commit { put: vec![put(id, "x", terms)], ..Commit::default() };
    let vacant = |kind, app, term: &Term| Commit {
        vacant: vec![(kind, app, term.clone())],
        delete: vec![key("thing")],
        ..Commit::default()
    };
    bed.store.commit(put("thing", vec![])).await.unwrap();
    let (filed, removed) = tokio::join!(
        bed.store.commit(put("user", vec![used.clone()])),
        bed.store.commit(vacant(RecordKind::Media, APP, &used)),
    );
    filed.unwrap();
    assert!(matches!(removed, Err(CommitError::Conflict(conflict)) if conflict == key("user")));
    assert!(bed.store.get(vec![key("thing")]).await.unwrap()[0].is_some());
    let other = Term { value: "8".to_owned(), ..used.clone() };
    bed.store.commit(vacant(RecordKind::Media, APP, &other)).await.unwrap();
    bed.store.commit(vacant(RecordKind::Object, APP, &used)).await.unwrap();
    bed.store.commit(vacant(RecordKind::Media, AppId(2), &used)).await.unwrap();
    bed.store.commit(put("user", vec![])).await.unwrap();
    bed.store.commit(vacant(RecordKind::Media, APP, &used)).await.unwrap();
    assert!(bed.store.get(vec![key("thing")]).await.unwrap()[0].is_none());
}

#[tokio::test]
async fn records_and_events_stand_together() {
    let bed = Bed::new().await;
    let commit = Commit {
        expect: vec![(key("1"), None)],
        put: vec![put("1", "a", vec![])],
        events: vec![event("x")],
        garbage: vec!["object".to_owned()],
        ..Commit::default()
    };
    bed.store.commit(commit.clone()).await.unwrap();
    assert!(matches!(bed.store.commit(commit).await, Err(CommitError::Conflict(_))));
    let bed = bed.crash();
    assert_eq!(bed.store.load(None).ready, 1);
    assert_eq!(bed.store.garbage(None, 9).await.unwrap(), ["object"]);
    let swept = Commit { swept: vec!["object".to_owned()], ..Commit::default() };
    bed.store.commit(swept).await.unwrap();
    assert!(bed.store.garbage(None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn records_are_found_by_their_present_terms() {
    let bed = Bed::new().await;
    let term = |value: &str| Term { name: "class", value: value.to_owned() };
    for id in ["a", "b", "c"] {
        let commit = Commit { put: vec![put(id, "x", vec![term("1")])], ..Commit::default() };
        bed.store.commit(commit).await.unwrap();
    }
    let moved = Commit { put: vec![put("b", "y", vec![term("2")])], ..Commit::default() };
    bed.store.commit(moved).await.unwrap();
    let query = RecordQuery {
        kind: RecordKind::Media,
        app: Some(APP),
        term: Some(term("1")),
        after: None,
        limit: 1,
    };
    let first = bed.store.find(query.clone()).await.unwrap();
    assert_eq!((first.records[0].key.id.as_str(), first.more), ("a", true));
    let after = Some(first.records[0].key.clone());
    let second = bed.store.find(RecordQuery { after, ..query.clone() }).await.unwrap();
    assert_eq!((second.records[0].key.id.as_str(), second.more), ("c", false));
    let all = RecordQuery { term: None, app: None, limit: 10, ..query };
    let all = bed.store.find(all).await.unwrap();
    assert_eq!(all.records.len(), 3);
    assert_eq!(all.records[1].version, 2);
}

#[tokio::test]
async fn what_is_due_comes_in_the_order_of_its_terms_page_by_page() {
    let bed = Bed::new().await;
    let term = |name, value: &str| Term { name, value: value.to_owned() };
    let rows = [("d", "03"), ("a", "02"), ("b", "01"), ("c", "02"), ("later", "04"), ("e", "030")];
    for (id, value) in rows {
        let terms = vec![term("expire", value), term("other", "00")];
        bed.store
            .commit(Commit { put: vec![put(id, value, terms)], ..Commit::default() })
            .await
            .unwrap();
    }
    let elsewhere = RecordKey { app: AppId(2), ..key("a") };
    let put_elsewhere =
        RecordPut { key: elsewhere.clone(), ..put("a", "x", vec![term("expire", "02")]) };
    let moved = put("later", "moved", vec![term("expire", "05")]);
    let commit = Commit { put: vec![put_elsewhere, moved], ..Commit::default() };
    bed.store.commit(commit).await.unwrap();
    let mut query = DueQuery {
        kind: RecordKind::Media,
        term: "expire",
        upto: "04".to_owned(),
        after: None,
        limit: 2,
    };
    let mut found = Vec::new();
    loop {
        let page = bed.store.due(query.clone()).await.unwrap();
        let is_last = page.len() < query.limit;
        query.after = page.last().map(|(value, record)| (value.clone(), record.key.clone()));
        found.extend(page);
        if is_last {
            break;
        }
    }
    let shown: Vec<(&str, u64, &str)> =
        found.iter().map(|(value, r)| (value.as_str(), r.key.app.0, r.key.id.as_str())).collect();
    let (one, two) = (APP.0, 2);
    let mut expected = vec![
        ("01", one, "b"),
        ("02", one, "a"),
        ("02", one, "c"),
        ("02", two, "a"),
        ("03", one, "d"),
        ("030", one, "e"),
    ];
    expected.sort_unstable();
    assert_eq!(shown, expected);
    let none = DueQuery { kind: RecordKind::Task, after: None, ..query };
    assert!(bed.store.due(none).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_event_key_names_one_event_for_a_day() {
    let bed = Bed::new().await;
    let keyed = |body: &str| {
        let mut event = event(body);
        event.key = Some("order-17".to_owned());
        event
    };
    let first = bed.publish(vec![keyed("a"), keyed("a")]).await.unwrap();
    assert_eq!(first[0].id, first[1].id);
    let again = bed.publish(vec![event("b"), keyed("a")]).await.unwrap();
    assert_eq!(again[1].id, first[0].id);
    assert_eq!(again[1].state, State::Ready);
    let other = bed.publish(vec![event("c"), keyed("z")]).await;
    assert!(matches!(other, Err(CommitError::EventKeyReused(1))));
    assert_eq!(bed.store.load(None).ready, 2);
    bed.hands.pass(24 * 3600 * 1000);
    let next_day = bed.publish(vec![keyed("z")]).await.unwrap();
    assert_ne!(next_day[0].id, first[0].id);
}

#[tokio::test]
async fn a_key_that_comes_back_every_day_keeps_no_others() {
    let bed = Bed::new().await;
    let keyed = |key: &str| {
        let mut event = event("x");
        event.key = Some(key.to_owned());
        event
    };
    bed.publish(vec![keyed("daily"), keyed("once")]).await.unwrap();
    bed.hands.pass(24 * 3600 * 1000);
    bed.publish(vec![keyed("daily")]).await.unwrap();
    bed.store.tick().await.unwrap();
    let db = rusqlite::Connection::open(bed.options.dir.join("callboard.db")).unwrap();
    let left = db.query_row("SELECT count(*) FROM dedupe", [], |row| row.get::<_, i64>(0));
    assert_eq!(left.unwrap(), 1);
}

#[tokio::test]
async fn unknown_and_destroyed_applications_take_nothing() {
    let bed = Bed::new().await;
    let mut stray = event("x");
    stray.app = AppId(77);
    let refused = bed.publish(vec![event("y"), stray]).await;
    assert!(matches!(refused, Err(CommitError::UnknownApplication(AppId(77)))));
    bed.events(["1", "2"]).await;
    let leased = bed.pull(1).await;
    bed.configure(APP, |app| app.status = ApplicationStatus::Destroyed).await;
    assert_eq!(bed.store.load(None), Load::default());
    let detail = bed.store.event(APP, leased[0].handle.event).await.unwrap().unwrap();
    assert_eq!(
        (detail.row.state, detail.row.reason.unwrap().name()),
        (State::Dead, "ApplicationDestroyed")
    );
    assert!(bed.publish(vec![event("3")]).await.is_err());
}

#[tokio::test]
async fn a_large_destroyed_application_is_buried_piece_by_piece() {
    let bed = Bed::with(|options| options.durable = false).await;
    bed.publish((0..25_000).map(|_| event("x")).collect()).await.unwrap();
    let leased = bed.pull(2).await;
    bed.configure(APP, |app| app.status = ApplicationStatus::Destroyed).await;
    let left = bed.store.load(None);
    assert!(left.ready > 10_000, "nobody waits for all of it: {left:?}");
    // what is left is as good as gone
    assert_eq!(bed.settle(&leased, queue::Resolution::Done).await, [Settled::Stale; 2]);
    assert!(bed.try_pull(1).await.is_err());
    let bed = bed.crash();
    for _ in 0..3 {
        bed.store.tick().await.unwrap();
    }
    assert_eq!(bed.store.load(None), Load::default());
    let row = bed.store.event(APP, leased[0].handle.event).await.unwrap().unwrap().row;
    assert_eq!((row.state, row.reason), (State::Dead, Some(queue::Reason::Destroyed)));
}

#[tokio::test]
async fn limits_on_open_events_hold_and_free_up() {
    let bed = Bed::with(|options| options.open_per_application = 2).await;
    bed.events(["1"]).await;
    let refused = bed.publish(vec![event("2"), event("3")]).await;
    assert!(matches!(refused, Err(CommitError::TooManyOpen(APP))));
    bed.events(["2"]).await;
    assert!(bed.publish(vec![event("3")]).await.is_err());
    let leased = bed.pull(1).await;
    bed.settle(&leased, queue::Resolution::Done).await;
    bed.events(["3"]).await;
}

#[tokio::test]
async fn the_limit_in_all_counts_every_application_of_a_commit() {
    let bed = Bed::with(|options| options.open_total = 3).await;
    bed.configure(AppId(2), |_| {}).await;
    let mut theirs = event("theirs");
    theirs.app = AppId(2);
    let mixed = vec![event("1"), event("2"), theirs.clone(), theirs.clone()];
    assert!(matches!(bed.publish(mixed).await, Err(CommitError::TooManyOpen(_))));
    bed.publish(vec![event("1"), event("2"), theirs]).await.unwrap();
}

#[tokio::test]
async fn garbage_comes_in_pages() {
    let bed = Bed::new().await;
    let garbage: Vec<String> = (0..7).map(|n| format!("a/{n}")).collect();
    bed.store.commit(Commit { garbage: garbage.clone(), ..Commit::default() }).await.unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = bed.store.garbage(after, 3).await.unwrap();
        after = page.last().cloned();
        let last = page.len() < 3;
        // what is swept meanwhile moves nothing
        bed.store.commit(Commit { swept: page.clone(), ..Commit::default() }).await.unwrap();
        found.extend(page);
        if last {
            break;
        }
    }
    assert_eq!(found, garbage);
    assert!(bed.store.garbage(None, 3).await.unwrap().is_empty());
}
