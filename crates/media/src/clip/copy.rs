//! Copies what kept clips consist of, page by page, until each is complete and says so.
//!
//! A clip is a task until it is complete. What there is to do follows from the clip's playlist and from
//! which objects it has, so it goes on where it was, whatever stopped it, and copies nothing twice. A
//! page is: names that are garbage, the copies, and one commit that makes records of them. The last
//! commit makes the media complete and states PersistenceComplete; it expects the media as incomplete,
//! so there is one.
//!
//! A copy is whatever the object store makes of it: on the local disk another name for the same bytes,
//! which the file system counts, in a bucket one that the bucket makes itself. All clips get a page in
//! turn, so that a long one does not keep a short one waiting.
//!
//! Deliberately absent: an end to trying. There is no event for a clip that failed; it is told in the
//! log, plays from its sources meanwhile, and is tried again.

use std::collections::HashMap;
use std::sync::Arc;

use model::{EventKind, FileId, NewEvent, Timestamp};
use queue::{Commit, RecordKey, RecordPut};
use wire::TaskStatus;
use wire::event::task::PersistenceCompleteTask;

use super::plan;
use crate::error::{Fault, Refusal};
use crate::library::{Library, ROUNDS};
use crate::objects::Objects;
use crate::place;
use crate::record::{self, Copying, Media, Object};
use crate::sweep::FirstError;
use crate::task::{self, Task, TaskType};
use crate::writing::Reserved;

/// Objects copied in one commit: what a crash may cost.
const PAGE: usize = 64;
/// Tasks of incomplete clips on a page.
const CLIPS: usize = 500;

/// How far one clip has come.
struct Progress {
    /// The paths of its files.
    files: Vec<String>,
    /// The first of them that may not be there yet.
    next: usize,
}

/// What came of a turn of one clip.
#[derive(PartialEq, Eq)]
enum Turn {
    /// There is more to do.
    More,
    /// It is complete, or no clip any more.
    Over,
}

impl Library {
    /// Copies in the background, beginning now.
    pub(super) fn copy_soon(self: &Arc<Self>) {
        let library = Arc::clone(self);
        self.tracker.spawn(async move {
            if let Err(error) = library.tick_clips().await {
                tracing::warn!(%error, "a clip waits for the next turn");
            }
        });
    }

    /// Copies until every clip is complete or cannot be completed now. A driver calls it every now
    /// and then, for what a crash or a failure left; calls do not overlap. The error is the first of
    /// what failed.
    pub async fn tick_clips(&self) -> Result<(), Fault> {
        let _one_at_a_time = self.copying.lock().await;
        let mut first = FirstError::default();
        let mut under_way: HashMap<RecordKey, Option<Progress>> = HashMap::new();
        let mut any_over = false;
        loop {
            let mut any_more = false;
            for key in self.unfinished_clips().await? {
                if self.tracker.is_closed() {
                    return first.into();
                }
                let progress = match under_way.remove(&key) {
                    // failed in this call already
                    Some(None) => {
                        under_way.insert(key, None);
                        continue;
                    }
                    Some(progress) => progress,
                    None => None,
                };
                match self.turn(&key, progress).await {
                    Ok((Turn::More, progress)) => {
                        // without progress it is looked at as if for the first time
                        under_way.extend(progress.map(|progress| (key, Some(progress))));
                        any_more = true;
                    }
                    Ok((Turn::Over, _)) => any_over = true,
                    Err(fault) => {
                        first.note(Err(fault));
                        under_way.insert(key, None);
                    }
                }
            }
            if !any_more {
                break;
            }
        }
        if any_over {
            first.note(self.sweep_holds().await);
            first.note(self.sweep_garbage().await);
        }
        first.into()
    }

