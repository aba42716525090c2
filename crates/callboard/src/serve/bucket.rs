//! The bucket at a start: opened, tried out, and whatever is wrong told with the setting to look at.
//!
//! A bucket that cannot be reached stops only a server that has no media yet, which is how a wrong
//! configuration shows. One that has them starts without: an outage of the store must not take the
//! queue with it.

use std::fs;
use std::path::Path;

use media::{Library, Objects, ObjectsError, S3, S3Error, Trouble};

use crate::config::objects::Bucket;
use crate::failure::{Exit, Failure, chain};

/// What the key must be allowed to do.
const PERMISSIONS: &str = "it needs s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket, \
                           s3:ListBucketMultipartUploads and s3:AbortMultipartUpload";

/// The objects in a bucket.
pub(super) fn objects(data: &Path, bucket: &Bucket) -> Result<Objects, Failure> {
    let s3 = &bucket.s3;
    let refuse = |name: &str, reason: String| {
        Failure::new(Exit::Config, format!("objects.s3.{name}: {reason}"))
    };
    let read = |name: &str, path: &Path| {
        fs::read(path).map_err(|error| refuse(name, format!("{}: {error}", path.display())))
    };
    let secret = if s3.secret_access_key_file.as_os_str().is_empty() {
        s3.secret_access_key.clone()
    } else {
        let bytes = read("secret_access_key_file", &s3.secret_access_key_file)?;
        String::from_utf8_lossy(&bytes).trim().to_owned()
    };
    if secret.is_empty() {
        return Err(refuse("secret_access_key_file", "the file is empty".to_owned()));
    }
    let authorities =
        if s3.ca_file.as_os_str().is_empty() { Vec::new() } else { read("ca_file", &s3.ca_file)? };
    let described = S3 {
        endpoint: bucket.endpoint.clone(),
        bucket: s3.bucket.clone(),
        region: s3.region.clone(),
        prefix: s3.prefix.clone(),
        access_key_id: s3.access_key_id.clone(),
        secret_access_key: secret.into(),
        path_style: s3.path_style,
        authorities,
    };
    Objects::in_bucket(data, &described).map_err(|error| match &error {
        S3Error::Authorities(reason) => {
            refuse("ca_file", format!("{}: {reason}", s3.ca_file.display()))
        }
        S3Error::Description(_) => refuse("endpoint", chain(&error)),
        S3Error::Io(cause) => Failure::io("the library cannot be opened", cause),
    })
}

/// Makes sure that the objects are where the configuration says; false: that cannot be known now.
pub(super) async fn check(library: &Library, in_bucket: bool) -> Result<bool, Failure> {
    match library.check_objects().await {
        Ok(()) => Ok(true),
        Err(error) if error.may_pass() => {
            let error = chain(&error);
            tracing::error!(error, "uploads and media wait for the object store; events do not");
            Ok(false)
        }
        Err(ObjectsError::Bucket { error, .. }) => {
            let name = setting(error.trouble());
            let more = if error.trouble() == Trouble::Denied { PERMISSIONS } else { "" };
            let text = format!("objects.s3.{name}: {error}; {more}");
            Err(Failure::new(Exit::Config, text.trim_end_matches("; ")))
        }
        Err(error @ ObjectsError::Elsewhere { .. }) => {
            let back = if in_bucket { "directory" } else { "s3" };
            Err(Failure::new(
                Exit::Config,
                format!(
                    "objects.store: {error}. Copy them there under the same names, or set \
                     objects.store = \"{back}\" or the bucket that they are in"
                ),
            ))
        }
        Err(error @ ObjectsError::Fault(_)) => Err(Failure::new(
            Exit::Io,
            format!("whether the objects are there is not known: {}", chain(&error)),
        )),
    }
}

/// The setting to look at first.
const fn setting(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Unreachable | Trouble::Refused | Trouble::NoObject => "endpoint",
        Trouble::NoBucket | Trouble::Full => "bucket",
        Trouble::UnknownKey | Trouble::Denied => "access_key_id",
        Trouble::WrongSecret => "secret_access_key",
        Trouble::WrongRegion => "region",
    }
}
