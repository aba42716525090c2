//! From a playlist that moves to the segments in it that are new. Pure.
//!
//! Segments are told apart by their number as long as the numbering goes on: the last one that was
//! recorded still stands where it should. If it does not, the encoder has begun anew, and what is new
//! is told by the time. What was missed in between, whatever the reason, makes the next segment one
//! that does not continue.

use std::time::Duration;

use model::{Timestamp, limits};
use serde::{Deserialize, Serialize};

use crate::playlist::{ByteRange, MediaPlaylist, Segment};

/// How far the time of a segment may be from where the one before it ended, in ms, if the two are one
/// run: times are written to the millisecond, durations often to the frame.
pub(crate) const SLACK_MS: i64 = 1_000;
/// How far back the time of a new beginning may lie, in ms: farther, and the clock was set.
const STEP_MS: i64 = 60_000;

/// How far a recording has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reached {
    /// The number of the last segment in its playlist; none: nothing was recorded yet.
    pub sequence: Option<u64>,
    /// The reference of that segment.
    pub uri: String,
    /// When it ended.
    pub end: Option<Timestamp>,
    /// How many were recorded.
    pub count: u64,
    /// How long they are together, in ms; each counts [`limits::LIVE_SEGMENT_MS_MIN`] at least.
    pub total_ms: u64,
    /// How many bytes they are together, with their maps and keys.
    pub total_bytes: u64,
    /// The map and the keys of the last one.
    pub shared: Vec<Shared>,
}

/// A file that segments share: a map or a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shared {
    /// What the playlist's reference leads to.
    pub from: String,
    /// Which bytes of it; none: all.
    pub range: Option<ByteRange>,
    /// Where it is kept, in the directory of the recording.
    pub path: String,
}

impl Reached {
    /// The same for another playlist of the stream, whose numbers and references mean nothing here: it
    /// goes on by time alone.
    pub(super) fn in_another_playlist(&self) -> Self {
        let sequence = self.sequence.map(|_| u64::MAX);
        Self { sequence, uri: String::new(), ..self.clone() }
    }
}

/// A segment to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct New {
    /// Which of the playlist.
    pub index: usize,
    /// When it begins.
    pub at: Timestamp,
    /// Whether it does not continue the one before it.
    pub breaks: bool,
}

/// Why a playlist cannot be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// Nothing says when its segments are.
    #[error("EXT-X-PROGRAM-DATE-TIME is missing: nothing says when a segment was made")]
    NoDate,
    /// A time before 1970.
    #[error("EXT-X-PROGRAM-DATE-TIME lies before 1970")]
    BadDate,
    /// A segment that lasts too long.
    #[error("a segment of more than {} s is not recorded", limits::LIVE_SEGMENT_MS_MAX / 1000)]
    TooLong,
    /// A reference that is too long to be kept.
    #[error("a reference of more than {} bytes is not followed", limits::LIVE_REFERENCE_BYTES_MAX)]
    LongReference,
}

/// The segments of a playlist that are new since `reached`, in their order.
pub(crate) fn new_segments(list: &MediaPlaylist, reached: &Reached) -> Result<Vec<New>, Unfit> {
    let dates = dates(list);
    let first = first_new(list, &dates, reached);
    let mut found: Vec<New> = Vec::new();
    let mut breaks = first.breaks;
    let mut expected = first.continues.then_some(reached.end).flatten();
    for (index, segment) in list.segments.iter().enumerate().skip(first.index) {
        let at = dates.get(index).copied().flatten().or(expected).ok_or(Unfit::NoDate)?;
        let duration = i64::try_from(segment.duration.as_millis()).unwrap_or(i64::MAX);
        if segment.gap {
            breaks = true;
            expected = Some(at.plus_ms(duration));
            continue;
        }
        if at.0 < 0 {
            return Err(Unfit::BadDate);
        }
        if segment.duration > Duration::from_millis(limits::LIVE_SEGMENT_MS_MAX) {
            return Err(Unfit::TooLong);
        }
        check_references(segment)?;
        let jumps = expected.is_some_and(|expected| at.since_ms(expected).abs() > SLACK_MS);
        breaks |= segment.discontinuity || jumps;
        found.push(New { index, at, breaks });
        breaks = false;
        expected = Some(at.plus_ms(duration));
    }
    Ok(found)
}

