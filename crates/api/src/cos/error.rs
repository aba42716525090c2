//! Errors as COS tells them: a status, a code, and an XML document.
//!
//! Codes and statuses are those of COS's documentation where it has one that fits. Two are our own:
//! `InsufficientStorage` (the disk is full) and `TooManyObjects`, because COS has no end of either.

use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use media::{Fault, ObjectError};

use super::xml;

/// A refused request.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub(super) struct CosError {
    status: StatusCode,
    code: &'static str,
    message: String,
    #[source]
    cause: Option<Fault>,
}

impl CosError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), cause: None }
    }

    /// 400 with that code.
    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 403 with that code.
    pub(super) fn denied(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    pub(super) fn no_such_key() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.")
    }

    pub(super) fn no_such_bucket() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist.")
    }

    pub(super) fn not_implemented(what: &str) -> Self {
        let text = format!("{what} is not offered here.");
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", text)
    }

    /// Writes what the caller is not told into the log.
    pub(super) fn log(&self, request_id: &str) {
        let code = self.code;
        if let Some(cause) = &self.cause {
            let error: &(dyn std::error::Error + 'static) = cause;
            tracing::error!(request_id, code, error, "a COS request failed");
        } else {
            let message = &self.message;
            tracing::debug!(request_id, code, message, "a COS request was refused");
        }
    }

    pub(super) fn respond(&self, parts: &Parts, request_id: &str) -> Response {
        let mut response = if super::is_head(parts) {
            super::empty(self.status)
        } else {
            let resource = parts.uri.path();
            super::document(xml::error(self.code, &self.message, resource, request_id))
        };
        *response.status_mut() = self.status;
        response
    }
}

impl From<Fault> for CosError {
    fn from(fault: Fault) -> Self {
        let full = fault.is_disk_full();
        let contended = matches!(fault, Fault::Contended);
        let (status, code, message) = if full {
            (StatusCode::INSUFFICIENT_STORAGE, "InsufficientStorage", "The disk is full.")
        } else if contended {
            let text = "Too many requests change this upload at the same time. Try again.";
            (StatusCode::SERVICE_UNAVAILABLE, "SlowDown", text)
        } else if fault.is_of_bucket() {
            let text = "The object store behind this server cannot be used. Try again.";
            (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", text)
        } else {
            let text = "We encountered an internal error. Please try again.";
            (StatusCode::INTERNAL_SERVER_ERROR, "InternalError", text)
        };
        Self { status, code, message: message.to_owned(), cause: Some(fault) }
    }
}

impl From<ObjectError> for CosError {
    fn from(error: ObjectError) -> Self {
        let message = format!("{error}.");
        let (status, code) = match error {
            ObjectError::ReadOnly
            | ObjectError::ApplicationOff(_)
            | ObjectError::Outside(_)
            | ObjectError::Taken(_) => (StatusCode::FORBIDDEN, "AccessDenied"),
            ObjectError::Expired => (StatusCode::FORBIDDEN, "ExpiredToken"),
            ObjectError::NoSuchUpload => (StatusCode::NOT_FOUND, "NoSuchUpload"),
            ObjectError::PartNumber(_) => (StatusCode::BAD_REQUEST, "InvalidArgument"),
            ObjectError::InvalidPart(_) => (StatusCode::BAD_REQUEST, "InvalidPart"),
            ObjectError::PartOrder => (StatusCode::BAD_REQUEST, "InvalidPartOrder"),
            ObjectError::PartTooSmall { .. } => (StatusCode::BAD_REQUEST, "EntityTooSmall"),
            ObjectError::TooLarge(_) => (StatusCode::BAD_REQUEST, "EntityTooLarge"),
            ObjectError::TooMany(_) => (StatusCode::FORBIDDEN, "TooManyObjects"),
            ObjectError::BadDigest => (StatusCode::BAD_REQUEST, "BadDigest"),
            ObjectError::NoSpace { .. } => {
                (StatusCode::INSUFFICIENT_STORAGE, "InsufficientStorage")
            }
            ObjectError::Fault(fault) => return fault.into(),
        };
        Self::new(status, code, message)
    }
}
