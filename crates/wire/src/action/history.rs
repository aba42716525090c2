//! Requests about events that happened: DescribeEvents, DescribeEventDetail, PurgeEvents.

use model::limits::HISTORY_PAGE_MAX;
use model::{EventId, EventKind, FileId, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{ApiError, Code};

/// Events on a page when Limit is omitted, the default of the API's other lists.
const PAGE_DEFAULT: usize = 10;

/// Where an event stands, as history shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventState {
    /// Waits to be leased.
    Ready,
    /// Waits for its next attempt.
    Delayed,
    /// Is with a consumer.
    Leased,
    /// Was delivered or confirmed.
    Done,
    /// Was given up.
    Dead,
    /// Was never queued.
    Ignored,
}

impl EventState {
    /// Every state.
    pub const ALL: &[Self] =
        &[Self::Ready, Self::Delayed, Self::Leased, Self::Done, Self::Dead, Self::Ignored];

    /// The spelling on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Delayed => "DELAYED",
            Self::Leased => "LEASED",
            Self::Done => "DONE",
            Self::Dead => "DEAD",
            Self::Ignored => "IGNORED",
        }
    }

    /// The state of that spelling.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.as_str() == name)
    }

    /// Whether an event in this state is still to be delivered.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Ready | Self::Delayed | Self::Leased)
    }
}

/// Lists events, newest first. Empty lists select everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeEvents {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// Only events in these states.
    pub states: Vec<EventState>,
    /// Only events of these types.
    pub kinds: Vec<EventKind>,
    /// Only events that speak of this file.
    pub file_id: Option<FileId>,
    /// Only events stated at or after this.
    pub start: Option<Timestamp>,
    /// Only events stated before this.
    pub end: Option<Timestamp>,
    /// How many to answer at most: 1 to `HISTORY_PAGE_MAX`, 10 by default.
    pub limit: usize,
    /// ScrollToken of the page before.
    pub scroll_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawDescribeEvents {
    sub_app_id: Option<u64>,
    #[serde(default)]
    states: Vec<String>,
    #[serde(default)]
    event_types: Vec<String>,
    file_id: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
    limit: Option<u64>,
    scroll_token: Option<String>,
}

impl DescribeEvents {
    /// # Errors
    /// `InvalidParameterValue` for an unknown state or type, a FileId that is no number, a
    /// malformed time, or a Limit out of bounds.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: RawDescribeEvents = super::typed(tree)?;
        let code = Code::InvalidParameterValue;
        let file_id = raw.file_id.filter(|text| !text.is_empty());
        let file_id = file_id.map(|text| {
            text.parse().map_err(|e| ApiError::invalid_value("FileId", &text).because(e))
        });
        Ok(Self {
            sub_app_id: raw.sub_app_id,
            states: named("States", &raw.states, EventState::from_name)?,
            kinds: named("EventTypes", &raw.event_types, EventKind::from_name)?,
            file_id: file_id.transpose()?,
            start: super::time(code, "StartTime", raw.start_time.as_deref())?,
            end: super::time(code, "EndTime", raw.end_time.as_deref())?,
            limit: raw.limit.map_or(Ok(PAGE_DEFAULT), limit)?,
            scroll_token: raw.scroll_token.filter(|token| !token.is_empty()),
        })
    }
}

/// Asks for one event with its payload and attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeEventDetail {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// The event.
    pub event_id: EventId,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawDetail {
    sub_app_id: Option<u64>,
    event_id: String,
}

impl DescribeEventDetail {
    /// # Errors
    /// `InvalidParameterValue` for a text that is no EventId.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: RawDetail = super::typed(tree)?;
        let text = raw.event_id;
        let parsed = text.parse();
        let event_id =
            parsed.map_err(|error| ApiError::invalid_value("EventId", &text).because(error))?;
        Ok(Self { sub_app_id: raw.sub_app_id, event_id })
    }
}

/// Gives up what waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeEvents {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// Only events in these states, all of them open ones; empty: every open one.
    pub states: Vec<EventState>,
    /// Only events of these types; empty: all types.
    pub kinds: Vec<EventKind>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawPurge {
    sub_app_id: Option<u64>,
    #[serde(default)]
    states: Vec<String>,
    #[serde(default)]
    event_types: Vec<String>,
}

impl PurgeEvents {
    /// # Errors
    /// `InvalidParameterValue` for an unknown type, or a state that is not READY, DELAYED or LEASED.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: RawPurge = super::typed(tree)?;
        let open = |name: &str| EventState::from_name(name).filter(|state| state.is_open());
        Ok(Self {
            sub_app_id: raw.sub_app_id,
            states: named("States", &raw.states, open)?,
            kinds: named("EventTypes", &raw.event_types, EventKind::from_name)?,
        })
    }
}

/// Reads a list of names, each once.
pub(super) fn named<T: PartialEq>(
    member: &str,
    names: &[String],
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, ApiError> {
    let mut found = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let Some(item) = read(name) else {
            return Err(ApiError::invalid_value(&format!("{member}.{index}"), name));
        };
        if !found.contains(&item) {
            found.push(item);
        }
    }
    Ok(found)
}

fn limit(limit: u64) -> Result<usize, ApiError> {
    let fits = usize::try_from(limit).ok().filter(|limit| (1..=HISTORY_PAGE_MAX).contains(limit));
    fits.ok_or_else(|| ApiError::invalid_value("Limit", &limit.to_string()))
}
