//! Why PullUpload was refused.

use egress::{ExchangeError, FetchError, Refusal};
use model::AppId;

use crate::error::{ApplyError, Fault};

/// Why PullUpload was refused. What goes wrong later is told by PullComplete.
#[derive(Debug, thiserror::Error)]
pub enum PullUploadError {
    /// The application is Off.
    #[error("application {0} is Off: it takes no uploads")]
    ApplicationOff(AppId),
    /// MediaUrl cannot be fetched from.
    #[error("MediaUrl: {0}")]
    MediaUrl(UrlError),
    /// CoverUrl cannot be fetched from.
    #[error("CoverUrl: {0}")]
    CoverUrl(UrlError),
    /// No accepted type of file.
    #[error("`{0}` is no accepted MediaType")]
    MediaType(String),
    /// Neither MediaType nor the names in the request tell what the file is.
    #[error("neither MediaName nor MediaUrl tells the type of the file: give MediaType")]
    NoMediaType,
    /// CoverUrl names no GIF, JPEG or PNG.
    #[error("CoverUrl must end in gif, jpg, jpeg or png")]
    CoverType,
    /// ExpireTime has passed.
    #[error("ExpireTime lies in the past")]
    ExpireTime,
    /// StorageRegion is no region.
    #[error("`{0}` is no region such as ap-guangzhou")]
    StorageRegion(String),
    /// MediaStoragePath is no path for the file.
    #[error("MediaStoragePath: {0}")]
    MediaStoragePath(&'static str),
    /// Another file has that path.
    #[error("MediaStoragePath: /{0} is taken")]
    PathTaken(String),
    /// SessionContext is too long.
    #[error("SessionContext is longer than {0} characters")]
    SessionContextTooLong(usize),
    /// SessionId is too long.
    #[error("SessionId is longer than {0} characters")]
    SessionIdTooLong(usize),
    /// SessionId was used in the last three days.
    #[error("a request with the same SessionId came within the last 3 days")]
    SessionId,
    /// There is no such class.
    #[error("there is no class {0}")]
    ClassId(i64),
    /// Another member is not acceptable.
    #[error("{member}: {reason}")]
    Value {
        /// Which member.
        member: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// Too many pulls have not ended.
    #[error("the application has {0} pulls that have not ended; it may have no more")]
    TooMany(usize),
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<ApplyError> for PullUploadError {
    /// What an upload and a pull are refused for alike.
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::PathTaken(key) => Self::PathTaken(key),
            ApplyError::Value { member, reason } => Self::Value { member, reason },
            ApplyError::Fault(fault) => Self::Fault(fault),
            // a pull is checked by itself for these
            other @ (ApplyError::ApplicationOff(_)
            | ApplyError::MediaType(_)
            | ApplyError::CoverType(_)
            | ApplyError::ExpireTime
            | ApplyError::MediaStoragePath(_)
            | ApplyError::SessionContextTooLong(_)
            | ApplyError::NoSpace) => Self::Fault(Fault::Io(std::io::Error::other(other))),
        }
    }
}

/// Why a URL cannot be fetched from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is none.
    #[error("it is no URL")]
    NoUrl,
    /// It is too long.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// It is not allowed.
    #[error("{}", told(.0))]
    Refused(Refusal),
}

/// A refusal, and the setting that lifts it if one does.
fn told(refusal: &Refusal) -> String {
    match refusal.remedy("media.pull_allow_targets") {
        Some(remedy) => format!("{refusal}; {remedy}"),
        None => refusal.to_string(),
    }
}

/// Why something could not be fetched, with the setting that lifts a refusal if one does.
pub(crate) fn unfetched(error: &FetchError) -> String {
    if let FetchError::Exchange(ExchangeError::Refused(refusal)) = error {
        return told(refusal);
    }
    error.to_string()
}
