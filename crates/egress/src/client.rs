//! One request, one answer: [`Client::exchange`].
//!
//! The answer's status is decided when its header block is complete; whatever happens to the body
//! afterwards is noted beside it and changes nothing. Of the body only the beginning is read; a
//! connection whose answer was not read to its end is closed, not drained.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use bytes::{Bytes, BytesMut};
use http::header::{HOST, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::connect::Connector;
use crate::handshake::TlsFailure;
use crate::meter::{Meter, Metered};
use crate::pace::{Outgoing, Pace};
use crate::policy::{Policy, Refusal};
use crate::pool::{Destination, Pool, Wire};
use crate::proxy::Proxy;
use crate::resolve::Resolve;
use crate::tls::Tls;

/// What one exchange may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an answer's header block, interim answers (1xx) included; also how far hyper reads
    /// ahead.
    pub head_bytes: usize,
    /// Bytes of an answer's body that are read.
    pub body_bytes: usize,
    /// Idle connections kept.
    pub idle_max: usize,
    /// How long an idle connection is kept: less than the minute at which most servers and load
    /// balancers close theirs.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            body_bytes: model::limits::ATTEMPT_BODY_FAILURE_BYTES,
            idle_max: model::limits::PUSH_IN_FLIGHT_TOTAL,
            idle: Duration::from_secs(30),
        }
    }
}

/// A request to be sent. `Host` and `Content-Length` (or `Transfer-Encoding`) are added.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to; a fragment is not sent.
    pub url: Url,
    /// Other headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The pace at which the body leaves; none: at once.
    pub pace: Option<Pace>,
    /// The application that chose the URL, against which look-ups that hang are counted; none: the
    /// operator did.
    pub owner: Option<u64>,
    /// The time for everything, from resolving to the last byte of the answer's body.
    pub timeout: Duration,
}

/// An answer whose header block came in time.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// The beginning of its body, at most [`Limits::body_bytes`].
    pub body: Bytes,
    /// Why the body could not be read to its end or that limit; none: it could.
    pub body_error: Option<String>,
    /// Whether it came on a connection that an earlier exchange had left open.
    pub reused: bool,
    /// How long it all took.
    pub duration: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The policy forbids the target; nothing was sent.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The name could not be resolved.
    #[error("the name could not be resolved: {0}")]
    Resolve(String),
    /// No address of the host accepted a connection; this is the last one's error.
    #[error("no connection to {address}: {error}")]
    Connect {
        /// The address tried last.
        address: SocketAddr,
        /// What went wrong.
        error: io::Error,
    },
    /// TLS failed, most often because of the certificate.
    #[error("TLS failed: {0}")]
    Tls(TlsFailure),
    /// The deadline passed before the header block was complete.
    #[error("no answer in time")]
    TimedOut,
    /// The connection ended before the header block was complete.
    #[error("the connection ended before an answer came: {0}")]
    Ended(String),
    /// What came is not HTTP/1, or too large.
    #[error("the answer is not usable: {0}")]
    Protocol(String),
}

/// Sends requests to addresses that users chose. Cheap to share behind an `Arc`.
pub struct Client {
    connector: Connector,
    pub(crate) pool: Pool,
    limits: Limits,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("policy", &self.connector.policy)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client with that policy. Fails only if TLS cannot be set up: an own certificate whose key is another's.
    pub fn new(
        policy: Policy,
        resolver: Arc<dyn Resolve>,
        tls: Tls,
        limits: Limits,
    ) -> Result<Self, rustls::Error> {
        let connector = Connector { policy, resolver, tls: tls.into_config()?, proxy: None };
        let pool = Pool::new(limits.idle_max, limits.idle);
        Ok(Self { connector, pool, limits })
    }

    /// Sends everything but what goes to loopback addresses through a proxy.
    #[must_use]
    pub fn through(mut self, proxy: Proxy) -> Self {
        self.connector.proxy = Some(proxy);
        self
    }

    /// The policy that it follows.
    pub const fn policy(&self) -> &Policy {
        &self.connector.policy
    }

    /// Closes connections that have been idle for too long; to be called now and then.
    pub fn sweep(&self) {
        self.pool.sweep();
    }

    /// A connection to the host and port of a URL, checked as for a request, for whoever carries bytes
    /// without looking at them.
    pub async fn dial(&self, url: &Url, timeout: Duration) -> Result<TcpStream, ExchangeError> {
        let deadline = Instant::now() + timeout;
        self.connector.policy.check_url(url)?;
        let dialled = timeout_at(deadline, self.connector.dial(url, None, deadline)).await;
        dialled.unwrap_or(Err(ExchangeError::TimedOut))
    }

    /// Sends a request and reads the beginning of its answer. Dropping the future closes the
    /// connection.
    pub async fn exchange(&self, request: Request) -> Result<Exchange, ExchangeError> {
        let start = Instant::now();
        let deadline = start + request.timeout;
        self.connector.policy.check_url(&request.url)?;
        let (mut wire, response, reused) = timeout_at(deadline, self.head(&request, deadline))
            .await
            .unwrap_or(Err(ExchangeError::TimedOut))?;
        let (head, body) = response.into_parts();
        let read = self.body(&mut wire, body, deadline).await;
        if read.whole {
            self.pool.put(destination(&request.url), wire);
        }
        Ok(Exchange {
            status: head.status,
            headers: head.headers,
            body: read.bytes,
            body_error: read.error,
            reused,
            duration: start.elapsed(),
        })
    }

