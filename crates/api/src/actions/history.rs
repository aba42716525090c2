//! DescribeEvents, DescribeEventDetail, ReplayEvents and PurgeEvents: what became of events, delivering
//! them again, and giving them up.

use model::{AppId, EventId, limits};
use queue::{
    Attempt, EventDetail, EventQuery, EventRow, PurgeRequest, ReplayRequest, Selection, State,
};
use wire::action::{DescribeEvents, EventState, PurgeEvents, ReplayEvents, ReplaySelection};
use wire::reply::{
    EventAttempt, EventDetailReply, EventInfo, HistoryReply, PurgedReply, ReplayedReply,
};
use wire::{ApiError, Reply};

use crate::{Gateway, faults};

pub(super) async fn list(
    gateway: &Gateway,
    app: AppId,
    request: DescribeEvents,
) -> Result<Reply, ApiError> {
    let query = EventQuery {
        app,
        states: request.states.into_iter().map(asked).collect(),
        kinds: request.kinds,
        file: request.file_id,
        since: request.start,
        until: request.end,
        limit: request.limit,
        cursor: request.scroll_token,
    };
    let page = gateway.backend().history(query).await.map_err(faults::backend)?;
    Ok(Reply::History(HistoryReply {
        event_set: page.events.iter().map(info).collect(),
        scroll_token: page.cursor,
    }))
}

pub(super) async fn detail(gateway: &Gateway, app: AppId, id: EventId) -> Result<Reply, ApiError> {
    let found = gateway.backend().event(app, id).await.map_err(faults::backend)?;
    let Some(EventDetail { row, payload, attempts }) = found else {
        return Err(faults::unknown_event(id));
    };
    let attempts = attempts.into_iter().map(attempt).collect();
    EventDetailReply::new(info(&row), &payload, attempts).map(Reply::EventDetail)
}

/// Gives events a new life. The policy of the key was asked before, and nothing else stands in the
/// way: a switch says what is wanted when it happens, a replay what is wanted now.
pub(super) async fn replay(
    gateway: &Gateway,
    app: AppId,
    request: ReplayEvents,
) -> Result<Reply, ApiError> {
    let select = match request.select {
        ReplaySelection::Events(ids) => Selection::Events(ids),
        ReplaySelection::Matching { states, kinds, start, end } => Selection::Matching {
            states: states.into_iter().map(asked).collect(),
            kinds,
            since: start,
            until: end,
        },
    };
    let request = ReplayRequest {
        app,
        select,
        dry_run: request.dry_run,
        limit: limits::REPLAY_EVENTS_MAX,
        cursor: request.scroll_token,
    };
    let replayed = gateway.backend().replay(request).await.map_err(faults::replay)?;
    Ok(Reply::Replayed(ReplayedReply { count: replayed.count, scroll_token: replayed.cursor }))
}

pub(super) async fn purge(
    gateway: &Gateway,
    app: AppId,
    request: PurgeEvents,
) -> Result<Reply, ApiError> {
    let states = request.states.into_iter().map(asked).collect();
    let request = PurgeRequest { app, states, kinds: request.kinds };
    let count = gateway.backend().purge(request).await.map_err(faults::backend)?;
    Ok(Reply::Purged(PurgedReply { count }))
}

fn info(row: &EventRow) -> EventInfo {
    EventInfo {
        event_id: row.id,
        event_type: row.kind,
        state: shown(row.state),
        reason: row.reason.map_or_else(String::new, |reason| reason.name().to_owned()),
        create_time: row.created,
        attempt_count: row.attempts.into(),
        replay_count: row.replays.into(),
        file_id: row.files.first().copied(),
    }
}

fn attempt(attempt: Attempt) -> EventAttempt {
    EventAttempt {
        time: attempt.at,
        url: attempt.url,
        status: attempt.status.map_or(0, u64::from),
        duration_ms: attempt.duration_ms,
        response_body: String::from_utf8_lossy(&attempt.body).into_owned(),
        error: attempt.error,
    }
}

/// A state of the engine as the API shows it.
pub(super) const fn shown(state: State) -> EventState {
    match state {
        State::Ready => EventState::Ready,
        State::Leased => EventState::Leased,
        State::Delayed => EventState::Delayed,
        State::Done => EventState::Done,
        State::Dead => EventState::Dead,
        State::Ignored => EventState::Ignored,
    }
}

const fn asked(state: EventState) -> State {
    match state {
        EventState::Ready => State::Ready,
        EventState::Leased => State::Leased,
        EventState::Delayed => State::Delayed,
        EventState::Done => State::Done,
        EventState::Dead => State::Dead,
        EventState::Ignored => State::Ignored,
    }
}
