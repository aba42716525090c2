//! Whole rounds of the official clients, unchanged, against the real binary.
//!
//! Each program under tests/clients goes through a round by itself; here the server and the receiver
//! of its callbacks are started, and the callback is checked as an application would check it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use testkit::process::{SECRET_ID, SECRET_KEY, Server};
use testkit::program::Program;
use testkit::receiver::{Received, Receiver};
use tokio::process::Command;

use crate::launch;
use crate::tls::Files;

const DEADLINE: Duration = Duration::from_secs(30);
const SIGN_KEY: &str = "Sk8erBoi2002";
const APP: u64 = 1_500_000_001;
/// A second application besides the default one; short waits, because each round waits for nothing
/// once.
const CONFIG: &str = r#"
[pull]
wait = "1s"

[[application]]
id = 1500000001
name = "round"
"#;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.join("../..").canonicalize().unwrap()
}

/// The Python program of tests/clients with that name.
pub(crate) fn python(program: &str) -> Command {
    let interpreter = root().join("target/venv/bin/python");
    assert!(interpreter.exists(), "the official clients are missing: run ./scripts/test install");
    let mut command = Command::new(interpreter);
    command.arg(root().join("tests/clients").join(program));
    command
}

/// The Node program of tests/clients with that name.
pub(crate) fn node(program: &str) -> Command {
    let directory = root().join("tests/clients");
    let modules = directory.join("node_modules");
    assert!(modules.exists(), "the official clients are missing: run ./scripts/test install");
    let mut command = Command::new("node");
    command.arg(directory.join(program));
    command
}

/// What every program has to know about its server.
pub(crate) fn setup(server: &Server, more: Value) -> Value {
    let mut setup = json!({
        "endpoint": server.address(),
        "secret_id": SECRET_ID,
        "secret_key": SECRET_KEY,
        "clip": root().join("tests/clients/clip.mp4"),
    });
    let Value::Object(more) = more else { panic!("the setup is an object") };
    setup.as_object_mut().unwrap().extend(more);
    setup
}

/// One round, signed and sent in one way.
async fn round(command: Command, sign_method: &str, http_method: &str) {
    round_with(command, sign_method, http_method, None).await;
}

/// One round of the Python SDK with more configuration than the others have.
pub(crate) async fn round_configured(config: &str) {
    let (command, way) = (python("sdk_round.py"), ("TC3-HMAC-SHA256", "POST"));
    round_over(command, way, None, config).await;
}

/// The same; with files, by https.
async fn round_with(command: Command, sign_method: &str, http_method: &str, tls: Option<&Files>) {
    let config = tls.map_or_else(String::new, Files::config);
    round_over(command, (sign_method, http_method), tls, &config).await;
}

async fn round_over(
    command: Command,
    (sign_method, http_method): (&str, &str),
    tls: Option<&Files>,
    config: &str,
) {
    let receiver = Receiver::start().await.unwrap();
    let mut server = launch(format!("{config}{CONFIG}")).start().await.unwrap();
    let facts = json!({
        "app": APP,
        "receiver": receiver.url("/callback?token=1"),
        "sign_key": SIGN_KEY,
        "sign_method": sign_method,
        "http_method": http_method,
        "ca": tls.map(Files::ca),
    });
    let mut program = Program::start(command, &setup(&server, facts)).await.unwrap();

    let uploaded = program.step("uploaded").await.unwrap();
    let callbacks = receiver.wait_for(1, DEADLINE).await.unwrap();
    check_callback(&callbacks[0], &uploaded);
    let media_url = uploaded["media_url"].as_str().unwrap();
    assert!(media_url.starts_with(&server.endpoint()), "{media_url} is not ours");
    program.say(&json!({})).await.unwrap();
    program.finish().await.unwrap();

    assert_eq!(receiver.received().len(), 1, "what follows the upload came by PULL");
    assert!(server.stop().await.unwrap().success());
}

/// The callback of an upload, as its receiver verifies it.
fn check_callback(callback: &Received, uploaded: &Value) {
    assert_eq!(callback.method, "POST");
    assert_eq!(callback.target, "/callback?token=1");
    assert_eq!(callback.header("content-type"), "application/json");
    assert!(callback.header("user-agent").starts_with("Callboard/"));
    assert!(!callback.header("webhook-id").is_empty());
    let body = callback.json();
    let mut members: Vec<&String> = body.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["EventType", "FileUploadEvent", "Sign", "T"]);
    assert_eq!(body["EventType"], "NewFileUpload");

    let t = body["T"].as_i64().unwrap();
    let life = t - unix_now_s();
    assert!((540..=600).contains(&life), "T lies {life} s ahead");
    let sign = hex::encode(Md5::digest(format!("{SIGN_KEY}{t}")));
    assert_eq!(body["Sign"], sign.as_str());

    let event = &body["FileUploadEvent"];
    assert_eq!(event["FileId"], uploaded["file_id"]);
    let basic = &event["MediaBasicInfo"];
    assert_eq!(basic["Name"], uploaded["name"]);
    assert_eq!(basic["Type"], "mp4");
    assert_eq!(basic["MediaUrl"], uploaded["media_url"]);
    assert_eq!(basic["SourceInfo"]["SourceContext"], uploaded["source_context"]);
    // Receivers in the field ignore an upload without a size and a duration.
    let data = &event["MetaData"];
    assert_eq!(data["Size"], uploaded["size"]);
    assert!(data["Duration"].as_f64().unwrap() > 1.9, "{data}");
    assert_eq!(data["VideoStreamSet"][0]["Codec"], "h264");
    assert_eq!(data["AudioStreamSet"][0]["Codec"], "aac");
}

#[expect(clippy::disallowed_methods, reason = "T is compared with the machine's own time")]
fn unix_now_s() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

#[tokio::test]
async fn python_tc3_post() {
    round(python("sdk_round.py"), "TC3-HMAC-SHA256", "POST").await;
}

#[tokio::test]
async fn python_over_tls() {
    let files = Files::new("127.0.0.1");
    round_with(python("sdk_round.py"), "TC3-HMAC-SHA256", "POST", Some(&files)).await;
}

#[tokio::test]
async fn python_tc3_get() {
    round(python("sdk_round.py"), "TC3-HMAC-SHA256", "GET").await;
}

#[tokio::test]
async fn python_hmac_sha1() {
    round(python("sdk_round.py"), "HmacSHA1", "POST").await;
}

#[tokio::test]
async fn python_hmac_sha256() {
    round(python("sdk_round.py"), "HmacSHA256", "GET").await;
}

#[tokio::test]
async fn tccli() {
    round(python("tccli_round.py"), "TC3-HMAC-SHA256", "POST").await;
}

#[tokio::test]
async fn node_tc3_post() {
    round(node("sdk_round.js"), "TC3-HMAC-SHA256", "POST").await;
}

#[tokio::test]
async fn node_over_tls() {
    let files = Files::new("127.0.0.1");
    let mut command = node("sdk_round.js");
    command.env("NODE_EXTRA_CA_CERTS", files.ca());
    round_with(command, "TC3-HMAC-SHA256", "POST", Some(&files)).await;
}

#[tokio::test]
async fn node_tc3_get() {
    round(node("sdk_round.js"), "TC3-HMAC-SHA256", "GET").await;
}

#[tokio::test]
async fn node_hmac_sha1() {
    round(node("sdk_round.js"), "HmacSHA1", "GET").await;
}

#[tokio::test]
async fn node_hmac_sha256() {
    round(node("sdk_round.js"), "HmacSHA256", "POST").await;
}
