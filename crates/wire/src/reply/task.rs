//! The answers about tasks.

use bytes::Bytes;
use model::{FileId, Timestamp};
use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::action::ActionName;
use crate::spec::Shape;
use crate::task::TaskStatus;
use crate::text;

/// A task that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TaskIdReply {
    /// TaskId.
    pub task_id: String,
}

/// A page of tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TasksReply {
    /// The page.
    pub task_set: Vec<TaskSimpleInfo>,
    /// Where the next page begins; empty: this was the last one (documented).
    pub scroll_token: String,
}

/// One task in a list. Times that have not come are empty (documented).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TaskSimpleInfo {
    /// TaskId.
    pub task_id: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// The file that it made or works on; none: written as an empty string.
    #[serde(serialize_with = "text::display_or_empty")]
    pub file_id: Option<FileId>,
    /// `PullUpload` and others.
    pub task_type: String,
    /// When it was made.
    #[serde(serialize_with = "text::display")]
    pub create_time: Timestamp,
    /// When it was begun.
    #[serde(serialize_with = "text::display_or_empty")]
    pub begin_process_time: Option<Timestamp>,
    /// When it ended.
    #[serde(serialize_with = "text::display_or_empty")]
    pub finish_time: Option<Timestamp>,
    /// SessionId of its request.
    pub session_id: String,
    /// SessionContext of its request.
    pub session_context: String,
}

/// One task with what is particular to its type. The members of all other types are null, those too
/// that the spec does not let be null: the cloud's examples have it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskDetailReply {
    /// What every task has.
    pub info: TaskSimpleInfo,
    /// The member of its type, such as `PullUploadTask`, and its JSON; none: the API has no member
    /// for that type.
    pub detail: Option<(&'static str, Bytes)>,
}

impl Serialize for TaskDetailReply {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("TaskType", &self.info.task_type)?;
        map.serialize_entry("Status", &self.info.status)?;
        map.serialize_entry("CreateTime", &self.info.create_time.to_string())?;
        let time = |time: Option<Timestamp>| time.map(|t| t.to_string()).unwrap_or_default();
        map.serialize_entry("BeginProcessTime", &time(self.info.begin_process_time))?;
        map.serialize_entry("FinishTime", &time(self.info.finish_time))?;
        for member in &ActionName::DescribeTaskDetail.response().members {
            if !matches!(member.shape, Shape::Object(_)) {
                continue;
            }
            match &self.detail {
                Some((name, json)) if *name == &*member.name => {
                    let raw: &RawValue = serde_json::from_slice(json).map_err(S::Error::custom)?;
                    map.serialize_entry(&*member.name, raw)?;
                }
                _ => map.serialize_entry(&*member.name, &())?,
            }
        }
        map.end()
    }
}
