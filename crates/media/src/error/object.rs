//! Why a request of the COS surface was refused.
//!
//! It has more ways to be than all actions together: the protocol is another, and so are its limits.

use std::io;

use model::AppId;

use super::Fault;

/// Why a request of the COS surface was refused.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The session allows reading only, because it was committed.
    #[error("the upload was committed: the temporary key may only read")]
    ReadOnly,
    /// The session has ended.
    #[error("the upload session has expired")]
    Expired,
    /// The application is Off.
    #[error("application {0} is Off")]
    ApplicationOff(AppId),
    /// The key is outside the session's directory, or no key at all.
    #[error("the temporary key is for keys under /{0}/ only")]
    Outside(String),
    /// The key is another file's.
    #[error("the key /{0} belongs to another file")]
    Taken(String),
    /// No such incomplete upload of that key.
    #[error("the upload does not exist, was completed or aborted")]
    NoSuchUpload,
    /// A part number outside 1 to 10,000.
    #[error("partNumber must be between 1 and {0}")]
    PartNumber(u32),
    /// Complete names a part that is not there, or with another ETag.
    #[error("part {0} was not uploaded with this ETag")]
    InvalidPart(u32),
    /// Complete names parts out of order, or none.
    #[error("the parts are not in ascending order")]
    PartOrder,
    /// A part other than the last is too small.
    #[error("part {number} has {size} bytes; all but the last need at least {min}")]
    PartTooSmall {
        /// Which part.
        number: u32,
        /// Its bytes.
        size: u64,
        /// The least there may be.
        min: u64,
    },
    /// The object, the part or the session would become too large.
    #[error("more than {0} bytes")]
    TooLarge(u64),
    /// The session has too many objects.
    #[error("the upload session has {0} objects and incomplete uploads; it may have no more")]
    TooMany(u64),
    /// The body is not what Content-MD5 promised.
    #[error("the body does not match Content-MD5")]
    BadDigest,
    /// The disk has no room for uploads.
    #[error("the disk is too full for uploads: {free} bytes are free, {reserved} must stay free")]
    NoSpace {
        /// Free bytes.
        free: u64,
        /// Bytes that uploads leave alone.
        reserved: u64,
    },
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<io::Error> for ObjectError {
    fn from(error: io::Error) -> Self {
        Self::Fault(error.into())
    }
}
