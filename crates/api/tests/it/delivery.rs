//! TestNotification, DescribeDelivery, ResumeDelivery.

use std::task::Poll;
use std::time::Duration;

use model::limits;
use serde_json::{Value, json};
use testkit::receiver::{Reaction, Receiver};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::message::{code, message};
use crate::server::{APP, NOW_S, Server};

async fn point(server: &Server, url: &str) {
    let config = json!({"Mode": "PUSH", "NotificationUrl": url, "SignKey": "k1"});
    assert_eq!(code(&server.call("ModifyEventConfig", config).await), "OK");
}

async fn publish(server: &Server, count: usize) -> Vec<Value> {
    let event = json!({"EventType": "ProcedureStateChanged"});
    let events = json!({"Events": vec![event; count]});
    server.call("PublishEvents", events).await["EventSet"].as_array().unwrap().clone()
}

/// Lets the worker begin what may begin, and waits until it has ended.
async fn drive(server: &Server) {
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    server.worker.tick(&tracker, &stop).await;
    tracker.close();
    tracker.wait().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_a_callback_of_which_nothing_is_stored() {
    let (server, receiver) = (Server::near().await, Receiver::start().await.unwrap());
    point(&server, &receiver.url("/hook")).await;
    server.call("CreateSigningSecret", json!({})).await;
    let told = server.call("TestNotification", json!({})).await;
    assert_eq!((&told["Delivered"], &told["Status"]), (&json!(true), &json!(200)), "{told}");
    assert_eq!(told["Reason"], "");
    let seen = receiver.received()[0].clone();
    assert_eq!(seen.target, "/hook");
    let body = seen.json();
    assert_eq!(body["EventType"], "NewFileUpload");
    assert!(body["FileUploadEvent"]["MetaData"]["Duration"].as_f64().unwrap() > 0.0);
    let t = body["T"].as_i64().unwrap();
    assert_eq!(t, NOW_S + limits::SIGN_LIFE_S);
    assert!(sign::callback::verify("k1", t, body["Sign"].as_str().unwrap(), NOW_S));
    assert!(seen.header("webhook-signature").starts_with("v1,"));

    // a second one is no repeat of the first, wherever it goes
    let there = json!({"NotificationUrl": receiver.url("/other"), "EventType": "FileDeleted"});
    assert_eq!(server.call("TestNotification", there).await["Delivered"], true);
    let second = receiver.received()[1].clone();
    assert_eq!(second.target, "/other");
    assert!(second.json()["FileDeleteEvent"]["FileIdSet"][0].is_string());
    assert_ne!(second.header("webhook-id"), seen.header("webhook-id"));
    let config = server.call("DescribeEventConfig", json!({})).await;
    assert_eq!(config["NotificationUrl"], receiver.url("/hook"), "what is configured stays");
    let listed = server.call("DescribeEvents", json!({})).await;
    assert_eq!(listed["EventSet"], json!([]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_fails_says_why() {
    let (server, receiver) = (Server::near().await, Receiver::start().await.unwrap());
    let nowhere = server.call("TestNotification", json!({})).await;
    assert_eq!(code(&nowhere), "FailedOperation");
    assert!(message(&nowhere).contains("ModifyEventConfig"), "{nowhere}");

    let url = receiver.url("/");
    let at =
        async |url: &str| server.call("TestNotification", json!({"NotificationUrl": url})).await;
    receiver.next([Reaction::Answer(500, Vec::new(), "broken".into())]);
    let told = at(&url).await;
    assert_eq!((&told["Delivered"], &told["Status"]), (&json!(false), &json!(500)));
    assert_eq!(told["ResponseBody"], "broken");
    assert_eq!(told["Reason"], "the receiver answered 500");
    // a kept connection that dies is tried once more
    receiver.next([Reaction::Close, Reaction::Close]);
    let told = at(&url).await;
    assert_eq!((&told["Delivered"], &told["Status"]), (&json!(false), &json!(0)));
    assert_ne!(told["Reason"], "");
    for (url, reason) in [
        ("http://169.254.169.254/latest", "push.allow_targets"),
        ("http://10.0.0.1/", "push.allow_targets"),
        ("ftp://a.example/", "http:// or https://"),
    ] {
        let refused = at(url).await;
        assert_eq!(code(&refused), "InvalidParameter", "{url}");
        assert!(message(&refused).contains(reason), "{url}: {refused}");
    }
    let unknown = server.call("TestNotification", json!({"EventType": "Nonsense"})).await;
    assert_eq!(code(&unknown), "InvalidParameterValue");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_tests_are_under_way() {
    let (server, receiver) = (Server::near().await, Receiver::start().await.unwrap());
    receiver.script(|_| Reaction::Hang);
    point(&server, &receiver.url("/")).await;
    let test = || server.call("TestNotification", json!({}));
    let calls = at_once(limits::TRIALS_IN_FLIGHT_MAX, test);
    let refused = async {
        let deadline = Duration::from_secs(30);
        receiver.wait_for(limits::TRIALS_IN_FLIGHT_MAX, deadline).await.unwrap();
        let refused = test().await;
        assert_eq!(code(&refused), "LimitExceeded");
    };
    let (told, ()) = tokio::join!(calls, refused);
    for told in told {
        assert_eq!(told["Delivered"], false, "{told}");
    }
    receiver.script(|_| Reaction::status(200));
    assert_eq!(test().await["Delivered"], true, "their places are free again");
    server.stop().await;
}

/// That many calls at once.
async fn at_once<F: Future<Output = Value>>(count: usize, call: impl Fn() -> F) -> Vec<Value> {
    let mut calls: Vec<_> = (0..count).map(|_| Box::pin(call())).collect();
    let mut done = vec![None; count];
    std::future::poll_fn(|context| {
        for (call, done) in calls.iter_mut().zip(&mut done) {
            if done.is_none()
                && let Poll::Ready(told) = call.as_mut().poll(context)
            {
                *done = Some(told);
            }
        }
        if done.iter().all(Option::is_some) {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_circuit_is_seen_and_closed_by_hand() {
    let (server, receiver) = (Server::near().await, Receiver::start().await.unwrap());
    let state = async || server.call("DescribeDelivery", json!({})).await;
    assert_eq!(state().await["State"], "OFF", "there is no address");
    let resumed = server.call("ResumeDelivery", json!({})).await;
    assert_eq!(code(&resumed), "FailedOperation");
    point(&server, &receiver.url("/")).await;
    let fresh = state().await;
    assert_eq!(fresh["State"], "CLOSED");
    assert_eq!(fresh["Url"], receiver.url("/"));
    assert_eq!((&fresh["FailureCount"], &fresh["NextProbeTime"]), (&json!(0), &Value::Null));

    receiver.script(|_| Reaction::status(503));
    publish(&server, 5).await;
    drive(&server).await;
    let open = state().await;
    assert_eq!((&open["State"], &open["FailureCount"]), (&json!("OPEN"), &json!(5)), "{open}");
    assert!(open["NextProbeTime"].is_string(), "{open}");
    assert_eq!(server.worker.open_circuits(), 1);
    // tests tell the circuit nothing
    receiver.script(|_| Reaction::status(200));
    assert_eq!(server.call("TestNotification", json!({})).await["Delivered"], true);
    assert_eq!(state().await["State"], "OPEN");

    assert_eq!(code(&server.call("ResumeDelivery", json!({})).await), "OK");
    assert_eq!(server.worker.open_circuits(), 0);
    let resumed = state().await;
    assert_eq!((&resumed["State"], &resumed["FailureCount"]), (&json!("CLOSED"), &json!(0)));
    let seen = receiver.received().len();
    let id = publish(&server, 1).await[0]["EventId"].clone();
    drive(&server).await;
    assert_eq!(receiver.received().len(), seen + 1);
    let detail = server.call("DescribeEventDetail", json!({"EventId": id})).await;
    assert_eq!(detail["Event"]["State"], "DONE");
    assert_eq!(code(&server.call("ResumeDelivery", json!({})).await), "OK", "nothing to do");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_seen_and_what_is_elsewhere_is_not() {
    let (server, receiver) = (Server::near().await, Receiver::start().await.unwrap());
    let state = async || server.call("DescribeDelivery", json!({})).await;
    point(&server, &receiver.url("/")).await;
    let retry_after = vec![("retry-after", "30".to_owned())];
    receiver.next([Reaction::Answer(429, retry_after, "".into())]);
    publish(&server, 1).await;
    drive(&server).await;
    let paused = state().await;
    assert_eq!((&paused["State"], &paused["FailureCount"]), (&json!("PAUSED"), &json!(1)));
    assert!(paused["NextProbeTime"].is_string(), "{paused}");
    // another application, another address
    let other = server.call("CreateSubAppId", json!({"Name": "other"})).await["SubAppId"].clone();
    let there = server.call("DescribeDelivery", json!({"SubAppId": other})).await;
    assert_eq!(there["State"], "OFF");
    point(&server, &receiver.url("/new")).await;
    let moved = state().await;
    assert_eq!((&moved["State"], &moved["FailureCount"]), (&json!("CLOSED"), &json!(0)));
    let pull = json!({"SubAppId": APP, "Mode": "PULL"});
    assert_eq!(code(&server.call("ModifyEventConfig", pull).await), "OK");
    assert_eq!(state().await["State"], "OFF");
    server.stop().await;
}
