//! Operations that bring bytes in, begin or end an upload.
//!
//! Bodies of objects are streamed: a piece is written before the next is read. An upload may take
//! hours, but not be silent: between two pieces there is a deadline.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use media::{Grant, Incoming, Library};
use model::limits;
use tokio::time::timeout;

use super::error::CosError;
use super::{document, empty, identify, with_sums, xml};

/// Bytes of a Complete: 10,000 parts of some 120 bytes, twice.
const COMPLETE_BYTES_MAX: usize = 2_400_000;

/// PUT Object.
pub(super) async fn put(
    library: &Arc<Library>,
    parts: &Parts,
    (grant, key): (Grant, &str),
    body: Body,
) -> Result<Response, CosError> {
    let (declared, md5) = (declared(&parts.headers)?, content_md5(&parts.headers)?);
    match library.put(grant, key, declared).await {
        Ok(incoming) => receive(incoming, body, md5).await,
        Err(error) => refused(error, parts, body).await,
    }
}

/// Upload Part.
pub(super) async fn put_part(
    library: &Arc<Library>,
    parts: &Parts,
    (grant, place): (Grant, (&str, &str, u32)),
    body: Body,
) -> Result<Response, CosError> {
    let (declared, md5) = (declared(&parts.headers)?, content_md5(&parts.headers)?);
    match library.put_part(grant, place, declared).await {
        Ok(incoming) => receive(incoming, body, md5).await,
        Err(error) => refused(error, parts, body).await,
    }
}

/// Initiate Multipart Upload.
pub(super) async fn initiate(
    library: &Library,
    grant: &Grant,
    key: &str,
) -> Result<Response, CosError> {
    let upload = library.initiate(grant, key).await?;
    Ok(document(xml::initiated(&grant.session.bucket, key, &upload)))
}

/// Complete Multipart Upload.
pub(super) async fn complete(
    library: &Arc<Library>,
    parts: &Parts,
    (grant, (key, upload)): (Grant, (&str, &str)),
    body: Body,
) -> Result<Response, CosError> {
    let named = xml::named_parts(&small_body(body).await?)?;
    let bucket = grant.session.bucket.clone();
    let object = library.complete(grant, key, upload, named).await?;
    let authority = identify::authority(parts).unwrap_or_default();
    let origin = format!("{}://{authority}", library.scheme());
    let response = document(xml::completed(&origin, &bucket, key, &object.etag));
    Ok(with_sums(response, &object.etag, object.crc64))
}

/// Abort Multipart Upload.
pub(super) async fn abort(
    library: &Library,
    grant: &Grant,
    (key, upload): (&str, &str),
) -> Result<Response, CosError> {
    library.abort(grant, key, upload).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn receive(
    mut incoming: Incoming,
    mut body: Body,
    md5: Option<[u8; 16]>,
) -> Result<Response, CosError> {
    let idle = Duration::from_millis(limits::OBJECT_IDLE_MS);
    loop {
        let Ok(frame) = timeout(idle, body.frame()).await else { return Err(too_slow()) };
        match frame {
            None => break,
            Some(Err(error)) => return Err(incomplete(&error)),
            Some(Ok(frame)) => {
                if let Ok(piece) = frame.into_data() {
                    incoming.write(&piece).await?;
                }
            }
        }
    }
    let stored = incoming.finish(md5).await?;
    Ok(with_sums(empty(StatusCode::OK), &stored.etag, stored.crc64))
}

/// Refuses a body before its first byte; reads it away unless the client waits for leave to send.
async fn refused(
    error: media::ObjectError,
    parts: &Parts,
    body: Body,
) -> Result<Response, CosError> {
    if !parts.headers.contains_key(http::header::EXPECT) {
        crate::body::discard(body).await;
    }
    Err(error.into())
}

/// The whole of a body that is a document.
async fn small_body(body: Body) -> Result<String, CosError> {
    let limited = http_body_util::Limited::new(body, COMPLETE_BYTES_MAX);
    let read = timeout(Duration::from_millis(limits::BODY_READ_MS), limited.collect()).await;
    let Ok(read) = read else { return Err(too_slow()) };
    let bytes = read.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            CosError::bad("EntityTooLarge", "The document is too long.")
        } else {
            CosError::bad("IncompleteBody", "The body could not be read.")
        }
    })?;
    String::from_utf8(bytes.to_bytes().into()).map_err(|_not_text| {
        CosError::bad("MalformedXML", "The XML you provided was not well-formed: not UTF-8.")
    })
}

fn declared(headers: &HeaderMap) -> Result<Option<u64>, CosError> {
    let Some(value) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    let invalid = || CosError::bad("InvalidArgument", "Content-Length is not a number.");
    length.ok_or_else(invalid).map(Some)
}

fn content_md5(headers: &HeaderMap) -> Result<Option<[u8; 16]>, CosError> {
    let Some(value) = headers.get("content-md5") else { return Ok(None) };
    let md5 = STANDARD.decode(value.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    let invalid = || CosError::bad("InvalidDigest", "The Content-MD5 you specified is not valid.");
    md5.ok_or_else(invalid).map(Some)
}

fn incomplete(error: &axum::Error) -> CosError {
    tracing::debug!(%error, "the body of an object broke off");
    CosError::bad("IncompleteBody", "The body ended before the declared number of bytes.")
}

fn too_slow() -> CosError {
    let text = "Your socket connection to the server was not read from or written to within the \
                timeout period.";
    CosError::bad("RequestTimeout", text)
}
