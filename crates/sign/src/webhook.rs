//! Standard Webhooks signatures: HMAC-SHA256 over `id.timestamp.body`, which covers what `Sign` does not.
//!
//! Follows the Standard Webhooks specification (symmetric keys, `v1,` and `whsec_`), so that receivers can
//! use its published libraries.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::mac;

const PREFIX: &str = "whsec_";
const VERSION: &str = "v1,";

/// The specification asks for 24 to 64 bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a signing secret was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The text does not begin with `whsec_`.
    #[error("a signing secret begins with `{PREFIX}`")]
    Prefix,
    /// What follows is not Base64.
    #[error("a signing secret is Base64 after `{PREFIX}`")]
    Base64,
    /// The key is shorter than 24 bytes or longer than 64.
    #[error("a signing secret has 24 to 64 bytes")]
    Length,
}

/// The key of one signing secret. Erased from memory when dropped; its `Debug` shows nothing.
#[derive(Clone)]
pub struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    /// A secret of 24 to 64 bytes, which the caller drew at random.
    pub fn from_bytes(key: &[u8]) -> Result<Self, SecretError> {
        if LENGTHS.contains(&key.len()) {
            Ok(Self(Zeroizing::new(key.to_vec())))
        } else {
            Err(SecretError::Length)
        }
    }

    /// Reads the form that is shown to users: `whsec_` and Base64.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        let key = STANDARD.decode(encoded).map_err(|_not_base64| SecretError::Base64)?;
        Self::from_bytes(&Zeroizing::new(key))
    }

    /// The form that is shown to users, once.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(self.0.as_slice()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(redacted)")
    }
}

/// One signature, `v1,` and Base64, over the `Webhook-Id`, the `Webhook-Timestamp` (Unix seconds) and the
/// body exactly as sent. The `Webhook-Signature` of an application with several secrets is their
/// signatures joined by spaces.
#[must_use]
pub fn sign(secret: &SigningSecret, id: &str, timestamp_s: i64, body: &[u8]) -> String {
    let timestamp = timestamp_s.to_string();
    let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    format!("{VERSION}{}", STANDARD.encode(mac::hmac_sha256(&secret.0, &parts)))
}

/// Whether one of the signatures in a `Webhook-Signature` header is right. Does not look at the clock.
#[must_use]
pub fn verify(
    secret: &SigningSecret,
    id: &str,
    timestamp_s: i64,
    body: &[u8],
    header: &str,
) -> bool {
    let expected = sign(secret, id, timestamp_s, body);
    header.split_ascii_whitespace().any(|one| mac::same(expected.as_bytes(), one.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{SecretError, SigningSecret, sign, verify};

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const T: i64 = 1_614_265_330;

    #[test]
    fn matches_the_vector_of_the_public_libraries() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        let signature = sign(&secret, ID, T, BODY);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(verify(&secret, ID, T, BODY, &format!("v1,AAAA {signature} v2,x")));
    }

    #[test]
    fn covers_id_time_and_body() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        let header = sign(&secret, ID, T, BODY);
        assert!(!verify(&secret, "msg_other", T, BODY, &header));
        assert!(!verify(&secret, ID, T + 1, BODY, &header));
        assert!(!verify(&secret, ID, T, b"{}", &header));
        assert!(!verify(&secret, ID, T, BODY, ""));
        let other = SigningSecret::from_bytes(&[7; 24]).unwrap();
        assert!(!verify(&other, ID, T, BODY, &header));
    }

    #[test]
    fn secrets_survive_their_text_and_stay_out_of_debug() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        assert_eq!(secret.reveal(), SECRET);
        assert_eq!(format!("{secret:?}"), "SigningSecret(redacted)");
        let refused = |text: &str| SigningSecret::parse(text).unwrap_err();
        assert_eq!(refused("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), SecretError::Prefix);
        assert_eq!(refused("whsec_*"), SecretError::Base64);
        assert_eq!(refused("whsec_AAAA"), SecretError::Length);
    }
}
