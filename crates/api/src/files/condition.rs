//! Conditional requests: `If-None-Match`, `If-Modified-Since`, `If-Range`.
//!
//! An object never changes under its ETag, so a client that names the ETag has the bytes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE};
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

    /// Whether the client has the object already.
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        let mut names = headers.get_all(IF_NONE_MATCH).iter().peekable();
        if names.peek().is_some() {
            let text = |value: &http::HeaderValue| value.to_str().map(str::to_owned).ok();
            return names.filter_map(text).any(|list| self.is_listed(&list));
        }
        let since = headers.get(IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
        let since = since.and_then(|text| httpdate::parse_http_date(text).ok());
        since.is_some_and(|since| self.modified <= since)
    }

    /// Whether a range of this object is what the client wants; else it wants the whole.
    pub(super) fn allows_range(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(IF_RANGE) else { return true };
        value.to_str().is_ok_and(|text| text == self.etag || text == self.last_modified)
    }

    fn is_listed(&self, list: &str) -> bool {
        let names = list.split(',').map(str::trim);
        let mut names = names.map(|name| name.strip_prefix("W/").unwrap_or(name));
        names.any(|name| name == "*" || name == self.etag)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn conditions_follow_the_etag_first_and_the_time_second() {
        let facts = Facts::new("ab", Timestamp(784_111_777_999));
        assert_eq!(facts.last_modified, "Sun, 06 Nov 1994 08:49:37 GMT");
        let known = |pairs: &[(http::HeaderName, &'static str)]| {
            let pair = |(name, value): &(http::HeaderName, &'static str)| {
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
