//! The `Range` header: one range of bytes, or none.
//!
//! What is not understood is ignored, as RFC 9110 section 14.2 asks; so is a list of ranges, which it
//! allows.

use http::HeaderMap;
use http::header::RANGE;

/// What of an object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// All of it.
    Whole,
    /// `len` bytes from `start`; at least one.
    Part {
        /// The first byte.
        start: u64,
        /// How many.
        len: u64,
    },
    /// Bytes that it does not have.
    Unsatisfiable,
}

/// What the headers ask for of an object of `size` bytes.
pub(super) fn asked(headers: &HeaderMap, size: u64) -> Range {
    let mut values = headers.get_all(RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Range::Whole };
    value.to_str().ok().and_then(|text| parse(text, size)).unwrap_or(Range::Whole)
}

fn parse(text: &str, size: u64) -> Option<Range> {
    let (unit, spec) = text.split_once('=')?;
    let (first, last) = spec.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (start, end) = match (first, last) {
        ("", suffix) => {
            let len = number(suffix)?;
            if len == 0 || size == 0 {
                return Some(Range::Unsatisfiable);
            }
            (size.saturating_sub(len), size - 1)
        }
        (first, "") => (number(first)?, size.saturating_sub(1)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.min(size.saturating_sub(1)))
        }
    };
    if start >= size {
        return Some(Range::Unsatisfiable);
    }
    Some(Range::Part { start, len: end - start + 1 })
}

/// Digits only; more than fit are more than any object has.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &'static str, size: u64) -> Range {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, http::HeaderValue::from_static(text));
        asked(&headers, size)
    }

    #[test]
    fn one_range_is_understood_and_all_else_ignored() {
        let part = |start, len| Range::Part { start, len };
        assert_eq!(of("bytes=0-", 10), part(0, 10));
        assert_eq!(of("bytes=0-0", 10), part(0, 1));
        assert_eq!(of("bytes=2-5", 10), part(2, 4));
        assert_eq!(of("bytes=2-500", 10), part(2, 8));
        assert_eq!(of("Bytes=9-99999999999999999999999", 10), part(9, 1));
        assert_eq!(of("bytes=-3", 10), part(7, 3));
        assert_eq!(of("bytes=-30", 10), part(0, 10));
        for text in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(of(text, 10), Range::Unsatisfiable, "{text}");
        }
        assert_eq!(of("bytes=0-", 0), Range::Unsatisfiable);
        assert_eq!(of("bytes=-1", 0), Range::Unsatisfiable);
        for text in ["bytes=5-2", "bytes=a-b", "bytes=0-1,3-4", "bytes", "lines=0-1", "bytes=-"] {
            assert_eq!(of(text, 10), Range::Whole, "{text}");
        }
        let mut twice = HeaderMap::new();
        twice.append(RANGE, http::HeaderValue::from_static("bytes=0-1"));
        twice.append(RANGE, http::HeaderValue::from_static("bytes=2-3"));
        assert_eq!(asked(&twice, 10), Range::Whole);
        assert_eq!(asked(&HeaderMap::new(), 10), Range::Whole);
    }
}
