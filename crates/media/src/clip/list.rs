//! Writes the playlist of a clip: runs of segments of other playlists, one after the other. Pure.
//!
//! A segment keeps everything that earlier tags said for it in its own playlist, so all of it is said
//! again here, and said outright where it was implied: where a byte range begins, and the IV of a key,
//! which is the number of the segment where nothing else is said, and a segment that moves gets
//! another number. Between two runs stands EXT-X-DISCONTINUITY, after which the map is repeated.
//!
//! Deliberately absent: partial segments, hints and date ranges; they are for live players.

use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use model::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::playlist::{ByteRange, IDENTITY, Key, KeyPlace, Map, MediaPlaylist, Method, Segment};

/// What a path in a reference need not hide: letters, digits, and what RFC 3986 reserves for nobody.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Segments of one playlist, and where its files are from the new one.
pub(crate) struct Run<'a> {
    pub list: &'a MediaPlaylist,
    /// Which segments; at least one.
    pub range: Range<usize>,
    /// From a path that the playlist names to one relative to the new playlist.
    pub place: Box<dyn Fn(&str) -> String + Send + Sync + 'a>,
}

impl Run<'_> {
    pub(crate) fn segments(&self) -> &[Segment] {
        self.list.segments.get(self.range.clone()).unwrap_or_default()
    }
}

