//! Secrets: drawn at random, sealed on their way into a record and opened on their way out.
//!
//! A sealed secret is bound to what it is and whose it is, so that it opens in its own record only.

use std::io;

use model::Sealed;
use sign::seal::{self, MasterKey, OpenError, Purpose};
use zeroize::Zeroizing;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Why a secret of a record does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SecretError {
    /// Another master key, or a damaged record.
    #[error(transparent)]
    Sealed(#[from] OpenError),
    /// What was sealed is no text.
    #[error("a sealed secret is not UTF-8")]
    NotText,
}

/// Seals a secret for its record.
pub(crate) fn seal(
    master: &MasterKey,
    purpose: Purpose<'_>,
    secret: &str,
) -> Result<Sealed, io::Error> {
    let mut nonce = [0; seal::NONCE_LEN];
    getrandom::fill(&mut nonce)?;
    Ok(Sealed(seal::seal_text(master, &nonce, purpose, secret.as_bytes())))
}

/// Opens what [`seal()`] made for the same purpose.
pub(crate) fn open(
    master: &MasterKey,
    purpose: Purpose<'_>,
    sealed: &Sealed,
) -> Result<Zeroizing<String>, SecretError> {
    let bytes = seal::open_text(master, purpose, &sealed.0)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_not_text) => Err(SecretError::NotText),
    }
}

/// That many random bytes, erased from memory when dropped.
pub(crate) fn random_bytes<const LENGTH: usize>() -> Result<Zeroizing<[u8; LENGTH]>, io::Error> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    getrandom::fill(&mut *bytes)?;
    Ok(bytes)
}

/// That many random letters and digits, each equally likely.
pub(crate) fn random_text(length: usize) -> Result<String, io::Error> {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes)?;
        // 62 and 63 are passed over: folding them in would favour the first letters
        let letters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        text.extend(letters.take(length - text.len()).map(|&letter| char::from(letter)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_owner_only() {
        let master = MasterKey::from_bytes([7; 32]);
        let sealed = seal(&master, Purpose::sign_key("1"), "abc").unwrap();
        assert!(!sealed.0.contains("abc"));
        assert_eq!(*open(&master, Purpose::sign_key("1"), &sealed).unwrap(), "abc");
        assert!(open(&master, Purpose::sign_key("2"), &sealed).is_err());
        assert!(open(&master, Purpose::secret_key("1"), &sealed).is_err());
    }

    #[test]
    fn random_texts_have_their_length() {
        for length in [0, 1, 32, 100] {
            let text = random_text(length).unwrap();
            assert_eq!(text.len(), length);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
    }
}
