//! HTTP to the bucket: the same hyper and rustls as everywhere else in the program, behind the trait
//! that `object_store` has for it.
//!
//! The endpoint is the operator's, not a user's, so `egress` and its policy have no part in this. Every
//! wait has an end: connecting, the answer's head (which for an upload includes sending its body, at a
//! pace that a working line has), and every piece of its body. No redirects, no proxies of the
//! environment. Retries are `object_store`'s.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use model::limits;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector as Connector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Sleep, sleep, timeout};

use super::counts::Counts;
use super::doubts::{Answered, Doubts, Unanswered};

/// Connections to the store.
#[derive(Debug)]
pub(super) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, HttpRequestBody>,
    counts: Arc<Counts>,
    doubts: Arc<Doubts>,
}

/// Gives `object_store` the one transport that there is.
#[derive(Debug)]
pub(super) struct Shared(Arc<Transport>);

/// What a request ran into that is no error of hyper.
#[derive(Debug, thiserror::Error)]
enum Late {
    #[error("no answer in time")]
    Answer,
    #[error("the answer stopped in the middle")]
    Piece,
}

impl Transport {
    /// `authorities`: PEM of those that are trusted besides the public ones.
    pub(super) fn new(
        authorities: &[u8],
        counts: Arc<Counts>,
        doubts: Arc<Doubts>,
    ) -> Result<Self, String> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in CertificateDer::pem_slice_iter(authorities) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        if !authorities.is_empty() && roots.len() == webpki_roots::TLS_SERVER_ROOTS.len() {
            return Err("there is no certificate in it".to_owned());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(Duration::from_millis(limits::S3_CONNECT_MS)));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(limits::S3_IDLE_MS))
            .build(connector);
        Ok(Self { client, counts, doubts })
    }

    pub(super) fn connector(self: Arc<Self>) -> Shared {
        Shared(self)
    }

    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let unanswered = Unanswered::new(&self.doubts, request.method(), request.uri());
        let answered = timeout(patience(&request), self.client.request(request)).await;
        let response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                self.counts.unreachable();
                let kind = if error.is_connect() {
                    unanswered.answered();
                    HttpErrorKind::Connect
                } else {
                    HttpErrorKind::Interrupted
                };
                return Err(HttpError::new(kind, error));
            }
            Err(_elapsed) => {
                self.counts.unreachable();
                return Err(HttpError::new(HttpErrorKind::Timeout, Late::Answer));
            }
        };
        let status = response.status();
        if (status.is_client_error() || status.is_server_error()) && status != StatusCode::NOT_FOUND
        {
            self.counts.refused();
        }
        // one of something on the way says nothing of what the store does
        let answered = (!status.is_server_error()).then(|| unanswered.answered());
        let counts = Arc::clone(&self.counts);
        let pieces = |body| HttpResponseBody::new(Pieces { body, waits: None, counts, answered });
        Ok(response.map(pieces))
    }
}

/// How long an answer may take.
fn patience(request: &HttpRequest) -> Duration {
    let bytes = u64::try_from(request.body().content_length()).unwrap_or(u64::MAX);
    let sending_s = bytes / limits::S3_BYTES_PER_S_MIN;
    Duration::from_millis(limits::S3_ANSWER_MS).saturating_add(Duration::from_secs(sending_s))
}

#[async_trait]
impl HttpService for Shared {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.0.send(request).await
    }
}

impl Connector for Shared {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Self(Arc::clone(&self.0))))
    }
}

/// The body of an answer, no piece of which may take too long once it is asked for.
struct Pieces {
    body: Incoming,
    waits: Option<Pin<Box<Sleep>>>,
    counts: Arc<Counts>,
    /// None: what the request writes is in doubt already.
    answered: Option<Answered>,
}

impl Pieces {
    fn failed(&self, error: impl std::error::Error + Send + Sync + 'static) -> HttpError {
        self.counts.unreachable();
        if let Some(answered) = &self.answered {
            answered.breaks_off();
        }
        HttpError::new(HttpErrorKind::Interrupted, error)
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.waits = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| self.failed(error))));
        }
        let most = Duration::from_millis(limits::S3_PIECE_MS);
        let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(most)));
        match waits.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Err(self.failed(Late::Piece)))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
