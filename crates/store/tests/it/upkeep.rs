//! What time brings: expiry, retention, purges, history, full disks.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use model::{EventKind, FileId, Timestamp};
use queue::{
    Attempt, Backend, BackendError, Commit, EventQuery, Load, Observer, PurgeRequest, Resolution,
    Settled, State,
};
use store::Store;
use tokio::time::timeout;

use crate::harness::{APP, Bed, bodies, event, settlement};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn query() -> EventQuery {
    EventQuery {
        app: APP,
        states: vec![],
        kinds: vec![],
        file: None,
        since: None,
        until: None,
        limit: 100,
        cursor: None,
    }
}

#[tokio::test]
async fn what_nobody_settles_expires_after_four_days() {
    let bed = Bed::new().await;
    let published = bed.events(["ready", "delayed", "leased"]).await;
    let leased = bed.pull(2).await;
    bed.settle(&leased[..1], Resolution::Return).await;
    bed.settle(&leased[1..], Resolution::Retry { after_ms: 9 * DAY }).await;
    bed.hands.pass(4 * DAY - 1000);
    let mut request = Bed::request(2);
    request.hold = Duration::from_secs(10);
    let held = bed.store.lease(request).await.unwrap();
    assert_eq!(bodies(&held), ["ready", "leased"]);
    bed.store.tick().await.unwrap();
    bed.hands.pass(1_000);
    bed.store.tick().await.unwrap();
    let load = bed.store.load(Some(APP));
    assert_eq!((load.leased, load.delayed, load.ready), (2, 0, 0));
    bed.hands.pass(9_000);
    assert!(bed.pull(16).await.is_empty(), "expired events are not handed out");
    bed.store.tick().await.unwrap();
    assert_eq!(bed.store.load(Some(APP)), Load::default());
    for event in published {
        let row = bed.store.event(APP, event.id).await.unwrap().unwrap().row;
        assert_eq!((row.state, row.reason.unwrap().name()), (State::Dead, "Expired"));
    }
}

#[tokio::test]
async fn steps_of_the_wall_clock_expire_nothing() {
    let bed = Bed::new().await;
    bed.hands.pass(2 * HOUR);
    bed.events(["1"]).await;
    for step in [400 * DAY, 0] {
        bed.hands.step(i64::try_from(step).unwrap());
        bed.events(["2"]).await;
        bed.hands.step(-2 * i64::try_from(step).unwrap());
        bed.events(["3"]).await;
        bed.store.tick().await.unwrap();
    }
    assert_eq!(bed.store.load(Some(APP)).ready, 5);
    bed.hands.pass(60_000);
    bed.store.tick().await.unwrap();
    // the clock is now far before where the store was last used: it says so and goes on
    let bed = bed.crash();
    let health = bed.store.health();
    assert_eq!((health.notes.len(), health.problems.len()), (1, 0));
    bed.hands.pass(2 * HOUR);
    bed.store.tick().await.unwrap();
    assert_eq!(bodies(&bed.pull(16).await).len(), 5);
}

#[tokio::test]
async fn settled_blocks_leave_after_the_history_and_open_ones_stay() {
    let bed = Bed::with(|options| {
        options.durable = false;
        options.expiry_ms = 90 * DAY;
    })
    .await;
    let stuck = bed.events(["stuck"]).await;
    let held = bed.pull(1).await;
    let many: Vec<_> = (0..1_000).map(|_| event("x")).collect();
    for _ in 0..40 {
        bed.publish(many.clone()).await.unwrap();
        let leased = bed.pull(1_000).await;
        bed.settle(&leased, Resolution::Done).await;
    }
    // 40,001 entries: blocks 0 (with the stuck one) and 1 are full, block 2 is the tail
    bed.hands.pass(8 * DAY);
    for _ in 0..4 {
        bed.store.tick().await.unwrap();
    }
    let db = rusqlite::Connection::open(bed.options.dir.join("callboard.db")).unwrap();
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM entry WHERE seq / 16384 = 1"), 0);
    assert_eq!(count("SELECT count(*) FROM payload WHERE seq / 16384 = 1"), 0);
    assert_eq!(count("SELECT count(*) FROM entry WHERE seq / 16384 = 0"), 16_383);
    assert_eq!(bed.settle(&held, Resolution::Done).await, [Settled::Stale]);
    let again = bed.pull(1).await;
    assert_eq!(again[0].handle.event, stuck[0].id);
    bed.settle(&again, Resolution::Done).await;
    bed.hands.pass(60_000);
    for _ in 0..4 {
        bed.store.tick().await.unwrap();
    }
    assert_eq!(count("SELECT count(*) FROM entry WHERE seq / 16384 = 0"), 0);
    assert_eq!(count("SELECT count(*) FROM block WHERE no < 2"), 0);
    assert_eq!(bed.store.event(APP, stuck[0].id).await.unwrap(), None);
}

