//! The accept loop: sockets to HTTP/1.1 connections, with bounds on each and a graceful end.
//!
//! hyper is used without a framework's server, because four things matter here that those leave to
//! chance: a deadline for the header block, a connection that ends when its client hangs up (so that
//! a long poll leases nothing for nobody), a bound on what a client that reads nothing may hold, and
//! who gets up when all seats are taken. HTTP/2 is deliberately absent: no official client needs it.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use model::limits;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::files::Peer;
use crate::http::Incoming;
use crate::patience::{Guarded, Patience, Patient};
use crate::seats::{Seat, Seats};
use crate::settings::Transport;
use crate::spelling::Spelling;
use crate::tls::Tls;
use crate::{Gateway, http};

/// Pause after a failed accept: it fails when descriptors run out, and they come back only as other
/// connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long an answer may still be on its way to a client whose seat is wanted.
const LEAVE: Duration = Duration::from_secs(1);

/// What a handler answers with.
pub(crate) type Response = ::http::Response<Body>;

/// What answers the requests of a listener.
trait Surface: Clone + Send + Sync + 'static {
    fn answer(&self, seat: &Seat, request: Incoming) -> impl Future<Output = Response> + Send;
}

/// Serves connections until `shutdown`; then stops accepting, lets the requests under way finish
/// (for at most [`Transport::drain`]) and returns. Waiting PullEvents calls are answered at once, as
/// if nothing had come.
///
/// With a certificate it speaks TLS only; without, plain HTTP only.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    gateway: Gateway,
    shutdown: CancellationToken,
) {
    let transport = gateway.settings().transport;
    let spelling = Arc::new(Spelling::learn().await);
    let (stop, surface) = (gateway.clone(), Api { gateway, spelling });
    run((listener, tls), transport, surface, shutdown, || stop.stop()).await;
}

/// The same for pages that are not the API's, with the same bounds. A request must be read and
/// answered within [`Transport::body_read`].
pub async fn serve_router(
    listener: TcpListener,
    router: Router,
    transport: Transport,
    shutdown: CancellationToken,
) {
    let surface = Pages { router, time: transport.body_read };
    run((listener, None), transport, surface, shutdown, || ()).await;
}

#[derive(Clone)]
struct Api {
    gateway: Gateway,
    spelling: Arc<Spelling>,
}

impl Surface for Api {
    async fn answer(&self, seat: &Seat, request: Incoming) -> Response {
        let mut response = Box::pin(http::handle(&self.gateway, seat, request)).await;
        self.spelling.apply(&mut response);
        response
    }
}

#[derive(Clone)]
struct Pages {
    router: Router,
    time: Duration,
}

impl Surface for Pages {
    async fn answer(&self, _seat: &Seat, request: Incoming) -> Response {
        match tokio::time::timeout(self.time, self.router.clone().oneshot(request)).await {
            Ok(Ok(response)) => response,
            Err(_elapsed) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = ::http::StatusCode::REQUEST_TIMEOUT;
                response
            }
        }
    }
}

/// What plain HTTP meets where TLS is spoken.
#[derive(Clone)]
struct NeedsTls;

impl Surface for NeedsTls {
    async fn answer(&self, _seat: &Seat, request: Incoming) -> Response {
        http::needs_tls(request).await
    }
}

async fn run<S: Surface>(
    (listener, tls): (TcpListener, Option<Tls>),
    transport: Transport,
    surface: S,
    shutdown: CancellationToken,
    stopping: impl FnOnce(),
) {
    let seats = Seats::new(transport.connections, transport.make_room_after);
    let connections = TaskTracker::new();
    let abandon = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &seats) => accepted,
        };
        let (stream, seat, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (shutdown, abandon) = (shutdown.clone(), abandon.clone());
        let line = Line { seat, peer, transport, shutdown };
        let connection = connection(stream, tls.clone(), line, surface.clone());
        connections.spawn(async move { abandon.run_until_cancelled(connection).await });
    }
    drop(listener);
    stopping();
    connections.close();
    if tokio::time::timeout(transport.drain, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "ending connections that did not finish");
        abandon.cancel();
        connections.wait().await;
    }
}

