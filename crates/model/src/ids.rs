//! Identifiers: small, copyable, and each of a type of its own, so that they cannot be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An application (`SubAppId`). The default application's id is the account's AppId.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppId(pub u64);

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of an entry in the log of its partition. Never reused, not even after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The number that follows this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A media file. On the wire a decimal string of 19 digits, as Tencent's are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileId(pub u64);

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed {0}")]
pub struct IdError(&'static str);

impl FromStr for FileId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        decimal(text).map(Self).ok_or(IdError("FileId"))
    }
}

/// The identity of an event, the same on every attempt, lease and replay, so that receivers can
/// drop duplicates by it.
///
/// `origin` is a random number that the log of a partition was given when it was created: it says
/// which log to look in, and keeps the ids of two data directories apart even though both count
/// from one. `first_seq` is the entry of the event's first life, so a look-up needs no index.
/// The text form, `9f2c61aa-42`, has no dot, because dots separate the parts of a handle and of a
/// Standard Webhooks signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId {
    /// The log that holds the event.
    pub origin: u32,
    /// The entry of the event's first life.
    pub first_seq: Seq,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.origin, self.first_seq)
    }
}

impl FromStr for EventId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let parse = || {
            let (origin, seq) = text.split_once('-')?;
            let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            if origin.len() != 8 || !origin.bytes().all(lower_hex) {
                return None;
            }
            let origin = u32::from_str_radix(origin, 16).ok()?;
            Some(Self { origin, first_seq: Seq(decimal(seq)?) })
        };
        parse().ok_or(IdError("EventId"))
    }
}

/// An EventHandle: one lease of one event, `<EventId>.<boot>.<lease>`.
///
/// `boot` counts the starts of the store and is durable before any handle of it exists, so no
/// handle is ever given out twice. `life` is found through the event, not written in the handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle {
    /// The leased event.
    pub event: EventId,
    /// The start of the store in which the lease was given.
    pub boot: u32,
    /// The number of the lease within that start.
    pub lease: u64,
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.event, self.boot, self.lease)
    }
}

impl FromStr for Handle {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let parse = || {
            let mut parts = text.split('.');
            let event = parts.next()?.parse().ok()?;
            let boot = decimal(parts.next()?)?;
            let lease = decimal(parts.next()?)?;
            let end = parts.next().is_none();
            end.then_some(Self { event, boot: u32::try_from(boot).ok()?, lease })
        };
        parse().ok_or(IdError("EventHandle"))
    }
}

/// A decimal number in its one canonical spelling: no sign, no leading zero.
fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (canonical && digits).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_have_one_spelling() {
        let text = "9f2c61aa-42.3.17";
        let handle: Handle = text.parse().unwrap();
        assert_eq!(handle.event.first_seq, Seq(42));
        assert_eq!(handle.to_string(), text);
        for bad in [
            "",
            "x",
            "9f2c61aa-42.3",
            "9f2c61aa-42.3.17.1",
            "9f2c61aa-042.3.17",
            "9F2C61AA-42.3.17",
            "9f2c61aa-42.+3.17",
            "9f2c61a-42.3.17",
            "9f2c61aa-42.4294967296.17",
        ] {
            assert!(bad.parse::<Handle>().is_err(), "{bad}");
        }
    }
}
