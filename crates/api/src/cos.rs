//! The COS surface: as much of COS's XML API as its SDKs use to upload and download.
//!
//! | request | operation |
//! |---|---|
//! | `PUT /key` | PUT Object |
//! | `POST /key?uploads` | Initiate Multipart Upload |
//! | `PUT /key?partNumber&uploadId` | Upload Part |
//! | `POST /key?uploadId` | Complete Multipart Upload |
//! | `DELETE /key?uploadId` | Abort Multipart Upload |
//! | `GET /?uploads` | List Multipart Uploads |
//! | `GET /key?uploadId` | List Parts |
//! | `GET /key`, `HEAD /key` | GET Object, HEAD Object |
//!
//! A request belongs here when it is signed the COS way; which bucket it is for follows from the
//! session of its key, never from its path alone. Every other operation of COS is refused by name:
//! deletion, copies, access control and bucket listings have no meaning for an upload session.

mod error;
mod identify;
mod read;
mod target;
mod write;
mod xml;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use media::{Grant, Library};
use uuid::Uuid;

use crate::seats::Seat;

use error::CosError;
use target::{Operation, Target};

/// What marks a signature of COS.
const MARK: &str = "q-sign-algorithm=";
/// What marks a signature of S3, which clients may be told to send to COS; it is refused in their terms.
const S3_MARK: &str = "AWS4-HMAC-SHA256";

/// Whether a request is signed the COS way: in its Authorization header or, presigned, in its query.
pub(crate) fn is_cos(parts: &Parts) -> bool {
    let header = parts.headers.get(AUTHORIZATION).is_some_and(|value| {
        let value = value.as_bytes();
        let is_signed = value.windows(MARK.len()).any(|window| window == MARK.as_bytes());
        is_signed || value.starts_with(S3_MARK.as_bytes())
    });
    header || parts.uri.query().is_some_and(|query| query.contains(MARK))
}

/// Answers a request of the COS surface. Every answer has an `x-cos-request-id`: without one the SDKs
/// take an error for trouble of the network and try another domain.
pub(crate) async fn handle(
    library: &Arc<Library>,
    seat: &Seat,
    parts: &Parts,
    body: Body,
) -> Response {
    let request_id = Uuid::new_v4().simple().to_string();
    let outcome = answer(library, seat, parts, body).await;
    let mut response = match outcome {
        Ok(response) => response,
        Err(error) => {
            error.log(&request_id);
            error.respond(parts, &request_id)
        }
    };
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-cos-request-id", id);
    }
    response
}

async fn answer(
    library: &Arc<Library>,
    seat: &Seat,
    parts: &Parts,
    body: Body,
) -> Result<Response, CosError> {
    let mut body = Some(body);
    let outcome = admitted(library, seat, parts, &mut body).await;
    // a client that sends without asking reads the answer only when it is done sending
    let sends = !parts.headers.contains_key(http::header::EXPECT);
    let unread = body.filter(|_| outcome.is_err() && sends);
    if let Some(body) = unread {
        crate::body::discard(body).await;
    }
    outcome
}

async fn admitted(
    library: &Arc<Library>,
    seat: &Seat,
    parts: &Parts,
    body: &mut Option<Body>,
) -> Result<Response, CosError> {
    let grant = identify::identify(library, parts).await?;
    seat.know();
    let target = target::read(parts, &grant)?;
    carry_out(library, parts, (grant, target), body).await
}

async fn carry_out(
    library: &Arc<Library>,
    parts: &Parts,
    (grant, target): (Grant, Target),
    body: &mut Option<Body>,
) -> Result<Response, CosError> {
    let mut take = || body.take().unwrap_or_default();
    match target.operation {
        Operation::Put => write::put(library, parts, (grant, &target.key), take()).await,
        Operation::PutPart { number, upload } => {
            let place = (target.key.as_str(), upload.as_str(), number);
            write::put_part(library, parts, (grant, place), take()).await
        }
        Operation::Initiate => write::initiate(library, &grant, &target.key).await,
        Operation::Complete { upload } => {
            let place = (target.key.as_str(), upload.as_str());
            write::complete(library, parts, (grant, place), take()).await
        }
        Operation::Abort { upload } => write::abort(library, &grant, (&target.key, &upload)).await,
        Operation::ListUploads => read::uploads(library, &grant, &target.query).await,
        Operation::ListParts { upload } => {
            read::parts(library, &grant, (&target.key, &upload), &target.query).await
        }
        Operation::Get => read::object(library, &grant, &target.key, parts).await,
    }
}

/// An answer with an XML document.
fn document(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    let xml = HeaderValue::from_static("application/xml");
    response.headers_mut().insert(CONTENT_TYPE, xml);
    response
}

/// Sets the two sums that clients check. The values are hex and digits.
fn with_sums(mut response: Response, etag: &str, crc64: u64) -> Response {
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{etag}\"")) {
        response.headers_mut().insert(http::header::ETAG, etag);
    }
    response.headers_mut().insert("x-cos-hash-crc64ecma", HeaderValue::from(crc64));
    response
}

/// An answer without a body.
fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Whether an answer to this request has no body whatever its status.
fn is_head(parts: &Parts) -> bool {
    parts.method == Method::HEAD
}
