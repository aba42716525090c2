//! The recipe for containers, held to the program as far as a machine without containers can: every
//! setting that the Dockerfile and the compose file name exists and is accepted, and the image's own
//! command, with its environment, serves, answers its health check, sends a callback to where it may,
//! and stops at its signal.
//!
//! What is changed for that: the data directory, the ports, and the subnet, for which this machine's
//! loopback network stands in.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use callboard::config::{self, Environment};
use client::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use testkit::receiver::Receiver;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::markdown::{blocks, page, root};

const DEADLINE: Duration = Duration::from_mins(1);
const KEY: [(&str, &str); 2] =
    [("CALLBOARD_SECRET_ID", "compose-id"), ("CALLBOARD_SECRET_KEY", "compose-key")];

/// The Dockerfile's instructions for the last image: name and rest, lines joined.
fn instructions() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("Dockerfile")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let all = joined.lines().filter_map(|line| line.split_once(' '));
    let all: Vec<_> = all.map(|(name, rest)| (name.to_owned(), rest.trim().to_owned())).collect();
    let last = all.iter().rposition(|(name, _)| name == "FROM").unwrap();
    all[last..].to_vec()
}

fn one(name: &str) -> String {
    let found: Vec<_> = instructions().into_iter().filter(|(known, _)| known == name).collect();
    assert_eq!(found.len(), 1, "{name}");
    found[0].1.clone()
}

/// The words of an instruction in JSON form.
fn words(text: &str) -> Vec<String> {
    serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap()
}

