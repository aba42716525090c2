//! What the library keeps as records of the backend: sessions, objects, media.
//!
//! A session is made by ApplyUpload and owns a directory; an object is one finished file in it; a
//! media is made by CommitUpload. Each is one record, so that a change names exactly what it rests
//! on. The JSON is ours (see docs/format.md), not the API's: its names are those of the fields.

use bytes::Bytes;
use model::{AppId, FileId, Sealed, Timestamp};
use queue::{Record, RecordKey, RecordKind, RecordPut, Term};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Sums;
use crate::listing;
use crate::probe::MetaData;
use crate::{classes, place};

/// Characters of a VodSessionKey in the log.
const SESSION_KEY_SHOWN: usize = 8;

/// A record whose body this version cannot read.
#[derive(Debug, thiserror::Error)]
#[error("the record {} cannot be read", name(key))]
pub struct RecordError {
    /// Which record.
    key: RecordKey,
    /// Why.
    source: serde_json::Error,
}

/// An upload session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The FileId that CommitUpload will answer.
    pub file: FileId,
    /// `StorageBucket`.
    pub bucket: String,
    /// `StorageRegion`.
    pub region: String,
    /// Where every key of the session lies; no slash at either end.
    pub directory: String,
    /// The key of the media file: `MediaStoragePath` without its leading slash.
    pub media_key: String,
    /// The key of the cover, if one was announced.
    pub cover_key: Option<String>,
    /// The public half of the temporary key.
    pub secret_id: String,
    /// The secret half.
    pub secret_key: Sealed,
    /// The token that must travel with every COS request.
    pub token: Sealed,
    /// When it was made.
    pub created: Timestamp,
    /// When the temporary key and the VodSessionKey end.
    pub expires: Timestamp,
    /// Whether CommitUpload has ended the right to write.
    pub committed: bool,
    /// Objects stored under it.
    pub objects: u64,
    /// Bytes of these objects.
    pub bytes: u64,
    /// What ApplyUpload said about the media.
    pub about: About,
}

/// What ApplyUpload says about a media.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// `MediaName`.
    pub name: String,
    /// `MediaType` in lower case.
    pub media_type: String,
    /// `ClassId`; 0 always exists.
    pub class_id: i64,
    /// `ExpireTime`.
    pub expire: Timestamp,
    /// `SourceContext`, given back in NewFileUpload.
    pub source_context: String,
    /// `SessionContext`, given back by the tasks of the upload.
    pub session_context: String,
    /// `MediaStoragePath` without its leading slash, where the application names files by path.
    pub storage_path: Option<String>,
}

/// What made a media (MediaSourceData.SourceType).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Source {
    /// An upload or a pull.
    Upload,
    /// A clip of other media.
    VideoProcessing,
    /// A clip of a live recording. The documentation calls recordings, also those for time shift,
    /// `Record`, clips `VideoProcessing`, and this kind neither; only `Record` comes with the stream.
    Record(LiveRecord),
}

/// What of a live stream a clip holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LiveRecord {
    /// Its StreamId.
    pub stream: String,
    /// When its first segment begins.
    pub start: Timestamp,
    /// When its last segment ends.
    pub end: Timestamp,
}

impl Source {
    /// As the API names it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Upload => "Upload",
            Self::VideoProcessing => "VideoProcessing",
            Self::Record(_) => "Record",
        }
    }

    /// The StreamId of what was recorded; none: it is no recording.
    pub(crate) fn stream(&self) -> Option<&str> {
        match self {
            Self::Record(record) => Some(&record.stream),
            Self::Upload | Self::VideoProcessing => None,
        }
    }
}

/// A stored object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// The file in whose directory it lies.
    pub file: FileId,
    /// Its name in the object store; random, and never used twice.
    pub stored: String,
    /// Bytes.
    pub size: u64,
    /// ETag without quotes.
    pub etag: String,
    /// CRC-64/XZ.
    pub crc64: u64,
    /// When it was stored.
    pub at: Timestamp,
    /// The multipart upload that made it, so that a repeated Complete is known.
    pub upload: Option<String>,
}

/// A path that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Path {
    /// The file that has it.
    pub file: FileId,
}

/// A media file of the library.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Media {
    /// Where its objects are.
    pub bucket: String,
    /// The region that was asked for.
    pub region: String,
    /// Where its keys lie.
    pub directory: String,
    /// The key of the original file; none: it was deleted with DeleteParts.
    pub original: Option<String>,
    /// The key of the cover.
    pub cover: Option<String>,
    /// What was said when it was made.
    pub about: About,
    /// What made it.
    pub source: Source,
    /// The description for people.
    pub description: String,
    /// Its tags, each once.
    pub tags: Vec<String>,
    /// The marks on its timeline, by time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_frames: Vec<KeyFrame>,
    /// Its subtitles, in the order in which they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subtitles: Vec<Subtitle>,
    /// Whether ForbidMediaDistribution keeps it from being served.
    pub forbidden: bool,
    /// Bytes of all its objects, covers and subtitles included.
    pub bytes: u64,
    /// When it was committed.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// What the probe found; none: nothing.
    pub meta: Option<MetaData>,
    /// Where a clip takes its files from until it has them all; none: it has, or is no clip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copying: Option<Copying>,
}

/// A mark on the timeline of a media.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeyFrame {
    /// Seconds; no two of a media are equal.
    pub offset: f64,
    /// What there is to see.
    pub content: String,
}

/// A subtitle of a media: `WebVTT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subtitle {
    /// Its name within the media.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its language.
    pub language: String,
    /// The key of its object.
    pub key: String,
}

/// A clip whose files are still those of its sources: what lies at `<n>/<path>` of its own directory
/// is at `<path>` of the `n`th source's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Copying {
    /// The action that made it, as PersistenceComplete names it.
    pub action: String,
    /// The sources, each once.
    pub sources: Vec<Origin>,
}

