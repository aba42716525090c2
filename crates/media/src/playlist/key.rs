//! EXT-X-KEY: how segments are encrypted and where the key is.

use super::Reference;
use super::attributes::Attributes;
use super::path::PathError;

/// A key, in force for the segments behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// METHOD.
    pub method: Method,
    /// URI.
    pub place: KeyPlace,
    /// KEYFORMAT; `identity` if it is not said: 16 bytes and nothing else.
    pub format: String,
    /// IV; none: the number of the segment.
    pub iv: Option<[u8; 16]>,
}

/// How whole segments, or the samples in them, are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// AES-128: the whole segment, in CBC mode.
    Aes128,
    /// SAMPLE-AES and its kin: the container can be read, its samples cannot.
    Samples(String),
}

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// A file beside the segments.
    Inside(Reference),
    /// A URL, for the player alone; never fetched here.
    Elsewhere(String),
}

/// Why a tag names no key.
pub(super) enum KeyError {
    /// An attribute is missing or cannot be read.
    Attributes,
    /// Its reference is refused.
    Reference(String, PathError),
}

impl Key {
    /// Its file, if it is one of the tree.
    pub fn file(&self) -> Option<&Reference> {
        match &self.place {
            KeyPlace::Inside(reference) => Some(reference),
            KeyPlace::Elsewhere(_) => None,
        }
    }

    /// The key that a tag names.
    ///
    /// # Errors
    /// The attributes say no key, or its reference is refused.
    pub(super) fn read(
        attributes: &Attributes<'_>,
        resolve: impl Fn(&str) -> Result<String, PathError>,
    ) -> Result<Self, KeyError> {
        let method = match attributes.get("METHOD").ok_or(KeyError::Attributes)? {
            "AES-128" => Method::Aes128,
            other => Method::Samples(other.to_owned()),
        };
        let uri = attributes.get("URI").ok_or(KeyError::Attributes)?.to_owned();
        let place = match resolve(&uri) {
            Ok(path) => KeyPlace::Inside(Reference { uri, path }),
            Err(PathError::Url) => KeyPlace::Elsewhere(uri),
            Err(reason) => return Err(KeyError::Reference(uri, reason)),
        };
        let iv = match attributes.get("IV") {
            Some(text) => Some(read_iv(text).ok_or(KeyError::Attributes)?),
            None => None,
        };
        let format = attributes.get("KEYFORMAT").unwrap_or("identity").to_owned();
        Ok(Self { method, place, format, iv })
    }
}

/// `0x` and 32 hexadecimal digits.
fn read_iv(text: &str) -> Option<[u8; 16]> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let mut iv = [0; 16];
    hex::decode_to_slice(digits, &mut iv).ok()?;
    Some(iv)
}
