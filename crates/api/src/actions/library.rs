//! ApplyUpload, CommitUpload, ParseStreamingManifest, DeleteMedia, DescribeMediaInfos: the library's operations as actions.
//!
//! What happens is decided in `media`; here its errors become codes. The codes are the documented ones
//! of each action where there is one, and `InvalidParameterValue` naming the member where not.

use std::sync::Arc;

use media::manifest::{self, ManifestType};
use media::{Applied, ApplyError, CommitUploadError, DeleteError, DescribeError, Fault, Library};
use model::{AppId, Application};
use wire::action::{
    ApplyUpload, CommitUpload, DeleteMedia, DescribeMediaInfos, ParseStreamingManifest,
};
use wire::reply::{ApplyUploadReply, CommitUploadReply, ManifestReply, TempCertificate};
use wire::{ApiError, Code, Reply, Secret};

use crate::faults;

/// ApplyUpload: a place to upload to, and a key for it.
pub(crate) async fn apply_upload(
    library: &Library,
    application: &Application,
    request: ApplyUpload,
) -> Result<Reply, ApiError> {
    let applied = library.apply(application, &request).await.map_err(apply_error)?;
    Ok(place_and_key(applied))
}

/// An upload that goes on: its place and key once more.
pub(crate) async fn resume_upload(
    library: &Library,
    application: &Application,
    vod_session_key: &str,
) -> Result<Reply, ApiError> {
    let resumed = library.resume(application, vod_session_key).await.map_err(commit_error)?;
    Ok(place_and_key(resumed))
}

fn place_and_key(applied: Applied) -> Reply {
    let expired_time = applied.expires_s();
    let session = applied.session;
    let rooted = |key: String| format!("/{key}");
    Reply::ApplyUpload(ApplyUploadReply {
        storage_bucket: session.bucket,
        storage_region: session.region,
        vod_session_key: Secret(applied.vod_session_key),
        media_storage_path: rooted(session.media_key),
        cover_storage_path: session.cover_key.map(rooted).unwrap_or_default(),
        temp_certificate: TempCertificate {
            secret_id: session.secret_id,
            secret_key: Secret(applied.secret_key),
            token: Secret(applied.token),
            expired_time,
        },
    })
}

/// CommitUpload: the upload becomes a media.
pub(crate) async fn commit_upload(
    library: &Library,
    application: &Application,
    request: CommitUpload,
) -> Result<Reply, ApiError> {
    let uploaded = library.commit_upload(application, &request.vod_session_key.0).await;
    let uploaded = uploaded.map_err(commit_error)?;
    Ok(Reply::CommitUpload(CommitUploadReply {
        file_id: uploaded.file,
        media_url: uploaded.media_url,
        cover_url: uploaded.cover_url,
    }))
}

/// ParseStreamingManifest: what else must be uploaded with a manifest.
pub(crate) async fn parse_streaming_manifest(
    request: ParseStreamingManifest,
) -> Result<Reply, ApiError> {
    let kind = match request.manifest_type.to_ascii_lowercase().as_str() {
        "" | "m3u8" => ManifestType::M3u8,
        "mpd" => ManifestType::Mpd,
        _ => return Err(ApiError::invalid_value("ManifestType", &request.manifest_type)),
    };
    // the longest takes longer than a thread that serves others should be held
    let read = move || manifest::files(kind, &request.media_manifest_content);
    let read = tokio::task::spawn_blocking(read).await;
    let files = read.map_err(|error| broken(std::io::Error::other(error).into()))?;
    let files = files.map_err(|error| {
        ApiError::new(Code::InvalidParameterValueMediaManifestContent, sentence(&error))
    })?;
    Ok(Reply::Manifest(ManifestReply { media_segment_set: files }))
}

