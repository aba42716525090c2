//! A dead receiver as an operator sees it: in `/metrics`, in DescribeDelivery and in the log, while it
//! is dead and once it is back.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::events::states;
use testkit::process::Server;
use testkit::receiver::{Reaction, Receiver};
use tokio::time::{Instant, sleep};

use crate::launch;

const DEAD: u64 = 1_500_000_001;
const ALIVE: u64 = 1_500_000_002;
const DEADLINE: Duration = Duration::from_mins(1);
const OPEN: &str = "callboard_circuits_open";
const EVENTS: usize = 20;

async fn publish(server: &Server, app: u64, count: usize) {
    let events = vec![json!({ "EventType": "PullComplete" }); count];
    let params = json!({ "SubAppId": app, "Events": events });
    server.client().unwrap().call("PublishEvents", params).await.unwrap();
}

async fn delivery(server: &Server, app: u64) -> Value {
    let params = json!({ "SubAppId": app });
    server.client().unwrap().call("DescribeDelivery", params).await.unwrap()
}

/// Waits until the metric has that value.
async fn shows(server: &Server, open: f64) {
    let begun = Instant::now();
    loop {
        let shown = server.metric(OPEN).await.unwrap();
        if (shown - open).abs() < f64::EPSILON {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "{OPEN} is {shown}, not {open}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until every event of the application is delivered.
async fn all_done(server: &Server, app: u64, count: usize) {
    let (client, begun) = (server.client().unwrap(), Instant::now());
    loop {
        let states = states(&client, app).await.unwrap();
        if states.len() == count && states.values().all(|state| state == "DONE") {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "{states:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_receiver_shows_and_its_return_does_too() {
    let (dead, alive) = (Receiver::start().await.unwrap(), Receiver::start().await.unwrap());
    dead.script(|_| Reaction::Close);
    let declared = |app: u64, url: String| {
        format!("[[application]]\nid = {app}\nname = \"{app}\"\nnotification_url = \"{url}\"\n")
    };
    let config = declared(DEAD, dead.url("/")) + &declared(ALIVE, alive.url("/"));
    let mut server = launch(config).start().await.unwrap();
    publish(&server, ALIVE, EVENTS).await;
    all_done(&server, ALIVE, EVENTS).await;
    shows(&server, 0.0).await;
    assert_eq!(delivery(&server, DEAD).await["State"], "CLOSED");

    publish(&server, DEAD, EVENTS).await;
    shows(&server, 1.0).await;
    server.logs("the receiver is down").await.unwrap();
    let told = delivery(&server, DEAD).await;
    assert!(told["State"] != "CLOSED" && told["FailureCount"].as_u64().unwrap() >= 5, "{told}");
    // the other one is called as before, and still only one is open
    publish(&server, ALIVE, 1).await;
    all_done(&server, ALIVE, EVENTS + 1).await;
    shows(&server, 1.0).await;

    dead.script(|_| Reaction::status(200));
    shows(&server, 0.0).await;
    server.logs("the receiver is back").await.unwrap();
    all_done(&server, DEAD, EVENTS).await;
    assert_eq!(delivery(&server, DEAD).await["State"], "CLOSED");
    assert!(server.stop().await.unwrap().success());
}
