//! Where the guide's commands run: a directory of their own, a server, and an environment with the
//! programs that a reader has installed.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use testkit::process::{Launch, SECRET_ID, SECRET_KEY, Server};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::markdown::{missing, root};

/// How long a command may take, and how long something that is to appear.
const DEADLINE: Duration = Duration::from_mins(1);
/// Nothing in the guide depends on the length of this wait, which is 5 s by default.
const CONFIG: &str = "pull.wait = \"500ms\"\n";
/// Where the programs are that do what people do.
const PEOPLE: &str = "people";

/// The directory, the server, and what stands for the addresses of the guide.
#[derive(Debug)]
pub(crate) struct Stage {
    directory: TempDir,
    server: Server,
    readers: TaskTracker,
    /// What the guide writes, and what is meant here.
    addresses: Vec<(&'static str, String)>,
}

/// A command that goes on.
#[derive(Debug)]
pub(crate) struct Running {
    _child: Child,
    lines: watch::Receiver<String>,
}

impl Stage {
    /// Starts the server.
    pub(crate) async fn set() -> Self {
        Self::set_with("").await
    }

    /// Starts the server with settings of the page.
    pub(crate) async fn set_with(settings: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let clients = root().join("tests/clients");
        std::fs::copy(clients.join("clip.mp4"), directory.path().join("video.mp4")).unwrap();
        let modules = clients.join("node_modules");
        let python = root().join("target/venv/bin/python");
        let hint = "the official clients are missing: run ./scripts/test install";
        assert!(python.exists() && modules.exists(), "{hint}");
        std::os::unix::fs::symlink(modules, directory.path().join("node_modules")).unwrap();
        // what the reader does in a browser window
        std::fs::create_dir(directory.path().join(PEOPLE)).unwrap();
        let chromium = directory.path().join(PEOPLE).join("chromium");
        std::os::unix::fs::symlink(clients.join("choose.js"), chromium).unwrap();
        let mut addresses = vec![
            ("3000", free_port().await),
            ("9000", free_port().await),
            ("9001", free_port().await),
            ("9002", free_port().await),
            ("9003", free_port().await),
        ];
        let config = readdressed(&format!("{CONFIG}{settings}"), &pairs(&addresses));
        let launch = Launch::new(env!("CARGO_BIN_EXE_callboard")).config(config);
        let server = launch.start().await.unwrap();
        addresses.push(("127.0.0.1:8800", server.address().to_owned()));
        // as if the server had been started here
        std::os::unix::fs::symlink(server.data(), directory.path().join("callboard-data")).unwrap();
        Self { directory, server, readers: TaskTracker::new(), addresses }
    }

    /// The text with the addresses that are used here.
    pub(crate) fn meant(&self, text: &str) -> String {
        readdressed(text, &pairs(&self.addresses))
    }

    /// Writes a file of the guide.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), self.meant(text)).unwrap();
    }

    /// What stands for people, the programs of this build and of the official clients, then the
    /// machine's.
    fn search_path(&self) -> OsString {
        let binary = Path::new(env!("CARGO_BIN_EXE_callboard")).parent().unwrap().to_owned();
        let machine = std::env::var_os("PATH").unwrap_or_default();
        let people = self.directory.path().join(PEOPLE);
        let first = [people, binary, root().join("target/venv/bin")];
        std::env::join_paths(first.into_iter().chain(std::env::split_paths(&machine))).unwrap()
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c"]).arg(self.meant(script));
        command.current_dir(self.directory.path()).env_clear();
        command.env("PATH", self.search_path()).env("HOME", self.directory.path());
        command.env("CALLBOARD_ENDPOINT", self.server.endpoint());
        command.env("CALLBOARD_SECRET_ID", SECRET_ID).env("CALLBOARD_SECRET_KEY", SECRET_KEY);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    /// Runs a command to its end; what it wrote to standard output.
    pub(crate) async fn run(&self, script: &str) -> String {
        let done = timeout(DEADLINE, self.shell(script).output()).await;
        let done = done.unwrap_or_else(|_elapsed| panic!("does not end:\n{script}")).unwrap();
        let (out, err) =
            (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{}:\n{script}\n{out}{err}", done.status);
        out.into_owned()
    }

    /// What `/metrics` shows.
    pub(crate) async fn metrics(&self) -> String {
        self.server.metrics().await.unwrap()
    }

    /// Starts a command that goes on, as in a terminal of its own.
    pub(crate) fn start(&self, script: &str) -> Running {
        let script = format!("exec {script}");
        let mut command = self.shell(&script);
        command.stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = watch::channel(String::new());
        let mut reader = BufReader::new(child.stdout.take().unwrap()).lines();
        let reads = async move {
            while let Ok(Some(line)) = reader.next_line().await {
                sender.send_modify(|all| {
                    all.push_str(&line);
                    all.push('\n');
                });
            }
        };
        self.readers.spawn(reads);
        Running { _child: child, lines }
    }
}

impl Running {
    /// Waits for these lines.
    pub(crate) async fn prints(&mut self, wanted: &str) {
        let found = self.lines.wait_for(|all| missing(wanted, all).is_none());
        let outcome = timeout(DEADLINE, found).await.map(|found| found.is_ok());
        assert_eq!(outcome, Ok(true), "wanted:\n{wanted}got:\n{}", *self.lines.borrow());
    }
}

fn pairs<'a>(addresses: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    addresses.iter().map(|(from, to)| (*from, to.as_str())).collect()
}

/// The text with other addresses. What was put in is not read again, and a longer number is another one:
/// a port that is free here may well end in 9001.
fn readdressed(text: &str, known: &[(&str, &str)]) -> String {
    let digit = |found: Option<char>| found.is_some_and(|found| found.is_ascii_digit());
    let (mut done, mut rest) = (String::new(), text);
    while let Some(next) = rest.chars().next() {
        let whole = |left: &str| !digit(left.chars().next()) && !digit(done.chars().next_back());
        let meant = known.iter().find_map(|&(from, to)| {
            rest.strip_prefix(from).filter(|left| whole(left)).map(|left| (to, left))
        });
        let (put, left) = meant.unwrap_or_else(|| rest.split_at(next.len_utf8()));
        done.push_str(put);
        rest = left;
    }
    done
}

#[test]
fn only_whole_addresses_are_replaced_and_once() {
    let known = [("9000", "49001"), ("9001", "34637")];
    assert_eq!(readdressed(":9000 :39001 :9001é 90010", &known), ":49001 :39001 :34637é 90010");
}

/// A port that nobody uses. The guide's receivers bind it themselves, so it is let go here.
pub(crate) async fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port().to_string()
}
