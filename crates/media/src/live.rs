//! Live streams: recorded while they run, so that LiveRealTimeClip can cut out what was.
//!
//! ```text
//! RegisterLiveStream ─▶ stream ─▶ recorder: playlist ─▶ new segments ─▶ objects + footage
//!                                                       old ones go when the window has passed
//! LiveRealTimeClip   ─▶ footage of a span ─▶ a clip like any other
//! ```
//!
//! Footage is one record for each segment, named by the time at which it was made, so that a span is a
//! range of names. A recording has a FileId for its objects' sake and is no media: it is in no list and
//! states no event.
//!
//! Deliberately absent: receiving streams. Whatever makes HLS with EXT-X-PROGRAM-DATE-TIME can be
//! recorded; that tag is how a moment finds its segment.

pub(crate) mod follow;
pub(crate) mod footage;
mod recorder;
mod source;
mod taking;
mod trimming;
mod variant;

use model::{AppId, Application, ApplicationStatus, FileId, Timestamp, limits};
use queue::{Commit, RecordKey, RecordKind, RecordPut, RecordQuery};
use serde::{Deserialize, Serialize};
use wire::reply::{LiveStreamInfo, LiveStreamsReply};

use crate::error::{Fault, LiveError, Refusal};
use crate::library::{Library, ROUNDS, Served};
use crate::record::{self, Hold, Object};
use crate::{place, random};
use follow::Reached;
use variant::Chosen;

pub use recorder::Recorder;

/// A live stream that is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stream {
    /// Whose directory its objects lie in.
    pub file: FileId,
    /// Where that is.
    pub bucket: String,
    /// The region in its name.
    pub region: String,
    /// Where its keys lie.
    pub directory: String,
    /// Where the playlist is: a URL, or the path of a file.
    pub playlist: String,
    /// The one that is recorded, if that is a master playlist.
    pub variant: Option<Chosen>,
    /// When it was registered.
    pub created: Timestamp,
    /// How far it has come.
    pub reached: Reached,
    /// Why nothing is recorded; empty: all is well.
    pub trouble: String,
    /// Whether the playlist has said that nothing follows.
    pub ended: bool,
}

/// Which record a stream is.
pub(crate) fn stream_key(app: AppId, id: &str) -> RecordKey {
    RecordKey { kind: RecordKind::Stream, app, id: id.to_owned() }
}

impl Stream {
    pub(crate) fn put(&self, key: RecordKey) -> RecordPut {
        let terms = vec![record::file_term(self.file)];
        RecordPut { key, body: record::body(self), terms, listing: None }
    }
}

/// Whether a text can be a StreamId.
fn is_stream_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=limits::STREAM_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

