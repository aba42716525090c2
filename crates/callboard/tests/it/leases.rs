//! What becomes of leases when the process ends: a graceful stop keeps them, a crash voids them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use client::CallError;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testkit::events::{event_of, handles};
use testkit::process::Server;
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::Instant;

use crate::launch;

const APP: u64 = 1_500_000_001;
const CONFIG: &str = r#"
[pull]
wait = "500ms"

[[application]]
id = 1500000001
name = "leases"
mode = "PULL"
"#;

async fn start() -> Server {
    start_with(CONFIG.to_owned()).await
}

async fn start_with(config: String) -> Server {
    launch(config).start().await.unwrap()
}

async fn call(server: &Server, action: &str, mut params: Value) -> Result<Value, CallError> {
    params["SubAppId"] = json!(APP);
    server.client().unwrap().call(action, params).await
}

async fn publish(server: &Server) {
    publish_many(server, 1).await;
}

async fn publish_many(server: &Server, count: usize) {
    let event = json!({ "EventType": "PullComplete", "PullCompleteEvent": { "TaskId": "t" } });
    call(server, "PublishEvents", json!({ "Events": vec![event; count] })).await.unwrap();
}

/// The handle of the one event.
async fn pull(server: &Server) -> String {
    let mut handles = pull_many(server).await;
    assert_eq!(handles.len(), 1);
    handles.remove(0)
}

/// The handles of what waits; none if nothing does.
async fn pull_many(server: &Server) -> Vec<String> {
    match call(server, "PullEvents", json!({})).await {
        Err(error) if error.code() == Some("ResourceNotFound") => Vec::new(),
        answer => handles(&answer.unwrap()),
    }
}

async fn confirm(server: &Server, handle: &str) -> Result<Value, CallError> {
    confirm_many(server, &[handle.to_owned()]).await
}

async fn confirm_many(server: &Server, handles: &[String]) -> Result<Value, CallError> {
    call(server, "ConfirmEvents", json!({ "EventHandles": handles })).await
}

async fn expect_nothing(server: &Server) {
    let error = call(server, "PullEvents", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Some("ResourceNotFound"), "{error}");
}

#[tokio::test]
async fn a_graceful_stop_keeps_leases_and_their_handles() {
    let mut server = start().await;
    publish(&server).await;
    let handle = pull(&server).await;
    assert!(server.stop().await.unwrap().success());
    server.restart().await.unwrap();
    expect_nothing(&server).await;
    confirm(&server, &handle).await.unwrap();
    let state = call(&server, "DescribeEventsState", json!({})).await.unwrap();
    assert_eq!(state["CountOfEventsToPull"], 0);
}

#[tokio::test]
async fn a_crash_voids_leases_and_the_events_are_ready_at_once() {
    let mut server = start().await;
    publish(&server).await;
    let lost = pull(&server).await;
    server.kill9().await.unwrap();
    server.restart().await.unwrap();
    let again = pull(&server).await;
    assert_ne!(lost, again);
    assert_eq!(event_of(&lost), event_of(&again), "the same event");
    let error = confirm(&server, &lost).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidParameterValue"), "{error}");
    confirm(&server, &again).await.unwrap();

    // What was confirmed stays so, and a repeated confirmation is accepted even now.
    server.kill9().await.unwrap();
    server.restart().await.unwrap();
    expect_nothing(&server).await;
    confirm(&server, &again).await.unwrap();
}

/// A batch of which a part is confirmed before a graceful stop, a part after it, and a part never: the
/// lease ends when it would have ended, less the time of the stop.
#[tokio::test]
async fn a_batch_goes_on_after_a_stop_where_it_was() {
    let mut server = start_with(CONFIG.replace("[pull]", "[pull]\nlease = \"4s\"")).await;
    publish_many(&server, 16).await;
    let held = pull_many(&server).await;
    assert_eq!(held.len(), 16);
    confirm_many(&server, &held[..5]).await.unwrap();
    assert!(server.stop().await.unwrap().success());
    server.restart().await.unwrap();
    expect_nothing(&server).await;
    confirm_many(&server, &held[3..8]).await.unwrap();
    let begun = Instant::now();
    let again = loop {
        let again = pull_many(&server).await;
        if !again.is_empty() {
            break again;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "the lease does not end");
    };
    let events = |handles: &[String]| -> Vec<String> {
        handles.iter().map(|handle| event_of(handle).to_owned()).collect()
    };
    assert_eq!(events(&again), events(&held[8..]), "in the order in which they were leased");
    let late = confirm_many(&server, &held[6..]).await.unwrap_err().to_string();
    for handle in &held[8..] {
        assert!(late.contains(&format!("`{handle}` has expired")), "{late}");
    }
    assert!(held[6..8].iter().all(|handle| !late.contains(&format!("`{handle}`"))), "{late}");

    confirm_many(&server, &again[..3]).await.unwrap();
    server.kill9().await.unwrap();
    server.restart().await.unwrap();
    confirm_many(&server, &again[..3]).await.unwrap();
    let left = pull_many(&server).await;
    assert_eq!(events(&left), events(&again[3..]), "ready at once");
    let void = confirm_many(&server, &again).await.unwrap_err().to_string();
    assert_eq!(void.matches("has expired").count(), 5, "{void}");
    confirm_many(&server, &left).await.unwrap();
}

/// Stops a start at its master.key, which comes after the leases have been read: the key is behind a
/// pipe that the test feeds.
#[tokio::test]
async fn a_signal_during_the_start_keeps_leases_too() {
    let mut server = start().await;
    publish(&server).await;
    let handle = pull(&server).await;
    assert!(server.stop().await.unwrap().success());
    let path = server.data().join("master.key");
    let key = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let made = Command::new("mkfifo").args(["-m", "600"]).arg(&path).status().await.unwrap();
    assert!(made.success());
    let mut again = Command::new(env!("CARGO_BIN_EXE_callboard"));
    again.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(server.data()).env_clear();
    let mut again = again.kill_on_drop(true).spawn().unwrap();
    let mut pipe = OpenOptions::new().write(true).open(&path).await.unwrap();
    let pid = Pid::from_raw(again.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    pipe.write_all(key.as_bytes()).await.unwrap();
    pipe.flush().await.unwrap();
    drop(pipe);
    assert!(again.wait().await.unwrap().success(), "it was stopped, it did not fail");
    fs::remove_file(&path).unwrap();
    fs::write(&path, key).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    server.restart().await.unwrap();
    expect_nothing(&server).await;
    confirm(&server, &handle).await.unwrap();
}
