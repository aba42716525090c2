//! ModifyEventConfig and DescribeEventConfig.

use serde_json::{Value, json};

use crate::message::{code, message};
use crate::server::{APP, Server};

async fn config(server: &Server) -> Value {
    let mut config = server.call("DescribeEventConfig", json!({})).await;
    config.as_object_mut().unwrap().remove("RequestId");
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_set_kept_and_cleared_one_by_one() {
    let server = Server::start().await;
    let fresh = json!({
        "Mode": "PUSH", "NotificationUrl": "", "UploadMediaCompleteEventSwitch": "OFF",
        "DeleteMediaCompleteEventSwitch": "OFF", "PersistenceCompleteEventSwitch": "OFF",
    });
    assert_eq!(config(&server).await, fresh);
    let url = "https://example.com/callback?x=1";
    let all = json!({
        "SubAppId": APP, "Mode": "PULL", "NotificationUrl": url,
        "UploadMediaCompleteEventSwitch": "ON", "DeleteMediaCompleteEventSwitch": "ON",
        "PersistenceCompleteEventSwitch": "ON", "SignKey": "abc123",
    });
    assert_eq!(code(&server.call("ModifyEventConfig", all).await), "OK");
    server.call("ModifyEventConfig", json!({"DeleteMediaCompleteEventSwitch": "OFF"})).await;
    let expected = json!({
        "Mode": "PULL", "NotificationUrl": url, "UploadMediaCompleteEventSwitch": "ON",
        "DeleteMediaCompleteEventSwitch": "OFF", "PersistenceCompleteEventSwitch": "ON",
    });
    assert_eq!(config(&server).await, expected);
    let stored = server.backend.application(model::AppId(APP)).await.unwrap().unwrap();
    let sealed = stored.application.config.sign_key.clone().unwrap();
    let purpose_id = APP.to_string();
    let purpose = sign::seal::Purpose::sign_key(&purpose_id);
    let opened = sign::seal::open_text(&server.master, purpose, &sealed.0).unwrap();
    assert_eq!(opened.as_slice(), b"abc123");
    server.call("ModifyEventConfig", json!({"NotificationUrl": "", "SignKey": ""})).await;
    assert_eq!(config(&server).await["NotificationUrl"], "");
    let stored = server.backend.application(model::AppId(APP)).await.unwrap().unwrap();
    assert_eq!(stored.application.config.sign_key, None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_value_names_its_member_and_changes_nothing() {
    let server = Server::with(|settings| settings.rates = api::RateLimits::none()).await;
    let before = config(&server).await;
    let long = format!("http://a.b/{}", "x".repeat(2_048));
    for (member, value, reason) in [
        ("Mode", "Push", "PUSH"),
        ("UploadMediaCompleteEventSwitch", "on", "ON"),
        ("DeleteMediaCompleteEventSwitch", "TRUE", "ON"),
        ("PersistenceCompleteEventSwitch", "", "ON"),
        ("SignKey", "abc-123", "letters"),
        ("SignKey", &"x".repeat(33), "32"),
        ("NotificationUrl", "example.com", "http://"),
        ("NotificationUrl", "http://u:p@example.com/", "user information"),
        ("NotificationUrl", "http://example.com/#a", "fragment"),
        ("NotificationUrl", "http://127.0.0.1/", "push.allow_targets"),
        ("NotificationUrl", "http://10.0.0.1/", "push.allow_targets"),
        ("NotificationUrl", "http://[fe80::1%25eth0]/", "invalid IPv6 address"),
        ("NotificationUrl", "http://[::1%25lo]/", "invalid IPv6 address"),
        ("NotificationUrl", &long, "2048"),
    ] {
        let mut params = json!({"Mode": "PULL", "UploadMediaCompleteEventSwitch": "ON"});
        params[member] = value.into();
        let refused = server.call("ModifyEventConfig", params).await;
        assert_eq!(code(&refused), "InvalidParameter", "{member}={value}");
        let told = message(&refused);
        assert!(told.contains(member) && told.contains(reason), "{told}");
        assert_eq!(config(&server).await, before);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_the_same_time_are_all_kept() {
    let server = Server::with(|settings| settings.rates = api::RateLimits::none()).await;
    for _ in 0..20 {
        let set = |member: &str, value: &str| {
            let params = json!({member: value});
            let server = &server;
            async move { server.call("ModifyEventConfig", params).await }
        };
        let answers = tokio::join!(
            set("Mode", "PULL"),
            set("UploadMediaCompleteEventSwitch", "ON"),
            set("DeleteMediaCompleteEventSwitch", "ON"),
            set("PersistenceCompleteEventSwitch", "ON"),
            set("NotificationUrl", "http://example.com/"),
        );
        let answers = [answers.0, answers.1, answers.2, answers.3, answers.4];
        assert!(answers.iter().all(|answer| code(answer) == "OK"), "{answers:?}");
        let after = config(&server).await;
        assert_eq!(after["Mode"], "PULL");
        assert_eq!(after["NotificationUrl"], "http://example.com/");
        assert_eq!(after["UploadMediaCompleteEventSwitch"], "ON");
        assert_eq!(after["DeleteMediaCompleteEventSwitch"], "ON");
        assert_eq!(after["PersistenceCompleteEventSwitch"], "ON");
        let reset = json!({
            "Mode": "PUSH", "UploadMediaCompleteEventSwitch": "OFF",
            "DeleteMediaCompleteEventSwitch": "OFF", "PersistenceCompleteEventSwitch": "OFF",
            "NotificationUrl": "",
        });
        server.call("ModifyEventConfig", reset).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_is_named_defaulted_or_required() {
    let server = Server::start().await;
    for params in [json!({}), json!({"SubAppId": 0}), json!({"SubAppId": APP})] {
        assert_eq!(code(&server.call("DescribeEventConfig", params).await), "OK");
    }
    let unknown = server.call("DescribeEventConfig", json!({"SubAppId": 7})).await;
    assert_eq!((&*code(&unknown), &*message(&unknown)), ("FailedOperation", "invalid vod user"));
    server.stop().await;
    let strict = Server::with(|settings| settings.require_sub_app_id = true).await;
    for params in [json!({}), json!({"SubAppId": 0})] {
        let refused = strict.call("DescribeEventConfig", params).await;
        assert_eq!(code(&refused), "MissingParameter");
        assert!(message(&refused).contains("`SubAppId`"));
    }
    let named = strict.call("DescribeEventConfig", json!({"SubAppId": APP})).await;
    assert_eq!(code(&named), "OK");
    strict.stop().await;
}