impl Library {
    /// Records a stream from now on, or goes on recording it from another playlist.
    pub async fn register_live_stream(
        &self,
        application: &Application,
        id: &str,
        playlist: &str,
    ) -> Result<(), LiveError> {
        if application.status != ApplicationStatus::On {
            return Err(LiveError::ApplicationOff(application.id));
        }
        if !is_stream_id(id) {
            return Err(LiveError::StreamId(limits::STREAM_ID_BYTES_MAX));
        }
        source::Place::read(playlist, &self.settings.live)?;
        let app = application.id;
        let key = stream_key(app, id);
        // who counts the streams must not count while another is about to be one
        let _counting = self.registering.lock().await;
        for _ in 0..ROUNDS {
            let found: Option<(Stream, u64)> = self.one(key.clone()).await?;
            let (stream, version) = match found {
                Some((stream, version)) => {
                    let variant = stream.variant.clone().filter(|_| stream.playlist == playlist);
                    let (playlist, ended) = (playlist.to_owned(), false);
                    (Stream { playlist, variant, ended, ..stream }, Some(version))
                }
                None => (self.new_stream(app, playlist).await?, None),
            };
            let expect = vec![(key.clone(), version)];
            let put = vec![stream.put(key.clone())];
            match self.commit(Commit { expect, put, ..Commit::default() }).await {
                Ok(()) => return Ok(()),
                Err(Refusal::Conflict) => {}
                Err(Refusal::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Fault::Contended.into())
    }

    async fn new_stream(&self, app: AppId, playlist: &str) -> Result<Stream, LiveError> {
        if self.streams(None).await?.len() >= limits::LIVE_STREAMS_MAX {
            return Err(LiveError::TooMany(limits::LIVE_STREAMS_MAX));
        }
        let file = FileId(random::file_number().map_err(Fault::from)?);
        let region = self.settings.storage_region.clone();
        Ok(Stream {
            file,
            bucket: place::bucket(app, self.settings.account),
            directory: place::directory(app, &region, file).map_err(Fault::from)?,
            region,
            playlist: playlist.to_owned(),
            variant: None,
            created: self.now(),
            reached: Reached::default(),
            trouble: String::new(),
            ended: false,
        })
    }

    /// What is known of an application's streams, of all or of those named.
    pub async fn describe_live_streams(
        &self,
        app: AppId,
        ids: &[String],
    ) -> Result<LiveStreamsReply, Fault> {
        let mut live_stream_set = Vec::new();
        for (key, stream, _) in self.streams(Some(app)).await? {
            if !ids.is_empty() && !ids.contains(&key.id) {
                continue;
            }
            let state = match (&stream.reached.end, stream.ended, stream.trouble.is_empty()) {
                (_, true, true) => "ENDED",
                (_, _, false) => "FAILED",
                (None, false, true) => "WAITING",
                (Some(_), false, true) => "RECORDING",
            };
            live_stream_set.push(LiveStreamInfo {
                stream_id: key.id,
                playlist: stream.playlist,
                state: state.to_owned(),
                reason: stream.trouble,
                create_time: stream.created,
                start_time: self.first_footage(key.app, stream.file).await?,
                end_time: stream.reached.end,
            });
        }
        Ok(LiveStreamsReply { live_stream_set })
    }

    /// Stops recording a stream, and removes what was recorded; whether there was any.
    pub async fn delete_live_stream(&self, app: AppId, id: &str) -> Result<bool, Fault> {
        let key = stream_key(app, id);
        for _ in 0..ROUNDS {
            let found: Option<(Stream, u64)> = self.one(key.clone()).await?;
            let Some((stream, version)) = found else { return Ok(false) };
            let hold_key = record::hold_key(app, stream.file);
            let hold: Option<(Hold, u64)> = self.one(hold_key.clone()).await?;
            let (hold, hold_version) = hold.unzip();
            let hold = Hold { condemned: true, ..hold.unwrap_or_default() };
            let commit = Commit {
                expect: vec![(key.clone(), Some(version)), (hold_key.clone(), hold_version)],
                put: vec![hold.put(hold_key)],
                delete: vec![key.clone()],
                ..Commit::default()
            };
            match self.commit(commit).await {
                Ok(()) => {
                    self.sweep_holds().await?;
                    return Ok(true);
                }
                Err(Refusal::Conflict) => {}
                Err(Refusal::Fault(fault)) => return Err(fault),
            }
        }
        Err(Fault::Contended)
    }

    /// The streams of an application, or of all, with their versions.
    pub(crate) async fn streams(
        &self,
        app: Option<AppId>,
    ) -> Result<Vec<(RecordKey, Stream, u64)>, Fault> {
        let query = RecordQuery {
            kind: RecordKind::Stream,
            app,
            term: None,
            after: None,
            limit: limits::LIVE_STREAMS_MAX,
        };
        let page = self.backend.find(query).await?;
        let read =
            |found: queue::Record| Ok((found.key.clone(), record::read(&found)?, found.version));
        page.records.into_iter().map(read).collect()
    }

    /// What lies at a key of a recording: a segment, or the clip that a name is made of.
    pub(crate) async fn live_at(
        &self,
        app: AppId,
        file: FileId,
        key: &str,
    ) -> Result<Option<Served>, Fault> {
        let query = RecordQuery {
            kind: RecordKind::Stream,
            app: Some(app),
            term: Some(record::file_term(file)),
            after: None,
            limit: 1,
        };
        let page = self.backend.find(query).await?;
        let Some(found) = page.records.first() else { return Ok(None) };
        let stream: Stream = record::read(found)?;
        if !place::is_within(key, &stream.directory) {
            return Ok(None);
        }
        let object: Option<(Object, u64)> = self.one(record::object_key(app, key)).await?;
        match object {
            Some((object, _)) => {
                Ok(Some(Served::stored(key, object).of_directory(&stream.directory)))
            }
            None => self.live_clip_at(app, &stream, key).await,
        }
    }
}
