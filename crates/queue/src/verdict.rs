//! What to make of one PUSH attempt: done, again later, or given up; and what it says about the
//! receiver.
//!
//! Pure. Reading `Retry-After` from its header is deliberately absent: whoever speaks HTTP does it.

use crate::backend::Resolution;
use crate::schedule::Schedule;
use crate::state::Reason;

/// The longest pause that a `Retry-After` is granted, in milliseconds: one hour.
pub const RETRY_AFTER_MS_MAX: u64 = 3_600_000;

/// What came of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The header block of an answer was complete before the deadline.
    Answered {
        /// Its status.
        status: u16,
        /// Its `Retry-After`, as milliseconds from now.
        retry_after_ms: Option<u64>,
    },
    /// The deadline passed first.
    TimedOut,
    /// No usable answer: the name, the connection, TLS or the bytes that came failed.
    Unreachable,
    /// The policy forbids the address; nothing was sent.
    Refused,
}

/// What an attempt says about the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// It is there and answers, be it with an error of its own.
    Alive,
    /// It is not there, or too busy to do its work.
    Failing,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How the lease is settled.
    pub resolution: Resolution,
    /// What the circuit is told.
    pub pulse: Pulse,
    /// How long the receiver asked not to be called, in milliseconds (at most
    /// [`RETRY_AFTER_MS_MAX`]).
    pub pause_ms: Option<u64>,
    /// The outcome's name in metrics: `success`, `status`, `timeout`, `connection` or `refused`.
    pub label: &'static str,
}

/// Judges one attempt.
///
/// `attempts_before` attempts of this life came before it; `since_first_attempt_ms` have passed
/// since the first of them (none: this was the first). `jitter` is in [0, 1).
pub fn judge(
    outcome: Outcome,
    attempts_before: u32,
    since_first_attempt_ms: Option<u64>,
    schedule: &Schedule,
    jitter: f64,
) -> Verdict {
    let (success, pulse, label) = read(outcome, schedule.any_answer);
    let pause_ms = if success { None } else { pause(outcome) };
    let attempts = attempts_before.saturating_add(1);
    let resolution = if success {
        Resolution::Done
    } else if schedule.ends_with(attempts, since_first_attempt_ms.unwrap_or(0)) {
        Resolution::Dead(Reason::Exhausted)
    } else {
        let after_ms = schedule.delay_ms(attempts, jitter).max(pause_ms.unwrap_or(0));
        Resolution::Retry { after_ms }
    };
    Verdict { resolution, pulse, pause_ms, label }
}

/// Success, pulse and label of an outcome.
const fn read(outcome: Outcome, any_answer: bool) -> (bool, Pulse, &'static str) {
    match outcome {
        Outcome::Answered { status, .. } if any_answer || matches!(status, 200..=299) => {
            (true, Pulse::Alive, "success")
        }
        Outcome::Answered { status: 429 | 502..=504, .. } => (false, Pulse::Failing, "status"),
        Outcome::Answered { .. } => (false, Pulse::Alive, "status"),
        Outcome::TimedOut => (false, Pulse::Failing, "timeout"),
        Outcome::Unreachable => (false, Pulse::Failing, "connection"),
        // counts like a dead receiver: the events wait for the operator and burn no attempts
        Outcome::Refused => (false, Pulse::Failing, "refused"),
    }
}

