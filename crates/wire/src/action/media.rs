//! Requests about media: upload, deletion, look-up. FileIds stay texts here, because one that is no
//! id of ours names a file that does not exist, which is for the library to say.

use model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{ApiError, Code};
use crate::event::task::MediaDeleteItem;
use crate::text::Secret;

/// Starts an upload. Omitted strings are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyUpload {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// The extension of the file to come.
    pub media_type: String,
    /// MediaName.
    pub media_name: String,
    /// The extension of a cover to come; empty: no cover.
    pub cover_type: String,
    /// The Procedure to run after the upload.
    pub procedure: String,
    /// When the file shall be deleted; none: never.
    pub expire_time: Option<Timestamp>,
    /// StorageRegion.
    pub storage_region: String,
    /// ClassId; 0 by default.
    pub class_id: i64,
    /// Given back in the upload's event.
    pub source_context: String,
    /// Given back in the event of the Procedure.
    pub session_context: String,
    /// MediaStoragePath.
    pub media_storage_path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct RawApplyUpload {
    sub_app_id: Option<u64>,
    media_type: String,
    media_name: String,
    cover_type: String,
    procedure: String,
    expire_time: Option<String>,
    storage_region: String,
    class_id: i64,
    source_context: String,
    session_context: String,
    media_storage_path: String,
}

impl ApplyUpload {
    /// # Errors
    /// `InvalidParameterValue.ExpireTime` if it is no time.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: RawApplyUpload = super::typed(tree)?;
        let code = Code::InvalidParameterValueExpireTime;
        Ok(Self {
            sub_app_id: raw.sub_app_id,
            media_type: raw.media_type,
            media_name: raw.media_name,
            cover_type: raw.cover_type,
            procedure: raw.procedure,
            expire_time: super::time(code, "ExpireTime", raw.expire_time.as_deref())?,
            storage_region: raw.storage_region,
            class_id: raw.class_id,
            source_context: raw.source_context,
            session_context: raw.session_context,
            media_storage_path: raw.media_storage_path,
        })
    }
}

/// Ends an upload: the file joins the library.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CommitUpload {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// VodSessionKey of ApplyUpload.
    pub vod_session_key: Secret,
}

/// Asks which files a manifest names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ParseStreamingManifest {
    /// The text of the manifest.
    pub media_manifest_content: String,
    /// `m3u8` or `mpd`; empty: `m3u8`.
    #[serde(default)]
    pub manifest_type: String,
}

/// Deletes a file or parts of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteMedia {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// FileId as sent.
    pub file_id: String,
    /// The parts to delete; empty: the file with everything.
    #[serde(default)]
    pub delete_parts: Vec<MediaDeleteItem>,
}

/// Asks about files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeMediaInfos {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// FileIds as sent, not counted yet.
    pub file_ids: Vec<String>,
    /// The blocks that are wanted, such as `basicInfo`; empty: all.
    #[serde(default)]
    pub filters: Vec<String>,
}

super::plain_requests!(CommitUpload ParseStreamingManifest DeleteMedia DescribeMediaInfos);
