//! Tasks: work that goes on after its call was answered, such as a pull.
//!
//! A task is one record from the moment its TaskId is given out, so a restart forgets none; whoever
//! carries tasks out finds the open ones by a term. What all tasks share stands here, what is
//! particular to one type in the variant of [`Work`] that it has. An id begins with the time it was
//! made at, so the tasks of one type come in the order of their making.
//!
//! A task is kept for three days after its end, and so is its SessionId, by which a repeated request is
//! known. Time is the wall clock's here: a step of it costs the account of a task that has ended.
//! Deliberately absent: carrying tasks out, and events, which are each type's own.

mod list;
mod session_id;
mod sweep;

use std::io;

use model::{AppId, FileId, Timestamp, limits};
use queue::{RecordKey, RecordKind, RecordPut, RecordQuery, Term};
use serde::{Deserialize, Serialize};
use wire::TaskStatus;
use wire::reply::{TaskDetailReply, TaskSimpleInfo};

use crate::error::Fault;
use crate::library::Library;
use crate::pull::Pull;
use crate::{random, record};

pub use list::DescribeTasksError;
pub(crate) use session_id::SessionIdUse;

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    /// Where it stands.
    pub status: TaskStatus,
    /// When it was made.
    pub created: Timestamp,
    /// When it was begun.
    pub begun: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// The file that came of it.
    pub file: Option<FileId>,
    /// `SessionId` of its request.
    pub session_id: String,
    /// `SessionContext` of its request.
    pub session_context: String,
    /// `TasksPriority` of its request.
    pub priority: i8,
    /// What is to be done, and what has come of it.
    pub work: Work,
}

/// What is particular to the tasks of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// PullUpload.
    PullUpload(Box<Pull>),
    /// The copy of a clip that is kept; the action that made it.
    FastClipMedia(String),
}

/// The type of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskType {
    /// PullUpload.
    PullUpload,
    /// The copy of a clip that is kept.
    FastClipMedia,
}

impl TaskType {
    /// `TaskType` of the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PullUpload => "PullUpload",
            Self::FastClipMedia => "FastClipMedia",
        }
    }

    /// The word in the middle of its ids.
    const fn word(self) -> &'static str {
        match self {
            Self::PullUpload => "Pull",
            Self::FastClipMedia => "FastClipMedia",
        }
    }
}

impl Work {
    /// Whose tasks these are.
    pub(crate) const fn task_type(&self) -> TaskType {
        match self {
            Self::PullUpload(_) => TaskType::PullUpload,
            Self::FastClipMedia(_) => TaskType::FastClipMedia,
        }
    }
}

/// A new TaskId: `{application}-{word}-{32 hex}tt0`, of which the first 12 digits are the time.
pub(crate) fn new_id(app: AppId, of: TaskType, now: Timestamp) -> io::Result<String> {
    let random = hex::encode(random::bytes::<10>()?);
    Ok(format!("{app}-{}-{:012x}{random}tt0", of.word(), now.0.max(0)))
}

/// Whether a text can be a TaskId: `{digits}-{words}-{letters and digits}`.
fn is_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.len() <= 128
        && text.bytes().all(allowed)
        && text.split('-').count() >= 3
        && text.split('-').next().is_some_and(digits)
}

/// The application that a TaskId is of.
pub(crate) fn application_of(id: &str) -> Option<AppId> {
    id.split('-').next()?.parse().ok().map(AppId)
}

/// Which record a task is.
pub(crate) fn task_key(app: AppId, id: &str) -> RecordKey {
    RecordKey { kind: RecordKind::Task, app, id: id.to_owned() }
}

/// The term by which tasks that have not ended are found.
fn open_term(of: TaskType) -> Term {
    Term { name: "open", value: of.name().to_owned() }
}

/// Asks for tasks of a type that have not ended, of one application or of all, in the order of
/// application and making.
pub(crate) fn open_tasks(
    of: TaskType,
    app: Option<AppId>,
    after: Option<RecordKey>,
    limit: usize,
) -> RecordQuery {
    RecordQuery { kind: RecordKind::Task, app, term: Some(open_term(of)), after, limit }
}

impl Task {
    pub(crate) fn put(&self, key: RecordKey) -> RecordPut {
        let open = self.status != TaskStatus::Finish;
        let terms = open.then(|| open_term(self.work.task_type())).into_iter().collect();
        RecordPut { key, body: record::body(self), terms, listing: None }
    }

    /// Whether it can still be asked for.
    fn is_kept(&self, now: Timestamp) -> bool {
        self.finished.is_none_or(|end| now.since_ms(end) < limits::TASK_KEPT_MS)
    }

    fn info(&self, id: String) -> TaskSimpleInfo {
        TaskSimpleInfo {
            task_id: id,
            status: self.status,
            file_id: self.file,
            task_type: self.work.task_type().name().to_owned(),
            create_time: self.created,
            begin_process_time: self.begun,
            finish_time: self.finished,
            session_id: self.session_id.clone(),
            session_context: self.session_context.clone(),
        }
    }
}

/// Why DescribeTaskDetail was refused.
#[derive(Debug, thiserror::Error)]
pub enum DescribeTaskError {
    /// It is no id of a task.
    #[error("`{0}` is no TaskId")]
    Malformed(String),
    /// The application has no such task, or had it too long ago.
    #[error("the task {0} does not exist, or ended more than 3 days ago")]
    NotFound(String),
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Library {
    /// One task with everything known of it. `id` as sent.
    pub async fn describe_task(
        &self,
        app: AppId,
        id: &str,
    ) -> Result<TaskDetailReply, DescribeTaskError> {
        if !is_id(id) {
            return Err(DescribeTaskError::Malformed(id.to_owned()));
        }
        let key = task_key(app, id);
        let found: Option<(Task, u64)> = self.one(key.clone()).await?;
        let task = found.map(|(task, _)| task).filter(|task| task.is_kept(self.now()));
        let task = task.ok_or_else(|| DescribeTaskError::NotFound(id.to_owned()))?;
        let detail = match &task.work {
            Work::PullUpload(pull) => Some(("PullUploadTask", self.pull_detail(&key, &task, pull))),
            // the API has no member for it
            Work::FastClipMedia(_) => None,
        };
        Ok(TaskDetailReply { info: task.info(id.to_owned()), detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_documented_form_and_the_order_of_time() {
        let at = |ms| new_id(AppId(1_250_000_000), TaskType::PullUpload, Timestamp(ms)).unwrap();
        let (early, late) = (at(1_795_487_629_000), at(1_795_487_629_001));
        assert!(early < late, "{early} {late}");
        let hex = early.strip_prefix("1250000000-Pull-").unwrap().strip_suffix("tt0").unwrap();
        assert_eq!(hex.len(), 32);
        assert!(is_id(&early));
        for documented in [
            "125676836723-Pull-f5ac8127b3b6b85cdc13f237c6005d8",
            "1253339000-wechat-mini-program-publish-e576984516ec3b3c8e49753adf6b0688t0",
        ] {
            assert!(is_id(documented), "{documented}");
        }
        for other in ["", "-", "1-2", "x-Pull-1", "--", "1-Pull-1/2", &"1-2-".repeat(40)] {
            assert!(!is_id(other), "{other}");
        }
    }
}
