//! Requests in absolute form, `PUT http://bucket.cos.region.myqcloud.com/key`: how clients send plain
//! HTTP to a proxy. Some send https targets that way too and leave TLS to the proxy; both are meant
//! for the server here. Other hosts get such a request too, if they are passed through.
//!
//! Each request takes a connection of its own to the server: a kept one may end just as it is used,
//! and an upload cannot be sent twice.

use http::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use model::limits;
use tokio::net::TcpStream;

use crate::answer::{self, Body};
use crate::proxy::Connection;
use crate::tunnel::{Duplex, Watched};

/// Headers that belong to one connection and not to the request (RFC 9110 section 7.6.1). `Expect`
/// was answered here.
const HOP: [&str; 8] = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Sends a request to the server as it is, target included, and brings back its answer.
pub(crate) async fn to_server(
    connection: &Connection,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let shared = connection.shared();
    strip(request.headers_mut());
    let stream = match shared.connect().await {
        Ok(stream) => stream,
        Err(text) => return answer::own(StatusCode::BAD_GATEWAY, &text),
    };
    exchange(connection, stream, request).await
}

/// Sends a request for another host over a connection to it, in the form that servers expect.
pub(crate) async fn to_host(
    connection: &Connection,
    stream: TcpStream,
    mut request: Request<Incoming>,
) -> Response<Body> {
    strip(request.headers_mut());
    let target = std::mem::take(request.uri_mut());
    // user information is not for the host (RFC 9110 section 4.2.4)
    let host = target.authority().and_then(|authority| authority.as_str().rsplit('@').next());
    let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok()) else {
        return answer::own(StatusCode::BAD_REQUEST, "there is no host");
    };
    request.headers_mut().insert(HOST, host);
    let path = target.path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
    exchange(connection, stream, request).await
}

async fn exchange(
    connection: &Connection,
    stream: impl Duplex + 'static,
    request: Request<Incoming>,
) -> Response<Body> {
    send(connection, stream, request).await.unwrap_or_else(|error| {
        tracing::debug!(%error, "no answer came");
        answer::own(StatusCode::BAD_GATEWAY, &format!("no answer came: {error}"))
    })
}

async fn send(
    connection: &Connection,
    stream: impl Duplex + 'static,
    request: Request<Incoming>,
) -> hyper::Result<Response<Body>> {
    let watched = Watched::new(stream);
    let activity = watched.activity();
    let idle = connection.shared().deadlines.idle;
    let (mut sender, served) = http1::Builder::new()
        .preserve_header_case(true)
        .max_buf_size(limits::HEADER_BYTES_MAX)
        .handshake(TokioIo::new(watched))
        .await?;
    connection.spawn(async move {
        tokio::select! {
            served = served => {
                if let Err(error) = served {
                    tracing::debug!(%error, "a connection to the server ended early");
                }
            }
            () = activity.ceases(idle) => tracing::debug!("a request went silent"),
        }
    });
    let mut response = sender.send_request(request).await?;
    strip(response.headers_mut());
    Ok(response.map(Either::Left))
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP {
        headers.remove(name);
    }
}
