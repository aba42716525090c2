//! PullUpload: a file is fetched from elsewhere and joins the library.
//!
//! ```text
//! PullUpload ─▶ task WAITING ─▶ Puller ─▶ PROCESSING ─▶ objects ─▶ media + FINISH + PullComplete
//!                                                     └▶ failed  ─▶        FINISH + PullComplete
//! ```
//!
//! The task's record says all that is needed to begin, so a crash at any moment leaves a task that
//! goes on; where its file, and of HLS each of its files, will lie is decided before anything is fetched,
//! and what has come of a large file stays ([`crate::partial`]). The end is one commit that expects the
//! task as it was begun: media, event and the end of the task are one fact, so there is one PullComplete,
//! ever.
//!
//! Deliberately absent: DASH, which the cloud does not pull either, and processing.

mod asked;
mod counts;
mod error;
mod fetch;
mod finish;
mod leftovers;
mod open;
mod worker;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use egress::{Patience, Policy};
use model::{Application, ApplicationStatus, FileId, limits};
use queue::{Commit, RecordKey};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, RwLock};
use wire::TaskStatus;
use wire::action::PullUpload;

use crate::error::{Fault, Refusal};
use crate::library::{Library, ROUNDS};
use crate::pull::asked::Asked;
use crate::pull::counts::Counts;
use crate::pull::open::Open;
use crate::record::About;
use crate::task::{self, Task, TaskType, Work};

pub use counts::PullCounts;
pub use error::PullUploadError;
pub(crate) use error::unfetched;
pub(crate) use fetch::{Failure, Fetched, Stop};
pub use worker::Puller;

/// How pulls behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullSettings {
    /// Where files may be fetched from; the way out follows the same.
    pub policy: Policy,
    /// Pulls of one application that wait or are under way.
    pub open: usize,
    /// Pulls under way at once, in all.
    pub total: usize,
    /// Pulls under way at once for one application.
    pub per_application: usize,
    /// Bytes of one pull.
    pub bytes_max: u64,
    /// How long one pull may take, restarts included.
    pub timeout: Duration,
    /// Whether NewFileUpload is stated too, before PullComplete.
    pub also_new_file_upload: bool,
    /// What sources may try.
    pub patience: Patience,
    /// The pause before the second attempt to fetch a file; it doubles with each one.
    pub pause: Duration,
    /// After how many bytes of a file it is made sure that a restart need not fetch them again.
    pub step: u64,
}

impl Default for PullSettings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            open: limits::TASKS_OPEN_MAX,
            total: limits::PULLS_MAX,
            per_application: limits::PULLS_PER_APPLICATION_MAX,
            bytes_max: limits::PULL_BYTES_MAX,
            timeout: Duration::from_millis(limits::PULL_MS),
            also_new_file_upload: false,
            patience: Patience {
                head: Duration::from_millis(limits::PULL_HEAD_MS),
                window: Duration::from_millis(limits::PULL_WINDOW_MS),
                window_bytes: limits::PULL_WINDOW_BYTES,
                redirects: limits::PULL_REDIRECTS_MAX,
            },
            pause: Duration::from_millis(limits::PULL_PAUSE_MS),
            step: limits::PULL_STEP_BYTES,
        }
    }
}

/// What is particular to a pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pull {
    /// `MediaUrl`.
    pub url: String,
    /// `CoverUrl`.
    pub cover_url: Option<String>,
    /// What is said of the media.
    pub about: About,
    /// The file that it will be.
    pub file: FileId,
    /// Its bucket.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Where its keys lie.
    pub directory: String,
    /// The key of the media file.
    pub media_key: String,
    /// The key of the cover.
    pub cover_key: Option<String>,
    /// When it was begun, in ms of the backend's steady timeline: what its time is counted from.
    pub since_ms: Option<i64>,
    /// The event's payload, once it was stated.
    pub told: Option<String>,
}