/// Whether what is kept of the references of a segment is little; keys are bounded where they are read.
fn check_references(segment: &Segment) -> Result<(), Unfit> {
    let mut files = segment.map.iter().map(|map| &map.file).chain([&segment.file]);
    let is_long =
        files.any(|file| file.uri.len().max(file.path.len()) > limits::LIVE_REFERENCE_BYTES_MAX);
    if is_long { Err(Unfit::LongReference) } else { Ok(()) }
}

/// Where the new segments begin.
struct First {
    index: usize,
    /// Whether the first of them continues the last that was recorded.
    continues: bool,
    /// Whether it certainly does not.
    breaks: bool,
}

/// When each segment was made: the last time that was said before it, and what lies between.
fn dates(list: &MediaPlaylist) -> Vec<Option<Timestamp>> {
    let mut said: Option<(Timestamp, Duration)> = None;
    let date = |segment: &Segment| {
        if let Some(date) = segment.date {
            said = Some((date, Duration::ZERO));
        }
        let (date, since) = said?;
        said = Some((date, since.saturating_add(segment.duration)));
        Some(date.plus_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
    };
    list.segments.iter().map(date).collect()
}

fn first_new(list: &MediaPlaylist, dates: &[Option<Timestamp>], reached: &Reached) -> First {
    let (Some(latest), Some(end)) = (reached.sequence, reached.end) else {
        return First { index: 0, continues: false, breaks: false };
    };
    if latest < list.media_sequence {
        // the playlist has moved on; one that follows at once was not missed
        let follows = latest + 1 == list.media_sequence;
        return First { index: 0, continues: follows, breaks: !follows };
    }
    let index = usize::try_from(latest - list.media_sequence).unwrap_or(usize::MAX);
    let date = dates.get(index).copied().flatten();
    if list.segments.get(index).is_some_and(|segment| is_same(segment, date, reached)) {
        return First { index: index + 1, continues: true, breaks: false };
    }
    // numbered anew: what is after the end is new, and all of it if the clock was set back
    let newest = dates.iter().flatten().next_back().copied();
    let index = if newest.is_some_and(|newest| newest < end.plus_ms(-STEP_MS)) {
        0
    } else {
        let is_new = |(segment, date): (&Segment, &Option<Timestamp>)| {
            // short ones must not count as behind the end only because they end there
            let half = i64::try_from(segment.duration.as_millis() / 2).unwrap_or(i64::MAX);
            date.is_some_and(|at| at >= end.plus_ms(-SLACK_MS.min(half)))
        };
        list.segments.iter().zip(dates).position(is_new).unwrap_or(list.segments.len())
    };
    First { index, continues: false, breaks: true }
}

/// A reference without its query.
pub(super) fn bare(uri: &str) -> &str {
    uri.split(['?', '#']).next().unwrap_or(uri)
}

/// Whether a segment with the number of the one that was recorded last is that one. Another query is
/// another token if the time is the same.
fn is_same(segment: &Segment, date: Option<Timestamp>, reached: &Reached) -> bool {
    let duration = i64::try_from(segment.duration.as_millis()).unwrap_or(i64::MAX);
    let end = date.map(|at| at.plus_ms(duration)).zip(reached.end);
    let uri = &segment.file.uri;
    *uri == reached.uri
        || bare(uri) == bare(&reached.uri)
            && end.is_some_and(|(end, reached)| end.since_ms(reached).abs() <= SLACK_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playlist::{self, Playlist, path};

    const NOON: i64 = 1_795_521_600_000;

    /// Segments of two seconds, each with its time: `(number, uri, seconds after noon)`.
    fn list(first: u64, segments: &[(&str, i64)]) -> MediaPlaylist {
        let line = |(uri, at): &(&str, i64)| {
            let date = Timestamp(NOON + at * 1000);
            format!("#EXT-X-PROGRAM-DATE-TIME:{date}\n#EXTINF:2,\n{uri}\n")
        };
        let lines: Vec<String> = segments.iter().map(line).collect();
        read(&format!("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:{first}\n{}", lines.concat()))
    }

    fn read(text: &str) -> MediaPlaylist {
        match playlist::parse(text, |uri: &str| path::inside("", uri)).unwrap() {
            Playlist::Media(list) => list,
            Playlist::Master(_) => panic!(),
        }
    }

    fn reached(sequence: u64, uri: &str, end: i64) -> Reached {
        Reached {
            sequence: Some(sequence),
            uri: uri.to_owned(),
            end: Some(Timestamp(NOON + end * 1000)),
            ..Reached::default()
        }
    }

    /// Indexes and whether each breaks.
    fn new(list: &MediaPlaylist, reached: &Reached) -> Vec<(usize, bool)> {
        let found = new_segments(list, reached).unwrap();
        found.into_iter().map(|new| (new.index, new.breaks)).collect()
    }

    #[test]
    fn a_playlist_that_moves_brings_what_is_new() {
        let four = list(7, &[("7", 0), ("8", 2), ("9", 4), ("10", 6)]);
        let all = vec![(0, false), (1, false), (2, false), (3, false)];
        assert_eq!(new(&four, &Reached::default()), all);
        assert_eq!(new(&four, &reached(8, "8", 4)), [(2, false), (3, false)]);
        assert_eq!(new(&four, &reached(10, "10", 8)), []);
        assert_eq!(new(&four, &reached(6, "6", 0)), all, "the next one follows at once");
    }

    #[test]
    fn another_token_is_no_other_segment() {
        let two = list(7, &[("7?t=2", 0), ("8?t=2", 2)]);
        assert_eq!(new(&two, &reached(7, "7?t=1", 2)), [(1, false)]);
        let anew = list(7, &[("7?t=2", 60), ("8?t=2", 62)]);
        assert_eq!(new(&anew, &reached(7, "7?t=1", 2)), [(0, true), (1, false)]);
        assert_eq!(new(&two, &reached(7, "other?t=1", 2)), [(1, true)]);
    }

    #[test]
    fn what_was_missed_is_a_break() {
        let two = list(7, &[("7", 0), ("8", 2)]);
        assert_eq!(new(&two, &reached(3, "3", -6)), [(0, true), (1, false)]);
        let hole = list(7, &[("7", 0), ("8", 20), ("9", 22)]);
        assert_eq!(new(&hole, &reached(7, "7", 2)), [(1, true), (2, false)]);
        let text = "#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:2026-11-24T12:00:00Z\n#EXTINF:2,\na\n\
                    #EXT-X-GAP\n#EXTINF:2,\nb\n#EXTINF:2,\nc\n#EXT-X-DISCONTINUITY\n#EXTINF:2,\nd\n";
        assert_eq!(new(&read(text), &Reached::default()), [(0, false), (2, true), (3, true)]);
    }

    #[test]
    fn an_encoder_that_begins_anew_is_followed_by_time() {
        let anew = list(0, &[("0", 4), ("1", 30), ("2", 32)]);
        assert_eq!(new(&anew, &reached(9, "9", 6)), [(1, true), (2, false)]);
        let same_number = list(9, &[("other", 30)]);
        assert_eq!(new(&same_number, &reached(9, "9", 6)), [(0, true)]);
        let set_back = list(0, &[("0", -3600), ("1", -3598)]);
        assert_eq!(new(&set_back, &reached(9, "9", 6)), [(0, true), (1, false)]);
        let stale = list(0, &[("0", 0), ("1", 2)]);
        assert_eq!(new(&stale, &reached(9, "9", 6)), []);
        // what looks like the next segment of the same playlist is one of another
        let other = list(9, &[("9", 4), ("10", 6)]);
        let before = reached(9, "9", 6);
        assert_eq!(new(&other, &before), [(1, false)]);
        assert_eq!(new(&other, &before.in_another_playlist()), [(1, true)]);
        assert_eq!(new(&list(10, &[("10", 6)]), &before.in_another_playlist()), [(0, true)]);
        let nothing = Reached::default().in_another_playlist();
        assert_eq!(new(&other, &nothing), [(0, false), (1, false)]);
    }

    #[test]
    fn times_come_from_what_was_said_before() {
        let text = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:5\n#EXTINF:2,\n5\n#EXTINF:2,\n6\n";
        assert_eq!(new_segments(&read(text), &Reached::default()), Err(Unfit::NoDate));
        let found = new_segments(&read(text), &reached(4, "4", 10)).unwrap();
        let at: Vec<i64> = found.iter().map(|new| (new.at.0 - NOON) / 1000).collect();
        assert_eq!(at, [10, 12]);
        assert_eq!(new_segments(&read(text), &reached(2, "2", 10)), Err(Unfit::NoDate));
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let date = "#EXT-X-PROGRAM-DATE-TIME:2026-11-24T12:00:00Z\n";
        for (text, unfit) in [
            ("#EXTINF:61,\na\n", Unfit::TooLong),
            ("#EXT-X-PROGRAM-DATE-TIME:1969-11-24T12:00:00Z\n#EXTINF:2,\na\n", Unfit::BadDate),
        ] {
            let list = read(&format!("#EXTM3U\n{date}{text}"));
            assert_eq!(new_segments(&list, &Reached::default()), Err(unfit), "{text}");
        }
    }
}
