//! The one trait made for substitution: a durable home for the engine's facts.
//!
//! Two implementations differ only in where a commit is acknowledged: the embedded store (an fsync)
//! and the cluster (a quorum). Owned data in and out, no closures, no SQL, opaque cursors.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::{AppId, Application, EventId, EventKind, Handle, NewEvent, Timestamp};

use crate::history::{Attempt, EventDetail, EventPage, EventQuery};
use crate::listing::{SearchPage, SearchQuery, Tally, TallyQuery};
use crate::record::{
    DueQuery, Record, RecordKey, RecordKind, RecordPage, RecordPut, RecordQuery, Term,
};
use crate::state::{Reason, State};
use crate::steady::Steady;

/// Keeps applications' queues and records.
#[async_trait]
pub trait Backend: Debug + Send + Sync {
    /// Makes all of a commit durable, or none. Returns after the fsync (or the quorum's answer).
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError>;

    /// The records with those keys, in the same order.
    async fn get(&self, keys: Vec<RecordKey>) -> Result<Vec<Option<Record>>, BackendError>;

    /// A page of records.
    async fn find(&self, query: RecordQuery) -> Result<RecordPage, BackendError>;

    /// A page of the records that meet every condition, and how many they are. Every commit that was
    /// answered before is seen.
    async fn search(&self, query: SearchQuery) -> Result<SearchPage, BackendError>;

    /// How many records there are and what a number of theirs adds up to, word by word of a field;
    /// records without such a word do not count. In the order of words.
    async fn tally(&self, query: TallyQuery) -> Result<Vec<Tally>, BackendError>;

    /// Records that are due, each with the value that says so; a short page is the last.
    async fn due(&self, query: DueQuery) -> Result<Vec<(String, Record)>, BackendError>;

    /// An application with its configuration and the version of its record; from memory, so it may
    /// be asked before each send. Destroyed applications are still found.
    async fn application(&self, app: AppId) -> Result<Option<Configured>, BackendError>;

    /// Every application, in the order of ids; from memory.
    async fn applications(&self) -> Result<Vec<Configured>, BackendError>;

    /// Leases up to `max` entries; waits up to `wait` for the first one. Dropping the future leases
    /// nothing. Those who wait are served first come, first served.
    async fn lease(&self, request: LeaseRequest) -> Result<Vec<Leased>, LeaseError>;

    /// Settles leases, each on its own; durable when it returns. The answers are in the order of the
    /// settlements; the second of two for one handle is [`Settled::Already`].
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, BackendError>;

    /// Up to `max` applications after `after` (in the order of ids, wrapping around) that are in
    /// PUSH mode with an address and have something READY.
    fn runnable(&self, after: Option<AppId>, max: usize) -> Vec<AppId>;

    /// Returns when there may be new work for PUSH: an append, a due retry, a changed
    /// configuration. One waiter; a hint that comes while nobody waits is kept. A hint carries
    /// nothing and may be false.
    async fn hint(&self);

    /// What waits in one application's queue, or in all.
    fn load(&self, app: Option<AppId>) -> Load;

    /// A page of history.
    async fn history(&self, query: EventQuery) -> Result<EventPage, BackendError>;

    /// One event of an application.
    async fn event(&self, app: AppId, id: EventId) -> Result<Option<EventDetail>, BackendError>;

    /// Makes waiting entries DEAD; how many there were.
    async fn purge(&self, request: PurgeRequest) -> Result<u64, BackendError>;

    /// Gives events a new life: a new READY entry at the tail, whatever the switches say, with the same
    /// identity. Events with an open life are skipped. All that one call does not reach is left to the
    /// next, by the cursor; an error may leave a part done, which a repeat then skips.
    async fn replay(&self, request: ReplayRequest) -> Result<Replayed, ReplayError>;

