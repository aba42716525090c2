//! PullEvents, ConfirmEvents and DescribeEventsState.

use std::time::Duration;

use serde_json::{Value, json};

use crate::message::{Message, code, message};
use crate::server::{APP, NOW_S, ROOT, Server};

async fn pulling(change: impl FnOnce(&mut api::Settings)) -> Server {
    let server = Server::with(change).await;
    server.call("ModifyEventConfig", json!({"Mode": "PULL"})).await;
    server
}

async fn publish(server: &Server, count: usize) {
    let event = |n: usize| json!({"EventType": "PullComplete", "PullCompleteEvent": {"TaskId": n.to_string()}});
    let events: Vec<Value> = (0..count).map(event).collect();
    let published = server.call("PublishEvents", json!({"Events": events})).await;
    assert_eq!(code(&published), "OK", "{published}");
}

fn handles(pulled: &Value) -> Vec<String> {
    let set = pulled["EventSet"].as_array().unwrap();
    set.iter().map(|event| event["EventHandle"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_sixteen_come_in_order_with_every_member() {
    let server = pulling(|_| ()).await;
    publish(&server, 20).await;
    let state = server.call("DescribeEventsState", json!({})).await;
    assert_eq!(state["CountOfEventsToPull"], 20);
    let first = server.call("PullEvents", json!({})).await;
    let tasks: Vec<&str> = first["EventSet"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["PullCompleteEvent"]["TaskId"].as_str().unwrap())
        .collect();
    let expected: Vec<String> = (0..16).map(|n: u32| n.to_string()).collect();
    assert_eq!(tasks, expected);
    assert_eq!(first["EventSet"][0]["EventType"], "PullComplete");
    assert!(first["EventSet"][0]["FileUploadEvent"].is_null());
    assert!(first["EventSet"][0].as_object().unwrap().contains_key("FileUploadEvent"));
    let state = server.call("DescribeEventsState", json!({})).await;
    assert_eq!(state["CountOfEventsToPull"], 4);
    let second = server.call("PullEvents", json!({"SubAppId": APP, "ExtInfo": "x"})).await;
    assert_eq!(handles(&second).len(), 4);
    let confirmed = server.call("ConfirmEvents", json!({"EventHandles": handles(&first)})).await;
    assert_eq!(code(&confirmed), "OK");
    let event = json!({"EventId": handles(&first)[0].split('.').next().unwrap()});
    let detail = server.call("DescribeEventDetail", event).await;
    assert_eq!(detail["Event"]["State"], "DONE");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_an_error_or_an_empty_list() {
    let server = pulling(|_| ()).await;
    let nothing = server.call("PullEvents", json!({})).await;
    assert_eq!((&*code(&nothing), &*message(&nothing)), ("ResourceNotFound", "no event"));
    server.stop().await;
    let lists = pulling(|settings| settings.pull_empty = api::PullEmpty::List).await;
    let nothing = lists.call("PullEvents", json!({})).await;
    assert_eq!(nothing["EventSet"], json!([]));
    lists.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_mode_is_told_what_to_do() {
    let server = Server::start().await;
    let refused = server.call("PullEvents", json!({})).await;
    assert_eq!(code(&refused), "FailedOperation");
    assert!(message(&refused).contains("Mode=PULL"), "{}", message(&refused));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_poll_gets_what_comes() {
    let server = pulling(|settings| settings.pull_wait_ms = 10_000).await;
    let begun = tokio::time::Instant::now();
    let (pulled, ()) = tokio::join!(server.call("PullEvents", json!({})), publish(&server, 1));
    assert_eq!(handles(&pulled).len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(9));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_leases_nothing() {
    let server = pulling(|settings| settings.pull_wait_ms = 60_000).await;
    for _ in 0..3 {
        let mut gone = server.connect().await;
        gone.send(&Message::post("PullEvents", "{}", NOW_S).signed(ROOT).bytes()).await;
        assert!(gone.stands(Duration::from_millis(200)).await);
        drop(gone);
    }
    // whoever hung up first in line must not be given the event
    let mut waiting = server.connect().await;
    waiting.send(&Message::post("PullEvents", "{}", NOW_S).signed(ROOT).bytes()).await;
    assert!(waiting.stands(Duration::from_millis(300)).await);
    publish(&server, 1).await;
    let pulled = waiting.answer().await.unwrap().response();
    assert_eq!(handles(&pulled).len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_answers_waiting_polls_at_once() {
    let server = pulling(|settings| settings.pull_wait_ms = 60_000).await;
    let mut waiting = server.connect().await;
    waiting.send(&Message::post("PullEvents", "{}", NOW_S).signed(ROOT).bytes()).await;
    assert!(waiting.stands(Duration::from_millis(200)).await);
    let begun = tokio::time::Instant::now();
    let (answer, ()) = tokio::join!(waiting.answer(), server.stop());
    assert_eq!(answer.unwrap().message(), "no event");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_are_settled_each_on_its_own() {
    let server = pulling(|_| ()).await;
    publish(&server, 3).await;
    let held = handles(&server.call("PullEvents", json!({})).await);
    let mixed = json!({"EventHandles": [held[0], "garbage", held[0], "00000000-9.1.1"]});
    let refused = server.call("ConfirmEvents", mixed).await;
    assert_eq!(code(&refused), "InvalidParameterValue");
    let told = message(&refused);
    assert!(told.contains("`garbage`") && told.contains("`00000000-9.1.1`"), "{told}");
    assert!(!told.contains(&held[0]), "{told}");
    // the good one among them is confirmed, and may be confirmed once more
    let again = server.call("ConfirmEvents", json!({"EventHandles": [held[0], held[1]]})).await;
    assert_eq!(code(&again), "OK", "{again}");
    let seventeen: Vec<String> = (0..17).map(|n| format!("00000000-{n}.1.1")).collect();
    for bad in [json!([]), json!(seventeen)] {
        let refused = server.call("ConfirmEvents", json!({"EventHandles": bad})).await;
        assert_eq!(code(&refused), "InvalidParameterValue");
        assert!(message(&refused).contains("`EventHandles` must hold"), "{}", message(&refused));
    }
    let missing = server.call("ConfirmEvents", json!({})).await;
    let text = "The request is missing a required parameter `EventHandles`.";
    assert_eq!((&*code(&missing), &*message(&missing)), ("MissingParameter", text));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_ends_and_its_handle_with_it() {
    let server = pulling(|settings| settings.pull_lease_ms = 50).await;
    publish(&server, 1).await;
    let first = handles(&server.call("PullEvents", json!({})).await);
    let second = loop {
        server.backend.tick().await.unwrap();
        let pulled = server.call("PullEvents", json!({})).await;
        if code(&pulled) == "OK" {
            break handles(&pulled);
        }
    };
    assert_eq!(first[0].split('.').next(), second[0].split('.').next());
    assert_ne!(first, second);
    let stale = server.call("ConfirmEvents", json!({"EventHandles": first})).await;
    assert_eq!(code(&stale), "InvalidParameterValue");
    assert!(message(&stale).contains(&first[0]), "{}", message(&stale));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_applications_handles_are_unknown() {
    let server = pulling(|_| ()).await;
    publish(&server, 1).await;
    let held = handles(&server.call("PullEvents", json!({})).await);
    let other = server.call("CreateSubAppId", json!({"Name": "other"})).await["SubAppId"].clone();
    let params = json!({"SubAppId": other, "EventHandles": held});
    let refused = server.call("ConfirmEvents", params).await;
    assert!(message(&refused).contains("is unknown"), "{refused}");
    let confirmed = server.call("ConfirmEvents", json!({"EventHandles": held})).await;
    assert_eq!(code(&confirmed), "OK");
    server.stop().await;
}
