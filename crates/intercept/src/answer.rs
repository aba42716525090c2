//! What the proxy says itself: a line of text that names the proxy, so that nobody takes it for an
//! answer of the server or of the host that was asked for.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;

/// An answer's body: of the server, or the proxy's own.
pub(crate) type Body = Either<Incoming, Full<Bytes>>;

/// The proxy's own answer.
pub(crate) fn own(status: StatusCode, text: &str) -> Response<Body> {
    let body = Bytes::from(format!("callboard run: {text}\n"));
    let mut response = Response::new(Either::Right(Full::new(body)));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The same, as bytes for where no HTTP connection is kept.
pub(crate) fn bytes(status: StatusCode, text: &str) -> Vec<u8> {
    let body = format!("callboard run: {text}\n");
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}
