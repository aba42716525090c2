//! What flows inside a CONNECT: TLS is taken off where it is there, and the bytes go to the server as
//! they are. The server has the limits and deadlines of HTTP; here are only those of the connection.

use std::io::{self, Cursor};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::StatusCode;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;

use crate::answer;
use crate::proxy::Shared;

/// The first byte of a TLS connection: a handshake record.
const TLS_HANDSHAKE: u8 = 22;

/// Serves the inside of a CONNECT to one of Tencent's hosts (in lower case).
pub(crate) async fn serve(shared: &Shared, host: &str, stream: impl Duplex) -> io::Result<()> {
    let (mut read, write) = tokio::io::split(stream);
    let first = within(shared.deadlines.handshake, read.read_u8()).await?;
    let stream = tokio::io::join(Cursor::new([first]).chain(read), write);
    if first != TLS_HANDSHAKE {
        // `CONNECT host:80` is how some clients send plain HTTP
        return to_server(shared, stream).await;
    }
    let tls = within(shared.deadlines.handshake, Box::pin(secure(shared, host, stream))).await?;
    to_server(shared, tls).await
}

/// Takes TLS off. A client that names another host than it asked the proxy for is refused: one
/// connection is for one host.
async fn secure<S: Duplex>(
    shared: &Shared,
    host: &str,
    stream: S,
) -> io::Result<tokio_rustls::server::TlsStream<S>> {
    let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let started = match (&mut acceptor).await {
        Ok(started) => started,
        Err(error) => {
            if let Some(mut stream) = acceptor.take_io() {
                let text = "what came is not TLS";
                stream.write_all(&answer::bytes(StatusCode::BAD_REQUEST, text)).await?;
                stream.shutdown().await?;
            }
            return Err(error);
        }
    };
    let named = started.client_hello().server_name().map(str::to_ascii_lowercase);
    if named.as_ref().is_some_and(|named| named != host) {
        return Err(io::Error::other("the TLS name is not that of the CONNECT"));
    }
    let config = shared.certificates.of(host).map_err(io::Error::other)?;
    started.into_stream(config).await
}

/// Carries bytes to the server and back. The server is connected to when there is something for it,
/// because it has no patience with clients that say nothing, and browsers connect ahead of need.
async fn to_server(shared: &Shared, mut stream: impl Duplex) -> io::Result<()> {
    let mut first = vec![0; FIRST_BYTES];
    let length = within(shared.deadlines.idle, stream.read(&mut first)).await?;
    first.truncate(length);
    if first.is_empty() {
        return stream.shutdown().await;
    }
    match shared.connect().await {
        Ok(mut server) => {
            server.write_all(&first).await?;
            drop(first);
            pipe(stream, server, shared.deadlines.idle).await
        }
        Err(text) => {
            stream.write_all(&answer::bytes(StatusCode::BAD_GATEWAY, &text)).await?;
            stream.shutdown().await
        }
    }
}

/// Bytes of a first read: enough for most heads.
const FIRST_BYTES: usize = 8 * 1024;

/// Copies both ways until both have ended or, for at least `idle`, nothing has moved.
pub(crate) async fn pipe(
    near: impl Duplex,
    mut far: impl Duplex,
    idle: Duration,
) -> io::Result<()> {
    let mut near = Watched::new(near);
    let activity = near.activity();
    tokio::select! {
        copied = tokio::io::copy_bidirectional(&mut near, &mut far) => copied.map(|_bytes| ()),
        () = activity.ceases(idle) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn within<T>(deadline: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(deadline, work).await.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()))
}

/// A stream in both directions.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// Whether bytes move.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity(Arc<AtomicU64>);

impl Activity {
    fn seen(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns when nothing has moved for `idle`, and at most twice that.
    pub(crate) async fn ceases(&self, idle: Duration) {
        loop {
            let before = self.0.load(Ordering::Relaxed);
            tokio::time::sleep(idle).await;
            if self.0.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

/// A stream that notes when bytes move through it.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    activity: Activity,
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, activity: Activity::default() }
    }

    pub(crate) fn activity(&self) -> Activity {
        self.activity.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        self.activity.seen();
        Poll::Ready(outcome)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        self.activity.seen();
        Poll::Ready(outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
