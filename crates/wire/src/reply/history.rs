//! The answers about events that were stated: what became of them, and what was made of them since.

use model::{EventId, EventKind, FileId, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::action::EventState;
use crate::error::ApiError;
use crate::text;

/// What became of published events, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PublishedReply {
    /// One for each event.
    pub event_set: Vec<PublishResult>,
}

/// What became of one published event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PublishResult {
    /// The event's id; of a repeated EventKey, the first one's.
    #[serde(serialize_with = "text::display")]
    pub event_id: EventId,
    /// READY or IGNORED when it was stated.
    #[serde(serialize_with = "state")]
    pub state: EventState,
    /// Why it was ignored; else empty.
    pub reason: String,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HistoryReply {
    /// The page, newest first.
    pub event_set: Vec<EventInfo>,
    /// Where the next page begins; none, and then not written: this was the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scroll_token: Option<String>,
}

/// One event in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventInfo {
    /// The id.
    #[serde(serialize_with = "text::display")]
    pub event_id: EventId,
    /// The type.
    #[serde(serialize_with = "kind")]
    pub event_type: EventKind,
    /// Where it stands.
    #[serde(serialize_with = "state")]
    pub state: EventState,
    /// Why it stands there, if there is more to say; else empty.
    pub reason: String,
    /// When it was stated.
    #[serde(serialize_with = "text::display")]
    pub create_time: Timestamp,
    /// How many attempts of PUSH were made in its latest life.
    pub attempt_count: u64,
    /// How often it was replayed.
    pub replay_count: u64,
    /// The first file that it speaks of; none: written as an empty string.
    #[serde(serialize_with = "text::display_or_empty")]
    pub file_id: Option<FileId>,
}

/// One event with everything known of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventDetailReply {
    event: EventDetail,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EventDetail {
    #[serde(serialize_with = "text::display")]
    event_id: EventId,
    #[serde(serialize_with = "kind")]
    event_type: EventKind,
    #[serde(serialize_with = "state")]
    state: EventState,
    reason: String,
    #[serde(serialize_with = "text::display")]
    create_time: Timestamp,
    attempt_count: u64,
    replay_count: u64,
    #[serde(serialize_with = "text::display_or_empty")]
    file_id: Option<FileId>,
    payload: Box<RawValue>,
    attempt_set: Vec<EventAttempt>,
}

impl EventDetailReply {
    /// Joins what the list shows, the stored payload, unchanged, and the attempts.
    ///
    /// # Errors
    /// `InternalError` if the payload is not JSON, which no stored one should be.
    pub fn new(
        info: EventInfo,
        payload: &[u8],
        attempts: Vec<EventAttempt>,
    ) -> Result<Self, ApiError> {
        let EventInfo {
            event_id,
            event_type,
            state,
            reason,
            create_time,
            attempt_count,
            replay_count,
            file_id,
        } = info;
        let payload = serde_json::from_slice(payload).map_err(ApiError::internal)?;
        Ok(Self {
            event: EventDetail {
                event_id,
                event_type,
                state,
                reason,
                create_time,
                attempt_count,
                replay_count,
                file_id,
                payload,
                attempt_set: attempts,
            },
        })
    }
}

/// One attempt to deliver an event by PUSH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventAttempt {
    /// When it began.
    #[serde(serialize_with = "text::display")]
    pub time: Timestamp,
    /// Where it went.
    pub url: String,
    /// The HTTP status of the answer; 0: none came.
    pub status: u64,
    /// How long it took, in ms.
    pub duration_ms: u64,
    /// The beginning of the answer's body.
    pub response_body: String,
    /// What failed; else empty.
    pub error: String,
}

/// How many events have a new life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReplayedReply {
    /// The number of this call; of a dry run: how many would have one.
    pub count: u64,
    /// Where the next call begins; none, and then not written: nothing is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scroll_token: Option<String>,
}

/// How many events were given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PurgedReply {
    /// The number.
    pub count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over the field by reference")]
fn state<S: serde::Serializer>(state: &EventState, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(state.as_str())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over the field by reference")]
fn kind<S: serde::Serializer>(kind: &EventKind, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(kind.name())
}
