//! Connections kept for the next exchange with the same scheme, host and port.
//!
//! A connection has no task of its own: whoever holds an exchange drives it, so an idle connection
//! reads nothing and needs nobody to stop it. That its peer has closed it meanwhile is seen when it
//! is taken out.
//!
//! There is one limit, for all destinations together; when it is reached, the connection that has
//! been idle for longest makes room. A limit for each destination would fall on applications that
//! share a receiver's host: most of their exchanges would pay for a new connection. How many a single
//! one can leave here is bounded by its exchanges at a time.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
#[derive(Default)]
struct Kept {
    /// Those of each destination, the oldest first; no list is empty.
    lists: HashMap<Destination, VecDeque<Idle>>,
    count: usize,
}

impl Kept {
    fn add(&mut self, destination: Destination, wire: Wire) {
        let idle = Idle { wire, since: Instant::now() };
        self.lists.entry(destination).or_default().push_back(idle);
        self.count += 1;
    }

    /// The youngest of a destination.
    fn take(&mut self, destination: &Destination) -> Option<Idle> {
        let list = self.lists.get_mut(destination)?;
        let youngest = list.pop_back();
        if list.is_empty() {
            self.lists.remove(destination);
        }
        self.count -= 1;
        youngest
    }

    fn drop_older_than(&mut self, keep: Duration) {
        let Self { lists, count } = self;
        lists.retain(|_, list| {
            while list.pop_front_if(|idle| idle.since.elapsed() >= keep).is_some() {
                *count -= 1;
            }
            !list.is_empty()
        });
    }

    fn drop_oldest(&mut self) {
        let front = |list: &VecDeque<Idle>| list.front().map(|idle| idle.since);
        let oldest = self.lists.iter().min_by_key(|(_, list)| front(list));
        let Some(destination) = oldest.map(|(destination, _)| destination.clone()) else { return };
        let Some(list) = self.lists.get_mut(&destination) else { return };
        list.pop_front();
        if list.is_empty() {
            self.lists.remove(&destination);
        }
        self.count -= 1;
    }
}

/// Keeps connections.
pub(crate) struct Pool {
    kept: Mutex<Kept>,
    max: usize,
    keep: Duration,
}

impl Pool {
    /// A pool of at most `max` connections, each kept for that long.
    pub(crate) fn new(max: usize, keep: Duration) -> Self {
        Self { kept: Mutex::default(), max, keep }
    }

    /// The connection that was used last, if one is kept.
    pub(crate) fn take(&self, destination: &Destination) -> Option<Wire> {
        let youngest = self.lock().take(destination);
        // if even this one is too old, the next sweep finds the others
        youngest.filter(|idle| idle.since.elapsed() < self.keep).map(|idle| idle.wire)
    }

    /// Keeps a connection whose exchange has ended well.
    pub(crate) fn put(&self, destination: Destination, wire: Wire) {
        let mut kept = self.lock();
        kept.add(destination, wire);
        if kept.count > self.max {
            kept.drop_oldest();
        }
    }

    /// Closes what has been idle for too long.
    pub(crate) fn sweep(&self) {
        self.lock().drop_older_than(self.keep);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
