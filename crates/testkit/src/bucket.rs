//! A real S3-compatible server (moto) with one bucket, and a line to it that can be cut.
//!
//! The server under test comes through the line; the test itself looks into the bucket past it. moto
//! keeps everything in memory, so an outage is a cut line and not a stopped server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::process::Output;
use crate::{Failure, Result};

const START: Duration = Duration::from_mins(1);
/// The name of the bucket.
pub const NAME: &str = "media";
/// What the configuration puts before the names of objects.
const PREFIX: &str = "callboard/test";

/// A running store. Dropping it ends it.
#[derive(Debug)]
pub struct Bucket {
    _server: Child,
    address: String,
    line: Line,
}

impl Bucket {
    /// Starts the store, makes its bucket and opens the line.
    pub async fn start() -> Result<Self> {
        Self::start_behind(None).await
    }

    /// The same with TLS at the near end of the line.
    pub async fn start_with_tls(tls: Arc<ServerConfig>) -> Result<Self> {
        Self::start_behind(Some(tls.into())).await
    }

    async fn start_behind(tls: Option<TlsAcceptor>) -> Result<Self> {
        let python = root().join("target/venv/bin/python");
        if !python.exists() {
            return Err(Failure::new("moto is missing: run ./scripts/test install"));
        }
        let mut command = Command::new(python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
        command.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        // large objects are files after all, and must not be on a small disk that a test is on
        command.env_remove("TMPDIR");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut server = command.kill_on_drop(true).spawn()?;
        let output = Output::of(&mut server);
        let find = |line: &str| line.split_once("Running on http://").map(|(_, a)| a.to_owned());
        let address = output.line(START, find).await.map_err(|error| {
            Failure::new(format!("moto does not start: {error}\n{}", output.text()))
        })?;
        let address = address.trim().trim_end_matches('/').to_owned();
        let line = Line::open(&address, tls).await?;
        let bucket = Self { _server: server, address, line };
        bucket.ask(Method::PUT, "", Bytes::new()).await?;
        Ok(bucket)
    }

    /// Where the server under test reaches the store.
    pub fn endpoint(&self) -> String {
        let scheme = if self.line.has_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.line.address)
    }

    /// The configuration of a server that keeps its objects here.
    pub fn config(&self) -> String {
        format!(
            "[objects]\nstore = \"s3\"\n[objects.s3]\nendpoint = \"{}\"\nbucket = \"{NAME}\"\n\
             prefix = \"{PREFIX}\"\naccess_key_id = \"testing\"\n\
             secret_access_key = \"testing\"\nallow_http = true\n",
            self.endpoint()
        )
    }

    /// Cuts every connection and closes new ones at once, until [`Bucket::mend`].
    pub fn cut(&self) {
        self.line.state.send_replace(State::Cut);
    }

    /// Cuts every connection and takes new ones without ever answering, until [`Bucket::mend`] or
    /// [`Bucket::cut`].
    pub fn freeze(&self) {
        self.line.state.send_replace(State::Frozen);
    }

    /// Cuts every connection and takes requests without answering them, until [`Bucket::mend`]: each
    /// is read to its end and kept, and its connection closed.
    pub fn hold(&self) {
        self.line.state.send_replace(State::Held);
    }

    /// Brings the requests that were kept to the store. Returns how many they were.
    pub async fn deliver(&self) -> Result<usize> {
        let held = std::mem::take(&mut *self.line.held());
        for request in &held {
            let mut far = TcpStream::connect(&self.address).await?;
            far.write_all(request).await?;
            // it answers what it has done
            far.read_u8().await?;
        }
        Ok(held.len())
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.line.state.send_replace(State::Up);
    }

    /// The keys of all objects.
    pub async fn keys(&self) -> Result<Vec<String>> {
        let mut keys: Vec<String> = Vec::new();
        loop {
            let after = keys.last().map_or("", String::as_str);
            let target = format!("?list-type=2&start-after={after}");
            let page = elements(&self.ask(Method::GET, &target, Bytes::new()).await?, "Key");
            if page.is_empty() {
                return Ok(keys);
            }
            keys.extend(page);
        }
    }

    /// The keys of all multipart uploads that are not complete.
    pub async fn incomplete(&self) -> Result<Vec<String>> {
        Ok(elements(&self.ask(Method::GET, "?uploads", Bytes::new()).await?, "Key"))
    }

    /// Puts an object past the server.
    pub async fn put(&self, key: &str, body: impl Into<Bytes>) -> Result<()> {
        self.ask(Method::PUT, &format!("/{key}"), body.into()).await.map(drop)
    }

    /// Begins a multipart upload that nobody completes.
    pub async fn begin(&self, key: &str) -> Result<()> {
        self.ask(Method::POST, &format!("/{key}?uploads"), Bytes::new()).await.map(drop)
    }

