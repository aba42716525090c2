//! `callboard listen`: events come to a receiver on this machine, whatever is started again.

use std::net::SocketAddr;
use std::time::Duration;

use sign::webhook::SigningSecret;
use testkit::background::Background;
use testkit::process::{Launch, Server};
use testkit::receiver::{Reaction, Received, Receiver};
use tokio::process::Command;

use crate::{BINARY, Ended, feed, run, with_data};

const DEADLINE: Duration = Duration::from_secs(30);
const FAST: &str = "[pull]\nwait = \"200ms\"\nlease = \"2s\"\n";

async fn server() -> Server {
    Launch::new(BINARY).config(FAST).start().await.unwrap()
}

fn cli(server: &Server, arguments: &[&str]) -> Ended {
    run(with_data(arguments, &server.data()))
}

fn publish(server: &Server, task: &str) -> String {
    let arguments = ["publish", "--type", "ProcedureStateChanged"];
    let member = format!("{{\"TaskId\": \"{task}\"}}");
    let published = feed(with_data(&arguments, &server.data()), &member).json();
    assert_eq!(published["State"], "READY");
    published["EventId"].as_str().unwrap().to_owned()
}

fn listen(server: &Server, url: &str, more: &[&str]) -> Background {
    let mut command = Command::new(BINARY);
    command.args(["listen", "--forward", url]).args(more);
    command.arg("--data").arg(server.data()).env_clear();
    Background::start(command).unwrap()
}

fn mode(server: &Server) -> String {
    cli(server, &["apps", "show"]).json()["Mode"].as_str().unwrap().to_owned()
}

