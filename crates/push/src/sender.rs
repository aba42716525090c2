//! One attempt: the stored payload and the configuration become a request, the exchange an outcome.
//!
//! Everything that belongs to the attempt and not to the event is added here and now: `Sign`, `T`
//! and the headers, `Webhook-Signature` among them. Queues, leases and judgement are deliberately absent, so that a trial
//! notification can be sent the same way as a real one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use egress::{Client, Exchange, ExchangeError, Request, TlsFailure};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use model::{AppId, Clock, EventConfig, EventId, EventKind, Timestamp, limits};
use queue::{Attempt, Outcome};
use sign::seal::{self, MasterKey, Purpose};
use sign::webhook::SigningSecret;
use url::Url;

use crate::retry_after;
use crate::settings::Settings;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const ATTEMPT: HeaderName = HeaderName::from_static("x-callboard-attempt");
const REPLAY: HeaderName = HeaderName::from_static("x-callboard-replay");

/// What is to be sent, and where.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The application, to which the SignKey is bound.
    pub app: AppId,
    /// Its address, SignKey and signing secrets, as they are now.
    pub config: &'a EventConfig,
    /// The event's identity, the same on every attempt and replay.
    pub event: EventId,
    /// Its type.
    pub kind: EventKind,
    /// The JSON of its member.
    pub payload: &'a Bytes,
    /// The number of this attempt within the event's life, from 1.
    pub attempt: u32,
    /// The number of the life, from 1.
    pub life: u32,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// For the judge.
    pub outcome: Outcome,
    /// For the history.
    pub attempt: Attempt,
}

/// Sends deliveries.
#[derive(Debug)]
pub struct Sender {
    client: Arc<Client>,
    master: MasterKey,
    clock: Arc<dyn Clock>,
    attempt_ms: u64,
    unused_members_null: bool,
    user_agent: HeaderValue,
}

/// Why a request could not even be made.
enum Unsendable {
    Url(url::ParseError),
    SignKey,
    SigningSecret(String),
}

impl Sender {
    /// A sender; `master` opens the SignKeys and the signing secrets.
    pub fn new(
        client: Arc<Client>,
        master: MasterKey,
        clock: Arc<dyn Clock>,
        settings: &Settings,
    ) -> Self {
        Self {
            client,
            master,
            clock,
            attempt_ms: settings.attempt_ms,
            unused_members_null: settings.unused_members_null,
            user_agent: settings.user_agent.clone(),
        }
    }

    /// Closes connections that have been idle for too long.
    pub(crate) fn sweep(&self) {
        self.client.sweep();
    }

    /// Makes one attempt, within the deadline of an attempt.
    pub async fn send(&self, delivery: Delivery<'_>) -> Sent {
        let start = self.clock.now();
        let result = match self.request(delivery, start.wall) {
            Ok(request) => self.client.exchange(request).await.map_err(|error| told(&error)),
            Err(unsendable) => Err(unsendable.told()),
        };
        let now = self.clock.now();
        let mut attempt = Attempt {
            at: start.wall,
            url: delivery.config.notification_url.clone(),
            status: None,
            duration_ms: now.mono.since_ms(start.mono),
            body: Bytes::new(),
            error: String::new(),
        };
        let outcome = match result {
            Ok(exchange) => answered(&exchange, &mut attempt, now.wall),
            Err((outcome, error)) => {
                attempt.error = error;
                outcome
            }
        };
        Sent { outcome, attempt }
    }

    fn request(&self, delivery: Delivery<'_>, now: Timestamp) -> Result<Request, Unsendable> {
        let url = Url::parse(&delivery.config.notification_url).map_err(Unsendable::Url)?;
        let t = now.seconds().saturating_add(limits::SIGN_LIFE_S);
        let signature = self.signature(delivery, t)?;
        let sign = signature.as_deref().map(|sign| wire::event::Sign { sign, t });
        let (kind, payload) = (delivery.kind, delivery.payload);
        let body = wire::event::push_body(kind, payload, sign, self.unused_members_null);
        let mut headers = self.headers(delivery, now);
        if let Some(signatures) = self.webhook_signature(delivery, now, &body)? {
            headers.insert(WEBHOOK_SIGNATURE, signatures);
        }
        let timeout = Duration::from_millis(self.attempt_ms);
        Ok(Request {
            method: Method::POST,
            url,
            headers,
            body,
            pace: None,
            owner: Some(delivery.app.0),
            timeout,
        })
    }

