//! What a long history costs: pages of it, and the hot path beside it.
//!
//! `cargo bench -p store --bench history`; `-- 1000000` for another number of events than 5,000,000.
//! The directory is `CALLBOARD_BENCH_DIR` or `/tmp`; it takes 2 KB an event. Cycles (append, pull,
//! confirm) are timed in turns, on the long history and on an empty one, in one run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and prints what it found"
)]

mod bed;
#[path = "bed/cycles.rs"]
mod cycles;
#[path = "bed/times.rs"]
mod times;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{AppId, EventId, EventKind, FileId, NewEvent, Seq, Timestamp};
use queue::{
    Attempt, Backend, Commit, EventQuery, Leased, Reason, ReplayRequest, Resolution, Selection,
    Settlement, State,
};
use store::Store;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::bed::{APP, PAYLOAD, directory, event, open, pull, register};
use crate::cycles::store_cycles;
use crate::times::Times;

const EVENTS: u64 = 5_000_000;
const BATCH: u64 = 1_000;
/// One event in so many is of the rare application; as many are DEAD, or of the rare kind.
const ONE_IN: u64 = 10_000;
const RARE: AppId = AppId(2);
/// Batches between two ticks; a server ticks at least as often.
const TICK: u64 = 20;

fn main() {
    let number = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let events = number.unwrap_or(EVENTS) / BATCH * BATCH;
    let runtime = Runtime::new().unwrap();
    let (long, empty) = (directory(), directory());
    let (store, other) = (open(&runtime, long.path()), open(&runtime, empty.path()));
    register(&runtime, &store, RARE);
    let began = Instant::now();
    let middle = runtime.block_on(fill(&store, events));
    println!("{events} events in {:.0} s, {}", began.elapsed().as_secs_f64(), sizes(long.path()));
    pages(&runtime, &store, events, middle);
    // a history of days is on the disk: its copying there is not what is measured
    std::fs::File::open(long.path().join("callboard.db")).unwrap().sync_all().unwrap();
    hot_path(&runtime, &store, &other);
    among_replays(&runtime, &store);
    runtime.block_on(other.close()).unwrap();
    runtime.block_on(store.close()).unwrap();
}

fn new(number: u64, payload: &Bytes) -> NewEvent {
    let place = number % ONE_IN;
    let app = if place == 1 { RARE } else { APP };
    let kind = if place == 2 { EventKind::PullComplete } else { EventKind::FileDeleted };
    NewEvent { app, kind, files: vec![file(number)], ..event(payload.clone()) }
}

fn file(number: u64) -> FileId {
    FileId(5_285_890_000_000_000_000 + number * 7)
}

/// Appends and settles; returns the time at which half was done.
async fn fill(store: &Store, events: u64) -> Timestamp {
    let payload = Bytes::from(vec![b'x'; PAYLOAD]);
    let mut middle = None;
    for batch in 0..events / BATCH {
        let events_now = (batch * BATCH..(batch + 1) * BATCH).map(|n| new(n, &payload)).collect();
        let commit = Commit { events: events_now, ..Commit::default() };
        let committed = store.commit(commit).await.unwrap();
        if batch == events / BATCH / 2 {
            middle = committed.events.first().map(|event| event.id);
        }
        settle(store).await;
        if batch % TICK == 0 {
            store.tick().await.unwrap();
        }
    }
    store.tick().await.unwrap();
    stated(store, middle.unwrap()).await
}

async fn stated(store: &Store, id: EventId) -> Timestamp {
    store.event(APP, id).await.unwrap().unwrap().row.created
}

async fn settle(store: &Store) {
    let leased = store.lease(pull(usize::try_from(BATCH).unwrap())).await.unwrap();
    let settle = |leased: &Leased| {
        let dead = leased.handle.event.first_seq.0 % ONE_IN == 3;
        let resolution = if dead { Resolution::Dead(Reason::Exhausted) } else { Resolution::Done };
        let attempt = dead.then(failure);
        Settlement { handle: leased.handle, app: APP, resolution, attempt }
    };
    store.settle(leased.iter().map(settle).collect()).await.unwrap();
}

