//! CreateKey, DescribeKeys, DeleteKey, and what a key's policy allows.

use serde_json::{Value, json};

use crate::message::{Message, code, message};
use crate::server::{APP, NOW_S, ROOT, Server};

struct Key(String, String);

impl Key {
    fn pair(&self) -> (&str, &str) {
        (&self.0, &self.1)
    }
}

async fn create(server: &Server, params: Value) -> Key {
    let made = server.call("CreateKey", params).await;
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    Key(text("SecretId"), text("SecretKey"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_works_until_it_is_deleted() {
    let server = Server::start().await;
    let actions = ["PullEvents", "DescribeEventConfig", "PullEvents"];
    let key = create(&server, json!({"Name": "ci", "Actions": actions})).await;
    let call = || server.call_as(key.pair(), "DescribeEventConfig", json!({}));
    assert_eq!(code(&call().await), "OK");
    let listed = server.call("DescribeKeys", json!({})).await;
    let set = listed["KeySet"].as_array().unwrap();
    assert_eq!(set.len(), 2);
    let listed_key = set.iter().find(|one| one["SecretId"] == key.0.as_str()).unwrap();
    assert_eq!(listed_key["Name"], "ci");
    assert_eq!(listed_key["Actions"], json!(["DescribeEventConfig", "PullEvents"]));
    assert!(listed_key["SubAppIds"].is_null(), "every application");
    assert!(!listed.to_string().contains(&key.1));
    assert_eq!(code(&server.call("DeleteKey", json!({"KeyId": key.0})).await), "OK");
    assert_eq!(code(&call().await), "AuthFailure.SecretIdNotFound");
    let again = server.call("DeleteKey", json!({"KeyId": key.0})).await;
    assert_eq!(code(&again), "ResourceNotFound");
    let root = server.call("DeleteKey", json!({"KeyId": ROOT.0})).await;
    assert_eq!(code(&root), "FailedOperation");
    assert_eq!(code(&server.call("DescribeEventConfig", json!({})).await), "OK");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_has_a_form_in_pairs_only_as_json_text() {
    let server = Server::start().await;
    for (query, actions) in
        [("Name=absent&Name=all", Value::Null), ("Name=all&Actions=%5B%5D", json!([]))]
    {
        let made = Message::new("GET", &format!("/?{query}"))
            .with("Content-Type", "application/x-www-form-urlencoded")
            .with("X-TC-Action", "CreateKey")
            .with("X-TC-Version", "2018-07-17")
            .with("X-TC-Timestamp", &NOW_S.to_string())
            .signed(ROOT);
        let made = server.send(&made).await.response();
        assert_eq!(code(&made), "OK", "{made}");
        let listed = server.call("DescribeKeys", json!({})).await;
        let mut keys = listed["KeySet"].as_array().unwrap().iter();
        let key = keys.find(|key| key["SecretId"] == made["SecretId"]).unwrap();
        assert_eq!((&key["Name"], &key["Actions"]), (&json!("all"), &actions));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_in_cams_wording() {
    let server = Server::start().await;
    let other = server.call("CreateSubAppId", json!({"Name": "other"})).await["SubAppId"].clone();
    let policy = json!({"Actions": ["PullEvents", "DescribeSubAppIds"], "SubAppIds": [other]});
    let key = create(&server, policy).await;
    for (action, params, resource) in [
        ("PullEvents", json!({}), format!("qcs::vod:::subAppId/{APP}")),
        ("PullEvents", json!({"SubAppId": 7}), "qcs::vod:::subAppId/7".to_owned()),
        (
            "ConfirmEvents",
            json!({"SubAppId": other, "EventHandles": ["h"]}),
            format!("qcs::vod:::subAppId/{other}"),
        ),
        ("CreateKey", json!({}), "*".to_owned()),
    ] {
        let refused = server.call_as(key.pair(), action, params).await;
        assert_eq!(code(&refused), "UnauthorizedOperation", "{refused}");
        let id = refused["RequestId"].as_str().unwrap();
        let text = format!(
            "[request id:{id}]you are not authorized to perform operation (vod:{action})\nresource \
             ({resource}) has no permission\n"
        );
        assert_eq!(message(&refused), text);
    }
    let own = server.call_as(key.pair(), "PullEvents", json!({"SubAppId": other})).await;
    assert_eq!(code(&own), "FailedOperation", "it is in PUSH mode");
    let seen = server.call_as(key.pair(), "DescribeSubAppIds", json!({})).await;
    assert_eq!(seen["TotalCount"], 1);
    assert_eq!(seen["SubAppIdInfoSet"][0]["SubAppId"], other);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_makes_sees_or_deletes_a_stronger_one() {
    let server = Server::start().await;
    let actions = ["CreateKey", "DescribeKeys", "DeleteKey", "PullEvents", "CreateSubAppId"];
    let weak = create(&server, json!({"Actions": actions, "SubAppIds": [0]})).await;
    for stronger in [
        json!({}),
        json!({"Actions": ["PullEvents"]}),
        json!({"SubAppIds": [APP]}),
        json!({"Actions": ["DeleteMedia"], "SubAppIds": [APP]}),
    ] {
        let refused = server.call_as(weak.pair(), "CreateKey", stronger).await;
        assert_eq!(code(&refused), "UnauthorizedOperation", "{refused}");
    }
    let other = server.call("CreateSubAppId", json!({"Name": "other"})).await["SubAppId"].clone();
    for elsewhere in [other, json!(7)] {
        let params = json!({"Actions": ["PullEvents"], "SubAppIds": [elsewhere]});
        let refused = server.call_as(weak.pair(), "CreateKey", params).await;
        assert_eq!(code(&refused), "UnauthorizedOperation", "it learns nothing: {refused}");
    }
    let weaker = json!({"Actions": ["PullEvents"], "SubAppIds": [APP]});
    let made = server.call_as(weak.pair(), "CreateKey", weaker).await;
    assert_eq!(code(&made), "OK");
    let seen = server.call_as(weak.pair(), "DescribeKeys", json!({})).await;
    assert_eq!(seen["KeySet"].as_array().unwrap().len(), 2, "itself and what it made");
    let strong = create(&server, json!({})).await;
    let refused = server.call_as(weak.pair(), "DeleteKey", json!({"KeyId": strong.0})).await;
    assert_eq!(code(&refused), "UnauthorizedOperation");
    let refused = server.call_as(weak.pair(), "CreateSubAppId", json!({"Name": "x"})).await;
    assert_eq!(code(&refused), "UnauthorizedOperation");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_policies_are_refused_by_path() {
    let server = Server::start().await;
    for (params, told) in [
        (json!({"Actions": ["PullEvents", "Nonsense"]}), "`Actions.1`"),
        (json!({"SubAppIds": [APP, 7]}), "`SubAppIds.1`"),
        (json!({"Name": "n".repeat(65)}), "`Name`"),
    ] {
        let refused = server.call("CreateKey", params).await;
        assert_eq!(code(&refused), "InvalidParameterValue", "{refused}");
        assert!(message(&refused).contains(told), "{refused}");
    }
    server.stop().await;
}
