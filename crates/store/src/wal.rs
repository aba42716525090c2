//! Keeps the write-ahead log bounded.
//!
//! It does not reset by itself under steady writes: there is always a frame that some checkpoint has
//! not copied yet. So a second connection copies in the background, and when the log has reached its
//! limit all the same, the writer stops between two groups until the rest is copied and starts the
//! log over. Only whoever reads for long, as a backup does, can keep it from that.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use model::limits;
use rusqlite::Connection;

use crate::schema;
use crate::shared::Status;

/// Bytes by which the log grows before the background copies again.
const COPY_BYTES: u64 = 8 * 1024 * 1024;

/// How long the writer waits for readers when the log has reached its limit: ours are done by then.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it waits after that. Somebody reads for long, a backup perhaps, and nobody is to wait for
/// it: until it is done the log grows.
const IMPATIENCE: Duration = Duration::from_millis(100);

/// The writer's view of the log.
#[derive(Debug)]
pub(crate) struct Wal {
    path: PathBuf,
    /// Asks the copier to copy; closing it ends the copier.
    copy: Option<SyncSender<()>>,
    copier: Option<JoinHandle<()>>,
    /// Held by whoever copies: SQLite does not wait for another checkpoint, it gives up.
    copying: Arc<Mutex<()>>,
    asked_at: u64,
    /// Bytes at which the log is started over.
    restart_at: u64,
}

impl Drop for Wal {
    fn drop(&mut self) {
        self.copy = None;
        if self.copier.take().is_some_and(|copier| copier.join().is_err()) {
            tracing::error!("the copier of the write-ahead log panicked");
        }
    }
}

impl Wal {
    /// Starts the background copier; it ends when the writer does.
    pub(crate) fn start(dir: &Path) -> rusqlite::Result<Self> {
        let db = Connection::open(dir.join(schema::FILE))?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "wal_autocheckpoint", 0)?;
        let (copy, requests) = sync_channel::<()>(1);
        let copying = Arc::new(Mutex::new(()));
        let alone = Arc::clone(&copying);
        let run = move || {
            while requests.recv().is_ok() {
                let _alone = alone.lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(error) = checkpoint(&db, "PASSIVE") {
                    tracing::warn!(%error, "copying the write-ahead log");
                }
            }
        };
        let copier = std::thread::Builder::new().name("store-wal".to_owned()).spawn(run);
        // without the copier the writer does all the copying itself: slower, no less right
        let copier = copier
            .inspect_err(|error| tracing::warn!(%error, "starting the copier of the log"))
            .ok();
        let path = dir.join(format!("{}-wal", schema::FILE));
        Ok(Self {
            path,
            copy: Some(copy),
            copier,
            copying,
            asked_at: 0,
            restart_at: limits::WAL_BYTES_MAX,
        })
    }

    /// To be called after each commit.
    pub(crate) fn after_commit(&mut self, db: &Connection, status: &Status) {
        let bytes = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        status.wal_bytes.store(bytes, Ordering::Relaxed);
        if bytes >= self.restart_at {
            self.restart(db, bytes);
        } else if bytes < self.asked_at || bytes - self.asked_at >= COPY_BYTES {
            self.asked_at = bytes;
            // full: it is copying already; disconnected: the writer copies by itself
            match self.copy.as_ref().map(|copy| copy.try_send(())) {
                None
                | Some(Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(()))) => {}
            }
        }
    }

    /// Copies the rest and cuts the file.
    pub(crate) fn empty(&self, db: &Connection) -> rusqlite::Result<()> {
        let _alone = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        checkpoint(db, "TRUNCATE")
    }

    /// Copies the rest and starts the log over; the next commit cuts the file. What somebody still
    /// reads cannot be started over: that is tried again when the log has grown some more.
    fn restart(&mut self, db: &Connection, bytes: u64) {
        self.asked_at = 0;
        let _alone = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        let first = self.restart_at == limits::WAL_BYTES_MAX;
        let patience = if first { PATIENCE } else { IMPATIENCE };
        let done = run(db, "RESTART", patience).unwrap_or_else(|error| {
            tracing::warn!(%error, "restarting the write-ahead log");
            false
        });
        self.restart_at = if done { limits::WAL_BYTES_MAX } else { bytes + COPY_BYTES };
    }
}

/// Copies the log as far as nobody reads what it would copy over.
pub(crate) fn checkpoint(db: &Connection, mode: &str) -> rusqlite::Result<()> {
    run(db, mode, PATIENCE).map(drop)
}

/// Runs a checkpoint that waits for readers so long; whether it could be completed.
fn run(db: &Connection, mode: &str, patience: Duration) -> rusqlite::Result<bool> {
    db.busy_timeout(patience)?;
    let pragma = format!("PRAGMA wal_checkpoint({mode})");
    let done = db.query_row(&pragma, [], |row| Ok(row.get::<_, i64>(0)? == 0));
    db.busy_timeout(schema::LOCK_WAIT)?;
    done
}
