//! One post to the receiver: what was pulled becomes the request that PUSH would have sent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use egress::{Client, Exchange, ExchangeError, Request, Trust};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use model::{EventKind, limits};
use serde_json::Value;
use sign::webhook::{self, SigningSecret};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::super::outward;
use super::super::printer::Printer;
use super::super::terminal::plain;
use crate::clock;
use crate::failure::Failure;

/// The deadline of one post, the one that PUSH has by default.
const POST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long after a pull a receiver that cannot be reached is tried: half a lease.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// The pause between two such tries.
const AGAIN: Duration = Duration::from_millis(500);

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const ATTEMPT: HeaderName = HeaderName::from_static("x-callboard-attempt");

/// An event as it was pulled.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) handle: String,
    pub(super) kind: EventKind,
    payload: String,
}

impl Event {
    /// Reads an item of EventSet; the error says why it cannot be forwarded.
    pub(super) fn read(item: &Value) -> Result<Self, String> {
        let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
        let (handle, name) = (text("EventHandle"), text("EventType"));
        let Some(kind) = EventKind::from_name(name) else {
            let (handle, name) = (plain(handle), plain(name));
            return Err(format!("{handle} is left: this version does not know `{name}`"));
        };
        let payload = item.get(wire::event::member(kind)).unwrap_or(&Value::Null);
        let id = handle.split('.').next().unwrap_or_default();
        Ok(Self {
            id: id.to_owned(),
            handle: handle.to_owned(),
            kind,
            payload: payload.to_string(),
        })
    }
}

/// What came of a post.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) event: Event,
    pub(super) attempt: u64,
    pub(super) duration_ms: u128,
    result: Result<Exchange, ExchangeError>,
}

impl Posted {
    /// Whether the receiver took the event.
    pub(super) fn accepted(&self) -> bool {
        self.result.as_ref().is_ok_and(|exchange| exchange.status.is_success())
    }

    /// The status, if an answer came.
    pub(super) fn status(&self) -> Option<u16> {
        self.result.as_ref().ok().map(|exchange| exchange.status.as_u16())
    }

    /// Why it was not taken; empty if it was.
    pub(super) fn error(&self) -> String {
        match &self.result {
            Ok(exchange) if exchange.status.is_success() => String::new(),
            Ok(exchange) if exchange.status.is_redirection() => {
                "redirects are not followed".to_owned()
            }
            Ok(_refused) => "the receiver refused it".to_owned(),
            Err(error) => plain(&error.to_string()),
        }
    }
}

/// What posts are signed with; without either they are not.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// The key of `Sign` and `T`.
    pub(super) sign_key: Option<String>,
    /// The secret of `Webhook-Signature`.
    pub(super) secret: Option<SigningSecret>,
}

/// Posts to one receiver.
#[derive(Debug)]
pub(super) struct Forward {
    client: Client,
    url: Url,
    keys: Keys,
    printer: Printer,
    /// Whether the receiver could not be reached at last.
    away: AtomicBool,
}

impl Forward {
    /// A way to that receiver.
    pub(super) fn new(url: &str, keys: Keys, printer: Printer) -> Result<Self, Failure> {
        let (client, url) = outward::receiver("--forward", url, Trust::default())?;
        Ok(Self { client, url, keys, printer, away: AtomicBool::new(false) })
    }

    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    /// Posts an event. A receiver that cannot be reached is tried until `patience` or the stop.
    pub(super) async fn post(
        &self,
        event: Event,
        attempt: u64,
        patience: Instant,
        stop: &CancellationToken,
    ) -> Posted {
        loop {
            let start = Instant::now();
            let result = self.client.exchange(self.request(&event, attempt)).await;
            let duration_ms = start.elapsed().as_millis();
            let unreached = match &result {
                Err(error @ (ExchangeError::Connect { .. } | ExchangeError::Resolve(_))) => {
                    Some(error)
                }
                Ok(_) | Err(_) => None,
            };
            if let Some(error) = unreached {
                if !self.away.swap(true, Ordering::AcqRel) {
                    let error = plain(&error.to_string());
                    self.printer.note(format_args!(
                        "{}: {error}; trying again until it is there",
                        self.url
                    ));
                }
                if Instant::now() + AGAIN < patience && !stop.is_cancelled() {
                    let _stopped = stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await;
                    continue;
                }
            } else if self.away.swap(false, Ordering::AcqRel) {
                self.printer.note(format_args!("{} is there again", self.url));
            }
            return Posted { event, attempt, duration_ms, result };
        }
    }

    fn request(&self, event: &Event, attempt: u64) -> Request {
        let now_s = clock::wall().seconds();
        let t = now_s.saturating_add(limits::SIGN_LIFE_S);
        let sign = self.keys.sign_key.as_deref().map(|key| sign::callback::sign(key, t));
        let sign = sign.as_deref().map(|sign| wire::event::Sign { sign, t });
        let body = wire::event::push_body(event.kind, event.payload.as_bytes(), sign, false);
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let agent = concat!("Callboard/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        // an EventId is hexadecimal, a dash and digits: always a header value
        if let Ok(id) = HeaderValue::try_from(&event.id) {
            headers.insert(WEBHOOK_ID, id);
        }
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(now_s));
        if let Some(secret) = &self.keys.secret {
            let signature = webhook::sign(secret, &event.id, now_s, &body);
            // Base64 is always a header value
            if let Ok(signature) = HeaderValue::try_from(signature) {
                headers.insert(WEBHOOK_SIGNATURE, signature);
            }
        }
        headers.insert(ATTEMPT, HeaderValue::from(attempt));
        Request {
            method: Method::POST,
            url: self.url.clone(),
            headers,
            body,
            pace: None,
            owner: None,
            timeout: POST_TIMEOUT,
        }
    }
}
