//! Facts: what was decided, as data. They are written to the tables, and after the commit applied to
//! the engine; nothing else changes either.

use std::sync::Arc;

use bytes::Bytes;
use model::{AppId, Application, FileId, Seq, Timestamp};
use queue::{Attempt, Entry, Listing, Mark, RecordKey, Route, Steady, Term};

use crate::lives::Later;

/// One fact.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    /// An event, or a new life of one, has a place in the log.
    Append(Append),
    /// An entry is DONE, DEAD or IGNORED.
    Close { seq: Seq, mark: Mark },
    /// An entry waits for its next attempt.
    Delay { entry: Entry, due: Steady },
    /// An attempt was made.
    Attempt { seq: Seq, attempt: Attempt },
    /// A record has this body. `was`: the time at which it was listed before.
    Put {
        key: RecordKey,
        version: u64,
        body: Bytes,
        terms: Vec<Term>,
        was: Option<i64>,
        listing: Option<Box<Listing>>,
    },
    /// An application is configured like this: what the engine takes from a record.
    Configure { application: Arc<Application>, version: u64 },
    /// Whatever of an application waits for a retry is due: its configuration leads elsewhere.
    Hasten(AppId),
    /// A record is gone. `was`: the time at which it was listed.
    Delete { key: RecordKey, was: Option<i64> },
    /// An object is not referred to any more.
    Garbage(String),
    /// An object is gone from the disk.
    Swept(String),
}

/// An event, or a new life of one, with its place.
#[derive(Clone, Debug)]
pub(crate) struct Append {
    pub(crate) app: AppId,
    pub(crate) entry: Entry,
    /// Of which event it is a later life.
    pub(crate) later: Option<Later>,
    pub(crate) route: Route,
    /// The wall clock, which is what people are shown …
    pub(crate) at: Timestamp,
    /// … and the steady one, which its life is counted by.
    pub(crate) born: Steady,
    pub(crate) files: Vec<FileId>,
    pub(crate) payload: Bytes,
    /// Digests of EventKey and body.
    pub(crate) dedupe: Option<(Digest, Digest)>,
}

/// The first half of a SHA-256.
pub(crate) type Digest = [u8; 16];
