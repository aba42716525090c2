//! The write-ahead log when it is read for long, and when nothing but time passes.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use model::{NewEvent, limits};
use queue::Backend as _;
use rusqlite::Connection;
use tokio::time::timeout;

use crate::harness::{Bed, event};

/// Far more than anything below takes, and less than a connection waits for a lock.
const PROMPTLY: Duration = Duration::from_secs(6);
const MIB: u64 = 1024 * 1024;

fn large() -> NewEvent {
    NewEvent { payload: Bytes::from(vec![b'x'; 256 * 1024]), ..event("") }
}

fn file(bed: &Bed, name: &str) -> PathBuf {
    bed.options.dir.join(name)
}

fn wal_bytes(bed: &Bed) -> u64 {
    std::fs::metadata(file(bed, "callboard.db-wal")).unwrap().len()
}

/// A reader that keeps its snapshot, as a backup does for as long as it copies.
fn long_read(bed: &Bed) -> Connection {
    let reader = Connection::open(file(bed, "callboard.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM entry").unwrap();
    reader
}

#[tokio::test]
async fn a_long_read_stalls_no_commit_and_no_close() {
    let bed = Bed::with(|options| options.durable = false).await;
    let reader = long_read(&bed);
    while wal_bytes(&bed) < limits::WAL_BYTES_MAX {
        bed.publish(vec![large()]).await.unwrap();
    }
    for _ in 0..3 {
        timeout(PROMPTLY, bed.publish(vec![large()])).await.expect("stalled").unwrap();
    }
    drop(reader);
    let mut more = 0;
    while wal_bytes(&bed) >= limits::WAL_BYTES_MAX {
        assert!(more < 128, "it starts over when it can");
        bed.publish(vec![large()]).await.unwrap();
        more += 1;
    }
    let _reader = long_read(&bed);
    timeout(PROMPTLY, bed.store.close()).await.expect("stalled").unwrap();
}

#[tokio::test]
async fn a_store_that_only_keeps_itself_up_keeps_its_log_small() {
    let bed = Bed::with(|options| options.durable = false).await;
    for _ in 0..12_000 {
        bed.hands.pass(60_000);
        bed.store.tick().await.unwrap();
    }
    let (bytes, told) = (wal_bytes(&bed), bed.store.health().wal_bytes);
    let most = limits::WAL_BYTES_MAX + MIB;
    assert!(bytes < most && told < most, "{bytes} bytes, {told} told");
}
