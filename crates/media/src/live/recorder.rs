//! Records every stream: looks at its playlist, takes what is new, lets go what is old.
//!
//! Each segment is one commit: its object, its footage and how far the stream has come, which expects
//! the stream as it was looked at. So a crash costs at most the segment that was on its way, and a
//! start goes on where the playlist still reaches back to. A stream whose source fails, or is no
//! playlist that can be recorded, says why and is looked at again. A look takes as long as its source
//! makes it; no other stream waits for it.
//!
//! Deliberately absent: what goes when the window has passed ([`super::trimming`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egress::Client;
use model::{Mono, limits};
use queue::{Commit, RecordKey};
use tokio::task::{self, JoinSet};

use super::Stream;
use super::follow::{self, New, Reached};
use super::footage::{self, Footage};
use super::source::{Place, Reader, Unread};
use super::taking::{Missed, Taking};
use super::variant::{self, Chosen};
use crate::error::{Fault, Refusal};
use crate::library::Library;
use crate::playlist::{MediaPlaylist, Playlist};
use crate::sweep::FirstError;

/// Segments taken of one look: the next look goes on, and others have their turn.
const SEGMENTS: usize = 32;
/// Least and greatest time between two looks at a playlist, in ms. A player looks as often as a
/// segment is long.
const LOOK_MS: std::ops::RangeInclusive<u64> = 500..=10_000;

/// Follows live streams.
#[derive(Debug)]
pub struct Recorder {
    pub(super) library: Arc<Library>,
    client: Arc<Client>,
    /// How far all footage has been looked at.
    seen: Mutex<HashMap<RecordKey, RecordKey>>,
    /// When each stream is to be looked at again.
    due: Mutex<HashMap<RecordKey, Mono>>,
    looks: tokio::sync::Mutex<Looks>,
}

/// The looks under way.
#[derive(Debug, Default)]
struct Looks {
    tasks: JoinSet<Result<(), Fault>>,
    streams: HashMap<task::Id, RecordKey>,
}

impl Recorder {
    /// A recorder for the streams of a library; `client` reaches their playlists.
    pub fn new(library: Arc<Library>, client: Arc<Client>) -> Arc<Self> {
        let (seen, due) = (Mutex::default(), Mutex::default());
        Arc::new(Self { library, client, seen, due, looks: tokio::sync::Mutex::default() })
    }

    /// Begins to look at every stream whose time has come. The error is the first of what failed of the
    /// machine since the last tick.
    pub async fn tick(self: &Arc<Self>) -> Result<(), Fault> {
        let mut looks = self.looks.lock().await;
        let mut first = FirstError::default();
        while let Some(ended) = looks.tasks.try_join_next_with_id() {
            first.note(self.ended(&mut looks.streams, ended));
        }
        let now = self.library.clock.now().mono;
        let streams = self.library.streams(None).await?;
        let is_known = |key: &RecordKey| streams.iter().any(|(known, _, _)| known == key);
        let mut due = self.due();
        due.retain(|key, _| is_known(key));
        self.seen().retain(|key, _| is_known(key));
        for (key, _, _) in streams {
            let under_way = looks.streams.values().any(|known| *known == key);
            if !under_way && due.get(&key).is_none_or(|due| *due <= now) {
                let (recorder, looked_at) = (Arc::clone(self), key.clone());
                let look = looks.tasks.spawn(async move { recorder.look(&looked_at).await });
                looks.streams.insert(look.id(), key);
            }
        }
        first.into()
    }

    /// Returns when no look is under way. The error is as that of [`Self::tick`].
    pub async fn rest(&self) -> Result<(), Fault> {
        let mut looks = self.looks.lock().await;
        let mut first = FirstError::default();
        while let Some(ended) = looks.tasks.join_next_with_id().await {
            first.note(self.ended(&mut looks.streams, ended));
        }
        first.into()
    }

    /// Breaks off what is under way: a segment in its middle leaves garbage, which is swept. A commit goes
    /// on; [`Library::close`] waits for it.
    pub async fn close(&self) {
        self.looks.lock().await.tasks.shutdown().await;
    }

