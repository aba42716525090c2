//! The write-ahead log stays bounded while it is written and read without a pause.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use model::limits;
use queue::{Backend, EventQuery, Resolution};
use tokio_util::task::TaskTracker;

use crate::harness::{APP, Bed, event};

const MIB: u64 = 1024 * 1024;
/// What one group may add: its 8 MiB of payloads, and as much again for pages that are not full,
/// indexes and frames.
const GROUP: u64 = 16 * MIB;
/// Payload bytes that are written in all: several times the limit.
const VOLUME: u64 = 384 * MIB;
const EVENT: u64 = 16 * 1024;
const EVENTS: u64 = 16;

/// What is seen of the log.
#[derive(Debug)]
struct Watch {
    path: PathBuf,
    largest: AtomicU64,
    written: AtomicU64,
    over: AtomicBool,
}

impl Watch {
    fn size(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |file| file.len())
    }

    fn look(&self) {
        self.largest.fetch_max(self.size(), Ordering::SeqCst);
    }
}

fn query(cursor: Option<String>) -> EventQuery {
    EventQuery {
        app: APP,
        states: vec![],
        kinds: vec![],
        file: None,
        since: None,
        until: None,
        limit: 100,
        cursor,
    }
}

async fn write(bed: Arc<Bed>, watch: Arc<Watch>) {
    let mut one = event("");
    one.payload = Bytes::from(vec![b'x'; EVENT.try_into().unwrap()]);
    let events = vec![one; EVENTS.try_into().unwrap()];
    while watch.written.fetch_add(EVENT * EVENTS, Ordering::SeqCst) < VOLUME {
        bed.publish(events.clone()).await.unwrap();
        watch.look();
        let leased = bed.pull(16).await;
        bed.settle(&leased, Resolution::Done).await;
        watch.look();
    }
}

async fn read(bed: Arc<Bed>, watch: Arc<Watch>) {
    let mut cursor = None;
    while !watch.over.load(Ordering::SeqCst) {
        let page = bed.store.history(query(cursor)).await.unwrap();
        if let Some(row) = page.events.last() {
            assert!(bed.store.event(APP, row.id).await.unwrap().is_some());
        }
        cursor = page.cursor;
        watch.look();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_bounded_under_steady_writes_and_reads() {
    let bed = Arc::new(Bed::with(|options| options.durable = false).await);
    let path = bed.options.dir.join("callboard.db-wal");
    let watch = Arc::new(Watch {
        path,
        largest: AtomicU64::new(0),
        written: AtomicU64::new(0),
        over: AtomicBool::new(false),
    });
    let (writers, readers) = (TaskTracker::new(), TaskTracker::new());
    for _ in 0..16 {
        writers.spawn(write(Arc::clone(&bed), Arc::clone(&watch)));
    }
    let reading: Vec<_> =
        (0..4).map(|_| readers.spawn(read(Arc::clone(&bed), Arc::clone(&watch)))).collect();
    writers.close();
    tokio::time::timeout(Duration::from_mins(2), writers.wait()).await.unwrap();
    watch.over.store(true, Ordering::SeqCst);
    for read in reading {
        read.await.unwrap();
    }
    let largest = watch.largest.load(Ordering::SeqCst);
    assert!(largest <= limits::WAL_BYTES_MAX + GROUP, "the log grew to {} MiB", largest / MIB);
    assert!(largest > 0 && bed.store.health().wal_bytes <= largest);
    assert_eq!(bed.store.load(None), queue::Load::default());
    bed.store.close().await.unwrap();
    assert_eq!(watch.size(), 0, "closing leaves an empty log");
}