#[tokio::test]
async fn a_purge_takes_what_was_named() {
    let bed = Bed::new().await;
    let mut kept = event("kept");
    kept.kind = EventKind::PullComplete;
    bed.publish(vec![event("1"), kept, event("2"), event("3")]).await.unwrap();
    let leased = bed.pull(1).await;
    let request =
        |states: Vec<State>| PurgeRequest { app: APP, states, kinds: vec![EventKind::FileDeleted] };
    assert_eq!(bed.store.purge(request(vec![State::Ready])).await.unwrap(), 2);
    assert_eq!(bed.store.purge(request(vec![State::Delayed])).await.unwrap(), 0);
    assert_eq!(bed.store.purge(request(vec![])).await.unwrap(), 1);
    assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Stale]);
    let bed = bed.crash();
    assert_eq!(bodies(&bed.pull(16).await), ["kept"]);
}

#[tokio::test]
async fn history_is_newest_first_and_filtered() {
    let bed = Bed::new().await;
    let mut filed = event("filed");
    filed.files = vec![FileId(5), FileId(6)];
    bed.publish(vec![event("1"), filed, event("2")]).await.unwrap();
    bed.hands.pass(1_000);
    bed.events(["late"]).await;
    let leased = bed.pull(2).await;
    let mut verdict = settlement(&leased[0], Resolution::Dead(queue::Reason::Exhausted));
    verdict.attempt = Some(Attempt {
        at: Timestamp(1),
        url: "http://127.0.0.1:1/".to_owned(),
        status: Some(500),
        duration_ms: 7,
        body: "oops".into(),
        error: "status 500".to_owned(),
    });
    bed.store.settle(vec![verdict.clone()]).await.unwrap();
    let all = bed.store.history(query()).await.unwrap();
    let states: Vec<State> = all.events.iter().map(|event| event.state).collect();
    assert_eq!(states, [State::Ready, State::Ready, State::Leased, State::Dead]);
    assert_eq!(all.cursor, None);
    let dead = EventQuery { states: vec![State::Dead], ..query() };
    let dead = bed.store.history(dead).await.unwrap().events;
    assert_eq!((dead.len(), dead[0].attempts), (1, 1));
    let by_file = EventQuery { file: Some(FileId(6)), ..query() };
    assert_eq!(bed.store.history(by_file).await.unwrap().events[0].files.len(), 2);
    let since = EventQuery { since: Some(all.events[0].created), ..query() };
    assert_eq!(bed.store.history(since).await.unwrap().events.len(), 1);
    let mut pages = BTreeSet::new();
    let mut page = EventQuery { limit: 1, ..query() };
    loop {
        let found = bed.store.history(page.clone()).await.unwrap();
        pages.extend(found.events.iter().map(|event| event.id.first_seq));
        let Some(cursor) = found.cursor else { break };
        page.cursor = Some(cursor);
    }
    assert_eq!(pages.len(), 4);
    let detail = bed.store.event(APP, dead[0].id).await.unwrap().unwrap();
    assert_eq!(detail.attempts, [verdict.attempt.unwrap()]);
    let bad = EventQuery { cursor: Some("x".to_owned()), ..query() };
    assert!(matches!(bed.store.history(bad).await, Err(BackendError::BadCursor)));
}

#[tokio::test]
async fn what_became_too_old_while_the_store_was_down_can_still_be_had_for_an_hour() {
    let bed = Bed::new().await;
    bed.events(["1", "2"]).await;
    bed.store.close().await.unwrap();
    bed.hands.pass(5 * DAY);
    let bed = bed.crash();
    bed.store.tick().await.unwrap();
    let leased = bed.pull(1).await;
    assert_eq!(bodies(&leased), ["1"]);
    assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Accepted]);
    bed.hands.pass(HOUR);
    assert!(bed.pull(16).await.is_empty());
    bed.store.tick().await.unwrap();
    assert_eq!(bed.store.load(Some(APP)), Load::default());
}

/// States another event for each that was given up, before whoever gave it up hears of that.
#[derive(Debug, Default)]
struct Publisher(OnceLock<Weak<Store>>);

impl Observer for Publisher {
    fn event(&self, _kind: EventKind, state: State) {
        let store = self.0.get().and_then(Weak::upgrade).filter(|_| state == State::Dead);
        if let Some(store) = store {
            let commit = Commit { events: vec![event("again")], ..Commit::default() };
            let mut sent = store.commit(commit);
            assert!(sent.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }
}

#[tokio::test]
async fn a_purge_ends_though_events_keep_coming() {
    let bed = Bed::new().await;
    bed.events(["1", "2"]).await;
    bed.store.close().await.unwrap();
    let (options, hands) = (bed.options.clone(), bed.hands.clone());
    drop(Arc::into_inner(bed.store).expect("nobody else holds it"));
    let publisher = Arc::new(Publisher::default());
    let store = Store::open(&options, hands, publisher.clone()).unwrap();
    publisher.0.set(Arc::downgrade(&store)).unwrap();
    let request = PurgeRequest { app: APP, states: vec![], kinds: vec![] };
    let purged = timeout(Duration::from_secs(6), store.purge(request)).await;
    assert_eq!(purged.expect("it goes on and on").unwrap(), 2);
}
