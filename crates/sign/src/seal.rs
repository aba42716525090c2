//! Sealing of secrets at rest: XChaCha20-Poly1305 under the master key.
//!
//! Each sealed value is bound to its purpose and to the id of what it belongs to, so that a value cannot
//! be moved in the store from one key or application to another and still open. The form is one version
//! byte, the nonce, the ciphertext and its tag. The nonce is drawn by the caller: 24 random bytes may be
//! drawn without counting them.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use zeroize::Zeroizing;

/// The length of a nonce in bytes.
pub const NONCE_LEN: usize = 24;

/// The version of the sealed form, its first byte.
const VERSION: u8 = 1;

/// Why a sealed value did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short to hold a version, a nonce and a tag.
    #[error("the sealed value is cut short")]
    Short,
    /// The text form is not base64.
    #[error("the sealed value is not base64")]
    Text,
    /// Sealed by a form that this version does not know.
    #[error("the sealed value has the unknown version {0}")]
    Version(u8),
    /// Another master key, another purpose or id, or changed bytes; which of them cannot be told.
    #[error("the sealed value does not open: wrong master key, wrong place or changed bytes")]
    Refused,
}

/// Why text is not a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 64 hexadecimal digits")]
pub struct MasterKeyError;

/// The 32 bytes that seal every other secret. Erased from memory when dropped; its `Debug` shows nothing.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// A key from 32 random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a key from 64 hexadecimal digits; white space around them is ignored.
    pub fn from_hex(text: &str) -> Result<Self, MasterKeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), bytes.as_mut_slice())
            .map_err(|_not_hexadecimal| MasterKeyError)?;
        Ok(Self(bytes))
    }

    /// The text that [`MasterKey::from_hex`] reads, for the key file.
    #[must_use]
    pub fn reveal_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.as_slice().into())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(redacted)")
    }
}

/// What a sealed value is and to whom it belongs. Not stored in the sealed form; opening with another one
/// fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purpose<'a> {
    /// The kind of secret, such as `secret-key` or `sign-key`.
    pub what: &'a str,
    /// The id of its owner: a key's SecretId, an application's id.
    pub id: &'a str,
}

impl<'a> Purpose<'a> {
    /// The SecretKey of an API key; `id` is its SecretId.
    #[must_use]
    pub const fn secret_key(id: &'a str) -> Self {
        Self { what: "secret-key", id }
    }

    /// The SignKey of an application; `id` is its decimal SubAppId.
    #[must_use]
    pub const fn sign_key(id: &'a str) -> Self {
        Self { what: "sign-key", id }
    }

    /// A signing secret of an application; `place` names both.
    #[must_use]
    pub const fn signing_secret(place: &'a str) -> Self {
        Self { what: "signing-secret", id: place }
    }

    /// The length of the first part goes in front, so that no two purposes have the same bytes.
    fn associated_data(self) -> Vec<u8> {
        let length = u64::try_from(self.what.len()).unwrap_or(u64::MAX).to_be_bytes();
        [&length, self.what.as_bytes(), self.id.as_bytes()].concat()
    }
}

/// Seals `plaintext` (any length that fits in memory). `nonce` must be random and used once under a key.
#[must_use]
#[expect(clippy::expect_used, reason = "a plaintext of 256 GiB does not occur")]
pub fn seal(
    master: &MasterKey,
    nonce: &[u8; NONCE_LEN],
    purpose: Purpose<'_>,
    plaintext: &[u8],
) -> Vec<u8> {
    let aad = purpose.associated_data();
    let ciphertext = master
        .cipher()
        .encrypt(XNonce::from_slice(nonce), Payload { msg: plaintext, aad: &aad })
        .expect("the plaintext is shorter than the 256 GiB that one nonce can cover");
    [&[VERSION], nonce.as_slice(), &ciphertext].concat()
}

