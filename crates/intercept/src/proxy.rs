//! The proxy: a listener on a loopback address, one task a connection, everything bounded.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::uri::Scheme;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use model::{Timestamp, limits};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer::{self, Body};
use crate::authority::Authority;
use crate::certificates::Certificates;
use crate::elsewhere::Elsewhere;
use crate::server::{FindAgain, Server, Way};
use crate::tunnel::Duplex;
use crate::{forward, names, tunnel};

/// Pause after a failed accept: it fails when descriptors run out, and they come back only as other
/// connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Something that the user of the program should know. Said once for each host, and once for each
/// reason.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// The program asked for a host that is not Tencent's.
    Refused {
        /// The host, as it was written.
        host: String,
    },
    /// The server could not be reached.
    Unreachable {
        /// Why.
        reason: String,
    },
}

/// Who is told.
pub type Tell = Arc<dyn Fn(&Note) + Send + Sync>;

/// How long the proxy waits for its clients. The defaults are those of [`model::limits`]; tests
/// shorten them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For the head of a request to the proxy, and for the next one on the same connection.
    pub head: Duration,
    /// For a TLS handshake inside a CONNECT.
    pub handshake: Duration,
    /// For a byte in either direction.
    pub idle: Duration,
    /// For a connection to the server.
    pub connect: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            head: Duration::from_millis(limits::KEEP_ALIVE_MS),
            handshake: Duration::from_millis(limits::HEADER_READ_MS),
            idle: Duration::from_millis(limits::INTERCEPT_IDLE_MS),
            connect: Duration::from_millis(limits::INTERCEPT_CONNECT_MS),
        }
    }
}

/// What a proxy is made of.
pub struct Settings {
    /// The server.
    pub server: Server,
    /// Looks for it when it is not there any more.
    pub find_again: FindAgain,
    /// What signs for Tencent's names.
    pub authority: Authority,
    /// From when on its certificates are valid.
    pub now: Timestamp,
    /// How long clients are waited for.
    pub deadlines: Deadlines,
    /// Whether other hosts are reached too, instead of refused.
    pub pass_through: bool,
    /// Who is told what the user should know.
    pub tell: Tell,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Why the proxy cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Others could reach it.
    #[error("{0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {address}: {cause}")]
    Io {
        /// Which.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
}

/// A proxy that listens. [`Proxy::serve`] answers.
#[derive(Debug)]
pub struct Proxy {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Listens on a loopback address; port 0 takes a free one.
    pub async fn bind(address: SocketAddr, settings: Settings) -> Result<Self, BindError> {
        if !address.ip().is_loopback() {
            return Err(BindError::NotLoopback(address));
        }
        let failed = |cause| BindError::Io { address, cause };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let Settings { server, find_again, authority, now, deadlines, pass_through, tell } =
            settings;
        let elsewhere = pass_through.then(|| Elsewhere::new(address)).transpose();
        let shared = Arc::new(Shared {
            way: Way::new(server, find_again),
            certificates: Certificates::new(authority, now),
            deadlines,
            elsewhere: elsewhere.map_err(failed)?,
            tell,
            told: Mutex::default(),
        });
        Ok(Self { listener, address, shared })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves connections until `stop`, then ends them all at once and returns.
    pub async fn serve(self, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(limits::INTERCEPT_CONNECTIONS_MAX));
        let tasks = TaskTracker::new();
        while let Some(accepted) = stop.run_until_cancelled(accept(&self.listener, &slots)).await {
            let (stream, peer, slot) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if !peer.ip().is_loopback() {
                continue;
            }
            let connection = Connection(Arc::new(Held {
                shared: Arc::clone(&self.shared),
                stop: stop.clone(),
                tasks: tasks.clone(),
                _slot: slot,
            }));
            connection.spawn(serve(stream, connection.clone()));
        }
        tasks.close();
        tasks.wait().await;
    }
}

type Accepted = (TcpStream, SocketAddr, OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> io::Result<Accepted> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, slot))
}

/// What all connections share.
pub(crate) struct Shared {
    way: Way,
    pub(crate) certificates: Certificates,
    pub(crate) deadlines: Deadlines,
    /// None: other hosts are refused.
    elsewhere: Option<Elsewhere>,
    tell: Tell,
    told: Mutex<HashSet<Note>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("way", &self.way).finish_non_exhaustive()
    }
}

