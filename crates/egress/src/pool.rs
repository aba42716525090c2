//! Connections kept for the next exchange with the same scheme, host and port.
//!
//! A connection has no task of its own: whoever holds an exchange drives it, so an idle connection
//! reads nothing and needs nobody to stop it. That its peer has closed it meanwhile is seen when it
//! is taken out.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use crate::meter::{Meter, Metered};
use crate::pace::Outgoing;

/// What a kept connection may be used for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Destination {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The half of a connection that moves the bytes.
pub(crate) type Driver = Pin<Box<http1::Connection<TokioIo<Metered>, Outgoing>>>;

/// One HTTP/1.1 connection.
pub(crate) struct Wire {
    pub(crate) sender: http1::SendRequest<Outgoing>,
    /// None once it has ended.
    pub(crate) driver: Option<Driver>,
    pub(crate) meter: Arc<Meter>,
}

impl Wire {
    /// Runs a future of this connection while moving the connection's bytes. `future` must end by
    /// itself when the connection does.
    pub(crate) async fn drive<T>(
        driver: &mut Option<Driver>,
        future: impl Future<Output = T>,
    ) -> T {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if driver.as_mut().is_some_and(|driver| driver.as_mut().poll(cx).is_ready()) {
                // its error reaches the future through hyper's channel
                *driver = None;
            }
            future.as_mut().poll(cx)
        })
        .await
    }

    /// Whether another request can be sent at once; reads what the peer did while it was idle.
    ///
    /// Never waits: a connection that is still busy with its last request (a peer that answered
    /// without reading all of it) is of no use.
    pub(crate) async fn usable(&mut self) -> bool {
        let Self { sender, driver, .. } = self;
        let ready = poll_fn(|cx| {
            // the first step ends the last exchange, the second looks at the idle connection
            for _ in 0..2 {
                if driver.as_mut().is_none_or(|driver| driver.as_mut().poll(cx).is_ready()) {
                    return Poll::Ready(false);
                }
            }
            Poll::Ready(matches!(sender.poll_ready(cx), Poll::Ready(Ok(()))))
        })
        .await;
        if !ready {
            self.driver = None;
        }
        ready
    }
}

struct Idle {
    wire: Wire,
    since: Instant,
}

/// The kept connections.
pub(crate) struct Pool {
    idle: Mutex<HashMap<Destination, Vec<Idle>>>,
    per_destination: usize,
    total: usize,
    keep: Duration,
}

impl Pool {
    pub(crate) fn new(per_destination: usize, total: usize, keep: Duration) -> Self {
        Self { idle: Mutex::default(), per_destination, total, keep }
    }

    /// The connection that was used last, if one is kept.
    pub(crate) fn take(&self, destination: &Destination) -> Option<Wire> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, keep) = (Instant::now(), self.keep);
        let list = idle.get_mut(destination)?;
        list.retain(|kept| now.duration_since(kept.since) < keep);
        let taken = list.pop();
        if list.is_empty() {
            idle.remove(destination);
        }
        taken.map(|kept| kept.wire)
    }

    /// Keeps a connection whose exchange has ended well; drops it when too many are kept.
    pub(crate) fn put(&self, destination: Destination, wire: Wire) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        drop_old(&mut idle, now, self.keep);
        let total: usize = idle.values().map(Vec::len).sum();
        let list = idle.entry(destination).or_default();
        if list.len() < self.per_destination && total < self.total {
            list.push(Idle { wire, since: now });
        }
    }

    /// Closes what has been idle for too long.
    pub(crate) fn sweep(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        drop_old(&mut idle, Instant::now(), self.keep);
    }
}

fn drop_old(idle: &mut HashMap<Destination, Vec<Idle>>, now: Instant, keep: Duration) {
    idle.retain(|_, list| {
        list.retain(|kept| now.duration_since(kept.since) < keep);
        !list.is_empty()
    });
}
