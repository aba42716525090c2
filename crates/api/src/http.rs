//! Requests to answers: which surface a request is for, and what an API answer looks like.
//!
//! One port carries four surfaces, told apart by content: a COS request by its q-sign key, media and the
//! API of the upload SDKs by the path, everything else is API 3.0. An API answer has HTTP status 200
//! even when it is an error, and `Content-Type: application/json` to the letter: with anything else the
//! Python SDK takes an error for a success, and six SDKs lose the code of an error with another status
//! (facts/api3.md section 0).

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode};
use model::limits;
use tokio::time::Instant;
use tracing::Instrument as _;
use uuid::Uuid;
use wire::envelope;
use wire::{ActionName, ApiError, Code, Language};

use crate::auth::{self, Claim, Message};
use crate::body::{self, BodyError};
use crate::caller::Caller;
use crate::seats::Seat;
use crate::server::Response;
use crate::{Gateway, cors, cos, files, params, ugc};

/// A request as hyper delivers it.
pub(crate) type Incoming = Request<hyper::body::Incoming>;

const TRACE_ID: &str = "x-tc-traceid";

/// Answers any request.
pub(crate) async fn handle(gateway: &Gateway, seat: &Seat, request: Incoming) -> Response {
    let (parts, body) = request.into_parts();
    let is_media = files::is_media(parts.uri.path());
    let settings = gateway.settings();
    if cors::is_preflight(&parts) {
        return if is_media {
            settings.media_origins.preflight(cors::MEDIA, &parts.headers)
        } else {
            settings.upload_origins.preflight(cors::UPLOAD, &parts.headers)
        };
    }
    if cos::is_cos(&parts) {
        let mut response = cos::handle(gateway.library(), seat, &parts, Body::new(body)).await;
        settings.upload_origins.apply(cors::UPLOAD, &parts.headers, &mut response);
        return response;
    }
    if ugc::is_ugc(&parts) {
        let mut response = ugc::handle(gateway, seat, &parts, body).await;
        settings.upload_origins.apply(cors::UPLOAD, &parts.headers, &mut response);
        return response;
    }
    if is_media {
        seat.serve();
        let mut response = files::handle(gateway, &parts).await;
        settings.media_origins.apply(cors::MEDIA, &parts.headers, &mut response);
        return response;
    }
    if is_api(&parts) {
        return api(gateway, seat, parts, body).await;
    }
    nothing_here(&parts)
}

/// The answer to plain HTTP where TLS is spoken. An SDK shows the error of an answer with 200; a probe
/// or a browser should not take it for a success.
pub(crate) async fn needs_tls(request: Incoming) -> Response {
    let (parts, body) = request.into_parts();
    body::discard(body).await;
    let api = parts.method == Method::POST && !cos::is_cos(&parts);
    let status = if api { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let request_id = Uuid::new_v4().to_string();
    tracing::debug!(request_id, "plain http where TLS is spoken");
    let error = ApiError::needs_tls();
    json(status, envelope::failure(&error, language(&parts.headers), &request_id))
}

/// Whether a request is for the API: any POST (Go keeps the path of its endpoint), the root, and
/// whatever carries a mark of the API.
fn is_api(parts: &Parts) -> bool {
    let marked = parts.headers.contains_key(header::AUTHORIZATION)
        || parts.headers.contains_key("x-tc-action")
        || parts.uri.query().is_some_and(|query| query.contains("Action="));
    marked || parts.method == Method::POST || parts.uri.path() == "/"
}

/// What one API call came to, as far as it is known: for the log, the metrics and a refusal.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) action: Option<ActionName>,
    /// What the caller reads.
    pub(crate) language: Language,
    secret_id: Option<Arc<str>>,
}

async fn api(
    gateway: &Gateway,
    seat: &Seat,
    parts: Parts,
    body: hyper::body::Incoming,
) -> Response {
    let trace_id = trace_id(&parts.headers);
    let mut response = match parts.method {
        Method::HEAD => empty(StatusCode::OK),
        Method::OPTIONS => {
            let mut response = empty(StatusCode::NO_CONTENT);
            let allow = HeaderValue::from_static("GET, POST, HEAD, OPTIONS");
            response.headers_mut().insert(header::ALLOW, allow);
            response
        }
        _ => {
            let request_id = Uuid::new_v4().to_string();
            let span = tracing::info_span!("request", %request_id);
            call(gateway, seat, (parts, body), request_id).instrument(span).await
        }
    };
    if let Some(trace_id) = trace_id {
        response.headers_mut().insert(TRACE_ID, trace_id);
    }
    response
}

