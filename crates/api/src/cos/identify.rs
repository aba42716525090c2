//! Who signed a COS request, and with which temporary key.
//!
//! The order is the one that tells an unauthenticated caller least: form, key, signature, time, token.
//! The wording `Request has expired` makes the JavaScript SDKs correct their clock by our Date header
//! and try again.

use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use media::{Grant, Library};
use sign::SignedRequest;
use sign::cos::{self, CosAuthorization, WindowError};
use url::form_urlencoded;

use super::error::CosError;

const TOKEN: &str = "x-cos-security-token";
/// Parameters that make another operation of the same path. All SDKs sign every parameter; a signed
/// request must not become another one by adding or changing these.
const OPERATIVE: [&str; 3] = ["uploads", "uploadId", "partNumber"];

/// The grant of the key that signed the request.
pub(super) async fn identify(library: &Library, parts: &Parts) -> Result<Grant, CosError> {
    let authorization = authorization(parts)?;
    let grant = library.grant(&authorization.secret_id).await?.ok_or_else(|| {
        let text = "The Access Key Id you provided does not exist in our records.";
        CosError::denied("InvalidAccessKeyId", text)
    })?;
    let query = parts.uri.query().unwrap_or_default();
    let headers: Vec<(&str, &[u8])> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let signed = SignedRequest {
        method: parts.method.as_str(),
        authority: parts.uri.authority().map(http::uri::Authority::as_str),
        path: parts.uri.path(),
        query,
        headers: &headers,
        body: b"",
    };
    let names = || form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    let is_loose = |name: &str| OPERATIVE.contains(&name) && !authorization.signs_param(name);
    if names().any(|name| is_loose(&name))
        || !cos::verify(&signed, &authorization, grant.secret_key())
    {
        let text = "The Signature you specified is invalid.";
        return Err(CosError::denied("SignatureDoesNotMatch", text));
    }
    match authorization.check_window(library.now().seconds()) {
        Ok(()) => {}
        Err(WindowError::Expired) => {
            return Err(CosError::denied("AccessDenied", "Request has expired"));
        }
        Err(WindowError::NotYet) => {
            let text = "The difference between the request time and the server time is too large.";
            return Err(CosError::denied("RequestTimeTooSkewed", text));
        }
    }
    let token = token(parts, query);
    if !token.is_some_and(|token| grant.has_token(&token)) {
        let text = "x-cos-security-token is missing, or is not that of this key.";
        return Err(CosError::denied("InvalidToken", text));
    }
    Ok(grant)
}

fn authorization(parts: &Parts) -> Result<CosAuthorization, CosError> {
    let denied = |error: cos::CosAuthorizationError| {
        CosError::denied("AccessDenied", format!("The signature cannot be read: {error}."))
    };
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    if let (Some(value), None) = (values.next(), values.next()) {
        let text = value.to_str().unwrap_or_default();
        if text.starts_with(super::S3_MARK) {
            return Err(CosError::not_implemented("The signature of S3 (storageType: s3)"));
        }
        return CosAuthorization::parse(text).map_err(denied);
    }
    match CosAuthorization::from_query(parts.uri.query().unwrap_or_default()) {
        Some(parsed) => parsed.map_err(denied),
        None => Err(CosError::denied("AccessDenied", "Access Denied.")),
    }
}

fn token(parts: &Parts, query: &str) -> Option<Vec<u8>> {
    if let Some(value) = parts.headers.get(TOKEN) {
        return Some(value.as_bytes().to_vec());
    }
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == TOKEN).map(|(_, value)| value.into_owned().into_bytes())
}

/// The host that a request is for, without port: of an absolute-form target, else of its header.
pub(super) fn host(parts: &Parts) -> Option<&str> {
    let host = authority(parts)?;
    let port = host.rfind(':').filter(|at| {
        host.get(at + 1..).is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
    });
    port.map_or(Some(host), |at| host.get(..at))
}

/// The same with its port, if it has one.
pub(super) fn authority(parts: &Parts) -> Option<&str> {
    match parts.uri.authority() {
        Some(authority) => authority.as_str().rsplit('@').next(),
        None => parts.headers.get(HOST)?.to_str().ok(),
    }
}
