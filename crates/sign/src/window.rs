//! The time window of a signed API request.
//!
//! The documentation says that the request time and the server time must not *differ* by more than five
//! minutes, so the window reaches into the future as far as into the past. It is apart from signature
//! verification because a stale request is answered before its key is even looked up.

/// How far the time of a request may lie from the server's, in seconds, in either direction (documented
/// for both signature methods of API 3.0).
pub const SKEW_S: i64 = 300;

/// Whether a request signed at `timestamp_s` may be accepted at `now_s` (both Unix seconds). Exactly five
/// minutes is still accepted.
#[must_use]
pub fn accepts(timestamp_s: i64, now_s: i64) -> bool {
    timestamp_s.abs_diff(now_s) <= SKEW_S.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::accepts;

    #[test]
    fn reaches_five_minutes_both_ways() {
        let now = 1_795_487_624;
        for (timestamp, expected) in [
            (now, true),
            (now - 300, true),
            (now + 300, true),
            (now - 301, false),
            (now + 301, false),
            (i64::MIN, false),
            (i64::MAX, false),
        ] {
            assert_eq!(accepts(timestamp, now), expected, "{timestamp}");
        }
    }
}
