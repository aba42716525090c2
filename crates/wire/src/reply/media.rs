//! The answers about media: uploads, manifests, look-ups.

use model::FileId;
use serde::Serialize;

use crate::event::task::{MediaBasicInfo, MediaMetaData, Never};
use crate::reply::blocks::{
    MediaBlocks, MediaKeyFrameDescInfo, MediaSubtitleInfo, MediaTranscodeInfo,
};
use crate::text::{self, Secret};

/// Where to upload to, and with which temporary key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApplyUploadReply {
    /// `<name>-<appid>` in lower case: the upload SDKs insist on that form.
    pub storage_bucket: String,
    /// Lower-case letters, digits and `-`.
    pub storage_region: String,
    /// The key that CommitUpload takes.
    pub vod_session_key: Secret,
    /// Begins with `/`: the SDKs cut the first character off.
    pub media_storage_path: String,
    /// Begins with `/`; empty: no cover is expected.
    pub cover_storage_path: String,
    /// The temporary key.
    pub temp_certificate: TempCertificate,
}

/// A temporary key for the COS surface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TempCertificate {
    /// SecretId.
    pub secret_id: String,
    /// SecretKey.
    pub secret_key: Secret,
    /// Sent along as `x-cos-security-token`.
    pub token: Secret,
    /// Unix seconds.
    pub expired_time: u64,
}

/// The file that an upload became.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CommitUploadReply {
    /// FileId.
    #[serde(serialize_with = "text::display")]
    pub file_id: FileId,
    /// Where it can be played.
    pub media_url: String,
    /// Where the cover is; empty: none was uploaded.
    pub cover_url: String,
}

/// The files that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ManifestReply {
    /// Relative paths, each once.
    pub media_segment_set: Vec<String>,
}

/// What is known of some files.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaInfosReply {
    /// The files that exist.
    pub media_info_set: Vec<MediaInfo>,
    /// The ids, as sent, of those that do not.
    pub not_exist_file_id_set: Vec<String>,
}

/// What is known of one file. Blocks that were filtered out, and those of tasks that nothing here
/// runs, are null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "the fields are named as on the wire")]
pub struct MediaInfo {
    #[serde(serialize_with = "text::display")]
    file_id: FileId,
    basic_info: Option<MediaBasicInfo>,
    meta_data: Option<MediaMetaData>,
    transcode_info: Option<MediaTranscodeInfo>,
    animated_graphics_info: Option<Never>,
    sample_snapshot_info: Option<Never>,
    image_sprite_info: Option<Never>,
    snapshot_by_time_offset_info: Option<Never>,
    key_frame_desc_info: Option<MediaKeyFrameDescInfo>,
    adaptive_dynamic_streaming_info: Option<Never>,
    mini_program_review_info: Option<Never>,
    subtitle_info: Option<MediaSubtitleInfo>,
    review_info: Option<Never>,
    #[serde(rename = "MPSAiMediaInfo")]
    mps_ai_media_info: Option<Never>,
    image_understanding_info: Option<Never>,
    knowledge_bases_info: Option<Never>,
    face_recognition_info: Option<Never>,
}

impl MediaInfo {
    /// A file with the blocks that were asked for.
    pub fn new(file_id: FileId, blocks: MediaBlocks) -> Self {
        Self {
            file_id,
            basic_info: blocks.basic_info,
            meta_data: blocks.meta_data,
            transcode_info: blocks.transcode_info,
            animated_graphics_info: None,
            sample_snapshot_info: None,
            image_sprite_info: None,
            snapshot_by_time_offset_info: None,
            key_frame_desc_info: blocks.key_frame_desc_info,
            adaptive_dynamic_streaming_info: None,
            mini_program_review_info: None,
            subtitle_info: blocks.subtitle_info,
            review_info: None,
            mps_ai_media_info: None,
            image_understanding_info: None,
            knowledge_bases_info: None,
            face_recognition_info: None,
        }
    }
}
