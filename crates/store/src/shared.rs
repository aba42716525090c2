//! What the writer and the callers share: the engine behind one lock, the payload cache, and the
//! notices that there is something to lease.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use model::{AppId, Clock};
use queue::{Anchor, BackendError, Engine, Observer, Steady};
use rusqlite::Connection;
use tokio::sync::Notify;

use crate::cache::Cache;
use crate::listings::Listings;
use crate::readers::Readers;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Mutex<Engine>,
    pub(crate) cache: Mutex<Cache>,
    pub(crate) readers: Readers,
    pub(crate) listings: Listings,
    pub(crate) anchor: Anchor,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observer>,
    turns: Mutex<HashMap<AppId, Arc<Turn>>>,
    /// A hint for the push worker.
    pub(crate) push: Notify,
    pub(crate) status: Status,
    /// How often blocks left the memory.
    forgotten: AtomicU64,
}

/// Where those who wait for one application's events stand in line: the one who has the turn waits
/// for events, the others for the turn.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) line: tokio::sync::Mutex<()>,
    pub(crate) ready: Notify,
}

/// How the store is doing.
#[derive(Debug, Default)]
pub(crate) struct Status {
    closed: AtomicBool,
    failed: OnceLock<Arc<str>>,
    /// The last commit found the disk full.
    pub(crate) disk_full: AtomicBool,
    /// Bytes of the write-ahead log that are not yet in the file.
    pub(crate) wal_bytes: AtomicU64,
    /// The wall clock was implausible at the start and was not accepted.
    pub(crate) clock_in_doubt: AtomicBool,
    /// What was found at the start and is still so.
    pub(crate) notes: Mutex<Vec<String>>,
}

impl Status {
    /// An error if the store takes no more commands.
    pub(crate) fn check(&self) -> Result<(), BackendError> {
        if let Some(why) = self.failed.get() {
            return Err(BackendError::Failed(Arc::clone(why)));
        }
        if self.closed.load(Ordering::Acquire) { Err(BackendError::Closed) } else { Ok(()) }
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Notes that nobody knows any more what is on disk. Final.
    pub(crate) fn fail(&self, why: &str) -> BackendError {
        let why = Arc::clone(self.failed.get_or_init(|| why.into()));
        BackendError::Failed(why)
    }

    pub(crate) fn failure(&self) -> Option<Arc<str>> {
        self.failed.get().cloned()
    }
}

impl Shared {
    pub(crate) fn new(
        engine: Engine,
        readers: Readers,
        anchor: Anchor,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            engine: Mutex::new(engine),
            cache: Mutex::default(),
            readers,
            listings: Listings::default(),
            anchor,
            clock,
            observer,
            turns: Mutex::default(),
            push: Notify::new(),
            status: Status::default(),
            forgotten: AtomicU64::new(0),
        }
    }

    /// To be called, with the engine locked, when blocks that are written down leave the memory.
    pub(crate) fn forgot(&self) {
        self.forgotten.fetch_add(1, Ordering::Release);
    }

    /// Reads what is on disk and, of what is newer than that, in memory: in one snapshot of the log.
    /// Blocks that left the memory after the snapshot was taken are newer than what it has of them;
    /// then it is read again.
    pub(crate) async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        look: impl Fn(&Connection, &Self) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, BackendError> {
        let shared = Arc::clone(self);
        let read = move |db: &Connection| {
            loop {
                let before = shared.forgotten.load(Ordering::Acquire);
                let snapshot = db.unchecked_transaction()?;
                let seen = look(&snapshot, &shared)?;
                if shared.forgotten.load(Ordering::Acquire) == before {
                    return Ok(seen);
                }
            }
        };
        self.readers.read(read).await
    }

    /// The engine. No lock is held across an await.
    pub(crate) fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, on the steady timeline.
    pub(crate) fn steady(&self) -> Steady {
        self.anchor.steady(self.clock.now())
    }

    /// The line of an application.
    pub(crate) fn turn(&self, app: AppId) -> Arc<Turn> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(app).or_default())
    }

    /// Tells those who wait that these applications may have something READY, or a new mode.
    pub(crate) fn wake(&self, apps: &BTreeSet<AppId>) {
        if apps.is_empty() {
            return;
        }
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        for app in apps {
            if let Some(turn) = turns.get(app) {
                turn.ready.notify_one();
            }
        }
        drop(turns);
        self.push.notify_one();
    }

    /// Lets everybody who waits look again: the store is closing.
    pub(crate) fn wake_all(&self) {
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        for turn in turns.values() {
            turn.ready.notify_one();
        }
        drop(turns);
        self.push.notify_one();
    }
}
