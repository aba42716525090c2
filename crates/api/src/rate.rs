//! How often one key may call one action in one second.
//!
//! A fixed window over whole seconds of the monotonic clock, by arrival time, as the documentation
//! describes (cloud.tencent.com/document/product/1278/109059). Refused calls count too: the
//! documented message tells the caller how many it made. Counts are kept for the newest second
//! only, so memory is bounded by the calls of one second, and only authenticated calls get here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::Mono;

/// Calls a second that an action allows each key, by action; absent or 0: any number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimits(pub HashMap<String, u64>);

impl Default for RateLimits {
    /// The documented numbers (facts: PG-34183, PG-34184, PG-57589, PG-64486, CN 266/48758).
    fn default() -> Self {
        let documented = [
            ("PullEvents", 100),
            ("ConfirmEvents", 100),
            ("DescribeEventConfig", 100),
            ("ModifyEventConfig", 20),
            ("DescribeEventsState", 20),
        ];
        Self(documented.into_iter().map(|(action, limit)| (action.to_owned(), limit)).collect())
    }
}

impl RateLimits {
    /// No limit on anything.
    pub fn none() -> Self {
        Self(HashMap::new())
    }

    fn of(&self, action: &str) -> Option<u64> {
        self.0.get(action).copied().filter(|&limit| limit > 0)
    }
}

/// More calls than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// Calls in this second, this one included.
    pub(crate) count: u64,
    /// Calls allowed.
    pub(crate) limit: u64,
}

#[derive(Debug)]
pub(crate) struct Rates {
    limits: RateLimits,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    second: u64,
    counts: HashMap<(Arc<str>, &'static str), u64>,
}

impl Rates {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self { limits, window: Mutex::default() }
    }

    /// Counts a call of `action` by the key `secret_id` that arrived at `at`.
    ///
    /// A call whose body took long may arrive in an older second than one that was counted before
    /// it; it is counted in the newer one, so that going back never empties a window.
    pub(crate) fn admit(
        &self,
        secret_id: &Arc<str>,
        action: &'static str,
        at: Mono,
    ) -> Result<(), Exceeded> {
        let Some(limit) = self.limits.of(action) else { return Ok(()) };
        let second = at.0 / 1000;
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if second > window.second {
            window.second = second;
            window.counts.clear();
        }
        let count = window.counts.entry((Arc::clone(secret_id), action)).or_insert(0);
        *count += 1;
        if *count > limit { Err(Exceeded { count: *count, limit }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_limited_alone_and_for_one_second() {
        let rates = Rates::new(RateLimits::default());
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        for _ in 0..20 {
            assert_eq!(rates.admit(&one, "ModifyEventConfig", Mono(5_000)), Ok(()));
        }
        let over = rates.admit(&one, "ModifyEventConfig", Mono(5_999));
        assert_eq!(over, Err(Exceeded { count: 21, limit: 20 }));
        let again = rates.admit(&one, "ModifyEventConfig", Mono(5_999));
        assert_eq!(again, Err(Exceeded { count: 22, limit: 20 }));
        assert_eq!(rates.admit(&other, "ModifyEventConfig", Mono(5_999)), Ok(()));
        assert_eq!(rates.admit(&one, "PullEvents", Mono(5_999)), Ok(()));
        assert_eq!(rates.admit(&one, "ModifyEventConfig", Mono(6_000)), Ok(()));
        assert_eq!(rates.window.lock().unwrap().counts.len(), 1);
    }

    #[test]
    fn a_late_call_does_not_reopen_the_second_before() {
        let rates = Rates::new(RateLimits(HashMap::from([("PullEvents".to_owned(), 1)])));
        let key: Arc<str> = "key".into();
        assert_eq!(rates.admit(&key, "PullEvents", Mono(2_000)), Ok(()));
        assert!(rates.admit(&key, "PullEvents", Mono(1_999)).is_err());
        assert!(rates.admit(&key, "PullEvents", Mono(2_001)).is_err());
        assert_eq!(rates.admit(&key, "Unlimited", Mono(2_001)), Ok(()));
    }
}
