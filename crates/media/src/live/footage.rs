//! Footage: what was recorded of a stream, one record a segment, and the clips made of it.
//!
//! A record's id is the FileId of the recording, the time of the segment in ms and its number, so that
//! all of a span stands together. `clip-<first>-<last>.m3u8` in a recording's directory is the playlist
//! of the segments that begin between these times, in ms since 1970; like other clips that are not
//! kept it is stored nowhere.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use model::{AppId, FileId, Timestamp, limits};
use queue::{RecordKey, RecordKind, RecordPut, RecordQuery, Term};
use serde::{Deserialize, Serialize};
use wire::action::LiveRealTimeClip;
use wire::reply::LiveRealTimeClipSegment;

use super::follow::SLACK_MS;
use super::{Stream, stream_key};
use crate::clip::list::{self, Run};
use crate::clip::serve::written;
use crate::clip::source::Input;
use crate::error::{ClipError, Fault};
use crate::hls::{Hls, Named};
use crate::library::{Library, Served};
use crate::metadata::MetaDataError;
use crate::place;
use crate::playlist::{Key, Map, MediaPlaylist, Reference, Segment};
use crate::probe::MetaData;
use crate::record::{self, Hold, Object, Origin};

/// Records read at once.
const PAGE: usize = 500;
const MARK: &str = "clip-";
const EXTENSION: &str = ".m3u8";

/// A recorded segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Footage {
    /// Whose it is.
    pub file: FileId,
    /// Its number among all that were recorded.
    pub number: u64,
    /// When it begins.
    pub at: Timestamp,
    /// How long it is.
    pub micros: u64,
    /// How long it and all that was recorded before it are together, in ms, as
    /// [`Reached`](super::follow::Reached) counts it.
    pub until_ms: u64,
    /// How many bytes that is.
    pub until_bytes: u64,
    /// Where it is, in the directory of the recording.
    pub path: String,
    /// Its initialization.
    pub map: Option<KeptMap>,
    /// How it is encrypted. The files are in the directory of the recording, each IV is said.
    pub keys: Vec<Key>,
    /// Whether it does not continue the one before it.
    pub breaks: bool,
}

/// The initialization of recorded segments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptMap {
    /// Where it is, in the directory of the recording.
    pub path: String,
    /// How it is encrypted.
    pub keys: Vec<Key>,
}

/// The term by which footage is found that needs a map or a key.
pub(super) fn shared_term(file: FileId, path: &str) -> Term {
    Term { name: "shared", value: format!("{file}/{path}") }
}

/// Which record the footage at a time is.
pub(crate) fn footage_key(app: AppId, file: FileId, at: Timestamp, number: u64) -> RecordKey {
    let id = format!("{file}/{:015}/{number:010}", at.0.max(0));
    RecordKey { kind: RecordKind::Footage, app, id }
}

impl Footage {
    pub(crate) fn put(&self, key: RecordKey) -> RecordPut {
        let shared = self.shared();
        let shared = shared.into_iter().map(|path| shared_term(self.file, path));
        let terms = shared.chain([record::file_term(self.file)]).collect();
        RecordPut { key, body: record::body(self), terms, listing: None }
    }

    pub(crate) fn duration(&self) -> Duration {
        Duration::from_micros(self.micros)
    }

    /// When it ends.
    pub(crate) fn end(&self) -> Timestamp {
        self.at.plus_ms(i64::try_from((self.micros + 500) / 1000).unwrap_or(i64::MAX))
    }

    /// The paths of the map and the keys that it needs, each once.
    pub(super) fn shared(&self) -> BTreeSet<&str> {
        let map = self.map.iter();
        let keys = map.clone().flat_map(|map| &map.keys).chain(&self.keys);
        let keys = keys.filter_map(Key::file).map(|file| file.path.as_str());
        keys.chain(map.map(|map| map.path.as_str())).collect()
    }

    fn segment(&self) -> Segment {
        let file = |path: &str| Reference { uri: path.to_owned(), path: path.to_owned() };
        let keys = |keys: &[Key]| keys.iter().cloned().map(Arc::new).collect();
        let map = |map: &KeptMap| {
            Arc::new(Map { file: file(&map.path), range: None, keys: keys(&map.keys) })
        };
        Segment {
            file: file(&self.path),
            range: None,
            duration: self.duration(),
            title: String::new(),
            discontinuity: self.breaks,
            gap: false,
            map: self.map.as_ref().map(map),
            keys: keys(&self.keys),
            date: Some(self.at),
        }
    }
}

/// The stretches without a hole in segments that have their times.
pub(crate) fn stretches(list: &MediaPlaylist) -> Vec<LiveRealTimeClipSegment> {
    let mut found: Vec<LiveRealTimeClipSegment> = Vec::new();
    for segment in &list.segments {
        let Some(start_time) = segment.date else { continue };
        let ms = segment.duration.saturating_add(Duration::from_micros(500)).as_millis();
        let end_time = start_time.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX));
        match found.last_mut() {
            Some(open) if start_time.since_ms(open.end_time).abs() <= SLACK_MS => {
                open.end_time = end_time;
            }
            _ => found.push(LiveRealTimeClipSegment { start_time, end_time }),
        }
    }
    found
}

