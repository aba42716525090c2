//! PullEvents, ConfirmEvents, DescribeEventsState and PublishEvents: the queue of an application.

use std::time::Duration;

use model::{AppId, Handle, limits};
use queue::{
    Commit, CommitError, LeaseError, LeaseRequest, Leased, Lessee, Resolution, Settled, Settlement,
};
use wire::action::PublishEvents;
use wire::event::pull_item;
use wire::reply::{EventsStateReply, PublishResult, PublishedReply};
use wire::{ApiError, Code, Reply};

use super::history;
use crate::{Gateway, PullEmpty, faults};

/// Leases up to 16 events and waits a while for the first. A client that hangs up drops this, and
/// with it the wait; nothing is leased then.
pub(super) async fn pull(gateway: &Gateway, app: AppId) -> Result<Reply, ApiError> {
    let settings = gateway.settings();
    let stopping = gateway.stopping();
    let wait_ms = if stopping.is_cancelled() { 0 } else { settings.pull_wait_ms };
    let lease = gateway.backend().lease(LeaseRequest {
        app,
        by: Lessee::Pull,
        max: limits::PULL_BATCH_MAX,
        max_bytes: limits::PUBLISH_BYTES_MAX,
        wait: Duration::from_millis(wait_ms),
        hold: Duration::from_millis(settings.pull_lease_ms),
        fewest_attempts: false,
    });
    let leased = tokio::select! {
        biased;
        leased = lease => leased.map_err(lease_error)?,
        () = stopping.cancelled(), if wait_ms > 0 => Vec::new(),
    };
    if leased.is_empty() && settings.pull_empty == PullEmpty::Error {
        return Err(ApiError::no_event());
    }
    let item = |leased: &Leased| pull_item(&leased.handle, leased.kind, &leased.payload);
    Ok(Reply::Events(leased.iter().map(item).collect()))
}

fn lease_error(error: LeaseError) -> ApiError {
    match error {
        LeaseError::WrongMode => {
            let text = "The application receives its events by PUSH; set Mode=PULL with \
                        ModifyEventConfig to pull them.";
            ApiError::new(Code::FailedOperation, text)
        }
        LeaseError::UnknownApplication(_) => ApiError::invalid_vod_user(),
        LeaseError::Backend(error) => faults::backend(error),
    }
}

/// Settles handles as Done, each on its own: one that cannot be settled fails the call and none of
/// the others.
pub(super) async fn confirm(
    gateway: &Gateway,
    app: AppId,
    texts: &[String],
) -> Result<Reply, ApiError> {
    let mut distinct: Vec<&str> = Vec::new();
    for text in texts {
        if !distinct.contains(&text.as_str()) {
            distinct.push(text);
        }
        if distinct.len() > limits::CONFIRM_HANDLES_MAX {
            let text = format!(
                "`EventHandles` must hold at most {} handles.",
                limits::CONFIRM_HANDLES_MAX
            );
            return Err(ApiError::new(Code::InvalidParameterValue, text));
        }
    }
    if distinct.is_empty() {
        let text = "`EventHandles` must hold at least one handle.";
        return Err(ApiError::new(Code::InvalidParameterValue, text));
    }
    let parsed: Vec<(&str, Option<Handle>)> =
        distinct.iter().map(|&text| (text, text.parse().ok())).collect();
    let settlements: Vec<Settlement> = parsed
        .iter()
        .filter_map(|&(_, handle)| handle)
        .map(|handle| Settlement { handle, app, resolution: Resolution::Done, attempt: None })
        .collect();
    let settled = if settlements.is_empty() {
        Vec::new()
    } else {
        gateway.backend().settle(settlements).await.map_err(faults::backend)?
    };
    let mut settled = settled.into_iter();
    let refused = parsed.into_iter().filter_map(|(text, handle)| {
        let settled = handle.and_then(|_| settled.next()).unwrap_or(Settled::Unknown);
        match settled {
            Settled::Accepted | Settled::Already => None,
            Settled::Stale => Some(format!("`{}` has expired", clip(text))),
            Settled::Unknown => Some(format!("`{}` is unknown", clip(text))),
        }
    });
    let refused: Vec<String> = refused.collect();
    if refused.is_empty() {
        return Ok(Reply::Done);
    }
    let text = format!(
        "The value specified in the parameter `EventHandles` is not valid: {}. All others are \
         confirmed.",
        refused.join(", ")
    );
    Err(ApiError::new(Code::InvalidParameterValue, text))
}

/// Bounds what is echoed of a text that need not be a handle.
fn clip(text: &str) -> &str {
    const ECHO_BYTES_MAX: usize = 100;
    text.get(..text.floor_char_boundary(ECHO_BYTES_MAX)).unwrap_or(text)
}

/// What waits to be pulled, or would wait if the Mode were PULL.
pub(super) fn state(gateway: &Gateway, app: AppId) -> Reply {
    let load = gateway.backend().load(Some(app));
    Reply::EventsState(EventsStateReply { count_of_events_to_pull: load.ready + load.delayed })
}

/// States all events, or none.
pub(super) async fn publish(
    gateway: &Gateway,
    app: AppId,
    request: PublishEvents,
) -> Result<Reply, ApiError> {
    let events = request.events.into_iter().map(|event| event.into_event(app)).collect();
    let commit = Commit { events, ..Commit::default() };
    let committed: Result<_, CommitError> = gateway.backend().commit(commit).await;
    let result = |published: &queue::Published| PublishResult {
        event_id: published.id,
        state: history::shown(published.state),
        reason: published.reason.map_or_else(String::new, |reason| reason.name().to_owned()),
    };
    let committed = committed.map_err(faults::commit)?;
    let event_set = committed.events.iter().map(result).collect();
    Ok(Reply::Published(PublishedReply { event_set }))
}
