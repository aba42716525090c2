//! What operators want to know about pulls, as plain counters: `media` knows no registry of metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use super::fetch::FailureCode;
use crate::library::Library;

/// Counters since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) running: AtomicU64,
    pub(super) fetched: AtomicU64,
    success: AtomicU64,
    request: AtomicU64,
    source: AtomicU64,
    server: AtomicU64,
}

/// A reading of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PullCounts {
    /// Pulls under way.
    pub running: u64,
    /// Pulls that wait for their turn.
    pub waiting: u64,
    /// Bytes that sources have sent, those of files that were given up included.
    pub fetched_bytes: u64,
    /// Pulls that have brought a file.
    pub success: u64,
    /// Pulls that have failed because of the request (ErrCode 40000).
    pub request: u64,
    /// Pulls that have failed because of the source (60000).
    pub source: u64,
    /// Pulls that have failed because of this server (70000).
    pub server: u64,
}

impl Counts {
    /// Counts a pull that has ended; none: it has succeeded.
    pub(super) fn ended(&self, failure: Option<FailureCode>) {
        let counter = match failure {
            None => &self.success,
            Some(FailureCode::Request) => &self.request,
            Some(FailureCode::Source) => &self.source,
            Some(FailureCode::Server) => &self.server,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Library {
    /// How many pulls there are, and what has come of them since the start.
    pub fn pull_counts(&self) -> PullCounts {
        let counts = &self.pulling.counts;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let running = read(&counts.running);
        PullCounts {
            running,
            waiting: self.pulling.open.total().saturating_sub(running),
            fetched_bytes: read(&counts.fetched),
            success: read(&counts.success),
            request: read(&counts.request),
            source: read(&counts.source),
            server: read(&counts.server),
        }
    }
}
