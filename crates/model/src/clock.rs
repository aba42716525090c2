//! Where time enters: two readings that never mix.

use std::fmt::Debug;

use crate::Timestamp;

/// A moment of the monotonic clock, in milliseconds since the process started.
///
/// Leases, retries and circuits follow it, so that a step of the wall clock never expires, revives
/// or delays anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Mono(pub u64);

impl Mono {
    /// This moment moved forward by that many milliseconds.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; 0 if `earlier` is later.
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Both clocks, read together. Pure code takes this as its argument `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock: what is stored or signed.
    pub wall: Timestamp,
    /// The monotonic clock: what is waited for.
    pub mono: Mono,
}

/// The one source of time. The binary implements it over the machine's clocks, tests over tokio's
/// paused time.
pub trait Clock: Debug + Send + Sync {
    /// Both clocks now.
    fn now(&self) -> Now;
}
