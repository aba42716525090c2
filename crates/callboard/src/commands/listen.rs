//! `callboard listen`: brings events to a receiver on this machine, without a public address.
//!
//! It pulls like any consumer and posts like PUSH: the same body, `Sign`, `T` and headers. An event
//! that the receiver accepted is confirmed; any other comes again when its lease has ended, so
//! nothing is lost when this program or the receiver stops. A schedule and a circuit are
//! deliberately absent: a developer is watching.

mod forward;
mod mode;

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use client::CallError;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::forward::{Event, Forward, Keys, Posted};
use self::mode::Mode;
use super::link::Link;
use super::printer::Printer;
use super::{items, with_app};
use crate::args::Listen;
use crate::clock;
use crate::config::Environment;
use crate::failure::{Exit, Failure};
use crate::serve::Signals;

/// Posts under way at once: few, so that sixteen that hang still end within a lease of 30 s.
const UNDER_WAY_MAX: usize = 4;
/// Events whose attempts are counted; beyond that the counts begin again.
const COUNTED_MAX: usize = 65_536;
/// How long the stop waits for somebody to read of one event.
const PATIENCE: Duration = Duration::from_millis(500);
/// The pause after a poll that the server answered with nothing at once.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs the command until it is interrupted.
pub async fn run(args: &Listen, environment: &Environment) -> Result<(), Failure> {
    let keys = Keys { sign_key: args.sign_key.clone(), secret: args.signing_secret.clone() };
    let printer = Printer::start()?;
    let forward = Arc::new(Forward::new(&args.forward, keys, printer.clone())?);
    let mut signals =
        Signals::listen().map_err(|error| Failure::io("signals cannot be received", &error))?;
    let stop = CancellationToken::new();
    let link = Link::open(&args.target.server, environment, printer.clone(), stop.clone())?;
    let mode = Mode::take(link.client(), args.target.app, args.pull, printer.clone()).await?;
    printer.note(format_args!(
        "Forwarding events of {} to {}; Ctrl-C ends it.",
        link.client().endpoint(),
        forward.url()
    ));
    let attempts = HashMap::new();
    let mut session = Session { args, link, mode, forward, printer, stop: stop.clone(), attempts };
    let printer = session.printer.clone();
    let interrupted = async {
        // what the receiver has taken is confirmed even if nobody reads of it
        tokio::select! {
            () = signals.next() => {}
            () = printer.failed() => {}
        }
        stop.cancel();
        signals.next().await;
    };
    let ended = tokio::select! {
        ended = session.follow() => ended,
        () = interrupted => Err(Failure::new(Exit::Refused, "stopped at once")),
    };
    session.mode.restore(session.link.client()).await;
    let written = printer.finish().await;
    ended.and(written)
}

struct Session<'a> {
    args: &'a Listen,
    link: Link<'a>,
    mode: Mode,
    forward: Arc<Forward>,
    printer: Printer,
    stop: CancellationToken,
    /// How often each event was posted, until it is confirmed.
    attempts: HashMap<String, u64>,
}

