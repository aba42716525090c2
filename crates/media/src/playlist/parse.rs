//! From the text of a playlist to its tags, line by line.
//!
//! What a tag says for the segments behind it is carried along until a reference comes. Unknown tags
//! say nothing, but if one names a file by the attribute URI, that is a reference like any other.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use model::{Timestamp, limits};

use super::attributes::Attributes;
use super::key::{Key, KeyError};
use super::path::PathError;
use super::tag;
use super::{
    ByteRange, Map, MasterPlaylist, MediaPlaylist, Playlist, PlaylistError, Problem, Reference,
    Segment, Variant,
};

/// Characters of a refused reference that its error repeats.
const SHOWN_CHARS_MAX: usize = 100;

/// Reads a playlist. `resolve` says what a reference leads to, or refuses it; most callers want
/// [`super::path::inside`] of the playlist's directory.
///
/// # Errors
/// The first line that is refused.
pub fn parse<R>(text: &str, resolve: R) -> Result<Playlist, PlaylistError>
where
    R: Fn(&str) -> Result<String, PathError>,
{
    let mut reader = Reader::new(resolve);
    let read = reader.read(text).and_then(|()| reader.finish());
    let line = reader.line.max(1);
    read.map_err(|problem| PlaylistError { line, problem })
}

struct Reader<R> {
    resolve: R,
    /// The line that is being read, from 1.
    line: usize,
    is_master: bool,
    is_media: bool,
    master: MasterPlaylist,
    media: MediaPlaylist,
    /// What tags of either kind name besides; of which kind the playlist is may show later only.
    others: Vec<Reference>,
    /// EXT-X-STREAM-INF was read, its reference not yet: BANDWIDTH and AUDIO.
    awaits_variant: Option<(u64, Option<String>)>,
    next: Next,
    map: Option<Arc<Map>>,
    keys: Arc<[Arc<Key>]>,
}

/// What was said of the next segment.
#[derive(Default)]
struct Next {
    info: Option<(Duration, String)>,
    /// Its length, and where it begins if that was said.
    range: Option<(u64, Option<u64>)>,
    discontinuity: bool,
    gap: bool,
    date: Option<Timestamp>,
}

impl<R: Fn(&str) -> Result<String, PathError>> Reader<R> {
    fn new(resolve: R) -> Self {
        Self {
            resolve,
            line: 0,
            is_master: false,
            is_media: false,
            master: MasterPlaylist::default(),
            media: MediaPlaylist {
                version: 1,
                target_duration_s: 0,
                media_sequence: 0,
                ended: false,
                segments: Vec::new(),
                others: Vec::new(),
            },
            others: Vec::new(),
            awaits_variant: None,
            next: Next::default(),
            map: None,
            keys: Arc::new([]),
        }
    }

