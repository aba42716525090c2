//! What can be configured about PUSH. The binary reads the configuration and fills this in.

use http::HeaderValue;
use model::limits;
use queue::Schedule;

/// How PUSH behaves; the default is the design's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// When a failed attempt is repeated, and what counts as success.
    pub schedule: Schedule,
    /// Milliseconds for one attempt, from resolving to the last byte of the answer.
    pub attempt_ms: u64,
    /// Attempts under way for one application.
    pub per_application: usize,
    /// Attempts under way in all.
    pub total: usize,
    /// Attempts a second that begin for one application; 0: as many as may be under way.
    pub per_second: u32,
    /// Whether the body carries the unused members as null (`push.unused_members = "null"`).
    pub unused_members_null: bool,
    /// The `User-Agent` of callbacks.
    pub user_agent: HeaderValue,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            attempt_ms: limits::PUSH_ATTEMPT_MS,
            per_application: limits::PUSH_IN_FLIGHT_PER_APPLICATION,
            total: limits::PUSH_IN_FLIGHT_TOTAL,
            per_second: 0,
            unused_members_null: false,
            user_agent: HeaderValue::from_static(concat!("Callboard/", env!("CARGO_PKG_VERSION"))),
        }
    }
}

impl Settings {
    /// `push.profile = "classic"`: five seconds, three sends, any answer counts.
    pub fn classic() -> Self {
        Self { schedule: Schedule::classic(), attempt_ms: 5_000, ..Self::default() }
    }

    /// How long a lease is held for one attempt, in milliseconds: several times its deadline, so
    /// that it ends only if the worker is gone.
    pub(crate) fn hold_ms(&self) -> u64 {
        self.attempt_ms.saturating_mul(6).max(limits::PUSH_LEASE_MS)
    }
}