/// The playlist of these runs, complete: it says that nothing follows.
pub(crate) fn write(runs: &[Run<'_>]) -> String {
    let all = || runs.iter().flat_map(Run::segments);
    let target_s = all().map(|segment| (segment.duration.as_millis() + 500) / 1000).max();
    let mut out = Writer::default();
    out.line(format_args!("#EXTM3U"));
    out.line(format_args!("#EXT-X-VERSION:{}", version(runs)));
    out.line(format_args!("#EXT-X-TARGETDURATION:{}", target_s.unwrap_or(0).max(1)));
    out.line(format_args!("#EXT-X-MEDIA-SEQUENCE:0"));
    out.line(format_args!("#EXT-X-PLAYLIST-TYPE:VOD"));
    for (nth, run) in runs.iter().enumerate() {
        out.run(run, nth > 0);
    }
    out.line(format_args!("#EXT-X-ENDLIST"));
    out.text
}

/// A path as a reference, which players decode.
pub(crate) fn reference(path: &str) -> String {
    utf8_percent_encode(path, ENCODED).to_string()
}

/// The path from a playlist in the directory `base` to a file of the same tree.
pub(crate) fn relative(base: &str, path: &str) -> String {
    let parts = |directory: &'_ str| -> Vec<String> {
        directory.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (from, to) = (parts(base), parts(directory));
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - shared);
    let down = to.iter().skip(shared).map(String::as_str).chain([name]);
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// How long segments are together. Each may say that it lasts longer than anything can.
pub(crate) fn total<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> Duration {
    let add = |sum: Duration, segment: &Segment| sum.saturating_add(segment.duration);
    segments.into_iter().fold(Duration::ZERO, add)
}

/// When a segment was recorded: the last time that was said before it, and what lies between.
pub(crate) fn date_of(list: &MediaPlaylist, index: usize) -> Option<Timestamp> {
    let until = list.segments.get(..=index)?;
    let (said, date) =
        until.iter().enumerate().rev().find_map(|(nth, segment)| Some((nth, segment.date?)))?;
    let between = total(list.segments.get(said..index)?);
    Some(date.plus_ms(i64::try_from(between.as_millis()).unwrap_or(i64::MAX)))
}

/// The least EXT-X-VERSION that says it all, and no less than the sources say.
fn version(runs: &[Run<'_>]) -> u64 {
    let of_segment = |segment: &Segment| {
        let foreign = segment.keys.iter().any(|k| k.format != IDENTITY || k.versions.is_some());
        let keys = if foreign { 5 } else { 2 };
        let map = if segment.map.is_some() { 6 } else { 1 };
        let range = if segment.range.is_some() { 4 } else { 1 };
        // a decimal EXTINF
        3.max(keys).max(map).max(range)
    };
    let of_run = |run: &Run<'_>| {
        run.segments().iter().map(of_segment).max().unwrap_or(3).max(run.list.version)
    };
    runs.iter().map(of_run).max().unwrap_or(3)
}

/// A key as it is in force in the new playlist.
#[derive(Clone, PartialEq, Eq)]
struct Stated {
    method: String,
    uri: String,
    format: String,
    versions: Option<String>,
    iv: Option<[u8; 16]>,
}

#[derive(Default)]
struct Writer {
    text: String,
    /// The keys in force.
    keys: Vec<Stated>,
    /// The map in force: its reference, its range and its keys.
    map: Option<(String, Option<ByteRange>, Vec<Stated>)>,
}

impl Writer {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // writing to a String cannot fail
        let _written = self.text.write_fmt(line);
        self.text.push('\n');
    }

    fn run(&mut self, run: &Run<'_>, follows: bool) {
        for (nth, segment) in run.segments().iter().enumerate() {
            let index = run.range.start + nth;
            let is_new = if nth == 0 { follows } else { segment.discontinuity };
            if is_new {
                self.line(format_args!("#EXT-X-DISCONTINUITY"));
            }
            if let Some(map) = &segment.map {
                self.map(run, map, is_new);
            }
            let sequence = run.list.sequence_of(index);
            let keys = segment.keys.iter().map(|key| stated(run, key, Some(sequence)));
            self.keys(keys.collect());
            self.segment(run, segment, index, nth == 0);
        }
    }

    fn segment(&mut self, run: &Run<'_>, segment: &Segment, index: usize, is_first: bool) {
        let date = if is_first { date_of(run.list, index) } else { segment.date };
        if let Some(date) = date {
            self.line(format_args!("#EXT-X-PROGRAM-DATE-TIME:{}", precise(date)));
        }
        if segment.gap {
            self.line(format_args!("#EXT-X-GAP"));
        }
        if let Some(ByteRange { start, len }) = segment.range {
            self.line(format_args!("#EXT-X-BYTERANGE:{len}@{start}"));
        }
        let (seconds, micros) = (segment.duration.as_secs(), segment.duration.subsec_micros());
        self.line(format_args!("#EXTINF:{seconds}.{micros:06},{}", segment.title));
        let uri = reference(&(run.place)(&segment.file.path));
        self.line(format_args!("{uri}"));
    }

    /// States a map, under the keys that it is encrypted with.
    fn map(&mut self, run: &Run<'_>, map: &Map, again: bool) {
        // a map has no number: without an IV its key cannot be used, here as little as there
        let keys: Vec<Stated> = map.keys.iter().map(|key| stated(run, key, None)).collect();
        let uri = reference(&(run.place)(&map.file.path));
        let wanted = (uri, map.range, keys);
        if !again && self.map.as_ref() == Some(&wanted) {
            return;
        }
        self.keys(wanted.2.clone());
        match wanted.1 {
            Some(ByteRange { start, len }) => {
                let uri = &wanted.0;
                self.line(format_args!("#EXT-X-MAP:URI=\"{uri}\",BYTERANGE=\"{len}@{start}\""));
            }
            None => self.line(format_args!("#EXT-X-MAP:URI=\"{}\"", wanted.0)),
        }
        self.map = Some(wanted);
    }

    /// Puts keys in force, one for each format, and no others.
    fn keys(&mut self, wanted: Vec<Stated>) {
        if wanted == self.keys {
            return;
        }
        let stays = |key: &Stated| wanted.iter().any(|other| other.format == key.format);
        if !self.keys.iter().all(stays) {
            self.line(format_args!("#EXT-X-KEY:METHOD=NONE"));
            self.keys.clear();
        }
        for key in &wanted {
            if self.keys.contains(key) {
                continue;
            }
            let iv = key.iv.map(|iv| format!(",IV=0x{}", hex::encode(iv))).unwrap_or_default();
            let format = match key.format.as_str() {
                IDENTITY => String::new(),
                other => format!(",KEYFORMAT=\"{other}\""),
            };
            let versions = key.versions.as_ref();
            let versions = versions.map(|list| format!(",KEYFORMATVERSIONS=\"{list}\""));
            let (method, uri, versions) = (&key.method, &key.uri, versions.unwrap_or_default());
            let attributes = format!("METHOD={method},URI=\"{uri}\"{iv}{format}{versions}");
            self.line(format_args!("#EXT-X-KEY:{attributes}"));
        }
        self.keys = wanted;
    }
}

/// A key as the new playlist states it; `sequence` is the number from which an IV is made.
fn stated(run: &Run<'_>, key: &Key, sequence: Option<u64>) -> Stated {
    let uri = match &key.place {
        KeyPlace::Inside(file) => reference(&(run.place)(&file.path)),
        KeyPlace::Elsewhere(url) => url.clone(),
    };
    let method = match &key.method {
        Method::Aes128 => "AES-128".to_owned(),
        Method::Samples(other) => other.clone(),
    };
    let (format, versions) = (key.format.clone(), key.versions.clone());
    Stated { method, uri, format, versions, iv: key.iv_of(sequence) }
}

/// A time to the millisecond.
fn precise(date: Timestamp) -> String {
    let seconds = date.to_string();
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), date.0.rem_euclid(1000))
}

#[cfg(test)]
mod tests;
