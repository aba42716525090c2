//! The end of a pull: the media or its failure, the end of the task and PullComplete in one commit.

use bytes::Bytes;
use model::{EventKind, FileId, NewEvent};
use queue::{BackendError, Commit, CommitError, RecordKey, RecordPut};
use wire::TaskStatus;
use wire::event::task::{FileUploadTask, PullUploadTask};

use super::{Failure, Fetched, Pull};
use crate::classes::{self, Filing, Label};
use crate::error::{Fault, Refusal};
use crate::library::{Library, ROUNDS};
use crate::record::{self, About, Media, Source};
use crate::render;
use crate::task::{Task, Work};

/// The pause before a commit for which there was no room is tried again.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
/// Message of a pull that succeeded (documented).
const SUCCESS: &str = "SUCCESS";

impl Library {
    /// What DescribeTaskDetail tells of a pull: what its event told, once there is one.
    pub(crate) fn pull_detail(&self, key: &RecordKey, task: &Task, pull: &Pull) -> Bytes {
        if let Some(told) = &pull.told {
            return told.clone().into();
        }
        let progress = self.pulling.progress(key);
        PullUploadTask { progress, ..blank(key, task, TaskStatus::Processing) }.payload()
    }

    /// The media joins the library. What the log is told.
    pub(super) async fn finish_pull(
        &self,
        key: &RecordKey,
        (task, version): (&Task, u64),
        fetched: Fetched,
    ) -> Result<String, Fault> {
        let Work::PullUpload(pull) = &task.work else { return Ok("it is no pull".to_owned()) };
        for _ in 0..ROUNDS {
            let mut about = pull.about.clone();
            // the class may be gone since the request
            let filing = self.filing(key.app, about.class_id).await?.unwrap_or_else(|| {
                about.class_id = classes::UNFILED;
                Filing::default()
            });
            let media = self.pulled_media(pull, about, &fetched);
            let (complete, upload) = self.told_of(key, (task, pull), &media, &filing.label);
            let media_key = record::media_key(key.app, pull.file);
            let mut commit = Commit {
                expect: vec![(media_key.clone(), None)],
                put: vec![media.put(media_key)],
                events: upload.into_iter().collect(),
                ..Commit::default()
            };
            commit.expect.extend(filing.expect);
            let end = (Some(pull.file), complete);
            if self.end_pull(key, (task, version), end, commit).await? {
                return Ok(SUCCESS.to_owned());
            }
        }
        Err(Fault::Contended)
    }

    fn pulled_media(&self, pull: &Pull, about: About, fetched: &Fetched) -> Media {
        let now = self.now();
        Media {
            bucket: pull.bucket.clone(),
            region: pull.region.clone(),
            directory: pull.directory.clone(),
            original: Some(pull.media_key.clone()),
            cover: fetched.cover_key.clone(),
            about,
            source: Source::Upload,
            description: String::new(),
            tags: Vec::new(),
            key_frames: Vec::new(),
            subtitles: Vec::new(),
            forbidden: false,
            bytes: fetched.bytes,
            created: now,
            updated: now,
            meta: fetched.meta.clone(),
            copying: None,
        }
    }

    /// What is told of a pull that succeeded; NewFileUpload only if it is wanted.
    fn told_of(
        &self,
        key: &RecordKey,
        (task, pull): (&Task, &Pull),
        media: &Media,
        class: &Label,
    ) -> (PullUploadTask, Option<NewEvent>) {
        let basic_info = render::basic_info(&self.settings, pull.file, media, class);
        let meta_data = media.meta.as_ref().map(render::meta_data);
        let complete = PullUploadTask {
            err_code: 0,
            message: SUCCESS.to_owned(),
            file_id: Some(pull.file),
            media_basic_info: Some(basic_info.clone()),
            meta_data: meta_data.clone(),
            file_url: render::url(&self.settings, &pull.bucket, &pull.media_key),
            progress: 100,
            ..blank(key, task, TaskStatus::Finish)
        };
        if !self.settings.pull.also_new_file_upload {
            return (complete, None);
        }
        let upload = FileUploadTask {
            file_id: pull.file,
            media_basic_info: basic_info,
            procedure_task_id: String::new(),
            review_audio_video_task_id: String::new(),
            meta_data,
        };
        let upload = event(key, EventKind::NewFileUpload, vec![pull.file], upload.payload());
        (complete, Some(upload))
    }

