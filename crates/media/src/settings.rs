//! What a library is told at start; the defaults are `model::limits`.

use std::path::PathBuf;

use model::{AppId, limits};

use crate::pull::PullSettings;

/// How a library behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What MediaUrl and CoverUrl begin with, such as `http://127.0.0.1:8800`; no slash at the end.
    pub public_url: String,
    /// The account's AppId, the number at the end of every bucket.
    pub account: AppId,
    /// The StorageRegion of an upload that asks for none.
    pub storage_region: String,
    /// Life of an upload session in seconds.
    pub session_life_s: i64,
    /// How long a file stays after its ExpireTime, in ms.
    pub expiry_grace_ms: u64,
    /// Objects and incomplete uploads of one session.
    pub session_objects_max: u64,
    /// Bytes of one session.
    pub session_bytes_max: u64,
    /// Whether NewFileUpload tells of clips that are kept, of those with a SourceContext.
    pub clips_also_new_file_upload: bool,
    /// Bytes that uploads leave free on the disk at least.
    pub free_bytes_min: u64,
    /// Percent of the disk that uploads leave free at least.
    pub free_percent_min: u64,
    /// Pulls.
    pub pull: PullSettings,
    /// Live streams.
    pub live: Live,
}

/// How live streams are recorded. They are reached like pulls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Where playlists that are files may lie; none: nowhere.
    pub directory: Option<PathBuf>,
    /// How much of a stream is kept, in ms.
    pub window_ms: u64,
}

impl Live {
    /// How much of a stream is kept, in bytes: what no stream that is one takes in the window.
    pub(crate) fn bytes_max(&self) -> u64 {
        self.window_ms.saturating_mul(limits::LIVE_BYTES_PER_S_MAX) / 1000
    }
}

impl Default for Live {
    fn default() -> Self {
        Self { directory: None, window_ms: limits::LIVE_WINDOW_MS }
    }
}

impl Settings {
    /// The defaults, for an account and the address under which files are reached.
    pub fn new(public_url: impl Into<String>, account: AppId) -> Self {
        Self {
            public_url: public_url.into().trim_end_matches('/').to_owned(),
            account,
            storage_region: "ap-guangzhou".to_owned(),
            session_life_s: limits::SESSION_LIFE_S,
            expiry_grace_ms: limits::EXPIRY_GRACE_MS,
            session_objects_max: limits::SESSION_OBJECTS_MAX,
            session_bytes_max: limits::SESSION_BYTES_MAX,
            clips_also_new_file_upload: true,
            free_bytes_min: limits::UPLOAD_FREE_BYTES_MIN,
            free_percent_min: limits::UPLOAD_FREE_PERCENT_MIN,
            pull: PullSettings::default(),
            live: Live::default(),
        }
    }
}