/// DeleteMedia: a media, or its original, goes.
pub(crate) async fn delete_media(
    library: &Arc<Library>,
    application: &Application,
    request: DeleteMedia,
) -> Result<Reply, ApiError> {
    let parts = &request.delete_parts;
    let deleted = library.delete(application, &request.file_id, parts).await;
    deleted.map_err(|error| match error {
        DeleteError::NotFound(_) => ApiError::new(Code::ResourceNotFound, sentence(&error)),
        DeleteError::TooManyParts(_) => {
            ApiError::new(Code::InvalidParameterValue, sentence(&error))
        }
        DeleteError::UnknownPart(value) => {
            let index = parts.iter().position(|part| part.r#type == value).unwrap_or(0);
            ApiError::invalid_value(&format!("DeleteParts.{index}.Type"), &value)
        }
        DeleteError::Fault(fault) => broken(fault),
    })?;
    Ok(Reply::Done)
}

/// DescribeMediaInfos: what is known of some files.
pub(crate) async fn describe_media_infos(
    library: &Library,
    application: &Application,
    request: DescribeMediaInfos,
) -> Result<Reply, ApiError> {
    let infos = library.describe(application.id, &request.file_ids, &request.filters).await;
    infos.map(Reply::MediaInfos).map_err(|error| match error {
        DescribeError::Empty => {
            ApiError::new(Code::InvalidParameterValueFileIdsEmpty, sentence(&error))
        }
        DescribeError::TooMany(_) => {
            ApiError::new(Code::InvalidParameterValueFileIdsOverLimit, sentence(&error))
        }
        DescribeError::UnknownFilter(value) => ApiError::invalid_value("Filters", &value),
        DescribeError::Fault(fault) => broken(fault),
    })
}

fn apply_error(error: ApplyError) -> ApiError {
    let coded =
        |code, member: &str, value: &str| ApiError::invalid_value(member, value).coded(code);
    match error {
        ApplyError::ApplicationOff(app) => off(app),
        ApplyError::MediaType(value) => {
            coded(Code::InvalidParameterValueMediaType, "MediaType", &value)
        }
        ApplyError::CoverType(value) => {
            coded(Code::InvalidParameterValueCoverType, "CoverType", &value)
        }
        ApplyError::ExpireTime => {
            ApiError::new(Code::InvalidParameterValueExpireTime, sentence(&error))
        }
        ApplyError::MediaStoragePath(_) | ApplyError::PathTaken(_) => {
            ApiError::new(Code::InvalidParameterValueMediaStoragePath, sentence(&error))
        }
        ApplyError::SessionContextTooLong(_) => {
            ApiError::new(Code::InvalidParameterValueSessionContextTooLong, sentence(&error))
        }
        ApplyError::Value { member, reason } => {
            let text =
                format!("The value specified in the parameter `{member}` is not valid: {reason}.");
            ApiError::new(Code::InvalidParameterValue, text)
        }
        ApplyError::NoSpace => ApiError::new(Code::ResourceInsufficient, sentence(&error)),
        ApplyError::Fault(fault) => broken(fault),
    }
}

fn commit_error(error: CommitUploadError) -> ApiError {
    match error {
        CommitUploadError::ApplicationOff(app) => off(app),
        CommitUploadError::VodSessionKey => {
            ApiError::new(Code::InvalidParameterValueVodSessionKey, sentence(&error))
        }
        CommitUploadError::NotUploaded(_) => {
            ApiError::new(Code::ResourceNotFound, sentence(&error))
        }
        CommitUploadError::Fault(fault) => broken(fault),
    }
}

pub(super) fn off(app: AppId) -> ApiError {
    let text = format!("The application {app} is Off: it takes no uploads.");
    ApiError::new(Code::FailedOperation, text)
}

/// An error as a sentence for the caller, bounded because it may hold what the caller sent.
pub(super) fn sentence(error: &dyn std::error::Error) -> String {
    const BYTES_MAX: usize = 512;
    let mut text = error.to_string();
    text.truncate(text.floor_char_boundary(BYTES_MAX));
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// The machine failed.
pub(crate) fn broken(fault: Fault) -> ApiError {
    if fault.is_disk_full() {
        return faults::backend(queue::BackendError::DiskFull).because(fault);
    }
    if fault.is_of_bucket() {
        let text = "The object store behind this server cannot be used at the moment. Try again.";
        return ApiError::new(Code::ServiceUnavailable, text).because(fault);
    }
    match fault {
        Fault::Backend(error) => faults::backend(error),
        Fault::Commit(error) => faults::commit(error),
        Fault::Contended => {
            let text = "Others change the same thing at the same time. Try again.";
            ApiError::new(Code::ServiceUnavailable, text).because(fault)
        }
        Fault::Busy => {
            let text = "Too much is asked for at the same time. Try again.";
            ApiError::new(Code::ServiceUnavailable, text).because(fault)
        }
        Fault::Io(_)
        | Fault::Objects(_)
        | Fault::Unswept { .. }
        | Fault::Record(_)
        | Fault::Seal(_) => ApiError::internal(fault),
    }
}