async fn call(
    gateway: &Gateway,
    seat: &Seat,
    (parts, body): (Parts, hyper::body::Incoming),
    request_id: String,
) -> Response {
    let begun = Instant::now();
    let mut seen = Seen { language: language(&parts.headers), ..Seen::default() };
    let outcome = answer(gateway, seat, (parts, body), &request_id, &mut seen).await;
    let code = outcome.as_ref().err().map_or("OK", |error| error.code.as_str());
    let action = seen.action.map_or("unknown", ActionName::as_str);
    let elapsed = begun.elapsed();
    gateway.observer().request(action, code, elapsed.as_secs_f64());
    let key = seen.secret_id.as_deref().unwrap_or("-");
    tracing::info!(action, code, key, ms = elapsed.as_millis(), "request");
    match outcome {
        Ok(bytes) => json(StatusCode::OK, bytes),
        Err(error) => {
            log_cause(&error);
            json(StatusCode::OK, envelope::failure(&error, seen.language, &request_id))
        }
    }
}

/// The cause of a failure, which the caller is not told, with all that lies beneath it.
pub(crate) fn log_cause(error: &ApiError) {
    let Some(cause) = &error.cause else { return };
    let mut text = cause.to_string();
    let mut next = cause.source();
    while let Some(deeper) = next {
        text = format!("{text}: {deeper}");
        next = deeper.source();
    }
    if error.code == Code::InternalError {
        tracing::error!(code = error.code.as_str(), cause = text, "a call failed");
    } else {
        tracing::debug!(code = error.code.as_str(), cause = text, "a call was refused");
    }
}

async fn answer(
    gateway: &Gateway,
    seat: &Seat,
    (parts, body): (Parts, hyper::body::Incoming),
    request_id: &str,
    seen: &mut Seen,
) -> Result<Bytes, ApiError> {
    let arrived = gateway.now();
    let held = match parts.method {
        Method::GET => {
            if parts.uri.query().is_some_and(|query| query.len() > limits::GET_QUERY_BYTES_MAX) {
                return Err(ApiError::too_large("query", limits::GET_QUERY_BYTES_MAX));
            }
            None
        }
        Method::POST => Some(read_body(gateway, &parts.headers, body).await?),
        _ => {
            body::discard(body).await;
            return Err(ApiError::bad_method());
        }
    };
    let bytes = held.as_ref().map(|held| held.bytes.clone()).unwrap_or_default();
    let message = Message::new(parts, bytes);
    let claim = Claim::read(&message, arrived.wall, seen)?;
    let known = claim.verify(gateway, &message).await?;
    seat.know();
    seen.secret_id = Some(Arc::clone(&known.secret_id));
    gateway
        .rates()
        .admit(&known.secret_id, claim.action.as_str(), arrived.mono)
        .map_err(|over| ApiError::request_limit_exceeded(over.count, over.limit))?;
    let params = params::read(&message, &claim).await?;
    let action = claim.action.parse(params)?;
    // what follows may wait for events; nothing of the request is needed any more
    drop((message, held));
    let caller = Caller {
        secret_id: Arc::clone(&known.secret_id),
        policy: known.key.policy.clone(),
        request_id: request_id.to_owned(),
    };
    // on the heap, or every connection would have room for the largest of all actions
    let reply = Box::pin(gateway.dispatch(&caller, action)).await?;
    Ok(envelope::success(&reply, request_id))
}

async fn read_body<'a>(
    gateway: &'a Gateway,
    headers: &HeaderMap,
    body: hyper::body::Incoming,
) -> Result<body::Held<'a>, ApiError> {
    let v1 =
        !headers.contains_key(header::AUTHORIZATION) && auth::media_type(headers) == params::FORM;
    let max = if v1 { limits::V1_BODY_BYTES_MAX } else { limits::TC3_BODY_BYTES_MAX };
    let time = gateway.settings().transport.body_read;
    body::read(body, max, time, gateway.bodies()).await.map_err(|error| match error {
        BodyError::TooLarge(_) if v1 => ApiError::v1_size_exceeded(),
        BodyError::TooLarge(max) => ApiError::too_large("body", max),
        BodyError::TooSlow(_) | BodyError::Broken(_) => {
            ApiError::new(Code::InvalidRequest, format!("The request cannot be read: {error}."))
                .because(error)
        }
    })
}

/// The language that the headers ask for. A request of signature v1 says it among its parameters,
/// which are read later.
fn language(headers: &HeaderMap) -> Language {
    let tag = headers.get("x-tc-language").and_then(|value| value.to_str().ok());
    tag.map(Language::of).unwrap_or_default()
}

/// What is echoed of X-TC-TraceId: one printable value of bounded length (Node reads it back).
fn trace_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(TRACE_ID)?;
    let bytes = value.as_bytes();
    let printable = bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
    (printable && bytes.len() <= limits::TRACE_ID_BYTES_MAX).then(|| value.clone())
}

/// The answer to a request that is for none of the surfaces, such as a browser's for its icon.
fn nothing_here(parts: &Parts) -> Response {
    let text = "Callboard speaks Tencent Cloud API 3.0 (vod, 2018-07-17) on `/`; there is nothing \
                at this path.";
    let error = ApiError::new(Code::InvalidRequest, text);
    let request_id = Uuid::new_v4().to_string();
    tracing::debug!(request_id, method = %parts.method, "a request for no surface");
    json(StatusCode::NOT_FOUND, envelope::failure(&error, Language::default(), &request_id))
}

fn json(status: StatusCode, bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