/// The pause that an answer asked for; only 429 and 503 may.
fn pause(outcome: Outcome) -> Option<u64> {
    match outcome {
        Outcome::Answered { status: 429 | 503, retry_after_ms } => {
            retry_after_ms.map(|ms| ms.min(RETRY_AFTER_MS_MAX)).filter(|&ms| ms > 0)
        }
        Outcome::Answered { .. } | Outcome::TimedOut | Outcome::Unreachable | Outcome::Refused => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOURS_48: u64 = 48 * 3_600_000;

    fn answered(status: u16) -> Outcome {
        Outcome::Answered { status, retry_after_ms: None }
    }

    fn outcomes() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            (100u16..1000, any::<Option<u64>>())
                .prop_map(|(status, retry_after_ms)| Outcome::Answered { status, retry_after_ms }),
            Just(Outcome::TimedOut),
            Just(Outcome::Unreachable),
            Just(Outcome::Refused),
        ]
    }

    #[test]
    fn retry_after_pauses_on_429_and_503_only() {
        let schedule = Schedule::default();
        let ask = |status, retry_after_ms| {
            let outcome = Outcome::Answered { status, retry_after_ms: Some(retry_after_ms) };
            judge(outcome, 0, None, &schedule, 0.5)
        };
        assert_eq!(ask(503, 9_000).pause_ms, Some(9_000));
        assert_eq!(ask(503, 9_000).resolution, Resolution::Retry { after_ms: 9_000 });
        assert_eq!(ask(429, u64::MAX).pause_ms, Some(RETRY_AFTER_MS_MAX));
        assert_eq!(ask(503, 0).pause_ms, None);
        assert_eq!(ask(503, 10).resolution, Resolution::Retry { after_ms: 1_000 });
        assert_eq!(ask(500, 9_000).pause_ms, None);
        assert_eq!(ask(200, 9_000).pause_ms, None);
    }

    #[test]
    fn what_counts_against_the_receiver() {
        let schedule = Schedule::default();
        let pulse = |outcome| judge(outcome, 0, None, &schedule, 0.5).pulse;
        for status in [200, 204, 301, 400, 401, 404, 410, 500, 501, 505] {
            assert_eq!(pulse(answered(status)), Pulse::Alive, "{status}");
        }
        for status in [429, 502, 503, 504] {
            assert_eq!(pulse(answered(status)), Pulse::Failing, "{status}");
        }
        for outcome in [Outcome::TimedOut, Outcome::Unreachable, Outcome::Refused] {
            assert_eq!(pulse(outcome), Pulse::Failing, "{outcome:?}");
        }
    }

    #[test]
    fn classic_takes_any_answer_and_sends_thrice() {
        let classic = Schedule::classic();
        assert_eq!(judge(answered(500), 0, None, &classic, 0.5).resolution, Resolution::Done);
        assert_eq!(judge(answered(503), 0, None, &classic, 0.5).pulse, Pulse::Alive);
        let third = judge(Outcome::TimedOut, 2, Some(16_000), &classic, 0.5);
        assert_eq!(third.resolution, Resolution::Dead(Reason::Exhausted));
    }

    proptest! {
        #[test]
        fn success_is_2xx_and_nothing_else(
            outcome in outcomes(), before: u32, since: Option<u64>, jitter in 0.0f64..1.0,
        ) {
            let verdict = judge(outcome, before, since, &Schedule::default(), jitter);
            let is_2xx = matches!(outcome, Outcome::Answered { status: 200..=299, .. });
            prop_assert_eq!(verdict.resolution == Resolution::Done, is_2xx);
            prop_assert_eq!(verdict.label == "success", is_2xx);
        }

        #[test]
        fn never_dead_before_the_deadline_and_always_after_it(
            outcome in outcomes(), before: u32, since: Option<u64>, jitter in 0.0f64..1.0,
        ) {
            let verdict = judge(outcome, before, since, &Schedule::default(), jitter);
            let dead = matches!(verdict.resolution, Resolution::Dead(Reason::Exhausted));
            let failed = verdict.label != "success";
            prop_assert_eq!(dead, failed && since.is_some_and(|ms| ms >= HOURS_48));
        }

        #[test]
        fn a_retry_waits_for_the_schedule_or_for_the_receiver(
            outcome in outcomes(), before in 0u32..1000, jitter in 0.0f64..1.0,
        ) {
            let schedule = Schedule::default();
            let verdict = judge(outcome, before, Some(0), &schedule, jitter);
            if let Resolution::Retry { after_ms } = verdict.resolution {
                let base = schedule.base_ms(before + 1);
                prop_assert!(after_ms + 1 >= base * 8 / 10);
                prop_assert!(after_ms <= (base * 12 / 10).max(verdict.pause_ms.unwrap_or(0)));
            }
        }
    }
}
