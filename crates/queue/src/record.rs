//! Records: everything durable that is not an event. Applications, keys, upload sessions, media, the
//! objects that media are made of, classes, tasks and their SessionIds, live streams, and paths that
//! are taken.
//!
//! To the backend a record is a version, bytes and the terms it is found by. The one exception is
//! [`RecordKind::Application`], whose body the backend reads, because the route of an event is
//! decided inside the commit.

use bytes::Bytes;
use model::AppId;

use crate::listing::Listing;

/// What a record is. Codes are stored and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// `model::Application` as JSON; `app` and `id` are both the SubAppId.
    Application,
    /// `model::ApiKey` as JSON; `app` is 0, `id` the SecretId.
    Key,
    /// An upload session; `id` is the VodSessionKey.
    Session,
    /// A media file; `id` is the FileId.
    Media,
    /// A stored object; `id` is its key, the path in its bucket without the leading slash.
    Object,
    /// A class that media are filed under; `id` is the ClassId.
    Class,
    /// A task of the library, such as a pull; `id` is the TaskId.
    Task,
    /// A live stream that is recorded; `id` is the StreamId.
    Stream,
    /// A path that an upload or a media has taken; `id` is the key of the object there, or to come.
    Path,
    /// A client upload signature for one use that was used; `id` is its digest.
    Signature,
    /// A SessionId that a task was begun with; `id` is the type of the task and the SessionId.
    SessionId,
    /// What keeps a media file's objects beyond its deletion; `id` is the FileId.
    Hold,
    /// A recorded segment of a live stream; `id` is the FileId of the recording, the time in ms and the
    /// number, divided by slashes.
    Footage,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Application,
        Self::Key,
        Self::Session,
        Self::Media,
        Self::Object,
        Self::Class,
        Self::Task,
        Self::Stream,
        Self::Path,
        Self::Signature,
        Self::SessionId,
        Self::Hold,
        Self::Footage,
    ];

    /// The number the store keeps.
    pub const fn code(self) -> u8 {
        match self {
            Self::Application => 1,
            Self::Key => 2,
            Self::Session => 3,
            Self::Media => 4,
            Self::Object => 5,
            Self::Class => 6,
            Self::Task => 7,
            Self::Stream => 8,
            Self::Path => 9,
            Self::Signature => 10,
            Self::SessionId => 11,
            Self::Hold => 12,
            Self::Footage => 13,
        }
    }

    /// Whether records of this kind may have a [`Listing`].
    pub const fn is_listed(self) -> bool {
        matches!(self, Self::Media)
    }

    /// The kind with that stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Names one record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey {
    /// What it is.
    pub kind: RecordKind,
    /// The application it belongs to; 0 for records of the account.
    pub app: AppId,
    /// Its name within kind and application.
    pub id: String,
}

impl RecordKey {
    /// The record of an application.
    pub fn application(app: AppId) -> Self {
        Self { kind: RecordKind::Application, app, id: app.to_string() }
    }

    /// The record of an API key.
    pub fn key(secret_id: impl Into<String>) -> Self {
        Self { kind: RecordKind::Key, app: AppId(0), id: secret_id.into() }
    }
}

/// A record as it stands. `version` starts at 1 and grows by one with every put; a record that was
/// deleted and made anew starts at 1 again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub key: RecordKey,
    /// How often it was put.
    pub version: u64,
    /// Its bytes, JSON by convention.
    pub body: Bytes,
}

/// A value by which a record is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// What the value is (`object`, `directory`, …).
    pub name: &'static str,
    /// The value, compared byte by byte.
    pub value: String,
}

/// A record to be written; replaces body and terms of an older version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPut {
    /// Its name.
    pub key: RecordKey,
    /// Its bytes.
    pub body: Bytes,
    /// What it is found by.
    pub terms: Vec<Term>,
    /// What it is searched by; only of kinds that are [listed](RecordKind::is_listed).
    pub listing: Option<Listing>,
}

/// Asks for records of one kind, in the order of application and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordQuery {
    /// What they are.
    pub kind: RecordKind,
    /// Only those of this application.
    pub app: Option<AppId>,
    /// Only those with this term.
    pub term: Option<Term>,
    /// Only those after this one: the last key of the page before.
    pub after: Option<RecordKey>,
    /// At most this many.
    pub limit: usize,
}

/// Asks for what is due: records with a term of that name whose value is not above `upto`, in the
/// order of values, applications and ids, whatever the application. Where values are moments written
/// with a fixed width, that is the order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueQuery {
    /// What they are.
    pub kind: RecordKind,
    /// The name of the term.
    pub term: &'static str,
    /// The highest value, compared byte by byte.
    pub upto: String,
    /// Only those after this one: the last of the page before.
    pub after: Option<(String, RecordKey)>,
    /// At most this many.
    pub limit: usize,
}

/// A page of records; `more` if the query has others.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RecordPage {
    /// The records.
    pub records: Vec<Record>,
    /// Whether there are more after the last one.
    pub more: bool,
}
