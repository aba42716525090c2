//! Many applications that are waited for at the same time: a poll wakes for its own application and
//! for no other's leases.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use model::{AppId, Clock, Mono, Now, Timestamp};
use queue::{Backend, Commit, LeaseRequest, RecordKey, RecordPut, Silent};
use store::{Options, Store};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::harness::{APP, Bed, event, pulling};

const POLLS: usize = 500;
/// Leases that end while all of them wait.
const ENDS: usize = 50;
/// Looks at the clock that one lease may cost, whoever waits: there are fewer than that.
const LOOKS_PER_END: usize = 20;
const SOON: Duration = Duration::from_mins(1);

/// A clock that goes, and counts who looks at it: a poll that wakes does.
#[derive(Debug)]
struct Counting {
    start: Instant,
    looks: AtomicUsize,
}

impl Clock for Counting {
    fn now(&self) -> Now {
        self.looks.fetch_add(1, Ordering::SeqCst);
        let ms = u64::try_from(self.start.elapsed().as_millis()).unwrap();
        let wall = Timestamp(1_700_000_000_000 + i64::try_from(ms).unwrap());
        Now { wall, mono: Mono(ms) }
    }
}

/// A store with that many applications in PULL mode, the first of which is `APP`.
async fn store(clock: Arc<Counting>, dir: &std::path::Path) -> Arc<Store> {
    let mut options = Options::new(dir);
    options.reserve_bytes = 1024 * 1024;
    options.durable = false;
    let store = Store::open(&options, clock, Arc::new(Silent)).unwrap();
    let puts = (0..=POLLS).map(|number| {
        let app = nth(number);
        let body = serde_json::to_vec(&pulling(app)).unwrap().into();
        RecordPut { key: RecordKey::application(app), body, terms: vec![], listing: None }
    });
    for put in puts {
        store.commit(Commit { put: vec![put], ..Commit::default() }).await.unwrap();
    }
    store
}

fn nth(number: usize) -> AppId {
    AppId(APP.0 + u64::try_from(number).unwrap())
}

fn patient(app: AppId, hold: Duration) -> LeaseRequest {
    LeaseRequest { app, hold, wait: SOON, ..Bed::request(1) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_leases_of_one_application_wake_no_poll_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Counting { start: Instant::now(), looks: AtomicUsize::new(0) });
    let store = store(Arc::clone(&clock), &dir.path().join("data")).await;
    let looks = || clock.looks.load(Ordering::SeqCst);

    // a lease is held while the polls begin, so that they know when it ends
    store.commit(Commit { events: vec![event("1")], ..Commit::default() }).await.unwrap();
    let hold = Duration::from_millis(500);
    assert_eq!(store.lease(patient(APP, hold)).await.unwrap().len(), 1);
    let (begun, mut polls) = (looks(), JoinSet::new());
    for number in 1..=POLLS {
        let store = Arc::clone(&store);
        polls.spawn(async move { store.lease(patient(nth(number), SOON)).await });
    }
    let all_wait = async {
        while looks() < begun + POLLS {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(SOON, all_wait).await.unwrap();

    let before = looks();
    for _ in 0..ENDS {
        // the last lease ends while this one waits for it
        let leased = store.lease(patient(APP, Duration::from_millis(2))).await.unwrap();
        assert_eq!(leased.len(), 1);
    }
    let cost = looks() - before;
    assert!(cost < ENDS * LOOKS_PER_END, "{cost} looks for {ENDS} leases");

    // what comes for one of them wakes that one, and it alone
    let mut event = event("2");
    event.app = nth(POLLS);
    store.commit(Commit { events: vec![event], ..Commit::default() }).await.unwrap();
    let woken = timeout(SOON, polls.join_next()).await.unwrap().unwrap().unwrap();
    assert_eq!(woken.unwrap().len(), 1);
    polls.shutdown().await;
}
