//! The wall clock is stepped by an hour while the server runs: signatures, `T` and what people read
//! follow it; leases, retries and the order of history do not.

use std::time::Duration;

use model::limits::{SIGN_LIFE_S, TIMESTAMP_SKEW_S};
use serde_json::{Value, json};
use testkit::receiver::{Reaction, Receiver};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::message::{Message, code, message};
use crate::server::{NOW_S, ROOT, Server};

const HOUR_S: i64 = 3_600;

async fn publish(server: &Server) -> String {
    let events = json!({"Events": [{"EventType": "PullComplete"}]});
    let published = server.call("PublishEvents", events).await;
    published["EventSet"][0]["EventId"].as_str().unwrap().to_owned()
}

async fn detail(server: &Server, id: &str) -> Value {
    server.call("DescribeEventDetail", json!({ "EventId": id })).await["Event"].clone()
}

/// Calls as a client does whose clock shows that.
async fn call_at(server: &Server, timestamp_s: i64) -> String {
    let message = Message::post("DescribeEventConfig", "{}", timestamp_s).signed(ROOT);
    server.send(&message).await.code()
}

async fn drive(server: &Server) {
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    server.worker.tick(&tracker, &stop).await;
    tracker.close();
    tracker.wait().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_lasts_as_long_whatever_the_wall_clock_does() {
    for step in [HOUR_S, -HOUR_S] {
        let server = Server::start().await;
        server.call("ModifyEventConfig", json!({"Mode": "PULL"})).await;
        let first = publish(&server).await;
        let held = server.call("PullEvents", json!({})).await["EventSet"][0].clone();
        let before = detail(&server, &first).await;
        server.set_time(NOW_S + step);
        server.backend.tick().await.unwrap();
        let nothing = server.call("PullEvents", json!({})).await;
        assert_eq!(message(&nothing), "no event", "the lease goes on");
        assert_eq!(detail(&server, &first).await, before);

        let second = publish(&server).await;
        let listed = server.call("DescribeEvents", json!({})).await;
        let listed = listed["EventSet"].as_array().unwrap();
        let ids: Vec<&str> = listed.iter().map(|row| row["EventId"].as_str().unwrap()).collect();
        assert_eq!(ids, [&*second, &*first], "newest first, whatever the time says");
        assert_ne!(listed[0]["CreateTime"], listed[1]["CreateTime"]);
        let handles = json!({"EventHandles": [held["EventHandle"]]});
        let confirmed = server.call("ConfirmEvents", handles.clone()).await;
        assert_eq!(code(&confirmed), "OK", "{confirmed}");
        server.set_time(NOW_S - step);
        assert_eq!(code(&server.call("ConfirmEvents", handles).await), "OK", "a repeat");
        assert_eq!(detail(&server, &first).await["State"], "DONE");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_are_good_by_the_wall_clock() {
    let server = Server::start().await;
    for now in [NOW_S, NOW_S + HOUR_S, NOW_S - HOUR_S, NOW_S] {
        server.set_time(now);
        for (at, expected) in [
            (now, "OK"),
            (now - TIMESTAMP_SKEW_S, "OK"),
            (now + TIMESTAMP_SKEW_S, "OK"),
            (now - TIMESTAMP_SKEW_S - 1, "AuthFailure.SignatureExpire"),
            (now + TIMESTAMP_SKEW_S + 1, "AuthFailure.SignatureExpire"),
        ] {
            assert_eq!(call_at(&server, at).await, expected, "{} s from now", at - now);
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_due_by_the_other_clock_and_t_by_this_one() {
    for step in [HOUR_S, -HOUR_S] {
        let (server, receiver) = (Server::near().await, Receiver::start().await.unwrap());
        let config = json!({
            "Mode": "PUSH", "NotificationUrl": receiver.url("/"), "SignKey": "k1"
        });
        server.call("ModifyEventConfig", config).await;
        let later = vec![("retry-after", "3600".to_owned())];
        receiver.next([Reaction::Answer(503, later, Vec::new().into())]);
        let id = publish(&server).await;
        drive(&server).await;
        assert_eq!(receiver.wait_for(1, Duration::from_secs(20)).await.unwrap().len(), 1);
        let before = detail(&server, &id).await;
        assert_eq!((&before["State"], &before["AttemptCount"]), (&json!("DELAYED"), &json!(1)));

        server.set_time(NOW_S + step);
        server.backend.tick().await.unwrap();
        drive(&server).await;
        assert_eq!(receiver.received().len(), 1, "an hour of the wall clock is no hour");
        assert_eq!(detail(&server, &id).await, before);

        let told = server.call("TestNotification", json!({})).await;
        assert_eq!(told["Delivered"], true, "{told}");
        let sent = receiver.received()[1].clone();
        let t = sent.json()["T"].as_i64().unwrap();
        assert_eq!(t, NOW_S + step + SIGN_LIFE_S);
        assert_eq!(sent.header("webhook-timestamp"), (NOW_S + step).to_string());
        server.stop().await;
    }
}
