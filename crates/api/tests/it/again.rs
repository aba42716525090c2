//! ReplayEvents: who may be replayed, and what is said of the rest.

use serde_json::{Value, json};

use crate::message::{code, message};
use crate::server::Server;

/// An event that was confirmed, one that was purged, one that nobody wanted, and one that waits.
async fn four(server: &Server) -> [String; 4] {
    server.call("ModifyEventConfig", json!({"Mode": "PULL"})).await;
    let publish = |kind: &'static str| async move {
        let events = json!({"Events": [{"EventType": kind}]});
        let published = server.call("PublishEvents", events).await;
        published["EventSet"][0]["EventId"].as_str().unwrap().to_owned()
    };
    let done = publish("PullComplete").await;
    let held = server.call("PullEvents", json!({})).await["EventSet"][0]["EventHandle"].clone();
    server.call("ConfirmEvents", json!({"EventHandles": [held]})).await;
    let dead = publish("PullComplete").await;
    server.call("PurgeEvents", json!({})).await;
    let ignored = publish("FileDeleted").await;
    let open = publish("EditMediaComplete").await;
    [done, dead, ignored, open]
}

async fn states(server: &Server) -> Vec<(String, String)> {
    let list = server.call("DescribeEvents", json!({})).await;
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let events = list["EventSet"].as_array().unwrap();
    events.iter().rev().map(|e| (text(e, "EventId"), text(e, "State"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_events_come_again_with_their_ids() {
    let server = Server::start().await;
    let ids = four(&server).await;
    let dry = json!({"States": ["DONE", "DEAD", "IGNORED"], "DryRun": true});
    let dry = server.call("ReplayEvents", dry).await;
    assert_eq!((&dry["Count"], dry.get("ScrollToken")), (&json!(3), None));
    let ignored = server.call("ReplayEvents", json!({"States": ["IGNORED"]})).await;
    assert_eq!(ignored["Count"], 1, "its switch is still OFF");
    let named = server.call("ReplayEvents", json!({"EventIds": ids})).await;
    assert_eq!(named["Count"], 2, "two are open");
    let ready = ids.clone().map(|id| (id, "READY".to_owned()));
    assert_eq!(states(&server).await, ready, "each once, in the order in which they were stated");
    let pulled = server.call("PullEvents", json!({})).await;
    let handles: Vec<&str> = pulled["EventSet"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["EventHandle"].as_str().unwrap())
        .collect();
    let order: Vec<&str> = handles.iter().map(|handle| handle.split('.').next().unwrap()).collect();
    assert_eq!(order, [&ids[3], &ids[2], &ids[0], &ids[1]]);
    server.call("ConfirmEvents", json!({"EventHandles": handles})).await;
    let done = ids.map(|id| (id, "DONE".to_owned()));
    assert_eq!(states(&server).await, done);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_replayed_is_named_and_nothing_is() {
    let server = Server::start().await;
    let [done, ..] = four(&server).await;
    let wrong = format!("{}-99", done.split_once('-').unwrap().0);
    let refused = server.call("ReplayEvents", json!({"EventIds": [done, wrong]})).await;
    assert_eq!(code(&refused), "ResourceNotFound");
    assert!(message(&refused).contains(&wrong), "{refused}");
    let refused =
        server.call("ReplayEvents", json!({"States": ["DONE"], "ScrollToken": "x"})).await;
    assert_eq!(code(&refused), "InvalidParameterValue");
    server.call("ModifyEventConfig", json!({"Mode": "PUSH", "NotificationUrl": ""})).await;
    let refused = server.call("ReplayEvents", json!({"EventIds": [done]})).await;
    assert_eq!(code(&refused), "FailedOperation");
    assert!(message(&refused).contains("NotificationUrl"), "{refused}");
    server.call("ModifyEventConfig", json!({"Mode": "PULL"})).await;
    let state = server.call("DescribeEventsState", json!({})).await;
    assert_eq!(state["CountOfEventsToPull"], 1, "the one that waited before");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_replays_only_what_it_may() {
    let server = Server::start().await;
    let [done, ..] = four(&server).await;
    let other = server.call("CreateSubAppId", json!({"Name": "other"})).await["SubAppId"].clone();
    let foreign = server.call("ReplayEvents", json!({"SubAppId": other, "EventIds": [done]})).await;
    // the other application has no address yet, and is not told more than that
    assert_eq!(code(&foreign), "FailedOperation");
    server.call("ModifyEventConfig", json!({"SubAppId": other, "Mode": "PULL"})).await;
    let foreign = server.call("ReplayEvents", json!({"SubAppId": other, "EventIds": [done]})).await;
    assert_eq!(code(&foreign), "ResourceNotFound");
    let key = server.call("CreateKey", json!({"Actions": ["DescribeEvents"]})).await;
    let key = (key["SecretId"].as_str().unwrap(), key["SecretKey"].as_str().unwrap());
    let refused = server.call_as(key, "ReplayEvents", json!({"EventIds": [done]})).await;
    assert_eq!(code(&refused), "UnauthorizedOperation");
    server.stop().await;
}
