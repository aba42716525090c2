//! What PullComplete tells, and DescribeTaskDetail of a pull.

use bytes::Bytes;
use model::FileId;
use serde::Serialize;

use super::{MediaBasicInfo, MediaMetaData, payload};
use crate::task::TaskStatus;
use crate::text;

/// PullCompleteEvent of PullComplete.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PullUploadTask {
    /// The task.
    pub task_id: String,
    /// `PROCESSING` or `FINISH`: documented are these two, so what waits is PROCESSING here.
    pub status: TaskStatus,
    /// 0: it succeeded; 40000: the request is wrong; 60000: the source is; 70000: the server failed.
    pub err_code: i64,
    /// `SUCCESS`, or why not; empty while it is under way.
    pub message: String,
    /// The file; none, written as an empty string: there is none (yet).
    #[serde(serialize_with = "text::display_or_empty")]
    pub file_id: Option<FileId>,
    /// What is known of it.
    pub media_basic_info: Option<MediaBasicInfo>,
    /// What the probe found. The spec does not let it be null, so it is left out if there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta_data: Option<MediaMetaData>,
    /// Where the file can be played; empty: there is none.
    pub file_url: String,
    /// The task of the Procedure given with the pull; empty: none was given.
    pub procedure_task_id: String,
    /// The review task started by the pull; empty: none.
    pub review_audio_video_task_id: String,
    /// SessionContext of the request.
    pub session_context: String,
    /// SessionId of the request.
    pub session_id: String,
    /// Percent, 0 to 100.
    pub progress: i64,
}

impl PullUploadTask {
    /// The bytes to store and send.
    pub fn payload(&self) -> Bytes {
        payload(self)
    }
}
