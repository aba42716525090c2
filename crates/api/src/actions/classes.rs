//! CreateClass, ModifyClass, DeleteClass, DescribeAllClass: what happens is decided in `media`, here
//! its errors become the documented codes.

use media::{ClassError, Library};
use model::AppId;
use wire::action::{CreateClass, DeleteClass, ModifyClass};
use wire::reply::{ClassReply, ClassesReply};
use wire::{ApiError, Code, Reply};

use super::library::{broken, sentence};

/// CreateClass.
pub(crate) async fn create(
    library: &Library,
    app: AppId,
    request: CreateClass,
) -> Result<Reply, ApiError> {
    let made = library.create_class(app, request.parent_id, &request.class_name).await;
    let class_id = made.map_err(|error| refusal(error, Code::FailedOperationClassNoFound))?;
    Ok(Reply::Class(ClassReply { class_id }))
}

/// ModifyClass.
pub(crate) async fn modify(
    library: &Library,
    app: AppId,
    request: ModifyClass,
) -> Result<Reply, ApiError> {
    // an id beyond i64 names no class either
    let id = i64::try_from(request.class_id).unwrap_or(i64::MAX);
    let renamed = library.rename_class(app, id, &request.class_name).await;
    renamed.map_err(|error| refusal(error, Code::FailedOperationClassNoFound))?;
    Ok(Reply::Done)
}

/// DeleteClass.
pub(crate) async fn delete(
    library: &Library,
    app: AppId,
    request: DeleteClass,
) -> Result<Reply, ApiError> {
    let deleted = library.delete_class(app, request.class_id).await;
    deleted.map_err(|error| refusal(error, Code::InvalidParameterValueClassId))?;
    Ok(Reply::Done)
}

/// DescribeAllClass.
pub(crate) async fn describe(library: &Library, app: AppId) -> Result<Reply, ApiError> {
    let class_info_set = library.classes(app).await.map_err(broken)?;
    Ok(Reply::Classes(ClassesReply { class_info_set }))
}

/// `absent`: the code with which the action tells that there is no such class.
fn refusal(error: ClassError, absent: Code) -> ApiError {
    let code = match error {
        ClassError::Name(_) => Code::InvalidParameterValueClassName,
        ClassError::NoParent(_) => Code::FailedOperationParentIdNoFound,
        ClassError::TooDeep(_) => Code::FailedOperationClassLevelLimitExceeded,
        ClassError::TooManyChildren(_) => Code::FailedOperationSubclassLimitExceeded,
        ClassError::TooMany(_) => Code::LimitExceeded,
        ClassError::Duplicate(_) => Code::FailedOperationClassNameDuplicate,
        ClassError::NotFound(_) => absent,
        ClassError::NotEmpty(_) => Code::UnsupportedOperationClassNotEmpty,
        ClassError::Fault(fault) => return broken(fault),
    };
    ApiError::new(code, sentence(&error))
}
