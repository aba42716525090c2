//! Objects as web pages see them: `/media/<bucket>/<key>`, with ranges and conditions.
//!
//! MediaUrl must be playable, and players ask for ranges. Whatever was uploaded is served from the
//! same origin as the API, so nothing is ever served as a type that a browser runs: types come from a
//! closed list, sniffing is off, and a sandbox holds whatever slips through. The COS surface answers
//! GET and HEAD with the same code.
//!
//! With a key (`media.signing_key`) only signed addresses are answered, but for pictures. What was served
//! may be kept and must be asked about again each time, which costs one 304: a deletion is felt at once.
//!
//! Deliberately absent: several ranges in one answer (a player that asks for them gets the whole), and
//! listings.

mod condition;
mod playlist;
mod range;
mod signed;
mod texts;
mod viewers;

use std::net::IpAddr;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, LAST_MODIFIED, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use media::{Fault, Library, Served, catalogue};
use model::limits;
use percent_encoding::percent_decode_str;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;
use zeroize::Zeroizing;

use range::Range;
use signed::{Guard, Signed, Unsigned};
pub(crate) use texts::Texts;
pub(crate) use viewers::Viewers;

use crate::Gateway;

/// Whose connection a request came over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Where media are.
const PREFIX: &str = "/media/";
/// Bytes of one piece on its way to a client.
const PIECE_BYTES: usize = 128 * 1024;

/// Whether a path is one of ours.
pub(crate) fn is_media(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// Answers a request for media: only of committed media, in applications that are On. Whatever else
/// is asked for does not exist.
pub(crate) async fn handle(gateway: &Gateway, parts: &Parts) -> Response {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let Some((bucket, key)) = place(parts.uri.path()) else { return plain(StatusCode::NOT_FOUND) };
    let library = gateway.library();
    let signed = match signature(gateway, parts, &key) {
        Ok(signed) => signed,
        Err(unsigned) => return refused(&unsigned),
    };
    let served = match library.published(&bucket, &key).await {
        Ok(Some(served)) => served,
        Ok(None) => return plain(StatusCode::NOT_FOUND),
        Err(fault) => return broken(&fault),
    };
    if served.forbidden {
        return plain(StatusCode::FORBIDDEN);
    }
    let outcome = match &signed {
        Some(signed) if signed::is_playlist(&key) || is_dash(&key) => {
            signed_manifest(gateway, served, signed, &parts.method).await
        }
        _ => match kept(gateway, served).await {
            Ok(served) => serve(library, &served, &parts.method, &parts.headers).await,
            Err(fault) => Err(fault),
        },
    };
    let mut response = match outcome {
        Ok(response) => response,
        Err(fault) if is_gone(&fault) => return plain(StatusCode::NOT_FOUND),
        Err(fault) => return broken(&fault),
    };
    if signed.is_some() {
        insert(&mut response, CACHE_CONTROL, "private, no-cache");
    }
    response
}

/// The signature of a request; none: none is needed.
fn signature<'a>(
    gateway: &'a Gateway,
    parts: &'a Parts,
    key: &str,
) -> Result<Option<Signed<'a>>, Unsigned> {
    let Some(secret) = &gateway.settings().media_signing_key else { return Ok(None) };
    let guard = Guard {
        key: &secret.0,
        public_url: &gateway.library().settings().public_url,
        viewers: gateway.viewers(),
        now_s: gateway.now().wall.seconds(),
    };
    guard.check(parts, key, parts.extensions.get::<Peer>().map(|peer| peer.0))
}

/// A playlist or manifest in which everything is signed. It is made for this request, so there are no parts of
/// it and nothing to compare it with. One that is too long to look into or would become so, and a DASH
/// manifest that cannot be read, is served as it is.
async fn signed_manifest(
    gateway: &Gateway,
    served: Served,
    signed: &Signed<'_>,
    method: &Method,
) -> Result<Response, Fault> {
    let size = served.object.size;
    let short = usize::try_from(size).is_ok_and(|size| size <= limits::PLAYLIST_BYTES_MAX);
    let library = gateway.library();
    if !short {
        let served = kept(gateway, served).await?;
        return serve(library, &served, method, &HeaderMap::new()).await;
    }
    let mut bytes = Vec::new();
    match &served.text {
        // a clip that is not kept: it is in no store
        Some(text) => bytes.extend_from_slice(text),
        None => {
            library.open(&served.object, 0, size).await?.read_to_end(&mut bytes).await?;
        }
    }
    let text = with_signatures(bytes, &served, signed).await?;
    let mut response = plain(StatusCode::OK);
    insert(&mut response, CONTENT_TYPE, catalogue::content_type(&served.key));
    insert(&mut response, CONTENT_LENGTH, &text.len().to_string());
    if *method != Method::HEAD {
        *response.body_mut() = Body::from(gateway.texts().kept(text.into()).await?);
    }
    Ok(response)
}

/// The same, with room for its text if it has one.
async fn kept(gateway: &Gateway, mut served: Served) -> Result<Served, Fault> {
    if let Some(text) = served.text.take() {
        served.text = Some(gateway.texts().kept(text).await?);
    }
    Ok(served)
}

