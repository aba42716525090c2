//! Conditional requests: `If-Match`, `If-Unmodified-Since`, `If-None-Match`, `If-Modified-Since`,
//! `If-Range`.
//!
//! An object never changes under its ETag, so a client that names the ETag has the bytes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::header::{IF_RANGE, IF_UNMODIFIED_SINCE};
use model::Timestamp;

/// What a condition is held against.
#[derive(Debug)]
pub(super) struct Facts {
    /// The ETag with its quotes.
    pub etag: String,
    /// The time of the object as an HTTP date.
    pub last_modified: String,
    modified: SystemTime,
}

impl Facts {
    pub(super) fn new(etag: &str, at: Timestamp) -> Self {
        let seconds = u64::try_from(at.seconds()).unwrap_or(0);
        let modified = UNIX_EPOCH + Duration::from_secs(seconds);
        let etag = format!("\"{etag}\"");
        Self { etag, last_modified: httpdate::fmt_http_date(modified), modified }
    }

    /// Whether this is not the object that the client means.
    pub(super) fn is_another(&self, headers: &HeaderMap) -> bool {
        match self.is_listed(headers, IF_MATCH, "") {
            Some(listed) => !listed,
            None => date(headers, IF_UNMODIFIED_SINCE).is_some_and(|at| self.modified > at),
        }
    }

    /// Whether the client has the object already.
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        match self.is_listed(headers, IF_NONE_MATCH, "W/") {
            Some(listed) => listed,
            None => date(headers, IF_MODIFIED_SINCE).is_some_and(|at| self.modified <= at),
        }
    }

    /// Whether a range of this object is what the client wants; else it wants the whole.
    pub(super) fn allows_range(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(IF_RANGE) else { return true };
        value.to_str().is_ok_and(|text| text == self.etag || text == self.last_modified)
    }

    /// Whether a list of ETags names this object, whether or not they have the prefix; none: there is
    /// no list.
    fn is_listed(&self, headers: &HeaderMap, header: HeaderName, prefix: &str) -> Option<bool> {
        let mut lists = headers.get_all(header).iter().peekable();
        lists.peek()?;
        let names = lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(','));
        let names = names.map(str::trim);
        let mut names = names.map(|name| name.strip_prefix(prefix).unwrap_or(name));
        Some(names.any(|name| name == "*" || name == self.etag))
    }
}

/// The date of a header; none, too, if it cannot be read, because such a header is to be ignored.
fn date(headers: &HeaderMap, header: HeaderName) -> Option<SystemTime> {
    let text = headers.get(header)?.to_str().ok()?;
    httpdate::parse_http_date(text).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn conditions_follow_the_etag_first_and_the_time_second() {
        let facts = Facts::new("ab", Timestamp(784_111_777_999));
        assert_eq!(facts.last_modified, "Sun, 06 Nov 1994 08:49:37 GMT");
        let known = |pairs: &[(HeaderName, &'static str)]| {
            let pair = |(name, value): &(HeaderName, &'static str)| {
                (name.clone(), HeaderValue::from_static(value))
            };
            facts.is_known(&pairs.iter().map(pair).collect())
        };
        assert!(known(&[(IF_NONE_MATCH, "\"x\", W/\"ab\"")]));
        assert!(known(&[(IF_NONE_MATCH, "*")]));
        assert!(known(&[(IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT")]));
        assert!(!known(&[(IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT")]));
        assert!(!known(&[(IF_NONE_MATCH, "ab")]));
        assert!(!known(&[
            (IF_NONE_MATCH, "\"x\""),
            (IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:38 GMT")
        ]));
        assert!(!known(&[]));
    }

    #[test]
    fn an_object_that_is_not_meant_is_told_apart() {
        let facts = Facts::new("ab", Timestamp(784_111_777_999));
        let another = |pairs: &[(HeaderName, &'static str)]| {
            let pair = |(name, value): &(HeaderName, &'static str)| {
                (name.clone(), HeaderValue::from_static(value))
            };
            facts.is_another(&pairs.iter().map(pair).collect())
        };
        for (name, value) in [
            (IF_MATCH, "\"ab\""),
            (IF_MATCH, "\"x\",\"ab\""),
            (IF_MATCH, "*"),
            (IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (IF_UNMODIFIED_SINCE, "some day"),
        ] {
            assert!(!another(&[(name, value)]), "{value}");
        }
        for (name, value) in [
            (IF_MATCH, "\"x\""),
            (IF_MATCH, "W/\"ab\""),
            (IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT"),
        ] {
            assert!(another(&[(name, value)]), "{value}");
        }
        let old = (IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT");
        assert!(!another(&[(IF_MATCH, "\"ab\""), old]), "the ETag alone decides");
        assert!(!another(&[]));
    }

    #[test]
    fn a_range_of_another_object_is_not_wanted() {
        let facts = Facts::new("ab", Timestamp(784_111_777_000));
        let allows = |value: &'static str| {
            facts.allows_range(&HeaderMap::from_iter([(IF_RANGE, HeaderValue::from_static(value))]))
        };
        assert!(allows("\"ab\"") && allows("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert!(!allows("\"x\"") && !allows("Sun, 06 Nov 1994 08:49:38 GMT"));
        assert!(facts.allows_range(&HeaderMap::new()));
    }
}
