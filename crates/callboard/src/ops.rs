//! What operators and machines look at: `/healthz`, `/readyz`, `/metrics`.
//!
//! On an address of its own, because it is for the inside: it needs no key. `/healthz` says whether
//! the process should be replaced, `/readyz` whether it should be given work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use media::Library;
use model::Clock;
use push::Worker;
use queue::{Backend, Health};

use crate::metrics::Metrics;

/// The type that Prometheus expects of its text format.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the pages are made of.
#[derive(Clone, Debug)]
pub struct Ops {
    /// Answers load and health.
    pub backend: Arc<dyn Backend>,
    /// Knows the circuits.
    pub worker: Worker,
    /// Knows what is stored.
    pub library: Arc<Library>,
    /// What was counted.
    pub metrics: Arc<Metrics>,
    /// For ages.
    pub clock: Arc<dyn Clock>,
    /// True between "ready" and the beginning of the stop.
    pub ready: Arc<AtomicBool>,
}

/// The routes.
pub fn router(ops: Ops) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(ops)
}

/// Red only when a new process would do better: a full disk or a doubtful clock is told, not red, so
/// that a supervisor does not restart for nothing.
async fn healthz(State(ops): State<Ops>) -> Response {
    let Health { problems, notes, failed, .. } = ops.backend.health();
    verdict(!failed, problems.into_iter().chain(notes))
}

async fn readyz(State(ops): State<Ops>) -> Response {
    let Health { mut problems, notes, .. } = ops.backend.health();
    if !ops.ready.load(Ordering::Acquire) {
        problems.push("not accepting work".to_owned());
    }
    verdict(problems.is_empty(), problems.into_iter().chain(notes))
}

/// 200 `ok` or 503 `not ok`, and below it one remark a line.
fn verdict(well: bool, remarks: impl Iterator<Item = String>) -> Response {
    let (status, word) =
        if well { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ok") };
    let text: String = std::iter::once(word.to_owned()).chain(remarks).map(|l| l + "\n").collect();
    (status, text).into_response()
}

async fn metrics(State(ops): State<Ops>) -> Response {
    ops.metrics.look_at(&ops.library);
    match ops.metrics.render(ops.backend.as_ref(), &ops.worker, ops.clock.now()) {
        Ok(text) => ([(CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
