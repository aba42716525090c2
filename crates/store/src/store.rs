//! Opening, and the trait [`Backend`] over the parts.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use model::{AppId, Clock, EventId, Seq, limits};
use queue::{
    Anchor, Backend, BackendError, Commit, CommitError, Committed, Configured, DueQuery, Engine,
    EngineSettings, EventDetail, EventPage, EventQuery, Health, LeaseError, LeaseRequest, Leased,
    Load, Observer, PurgeRequest, Record, RecordKey, RecordPage, RecordQuery, ReplayError,
    ReplayRequest, Replayed, SearchPage, SearchQuery, Settled, Settlement, Steady, Tally,
    TallyQuery,
};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::checkpoint::Checkpoints;
use crate::give_up::GIVE_UP_MAX;
use crate::lock::{Lock, LockError};
use crate::readers::Readers;
use crate::recover::{self, Identity, Lease};
use crate::reserve::{Reserve, is_full};
use crate::schema::{self, FORMAT};
use crate::shared::Shared;
use crate::wal::{self, Wal};
use crate::writer::{COMMANDS_WAITING_MAX, Command, Writer};
use crate::{history, lease, listings, records, replay, slices};

/// Milliseconds by which the wall clock may be ahead of the last moment on record: 30 days.
const LEAP_MS: u64 = 30 * 24 * 3600 * 1000;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory; made if it is not there.
    pub dir: PathBuf,
    /// Whether a commit waits for the disk. Off only for data that may be lost (`--ephemeral`).
    pub durable: bool,
    /// Days that settled events stay.
    pub history_days: u32,
    /// Follow the wall clock even if it looks wrong.
    pub accept_clock: bool,
    /// Milliseconds after its birth at which an unsettled event is given up.
    pub expiry_ms: u64,
    /// Milliseconds after a start in which nothing expires.
    pub first_expiry_ms: u64,
    /// Open events of one application, at most.
    pub open_per_application: u64,
    /// Open events in all, at most.
    pub open_total: u64,
    /// Bytes of disk held back.
    pub reserve_bytes: u64,
}

impl Options {
    /// The defaults, for that directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            durable: true,
            history_days: limits::HISTORY_DAYS,
            accept_clock: false,
            expiry_ms: limits::EXPIRY_MS,
            first_expiry_ms: 3_600_000,
            open_per_application: limits::OPEN_PER_APPLICATION_MAX,
            open_total: limits::OPEN_TOTAL_MAX,
            reserve_bytes: limits::RESERVE_BYTES,
        }
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The file was written by a newer version.
    #[error("{path} has format {found}; this version reads up to {FORMAT}")]
    Newer {
        /// The directory.
        path: PathBuf,
        /// The format of the file.
        found: i32,
    },
    /// The file cannot be read or written.
    #[error("cannot open the store in {path}")]
    Sqlite {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The directory's other files cannot be used.
    #[error("cannot use {path}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The embedded store.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
    _lock: Lock,
}

