//! A real receiver of callbacks: an HTTP server on loopback that records every request and answers
//! as a test has told it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::certificate::{Authority, Issued};
use crate::{Failure, Result};

/// A request that has come.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method, as it came.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Received {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header as text; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What to do with a request.
#[derive(Clone, Debug)]
pub enum Reaction {
    /// Answer with that status, those headers and that body.
    Answer(u16, Vec<(&'static str, String)>, Bytes),
    /// Answer with 200 after a while.
    Late(Duration),
    /// Never answer.
    Hang,
    /// Close the connection without an answer.
    Close,
}

impl Reaction {
    /// An answer with that status and nothing else.
    pub const fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), Bytes::new())
    }
}

/// Decides what to do with a request.
type Script = Box<dyn Fn(&Received) -> Reaction + Send + Sync>;

struct Inner {
    received: watch::Sender<Vec<Received>>,
    next: Mutex<VecDeque<Reaction>>,
    script: Mutex<Script>,
    /// None: plain HTTP.
    tls: Mutex<Option<TlsAcceptor>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("received", &self.received).finish_non_exhaustive()
    }
}

/// A running receiver; dropping it closes the port.
#[derive(Debug)]
pub struct Receiver {
    scheme: &'static str,
    address: SocketAddr,
    inner: Arc<Inner>,
    _stop: DropGuard,
}

impl Receiver {
    /// Listens on a free port and answers 200 until it is told otherwise.
    pub async fn start() -> Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// The same, over TLS and with that certificate.
    pub async fn start_secure(certificate: &Issued) -> Result<Self> {
        let receiver = Self { scheme: "https", ..Self::start().await? };
        receiver.show(certificate)?;
        Ok(receiver)
    }

    /// Shows that certificate to whoever connects from now on.
    pub fn show(&self, certificate: &Issued) -> Result<()> {
        *lock(&self.inner.tls) = Some(TlsAcceptor::from(certificate.server(None)?));
        Ok(())
    }

    /// The same, and asks whoever connects for a certificate from that authority.
    pub fn show_and_ask(&self, certificate: &Issued, clients: &Authority) -> Result<()> {
        *lock(&self.inner.tls) = Some(TlsAcceptor::from(certificate.server(Some(clients))?));
        Ok(())
    }

    /// Plain HTTP at that address, such as one where a receiver was before.
    pub async fn start_at(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner {
            received: watch::Sender::default(),
            next: Mutex::default(),
            script: Mutex::new(Box::new(|_| Reaction::status(200))),
            tls: Mutex::default(),
        });
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(accept(listener, Arc::clone(&inner), stop.clone(), tasks.clone()));
        Ok(Self { scheme: "http", address, inner, _stop: stop.drop_guard() })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where callbacks go; `path` starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// What to do with the next requests, one each, before the script decides again.
    pub fn next(&self, reactions: impl IntoIterator<Item = Reaction>) {
        lock(&self.inner.next).extend(reactions);
    }

    /// What to do with every request from now on.
    pub fn script(&self, script: impl Fn(&Received) -> Reaction + Send + Sync + 'static) {
        *lock(&self.inner.script) = Box::new(script);
    }

    /// Everything that has come so far.
    pub fn received(&self) -> Vec<Received> {
        self.inner.received.borrow().clone()
    }

    /// Waits until `enough` says so about all that has come; returns that.
    pub async fn wait_until(
        &self,
        deadline: Duration,
        enough: impl Fn(&[Received]) -> bool,
    ) -> Result<Vec<Received>> {
        let mut changes = self.inner.received.subscribe();
        let wait = changes.wait_for(|received| enough(received));
        match tokio::time::timeout(deadline, wait).await {
            Ok(Ok(received)) => Ok(received.clone()),
            Ok(Err(closed)) => Err(Failure::new(closed.to_string())),
            Err(_elapsed) => {
                let all = self.received();
                let last = all.get(all.len().saturating_sub(3)..);
                Err(Failure::new(format!(
                    "after {} s only {} requests have come, at last {last:#?}",
                    deadline.as_secs(),
                    all.len(),
                )))
            }
        }
    }

    /// Waits for that many requests; returns all that have come.
    pub async fn wait_for(&self, count: usize, deadline: Duration) -> Result<Vec<Received>> {
        self.wait_until(deadline, |received| received.len() >= count).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(
    listener: TcpListener,
    inner: Arc<Inner>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => {
                if let Ok((stream, _peer)) = accepted {
                    let connection = serve(stream, Arc::clone(&inner));
                    tasks.spawn(stop.child_token().run_until_cancelled_owned(connection));
                }
            }
        }
    }
}

async fn serve(stream: TcpStream, inner: Arc<Inner>) {
    let tls = lock(&inner.tls).clone();
    match tls {
        None => answer(stream, inner).await,
        Some(tls) => {
            // One that does not trust the certificate hangs up, and sends nothing.
            if let Ok(stream) = tls.accept(stream).await {
                answer(stream, inner).await;
            }
        }
    }
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin, inner: Arc<Inner>) {
    let service = service_fn(move |request| react(request, Arc::clone(&inner)));
    let connection = hyper::server::conn::http1::Builder::new();
    // A sender that hangs up in the middle is something tests do on purpose.
    connection.serve_connection(TokioIo::new(stream), service).await.ok();
}

/// Records a request and reacts; an error closes the connection.
async fn react(
    request: Request<Incoming>,
    inner: Arc<Inner>,
) -> std::result::Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let method = parts.method.as_str().to_owned();
    let received = Received { method, target, headers: parts.headers, body };
    let next = lock(&inner.next).pop_front();
    let reaction = next.unwrap_or_else(|| lock(&inner.script)(&received));
    inner.received.send_modify(|all| all.push(received));
    let (status, headers, body) = match reaction {
        Reaction::Answer(status, headers, body) => (status, headers, body),
        Reaction::Late(wait) => {
            tokio::time::sleep(wait).await;
            (200, Vec::new(), Bytes::new())
        }
        Reaction::Hang => match std::future::pending::<Infallible>().await {},
        Reaction::Close => return Err("closed as told".into()),
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(body))?)
}
