//! CreateSigningSecret, DescribeSigningSecrets, DeleteSigningSecret.

use model::AppId;
use serde_json::json;

use crate::message::{code, message};
use crate::server::{APP, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_once_and_kept_sealed() {
    let server = Server::start().await;
    let none = server.call("DescribeSigningSecrets", json!({})).await;
    assert_eq!(none["SigningSecretSet"], json!([]));
    let made = server.call("CreateSigningSecret", json!({})).await;
    let secret = made["Secret"].as_str().unwrap();
    assert!(sign::webhook::SigningSecret::parse(secret).is_ok(), "{secret}");

    let listed = server.call("DescribeSigningSecrets", json!({})).await;
    let set = listed["SigningSecretSet"].as_array().unwrap();
    assert_eq!(set.len(), 1);
    assert_eq!(set[0]["SigningSecretId"], made["SigningSecretId"]);
    assert!(set[0]["CreateTime"].as_str().unwrap().ends_with('Z'));
    assert!(!listed.to_string().contains("whsec_"));
    let config = server.call("DescribeEventConfig", json!({})).await;
    assert!(!config.to_string().contains("igning"), "{config}");
    let record = server.backend.application(AppId(APP)).await.unwrap().unwrap();
    let record = serde_json::to_string(&*record.application).unwrap();
    assert!(record.contains(made["SigningSecretId"].as_str().unwrap()));
    assert!(!record.contains(secret) && !record.contains(&secret[6..]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_are_live_during_a_rotation_and_no_more() {
    let server = Server::start().await;
    let old = server.call("CreateSigningSecret", json!({})).await;
    let new = server.call("CreateSigningSecret", json!({})).await;
    assert_ne!(old["Secret"], new["Secret"]);
    let ids = async || {
        let listed = server.call("DescribeSigningSecrets", json!({})).await;
        let set = listed["SigningSecretSet"].as_array().unwrap().clone();
        set.into_iter().map(|one| one["SigningSecretId"].clone()).collect::<Vec<_>>()
    };
    let both = [new["SigningSecretId"].clone(), old["SigningSecretId"].clone()];
    assert_eq!(ids().await, both, "newest first");
    let third = server.call("CreateSigningSecret", json!({})).await;
    assert_eq!(code(&third), "LimitExceeded");
    assert!(message(&third).contains("Delete the old one"), "{third}");

    let old = json!({"SigningSecretId": old["SigningSecretId"]});
    assert_eq!(code(&server.call("DeleteSigningSecret", old.clone()).await), "OK");
    assert_eq!(ids().await, [new["SigningSecretId"].clone()]);
    let again = server.call("DeleteSigningSecret", old).await;
    assert_eq!(code(&again), "ResourceNotFound");
    let unnamed = server.call("DeleteSigningSecret", json!({})).await;
    assert_eq!(code(&unnamed), "MissingParameter");
    assert_eq!(code(&server.call("CreateSigningSecret", json!({})).await), "OK");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_belong_to_one_application() {
    let server = Server::start().await;
    let other = server.call("CreateSubAppId", json!({"Name": "other"})).await["SubAppId"].clone();
    let made = server.call("CreateSigningSecret", json!({"SubAppId": other})).await;
    let here = server.call("DescribeSigningSecrets", json!({})).await;
    assert_eq!(here["SigningSecretSet"], json!([]));
    let id = json!({"SigningSecretId": made["SigningSecretId"]});
    assert_eq!(code(&server.call("DeleteSigningSecret", id).await), "ResourceNotFound");
    let unknown = server.call("CreateSigningSecret", json!({"SubAppId": 7})).await;
    assert_eq!(code(&unknown), "FailedOperation");
    // what else is configured stays, and leaves the secrets alone
    let url = json!({"SubAppId": other, "NotificationUrl": "http://a.example/cb"});
    assert_eq!(code(&server.call("ModifyEventConfig", url).await), "OK");
    let there = server.call("DescribeSigningSecrets", json!({"SubAppId": other})).await;
    assert_eq!(there["SigningSecretSet"][0]["SigningSecretId"], made["SigningSecretId"]);
    server.stop().await;
}
