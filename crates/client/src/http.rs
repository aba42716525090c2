//! One exchange: a request with its headers, a bounded answer, one deadline.

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::http::{Request, StatusCode};
use bytes::Bytes;
use egress::TlsFailure;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::{CallError, Endpoint, Trust};

/// Bytes of an answer: more than any page of the API, and a bound on what a stranger can send.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The machine's time in Unix seconds.
#[expect(clippy::disallowed_methods, reason = "a signature carries the machine's own time")]
pub(crate) fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Connections to one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    endpoint: Endpoint,
    timeout: Duration,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: ::http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Http {
    pub(crate) fn new(endpoint: Endpoint, trust: Trust, timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust.into_config().with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Self { client, endpoint, timeout }
    }

    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let mut request =
            Request::builder().method(method).uri(format!("{}{target}", self.endpoint));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).map_err(|error| self.transport(&error))?;
        let exchange = async {
            let response =
                self.client.request(request).await.map_err(|error| self.transport(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| self.transport(error.as_ref()))?
                .to_bytes();
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(CallError::Transport {
                endpoint: self.endpoint.to_string(),
                reason: format!("no answer within {} s", self.timeout.as_secs()),
            }),
        }
    }

    /// The innermost cause says it best: "Connection refused", not "client error (Connect)".
    fn transport(&self, error: &(dyn Error + 'static)) -> CallError {
        let mut cause = error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        // an io::Error hides what it wraps from `source`
        let mut inner: &(dyn Error + 'static) = cause;
        while let Some(next) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            inner = next;
        }
        let failure = inner.downcast_ref::<rustls::Error>().map(TlsFailure::from);
        let reason = match failure {
            Some(TlsFailure::Untrusted) => {
                format!("{}; --ca-file names one to trust", TlsFailure::Untrusted)
            }
            Some(failure) => failure.to_string(),
            None => cause.to_string(),
        };
        CallError::Transport { endpoint: self.endpoint.to_string(), reason }
    }
}