    /// A page of the objects that nothing refers to and that may be on disk: deleted, or still being
    /// written. In the order of their names, those after `after`; a short page is the last.
    async fn garbage(
        &self,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<String>, BackendError>;

    /// Ends leases, makes retries due, expires, checkpoints, drops old history: whatever time has
    /// brought. A driver calls it; so do tests.
    async fn tick(&self) -> Result<(), BackendError>;

    /// Whether it works.
    fn health(&self) -> Health;

    /// This moment on the timeline that no step of the wall clock moves, nor a start with another one.
    fn steady(&self) -> Steady;

    /// Writes down the leases that are held, flushes and stops. Later calls answer
    /// [`BackendError::Closed`].
    async fn close(&self) -> Result<(), BackendError>;
}

/// A change: all of it or nothing. Everything in it is data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Records that must be at this version (`None`: must not exist).
    pub expect: Vec<(RecordKey, Option<u64>)>,
    /// Terms that no record of that kind and application may have.
    pub vacant: Vec<(RecordKind, AppId, Term)>,
    /// Records to write.
    pub put: Vec<RecordPut>,
    /// Records to remove; removing what is not there is no error.
    pub delete: Vec<RecordKey>,
    /// Events to state, in order; routed by the configuration as this commit leaves it.
    pub events: Vec<NewEvent>,
    /// Objects that nothing refers to once this commit stands. An object about to be written is
    /// garbage until the commit that refers to it, so that a crash in between leaves no orphan.
    pub garbage: Vec<String>,
    /// Objects that are garbage no longer: removed from the disk, or referred to from now on.
    pub swept: Vec<String>,
}

/// What became of the events of a commit, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// One for each event.
    pub events: Vec<Published>,
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its identity; the earlier event's, if its EventKey was known.
    pub id: EventId,
    /// READY or IGNORED, or whatever an earlier event with that EventKey is now.
    pub state: State,
    /// Why it is IGNORED (or DEAD).
    pub reason: Option<Reason>,
}

/// Why a commit was refused. Nothing of it was done.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A record was not at the expected version, or has a term that none may have: read again and
    /// decide again.
    #[error("record {0:?} has changed")]
    Conflict(RecordKey),
    /// The EventKey of this event (by index) belongs to another body.
    #[error("the EventKey of event {0} was used for another body")]
    EventKeyReused(usize),
    /// An event names an application that does not exist or is destroyed.
    #[error("application {0} does not exist")]
    UnknownApplication(AppId),
    /// Too many entries are open, in this application or in all.
    #[error("too many open events in application {0}")]
    TooManyOpen(AppId),
    /// An application record's body cannot be read: a bug of the caller.
    #[error("the body of an application record cannot be read: {0}")]
    BadApplication(String),
    /// The backend itself failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// Why the backend cannot do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BackendError {
    /// The disk is full: nothing was done, reads go on.
    #[error("the disk is full")]
    DiskFull,
    /// A cursor that this backend did not hand out.
    #[error("not a cursor")]
    BadCursor,
    /// It was closed.
    #[error("the store is closed")]
    Closed,
    /// It no longer knows what is on disk; the process must restart.
    #[error("the store has failed: {0}")]
    Failed(Arc<str>),
}

/// An application with the version of its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configured {
    /// The application.
    pub application: Arc<Application>,
    /// The version of its record, for [`Commit::expect`].
    pub version: u64,
    /// How often since the start its events were led elsewhere: from PUSH to PULL, to another
    /// address, or signed with another key. What was learnt about a receiver on an earlier course
    /// says nothing about this one.
    pub course: u64,
}

/// Who leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lessee {
    /// PullEvents.
    Pull,
    /// The push worker.
    Push,
}

/// Asks for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRequest {
    /// Whose queue.
    pub app: AppId,
    /// Who asks; the mode must be theirs.
    pub by: Lessee,
    /// At most this many entries.
    pub max: usize,
    /// At most this many payload bytes, but always one entry.
    pub max_bytes: usize,
    /// How long to wait for the first; zero: not at all.
    pub wait: Duration,
    /// How long the lease lasts.
    pub hold: Duration,
    /// Of the entries READY, the one with the fewest attempts instead of the first: a circuit's probe.
    pub fewest_attempts: bool,
}

