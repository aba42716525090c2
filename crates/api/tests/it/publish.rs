//! PublishEvents, DescribeEvents, DescribeEventDetail and PurgeEvents.

use serde_json::{Value, json};

use crate::message::{code, message};
use crate::server::Server;

async fn pulling() -> Server {
    let server = Server::start().await;
    server.call("ModifyEventConfig", json!({"Mode": "PULL"})).await;
    server
}

fn deleted(file: &str) -> Value {
    json!({"EventType": "FileDeleted", "FileDeleteEvent": {"FileIdSet": [file]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_route_is_told_and_kept() {
    let server = pulling().await;
    let events = json!({"Events": [
        deleted("5285890784273533167"),
        {"EventType": "ProcedureStateChanged", "EventKey": "k1",
         "ProcedureStateChangeEvent": {"TaskId": "t", "ErrCode": 0, "Message": "SUCCESS"}},
    ]});
    let published = server.call("PublishEvents", events).await;
    let set = &published["EventSet"];
    assert_eq!((&set[0]["State"], &set[0]["Reason"]), (&json!("IGNORED"), &json!("SwitchOff")));
    assert_eq!((&set[1]["State"], &set[1]["Reason"]), (&json!("READY"), &json!("")));
    let detail = server.call("DescribeEventDetail", json!({"EventId": set[0]["EventId"]})).await;
    assert_eq!(detail["Event"]["FileId"], "5285890784273533167");
    assert_eq!(detail["Event"]["Payload"]["FileIdSet"], json!(["5285890784273533167"]));
    assert_eq!(detail["Event"]["AttemptSet"], json!([]));
    let list = server.call("DescribeEvents", json!({})).await;
    let ids: Vec<&Value> =
        list["EventSet"].as_array().unwrap().iter().map(|event| &event["EventId"]).collect();
    assert_eq!(ids, [&set[1]["EventId"], &set[0]["EventId"]]);
    let ignored = server.call("DescribeEvents", json!({"States": ["IGNORED"]})).await;
    assert_eq!(ignored["EventSet"].as_array().unwrap().len(), 1);
    let of_file = json!({"FileId": "5285890784273533167", "EventTypes": ["FileDeleted"]});
    let of_file = server.call("DescribeEvents", of_file).await;
    assert_eq!(of_file["EventSet"].as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_key_names_one_event() {
    let server = pulling().await;
    let one = |task: &str| json!({"EventType": "PullComplete", "EventKey": "k", "PullCompleteEvent": {"TaskId": task}});
    let first = server.call("PublishEvents", json!({"Events": [one("a")]})).await;
    let again = server.call("PublishEvents", json!({"Events": [one("a")]})).await;
    assert_eq!(first["EventSet"][0]["EventId"], again["EventSet"][0]["EventId"]);
    let other = json!({"Events": [
        {"EventType": "PullComplete", "PullCompleteEvent": {"TaskId": "x"}}, one("b"),
    ]});
    let refused = server.call("PublishEvents", other).await;
    assert_eq!(code(&refused), "InvalidParameterValue");
    assert!(message(&refused).contains("`Events.1.EventKey`"), "{}", message(&refused));
    let state = server.call("DescribeEventsState", json!({})).await;
    assert_eq!(state["CountOfEventsToPull"], 1, "all or none");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_events_are_refused_by_path() {
    let server = pulling().await;
    let many: Vec<Value> = (0..101).map(|_| json!({"EventType": "PullComplete"})).collect();
    let large = "x".repeat(256 * 1024);
    for (events, expected, told) in [
        (json!([]), "InvalidParameterValue", "`Events`"),
        (json!(many), "InvalidParameterValue", "`Events`"),
        (json!([{"EventType": "Nonsense"}]), "InvalidParameterValue", "`Events.0.EventType`"),
        (json!([{}]), "MissingParameter", "`Events.0.EventType`"),
        (
            json!([deleted("1"), {"EventType": "FileDeleted", "FileDeleteEvent": {"X": 1}}]),
            "UnknownParameter",
            "`Events.1.FileDeleteEvent.X`",
        ),
        (
            json!([{"EventType": "FileDeleted", "FileDeleteEvent": {"FileIdSet": [1]}}]),
            "InvalidParameter",
            "`Events.0.FileDeleteEvent.FileIdSet.0`",
        ),
        (
            json!([{"EventType": "PullComplete", "PullCompleteEvent": {"TaskId": large}}]),
            "InvalidParameterValue",
            "`Events.0.PullCompleteEvent`",
        ),
    ] {
        let refused = server.call("PublishEvents", json!({"Events": events})).await;
        assert_eq!(code(&refused), expected, "{refused}");
        assert!(message(&refused).contains(told), "{refused}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_scrolls_to_its_end() {
    let server = pulling().await;
    let event = |n: usize| json!({"EventType": "PullComplete", "PullCompleteEvent": {"TaskId": n.to_string()}});
    let events: Vec<Value> = (0..25).map(event).collect();
    server.call("PublishEvents", json!({"Events": events})).await;
    let mut seen = Vec::new();
    let mut params = json!({"Limit": 10});
    loop {
        let page = server.call("DescribeEvents", params.clone()).await;
        for event in page["EventSet"].as_array().unwrap() {
            seen.push(event["EventId"].as_str().unwrap().to_owned());
        }
        let Some(token) = page.get("ScrollToken") else { break };
        params["ScrollToken"] = token.clone();
    }
    let distinct: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (25, 25));
    for (params, told) in [
        (json!({"ScrollToken": "nonsense"}), "`ScrollToken`"),
        (json!({"Limit": 101}), "`Limit`"),
        (json!({"States": ["ready"]}), "`States.0`"),
        (json!({"StartTime": "yesterday"}), "`StartTime`"),
    ] {
        let refused = server.call("DescribeEvents", params).await;
        assert_eq!(code(&refused), "InvalidParameterValue", "{refused}");
        assert!(message(&refused).contains(told), "{refused}");
    }
    let unknown = server.call("DescribeEventDetail", json!({"EventId": "00000000-1"})).await;
    assert_eq!(code(&unknown), "ResourceNotFound");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_gives_up_what_it_names() {
    let server = pulling().await;
    let events = json!({"Events": [
        {"EventType": "PullComplete"}, {"EventType": "PullComplete"},
        {"EventType": "EditMediaComplete"},
    ]});
    server.call("PublishEvents", events).await;
    let purged = server.call("PurgeEvents", json!({"EventTypes": ["EditMediaComplete"]})).await;
    assert_eq!(purged["Count"], 1);
    let held = server.call("PullEvents", json!({})).await["EventSet"][0]["EventHandle"].clone();
    let purged = server.call("PurgeEvents", json!({"States": ["LEASED"]})).await;
    assert_eq!(purged["Count"], 2);
    let stale = server.call("ConfirmEvents", json!({"EventHandles": [held]})).await;
    assert_eq!(code(&stale), "InvalidParameterValue");
    let dead = server.call("DescribeEvents", json!({"States": ["DEAD"]})).await;
    assert_eq!(dead["EventSet"].as_array().unwrap().len(), 3);
    assert_eq!(dead["EventSet"][0]["Reason"], "Purged");
    let settled = server.call("PurgeEvents", json!({"States": ["DONE"]})).await;
    assert_eq!(code(&settled), "InvalidParameterValue");
    server.stop().await;
}
