//! Replays: a new life at the tail for events that have ended, and what is told of them.

use std::time::Duration;

use bytes::Bytes;
use model::{Clock as _, EventId, EventKind, Mode, NewEvent, Seq, Timestamp};
use queue::{
    Attempt, Backend, EventQuery, EventRow, Published, PurgeRequest, Reason, ReplayError,
    ReplayRequest, Resolution, Selection, Settled, State,
};

use crate::harness::{APP, Bed, bodies, event, settlement};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn named(events: &[Published]) -> ReplayRequest {
    let select = Selection::Events(events.iter().map(|event| event.id).collect());
    ReplayRequest { app: APP, select, dry_run: false, limit: 1_000, cursor: None }
}

fn ended(states: Vec<State>) -> ReplayRequest {
    let (kinds, since, until) = (vec![], None, None);
    let select = Selection::Matching { states, kinds, since, until };
    ReplayRequest { app: APP, select, dry_run: false, limit: 1_000, cursor: None }
}

impl Bed {
    async fn replay(&self, request: ReplayRequest) -> u64 {
        let replayed = self.store.replay(request).await.unwrap();
        assert_eq!(replayed.cursor, None);
        replayed.count
    }

    async fn rows(&self) -> Vec<EventRow> {
        let query = EventQuery {
            app: APP,
            states: vec![],
            kinds: vec![],
            file: None,
            since: None,
            until: None,
            limit: 100,
            cursor: None,
        };
        self.store.history(query).await.unwrap().events
    }

    /// Events that were confirmed.
    async fn done(&self, bodies: &[&str]) -> Vec<Published> {
        let published = self.events(bodies.iter().copied()).await;
        let leased = self.pull(bodies.len()).await;
        self.settle(&leased, Resolution::Done).await;
        published
    }

    fn count(&self, sql: &str) -> i64 {
        let db = rusqlite::Connection::open(self.options.dir.join("callboard.db")).unwrap();
        db.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn attempt(status: u16) -> Attempt {
    let (url, error) = ("http://127.0.0.1:1/".to_owned(), format!("status {status}"));
    let (at, body) = (Timestamp(1), Bytes::new());
    Attempt { at, url, status: Some(status), duration_ms: 7, body, error }
}

#[tokio::test]
async fn a_new_life_is_the_same_event_at_the_tail_and_is_told_of_once() {
    let bed = Bed::new().await;
    let first = bed.events(["a", "b"]).await;
    let leased = bed.pull(1).await;
    let mut dead = settlement(&leased[0], Resolution::Dead(Reason::Exhausted));
    dead.attempt = Some(attempt(500));
    bed.store.settle(vec![dead]).await.unwrap();
    bed.hands.pass(5_000);
    assert_eq!(bed.replay(named(&first)).await, 1, "one of them is open");
    assert_eq!(bed.replay(named(&first)).await, 0, "both are open");

    let rows = bed.rows().await;
    let states: Vec<_> = rows.iter().map(|row| (row.id, row.state, row.reason)).collect();
    assert_eq!(states, [(first[1].id, State::Ready, None), (first[0].id, State::Ready, None)]);
    assert_eq!((rows[0].created, rows[1].attempts), (rows[1].created, 0));

    let again = bed.pull(2).await;
    assert_eq!(bodies(&again), ["b", "a"]);
    assert_eq!((again[1].handle.event, again[1].life, again[1].attempts), (first[0].id, 2, 0));
    assert_eq!(again[1].born.0 - rows[1].created.0, 5_000);
    assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Stale]);
    let mut done = settlement(&again[1], Resolution::Done);
    done.attempt = Some(attempt(200));
    assert_eq!(bed.store.settle(vec![done]).await.unwrap(), [Settled::Accepted]);
    let detail = bed.store.event(APP, first[0].id).await.unwrap().unwrap();
    assert_eq!((detail.row.state, detail.row.attempts), (State::Done, 1));
    assert_eq!(detail.attempts, [attempt(500), attempt(200)]);
    assert_eq!(detail.payload, "a");
    // the number of a later life names no event
    let life = EventId { first_seq: Seq(first[1].id.first_seq.0 + 1), ..first[1].id };
    assert_eq!(bed.store.event(APP, life).await.unwrap(), None);
    assert_eq!(bed.rows().await.len(), 2);
}

#[tokio::test]
async fn nobody_wanted_it_then_and_now_it_is_wanted() {
    let bed = Bed::new().await;
    bed.configure(APP, |application| application.config.delete = false).await;
    let ignored = bed.events(["a"]).await;
    assert_eq!(ignored[0].state, State::Ignored);
    assert_eq!(bed.replay(ended(vec![State::Done, State::Dead])).await, 0);
    assert_eq!(bed.replay(ended(vec![State::Ignored])).await, 1);
    assert_eq!(bodies(&bed.pull(1).await), ["a"]);
}

