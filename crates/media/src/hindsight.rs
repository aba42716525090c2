//! What the wall clock has said for a while, as against what it says now.
//!
//! What goes by the wall clock and cannot be undone (an upload that nobody committed, a file past its
//! ExpireTime) goes only when the clock has been past its time for a whole grace period of the monotonic
//! clock, without a break that anybody saw. So a clock that is stepped and set right within the
//! period costs nothing, whichever way it went.
//!
//! Nothing is kept of the things themselves, so a million of them cost no more than one. A start begins
//! anew: what happened before it is not known.

use std::collections::VecDeque;

use model::{Mono, Now, Timestamp};

/// Readings kept of one period; those in between are taken together.
const READINGS: u64 = 64;

/// Readings of both clocks over the last grace period.
#[derive(Debug)]
pub(crate) struct Hindsight {
    grace_ms: u64,
    /// The earliest first: since when, and the least that the wall clock said until the next one.
    readings: VecDeque<(Mono, Timestamp)>,
}

impl Hindsight {
    pub(crate) const fn new(grace_ms: u64) -> Self {
        Self { grace_ms, readings: VecDeque::new() }
    }

    /// Takes down what the clocks say, and answers the moment that has been past for the whole of
    /// the period; none: the readings do not reach back that far.
    pub(crate) fn look(&mut self, now: Now) -> Option<Timestamp> {
        match self.readings.back_mut() {
            Some((since, least)) if now.mono.since_ms(*since) < self.grace_ms / READINGS => {
                *least = now.wall.min(*least);
            }
            _ => self.readings.push_back((now.mono, now.wall)),
        }
        let covers = |since: &Mono| now.mono.since_ms(*since) >= self.grace_ms;
        while self.readings.get(1).is_some_and(|(since, _)| covers(since)) {
            self.readings.pop_front();
        }
        self.readings.front().filter(|(since, _)| covers(since))?;
        self.readings.iter().map(|(_, wall)| *wall).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn at(mono: u64, wall: i64) -> Now {
        Now { mono: Mono(mono), wall: Timestamp(wall) }
    }

    #[test]
    fn a_moment_is_past_when_it_was_for_the_whole_period() {
        let mut hindsight = Hindsight::new(HOUR);
        assert_eq!(hindsight.look(at(0, 10)), None);
        assert_eq!(hindsight.look(at(HOUR - 1, 20)), None);
        assert_eq!(hindsight.look(at(HOUR, 30)), Some(Timestamp(10)));
        assert_eq!(hindsight.look(at(2 * HOUR - 1, 40)), Some(Timestamp(20)));
        assert_eq!(hindsight.look(at(9 * HOUR, 50)), Some(Timestamp(40)));
    }

    #[test]
    fn a_step_counts_only_when_it_has_lasted() {
        let mut hindsight = Hindsight::new(HOUR);
        hindsight.look(at(0, 100));
        assert_eq!(hindsight.look(at(HOUR, 9_000)), Some(Timestamp(100)));
        assert_eq!(hindsight.look(at(HOUR + HOUR / 2, 9_000)), Some(Timestamp(100)));
        // set right again: the readings of the step are of no use
        assert_eq!(hindsight.look(at(2 * HOUR, 101)), Some(Timestamp(101)));
        assert_eq!(hindsight.look(at(2 * HOUR + HOUR / 2, 9_000)), Some(Timestamp(101)));
        assert_eq!(hindsight.look(at(3 * HOUR, 9_000)), Some(Timestamp(101)));
        assert_eq!(hindsight.look(at(3 * HOUR + HOUR / 2, 9_000)), Some(Timestamp(9_000)));
    }

    #[test]
    fn many_readings_take_no_more_room_and_hide_no_step_back() {
        let mut hindsight = Hindsight::new(HOUR);
        for second in 0..4 * 3_600_i64 {
            let wall = if second == 4 * 3_600 - 60 { 5 } else { 1_000 + second };
            hindsight.look(at(u64::try_from(second).unwrap() * 1_000, wall));
        }
        assert!(hindsight.readings.len() <= 67, "{}", hindsight.readings.len());
        assert_eq!(hindsight.look(at(4 * HOUR, 99_999)), Some(Timestamp(5)));
    }

    #[test]
    fn without_a_period_the_clock_is_believed() {
        let mut hindsight = Hindsight::new(0);
        assert_eq!(hindsight.look(at(7, 70)), Some(Timestamp(70)));
        assert_eq!(hindsight.look(at(7, 80)), Some(Timestamp(80)));
        assert_eq!(hindsight.look(at(8, 90)), Some(Timestamp(90)));
    }
}
