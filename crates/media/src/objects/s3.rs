//! How the bucket is reached: what the operator says, as values that can be used.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::limits;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use url::Url;
use zeroize::Zeroizing;

use super::counts::Counts;
use super::doubts::Doubts;
use super::transport::Transport;

/// A bucket that speaks S3, and the key for it.
#[derive(Clone)]
pub struct S3 {
    /// Where the store is reached, without the bucket: `https://s3.eu-central-1.amazonaws.com`.
    pub endpoint: Url,
    /// The bucket.
    pub bucket: String,
    /// The region that requests are signed for.
    pub region: String,
    /// What stands before the name of every object, without slashes at its ends; empty: nothing.
    pub prefix: String,
    /// AccessKeyId.
    pub access_key_id: String,
    /// SecretAccessKey.
    pub secret_access_key: Zeroizing<String>,
    /// Whether the bucket stands in the path and not in the host name.
    pub path_style: bool,
    /// PEM of authorities besides the public ones; empty: none.
    pub authorities: Vec<u8>,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("endpoint", &self.endpoint.as_str())
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

/// Why a bucket cannot be used as it is described.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// The certificates of [`S3::authorities`] cannot be used.
    #[error("the authorities cannot be used: {0}")]
    Authorities(String),
    /// Something else cannot be used.
    #[error("the description of the bucket cannot be used")]
    Description(#[from] object_store::Error),
    /// The directory for parts cannot be made.
    #[error("the directory for parts cannot be made")]
    Io(#[from] std::io::Error),
}

impl S3 {
    /// The client. One for everything that the store can do at once, and one that removes objects
    /// singly, for stores that know no DeleteObjects.
    pub(super) fn clients(
        &self,
        transport: &Arc<Transport>,
    ) -> Result<(AmazonS3, AmazonS3), object_store::Error> {
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(limits::S3_RETRY_FIRST_MS),
                max_backoff: Duration::from_millis(limits::S3_RETRY_LAST_MS),
                base: 2.0,
            },
            max_retries: limits::S3_RETRIES_MAX,
            retry_timeout: Duration::from_millis(limits::S3_RETRY_MS),
        };
        let builder = AmazonS3Builder::new()
            .with_endpoint(self.endpoint_of_bucket())
            .with_virtual_hosted_style_request(!self.path_style)
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_access_key_id(&self.access_key_id)
            .with_secret_access_key(self.secret_access_key.as_str())
            // whether http is allowed was asked where the endpoint was read
            .with_client_options(ClientOptions::new().with_allow_http(true))
            .with_retry(retry)
            .with_http_connector(Arc::clone(transport).connector());
        Ok((builder.clone().build()?, builder.with_disable_bulk_delete(true).build()?))
    }

    /// As `object_store` wants it: with the bucket in the host's name, if it belongs there.
    fn endpoint_of_bucket(&self) -> String {
        let text = self.endpoint.as_str().trim_end_matches('/');
        if self.path_style {
            return text.to_owned();
        }
        text.replacen("://", &format!("://{}.", self.bucket), 1)
    }

    /// What stands before the name of an object.
    pub(super) fn prefix_with_slash(&self) -> String {
        if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) }
    }

    /// For people.
    pub(super) fn whereabouts(&self) -> String {
        let endpoint = self.endpoint.as_str().trim_end_matches('/');
        format!("{endpoint}/{}/{}", self.bucket, self.prefix).trim_end_matches('/').to_owned()
    }

    /// The counters and the way to the store.
    pub(super) fn transport(
        &self,
        counts: Arc<Counts>,
        doubts: Arc<Doubts>,
    ) -> Result<Arc<Transport>, S3Error> {
        let transport = Transport::new(&self.authorities, counts, doubts);
        transport.map(Arc::new).map_err(S3Error::Authorities)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_stands_in_the_path_or_in_the_host() {
        let mut s3 = S3 {
            endpoint: "https://cos.ap-guangzhou.myqcloud.com".parse().unwrap(),
            bucket: "media-1250000000".to_owned(),
            region: "ap-guangzhou".to_owned(),
            prefix: "a/b".to_owned(),
            access_key_id: "id".to_owned(),
            secret_access_key: "topsecret".to_owned().into(),
            path_style: true,
            authorities: Vec::new(),
        };
        assert_eq!(s3.endpoint_of_bucket(), "https://cos.ap-guangzhou.myqcloud.com");
        assert_eq!(s3.whereabouts(), "https://cos.ap-guangzhou.myqcloud.com/media-1250000000/a/b");
        assert_eq!(s3.prefix_with_slash(), "a/b/");
        s3.path_style = false;
        let hosted = "https://media-1250000000.cos.ap-guangzhou.myqcloud.com";
        assert_eq!(s3.endpoint_of_bucket(), hosted);
        s3.prefix = String::new();
        assert_eq!(s3.prefix_with_slash(), "");
        assert!(!format!("{s3:?}").contains("topsecret"));
    }
}
