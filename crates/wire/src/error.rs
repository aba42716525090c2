//! What a caller is told when a call fails: one table of codes, one constructor for each documented
//! wording.
//!
//! Clients branch on codes and a few match texts (`no event`, `invalid vod user`, the rate limit's
//! sentence), so the exact texts stand here and nowhere else. Texts are in English whatever
//! X-TC-Language asks for: the documentation gives Chinese ones for a handful of codes only, and
//! says that messages must not be relied on. How an error becomes JSON is `envelope`'s business.

use std::error::Error;
use std::fmt;

use model::AppId;

use crate::spec::{SERVICE, VERSION};

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
    /// Our own fault.
    InternalError = "InternalError",
    /// No such action.
    InvalidAction = "InvalidAction",
    /// A parameter has the wrong type or form.
    InvalidParameter = "InvalidParameter",
    /// A parameter's value is not acceptable.
    InvalidParameterValue = "InvalidParameterValue",
    /// CoverType is no known image type.
    InvalidParameterValueCoverType = "InvalidParameterValue.CoverType",
    /// ExpireTime is no time.
    InvalidParameterValueExpireTime = "InvalidParameterValue.ExpireTime",
    /// FileIds holds none.
    InvalidParameterValueFileIdsEmpty = "InvalidParameterValue.FileIdsEmpty",
    /// FileIds holds too many.
    InvalidParameterValueFileIdsOverLimit = "InvalidParameterValue.FileIdsOverLimit",
    /// MediaStoragePath is not acceptable.
    InvalidParameterValueMediaStoragePath = "InvalidParameterValue.MediaStoragePath",
    /// MediaType is no known type.
    InvalidParameterValueMediaType = "InvalidParameterValue.MediaType",
    /// SessionContext is longer than 1000 characters.
    InvalidParameterValueSessionContextTooLong = "InvalidParameterValue.SessionContextTooLong",
    /// VodSessionKey is wrong or expired.
    InvalidParameterValueVodSessionKey = "InvalidParameterValue.VodSessionKey",
    /// The request cannot be read at all.
    InvalidRequest = "InvalidRequest",
    /// A quota is used up.
    LimitExceeded = "LimitExceeded",
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
    /// The server is stopping.
    ServiceUnavailable = "ServiceUnavailable",
    /// The key's policy refuses the call.
    UnauthorizedOperation = "UnauthorizedOperation",
    /// A parameter that the action does not have.
    UnknownParameter = "UnknownParameter",
    /// A known action that is not built.
    UnsupportedOperation = "UnsupportedOperation",
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
    /// What went wrong underneath, for the log.
    #[source]
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// An error with a text of the caller's choice, for what has no documented wording.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), cause: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// Our own fault (text: tccli example data).
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let text = "An internal error has occurred. Retry your request, but if the problem \
                    persists, contact us.";
        Self::new(Code::InternalError, text).because(cause)
    }

    /// The signature does not match (text: sdk-ruby issue 9).
    pub fn signature_failure() -> Self {
        let text = "The provided credentials could not be validated. Please check your signature \
                    is correct.";
        Self::new(Code::AuthFailureSignatureFailure, text)
    }

    /// A v1 request over the documented size (text: sdk-python issue 42).
    pub fn v1_size_exceeded() -> Self {
        let text = "The provided credentials could not be validated because of exceeding request \
                    size limit, please use new signature method `TC3-HMAC-SHA256`.";
        Self::new(Code::AuthFailureSignatureFailure, text)
    }

    /// No key has that SecretId (text: sdk-nodejs issue 138).
    pub fn secret_id_not_found() -> Self {
        let text = "The SecretId is not found, please ensure that your SecretId is correct.";
        Self::new(Code::AuthFailureSecretIdNotFound, text)
    }

    /// The timestamp is too far from ours (text: two public captures).
    pub fn signature_expired() -> Self {
        let text = "The signature is expired, please request again.";
        Self::new(Code::AuthFailureSignatureExpire, text)
    }

    /// A session token where none is known (text: sdk-go's integration test).
    pub fn token_failure() -> Self {
        let text = "Token verification failed, please check if your Token is correct";
        Self::new(Code::AuthFailureTokenFailure, text)
    }

    /// A malformed Authorization header; `what` completes the documented sentence (sdk-go issue 89).
    pub fn invalid_authorization(what: &str) -> Self {
        let text = format!(
            "The request `Authorization` header does not conform to tencentcloud standards: {what}"
        );
        Self::new(Code::AuthFailureInvalidAuthorization, text)
    }

    /// A required parameter is absent (text: sdk-nodejs issue 99). `path` is dotted.
    pub fn missing_parameter(path: &str) -> Self {
        let text = format!("The request is missing a required parameter `{}`.", clip(path));
        Self::new(Code::MissingParameter, text)
    }

    /// A parameter that the action does not have (text: NewFuture/DDNS issue 575).
    pub fn unknown_parameter(path: &str) -> Self {
        let text = format!("The parameter `{}` is not recognized.", clip(path));
        Self::new(Code::UnknownParameter, text)
    }

    /// A value of the wrong JSON type (text: qcloud-documents issue 4225). `path` is dotted.
    pub fn invalid_type(path: &str) -> Self {
        let text = format!("The value type of parameter `{}` is not valid.", clip(path));
        Self::new(Code::InvalidParameter, text)
    }

    /// A value that is not acceptable (text: sdk-python issue 12). `path` is dotted.
    pub fn invalid_value(path: &str, value: &str) -> Self {
        let text = format!(
            "The value `{}` specified in the parameter `{}` is not valid.",
            clip(value),
            clip(path)
        );
        Self::new(Code::InvalidParameterValue, text)
    }

    /// A body that is not a JSON object. The Chinese text of sdk-nodejs issue 104, translated; the
    /// code was not shown there, this one is documented for bodies that cannot be read.
    pub fn malformed_json() -> Self {
        let text = "For the specified content-type=application/json, the request content is not \
                    in valid JSON format.";
        Self::new(Code::InvalidRequest, text)
    }

    /// No such action (text: CloudBase-AI-Toolkit issue 301).
    pub fn invalid_action(action: &str) -> Self {
        let text = format!(
            "The request action=`{}` is invalid or not found in service=`{SERVICE}` and \
             version=`{VERSION}`.",
            clip(action)
        );
        Self::new(Code::InvalidAction, text)
    }

    /// Another version of the API (text: sdk-dotnet issue 45).
    pub fn no_such_version(version: &str) -> Self {
        let text = format!(
            "The specified api version=`{}` does not exist in service=`{SERVICE}`.",
            clip(version)
        );
        Self::new(Code::NoSuchVersion, text)
    }

    /// An action of the API that Callboard does not offer; no documented wording.
    pub fn unsupported_action(action: &str) -> Self {
        let text = format!("The action `{}` is not supported by Callboard.", clip(action));
        Self::new(Code::UnsupportedOperation, text)
    }

    /// Too many calls in a second. Client libraries parse this text (cb-spider issue 654).
    pub fn request_limit_exceeded(count: u64, limit: u64) -> Self {
        let text = format!(
            "Your current request times equals to `{count}` in a second, which exceeds the \
             frequency limit `{limit}` for a second. Please reduce the frequency of calls."
        );
        Self::new(Code::RequestLimitExceeded, text)
    }

    /// A refusal by policy, in CAM's product wording. `app` none: the call names no application.
    pub fn not_authorized(request_id: &str, action: &str, app: Option<AppId>) -> Self {
        let resource =
            app.map_or_else(|| "*".to_owned(), |app| format!("qcs::vod:::subAppId/{app}"));
        let text = format!(
            "[request id:{request_id}]you are not authorized to perform operation \
             ({SERVICE}:{action})\nresource ({resource}) has no permission\n"
        );
        Self::new(Code::UnauthorizedOperation, text)
    }

    /// An unknown or destroyed application; Terraform retries on exactly this pair.
    pub fn invalid_vod_user() -> Self {
        Self::new(Code::FailedOperation, "invalid vod user")
    }

    /// PullEvents found nothing; clients compare the text.
    pub fn no_event() -> Self {
        Self::new(Code::ResourceNotFound, "no event")
    }
}

/// Bounds what is echoed of a caller's own text: an error must not be as large as its request.
fn clip(text: &str) -> &str {
    const ECHO_BYTES_MAX: usize = 256;
    text.get(..text.floor_char_boundary(ECHO_BYTES_MAX)).unwrap_or(text)
}