    fn read(&mut self, text: &str) -> Result<(), Problem> {
        if text.len() > limits::PLAYLIST_BYTES_MAX {
            return Err(Problem::TooLarge);
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = text.lines().map(str::trim);
        self.line = 1;
        if lines.next() != Some("#EXTM3U") {
            return Err(Problem::NoPlaylist);
        }
        for line in lines {
            self.line += 1;
            // some players take a lone carriage return for the end of a line
            if line.contains(|c: char| c.is_control() && c != '\t') {
                return Err(Problem::Characters);
            }
            match line.strip_prefix('#') {
                Some(tag) => self.tag(tag)?,
                None if line.is_empty() => {}
                None => self.reference(line)?,
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Playlist, Problem> {
        if self.awaits_variant.is_some() {
            return Err(Problem::NoReference("#EXT-X-STREAM-INF"));
        }
        if self.next.info.is_some() {
            return Err(Problem::NoReference("#EXTINF"));
        }
        let others = mem::take(&mut self.others);
        if self.is_master {
            let master = mem::take(&mut self.master);
            return Ok(Playlist::Master(MasterPlaylist { others, ..master }));
        }
        let segments = mem::take(&mut self.media.segments);
        Ok(Playlist::Media(MediaPlaylist { segments, others, ..self.media }))
    }

    fn tag(&mut self, tag: &str) -> Result<(), Problem> {
        let (name, value) = tag::split(tag);
        match name {
            "EXT-X-STREAM-INF" => {
                self.begin_master()?;
                let attributes = attributes(name, value)?;
                let bandwidth = attributes.get("BANDWIDTH").and_then(|text| text.parse().ok());
                let audio = attributes.get("AUDIO").map(str::to_owned);
                self.awaits_variant = Some((bandwidth.unwrap_or(0), audio));
            }
            "EXT-X-MEDIA" | "EXT-X-I-FRAME-STREAM-INF" | "EXT-X-IMAGE-STREAM-INF" => {
                self.begin_master()?;
                let attributes = attributes(name, value)?;
                if let Some(uri) = attributes.get("URI") {
                    let reference = self.resolved(uri)?;
                    let group = attributes.get("GROUP-ID");
                    let group = group.filter(|_| attributes.get("TYPE") == Some("AUDIO"));
                    self.master.audio_groups.extend(group.map(str::to_owned));
                    if name != "EXT-X-MEDIA" {
                        self.master.previews.insert(reference.path.clone());
                    }
                    self.master.playlists.push(reference);
                    check_count(self.master.playlists.len())?;
                }
            }
            "EXT-X-SESSION-KEY" => {
                self.begin_master()?;
                let key = self.key(name, value)?;
                self.others.extend(key.and_then(|key| key.file().cloned()));
            }
            "EXTINF" => {
                self.begin_media()?;
                self.next.info = Some(read_info(value).ok_or(Problem::Value("#EXTINF"))?);
            }
            "EXT-X-BYTERANGE" => {
                self.begin_media()?;
                let range = read_range(value).ok_or(Problem::Value("#EXT-X-BYTERANGE"))?;
                self.next.range = Some(range);
            }
            "EXT-X-KEY" => {
                self.begin_media()?;
                let key = self.key(name, value)?;
                self.enforce(key)?;
            }
            "EXT-X-MAP" => {
                self.begin_media()?;
                self.map = Some(Arc::new(self.map(name, value)?));
            }
            _ => self.plain_tag(name, value)?,
        }
        Ok(())
    }

    /// Tags that name no file of their own, and those that are not known.
    fn plain_tag(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let number = |tag: &'static str| value.trim().parse().map_err(|_bad| Problem::Value(tag));
        match name {
            "EXT-X-VERSION" => self.media.version = number("#EXT-X-VERSION")?,
            "EXT-X-TARGETDURATION" => {
                self.begin_media()?;
                // some writers give a decimal
                let whole = value.split('.').next().unwrap_or_default().trim().parse();
                self.media.target_duration_s =
                    whole.map_err(|_bad| Problem::Value("#EXT-X-TARGETDURATION"))?;
            }
            "EXT-X-MEDIA-SEQUENCE" => {
                self.begin_media()?;
                self.media.media_sequence = number("#EXT-X-MEDIA-SEQUENCE")?;
            }
            "EXT-X-ENDLIST" => {
                self.begin_media()?;
                self.media.ended = true;
            }
            "EXT-X-DISCONTINUITY" => {
                self.begin_media()?;
                self.next.discontinuity = true;
            }
            "EXT-X-GAP" => {
                self.begin_media()?;
                self.next.gap = true;
            }
            "EXT-X-PROGRAM-DATE-TIME" => self.next.date = Timestamp::parse_iso(value.trim()),
            _ => self.other_tag(name, value)?,
        }
        Ok(())
    }

    fn other_tag(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        if let Some((_, uri)) = tag::reference(name, value) {
            let reference = self.resolved(uri)?;
            self.others.push(reference);
            check_count(self.others.len())?;
        }
        Ok(())
    }

    fn reference(&mut self, uri: &str) -> Result<(), Problem> {
        if let Some((bandwidth, audio)) = self.awaits_variant.take() {
            let file = self.resolved(uri)?;
            self.master.playlists.push(file.clone());
            self.master.variants.push(Variant { file, bandwidth, audio });
            return check_count(self.master.playlists.len());
        }
        let next = mem::take(&mut self.next);
        let (duration, title) = next.info.ok_or(Problem::LooseReference)?;
        let file = self.resolved(uri)?;
        let range = next.range.map(|range| self.range(&file.path, range)).transpose()?;
        self.media.segments.push(Segment {
            file,
            range,
            duration,
            title,
            discontinuity: next.discontinuity,
            gap: next.gap,
            map: self.map.clone(),
            keys: Arc::clone(&self.keys),
            date: next.date,
        });
        check_count(self.media.segments.len())
    }

    /// A range that does not say where it begins goes on where the segment before it ended, in the
    /// same file.
    fn range(&self, path: &str, (len, start): (u64, Option<u64>)) -> Result<ByteRange, Problem> {
        let before = self.media.segments.last().filter(|before| before.file.path == path);
        let end = before.and_then(|before| before.range).map(|range| range.start + range.len);
        let start = start.or(end).ok_or(Problem::Value("#EXT-X-BYTERANGE"))?;
        let fits = start.checked_add(len).is_some();
        fits.then_some(ByteRange { start, len }).ok_or(Problem::Value("#EXT-X-BYTERANGE"))
    }

    fn map(&self, name: &str, value: &str) -> Result<Map, Problem> {
        let attributes = attributes(name, value)?;
        let bad = || Problem::Attributes(format!("#{name}"));
        let file = self.resolved(attributes.get("URI").ok_or_else(bad)?)?;
        let range = match attributes.get("BYTERANGE") {
            Some(text) => {
                let (len, start) = read_range(text).ok_or_else(bad)?;
                let start = start.unwrap_or(0);
                start.checked_add(len).ok_or_else(bad)?;
                Some(ByteRange { start, len })
            }
            None => None,
        };
        Ok(Map { file, range, keys: Arc::clone(&self.keys) })
    }

    /// The key of a tag; none: METHOD=NONE.
    fn key(&self, name: &str, value: &str) -> Result<Option<Key>, Problem> {
        let attributes = attributes(name, value)?;
        let key = Key::read(&attributes, &self.resolve);
        key.map_err(|error| match error {
            KeyError::Reference(uri, reason) => refused(&uri, reason),
            KeyError::Attributes => Problem::Attributes(format!("#{name}")),
        })
    }

    /// Puts a key in force beside those of other formats; none ends them all.
    fn enforce(&mut self, key: Option<Key>) -> Result<(), Problem> {
        let Some(key) = key else {
            self.keys = Arc::new([]);
            return Ok(());
        };
        let others = self.keys.iter().filter(|other| other.format != key.format);
        let mut keys: Vec<Arc<Key>> = others.cloned().collect();
        keys.push(Arc::new(key));
        let bytes: usize = keys.iter().map(|key| key.bytes()).sum();
        if keys.len() > limits::PLAYLIST_KEYS_MAX || bytes > limits::PLAYLIST_KEYS_BYTES_MAX {
            return Err(Problem::TooManyKeys);
        }
        self.keys = keys.into();
        Ok(())
    }

    fn resolved(&self, uri: &str) -> Result<Reference, Problem> {
        let path = (self.resolve)(uri).map_err(|reason| refused(uri, reason))?;
        Ok(Reference { uri: uri.to_owned(), path })
    }

    fn begin_master(&mut self) -> Result<(), Problem> {
        self.is_master = true;
        if self.is_media { Err(Problem::Mixed) } else { Ok(()) }
    }

    fn begin_media(&mut self) -> Result<(), Problem> {
        self.is_media = true;
        if self.is_master { Err(Problem::Mixed) } else { Ok(()) }
    }
}

fn attributes<'a>(name: &str, value: &'a str) -> Result<Attributes<'a>, Problem> {
    Attributes::parse(value).ok_or_else(|| Problem::Attributes(format!("#{name}")))
}

fn check_count(count: usize) -> Result<(), Problem> {
    if count > limits::PLAYLIST_SEGMENTS_MAX { Err(Problem::TooMany) } else { Ok(()) }
}

fn refused(uri: &str, reason: PathError) -> Problem {
    Problem::Reference { uri: uri.chars().take(SHOWN_CHARS_MAX).collect(), reason }
}

/// `9.009,title`
fn read_info(value: &str) -> Option<(Duration, String)> {
    let (seconds, title) = value.split_once(',').unwrap_or((value, ""));
    let duration = Duration::try_from_secs_f64(seconds.trim().parse().ok()?).ok()?;
    Some((duration, title.trim().to_owned()))
}

/// `<length>[@<start>]`
fn read_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (len, start) = match value.trim().split_once('@') {
        Some((len, start)) => (len, Some(start.parse().ok()?)),
        None => (value.trim(), None),
    };
    Some((len.parse().ok()?, start))
}
