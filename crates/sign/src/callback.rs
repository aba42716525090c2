//! `Sign` and `T`, the two members that the cloud adds to a callback when the application has a `SignKey`.
//!
//! The scheme is the cloud's and weak: it covers a time and not the body. It is kept for receivers that
//! were written for it; [`crate::webhook`] is the strong one beside it.

use md5::{Digest, Md5};

use crate::mac;

/// The value of `Sign`: lower-case hexadecimal MD5 of the key followed by `T` in decimal. `t_s` is the time
/// in Unix seconds at which the callback expires (ModifyEventConfig's documentation of `SignKey`).
#[must_use]
pub fn sign(sign_key: &str, t_s: i64) -> String {
    let mut hash = Md5::new();
    hash.update(sign_key);
    hash.update(t_s.to_string());
    hex::encode(hash.finalize())
}

/// Whether a receiver at `now_s` may believe a callback: `sign` is right for `t_s`, and `t_s` has not passed.
#[must_use]
pub fn verify(sign_key: &str, t_s: i64, sign: &str, now_s: i64) -> bool {
    let right = mac::same(self::sign(sign_key, t_s).as_bytes(), sign.as_bytes());
    right && now_s <= t_s
}

#[cfg(test)]
mod tests {
    use super::{sign, verify};

    /// Reference: `printf 'mysignkey1767226200' | md5sum`.
    const SIGN: &str = "5bd1eb25d1bddfb0a865b2a0dfa86db8";

    #[test]
    fn is_the_md5_of_key_and_time() {
        assert_eq!(sign("mysignkey", 1_767_226_200), SIGN);
    }

    #[test]
    fn a_receiver_checks_key_time_and_expiry() {
        let (key, t) = ("mysignkey", 1_767_226_200);
        assert!(verify(key, t, SIGN, t - 600));
        assert!(verify(key, t, SIGN, t));
        assert!(!verify(key, t, SIGN, t + 1));
        assert!(!verify(key, t + 1, SIGN, t));
        assert!(!verify("mysignkex", t, SIGN, t));
        assert!(!verify(key, t, &SIGN.to_uppercase(), t));
        assert!(!verify(key, t, "", t));
    }
}
