//! The answers about the way to an application's receiver.

use model::Timestamp;
use serde::Serialize;

/// What came of a test notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TestReply {
    /// Whether an event would be settled by such an answer.
    pub delivered: bool,
    /// The status; 0: there was no answer.
    pub status: u64,
    /// How long the exchange took, in milliseconds.
    pub duration_ms: u64,
    /// The beginning of the answer's body.
    pub response_body: String,
    /// Why it failed; empty: it did not. Not named Error: clients take an answer with that member for
    /// a failed call.
    pub reason: String,
}

/// Whether an application's events go out by PUSH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DeliveryState {
    /// They do.
    Closed,
    /// The receiver is down: only probes go out.
    Open,
    /// The receiver asked for a pause.
    Paused,
    /// There is no PUSH: the mode is PULL, or there is no address.
    Off,
}

/// How PUSH to an application's address fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeliveryReply {
    /// State.
    pub state: DeliveryState,
    /// The NotificationUrl.
    pub url: String,
    /// Failures in a row that speak against the receiver.
    pub failure_count: u64,
    /// When the next attempt may go out; null: now, or a probe is under way.
    #[serde(serialize_with = "time")]
    pub next_probe_time: Option<Timestamp>,
}

#[expect(clippy::ref_option, reason = "serde hands over the field as it is")]
fn time<S: serde::Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => to.collect_str(time),
        None => to.serialize_none(),
    }
}
