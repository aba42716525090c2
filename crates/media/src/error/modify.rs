//! Why ModifyMediaInfo was refused: one type for all of it, one for each kind of thing that it adds.

use super::Fault;

/// Why ModifyMediaInfo was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ModifyError {
    /// There is no such file in this application.
    #[error("the file {0} does not exist")]
    NotFound(String),
    /// Name is empty or too long.
    #[error("Name must have 1 to {0} characters")]
    Name(usize),
    /// Description is too long.
    #[error("Description is longer than {0} characters")]
    Description(usize),
    /// There is no such class.
    #[error("there is no class {0}")]
    ClassId(i64),
    /// ExpireTime has passed.
    #[error("ExpireTime lies in the past")]
    ExpireTime,
    /// A tag is too long.
    #[error("a tag is longer than {0} characters")]
    TagTooLong(usize),
    /// A tag is empty.
    #[error("a tag is empty")]
    EmptyTag,
    /// ClearTags and AddTags together.
    #[error("ClearTags and AddTags exclude each other")]
    AddAndClearTags,
    /// A tag is to be added and deleted.
    #[error("the tag `{0}` stands in AddTags and in DeleteTags")]
    AddAndDeleteTags(String),
    /// The file would have too many tags.
    #[error("a file may have {0} tags")]
    TooManyTags(usize),
    /// CoverData is no Base64.
    #[error("CoverData is no Base64")]
    CoverEncoding,
    /// CoverData is no picture of a documented type.
    #[error("CoverData is neither JPEG nor PNG nor GIF")]
    CoverType,
    /// What is said of marks on the timeline.
    #[error(transparent)]
    KeyFrame(#[from] KeyFrameError),
    /// What is said of subtitles.
    #[error(transparent)]
    Subtitle(#[from] SubtitleError),
    /// The disk has no room for a cover or a subtitle.
    #[error("the disk is too full for covers and subtitles")]
    NoSpace,
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why marks on the timeline were refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum KeyFrameError {
    /// A time is none of a file.
    #[error("the TimeOffset {0} is no number of seconds from the beginning")]
    Offset(f64),
    /// Content is empty.
    #[error("Content of AddKeyFrameDescs is empty")]
    Empty,
    /// Content is too long.
    #[error("Content of AddKeyFrameDescs is longer than {0} characters")]
    TooLong(usize),
    /// ClearKeyFrameDescs and AddKeyFrameDescs together.
    #[error("ClearKeyFrameDescs and AddKeyFrameDescs exclude each other")]
    AddAndClear,
    /// A time is to be marked and not to be marked.
    #[error("the TimeOffset {0} stands in AddKeyFrameDescs and in DeleteKeyFrameDescs")]
    AddAndDelete(f64),
    /// The file would have too many.
    #[error("a file may have {0} key frames")]
    TooMany(usize),
}

/// Why subtitles were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubtitleError {
    /// Name is too long.
    #[error("Name of AddSubtitles is longer than {0} characters")]
    Name(usize),
    /// Language is no tag of a language.
    #[error("the Language `{0}` of AddSubtitles is no language tag")]
    Language(String),
    /// Format is not `vtt`.
    #[error("the Format `{0}` of AddSubtitles is not vtt")]
    Format(String),
    /// Content is no Base64.
    #[error("Content of AddSubtitles is no Base64")]
    Encoding,
    /// Content is no WebVTT.
    #[error("Content of AddSubtitles is no WebVTT")]
    Content,
    /// Id has characters that it must not have, or too many.
    #[error("the Id `{id}` of AddSubtitles is not 1 to {max} letters, digits, `_` and `-`")]
    Id {
        /// The id.
        id: String,
        /// The most characters.
        max: usize,
    },
    /// The file, or the request, has a subtitle with that Id.
    #[error("there is a subtitle `{0}` already")]
    Taken(String),
    /// ClearSubtitles and AddSubtitles together.
    #[error("ClearSubtitles and AddSubtitles exclude each other")]
    AddAndClear,
    /// A subtitle is to be added and deleted.
    #[error("the Id `{0}` stands in AddSubtitles and in DeleteSubtitleIds")]
    AddAndDelete(String),
    /// The file would have too many.
    #[error("a file may have {0} subtitles")]
    TooMany(usize),
}