impl Copying {
    /// The source of what a clip has at a path of its directory, and its key there.
    pub(crate) fn source_of(&self, path: &str) -> Option<(&Origin, String)> {
        let (nth, rest) = path.split_once('/')?;
        let source = self.sources.get(nth.parse::<usize>().ok()?)?;
        Some((source, place::join(&source.directory, rest)))
    }
}

/// A file that clips take segments from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Which file.
    pub file: FileId,
    /// Where its keys lie.
    pub directory: String,
}

/// What holds the objects of a file: clips that still copy from it. While there is one, deleting the
/// file takes it from the library and leaves its objects.
///
/// The record is made with the first clip, or when the first footage of a recording goes, and goes with
/// the file, never before, so that its version tells two changes apart: whatever takes objects away and a
/// clip both expect it as they have seen it, and one of two at once is decided anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hold {
    /// The clips.
    pub by: Vec<FileId>,
    /// Whether the file was deleted meanwhile: its objects go when no clip is left.
    pub condemned: bool,
}

/// Which record a session is.
pub(crate) fn session_key(app: AppId, vod_session_key: &str) -> RecordKey {
    RecordKey { kind: RecordKind::Session, app, id: vod_session_key.to_owned() }
}

/// Which record an object is.
pub(crate) fn object_key(app: AppId, key: &str) -> RecordKey {
    RecordKey { kind: RecordKind::Object, app, id: key.to_owned() }
}

/// Which record a media is.
pub(crate) fn media_key(app: AppId, file: FileId) -> RecordKey {
    RecordKey { kind: RecordKind::Media, app, id: file.to_string() }
}

/// Which record says whose a path is.
pub(crate) fn path_key(app: AppId, key: &str) -> RecordKey {
    RecordKey { kind: RecordKind::Path, app, id: key.to_owned() }
}

/// Which record tells what holds a file.
pub(crate) fn hold_key(app: AppId, file: FileId) -> RecordKey {
    RecordKey { kind: RecordKind::Hold, app, id: file.to_string() }
}

/// The term by which holds are found that hold something.
pub(crate) fn unfinished_term() -> Term {
    Term { name: "unfinished", value: "1".to_owned() }
}

/// The term by which a session is found from a COS request.
pub(crate) fn secret_id_term(secret_id: &str) -> Term {
    Term { name: "secret_id", value: secret_id.to_owned() }
}

/// The term by which the objects of a file are found.
pub(crate) fn file_term(file: FileId) -> Term {
    Term { name: "file", value: file.to_string() }
}

/// The name of the term by which files with an end are found.
pub(crate) const EXPIRE: &str = "expire";

/// A moment as the value of a term: the order of values is that of time, 1970 and before are one.
pub(crate) fn moment(at: Timestamp) -> String {
    format!("{:016}", at.0.max(0))
}

/// The term by which the media of a class are found; class 0 has none.
pub(crate) fn class_term(class: i64) -> Term {
    Term { name: "class", value: class.to_string() }
}

impl Session {
    pub(crate) fn put(&self, key: RecordKey) -> RecordPut {
        RecordPut {
            key,
            body: body(self),
            terms: vec![secret_id_term(&self.secret_id)],
            listing: None,
        }
    }
}

impl Object {
    /// What was stored under that name in one piece.
    pub(crate) fn new(file: FileId, stored: &str, sums: &Sums, at: Timestamp) -> Self {
        Self {
            file,
            stored: stored.to_owned(),
            size: sums.size,
            etag: sums.etag(),
            crc64: sums.crc64,
            at,
            upload: None,
        }
    }

    pub(crate) fn put(&self, key: RecordKey) -> RecordPut {
        RecordPut { key, body: body(self), terms: vec![file_term(self.file)], listing: None }
    }
}

impl Path {
    pub(crate) fn put(self, key: RecordKey) -> RecordPut {
        RecordPut { key, body: body(&self), terms: Vec::new(), listing: None }
    }
}

impl Media {
    pub(crate) fn put(&self, key: RecordKey) -> RecordPut {
        let class = Some(self.about.class_id).filter(|class| *class != classes::UNFILED);
        let expire = Some(self.about.expire).filter(|expire| *expire != Timestamp::NEVER);
        let expire = expire.map(|expire| Term { name: EXPIRE, value: moment(expire) });
        let terms = class.map(class_term).into_iter().chain(expire).collect();
        RecordPut { key, body: body(self), terms, listing: Some(listing::of(self)) }
    }
}

impl Hold {
    pub(crate) fn put(&self, key: RecordKey) -> RecordPut {
        let has_work = self.condemned || !self.by.is_empty();
        let terms = has_work.then(unfinished_term).into_iter().collect();
        RecordPut { key, body: body(self), terms, listing: None }
    }
}

/// Reads a record's body.
pub(crate) fn read<T: DeserializeOwned>(record: &Record) -> Result<T, RecordError> {
    serde_json::from_slice(&record.body)
        .map_err(|source| RecordError { key: record.key.clone(), source })
}

/// A record for the log. Of a session only the beginning is told: its VodSessionKey is a secret.
fn name(key: &RecordKey) -> String {
    let shown = if key.kind == RecordKind::Session { SESSION_KEY_SHOWN } else { usize::MAX };
    let id: String = key.id.chars().take(shown).collect();
    format!("{:?} {id} of application {}", key.kind, key.app)
}

#[expect(clippy::expect_used, reason = "records hold nothing that JSON cannot say")]
pub(crate) fn body<T: Serialize>(record: &T) -> Bytes {
    serde_json::to_vec(record).expect("a record is plain data").into()
}
