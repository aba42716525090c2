//! The answers about changes of files.

use serde::Serialize;

use crate::event::task::Never;

/// What ModifyMediaInfo answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifyMediaInfoReply {
    /// The address of the file's cover; empty: it has none.
    pub cover_url: String,
    /// Subtitles that were added: none, they are not offered.
    added_subtitle_set: [Never; 0],
}

impl ModifyMediaInfoReply {
    /// The answer for a file with that cover.
    pub const fn new(cover_url: String) -> Self {
        Self { cover_url, added_subtitle_set: [] }
    }
}

/// What ForbidMediaDistribution answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ForbidMediaDistributionReply {
    /// The ids, as sent, of files that do not exist.
    pub not_exist_file_id_set: Vec<String>,
}
