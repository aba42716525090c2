//! Keeps the write-ahead log bounded.
//!
//! It does not reset by itself under steady writes: there is always a frame that some checkpoint has
//! not copied yet. So a second connection copies in the background, and when the log has reached its
//! limit all the same, the writer stops between two groups until the rest is copied and starts the
//! log over.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use model::limits;
use rusqlite::Connection;

use crate::schema;
use crate::shared::Status;
use crate::unsql;

/// Bytes by which the log grows before the background copies again.
const COPY_BYTES: u64 = 8 * 1024 * 1024;

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
        Ok(Self { path, copy: Some(copy), copier, copying, asked_at: 0 })
    }

    /// To be called after each commit.
    pub(crate) fn after_commit(&mut self, db: &Connection, status: &Status) {
        let bytes = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        status.wal_bytes.store(bytes, Ordering::Relaxed);
        if bytes >= limits::WAL_BYTES_MAX {
            self.restart(db);
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
    pub(crate) fn empty(&self, db: &Connection) -> rusqlite::Result<u64> {
        let _alone = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        checkpoint(db, "TRUNCATE")
    }

    /// Copies the rest and starts the log over; the next commit cuts the file.
    fn restart(&mut self, db: &Connection) {
        self.asked_at = 0;
        let _alone = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = checkpoint(db, "RESTART") {
            tracing::warn!(%error, "restarting the write-ahead log");
        }
    }
}

/// Runs a checkpoint; how many frames the log holds.
pub(crate) fn checkpoint(db: &Connection, mode: &str) -> rusqlite::Result<u64> {
    let pragma = format!("PRAGMA wal_checkpoint({mode})");
    db.query_row(&pragma, [], |row| row.get::<_, i64>(1)).map(unsql)
}
