//! The real binary as a process of its own: started on free ports and a temporary data directory,
//! killed, stopped, started again on the same data.
//!
//! It sees nothing of the environment of the tests but PATH (it looks for ffprobe there), so that a
//! setting of a developer's shell cannot change a test. Its output is kept and printed when a test
//! fails. Ports are chosen anew at each start: a test asks for the endpoint after a restart.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use client::Client;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::{Failure, Result};

/// How long a start may take; far more than it needs, because a busy machine is no failure.
const START: Duration = Duration::from_mins(1);
/// How long a graceful stop may take: the promised 10 s and some for a busy machine.
const STOP: Duration = Duration::from_secs(15);
/// What the server prints once it accepts connections.
const READY: &str = "callboard ready on ";

/// The root key of every server started here.
pub const SECRET_ID: &str = "AKIDtestkit00000000000000000000000000";
/// Its secret.
pub const SECRET_KEY: &str = "testkit-secret-key-0000000000000";

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Launch {
    binary: PathBuf,
    config: String,
    arguments: Vec<String>,
    environment: Vec<(String, OsString)>,
}

impl Launch {
    /// Starts that binary (`env!("CARGO_BIN_EXE_callboard")` in the tests of its package) with the
    /// default configuration.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            config: String::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// The configuration file, as TOML.
    #[must_use]
    pub fn config(mut self, toml: impl Into<String>) -> Self {
        self.config = toml.into();
        self
    }

    /// One more argument of `serve`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// One more variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts it on an empty data directory; returns when it accepts connections.
    pub async fn start(self) -> Result<Server> {
        let home = TempDir::new()?;
        fs::write(home.path().join("callboard.toml"), &self.config)?;
        let run = self.run(home.path()).await?;
        Ok(Server { launch: self, home, run })
    }

    async fn run(&self, home: &Path) -> Result<Run> {
        let mut command = Command::new(&self.binary);
        command.arg("serve").args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);
        command.arg("--data").arg(home.join("data"));
        command.arg("--config").arg(home.join("callboard.toml"));
        command.args(&self.arguments).current_dir(home).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("CALLBOARD_SECRET_ID", SECRET_ID).env("CALLBOARD_SECRET_KEY", SECRET_KEY);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        let output = Output::of(&mut child);
        let started = output.line(START, |line| line.strip_prefix(READY).map(str::to_owned));
        match started.await {
            Ok(endpoint) => {
                let address = endpoint.split_once("://").map_or("", |(_, address)| address);
                Ok(Run { child, output, address: address.to_owned(), endpoint })
            }
            Err(error) => {
                Err(Failure::new(format!("the server did not start: {error}\n{}", output.text())))
            }
        }
    }
}

/// A running server. Dropping it kills the process and removes its data.
#[derive(Debug)]
pub struct Server {
    launch: Launch,
    home: TempDir,
    run: Run,
}

/// One start of the process.
#[derive(Debug)]
struct Run {
    child: Child,
    output: Output,
    address: String,
    endpoint: String,
}

