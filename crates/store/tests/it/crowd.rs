//! Many tasks at once on one store: every event is settled exactly once, and nobody waits for ever.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{AppId, Seq};
use queue::{Backend, LeaseRequest, Load, Resolution, Settled, Settlement};
use tokio_util::task::TaskTracker;

use crate::harness::{Bed, event};

const TASKS: usize = 64;
const APPS: usize = 5;
/// Events that each task publishes.
const EVENTS: usize = 30;

#[derive(Debug, Default)]
struct Seen {
    /// How often each event was settled for good.
    settled: Mutex<HashMap<Seq, u32>>,
    left: AtomicUsize,
}

fn app(task: usize) -> AppId {
    AppId(u64::try_from(task % APPS).unwrap() + 10)
}

/// Publishes, leases whatever there is, and settles it in one way or another, until all is settled.
async fn work(bed: Arc<Bed>, seen: Arc<Seen>, task: usize) {
    let mine = app(task);
    let mut turn = task;
    for n in 0.. {
        if n < EVENTS {
            let mut event = event(&format!("{task}-{n}"));
            event.app = mine;
            bed.publish(vec![event]).await.unwrap();
        } else if seen.left.load(Ordering::SeqCst) == 0 {
            return;
        }
        let request = LeaseRequest {
            app: mine,
            wait: Duration::from_millis(if n.is_multiple_of(2) { 0 } else { 5 }),
            max_bytes: if n.is_multiple_of(3) { 10 } else { usize::MAX },
            ..Bed::request(1 + n % 16)
        };
        if n.is_multiple_of(7) {
            // somebody who hangs up, sooner or later
            let hasty = tokio::time::timeout(Duration::ZERO, bed.store.lease(request.clone()));
            let Ok(leased) = hasty.await else { continue };
            settle(&bed, &seen, mine, leased.unwrap(), &mut turn).await;
        }
        let leased = bed.store.lease(request).await.unwrap();
        settle(&bed, &seen, mine, leased, &mut turn).await;
        if task == 0 {
            bed.store.tick().await.unwrap();
        }
    }
}

async fn settle(bed: &Bed, seen: &Seen, app: AppId, leased: Vec<queue::Leased>, turn: &mut usize) {
    let mut settlements = Vec::new();
    for lease in leased {
        *turn += 1;
        let resolution = match *turn % 8 {
            0 => Resolution::Return,
            1 => Resolution::Retry { after_ms: 0 },
            2 => Resolution::Dead(queue::Reason::Exhausted),
            _ => Resolution::Done,
        };
        settlements.push(Settlement { handle: lease.handle, app, resolution, attempt: None });
    }
    let answers = bed.store.settle(settlements.clone()).await.unwrap();
    for (settlement, answer) in settlements.iter().zip(answers) {
        assert_eq!(answer, Settled::Accepted, "{settlement:?}");
        if matches!(settlement.resolution, Resolution::Done | Resolution::Dead(_)) {
            let seq = settlement.handle.event.first_seq;
            *seen.settled.lock().unwrap().entry(seq).or_default() += 1;
            seen.left.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_tasks_settle_every_event_once() {
    let bed = Bed::with(|options| options.durable = false).await;
    for task in 0..APPS {
        bed.configure(app(task), |_| {}).await;
    }
    let bed = Arc::new(bed);
    let seen = Arc::new(Seen { left: AtomicUsize::new(TASKS * EVENTS), ..Seen::default() });
    let (tracker, mut tasks) = (TaskTracker::new(), Vec::new());
    for task in 0..TASKS {
        tasks.push(tracker.spawn(work(Arc::clone(&bed), Arc::clone(&seen), task)));
    }
    let all = async {
        for task in tasks {
            task.await.unwrap();
        }
    };
    let done = tokio::time::timeout(Duration::from_mins(1), all).await;
    assert!(done.is_ok(), "{} events are not settled", seen.left.load(Ordering::SeqCst));
    let settled = seen.settled.lock().unwrap().clone();
    assert_eq!(settled.len(), TASKS * EVENTS);
    assert!(settled.values().all(|times| *times == 1));
    assert_eq!(bed.store.load(None), Load::default());
    let bed = Arc::into_inner(bed).unwrap().crash();
    assert_eq!(bed.store.load(None), Load::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_lease_that_was_answered_outlives_a_graceful_stop() {
    for _ in 0..10 {
        let bed = Bed::with(|options| options.durable = false).await;
        let many: Vec<_> = (0..5_000).map(|n| event(&n.to_string())).collect();
        bed.publish(many).await.unwrap();
        let bed = Arc::new(bed);
        let (tracker, mut tasks) = (TaskTracker::new(), Vec::new());
        for _ in 0..8 {
            let bed = Arc::clone(&bed);
            tasks.push(tracker.spawn(async move {
                let mut leased = Vec::new();
                while let Ok(more) = bed.try_pull(1).await {
                    leased.extend(more);
                    tokio::task::yield_now().await;
                }
                leased
            }));
        }
        while bed.store.load(None).leased < 100 {
            tokio::task::yield_now().await;
        }
        bed.store.close().await.unwrap();
        let mut leased = Vec::new();
        for task in tasks {
            leased.extend(task.await.unwrap());
        }
        let bed = Arc::into_inner(bed).unwrap().crash();
        let answers = bed.settle(&leased, Resolution::Done).await;
        assert!(answers.iter().all(|answer| *answer == Settled::Accepted), "{answers:?}");
    }
}