    /// The tasks of clips that are not complete.
    async fn unfinished_clips(&self) -> Result<Vec<RecordKey>, Fault> {
        let mut keys: Vec<RecordKey> = Vec::new();
        loop {
            let after = keys.last().cloned();
            let query = task::open_tasks(TaskType::FastClipMedia, None, after, CLIPS);
            let page = self.backend.find(query).await?;
            keys.extend(page.records.into_iter().map(|record| record.key));
            if !page.more {
                return Ok(keys);
            }
        }
    }

    /// One page of one clip, or its completion.
    async fn turn(
        &self,
        task_key: &RecordKey,
        progress: Option<Progress>,
    ) -> Result<(Turn, Option<Progress>), Fault> {
        let task: Option<(Task, u64)> = self.one(task_key.clone()).await?;
        let Some((task, version)) = task else { return Ok((Turn::Over, None)) };
        let Some(file) = task.file else { return Ok((Turn::Over, None)) };
        let key = record::media_key(task_key.app, file);
        let media: Option<(Media, u64)> = self.one(key.clone()).await?;
        let copied = media.and_then(|(media, _)| Some((media.copying.clone()?, media)));
        let Some((copying, media)) = copied else {
            // it was deleted: there is nothing to be done and nothing to be said
            let commit = ended(task_key, (task, version), self.now());
            return match self.commit(commit).await {
                Ok(()) | Err(Refusal::Conflict) => Ok((Turn::Over, None)),
                Err(Refusal::Fault(fault)) => Err(fault),
            };
        };
        let mut progress = match progress {
            Some(progress) => progress,
            None => Progress { files: self.files_of_clip(&key, &media).await?, next: 0 },
        };
        while let Some(page) = progress.files.get(progress.next..).filter(|left| !left.is_empty()) {
            let page = page.get(..PAGE).unwrap_or(page);
            let len = page.len();
            let missing = self.missing(&key, &media, page).await?;
            let stands = missing.is_empty()
                || self.copy_page(&key, file, (&media, &copying), &missing).await?;
            if !stands {
                // the next turn sees that it was deleted
                return Ok((Turn::More, None));
            }
            progress.next += len;
            if !missing.is_empty() {
                return Ok((Turn::More, Some(progress)));
            }
        }
        self.complete_clip(&key, file, (task_key, &task, version)).await?;
        Ok((Turn::Over, None))
    }

    /// The files that the playlist of a clip names.
    async fn files_of_clip(&self, key: &RecordKey, media: &Media) -> Result<Vec<String>, Fault> {
        let gone = || Fault::Io(std::io::Error::other("the playlist of a clip cannot be read"));
        let playlist = media.original.as_deref().ok_or_else(gone)?;
        let object: Option<(Object, u64)> = self.one(record::object_key(key.app, playlist)).await?;
        let (object, _) = object.ok_or_else(gone)?;
        let text = self.manifest_text(&object).await?.ok_or_else(gone)?;
        plan::files(&text).ok_or_else(gone)
    }

    /// Those of a page of files that the clip does not have.
    async fn missing(
        &self,
        key: &RecordKey,
        media: &Media,
        page: &[String],
    ) -> Result<Vec<String>, Fault> {
        let own = |path: &String| record::object_key(key.app, &own_key(media, path));
        let found = self.backend.get(page.iter().map(own).collect()).await?;
        let pairs = page.iter().zip(found);
        Ok(pairs.filter(|(_, found)| found.is_none()).map(|(path, _)| path.clone()).collect())
    }