/// What a receiver that is out of order leaves behind.
fn failure() -> Attempt {
    Attempt {
        at: Timestamp(1_700_000_000_000),
        url: "https://hooks.example.com/vod".to_owned(),
        status: Some(500),
        duration_ms: 12,
        body: Bytes::from(vec![b'y'; 1_000]),
        error: "the receiver answered 500".to_owned(),
    }
}

fn sizes(dir: &Path) -> String {
    let path = dir.join("callboard.db");
    let bytes = std::fs::metadata(&path).unwrap().len();
    let db = rusqlite::Connection::open(path).unwrap();
    let slices = "SELECT (SELECT sum(length(members)) FROM slice_part)
                       + (SELECT sum(length(files)) FROM slice_file)";
    let slices: i64 = db.query_row(slices, [], |row| row.get(0)).unwrap();
    let each = |bytes: f64, events: f64| bytes / events;
    let events: i64 = db.query_row("SELECT max(seq) FROM entry", [], |row| row.get(0)).unwrap();
    let float = |number: i64| f64::from(u32::try_from(number / 1_000).unwrap()) * 1_000.0;
    let (file, index) = (float(i64::try_from(bytes).unwrap()), float(slices));
    format!(
        "{:.1} GB, of which the slices {:.1} bytes an event",
        file / 1e9,
        each(index, float(events))
    )
}

fn query() -> EventQuery {
    let (states, kinds) = (vec![], vec![]);
    EventQuery {
        app: APP,
        states,
        kinds,
        file: None,
        since: None,
        until: None,
        limit: 100,
        cursor: None,
    }
}

fn pages(runtime: &Runtime, store: &Store, events: u64, middle: Timestamp) {
    let until = Some(Timestamp(middle.0 + 1_000));
    let files = (0..200).map(|n| EventQuery { file: Some(file(n * (events / 200))), ..query() });
    let dead = EventQuery { states: vec![State::Dead], ..query() };
    println!("a page of 100 events:               calls     p50     p99     max (ms)");
    walk(runtime, store, "newest", &query(), 200);
    walk(runtime, store, "from the middle of the time", &EventQuery { until, ..query() }, 200);
    let old = EventQuery { since: Some(middle), until, ..query() };
    walk(runtime, store, "a second in the middle", &old, 200);
    walk(runtime, store, "a rare application", &EventQuery { app: RARE, ..query() }, 200);
    walk(runtime, store, "a rare state", &dead, 200);
    let kinds = vec![EventKind::PullComplete];
    walk(runtime, store, "a rare type", &EventQuery { kinds, ..query() }, 200);
    let mut times = Times::default();
    for query in files {
        assert_eq!(whole(runtime, store, &query, 1_000, &mut times), 1);
    }
    times.print("the events of one file");
    details(runtime, store, events);
    replay(runtime, store);
}

/// Single events all over the history, some of them with an attempt, each with its payload.
fn details(runtime: &Runtime, store: &Store, events: u64) {
    const CALLS: u64 = 1_000;
    let newest = runtime.block_on(store.history(EventQuery { limit: 1, ..query() })).unwrap();
    let newest = newest.events.first().unwrap().id;
    let mut times = Times::default();
    for call in 0..CALLS {
        let id = EventId { first_seq: Seq(call * (events / CALLS) + 3), ..newest };
        let began = Instant::now();
        let found = runtime.block_on(store.event(APP, id)).unwrap().unwrap();
        times.0.push(began.elapsed());
        assert_eq!(found.payload.len(), PAYLOAD);
    }
    times.print("one event with its attempts");
}

/// Reads pages from the first to the last, over and over, until so many were read.
fn walk(runtime: &Runtime, store: &Store, what: &str, query: &EventQuery, calls: usize) {
    let mut times = Times::default();
    while times.0.len() < calls {
        whole(runtime, store, query, calls, &mut times);
    }
    times.print(what);
}