    /// Copies every object below the server's prefix into a directory, under the names that it knows.
    pub async fn copy_to(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory)?;
        for key in self.keys().await? {
            let Some(name) = key.strip_prefix(PREFIX).and_then(|name| name.strip_prefix('/'))
            else {
                continue;
            };
            let file = directory.join(name);
            file.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(file, self.object(&key).await?)?;
        }
        Ok(())
    }

    /// The bytes of an object.
    pub async fn object(&self, key: &str) -> Result<Bytes> {
        self.ask(Method::GET, &format!("/{key}"), Bytes::new()).await
    }

    /// From now on the store asks for keys and permissions, as it does not do before. Returns a key
    /// that may do nothing, and its secret.
    pub async fn demand_permissions(&self) -> Result<(String, String)> {
        let mut found = Vec::new();
        for action in ["CreateUser", "CreateAccessKey"] {
            let body = format!("Action={action}&Version=2010-05-08&UserName=nobody");
            let kind = "application/x-www-form-urlencoded";
            let answer = self.send("iam", Method::POST, "/", (kind, body.into())).await?;
            for name in ["AccessKeyId", "SecretAccessKey"] {
                found.extend(elements(&answer, name));
            }
        }
        let body = ("text/plain", Bytes::from_static(b"0"));
        self.send("s3", Method::POST, "/moto-api/reset-auth", body).await?;
        match found.as_slice() {
            [id, secret] => Ok((id.clone(), secret.clone())),
            _ => Err(Failure::new(format!("the store made no key: {found:?}"))),
        }
    }

    /// Asks for something of the bucket; nobody looks at the signature.
    async fn ask(&self, method: Method, target: &str, body: Bytes) -> Result<Bytes> {
        let kind = "application/octet-stream";
        self.send("s3", method, &format!("/{NAME}{target}"), (kind, body)).await
    }

    async fn send(
        &self,
        service: &str,
        method: Method,
        target: &str,
        (kind, body): (&str, Bytes),
    ) -> Result<Bytes> {
        let failed = |error: &dyn std::error::Error| Failure::new(format!("the store: {error}"));
        let stream = TcpStream::connect(&self.address).await?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| failed(&error))?;
        let scope = format!("20260101/us-east-1/{service}/aws4_request");
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential=testing/{scope}, SignedHeaders=host, Signature=0");
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header("host", &self.address)
            .header("authorization", authorization)
            .header("content-type", kind)
            .body(Full::new(body))
            .map_err(|error| failed(&error))?;
        let exchange = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            Ok::<_, hyper::Error>((status, answer.into_body().collect().await?.to_bytes()))
        };
        let (answer, _connection) = tokio::join!(exchange, connection);
        let (status, body): (StatusCode, Bytes) = answer.map_err(|error| failed(&error))?;
        if status.is_success() {
            return Ok(body);
        }
        Err(Failure::new(format!("the store: {status}: {}", String::from_utf8_lossy(&body))))
    }
}

/// The texts of all elements of that name.
fn elements(xml: &Bytes, name: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(xml);
    let start = format!("<{name}>");
    let pieces = text.split(start.as_str()).skip(1);
    pieces.filter_map(|piece| piece.split_once('<').map(|(text, _)| text.to_owned())).collect()
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// What becomes of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Cut,
    Frozen,
    Held,
}

/// Requests that were taken and not passed on.
type Held = Arc<Mutex<Vec<Vec<u8>>>>;

/// A TCP relay in front of the store.
#[derive(Debug)]
struct Line {
    address: String,
    has_tls: bool,
    state: Arc<watch::Sender<State>>,
    held: Held,
    _stop: DropGuard,
}

impl Line {
    async fn open(target: &str, tls: Option<TlsAcceptor>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let state = Arc::new(watch::Sender::new(State::Up));
        let stop = CancellationToken::new();
        let tracker = TaskTracker::new();
        let has_tls = tls.is_some();
        let far = (target.to_owned(), tls);
        let held = Held::default();
        let inner = (Arc::clone(&state), Arc::clone(&held));
        let relay = relay(listener, far, inner, tracker.clone());
        tracker.spawn(stop.clone().run_until_cancelled_owned(relay));
        Ok(Self { address, has_tls, state, held, _stop: stop.drop_guard() })
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn relay(
    listener: TcpListener,
    (target, tls): (String, Option<TlsAcceptor>),
    (states, held): (Arc<watch::Sender<State>>, Held),
    tracker: TaskTracker,
) {
    while let Ok((mut near, _)) = listener.accept().await {
        let mut state = states.subscribe();
        let (target, tls, held) = (target.clone(), tls.clone(), Arc::clone(&held));
        tracker.spawn(async move {
            let begun = *state.borrow_and_update();
            let relayed = async {
                match begun {
                    State::Up => {
                        let mut far = TcpStream::connect(target).await?;
                        let Some(tls) = tls else {
                            return copy_bidirectional(&mut near, &mut far).await.map(drop);
                        };
                        let mut near = tls.accept(near).await?;
                        copy_bidirectional(&mut near, &mut far).await.map(drop)
                    }
                    State::Cut => Ok(()),
                    State::Frozen => std::future::pending().await,
                    State::Held => {
                        let request = one_request(&mut near).await?;
                        held.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                        Ok(())
                    }
                }
            };
            // whatever ends it, the connection is closed
            tokio::select! {
                _ended = relayed => {}
                _changed = state.wait_for(|now| *now != begun) => {}
            }
        });
    }
}

/// Reads a request to its end.
async fn one_request(near: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = whole_request(&bytes) {
            bytes.truncate(end);
            return Ok(bytes);
        }
        if near.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Where the request in these bytes ends; none: there is more to come.
fn whole_request(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(bytes.get(..head)?).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(Some(0), |length| length.trim().parse().ok())?;
    let end = head.checked_add(length)?;
    (bytes.len() >= end).then_some(end)
}
