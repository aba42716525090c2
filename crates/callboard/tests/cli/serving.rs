//! `callboard serve`: what it announces, writes and leaves behind; health and metrics.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use testkit::process::{Launch, SECRET_ID, SECRET_KEY};

use crate::{BINARY, run, with_data};

async fn get(base: &str, path: &str) -> String {
    let client = client::Client::new(base, "", "").unwrap();
    String::from_utf8(client.get(path).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn announces_itself_and_keeps_its_keys_private() {
    let mut server = Launch::new(BINARY).start().await.unwrap();
    server.ops_endpoint().await.unwrap();
    let data = server.data();
    let text = server.output();
    for words in [SECRET_ID, "root.key", "loopback", &server.endpoint()] {
        assert!(text.contains(words), "{words} is missing in\n{text}");
    }
    assert!(!text.contains(SECRET_KEY), "the secret is not printed:\n{text}");
    let endpoint = fs::read_to_string(data.join("endpoint")).unwrap();
    assert_eq!(endpoint.trim(), server.endpoint());
    for file in ["master.key", "root.key", "callboard.db"] {
        let mode = fs::metadata(data.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} has mode {mode:o}");
    }
    assert!(server.stop().await.unwrap().success(), "a graceful stop is a success");
    assert!(!data.join("endpoint").exists(), "nobody is sent to a server that is gone");
}

#[tokio::test]
async fn health_and_metrics_tell_what_happens() {
    let server = Launch::new(BINARY).start().await.unwrap();
    let ops = server.ops_endpoint().await.unwrap();
    let ops = ops.trim_end_matches("/metrics");
    assert_eq!(get(ops, "/healthz").await, "ok\n");
    assert_eq!(get(ops, "/readyz").await, "ok\n");
    run(with_data(&["apps", "configure", "--mode", "PULL"], &server.data())).good();
    let event = "{\"EventType\": \"ProcedureStateChanged\", \"ProcedureStateChangeEvent\": {}}";
    crate::feed(with_data(&["publish"], &server.data()), event).good();
    let text = get(ops, "/metrics").await;
    for line in [
        "callboard_requests_total{action=\"PublishEvents\",code=\"OK\"} 1",
        "callboard_events_total{kind=\"ProcedureStateChanged\",state=\"READY\"} 1",
        "callboard_queue_depth{state=\"READY\"} 1",
        "callboard_healthy 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    for name in ["callboard_store_commit_seconds_count", "callboard_store_wal_bytes"] {
        let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        assert_ne!(value.trim(), "0", "{name}");
    }
}

#[tokio::test]
async fn declared_applications_are_applied_at_every_start() {
    let declared = "[[application]]\nid = 77\nname = \"shop\"\nmode = \"PULL\"\nupload = true\n";
    let mut server = Launch::new(BINARY).config(declared).start().await.unwrap();
    let data = server.data();
    let show = || run(with_data(&["apps", "show", "77"], &data)).json();
    assert_eq!(show()["Mode"], "PULL");
    assert_eq!(show()["UploadMediaCompleteEventSwitch"], "ON");
    let change = ["apps", "configure", "77", "--mode", "push", "--delete", "on"];
    run(with_data(&change, &data)).good();
    server.stop().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(show()["Mode"], "PULL", "what is declared holds again");
    assert_eq!(show()["DeleteMediaCompleteEventSwitch"], "ON", "the rest is kept");
}
