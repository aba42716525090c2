//! The commands against a running server: they do what the API does, and say it in JSON lines.

use std::fs;

use serde_json::Value;
use testkit::process::{Launch, Server};
use testkit::receiver::{Reaction, Receiver};

use crate::{BINARY, Ended, feed, run, with_data};

async fn server() -> Server {
    let fast = "[pull]\nwait = \"100ms\"\n";
    Launch::new(BINARY).config(fast).start().await.unwrap()
}

fn cli(server: &Server, arguments: &[&str]) -> Ended {
    run(with_data(arguments, &server.data()))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn publish_pull_confirm() {
    let server = server().await;
    let data = server.data();
    cli(&server, &["apps", "configure", "--mode", "PULL"]).good();
    let publish = ["publish", "--type", "ProcedureStateChanged", "--key", "k"];
    let first = feed(with_data(&publish, &data), "{\"TaskId\": \"t\"}").json();
    assert_eq!(first["State"], "READY");
    let again = feed(with_data(&publish, &data), "{\"TaskId\": \"t\"}").json();
    assert_eq!(again["EventId"], first["EventId"], "the key names the same event");
    let changed = feed(with_data(&publish, &data), "{\"TaskId\": \"other\"}");
    assert_eq!(changed.code, 65, "{changed:?}");
    let unknown = feed(with_data(&publish, &data), "{\"Task\": \"t\"}");
    assert!(unknown.code == 65 && unknown.err.contains("Task"), "{unknown:?}");

    let pulled = lines(&cli(&server, &["pull", "--confirm"]).good());
    assert_eq!(pulled.len(), 1);
    assert_eq!(pulled[0]["ProcedureStateChangeEvent"]["TaskId"], "t");
    assert!(pulled[0].get("FileUploadEvent").is_none(), "unused members are not shown");
    let nothing = cli(&server, &["pull"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (0, ""));
    assert!(nothing.err.contains("no event"));
    let state = cli(&server, &["apps", "show"]).json();
    assert_eq!(state["CountOfEventsToPull"], 0);
}

#[tokio::test]
async fn what_has_ended_is_replayed() {
    let server = server().await;
    let data = server.data();
    cli(&server, &["apps", "configure", "--mode", "PULL", "--delete", "on"]).good();
    let publish = |kind: &str| {
        let event = feed(with_data(&["publish", "--type", kind], &data), "{}").json();
        event["EventId"].as_str().unwrap().to_owned()
    };
    let (one, two) = (publish("FileDeleted"), publish("PullComplete"));
    cli(&server, &["pull", "--confirm"]).good();
    let count = |arguments: &[&str]| cli(&server, arguments).json()["Count"].clone();
    assert_eq!(count(&["replay", "--state", "DONE", "--dry-run"]), 2);
    assert_eq!(
        count(&["replay", "--state", "DONE", "--state", "DEAD", "--type", "FileDeleted"]),
        1
    );
    assert_eq!(count(&["replay", &one, &two]), 1, "one of them waits already");
    assert_eq!(count(&["replay", "--state", "DONE"]), 0);
    let pulled = lines(&cli(&server, &["pull", "--confirm"]).good());
    let ids: Vec<_> = pulled.iter().map(|e| e["EventHandle"].as_str().unwrap()).collect();
    assert!(ids[0].starts_with(&one) && ids[1].starts_with(&two), "{ids:?}");
    assert_eq!(count(&["replay", "--state", "DONE", "--until", "2020-01-01T00:00:00Z"]), 0);
    assert_eq!(count(&["replay", "--state", "DONE", "--since", "2020-01-01T00:00:00Z"]), 2);

    cli(&server, &["pull", "--confirm"]).good();
    assert_eq!(count(&["replay", "--state", "DONE", "--until", "1h"]), 0);
    assert_eq!(count(&["replay", "--state", "DONE", "--since", "1h", "--dry-run"]), 2);
    assert_eq!(count(&["replay", "--state", "DONE", "--since", "2h"]), 2);
    let time = cli(&server, &["replay", "--state", "DONE", "--since", "yesterday"]);
    assert!(time.code == 64 && time.err.contains("--since `yesterday`"), "{time:?}");

    assert_eq!(cli(&server, &["replay"]).code, 64, "everything is nobody's wish");
    assert_eq!(cli(&server, &["replay", &one, "--state", "DONE"]).code, 64);
    let unknown = cli(&server, &["replay", "00000000-1"]);
    assert!(unknown.code == 1 && unknown.err.contains("no event `00000000-1`"), "{unknown:?}");
    let wrong = cli(&server, &["replay", "--state", "READY"]);
    assert!(wrong.code == 65 && wrong.err.contains("States"), "{wrong:?}");
}

#[tokio::test]
async fn keys_are_made_used_and_deleted() {
    let server = server().await;
    let create = ["keys", "create", "--name", "reader", "--action", "DescribeKeys"];
    let key = cli(&server, &create).json();
    let id = key["SecretId"].as_str().unwrap();
    let as_reader = |arguments: &[&str]| {
        let mut command = crate::program(with_data(arguments, &server.data()));
        command.env("CALLBOARD_SECRET_ID", id);
        command.env("CALLBOARD_SECRET_KEY", key["SecretKey"].as_str().unwrap());
        Ended::of(command.output().unwrap())
    };
    let listed = lines(&as_reader(&["keys", "list"]).good());
    assert!(listed.iter().any(|found| found["Name"] == "reader"));
    assert!(listed.iter().all(|found| found.get("SecretKey").is_none()));
    let refused = as_reader(&["apps", "list"]);
    assert!(refused.code == 1 && refused.err.contains("UnauthorizedOperation"), "{refused:?}");
    cli(&server, &["keys", "delete", id]).good();
    assert!(as_reader(&["keys", "list"]).err.contains("AuthFailure.SecretIdNotFound"));
}

#[tokio::test]
async fn applications_live_and_die() {
    let server = server().await;
    let made = cli(&server, &["apps", "create", "shop", "--description", "a shop"]).json();
    let id = made["SubAppId"].to_string();
    cli(&server, &["apps", "rename", &id, "store"]).good();
    let find = || {
        let all = lines(&cli(&server, &["apps", "list"]).good());
        all.into_iter().find(|app| app["SubAppId"] == made["SubAppId"])
    };
    assert_eq!(find().unwrap()["SubAppIdName"], "store");
    let url = "http://127.0.0.1:9/vod";
    let configure = ["apps", "configure", &id, "--url", url, "--sign-key", "abc", "--upload", "on"];
    let shown = cli(&server, &configure).json();
    assert_eq!((&shown["Mode"], &shown["NotificationUrl"]), (&"PUSH".into(), &url.into()));
    assert_eq!(shown["UploadMediaCompleteEventSwitch"], "ON");
    let nothing = cli(&server, &["apps", "configure", &id]);
    assert!(nothing.code == 64 && nothing.err.contains("--mode"), "{nothing:?}");
    assert_ne!(cli(&server, &["apps", "destroy", &id]).code, 0, "it must be off first");
    cli(&server, &["apps", "off", &id]).good();
    cli(&server, &["apps", "destroy", &id]).good();
    assert!(cli(&server, &["apps", "show", &id]).err.contains("invalid vod user"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_tried_and_its_circuit_shown() {
    let (server, receiver) = (server().await, Receiver::start().await.unwrap());
    let nowhere = cli(&server, &["apps", "test"]);
    assert!(nowhere.code == 1 && nowhere.err.contains("NotificationUrl"), "{nowhere:?}");
    let url = receiver.url("/vod");
    let told = cli(&server, &["apps", "test", "--url", &url, "--type", "FileDeleted"]).json();
    assert_eq!(told["Status"], 200);
    assert_eq!(receiver.received()[0].json()["EventType"], "FileDeleted");
    receiver.next([Reaction::status(403)]);
    let refused = cli(&server, &["apps", "test", "--url", &url]);
    assert!(refused.code == 1 && refused.out.contains("403"), "{refused:?}");
    assert!(refused.err.contains("not delivered: the receiver answered 403"), "{refused:?}");

    assert_eq!(cli(&server, &["apps", "delivery"]).json()["State"], "OFF");
    cli(&server, &["apps", "configure", "--url", &url]).good();
    let state = cli(&server, &["apps", "delivery"]).json();
    assert_eq!((&state["State"], state["Url"].as_str()), (&Value::from("CLOSED"), Some(&*url)));
    cli(&server, &["apps", "resume"]).good();
}

#[tokio::test]
async fn a_backup_of_a_running_server_can_be_started() {
    let server = server().await;
    cli(&server, &["apps", "configure", "--mode", "PULL"]).good();
    let event = "{\"EventType\": \"ProcedureStateChanged\", \"ProcedureStateChangeEvent\": {}}";
    let published = feed(with_data(&["publish"], &server.data()), event).json();
    let mut second = self::server().await;
    assert!(second.stop().await.unwrap().success());
    let restored = second.data();
    let copy = restored.join("callboard.db");
    let copy_text = copy.display().to_string();
    assert_eq!(cli(&server, &["backup", &copy_text]).code, 64, "it never overwrites");
    fs::remove_file(&copy).unwrap();
    let ended = cli(&server, &["backup", &copy_text]);
    assert!(ended.code == 0 && ended.err.contains("master.key"), "{ended:?}");
    fs::copy(server.data().join("master.key"), restored.join("master.key")).unwrap();
    second.restart().await.unwrap();
    let pulled = cli(&second, &["pull", "--confirm"]).json();
    let handle = pulled["EventHandle"].as_str().unwrap();
    assert!(handle.starts_with(published["EventId"].as_str().unwrap()), "{handle}");
}
