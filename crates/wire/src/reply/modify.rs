//! The answers about changes of files.

use serde::Serialize;

use crate::reply::blocks::MediaSubtitleItem;

/// What ModifyMediaInfo answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifyMediaInfoReply {
    /// The address of the file's cover; empty: it has none.
    pub cover_url: String,
    /// The subtitles that were added.
    pub added_subtitle_set: Vec<MediaSubtitleItem>,
}

/// What ForbidMediaDistribution answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ForbidMediaDistributionReply {
    /// The ids, as sent, of files that do not exist.
    pub not_exist_file_id_set: Vec<String>,
}