    /// Takes note of the end of a look. A stream at which the machine failed is left alone for a while,
    /// because what is fetched in vain costs its source as much.
    fn ended(
        &self,
        streams: &mut HashMap<task::Id, RecordKey>,
        ended: Result<(task::Id, Result<(), Fault>), task::JoinError>,
    ) -> Result<(), Fault> {
        let (id, looked) = match ended {
            Ok((id, looked)) => (id, looked),
            Err(error) => (error.id(), Err(std::io::Error::other(error).into())),
        };
        if let (Some(key), Err(_)) = (streams.remove(&id), &looked) {
            let later = self.library.clock.now().mono.plus_ms(*LOOK_MS.end());
            self.due().insert(key, later);
        }
        looked
    }

    /// How far all footage of a stream has been looked at; none: to its end.
    pub(super) fn looked_to(&self, key: &RecordKey) -> Option<RecordKey> {
        self.seen().get(key).cloned()
    }

    /// Where to look on; none: from the beginning.
    pub(super) fn look_from(&self, key: &RecordKey, last: Option<RecordKey>) {
        match last {
            Some(last) => self.seen().insert(key.clone(), last),
            None => self.seen().remove(key),
        };
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<RecordKey, RecordKey>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self) -> MutexGuard<'_, HashMap<RecordKey, Mono>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One look at one stream.
    async fn look(&self, key: &RecordKey) -> Result<(), Fault> {
        let library = &self.library;
        let found: Option<(Stream, u64)> = library.one(key.clone()).await?;
        let Some((stream, _)) = found else { return Ok(()) };
        if !library.is_on(key.app).await? {
            return Ok(());
        }
        let playlist = stream.playlist.clone();
        let looked = self.record(key, stream).await?;
        let (trouble, wait_ms, ended) = match looked {
            Ok(Looked { target_ms, ended }) => (String::new(), target_ms / 2, ended),
            // what a source wrote may be in it
            Err(why) => {
                (why.chars().take(limits::LIVE_REASON_CHARS_MAX).collect(), *LOOK_MS.end(), false)
            }
        };
        let wait_ms = if ended { *LOOK_MS.end() } else { wait_ms };
        let next =
            library.clock.now().mono.plus_ms(wait_ms.clamp(*LOOK_MS.start(), *LOOK_MS.end()));
        self.due().insert(key.clone(), next);
        self.say(key, &playlist, trouble, ended).await?;
        self.trim(key).await
    }

    /// Takes what is new; or says, in words for the operator, why nothing more can be taken.
    async fn record(
        &self,
        key: &RecordKey,
        mut stream: Stream,
    ) -> Result<Result<Looked, Unread>, Fault> {
        let (live, pull) = (&self.library.settings.live, &self.library.settings.pull);
        let place = match Place::read(&stream.playlist, live) {
            Ok(place) => place,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let reader = Reader { client: &self.client, app: key.app, place: &place, live, pull };
        let (list, variant, is_same) = match segments(&reader, stream.variant.as_ref()).await {
            Ok(found) => found,
            Err(why) => return Ok(Err(why)),
        };
        if !is_same {
            stream.reached = stream.reached.in_another_playlist();
        }
        stream.variant = variant;
        let new = match follow::new_segments(&list, &stream.reached) {
            Ok(new) => new,
            Err(unfit) => return Ok(Err(unfit.to_string())),
        };
        let more = new.len() > SEGMENTS;
        for new in new.into_iter().take(SEGMENTS) {
            if self.library.tracker.is_closed() {
                break;
            }
            match self.take(key, &reader, (&list, stream.variant.as_ref()), new).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(Missed::Unread(why)) => return Ok(Err(why)),
                Err(Missed::Fault(fault)) => return Err(fault),
            }
        }
        let target_ms = if more { 0 } else { list.target_duration_s.saturating_mul(1000) };
        Ok(Ok(Looked { target_ms, ended: list.ended && !more }))
    }

