//! SearchMedia, ListFiles, DescribeStorageData: what happens is decided in `media`, here its errors
//! become the documented codes.

use media::{Library, ListError, SearchError};
use model::{AppId, Application};
use wire::action::{ListFiles, MediaSearch};
use wire::{ApiError, Code, Reply};

use super::library::{broken, sentence};

/// SearchMedia.
pub(crate) async fn media(
    library: &Library,
    app: AppId,
    request: &MediaSearch,
) -> Result<Reply, ApiError> {
    let found = library.search(app, request).await;
    found.map(Reply::SearchMedia).map_err(|error| match error {
        SearchError::Member { member, .. } => ApiError::new(code(member), sentence(&error)),
        SearchError::Fault(fault) => broken(fault),
    })
}

/// The documented code of a member; those without one share the general code.
fn code(member: &str) -> Code {
    match member {
        "Categories" => Code::InvalidParameterValueCategories,
        "ClassIds" => Code::InvalidParameterValueClassIds,
        "FileIds" => Code::InvalidParameterValueFileIds,
        "NamePrefixes" => Code::InvalidParameterValueNamePrefixes,
        "Names" => Code::InvalidParameterValueNames,
        "Offset" => Code::InvalidParameterValueOffset,
        "SourceTypes" => Code::InvalidParameterValueSourceTypes,
        "StorageRegions" => Code::InvalidParameterValueStorageRegions,
        "StreamIds" => Code::InvalidParameterValueStreamIds,
        "Tags" => Code::InvalidParameterValueTags,
        "Text" => Code::InvalidParameterValueText,
        _ => Code::InvalidParameterValue,
    }
}

/// ListFiles.
pub(crate) async fn files(
    library: &Library,
    application: &Application,
    request: &ListFiles,
) -> Result<Reply, ApiError> {
    let listed = library.list_files(application, request).await;
    listed.map(Reply::ListFiles).map_err(|error| match error {
        ListError::NamedByFileId(_) => ApiError::new(Code::FailedOperation, sentence(&error)),
        ListError::Value { .. } => ApiError::new(Code::InvalidParameterValue, sentence(&error)),
        ListError::Fault(fault) => broken(fault),
    })
}

/// DescribeStorageData.
pub(crate) async fn storage(library: &Library, app: AppId) -> Result<Reply, ApiError> {
    library.storage_data(app).await.map(Reply::StorageData).map_err(broken)
}
