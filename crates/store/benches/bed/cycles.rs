//! The hot path: append, pull, confirm.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use queue::{Backend, Commit, Resolution, Settlement};
use store::Store;
use tokio_util::task::TaskTracker;

use crate::bed::{APP, PAYLOAD, event, pull};

/// How many append, pull and confirm at once.
pub(crate) const TASKS: u64 = 64;

/// `cycles` times: append one, pull up to 16, confirm them.
pub(crate) async fn store_cycles(store: Arc<Store>, cycles: u64) {
    let tracker = TaskTracker::new();
    let left = Arc::new(AtomicU64::new(cycles));
    for _ in 0..TASKS {
        let (store, left) = (Arc::clone(&store), Arc::clone(&left));
        tracker.spawn(async move {
            let payload = Bytes::from(vec![b'x'; PAYLOAD]);
            while left
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1))
                .is_ok()
            {
                cycle(&store, payload.clone()).await;
            }
        });
    }
    tracker.close();
    tracker.wait().await;
}

async fn cycle(store: &Store, payload: Bytes) {
    store.commit(Commit { events: vec![event(payload)], ..Commit::default() }).await.unwrap();
    let leased = store.lease(pull(16)).await.unwrap();
    if leased.is_empty() {
        return;
    }
    let settle =
        |handle| Settlement { handle, app: APP, resolution: Resolution::Done, attempt: None };
    let settlements = leased.iter().map(|leased| settle(leased.handle)).collect();
    store.settle(settlements).await.unwrap();
}