impl Shared {
    /// A connection to the server; else the words for who wanted it, and a note to the user.
    pub(crate) async fn connect(&self) -> Result<Box<dyn Duplex>, String> {
        self.way.connect(self.deadlines.connect).await.map_err(|error| {
            self.tell(Note::Unreachable { reason: error.to_string() });
            format!("cannot reach {}: {error}", self.way.address())
        })
    }

    /// Tells the user something, once.
    pub(crate) fn tell(&self, note: Note) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < limits::INTERCEPT_HOSTS_MAX && !told.contains(&note) {
            (self.tell)(&note);
            told.insert(note);
        }
    }
}

/// One client's connection and all that works for it. It keeps its slot until the last of it ends.
#[derive(Clone, Debug)]
pub(crate) struct Connection(Arc<Held>);

#[derive(Debug)]
struct Held {
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Works beside the connection, and ends with the proxy at the latest.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let held = Arc::clone(&self.0);
        self.0.tasks.spawn(async move {
            let _stopped = held.stop.run_until_cancelled(work).await;
        });
    }
}

async fn serve(stream: TcpStream, connection: Connection) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let head = connection.shared().deadlines.head;
    let service = service_fn(|request: Request<Incoming>| {
        let connection = connection.clone();
        async move { Ok::<_, Infallible>(answer(&connection, request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(limits::HEADER_BYTES_MAX)
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(connection: &Connection, request: Request<Incoming>) -> Response<Body> {
    let Some(host) = request.uri().host().map(str::to_ascii_lowercase) else {
        let text = "this is a proxy; the server itself is elsewhere";
        return answer::own(StatusCode::BAD_REQUEST, text);
    };
    let is_connect = request.method() == Method::CONNECT;
    if names::is_intercepted(&host) {
        if is_connect {
            return connect(connection, host, request);
        }
        return forward::to_server(connection, request).await;
    }
    let Some(elsewhere) = &connection.shared().elsewhere else {
        connection.shared().tell(Note::Refused { host: host.clone() });
        return answer::own(StatusCode::FORBIDDEN, &refusal(&host));
    };
    if !is_connect && request.uri().scheme() != Some(&Scheme::HTTP) {
        let text = "for another host only CONNECT and plain http are passed through";
        return answer::own(StatusCode::FORBIDDEN, text);
    }
    match elsewhere.connect(request.uri(), connection.shared().deadlines.connect).await {
        Ok(stream) if is_connect => pass(connection, stream, request),
        Ok(stream) => forward::to_host(connection, stream, request).await,
        Err(error) => {
            answer::own(StatusCode::BAD_GATEWAY, &format!("cannot reach {host}: {error}"))
        }
    }
}

/// Why a host is refused, and what to do about it.
pub fn refusal(host: &str) -> String {
    format!(
        "{host} is not one of Tencent's upload hosts; with `callboard run --pass-through` others are \
         reached too, and NO_PROXY names hosts to reach without the proxy"
    )
}

/// Accepts a CONNECT to another host; its bytes are carried beside.
fn pass(connection: &Connection, far: TcpStream, request: Request<Incoming>) -> Response<Body> {
    let inside = connection.clone();
    connection.spawn(async move {
        let idle = inside.shared().deadlines.idle;
        let outcome = match hyper::upgrade::on(request).await {
            Ok(upgraded) => tunnel::pipe(TokioIo::new(upgraded), far, idle).await,
            Err(error) => Err(io::Error::other(error)),
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "a tunnel ended early");
        }
    });
    Response::new(Either::Right(Full::default()))
}

/// Accepts a CONNECT; what comes inside is served beside.
fn connect(connection: &Connection, host: String, request: Request<Incoming>) -> Response<Body> {
    let inside = connection.clone();
    connection.spawn(async move {
        let outcome = match hyper::upgrade::on(request).await {
            // boxed, because a handshake holds what it has read
            Ok(upgraded) => {
                let stream = TokioIo::new(upgraded);
                Box::pin(tunnel::serve(inside.shared(), &host, stream)).await
            }
            Err(error) => Err(io::Error::other(error)),
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, host, "a tunnel ended early");
        }
    });
    Response::new(Either::Right(Full::default()))
}
