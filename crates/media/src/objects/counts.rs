//! What operators want to know about the traffic of the object store, as plain counters: `media` knows
//! no registry of metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    stored: AtomicU64,
    read: AtomicU64,
    unreachable: AtomicU64,
    refused: AtomicU64,
}

/// A reading of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObjectCounts {
    /// Bytes of finished objects.
    pub stored_bytes: u64,
    /// Bytes read of objects.
    pub read_bytes: u64,
    /// Requests to the bucket that had no answer, or not all of it.
    pub unreachable: u64,
    /// Requests to the bucket that were answered with an error other than 404.
    pub refused: u64,
}

impl Counts {
    pub(super) fn stored(&self, bytes: u64) {
        self.stored.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn read_bytes(&self, bytes: usize) {
        self.read.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn unreachable(&self) {
        self.unreachable.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> ObjectCounts {
        ObjectCounts {
            stored_bytes: self.stored.load(Ordering::Relaxed),
            read_bytes: self.read.load(Ordering::Relaxed),
            unreachable: self.unreachable.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}
