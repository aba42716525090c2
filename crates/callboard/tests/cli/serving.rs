//! `callboard serve`: what it announces, writes and leaves behind; health, metrics and logs; its end.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;

use callboard::clock::SystemClock;
use callboard::config::{self, Environment, Flag};
use callboard::serve::{Launch as Start, Running};
use model::AppId;
use queue::{Backend as _, Commit, RecordKey, RecordKind, RecordPut, Silent};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use store::{Options, Store};
use tokio::io::AsyncWriteExt as _;

use testkit::process::{Launch, SECRET_ID, SECRET_KEY};

use crate::{BINARY, run, with_data};

async fn get(base: &str, path: &str) -> String {
    let client = client::Client::new(base, "", "").unwrap();
    String::from_utf8(client.get(path).await.unwrap().to_vec()).unwrap()
}

#[test]
fn announces_itself_and_keeps_its_keys_private() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let mut command = crate::program(with_data(&["serve", "--listen", "127.0.0.1:0"], &data));
    command.env("CALLBOARD_SECRET_ID", SECRET_ID).env("CALLBOARD_SECRET_KEY", SECRET_KEY);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("Try:") {
        assert_ne!(reader.read_line(&mut text).unwrap(), 0, "it ended:\n{text}");
    }
    let endpoint = fs::read_to_string(data.join("endpoint")).unwrap();
    for words in [SECRET_ID, "root.key", "loopback", &format!("ready on {endpoint}")] {
        assert!(text.contains(words), "{words} is missing in\n{text}");
    }
    assert!(!text.contains(SECRET_KEY), "the secret is not printed:\n{text}");
    for file in ["master.key", "root.key", "callboard.db"] {
        let mode = fs::metadata(data.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} has mode {mode:o}");
    }
    signal(&child, Signal::TERM);
    assert!(child.wait().unwrap().success(), "a graceful stop is a success");
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

#[tokio::test]
async fn json_logs_carry_the_request_id() {
    let (mut child, address) = spawn(&["--ephemeral"]);
    let client = client::Client::new(&address, SECRET_ID, SECRET_KEY).unwrap();
    let answer = client.call("DescribeEventConfig", serde_json::json!({})).await.unwrap();
    let id = answer["RequestId"].as_str().unwrap();
    signal(&child, Signal::TERM);
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mine = lines.find(|line| line["span"]["request_id"] == id).unwrap();
    assert_eq!((&mine["action"], &mine["code"]), (&"DescribeEventConfig".into(), &"OK".into()));
    assert!(!text.contains(SECRET_KEY) && !text.contains("TC3-HMAC"), "{text}");
    assert!(child.wait().unwrap().success());
}

/// A server whose lines the test reads itself; it logs in JSON.
fn spawn(arguments: &[&str]) -> (Child, String) {
    let mut command = crate::program(["serve", "--listen", "127.0.0.1:0"]);
    command.env("CALLBOARD_SECRET_ID", SECRET_ID).env("CALLBOARD_SECRET_KEY", SECRET_KEY);
    command.env("CALLBOARD_LOG_FORMAT", "json");
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("callboard ready on http://").unwrap().to_owned();
    (child, address)
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[test]
fn an_ephemeral_server_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut command = crate::program(["serve", "--ephemeral", "--listen", "127.0.0.1:0"]);
    command.env("TMPDIR", home.path()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "its data are there");
    signal(&child, Signal::INT);
    assert!(child.wait().unwrap().success());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "its data are gone");
}

#[test]
fn a_second_signal_ends_a_stop_that_waits() {
    let (mut child, address) = spawn(&["--ephemeral"]);
    // a request whose body does not come keeps a graceful stop waiting
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{").unwrap();
    signal(&child, Signal::TERM);
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("stopping") {
        assert_ne!(log.read_line(&mut text).unwrap(), 0, "it ended: {text}");
    }
    signal(&child, Signal::TERM);
    log.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{text}");
    assert!(text.contains("second signal"), "{text}");
}

/// How to start an ephemeral server in this process.
fn within(dir: &Path) -> Start {
    let data = dir.display().to_string();
    let flags = [("listen", "127.0.0.1:0"), ("data", &data)].map(|(name, value)| Flag {
        given: name,
        name,
        value: value.to_owned(),
    });
    let config = config::load(None, &Environment::new(), &flags).unwrap().config;
    Start { config, root: None, ephemeral: true, accept_clock: false, search_path: None }
}

#[tokio::test]
async fn a_slow_look_at_health_holds_up_no_stop() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(within(dir.path())).await.unwrap();
    let mut slow = tokio::net::TcpStream::connect(server.ops_address()).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await.unwrap();
    // answered after the first has been accepted
    let ops = format!("http://{}", server.ops_address());
    assert_eq!(get(&ops, "/readyz").await, "ok\n");
    server.stop().await.unwrap();
    assert!(!dir.path().join("endpoint").exists());
}

#[tokio::test]
async fn a_start_that_fails_at_its_end_leaves_nothing_running() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = dir.path().join("endpoint");
    fs::create_dir(&endpoint).unwrap();
    let failure = Running::start(within(dir.path())).await.unwrap_err();
    assert!(failure.message.contains("endpoint"), "{failure}");
    fs::remove_dir(&endpoint).unwrap();
    let server = Running::start(within(dir.path())).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_record_or_an_upload_that_cannot_be_swept_stops_no_start() {
    let dir = tempfile::tempdir().unwrap();
    Running::start(within(dir.path())).await.unwrap().stop().await.unwrap();
    let options = Options { durable: false, reserve_bytes: 0, ..Options::new(dir.path()) };
    let clock = Arc::new(SystemClock::start());
    let store = Store::open(&options, clock, Arc::new(Silent)).unwrap();
    let key = RecordKey {
        kind: RecordKind::Session,
        app: AppId(1_250_000_000),
        id: "unreadable".to_owned(),
    };
    let put = vec![RecordPut { key, body: "no session".into(), terms: Vec::new(), listing: None }];
    store.commit(Commit { put, ..Commit::default() }).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let upload = dir.path().join("staging/upload");
    fs::create_dir_all(upload.join("no part")).unwrap();
    let head = r#"{"app": 1250000000, "session": "x", "key": "x", "at": 0}"#;
    fs::write(upload.join("upload.json"), head).unwrap();

    let server = Running::start(within(dir.path())).await.unwrap();
    assert_eq!(get(&format!("http://{}", server.ops_address()), "/readyz").await, "ok\n");
    server.stop().await.unwrap();
    assert!(upload.exists());
}

#[tokio::test]
async fn two_servers_run_in_one_process() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut servers = Vec::new();
    for dir in &dirs {
        servers.push(Running::start(within(dir.path())).await.unwrap());
    }
    for (index, server) in servers.iter().enumerate() {
        let client =
            client::Client::new(&server.endpoint(), server.root().id(), server.root().secret());
        let client = client.unwrap();
        let made = client.call("CreateSubAppId", serde_json::json!({"Name": "a"})).await.unwrap();
        assert!(made["SubAppId"].is_u64(), "{made}");
        let listed = client.call("DescribeSubAppIds", serde_json::json!({})).await.unwrap();
        assert_eq!(listed["TotalCount"], 2, "server {index} has its own");
        assert!(get(&format!("http://{}", server.ops_address()), "/healthz").await == "ok\n");
    }
    for server in servers {
        server.stop().await.unwrap();
    }
}
