//! `callboard tail`: what happens to events, as it happens.

use serde_json::Value;
use testkit::background::Background;
use testkit::process::{Launch, Server};
use testkit::receiver::{Reaction, Receiver};
use tokio::process::Command;

use crate::{BINARY, Ended, feed, run, with_data};

fn cli(server: &Server, arguments: &[&str]) -> Ended {
    run(with_data(arguments, &server.data()))
}

fn publish(server: &Server, kind: &str, member: &str) -> String {
    let published = feed(with_data(&["publish", "--type", kind], &server.data()), member).json();
    published["EventId"].as_str().unwrap().to_owned()
}

fn tail(server: &Server, more: &[&str]) -> Background {
    let mut command = Command::new(BINARY);
    command.arg("tail").args(more).arg("--data").arg(server.data()).env_clear();
    Background::start(command).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_attempts_and_states_are_told_as_they_come() {
    let receiver = Receiver::start().await.unwrap();
    receiver.next([Reaction::status(500)]);
    let config = "[push]\nschedule = [\"5s\"]\n";
    let server = Launch::new(BINARY).config(config).start().await.unwrap();
    let before = publish(&server, "FileDeleted", "{\"FileIdSet\": [\"11\"]}");
    let url = receiver.url("/hook");
    cli(&server, &["apps", "configure", "--url", &url]).good();

    let following = tail(&server, &[]);
    let lines = tail(&server, &["--json", "--type", "ProcedureStateChanged"]);
    let dead = tail(&server, &["--state", "ignored", "--last", "0"]);
    following.says(&[&before, "FileDeleted", "stated, file 11"]).await.unwrap();
    following.says(&[&before, "IGNORED (SwitchOff)"]).await.unwrap();
    for each in [&following, &lines, &dead] {
        each.says(&["Following"]).await.unwrap();
    }
    let id = publish(&server, "ProcedureStateChanged", "{\"FileId\": \"21\"}");
    let failed = "attempt 1: 500 after ";
    following.says(&[&id, "ProcedureStateChanged", "stated, file 21"]).await.unwrap();
    let attempt = following.says(&[&id, failed, &url]).await.unwrap();
    assert!(attempt.ends_with(": the receiver answered 500"), "{attempt}");
    following.says(&[&id, "  DELAYED"]).await.unwrap();
    following.says(&[&id, "attempt 2: 200 after "]).await.unwrap();
    following.says(&[&id, "  DONE"]).await.unwrap();

    let find = |line: &str| {
        let value: Value = serde_json::from_str(line).ok()?;
        (value["Change"] == "ATTEMPT" && value["Attempt"] == 2).then_some(value)
    };
    let second = lines.line(find).await.unwrap();
    assert_eq!((&second["Status"], &second["Url"]), (&200.into(), &url.as_str().into()));
    assert_eq!((&second["EventId"], &second["FileId"]), (&id.as_str().into(), &"21".into()));
    let after = publish(&server, "FileDeleted", "{\"FileIdSet\": [\"12\"]}");
    dead.says(&[&after, "stated, file 12"]).await.unwrap();

    for each in [following, lines, dead] {
        each.interrupt().unwrap();
        let (code, text) = each.end().await.unwrap();
        assert_eq!(code, 0, "{text}");
        let once = text.matches("attempt 1:").count();
        assert!(once <= 1, "no change is told twice:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_told_as_a_new_life_with_its_own_attempts() {
    let receiver = Receiver::start().await.unwrap();
    let config = "[push]\nschedule = [\"1s\"]\n";
    let server = Launch::new(BINARY).config(config).start().await.unwrap();
    cli(&server, &["apps", "configure", "--url", &receiver.url("/first")]).good();
    let following = tail(&server, &["--last", "0"]);
    following.says(&["Following"]).await.unwrap();
    let id = publish(&server, "ProcedureStateChanged", "{}");
    following.says(&[&id, "attempt 1: 200 after ", "/first"]).await.unwrap();
    following.says(&[&id, "  DONE"]).await.unwrap();

    cli(&server, &["apps", "configure", "--url", &receiver.url("/second")]).good();
    receiver.next([Reaction::status(500)]);
    cli(&server, &["replay", &id]).good();
    following.says(&[&id, "ProcedureStateChanged  replayed (1)"]).await.unwrap();
    following.says(&[&id, "attempt 1: 500 after ", "/second"]).await.unwrap();
    following.says(&[&id, "attempt 2: 200 after ", "/second"]).await.unwrap();

    // delivered again before the next look: the state and the count of attempts are the same then
    cli(&server, &["apps", "configure", "--url", &receiver.url("/third")]).good();
    let lines = tail(&server, &["--last", "1", "--json"]);
    lines.says(&["Following"]).await.unwrap();
    cli(&server, &["replay", &id]).good();
    following.says(&[&id, "replayed (2)"]).await.unwrap();
    following.says(&[&id, "attempt 1: 200 after ", "/third"]).await.unwrap();
    lines.says(&["\"Change\":\"REPLAYED\"", "\"ReplayCount\":2"]).await.unwrap();
    lines.says(&["\"Change\":\"ATTEMPT\"", "/third", "\"Attempt\":1"]).await.unwrap();
    let shown = cli(&server, &["events", "show", &id]).good();
    assert!(shown.contains("\nAttempts  1\nReplays   2\n"), "{shown}");

    following.interrupt().unwrap();
    let (code, text) = following.end().await.unwrap();
    assert_eq!(code, 0, "{text}");
    let attempts = |path: &str| {
        let told = text.lines().filter(|line| line.contains("attempt") && line.contains(path));
        told.count()
    };
    assert_eq!(["/first", "/second", "/third"].map(attempts), [1, 2, 1], "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_survives_a_restart_of_the_server() {
    let mut server = Launch::new(BINARY).start().await.unwrap();
    cli(&server, &["apps", "configure", "--mode", "PULL"]).good();
    let first = publish(&server, "ProcedureStateChanged", "{}");
    let following = tail(&server, &[]);
    following.says(&[&first, "stated"]).await.unwrap();
    following.says(&["Following"]).await.unwrap();
    server.kill9().await.unwrap();
    following.says(&["cannot reach", "trying again until it answers"]).await.unwrap();
    server.restart().await.unwrap();
    following.says(&[&server.endpoint(), "answers again"]).await.unwrap();
    cli(&server, &["pull", "--confirm"]).good();
    following.says(&[&first, "DONE"]).await.unwrap();
    following.interrupt().unwrap();
    let (code, text) = following.end().await.unwrap();
    assert_eq!((code, text.matches("stated").count()), (0, 1), "{text}");
}

#[tokio::test]
async fn a_call_that_cannot_work_ends_at_once() {
    let server = Launch::new(BINARY).start().await.unwrap();
    let kind = cli(&server, &["tail", "--type", "FileGone"]);
    assert!(kind.code == 65 && kind.err.contains("FileGone"), "{kind:?}");
    let state = cli(&server, &["tail", "--state", "GONE"]);
    assert!(state.code == 64 && state.err.contains("READY"), "{state:?}");
    let mut command = crate::program(["tail", "--endpoint", "127.0.0.1:1"]);
    command.env("CALLBOARD_SECRET_ID", "a").env("CALLBOARD_SECRET_KEY", "b");
    let nobody = Ended::of(command.output().unwrap());
    assert_eq!(nobody.code, 74, "{nobody:?}");
}
