//! Wall-clock time: what is stored and what is signed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// [`Timestamp::NEVER`] on the wire; jiff ends a day before it.
const NEVER_TEXT: &str = "9999-12-31T23:59:59Z";

/// A moment of the wall clock, in milliseconds since 1970-01-01T00:00:00Z.
///
/// Stored times and `T` are of this type; leases, retries and circuits are not, they follow
/// [`crate::Mono`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// `9999-12-31T23:59:59Z`, which the API uses for "never" (MediaBasicInfo.ExpireTime).
    pub const NEVER: Self = Self(253_402_300_799_000);

    /// Whole seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment that many seconds after 1970.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// This moment moved by that many milliseconds.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; negative if `earlier` is later.
    pub const fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads an ISO 8601 / RFC 3339 time with an offset, as the API takes it (`ExpireTime`). The
    /// "never" that the API shows may be given back to it.
    pub fn parse_iso(text: &str) -> Option<Self> {
        if text == NEVER_TEXT {
            return Some(Self::NEVER);
        }
        let moment: jiff::Timestamp = text.parse().ok()?;
        Some(Self(moment.as_millisecond()))
    }
}

impl fmt::Display for Timestamp {
    /// ISO 8601 in UTC with whole seconds, the form the API uses: `2019-01-09T16:36:22Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.seconds()) {
            Ok(moment) => moment.fmt(f),
            Err(_beyond_jiff) => f.write_str(NEVER_TEXT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_form_is_the_apis() {
        assert_eq!(Timestamp(1_547_051_782_999).to_string(), "2019-01-09T16:36:22Z");
        assert_eq!(Timestamp::NEVER.to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59Z");
        assert_eq!(Timestamp(i64::MAX).to_string(), "9999-12-31T23:59:59Z");
        let offset = Timestamp::parse_iso("2019-01-10T00:36:22+08:00").unwrap();
        assert_eq!(offset.to_string(), "2019-01-09T16:36:22Z");
        assert_eq!(Timestamp::parse_iso("2019-01-09"), None);
        let never = Timestamp::NEVER.to_string();
        assert_eq!(Timestamp::parse_iso(&never), Some(Timestamp::NEVER));
    }
}