/// When segments that have their times begin and end together; none: there are none.
pub(crate) fn span(list: &MediaPlaylist) -> Option<(Timestamp, Timestamp)> {
    let all = stretches(list);
    let start = all.iter().map(|stretch| stretch.start_time).min()?;
    Some((start, all.iter().map(|stretch| stretch.end_time).max()?))
}

/// The playlist of recorded segments.
fn playlist(footage: &[Footage]) -> MediaPlaylist {
    MediaPlaylist {
        version: 3,
        target_duration_s: 0,
        media_sequence: 0,
        ended: true,
        segments: footage.iter().map(Footage::segment).collect(),
        others: Vec::new(),
    }
}

/// The path of the clip of the segments that begin at these times and between them.
fn name(times: &RangeInclusive<i64>) -> String {
    format!("{MARK}{}-{}{EXTENSION}", times.start(), times.end())
}

/// The times that the path of a clip names; none: it is none.
fn times_of(path: &str) -> Option<RangeInclusive<i64>> {
    let numbers = path.strip_prefix(MARK)?.strip_suffix(EXTENSION)?;
    let (first, last) = numbers.split_once('-')?;
    let times = first.parse().ok()?..=last.parse().ok()?;
    (!times.is_empty() && name(&times) == path).then_some(times)
}

impl Library {
    /// When the footage of a recording begins.
    pub(super) async fn first_footage(
        &self,
        app: AppId,
        file: FileId,
    ) -> Result<Option<Timestamp>, Fault> {
        let oldest = self.oldest_footage(app, file, 1).await?;
        Ok(oldest.first().map(|(_, footage)| footage.at))
    }

    /// The oldest footage of a recording.
    pub(super) async fn oldest_footage(
        &self,
        app: AppId,
        file: FileId,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Footage)>, Fault> {
        let (oldest, _) = self.footage_after(app, file, None, limit).await?;
        Ok(oldest)
    }

    /// The footage of a recording behind a record, in the order of its times; and whether there is more.
    pub(super) async fn footage_after(
        &self,
        app: AppId,
        file: FileId,
        after: Option<RecordKey>,
        limit: usize,
    ) -> Result<(Vec<(RecordKey, Footage)>, bool), Fault> {
        let page = self.backend.find(footage_query(app, file, after, limit)).await?;
        let read = |found: queue::Record| Ok((found.key.clone(), record::read(&found)?));
        let footage: Result<_, Fault> = page.records.into_iter().map(read).collect();
        Ok((footage?, page.more))
    }

    /// The footage that begins at `times` or between them, in order.
    async fn footage(
        &self,
        app: AppId,
        file: FileId,
        times: RangeInclusive<i64>,
    ) -> Result<Vec<Footage>, Fault> {
        let mut all: Vec<Footage> = Vec::new();
        // the last id before the first time: numbers begin at 1
        let mut after = Some(footage_key(app, file, Timestamp(*times.start()), 0));
        loop {
            let page = self.backend.find(footage_query(app, file, after, PAGE)).await?;
            for found in &page.records {
                let footage: Footage = record::read(found)?;
                if footage.at.0 > *times.end() || all.len() >= limits::PLAYLIST_SEGMENTS_MAX {
                    return Ok(all);
                }
                all.push(footage);
            }
            if !page.more {
                return Ok(all);
            }
            after = page.records.last().map(|found| found.key.clone());
        }
    }

    /// The recording and its footage that a span overlaps; never none.
    pub(crate) async fn take_live(
        &self,
        app: AppId,
        request: &LiveRealTimeClip,
    ) -> Result<Input, ClipError> {
        let found: Option<(Stream, u64)> = self.one(stream_key(app, &request.stream_id)).await?;
        let Some((stream, _)) = found else { return Err(ClipError::StreamId) };
        let (start, end) = (request.start_time, request.end_time);
        if end <= start {
            return Err(ClipError::EndTime);
        }
        let window = i64::try_from(self.settings.live.window_ms).unwrap_or(i64::MAX);
        if end.since_ms(start) > window {
            return Err(ClipError::ClipDuration(window / 1000));
        }
        // looked at before the footage: whatever goes meanwhile changes it, and the clip is made anew
        let hold_key = record::hold_key(app, stream.file);
        let hold: Option<(Hold, u64)> = self.one(hold_key.clone()).await?;
        let (hold, hold_version) = hold.unzip();
        let hold = hold.unwrap_or_default();
        if hold.condemned {
            return Err(ClipError::StreamId);
        }
        // a segment that began earlier may reach into the span
        let longest = i64::try_from(limits::LIVE_SEGMENT_MS_MAX).unwrap_or(i64::MAX);
        let times = start.plus_ms(-longest).0.max(0)..=end.0 - 1;
        let mut footage = self.footage(app, stream.file, times).await?;
        footage.retain(|segment| segment.end() > start);
        let Some(oldest) = footage.first() else {
            let ended = stream.reached.end.is_none_or(|reached| start >= reached);
            return Err(if ended { ClipError::StartTime } else { ClipError::EndTime });
        };
        let meta = if request.meta_data_required || request.persistence.is_some() {
            self.live_meta(app, &stream, oldest).await?
        } else {
            None
        };
        Ok(Input {
            forbidden: false,
            file: stream.file,
            bucket: stream.bucket,
            region: stream.region,
            playlist: String::new(),
            first: 0,
            list: Arc::new(playlist(&footage)),
            origins: vec![Origin { file: stream.file, directory: stream.directory }],
            is_numbered: false,
            meta,
            name: request.stream_id.clone(),
            expect: vec![(hold_key, hold_version)],
            holds: vec![hold],
        })
    }

