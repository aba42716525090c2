//! Who sent a request, and whether it is as they sent it.
//!
//! The order of the checks is part of the contract, because clients see the first that fails: common
//! parameters (Timestamp first), expiry, version and action, the form of the claim, SecretId, token,
//! signature. What is established and what is a choice stands in facts/api3.md section 4.4: a bare
//! `GET /` is told that `Timestamp` is missing, and a stale request is told so before its key is
//! looked up.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method};
use model::Timestamp;
use sign::tc3::{self, AuthorizationError, Tc3Authorization};
use sign::{SignedRequest, v1, window};
use wire::{ActionName, ApiError, Code, Language};

use crate::http::Seen;
use crate::keyring::KnownKey;
use crate::pairs::Pair;
use crate::{Gateway, params};

/// A request in memory: everything that a signature covers, as received.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) method: Method,
    pub(crate) authority: Option<String>,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Message {
    pub(crate) fn new(parts: Parts, body: Bytes) -> Self {
        let Parts { method, uri, headers, .. } = parts;
        Self {
            method,
            authority: uri.authority().map(|authority| authority.as_str().to_owned()),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers,
            body,
        }
    }

    /// The one value of a header, trimmed; none if it is absent, empty, repeated or not text.
    fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        std::str::from_utf8(value.as_bytes()).ok().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The media type of the body in lower case, without its parameters.
    pub(crate) fn media_type(&self) -> String {
        media_type(&self.headers)
    }

    fn signed<'a>(&'a self, headers: &'a [(&'a str, &'a [u8])]) -> SignedRequest<'a> {
        // what a GET carries as a body belongs to no signature (facts/api3.md 1.1)
        let body = if self.method == Method::GET { &[] } else { self.body.as_ref() };
        SignedRequest {
            method: self.method.as_str(),
            authority: self.authority.as_deref(),
            path: &self.path,
            query: &self.query,
            headers,
            body,
        }
    }
}

/// The media type that a message declares, in lower case and without its parameters: Java sends
/// `application/json; charset=utf-8`.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(http::header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let text = String::from_utf8_lossy(value.unwrap_or_default());
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// What a request says of itself, before any of it is believed.
#[derive(Debug)]
pub(crate) struct Claim {
    /// The action.
    pub(crate) action: ActionName,
    /// The SecretId.
    pub(crate) secret_id: String,
    /// Whether a session token was sent.
    token: bool,
    scheme: Scheme,
}

/// How it is signed.
#[derive(Debug)]
enum Scheme {
    Tc3(Tc3Authorization),
    V1(Vec<Pair>),
}

impl Claim {
    /// Reads the common parameters and refuses what cannot be right whatever the key. `seen` is told
    /// the language and the action as soon as they are known.
    pub(crate) fn read(
        message: &Message,
        now: Timestamp,
        seen: &mut Seen,
    ) -> Result<Self, ApiError> {
        // Without an Authorization header the rules of v1 apply, as the cloud was seen to do.
        let source = if message.headers.contains_key(http::header::AUTHORIZATION) {
            Source::Headers(message)
        } else {
            Source::Pairs(params::v1_pairs(message))
        };
        if let Some(tag) = source.get("Language", "X-TC-Language") {
            seen.language = Language::of(tag);
        }
        let timestamp = number("Timestamp", source.required("Timestamp", "X-TC-Timestamp")?)?;
        let action = source.required("Action", "X-TC-Action")?;
        seen.action = ActionName::from_name(action);
        let version = source.required("Version", "X-TC-Version")?;
        if !window::accepts(timestamp, now.seconds()) {
            return Err(ApiError::signature_expired());
        }
        let action = ActionName::find(action, version)?;
        let token = source.has_token();
        let (secret_id, scheme) = match source {
            Source::Headers(message) => {
                let authorization = authorization(message)?;
                (authorization.secret_id.clone(), Scheme::Tc3(authorization))
            }
            Source::Pairs(ref pairs) => {
                number("Nonce", source.required("Nonce", "")?)?;
                let secret_id = source.required("SecretId", "")?.to_owned();
                source.required(v1::SIGNATURE, "")?;
                (secret_id, Scheme::V1(pairs.clone()))
            }
        };
        Ok(Self { action, secret_id, token, scheme })
    }

    /// Finds the key and verifies the signature.
    pub(crate) async fn verify(
        &self,
        gateway: &Gateway,
        message: &Message,
    ) -> Result<Arc<KnownKey>, ApiError> {
        let found = gateway.keyring().find(gateway.backend(), gateway.master(), &self.secret_id);
        let known = found.await.map_err(ApiError::internal)?;
        let known = known.ok_or_else(ApiError::secret_id_not_found)?;
        if self.token {
            return Err(ApiError::token_failure());
        }
        let headers: Vec<(&str, &[u8])> =
            message.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let signed = message.signed(&headers);
        let aliases: Vec<&str> =
            gateway.settings().host_aliases.iter().map(String::as_str).collect();
        let secret = known.secret_key.as_str();
        let verified = match &self.scheme {
            Scheme::Tc3(authorization) => tc3::verify(&signed, authorization, secret, &aliases),
            Scheme::V1(pairs) => v1::verify(&signed, pairs, secret, &aliases, v1::Names::AsSent),
        };
        if verified { Ok(known) } else { Err(ApiError::signature_failure()) }
    }

    /// Whether the parameters came the way of signature v1.
    pub(crate) const fn is_v1(&self) -> bool {
        matches!(self.scheme, Scheme::V1(_))
    }
}

/// Where the common parameters are.
enum Source<'a> {
    Headers(&'a Message),
    Pairs(Vec<Pair>),
}

impl Source<'_> {
    /// A common parameter; empty counts as absent (Ruby sends an empty X-TC-Token).
    fn get(&self, parameter: &str, header: &str) -> Option<&str> {
        match self {
            Source::Headers(message) => message.header(header),
            Source::Pairs(pairs) => {
                let found = pairs.iter().find(|(name, _)| name == parameter.as_bytes());
                let text = found.and_then(|(_, value)| std::str::from_utf8(value).ok());
                text.map(str::trim).filter(|text| !text.is_empty())
            }
        }
    }

    /// Whether a session token was sent, even one that has no single value.
    fn has_token(&self) -> bool {
        match self {
            Source::Headers(message) => {
                let mut values = message.headers.get_all("x-tc-token").iter();
                values.any(|value| !value.as_bytes().trim_ascii().is_empty())
            }
            Source::Pairs(_) => self.get("Token", "").is_some(),
        }
    }

    fn required(&self, parameter: &str, header: &str) -> Result<&str, ApiError> {
        self.get(parameter, header).ok_or_else(|| ApiError::missing_parameter(parameter))
    }
}

/// A whole number (text of the refusal: a public source comment, facts/api3.md 4.3).
fn number(parameter: &str, text: &str) -> Result<i64, ApiError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().ok_or_else(|| {
        ApiError::new(Code::InvalidParameter, format!("Parameter `{parameter}` type error."))
    })
}

fn authorization(message: &Message) -> Result<Tc3Authorization, ApiError> {
    let value = message.header("authorization").ok_or(AuthorizationError::Format);
    value
        .and_then(Tc3Authorization::parse)
        .map_err(|error| ApiError::invalid_authorization(&format!("{error}.")))
}
