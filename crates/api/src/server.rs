//! The accept loop: sockets to HTTP/1.1 connections, with bounds on each and a graceful end.
//!
//! hyper is used without a framework's server, because three things matter here that those leave to
//! chance: a deadline for the header block, a connection that ends when its client hangs up (so that
//! a long poll leases nothing for nobody), and a bound on what a client that reads nothing may hold.
//! HTTP/2 is deliberately absent: no official client speaks it without TLS.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use model::limits;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::patience::{Busy, Guarded, Patience, Patient};
use crate::spelling::Spelling;
use crate::{Gateway, http};

/// Pause after a failed accept: it fails when descriptors run out, and they come back only as other
/// connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves connections until `shutdown`; then stops accepting, lets the requests under way finish
/// (for at most [`crate::Transport::drain`]) and returns. Waiting PullEvents calls are answered at
/// once, as if nothing had come.
pub async fn serve(listener: TcpListener, gateway: Gateway, shutdown: CancellationToken) {
    let transport = gateway.settings().transport;
    let slots = Arc::new(Semaphore::new(transport.connections));
    let connections = TaskTracker::new();
    let abandon = CancellationToken::new();
    let spelling = Arc::new(Spelling::learn().await);
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let (stream, slot) = match accepted {
            Ok(Some(accepted)) => accepted,
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (gateway, shutdown, abandon) = (gateway.clone(), shutdown.clone(), abandon.clone());
        let spelling = Arc::clone(&spelling);
        connections.spawn(async move {
            tokio::select! {
                () = abandon.cancelled() => {}
                () = connection(stream, gateway, spelling, shutdown) => {}
            }
            drop(slot);
        });
    }
    drop(listener);
    gateway.stop();
    connections.close();
    if tokio::time::timeout(transport.drain, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "ending connections that did not finish");
        abandon.cancel();
        connections.wait().await;
    }
}

type Accepted = (TcpStream, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> io::Result<Option<Accepted>> {
    let Ok(slot) = Arc::clone(slots).acquire_owned().await else { return Ok(None) };
    let (stream, _peer) = listener.accept().await?;
    Ok(Some((stream, slot)))
}

async fn connection(
    stream: TcpStream,
    gateway: Gateway,
    spelling: Arc<Spelling>,
    shutdown: CancellationToken,
) {
    // answers are small and written at once; waiting to fill a packet only delays them
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let transport = gateway.settings().transport;
    let patience = Patience {
        head: transport.header_read,
        next: transport.keep_alive,
        write: transport.write_stall,
    };
    let busy = Busy::default();
    let io = TokioIo::new(Patient::new(stream, patience, busy.clone()));
    let service = service_fn(move |request: http::Incoming| {
        let (gateway, guard) = (gateway.clone(), busy.begin());
        let spelling = Arc::clone(&spelling);
        async move {
            let mut response = http::handle(&gateway, request).await;
            spelling.apply(&mut response);
            Ok::<_, std::convert::Infallible>(response.map(|body| Guarded::new(body, guard)))
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
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// What a handler answers with.
pub(crate) type Response = ::http::Response<Body>;
