//! ModifyMediaInfo and ForbidMediaDistribution: requests that change what is known of files.

use model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{ApiError, Code};
use crate::reply::MediaKeyFrameDescItem;

/// Changes a file; what is absent keeps its value. Knowledge bases, of which no file here is in any, may
/// be taken away.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModifyMediaInfo {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// FileId as sent.
    pub file_id: String,
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    pub description: Option<String>,
    /// The class to file it under.
    pub class_id: Option<i64>,
    /// When it shall be deleted.
    pub expire_time: Option<Timestamp>,
    /// A new cover, Base64; empty: none.
    pub cover_data: String,
    /// Tags to add.
    pub add_tags: Vec<String>,
    /// Tags to take away.
    pub delete_tags: Vec<String>,
    /// Whether to take all tags away.
    pub clear_tags: bool,
    /// Marks on the timeline to add; one at the same time is replaced.
    pub add_key_frames: Vec<MediaKeyFrameDescItem>,
    /// Seconds at which marks shall be taken away.
    pub delete_key_frames: Vec<f64>,
    /// Whether to take all marks away.
    pub clear_key_frames: bool,
    /// Subtitles to add.
    pub add_subtitles: Vec<MediaSubtitleInput>,
    /// Ids of subtitles to take away.
    pub delete_subtitles: Vec<String>,
    /// Whether to take all subtitles away.
    pub clear_subtitles: bool,
}

/// A subtitle to add to a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MediaSubtitleInput {
    /// Its name for people.
    pub name: String,
    /// Its language (RFC 5646).
    pub language: String,
    /// `vtt`.
    pub format: String,
    /// What it says, Base64.
    pub content: String,
    /// Its name within the file; empty: it is given one.
    pub id: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawModify {
    sub_app_id: Option<u64>,
    file_id: String,
    name: Option<String>,
    description: Option<String>,
    class_id: Option<i64>,
    expire_time: Option<String>,
    cover_data: String,
    add_tags: Vec<String>,
    delete_tags: Vec<String>,
    clear_tags: i64,
    add_key_frame_descs: Vec<MediaKeyFrameDescItem>,
    delete_key_frame_descs: Vec<f64>,
    clear_key_frame_descs: i64,
    add_subtitles: Vec<MediaSubtitleInput>,
    delete_subtitle_ids: Vec<String>,
    clear_subtitles: i64,
}

impl ModifyMediaInfo {
    /// # Errors
    /// `InvalidParameterValue.ExpireTime` if it is no time.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: RawModify = super::typed(tree)?;
        let code = Code::InvalidParameterValueExpireTime;
        Ok(Self {
            sub_app_id: raw.sub_app_id,
            file_id: raw.file_id,
            name: raw.name,
            description: raw.description,
            class_id: raw.class_id,
            expire_time: super::time(code, "ExpireTime", raw.expire_time.as_deref())?,
            cover_data: raw.cover_data,
            add_tags: raw.add_tags,
            delete_tags: raw.delete_tags,
            // other values mean nothing (documented)
            clear_tags: raw.clear_tags == 1,
            add_key_frames: raw.add_key_frame_descs,
            delete_key_frames: raw.delete_key_frame_descs,
            clear_key_frames: raw.clear_key_frame_descs == 1,
            add_subtitles: raw.add_subtitles,
            delete_subtitles: raw.delete_subtitle_ids,
            clear_subtitles: raw.clear_subtitles == 1,
        })
    }
}

/// Keeps files from being served, or lets them be served again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForbidMediaDistribution {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// FileIds as sent, not counted yet.
    pub file_ids: Vec<String>,
    /// Whether they shall be kept from being served.
    pub forbid: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawForbid {
    sub_app_id: Option<u64>,
    file_ids: Vec<String>,
    operation: String,
}

impl ForbidMediaDistribution {
    /// # Errors
    /// `InvalidParameterValue.Operation` for anything but `forbid` and `recover`.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: RawForbid = super::typed(tree)?;
        let forbid = match raw.operation.as_str() {
            "forbid" => true,
            "recover" => false,
            other => {
                let error = ApiError::invalid_value("Operation", other);
                return Err(error.coded(Code::InvalidParameterValueOperation));
            }
        };
        Ok(Self { sub_app_id: raw.sub_app_id, file_ids: raw.file_ids, forbid })
    }
}