fn image() -> Environment {
    let variables = instructions().into_iter().filter(|(name, _)| name == "ENV");
    let pair = |(_, rest): (String, String)| {
        let (name, value) = rest.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    variables.map(pair).collect()
}

/// The compose file of docs/operations.md.
fn compose() -> String {
    let page = page("operations.md");
    blocks(&page).into_iter().find(|block| block.mark == "compose").unwrap().text
}

/// What it sets, with the key that its user would give.
fn composed() -> Environment {
    let given = |name: &str, value: &str| {
        KEY.iter()
            .find(|(known, _)| value == format!("${{{known}:?}}") && name == *known)
            .map_or(value, |(_, value)| value)
            .to_owned()
    };
    let text = compose();
    let lines = text.lines().filter_map(|line| line.trim().split_once(": "));
    let settings = lines.filter(|(name, _)| name.starts_with("CALLBOARD_"));
    settings.map(|(name, value)| (name.to_owned(), given(name, value))).collect()
}

fn environment() -> Environment {
    image().into_iter().chain(composed()).collect()
}

#[test]
fn every_setting_exists_and_is_accepted() {
    let loaded = config::load(None, &environment(), &[]).unwrap();
    assert_eq!(loaded.unknown_variables, Vec::<String>::new());
    let config = loaded.config;
    assert!(config.listen.ip().is_unspecified(), "others must reach it");
    assert_eq!(config.data.to_str(), Some(&*one("VOLUME")));
    assert_eq!(one("EXPOSE"), config.listen.port().to_string());
    let published = format!("127.0.0.1:{0}:{0}", config.listen.port());
    assert!(compose().contains(&published), "{published}");
    assert!(compose().contains(&format!(":{}\"]", one("VOLUME"))), "the volume");
    assert!(!compose().contains(&config.ops_listen.port().to_string()), "published");
    assert_eq!(config.allow_targets.len(), 1);
    let subnet = &composed()["CALLBOARD_PUSH_ALLOW_TARGETS"];
    assert!(compose().contains(&format!("subnet: {subnet}}}")), "{subnet}");
    let named = page("operations.md");
    for variable in ["CALLBOARD_TLS_CERTIFICATE", "CALLBOARD_TLS_KEY"] {
        assert!(named.contains(variable));
        let known = config::table::SETTINGS.iter().any(|setting| setting.variable() == variable);
        assert!(known, "{variable}");
    }
}

#[test]
fn the_image_is_what_operators_expect() {
    assert_eq!(one("USER"), "callboard", "not root");
    let check = one("HEALTHCHECK");
    let ops = config::load(None, &image(), &[]).unwrap().config.ops_listen;
    let url = format!("http://127.0.0.1:{}/healthz", ops.port());
    assert_eq!(words(&check), ["curl", "-fsS", &url]);
    assert_eq!(one("WORKDIR"), one("VOLUME"));
    let channel = std::fs::read_to_string(root().join("rust-toolchain.toml")).unwrap();
    let dockerfile = std::fs::read_to_string(root().join("Dockerfile")).unwrap();
    let version = channel.split('"').nth(1).unwrap();
    assert!(dockerfile.contains(&format!("FROM rust:{version}-slim-")), "{version}");
    assert!(dockerfile.contains(&format!("RUSTUP_TOOLCHAIN={version}\n")), "{version}");
}

/// The image's command, as in a container.
struct Container {
    child: Child,
    _data: TempDir,
    ready: BTreeMap<&'static str, String>,
}

impl Container {
    async fn run(mut environment: Environment) -> Self {
        let data = tempfile::tempdir().unwrap();
        environment.insert("CALLBOARD_DATA".into(), data.path().display().to_string());
        for listen in ["CALLBOARD_LISTEN", "CALLBOARD_OPS_LISTEN"] {
            let (host, _port) = environment[listen].split_once(':').unwrap();
            let free = format!("{host}:0");
            environment.insert(listen.into(), free);
        }
        let words = words(&one("CMD"));
        assert_eq!(words[0], "callboard");
        let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
        command.args(&words[1..]).current_dir(data.path()).env_clear().envs(&environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut ready = BTreeMap::new();
        while ready.len() < 2 {
            let line = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap().unwrap();
            for name in ["endpoint", "metrics"] {
                if let Some(value) = line.trim().strip_prefix(name) {
                    ready.insert(name, value.trim().to_owned());
                }
            }
        }
        Self { child, _data: data, ready }
    }

    fn client(&self) -> Client {
        Client::new(&self.ready["endpoint"], KEY[0].1, KEY[1].1).unwrap()
    }

    async fn stop(mut self) {
        assert_eq!(one("STOPSIGNAL"), "SIGTERM");
        let pid = Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let ended = timeout(DEADLINE, self.child.wait()).await.unwrap().unwrap();
        assert!(ended.success(), "{ended}");
    }
}

#[tokio::test]
async fn the_command_serves_and_reaches_the_receivers_of_its_network() {
    let mut environment = environment();
    environment.insert("CALLBOARD_PUSH_ALLOW_TARGETS".into(), "127.0.0.0/8".into());
    let container = Container::run(environment).await;

    let mut check = words(&one("HEALTHCHECK"));
    let url = container.ready["metrics"].replace("/metrics", "/healthz");
    assert!(check.pop().is_some());
    let health = Command::new(&check[0]).args(&check[1..]).arg(url).output().await.unwrap();
    assert!(health.status.success() && health.stdout.starts_with(b"ok"), "{health:?}");

    let receiver = Receiver::start().await.unwrap();
    let client = container.client();
    let configure = json!({"NotificationUrl": receiver.url("/vod")});
    client.call("ModifyEventConfig", configure).await.unwrap();
    let event = json!({"EventType": "PullComplete", "PullCompleteEvent": {"TaskId": "1"}});
    client.call("PublishEvents", json!({"Events": [event]})).await.unwrap();
    let came = receiver.wait_for(1, DEADLINE).await.unwrap();
    assert_eq!(came[0].json()["EventType"], "PullComplete");
    container.stop().await;
}

#[tokio::test]
async fn receivers_outside_the_network_are_refused() {
    let container = Container::run(environment()).await;
    let client = container.client();
    for url in ["http://127.0.0.1:9/vod", "http://172.31.0.7:9000/vod"] {
        let refused = client.call("ModifyEventConfig", json!({"NotificationUrl": url})).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("push.allow_targets"), "{refused}");
    }
    let inside = json!({"NotificationUrl": "http://172.30.0.7:9000/vod"});
    client.call("ModifyEventConfig", inside).await.unwrap();
    container.stop().await;
}