    /// Copies these files and records them; whether the clip still stands.
    async fn copy_page(
        &self,
        key: &RecordKey,
        file: FileId,
        (media, copying): (&Media, &Copying),
        missing: &[String],
    ) -> Result<bool, Fault> {
        let sources = self.sources(key, copying, missing).await?;
        let mut reserved: Vec<Reserved> = Vec::with_capacity(sources.len());
        for _ in &sources {
            reserved.push(self.writing.reserve(Objects::new_name(file)?));
        }
        let names = || reserved.iter().map(|reserved| reserved.name().to_owned()).collect();
        let commit = Commit { garbage: names(), ..Commit::default() };
        self.commit(commit).await.map_err(fault)?;
        let mut put: Vec<RecordPut> = Vec::with_capacity(sources.len());
        for ((path, source), reserved) in missing.iter().zip(sources).zip(&reserved) {
            self.objects.copy(&source.stored, reserved.name()).await?;
            let object =
                Object { file, stored: reserved.name().to_owned(), upload: None, ..source };
            put.push(object.put(record::object_key(key.app, &own_key(media, path))));
        }
        for _ in 0..ROUNDS {
            let media: Option<(Media, u64)> = self.one(key.clone()).await?;
            let Some((media, version)) = media.filter(|(media, _)| media.copying.is_some()) else {
                return Ok(false);
            };
            let expect = vec![(key.clone(), Some(version))];
            // the media is written anew: a deletion that has listed its objects must list them again
            let put = put.iter().cloned().chain([media.put(key.clone())]).collect();
            let commit = Commit { expect, put, swept: names(), ..Commit::default() };
            match self.commit(commit).await {
                Ok(()) => return Ok(true),
                Err(Refusal::Conflict) => {}
                Err(Refusal::Fault(fault)) => return Err(fault),
            }
        }
        Err(Fault::Contended)
    }

    /// The objects that stand for these files in the sources.
    async fn sources(
        &self,
        key: &RecordKey,
        copying: &Copying,
        paths: &[String],
    ) -> Result<Vec<Object>, Fault> {
        let gone = |path: &String| {
            let text = format!("the file {path} of the clip {} is gone from its source", key.id);
            Fault::Io(std::io::Error::new(std::io::ErrorKind::NotFound, text))
        };
        let mut keys = Vec::with_capacity(paths.len());
        for path in paths {
            let (_, source) = copying.source_of(path).ok_or_else(|| gone(path))?;
            keys.push(record::object_key(key.app, &source));
        }
        let found = self.backend.get(keys).await?;
        let read = |(path, found): (&String, Option<queue::Record>)| {
            let found = found.ok_or_else(|| gone(path))?;
            Ok(record::read(&found)?)
        };
        paths.iter().zip(found).map(read).collect()
    }

    /// Says that a clip has everything that it consists of.
    async fn complete_clip(
        &self,
        key: &RecordKey,
        file: FileId,
        (task_key, task, version_of_task): (&RecordKey, &Task, u64),
    ) -> Result<(), Fault> {
        for _ in 0..ROUNDS {
            let media: Option<(Media, u64)> = self.one(key.clone()).await?;
            let Some((mut media, version)) = media else { return Ok(()) };
            let Some(copying) = media.copying.take() else { return Ok(()) };
            let complete =
                PersistenceCompleteTask { file_id: file, persistence_source: copying.action };
            let event = NewEvent {
                app: key.app,
                kind: EventKind::PersistenceComplete,
                key: None,
                files: vec![file],
                payload: complete.payload(),
            };
            let mut commit = ended(task_key, (task.clone(), version_of_task), self.now());
            commit.expect.push((key.clone(), Some(version)));
            commit.put.push(media.put(key.clone()));
            commit.events.push(event);
            match self.commit(commit).await {
                Ok(()) => return Ok(()),
                Err(Refusal::Conflict) => {}
                Err(Refusal::Fault(fault)) => return Err(fault),
            }
        }
        Err(Fault::Contended)
    }
}

/// The end of a task.
fn ended(key: &RecordKey, (task, version): (Task, u64), now: Timestamp) -> Commit {
    let ended = Task { status: TaskStatus::Finish, finished: Some(now), ..task };
    Commit {
        expect: vec![(key.clone(), Some(version))],
        put: vec![ended.put(key.clone())],
        ..Commit::default()
    }
}

fn own_key(media: &Media, path: &str) -> String {
    place::join(&media.directory, path)
}

fn fault(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Conflict => Fault::Contended,
        Refusal::Fault(fault) => fault,
    }
}
