//! Records every stream: looks at its playlist, takes what is new, lets go what is old.
//!
//! Each segment is one commit: its object, its footage and how far the stream has come, which expects
//! the stream as it was looked at. So a crash costs at most the segment that was on its way, and a
//! start goes on where the playlist still reaches back to. A stream whose source fails, or is no
//! playlist that can be recorded, says why and is looked at again. A look takes as long as its source
//! makes it; no other stream waits for it.
//!
//! What is older than the window goes, counted from the newest footage and not from the clock: what a
//! stream that has ended left stays until the stream is removed. Footage that a clip still copies
//! stays until it has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egress::Client;
use model::{AppId, Mono, limits};
use queue::{Commit, RecordKey};
use tokio::task::{self, JoinSet};

use super::Stream;
use super::follow::{self, New};
use super::footage::{self, Footage};
use super::source::{Place, Reader, Unread};
use crate::error::{Fault, Refusal};
use crate::library::Library;
use crate::place;
use crate::playlist::{self, MediaPlaylist, Playlist, Reference};
use crate::record::{self, Hold, Object};
use crate::sweep::FirstError;

/// Segments taken of one look: the next look goes on, and others have their turn.
const SEGMENTS: usize = 32;
/// Footage let go in one commit.
const PAGE: usize = 64;
/// Least and greatest time between two looks at a playlist, in ms. A player looks as often as a
/// segment is long.
const LOOK_MS: std::ops::RangeInclusive<u64> = 500..=10_000;

/// Follows live streams.
#[derive(Debug)]
pub struct Recorder {
    library: Arc<Library>,
    client: Arc<Client>,
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
        let (due, looks) = (Mutex::default(), tokio::sync::Mutex::default());
        Arc::new(Self { library, client, due, looks })
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
        let mut due = self.due();
        due.retain(|key, _| streams.iter().any(|(known, _, _)| known == key));
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

