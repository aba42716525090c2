//! Signature v1 of API 3.0: HMAC over the sorted parameters, raw, in a query or a form.
//!
//! The values enter the string decoded and unescaped, which is why this takes parameters rather than
//! bytes. Which key, and whether the time is right, are the caller's questions: both stand among the
//! common parameters that it has read anyway.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{mac, request::SignedRequest, request::push_new};

/// The parameter that carries the signature, and the only one that is not signed.
pub const SIGNATURE: &str = "Signature";

/// The parameter that names the method.
pub const SIGNATURE_METHOD: &str = "SignatureMethod";

/// The hash of a v1 signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The default.
    HmacSha1,
    /// Chosen by `SignatureMethod=HmacSHA256`.
    HmacSha256,
}

impl Method {
    /// The method that a `SignatureMethod` parameter selects: documented is that only `HmacSHA256` selects
    /// SHA-256 and everything else, or absence, means `HmacSHA1`.
    #[must_use]
    pub fn of(parameter: Option<&[u8]>) -> Self {
        if parameter == Some(b"HmacSHA256") { Self::HmacSha256 } else { Self::HmacSha1 }
    }

    /// The value of `SignatureMethod`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "HmacSHA1",
            Self::HmacSha256 => "HmacSHA256",
        }
    }

    fn mac(self, key: &str, parts: &[&[u8]]) -> String {
        match self {
            Self::HmacSha1 => STANDARD.encode(mac::hmac_sha1(key.as_bytes(), parts)),
            Self::HmacSha256 => STANDARD.encode(mac::hmac_sha256(key.as_bytes(), parts)),
        }
    }
}

/// How parameter names with an underscore were signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// As they were sent, as documented. The right choice for VOD, which has no such names.
    AsSent,
    /// As sent or, failing that, with `.` for `_`, as the Python and Java SDKs sign them. Under this rule
    /// `A_0` and `A.0` share a signature, so a change of one into the other is not noticed.
    AsSentOrDotted,
}

/// Whether the `Signature` among `params` (decoded names and values, in any order) signs the others under
/// `secret_key`. The hosts tried are those of TC3; the path is `/` or the one sent. White space around the
/// signature is ignored (Ruby sends a line feed) and a space inside stands for a `+` that was not encoded.
/// False, too, when `Signature` is absent or a name occurs twice. Reads method, host, authority and path
/// of `request` only.
#[must_use]
pub fn verify<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    request: &SignedRequest<'_>,
    params: &[(K, V)],
    secret_key: &str,
    aliases: &[&str],
    names: Names,
) -> bool {
    let mut pairs: Vec<(&[u8], &[u8])> =
        params.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    pairs.sort_unstable_by_key(|(name, _)| *name);
    let repeated = pairs.windows(2).any(|two| matches!(two, [(a, _), (b, _)] if a == b));
    let find = |wanted: &str| {
        pairs.iter().find(|(name, _)| *name == wanted.as_bytes()).map(|(_, value)| *value)
    };
    let Some(given) = find(SIGNATURE).map(signature_text) else { return false };
    if repeated {
        return false;
    }
    let method = Method::of(find(SIGNATURE_METHOD));
    let mut paths = vec!["/"];
    push_new(&mut paths, request.path_or_root());
    let messages = messages(&pairs, names);
    let hosts = request.hosts(aliases);
    messages.iter().any(|message| {
        hosts.iter().any(|host| {
            paths.iter().any(|path| {
                let parts = [request.method.as_bytes(), host, path.as_bytes(), b"?", message];
                mac::same(method.mac(secret_key, &parts).as_bytes(), &given)
            })
        })
    })
}

/// The value of `Signature` for `params` (raw names and values, in any order; a `Signature` among them is
/// left out), sent by `http_method` to the path `/` of `host` (with its port, if the URL has one).
/// `SignatureMethod` must be among the parameters when `method` is not the default.
#[must_use]
pub fn sign<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    method: Method,
    secret_key: &str,
    http_method: &str,
    host: &str,
    params: &[(K, V)],
) -> String {
    let mut pairs: Vec<(&[u8], &[u8])> =
        params.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    pairs.sort_unstable_by_key(|(name, _)| *name);
    let message = message(&pairs);
    method.mac(secret_key, &[http_method.as_bytes(), host.as_bytes(), b"/?", &message])
}

/// The signature as the client computed it.
fn signature_text(value: &[u8]) -> Vec<u8> {
    let trimmed = value.trim_ascii();
    trimmed.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect()
}

/// The parameter strings that may have been signed; `sorted` is in the order of the names as sent.
fn messages(sorted: &[(&[u8], &[u8])], names: Names) -> Vec<Vec<u8>> {
    let mut messages = vec![message(sorted)];
    if names == Names::AsSentOrDotted && sorted.iter().any(|(name, _)| name.contains(&b'_')) {
        let dot = |byte: &u8| if *byte == b'_' { b'.' } else { *byte };
        let mut dotted: Vec<(Vec<u8>, &[u8])> =
            sorted.iter().map(|(name, value)| (name.iter().map(dot).collect(), *value)).collect();
        // Java replaces in the list that it sorted before; Python sorts again.
        push_new(&mut messages, message(&dotted));
        dotted.sort_by(|(a, _), (b, _)| a.cmp(b));
        push_new(&mut messages, message(&dotted));
    }
    messages
}

fn message<K: AsRef<[u8]>>(pairs: &[(K, &[u8])]) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in pairs {
        if name.as_ref() == SIGNATURE.as_bytes() {
            continue;
        }
        if !text.is_empty() {
            text.push(b'&');
        }
        text.extend_from_slice(name.as_ref());
        text.push(b'=');
        text.extend_from_slice(value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Method, signature_text};

    #[test]
    fn only_the_exact_name_selects_sha256() {
        assert_eq!(Method::of(Some(b"HmacSHA256")), Method::HmacSha256);
        for other in [None, Some(b"HmacSHA1".as_slice()), Some(b"hmacsha256"), Some(b"")] {
            assert_eq!(Method::of(other), Method::HmacSha1);
        }
        assert_eq!(Method::HmacSha256.name(), "HmacSHA256");
    }

    #[test]
    fn signatures_are_trimmed_and_their_plus_restored() {
        assert_eq!(signature_text(b"a b/c=\n"), b"a+b/c=");
    }
}
