//! ModifyMediaInfo and ForbidMediaDistribution: what happens is decided in `media`, here its errors
//! become the documented codes.

use media::{ForbidError, KeyFrameError, Library, ModifyError, SubtitleError};
use model::Application;
use wire::action::{ForbidMediaDistribution, ModifyMediaInfo};
use wire::reply::ForbidMediaDistributionReply;
use wire::{ApiError, Code, Reply};

use super::library::{broken, sentence};

/// ModifyMediaInfo.
pub(crate) async fn modify(
    library: &Library,
    application: &Application,
    request: ModifyMediaInfo,
) -> Result<Reply, ApiError> {
    let modified = library.modify(application, &request).await;
    Ok(Reply::ModifyMediaInfo(modified.map_err(modify_error)?))
}

fn modify_error(error: ModifyError) -> ApiError {
    let code = match error {
        ModifyError::NotFound(_) => Code::ResourceNotFoundFileNotExist,
        ModifyError::Name(_) => Code::InvalidParameterValueName,
        ModifyError::Description(_) => Code::InvalidParameterValueDescription,
        ModifyError::ClassId(_) => Code::InvalidParameterValueClassId,
        ModifyError::ExpireTime => Code::InvalidParameterValueExpireTime,
        ModifyError::TagTooLong(_) => Code::InvalidParameterValueTagTooLong,
        ModifyError::AddAndClearTags => Code::InvalidParameterValueAddTagsAndClearTagsConflict,
        ModifyError::AddAndDeleteTags(_) => Code::InvalidParameterValueAddTagsAndDeleteTagsConflict,
        ModifyError::TooManyTags(_) => Code::LimitExceededTagCountReachMax,
        ModifyError::CoverEncoding | ModifyError::CoverType => {
            Code::InvalidParameterValueImageDecodeError
        }
        ModifyError::EmptyTag => Code::InvalidParameterValue,
        ModifyError::KeyFrame(ref error) => key_frame_code(error),
        ModifyError::Subtitle(ref error) => subtitle_code(error),
        ModifyError::NoSpace => Code::ResourceInsufficient,
        ModifyError::Fault(fault) => return broken(fault),
    };
    ApiError::new(code, sentence(&error))
}

const fn key_frame_code(error: &KeyFrameError) -> Code {
    match error {
        KeyFrameError::TooLong(_) => Code::InvalidParameterValueKeyFrameDescContentTooLong,
        KeyFrameError::AddAndClear => {
            Code::InvalidParameterValueAddKeyFrameDescsAndClearKeyFrameDescsConflict
        }
        KeyFrameError::AddAndDelete(_) => {
            Code::InvalidParameterValueAddKeyFrameDescsAndDeleteKeyFrameDescsConflict
        }
        KeyFrameError::TooMany(_) => Code::LimitExceededKeyFrameDescCountReachMax,
        KeyFrameError::Offset(_) | KeyFrameError::Empty => Code::InvalidParameterValue,
    }
}

const fn subtitle_code(error: &SubtitleError) -> Code {
    match error {
        SubtitleError::Format(_) => Code::InvalidParameterValueSubtitleFormat,
        SubtitleError::TooMany(_) => Code::LimitExceeded,
        SubtitleError::Name(_)
        | SubtitleError::Language(_)
        | SubtitleError::Encoding
        | SubtitleError::Content
        | SubtitleError::Id { .. }
        | SubtitleError::Taken(_)
        | SubtitleError::AddAndClear
        | SubtitleError::AddAndDelete(_) => Code::InvalidParameterValue,
    }
}

/// ForbidMediaDistribution.
pub(crate) async fn forbid(
    library: &Library,
    application: &Application,
    request: ForbidMediaDistribution,
) -> Result<Reply, ApiError> {
    let missing = library.forbid(application.id, &request.file_ids, request.forbid).await;
    let not_exist_file_id_set = missing.map_err(|error| {
        let code = match error {
            ForbidError::Empty => Code::InvalidParameterValueFileIdsEmpty,
            ForbidError::TooMany(_) => Code::InvalidParameterValueFileIdsOverLimit,
            ForbidError::Fault(fault) => return broken(fault),
        };
        ApiError::new(code, sentence(&error))
    })?;
    Ok(Reply::Forbidden(ForbidMediaDistributionReply { not_exist_file_id_set }))
}