/// An entry held by a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// The token to settle with; PULL shows it as EventHandle.
    pub handle: Handle,
    /// The event's type.
    pub kind: EventKind,
    /// The JSON of its member.
    pub payload: Bytes,
    /// Attempts made before this lease, in this life.
    pub attempts: u32,
    /// Milliseconds since the first attempt of this life; none: there was none.
    pub since_first_attempt_ms: Option<u64>,
    /// When this life began.
    pub born: Timestamp,
    /// 1 for the first life, one more with each replay.
    pub life: u32,
}

/// Why nothing was leased.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LeaseError {
    /// The application's Mode is the other consumer's.
    #[error("the application is in the other mode")]
    WrongMode,
    /// There is no such application, or it is destroyed.
    #[error("application {0} does not exist")]
    UnknownApplication(AppId),
    /// The backend failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// What to make of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Confirmed or accepted.
    Done,
    /// Try again after so many milliseconds; counts as an attempt.
    Retry {
        /// How long to wait.
        after_ms: u64,
    },
    /// Give up.
    Dead(Reason),
    /// Not tried after all: READY again, where it was, no attempt counted.
    Return,
}

/// One lease to be settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Which lease.
    pub handle: Handle,
    /// The application that settles; a handle of another one is unknown.
    pub app: AppId,
    /// What to make of it.
    pub resolution: Resolution,
    /// The attempt that led to it, to be kept with it.
    pub attempt: Option<Attempt>,
}

/// What came of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settled {
    /// Done as asked.
    Accepted,
    /// This very handle was settled as Done a moment ago.
    Already,
    /// The lease has ended: the event may be with another consumer, or settled long ago.
    Stale,
    /// No such handle was ever given out to this application.
    Unknown,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// READY entries.
    pub ready: u64,
    /// LEASED entries.
    pub leased: u64,
    /// DELAYED entries.
    pub delayed: u64,
    /// When the open entry that comes first in the log was born; told of all applications together.
    pub oldest: Option<Timestamp>,
}

/// Selects waiting entries to be given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeRequest {
    /// Whose.
    pub app: AppId,
    /// In which of the open states; empty: all three.
    pub states: Vec<State>,
    /// Of which kinds; empty: all.
    pub kinds: Vec<EventKind>,
}

/// Asks for new lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayRequest {
    /// Whose events.
    pub app: AppId,
    /// Which of them.
    pub select: Selection,
    /// Only count them.
    pub dry_run: bool,
    /// Events replayed at most.
    pub limit: usize,
    /// Where the call before ended; with a selection by what events are.
    pub cursor: Option<String>,
}

/// Which events to replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// These, in this order; all must exist.
    Events(Vec<EventId>),
    /// Those that match, oldest first.
    Matching {
        /// In one of these final states; empty: in any.
        states: Vec<State>,
        /// Of one of these kinds; empty: any.
        kinds: Vec<EventKind>,
        /// Stated at or after this time.
        since: Option<Timestamp>,
        /// Stated before this time.
        until: Option<Timestamp>,
    },
}

/// What came of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Events that have a new life; with `dry_run`: that would have one.
    pub count: u64,
    /// Where the next call begins; none: nothing is left. Events that are stated or replayed after the
    /// first call of a row are none of its business.
    pub cursor: Option<String>,
}

/// Why nothing more was replayed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReplayError {
    /// The application has no such event. None was replayed.
    #[error("application {app} has no event {event}")]
    UnknownEvent {
        /// The application.
        app: AppId,
        /// The first that it does not have.
        event: EventId,
    },
    /// PUSH mode without an address: nobody would get them.
    #[error("the application has no address to send to")]
    NoAddress,
    /// There is no such application, or it is destroyed.
    #[error("application {0} does not exist")]
    UnknownApplication(AppId),
    /// Too many entries are open, in this application or in all.
    #[error("too many open events in application {0}")]
    TooManyOpen(AppId),
    /// The backend failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// Whether the backend works, and what it costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// What does not work as it should; empty: all does.
    pub problems: Vec<String>,
    /// What an operator should look at, though all works.
    pub notes: Vec<String>,
    /// Whether it has failed for good and the process must restart.
    pub failed: bool,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// Whether the wall clock was implausible at the start and was not accepted: what goes by it
    /// and cannot be undone must wait.
    pub clock_in_doubt: bool,
}
