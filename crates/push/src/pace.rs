//! How many attempts a second one application may begin, if that is limited: a bucket of one
//! second's attempts, on the monotonic clock.
//!
//! It is emptied by what was leased and not by what was asked for, so a quiet queue keeps its
//! bucket full. Deliberately absent: limits by address or over all applications; the caps on
//! attempts under way are there for these.

use model::Mono;

/// Thousandths of an attempt.
const WHOLE: u64 = 1_000;

/// What is left of one application's second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Attempts a second, which are thousandths a millisecond; 0: no limit.
    per_second: u64,
    /// Thousandths in the bucket when it was last filled.
    left: u64,
    filled: Mono,
}

impl Pace {
    /// A full bucket.
    pub(crate) fn new(per_second: u32) -> Self {
        let per_second = u64::from(per_second);
        Self { per_second, left: per_second * WHOLE, filled: Mono(0) }
    }

    /// Attempts that may begin now; none: as many as may otherwise.
    pub(crate) fn allowed(&mut self, now: Mono) -> Option<usize> {
        if self.per_second == 0 {
            return None;
        }
        self.fill(now);
        Some(usize::try_from(self.left / WHOLE).unwrap_or(usize::MAX))
    }

    /// That many have begun.
    pub(crate) fn take(&mut self, begun: usize) {
        let begun = u64::try_from(begun).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(begun.saturating_mul(WHOLE));
    }

    /// Milliseconds after the last filling until the next may begin.
    pub(crate) fn wait_ms(&self) -> u64 {
        WHOLE.saturating_sub(self.left).div_ceil(self.per_second.max(1))
    }

    /// Whether it is as good as new.
    pub(crate) fn is_full(&mut self, now: Mono) -> bool {
        self.fill(now);
        self.left == self.per_second * WHOLE
    }

    fn fill(&mut self, now: Mono) {
        let more = now.since_ms(self.filled).saturating_mul(self.per_second);
        self.left = self.left.saturating_add(more).min(self.per_second * WHOLE);
        self.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_none() {
        let mut pace = Pace::new(0);
        pace.take(1_000_000);
        assert_eq!(pace.allowed(Mono(0)), None);
        assert!(pace.is_full(Mono(1)));
    }

    #[test]
    fn a_second_brings_a_seconds_attempts_and_no_more() {
        let mut pace = Pace::new(3);
        assert_eq!(pace.allowed(Mono(5)), Some(3));
        pace.take(3);
        assert_eq!(pace.allowed(Mono(5)), Some(0));
        assert_eq!(pace.wait_ms(), 334);
        assert_eq!(pace.allowed(Mono(338)), Some(0));
        assert_eq!(pace.allowed(Mono(339)), Some(1));
        assert_eq!(pace.allowed(Mono(60_000)), Some(3));
        assert!(pace.is_full(Mono(60_000)));
    }
}
