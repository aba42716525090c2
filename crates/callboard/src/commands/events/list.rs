//! `callboard events list`: the pages of DescribeEvents, followed to the limit.

use client::Client;
use model::{Timestamp, limits};
use serde_json::{Value, json};

use super::super::moment::moment;
use super::super::terminal::{say, table, word};
use super::super::{find, items, print, with, with_app};
use crate::args::ListEvents;
use crate::clock;
use crate::config::Environment;
use crate::failure::Failure;
use crate::out;

/// Runs the command.
pub(super) async fn run(args: &ListEvents, environment: &Environment) -> Result<(), Failure> {
    let params = params(args, clock::wall())?;
    let client = find::client(&args.target.server, environment)?;
    let mut left = args.limit;
    let mut token: Option<String> = None;
    let mut table_begun = false;
    loop {
        let mut page = page(&client, &params, left, token.as_deref()).await?;
        page.events.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        if args.json {
            page.events.iter().try_for_each(print)?;
        } else if !page.events.is_empty() {
            write(&page.events, !std::mem::replace(&mut table_begun, true))?;
        }
        left = left.saturating_sub(u64::try_from(page.events.len()).unwrap_or(u64::MAX));
        token = page.token;
        if left == 0 || token.is_none() {
            break;
        }
    }
    if !table_begun && !args.json {
        out::note("no event");
    }
    if left == 0 && token.is_some() && !args.json {
        out::note(format_args!("These are the latest {}; --limit shows more.", args.limit));
    }
    Ok(())
}

struct Page {
    events: Vec<Value>,
    token: Option<String>,
}

/// One page. It may be short or empty and not be the last: only a missing token ends the list.
async fn page(
    client: &Client,
    params: &Value,
    left: u64,
    token: Option<&str>,
) -> Result<Page, Failure> {
    let most = u64::try_from(limits::HISTORY_PAGE_MAX).unwrap_or(u64::MAX);
    let params = with(params.clone(), "Limit", Some(left.min(most)));
    let mut answer = client.call("DescribeEvents", with(params, "ScrollToken", token)).await?;
    let token = answer.get("ScrollToken").and_then(Value::as_str).map(str::to_owned);
    let events = match answer.get_mut("EventSet").map(Value::take) {
        Some(Value::Array(events)) => events,
        _ => items(&answer, "EventSet").to_vec(),
    };
    Ok(Page { events, token })
}

fn write(events: &[Value], with_head: bool) -> Result<(), Failure> {
    let head = ["CREATED", "TYPE", "STATE", "ATTEMPTS", "EVENT", "FILE", "REASON"];
    let rows: Vec<_> = events
        .iter()
        .map(|event| {
            ["CreateTime", "EventType", "State", "AttemptCount", "EventId", "FileId", "Reason"]
                .map(|name| word(event, name))
        })
        .collect();
    let lines = table(head, &rows);
    lines.iter().skip(usize::from(!with_head)).try_for_each(|line| say(line))
}

fn params(args: &ListEvents, now: Timestamp) -> Result<Value, Failure> {
    let states = &args.states;
    let params = with(json!({}), "States", (!states.is_empty()).then_some(states));
    let params = with(params, "EventTypes", (!args.kinds.is_empty()).then_some(&args.kinds));
    let params = with(params, "FileId", args.file_id.as_ref());
    let since = moment("--since", args.since.as_deref(), now)?;
    let until = moment("--until", args.until.as_deref(), now)?;
    let params = with(with(params, "StartTime", since), "EndTime", until);
    Ok(with_app(params, args.target.app))
}
