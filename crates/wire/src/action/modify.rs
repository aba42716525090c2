//! ModifyMediaInfo and ForbidMediaDistribution: requests that change what is known of files.

use model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{ApiError, Code};

/// Changes a file; what is absent keeps its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// The first member that asks for something that is not offered. To remove what nothing here
    /// makes is no such thing.
    pub unoffered: Option<&'static str>,
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
    add_key_frame_descs: Vec<Value>,
    add_subtitles: Vec<Value>,
}

impl ModifyMediaInfo {
    /// # Errors
    /// `InvalidParameterValue.ExpireTime` if it is no time.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: RawModify = super::typed(tree)?;
        let code = Code::InvalidParameterValueExpireTime;
        let unoffered = if !raw.add_key_frame_descs.is_empty() {
            Some("AddKeyFrameDescs")
        } else if !raw.add_subtitles.is_empty() {
            Some("AddSubtitles")
        } else {
            None
        };
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
            unoffered,
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
