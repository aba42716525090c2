//! What callers are told when the backend cannot do what an action asked of it.

use model::{AppId, EventId};
use queue::{BackendError, CommitError, ReplayError};
use wire::{ApiError, Code};

/// A failure of the backend. Only our own faults are `InternalError`; a full disk and a stop have
/// codes that clients may act upon.
pub(crate) fn backend(error: BackendError) -> ApiError {
    match error {
        BackendError::DiskFull => ApiError::disk_full().because(error),
        BackendError::BadCursor => {
            let text = "The value specified in the parameter `ScrollToken` is not valid.";
            ApiError::new(Code::InvalidParameterValue, text).because(error)
        }
        BackendError::Closed => ApiError::stopping().because(error),
        BackendError::Failed(_) => ApiError::internal(error),
    }
}

/// A refused replay.
pub(crate) fn replay(error: ReplayError) -> ApiError {
    match error {
        ReplayError::Backend(error) => backend(error),
        ReplayError::UnknownApplication(_) => ApiError::invalid_vod_user(),
        ReplayError::UnknownEvent { event, .. } => unknown_event(event),
        ReplayError::TooManyOpen(app) => too_many_open(app),
        ReplayError::NoAddress => {
            let text = "The application receives its events by PUSH and has no NotificationUrl; set \
                        one, or Mode=PULL, with ModifyEventConfig.";
            ApiError::new(Code::FailedOperation, text)
        }
    }
}

/// An EventId that is well formed and names no event of the application.
pub(crate) fn unknown_event(id: EventId) -> ApiError {
    let text = format!("The application has no event `{id}`.");
    ApiError::new(Code::ResourceNotFound, text)
}

fn too_many_open(app: AppId) -> ApiError {
    let text = format!(
        "Too many events wait to be delivered in application {app}, or in all. Confirm or purge \
         some."
    );
    ApiError::new(Code::LimitExceeded, text)
}

/// A refused commit. [`CommitError::Conflict`] is for the action to retry; here it means that
/// retrying did not help.
pub(crate) fn commit(error: CommitError) -> ApiError {
    match error {
        CommitError::Backend(error) => backend(error),
        CommitError::UnknownApplication(_) => ApiError::invalid_vod_user(),
        CommitError::EventKeyReused(index) => {
            let text = format!(
                "The value specified in the parameter `Events.{index}.EventKey` is not valid: it \
                 named another event within the last 24 hours."
            );
            ApiError::new(Code::InvalidParameterValue, text)
        }
        CommitError::TooManyOpen(app) => too_many_open(app),
        CommitError::Conflict(_) => {
            let text = "Others change the same thing at the same time. Try again.";
            ApiError::new(Code::ServiceUnavailable, text).because(error)
        }
        CommitError::BadApplication(_) => ApiError::internal(error),
    }
}
