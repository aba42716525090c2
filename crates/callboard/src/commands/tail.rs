//! `callboard tail`: what happens to an application's events, a line a change, as it happens.
//!
//! Each look asks DescribeEvents for the newest events and DescribeEventDetail for older ones that
//! are still open and for new attempts. What changes twice between two looks is seen once, so a
//! state that lasts less than a second may be missing; attempts never are.

mod watch;

use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::watch::{Change, Watch};
use super::link::Link;
use super::printer::Printer;
use super::terminal::word;
use super::{items, with, with_app};
use crate::args::Tail;
use crate::clock;
use crate::config::Environment;
use crate::failure::Failure;
use crate::serve::Signals;

/// The pause between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Events on a page, the most that DescribeEvents answers.
const PAGE: usize = 100;
/// Pages of one look; what is beyond them came within a second and is not told.
const PAGES_MAX: usize = 10;
/// Older open events that are asked for one by one in one look.
const DETAILS_MAX: usize = 50;
/// The states of events that still change.
const OPEN: [&str; 3] = ["READY", "DELAYED", "LEASED"];

/// Runs the command until it is interrupted.
pub async fn run(args: &Tail, environment: &Environment) -> Result<(), Failure> {
    let mut signals =
        Signals::listen().map_err(|error| Failure::io("signals cannot be received", &error))?;
    let printer = Printer::start()?;
    let stop = CancellationToken::new();
    let link = Link::open(&args.target.server, environment, printer.clone(), stop)?;
    let watch = Watch::default();
    let mut session = Session { args, link, printer: printer.clone(), watch };
    let ended = tokio::select! {
        ended = session.follow() => ended,
        () = signals.next() => Ok(()),
        () = printer.failed() => Ok(()),
    };
    let written = printer.finish().await;
    ended.and(written)
}

struct Session<'a> {
    args: &'a Tail,
    link: Link<'a>,
    printer: Printer,
    watch: Watch,
}

