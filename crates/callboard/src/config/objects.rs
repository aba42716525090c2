//! Where media files are kept: the settings of the object store, and what they come to.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::ConfigError;
use super::check::Check;

/// Characters of `objects.s3.prefix`: S3 allows 1,024 for a whole key.
const PREFIX_CHARS_MAX: usize = 512;

/// Where media files are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Objects {
    /// A directory or a bucket.
    pub store: Store,
    /// The bucket.
    pub s3: S3,
}

/// What kind of place it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Store {
    /// `objects` in the data directory.
    #[default]
    Directory,
    /// A bucket that speaks S3.
    S3,
}

/// A bucket that speaks S3.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3 {
    /// Where the store is reached; empty: Amazon's, by the region.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// The region.
    pub region: String,
    /// What stands before the name of every object.
    pub prefix: String,
    /// The key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// A file with its secret.
    pub secret_access_key_file: PathBuf,
    /// Whether the bucket stands in the path.
    pub path_style: bool,
    /// Whether the endpoint may be http.
    pub allow_http: bool,
    /// Certificates of authorities to trust besides the public ones, PEM; empty: none.
    pub ca_file: PathBuf,
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            bucket: String::new(),
            region: "us-east-1".to_owned(),
            prefix: String::new(),
            access_key_id: String::new(),
            secret_access_key: String::new(),
            secret_access_key_file: PathBuf::new(),
            path_style: true,
            allow_http: false,
            ca_file: PathBuf::new(),
        }
    }
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (endpoint, bucket) = (&self.endpoint, &self.bucket);
        f.debug_struct("S3")
            .field("endpoint", endpoint)
            .field("bucket", bucket)
            .finish_non_exhaustive()
    }
}

/// A bucket as it is used.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Where the store is reached.
    pub endpoint: Url,
    /// Everything else, as it was written.
    pub s3: S3,
}

impl Bucket {
    /// For people.
    pub fn whereabouts(&self) -> String {
        let endpoint = self.endpoint.as_str().trim_end_matches('/');
        format!("{endpoint}/{}/{}", self.s3.bucket, self.s3.prefix).trim_end_matches('/').to_owned()
    }
}

/// The bucket, if objects are kept in one.
pub(super) fn check(check: &Check<'_>, objects: &Objects) -> Result<Option<Bucket>, ConfigError> {
    if objects.store == Store::Directory {
        return Ok(None);
    }
    let s3 = &objects.s3;
    let name =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let fits = (3..=63).contains(&s3.bucket.len()) && s3.bucket.bytes().all(name);
    let reason = "must name the bucket: 3 to 63 small letters, digits, dots and hyphens";
    check.that("objects.s3.bucket", fits, reason)?;
    check.that("objects.s3.region", !s3.region.is_empty(), "must not be empty")?;
    check.that("objects.s3.prefix", is_prefix(&s3.prefix), PREFIX_RULE)?;
    check.that("objects.s3.access_key_id", !s3.access_key_id.is_empty(), "must be set")?;
    let secret = !s3.secret_access_key.is_empty();
    let file = !s3.secret_access_key_file.as_os_str().is_empty();
    let reason = "set it, or `objects.s3.secret_access_key_file`, and not both";
    check.that("objects.s3.secret_access_key", secret != file, reason)?;
    let endpoint = endpoint(check, s3)?;
    Ok(Some(Bucket { endpoint, s3: s3.clone() }))
}

const PREFIX_RULE: &str = "takes names of letters, digits and -_.!() between single slashes, and \
                           neither begins nor ends with one";

fn is_prefix(prefix: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!()".contains(&byte);
    let name = |name: &str| !matches!(name, "" | "." | "..") && name.bytes().all(plain);
    prefix.is_empty() || (prefix.len() <= PREFIX_CHARS_MAX && prefix.split('/').all(name))
}

fn endpoint(check: &Check<'_>, s3: &S3) -> Result<Url, ConfigError> {
    let name = "objects.s3.endpoint";
    let text = match s3.endpoint.trim_end_matches('/') {
        "" => format!("https://s3.{}.amazonaws.com", s3.region),
        text => text.to_owned(),
    };
    let refuse = |reason: &str| check.refuse(name, &format!("`{text}` {reason}"));
    let url = Url::parse(&text).map_err(|error| refuse(&format!("is not a URL: {error}")))?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    if !plain {
        return Err(refuse("must be https:// or http://, a host and at most a port"));
    }
    if url.scheme() == "http" && !s3.allow_http {
        return Err(refuse("is not https; `objects.s3.allow_http` allows that"));
    }
    if !s3.path_style && !matches!(url.host(), Some(Host::Domain(_))) {
        let reason = "must be true where the endpoint is a numeric address";
        return Err(check.refuse("objects.s3.path_style", reason));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, load};

    fn reason(more: &[(&str, &str)]) -> Option<String> {
        let mut variables = Environment::new();
        let least = [
            ("STORE", "s3"),
            ("S3_BUCKET", "media"),
            ("S3_ACCESS_KEY_ID", "id"),
            ("S3_SECRET_ACCESS_KEY", "top"),
        ];
        for (name, value) in least.iter().chain(more) {
            variables.insert(format!("CALLBOARD_OBJECTS_{name}"), (*value).to_owned());
        }
        load(None, &variables, &[]).err().map(|error| error.to_string())
    }

    #[test]
    fn a_bucket_needs_a_name_and_a_key() {
        assert_eq!(reason(&[]), None);
        for (name, value, words) in [
            ("STORE", "gcs", "objects.store"),
            ("S3_BUCKET", "", "objects.s3.bucket"),
            ("S3_BUCKET", "Media", "objects.s3.bucket"),
            ("S3_ACCESS_KEY_ID", "", "objects.s3.access_key_id"),
            ("S3_SECRET_ACCESS_KEY", "", "objects.s3.secret_access_key"),
            ("S3_SECRET_ACCESS_KEY_FILE", "/s", "objects.s3.secret_access_key"),
            ("S3_PREFIX", "/a", "objects.s3.prefix"),
            ("S3_PREFIX", "a/../b", "objects.s3.prefix"),
            ("S3_PREFIX", "a*b", "objects.s3.prefix"),
            ("S3_REGION", "", "objects.s3.region"),
            ("S3_ENDPOINT", "minio:9000", "objects.s3.endpoint"),
            ("S3_ENDPOINT", "http://minio:9000", "allow_http"),
            ("S3_ENDPOINT", "https://minio:9000/media", "objects.s3.endpoint"),
        ] {
            let said = reason(&[(name, value)]).unwrap_or_default();
            assert!(said.contains(words), "{name}={value}: {said}");
        }
        let numeric = [("S3_ENDPOINT", "https://10.0.0.1:9000"), ("S3_PATH_STYLE", "false")];
        assert!(reason(&numeric).unwrap().contains("objects.s3.path_style"));
        let plain = [("S3_ENDPOINT", "http://10.0.0.1:9000/"), ("S3_ALLOW_HTTP", "true")];
        assert_eq!(reason(&plain), None);
        assert_eq!(reason(&[("S3_PREFIX", "callboard/prod-1")]), None);
    }
}
