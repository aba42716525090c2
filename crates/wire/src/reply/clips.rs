//! The answers of clips.

use model::FileId;
use serde::Serialize;

use crate::event::task::MediaMetaData;
use crate::text;

/// A clip of one media.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SimpleHlsClipReply {
    /// Where it is played.
    pub url: String,
    /// What is known of it; Size, Rotate, VideoDuration and AudioDuration are 0 (documented).
    pub meta_data: MediaMetaData,
    /// The file that it is; none: it is none, and the member is empty.
    #[serde(serialize_with = "text::display_or_empty")]
    pub file_id: Option<FileId>,
    /// The task of its Procedure; empty: there is none.
    pub task_id: String,
}

/// A clip of several media.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FastEditMediaReply {
    /// The file that it is.
    #[serde(serialize_with = "text::display")]
    pub file_id: FileId,
    /// Where it is played.
    pub url: String,
}
