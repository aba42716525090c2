//! PublishEvents: an application states facts of its own, in the shape of EventContent.
//!
//! Each event names its type and carries the one member of EventContent that belongs to it. The
//! request's check has already held that member against the spec, with paths such as
//! `Events.0.FileUploadEvent.MediaBasicInfo.ClassId`; here it becomes the payload that will be
//! stored and sent.

use bytes::Bytes;
use model::limits::{
    EVENT_KEY_BYTES_MAX, PAYLOAD_BYTES_MAX, PUBLISH_BYTES_MAX, PUBLISH_EVENTS_MAX,
};
use model::{AppId, EventKind, FileId, NewEvent};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{ApiError, Code};
use crate::event;

/// States events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishEvents {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// The events, at least one, in order.
    pub events: Vec<PublishedEvent>,
}

/// One event, checked and rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedEvent {
    /// EventType.
    pub kind: EventKind,
    /// EventKey; none if omitted or empty.
    pub key: Option<String>,
    /// The files that its member names.
    pub files: Vec<FileId>,
    /// The member's object as it will be sent.
    pub payload: Bytes,
}

impl PublishedEvent {
    /// The event as it is committed.
    pub fn into_event(self, app: AppId) -> NewEvent {
        let Self { kind, key, files, payload } = self;
        NewEvent { app, kind, key, files, payload }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    sub_app_id: Option<u64>,
    events: Vec<Map<String, Value>>,
}

impl PublishEvents {
    /// # Errors
    /// `InvalidParameterValue` for no event or more than `PUBLISH_EVENTS_MAX`, an unknown
    /// EventType, a member of another type, an EventKey over `EVENT_KEY_BYTES_MAX` bytes, an event
    /// over `PAYLOAD_BYTES_MAX` bytes, or events over `PUBLISH_BYTES_MAX` bytes together.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: Raw = super::typed(tree)?;
        let count = raw.events.len();
        if count == 0 || count > PUBLISH_EVENTS_MAX {
            return Err(refuse(format!(
                "`Events` must hold 1 to {PUBLISH_EVENTS_MAX} events, not {count}."
            )));
        }
        let mut events = Vec::with_capacity(count);
        let mut bytes = 0;
        for (index, members) in raw.events.iter().enumerate() {
            let event = published(index, members)?;
            bytes += event.payload.len();
            if bytes > PUBLISH_BYTES_MAX {
                return Err(refuse(format!(
                    "`Events` are larger than {PUBLISH_BYTES_MAX} bytes together."
                )));
            }
            events.push(event);
        }
        Ok(Self { sub_app_id: raw.sub_app_id, events })
    }
}

fn published(index: usize, members: &Map<String, Value>) -> Result<PublishedEvent, ApiError> {
    let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
    let name = text("EventType");
    let Some(kind) = EventKind::from_name(name) else {
        return Err(ApiError::invalid_value(&format!("Events.{index}.EventType"), name));
    };
    let key = text("EventKey");
    if key.len() > EVENT_KEY_BYTES_MAX {
        return Err(refuse(format!(
            "`Events.{index}.EventKey` is longer than {EVENT_KEY_BYTES_MAX} bytes."
        )));
    }
    let own = event::member(kind);
    let foreign =
        |name: &&String| !matches!(name.as_str(), "EventType" | "EventKey") && *name != own;
    if let Some(other) = members.keys().find(foreign) {
        return Err(refuse(format!(
            "`Events.{index}.{other}` does not belong to EventType `{name}`, whose member is `{own}`."
        )));
    }
    let empty = Map::new();
    let object = members.get(own).and_then(Value::as_object).unwrap_or(&empty);
    let Some(payload) = event::render_checked(event::payload_type(kind), object) else {
        return Err(refuse(format!(
            "`Events.{index}.{own}` is larger than {PAYLOAD_BYTES_MAX} bytes."
        )));
    };
    Ok(PublishedEvent {
        kind,
        key: (!key.is_empty()).then(|| key.to_owned()),
        files: event::files(object),
        payload,
    })
}

fn refuse(message: String) -> ApiError {
    ApiError::new(Code::InvalidParameterValue, message)
}