impl Pull {
    /// The keys that are decided before anything is fetched.
    fn keys(&self) -> impl Iterator<Item = &str> + Send {
        std::iter::once(self.media_key.as_str()).chain(self.cover_key.as_deref())
    }
}

/// What is known of pulls besides their records; losing it loses nothing.
#[derive(Debug, Default)]
pub(crate) struct Pulling {
    /// Woken when a task was made or a place became free.
    woken: Notify,
    /// Open tasks of the applications that have pulled since the start.
    open: Open,
    /// Held by whoever ends a task, so that none ends while an application's are counted.
    ending: RwLock<()>,
    counts: Counts,
    /// Percent of the pulls under way.
    progress: Mutex<HashMap<RecordKey, i64>>,
}

impl Pulling {
    fn progress(&self, key: &RecordKey) -> i64 {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or(0)
    }

    /// Notes how far a pull has come; none: it is no longer under way.
    fn report(&self, key: &RecordKey, percent: Option<i64>) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        match percent {
            Some(percent) => progress.insert(key.clone(), percent),
            None => progress.remove(key),
        };
    }
}

impl Library {
    /// Makes a task of a pull; its TaskId. The task is durable when this returns.
    pub async fn pull_upload(
        &self,
        application: &Application,
        request: &PullUpload,
    ) -> Result<String, PullUploadError> {
        if application.status != ApplicationStatus::On {
            return Err(PullUploadError::ApplicationOff(application.id));
        }
        let asked = Asked::check(request, application.naming, &self.settings, self.now())?;
        let app = application.id;
        if self.filing(app, request.class_id).await?.is_none() {
            return Err(PullUploadError::ClassId(request.class_id));
        }
        let mut opening = self.take_place(app).await?;
        let task = self.new_pull(application, asked, request)?;
        for _ in 0..ROUNDS {
            let id = task::new_id(app, TaskType::PullUpload, task.created).map_err(Fault::from)?;
            let key = task::task_key(app, &id);
            let mut commit = Commit {
                expect: vec![(key.clone(), None)],
                put: vec![task.put(key)],
                ..Commit::default()
            };
            if let Work::PullUpload(pull) = &task.work {
                if pull.about.storage_path.is_some() {
                    self.take_keys(app, pull.file, pull.keys(), &mut commit).await?;
                }
                self.enable_region(app, &pull.region, &mut commit).await?;
            }
            if !request.session_id.is_empty() {
                let of = (app, TaskType::PullUpload);
                let claim = self.claim_session_id(of, &request.session_id, &id).await?;
                let claim = claim.ok_or(PullUploadError::SessionId)?;
                commit.expect.push(claim.expect);
                commit.put.push(claim.put);
            }
            let committed;
            (committed, opening) = self.commit_open(commit, opening).await?;
            match committed {
                Ok(()) => {
                    self.pulling.woken.notify_one();
                    return Ok(id);
                }
                Err(Refusal::Conflict) => {}
                Err(Refusal::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Fault::Contended.into())
    }

    fn new_pull(
        &self,
        application: &Application,
        asked: Asked,
        request: &PullUpload,
    ) -> Result<Task, Fault> {
        let Asked { url, cover, about, region } = asked;
        let (cover_url, cover_type) = cover.unzip();
        let placed = self.place(application, about, cover_type.as_deref(), region)?;
        let pull = Pull {
            url,
            cover_url,
            about: placed.about,
            file: placed.file,
            bucket: placed.bucket,
            region: placed.region,
            directory: placed.directory,
            media_key: placed.media_key,
            cover_key: placed.cover_key,
            since_ms: None,
            told: None,
        };
        Ok(Task {
            status: TaskStatus::Waiting,
            created: self.now(),
            begun: None,
            finished: None,
            file: None,
            session_id: request.session_id.clone(),
            session_context: request.session_context.clone(),
            priority: request.tasks_priority,
            work: Work::PullUpload(Box::new(pull)),
        })
    }
}
