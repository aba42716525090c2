//! Chinese for callers that ask for it, as the Python and Go SDKs do unless they are told otherwise.

use serde_json::json;

use crate::message::Message;
use crate::server::{NOW_S, ROOT, Server};

fn describe(body: &str) -> Message {
    Message::post("DescribeEventConfig", body, NOW_S)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_of_tc3_decides() {
    let server = Server::start().await;
    let [english, chinese] =
        ["The parameter `Colour` is not recognized.", "未定义的参数 `Colour`。"];
    for (tag, text) in [
        (None, english),
        (Some("en-US"), english),
        (Some("fr-FR"), english),
        (Some(""), english),
        (Some("zh-CN"), chinese),
        (Some("zh-cn"), chinese),
    ] {
        let message = describe("{\"Colour\": 1}").signed(ROOT);
        let message = tag.map_or(message.clone(), |tag| message.with("X-TC-Language", tag));
        let answer = server.send(&message).await;
        assert_eq!((answer.code().as_str(), &*answer.message()), ("UnknownParameter", text));
    }
    let wrong = describe("{}").signed((ROOT.0, "wrong")).with("X-TC-Language", "zh-CN");
    let answer = server.send(&wrong).await;
    assert_eq!(answer.code(), "AuthFailure.SignatureFailure");
    assert_eq!(answer.message(), "请求签名验证失败，请检查您的签名计算是否正确。");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parameter_of_v1_decides() {
    let server = Server::start().await;
    let chinese = server.send(&Message::new("GET", "/?Language=zh-CN")).await;
    assert_eq!(chinese.message(), "请求缺少必需的参数 `Timestamp`。");
    let english = server.send(&Message::new("GET", "/?Language=en-US")).await;
    assert_eq!(english.message(), "The request is missing a required parameter `Timestamp`.");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_refused_unread_has_a_language_too() {
    let server = Server::start().await;
    let message = Message::new("GET", &format!("/?{}", "x".repeat(40_000)));
    let answer = server.send(&message.with("X-TC-Language", "zh-CN")).await;
    assert_eq!(answer.message(), "请求包超过大小限制：query 超过 32768 字节。");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_programs_compare_stay_as_they_are() {
    let server = Server::start().await;
    assert_eq!(server.call("ModifyEventConfig", json!({"Mode": "PULL"})).await.get("Error"), None);
    let ask = |action: &str, body: &str| {
        Message::post(action, body, NOW_S).signed(ROOT).with("X-TC-Language", "zh-CN")
    };
    let nothing = server.send(&ask("PullEvents", "{}")).await;
    assert_eq!((nothing.code().as_str(), &*nothing.message()), ("ResourceNotFound", "no event"));
    let unknown = server.send(&ask("DescribeEventConfig", "{\"SubAppId\": 9}")).await;
    assert_eq!(unknown.message(), "invalid vod user");
    server.stop().await;
}
