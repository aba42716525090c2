//! A client of the COS surface, as far as a small upload needs one: PUT and GET of whole objects.
//!
//! It behaves like the official COS SDKs with an address of their own set: the virtual host of the
//! bucket in `Host`, the temporary token in `x-cos-security-token`. Multipart uploads are
//! deliberately absent; the tests use the official SDKs for those.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use sign::SignedRequest;
use sign::cos::{self, CosSigner};

use crate::http::{Answer, Http, now_s};
use crate::{CallError, EndpointError, Key, Trust};

const TRANSFER_TIMEOUT: Duration = Duration::from_mins(2);
/// How long a signature is valid: longer than a transfer may take.
const SIGNATURE_LIFE_S: i64 = 600;

/// Reads and writes objects with the temporary key of one upload session.
#[derive(Clone, Debug)]
pub struct CosClient {
    http: Http,
    host: String,
    key: Key,
    token: String,
}

impl CosClient {
    /// A client of the server at `endpoint` with what ApplyUpload answered (the content of
    /// `Response`). An answer without a key makes a client whose requests are refused.
    pub fn for_upload(endpoint: &str, applied: &Value) -> Result<Self, EndpointError> {
        let text = |pointer: &str| {
            applied.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let key = Key::new(text("/TempCertificate/SecretId"), text("/TempCertificate/SecretKey"));
        Ok(Self {
            http: Http::new(endpoint.parse()?, Trust::default(), TRANSFER_TIMEOUT),
            host: format!("{}.cos.{}.myqcloud.com", text("/StorageBucket"), text("/StorageRegion")),
            key,
            token: text("/TempCertificate/Token"),
        })
    }

    /// Writes an object; its ETag, with the quotes. `path` begins with a slash, as
    /// MediaStoragePath does, and needs no escaping.
    pub async fn put_object(&self, path: &str, body: Bytes) -> Result<String, CallError> {
        let length = body.len().to_string();
        let answer = self.send("PUT", path, &[("content-length", &length)], body).await?;
        let etag = answer.headers.get("etag").and_then(|value| value.to_str().ok());
        etag.map(str::to_owned).ok_or_else(|| CallError::Protocol {
            endpoint: self.http.endpoint().to_string(),
            reason: "there is no ETag in it".to_owned(),
        })
    }

    /// Reads an object.
    pub async fn get_object(&self, path: &str) -> Result<Bytes, CallError> {
        Ok(self.send("GET", path, &[], Bytes::new()).await?.body)
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        extra: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let mut headers = vec![("host", self.host.as_str()), ("x-cos-security-token", &self.token)];
        headers.extend_from_slice(extra);
        let bytes: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let request =
            SignedRequest { method, authority: None, path, query: "", headers: &bytes, body: b"" };
        let now_s = now_s();
        let signer = CosSigner {
            secret_id: self.key.id(),
            secret_key: self.key.secret(),
            start_s: now_s,
            end_s: now_s + SIGNATURE_LIFE_S,
            headers: &["host", "content-length", "x-cos-security-token"],
        };
        let authorization = cos::sign(&request, &signer).to_header();
        headers.push(("authorization", &authorization));
        let answer = self.http.send(method, path, &headers, body).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(refused(&answer)) }
    }
}

/// COS answers errors in XML; three members are all that is needed of it.
fn refused(answer: &Answer) -> CallError {
    let text = String::from_utf8_lossy(&answer.body);
    let member = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(value, _)| value.to_owned())
    };
    CallError::Api {
        code: member("Code").unwrap_or_else(|| answer.status.to_string()),
        message: member("Message").unwrap_or_default(),
        request_id: member("RequestId").unwrap_or_default(),
    }
}
