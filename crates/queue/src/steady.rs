//! The engine's one timeline.

use model::{Now, Timestamp};

/// A moment on a timeline that looks like the wall clock but never steps: where the wall clock stood
/// when the store was opened, plus what the monotonic clock has counted since.
///
/// Births, leases, retries and the cut-off of the history all lie on it, so a step of the wall clock
/// expires, revives and deletes nothing, and yet what was stored in one run can be compared with
/// what happens in the next. Milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Steady(pub i64);

impl Steady {
    /// This moment moved by that many milliseconds.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add_unsigned(ms))
    }

    /// The moment that many milliseconds before.
    #[must_use]
    pub fn minus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_sub_unsigned(ms))
    }

    /// Milliseconds from `earlier` to this moment; 0 if `earlier` is later.
    pub fn since_ms(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

/// Where the timeline was tied to the clocks: once, when the store was opened.
#[derive(Clone, Copy, Debug)]
pub struct Anchor {
    steady: Steady,
    opened: Now,
}

/// Milliseconds by which a clock may be set back and still count as right: time servers do that.
const CORRECTION_MS: u64 = 60_000;

impl Anchor {
    /// Ties the timeline to the moment of opening. It follows the wall clock if that lies between
    /// the last moment that was written down and `leap_ms` after it (or if there was none, or the
    /// operator accepts the clock); otherwise it goes on where it was. The second value says which:
    /// true if the wall clock was accepted. A clock that was set back by a minute at the most is
    /// accepted too, and the timeline waits for it where it was.
    pub fn tie(opened: Now, high: Option<Steady>, leap_ms: u64, accept: bool) -> (Self, bool) {
        let wall = Steady(opened.wall.0);
        let (steady, accepted) = match high {
            Some(high) if accept || (high..=high.plus_ms(leap_ms)).contains(&wall) => (wall, true),
            Some(high) => (high, (high.minus_ms(CORRECTION_MS)..high).contains(&wall)),
            None => (wall, true),
        };
        (Self { steady, opened }, accepted)
    }

    /// The timeline's reading of those clocks.
    pub fn steady(&self, now: Now) -> Steady {
        self.steady.plus_ms(now.mono.since_ms(self.opened.mono))
    }
}

impl From<Steady> for Timestamp {
    fn from(steady: Steady) -> Self {
        Self(steady.0)
    }
}

#[cfg(test)]
mod tests {
    use model::Mono;

    use super::*;

    const DAY: u64 = 24 * 3600 * 1000;

    fn at(wall: i64, mono: u64) -> Now {
        Now { wall: Timestamp(wall), mono: Mono(mono) }
    }

    #[test]
    fn steps_of_the_wall_clock_do_not_show() {
        let (anchor, accepted) = Anchor::tie(at(1_000_000, 5), None, DAY, false);
        assert!(accepted);
        assert_eq!(anchor.steady(at(9_000_000, 105)), Steady(1_000_100));
        assert_eq!(anchor.steady(at(-9_000_000, 205)), Steady(1_000_200));
    }

    #[test]
    fn an_implausible_clock_at_start_is_not_followed() {
        let high = Some(Steady(1_000_000));
        let tie = |wall, accept| Anchor::tie(at(wall, 0), high, DAY, accept);
        let (anchor, accepted) = tie(940_000, false);
        assert!(accepted && anchor.steady(at(0, 7)) == Steady(1_000_007));
        let (anchor, accepted) = tie(939_999, false);
        assert!(!accepted && anchor.steady(at(0, 7)) == Steady(1_000_007));
        let far = 1_000_001 + i64::try_from(DAY).unwrap();
        assert!(!tie(far, false).1);
        assert!(tie(far - 1, false).1);
        assert_eq!(tie(999_999, true).0.steady(at(0, 0)), Steady(999_999));
    }
}