    /// Sends the request on a kept connection or a new one, until the header block is complete.
    pub(crate) async fn head(
        &self,
        request: &Request,
        deadline: Instant,
    ) -> Result<(Wire, http::Response<Incoming>, bool), ExchangeError> {
        while let Some(mut wire) = self.pool.take(&destination(&request.url)) {
            if !wire.usable().await {
                continue;
            }
            let before = wire.meter.read();
            let sent = self.send(wire, request).await;
            match sent {
                // the peer closed it while it was idle, or in that very moment: it has answered
                // nothing, so the request goes out once more
                Err((ExchangeError::Ended(_), read)) if read == before => break,
                Ok((wire, response)) => return Ok((wire, response, true)),
                Err((error, _read)) => return Err(error),
            }
        }
        let stream = self.connector.connect(&request.url, request.owner, deadline).await?;
        let meter = Arc::new(Meter::default());
        let io = TokioIo::new(Metered::new(stream, Arc::clone(&meter)));
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(self.limits.head_bytes.max(8192))
            .handshake(io)
            .await
            .map_err(|error| ExchangeError::Protocol(error.to_string()))?;
        let wire = Wire { sender, driver: Some(Box::pin(driver)), meter };
        let sent = self.send(wire, request).await;
        sent.map(|(wire, response)| (wire, response, false)).map_err(|(error, _read)| error)
    }

    /// One request on one connection; an error comes with the bytes that had been read by then.
    async fn send(
        &self,
        mut wire: Wire,
        request: &Request,
    ) -> Result<(Wire, http::Response<Incoming>), (ExchangeError, u64)> {
        // the block itself, and what hyper may have read beyond it when it is complete
        let grant = self.limits.head_bytes.saturating_mul(2).saturating_add(self.limits.body_bytes);
        wire.meter.grant(u64::try_from(grant).unwrap_or(u64::MAX));
        let outgoing = outgoing(request)
            .map_err(|error| (ExchangeError::Protocol(error.to_string()), wire.meter.read()))?;
        let Wire { sender, driver, meter } = &mut wire;
        match Wire::drive(driver, sender.send_request(outgoing)).await {
            Ok(response) => Ok((wire, response)),
            Err(error) => Err((failure(&error, meter), meter.read())),
        }
    }

    /// Reads the body's beginning.
    async fn body(&self, wire: &mut Wire, mut body: Incoming, deadline: Instant) -> BodyRead {
        let max = self.limits.body_bytes;
        let mut bytes = BytesMut::new();
        let error = loop {
            if body.is_end_stream() {
                break None;
            }
            if bytes.len() >= max {
                return BodyRead { bytes: bytes.freeze(), error: None, whole: false };
            }
            match timeout_at(deadline, Wire::drive(&mut wire.driver, body.frame())).await {
                Err(_) => break Some("the body did not end in time".to_owned()),
                Ok(None) => break None,
                Ok(Some(Err(error))) => break Some(reason(&error)),
                Ok(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default();
                    let room = max.saturating_sub(bytes.len()).min(data.len());
                    bytes.extend_from_slice(&data.slice(..room));
                }
            }
        };
        let whole = error.is_none() && wire.driver.is_some();
        BodyRead { bytes: bytes.freeze(), error, whole }
    }
}

/// What came of reading a body.
struct BodyRead {
    bytes: Bytes,
    error: Option<String>,
    /// It ended, and the connection can be used again.
    whole: bool,
}

pub(crate) fn destination(url: &Url) -> Destination {
    Destination {
        tls: url.scheme() == "https",
        host: url.host_str().unwrap_or_default().to_owned(),
        port: url.port_or_known_default().unwrap_or(0),
    }
}

fn outgoing(request: &Request) -> Result<http::Request<Outgoing>, http::Error> {
    let url = &request.url;
    let mut target = url.path().to_owned();
    if let Some(query) = url.query() {
        target.push('?');
        target.push_str(query);
    }
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let mut outgoing = http::Request::builder()
        .method(request.method.clone())
        .uri(target)
        .body(Outgoing::new(request.body.clone(), request.pace))?;
    outgoing.headers_mut().clone_from(&request.headers);
    outgoing.headers_mut().insert(HOST, HeaderValue::try_from(host)?);
    Ok(outgoing)
}

/// Which failure an error of hyper is.
fn failure(error: &hyper::Error, meter: &Meter) -> ExchangeError {
    if meter.exhausted() || error.is_parse_too_large() {
        ExchangeError::Protocol("its header block is too large".to_owned())
    } else if error.is_parse() {
        ExchangeError::Protocol(reason(error))
    } else {
        ExchangeError::Ended(reason(error))
    }
}

/// The innermost cause: hyper's own level says little ("connection error").
pub(crate) fn reason(error: &hyper::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