#[tokio::test]
async fn a_push_application_without_an_address_gets_nothing() {
    let bed = Bed::new().await;
    let events = bed.done(&["a"]).await;
    bed.configure(APP, |application| application.config.mode = Mode::Push).await;
    for dry_run in [true, false] {
        let refused = bed.store.replay(ReplayRequest { dry_run, ..named(&events) }).await;
        assert!(matches!(refused, Err(ReplayError::NoAddress)), "{refused:?}");
    }
    let to_a = |application: &mut model::Application| {
        application.config.notification_url = "http://a/".to_owned();
    };
    bed.configure(APP, to_a).await;
    assert_eq!(bed.replay(named(&events)).await, 1);
    assert_eq!(bed.store.runnable(None, 9), [APP]);
}

#[tokio::test]
async fn one_unknown_name_and_nothing_is_replayed() {
    let bed = Bed::new().await;
    let events = bed.done(&["a"]).await;
    for wrong in [
        EventId { origin: events[0].id.origin ^ 1, ..events[0].id },
        EventId { first_seq: Seq(99), ..events[0].id },
    ] {
        let ids = vec![events[0].id, wrong];
        let request = ReplayRequest { select: Selection::Events(ids), ..named(&[]) };
        let refused = bed.store.replay(request).await;
        assert!(
            matches!(refused, Err(ReplayError::UnknownEvent { event, .. }) if event == wrong),
            "{refused:?}"
        );
    }
    assert_eq!(bed.store.load(Some(APP)).ready, 0);
}

#[tokio::test]
async fn pages_reach_every_event_once_and_none_that_came_later() {
    let bed = Bed::new().await;
    let mut times = Vec::new();
    for body in ["a", "b", "c", "d", "e"] {
        times.push(bed.hands.now().wall);
        bed.done(&[body]).await;
        bed.hands.pass(1_000);
    }
    let select = |since: usize, until: Option<usize>| Selection::Matching {
        states: vec![State::Done],
        kinds: vec![EventKind::FileDeleted],
        since: Some(times[since]),
        until: until.map(|until| times[until]),
    };
    let request = |select| ReplayRequest { select, ..ended(vec![]) };
    assert_eq!(bed.replay(request(select(1, Some(3)))).await, 2);
    let leased = bed.pull(9).await;
    assert_eq!(bodies(&leased), ["b", "c"]);
    bed.settle(&leased, Resolution::Done).await;

    let mut page = ReplayRequest { limit: 2, ..request(select(1, None)) };
    let mut order = Vec::new();
    loop {
        let replayed = bed.store.replay(page.clone()).await.unwrap();
        let leased = bed.pull(9).await;
        order.extend(bodies(&leased).into_iter().map(str::to_owned));
        // that they end at once, and others come, does not make the pages go on for ever
        bed.settle(&leased, Resolution::Done).await;
        bed.done(&["later"]).await;
        let Some(cursor) = replayed.cursor else { break };
        page.cursor = Some(cursor);
    }
    assert_eq!(order, ["b", "c", "d", "e"]);
    let lost = ReplayRequest { cursor: Some("7".to_owned()), ..ended(vec![]) };
    assert!(bed.store.replay(lost).await.is_err());
}

#[tokio::test]
async fn a_dry_run_counts_and_does_nothing() {
    let bed = Bed::new().await;
    bed.done(&["a", "b"]).await;
    bed.events(["open"]).await;
    let dry = ReplayRequest { dry_run: true, ..ended(vec![]) };
    assert_eq!(bed.replay(dry).await, 2);
    assert_eq!(bed.store.load(Some(APP)).ready, 1);
}

#[tokio::test]
async fn the_limit_on_open_events_holds() {
    let bed = Bed::with(|options| options.open_per_application = 3).await;
    let events = bed.done(&["a", "b"]).await;
    bed.events(["1", "2"]).await;
    let refused = bed.store.replay(named(&events)).await;
    assert!(matches!(refused, Err(ReplayError::TooManyOpen(APP))), "{refused:?}");
    assert_eq!(bed.replay(named(&events[..1])).await, 1);
}

#[tokio::test]
async fn an_event_key_names_the_event_in_its_latest_life() {
    let bed = Bed::new().await;
    let keyed = || vec![NewEvent { key: Some("k".to_owned()), ..event("a") }];
    let first = bed.publish(keyed()).await.unwrap();
    let leased = bed.pull(1).await;
    bed.settle(&leased, Resolution::Done).await;
    assert_eq!(bed.publish(keyed()).await.unwrap()[0].state, State::Done);
    bed.replay(named(&first)).await;
    let again = bed.publish(keyed()).await.unwrap();
    assert_eq!((again[0].id, again[0].state), (first[0].id, State::Ready));
}