/// How many events there are on the first pages.
fn whole(
    runtime: &Runtime,
    store: &Store,
    query: &EventQuery,
    calls: usize,
    times: &mut Times,
) -> usize {
    let (mut query, mut found) = (query.clone(), 0);
    loop {
        let began = Instant::now();
        let page = runtime.block_on(store.history(query.clone())).unwrap();
        times.0.push(began.elapsed());
        found += page.events.len();
        query.cursor = page.cursor;
        if query.cursor.is_none() || times.0.len() >= calls {
            return found;
        }
    }
}

/// What would be replayed of everything that is dead.
fn replay(runtime: &Runtime, store: &Store) {
    let (states, kinds) = (vec![State::Dead], vec![]);
    let select = Selection::Matching { states, kinds, since: None, until: None };
    let mut request = ReplayRequest { app: APP, select, dry_run: true, limit: 1_000, cursor: None };
    let (mut times, mut count) = (Times::default(), 0);
    loop {
        let began = Instant::now();
        let replayed = runtime.block_on(store.replay(request.clone())).unwrap();
        times.0.push(began.elapsed());
        count += replayed.count;
        request.cursor = replayed.cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    times.print(&format!("choose all {count} dead to replay"));
}

/// Pages of two blocks of which every event was replayed.
fn among_replays(runtime: &Runtime, store: &Store) {
    let (states, kinds) = (vec![State::Done], vec![]);
    let select = Selection::Matching { states, kinds, since: None, until: None };
    let mut request =
        ReplayRequest { app: APP, select, dry_run: false, limit: 1_000, cursor: None };
    let (mut times, mut count) = (Times::default(), 0);
    while count < 32_000 && (count == 0 || request.cursor.is_some()) {
        let began = Instant::now();
        let replayed = runtime.block_on(store.replay(request.clone())).unwrap();
        times.0.push(began.elapsed());
        (count, request.cursor) = (count + replayed.count, replayed.cursor);
        runtime.block_on(settle(store));
    }
    times.print("replay 1,000 done");
    // of those that were replayed
    let first = runtime.block_on(oldest(store));
    let states = vec![State::Dead];
    let dead = EventQuery { states, until: Some(Timestamp(first.0 + 200)), ..query() };
    walk(runtime, store, "a rare state among replayed", &dead, 200);
}

async fn oldest(store: &Store) -> Timestamp {
    let newest = store.history(EventQuery { limit: 1, ..query() }).await.unwrap().events;
    let id = EventId { first_seq: Seq(1), ..newest.first().unwrap().id };
    stated(store, id).await
}

fn hot_path(runtime: &Runtime, long: &Arc<Store>, empty: &Arc<Store>) {
    const ROUNDS: u32 = 20;
    const CYCLES: u64 = 20_000;
    let (mut beside, mut alone) = (Duration::ZERO, Duration::ZERO);
    for round in 0..ROUNDS {
        // neither always comes first
        if round % 2 == 0 {
            beside += timed(runtime, long, CYCLES);
            alone += timed(runtime, empty, CYCLES);
        } else {
            alone += timed(runtime, empty, CYCLES);
            beside += timed(runtime, long, CYCLES);
        }
    }
    let total = f64::from(ROUNDS) * f64::from(u32::try_from(CYCLES).unwrap());
    let rate = |took: Duration| total / took.as_secs_f64();
    println!(
        "cycles/s on the long history {:.0}, on an empty one {:.0}: {:.2}",
        rate(beside),
        rate(alone),
        rate(beside) / rate(alone)
    );
}

/// Cycles with the upkeep that follows them.
fn timed(runtime: &Runtime, store: &Arc<Store>, cycles: u64) -> Duration {
    let began = Instant::now();
    runtime.block_on(async {
        store_cycles(Arc::clone(store), cycles).await;
        store.tick().await.unwrap();
    });
    began.elapsed()
}
