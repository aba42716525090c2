//! Names of answer headers as the cloud spells them: `ETag`, not `etag`.
//!
//! Header names have no case, but cos-python-sdk-v5 hands them out as keys of a plain dict: its
//! documented examples read `response['ETag']`, and its own `download_file` does. hyper writes lower
//! case unless an answer carries the spelling of another message, in an extension of a private type
//! (`preserve_header_case`, made for proxies). So one request with the wanted spelling is parsed in
//! memory when the server starts, and what hyper has noted of it goes with every answer. Names that
//! are not in it (`x-cos-…`) stay in lower case, as COS writes them too.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use http::{Extensions, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;

/// A request whose header names are spelled as those of answers should be.
const EXAMPLE: &[u8] = b"GET / HTTP/1.1\r\n\
    Accept-Ranges: x\r\nCache-Control: x\r\nConnection: close\r\nContent-Disposition: x\r\n\
    Content-Length: 0\r\nContent-Range: x\r\nContent-Security-Policy: x\r\nContent-Type: x\r\n\
    Date: x\r\nETag: x\r\nHost: x\r\nLast-Modified: x\r\nServer: x\r\n\
    X-Content-Type-Options: x\r\nX-TC-TraceId: x\r\n\r\n";

/// What an answer has to carry so that its headers are spelled well.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spelling(Extensions);

impl Spelling {
    /// Learns it from the example, in memory. Should that ever fail, names are written in lower case.
    pub(crate) async fn learn() -> Self {
        let noted = Mutex::new(Extensions::new());
        let (mut near, far) = tokio::io::duplex(EXAMPLE.len());
        let service = service_fn(|request: Request<Incoming>| {
            noted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(request.into_parts().0.extensions);
            async { Ok::<_, Infallible>(Response::new(Body::empty())) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .preserve_header_case(true)
            .serve_connection(TokioIo::new(far), service);
        let example = async {
            let written = near.write_all(EXAMPLE).await;
            near.shutdown().await.and(written)
        };
        let (served, written) = tokio::join!(connection, example);
        if let (Err(error), _) = (served, written) {
            tracing::debug!(%error, "header names keep their lower case");
        }
        Self(noted.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Spells an answer's headers.
    pub(crate) fn apply<B>(&self, response: &mut Response<B>) {
        response.extensions_mut().extend(self.0.clone());
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn answers_are_spelled_as_the_cloud_spells_them() {
        let spelling = Spelling::learn().await;
        let (mut near, far) = tokio::io::duplex(4096);
        let service = service_fn(|_request: Request<Incoming>| {
            let mut response = Response::new(Body::from("{}"));
            for name in ["content-type", "etag", "x-cos-request-id", "x-tc-traceid"] {
                response.headers_mut().insert(name, http::HeaderValue::from_static("1"));
            }
            spelling.apply(&mut response);
            async { Ok::<_, Infallible>(response) }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
        near.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        connection.await.unwrap();
        let mut answer = String::new();
        near.read_to_string(&mut answer).await.unwrap();
        for line in ["Content-Length: 2", "Content-Type: 1", "ETag: 1", "X-TC-TraceId: 1"] {
            assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line} in {answer}");
        }
        assert!(answer.contains("\r\nx-cos-request-id: 1\r\n"), "{answer}");
    }
}