    /// The clip that a key names.
    pub(super) async fn live_clip_at(
        &self,
        app: AppId,
        stream: &Stream,
        key: &str,
    ) -> Result<Option<Served>, Fault> {
        let path = place::relative(key, &stream.directory);
        let Some(times) = path.and_then(times_of) else { return Ok(None) };
        // nobody need show a key for it
        let _turn = self.lists.writing().await?;
        let footage = self.footage(app, stream.file, times.clone()).await?;
        // what is named is all there, or the window has passed
        let is_whole = footage.first().is_some_and(|first| first.at.0 == *times.start())
            && footage.last().is_some_and(|last| last.at.0 == *times.end());
        if !is_whole {
            return Ok(None);
        }
        let list = playlist(&footage);
        let range = 0..list.segments.len();
        let text = list::write(&[Run { list: &list, range, place: Box::new(str::to_owned) }]);
        let at = footage.last().map_or(stream.created, Footage::end);
        Ok(Some(written(key, (stream.file, at), text).of_directory(&stream.directory)))
    }

    /// What one segment tells of the streams.
    async fn live_meta(
        &self,
        app: AppId,
        stream: &Stream,
        footage: &Footage,
    ) -> Result<Option<MetaData>, Fault> {
        let mut hls = Hls::default();
        for path in footage.shared().into_iter().chain([footage.path.as_str()]) {
            let key = record::object_key(app, &place::join(&stream.directory, path));
            let object: Option<(Object, u64)> = self.one(key).await?;
            hls.objects.extend(object.map(|(object, _)| (path.to_owned(), object)));
        }
        let playlist = playlist(std::slice::from_ref(footage));
        hls.playlists.push(Named { playlist, is_preview: false });
        match self.hls_metadata(&hls).await {
            Ok(meta) => Ok(Some(meta)),
            // the window has passed over it
            Err(MetaDataError::Missing(_)) => Ok(None),
            Err(MetaDataError::Fault(fault)) => Err(fault),
        }
    }
}

/// The key of a clip of a recording that is not kept.
pub(crate) fn clip_key(input: &Input) -> Option<String> {
    let segments = &input.list.segments;
    let times = segments.first()?.date?.0..=segments.last()?.date?.0;
    Some(place::join(&input.origins.first()?.directory, &name(&times)))
}

fn footage_query(app: AppId, file: FileId, after: Option<RecordKey>, limit: usize) -> RecordQuery {
    let term = Some(record::file_term(file));
    RecordQuery { kind: RecordKind::Footage, app: Some(app), term, after, limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footage(number: u64, at: i64, seconds: u64) -> Footage {
        Footage {
            file: FileId(1),
            number,
            at: Timestamp(at),
            micros: seconds * 1_000_000,
            until_ms: 0,
            until_bytes: 0,
            path: format!("{number}.ts"),
            map: None,
            keys: Vec::new(),
            breaks: false,
        }
    }

    #[test]
    fn stretches_end_where_something_is_missing() {
        let all = [
            footage(1, 0, 2),
            footage(2, 2_040, 2),
            footage(3, 4_000, 2),
            footage(4, 9_000, 2),
            footage(5, 8_000, 2),
        ];
        let found: Vec<_> = stretches(&playlist(&all))
            .into_iter()
            .map(|stretch| (stretch.start_time.0, stretch.end_time.0))
            .collect();
        assert_eq!(found, [(0, 6_000), (9_000, 11_000), (8_000, 10_000)]);
        assert!(stretches(&playlist(&[])).is_empty());
    }

    #[test]
    fn a_name_says_which_times() {
        assert_eq!(name(&(5..=70)), "clip-5-70.m3u8");
        assert_eq!(times_of("clip-5-70.m3u8"), Some(5..=70));
        for other in
            ["clip-70-5.m3u8", "clip-05-70.m3u8", "clip-5.m3u8", "x/clip-5-70.m3u8", "5.ts"]
        {
            assert_eq!(times_of(other), None, "{other}");
        }
    }

    #[test]
    fn ids_stand_in_the_order_of_time() {
        let id = |at, number| footage_key(AppId(1), FileId(7), Timestamp(at), number).id;
        assert!(id(999, 9) < id(1_000, 1) && id(1_000, 1) < id(1_000, 2));
        assert!(id(1_795_521_600_000, 1) < id(99_999_999_999_999, 1));
    }
}
