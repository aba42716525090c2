//! The wall clock of a real server is stepped by an hour, forth and back, while it runs.
//!
//! libfaketime stands between the process and the clock: it moves what `CLOCK_REALTIME` shows and
//! leaves the monotonic clock alone, as an operator or a time server would.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::process::Server;
use testkit::receiver::{Reaction, Receiver};

use crate::launch;

const PULL_APP: u64 = 1_500_000_001;
const PUSH_APP: u64 = 1_500_000_002;
const DEADLINE: Duration = Duration::from_mins(1);
const HOUR_S: i64 = 3_600;
/// How much the clocks of the test and the server may differ by the time that calls take.
const BUSY_S: u64 = 120;

/// A clock that a test sets for the programs it starts.
struct Wall {
    library: PathBuf,
    offset: TempDir,
}

impl Wall {
    fn new() -> Self {
        let architectures = fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok);
        let mut libraries =
            architectures.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
        let library = libraries
            .find(|path| path.exists())
            .expect("libfaketime is missing: ./scripts/test install");
        let wall = Self { library, offset: TempDir::new().unwrap() };
        wall.set(0);
        wall
    }

    fn file(&self) -> PathBuf {
        self.offset.path().join("offset")
    }

    /// Sets the clock to that many seconds from the real one. The file is replaced as a whole: it is
    /// read with every look at the clock.
    fn set(&self, offset_s: i64) {
        let new = self.offset.path().join("new");
        fs::write(&new, format!("{offset_s:+}\n")).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    fn environment(&self) -> [(&'static str, OsString); 4] {
        [
            ("LD_PRELOAD", self.library.clone().into()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
        ]
    }

    /// Runs a command whose clock this is; what it prints.
    async fn run(&self, server: &Server, arguments: &[&str]) -> String {
        let mut command = server.command(arguments);
        command.envs(self.environment());
        let output = command.output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text + &String::from_utf8(output.stderr).unwrap()
    }
}

async fn start(wall: &Wall, receiver: &Receiver) -> Server {
    let url = receiver.url("/");
    let config = format!(
        r#"
[pull]
wait = "100ms"

[push]
schedule = ["1h"]

[[application]]
id = {PULL_APP}
name = "pull"
mode = "PULL"

[[application]]
id = {PUSH_APP}
name = "push"
notification_url = "{url}"
sign_key = "k1"
"#
    );
    let mut launch = launch(config);
    for (name, value) in wall.environment() {
        launch = launch.env(name, value);
    }
    launch.start().await.unwrap()
}

/// Publishes with a clock of the server's; the EventId.
async fn publish(wall: &Wall, server: &Server, app: u64) -> String {
    let app = app.to_string();
    let arguments = ["publish", "--sample", "PullComplete", "--app", &app];
    let told = wall.run(server, &arguments).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    told["EventId"].as_str().unwrap().to_owned()
}

async fn show(wall: &Wall, server: &Server, app: u64, id: &str) -> Value {
    let app = app.to_string();
    let told = wall.run(server, &["events", "show", id, "--json", "--app", &app]).await;
    serde_json::from_str(&told).unwrap()
}

fn real_now_s() -> i64 {
    callboard::clock::wall().seconds()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_forth_and_back_while_it_runs() {
    let (wall, receiver) = (Wall::new(), Receiver::start().await.unwrap());
    receiver.next([Reaction::status(500)]);
    let mut server = start(&wall, &receiver).await;
    let client = server.client().unwrap();
    let held = publish(&wall, &server, PULL_APP).await;
    let delayed = publish(&wall, &server, PUSH_APP).await;
    receiver.wait_for(1, DEADLINE).await.unwrap();
    let pull = json!({ "SubAppId": PULL_APP });
    let pulled = client.call("PullEvents", pull.clone()).await.unwrap();
    let handle = pulled["EventSet"][0]["EventHandle"].clone();
    let before = loop {
        let event = show(&wall, &server, PUSH_APP, &delayed).await;
        if event["State"] == "DELAYED" {
            break event;
        }
    };

    for (turn, offset_s) in [(1, HOUR_S), (2, -HOUR_S)] {
        wall.set(offset_s);
        let expired = client.call("DescribeEventConfig", json!({})).await.unwrap_err();
        assert_eq!(expired.code(), Some("AuthFailure.SignatureExpire"), "{expired}");
        let told = wall.run(&server, &["pull", "--app", &PULL_APP.to_string()]).await;
        assert_eq!(told, "no event\n", "the lease goes on");
        assert_eq!(show(&wall, &server, PULL_APP, &held).await["State"], "LEASED");

        let new = publish(&wall, &server, PUSH_APP).await;
        let posts = receiver.wait_for(turn + 1, DEADLINE).await.unwrap();
        let callback = posts.last().unwrap();
        assert_eq!(callback.header("webhook-id"), new, "the retry is not due");
        let t = callback.json()["T"].as_i64().unwrap();
        let expected = real_now_s() + offset_s + 600;
        assert!(t.abs_diff(expected) < BUSY_S, "{t} is not near {expected}");
        assert_eq!(show(&wall, &server, PUSH_APP, &delayed).await, before);
    }

    wall.set(0);
    let confirm = json!({ "SubAppId": PULL_APP, "EventHandles": [handle] });
    client.call("ConfirmEvents", confirm).await.unwrap();
    assert_eq!(show(&wall, &server, PULL_APP, &held).await["State"], "DONE");

    // a stop by a clock that is an hour late is no reason to doubt it afterwards, nor the other way
    wall.set(-HOUR_S);
    assert!(server.stop().await.unwrap().success());
    wall.set(0);
    server.restart().await.unwrap();
    assert!(!server.output().contains("accept-clock"), "{}", server.output());
    let after = show(&wall, &server, PUSH_APP, &delayed).await;
    assert_eq!((&after["State"], &after["AttemptSet"]), (&before["State"], &before["AttemptSet"]));
    assert_eq!(receiver.received().len(), 3);
}
