//! What can be asked about events afterwards: their states, attempts and payloads.

use bytes::Bytes;
use model::{AppId, EventId, EventKind, FileId, Timestamp};

use crate::state::{Reason, State};

/// One attempt of PUSH: what was tried and what came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// Where it went.
    pub url: String,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The beginning of the answer's body (16 KiB of failures, 1 KiB of successes).
    pub body: Bytes,
    /// Why it failed; empty if it did not.
    pub error: String,
}

/// Asks for a page of an application's events, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventQuery {
    /// Whose events.
    pub app: AppId,
    /// Only those in these states; empty: all.
    pub states: Vec<State>,
    /// Only those of these kinds; empty: all.
    pub kinds: Vec<EventKind>,
    /// Only those that speak of this file.
    pub file: Option<FileId>,
    /// Only those stated at or after this time.
    pub since: Option<Timestamp>,
    /// Only those stated before this time.
    pub until: Option<Timestamp>,
    /// At most this many.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// An event in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Its identity.
    pub id: EventId,
    /// Its type.
    pub kind: EventKind,
    /// The state of its latest life.
    pub state: State,
    /// Why it is in that state, if there is something to say.
    pub reason: Option<Reason>,
    /// When it was stated.
    pub created: Timestamp,
    /// How many attempts of PUSH were made in its latest life.
    pub attempts: u32,
    /// How many lives it had before that one: how often it was replayed.
    pub replays: u32,
    /// The files it speaks of.
    pub files: Vec<FileId>,
}

/// A page of events. It may be short or empty and still not be the last: only a missing cursor
/// ends the list.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct EventPage {
    /// The events, newest first.
    pub events: Vec<EventRow>,
    /// Where the next page begins.
    pub cursor: Option<String>,
}

/// Everything about one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDetail {
    /// The event as in a list.
    pub row: EventRow,
    /// The JSON of its member, as it is sent.
    pub payload: Bytes,
    /// The attempts of PUSH in all its lives, oldest first.
    pub attempts: Vec<Attempt>,
}