/// The text with signatures, or as it is. The longest takes longer than a thread that serves others should
/// be held.
async fn with_signatures(
    bytes: Vec<u8>,
    served: &Served,
    signed: &Signed<'_>,
) -> Result<String, Fault> {
    let (key, hotlink) = (Zeroizing::new(signed.key.to_owned()), signed.hotlink.clone());
    let (asked, media) = (signed.directory.to_owned(), served.directory.clone());
    let is_dash = is_dash(&served.key);
    let sign = move || {
        let signed = Signed { key: &key, directory: &asked, hotlink };
        let text = String::from_utf8_lossy(&bytes);
        let with = if is_dash {
            let with = playlist::sign_dash(&text, &signed, &media);
            with.inspect_err(|error| tracing::debug!(%error, "a manifest is served unsigned")).ok()
        } else {
            playlist::sign(&text, &signed, &media)
        };
        with.unwrap_or_else(|| text.into_owned())
    };
    Ok(tokio::task::spawn_blocking(sign).await.map_err(std::io::Error::other)?)
}

fn is_dash(key: &str) -> bool {
    catalogue::content_type(key) == "application/dash+xml"
}

/// An address that is not served says why, for who made it.
fn refused(unsigned: &Unsigned) -> Response {
    let mut response = plain(StatusCode::FORBIDDEN);
    insert(&mut response, CONTENT_TYPE, "text/plain; charset=utf-8");
    *response.body_mut() = Body::from(format!("{unsigned}\n"));
    response
}

/// Answers GET or HEAD of an object: 200, 206, 304, 412 or 416.
pub(crate) async fn serve(
    library: &Library,
    served: &Served,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Fault> {
    let object = &served.object;
    let facts = condition::Facts::new(&object.etag, object.at);
    if facts.is_another(headers) {
        return Ok(with_facts(plain(StatusCode::PRECONDITION_FAILED), served, &facts));
    }
    if facts.is_known(headers) {
        return Ok(with_facts(plain(StatusCode::NOT_MODIFIED), served, &facts));
    }
    let range =
        if facts.allows_range(headers) { range::asked(headers, object.size) } else { Range::Whole };
    let (status, start, len) = match range {
        Range::Whole => (StatusCode::OK, 0, object.size),
        Range::Part { start, len } => (StatusCode::PARTIAL_CONTENT, start, len),
        Range::Unsatisfiable => {
            let mut response = with_facts(plain(StatusCode::RANGE_NOT_SATISFIABLE), served, &facts);
            insert(&mut response, CONTENT_RANGE, &format!("bytes */{}", object.size));
            return Ok(response);
        }
    };
    let body = if *method == Method::HEAD || len == 0 {
        Body::empty()
    } else if let Some(text) = &served.text {
        let at = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).min(text.len());
        Body::from(text.slice(at(start)..at(start.saturating_add(len))))
    } else {
        let reader = library.open(object, start, len).await?;
        Body::from_stream(ReaderStream::with_capacity(reader, PIECE_BYTES))
    };
    let mut response = with_facts(plain(status), served, &facts);
    *response.body_mut() = body;
    insert(&mut response, CONTENT_LENGTH, &len.to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        let end = start + len.saturating_sub(1);
        insert(&mut response, CONTENT_RANGE, &format!("bytes {start}-{end}/{}", object.size));
    }
    Ok(response)
}

/// Whether an object's bytes are not there: it was deleted between look-up and opening.
pub(crate) fn is_gone(fault: &Fault) -> bool {
    matches!(fault, Fault::Io(error) if error.kind() == std::io::ErrorKind::NotFound)
}

/// The bucket and the key that a path names.
fn place(path: &str) -> Option<(String, String)> {
    let (bucket, key) = path.strip_prefix(PREFIX)?.split_once('/')?;
    let key = percent_decode_str(key).decode_utf8().ok()?;
    Some((bucket.to_owned(), key.into_owned()))
}

fn with_facts(mut response: Response, served: &Served, facts: &condition::Facts) -> Response {
    insert(&mut response, ETAG, &facts.etag);
    insert(&mut response, LAST_MODIFIED, &facts.last_modified);
    insert(&mut response, CONTENT_TYPE, catalogue::content_type(&served.key));
    insert(&mut response, ACCEPT_RANGES, "bytes");
    response
}

/// An answer without a body, and with what keeps browsers from running anything.
fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn broken(fault: &Fault) -> Response {
    let error: &(dyn std::error::Error + 'static) = fault;
    let is_busy = matches!(fault, Fault::Busy);
    if is_busy {
        tracing::debug!(error, "media could not be served now");
    } else {
        tracing::error!(error, "media could not be served");
    }
    let may_pass = fault.is_of_bucket() || is_busy;
    plain(if may_pass {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    })
}

/// Sets a header whose value is made of digits, hex and fixed words.
fn insert(response: &mut Response, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_bucket_and_a_key() {
        let named = |bucket: &str, key: &str| Some((bucket.to_owned(), key.to_owned()));
        assert_eq!(place("/media/b-1/a/c.mp4"), named("b-1", "a/c.mp4"));
        assert_eq!(place("/media/b-1/a/%E4%B8%AD%20x.ts"), named("b-1", "a/中 x.ts"));
        for nothing in ["/media/b-1", "/media/", "/medium/b/c", "/media/b/%ff"] {
            assert_eq!(place(nothing), None, "{nothing}");
        }
        assert!(is_media("/media/x") && !is_media("/media") && !is_media("/mediax/"));
    }
}