impl Server {
    /// Where it listens: `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.run.address
    }

    /// The same as a URL.
    pub fn endpoint(&self) -> String {
        self.run.endpoint.clone()
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// All that it has printed since it was started.
    pub fn output(&self) -> String {
        self.run.output.text()
    }

    /// The address of the console and the metrics, which it prints after the ready line.
    pub async fn ops_endpoint(&self) -> Result<String> {
        let own = self.endpoint();
        let find = |line: &str| {
            let address = line.split_once("http://127.0.0.1:")?.1;
            let port: u16 = address.split('/').next()?.parse().ok()?;
            let url = format!("http://127.0.0.1:{port}");
            (url != own).then_some(url)
        };
        self.run.output.line(START, find).await
    }

    /// A client with the root key.
    pub fn client(&self) -> Result<Client> {
        let client = Client::new(&self.run.endpoint, SECRET_ID, SECRET_KEY);
        client.map_err(|error| Failure::new(error.to_string()))
    }

    /// A command of the same program, with an environment of its own, that finds this server by its
    /// data directory.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.launch.binary);
        command.args(arguments).arg("--data").arg(self.data()).env_clear().stdin(Stdio::null());
        command
    }

    /// What `/metrics` shows now.
    pub async fn metrics(&self) -> Result<String> {
        let address = self.ops_endpoint().await?.replace("http://", "");
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: metrics\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
            _ => Err(Failure::new(answer)),
        }
    }

    /// The value of a metric without labels.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        let text = self.metrics().await?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = value.and_then(|value| value.parse().ok());
        value.ok_or_else(|| Failure::new(format!("no {name} in\n{text}")))
    }

    /// Memory that the process holds (resident set) in bytes.
    pub fn resident_bytes(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.pid()?.as_raw_nonzero());
        let status = fs::read_to_string(path)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
        kib.map(|kib: u64| kib * 1024).ok_or_else(|| Failure::new("no VmRSS: it has ended"))
    }

    /// Ends the process at once, as a power cut would (but for the page cache).
    pub async fn kill9(&mut self) -> Result<()> {
        Ok(self.run.child.kill().await?)
    }

    /// Asks it to stop (SIGTERM); its exit code once it has. Fails if that takes too long.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        kill_process(self.pid()?, Signal::TERM)?;
        match timeout(STOP, self.run.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_elapsed) => {
                Err(Failure::new(format!("still running {} s after SIGTERM", STOP.as_secs())))
            }
        }
    }

    /// Sends it SIGHUP.
    pub fn hang_up(&self) -> Result<()> {
        Ok(kill_process(self.pid()?, Signal::HUP)?)
    }

    /// Waits for a line with those words, present or to come.
    pub async fn logs(&self, words: &str) -> Result<()> {
        self.run.output.line(START, |line| line.contains(words).then_some(())).await
    }

    /// Changes the configuration file for the next start.
    pub fn configure(&mut self, toml: impl Into<String>) -> Result<()> {
        self.launch.config = toml.into();
        Ok(fs::write(self.home.path().join("callboard.toml"), &self.launch.config)?)
    }

    /// Starts it again on the same data and with the same configuration, on other ports. It must
    /// have been killed or stopped.
    pub async fn restart(&mut self) -> Result<()> {
        if self.run.child.try_wait()?.is_none() {
            return Err(Failure::new("the server is still running"));
        }
        self.run = self.launch.run(self.home.path()).await?;
        Ok(())
    }

    fn pid(&self) -> Result<Pid> {
        let id = self.run.child.id().and_then(|id| i32::try_from(id).ok());
        id.and_then(Pid::from_raw).ok_or_else(|| Failure::new("the server has ended"))
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "shown by the test runner when the test has failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- the server printed\n{}----", self.output());
        }
    }
}

/// The lines that a process has printed, on both streams, in the order of their arrival.
#[derive(Debug)]
pub(crate) struct Output {
    lines: watch::Sender<Vec<String>>,
    readers: TaskTracker,
}

impl Output {
    /// Reads both streams of a process, as far as they are pipes, until they end.
    pub(crate) fn of(child: &mut Child) -> Self {
        let output = Self { lines: watch::Sender::default(), readers: TaskTracker::new() };
        if let Some(stream) = child.stdout.take() {
            output.read(stream);
        }
        if let Some(stream) = child.stderr.take() {
            output.read(stream);
        }
        output.readers.close();
        output
    }

    fn read(&self, stream: impl AsyncRead + Send + Unpin + 'static) {
        let lines = self.lines.clone();
        self.readers.spawn(async move {
            let mut reader = BufReader::new(stream).lines();
            while let Ok(Some(line)) = reader.next_line().await {
                lines.send_modify(|all| all.push(line));
            }
        });
    }

    /// Waits for both streams to end.
    pub(crate) async fn ended(&self) {
        self.readers.wait().await;
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        self.lines.borrow().join("\n") + "\n"
    }

    /// What `find` makes of the first line it likes, present or to come. Fails when the process has
    /// ended without one, or at the deadline.
    pub(crate) async fn line<T>(
        &self,
        deadline: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let mut changes = self.lines.subscribe();
        let search = |lines: &[String]| lines.iter().find_map(|line| find(line));
        let arrival = async {
            loop {
                if let Some(found) = search(&changes.borrow_and_update()) {
                    return found;
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            found = arrival => Ok(found),
            () = self.ended() => search(&self.lines.borrow())
                .ok_or_else(|| Failure::new("the process has ended")),
            () = tokio::time::sleep(deadline) => Err(Failure::new(format!(
                "the awaited line did not come within {} s", deadline.as_secs()
            ))),
        }
    }
}
