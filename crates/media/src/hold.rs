//! What keeps the objects of a file beyond its deletion: clips that still copy from it.
//!
//! A clip is committed before its files are its own, and its sources may be deleted the next moment.
//! So the commit that makes a clip also puts it on the [`Hold`] of each source, and a deletion that
//! finds somebody there takes the file out of the library and leaves its objects. Whoever comes second
//! of the two finds the record changed and decides anew. One look-up is all that a deletion pays, of
//! ten thousand segments too.
//!
//! A hold is let go here alone, by looking at what its clips have become: complete, or deleted. So no
//! count can go wrong, and whatever a crash interrupts is done by the next look.

use std::collections::HashSet;

use model::{AppId, FileId};
use queue::{Commit, RecordKey, RecordKind, RecordQuery};

use crate::error::{Fault, Refusal};
use crate::library::Library;
use crate::record::{self, Hold, Media};
use crate::sweep::FirstError;

/// Holds on a page.
const PAGE: usize = 500;
/// Objects removed in one commit.
const OBJECTS_PAGE: usize = 500;

/// Makes the deletion of a file's objects heed what holds them. `hold` is the record as it was looked
/// at with everything else that `commit` rests on.
pub(crate) fn heed(commit: &mut Commit, key: RecordKey, hold: Option<(Hold, u64)>) {
    if commit.delete.is_empty() {
        // nothing of the file's objects is concerned
        return;
    }
    let (hold, version) = hold.unzip();
    commit.expect.push((key.clone(), version));
    match hold {
        None => {}
        Some(hold) if hold.by.is_empty() && !hold.condemned => commit.delete.push(key),
        Some(hold) => {
            commit.delete.retain(|key| key.kind != RecordKind::Object);
            commit.garbage.clear();
            commit.put.push(Hold { condemned: true, ..hold }.put(key));
        }
    }
}

impl Library {
    /// Lets go what nobody holds any more, and removes what was only kept by that.
    pub(crate) async fn sweep_holds(&self) -> Result<(), Fault> {
        let mut first = FirstError::default();
        let mut query = RecordQuery {
            kind: RecordKind::Hold,
            app: None,
            term: Some(record::unfinished_term()),
            after: None,
            limit: PAGE,
        };
        loop {
            let page = self.backend.find(query.clone()).await?;
            query.after = page.records.last().map(|record| record.key.clone());
            for found in page.records {
                match record::read(&found) {
                    Ok(hold) => first.note(self.sweep_hold(found.key, found.version, hold).await),
                    Err(error) => first.note(Err(error.into())),
                }
            }
            if !page.more {
                return first.into();
            }
        }
    }

    async fn sweep_hold(&self, key: RecordKey, version: u64, hold: Hold) -> Result<(), Fault> {
        let Ok(file) = key.id.parse::<FileId>() else { return Ok(()) };
        let mut by = Vec::with_capacity(hold.by.len());
        for clip in &hold.by {
            if self.copies_from(key.app, *clip, file).await? {
                by.push(*clip);
            }
        }
        let outcome = if by.is_empty() && hold.condemned {
            self.remove_condemned(key, version, file).await
        } else if by.len() < hold.by.len() {
            let expect = vec![(key.clone(), Some(version))];
            let put = vec![Hold { by, ..hold }.put(key)];
            self.commit(Commit { expect, put, ..Commit::default() }).await
        } else {
            return Ok(());
        };
        match outcome {
            // a deletion or a clip was faster; the next look sees both
            Ok(()) | Err(Refusal::Conflict) => Ok(()),
            Err(Refusal::Fault(fault)) => Err(fault),
        }
    }

    /// Whether a clip still needs the objects of a file.
    async fn copies_from(&self, app: AppId, clip: FileId, file: FileId) -> Result<bool, Fault> {
        let media: Option<(Media, u64)> = self.one(record::media_key(app, clip)).await?;
        let copying = media.and_then(|(media, _)| media.copying);
        Ok(copying.is_some_and(|copying| copying.sources.iter().any(|from| from.file == file)))
    }

    /// Removes what tells of the segments of a live recording, if the file was one.
    async fn remove_footage(
        &self,
        app: AppId,
        file: FileId,
        expect: &[(RecordKey, Option<u64>)],
    ) -> Result<(), Refusal> {
        loop {
            let query = RecordQuery {
                kind: RecordKind::Footage,
                app: Some(app),
                term: Some(record::file_term(file)),
                after: None,
                limit: OBJECTS_PAGE,
            };
            let page = self.backend.find(query).await.map_err(Fault::from)?;
            if page.records.is_empty() {
                return Ok(());
            }
            let delete = page.records.into_iter().map(|found| found.key).collect();
            let expect = expect.to_vec();
            self.commit(Commit { expect, delete, ..Commit::default() }).await?;
        }
    }

    /// Removes the objects of a file that was deleted while it was held, and the hold. A media that
    /// was left by DeleteParts keeps what it names since.
    async fn remove_condemned(
        &self,
        key: RecordKey,
        version: u64,
        file: FileId,
    ) -> Result<(), Refusal> {
        let media_key = record::media_key(key.app, file);
        let media: Option<(Media, u64)> = self.one(media_key.clone()).await?;
        let (media, media_version) = media.unzip();
        let kept: HashSet<&String> =
            media.iter().flat_map(|media| media.original.iter().chain(media.attached())).collect();
        let mut objects = self.objects_of(key.app, file).await?;
        objects.retain(|(key, _)| !kept.contains(&key.id));
        let expect = vec![(key.clone(), Some(version)), (media_key, media_version)];
        for page in objects.chunks(OBJECTS_PAGE) {
            let commit = Commit {
                expect: expect.clone(),
                delete: page.iter().map(|(key, _)| key.clone()).collect(),
                garbage: page.iter().map(|(_, object)| object.stored.clone()).collect(),
                ..Commit::default()
            };
            self.commit(commit).await?;
        }
        self.remove_footage(key.app, file, &expect).await?;
        self.commit(Commit { expect, delete: vec![key], ..Commit::default() }).await
    }
}
