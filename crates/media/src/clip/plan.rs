//! A kept clip before it is committed: its playlist, the objects that it consists of, and what keeps those in
//! their places meanwhile.

use std::collections::{HashMap, HashSet};

use model::{AppId, FileId, limits};
use queue::{Commit, RecordKey};

use super::Taken;
use super::list::{self, Run};
use crate::error::ClipError;
use crate::playlist::{self, MediaPlaylist, Playlist, path};
use crate::record::{self, Copying, Hold, Origin};

/// A file that a clip is made of.
pub(super) struct File {
    /// Its key in the source.
    pub(super) key: String,
    /// Bytes of its parts that are named; none: it is named as a whole.
    pub(super) parts_bytes: Option<u64>,
}

/// A clip before it is committed.
pub(super) struct Plan<'a> {
    taken: &'a [Taken],
    /// Where files come from, each once, and what holds it.
    pub(super) origins: Vec<(Origin, Hold)>,
    /// The objects that must be copied, each once.
    pub(super) files: Vec<File>,
    /// The playlist.
    pub(super) text: String,
}

impl<'a> Plan<'a> {
    pub(super) fn new(taken: &'a [Taken]) -> Result<Self, ClipError> {
        let mut origins: Vec<(Origin, Hold)> = Vec::new();
        for Taken { input, .. } in taken {
            for (origin, hold) in input.origins.iter().zip(&input.holds) {
                if !origins.iter().any(|(known, _)| known.file == origin.file) {
                    origins.push((origin.clone(), hold.clone()));
                }
            }
        }
        let numbers: HashMap<FileId, usize> =
            origins.iter().enumerate().map(|(nth, (origin, _))| (origin.file, nth)).collect();
        let run = |taken: &'a Taken| {
            let numbers = &numbers;
            let place = Box::new(move |path: &str| match taken.input.find(path) {
                Some((origin, rest)) => {
                    format!("{}/{rest}", numbers.get(&origin.file).copied().unwrap_or_default())
                }
                None => path.to_owned(),
            });
            Run { list: &taken.input.list, range: taken.range.clone(), place }
        };
        let runs: Vec<Run<'_>> = taken.iter().map(run).collect();
        check(&runs)?;
        let text = list::write(&runs);
        drop(runs);
        let copying = Copying {
            action: String::new(),
            sources: origins.iter().map(|(origin, _)| origin.clone()).collect(),
        };
        let list = read(&text).ok_or(ClipError::TooLong)?;
        let parts = parts(&list);
        let file = |path: &str| {
            let (_, key) = copying.source_of(path)?;
            Some(File { key, parts_bytes: parts.get(path).copied().flatten() })
        };
        let files = list.files().into_iter().map(file).collect::<Option<_>>();
        let files = files.ok_or(ClipError::NoHls)?;
        Ok(Self { taken, origins, files, text })
    }

    /// The part of the commit that rests on the sources and holds them.
    pub(super) fn holding(&self, app: AppId, clip: FileId) -> Result<Commit, ClipError> {
        let mut expect: Vec<(RecordKey, Option<u64>)> = Vec::new();
        for rest in self.taken.iter().flat_map(|taken| &taken.input.expect) {
            if !expect.contains(rest) {
                expect.push(rest.clone());
            }
        }
        let mut put = Vec::with_capacity(self.origins.len());
        for (origin, hold) in &self.origins {
            let mut hold = hold.clone();
            if hold.by.len() >= limits::CLIPS_PENDING_MAX {
                return Err(ClipError::Busy(limits::CLIPS_PENDING_MAX));
            }
            hold.by.push(clip);
            put.push(hold.put(record::hold_key(app, origin.file)));
        }
        Ok(Commit { expect, put, ..Commit::default() })
    }
}

/// Whether these runs can stand in one playlist.
fn check(runs: &[Run<'_>]) -> Result<(), ClipError> {
    let segments = || runs.iter().flat_map(Run::segments);
    if segments().count() > limits::PLAYLIST_SEGMENTS_MAX {
        return Err(ClipError::TooLong);
    }
    // a map is in force to the end: nothing takes it from transport streams that come behind it
    let mapped = segments().filter(|segment| segment.map.is_some()).count();
    if mapped != 0 && mapped != segments().count() {
        return Err(ClipError::Mixed);
    }
    Ok(())
}

/// The paths that a playlist of ours names; none: it is longer than any that is read.
pub(super) fn files(text: &str) -> Option<Vec<String>> {
    Some(read(text)?.files().into_iter().map(str::to_owned).collect())
}

fn read(text: &str) -> Option<MediaPlaylist> {
    match playlist::parse(text, |uri: &str| path::inside("", uri)).ok()? {
        Playlist::Media(list) => Some(list),
        Playlist::Master(_) => None,
    }
}

/// How many bytes of each segment and map are named; none: all.
fn parts(list: &MediaPlaylist) -> HashMap<&str, Option<u64>> {
    let mut seen = HashSet::new();
    let mut parts = HashMap::new();
    for segment in list.segments.iter().filter(|segment| !segment.gap) {
        let map = segment.map.as_ref().map(|map| (&map.file, map.range));
        for (file, range) in map.into_iter().chain([(&segment.file, segment.range)]) {
            if seen.insert((file.path.as_str(), range)) {
                let known = parts.entry(file.path.as_str()).or_insert(Some(0_u64));
                *known = known.zip(range).map(|(sum, range)| sum.saturating_add(range.len));
            }
        }
    }
    parts
}
