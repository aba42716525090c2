//! The answers that look over a whole library.

use model::{FileId, Timestamp};
use serde::Serialize;

use super::MediaInfo;
use crate::text;

/// What SearchMedia found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SearchMediaReply {
    /// How many files meet the conditions; at most 5,000 are counted.
    pub total_count: usize,
    /// Those that were asked for.
    pub media_info_set: Vec<MediaInfo>,
}

/// A page of ListFiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListFilesReply {
    /// Whether there are more.
    pub is_truncated: bool,
    /// The Marker for the next page; empty: there is none.
    pub next_marker: String,
    /// Directories, by the delimiter.
    pub common_prefixes: Vec<String>,
    /// Files.
    pub contents: Vec<FileContent>,
}

/// One stored file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FileContent {
    /// Its key.
    pub key: String,
    /// When it was stored.
    #[serde(serialize_with = "text::display")]
    pub last_modified: Timestamp,
    /// Its ETag, with quotes.
    #[serde(rename = "ETag")]
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// `STANDARD`.
    pub storage_class: &'static str,
    /// The media that it belongs to.
    #[serde(serialize_with = "text::display")]
    pub file_id: FileId,
    /// `Video`, `Audio`, `Image` or `Other`.
    pub category: &'static str,
    /// `OriginalFiles` or `SubtitleFiles`: nothing here makes others.
    pub file_type: &'static str,
    /// The template that made it: 0, none.
    pub definition: i64,
    /// The subtitle that it is; empty: none.
    #[serde(rename = "SubtitleID")]
    pub subtitle_id: String,
}

/// How much is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StorageDataReply {
    /// Media.
    pub media_count: u64,
    /// Bytes of everything.
    pub total_storage: u64,
    /// Bytes in the standard class, which is the only one here.
    pub standard_storage: u64,
    infrequent_storage: u64,
    archive_storage: u64,
    deep_archive_storage: u64,
    /// The same by area.
    pub storage_stat: Vec<StorageStat>,
}

/// How much is stored in one area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StorageStat {
    /// `Chinese Mainland` or `Outside Chinese Mainland`.
    pub area: &'static str,
    total_storage: u64,
    infrequent_storage: u64,
    standard_storage: u64,
    archive_storage: u64,
    deep_archive_storage: u64,
}

impl StorageStat {
    /// An area with that many bytes.
    pub const fn new(area: &'static str, bytes: u64) -> Self {
        Self {
            area,
            total_storage: bytes,
            infrequent_storage: 0,
            standard_storage: bytes,
            archive_storage: 0,
            deep_archive_storage: 0,
        }
    }
}

impl StorageDataReply {
    /// That many media, with their bytes by area.
    pub fn new(media_count: u64, storage_stat: Vec<StorageStat>) -> Self {
        let bytes = storage_stat.iter().map(|stat| stat.total_storage).sum();
        Self {
            media_count,
            total_storage: bytes,
            standard_storage: bytes,
            infrequent_storage: 0,
            archive_storage: 0,
            deep_archive_storage: 0,
            storage_stat,
        }
    }
}
