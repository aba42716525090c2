//! Lets go of what a recording need not keep.
//!
//! Footage goes when it is older than the window. Its age is counted from the newest footage and not
//! from the clock: what a stream that has ended left stays until the stream is removed.
//!
//! Dates and lengths are what a source says, and it may say the same date again and again, one far ahead,
//! or no length at all. So footage also goes when what was recorded after it is as long as the window,
//! where each segment counts [`limits::LIVE_SEGMENT_MS_MIN`](model::limits::LIVE_SEGMENT_MS_MIN) at
//! least, or as many bytes as the window has at
//! [`limits::LIVE_BYTES_PER_S_MAX`](model::limits::LIVE_BYTES_PER_S_MAX). What is oldest by its date is
//! looked at first; of all of it some at each look, because what was recorded first may be dated anywhere.
//! So a recording has that much and a segment if its dates are in order, and half as much again if they
//! are not. No step of a clock costs any of it.
//!
//! Maps and keys go with the last footage that needs them. Footage that a clip still copies stays until it
//! has.

use std::collections::BTreeSet;

use model::{AppId, Timestamp};
use queue::{Commit, RecordKey, RecordKind, RecordQuery};

use super::Stream;
use super::follow::Reached;
use super::footage::{self, Footage};
use super::recorder::Recorder;
use crate::error::{Fault, Refusal};
use crate::place;
use crate::record::{self, Hold, Object};
use crate::settings::Live;

/// Footage let go in one commit.
const PAGE: usize = 64;
/// Footage looked at in each look, wherever it is dated: several times what a look brings.
const LOOKED_AT: usize = 2 * PAGE;

/// Footage with its key.
type Found = (RecordKey, Footage);

/// What is kept.
struct Kept {
    /// What ends then or later.
    from: Timestamp,
    /// What was recorded so many ms after the beginning, or later.
    from_ms: u64,
    /// The same in bytes.
    from_bytes: u64,
}

impl Kept {
    fn new(reached: &Reached, end: Timestamp, live: &Live) -> Self {
        let window_ms = i64::try_from(live.window_ms).unwrap_or(i64::MAX);
        Self {
            from: end.plus_ms(window_ms.saturating_neg()),
            from_ms: reached.total_ms.saturating_sub(live.window_ms),
            from_bytes: reached.total_bytes.saturating_sub(live.bytes_max()),
        }
    }

    fn is_past(&self, footage: &Footage) -> bool {
        footage.end() < self.from
            || footage.until_ms < self.from_ms
            || footage.until_bytes < self.from_bytes
    }
}

/// What became of a removal.
enum Removed {
    /// It is done.
    Done,
    /// It is not possible now; the next look tries again.
    Later,
}

impl Recorder {
    /// Lets go footage that is no longer kept.
    pub(super) async fn trim(&self, key: &RecordKey) -> Result<(), Fault> {
        let library = &self.library;
        let found: Option<(Stream, u64)> = library.one(key.clone()).await?;
        let Some((stream, _)) = found else { return Ok(()) };
        let Some(end) = stream.reached.end else { return Ok(()) };
        // a date far ahead would make all that has been recorded look old
        let end = end.min(library.now());
        let kept = Kept::new(&stream.reached, end, &library.settings.live);
        let mut any = false;
        loop {
            let mut old = library.oldest_footage(key.app, stream.file, PAGE).await?;
            old.retain(|(_, footage)| kept.is_past(footage));
            let is_full = old.len() == PAGE;
            if old.is_empty() {
                break;
            }
            any = true;
            match self.remove(key, old).await? {
                Removed::Done if is_full => {}
                Removed::Done => break,
                Removed::Later => return Ok(()),
            }
        }
        // a page each time, one after the other: what must go need not be the first of them
        let after = self.looked_to(key);
        let (mut old, more) = library.footage_after(key.app, stream.file, after, LOOKED_AT).await?;
        let last = old.last().map(|(key, _)| key.clone()).filter(|_| more);
        self.look_from(key, last);
        old.retain(|(_, footage)| kept.is_past(footage));
        while !old.is_empty() {
            any = true;
            let others = old.split_off(old.len().min(PAGE));
            self.remove(key, old).await?;
            old = others;
        }
        if any { library.sweep_garbage().await } else { Ok(()) }
    }

    /// Removes footage with its objects, unless a clip still copies from the recording.
    async fn remove(&self, key: &RecordKey, old: Vec<Found>) -> Result<Removed, Fault> {
        let library = &self.library;
        let found: Option<(Stream, u64)> = library.one(key.clone()).await?;
        let Some((stream, version)) = found else { return Ok(Removed::Later) };
        let hold_key = record::hold_key(key.app, stream.file);
        let hold: Option<(Hold, u64)> = library.one(hold_key.clone()).await?;
        let (hold, hold_version) = hold.unzip();
        let hold = hold.unwrap_or_default();
        if !hold.by.is_empty() {
            return Ok(Removed::Later);
        }
        let expect = vec![(key.clone(), Some(version)), (hold_key.clone(), hold_version)];
        // written as it is: a clip that is being made of the footage must look again
        let commit = Commit { expect, put: vec![hold.put(hold_key)], ..Commit::default() };
        let commit = self.removal(commit, key, stream, old).await?;
        match library.commit(commit).await {
            Ok(()) => Ok(Removed::Done),
            // the next look tries again
            Err(Refusal::Conflict) => Ok(Removed::Later),
            Err(Refusal::Fault(fault)) => Err(fault),
        }
    }

    /// The commit that removes footage, and what nothing needs then.
    async fn removal(
        &self,
        mut commit: Commit,
        key: &RecordKey,
        mut stream: Stream,
        old: Vec<Found>,
    ) -> Result<Commit, Fault> {
        let mut paths: Vec<String> = old.iter().map(|(_, footage)| footage.path.clone()).collect();
        let shared: BTreeSet<&str> = old.iter().flat_map(|(_, footage)| footage.shared()).collect();
        let known = stream.reached.shared.len();
        for path in shared {
            if self.is_needed(key.app, &stream, path, &old).await? {
                continue;
            }
            stream.reached.shared.retain(|shared| shared.path != path);
            paths.push(path.to_owned());
        }
        if stream.reached.shared.len() < known {
            commit.put.push(stream.put(key.clone()));
        }
        for path in paths {
            let object_key = record::object_key(key.app, &place::join(&stream.directory, &path));
            let object: Option<(Object, u64)> = self.library.one(object_key.clone()).await?;
            commit.garbage.extend(object.map(|(object, _)| object.stored));
            commit.delete.push(object_key);
        }
        commit.delete.extend(old.into_iter().map(|(key, _)| key));
        Ok(commit)
    }

    /// Whether other footage than this needs a map or a key.
    async fn is_needed(
        &self,
        app: AppId,
        stream: &Stream,
        path: &str,
        old: &[Found],
    ) -> Result<bool, Fault> {
        let query = RecordQuery {
            kind: RecordKind::Footage,
            app: Some(app),
            term: Some(footage::shared_term(stream.file, path)),
            after: None,
            limit: old.len() + 1,
        };
        let page = self.library.backend.find(query).await?;
        let is_old = |key: &RecordKey| old.iter().any(|(other, _)| other == key);
        Ok(page.records.iter().any(|found| !is_old(&found.key)))
    }
}
