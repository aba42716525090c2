//! Which check comes first: each request is wrong in two ways, and the earlier one is told.

use std::collections::HashMap;

use serde_json::json;

use crate::message::{Message, code};
use crate::server::{NOW_S, ROOT, Server};

const STRANGER: (&str, &str) = ("AKIDnobody", "nothing");
const WRONG: (&str, &str) = (ROOT.0, "not the secret");

#[tokio::test(flavor = "multi_thread")]
async fn checks_follow_the_documented_order() {
    let server = Server::start().await;
    let call = |action: &str, body: &str| Message::post(action, body, NOW_S);
    let stale = |seconds: i64| Message::post("Nonsense", "{}", NOW_S - seconds).signed(STRANGER);
    let good = || call("DescribeEventConfig", "{}");
    let mut two_tokens = good().with("X-TC-Token", "x").signed(ROOT);
    two_tokens.headers.push(("X-TC-Token".to_owned(), "y".to_owned()));
    for (expected, message) in [
        ("UnsupportedProtocol", Message { method: "PUT".to_owned(), ..stale(900) }),
        ("MissingParameter", stale(900).with("X-TC-Timestamp", "")),
        ("MissingParameter", stale(900).without("X-TC-Action")),
        ("MissingParameter", stale(900).without("X-TC-Version")),
        ("InvalidParameter", stale(900).with("X-TC-Timestamp", "soon")),
        ("AuthFailure.SignatureExpire", stale(301)),
        ("AuthFailure.SignatureExpire", stale(-301)),
        ("InvalidAction", stale(300)),
        ("NoSuchVersion", stale(0).with("X-TC-Version", "2017-03-12")),
        ("AuthFailure.InvalidAuthorization", good().with("Authorization", "SKIP")),
        ("AuthFailure.InvalidAuthorization", good().with("Authorization", "Bearer x")),
        ("AuthFailure.SecretIdNotFound", good().with("X-TC-Token", "x").signed(STRANGER)),
        ("AuthFailure.TokenFailure", good().with("X-TC-Token", "x").signed(WRONG)),
        ("AuthFailure.TokenFailure", two_tokens),
        ("AuthFailure.SignatureFailure", call("DescribeEventConfig", "{").signed(WRONG)),
        ("InvalidRequest", call("DescribeEventConfig", "{").signed(ROOT)),
        ("UnknownParameter", call("ConfirmEvents", r#"{"X":1}"#).signed(ROOT)),
        ("MissingParameter", call("ConfirmEvents", r#"{"SubAppId":"x"}"#).signed(ROOT)),
        ("InvalidParameter", call("ConfirmEvents", r#"{"EventHandles":[1]}"#).signed(ROOT)),
    ] {
        let answer = server.send(&message).await;
        assert_eq!(answer.code(), expected, "{}: {message:?}", answer.message());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wordings_are_the_documented_ones() {
    let server = Server::start().await;
    let good = || Message::post("DescribeEventConfig", "{}", NOW_S);
    for (expected, message) in [
        (
            "The request is missing a required parameter `Timestamp`.",
            good().without("X-TC-Timestamp").with("Authorization", "TC3-HMAC-SHA256 x"),
        ),
        (
            "The signature is expired, please request again.",
            Message::post("DescribeEventConfig", "{}", NOW_S - 301).signed(ROOT),
        ),
        (
            "The request `Authorization` header does not conform to tencentcloud standards: \
             `Service` in Credential not valid.",
            good().with(
                "Authorization",
                "TC3-HMAC-SHA256 Credential=A/2026-11-24//tc3_request, \
                 SignedHeaders=content-type;host, Signature=00",
            ),
        ),
        (
            "The SecretId is not found, please ensure that your SecretId is correct.",
            good().signed(STRANGER),
        ),
        (
            "Token verification failed, please check if your Token is correct",
            good().with("X-TC-Token", "x").signed(ROOT),
        ),
        (
            "The provided credentials could not be validated. Please check your signature is \
             correct.",
            good().signed(WRONG),
        ),
        (
            "The value type of parameter `EventHandles.0` is not valid.",
            Message::post("ConfirmEvents", r#"{"EventHandles":[1]}"#, NOW_S).signed(ROOT),
        ),
    ] {
        assert_eq!(server.send(&message).await.message(), expected);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_then_schema_then_policy_then_business() {
    // two calls at once; again if a second's end came between them
    let once = HashMap::from([("ConfirmEvents".to_owned(), 1)]);
    let server = Server::with(|settings| settings.rates = api::RateLimits(once)).await;
    let confirm = || server.call("ConfirmEvents", json!({"X": 1}));
    let seen = loop {
        let (first, second) = tokio::join!(confirm(), confirm());
        let mut codes = [code(&first), code(&second)];
        codes.sort();
        if codes[0] != codes[1] {
            break codes;
        }
    };
    assert_eq!(seen, ["RequestLimitExceeded", "UnknownParameter"]);
    let policy = json!({"Actions": ["PullEvents"], "SubAppIds": [0]});
    let made = server.call("CreateKey", policy).await;
    let key = (made["SecretId"].as_str().unwrap(), made["SecretKey"].as_str().unwrap());
    for (params, expected) in [
        (json!({"X": 1, "SubAppId": 7}), "UnknownParameter"),
        (json!({"SubAppId": 7}), "UnauthorizedOperation"),
        (json!({}), "FailedOperation"),
    ] {
        let refused = server.call_as(key, "PullEvents", params).await;
        assert_eq!(code(&refused), expected, "{refused}");
    }
    server.stop().await;
}
