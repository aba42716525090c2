//! When a failed PUSH attempt is tried again, and when it is the last.
//!
//! Pure: the number of attempts and a jitter between 0 and 1 go in, a delay comes out. What an
//! attempt's outcome means is [`crate::verdict`]'s business; when an address gets no attempts at all
//! is [`crate::circuit`]'s.

use std::time::Duration;

/// One second, minute and hour in milliseconds, for the tables below.
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// How long after each failed attempt the next one follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The delay after the first failed attempt, after the second, and so on, in milliseconds.
    pub delays_ms: Vec<u64>,
    /// The delay after each failed attempt beyond those, in milliseconds.
    pub then_ms: u64,
    /// How far a delay may differ from its number either way, in percent (at most 100), so that
    /// events that failed together do not come back together.
    pub jitter_percent: u8,
    /// Milliseconds after the first attempt of a life; an attempt that fails at or after it is the
    /// last. No timer ends the schedule, so an event that waits behind an open circuit still gets
    /// one more attempt.
    pub deadline_ms: u64,
    /// At most this many attempts; none: the deadline alone ends the schedule.
    pub attempts_max: Option<u32>,
    /// Whether every answer is a success, whatever its status.
    pub any_answer: bool,
}

impl Default for Schedule {
    /// After 1 s, 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, then every hour, ±20 %, for 48 hours.
    fn default() -> Self {
        Self {
            delays_ms: vec![
                SECOND,
                5 * SECOND,
                30 * SECOND,
                2 * MINUTE,
                10 * MINUTE,
                30 * MINUTE,
                HOUR,
            ],
            then_ms: HOUR,
            jitter_percent: 20,
            deadline_ms: 48 * HOUR,
            attempts_max: None,
            any_answer: false,
        }
    }
}

impl Schedule {
    /// The behaviour that the old documentation describes (facts/events.md section 1): three sends
    /// in all, and any answer counts. It names no interval between the sends; the first two delays
    /// of the default are used.
    pub fn classic() -> Self {
        Self {
            delays_ms: vec![SECOND, 5 * SECOND],
            then_ms: 5 * SECOND,
            attempts_max: Some(3),
            any_answer: true,
            ..Self::default()
        }
    }

    /// The delay after failed attempt number `attempts` (from 1) before jitter, in milliseconds.
    pub fn base_ms(&self, attempts: u32) -> u64 {
        let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        self.delays_ms.get(index).copied().unwrap_or(self.then_ms)
    }

    /// The delay after failed attempt number `attempts` (from 1), in milliseconds. `jitter` in
    /// [0, 1) spreads it evenly over `jitter_percent` either way; whatever is no such number counts
    /// as the middle.
    pub fn delay_ms(&self, attempts: u32, jitter: f64) -> u64 {
        let jitter = if (0.0..=1.0).contains(&jitter) { jitter } else { 0.5 };
        let spread = f64::from(self.jitter_percent.min(100)) / 100.0;
        let factor = spread.mul_add(2.0f64.mul_add(jitter, -1.0), 1.0);
        // a year is beyond every deadline, and keeps the product in range
        let base = Duration::from_millis(self.base_ms(attempts).min(365 * 24 * HOUR));
        let delay = base.mul_f64(factor.max(0.0));
        u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether the attempt that has just failed was the last: number `attempts` (from 1),
    /// `since_first_ms` after the first attempt of this life.
    pub fn ends_with(&self, attempts: u32, since_first_ms: u64) -> bool {
        since_first_ms >= self.deadline_ms || self.attempts_max.is_some_and(|max| attempts >= max)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_default_is_the_documented_one() {
        let schedule = Schedule::default();
        let seconds: Vec<u64> = (1..=9).map(|n| schedule.delay_ms(n, 0.5) / SECOND).collect();
        assert_eq!(seconds, [1, 5, 30, 120, 600, 1800, 3600, 3600, 3600]);
        assert!(!schedule.ends_with(1_000, 48 * HOUR - 1));
        assert!(schedule.ends_with(1, 48 * HOUR));
    }

    #[test]
    fn jitter_reaches_both_ends_and_no_further() {
        let schedule = Schedule::default();
        assert_eq!(schedule.delay_ms(2, 0.0), 4_000);
        assert_eq!(schedule.delay_ms(2, 1.0), 6_000);
        assert_eq!(schedule.delay_ms(2, f64::NAN), 5_000);
        assert_eq!(schedule.delay_ms(2, 7.0), 5_000);
    }

    #[test]
    fn classic_ends_with_the_third_send() {
        let classic = Schedule::classic();
        assert!(!classic.ends_with(2, 10_000));
        assert!(classic.ends_with(3, 10_000));
    }

    proptest! {
        #[test]
        fn delays_stay_within_twenty_percent(attempts in 1u32..200, jitter in 0.0f64..1.0) {
            let schedule = Schedule::default();
            let (base, delay) = (schedule.base_ms(attempts), schedule.delay_ms(attempts, jitter));
            prop_assert!(delay >= base * 8 / 10 - 1 && delay <= base * 12 / 10);
        }

        #[test]
        fn delays_never_shrink(attempts in 1u32..200, jitter in 0.0f64..1.0) {
            let schedule = Schedule::default();
            prop_assert!(schedule.delay_ms(attempts + 1, jitter) >= schedule.delay_ms(attempts, jitter));
        }

        #[test]
        fn any_schedule_computes(
            delays_ms in proptest::collection::vec(any::<u64>(), 0..4),
            then_ms: u64, jitter_percent: u8, attempts: u32, jitter: f64,
        ) {
            let schedule = Schedule { delays_ms, then_ms, jitter_percent, ..Schedule::default() };
            prop_assert!(schedule.delay_ms(attempts, jitter) <= 2 * 365 * 24 * HOUR);
        }
    }
}
