//! The payloads that the library itself states, as types. DescribeMediaInfos answers with the same
//! ones.
//!
//! Nested nulls are explicit, as PULL shows them, and every member of the spec is present, because
//! some clients decode strictly. A test holds each against the spec's type. Times are ISO 8601 in
//! UTC. Deliberately absent: tasks that nothing here runs.

mod pull;

use bytes::Bytes;
use model::{FileId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::text;

pub use pull::PullUploadTask;

/// FileUploadEvent of NewFileUpload.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FileUploadTask {
    /// The new file.
    #[serde(serialize_with = "text::display")]
    pub file_id: FileId,
    /// What is known of it.
    pub media_basic_info: MediaBasicInfo,
    /// The task of the Procedure given at upload; empty: none was given.
    pub procedure_task_id: String,
    /// The review task started by the upload; empty: none.
    pub review_audio_video_task_id: String,
    /// What the probe found; none if the file could not be probed. Real receivers ignore an upload
    /// without Size and Duration.
    pub meta_data: Option<MediaMetaData>,
}

impl FileUploadTask {
    /// The bytes to store and send.
    pub fn payload(&self) -> Bytes {
        payload(self)
    }
}

/// MediaBasicInfo: how a file is named, filed and reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaBasicInfo {
    /// The name for people.
    pub name: String,
    /// The description.
    pub description: String,
    /// When it was created.
    #[serde(serialize_with = "text::display")]
    pub create_time: Timestamp,
    /// When its description last changed.
    #[serde(serialize_with = "text::display")]
    pub update_time: Timestamp,
    /// When it will be deleted; `Timestamp::NEVER` by default.
    #[serde(serialize_with = "text::display")]
    pub expire_time: Timestamp,
    /// The class; 0 by default.
    pub class_id: i64,
    /// The name of the class.
    pub class_name: String,
    /// The class and those above it, joined by `-`.
    pub class_path: String,
    /// The cover's address; empty: none.
    pub cover_url: String,
    /// The extension, such as `mp4`.
    pub r#type: String,
    /// Where the file can be played.
    pub media_url: String,
    /// Where it came from.
    pub source_info: Option<MediaSourceData>,
    /// The region it is stored in.
    pub storage_region: String,
    /// The path within the application's storage; empty unless the application names files by path.
    pub storage_path: String,
    /// Its tags.
    pub tag_set: Vec<String>,
    /// The FileId once more.
    #[serde(serialize_with = "text::display")]
    pub vid: FileId,
    /// `Video`, `Audio` or `Image`.
    pub category: String,
    /// `Normal` or `Forbidden`.
    pub status: String,
    /// `STANDARD` unless moved.
    pub storage_class: String,
}

/// MediaSourceData: what made the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaSourceData {
    /// `Upload`, `Record`, `VideoProcessing` and others.
    pub source_type: String,
    /// The SourceContext given at upload.
    pub source_context: String,
    live_record_info: Option<LiveRecordInfo>,
    trtc_record_info: Option<Never>,
    web_page_record_info: Option<Never>,
}

impl MediaSourceData {
    /// A source that is no recording; the three members for recordings are null.
    pub fn new(source_type: impl Into<String>, source_context: impl Into<String>) -> Self {
        Self {
            source_type: source_type.into(),
            source_context: source_context.into(),
            live_record_info: None,
            trtc_record_info: None,
            web_page_record_info: None,
        }
    }

    /// A live stream that was recorded. The documentation says that `info` comes with the type
    /// `Record`.
    pub fn recorded(source_context: impl Into<String>, info: LiveRecordInfo) -> Self {
        Self { live_record_info: Some(info), ..Self::new("Record", source_context) }
    }
}

/// LiveRecordInfo: what of a live stream was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LiveRecordInfo {
    /// The domain of the live stream; empty: none is known.
    pub domain: String,
    /// The path of the live stream; empty: none is known.
    pub path: String,
    /// The stream.
    pub stream_id: String,
    /// When what was recorded begins.
    #[serde(serialize_with = "text::display")]
    pub record_start_time: Timestamp,
    /// When it ends.
    #[serde(serialize_with = "text::display")]
    pub record_end_time: Timestamp,
}