    /// Breaks off what is under way: a segment in its middle leaves garbage, which is swept.
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
        let looked = self.record(key, &stream).await?;
        let (trouble, wait_ms, ended) = match looked {
            Ok(Looked { target_ms, ended }) => (String::new(), target_ms / 2, ended),
            Err(why) => (why, *LOOK_MS.end(), false),
        };
        let wait_ms = if ended { *LOOK_MS.end() } else { wait_ms };
        let next =
            library.clock.now().mono.plus_ms(wait_ms.clamp(*LOOK_MS.start(), *LOOK_MS.end()));
        self.due().insert(key.clone(), next);
        self.say(key, &stream.playlist, trouble, ended).await?;
        self.trim(key).await
    }

    /// Takes what is new; or says, in words for the operator, why nothing more can be taken.
    async fn record(
        &self,
        key: &RecordKey,
        stream: &Stream,
    ) -> Result<Result<Looked, Unread>, Fault> {
        let (live, pull) = (&self.library.settings.live, &self.library.settings.pull);
        let place = match Place::read(&stream.playlist, live) {
            Ok(place) => place,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let reader = Reader { client: &self.client, app: key.app, place: &place, live, pull };
        let text = match reader.playlist().await {
            Ok(text) => text,
            Err(why) => return Ok(Err(why)),
        };
        let list = match playlist::parse(&text, |uri: &str| place.resolve(uri)) {
            Ok(Playlist::Media(list)) => list,
            Ok(Playlist::Master(_)) => {
                return Ok(Err("it is a master playlist; name one of those in it".to_owned()));
            }
            Err(error) => return Ok(Err(error.to_string())),
        };
        let new = match follow::new_segments(&list, &stream.reached) {
            Ok(new) => new,
            Err(unfit) => return Ok(Err(unfit.to_string())),
        };
        let more = new.len() > SEGMENTS;
        for segment in new.into_iter().take(SEGMENTS) {
            if self.library.tracker.is_closed() {
                break;
            }
            match self.take(key, &reader, &list, segment).await {
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
        list: &MediaPlaylist,
        new: New,
    ) -> Result<bool, Missed> {
        let library = &self.library;
        let Some(segment) = list.segments.get(new.index) else { return Ok(false) };
        let found: Option<(Stream, u64)> = library.one(key.clone()).await?;
        let Some((mut stream, version)) = found else { return Ok(false) };
        let mut commit = Commit { expect: vec![(key.clone(), Some(version))], ..Commit::default() };
        let number = stream.reached.count + 1;
        let mut reserved = Vec::new();
        let map = match &segment.map {
            None => None,
            Some(map) => {
                let known = stream.reached.map.clone().filter(|(at, _)| *at == map.file.path);
                let path = if let Some((_, path)) = known {
                    path
                } else {
                    let path = format!("{number:010}-map.{}", extension(&map.file));
                    let object = self.fetch(&mut commit, reader, &stream, (&map.file, &path));
                    reserved.push(object.await?);
                    path
                };
                stream.reached.map = Some((map.file.path.clone(), path.clone()));
                Some(path)
            }
        };
        let path = format!("{number:010}.{}", extension(&segment.file));
        reserved.push(self.fetch(&mut commit, reader, &stream, (&segment.file, &path)).await?);
        let footage = Footage {
            file: stream.file,
            number,
            at: new.at,
            micros: u64::try_from(segment.duration.as_micros()).unwrap_or(u64::MAX),
            path,
            map,
            breaks: new.breaks,
        };
        stream.reached.sequence = Some(list.sequence_of(new.index));
        stream.reached.uri.clone_from(&segment.file.uri);
        stream.reached.end = Some(footage.end());
        stream.reached.count = number;
        commit.put.push(footage.put(footage::footage_key(key.app, stream.file, new.at, number)));
        commit.put.push(stream.put(key.clone()));
        let outcome = library.commit(commit).await;
        drop(reserved);
        match outcome {
            Ok(()) => Ok(true),
            // registered anew or removed meanwhile; the next look sees it
            Err(Refusal::Conflict) => Ok(false),
            Err(Refusal::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Makes an object of what a reference leads to, to be recorded by `commit`.
    async fn fetch(
        &self,
        commit: &mut Commit,
        reader: &Reader<'_>,
        stream: &Stream,
        (file, path): (&Reference, &str),
    ) -> Result<crate::writing::Reserved, Missed> {
        let library = &self.library;
        if library.check_room(0).is_err() {
            return Err(Missed::Unread("the disk is too full to record".to_owned()));
        }
        let (reserved, mut writer) = library.begin_object(stream.file).await?;
        let body = reader.open(&file.path, limits::LIVE_SEGMENT_BYTES_MAX).await;
        let mut body = body.map_err(Missed::Unread)?;
        while let Some(piece) = body.next().await.map_err(Missed::Unread)? {
            writer.write(&piece).await.map_err(Fault::from)?;
        }
        let sums = writer.finish().await.map_err(Fault::from)?;
        let object = Object::new(stream.file, reserved.name(), &sums, library.now());
        let key = record::object_key(reader.app, &place::join(&stream.directory, path));
        commit.swept.push(object.stored.clone());
        commit.put.push(object.put(key));
        Ok(reserved)
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

    /// Lets go footage that is older than the window.
    async fn trim(&self, key: &RecordKey) -> Result<(), Fault> {
        let library = &self.library;
        let found: Option<(Stream, u64)> = library.one(key.clone()).await?;
        let Some((stream, _)) = found else { return Ok(()) };
        let Some(end) = stream.reached.end else { return Ok(()) };
        // a date far ahead would make all that has been recorded look old
        let end = end.min(library.now());
        let window = i64::try_from(library.settings.live.window_ms).unwrap_or(i64::MAX);
        let keeps_from = end.plus_ms(window.saturating_neg());
        let hold_key = record::hold_key(key.app, stream.file);
        loop {
            let hold: Option<(Hold, u64)> = library.one(hold_key.clone()).await?;
            let (hold, version) = hold.unzip();
            if hold.is_some_and(|hold| !hold.by.is_empty()) {
                return Ok(());
            }
            let mut old = library.oldest_footage(key.app, stream.file, PAGE).await?;
            old.retain(|(_, footage)| footage.end() < keeps_from);
            if old.is_empty() {
                return Ok(());
            }
            let full = old.len() == PAGE;
            let expect = vec![(hold_key.clone(), version)];
            let commit = self.removal(key.app, &stream, old, expect).await?;
            match library.commit(commit).await {
                Ok(()) if full => {}
                Ok(()) => break,
                Err(refusal) => return ignore_conflict(Err(refusal)),
            }
        }
        library.sweep_garbage().await
    }

    /// The commit that removes footage with its objects. Initializations stay: they are small, and
    /// later footage may need them.
    async fn removal(
        &self,
        app: AppId,
        stream: &Stream,
        old: Vec<(RecordKey, Footage)>,
        expect: Vec<(RecordKey, Option<u64>)>,
    ) -> Result<Commit, Fault> {
        let mut commit = Commit { expect, ..Commit::default() };
        for (key, footage) in old {
            let object_key =
                record::object_key(app, &place::join(&stream.directory, &footage.path));
            let object: Option<(Object, u64)> = self.library.one(object_key.clone()).await?;
            commit.garbage.extend(object.map(|(object, _)| object.stored));
            commit.delete.extend([key, object_key]);
        }
        Ok(commit)
    }
}

/// What a look found.
struct Looked {
    /// How long a segment is, in ms.
    target_ms: u64,
    /// Whether nothing follows.
    ended: bool,
}

/// Why a segment was not taken.
enum Missed {
    /// Its source's fault.
    Unread(Unread),
    /// Ours.
    Fault(Fault),
}

impl From<Fault> for Missed {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What the name of a segment ends in, from a closed list: it says how it is served.
fn extension(file: &Reference) -> &'static str {
    let path = file.uri.split(['?', '#']).next().unwrap_or_default();
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "mp4" => "mp4",
        "m4s" | "cmfv" | "cmfa" => "m4s",
        "aac" => "aac",
        _ => "ts",
    }
}

fn ignore_conflict(outcome: Result<(), Refusal>) -> Result<(), Fault> {
    match outcome {
        Ok(()) | Err(Refusal::Conflict) => Ok(()),
        Err(Refusal::Fault(fault)) => Err(fault),
    }
}
