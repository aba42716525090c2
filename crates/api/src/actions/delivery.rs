//! TestNotification, DescribeDelivery and ResumeDelivery: the way to an application's receiver.

use model::{Application, EventConfig};
use push::{DeliveryState, Flow, Trial};
use wire::action::TestNotification;
use wire::reply::{self, DeliveryReply, TestReply};
use wire::{ApiError, Code, Reply, event};

use super::config;
use crate::{Gateway, faults};

/// Sends a sample, signed as the application's events are, and answers what came of it. Nothing is
/// stored, and the circuit learns nothing: a test must not hold real events back or let them loose.
pub(super) async fn test(
    gateway: &Gateway,
    application: &Application,
    request: TestNotification,
) -> Result<Reply, ApiError> {
    let mut config = EventConfig::clone(&application.config);
    if let Some(url) = request.notification_url {
        config::check_named(gateway.policy(), &url)?;
        config.notification_url = url;
    }
    if config.notification_url.is_empty() {
        let text = "The application has no NotificationUrl: set it with ModifyEventConfig, or name \
                    one here.";
        return Err(ApiError::new(Code::FailedOperation, text));
    }
    let (app, kind) = (application.id, request.kind);
    let payload = event::render(kind, Some(event::sample(kind)))?;
    let trial = Trial { app, config: &config, kind, payload: &payload };
    let tried = gateway.worker().try_out(trial).await.ok_or_else(|| {
        let text = "Too many test notifications are under way. Try again.";
        ApiError::new(Code::LimitExceeded, text)
    })?;
    let attempt = tried.attempt;
    Ok(Reply::Test(TestReply {
        delivered: tried.delivered,
        status: attempt.status.map_or(0, u64::from),
        duration_ms: attempt.duration_ms,
        response_body: String::from_utf8_lossy(&attempt.body).into_owned(),
        reason: attempt.error,
    }))
}

/// Whether the application's events go out, and if not, when the next attempt may.
pub(super) async fn describe(
    gateway: &Gateway,
    application: &Application,
) -> Result<Reply, ApiError> {
    let url = application.config.notification_url.clone();
    let fares = gateway.worker().delivery(application.id).await.map_err(faults::backend)?;
    let Some(DeliveryState { flow, failures, next }) = fares else {
        let state = reply::DeliveryState::Off;
        return Ok(Reply::Delivery(DeliveryReply {
            state,
            url,
            failure_count: 0,
            next_probe_time: None,
        }));
    };
    let now = gateway.now();
    let at = |mono: model::Mono| {
        let wait_ms = i64::try_from(mono.since_ms(now.mono)).unwrap_or(i64::MAX);
        now.wall.plus_ms(wait_ms)
    };
    let state = match flow {
        Flow::Closed => reply::DeliveryState::Closed,
        Flow::Open => reply::DeliveryState::Open,
        Flow::Paused => reply::DeliveryState::Paused,
    };
    Ok(Reply::Delivery(DeliveryReply {
        state,
        url,
        failure_count: failures.into(),
        next_probe_time: next.map(at),
    }))
}

/// Lets events go out without waiting for a probe. Nothing to do is no error.
pub(super) fn resume(gateway: &Gateway, application: &Application) -> Result<Reply, ApiError> {
    if !application.config.pushes() {
        let text = "The application has no PUSH to resume: set Mode=PUSH and a NotificationUrl \
                    with ModifyEventConfig.";
        return Err(ApiError::new(Code::FailedOperation, text));
    }
    gateway.worker().resume(application.id);
    Ok(Reply::Done)
}