/// MediaMetaData: what a probe finds in a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaMetaData {
    /// Bytes; of HLS, playlist and segments together.
    pub size: i64,
    /// The container as ffprobe names it: `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// Bits a second, all streams together.
    pub bitrate: i64,
    /// Pixels; the largest of all video streams.
    pub height: i64,
    /// Pixels; the largest of all video streams.
    pub width: i64,
    /// Seconds.
    pub duration: f64,
    /// Degrees, 0 to 359.
    pub rotate: i64,
    /// The video streams.
    pub video_stream_set: Vec<MediaVideoStreamItem>,
    /// The audio streams.
    pub audio_stream_set: Vec<MediaAudioStreamItem>,
    /// Seconds of video.
    pub video_duration: f64,
    /// Seconds of audio.
    pub audio_duration: f64,
    /// MD5 of the file in lower-case hexadecimal; may be empty.
    pub md5: String,
}

/// One video stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaVideoStreamItem {
    /// Bits a second.
    pub bitrate: i64,
    /// Pixels.
    pub height: i64,
    /// Pixels.
    pub width: i64,
    /// The codec as ffprobe names it: `h264`.
    pub codec: String,
    /// Frames a second, rounded.
    pub fps: i64,
    /// `hvc1` or `hev1` for H.265, else empty.
    pub codec_tag: String,
    /// Dynamic range.
    pub dynamic_range_info: DynamicRangeInfo,
}

/// Dynamic range of a video stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DynamicRangeInfo {
    /// `SDR` or `HDR`.
    pub r#type: String,
    /// `hdr10`, `hlg` or empty.
    #[serde(rename = "HDRType")]
    pub hdr_type: String,
}

impl Default for DynamicRangeInfo {
    fn default() -> Self {
        Self { r#type: "SDR".to_owned(), hdr_type: String::new() }
    }
}

/// One audio stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaAudioStreamItem {
    /// Bits a second.
    pub bitrate: i64,
    /// Samples a second.
    pub sampling_rate: i64,
    /// The codec as ffprobe names it: `aac`.
    pub codec: String,
}

/// FileDeleteEvent of FileDeleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FileDeleteTask {
    /// The deleted files.
    #[serde(serialize_with = "text::display_all")]
    pub file_id_set: Vec<FileId>,
    /// What of each file was deleted.
    pub file_delete_result_info: Vec<FileDeleteResultItem>,
}

impl FileDeleteTask {
    /// The bytes to store and send.
    pub fn payload(&self) -> Bytes {
        payload(self)
    }
}

/// What of one file was deleted; it repeats the request, so nothing listed means everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FileDeleteResultItem {
    /// The file.
    #[serde(serialize_with = "text::display")]
    pub file_id: FileId,
    /// DeleteParts of the request.
    pub delete_parts: Vec<MediaDeleteItem>,
}

/// One kind of parts of a file, in DeleteMedia's request and in FileDeleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaDeleteItem {
    /// `OriginalFiles`, `TranscodeFiles` and others.
    pub r#type: String,
    /// The template whose output is meant; 0: all of that type.
    #[serde(default)]
    pub definition: i64,
}

/// PersistenceCompleteEvent of PersistenceComplete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PersistenceCompleteTask {
    /// The new, independent file.
    #[serde(serialize_with = "text::display")]
    pub file_id: FileId,
    /// `SimpleHlsClip`, `FastEditMedia` or `LiveRealTimeClip`.
    pub persistence_source: String,
}

impl PersistenceCompleteTask {
    /// The bytes to store and send.
    pub fn payload(&self) -> Bytes {
        payload(self)
    }
}

/// A member that is always null here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Never {}

#[expect(clippy::expect_used, reason = "these types hold nothing that JSON cannot say")]
fn payload<T: Serialize>(task: &T) -> Bytes {
    serde_json::to_vec(task).expect("a task is plain data").into()
}