impl Session<'_> {
    async fn follow(&mut self) -> Result<(), Failure> {
        self.begin().await?;
        loop {
            tokio::time::sleep(LOOK).await;
            self.look().await?;
        }
    }

    /// Learns what there is, and tells of the latest events. A server that is not there from the
    /// beginning is told at once, because the call is most likely wrong.
    async fn begin(&mut self) -> Result<(), Failure> {
        let params = with(self.wanted(None), "Limit", Some(1));
        self.link.client().call("DescribeEvents", params).await?;
        self.watch.next_look();
        let mut token = None;
        for _page in 0..PAGES_MAX {
            let params = with(self.wanted(token.as_deref()), "States", Some(OPEN));
            let page = self.page(params).await?;
            for row in &page.events {
                self.watch.compare(row);
            }
            token = page.token;
            if token.is_none() {
                break;
            }
        }
        for row in self.page(self.params(None)).await?.events {
            self.compare(&row);
        }
        let latest = self.page(self.wanted(None)).await?.events;
        for (index, row) in latest.iter().enumerate().rev() {
            let new = self.watch.compare(row);
            let told = (index < self.args.last).then(|| Change::all_of(row));
            if let Some(change) = told.or(new) {
                self.tell(row, change).await?;
            }
        }
        let endpoint = self.link.client().endpoint();
        self.printer.note(format_args!("Following {endpoint}; Ctrl-C ends it."));
        Ok(())
    }

    /// What is new about an event, if it is wanted.
    fn compare(&mut self, row: &Value) -> Option<Change> {
        let kinds = &self.args.kinds;
        if kinds.is_empty() || kinds.contains(&word(row, "EventType")) {
            return self.watch.compare(row);
        }
        self.watch.pass(row);
        None
    }

    /// One look: new events and the newest ones, then open ones that are older. The types are not
    /// left to the server, which would search its whole history for a rare one, every second.
    async fn look(&mut self) -> Result<(), Failure> {
        self.watch.next_look();
        let mut changed = Vec::new();
        let mut token = None;
        for number in 1..=PAGES_MAX {
            let page = self.page(self.params(token.as_deref())).await?;
            let reached = page.events.iter().any(|row| self.watch.knows(row));
            for row in page.events {
                if let Some(change) = self.compare(&row) {
                    changed.push((row, change));
                }
            }
            token = page.token;
            if reached || token.is_none() {
                break;
            }
            if number == PAGES_MAX {
                let left = "More events came at once than can be told; older ones are left out.";
                self.printer.note(left);
            }
        }
        for (row, change) in changed.into_iter().rev() {
            self.tell(&row, change).await?;
        }
        for id in self.watch.open_unseen(DETAILS_MAX) {
            let Some(row) = self.detail(&id).await? else {
                self.watch.forget(&id);
                continue;
            };
            if let Some(change) = self.watch.compare(&row) {
                self.tell(&row, change).await?;
            }
        }
        self.watch.prune();
        Ok(())
    }

    /// A page of all events.
    fn params(&self, token: Option<&str>) -> Value {
        let params = with_app(json!({ "Limit": PAGE }), self.args.target.app);
        with(params, "ScrollToken", token)
    }

    /// A page of events of the wanted types.
    fn wanted(&self, token: Option<&str>) -> Value {
        let kinds = &self.args.kinds;
        with(self.params(token), "EventTypes", (!kinds.is_empty()).then_some(kinds))
    }

    async fn page(&mut self, params: Value) -> Result<Page, Failure> {
        let answer = self.link.call("DescribeEvents", &params).await?;
        let token = answer.get("ScrollToken").and_then(Value::as_str).map(str::to_owned);
        Ok(Page { events: items(&answer, "EventSet").to_vec(), token })
    }

    /// An event with its attempts; none: it has left the history.
    async fn detail(&mut self, id: &str) -> Result<Option<Value>, Failure> {
        let params = with_app(json!({ "EventId": id }), self.args.target.app);
        match self.link.call("DescribeEventDetail", &params).await {
            Ok(mut answer) => Ok(answer.get_mut("Event").map(Value::take)),
            Err(error) if error.code() == Some("ResourceNotFound") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells of a change: that the event was stated or replayed, new attempts, the state.
    async fn tell(&mut self, row: &Value, change: Change) -> Result<(), Failure> {
        let states = &self.args.states;
        if !states.is_empty() && !states.contains(&word(row, "State")) {
            return Ok(());
        }
        if change.stated {
            self.line(row, "STATED", &word(row, "CreateTime"), json!({})).await;
        }
        if change.replayed {
            self.line(row, "REPLAYED", &clock::wall().to_string(), json!({})).await;
        }
        if change.attempts > 0 {
            self.tell_attempts(row, change).await?;
        }
        if change.state {
            self.line(row, "STATE", &clock::wall().to_string(), json!({})).await;
        }
        Ok(())
    }

    /// Tells the attempts of a change. AttemptSet has those of all lives, the latest life's last; a
    /// life that has begun since the row was read is told when it is seen.
    async fn tell_attempts(&mut self, row: &Value, change: Change) -> Result<(), Failure> {
        let detail = match row.get("AttemptSet") {
            Some(_) => row.clone(),
            None => self.detail(&word(row, "EventId")).await?.unwrap_or_default(),
        };
        if detail.get("ReplayCount") != row.get("ReplayCount") {
            return Ok(());
        }
        let count = detail.get("AttemptCount").and_then(Value::as_u64).unwrap_or_default();
        let all = items(&detail, "AttemptSet");
        let earlier = all.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
        // more may have been made since the row was read: they are told when they are seen
        let of_life = all.iter().skip(earlier).enumerate();
        for (number, attempt) in of_life.skip(change.attempts_before).take(change.attempts) {
            let mut attempt = attempt.clone();
            let time = word(&attempt, "Time");
            if let Some(members) = attempt.as_object_mut() {
                members.shift_remove("Time");
            }
            let more = with(attempt, "Attempt", Some(number + 1));
            self.line(row, "ATTEMPT", &time, more).await;
        }
        Ok(())
    }

    async fn line(&self, row: &Value, what: &str, time: &str, more: Value) {
        if self.args.json {
            let mut line = json!({ "Time": time, "Change": what });
            for name in ["EventId", "EventType", "State", "Reason", "FileId", "ReplayCount"] {
                line = with(line, name, row.get(name));
            }
            if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
                line.extend(more);
            }
            return self.printer.line(line).await;
        }
        self.printer.line(text(row, what, time, &more).trim_end()).await;
    }
}

struct Page {
    events: Vec<Value>,
    token: Option<String>,
}

/// A change as people read it.
fn text(row: &Value, what: &str, time: &str, more: &Value) -> String {
    let (id, kind) = (word(row, "EventId"), word(row, "EventType"));
    let rest = match what {
        "STATED" => match word(row, "FileId") {
            file if file.is_empty() => "stated".to_owned(),
            file => format!("stated, file {file}"),
        },
        "REPLAYED" => format!("replayed ({})", word(row, "ReplayCount")),
        "ATTEMPT" => {
            let status = match word(more, "Status") {
                none if none == "0" => "no answer".to_owned(),
                status => status,
            };
            let (number, took) = (word(more, "Attempt"), word(more, "DurationMs"));
            let (url, error) = (word(more, "Url"), word(more, "Error"));
            let error = if error.is_empty() { error } else { format!(": {error}") };
            format!("attempt {number}: {status} after {took} ms from {url}{error}")
        }
        _ => match word(row, "Reason") {
            reason if reason.is_empty() => word(row, "State"),
            reason => format!("{} ({reason})", word(row, "State")),
        },
    };
    format!("{time}  {id}  {kind}  {rest}")
}
