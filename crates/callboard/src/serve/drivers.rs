//! What runs in the background: ticks, each a loop around a function that tests call themselves.

use std::sync::Arc;
use std::time::Duration;

use media::{Library, Recorder};
use queue::Backend;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::failure::chain;

/// How often the queue looks at what time has brought: the grain of leases and retries.
const STORE_TICK: Duration = Duration::from_millis(100);
/// How often it is looked for live playlists whose time has come.
const LIVE_TICK: Duration = Duration::from_millis(500);
/// How often dead uploads, deleted files and files past their end are swept; more often, if files
/// stay for less after their end.
const LIBRARY_TICK: Duration = Duration::from_secs(10);

/// Ticks the backend until `stop`; reports its failure, should it fail for good.
pub(super) async fn tick_backend(
    backend: Arc<dyn Backend>,
    failed: watch::Sender<Option<String>>,
    stop: CancellationToken,
) {
    let mut ticks = interval(STORE_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut troubled = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match backend.tick().await {
            Ok(()) => troubled = false,
            Err(error) if !troubled => {
                tracing::error!(%error, "the queue cannot go on");
                troubled = true;
            }
            Err(_known) => {}
        }
        let health = backend.health();
        if health.failed {
            failed.send_replace(Some(health.problems.join("; ")));
            return;
        }
    }
}

/// Records live streams until `stop`. What fails tick after tick is told once.
pub(super) async fn tick_live(recorder: Arc<Recorder>, stop: CancellationToken) {
    let mut ticks = interval(LIVE_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Told::new("a live stream cannot be recorded");
    loop {
        tokio::select! {
            () = stop.cancelled() => return recorder.close().await,
            _ = ticks.tick() => {}
        }
        told.note(recorder.tick().await);
    }
}

/// Copies clips until `stop`: what a crash or a failure left, for new ones begin at once. What fails
/// tick after tick is told once.
pub(super) async fn tick_clips(library: Arc<Library>, stop: CancellationToken) {
    let mut ticks = interval(LIBRARY_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Told::new("a clip cannot be copied");
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        told.note(library.tick_clips().await);
    }
}

/// Ticks the library until `stop`. What fails tick after tick is told once.
pub(super) async fn tick_library(library: Arc<Library>, stop: CancellationToken) {
    let grace = Duration::from_millis(library.settings().expiry_grace_ms);
    let mut ticks = interval(LIBRARY_TICK.min(grace));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Told::new("the library was not swept as a whole");
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        told.note(library.tick().await);
    }
}

/// What was last said in the log of a loop's trouble: what fails tick after tick is told once.
struct Told {
    what: &'static str,
    last: String,
}

impl Told {
    const fn new(what: &'static str) -> Self {
        Self { what, last: String::new() }
    }

    fn note<E: std::error::Error>(&mut self, ticked: Result<(), E>) {
        let trouble = ticked.map_or_else(|error| chain(&error), |()| String::new());
        if !trouble.is_empty() && trouble != self.last {
            tracing::warn!(error = trouble, "{}", self.what);
        }
        self.last = trouble;
    }
}