    /// The pull has failed: what was stored of it becomes garbage. What the log is told.
    pub(super) async fn fail_pull(
        &self,
        key: &RecordKey,
        (task, version): (&Task, u64),
        pull: &Pull,
        failure: &Failure,
    ) -> Result<String, Fault> {
        let complete = PullUploadTask {
            err_code: failure.code.number(),
            message: failure.message.clone(),
            progress: 100,
            ..blank(key, task, TaskStatus::Finish)
        };
        let objects = self.objects_of(key.app, pull.file).await?;
        let (mut delete, garbage): (Vec<_>, Vec<_>) =
            objects.into_iter().map(|(key, object)| (key, object.stored)).unzip();
        if pull.about.storage_path.is_some() {
            delete.extend(pull.keys().map(|taken| record::path_key(key.app, taken)));
        }
        let commit = Commit { delete, garbage, ..Commit::default() };
        // nothing but the task is expected, so it is over whatever comes back
        self.end_pull(key, (task, version), (None, complete), commit).await?;
        Ok(format!("{}: {}", failure.code.number(), failure.message))
    }

    /// Commits what is given with the end of the task and its event. A task that is gone or has ended
    /// already is left alone. False: something else has changed, decide again.
    async fn end_pull(
        &self,
        key: &RecordKey,
        (task, version): (&Task, u64),
        (file, complete): (Option<FileId>, PullUploadTask),
        commit: Commit,
    ) -> Result<bool, Fault> {
        let payload = complete.payload();
        let Work::PullUpload(pull) = &task.work else { return Ok(true) };
        let told = Some(String::from_utf8_lossy(&payload).into_owned());
        let ended = Task {
            status: TaskStatus::Finish,
            finished: Some(self.now()),
            file,
            work: Work::PullUpload(Box::new(Pull { told, ..Pull::clone(pull) })),
            ..task.clone()
        };
        let mut commit = commit;
        commit.expect.push((key.clone(), Some(version)));
        let put: RecordPut = ended.put(key.clone());
        commit.put.push(put);
        let files = file.into_iter().collect();
        commit.events.push(event(key, EventKind::PullComplete, files, payload));
        loop {
            match self.commit_end(key.app, commit.clone()).await {
                Ok(()) => {
                    self.pulling.woken.notify_one();
                    return Ok(true);
                }
                Err(Refusal::Conflict) => {
                    let now: Option<(Task, u64)> = self.one(key.clone()).await?;
                    return Ok(now.is_none_or(|(_, now)| now != version));
                }
                // the application is destroyed, and its task removed: the sweeper does the rest
                Err(Refusal::Fault(Fault::Commit(CommitError::UnknownApplication(_)))) => {
                    return Ok(true);
                }
                // what was fetched is worth waiting for
                Err(Refusal::Fault(
                    Fault::Commit(CommitError::TooManyOpen(_))
                    | Fault::Backend(BackendError::DiskFull),
                )) => tokio::time::sleep(PATIENCE).await,
                Err(Refusal::Fault(fault)) => return Err(fault),
            }
        }
    }
}

fn event(key: &RecordKey, kind: EventKind, files: Vec<FileId>, payload: Bytes) -> NewEvent {
    NewEvent { app: key.app, kind, key: None, files, payload }
}

/// What a task tells before anything has come of it.
fn blank(key: &RecordKey, task: &Task, status: TaskStatus) -> PullUploadTask {
    PullUploadTask {
        task_id: key.id.clone(),
        status,
        err_code: 0,
        message: String::new(),
        file_id: None,
        media_basic_info: None,
        meta_data: None,
        file_url: String::new(),
        procedure_task_id: String::new(),
        review_audio_video_task_id: String::new(),
        session_context: task.session_context.clone(),
        session_id: task.session_id.clone(),
        progress: 0,
    }
}
