//! A thousand applications on one server, two of them trouble: nobody else waits for those.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

use client::Client;
use serde_json::{Value, json};
use testkit::receiver::{Reaction, Received, Receiver};
use tokio::task::JoinSet;

use crate::launch;

const FIRST_APP: u64 = 1_500_000_001;
const APPS: u64 = 1_000;
/// Its receiver never answers.
const DEAD: u64 = FIRST_APP;
/// Its receiver takes its time.
const SLOW: u64 = FIRST_APP + 1;
/// Far less than the trouble takes: 2,000 events at 16 in flight and 5 s each are ten minutes.
const DEADLINE: Duration = Duration::from_mins(1);

/// A thousand applications in PUSH mode, each with a path of its own.
fn config(receiver: &Receiver) -> String {
    let mut config = String::new();
    for app in FIRST_APP..FIRST_APP + APPS {
        let url = receiver.url(&format!("/{app}"));
        let name = format!("app {app}");
        write!(
            config,
            "[[application]]\nid = {app}\nname = \"{name}\"\nnotification_url = \"{url}\"\n"
        )
        .unwrap();
    }
    config
}

/// Publishes that many events to each of the applications, in that order.
async fn publish(client: Client, apps: Vec<u64>, calls: usize, events: usize) {
    let event = json!({ "EventType": "PullComplete", "PullCompleteEvent": { "TaskId": "t" } });
    let events: Vec<Value> = vec![event; events];
    for app in apps {
        for _ in 0..calls {
            let params = json!({ "SubAppId": app, "Events": events });
            client.call("PublishEvents", params).await.unwrap();
        }
    }
}

fn app_of(received: &Received) -> u64 {
    received.target.trim_start_matches('/').parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_applications_do_not_wait_for_two() {
    let receiver = Receiver::start().await.unwrap();
    receiver.script(|received| match app_of(received) {
        DEAD => Reaction::Hang,
        SLOW => Reaction::Late(Duration::from_secs(3)),
        _ => Reaction::status(200),
    });
    let server = launch(config(&receiver)).start().await.unwrap();
    let client = server.client().unwrap();

    publish(client.clone(), vec![DEAD, SLOW], 20, 100).await;
    let mut publishers = JoinSet::new();
    for lane in 0..8 {
        let quiet = (FIRST_APP + 2..FIRST_APP + APPS).filter(|app| app % 8 == lane).collect();
        publishers.spawn(publish(client.clone(), quiet, 1, 2));
    }
    while let Some(published) = publishers.join_next().await {
        published.unwrap();
    }

    let everyone = |all: &[Received]| {
        let mut once = HashSet::new();
        let mut twice = HashSet::new();
        for app in all.iter().map(app_of) {
            if !once.insert(app) {
                twice.insert(app);
            }
        }
        (FIRST_APP + 2..FIRST_APP + APPS).all(|app| twice.contains(&app))
    };
    let all = receiver.wait_until(DEADLINE, everyone).await.unwrap();
    let slow = all.iter().filter(|received| app_of(received) == SLOW).count();
    assert!(slow > 0, "the slow one has its share too");
}
