//! What a start makes of the records.

use api::{Bootstrap, BootstrapError, ConfiguredApplication};
use model::{AppId, Mode, Naming};
use serde_json::json;

use crate::message::code;
use crate::server::{APP, NOW_S, ROOT, Server};

#[derive(Debug)]
struct Fixed;

impl model::Clock for Fixed {
    fn now(&self) -> model::Now {
        model::Now { wall: model::Timestamp::from_seconds(NOW_S), mono: model::Mono(0) }
    }
}

fn bootstrap<'a>(server: &'a Server, policy: &'a egress::Policy) -> Bootstrap<'a> {
    Bootstrap { backend: &*server.backend, master: &server.master, clock: &Fixed, policy }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_key_is_kept_or_replaced() {
    let server = Server::start().await;
    let policy = egress::Policy::default();
    let start = bootstrap(&server, &policy);
    let kept = start.ensure_root_key(None).await.unwrap();
    assert_eq!((&*kept.secret_id, &**kept.secret_key, kept.changed), (ROOT.0, ROOT.1, false));
    let same = start.ensure_root_key(Some(ROOT)).await.unwrap();
    assert!(!same.changed);
    let secret = start.ensure_root_key(Some((ROOT.0, "another"))).await.unwrap();
    assert!(secret.changed);
    let moved = start.ensure_root_key(Some(("AKIDnew", "another"))).await.unwrap();
    assert!(moved.changed);
    let listed = server.call_as(("AKIDnew", "another"), "DescribeKeys", json!({})).await;
    assert_eq!(listed["KeySet"].as_array().unwrap().len(), 1);
    assert_eq!(listed["KeySet"][0]["SecretId"], "AKIDnew");
    // another master.key: the old secret is of no use, so a new root key is drawn
    let other = sign::seal::MasterKey::from_bytes([8; 32]);
    let drawn = Bootstrap { master: &other, ..start }.ensure_root_key(None).await.unwrap();
    assert!(drawn.changed && drawn.secret_id.starts_with("AKID") && drawn.secret_id.len() == 36);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn declared_applications_are_applied_at_every_start() {
    let server = Server::start().await;
    let policy = egress::Policy::default();
    let start = bootstrap(&server, &policy);
    assert!(!start.ensure_application(AppId(APP), "again").await.unwrap());
    let declared = [ConfiguredApplication {
        id: 42,
        name: Some("ci".to_owned()),
        mode: Some(Mode::Pull),
        notification_url: Some("https://example.com/".to_owned()),
        delete: Some(true),
        naming: Some(Naming::Path),
        sign_key: Some(wire::Secret("abc".to_owned())),
        ..ConfiguredApplication::default()
    }];
    start.apply_applications(&declared).await.unwrap();
    let version = server.backend.application(AppId(42)).await.unwrap().unwrap().version;
    start.apply_applications(&declared).await.unwrap();
    let again = server.backend.application(AppId(42)).await.unwrap().unwrap();
    assert_eq!(again.version, version, "what is so already is left alone");
    assert!(again.application.config.sign_key.is_some());
    assert_eq!(again.application.naming, Naming::Path);
    let change = json!({"SubAppId": 42, "Mode": "PUSH", "UploadMediaCompleteEventSwitch": "ON"});
    assert_eq!(code(&server.call("ModifyEventConfig", change).await), "OK");
    start.apply_applications(&declared).await.unwrap();
    let config = server.call("DescribeEventConfig", json!({"SubAppId": 42})).await;
    assert_eq!(config["Mode"], "PULL");
    assert_eq!(config["UploadMediaCompleteEventSwitch"], "ON", "not declared, so kept");
    assert_eq!(config["DeleteMediaCompleteEventSwitch"], "ON");
    let forbidden = ConfiguredApplication {
        id: 43,
        notification_url: Some("http://127.0.0.1/".to_owned()),
        ..ConfiguredApplication::default()
    };
    let refused = start.apply_applications(&[forbidden]).await.unwrap_err();
    assert!(matches!(refused, BootstrapError::Declared { app: AppId(43), .. }), "{refused}");
    assert!(refused.to_string().contains("push.allow_targets"), "{refused}");
    server.stop().await;
}
