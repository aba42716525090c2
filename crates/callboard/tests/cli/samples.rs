//! `callboard publish --sample`: a realistic event of every type, to try a receiver with.

use std::collections::BTreeMap;
use std::time::Duration;

use model::EventKind;
use serde_json::{Value, json};
use testkit::process::{Launch, Server};
use testkit::receiver::{Received, Receiver};

use crate::{BINARY, Ended, feed, run, with_data};

const DEADLINE: Duration = Duration::from_secs(30);

fn cli(server: &Server, arguments: &[&str]) -> Ended {
    run(with_data(arguments, &server.data()))
}

/// Whether everything in `part` is in `whole`, which may say more.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(name, value)| whole.get(name).is_some_and(|found| holds(found, value))),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(a, b)| holds(a, b))
        }
        _ => whole == part,
    }
}

#[tokio::test]
async fn every_type_can_be_published_and_pulled() {
    let config = "[pull]\nwait = \"200ms\"\n";
    let server = Launch::new(BINARY).config(config).start().await.unwrap();
    let all = ["--mode", "PULL", "--upload", "on", "--delete", "on", "--persistence", "on"];
    cli(&server, &[&["apps", "configure"][..], &all].concat()).good();
    let mut published = BTreeMap::new();
    for kind in EventKind::ALL {
        let event = cli(&server, &["publish", "--sample", kind.name()]).json();
        assert_eq!(event["State"], "READY", "{}", kind.name());
        published.insert(event["EventId"].as_str().unwrap().to_owned(), *kind);
    }
    assert_eq!(published.len(), EventKind::ALL.len());

    while !published.is_empty() {
        let pulled = cli(&server, &["pull", "--confirm"]).good();
        assert!(!pulled.is_empty(), "these do not come: {published:?}");
        for line in pulled.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let id = event["EventHandle"].as_str().unwrap().split('.').next().unwrap();
            let kind = published.remove(id).unwrap();
            assert_eq!(event["EventType"], kind.name());
            let member = &event[wire::event::member(kind)];
            assert!(holds(member, wire::event::sample(kind)), "{}: {member}", kind.name());
            assert_eq!(event.as_object().unwrap().len(), 3, "no other member: {event}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_can_be_published_and_pushed() {
    let receiver = Receiver::start().await.unwrap();
    let server = Launch::new(BINARY).start().await.unwrap();
    let url = receiver.url("/hook");
    let all = ["--url", &url, "--upload", "on", "--delete", "on", "--persistence", "on"];
    cli(&server, &[&["apps", "configure"][..], &all].concat()).good();
    for kind in EventKind::ALL {
        cli(&server, &["publish", "--sample", kind.name()]).good();
    }
    let posts = receiver.wait_for(EventKind::ALL.len(), DEADLINE).await.unwrap();
    for kind in EventKind::ALL {
        let event =
            posts.iter().map(Received::json).find(|event| event["EventType"] == kind.name());
        let event = event.unwrap_or_else(|| panic!("{} does not come", kind.name()));
        assert!(holds(&event[wire::event::member(*kind)], wire::event::sample(*kind)), "{event}");
        assert_eq!(event.as_object().unwrap().len(), 2, "no other member: {event}");
    }
}

#[tokio::test]
async fn a_sample_can_be_printed_changed_and_published() {
    let printed = run(["publish", "--sample", "FileDeleted", "--print", "--key", "k"]).good();
    let mut event: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&event["EventType"], &event["EventKey"]), (&json!("FileDeleted"), &json!("k")));
    event["FileDeleteEvent"]["FileIdSet"] = json!(["77"]);
    let server = Launch::new(BINARY).start().await.unwrap();
    let published = feed(with_data(&["publish"], &server.data()), &event.to_string()).json();
    assert_eq!(published["Reason"], "SwitchOff");
    assert!(cli(&server, &["events", "list", "--file", "77"]).good().contains("FileDeleted"));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let unknown = run(["publish", "--sample", "FileGone", "--print"]);
    assert!(unknown.code == 64 && unknown.err.contains("NewFileUpload"), "{unknown:?}");
    for arguments in [
        &["publish", "--sample", "FileDeleted", "--type", "FileDeleted"][..],
        &["publish", "--sample", "FileDeleted", "--file", "x"],
        &["publish", "--print"],
        &["publish", "--key", "k"],
    ] {
        assert_eq!(run(arguments).code, 64, "{arguments:?}");
    }
}
