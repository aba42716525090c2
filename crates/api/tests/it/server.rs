//! A whole server in the test's own process: the real store in its own directory, the gateway, a
//! listener on a free port, and a clock whose wall time the test decides.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use api::{Bootstrap, Gateway, GatewayParts, Settings};
use media::probe::{Probe, ProbeLimits, ProbeTools};
use media::{Library, LibraryParts, Objects, Puller};
use model::{AppId, Clock, Mono, Now, Timestamp};
use push::Worker;
use queue::{Backend, Observer, Silent};
use serde_json::Value;
use sign::seal::MasterKey;
use store::{Options, Store};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::message::{Answer, DEADLINE, Message};

/// The root key of every test server.
pub(crate) const ROOT: (&str, &str) =
    ("AKIDTESTEXAMPLE0000000000000000000000", "TestSecretKeyEXAMPLE000000000000");
/// The default application, the one that the captured requests name.
pub(crate) const APP: u64 = 1_400_000_001;
/// The second in which every test server lives, unless it is moved.
pub(crate) const NOW_S: i64 = 1_795_487_629;

/// A wall clock that stands still until it is set, and tokio's monotonic clock.
#[derive(Debug)]
struct TestClock {
    wall_s: AtomicI64,
    origin: tokio::time::Instant,
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        let elapsed = u64::try_from(self.origin.elapsed().as_millis()).unwrap();
        Now {
            wall: Timestamp::from_seconds(self.wall_s.load(Ordering::SeqCst)),
            mono: Mono(elapsed),
        }
    }
}

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) backend: Arc<dyn Backend>,
    /// Sends nothing unless a test ticks it.
    pub(crate) worker: Worker,
    /// Fetches nothing unless a test ticks it; may fetch from this machine.
    pub(crate) puller: Arc<Puller>,
    pub(crate) library: Arc<Library>,
    pub(crate) master: Arc<MasterKey>,
    clock: Arc<TestClock>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
    dir: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// With changed settings. Waits are short unless a test asks for more.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::with_root(ROOT, change).await
    }

    pub(crate) async fn with_root(root: (&str, &str), change: impl FnOnce(&mut Settings)) -> Self {
        Self::observed(root, change, Arc::new(Silent)).await
    }

    pub(crate) async fn observed(
        root: (&str, &str),
        change: impl FnOnce(&mut Settings),
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self::made(root, change, (observer, None), egress::Policy::default()).await
    }

    /// Whose callbacks may go to this machine.
    pub(crate) async fn near() -> Self {
        let policy = egress::Policy { allow_loopback: true, ..egress::Policy::default() };
        Self::made(ROOT, |_| (), (Arc::new(Silent), None), policy).await
    }

    /// Which speaks TLS only.
    pub(crate) async fn secure(change: impl FnOnce(&mut Settings)) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = made.signing_key.serialize_pem();
        let tls = api::Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
        let policy = egress::Policy::default();
        Self::made(ROOT, change, (Arc::new(Silent), Some(tls)), policy).await
    }

    async fn made(
        root: (&str, &str),
        change: impl FnOnce(&mut Settings),
        (observer, tls): (Arc<dyn Observer>, Option<api::Tls>),
        policy: egress::Policy,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock {
            wall_s: AtomicI64::new(NOW_S),
            origin: tokio::time::Instant::now(),
        });
        let options =
            Options { durable: false, reserve_bytes: 0, ..Options::new(dir.path().join("store")) };
        let store = Store::open(&options, clock.clone(), Arc::new(Silent)).unwrap();
        let backend: Arc<dyn Backend> = store;
        let master = Arc::new(MasterKey::from_bytes([7; 32]));
        let policy = Arc::new(policy);
        let bootstrap =
            Bootstrap { backend: &*backend, master: &master, clock: &*clock, policy: &policy };
        bootstrap.ensure_application(AppId(APP), "default").await.unwrap();
        bootstrap.ensure_root_key(Some(root)).await.unwrap();
        let mut media_settings = media::Settings::new("http://127.0.0.1:8800", AppId(APP));
        media_settings.pull.policy.allow = vec!["127.0.0.1".parse().unwrap()];
        let library = Arc::new(
            Library::new(LibraryParts {
                backend: Arc::clone(&backend),
                clock: clock.clone(),
                master: Arc::clone(&master),
                objects: Objects::open(dir.path()).unwrap(),
                probe: Probe::new(ProbeTools::none(), ProbeLimits::default()),
                settings: media_settings,
            })
            .unwrap(),
        );
        let mut settings = Settings::new(AppId(APP));
        settings.pull_wait_ms = 20;
        change(&mut settings);
        let worker = worker(&backend, &master, clock.clone(), &policy);
        let puller = puller(&library);
        let gateway = Gateway::new(GatewayParts {
            backend: Arc::clone(&backend),
            library: Arc::clone(&library),
            worker: worker.clone(),
            clock: clock.clone(),
            master: Arc::clone(&master),
            policy,
            observer,
            settings,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = api::serve(listener, tls, gateway, shutdown.clone());
        #[expect(clippy::disallowed_methods, reason = "the test waits for it in `stop`")]
        let task = tokio::spawn(serving);
        Self { addr, backend, worker, puller, library, master, clock, shutdown, task, dir }
    }

    /// The file in the object store that holds these bytes.
    pub(crate) fn stored(&self, bytes: &[u8]) -> PathBuf {
        let shards = std::fs::read_dir(self.dir.path().join("objects")).unwrap();
        let files = shards.flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap());
        let mut paths = files.map(|file| file.unwrap().path());
        paths.find(|path| std::fs::read(path).unwrap() == bytes).expect("an object")
    }

    /// Moves the wall clock.
    pub(crate) fn set_time(&self, wall_s: i64) {
        self.clock.wall_s.store(wall_s, Ordering::SeqCst);
    }

    /// Stops as the binary does, in bounded time.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(DEADLINE, self.task).await.expect("a stop in time").unwrap();
        self.backend.close().await.unwrap();
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection(TcpStream::connect(self.addr).await.unwrap())
    }

    /// Sends a request on a connection of its own.
    pub(crate) async fn send(&self, message: &Message) -> Answer {
        let mut connection = self.connect().await;
        connection.send(&message.bytes()).await;
        connection.answer().await.expect("an answer")
    }

    /// The same for answers without a body.
    pub(crate) async fn send_head(&self, message: &Message) -> Answer {
        let mut connection = self.connect().await;
        connection.send(&message.bytes()).await;
        let mut head = String::new();
        loop {
            let line = connection.line().await;
            if line.is_empty() {
                break;
            }
            head += &(line + "\r\n");
        }
        let head = head.replace("Content-Length", "x-content-length") + "\r\n";
        Answer::read(&mut head.as_bytes()).await.unwrap()
    }

    /// Calls an action with the root key and gives what stands in `Response`. Whatever succeeds is
    /// held against the spec.
    pub(crate) async fn call(&self, action: &str, params: Value) -> Value {
        self.call_as(ROOT, action, params).await
    }

    pub(crate) async fn call_as(&self, key: (&str, &str), action: &str, params: Value) -> Value {
        let now_s = self.clock.wall_s.load(Ordering::SeqCst);
        let message = Message::post(action, params.to_string(), now_s).signed(key);
        let response = self.send(&message).await.response();
        if response.get("Error").is_none() {
            let findings = wire::conformance::check_response(action, &response);
            assert!(findings.is_empty(), "{action}: {findings:?} in {response}");
        }
        response
    }
}

