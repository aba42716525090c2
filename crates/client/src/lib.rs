//! A small signed client of Callboard's own API and COS surface, for the command line and tests.
//!
//! It speaks TC3-HMAC-SHA256 to an address that its user chose, over HTTP or HTTPS, and knows nothing of
//! particular actions: parameters and answers are JSON values. Retries are deliberately absent,
//! because only the caller knows what may be repeated.

pub mod cos;
pub mod endpoint;
mod http;
mod key;

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use sign::SignedRequest;
use sign::tc3::{self, Signer};

pub use cos::CosClient;
pub use egress::{Trust, TrustError};
pub use endpoint::{Endpoint, EndpointError};
pub use key::Key;

use crate::http::{Http, now_s};

/// The API version that Callboard speaks.
pub const VERSION: &str = "2018-07-17";
/// How long a call may take: longer than any wait of PullEvents.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);
/// Content types are compared literally by clients and servers, so this is the exact spelling.
const CONTENT_TYPE: &str = "application/json";

/// Why a call has no answer, or not the one that was hoped for.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server answered with an error.
    #[error("{code}: {message} (request {request_id})")]
    Api {
        /// The API's error code, such as `ResourceNotFound`.
        code: String,
        /// The server's words.
        message: String,
        /// What to look for in the server's log.
        request_id: String,
    },
    /// The endpoint is not one that can be called.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// No answer came.
    #[error("cannot reach {endpoint}: {reason}")]
    Transport {
        /// Whom it was sent to.
        endpoint: String,
        /// What went wrong, innermost cause last.
        reason: String,
    },
    /// Something answered, but not an API.
    #[error("{endpoint} answered something that is not the API's: {reason}")]
    Protocol {
        /// Who answered.
        endpoint: String,
        /// What was wrong with it.
        reason: String,
    },
}

impl CallError {
    /// The API's error code, if the server answered with one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Api { code, .. } => Some(code),
            Self::Endpoint(_) | Self::Transport { .. } | Self::Protocol { .. } => None,
        }
    }
}

/// Calls the API in the name of one key.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http,
    key: Key,
}

impl Client {
    /// A client of the server at `endpoint` (`http://host:port` or `https://host:port`), which trusts
    /// the public authorities.
    pub fn new(
        endpoint: &str,
        secret_id: impl Into<String>,
        secret_key: impl Into<String>,
    ) -> Result<Self, EndpointError> {
        Self::trusting(Trust::default(), endpoint, Key::new(secret_id, secret_key))
    }

    /// The same with another trust.
    pub fn trusting(trust: Trust, endpoint: &str, key: Key) -> Result<Self, EndpointError> {
        Ok(Self { http: Http::new(endpoint.parse()?, trust, CALL_TIMEOUT), key })
    }

    /// Whom it calls.
    pub const fn endpoint(&self) -> &Endpoint {
        self.http.endpoint()
    }

    /// Calls an action of [`VERSION`]. `params` is an object; the answer is the content of
    /// `Response`, its RequestId included.
    pub async fn call(&self, action: &str, params: Value) -> Result<Value, CallError> {
        self.call_version(action, VERSION, params).await
    }

    /// The same for another version.
    pub async fn call_version(
        &self,
        action: &str,
        version: &str,
        params: Value,
    ) -> Result<Value, CallError> {
        let body = Bytes::from(params.to_string());
        let now_s = now_s();
        let host = self.http.endpoint().authority();
        let timestamp = now_s.to_string();
        let headers: [(&str, &str); 5] = [
            ("content-type", CONTENT_TYPE),
            ("host", host),
            ("x-tc-action", action),
            ("x-tc-version", version),
            (tc3::TIMESTAMP_HEADER, &timestamp),
        ];
        let bytes = headers.map(|(name, value)| (name, value.as_bytes()));
        let request = SignedRequest {
            method: "POST",
            authority: None,
            path: "/",
            query: "",
            headers: &bytes,
            body: &body,
        };
        let signer = Signer {
            secret_id: self.key.id(),
            secret_key: self.key.secret(),
            service: "vod",
            timestamp_s: now_s,
        };
        let authorization = tc3::sign(&request, &signer);
        let mut all = headers.to_vec();
        all.push(("authorization", &authorization));
        let answer = self.http.send("POST", "/", &all, body).await?;
        self.read(&answer.body)
    }

    /// Fetches what stands at a path without a signature, as a player fetches a file.
    pub async fn get(&self, path: &str) -> Result<Bytes, CallError> {
        let host = self.http.endpoint().authority();
        let answer = self.http.send("GET", path, &[("host", host)], Bytes::new()).await?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let endpoint = self.http.endpoint().to_string();
        Err(CallError::Protocol { endpoint, reason: format!("{path}: {}", answer.status) })
    }

    fn read(&self, body: &[u8]) -> Result<Value, CallError> {
        let strange = |reason: String| CallError::Protocol {
            endpoint: self.http.endpoint().to_string(),
            reason,
        };
        let mut value: Value =
            serde_json::from_slice(body).map_err(|error| strange(error.to_string()))?;
        let response = value
            .get_mut("Response")
            .filter(|response| response.is_object())
            .map(Value::take)
            .ok_or_else(|| strange("there is no Response in it".to_owned()))?;
        let text =
            |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        match response.get("Error") {
            None => Ok(response),
            Some(error) => Err(CallError::Api {
                code: text(error.get("Code")),
                message: text(error.get("Message")),
                request_id: text(response.get("RequestId")),
            }),
        }
    }
}