/// Opens what [`seal`] made for the same purpose under the same key. The plaintext is erased from memory
/// when dropped.
pub fn open(
    master: &MasterKey,
    purpose: Purpose<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (version, rest) = sealed.split_first().ok_or(OpenError::Short)?;
    if *version != VERSION {
        return Err(OpenError::Version(*version));
    }
    let (nonce, ciphertext) = rest.split_at_checked(NONCE_LEN).ok_or(OpenError::Short)?;
    if ciphertext.len() < 16 {
        return Err(OpenError::Short);
    }
    let aad = purpose.associated_data();
    master
        .cipher()
        .decrypt(XNonce::from_slice(nonce), Payload { msg: ciphertext, aad: &aad })
        .map(Zeroizing::new)
        .map_err(|_opaque| OpenError::Refused)
}

/// [`seal`] in the text form that records hold: base64.
#[must_use]
pub fn seal_text(
    master: &MasterKey,
    nonce: &[u8; NONCE_LEN],
    purpose: Purpose<'_>,
    plaintext: &[u8],
) -> String {
    STANDARD.encode(seal(master, nonce, purpose, plaintext))
}

/// Opens what [`seal_text`] made.
pub fn open_text(
    master: &MasterKey,
    purpose: Purpose<'_>,
    sealed: &str,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let sealed = STANDARD.decode(sealed).map_err(|_not_base64| OpenError::Text)?;
    open(master, purpose, &sealed)
}

#[cfg(test)]
mod tests {
    use super::{MasterKey, MasterKeyError, OpenError, Purpose, open, open_text, seal, seal_text};

    const PURPOSE: Purpose<'_> = Purpose { what: "secret-key", id: "AKID1" };

    #[test]
    fn opens_only_in_its_place_and_under_its_key() {
        let master = MasterKey::from_bytes([1; 32]);
        let sealed = seal(&master, &[9; 24], PURPOSE, b"secret");
        assert_eq!(sealed.first(), Some(&1));
        assert_eq!(sealed.len(), 1 + 24 + 6 + 16);
        assert_eq!(open(&master, PURPOSE, &sealed).unwrap().as_slice(), b"secret");
        for elsewhere in [
            Purpose { what: "secret-key", id: "AKID2" },
            Purpose { what: "sign-key", id: "AKID1" },
            Purpose { what: "secret-keyA", id: "KID1" },
        ] {
            assert_eq!(open(&master, elsewhere, &sealed), Err(OpenError::Refused));
        }
        let other = MasterKey::from_bytes([2; 32]);
        assert_eq!(open(&other, PURPOSE, &sealed), Err(OpenError::Refused));
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let master = MasterKey::from_bytes([1; 32]);
        let sealed = seal(&master, &[9; 24], PURPOSE, b"secret");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            let expected = if at == 0 { OpenError::Version(0) } else { OpenError::Refused };
            assert_eq!(open(&master, PURPOSE, &changed), Err(expected), "byte {at}");
            assert!(open(&master, PURPOSE, &sealed[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(open(&master, PURPOSE, b""), Err(OpenError::Short));
    }

    #[test]
    fn the_key_has_a_text_form_and_no_debug_form() {
        let text = "00ff".repeat(16);
        let key = MasterKey::from_hex(&format!("{text}\n")).unwrap();
        assert_eq!(key.reveal_hex().as_str(), text);
        assert_eq!(format!("{key:?}"), "MasterKey(redacted)");
        for bad in ["", "00", &"0g".repeat(32), &"00".repeat(33)] {
            assert_eq!(MasterKey::from_hex(bad).unwrap_err(), MasterKeyError);
        }
    }

    #[test]
    fn the_text_form_opens_to_the_same() {
        let master = MasterKey::from_bytes([1; 32]);
        let text = seal_text(&master, &[9; 24], Purpose::sign_key("1"), b"abc");
        assert!(text.is_ascii() && !text.contains("abc"));
        assert_eq!(open_text(&master, Purpose::sign_key("1"), &text).unwrap().as_slice(), b"abc");
        let elsewhere = open_text(&master, Purpose::secret_key("1"), &text);
        assert_eq!(elsewhere, Err(OpenError::Refused));
        assert_eq!(open_text(&master, Purpose::sign_key("1"), "%"), Err(OpenError::Text));
    }
}
