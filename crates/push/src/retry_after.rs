//! Reads `Retry-After` (RFC 9110 section 10.2.3): a number of seconds, or a date.

use std::time::UNIX_EPOCH;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use model::Timestamp;

/// How long the answer asks us to wait, in milliseconds from `now`; a date that has passed is 0, and
/// what is neither number nor date is nothing.
pub(crate) fn read(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // a number too large for the type is still a long wait
        return Some(text.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1000));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(UNIX_EPOCH).unwrap_or_default();
    let at_ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    Some(u64::try_from(Timestamp(at_ms).since_ms(now)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(value: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        // Sun, 06 Nov 1994 08:49:37 GMT
        read(&headers, Timestamp(784_111_777_000))
    }

    #[test]
    fn seconds_and_dates() {
        assert_eq!(waits("120"), Some(120_000));
        assert_eq!(waits(" 0 "), Some(0));
        assert_eq!(waits("99999999999999999999999"), Some(u64::MAX));
        assert_eq!(waits("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60_000));
        assert_eq!(waits("Sunday, 06-Nov-94 08:49:38 GMT"), Some(1_000));
        assert_eq!(waits("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0));
    }

    #[test]
    fn anything_else_is_nothing() {
        for bad in ["", "soon", "-1", "1.5", "1e3", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(waits(bad), None, "{bad}");
        }
        assert_eq!(read(&HeaderMap::new(), Timestamp(0)), None);
    }
}
