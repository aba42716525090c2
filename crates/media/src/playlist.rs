//! HLS playlists (RFC 8216), read here and nowhere else: which files they name, how long they are.
//!
//! A playlist is text of strangers that names other files, so every reference is checked before
//! anything follows it: what can be reached is a relative path inside the playlist's own directory
//! tree (see [`path::inside`]), and nothing else. A playlist with one reference that is refused is
//! refused as a whole: players would read on where a lenient reader stops, so nothing is passed over.
//! For the same reason this is no parser library: the best kept one stops at the first tag that it
//! cannot read and answers what came before.
//!
//! Keys are the exception: they may be named by a URL, because key servers are where licences are
//! checked. Such a key is told of, and never fetched.
//!
//! Deliberately absent: reading files, and what only a player needs (subtitles' languages, start
//! offsets, date ranges).

mod attributes;
mod key;
mod parse;
pub mod path;
mod rewrite;
mod tag;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use model::{Timestamp, limits};
use serde::{Deserialize, Serialize};

pub use key::{IDENTITY, Key, KeyPlace, Method};
pub use parse::parse;
pub use path::PathError;
pub(crate) use rewrite::rewrite;
pub use tag::with_reference;

/// A playlist of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Playlist {
    /// It names playlists.
    Master(MasterPlaylist),
    /// It names segments.
    Media(MediaPlaylist),
}

/// A file that a playlist names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// As it is written.
    pub uri: String,
    /// What it resolves to: for [`path::inside`] the path from the root of the tree.
    pub path: String,
}

/// A playlist of playlists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MasterPlaylist {
    /// Variants and renditions in their order; one may stand twice.
    pub playlists: Vec<Reference>,
    /// The variants among them, in their order.
    pub variants: Vec<Variant>,
    /// The groups of audio renditions that are playlists of their own, for which a player takes the sound
    /// from there.
    pub audio_groups: HashSet<String>,
    /// The paths of those among them that are for searching, not for watching: key frames or
    /// thumbnails only.
    pub previews: HashSet<String>,
    /// Whatever else it names: keys and session data inside the tree.
    pub others: Vec<Reference>,
}

/// A variant: EXT-X-STREAM-INF and the line behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its playlist.
    pub file: Reference,
    /// BANDWIDTH in bits a second; 0 if it is not said.
    pub bandwidth: u64,
    /// AUDIO: the group of renditions that it is played with.
    pub audio: Option<String>,
}

/// A playlist of segments.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaPlaylist {
    /// EXT-X-VERSION; 1 if it is not said.
    pub version: u64,
    /// EXT-X-TARGETDURATION in seconds; 0 if it is not said.
    pub target_duration_s: u64,
    /// EXT-X-MEDIA-SEQUENCE: the number of the first segment.
    pub media_sequence: u64,
    /// EXT-X-ENDLIST: no segment will follow.
    pub ended: bool,
    /// The segments in their order.
    pub segments: Vec<Segment>,
    /// Whatever else it names: partial segments, hints, reports.
    pub others: Vec<Reference>,
}

/// A segment, with everything that earlier tags said for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The file that it is, or is a part of.
    pub file: Reference,
    /// Which bytes of the file; none: all.
    pub range: Option<ByteRange>,
    /// EXTINF.
    pub duration: Duration,
    /// What follows the duration of EXTINF.
    pub title: String,
    /// EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// EXT-X-GAP: it is missing, and players do not ask for it.
    pub gap: bool,
    /// EXT-X-MAP: what must be read before it.
    pub map: Option<Arc<Map>>,
    /// EXT-X-KEY: how it is encrypted; one for each key format.
    pub keys: Arc<[Arc<Key>]>,
    /// EXT-X-PROGRAM-DATE-TIME before it, if it is a time.
    pub date: Option<Timestamp>,
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ByteRange {
    /// The first byte.
    pub start: u64,
    /// How many.
    pub len: u64,
}

/// The initialization of segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// The file.
    pub file: Reference,
    /// Which bytes of it; none: all.
    pub range: Option<ByteRange>,
    /// How it is encrypted.
    pub keys: Arc<[Arc<Key>]>,
}

