//! What an application writes to receive callbacks: an HTTP server that checks `Sign` and answers.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Callbacks that may wait to be looked at; the demo looks at each as it comes.
const WAITING_MAX: usize = 64;

/// How long the end of the demo waits for a callback that is under way.
const DRAIN: Duration = Duration::from_secs(1);

/// A callback whose `Sign` was right.
#[derive(Clone, Debug)]
pub(super) struct Callback {
    /// The event.
    pub(super) event: Value,
    /// The `Sign` that was checked.
    pub(super) sign: String,
}

/// A receiver that listens.
#[derive(Debug)]
pub(super) struct Receiver {
    /// Where callbacks go.
    pub(super) url: String,
    /// What came.
    pub(super) callbacks: mpsc::Receiver<Callback>,
}

#[derive(Clone, Debug)]
struct Desk {
    sign_key: String,
    callbacks: mpsc::Sender<Callback>,
}

impl Receiver {
    /// Listens on a free port until `stop`.
    pub(super) async fn start(
        sign_key: &str,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("http://{}/vod-events", listener.local_addr()?);
        let (sender, callbacks) = mpsc::channel(WAITING_MAX);
        let desk = Desk { sign_key: sign_key.to_owned(), callbacks: sender };
        let router = Router::new().route("/vod-events", post(receive)).with_state(desk);
        let transport = api::Transport { drain: DRAIN, ..api::Transport::default() };
        tasks.spawn(api::serve_router(listener, router, transport, stop));
        Ok(Self { url, callbacks })
    }
}

/// 200 for a callback that can be believed, 403 for any other. An application would do its work, or
/// write it down, before it answers: an event that was answered with 200 does not come again.
async fn receive(State(desk): State<Desk>, body: Bytes) -> StatusCode {
    let Some(callback) = check(&desk.sign_key, &body) else { return StatusCode::FORBIDDEN };
    match desk.callbacks.try_send(callback) {
        Ok(()) => StatusCode::OK,
        Err(_full) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn check(sign_key: &str, body: &[u8]) -> Option<Callback> {
    let event: Value = serde_json::from_slice(body).ok()?;
    let sign = event.get("Sign")?.as_str()?.to_owned();
    let t = event.get("T")?.as_i64()?;
    let now_s = crate::clock::wall().seconds();
    sign::callback::verify(sign_key, t, &sign, now_s).then_some(Callback { event, sign })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn believes_only_what_is_signed() {
        let t = crate::clock::wall().seconds() + 600;
        let sign = sign::callback::sign("key", t);
        let body = |t: i64, sign: &str| {
            serde_json::json!({"EventType": "FileDeleted", "T": t, "Sign": sign}).to_string()
        };
        assert!(check("key", body(t, &sign).as_bytes()).is_some());
        assert!(check("other", body(t, &sign).as_bytes()).is_none());
        assert!(check("key", body(t + 1, &sign).as_bytes()).is_none());
        assert!(check("key", b"{\"EventType\": \"FileDeleted\"}").is_none());
        assert!(check("key", b"").is_none());
    }
}
