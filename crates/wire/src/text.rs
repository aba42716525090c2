//! Small shapes of values on the wire: ids and times as strings, and secrets that no log shows.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A secret on its way to or from a client. `Debug` hides it, so that a logged request or reply
/// does not give it away.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Writes an id or a time as a JSON string.
pub(crate) fn display<T: fmt::Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// Writes a list of ids as JSON strings.
#[expect(clippy::ptr_arg, reason = "serde hands over the field as it is")]
pub(crate) fn display_all<T: fmt::Display, S: Serializer>(
    values: &Vec<T>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_seq(values.iter().map(ToString::to_string))
}

/// Writes an optional id as a JSON string, empty if there is none.
#[expect(clippy::ref_option, reason = "serde hands over the field as it is")]
pub(crate) fn display_or_empty<T: fmt::Display, S: Serializer>(
    value: &Option<T>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_str(""),
    }
}
