//! PullUpload, DescribeTaskDetail, DescribeTasks: work that goes on after its call was answered.

use media::{DescribeTaskError, DescribeTasksError, Library, PullUploadError};
use model::{AppId, Application};
use wire::action::{DescribeTaskDetail, DescribeTasks, PullUpload};
use wire::reply::TaskIdReply;
use wire::{ApiError, Code, Reply};

use super::library::{broken, off, sentence};

/// PullUpload: a file is to be fetched.
pub(crate) async fn pull_upload(
    library: &Library,
    application: &Application,
    request: PullUpload,
) -> Result<Reply, ApiError> {
    let task_id = library.pull_upload(application, &request).await.map_err(pull_error)?;
    Ok(Reply::TaskId(TaskIdReply { task_id }))
}

/// DescribeTaskDetail: one task.
pub(crate) async fn describe_task_detail(
    library: &Library,
    app: AppId,
    request: DescribeTaskDetail,
) -> Result<Reply, ApiError> {
    let described = library.describe_task(app, &request.task_id).await;
    described.map(Reply::TaskDetail).map_err(|error| match error {
        DescribeTaskError::Malformed(_) => {
            ApiError::new(Code::InvalidParameterValueTaskId, sentence(&error))
        }
        DescribeTaskError::NotFound(_) => ApiError::new(Code::ResourceNotFound, sentence(&error)),
        DescribeTaskError::Fault(fault) => broken(fault),
    })
}

/// DescribeTasks: the tasks of an application.
pub(crate) async fn describe_tasks(
    library: &Library,
    app: AppId,
    request: DescribeTasks,
) -> Result<Reply, ApiError> {
    let described = library.describe_tasks(app, &request).await;
    described.map(Reply::Tasks).map_err(|error| match error {
        DescribeTasksError::ScrollToken => {
            let token = request.scroll_token.as_deref().unwrap_or_default();
            ApiError::invalid_value("ScrollToken", token)
        }
        DescribeTasksError::Fault(fault) => broken(fault),
    })
}

/// The codes are those documented for PullUpload.
fn pull_error(error: PullUploadError) -> ApiError {
    let code = match error {
        PullUploadError::ApplicationOff(app) => return off(app),
        PullUploadError::Fault(fault) => return broken(fault),
        PullUploadError::MediaUrl(_) => Code::InvalidParameterValueMediaUrl,
        PullUploadError::CoverUrl(_) => Code::InvalidParameterValueCoverUrl,
        PullUploadError::MediaType(_) | PullUploadError::NoMediaType => {
            Code::FailedOperationMediaType
        }
        PullUploadError::CoverType => Code::FailedOperationCoverType,
        PullUploadError::ExpireTime => Code::InvalidParameterValueExpireTime,
        PullUploadError::StorageRegion(_) => Code::InvalidParameterValueStorageRegion,
        PullUploadError::MediaStoragePath(_) | PullUploadError::PathTaken(_) => {
            Code::InvalidParameterValueMediaStoragePath
        }
        PullUploadError::SessionContextTooLong(_) => {
            Code::InvalidParameterValueSessionContextTooLong
        }
        PullUploadError::SessionIdTooLong(_) => Code::InvalidParameterValueSessionIdTooLong,
        PullUploadError::SessionId => Code::InvalidParameterValueSessionId,
        PullUploadError::ClassId(_) => Code::InvalidParameterValueClassId,
        PullUploadError::Value { .. } => Code::InvalidParameterValue,
        PullUploadError::TooMany(_) => Code::LimitExceeded,
    };
    ApiError::new(code, sentence(&error))
}