    /// Takes one segment; whether the stream is still the same.
    async fn take(
        &self,
        key: &RecordKey,
        reader: &Reader<'_>,
        (list, variant): (&MediaPlaylist, Option<&Chosen>),
        new: New,
    ) -> Result<bool, Missed> {
        let library = &self.library;
        let Some(segment) = list.segments.get(new.index) else { return Ok(false) };
        let found: Option<(Stream, u64)> = library.one(key.clone()).await?;
        let Some((mut stream, version)) = found else { return Ok(false) };
        let sequence = list.sequence_of(new.index);
        let mut taking = Taking::new(library, reader, &stream, new.breaks);
        let map = match &segment.map {
            Some(map) => Some(taking.map(map).await?),
            None => None,
        };
        let keys = taking.keys(&segment.keys, Some(sequence)).await?;
        let path = taking.segment(segment).await?;
        let Taking { shared, mut commit, bytes, reserved, .. } = taking;
        let ms = u64::try_from(segment.duration.as_millis()).unwrap_or(u64::MAX);
        let ms = ms.max(limits::LIVE_SEGMENT_MS_MIN);
        let footage = Footage {
            file: stream.file,
            number: stream.reached.count + 1,
            at: new.at,
            micros: u64::try_from(segment.duration.as_micros()).unwrap_or(u64::MAX),
            until_ms: stream.reached.total_ms.saturating_add(ms),
            until_bytes: stream.reached.total_bytes.saturating_add(bytes),
            path,
            map,
            keys,
            breaks: new.breaks,
        };
        stream.variant = variant.cloned();
        stream.reached = Reached {
            sequence: Some(sequence),
            uri: segment.file.uri.clone(),
            end: Some(footage.end()),
            count: footage.number,
            total_ms: footage.until_ms,
            total_bytes: footage.until_bytes,
            shared,
        };
        let footage_key = footage::footage_key(key.app, stream.file, new.at, footage.number);
        commit.expect.push((key.clone(), Some(version)));
        commit.put.extend([footage.put(footage_key), stream.put(key.clone())]);
        let committing = Arc::clone(library);
        // to its end even at a stop: what a commit speaks of must not be swept while it is under way
        let work = async move {
            let committed = committing.commit(commit).await;
            drop(reserved);
            committed
        };
        let committed = library.tracker.spawn(work).await;
        match committed.map_err(|error| Fault::from(std::io::Error::other(error)))? {
            Ok(()) => Ok(true),
            // registered anew or removed meanwhile; the next look sees it
            Err(Refusal::Conflict) => Ok(false),
            Err(Refusal::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Writes down what is to be said of a stream, if that is another thing than before.
    async fn say(
        &self,
        key: &RecordKey,
        playlist: &str,
        trouble: String,
        ended: bool,
    ) -> Result<(), Fault> {
        let found: Option<(Stream, u64)> = self.library.one(key.clone()).await?;
        let Some((stream, version)) = found else { return Ok(()) };
        if stream.playlist != playlist || (&stream.trouble, stream.ended) == (&trouble, ended) {
            return Ok(());
        }
        if !trouble.is_empty() {
            tracing::warn!(stream = key.id, reason = trouble, "a live stream is not recorded");
        }
        let expect = vec![(key.clone(), Some(version))];
        let put = vec![Stream { trouble, ended, ..stream }.put(key.clone())];
        ignore_conflict(self.library.commit(Commit { expect, put, ..Commit::default() }).await)
    }
}

/// What a look found.
struct Looked {
    /// How long a segment is, in ms.
    target_ms: u64,
    /// Whether nothing follows.
    ended: bool,
}

/// The segments that a stream has now, the variant whose they are if its playlist is a master playlist, and
/// whether the last look was at the same playlist. `before` is the variant that was chosen.
async fn segments(
    reader: &Reader<'_>,
    before: Option<&Chosen>,
) -> Result<(MediaPlaylist, Option<Chosen>, bool), Unread> {
    let master = match reader.playlist(reader.place.start()?).await? {
        Playlist::Media(list) => return Ok((list, None, before.is_none())),
        Playlist::Master(master) => master,
    };
    let (variant, is_same) = variant::choose(&master, before).ok_or(variant::NONE_FITS)?;
    match reader.playlist(&variant.file.path).await? {
        Playlist::Media(list) => Ok((list, Some(variant.into()), is_same)),
        Playlist::Master(_) => Err("it is a master playlist that names another".to_owned()),
    }
}

pub(super) fn ignore_conflict(outcome: Result<(), Refusal>) -> Result<(), Fault> {
    match outcome {
        Ok(()) | Err(Refusal::Conflict) => Ok(()),
        Err(Refusal::Fault(fault)) => Err(fault),
    }
}