    /// The `Sign` of this attempt, if the application has a SignKey.
    fn signature(&self, delivery: Delivery<'_>, t: i64) -> Result<Option<String>, Unsendable> {
        let Some(sealed) = &delivery.config.sign_key else { return Ok(None) };
        let app = delivery.app.to_string();
        let opened = seal::open_text(&self.master, Purpose::sign_key(&app), &sealed.0);
        let key = opened.map_err(|error| {
            tracing::error!(%app, %error, "the SignKey cannot be opened; nothing is sent unsigned");
            Unsendable::SignKey
        })?;
        let Ok(key) = std::str::from_utf8(&key) else { return Err(Unsendable::SignKey) };
        Ok(Some(sign::callback::sign(key, t)))
    }

    /// A signature of each signing secret, newest first, over the body as it goes out; none: the
    /// application has no secret.
    fn webhook_signature(
        &self,
        delivery: Delivery<'_>,
        now: Timestamp,
        body: &[u8],
    ) -> Result<Option<HeaderValue>, Unsendable> {
        let mut signatures = Vec::new();
        for secret in &delivery.config.signing_secrets {
            let opened = self.signing_secret(delivery.app, secret).ok_or_else(|| {
                let (app, id) = (delivery.app, &secret.id);
                tracing::error!(%app, id, "a signing secret cannot be opened; nothing is sent");
                Unsendable::SigningSecret(id.clone())
            })?;
            let id = delivery.event.to_string();
            signatures.push(sign::webhook::sign(&opened, &id, now.seconds(), body));
        }
        // Base64, commas and spaces: always a header value
        Ok((!signatures.is_empty())
            .then(|| HeaderValue::try_from(signatures.join(" ")).ok())
            .flatten())
    }

    fn signing_secret(&self, app: AppId, secret: &model::SigningSecret) -> Option<SigningSecret> {
        let place = model::SigningSecret::place(app, &secret.id);
        let purpose = Purpose::signing_secret(&place);
        let opened = seal::open_text(&self.master, purpose, &secret.secret.0).ok()?;
        SigningSecret::parse(std::str::from_utf8(&opened).ok()?).ok()
    }

    fn headers(&self, delivery: Delivery<'_>, now: Timestamp) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(7);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, self.user_agent.clone());
        // an EventId is hexadecimal, a dash and digits: always a header value
        if let Ok(id) = HeaderValue::try_from(delivery.event.to_string()) {
            headers.insert(WEBHOOK_ID, id);
        }
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(now.seconds()));
        headers.insert(ATTEMPT, HeaderValue::from(delivery.attempt));
        if delivery.life > 1 {
            headers.insert(REPLAY, HeaderValue::from(delivery.life - 1));
        }
        headers
    }
}

impl Unsendable {
    fn told(self) -> (Outcome, String) {
        let text = match self {
            Self::Url(error) => format!("NotificationUrl is not a URL: {error}"),
            Self::SignKey => "the SignKey cannot be opened with this master.key; set it again \
                              with ModifyEventConfig"
                .to_owned(),
            Self::SigningSecret(id) => format!(
                "the signing secret {id} cannot be opened with this master.key; delete it with \
                 DeleteSigningSecret and make another"
            ),
        };
        (Outcome::Refused, text)
    }
}

/// Fills in what an answer says.
fn answered(exchange: &Exchange, attempt: &mut Attempt, now: Timestamp) -> Outcome {
    let status = exchange.status;
    attempt.status = Some(status.as_u16());
    let kept = if status.is_success() {
        limits::ATTEMPT_BODY_SUCCESS_BYTES
    } else {
        attempt.error = if status.is_redirection() {
            format!("the receiver answered {}; redirects are not followed", status.as_u16())
        } else {
            format!("the receiver answered {}", status.as_u16())
        };
        limits::ATTEMPT_BODY_FAILURE_BYTES
    };
    // a copy: a slice would keep the whole beginning alive as long as the row
    let end = exchange.body.len().min(kept);
    attempt.body = Bytes::copy_from_slice(exchange.body.get(..end).unwrap_or_default());
    let retry_after_ms = retry_after::read(&exchange.headers, now);
    Outcome::Answered { status: status.as_u16(), retry_after_ms }
}

/// The outcome and the words for an exchange without an answer.
fn told(error: &ExchangeError) -> (Outcome, String) {
    match error {
        ExchangeError::Refused(refusal) => {
            let remedy = refusal.remedy("push.allow_targets").map(|remedy| format!("; {remedy}"));
            (Outcome::Refused, format!("{refusal}{}", remedy.unwrap_or_default()))
        }
        ExchangeError::TimedOut => (Outcome::TimedOut, error.to_string()),
        ExchangeError::Tls(TlsFailure::Untrusted) => {
            let remedy = "`push.ca_file` can name the authority, or the certificate itself";
            (Outcome::Unreachable, format!("{error}; {remedy}"))
        }
        ExchangeError::Tls(_)
        | ExchangeError::Resolve(_)
        | ExchangeError::Connect { .. }
        | ExchangeError::Ended(_)
        | ExchangeError::Protocol(_) => (Outcome::Unreachable, error.to_string()),
    }
}