/// A connection first, then its seat: nobody is asked to leave for a connection that does not come.
async fn accept(listener: &TcpListener, seats: &Arc<Seats>) -> io::Result<(TcpStream, Seat, Peer)> {
    let (stream, peer) = listener.accept().await?;
    let seat = seats.take().await.map_err(io::Error::other)?;
    Ok((stream, seat, Peer(peer.ip())))
}

/// What a connection is held to.
struct Line {
    seat: Seat,
    peer: Peer,
    transport: Transport,
    shutdown: CancellationToken,
}

async fn connection<S: Surface>(stream: TcpStream, tls: Option<Tls>, line: Line, surface: S) {
    if let Err(error) = prepare(&stream) {
        tracing::debug!(%error, "cannot set the options of a connection");
    }
    let Some(tls) = tls else { return speak(stream, line, surface).await };
    let greeting = tokio::time::timeout(line.transport.header_read, greet(stream, &tls));
    let greeted = tokio::select! {
        greeted = greeting => greeted,
        () = line.shutdown.cancelled() => return,
        () = line.seat.wanted() => return,
    };
    match greeted {
        Ok(Ok(Greeted::Tls(stream))) => speak(*stream, line, surface).await,
        Ok(Ok(Greeted::Plain(stream))) => speak(stream, line, NeedsTls).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_elapsed) => tracing::debug!("a TLS handshake took too long"),
    }
}

/// Sets what a connection needs to be served and judged well.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    // answers are small and written at once; waiting to fill a packet only delays them
    stream.set_nodelay(true)?;
    // how long a client is waited for can be told only of what is not in the system's hands
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(limits::ANSWER_UNSENT_BYTES)?;
    Ok(())
}

/// What a client began with.
enum Greeted {
    Tls(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

/// Shakes hands, unless what comes is plain HTTP: that begins with a letter, TLS with a record of its
/// own type.
async fn greet(stream: TcpStream, tls: &Tls) -> io::Result<Greeted> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    if first.first().is_some_and(u8::is_ascii_alphabetic) {
        return Ok(Greeted::Plain(stream));
    }
    tls.acceptor().accept(stream).await.map(|stream| Greeted::Tls(Box::new(stream)))
}

async fn speak<S: Surface>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    Line { seat, peer, transport, shutdown }: Line,
    surface: S,
) {
    let patience = Patience {
        head: transport.header_read,
        next: transport.keep_alive,
        next_of_stranger: transport.keep_alive_of_stranger,
        write: transport.write_stall,
        crawl: transport.write_crawl,
    };
    let io = TokioIo::new(Patient::new(stream, patience, seat.clone()));
    let service = service_fn(|mut request: Incoming| {
        request.extensions_mut().insert(peer);
        // at once, before the stream is read again: it must not wait for another head
        let (surface, seat, turn) = (surface.clone(), seat.clone(), seat.begin());
        async move {
            let response = surface.answer(&seat, request).await;
            Ok::<_, Infallible>(response.map(|body| Guarded::new(body, turn)))
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(limits::HEADER_BYTES_MAX)
        .half_close(false)
        .serve_connection(io, service);
    let mut served = pin!(served);
    let outcome = tokio::select! {
        outcome = served.as_mut() => outcome,
        () = shutdown.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
        () = seat.wanted() => {
            tracing::debug!("a connection is closed to make room");
            let unread = seat.is_busy() && !seat.is_serving();
            if unread || !seat.has_answer() && !seat.is_serving() {
                return;
            }
            served.as_mut().graceful_shutdown();
            let answering = seat.is_serving();
            let left = tokio::time::timeout(LEAVE, served.as_mut()).await;
            match left {
                Err(_elapsed) if answering => served.await,
                left => left.unwrap_or(Ok(())),
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpSocket;

    use super::*;

    #[tokio::test]
    async fn the_system_takes_little_more_than_it_can_send() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        // what the client's side takes is not what is looked at
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        let mut client = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        prepare(&stream).unwrap();
        let mut taken = 0;
        stream.writable().await.unwrap();
        while let Ok(more) = stream.try_write(&[7; 8 * 1024]) {
            taken += more;
        }
        assert!(taken < 1024 * 1024, "{taken} bytes");
        // a player that takes some is seen to do so
        let mut some = vec![0; taken];
        client.read_exact(&mut some).await.unwrap();
        let seen = tokio::time::timeout(Duration::from_secs(20), stream.writable()).await;
        seen.expect("room in time").unwrap();
    }
}
