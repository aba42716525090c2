//! The request for new lives: ReplayEvents.

use model::limits::REPLAY_EVENTS_MAX;
use model::{EventId, EventKind, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::EventState;
use super::history::named;
use crate::error::{ApiError, Code};

/// Delivers again what has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayEvents {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// Which events.
    pub select: ReplaySelection,
    /// Only count them.
    pub dry_run: bool,
    /// ScrollToken of the call before.
    pub scroll_token: Option<String>,
}

/// Which events to deliver again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplaySelection {
    /// EventIds: 1 to `REPLAY_EVENTS_MAX`, in this order.
    Events(Vec<EventId>),
    /// Those that match, oldest first.
    Matching {
        /// Only events in these final states; at least one, so that no slip replays everything.
        states: Vec<EventState>,
        /// Only events of these types; empty: all types.
        kinds: Vec<EventKind>,
        /// Only events stated at or after this.
        start: Option<Timestamp>,
        /// Only events stated before this.
        end: Option<Timestamp>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawReplay {
    sub_app_id: Option<u64>,
    #[serde(default)]
    event_ids: Vec<String>,
    #[serde(default)]
    states: Vec<String>,
    #[serde(default)]
    event_types: Vec<String>,
    start_time: Option<String>,
    end_time: Option<String>,
    #[serde(default)]
    dry_run: bool,
    scroll_token: Option<String>,
}

impl ReplayEvents {
    /// # Errors
    /// `MissingParameter` without EventIds and States; `InvalidParameter` for EventIds beside
    /// anything that selects; `InvalidParameterValue` for an id, state, type or time that is none, a
    /// state that is not final, or too many ids.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: RawReplay = super::typed(tree)?;
        let scroll_token = raw.scroll_token.clone().filter(|token| !token.is_empty());
        let select = if raw.event_ids.is_empty() {
            matching(&raw)?
        } else {
            let alone = raw.states.is_empty()
                && raw.event_types.is_empty()
                && [&raw.start_time, &raw.end_time, &scroll_token]
                    .iter()
                    .all(|text| text.as_deref().is_none_or(str::is_empty));
            if !alone {
                let text = "`EventIds` says which events are meant: no `States`, `EventTypes`, \
                            `StartTime`, `EndTime` or `ScrollToken` can stand beside it.";
                return Err(ApiError::new(Code::InvalidParameter, text));
            }
            ReplaySelection::Events(ids(&raw.event_ids)?)
        };
        Ok(Self { sub_app_id: raw.sub_app_id, select, dry_run: raw.dry_run, scroll_token })
    }
}

fn matching(raw: &RawReplay) -> Result<ReplaySelection, ApiError> {
    if raw.states.is_empty() {
        let text = "The request is missing a required parameter: `EventIds`, or `States` with DONE, \
                    DEAD or IGNORED.";
        return Err(ApiError::new(Code::MissingParameter, text));
    }
    let ended = |name: &str| EventState::from_name(name).filter(|state| !state.is_open());
    let code = Code::InvalidParameterValue;
    Ok(ReplaySelection::Matching {
        states: named("States", &raw.states, ended)?,
        kinds: named("EventTypes", &raw.event_types, EventKind::from_name)?,
        start: super::time(code, "StartTime", raw.start_time.as_deref())?,
        end: super::time(code, "EndTime", raw.end_time.as_deref())?,
    })
}

fn ids(texts: &[String]) -> Result<Vec<EventId>, ApiError> {
    if texts.len() > REPLAY_EVENTS_MAX {
        let text = format!("`EventIds` must hold at most {REPLAY_EVENTS_MAX} ids.");
        return Err(ApiError::new(Code::InvalidParameterValue, text));
    }
    named("EventIds", texts, |text| text.parse().ok())
}
