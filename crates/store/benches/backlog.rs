//! What a million waiting events cost: appending beside them, starting on them, holding them in
//! memory, giving them up; and what a start costs when one event was never confirmed and a million
//! after it were.
//!
//! `cargo bench -p store --bench backlog`. Appends are timed in turns, beside the backlog and beside
//! nothing, in one run. Starts run in processes of their own, so that their memory is theirs.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and prints what it found"
)]

mod bed;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{AppId, ApplicationStatus, EventKind, NewEvent};
use queue::{Backend, Commit, Leased, PurgeRequest, Resolution, Settlement};
use store::Store;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::bed::{APP, PAYLOAD, configuration, directory, event, open, pull, register};

/// An application beside that of the backlog.
const OTHER: AppId = AppId(2);
const MILLION: usize = 1_000_000;
const BATCH: usize = 1_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    if let (Some("start"), Some(dir)) = (arguments.next().as_deref(), arguments.next()) {
        return start(Path::new(&dir));
    }
    let runtime = Runtime::new().unwrap();
    beside_a_backlog(&runtime);
    behind_a_stuck_event(&runtime);
}

fn beside_a_backlog(runtime: &Runtime) {
    let (full, empty) = (directory(), directory());
    let (backlog, nothing) = (open(runtime, full.path()), open(runtime, empty.path()));
    for _ in 0..MILLION / BATCH {
        runtime.block_on(append_batch(&backlog));
    }
    let (mut beside, mut alone) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..10 {
        beside += timed(runtime, &backlog);
        alone += timed(runtime, &nothing);
        runtime.block_on(drain(&nothing, 5_000));
    }
    let load = backlog.load(None).ready;
    println!("append beside {load} waiting: {:.2} of the time beside none", ratio(beside, alone));
    runtime.block_on(backlog.close()).unwrap();
    drop(backlog);
    report("start on the backlog", full.path());
    given_up(runtime, full.path());
}

/// How long others wait while a few of a million waiting events are purged, and while the application
/// that they belong to is destroyed.
fn given_up(runtime: &Runtime, dir: &Path) {
    let store = open(runtime, dir);
    register(runtime, &store, OTHER);
    let few = || NewEvent { kind: EventKind::RemoveWatermark, ..event(Bytes::new()) };
    let events = (0..10).map(|_| few()).collect();
    runtime.block_on(store.commit(Commit { events, ..Commit::default() })).unwrap();
    let purged = store.clone();
    let purge = async move {
        let (states, kinds) = (vec![], vec![EventKind::RemoveWatermark]);
        assert_eq!(purged.purge(PurgeRequest { app: APP, states, kinds }).await.unwrap(), 10);
    };
    meanwhile(runtime, &store, "purging 10 of them", purge);
    let destroyed = store.clone();
    let destroy = async move {
        destroyed.commit(configuration(APP, ApplicationStatus::Destroyed)).await.unwrap();
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        while destroyed.load(Some(APP)).ready > 0 {
            ticks.tick().await;
            destroyed.tick().await.unwrap();
        }
    };
    meanwhile(runtime, &store, "destroying their application", destroy);
}

/// Does that while another application's events are appended one by one.
fn meanwhile(
    runtime: &Runtime,
    store: &Arc<Store>,
    what: &str,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let (began, mut slowest) = (Instant::now(), Duration::ZERO);
    let working = runtime.spawn(work);
    let mut appends = 0;
    runtime.block_on(async {
        while !working.is_finished() {
            let asked = Instant::now();
            let events = vec![NewEvent { app: OTHER, ..event(Bytes::from(vec![b'x'; PAYLOAD])) }];
            store.commit(Commit { events, ..Commit::default() }).await.unwrap();
            slowest = slowest.max(asked.elapsed());
            appends += 1;
        }
        working.await.unwrap();
    });
    let (took, slowest) = (began.elapsed().as_secs_f64(), slowest.as_secs_f64() * 1000.0);
    println!("{what}: {took:.2} s; the slowest of {appends} appends of others {slowest:.1} ms");
}

fn behind_a_stuck_event(runtime: &Runtime) {
    let dir = directory();
    let store = open(runtime, dir.path());
    runtime.block_on(async {
        append_batch(&store).await;
        let stuck = store.lease(pull(1)).await.unwrap();
        assert_eq!(stuck.len(), 1);
        drain(&store, BATCH - 1).await;
        for _ in 0..MILLION / BATCH {
            append_batch(&store).await;
            drain(&store, BATCH).await;
            store.tick().await.unwrap();
        }
    });
    // no close: what a crash leaves
    drop(Arc::into_inner(store).unwrap());
    report("start after a crash behind one stuck event", dir.path());
}

async fn append_batch(store: &Store) {
    let payload = Bytes::from(vec![b'x'; PAYLOAD]);
    let events = (0..BATCH).map(|_| event(payload.clone())).collect();
    store.commit(Commit { events, ..Commit::default() }).await.unwrap();
}

async fn drain(store: &Store, mut left: usize) {
    while left > 0 {
        let leased = store.lease(pull(left.min(BATCH))).await.unwrap();
        left -= leased.len();
        let done = |leased: &Leased| Settlement {
            handle: leased.handle,
            app: APP,
            resolution: Resolution::Done,
            attempt: None,
        };
        store.settle(leased.iter().map(done).collect()).await.unwrap();
    }
}

/// 5,000 appends by 50 tasks, one event each.
fn timed(runtime: &Runtime, store: &Arc<Store>) -> Duration {
    let began = Instant::now();
    runtime.block_on(async {
        let tracker = TaskTracker::new();
        for _ in 0..50 {
            let store = Arc::clone(store);
            tracker.spawn(async move {
                let payload = Bytes::from(vec![b'x'; PAYLOAD]);
                for _ in 0..100 {
                    let events = vec![event(payload.clone())];
                    store.commit(Commit { events, ..Commit::default() }).await.unwrap();
                }
            });
        }
        tracker.close();
        tracker.wait().await;
    });
    began.elapsed()
}

fn ratio(this: Duration, that: Duration) -> f64 {
    this.as_secs_f64() / that.as_secs_f64()
}

fn report(what: &str, dir: &Path) {
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this).arg("start").arg(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    print!("{what}: {}", String::from_utf8_lossy(&output.stdout));
}

fn start(dir: &Path) {
    let runtime = Runtime::new().unwrap();
    let began = Instant::now();
    let store = open(&runtime, dir);
    let took = began.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let memory = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    let load = store.load(None).ready;
    println!("{:.3} s, {load} waiting, {}", took.as_secs_f64(), memory.replace('\t', " "));
}
