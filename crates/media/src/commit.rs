//! CommitUpload: what was uploaded joins the library, and NewFileUpload says so.
//!
//! The media, the end of the session's right to write and the event are one commit that expects the
//! session and the object as they were looked at. Of two callers at once one commits and the other
//! finds the session committed, so there is one media and one event.

use model::{Application, ApplicationStatus, EventKind, FileId, NewEvent};
use queue::{Commit, RecordKey};
use wire::event::task::FileUploadTask;

use crate::classes::{self, Filing};
use crate::error::{Attempted, CommitUploadError, Fault};
use crate::library::{Library, ROUNDS};
use crate::metadata::Original;
use crate::record::{self, Media, Object, Session, Source};
use crate::render;

/// What CommitUpload answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// FileId.
    pub file: FileId,
    /// MediaUrl.
    pub media_url: String,
    /// CoverUrl; empty: no cover was uploaded.
    pub cover_url: String,
}

impl Library {
    /// Ends an upload. A repeated call answers the same and states nothing again.
    pub async fn commit_upload(
        &self,
        application: &Application,
        vod_session_key: &str,
    ) -> Result<Uploaded, CommitUploadError> {
        if application.status != ApplicationStatus::On {
            return Err(CommitUploadError::ApplicationOff(application.id));
        }
        let key = record::session_key(application.id, vod_session_key);
        for _ in 0..ROUNDS {
            let session: Option<(Session, u64)> = self.one(key.clone()).await?;
            let (session, version) = session.ok_or(CommitUploadError::VodSessionKey)?;
            if session.committed {
                return self.uploaded(application, &session).await;
            }
            if session.expires <= self.now() {
                return Err(CommitUploadError::VodSessionKey);
            }
            match self.try_commit_upload(application, &key, (&session, version)).await {
                Ok(uploaded) => return Ok(uploaded),
                Err(Attempted::Conflict) => {}
                Err(Attempted::Failed(error)) => return Err(error),
            }
        }
        Err(Fault::Contended.into())
    }

    /// The answer of a session that was committed before.
    async fn uploaded(
        &self,
        application: &Application,
        session: &Session,
    ) -> Result<Uploaded, CommitUploadError> {
        let media: Option<(Media, u64)> =
            self.one(record::media_key(application.id, session.file)).await?;
        let cover_key = media.and_then(|(media, _)| media.cover);
        Ok(self.answer(session, cover_key.as_deref()))
    }

    fn answer(&self, session: &Session, cover_key: Option<&str>) -> Uploaded {
        Uploaded {
            file: session.file,
            media_url: render::url(&self.settings, &session.bucket, &session.media_key),
            cover_url: render::url_or_empty(&self.settings, &session.bucket, cover_key),
        }
    }

    async fn try_commit_upload(
        &self,
        application: &Application,
        session_key: &RecordKey,
        (session, version): (&Session, u64),
    ) -> Result<Uploaded, Attempted<CommitUploadError>> {
        let app = application.id;
        let object_key = record::object_key(app, &session.media_key);
        let object: Option<(Object, u64)> = self.one(object_key.clone()).await?;
        let Some((_, object_version)) = object else {
            let error = CommitUploadError::NotUploaded(session.media_key.clone());
            return Err(Attempted::Failed(error));
        };
        let media = self.new_media(application, session).await;
        let mut media = media.map_err(Attempted::Failed)?;
        // the class may be gone since ApplyUpload
        let filing = self.filing(app, media.about.class_id).await?;
        let filing = filing.unwrap_or_else(|| {
            media.about.class_id = classes::UNFILED;
            Filing::default()
        });
        let task = FileUploadTask {
            file_id: session.file,
            media_basic_info: render::basic_info(
                &self.settings,
                session.file,
                &media,
                &filing.label,
            ),
            procedure_task_id: String::new(),
            review_audio_video_task_id: String::new(),
            meta_data: media.meta.as_ref().map(render::meta_data),
        };
        let media_key = record::media_key(app, session.file);
        let committed = Session { committed: true, ..session.clone() };
        let mut expect = vec![
            (session_key.clone(), Some(version)),
            (object_key, Some(object_version)),
            (media_key.clone(), None),
        ];
        expect.extend(filing.expect);
        // a cover that was announced and never came leaves its path to others
        let paths = media.paths(app);
        let delete = session.paths(app).into_iter().filter(|path| !paths.contains(path)).collect();
        self.commit(Commit {
            expect,
            delete,
            put: vec![committed.put(session_key.clone()), media.put(media_key)],
            events: vec![NewEvent {
                app,
                kind: EventKind::NewFileUpload,
                key: None,
                files: vec![session.file],
                payload: task.payload(),
            }],
            ..Commit::default()
        })
        .await?;
        Ok(self.answer(session, media.cover.as_deref()))
    }

    async fn new_media(
        &self,
        application: &Application,
        session: &Session,
    ) -> Result<Media, CommitUploadError> {
        let cover = match &session.cover_key {
            Some(key) => {
                let cover: Option<(Object, u64)> =
                    self.one(record::object_key(application.id, key)).await?;
                cover.and(Some(key.clone()))
            }
            None => None,
        };
        let original = Original {
            app: application.id,
            file: session.file,
            directory: &session.directory,
            media_key: &session.media_key,
            media_type: &session.about.media_type,
        };
        let meta = self.metadata_of(&original).await?;
        let now = self.now();
        Ok(Media {
            bucket: session.bucket.clone(),
            region: session.region.clone(),
            directory: session.directory.clone(),
            original: Some(session.media_key.clone()),
            cover,
            about: session.about.clone(),
            source: Source::Upload,
            description: String::new(),
            tags: Vec::new(),
            key_frames: Vec::new(),
            subtitles: Vec::new(),
            forbidden: false,
            bytes: session.bytes,
            created: now,
            updated: now,
            meta,
            copying: None,
        })
    }
}
