//! What is wrong with the bucket, in words that name what to change; and whether a disk is full.

use std::error::Error;
use std::io::{self, ErrorKind};

use object_store::client::HttpError;

/// The bucket could not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{whereabouts}: {trouble}: {reason}")]
pub struct BucketError {
    whereabouts: String,
    trouble: Trouble,
    reason: String,
}

/// What kind of trouble it is, and so who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No connection, no answer, or a server error: may pass by itself.
    #[error("the object store cannot be reached")]
    Unreachable,
    /// There is no such bucket.
    #[error("the bucket does not exist")]
    NoBucket,
    /// The access key is not known.
    #[error("the access key is not known")]
    UnknownKey,
    /// The signature is wrong: the secret key or the region.
    #[error("the signature is wrong")]
    WrongSecret,
    /// The region is another one.
    #[error("the bucket is in another region")]
    WrongRegion,
    /// The key may not do this.
    #[error("the key lacks a permission")]
    Denied,
    /// The store is full.
    #[error("the object store is full")]
    Full,
    /// There is no such object.
    #[error("the object does not exist")]
    NoObject,
    /// Anything else.
    #[error("the object store refuses")]
    Refused,
}

impl BucketError {
    pub(super) fn new(whereabouts: &str, trouble: Trouble, reason: impl Into<String>) -> Self {
        Self { whereabouts: whereabouts.to_owned(), trouble, reason: reason.into() }
    }

    /// What kind of trouble it is.
    pub const fn trouble(&self) -> Trouble {
        self.trouble
    }

    /// What is wrong, without saying where.
    pub fn reason(&self) -> String {
        format!("{}: {}", self.trouble, self.reason)
    }
}

/// What `object_store` says, judged.
pub(super) fn judge(whereabouts: &str, error: &object_store::Error) -> BucketError {
    let told = chain(error);
    let told = told.last().map_or("", String::as_str);
    let full = error.to_string();
    let code = between(&full, "<Code>", "</Code>").or_else(|| between(&full, "(code: ", ")"));
    let message = between(&full, "<Message>", "</Message>");
    let trouble = trouble(error, code);
    let reason = match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => told.to_owned(),
    };
    BucketError::new(whereabouts, trouble, reason)
}

fn trouble(error: &object_store::Error, code: Option<&str>) -> Trouble {
    match code {
        Some("NoSuchBucket") => return Trouble::NoBucket,
        Some("InvalidAccessKeyId") => return Trouble::UnknownKey,
        Some("SignatureDoesNotMatch") => return Trouble::WrongSecret,
        Some("AuthorizationHeaderMalformed" | "PermanentRedirect") => return Trouble::WrongRegion,
        Some("XMinioStorageFull" | "QuotaExceeded" | "InsufficientStorage") => {
            return Trouble::Full;
        }
        Some("InternalError" | "SlowDown" | "ServiceUnavailable") => return Trouble::Unreachable,
        _ => {}
    }
    // a redirect without an address, as object_store says itself
    if error.to_string().contains("incorrectly configured region") {
        return Trouble::WrongRegion;
    }
    if is_of_transport(error) || is_of_server(&error.to_string()) {
        return Trouble::Unreachable;
    }
    let is_denied = matches!(
        error,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
    );
    if is_denied {
        Trouble::Denied
    } else if matches!(error, object_store::Error::NotFound { .. }) {
        Trouble::NoObject
    } else {
        Trouble::Refused
    }
}

/// Whether a request had no answer, or not the whole of it.
fn is_of_transport(error: &object_store::Error) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.is::<HttpError>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// Whether the text of `object_store` tells of a status of 500 and above; it has no better way.
fn is_of_server(text: &str) -> bool {
    text.contains("non-2xx status code: 5")
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

/// What every error of a chain says, the outermost first.
fn chain(error: &object_store::Error) -> Vec<String> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    let every = std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error.to_string())
    });
    every.collect()
}

/// As the rest of the program knows errors of files.
impl From<BucketError> for io::Error {
    fn from(error: BucketError) -> Self {
        let kind = match error.trouble {
            Trouble::NoObject => ErrorKind::NotFound,
            Trouble::Full => ErrorKind::StorageFull,
            Trouble::Unreachable
            | Trouble::NoBucket
            | Trouble::UnknownKey
            | Trouble::WrongSecret
            | Trouble::WrongRegion
            | Trouble::Denied
            | Trouble::Refused => ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// The trouble with the bucket that an error tells of.
pub(crate) fn bucket_error(error: &io::Error) -> Option<&BucketError> {
    error.get_ref()?.downcast_ref()
}

/// Whether an error says that the disk is full, however deep.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    kinds(error).any(|kind| matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

/// The kinds of all errors of the system that led to this one.
pub(super) fn kinds(error: &io::Error) -> impl Iterator<Item = ErrorKind> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    let every = std::iter::from_fn(move || {
        let error = next?;
        let system = error.downcast_ref::<io::Error>();
        // the source of an error that wraps another one is not that one, but the source of that
        let wrapped = system.and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
        Some(system.map(io::Error::kind))
    });
    every.flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_recognised_however_deep() {
        let full = || io::Error::from_raw_os_error(28);
        let stored: io::Error = object_store::Error::Generic {
            store: "LocalFileSystem",
            source: Box::new(io::Error::other(full())),
        }
        .into();
        let over_quota = io::Error::from_raw_os_error(122);
        let bucket: io::Error = BucketError::new("s3", Trouble::Full, "quota").into();
        for error in [full(), io::Error::other(full()), stored, over_quota, bucket] {
            assert!(is_disk_full(&error), "{error:?}");
        }
        let down: io::Error = BucketError::new("s3", Trouble::Unreachable, "down").into();
        for error in [io::Error::other("full"), io::Error::from_raw_os_error(5), down] {
            assert!(!is_disk_full(&error), "{error:?}");
        }
    }
}
