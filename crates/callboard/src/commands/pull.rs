//! `callboard pull`: events as JSON lines, confirmed when asked to.

use client::{CallError, Client};
use serde_json::{Value, json};

use super::{find, items, print, with_app};
use crate::args::Pull;
use crate::config::Environment;
use crate::failure::Failure;
use crate::out;

/// Runs the command; `--follow` goes on until the process is interrupted.
pub async fn run(args: &Pull, environment: &Environment) -> Result<(), Failure> {
    let client = find::client(&args.target.server, environment)?;
    loop {
        let events = pull(&client, args.target.app).await?;
        for event in &events {
            print(&brief(event))?;
        }
        if args.confirm && !events.is_empty() {
            confirm(&client, args.target.app, &events).await?;
        }
        if !args.follow {
            if events.is_empty() {
                out::note("no event");
            }
            return Ok(());
        }
    }
}

/// One batch. That nothing waits is an error of the API (`no event`) or an empty list, as the
/// server is configured; here it is always an empty list.
pub async fn pull(client: &Client, app: Option<u64>) -> Result<Vec<Value>, CallError> {
    match client.call("PullEvents", with_app(json!({}), app)).await {
        Ok(answer) => Ok(items(&answer, "EventSet").to_vec()),
        Err(error) if error.code() == Some("ResourceNotFound") => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Confirms what a batch held.
pub async fn confirm(client: &Client, app: Option<u64>, events: &[Value]) -> Result<(), CallError> {
    let handles: Vec<_> = events.iter().filter_map(|event| event.get("EventHandle")).collect();
    client.call("ConfirmEvents", with_app(json!({ "EventHandles": handles }), app)).await?;
    Ok(())
}

/// An event without the members of other types, which are null.
pub fn brief(event: &Value) -> Value {
    let Value::Object(members) = event else { return event.clone() };
    let used = members.iter().filter(|(_, value)| !value.is_null());
    Value::Object(used.map(|(name, value)| (name.clone(), value.clone())).collect())
}
