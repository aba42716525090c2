//! Commands that go on, and a reader that goes away or stands still: they end as asked, and nothing
//! is lost for it.

use std::collections::HashSet;
use std::time::Duration;

use rustix::io::ioctl_fionread;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::process::Stdio;
use testkit::events::{event_of, in_state};
use testkit::process::{Launch, Server};
use testkit::receiver::{Received, Receiver};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Child;
use tokio::time::{Instant, timeout};

use crate::BINARY;

const DEADLINE: Duration = Duration::from_mins(1);
/// More bytes than this wait in a pipe (64 KiB) only if it has no room for another line.
const FULL: u64 = 60 * 1024;
const CONFIG: &str = "[pull]\nwait = \"200ms\"\nlease = \"2s\"\n\n[limits.per_second]\nPullEvents = 0\nConfirmEvents = 0\n";

async fn server() -> (Server, client::Client) {
    let server = Launch::new(BINARY).config(CONFIG).start().await.unwrap();
    let client = server.client().unwrap();
    (server, client)
}

async fn publish(client: &client::Client, count: usize) {
    for _ in 0..count.div_ceil(100) {
        let events = vec![json!({ "EventType": "PullComplete" }); count.min(100)];
        client.call("PublishEvents", json!({ "Events": events })).await.unwrap();
    }
}

async fn mode(client: &client::Client) -> Value {
    client.call("DescribeEventConfig", json!({})).await.unwrap()["Mode"].clone()
}

fn start(server: &Server, arguments: &[&str]) -> Child {
    let mut command = server.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Waits for the end; the exit code, and what was said on standard error.
async fn end(mut child: Child) -> (Option<i32>, String) {
    let mut said = String::new();
    let ended = async {
        let mut stderr = child.stderr.take().unwrap();
        stderr.read_to_string(&mut said).await.unwrap();
        child.wait().await.unwrap()
    };
    let status = timeout(DEADLINE, ended).await.unwrap();
    (status.code(), said)
}

/// Waits until nothing more fits into the pipe of its standard output.
async fn fill(child: &Child) {
    let begun = Instant::now();
    while ioctl_fionread(child.stdout.as_ref().unwrap()).unwrap() < FULL {
        assert!(begun.elapsed() < DEADLINE, "the pipe does not fill");
        tokio::task::yield_now().await;
    }
}

/// Waits for a line of its standard error.
async fn says(child: &mut Child, words: &str) {
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap());
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        let read = timeout(DEADLINE, lines.read_line(&mut line)).await.unwrap();
        assert_ne!(read.unwrap(), 0, "it ended without `{words}`");
    }
}

fn ids(posts: &[Received]) -> HashSet<String> {
    posts.iter().map(|post| post.header("webhook-id").to_owned()).collect()
}

/// Reads one line and closes the pipe, as `head -1` does.
async fn read_one(child: &mut Child) {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    assert_ne!(lines.read_line(&mut line).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_ends_them_quietly() {
    let (server, client) = server().await;
    let receiver = Receiver::start().await.unwrap();
    let url = receiver.url("/");
    let mut tail = start(&server, &["tail"]);
    says(&mut tail, "Following").await;
    let mut listen = start(&server, &["listen", "--pull", "--forward", &url]);
    says(&mut listen, "Forwarding").await;
    publish(&client, 40).await;
    read_one(&mut tail).await;
    read_one(&mut listen).await;
    publish(&client, 100).await;
    assert_eq!(end(tail).await, (Some(74), String::new()));
    let (code, said) = end(listen).await;
    assert_eq!((code, said.as_str()), (Some(74), "Mode is PUSH again.\n"));
    assert_eq!(mode(&client).await, "PUSH");
    let taken = ids(&receiver.received());
    let done = in_state(&client, "DONE").await.unwrap();
    assert_eq!(done, taken, "what was taken is confirmed, no more");

    client.call("ModifyEventConfig", json!({ "Mode": "PULL" })).await.unwrap();
    let mut pull = start(&server, &["pull", "--follow", "--confirm"]);
    read_one(&mut pull).await;
    assert_eq!(end(pull).await, (Some(74), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stands_still_cannot_hold_them() {
    let (server, client) = server().await;
    let receiver = Receiver::start().await.unwrap();
    let url = receiver.url("/");
    let mut tail = start(&server, &["tail", "--json"]);
    says(&mut tail, "Following").await;
    let mut listen = start(&server, &["listen", "--pull", "--json", "--forward", &url]);
    says(&mut listen, "Forwarding").await;
    publish(&client, 800).await;
    fill(&tail).await;
    fill(&listen).await;
    signal(&tail, Signal::INT);
    signal(&listen, Signal::INT);
    assert_eq!(end(tail).await, (Some(0), String::new()));
    assert_eq!(end(listen).await, (Some(0), "Mode is PUSH again.\n".to_owned()));
    assert_eq!(mode(&client).await, "PUSH");
    let taken = ids(&receiver.received());
    let done = in_state(&client, "DONE").await.unwrap();
    assert_eq!(done, taken, "what was taken is confirmed, no more");
}

/// `pull` writes before it confirms; a signal ends it as it ends any program. Not Ctrl-C's: whoever runs
/// the tests in the background may have had that ignored, and a program inherits it.
#[tokio::test(flavor = "multi_thread")]
async fn what_pull_confirms_was_written() {
    let (server, client) = server().await;
    client.call("ModifyEventConfig", json!({ "Mode": "PULL" })).await.unwrap();
    publish(&client, 800).await;
    let mut pull = start(&server, &["pull", "--follow", "--confirm"]);
    fill(&pull).await;
    signal(&pull, Signal::TERM);
    let mut text = String::new();
    pull.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
    end(pull).await;
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let written: HashSet<String> =
        events.map(|event| event_of(event["EventHandle"].as_str().unwrap()).to_owned()).collect();
    let confirmed = in_state(&client, "DONE").await.unwrap();
    assert!(confirmed.len() > 100 && confirmed.is_subset(&written));
}
