//! `callboard events`: what became of events, in a terminal and as JSON.

use std::time::Duration;

use serde_json::Value;
use testkit::process::{Launch, Server};
use testkit::receiver::{Reaction, Receiver};
use tokio::time::Instant;

use crate::{BINARY, Ended, feed, run, with_data};

const DEADLINE: Duration = Duration::from_secs(30);

fn cli(server: &Server, arguments: &[&str]) -> Ended {
    run(with_data(arguments, &server.data()))
}

fn publish(server: &Server, kind: &str, member: &str) -> String {
    let arguments = ["publish", "--type", kind];
    let published = feed(with_data(&arguments, &server.data()), member).json();
    published["EventId"].as_str().unwrap().to_owned()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until the event is in that state.
fn wait_for(server: &Server, id: &str, state: &str) -> Value {
    let end = Instant::now() + DEADLINE;
    loop {
        let event = cli(server, &["events", "show", id, "--json"]).json();
        if event["State"] == state {
            return event;
        }
        assert!(Instant::now() < end, "still {event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn show_tells_every_attempt() {
    let receiver = Receiver::start().await.unwrap();
    receiver.next([Reaction::Answer(500, Vec::new(), "no \u{1b}[2J database".into())]);
    let config = "[push]\nschedule = [\"100ms\"]\n";
    let server = Launch::new(BINARY).config(config).start().await.unwrap();
    let url = receiver.url("/hook");
    cli(&server, &["apps", "configure", "--url", &url, "--delete", "on"]).good();
    let id = publish(&server, "FileDeleted", "{\"FileIdSet\": [\"11\", \"12\"]}");
    let event = wait_for(&server, &id, "DONE");
    assert_eq!(event["AttemptSet"].as_array().unwrap().len(), 2, "{event}");

    let shown = cli(&server, &["events", "show", &id]).good();
    for words in [
        "Type      FileDeleted",
        "State     DONE",
        "Files     11 12",
        "Attempts  2",
        &format!("{url}  the receiver answered 500"),
        "    | no \\u{1b}[2J database",
        "FileDeleteEvent\n{\n  \"FileIdSet\": [\n    \"11\",",
    ] {
        assert!(shown.contains(words), "wanted {words}, got\n{shown}");
    }
    let by_handle = cli(&server, &["events", "show", &format!("{id}.1.7")]).good();
    assert_eq!(by_handle, shown, "an EventHandle names its event");
    let unknown = cli(&server, &["events", "show", "00000000-1"]);
    assert!(unknown.code == 1 && unknown.err.contains("has no event"), "{unknown:?}");
    let nonsense = cli(&server, &["events", "show", "x"]);
    assert!(nonsense.code == 65 && nonsense.err.contains("EventId"), "{nonsense:?}");
}

#[tokio::test]
async fn list_filters_and_follows_the_pages() {
    let server = Launch::new(BINARY).start().await.unwrap();
    let nothing = cli(&server, &["events", "list"]);
    assert_eq!((nothing.code, nothing.out.as_str(), nothing.err.as_str()), (0, "", "no event\n"));
    publish(&server, "FileDeleted", "{\"FileIdSet\": [\"11\"]}");
    cli(&server, &["apps", "configure", "--mode", "PULL"]).good();
    let event = "{\"EventType\": \"ProcedureStateChanged\", \
                 \"ProcedureStateChangeEvent\": {\"FileId\": \"21\"}}";
    let many = format!("[{}]", [event; 75].join(","));
    for _batch in 0..2 {
        feed(with_data(&["publish"], &server.data()), &many).good();
    }

    let count = |arguments: &[&str]| {
        let all = [&["events", "list", "--json", "--limit", "1000"], arguments].concat();
        lines(&cli(&server, &all).good()).len()
    };
    assert_eq!(count(&[]), 151, "more than one page");
    assert_eq!(count(&["--state", "ready"]), 150);
    assert_eq!(count(&["--state", "READY", "--state", "IGNORED"]), 151);
    assert_eq!(count(&["--type", "FileDeleted"]), 1);
    assert_eq!(count(&["--file", "21"]), 150);
    assert_eq!((count(&["--since", "1h"]), count(&["--until", "1h"])), (151, 0));
    assert_eq!(count(&["--since", "2000-01-01T00:00:00Z"]), 151);

    let table = cli(&server, &["events", "list", "--limit", "120"]);
    assert!(table.err.contains("--limit"), "{table:?}");
    let table = table.good();
    assert_eq!(table.lines().count(), 121, "one head, and the limit across pages");
    assert!(table.starts_with("CREATED "), "{table}");
    let ignored = cli(&server, &["events", "list", "--state", "IGNORED"]).good();
    let row = ignored.lines().nth(1).unwrap();
    let words: Vec<_> = row.split_whitespace().skip(1).collect();
    assert_eq!((words[0], words[1], words[2]), ("FileDeleted", "IGNORED", "0"), "{row}");
    assert_eq!((words[4], words[5]), ("11", "SwitchOff"), "{row}");

    let time = cli(&server, &["events", "list", "--since", "yesterday"]);
    assert!(time.code == 64 && time.err.contains("--since"), "{time:?}");
    let state = cli(&server, &["events", "list", "--state", "GONE"]);
    assert!(state.code == 64 && state.err.contains("IGNORED"), "{state:?}");
}
