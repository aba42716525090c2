//! What the answers about events say.

use std::collections::{HashMap, HashSet};

use client::{CallError, Client};
use serde_json::{Value, json};

/// The state of every event of an application (0: the default one), by EventId; each is listed once.
pub async fn states(client: &Client, app: u64) -> Result<HashMap<String, String>, CallError> {
    pages(client, json!({ "SubAppId": app })).await
}

/// EventIds of the default application's events in that state.
pub async fn in_state(client: &Client, state: &str) -> Result<HashSet<String>, CallError> {
    Ok(pages(client, json!({ "States": [state] })).await?.into_keys().collect())
}

async fn pages(client: &Client, mut params: Value) -> Result<HashMap<String, String>, CallError> {
    let mut all = HashMap::new();
    insert(&mut params, "Limit", json!(100));
    loop {
        let page = client.call("DescribeEvents", params.clone()).await?;
        for event in list(&page, "EventSet") {
            let before = all.insert(text(event, "EventId"), text(event, "State"));
            assert!(before.is_none(), "listed twice: {event}");
        }
        match page.get("ScrollToken") {
            Some(token) => insert(&mut params, "ScrollToken", token.clone()),
            None => return Ok(all),
        }
    }
}

/// The handles in an answer of PullEvents.
pub fn handles(answer: &Value) -> Vec<String> {
    list(answer, "EventSet").iter().map(|event| text(event, "EventHandle")).collect()
}

/// The EventId in a handle: its first part.
pub fn event_of(handle: &str) -> &str {
    handle.split('.').next().unwrap_or_default()
}

fn insert(params: &mut Value, name: &str, value: Value) {
    if let Some(params) = params.as_object_mut() {
        params.insert(name.to_owned(), value);
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
