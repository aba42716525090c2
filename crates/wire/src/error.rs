//! What a caller is told when a call fails: one table of codes, one constructor for each documented
//! wording.
//!
//! Clients branch on codes and a few match texts (`no event`, `invalid vod user`, the rate limit's
//! sentence), so the exact texts stand in [`crate::wording`] and nowhere else. How an error becomes
//! JSON is `envelope`'s business.

use std::error::Error;
use std::fmt;

use model::AppId;

use crate::spec::{SERVICE, VERSION};
use crate::wording::{self, Language, Wording};

/// Declares [`Code`] from one list, so that a code and its spelling cannot drift apart.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// An error code of the API (`Response.Error.Code`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code that is ever answered.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The spelling on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// The Authorization header is malformed.
    AuthFailureInvalidAuthorization = "AuthFailure.InvalidAuthorization",
    /// No key has that SecretId.
    AuthFailureSecretIdNotFound = "AuthFailure.SecretIdNotFound",
    /// The timestamp is more than 5 minutes away.
    AuthFailureSignatureExpire = "AuthFailure.SignatureExpire",
    /// The signature does not match.
    AuthFailureSignatureFailure = "AuthFailure.SignatureFailure",
    /// A session token was sent; there are none.
    AuthFailureTokenFailure = "AuthFailure.TokenFailure",
    /// The call was understood and could not be carried out.
    FailedOperation = "FailedOperation",
    /// A class would lie too deep.
    FailedOperationClassLevelLimitExceeded = "FailedOperation.ClassLevelLimitExceeded",
    /// A sister has the name.
    FailedOperationClassNameDuplicate = "FailedOperation.ClassNameDuplicate",
    /// There is no such class.
    FailedOperationClassNoFound = "FailedOperation.ClassNoFound",
    /// There is no class to put a class under.
    FailedOperationParentIdNoFound = "FailedOperation.ParentIdNoFound",
    /// A class has too many classes directly below it.
    FailedOperationSubclassLimitExceeded = "FailedOperation.SubclassLimitExceeded",
    /// PullUpload: CoverUrl is no accepted image.
    FailedOperationCoverType = "FailedOperation.CoverType",
    /// PullUpload: no accepted type of file.
    FailedOperationMediaType = "FailedOperation.MediaType",
    /// Our own fault.
    InternalError = "InternalError",
    /// No such action.
    InvalidAction = "InvalidAction",
    /// A parameter has the wrong type or form.
    InvalidParameter = "InvalidParameter",
    /// A parameter's value is not acceptable.
    InvalidParameterValue = "InvalidParameterValue",
    /// A mark on the timeline is to be added while all are cleared.
    InvalidParameterValueAddKeyFrameDescsAndClearKeyFrameDescsConflict =
        "InvalidParameterValue.AddKeyFrameDescsAndClearKeyFrameDescsConflict",
    /// A time is to be marked and not to be marked.
    InvalidParameterValueAddKeyFrameDescsAndDeleteKeyFrameDescsConflict =
        "InvalidParameterValue.AddKeyFrameDescsAndDeleteKeyFrameDescsConflict",
    /// A tag is to be added while all are cleared.
    InvalidParameterValueAddTagsAndClearTagsConflict =
        "InvalidParameterValue.AddTagsAndClearTagsConflict",
    /// A tag is to be added and deleted.
    InvalidParameterValueAddTagsAndDeleteTagsConflict =
        "InvalidParameterValue.AddTagsAndDeleteTagsConflict",
    /// A category is none.
    InvalidParameterValueCategories = "InvalidParameterValue.Categories",
    /// There is no such class.
    InvalidParameterValueClassId = "InvalidParameterValue.ClassId",
    /// ClassIds holds too many.
    InvalidParameterValueClassIds = "InvalidParameterValue.ClassIds",
    /// ClassName is empty or too long.
    InvalidParameterValueClassName = "InvalidParameterValue.ClassName",
    /// The span is longer than a recording may be.
    InvalidParameterValueClipDuration = "InvalidParameterValue.ClipDuration",
    /// CoverType is no known image type.
    InvalidParameterValueCoverType = "InvalidParameterValue.CoverType",
    /// CoverUrl cannot be fetched from.
    InvalidParameterValueCoverUrl = "InvalidParameterValue.CoverUrl",
    /// Description is too long.
    InvalidParameterValueDescription = "InvalidParameterValue.Description",
    /// EndTime is no time, or lies before the start or before what was recorded.
    InvalidParameterValueEndTime = "InvalidParameterValue.EndTime",
    /// EndTimeOffset lies before the start.
    InvalidParameterValueEndTimeOffset = "InvalidParameterValue.EndTimeOffset",
    /// ExpireTime is no time.
    InvalidParameterValueExpireTime = "InvalidParameterValue.ExpireTime",
    /// FileIds holds too many, or what is too long.
    InvalidParameterValueFileIds = "InvalidParameterValue.FileIds",
    /// FileIds holds none.
    InvalidParameterValueFileIdsEmpty = "InvalidParameterValue.FileIdsEmpty",
    /// FileIds holds too many.
    InvalidParameterValueFileIdsOverLimit = "InvalidParameterValue.FileIdsOverLimit",
    /// CoverData is no picture.
    InvalidParameterValueImageDecodeError = "InvalidParameterValue.ImageDecodeError",
    /// IsPersistence is neither 0 nor 1.
    InvalidParameterValueIsPersistence = "InvalidParameterValue.IsPersistence",
    /// What a mark on the timeline says is too long.
    InvalidParameterValueKeyFrameDescContentTooLong =
        "InvalidParameterValue.KeyFrameDescContentTooLong",
    /// The manifest cannot be read, or names what it may not.
    InvalidParameterValueMediaManifestContent = "InvalidParameterValue.MediaManifestContent",
    /// MediaStoragePath is not acceptable.
    InvalidParameterValueMediaStoragePath = "InvalidParameterValue.MediaStoragePath",
    /// MediaType is no known type.
    InvalidParameterValueMediaType = "InvalidParameterValue.MediaType",
    /// MediaUrl cannot be fetched from.
    InvalidParameterValueMediaUrl = "InvalidParameterValue.MediaUrl",
    /// Name is empty or too long.
    InvalidParameterValueName = "InvalidParameterValue.Name",
    /// NamePrefixes holds too many, or what is too long.
    InvalidParameterValueNamePrefixes = "InvalidParameterValue.NamePrefixes",
    /// Names holds too many, or what is too long.
    InvalidParameterValueNames = "InvalidParameterValue.Names",
    /// Offset and Limit reach too far.
    InvalidParameterValueOffset = "InvalidParameterValue.Offset",
    /// Operation is no known one.
    InvalidParameterValueOperation = "InvalidParameterValue.Operation",
    /// OutputMediaType is not `hls`.
    InvalidParameterValueOutputMediaType = "InvalidParameterValue.OutputMediaType",
    /// Procedure names none that exists.
    InvalidParameterValueProcedure = "InvalidParameterValue.Procedure",
    /// SessionContext is longer than 1000 characters.
    InvalidParameterValueSessionContextTooLong = "InvalidParameterValue.SessionContextTooLong",
    /// SessionId was used in the last three days.
    InvalidParameterValueSessionId = "InvalidParameterValue.SessionId",
    /// SessionId is longer than 50 characters.
    InvalidParameterValueSessionIdTooLong = "InvalidParameterValue.SessionIdTooLong",
    /// Sort is no known order.
    InvalidParameterValueSort = "InvalidParameterValue.Sort",
    /// A source type is none.
    InvalidParameterValueSourceTypes = "InvalidParameterValue.SourceTypes",
    /// StartTime is no time, or lies behind what was recorded.
    InvalidParameterValueStartTime = "InvalidParameterValue.StartTime",
    /// StartTimeOffset lies outside the media.
    InvalidParameterValueStartTimeOffset = "InvalidParameterValue.StartTimeOffset",
    /// StorageRegion is no region.
    InvalidParameterValueStorageRegion = "InvalidParameterValue.StorageRegion",
    /// StorageRegions holds too many, or what is too long.
    InvalidParameterValueStorageRegions = "InvalidParameterValue.StorageRegions",
    /// StreamIds holds too many, or what is too long.
    InvalidParameterValueStreamIds = "InvalidParameterValue.StreamIds",
    /// StreamId names no live stream that is recorded.
    InvalidParameterValueStreamIdInvalid = "InvalidParameterValue.StreamIdInvalid",
    /// A subtitle is not `vtt`.
    InvalidParameterValueSubtitleFormat = "InvalidParameterValue.SubtitleFormat",
    /// A tag is too long.
    InvalidParameterValueTagTooLong = "InvalidParameterValue.TagTooLong",
    /// Tags holds too many, or what is too long.
    InvalidParameterValueTags = "InvalidParameterValue.Tags",
    /// TaskId is no id of a task.
    InvalidParameterValueTaskId = "InvalidParameterValue.TaskId",
    /// Text is too long.
    InvalidParameterValueText = "InvalidParameterValue.Text",
    /// Url is none of a media here.
    InvalidParameterValueUrl = "InvalidParameterValue.Url",
    /// VodSessionKey is wrong or expired.
    InvalidParameterValueVodSessionKey = "InvalidParameterValue.VodSessionKey",
    /// The request cannot be read at all.
    InvalidRequest = "InvalidRequest",
    /// A quota is used up.
    LimitExceeded = "LimitExceeded",
    /// The file would have too many marks on its timeline.
    LimitExceededKeyFrameDescCountReachMax = "LimitExceeded.KeyFrameDescCountReachMax",
    /// The file would have too many tags.
    LimitExceededTagCountReachMax = "LimitExceeded.TagCountReachMax",
    /// A required parameter is absent.
    MissingParameter = "MissingParameter",
    /// Another version of the API was asked for.
    NoSuchVersion = "NoSuchVersion",
    /// Too many calls in a second.
    RequestLimitExceeded = "RequestLimitExceeded",
    /// The request is larger than documented.
    RequestSizeLimitExceeded = "RequestSizeLimitExceeded",
    /// The disk is full.
    ResourceInsufficient = "ResourceInsufficient",
    /// There is no such thing; for PullEvents: no event.
    ResourceNotFound = "ResourceNotFound",
    /// There is no such file.
    ResourceNotFoundFileNotExist = "ResourceNotFound.FileNotExist",
    /// The playlist is one of playlists.
    ResourceUnavailableMasterPlaylist = "ResourceUnavailable.MasterPlaylist",
    /// The server is stopping.
    ServiceUnavailable = "ServiceUnavailable",
    /// The key's policy refuses the call.
    UnauthorizedOperation = "UnauthorizedOperation",
    /// A parameter that the action does not have.
    UnknownParameter = "UnknownParameter",
    /// A known action that is not built.
    UnsupportedOperation = "UnsupportedOperation",
    /// A class still has classes or media.
    UnsupportedOperationClassNotEmpty = "UnsupportedOperation.ClassNotEmpty",
    /// Neither GET nor POST, or a content type that no client sends.
    UnsupportedProtocol = "UnsupportedProtocol",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failed call: what the caller is told, and the cause that only the log sees.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// `Response.Error.Code`.
    pub code: Code,
    /// `Response.Error.Message`, for the caller.
    pub message: String,
    /// The same in Chinese; none: it is told in English whoever asks.
    chinese: Option<String>,
    /// What went wrong underneath, for the log.
    #[source]
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// An error with a text of the caller's choice, for what has no documented wording.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), chinese: None, cause: None }
    }

    /// A row of the table of wordings. Arguments that come from outside must be [`clip`]ped.
    fn say(wording: &Wording, arguments: &[&str]) -> Self {
        Self {
            code: wording.code,
            message: wording::fill(wording.english, arguments),
            chinese: Some(wording::fill(wording.chinese, arguments)),
            cause: None,
        }
    }

    /// What the caller is told in that language.
    pub fn told(&self, language: Language) -> &str {
        match (language, &self.chinese) {
            (Language::Chinese, Some(text)) => text,
            (Language::Chinese, None) | (Language::English, _) => &self.message,
        }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// The same error under a more special code.
    #[must_use]
    pub fn coded(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// Our own fault.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::say(&wording::INTERNAL, &[]).because(cause)
    }

    /// The signature does not match.
    pub fn signature_failure() -> Self {
        Self::say(&wording::SIGNATURE_FAILURE, &[])
    }

    /// A v1 request over the documented size.
    pub fn v1_size_exceeded() -> Self {
        Self::say(&wording::V1_SIZE_EXCEEDED, &[])
    }

    /// A request over another documented size; `what` is `query` or `body`.
    pub fn too_large(what: &str, max: usize) -> Self {
        Self::say(&wording::TOO_LARGE, &[what, &max.to_string()])
    }

    /// A method that is neither GET nor POST.
    pub fn bad_method() -> Self {
        Self::say(&wording::BAD_METHOD, &[])
    }

    /// Plain HTTP where TLS is spoken.
    pub fn needs_tls() -> Self {
        Self::say(&wording::NEEDS_TLS, &[])
    }

    /// No key has that SecretId.
    pub fn secret_id_not_found() -> Self {
        Self::say(&wording::SECRET_ID_NOT_FOUND, &[])
    }

    /// The timestamp is too far from ours.
    pub fn signature_expired() -> Self {
        Self::say(&wording::SIGNATURE_EXPIRED, &[])
    }

    /// A session token where none is known.
    pub fn token_failure() -> Self {
        Self::say(&wording::TOKEN_FAILURE, &[])
    }

    /// A malformed Authorization header; `what` completes the documented sentence.
    pub fn invalid_authorization(what: &str) -> Self {
        Self::say(&wording::INVALID_AUTHORIZATION, &[what])
    }

    /// A required parameter is absent. `path` is dotted.
    pub fn missing_parameter(path: &str) -> Self {
        Self::say(&wording::MISSING_PARAMETER, &[clip(path)])
    }

    /// A parameter that the action does not have. `path` is dotted.
    pub fn unknown_parameter(path: &str) -> Self {
        Self::say(&wording::UNKNOWN_PARAMETER, &[clip(path)])
    }

    /// A value of the wrong JSON type. `path` is dotted.
    pub fn invalid_type(path: &str) -> Self {
        Self::say(&wording::INVALID_TYPE, &[clip(path)])
    }

    /// A value that is not acceptable. `path` is dotted.
    pub fn invalid_value(path: &str, value: &str) -> Self {
        Self::say(&wording::INVALID_VALUE, &[clip(value), clip(path)])
    }

    /// A body that is not a JSON object.
    pub fn malformed_json() -> Self {
        Self::say(&wording::MALFORMED_JSON, &[])
    }

    /// No such action.
    pub fn invalid_action(action: &str) -> Self {
        Self::say(&wording::INVALID_ACTION, &[clip(action), SERVICE, VERSION])
    }

    /// Another version of the API.
    pub fn no_such_version(version: &str) -> Self {
        Self::say(&wording::NO_SUCH_VERSION, &[clip(version), SERVICE])
    }

    /// An action of the API that Callboard does not offer.
    pub fn unsupported_action(action: &str) -> Self {
        Self::say(&wording::UNSUPPORTED_ACTION, &[clip(action)])
    }

    /// Too many calls in a second.
    pub fn request_limit_exceeded(count: u64, limit: u64) -> Self {
        Self::say(&wording::REQUEST_LIMIT_EXCEEDED, &[&count.to_string(), &limit.to_string()])
    }

    /// A refusal by policy. `app` none: the call names no application.
    pub fn not_authorized(request_id: &str, action: &str, app: Option<AppId>) -> Self {
        let resource =
            app.map_or_else(|| "*".to_owned(), |app| format!("qcs::vod:::subAppId/{app}"));
        let operation = format!("{SERVICE}:{action}");
        Self::say(&wording::NOT_AUTHORIZED, &[request_id, &operation, &resource])
    }

    /// An unknown or destroyed application.
    pub fn invalid_vod_user() -> Self {
        Self::say(&wording::INVALID_VOD_USER, &[])
    }

    /// PullEvents found nothing.
    pub fn no_event() -> Self {
        Self::say(&wording::NO_EVENT, &[])
    }

    /// The disk is full.
    pub fn disk_full() -> Self {
        Self::say(&wording::DISK_FULL, &[])
    }

    /// The server is stopping.
    pub fn stopping() -> Self {
        Self::say(&wording::STOPPING, &[])
    }
}

/// Bounds what is echoed of a caller's own text: an error must not be as large as its request.
fn clip(text: &str) -> &str {
    const ECHO_BYTES_MAX: usize = 256;
    text.get(..text.floor_char_boundary(ECHO_BYTES_MAX)).unwrap_or(text)
}