/// A playlist that is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct PlaylistError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a playlist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It does not begin as playlists do.
    #[error("a playlist begins with #EXTM3U")]
    NoPlaylist,
    /// It is too long to look at.
    #[error("a playlist may have {} bytes", limits::PLAYLIST_BYTES_MAX)]
    TooLarge,
    /// It has too many segments or playlists.
    #[error("a playlist may name {} segments", limits::PLAYLIST_SEGMENTS_MAX)]
    TooMany,
    /// Too many keys are in force at once, or they are too long.
    #[error(
        "at most {} keys of {} bytes together may be in force at once",
        limits::PLAYLIST_KEYS_MAX,
        limits::PLAYLIST_KEYS_BYTES_MAX
    )]
    TooManyKeys,
    /// A line holds something that ends a line for some players.
    #[error("it holds control characters")]
    Characters,
    /// It has tags of both kinds.
    #[error("tags of a master playlist and of a media playlist stand in one")]
    Mixed,
    /// A tag's attributes cannot be read, or one is missing.
    #[error("the attributes of {0} cannot be read")]
    Attributes(String),
    /// A tag's value cannot be read.
    #[error("the value of {0} cannot be read")]
    Value(&'static str),
    /// A reference that is refused.
    #[error("{uri}: {reason}")]
    Reference {
        /// The reference, shortened.
        uri: String,
        /// Why.
        reason: PathError,
    },
    /// A line that is no tag where none belongs.
    #[error("a reference stands without #EXTINF or #EXT-X-STREAM-INF before it")]
    LooseReference,
    /// A tag that wants a line behind it is the last one.
    #[error("{0} is followed by no reference")]
    NoReference(&'static str),
}

impl Playlist {
    /// The paths of all files that it names, each once, in the order in which they first stand.
    /// Segments that are gaps, and keys elsewhere, are no files.
    pub fn files(&self) -> Vec<&str> {
        match self {
            Self::Master(master) => master.files(),
            Self::Media(media) => media.files(),
        }
    }
}

impl MasterPlaylist {
    /// The variants that need no second playlist for their sound.
    pub fn self_contained(&self) -> impl DoubleEndedIterator<Item = &Variant> {
        let is_apart = |group: &String| self.audio_groups.contains(group);
        self.variants.iter().filter(move |variant| !variant.audio.as_ref().is_some_and(is_apart))
    }

    /// What [`Playlist::files`] tells.
    pub fn files(&self) -> Vec<&str> {
        let mut files = Files::default();
        files.add(&self.playlists);
        files.add(&self.others);
        files.distinct
    }
}

impl MediaPlaylist {
    /// What [`Playlist::files`] tells.
    pub fn files(&self) -> Vec<&str> {
        let mut files = Files::default();
        self.collect_needed(&mut files);
        files.add(&self.others);
        files.distinct
    }

    /// The same of its segments alone, with their maps and keys: what a player needs.
    pub(crate) fn needed(&self) -> Vec<&str> {
        let mut files = Files::default();
        self.collect_needed(&mut files);
        files.distinct
    }

    /// Whether a path is one of [`MediaPlaylist::files`].
    pub(crate) fn names(&self, path: &str) -> bool {
        let is_it = |file: &Reference| file.path == path;
        let in_keys = |keys: &[Arc<Key>]| keys.iter().filter_map(|key| key.file()).any(is_it);
        let in_map = |map: &Map| is_it(&map.file) || in_keys(&map.keys);
        let in_segment = |segment: &Segment| {
            !segment.gap && is_it(&segment.file)
                || segment.map.as_deref().is_some_and(in_map)
                || in_keys(&segment.keys)
        };
        self.segments.iter().any(in_segment) || self.others.iter().any(is_it)
    }

    /// How long all segments are together; gaps count, as they do for players.
    pub fn duration(&self) -> Duration {
        let add = |sum: Duration, segment: &Segment| sum.saturating_add(segment.duration);
        self.segments.iter().fold(Duration::ZERO, add)
    }

    /// The number of a segment, by which it is decrypted if its key has no IV.
    pub fn sequence_of(&self, index: usize) -> u64 {
        self.media_sequence.saturating_add(u64::try_from(index).unwrap_or(u64::MAX))
    }

    fn collect_needed<'a>(&'a self, files: &mut Files<'a>) {
        for segment in &self.segments {
            files.add(segment.keys.iter().filter_map(|key| key.file()));
            if let Some(map) = &segment.map {
                files.add(map.keys.iter().filter_map(|key| key.file()));
                files.add([&map.file]);
            }
            if !segment.gap {
                files.add([&segment.file]);
            }
        }
    }
}

/// Paths, each once.
#[derive(Default)]
struct Files<'a> {
    seen: HashSet<&'a str>,
    distinct: Vec<&'a str>,
}

impl<'a> Files<'a> {
    fn add(&mut self, references: impl IntoIterator<Item = &'a Reference>) {
        for reference in references {
            if self.seen.insert(&reference.path) {
                self.distinct.push(&reference.path);
            }
        }
    }
}

#[cfg(test)]
mod tests;
