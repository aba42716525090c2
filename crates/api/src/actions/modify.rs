//! ModifyMediaInfo and ForbidMediaDistribution: what happens is decided in `media`, here its errors
//! become the documented codes.

use media::{ForbidError, Library, ModifyError};
use model::Application;
use wire::action::{ForbidMediaDistribution, ModifyMediaInfo};
use wire::reply::{ForbidMediaDistributionReply, ModifyMediaInfoReply};
use wire::{ApiError, Code, Reply};

use super::library::{broken, sentence};

/// ModifyMediaInfo.
pub(crate) async fn modify(
    library: &Library,
    application: &Application,
    request: ModifyMediaInfo,
) -> Result<Reply, ApiError> {
    let modified = library.modify(application, &request).await;
    let cover_url = modified.map_err(modify_error)?;
    Ok(Reply::ModifyMediaInfo(ModifyMediaInfoReply::new(cover_url)))
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
        ModifyError::EmptyTag | ModifyError::Unoffered(_) => Code::InvalidParameterValue,
        ModifyError::NoSpace => Code::ResourceInsufficient,
        ModifyError::Fault(fault) => return broken(fault),
    };
    ApiError::new(code, sentence(&error))
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
