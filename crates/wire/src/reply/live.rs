//! The answers about live streams, and of clips of them.

use model::{FileId, Timestamp};
use serde::Serialize;

use crate::event::task::MediaMetaData;
use crate::text;

/// A clip of a live recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LiveRealTimeClipReply {
    /// Where it is played.
    pub url: String,
    /// The file that it is; none: it is none, and the member is empty.
    #[serde(serialize_with = "text::display_or_empty")]
    pub file_id: Option<FileId>,
    /// The task of its Procedure; empty: there is none.
    pub vod_task_id: String,
    /// What is known of it, if that was asked for.
    pub meta_data: Option<MediaMetaData>,
    /// What of the span is in it: one element for each stretch without a hole.
    pub segment_set: Vec<LiveRealTimeClipSegment>,
}

/// A stretch of a recording (LiveRealTimeClipMediaSegmentInfo).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LiveRealTimeClipSegment {
    /// When it begins.
    #[serde(serialize_with = "text::display")]
    pub start_time: Timestamp,
    /// When it ends.
    #[serde(serialize_with = "text::display")]
    pub end_time: Timestamp,
}

/// What is known of live streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LiveStreamsReply {
    /// In the order of their names.
    pub live_stream_set: Vec<LiveStreamInfo>,
}

/// What is known of one live stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LiveStreamInfo {
    /// Its name.
    pub stream_id: String,
    /// Where its playlist is.
    pub playlist: String,
    /// `WAITING` for the first segment, `RECORDING`, `ENDED`, or `FAILED`, which is tried again.
    pub state: String,
    /// Why it has failed; empty: it has not.
    pub reason: String,
    /// When it was registered.
    #[serde(serialize_with = "text::display")]
    pub create_time: Timestamp,
    /// When what is kept of it begins; none: nothing is, and both are empty.
    #[serde(serialize_with = "text::display_or_empty")]
    pub start_time: Option<Timestamp>,
    /// When what is kept of it ends.
    #[serde(serialize_with = "text::display_or_empty")]
    pub end_time: Option<Timestamp>,
}