fn puller(library: &Arc<Library>) -> Arc<Puller> {
    let resolver = Arc::new(egress::SystemResolver::default());
    let policy = library.settings().pull.policy.clone();
    let (roots, limits) = (egress::Tls::default(), egress::Limits::default());
    let client = egress::Client::new(policy, resolver, roots, limits).unwrap();
    Puller::new(Arc::clone(library), Arc::new(client))
}

fn worker(
    backend: &Arc<dyn Backend>,
    master: &MasterKey,
    clock: Arc<TestClock>,
    policy: &egress::Policy,
) -> Worker {
    let resolver = Arc::new(egress::SystemResolver::default());
    let (roots, limits) = (egress::Tls::default(), egress::Limits::default());
    let client = egress::Client::new(policy.clone(), resolver, roots, limits).unwrap();
    Worker::new(push::Parts {
        backend: Arc::clone(backend),
        client: Arc::new(client),
        master: master.clone(),
        clock,
        observer: Arc::new(Silent),
        jitter: Arc::new(push::jitter::Fixed(0.5)),
        settings: push::Settings::default(),
    })
}

/// One connection to the server.
pub(crate) struct Connection(TcpStream);

impl Connection {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Sends what the server may refuse to take.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    /// One answer; none if the server ends the connection instead.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        Answer::read(&mut self.0).await
    }

    /// One line without its end.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let byte = tokio::time::timeout(DEADLINE, self.0.read_u8());
            line.push(byte.await.expect("a line in time").unwrap());
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// Waits for the server to end the connection; what it still said.
    pub(crate) async fn closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(DEADLINE, self.0.read_to_end(&mut rest));
        // a reset is an end too
        let _ended = read.await.expect("the server ends the connection in time");
        rest
    }

    /// Whether the connection still stands after a moment in which nothing is expected.
    pub(crate) async fn stands(&mut self, moment: Duration) -> bool {
        let mut byte = [0];
        tokio::time::timeout(moment, self.0.peek(&mut byte)).await.is_err()
    }
}
