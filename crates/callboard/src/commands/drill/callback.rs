//! A callback as the drill means it, and the request that it becomes.
//!
//! What is wrong about a callback is data, so that the list of cases can be read. `T`, `Sign` and
//! `Webhook-Signature` are made when it is sent; whatever is not said to be wrong is right.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use model::{EventKind, limits};
use serde_json::{Map, Value, json};
use sign::webhook::{self, SigningSecret};

/// How long ago, or how far ahead, a time lies that no receiver may take for now: an hour is far
/// beyond every tolerance.
const FAR_S: i64 = 3600;
/// What a stranger signs with.
const STRANGERS_KEY: &str = "notthekeyofthisreceiver";
const STRANGERS_SECRET: [u8; 32] = [0x5a; 32];

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const ATTEMPT: HeaderName = HeaderName::from_static("x-callboard-attempt");
const REPLAY: HeaderName = HeaderName::from_static("x-callboard-replay");
const DRILL: HeaderName = HeaderName::from_static("x-callboard-drill");

/// The two keys, as far as they were given.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// The key of `Sign` and `T`.
    pub(super) sign_key: Option<String>,
    /// The secret of `Webhook-Signature`.
    pub(super) secret: Option<SigningSecret>,
}

/// What a body holds.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// An event, to which `T` and `Sign` are added.
    Event(Map<String, Value>),
    /// These bytes, whatever they are.
    Bytes(Bytes),
}

/// How an event is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// As PUSH writes it.
    Compact,
    /// Signature first, on many lines.
    Spread,
    /// Everything beyond ASCII as `\u…`.
    Escaped,
}

/// What `T` and `Sign` say.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Signed {
    Right,
    /// Neither is there.
    Unsigned,
    /// `T` alone.
    WithoutSign,
    /// `Sign` alone.
    WithoutT,
    /// A right `T`, and this as `Sign`.
    As(Value),
    /// Made with a stranger's key.
    ByStranger,
    /// Right, but `T` has passed.
    Expired,
    /// `T` was changed after signing.
    OtherT,
}

/// What `Webhook-Signature` is and covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Webhook {
    Right,
    /// The header is not there.
    Missing,
    /// Made with a stranger's secret.
    ByStranger,
    /// Made over a body that differs in one character.
    OtherBody,
    /// Made over another Webhook-Id.
    OtherId,
    /// Right, but of an hour ago.
    Old,
    /// Right, but of an hour ahead.
    Ahead,
    /// As during a rotation: a stranger's first, then the right one.
    Rotated,
}

/// A callback.
#[derive(Clone, Debug)]
pub(super) struct Callback {
    pub(super) content: Content,
    pub(super) layout: Layout,
    pub(super) signed: Signed,
    pub(super) webhook: Webhook,
    /// Callbacks of one case that say the same here have the same Webhook-Id.
    pub(super) event: u64,
    /// The number of the attempt, from 1.
    pub(super) attempt: u64,
    /// The number of the replay, from 1; 0: it is none.
    pub(super) replay: u64,
}

impl Callback {
    /// A right callback.
    pub(super) const fn new(content: Content) -> Self {
        let (layout, signed, webhook) = (Layout::Compact, Signed::Right, Webhook::Right);
        Self { content, layout, signed, webhook, event: 0, attempt: 1, replay: 0 }
    }

    /// A right callback with the sample of that kind.
    pub(super) fn sample(kind: EventKind) -> Self {
        Self::event(event(kind, wire::event::sample(kind)))
    }

    /// A right callback with that event.
    pub(super) const fn event(event: Map<String, Value>) -> Self {
        Self::new(Content::Event(event))
    }

