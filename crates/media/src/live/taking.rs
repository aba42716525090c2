//! What is taken of a live stream for one segment: its bytes, and the map and the keys that it shares
//! with others.
//!
//! Each becomes an object of the recording. A segment that is a part of a file becomes a file, so that
//! footage can go piece by piece. A map or a key is fetched for the first segment that names it and
//! belongs to those that continue it; behind a break it is fetched anew, because an encoder that begins
//! anew often writes others under the same names.
//!
//! Keys are kept where they are 16 bytes and nothing else. Keys of licence systems stay where they are:
//! what their servers answer is for one player. The IV is said where it was implied by the number of the
//! segment, which a clip changes.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::limits;
use queue::Commit;

use super::Stream;
use super::follow::{Shared, bare};
use super::footage::KeptMap;
use super::source::{Reader, Unread};
use crate::error::Fault;
use crate::library::Library;
use crate::place;
use crate::playlist::{ByteRange, IDENTITY, Key, KeyPlace, Map, Reference, Segment};
use crate::record::{self, Object};
use crate::writing::Reserved;

/// Bytes of an AES-128 key.
const KEY_BYTES: RangeInclusive<u64> = 16..=16;
/// Bytes of a segment or a map.
const SEGMENT_BYTES: RangeInclusive<u64> = 0..=limits::LIVE_SEGMENT_BYTES_MAX;

/// Why a segment was not taken.
pub(super) enum Missed {
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

/// A segment on its way here.
pub(super) struct Taking<'a> {
    library: &'a Library,
    reader: &'a Reader<'a>,
    stream: &'a Stream,
    /// Its number among all that were recorded.
    number: u64,
    /// What the segment before it has, if it continues that one.
    known: &'a [Shared],
    /// What it has itself.
    pub shared: Vec<Shared>,
    /// Its objects.
    pub commit: Commit,
    /// How many bytes they have.
    pub bytes: u64,
    /// Their names, until the commit is over.
    pub reserved: Vec<Reserved>,
}

impl<'a> Taking<'a> {
    pub(super) fn new(
        library: &'a Library,
        reader: &'a Reader<'a>,
        stream: &'a Stream,
        breaks: bool,
    ) -> Self {
        let number = stream.reached.count + 1;
        let known: &[Shared] = if breaks { &[] } else { &stream.reached.shared };
        let (shared, commit, reserved) = (Vec::new(), Commit::default(), Vec::new());
        Self { library, reader, stream, number, known, shared, commit, bytes: 0, reserved }
    }

    /// Takes the segment itself; its path.
    pub(super) async fn segment(&mut self, segment: &Segment) -> Result<String, Missed> {
        let path = format!("{:010}.{}", self.number, extension(&segment.file));
        self.fetch((&segment.file, segment.range), &path, SEGMENT_BYTES).await?;
        Ok(path)
    }

    /// Takes a map.
    pub(super) async fn map(&mut self, map: &Map) -> Result<KeptMap, Missed> {
        let keys = self.keys(&map.keys, None).await?;
        let file = (&map.file, map.range);
        let path = self.shared(file, extension(&map.file), SEGMENT_BYTES).await?;
        Ok(KeptMap { path, keys })
    }

    /// Takes the keys of what has this number.
    pub(super) async fn keys(
        &mut self,
        keys: &[Arc<Key>],
        sequence: Option<u64>,
    ) -> Result<Vec<Key>, Missed> {
        let mut kept = Vec::with_capacity(keys.len());
        for key in keys {
            let place = match &key.place {
                KeyPlace::Inside(file) if key.format == IDENTITY => {
                    let path = self.shared((file, None), "key", KEY_BYTES).await?;
                    KeyPlace::Inside(Reference { uri: path.clone(), path })
                }
                KeyPlace::Inside(file) => KeyPlace::Elsewhere(file.path.clone()),
                KeyPlace::Elsewhere(url) => KeyPlace::Elsewhere(url.clone()),
            };
            kept.push(Key { place, iv: key.iv_of(sequence), ..Key::clone(key) });
        }
        Ok(kept)
    }

    /// Takes a file that others may have too, unless it is here; its path.
    async fn shared(
        &mut self,
        (file, range): (&Reference, Option<ByteRange>),
        extension: &str,
        bytes: RangeInclusive<u64>,
    ) -> Result<String, Missed> {
        let is_it = |shared: &&Shared| shared.from == file.path && shared.range == range;
        if let Some(own) = self.shared.iter().find(is_it) {
            return Ok(own.path.clone());
        }
        let shared = if let Some(known) = self.known.iter().find(is_it) {
            known.clone()
        } else {
            let path = format!("{:010}-{}.{extension}", self.number, self.shared.len());
            self.fetch((file, range), &path, bytes).await?;
            Shared { from: file.path.clone(), range, path }
        };
        self.shared.push(shared.clone());
        Ok(shared.path)
    }

    /// Makes an object of what a reference leads to.
    async fn fetch(
        &mut self,
        (file, range): (&Reference, Option<ByteRange>),
        path: &str,
        bytes: RangeInclusive<u64>,
    ) -> Result<(), Missed> {
        let library = self.library;
        if library.check_room(0).is_err() {
            return Err(Missed::Unread("the disk is too full to record".to_owned()));
        }
        let (reserved, mut writer) = library.begin_object(self.stream.file).await?;
        let body = self.reader.open(&file.path, range, *bytes.end()).await;
        let mut body = body.map_err(Missed::Unread)?;
        while let Some(piece) = body.next().await.map_err(Missed::Unread)? {
            writer.write(&piece).await.map_err(Fault::from)?;
        }
        body.check_least(*bytes.start()).map_err(Missed::Unread)?;
        let sums = writer.finish().await.map_err(Fault::from)?;
        let object = Object::new(self.stream.file, reserved.name(), &sums, library.now());
        let key = record::object_key(self.reader.app, &place::join(&self.stream.directory, path));
        self.bytes = self.bytes.saturating_add(object.size);
        self.commit.swept.push(object.stored.clone());
        self.commit.put.push(object.put(key));
        self.reserved.push(reserved);
        Ok(())
    }
}

/// What the name of a segment ends in, from a closed list: it says how it is served.
fn extension(file: &Reference) -> &'static str {
    let extension = bare(&file.uri).rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "mp4" => "mp4",
        "m4s" | "cmfv" | "cmfa" => "m4s",
        "aac" => "aac",
        _ => "ts",
    }
}
