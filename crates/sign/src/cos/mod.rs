//! The request signature of COS, `q-sign-algorithm=sha1`, in a header or in a presigned URL.
//!
//! Header and parameter lists in the signature say what is covered; the order in them is the order in the
//! signed string. Every COS SDK computes it slightly differently: the Python client signs the host without
//! the port that it sends, the browser client does not sign the host at all. What a list does not name is
//! not protected, so the surface behind this asks [`CosAuthorization::signs_param`] where that matters.
//!
//! Deliberately absent: the body (COS does not sign it), the security token (it belongs to the session),
//! and which keys may be touched.

mod authorization;

use crate::{encoding, mac, request::SignedRequest, request::push_new};

pub use authorization::{CosAuthorization, CosAuthorizationError, WindowError};

/// The only algorithm there is.
pub const ALGORITHM: &str = "sha1";

/// Whether `authorization` is the signature of `request` under `secret_key`. The host is tried as sent and
/// without its port; the path decoded, then as sent. False, too, when a header or parameter of the lists is
/// absent or repeated. Does not check the time: see [`CosAuthorization::check_window`].
#[must_use]
pub fn verify(
    request: &SignedRequest<'_>,
    authorization: &CosAuthorization,
    secret_key: &str,
) -> bool {
    let Some(params) = signed_params(request, &authorization.param_list) else { return false };
    let hosts = request.hosts(&[]);
    let sent = [b"".as_slice()];
    let signs_host = authorization.header_list.iter().any(|name| name == "host");
    let hosts = if signs_host { hosts.as_slice() } else { sent.as_slice() };
    let mut paths = vec![encoding::decode_path(request.path_or_root())];
    push_new(&mut paths, request.path_or_root().as_bytes().to_vec());
    hosts.iter().any(|host| {
        let Some(headers) = signed_headers(request, &authorization.header_list, host) else {
            return false;
        };
        paths.iter().any(|path| {
            let text = format_string(request.method, path, &params, &headers);
            let expected = signature(authorization, secret_key, &text);
            mac::same(expected.as_bytes(), authorization.signature.as_bytes())
        })
    })
}

/// What a client needs to sign for COS.
#[derive(Clone, Copy)]
pub struct CosSigner<'a> {
    /// The public name of the (temporary) key.
    pub secret_id: &'a str,
    /// The key.
    pub secret_key: &'a str,
    /// The first second at which the signature is valid, Unix time.
    pub start_s: i64,
    /// The last second at which the signature is valid, Unix time.
    pub end_s: i64,
    /// The headers to cover, in any case and order. One that the request lacks is left out.
    pub headers: &'a [&'a str],
}

impl std::fmt::Debug for CosSigner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CosSigner")
            .field("secret_id", &self.secret_id)
            .field("start_s", &self.start_s)
            .field("end_s", &self.end_s)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// Signs `request`: its decoded path, every parameter of its query and the headers the signer names. The
/// result is sent as [`CosAuthorization::to_header`] or appended to the query as
/// [`CosAuthorization::to_query`].
#[must_use]
pub fn sign(request: &SignedRequest<'_>, signer: &CosSigner<'_>) -> CosAuthorization {
    let host = request.hosts(&[]).first().copied();
    let present =
        |name: &&&str| request.header(name).is_some() || (**name == "host" && host.is_some());
    let mut header_list: Vec<String> =
        signer.headers.iter().filter(present).map(|name| name.to_ascii_lowercase()).collect();
    header_list.sort_unstable();
    header_list.dedup();
    let pairs = encoding::query_pairs(request.query);
    let mut param_list: Vec<String> = pairs.iter().map(|(name, _)| listed(name)).collect();
    param_list.sort_unstable();
    param_list.dedup();
    let params = signed_params(request, &param_list).unwrap_or_default();
    let headers =
        signed_headers(request, &header_list, host.unwrap_or_default()).unwrap_or_default();
    let path = encoding::decode_path(request.path_or_root());
    let text = format_string(request.method, &path, &params, &headers);
    let time = format!("{};{}", signer.start_s, signer.end_s);
    let mut authorization = CosAuthorization {
        secret_id: signer.secret_id.to_owned(),
        sign_time: time.clone(),
        key_time: time,
        header_list,
        param_list,
        signature: String::new(),
    };
    authorization.signature = signature(&authorization, signer.secret_key, &text);
    authorization
}

/// How a name stands in a list: encoded, in lower case.
fn listed(name: &[u8]) -> String {
    encoding::encode(name).to_ascii_lowercase()
}

fn signed_params(request: &SignedRequest<'_>, list: &[String]) -> Option<String> {
    let pairs: Vec<(String, Vec<u8>)> = encoding::query_pairs(request.query)
        .into_iter()
        .map(|(name, value)| (listed(&name), value))
        .collect();
    joined(list, |wanted| {
        only(pairs.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_slice()))
    })
}

fn signed_headers(request: &SignedRequest<'_>, list: &[String], host: &[u8]) -> Option<String> {
    joined(list, |wanted| {
        if wanted == "host" {
            return Some(host);
        }
        let named = request.headers.iter().filter(|(name, _)| listed(name.as_bytes()) == wanted);
        only(named.map(|(_, value)| value.trim_ascii()))
    })
}

/// The single item of an iterator.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    if items.next().is_some() { None } else { Some(first) }
}

fn joined<'v>(list: &[String], value_of: impl Fn(&str) -> Option<&'v [u8]>) -> Option<String> {
    let mut text = String::new();
    for name in list {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(&encoding::encode(value_of(name)?));
    }
    Some(text)
}

fn format_string(method: &str, path: &[u8], params: &str, headers: &str) -> Vec<u8> {
    let method = method.to_ascii_lowercase();
    let rest = format!("\n{params}\n{headers}\n");
    [method.as_bytes(), b"\n", path, rest.as_bytes()].concat()
}

fn signature(authorization: &CosAuthorization, secret_key: &str, format_string: &[u8]) -> String {
    let key = mac::hmac_sha1(secret_key.as_bytes(), &[authorization.key_time.as_bytes()]);
    let hash = mac::hex_sha1(format_string);
    let text = format!("{ALGORITHM}\n{}\n{hash}\n", authorization.sign_time);
    hex::encode(mac::hmac_sha1(hex::encode(key).as_bytes(), &[text.as_bytes()]))
}
