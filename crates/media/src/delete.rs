//! DeleteMedia: a file, or its original, leaves the library, and FileDeleted says so.
//!
//! The records go, the event is stated and the objects become garbage in one commit; the bytes are
//! removed afterwards. OriginalFiles is the only kind of parts that exists here: it takes the original
//! and the cover and leaves the media's record, as documented. The other documented kinds name outputs
//! that nothing here makes. Whoever deletes them wants them gone, and they are: the call succeeds, and
//! the event repeats what it named, so that one program can tidy up files with and without them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{AppId, Application, EventKind, FileId, NewEvent, Timestamp, limits};
use queue::{Commit, RecordKey, RecordPut};
use wire::event::task::{FileDeleteResultItem, FileDeleteTask, MediaDeleteItem};

use crate::error::{DeleteError, Fault, Refusal};
use crate::hold;
use crate::library::{Library, ROUNDS};
use crate::record::{self, Hold, Media};

const ORIGINAL: &str = "OriginalFiles";
/// The documented kinds of parts (spec: MediaDeleteItem.Type).
const PARTS: [&str; 8] = [
    ORIGINAL,
    "TranscodeFiles",
    "AdaptiveDynamicStreamingFiles",
    "WechatPublishFiles",
    "WechatMiniProgramPublishFiles",
    "MpsAiMediaAiAnalysisFiles",
    "MpsAiMediaSmartEraseFiles",
    "MpsAiMediaSmartSubtitleFiles",
];

/// Why a file is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Somebody asked for it.
    Asked,
    /// Its ExpireTime had passed at that moment. A file that was given a later one meanwhile stays.
    Expired(Timestamp),
}

impl Library {
    /// Deletes a file (`parts` empty) or parts of it; what is named again counts once. `file` is the
    /// id as sent.
    pub async fn delete(
        self: &Arc<Self>,
        application: &Application,
        file: &str,
        parts: &[MediaDeleteItem],
    ) -> Result<(), DeleteError> {
        let parts = distinct(parts)?;
        let absent = || DeleteError::NotFound(file.to_owned());
        let id: FileId = file.parse().map_err(|_not_an_id| absent())?;
        let removed = self.remove_now(application.id, id, &parts, Cause::Asked).await?;
        if removed { Ok(()) } else { Err(absent()) }
    }

    /// Deletes a file with everything; whether there was anything to delete. Of several callers at
    /// once one deletes it, and one FileDeleted is stated.
    pub async fn delete_file(
        self: &Arc<Self>,
        app: AppId,
        file: FileId,
        cause: Cause,
    ) -> Result<bool, Fault> {
        self.remove_now(app, file, &[], cause).await
    }

    /// The same for parts, and the bytes go soon.
    async fn remove_now(
        self: &Arc<Self>,
        app: AppId,
        file: FileId,
        parts: &[MediaDeleteItem],
        cause: Cause,
    ) -> Result<bool, Fault> {
        let removed = self.remove(app, file, parts, cause).await?;
        if removed && !self.sweep_waits.swap(true, Ordering::SeqCst) {
            let library = Arc::clone(self);
            // not awaited: a film takes a while to unlink, and it is garbage already
            self.tracker.spawn(async move {
                if let Err(error) = library.sweep_garbage().await {
                    tracing::warn!(%error, "deleted objects wait for the next sweep");
                }
            });
        }
        Ok(removed)
    }

    /// The same, and the bytes go with the next sweep.
    pub(crate) async fn remove(
        &self,
        app: AppId,
        file: FileId,
        parts: &[MediaDeleteItem],
        cause: Cause,
    ) -> Result<bool, Fault> {
        for _ in 0..ROUNDS {
            let key = record::media_key(app, file);
            let media: Option<(Media, u64)> = self.one(key.clone()).await?;
            let Some((media, version)) = media else { return Ok(false) };
            if matches!(cause, Cause::Expired(past) if media.about.expire > past) {
                return Ok(false);
            }
            let mut commit = self.removal((&key, media), file, parts).await?;
            commit.expect.push((key, Some(version)));
            match self.commit(commit).await {
                Ok(()) => return Ok(true),
                Err(Refusal::Conflict) => {}
                Err(Refusal::Fault(fault)) => return Err(fault),
            }
        }
        Err(Fault::Contended)
    }

    /// The commit that removes parts of a file, or with no parts the file.
    async fn removal(
        &self,
        (key, media): (&RecordKey, Media),
        file: FileId,
        parts: &[MediaDeleteItem],
    ) -> Result<Commit, Fault> {
        let app = key.app;
        let whole = parts.is_empty();
        let (mut delete, mut garbage, mut put) = (Vec::new(), Vec::new(), Vec::<RecordPut>::new());
        if whole || parts.iter().any(|part| part.r#type == ORIGINAL) {
            let stays = |key: &RecordKey| !whole && media.subtitles.iter().any(|s| s.key == key.id);
            let objects = self.objects_of(app, file).await?;
            let (kept, gone): (Vec<_>, Vec<_>) =
                objects.into_iter().partition(|(key, _)| stays(key));
            // what goes is no measure: a clip counts what it has not copied yet, too
            let bytes = kept.iter().map(|(_, object)| object.size).sum();
            (delete, garbage) = gone.into_iter().map(|(key, object)| (key, object.stored)).unzip();
            if whole {
                delete.push(key.clone());
                delete.extend(media.paths(app));
            } else {
                delete.extend(media.cover.iter().filter_map(|cover| media.path_of(app, cover)));
                let left = Media {
                    original: None,
                    cover: None,
                    bytes,
                    copying: None,
                    updated: self.now(),
                    ..media
                };
                put.push(left.put(key.clone()));
            }
        }
        let delete_parts = parts.to_vec();
        let task = FileDeleteTask {
            file_id_set: vec![file],
            file_delete_result_info: vec![FileDeleteResultItem { file_id: file, delete_parts }],
        };
        let event = NewEvent {
            app,
            kind: EventKind::FileDeleted,
            key: None,
            files: vec![file],
            payload: task.payload(),
        };
        let mut commit = Commit { put, delete, events: vec![event], garbage, ..Commit::default() };
        let hold_key = record::hold_key(app, file);
        let hold: Option<(Hold, u64)> = self.one(hold_key.clone()).await?;
        hold::heed(&mut commit, hold_key, hold);
        Ok(commit)
    }
}

/// The parts, each once, in the order of the request: the event repeats them, and an event must not be
/// as large as a request.
fn distinct(parts: &[MediaDeleteItem]) -> Result<Vec<MediaDeleteItem>, DeleteError> {
    let mut distinct: Vec<MediaDeleteItem> = Vec::new();
    for part in parts {
        if !PARTS.contains(&part.r#type.as_str()) {
            return Err(DeleteError::UnknownPart(part.r#type.clone()));
        }
        if !distinct.contains(part) {
            if distinct.len() == limits::DELETE_PARTS_MAX {
                return Err(DeleteError::TooManyParts(limits::DELETE_PARTS_MAX));
            }
            distinct.push(part.clone());
        }
    }
    Ok(distinct)
}
