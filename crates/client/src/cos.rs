//! A client of the COS surface, as far as an upload needs one: PUT and GET of whole objects, and
//! uploads in parts step by step.
//!
//! It behaves like the official COS SDKs with an address of their own set: the virtual host of the
//! bucket in `Host`, the temporary token in `x-cos-security-token`. Deliberately absent: cutting a file
//! into parts, and ranges.

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
        let answer = self.send("PUT", (path, ""), &[("content-length", &length)], body).await?;
        self.etag(&answer)
    }

    /// Begins an upload in parts; its UploadId.
    pub async fn initiate(&self, path: &str) -> Result<String, CallError> {
        let answer = self.send("POST", (path, "uploads"), &[], Bytes::new()).await?;
        let text = String::from_utf8_lossy(&answer.body);
        element(&text, "UploadId").ok_or_else(|| self.strange("there is no UploadId in it"))
    }

    /// Writes a part, `number` from 1; its ETag, with the quotes.
    pub async fn put_part(
        &self,
        path: &str,
        upload: &str,
        number: u32,
        body: Bytes,
    ) -> Result<String, CallError> {
        let length = body.len().to_string();
        let query = format!("partNumber={number}&uploadId={upload}");
        let answer = self.send("PUT", (path, &query), &[("content-length", &length)], body).await?;
        self.etag(&answer)
    }

    /// Makes one object of the parts with these ETags, from number 1 on.
    pub async fn complete(
        &self,
        path: &str,
        upload: &str,
        etags: &[String],
    ) -> Result<(), CallError> {
        let part = |(number, etag): (u32, &String)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        };
        let parts: Vec<String> = (1..).zip(etags).map(part).collect();
        let body = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", parts.concat());
        let (query, length) = (format!("uploadId={upload}"), body.len().to_string());
        let extra = [("content-length", length.as_str())];
        self.send("POST", (path, &query), &extra, body.into()).await.map(drop)
    }

    /// Gives an upload in parts up.
    pub async fn abort(&self, path: &str, upload: &str) -> Result<(), CallError> {
        let query = format!("uploadId={upload}");
        self.send("DELETE", (path, &query), &[], Bytes::new()).await.map(drop)
    }

    fn etag(&self, answer: &Answer) -> Result<String, CallError> {
        let etag = answer.headers.get("etag").and_then(|value| value.to_str().ok());
        etag.map(str::to_owned).ok_or_else(|| self.strange("there is no ETag in it"))
    }

    fn strange(&self, reason: &str) -> CallError {
        CallError::Protocol {
            endpoint: self.http.endpoint().to_string(),
            reason: reason.to_owned(),
        }
    }

    /// Reads an object.
    pub async fn get_object(&self, path: &str) -> Result<Bytes, CallError> {
        Ok(self.send("GET", (path, ""), &[], Bytes::new()).await?.body)
    }

    async fn send(
        &self,
        method: &str,
        (path, query): (&str, &str),
        extra: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let mut headers = vec![("host", self.host.as_str()), ("x-cos-security-token", &self.token)];
        headers.extend_from_slice(extra);
        let bytes: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let request =
            SignedRequest { method, authority: None, path, query, headers: &bytes, body: b"" };
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
        let separator = if query.is_empty() { "" } else { "?" };
        let target = format!("{path}{separator}{query}");
        let answer = self.http.send(method, &target, &headers, body).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(refused(&answer)) }
    }
}

/// COS answers errors in XML; three members are all that is needed of it.
fn refused(answer: &Answer) -> CallError {
    let text = String::from_utf8_lossy(&answer.body);
    let member = |name: &str| element(&text, name);
    CallError::Api {
        code: member("Code").unwrap_or_else(|| answer.status.to_string()),
        message: member("Message").unwrap_or_default(),
        request_id: member("RequestId").unwrap_or_default(),
    }
}

/// The text of the first element of that name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(value, _)| value.to_owned())
}
