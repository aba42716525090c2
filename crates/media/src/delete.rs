//! DeleteMedia: a file, or its original, leaves the library, and FileDeleted says so.
//!
//! The records go, the event is stated and the objects become garbage in one commit; the bytes are
//! removed afterwards. OriginalFiles is the only kind of parts that exists here: it takes the original
//! and the cover that came with it and leaves the media's record, as documented. The other documented
//! kinds name outputs that nothing here makes, so no file has them.

use std::sync::Arc;

use model::{Application, EventKind, FileId, NewEvent};
use queue::{Commit, RecordPut};
use wire::event::task::{FileDeleteResultItem, FileDeleteTask, MediaDeleteItem};

use crate::error::{DeleteError, Fault, Refusal};
use crate::library::{Library, ROUNDS};
use crate::record::{self, Media};

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

impl Library {
    /// Deletes a file (`parts` empty) or parts of it; a Type that is named again counts once.
    /// `file` is the id as sent.
    pub async fn delete(
        self: &Arc<Self>,
        application: &Application,
        file: &str,
        parts: &[MediaDeleteItem],
    ) -> Result<(), DeleteError> {
        if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.r#type.as_str())) {
            return Err(DeleteError::UnknownPart(unknown.r#type.clone()));
        }
        // the event repeats the parts, and an event must not be as large as a request
        let mut distinct: Vec<MediaDeleteItem> = Vec::new();
        for part in parts {
            if !distinct.iter().any(|known| known.r#type == part.r#type) {
                distinct.push(part.clone());
            }
        }
        let id: FileId =
            file.parse().map_err(|_not_an_id| DeleteError::NotFound(file.to_owned()))?;
        for _ in 0..ROUNDS {
            match self.try_delete(application, id, &distinct).await? {
                Round::Done => {
                    let library = Arc::clone(self);
                    // not awaited: a film takes a while to unlink, and it is garbage already
                    self.tracker.spawn(async move {
                        if let Err(error) = library.sweep_garbage().await {
                            tracing::warn!(%error, "deleted objects wait for the next sweep");
                        }
                    });
                    return Ok(());
                }
                Round::Conflict => {}
            }
        }
        Err(Fault::Contended.into())
    }

    async fn try_delete(
        &self,
        application: &Application,
        file: FileId,
        parts: &[MediaDeleteItem],
    ) -> Result<Round, DeleteError> {
        let app = application.id;
        let media_key = record::media_key(app, file);
        let media: Option<(Media, u64)> = self.one(media_key.clone()).await?;
        let (media, version) = media.ok_or_else(|| DeleteError::NotFound(file.to_string()))?;
        let has = |part: &&MediaDeleteItem| part.r#type == ORIGINAL && media.original.is_some();
        if let Some(part) = parts.iter().find(|part| !has(part)) {
            let (file, part) = (file.to_string(), part.r#type.clone());
            return Err(DeleteError::NoSuchPart { file, part });
        }
        let objects = self.objects_of(app, file).await.map_err(DeleteError::Fault)?;
        let (object_keys, garbage): (Vec<_>, Vec<_>) =
            objects.into_iter().map(|(key, object)| (key, object.stored)).unzip();
        let mut delete = object_keys;
        let mut put: Vec<RecordPut> = Vec::new();
        if parts.is_empty() {
            delete.push(media_key.clone());
        } else {
            let left = Media { original: None, cover: None, updated: self.now(), ..media };
            put.push(left.put(media_key.clone()));
        }
        let task = FileDeleteTask {
            file_id_set: vec![file],
            file_delete_result_info: vec![FileDeleteResultItem {
                file_id: file,
                delete_parts: parts.to_vec(),
            }],
        };
        let event = NewEvent {
            app,
            kind: EventKind::FileDeleted,
            key: None,
            files: vec![file],
            payload: task.payload(),
        };
        let expect = vec![(media_key, Some(version))];
        let events = vec![event];
        let commit = Commit { expect, put, delete, events, garbage, ..Commit::default() };
        match self.commit(commit).await {
            Ok(()) => Ok(Round::Done),
            Err(Refusal::Conflict) => Ok(Round::Conflict),
            Err(Refusal::Fault(fault)) => Err(fault.into()),
        }
    }
}

enum Round {
    Done,
    Conflict,
}
