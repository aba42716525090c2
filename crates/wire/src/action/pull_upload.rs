//! PullUpload. Whether a URL may be fetched depends on the configuration, and which types there are
//! on the library, so both are left to whoever carries it out.

use model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{ApiError, Code};

/// Has a file fetched from elsewhere. Omitted strings are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullUpload {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// Where the file is.
    pub media_url: String,
    /// Its extension; empty: told by the URL.
    pub media_type: String,
    /// MediaName.
    pub media_name: String,
    /// Where its cover is; empty: it has none.
    pub cover_url: String,
    /// The Procedure to run afterwards.
    pub procedure: String,
    /// When the file shall be deleted; none: never.
    pub expire_time: Option<Timestamp>,
    /// StorageRegion.
    pub storage_region: String,
    /// ClassId; 0 by default.
    pub class_id: i64,
    /// -10 to 10; the greater, the sooner.
    pub tasks_priority: i8,
    /// Given back in the event.
    pub session_context: String,
    /// By which a repeated request is known; empty: not at all.
    pub session_id: String,
    /// Given back with the file.
    pub source_context: String,
    /// MediaStoragePath.
    pub media_storage_path: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Raw {
    sub_app_id: Option<u64>,
    media_url: String,
    media_type: String,
    media_name: String,
    cover_url: String,
    procedure: String,
    expire_time: Option<String>,
    storage_region: String,
    class_id: i64,
    tasks_priority: i64,
    session_context: String,
    session_id: String,
    source_context: String,
    media_storage_path: String,
}

impl PullUpload {
    /// # Errors
    /// `InvalidParameterValue.ExpireTime` if it is no time, `InvalidParameterValue` for a
    /// TasksPriority out of bounds.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: Raw = super::typed(tree)?;
        let code = Code::InvalidParameterValueExpireTime;
        let priority = raw.tasks_priority;
        let fits = i8::try_from(priority).ok().filter(|priority| (-10..=10).contains(priority));
        let fits =
            fits.ok_or_else(|| ApiError::invalid_value("TasksPriority", &priority.to_string()));
        Ok(Self {
            sub_app_id: raw.sub_app_id,
            media_url: raw.media_url,
            media_type: raw.media_type,
            media_name: raw.media_name,
            cover_url: raw.cover_url,
            procedure: raw.procedure,
            expire_time: super::time(code, "ExpireTime", raw.expire_time.as_deref())?,
            storage_region: raw.storage_region,
            class_id: raw.class_id,
            tasks_priority: fits?,
            session_context: raw.session_context,
            session_id: raw.session_id,
            source_context: raw.source_context,
            media_storage_path: raw.media_storage_path,
        })
    }
}