impl Store {
    /// Opens the store of a directory, or makes it. Blocks while it recovers.
    pub fn open(
        options: &Options,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<Self>, OpenError> {
        let lock = Lock::take(&options.dir)?;
        let sqlite = |source| OpenError::Sqlite { path: options.dir.clone(), source };
        let io = |source| OpenError::Io { path: options.dir.clone(), source };
        let mut reserve = Reserve::open(&options.dir, options.reserve_bytes).map_err(io)?;
        let mut full = false;
        let (db, identity, leases) = loop {
            match Self::begin(options) {
                // counting a start takes a little room, which a full disk does not have
                Err(OpenError::Sqlite { .. })
                    if reserve.is_needed().map_err(io)? && reserve.give().map_err(io)? =>
                {
                    full = true;
                }
                begun => break begun?,
            }
        };
        let (high, accept) = (identity.clock_high, options.accept_clock);
        let (anchor, plausible) = Anchor::tie(clock.now(), high, LEAP_MS, accept);
        let now = anchor.steady(clock.now());
        let mut engine = Engine::new(EngineSettings {
            origin: identity.origin,
            boot: identity.boot,
            opened: now,
            open_per_application: options.open_per_application,
            open_total: options.open_total,
            expiry_ms: options.expiry_ms,
            first_expiry_ms: options.first_expiry_ms,
            repeat_ms: limits::CONFIRM_REPEAT_MS,
        });
        let found = recover::fill(&db, &mut engine, &leases, now).map_err(sqlite)?;
        while let Err(error) = wal::checkpoint(&db, "TRUNCATE") {
            if !is_full(&error) {
                return Err(sqlite(error));
            }
            full = true;
            // what cannot be copied even so is read from the log
            if !reserve.give().map_err(io)? {
                break;
            }
        }
        reserve.refill().map_err(io)?;
        let readers = Readers::new(options.dir.clone());
        let shared = Arc::new(Shared::new(engine, readers, anchor, clock, observer));
        shared.status.clock_in_doubt.store(!plausible, Ordering::Release);
        if !plausible {
            let note = "the wall clock is far from where it was when the store was last used; \
                        start with --accept-clock if it is right";
            let mut notes = shared.status.notes.lock().unwrap_or_else(PoisonError::into_inner);
            notes.push(note.to_owned());
        }
        shared.status.disk_full.store(full, Ordering::Release);
        let writer = Writer {
            db,
            shared: Arc::clone(&shared),
            next: found.next,
            next_settle: found.next_settle,
            checkpoints: Checkpoints { settled: 0, seq: found.checkpoint, at: now },
            reserve,
            wal: Wal::start(&options.dir).map_err(sqlite)?,
            history_ms: u64::from(options.history_days) * 24 * 3600 * 1000,
        };
        let (commands, received) = mpsc::channel(COMMANDS_WAITING_MAX);
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let thread = thread.spawn(move || writer.run(received)).map_err(io)?;
        Ok(Arc::new(Self { shared, commands, thread: Mutex::new(Some(thread)), _lock: lock }))
    }

    /// Opens the file, makes the tables of a new one, and counts the start.
    fn begin(options: &Options) -> Result<(Connection, Identity, HashMap<Seq, Lease>), OpenError> {
        let path = options.dir.clone();
        let sqlite = |source| OpenError::Sqlite { path: options.dir.clone(), source };
        let mut db = schema::open_writer(&options.dir, options.durable).map_err(sqlite)?;
        match schema::format(&db).map_err(sqlite)? {
            0 => schema::create(&mut db).map_err(sqlite)?,
            found if found > FORMAT => return Err(OpenError::Newer { path, found }),
            _ => {}
        }
        let mut random = [0; 4];
        getrandom::fill(&mut random)
            .map_err(|error| OpenError::Io { path, source: io::Error::other(error) })?;
        let (identity, leases) =
            recover::begin(&mut db, u32::from_le_bytes(random)).map_err(sqlite)?;
        Ok((db, identity, leases))
    }

    /// Gives every full block its slice.
    async fn seal(&self) -> Result<(), BackendError> {
        // the reserve is not for them
        while !self.shared.status.disk_full.load(Ordering::Acquire) {
            let built = self.shared.readers.read(slices::build).await?;
            let Some(slice) = built else { break };
            self.ask(|answer| Command::Seal(slice, answer)).await??;
        }
        Ok(())
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, BackendError> {
        self.shared.status.check()?;
        let (sender, answer) = oneshot::channel();
        if self.commands.send(command(sender)).await.is_err() {
            return Err(self.gone());
        }
        answer.await.map_err(|_gone| self.gone())
    }

    /// Why the writer is not there any more. If nobody knows, it panicked.
    fn gone(&self) -> BackendError {
        let known = self.shared.status.check().err();
        known.unwrap_or_else(|| self.shared.status.fail("the writer panicked"))
    }
}

#[async_trait]
impl Backend for Store {
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.ask(|answer| Command::Commit(commit, answer)).await?
    }

    async fn get(&self, keys: Vec<RecordKey>) -> Result<Vec<Option<Record>>, BackendError> {
        self.shared.status.check()?;
        self.shared.readers.read(move |db| records::get(db, &keys)).await
    }

    async fn find(&self, query: RecordQuery) -> Result<RecordPage, BackendError> {
        self.shared.status.check()?;
        self.shared.readers.read(move |db| records::find(db, &query)).await
    }

    async fn search(&self, query: SearchQuery) -> Result<SearchPage, BackendError> {
        self.shared.status.check()?;
        listings::search(&self.shared, query).await
    }

    async fn tally(&self, query: TallyQuery) -> Result<Vec<Tally>, BackendError> {
        self.shared.status.check()?;
        listings::tally(&self.shared, query).await
    }

    async fn due(&self, query: DueQuery) -> Result<Vec<(String, Record)>, BackendError> {
        self.shared.status.check()?;
        self.shared.readers.read(move |db| records::due(db, &query)).await
    }

    async fn application(&self, app: AppId) -> Result<Option<Configured>, BackendError> {
        Ok(self.shared.engine().application(app).cloned())
    }

    async fn applications(&self) -> Result<Vec<Configured>, BackendError> {
        Ok(self.shared.engine().applications().cloned().collect())
    }

    async fn lease(&self, request: LeaseRequest) -> Result<Vec<Leased>, LeaseError> {
        lease::lease(&self.shared, request).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, BackendError> {
        self.ask(|answer| Command::Settle(settlements, answer)).await?
    }

    fn runnable(&self, after: Option<AppId>, max: usize) -> Vec<AppId> {
        self.shared.engine().runnable(after, max)
    }

    async fn hint(&self) {
        lease::hint(&self.shared).await;
    }

    fn load(&self, app: Option<AppId>) -> Load {
        self.shared.engine().load(app)
    }

    async fn history(&self, query: EventQuery) -> Result<EventPage, BackendError> {
        self.shared.status.check()?;
        history::page(&self.shared, query).await
    }

    async fn event(&self, app: AppId, id: EventId) -> Result<Option<EventDetail>, BackendError> {
        self.shared.status.check()?;
        history::event(&self.shared, app, id).await
    }

    async fn purge(&self, request: PurgeRequest) -> Result<u64, BackendError> {
        let mut purged = 0;
        loop {
            let slice = request.clone();
            let some = self.ask(|answer| Command::Purge(slice, answer)).await??;
            purged += some;
            // the last slice: what has come since is not waited for, or this might never end
            if some < u64::try_from(GIVE_UP_MAX).unwrap_or(u64::MAX) {
                return Ok(purged);
            }
        }
    }

    async fn replay(&self, request: ReplayRequest) -> Result<Replayed, ReplayError> {
        self.shared.status.check()?;
        let chosen = replay::choose(&self.shared, &request).await?;
        if request.dry_run {
            return Ok(chosen.counted());
        }
        let mut replayed = Replayed { count: 0, cursor: chosen.cursor };
        let mut rest = chosen.events;
        while !rest.is_empty() {
            let events = rest.clone();
            let asked = self.ask(|answer| Command::Replay(request.app, events, answer)).await?;
            let (count, seen) = asked?;
            replayed.count += count;
            rest.drain(..seen);
        }
        Ok(replayed)
    }

    async fn garbage(
        &self,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<String>, BackendError> {
        self.shared.status.check()?;
        self.shared.readers.read(move |db| records::garbage(db, after.as_deref(), limit)).await
    }

    async fn tick(&self) -> Result<(), BackendError> {
        let now = self.shared.steady();
        let woken = self.shared.engine().advance(now);
        self.shared.listings.forget(now);
        self.shared.wake(&woken);
        let upkept = self.ask(Command::Upkeep).await?;
        upkept.and(self.seal().await)
    }

    fn steady(&self) -> Steady {
        self.shared.steady()
    }

    fn health(&self) -> Health {
        let status = &self.shared.status;
        let notes = status.notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut problems = Vec::new();
        let failure = status.failure();
        if status.disk_full.load(Ordering::Acquire) {
            problems.push("the disk is full: events are refused until there is room".to_owned());
        }
        problems.extend(failure.iter().map(|why| format!("the store has failed: {why}")));
        let wal_bytes = status.wal_bytes.load(Ordering::Relaxed);
        let clock_in_doubt = status.clock_in_doubt.load(Ordering::Acquire);
        Health { problems, notes, failed: failure.is_some(), wal_bytes, clock_in_doubt }
    }

    async fn close(&self) -> Result<(), BackendError> {
        let closed = self.ask(Command::Close).await;
        self.shared.status.close();
        self.shared.wake_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                return Err(self.shared.status.fail("the writer panicked"));
            }
        }
        closed?
    }
}

/// A store that is dropped without being closed leaves what a crash leaves, but no thread behind.
impl Drop for Store {
    fn drop(&mut self) {
        // closing the channel ends the writer
        self.commands = mpsc::channel(1).0;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer panicked");
        }
    }
}
