//! What a test suite does with a server of its own: declared applications, short leases and waits,
//! queues that are emptied between tests, and nothing that is kept.

use std::time::Duration;

use client::{CallError, Client};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::background::Background;
use testkit::events::{event_of, handles};
use testkit::process::{SECRET_ID, SECRET_KEY};
use testkit::receiver::Receiver;
use tokio::process::Command;
use tokio::time::Instant;

use crate::launch;

const PULL_APP: u64 = 1_500_000_001;
const PUSH_APP: u64 = 1_500_000_002;
const DEADLINE: Duration = Duration::from_mins(1);
const WAIT: Duration = Duration::from_millis(300);
const LEASE: Duration = Duration::from_secs(1);
/// The server counts whole milliseconds.
const GRAIN: Duration = Duration::from_millis(1);

fn config(receiver: &Receiver) -> String {
    let url = receiver.url("/vod");
    format!(
        r#"
[pull]
wait = "300ms"
lease = "1s"

[[application]]
id = {PULL_APP}
name = "pulls"
mode = "PULL"
delete = true

[[application]]
id = {PUSH_APP}
name = "is called"
mode = "PUSH"
notification_url = "{url}"
upload = true
sign_key = "a1b2c3"
"#
    )
}

/// Starts `serve --ephemeral` as a script of a CI does.
async fn start(home: &TempDir, receiver: &Receiver) -> (Background, Client) {
    let path = home.path().join("ci.toml");
    std::fs::write(&path, config(receiver)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
    command.args(["serve", "--ephemeral", "--listen", "127.0.0.1:0", "--config"]).arg(path);
    command.env_clear().env("TMPDIR", home.path());
    command.env("CALLBOARD_SECRET_ID", SECRET_ID).env("CALLBOARD_SECRET_KEY", SECRET_KEY);
    let server = Background::start(command).unwrap();
    let ready = |line: &str| line.strip_prefix("callboard ready on ").map(str::to_owned);
    let endpoint = server.line(ready).await.unwrap();
    let client = Client::new(&endpoint, SECRET_ID, SECRET_KEY).unwrap();
    (server, client)
}

async fn call(client: &Client, app: u64, action: &str, params: Value) -> Result<Value, CallError> {
    let mut params = params;
    params["SubAppId"] = json!(app);
    client.call(action, params).await
}

async fn publish(client: &Client, app: u64, kind: &str, count: usize) {
    let events = vec![json!({ "EventType": kind }); count];
    call(client, app, "PublishEvents", json!({ "Events": events })).await.unwrap();
}

/// The handles of one poll; none if there is no event.
async fn pull(client: &Client) -> Vec<String> {
    match call(client, PULL_APP, "PullEvents", json!({})).await {
        Ok(answer) => handles(&answer),
        Err(error) => {
            assert!(error.to_string().starts_with("ResourceNotFound: no event"), "{error}");
            Vec::new()
        }
    }
}

async fn waiting(client: &Client) -> Value {
    let state = call(client, PULL_APP, "DescribeEventsState", json!({})).await.unwrap();
    state["CountOfEventsToPull"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suite_has_a_server_of_its_own() {
    let (home, receiver) = (TempDir::new().unwrap(), Receiver::start().await.unwrap());
    let (server, client) = start(&home, &receiver).await;
    let (neighbour, other) = start(&home, &receiver).await;

    let declared = call(&client, PUSH_APP, "DescribeEventConfig", json!({})).await.unwrap();
    assert_eq!(
        (&declared["Mode"], &declared["NotificationUrl"]),
        (&json!("PUSH"), &json!(receiver.url("/vod")))
    );
    assert_eq!(declared["UploadMediaCompleteEventSwitch"], "ON");
    assert_eq!(declared["DeleteMediaCompleteEventSwitch"], "OFF");
    publish(&client, PUSH_APP, "NewFileUpload", 1).await;
    let callback = receiver.wait_for(1, DEADLINE).await.unwrap().remove(0).json();
    let (t, sign) = (callback["T"].as_i64().unwrap(), callback["Sign"].as_str().unwrap());
    assert!(sign::callback::verify("a1b2c3", t, sign, t - 1), "{callback}");

    publish(&client, PULL_APP, "FileDeleted", 1).await;
    assert_eq!(waiting(&client).await, 1);
    assert_eq!(waiting(&other).await, 0, "servers on one machine know nothing of each other");

    for each in [server, neighbour] {
        each.interrupt().unwrap();
        let (code, text) = each.end().await.unwrap();
        assert_eq!(code, 0, "{text}");
    }
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "only the configuration: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_and_waits_are_as_short_as_a_suite_needs() {
    let (home, receiver) = (TempDir::new().unwrap(), Receiver::start().await.unwrap());
    let (_server, client) = start(&home, &receiver).await;
    let begun = Instant::now();
    assert!(pull(&client).await.is_empty());
    let waited = begun.elapsed();
    assert!(waited + GRAIN >= WAIT && waited < Duration::from_secs(5), "{waited:?}");

    publish(&client, PULL_APP, "PullComplete", 1).await;
    let sent = Instant::now();
    let first = pull(&client).await;
    assert_eq!(first.len(), 1);
    let again = loop {
        let again = pull(&client).await;
        if !again.is_empty() {
            break again;
        }
        assert!(sent.elapsed() < DEADLINE, "the lease does not end");
    };
    let held = sent.elapsed();
    assert!(held + GRAIN >= LEASE && held < Duration::from_secs(30), "{held:?}");
    assert_eq!(event_of(&first[0]), event_of(&again[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_emptied_between_tests() {
    let (home, receiver) = (TempDir::new().unwrap(), Receiver::start().await.unwrap());
    let (_server, client) = start(&home, &receiver).await;
    publish(&client, PULL_APP, "PullComplete", 16).await;
    let held = pull(&client).await;
    publish(&client, PULL_APP, "EditMediaComplete", 5).await;
    publish(&client, PULL_APP, "PullComplete", 3).await;
    publish(&client, PUSH_APP, "PullComplete", 1).await;

    let kinds = json!({ "EventTypes": ["EditMediaComplete"] });
    let purged = call(&client, PULL_APP, "PurgeEvents", kinds).await.unwrap();
    assert_eq!(purged["Count"], 5);
    let purged = call(&client, PULL_APP, "PurgeEvents", json!({})).await.unwrap();
    assert_eq!((&purged["Count"], waiting(&client).await), (&json!(19), json!(0)));
    let late = json!({ "EventHandles": held });
    let late = call(&client, PULL_APP, "ConfirmEvents", late).await.unwrap_err().to_string();
    assert_eq!(late.matches("has expired").count(), 16, "{late}");
    assert!(pull(&client).await.is_empty(), "nothing comes back when the lease ends");
    receiver.wait_for(1, DEADLINE).await.unwrap();

    // the next test begins on an empty queue, and its own event comes alone
    publish(&client, PULL_APP, "FileDeleted", 1).await;
    assert_eq!(pull(&client).await.len(), 1);
    let dead = json!({ "States": ["DEAD"], "Limit": 100 });
    let dead = call(&client, PULL_APP, "DescribeEvents", dead).await.unwrap();
    let dead = dead["EventSet"].as_array().unwrap();
    assert!(dead.len() == 24 && dead.iter().all(|event| event["Reason"] == "Purged"));
}

/// What ModifyEventConfig says holds until the next start, which applies the declaration again.
#[tokio::test(flavor = "multi_thread")]
async fn a_declaration_holds_again_at_the_next_start() {
    let receiver = Receiver::start().await.unwrap();
    let mut server = launch(config(&receiver)).start().await.unwrap();
    let first = server.client().unwrap();
    let changes = json!({
        "NotificationUrl": receiver.url("/changed"), "SignKey": "other",
        "UploadMediaCompleteEventSwitch": "OFF", "DeleteMediaCompleteEventSwitch": "ON"
    });
    call(&first, PUSH_APP, "ModifyEventConfig", changes).await.unwrap();
    publish(&first, PUSH_APP, "PullComplete", 1).await;
    let callback = receiver.wait_for(1, DEADLINE).await.unwrap().remove(0);
    let signed_with = |callback: &testkit::receiver::Received, key: &str| {
        let body = callback.json();
        let (t, sign) = (body["T"].as_i64().unwrap(), body["Sign"].as_str().unwrap());
        sign::callback::verify(key, t, sign, t - 1)
    };
    assert!(callback.target == "/changed" && signed_with(&callback, "other"));

    server.kill9().await.unwrap();
    server.restart().await.unwrap();
    let second = server.client().unwrap();
    let declared = call(&second, PUSH_APP, "DescribeEventConfig", json!({})).await.unwrap();
    assert_eq!(declared["UploadMediaCompleteEventSwitch"], "ON");
    assert_eq!(declared["DeleteMediaCompleteEventSwitch"], "ON", "what is not declared is kept");
    publish(&second, PUSH_APP, "NewFileUpload", 1).await;
    let all = receiver.wait_for(2, DEADLINE).await.unwrap();
    let callback = all.last().unwrap();
    assert!(callback.target == "/vod" && signed_with(callback, "a1b2c3"));
}