    /// Headers and body, as they are sent now under that Webhook-Id.
    pub(super) fn render(
        &self,
        keys: &Keys,
        case: &str,
        id: &str,
        now_s: i64,
    ) -> (HeaderMap, Bytes) {
        let body = self.body(keys.sign_key.as_deref(), now_s);
        let sent_s = match self.webhook {
            Webhook::Old => now_s.saturating_sub(FAR_S),
            Webhook::Ahead => now_s.saturating_add(FAR_S),
            Webhook::Right
            | Webhook::Missing
            | Webhook::ByStranger
            | Webhook::OtherBody
            | Webhook::OtherId
            | Webhook::Rotated => now_s,
        };
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let agent = concat!("Callboard/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(sent_s));
        headers.insert(ATTEMPT, HeaderValue::from(self.attempt));
        if self.replay > 0 {
            headers.insert(REPLAY, HeaderValue::from(self.replay));
        }
        let signature =
            keys.secret.as_ref().and_then(|secret| self.signature(secret, id, sent_s, &body));
        let texts = [
            (DRILL, Some(case)),
            (WEBHOOK_ID, Some(id)),
            (WEBHOOK_SIGNATURE, signature.as_deref()),
        ];
        for (name, text) in texts {
            // ids, names of cases and Base64 are always header values
            if let Some(Ok(value)) = text.map(HeaderValue::try_from) {
                headers.insert(name, value);
            }
        }
        (headers, body)
    }

    fn body(&self, sign_key: Option<&str>, now_s: i64) -> Bytes {
        let event = match &self.content {
            Content::Bytes(bytes) => return bytes.clone(),
            Content::Event(event) => event,
        };
        let signature = sign_key.map(|key| self.signed.members(key, now_s)).unwrap_or_default();
        let (first, then) = match self.layout {
            Layout::Spread => (&signature, event),
            Layout::Compact | Layout::Escaped => (event, &signature),
        };
        let mut members = first.clone();
        members.extend(then.clone());
        let members = Value::Object(members);
        match self.layout {
            Layout::Compact => members.to_string().into(),
            Layout::Spread => format!("{members:#}\n").into(),
            Layout::Escaped => escaped(&members.to_string()).into(),
        }
    }

    fn signature(
        &self,
        secret: &SigningSecret,
        id: &str,
        sent_s: i64,
        body: &[u8],
    ) -> Option<String> {
        let stranger = |body| {
            let secret = SigningSecret::from_bytes(&STRANGERS_SECRET).ok()?;
            Some(webhook::sign(&secret, id, sent_s, body))
        };
        match self.webhook {
            Webhook::Right | Webhook::Old | Webhook::Ahead => {
                Some(webhook::sign(secret, id, sent_s, body))
            }
            Webhook::Missing => None,
            Webhook::ByStranger => stranger(body),
            Webhook::OtherBody => {
                let mut other = body.to_vec();
                other.push(b' ');
                Some(webhook::sign(secret, id, sent_s, &other))
            }
            Webhook::OtherId => Some(webhook::sign(secret, &format!("{id}0"), sent_s, body)),
            Webhook::Rotated => {
                let right = webhook::sign(secret, id, sent_s, body);
                stranger(body).map(|other| format!("{other} {right}"))
            }
        }
    }
}

impl Signed {
    /// The members `T` and `Sign`, made with that key.
    fn members(&self, key: &str, now_s: i64) -> Map<String, Value> {
        let life_s = if *self == Self::Expired { -FAR_S } else { limits::SIGN_LIFE_S };
        let t = now_s.saturating_add(life_s);
        let right = sign::callback::sign(key, t);
        let members = match self {
            Self::Right | Self::Expired => json!({ "T": t, "Sign": right }),
            Self::Unsigned => json!({}),
            Self::WithoutSign => json!({ "T": t }),
            Self::WithoutT => json!({ "Sign": right }),
            Self::As(value) => json!({ "T": t, "Sign": value }),
            Self::ByStranger => json!({ "T": t, "Sign": sign::callback::sign(STRANGERS_KEY, t) }),
            Self::OtherT => json!({ "T": t.saturating_add(60), "Sign": right }),
        };
        members.as_object().cloned().unwrap_or_default()
    }
}

/// The event of that kind whose member holds `payload`: nested nulls are explicit, as PUSH sends
/// them.
pub(super) fn event(kind: EventKind, payload: &Value) -> Map<String, Value> {
    let rendered = wire::event::render(kind, Some(payload)).unwrap_or_default();
    let member = serde_json::from_slice(&rendered).unwrap_or_else(|_not_one| payload.clone());
    let mut event = Map::new();
    event.insert("EventType".to_owned(), json!(kind.name()));
    event.insert(wire::event::member(kind).to_owned(), member);
    event
}

/// JSON in ASCII.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // writing to a String cannot fail
                let _infallible = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: i64 = 1_767_225_600;

    fn keys() -> Keys {
        let secret = SigningSecret::from_bytes(&[7; 32]).unwrap();
        Keys { sign_key: Some("a1b2c3".to_owned()), secret: Some(secret) }
    }

    #[test]
    fn right_callbacks_are_those_of_push_byte_by_byte() {
        let t = NOW_S + limits::SIGN_LIFE_S;
        let signature = sign::callback::sign("a1b2c3", t);
        for &kind in EventKind::ALL {
            let payload = wire::event::render(kind, Some(wire::event::sample(kind))).unwrap();
            let sign = wire::event::Sign { sign: &signature, t };
            let pushed = wire::event::push_body(kind, &payload, Some(sign), false);
            let (headers, body) =
                Callback::sample(kind).render(&keys(), "type", "9f2c61aa-1", NOW_S);
            assert_eq!(body, pushed, "{}", kind.name());
            let signed = headers[WEBHOOK_SIGNATURE].to_str().unwrap();
            let secret = keys().secret.unwrap();
            assert!(webhook::verify(&secret, "9f2c61aa-1", NOW_S, &body, signed));
        }
    }

    #[test]
    fn each_wrong_sign_is_wrong_and_nothing_else_is() {
        let wrong = [
            Signed::Unsigned,
            Signed::WithoutSign,
            Signed::WithoutT,
            Signed::As(json!("")),
            Signed::ByStranger,
            Signed::Expired,
            Signed::OtherT,
        ];
        for signed in wrong {
            let callback =
                Callback { signed: signed.clone(), ..Callback::sample(EventKind::FileDeleted) };
            let (headers, body) = callback.render(&keys(), "sign", "9f2c61aa-1", NOW_S);
            let event: Value = serde_json::from_slice(&body).unwrap();
            let believed = event["T"]
                .as_i64()
                .zip(event["Sign"].as_str())
                .is_some_and(|(t, sign)| sign::callback::verify("a1b2c3", t, sign, NOW_S));
            assert!(!believed, "{signed:?}");
            let signature = headers[WEBHOOK_SIGNATURE].to_str().unwrap();
            let secret = keys().secret.unwrap();
            assert!(webhook::verify(&secret, "9f2c61aa-1", NOW_S, &body, signature), "{signed:?}");
        }
    }

    #[test]
    fn text_beyond_ascii_can_be_escaped() {
        assert_eq!(escaped("{\"a\":\"é🎬\"}"), "{\"a\":\"\\u00e9\\ud83c\\udfac\"}");
    }
}
