//! Sends callbacks to the receiver and tells what came of them.

use std::sync::Arc;
use std::time::Duration;

use egress::{Client, ExchangeError, Pace, Request, TlsFailure};
use http::Method;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use url::Url;

use super::callback::{Callback, Keys};
use super::case::{How, Step};
use super::judge::{Answer, Seen};
use crate::clock;
use crate::failure::{Exit, Failure};

/// Bytes of an answer that the report keeps.
const EXCERPT_BYTES: usize = 1024;
/// The pieces of a body that comes slowly, and the pause between two: together about a second.
const PIECES: usize = 8;
const PAUSE: Duration = Duration::from_millis(120);
/// How long the receiver has the half of a body before the connection is closed.
const HALF: Duration = Duration::from_millis(300);
/// A pause that nobody waits for to its end.
const FOREVER: Duration = Duration::from_hours(1);

/// The way to one receiver.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) client: Client,
    pub(super) url: Url,
    pub(super) keys: Keys,
    pub(super) timeout: Duration,
    /// The first part of every Webhook-Id: another one each time, so that a receiver which keeps
    /// ids takes nothing for a repeat of the last drill.
    pub(super) origin: u32,
}

impl Sender {
    /// Sends the callbacks of a case, one after another or all at the same time.
    pub(super) async fn send_all(
        self: &Arc<Self>,
        case: &str,
        steps: &[Step],
        first_id: u64,
        at_once: bool,
    ) -> Result<Vec<Seen>, Failure> {
        let mut seen = Vec::with_capacity(steps.len());
        if !at_once {
            for step in steps {
                seen.push(self.send(case, step, first_id).await);
            }
            return Ok(seen);
        }
        let mut under_way = JoinSet::new();
        for (number, step) in steps.iter().cloned().enumerate() {
            let (sender, case) = (Arc::clone(self), case.to_owned());
            under_way.spawn(async move { (number, sender.send(&case, &step, first_id).await) });
        }
        let mut numbered = Vec::with_capacity(steps.len());
        while let Some(ended) = under_way.join_next().await {
            let ended =
                ended.map_err(|panicked| Failure::new(Exit::Refused, panicked.to_string()))?;
            numbered.push(ended);
        }
        numbered.sort_unstable_by_key(|(number, _)| *number);
        Ok(numbered.into_iter().map(|(_, seen)| seen).collect())
    }

    /// Sends one callback.
    pub(super) async fn send(&self, case: &str, step: &Step, first_id: u64) -> Seen {
        let number = first_id.saturating_add(step.callback.event);
        let id = format!("{:08x}-{number}", self.origin);
        let request = self.request(case, &step.callback, &id, step.how);
        let start = Instant::now();
        let exchange = self.client.exchange(request);
        let result = if step.how == How::CutOff {
            // dropping the exchange closes its connection
            match timeout(HALF, exchange).await {
                Ok(result) => result,
                Err(_half_is_sent) => return cut_off(id, start),
            }
        } else {
            exchange.await
        };
        let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        match result {
            Ok(exchange) => {
                let end = exchange.body.len().min(EXCERPT_BYTES);
                let excerpt = exchange.body.get(..end).unwrap_or_default();
                let excerpt = String::from_utf8_lossy(excerpt).into_owned();
                let answer = Answer::Status(exchange.status.as_u16());
                Seen { id, answer, ms, excerpt, reused: exchange.reused }
            }
            Err(error) => {
                Seen { id, answer: unanswered(&error), ms, excerpt: String::new(), reused: false }
            }
        }
    }

    fn request(&self, case: &str, callback: &Callback, id: &str, how: How) -> Request {
        let now_s = clock::wall().seconds();
        let (headers, body) = callback.render(&self.keys, case, id, now_s);
        let pace = match how {
            How::AtOnce => None,
            How::InPieces { chunked } => {
                Some(Pace { piece_bytes: body.len().div_ceil(PIECES), pause: PAUSE, chunked })
            }
            How::CutOff => {
                Some(Pace { piece_bytes: body.len() / 2, pause: FOREVER, chunked: false })
            }
        };
        let (method, url, timeout) = (Method::POST, self.url.clone(), self.timeout);
        Request { method, url, headers, body, pace, owner: None, timeout }
    }
}

fn cut_off(id: String, start: Instant) -> Seen {
    let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    Seen { id, answer: Answer::CutOff, ms, excerpt: String::new(), reused: false }
}

fn told(error: &ExchangeError) -> String {
    if let ExchangeError::Tls(TlsFailure::Untrusted) = error {
        return format!("{error}; --ca-file can name the authority, or the certificate itself");
    }
    error.to_string()
}

fn unanswered(error: &ExchangeError) -> Answer {
    match error {
        ExchangeError::TimedOut => Answer::TimedOut,
        ExchangeError::Ended(reason) | ExchangeError::Protocol(reason) => {
            Answer::Ended(reason.clone())
        }
        ExchangeError::Refused(_)
        | ExchangeError::Resolve(_)
        | ExchangeError::Connect { .. }
        | ExchangeError::Tls(_) => Answer::Unreached(told(error)),
    }
}
