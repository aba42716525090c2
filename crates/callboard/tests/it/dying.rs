//! Consumers that die with leases: what they held comes again, and nothing was confirmed that they
//! had not printed.

use std::collections::HashSet;
use std::time::Duration;

use client::Client;
use serde_json::{Value, json};
use testkit::background::Background;
use testkit::events::{event_of, in_state};
use testkit::process::Server;
use tokio::time::Instant;

use crate::launch;

const DEADLINE: Duration = Duration::from_mins(1);
const ROUNDS: usize = 4;
const EVENTS: usize = 60;
const CONFIG: &str = r#"
[pull]
wait = "300ms"
lease = "1s"

[limits.per_second]
PullEvents = 0
ConfirmEvents = 0
"#;

fn consumer(server: &Server, more: &[&str]) -> Background {
    Background::start(server.command([&["pull", "--follow"], more].concat())).unwrap()
}

async fn publish(client: &Client) {
    let events = vec![json!({ "EventType": "PullComplete" }); EVENTS];
    client.call("PublishEvents", json!({ "Events": events })).await.unwrap();
}

/// EventIds of the lines that a consumer printed; the last one may have been cut off.
fn printed(text: &str) -> impl Iterator<Item = String> {
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.map(|event| event_of(event["EventHandle"].as_str().unwrap()).to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_killed_consumers_held_comes_again() {
    let server = launch(CONFIG).start().await.unwrap();
    let client = server.client().unwrap();
    client.call("ModifyEventConfig", json!({ "Mode": "PULL" })).await.unwrap();
    let mut seen = HashSet::new();
    for _ in 0..ROUNDS {
        publish(&client).await;
        let forgetful = consumer(&server, &[]);
        let diligent = [consumer(&server, &["--confirm"]), consumer(&server, &["--confirm"])];
        for each in &diligent {
            each.says(&["EventHandle"]).await.unwrap();
        }
        for each in diligent {
            seen.extend(printed(&each.kill().await.unwrap()));
        }
        forgetful.kill().await.unwrap();
    }
    let confirmed = in_state(&client, "DONE").await.unwrap();
    assert!(!confirmed.is_empty());
    assert!(confirmed.is_subset(&seen), "confirmed, and nobody has seen it");
    let survivor = consumer(&server, &["--confirm"]);
    let begun = Instant::now();
    while in_state(&client, "DONE").await.unwrap().len() < ROUNDS * EVENTS {
        assert!(begun.elapsed() < DEADLINE, "what they held comes again");
    }
    seen.extend(printed(&survivor.kill().await.unwrap()));
    assert_eq!(in_state(&client, "DONE").await.unwrap(), seen);
}
