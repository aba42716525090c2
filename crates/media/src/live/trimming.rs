//! Lets go of what a recording need not keep.
//!
//! Footage goes when it is older than the window. Its age is counted from the newest footage and not
//! from the clock: what a stream that has ended left stays until the stream is removed. Footage dated
//! after the newest (an encoder's clock was set back, or runs ahead of ours) would never be older than
//! that; it goes when what was recorded after it is as long as the window. So no recording is longer,
//! whatever its dates say, and no step of a clock costs any of it.
//!
//! Maps and keys go with the last footage that needs them. Footage that a clip still copies stays until it
//! has.

use std::collections::BTreeSet;

use model::AppId;
use queue::{Commit, RecordKey, RecordKind, RecordQuery};

use super::Stream;
use super::footage::{self, Footage};
use super::recorder::{Recorder, ignore_conflict};
use crate::error::{Fault, Refusal};
use crate::place;
use crate::record::{self, Hold, Object};

/// Footage let go in one commit, and looked at for it.
const PAGE: usize = 64;

/// Footage with its key.
type Found = (RecordKey, Footage);

/// What became of a removal.
enum Removed {
    /// It is done.
    Done,
    /// It is not possible now; the next look tries again.
    Later,
}

impl Recorder {
    /// Lets go footage that is older than the window.
    pub(super) async fn trim(&self, key: &RecordKey) -> Result<(), Fault> {
        let library = &self.library;
        let found: Option<(Stream, u64)> = library.one(key.clone()).await?;
        let Some((stream, _)) = found else { return Ok(()) };
        let Some(end) = stream.reached.end else { return Ok(()) };
        // a date far ahead would make all that has been recorded look old
        let end = end.min(library.now());
        let window_ms = library.settings.live.window_ms;
        let keeps_from = end.plus_ms(i64::try_from(window_ms).unwrap_or(i64::MAX).saturating_neg());
        let mut any = false;
        loop {
            let mut old = library.oldest_footage(key.app, stream.file, PAGE).await?;
            old.retain(|(_, footage)| footage.end() < keeps_from);
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
        let behind = footage::footage_key(key.app, stream.file, end, 0);
        let after = self.looked_to(key).filter(|to| *to > behind).unwrap_or(behind);
        let (mut old, more) =
            library.footage_after(key.app, stream.file, Some(after), PAGE).await?;
        let last = old.last().map(|(key, _)| key.clone()).filter(|_| more);
        self.look_from(key, last);
        let kept_from = stream.reached.total_ms.saturating_sub(window_ms);
        old.retain(|(_, footage)| footage.until_ms < kept_from);
        if !old.is_empty() {
            any = true;
            self.remove(key, old).await?;
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
            Err(refusal @ Refusal::Conflict) => {
                ignore_conflict(Err(refusal)).map(|()| Removed::Later)
            }
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