#[tokio::test]
async fn lives_survive_crashes_checkpoints_and_stops() {
    let mut bed = Bed::new().await;
    let events = bed.done(&["a"]).await;
    for life in 2..6 {
        assert_eq!(bed.replay(named(&events)).await, 1);
        bed = match life {
            2 => bed.crash(),
            3 => {
                bed.hands.pass(60_000);
                bed.store.tick().await.unwrap();
                bed.crash()
            }
            4 => bed.restart().await,
            _ => {
                // leased over a graceful stop: the handle goes on
                let held = bed.pull(1).await;
                let bed = bed.restart().await;
                assert_eq!(bed.settle(&held, Resolution::Return).await, [Settled::Accepted]);
                bed
            }
        };
        let leased = bed.pull(1).await;
        assert_eq!((leased[0].handle.event, leased[0].life), (events[0].id, life));
        assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Accepted]);
        bed = bed.crash();
        // the answer was lost with the process
        assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Already]);
    }
    assert_eq!(bed.rows().await.len(), 1);
}

#[tokio::test]
async fn a_new_life_expires_four_days_after_its_own_birth() {
    let bed = Bed::new().await;
    let events = bed.done(&["a"]).await;
    bed.hands.pass(3 * DAY);
    bed.replay(named(&events)).await;
    bed.hands.pass(4 * DAY - 1_000);
    bed.store.tick().await.unwrap();
    assert_eq!(bed.store.load(Some(APP)).ready, 1);
    bed.hands.pass(1_000);
    bed.store.tick().await.unwrap();
    assert_eq!(bed.rows().await[0].reason, Some(Reason::Expired));
}

#[tokio::test]
async fn an_event_goes_with_its_latest_life() {
    let bed = Bed::with(|options| options.durable = false).await;
    let replayed = bed.done(&["again"]).await;
    let many: Vec<_> = (0..1_000).map(|_| event("x")).collect();
    let fill = || async {
        for _ in 0..17 {
            bed.publish(many.clone()).await.unwrap();
        }
        let all = PurgeRequest { app: APP, states: vec![], kinds: vec![] };
        bed.store.purge(all).await.unwrap();
    };
    let upkeep = || async {
        bed.hands.pass(61_000);
        for _ in 0..4 {
            bed.store.tick().await.unwrap();
        }
    };
    fill().await;
    upkeep().await;
    bed.hands.pass(4 * DAY);
    // the second life is in the second block
    assert_eq!(bed.replay(named(&replayed)).await, 1);
    let leased = bed.pull(1).await;
    assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Accepted]);
    fill().await;
    bed.hands.pass(4 * DAY);
    upkeep().await;
    assert_eq!(bed.count("SELECT count(*) FROM entry WHERE seq < 16384"), 0);
    let detail = bed.store.event(APP, replayed[0].id).await.unwrap().unwrap();
    assert_eq!((detail.row.state, &detail.payload[..]), (State::Done, &b"again"[..]));
    assert!(bed.rows().await.len() == 100 && bed.count("SELECT count(*) FROM life") == 1);
    bed.hands.pass(4 * DAY);
    upkeep().await;
    assert_eq!(bed.store.event(APP, replayed[0].id).await.unwrap(), None);
    assert_eq!(bed.count("SELECT count(*) FROM life"), 0);
}

#[tokio::test]
async fn a_later_life_waits_for_the_earlier_ones_to_go() {
    let bed = Bed::with(|options| {
        options.durable = false;
        options.expiry_ms = 90 * DAY;
    })
    .await;
    let events = bed.done(&["again"]).await;
    // keeps the first block
    bed.events(["stuck"]).await;
    let mut request = Bed::request(1);
    request.hold = Duration::from_hours(30 * 24);
    bed.store.lease(request).await.unwrap();
    let many: Vec<_> = (0..1_000).map(|_| event("x")).collect();
    for round in 0..2 {
        for _ in 0..17 {
            bed.publish(many.clone()).await.unwrap();
        }
        let all = PurgeRequest { app: APP, states: vec![State::Ready], kinds: vec![] };
        bed.store.purge(all).await.unwrap();
        if round == 0 {
            bed.replay(named(&events)).await;
            let leased = bed.pull(1).await;
            bed.settle(&leased, Resolution::Dead(Reason::Exhausted)).await;
        }
    }
    bed.hands.pass(8 * DAY);
    for _ in 0..4 {
        bed.store.tick().await.unwrap();
    }
    let row = bed.store.event(APP, events[0].id).await.unwrap().unwrap().row;
    assert_eq!(row.state, State::Dead, "not what its first life was");
}
