//! EXT-X-KEY: how segments are encrypted and where the key is.

use serde::{Deserialize, Serialize};

use super::Reference;
use super::attributes::Attributes;
use super::path::PathError;

/// KEYFORMAT of a key that is 16 bytes in a file.
pub const IDENTITY: &str = "identity";

/// A key, in force for the segments behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// METHOD.
    pub method: Method,
    /// URI.
    pub place: KeyPlace,
    /// KEYFORMAT; [`IDENTITY`] if it is not said.
    pub format: String,
    /// KEYFORMATVERSIONS.
    pub versions: Option<String>,
    /// IV; none: the number of the segment.
    pub iv: Option<[u8; 16]>,
}

/// How whole segments, or the samples in them, are encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// AES-128: the whole segment, in CBC mode.
    Aes128,
    /// SAMPLE-AES and its kin: the container can be read, its samples cannot.
    Samples(String),
}

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// How long its texts are together.
    pub(super) fn bytes(&self) -> usize {
        let (KeyPlace::Inside(Reference { uri, .. }) | KeyPlace::Elsewhere(uri)) = &self.place;
        let method = match &self.method {
            Method::Aes128 => 0,
            Method::Samples(name) => name.len(),
        };
        method + uri.len() + self.format.len() + self.versions.as_ref().map_or(0, String::len)
    }

    /// The IV of what is encrypted with it: what it says, or else the number of the segment. None: that
    /// is not said here, because other formats carry it with the licence and a map has no number.
    pub(crate) fn iv_of(&self, sequence: Option<u64>) -> Option<[u8; 16]> {
        let carries = matches!(&self.method, Method::Samples(name) if name == "SAMPLE-AES-CTR");
        let implied = sequence.filter(|_| self.format == IDENTITY && !carries);
        self.iv.or_else(|| implied.map(|number| u128::from(number).to_be_bytes()))
    }

    /// The key that a tag names; none: METHOD=NONE.
    ///
    /// # Errors
    /// The attributes say no key, or its reference is refused.
    pub(super) fn read(
        attributes: &Attributes<'_>,
        resolve: impl Fn(&str) -> Result<String, PathError>,
    ) -> Result<Option<Self>, KeyError> {
        let place = |uri: &str| match resolve(uri) {
            Ok(path) => Ok(KeyPlace::Inside(Reference { uri: uri.to_owned(), path })),
            Err(PathError::Url | PathError::Scheme) => Ok(KeyPlace::Elsewhere(uri.to_owned())),
            Err(reason) => Err(KeyError::Reference(uri.to_owned(), reason)),
        };
        let place = attributes.get("URI").map(place).transpose()?;
        let method = match attributes.get("METHOD").ok_or(KeyError::Attributes)? {
            "NONE" => return Ok(None),
            "AES-128" => Method::Aes128,
            other => Method::Samples(other.to_owned()),
        };
        let place = place.ok_or(KeyError::Attributes)?;
        let iv = match attributes.get("IV") {
            Some(text) => Some(read_iv(text).ok_or(KeyError::Attributes)?),
            None => None,
        };
        let format = attributes.get("KEYFORMAT").unwrap_or(IDENTITY).to_owned();
        let versions = attributes.get("KEYFORMATVERSIONS").map(str::to_owned);
        Ok(Some(Self { method, place, format, versions, iv }))
    }
}

/// `0x` and 32 hexadecimal digits.
fn read_iv(text: &str) -> Option<[u8; 16]> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let mut iv = [0; 16];
    hex::decode_to_slice(digits, &mut iv).ok()?;
    Some(iv)
}