fn task(received: &Received) -> String {
    received.json()["ProcedureStateChangeEvent"]["TaskId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_posted_as_push_would_and_confirmed() {
    let server = server().await;
    let receiver = Receiver::start().await.unwrap();
    let secret = SigningSecret::from_bytes(&[7; 32]).unwrap();
    let revealed = secret.reveal();
    let more = ["--pull", "--sign-key", "a1b2c3", "--signing-secret", &revealed];
    let listen = listen(&server, &receiver.url("/hook?a=b"), &more);
    listen.says(&["Forwarding"]).await.unwrap();
    assert_eq!(mode(&server), "PULL");
    let id = publish(&server, "t1");
    let post = receiver.wait_for(1, DEADLINE).await.unwrap().remove(0);
    assert_eq!((post.method.as_str(), post.target.as_str()), ("POST", "/hook?a=b"));
    assert_eq!(post.header("content-type"), "application/json");
    assert!(post.header("user-agent").starts_with("Callboard/"), "{post:?}");
    assert_eq!(post.header("webhook-id"), id);
    assert_eq!(post.header("x-callboard-attempt"), "1");
    let event = post.json();
    assert_eq!(event["EventType"], "ProcedureStateChanged");
    assert_eq!(
        event.as_object().unwrap().len(),
        4,
        "EventType, the one member, T and Sign: {event}"
    );
    let (t, sign) = (event["T"].as_i64().unwrap(), event["Sign"].as_str().unwrap());
    assert!(sign::callback::verify("a1b2c3", t, sign, t - 1));

    let sent = post.header("webhook-timestamp").parse().unwrap();
    let signature = sign::webhook::sign(&secret, &id, sent, &post.body);
    assert_eq!(post.header("webhook-signature"), signature);

    listen.says(&["  200  ", " ms  ProcedureStateChanged  ", &id]).await.unwrap();
    assert_eq!(cli(&server, &["apps", "show"]).json()["CountOfEventsToPull"], 0);
    listen.interrupt().unwrap();
    let (code, text) = listen.end().await.unwrap();
    assert_eq!(code, 0, "{text}");
    assert_eq!(mode(&server), "PUSH", "it is restored");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_comes_again() {
    let server = server().await;
    cli(&server, &["apps", "configure", "--mode", "PULL"]).good();
    let receiver = Receiver::start().await.unwrap();
    // a kept connection that dies is tried once more on a fresh one, within the same attempt
    receiver.next([Reaction::status(500), Reaction::Close, Reaction::Close]);
    let listen = listen(&server, &receiver.url("/"), &["--json"]);
    let id = publish(&server, "t1");
    let posts = receiver.wait_for(4, DEADLINE).await.unwrap();
    let attempts: Vec<_> = posts.iter().map(|r| r.header("x-callboard-attempt")).collect();
    assert_eq!(attempts, ["1", "2", "2", "3"]);
    let plain = |post: &Received| {
        post.json().get("Sign").is_none() && post.header("webhook-signature").is_empty()
    };
    assert!(posts.iter().all(|post| post.header("webhook-id") == id && plain(post)));
    let first = listen.says(&["\"Attempt\":1", "\"Status\":500", "\"Confirmed\":false"]).await;
    assert!(first.unwrap().contains("refused"));
    listen.says(&["\"Attempt\":2", "\"Status\":null", "\"Confirmed\":false"]).await.unwrap();
    listen.says(&["\"Attempt\":3", "\"Status\":200", "\"Confirmed\":true"]).await.unwrap();
    listen.interrupt().unwrap();
    assert_eq!(listen.end().await.unwrap().0, 0);
    assert_eq!(mode(&server), "PULL", "what was set before stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_and_receiver_may_be_started_again() {
    let mut server = server().await;
    let first = Receiver::start().await.unwrap();
    let (address, url): (SocketAddr, _) = (first.address(), first.url("/hook"));
    drop(first);
    let listen = listen(&server, &url, &["--pull"]);
    publish_when_ready(&listen, &server, "t1").await;
    listen.says(&[&url, "trying again until it is there"]).await.unwrap();
    let second = Receiver::start_at(address).await.unwrap();
    let received = second.wait_for(1, DEADLINE).await.unwrap();
    assert_eq!(task(&received[0]), "t1");
    listen.says(&[&url, "is there again"]).await.unwrap();
    listen.says(&["  200  "]).await.unwrap();

    server.kill9().await.unwrap();
    listen.says(&["cannot reach", "trying again until it answers"]).await.unwrap();
    server.restart().await.unwrap();
    listen.says(&[&server.endpoint(), "answers again"]).await.unwrap();
    publish(&server, "t2");
    let found = |all: &[Received]| all.iter().any(|received| task(received) == "t2");
    second.wait_until(DEADLINE, found).await.unwrap();
    server.stop().await.unwrap();
    listen.interrupt().unwrap();
    let (code, text) = listen.end().await.unwrap();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Mode is still PULL"), "{text}");
}

async fn publish_when_ready(listen: &Background, server: &Server, task: &str) {
    listen.says(&["Forwarding"]).await.unwrap();
    publish(server, task);
}

#[tokio::test]
async fn a_call_that_cannot_work_says_why() {
    let server = server().await;
    let push = cli(&server, &["listen", "--forward", "http://127.0.0.1:9/"]);
    assert!(push.code == 1 && push.err.contains("--pull"), "{push:?}");
    let scheme = cli(&server, &["listen", "--forward", "localhost:3000/hook"]);
    assert!(scheme.code == 64 && scheme.err.contains("http://localhost:3000/hook"), "{scheme:?}");
    let key = cli(&server, &["listen", "--forward", "http://127.0.0.1:9/", "--sign-key", "a b"]);
    assert!(key.code == 64 && key.err.contains("letters and digits"), "{key:?}");
    let url = "http://127.0.0.1:9/";
    let secret = cli(&server, &["listen", "--forward", url, "--signing-secret", "whsec_AAAA"]);
    assert!(secret.code == 64 && secret.err.contains("24 to 64 bytes"), "{secret:?}");
    let nobody = run(["listen", "--forward", "http://127.0.0.1:9/", "--data", "/nonexistent"]);
    assert_eq!(nobody.code, 74, "{nobody:?}");
}
