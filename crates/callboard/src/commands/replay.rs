//! `callboard replay`: new lives for events that have ended.

use client::Client;
use serde_json::{Value, json};

use super::moment::moment;
use super::{find, print, with, with_app};
use crate::args::Replay;
use crate::clock;
use crate::config::Environment;
use crate::failure::Failure;

/// EventIds of one call, as many as ReplayEvents takes.
const IDS: usize = model::limits::REPLAY_EVENTS_MAX;

/// Runs the command: call after call, until nothing is left.
pub async fn run(args: &Replay, environment: &Environment) -> Result<(), Failure> {
    let now = clock::wall();
    let since = moment("--since", args.since.as_deref(), now)?;
    let until = moment("--until", args.until.as_deref(), now)?;
    let client = find::client(&args.target.server, environment)?;
    let mut count = 0;
    for ids in args.ids.chunks(IDS) {
        count += replay(&client, args, json!({ "EventIds": ids })).await?;
    }
    if args.ids.is_empty() {
        let params = json!({ "States": args.states, "EventTypes": args.types });
        let params = with(with(params, "StartTime", since), "EndTime", until);
        count += replay(&client, args, params).await?;
    }
    print(&json!({ "Count": count }))
}

async fn replay(client: &Client, args: &Replay, params: Value) -> Result<u64, Failure> {
    let mut params =
        with(with_app(params, args.target.app), "DryRun", args.dry_run.then_some(true));
    let mut count = 0;
    loop {
        let answer = client.call("ReplayEvents", params.clone()).await?;
        count += answer.get("Count").and_then(Value::as_u64).unwrap_or(0);
        let Some(token) = answer.get("ScrollToken").filter(|token| !token.is_null()) else {
            return Ok(count);
        };
        params = with(params, "ScrollToken", Some(token));
    }
}
