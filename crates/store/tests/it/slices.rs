//! Pages of a history of several blocks: the same answers from what is not in a slice yet, from
//! slices, and of entries that are settled, replayed and dropped after their block has one.

use std::collections::{BTreeMap, BTreeSet};

use model::{AppId, EventKind, FileId, NewEvent, Seq, Timestamp};
use queue::{
    Backend, EventQuery, EventRow, Published, ReplayRequest, Resolution, Selection, State,
};
use store::Store;

use crate::harness::{APP, Bed, bodies, event, settlement};

const DAY: u64 = 24 * 3_600_000;
/// Every so many events one is of this application.
const RARE: AppId = AppId(77);
const RARE_EVERY: usize = 997;
/// More than two blocks, so that two are full.
const EVENTS: usize = 33_500;

/// What is asked of a history; the events that it has to answer are worked out by hand.
struct Question {
    app: AppId,
    states: Vec<State>,
    kinds: Vec<EventKind>,
    file: Option<FileId>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

fn questions(middle: Timestamp) -> Vec<Question> {
    let all =
        |app| Question { app, states: vec![], kinds: vec![], file: None, since: None, until: None };
    vec![
        all(APP),
        all(RARE),
        all(AppId(78)),
        Question { states: vec![State::Dead], ..all(APP) },
        Question { states: vec![State::Ready, State::Delayed], ..all(APP) },
        Question { states: vec![State::Leased], ..all(APP) },
        Question { kinds: vec![EventKind::PullComplete], ..all(APP) },
        Question { kinds: vec![EventKind::PullComplete], states: vec![State::Done], ..all(RARE) },
        Question { file: Some(FileId(4_242)), ..all(APP) },
        Question { file: Some(FileId(4_242)), ..all(RARE) },
        Question { file: Some(FileId(1)), ..all(APP) },
        Question { since: Some(middle), ..all(RARE) },
        Question { until: Some(middle), states: vec![State::Dead], ..all(APP) },
        Question { since: Some(middle), until: Some(Timestamp(middle.0 + 1_000)), ..all(RARE) },
    ]
}

async fn answer(store: &Store, question: &Question) -> Vec<EventRow> {
    let mut query = EventQuery {
        app: question.app,
        states: question.states.clone(),
        kinds: question.kinds.clone(),
        file: question.file,
        since: question.since,
        until: question.until,
        limit: 100,
        cursor: None,
    };
    let mut rows = Vec::new();
    loop {
        let page = store.history(query.clone()).await.unwrap();
        assert!(page.events.len() <= 100);
        rows.extend(page.events);
        query.cursor = page.cursor;
        if query.cursor.is_none() {
            return rows;
        }
    }
}

/// What is known of an event.
#[derive(Clone, Copy, Debug)]
struct Told {
    app: AppId,
    kind: EventKind,
    file: FileId,
    at: Timestamp,
    state: State,
}

type History = BTreeMap<Seq, Told>;

fn expected(history: &History, question: &Question) -> Vec<(Seq, State)> {
    let mut rows = Vec::new();
    for (seq, told) in history.iter().rev() {
        let wanted = told.app == question.app
            && (question.states.is_empty() || question.states.contains(&told.state))
            && (question.kinds.is_empty() || question.kinds.contains(&told.kind))
            && question.file.is_none_or(|file| file == told.file)
            && question.since.is_none_or(|since| told.at >= since)
            && question.until.is_none_or(|until| told.at < until);
        if wanted {
            rows.push((*seq, told.state));
        }
    }
    rows
}

async fn check(store: &Store, history: &History, middle: Timestamp, when: &str) {
    for (number, question) in questions(middle).iter().enumerate() {
        let rows = answer(store, question).await;
        let rows: Vec<_> = rows.iter().map(|row| (row.id.first_seq, row.state)).collect();
        let expected = expected(history, question);
        assert_eq!(rows.len(), expected.len(), "question {number}, {when}");
        assert_eq!(rows, expected, "question {number}, {when}");
    }
}

/// What is in the log, and what is known of it.
struct Filled {
    bed: Bed,
    history: History,
    middle: Timestamp,
}

fn new(number: usize) -> NewEvent {
    let app = if number % RARE_EVERY == 5 { RARE } else { APP };
    let kind = if number % 7 < 2 { EventKind::PullComplete } else { EventKind::FileDeleted };
    let file = FileId(4_000 + u64::try_from(number % 5_000).unwrap());
    NewEvent { app, kind, files: vec![file], ..event("{}") }
}

/// Fills more than two blocks; most events are confirmed, some die, some are held, some wait.
async fn fill() -> Filled {
    let bed = Bed::with(|options| {
        options.durable = false;
        options.expiry_ms = 90 * DAY;
    })
    .await;
    bed.configure(RARE, |_| {}).await;
    let mut history = History::new();
    let mut middle = Timestamp(0);
    for first in (0..EVENTS).step_by(500) {
        let events: Vec<NewEvent> = (first..first + 500).map(new).collect();
        let published = bed.publish(events.clone()).await.unwrap();
        let at = Timestamp(model::Clock::now(&*bed.hands).wall.0);
        for (event, published) in events.iter().zip(&published) {
            let NewEvent { app, kind, .. } = *event;
            let told = Told { app, kind, file: event.files[0], at, state: State::Ready };
            history.insert(published.id.first_seq, told);
        }
        settle(&bed, &mut history).await;
        if first == EVENTS / 1_000 * 500 {
            middle = at;
        }
        bed.hands.pass(100);
    }
    Filled { bed, history, middle }
}

/// Confirms what waits of the first application, but for one in 400 that dies, and one in 3,000 that
/// is put off.
async fn settle(bed: &Bed, history: &mut History) {
    let leased = bed.pull(500).await;
    let mut settlements = Vec::new();
    for leased in &leased {
        let seq = leased.handle.event.first_seq;
        let (resolution, state) = match seq.0 {
            seq if seq % 3_000 == 7 => (Resolution::Retry { after_ms: 80 * DAY }, State::Delayed),
            seq if seq % 400 == 7 => (Resolution::Dead(queue::Reason::Exhausted), State::Dead),
            _ => (Resolution::Done, State::Done),
        };
        settlements.push(settlement(leased, resolution));
        history.get_mut(&seq).unwrap().state = state;
    }
    bed.store.settle(settlements).await.unwrap();
}

fn slices(bed: &Bed) -> i64 {
    let db = rusqlite::Connection::open(bed.options.dir.join("callboard.db")).unwrap();
    db.query_row("SELECT count(*) FROM slice", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn slices_answer_as_the_entries_do() {
    let Filled { bed, mut history, middle } = fill().await;
    assert_eq!(slices(&bed), 0);
    check(&bed.store, &history, middle, "before there are slices").await;
    let bed = bed.crash();
    check(&bed.store, &history, middle, "after a crash").await;
    bed.store.tick().await.unwrap();
    assert_eq!(slices(&bed), 2);
    check(&bed.store, &history, middle, "with slices").await;
    // checkpoints let settled blocks leave the memory: now their marks are read from disk
    bed.hands.pass(120_000);
    bed.store.tick().await.unwrap();
    let bed = bed.restart().await;
    check(&bed.store, &history, middle, "after a restart").await;
    settle_what_waits(&bed, &mut history).await;
    check(&bed.store, &history, middle, "old entries have settled since").await;
    replay_the_dead(&bed, &mut history).await;
    check(&bed.store, &history, middle, "with later lives").await;
    let bed = bed.crash();
    check(&bed.store, &history, middle, "with later lives, after a crash").await;
}

/// Confirms the events that were put off.
async fn settle_what_waits(bed: &Bed, history: &mut History) {
    bed.hands.pass(81 * DAY);
    let leased = bed.pull(500).await;
    assert!(leased.len() > 5, "{} were put off", leased.len());
    for leased in &leased {
        history.get_mut(&leased.handle.event.first_seq).unwrap().state = State::Done;
    }
    bed.settle(&leased, Resolution::Done).await;
}

/// Replays what is dead; one life is confirmed, the others wait.
async fn replay_the_dead(bed: &Bed, history: &mut History) {
    let states = vec![State::Dead];
    let (kinds, since, until) = (vec![], None, None);
    let select = Selection::Matching { states, kinds, since, until };
    let mut request =
        ReplayRequest { app: APP, select, dry_run: false, limit: 1_000, cursor: None };
    let mut count = 0;
    loop {
        let replayed = bed.store.replay(request.clone()).await.unwrap();
        count += replayed.count;
        request.cursor = replayed.cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    let dead = history.values_mut().filter(|told| told.app == APP && told.state == State::Dead);
    let dead: Vec<&mut Told> = dead.collect();
    assert_eq!(usize::try_from(count).unwrap(), dead.len());
    for told in dead {
        told.state = State::Ready;
    }
    let leased = bed.pull(1).await;
    bed.settle(&leased, Resolution::Done).await;
    history.get_mut(&leased[0].handle.event.first_seq).unwrap().state = State::Done;
}

#[tokio::test]
async fn what_retention_drops_leaves_the_pages_and_the_slices() {
    let Filled { bed, mut history, middle } = fill().await;
    bed.store.tick().await.unwrap();
    bed.hands.pass(100 * DAY);
    for _ in 0..200 {
        bed.store.tick().await.unwrap();
        let first = bed.store.load(None);
        if first.ready + first.delayed == 0 && slices(&bed) == 0 {
            break;
        }
    }
    assert_eq!(slices(&bed), 0, "both full blocks are dropped");
    let kept = 16_384 * 2;
    history = history.split_off(&Seq(kept));
    for told in
        history.values_mut().filter(|told| matches!(told.state, State::Ready | State::Delayed))
    {
        told.state = State::Dead;
    }
    check(&bed.store, &history, middle, "after retention").await;
    let db = rusqlite::Connection::open(bed.options.dir.join("callboard.db")).unwrap();
    let left: BTreeSet<i64> = ["entry", "payload", "slice_part", "slice_file", "life", "attempt"]
        .iter()
        .filter(|table| !["entry", "payload"].contains(table))
        .map(|table| {
            db.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0)).unwrap()
        })
        .collect();
    assert_eq!(left, BTreeSet::from([0]));
}

#[tokio::test]
async fn a_gap_in_the_numbers_costs_nothing() {
    let bed = Bed::new().await;
    let old: Vec<Published> = bed.events(["1", "2"]).await;
    let copy = tempfile::tempdir().unwrap();
    store::backup(&bed.options.dir, &copy.path().join("callboard.db")).unwrap();
    let mut options = bed.options.clone();
    options.dir = copy.path().to_owned();
    let restored = Store::open(&options, bed.hands.clone(), std::sync::Arc::new(queue::Silent));
    let restored = Bed::over(restored.unwrap());
    restored.events(["3"]).await;
    let query = |limit| EventQuery {
        app: APP,
        states: vec![],
        kinds: vec![],
        file: None,
        since: None,
        until: None,
        limit,
        cursor: None,
    };
    for _ in 0..2 {
        let page = restored.store.history(query(100)).await.unwrap();
        assert_eq!(
            (page.events.len(), page.cursor),
            (3, None),
            "before and after the old block is full"
        );
        assert_eq!(page.events[1].id, old[1].id);
        restored.store.tick().await.unwrap();
    }
    let all = restored.pull(16).await;
    assert_eq!(bodies(&all), ["1", "2", "3"]);
    restored.settle(&all, Resolution::Done).await;
    let (kinds, since, until) = (vec![], None, None);
    let select = Selection::Matching { states: vec![State::Done], kinds, since, until };
    let request = ReplayRequest { app: APP, select, dry_run: true, limit: 1_000, cursor: None };
    let replayed = restored.store.replay(request).await.unwrap();
    assert_eq!((replayed.count, replayed.cursor), (3, None));
}