impl Session<'_> {
    /// Batch after batch, until the stop.
    async fn follow(&mut self) -> Result<(), Failure> {
        let stop = self.stop.clone();
        while !stop.is_cancelled() {
            let start = Instant::now();
            let Some(pulled) = stop.run_until_cancelled(self.pull()).await else { break };
            let events = match pulled {
                Ok(events) => events,
                // it gave up waiting for the server because of the stop
                Err(_away) if stop.is_cancelled() => break,
                Err(failure) => return Err(failure),
            };
            if events.is_empty() && start.elapsed() < PAUSE {
                let _stopped = stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
            self.batch(events).await?;
        }
        Ok(())
    }

    /// What waits, at most 16. A server that came back may have been told another Mode by its
    /// configuration; somebody who changed it meanwhile meant it.
    async fn pull(&mut self) -> Result<Vec<Value>, Failure> {
        let params = with_app(json!({}), self.args.target.app);
        loop {
            let answer = self.link.call("PullEvents", &params).await;
            let back = self.link.came_back();
            match answer {
                Ok(answer) => return Ok(items(&answer, "EventSet").to_vec()),
                Err(error) if error.code() == Some("ResourceNotFound") => return Ok(Vec::new()),
                Err(error) if back && error.code() == Some("FailedOperation") => {
                    self.mode.take_again(self.link.client()).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Posts a batch; what has not begun at the stop is left to its lease.
    async fn batch(&mut self, events: Vec<Value>) -> Result<(), Failure> {
        let mut waiting = events.into_iter();
        let mut under_way = JoinSet::new();
        let patience = Instant::now() + forward::PATIENCE;
        loop {
            while under_way.len() < UNDER_WAY_MAX && !self.stop.is_cancelled() {
                let Some(item) = waiting.next() else { break };
                match Event::read(&item) {
                    Ok(event) => {
                        let attempt = self.count(&event.id);
                        let (forward, stop) = (Arc::clone(&self.forward), self.stop.clone());
                        let post =
                            async move { forward.post(event, attempt, patience, &stop).await };
                        under_way.spawn(post);
                    }
                    Err(reason) => self.printer.note(reason),
                }
            }
            match under_way.join_next().await {
                None => return Ok(()),
                Some(Ok(posted)) => self.settle(&posted).await?,
                Some(Err(panicked)) => {
                    return Err(Failure::new(Exit::Refused, panicked.to_string()));
                }
            }
        }
    }

    fn count(&mut self, id: &str) -> u64 {
        if self.attempts.len() >= COUNTED_MAX {
            self.attempts.clear();
        }
        let count = self.attempts.entry(id.to_owned()).or_default();
        *count += 1;
        *count
    }

    async fn settle(&mut self, posted: &Posted) -> Result<(), Failure> {
        let confirmed = if posted.accepted() { self.confirm(posted).await } else { Ok(false) };
        let settled = *confirmed.as_ref().unwrap_or(&false);
        if settled {
            self.attempts.remove(&posted.event.id);
        }
        self.tell(posted, settled).await;
        match confirmed {
            // the lease ended first, or the server crashed: the event comes again
            Err(error) if error.code() == Some("InvalidParameterValue") => Ok(()),
            Err(error) if self.stop.is_cancelled() => {
                self.printer.note(format_args!("{} comes again: {error}", posted.event.id));
                Ok(())
            }
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        }
    }

    async fn confirm(&mut self, posted: &Posted) -> Result<bool, CallError> {
        let params = json!({ "EventHandles": [posted.event.handle] });
        let params = with_app(params, self.args.target.app);
        self.link.call("ConfirmEvents", &params).await.map(|_answer| true)
    }

    async fn tell(&self, posted: &Posted, confirmed: bool) {
        let now = clock::wall();
        let error = posted.error();
        if self.args.json {
            let line = json!({
                "Time": now.to_string(),
                "EventId": posted.event.id,
                "EventType": posted.event.kind.name(),
                "Attempt": posted.attempt,
                "Status": posted.status(),
                "DurationMs": posted.duration_ms,
                "Error": error,
                "Confirmed": confirmed,
            });
            return self.print(line).await;
        }
        let status = posted.status().map_or_else(|| "---".to_owned(), |status| status.to_string());
        let kind = posted.event.kind.name();
        let attempt = match posted.attempt {
            1 => String::new(),
            attempt => format!("  attempt {attempt}"),
        };
        let rest = if !error.is_empty() {
            format!("  {error}; comes again")
        } else if confirmed {
            String::new()
        } else {
            "  not confirmed in time; comes again".to_owned()
        };
        let (took, id) = (posted.duration_ms, &posted.event.id);
        self.print(format!("{now}  {status}  {took:>5} ms  {kind}  {id}{attempt}{rest}")).await;
    }

    /// Prints a line, unless that would hold up the stop.
    async fn print(&self, line: impl Display) {
        let patience = async {
            self.stop.cancelled().await;
            tokio::time::sleep(PATIENCE).await;
        };
        tokio::select! {
            () = self.printer.line(line) => {}
            () = patience => {}
        }
    }
}
