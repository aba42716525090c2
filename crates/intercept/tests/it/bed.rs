//! A proxy before a server that answers each request with the bytes it got, and raw clients.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use intercept::{Authority, BindError, Deadlines, Note, Proxy, Server, Settings};
use model::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The host that most tests ask for.
pub(crate) const HOST: &str = "vod.tencentcloudapi.com";
/// Long enough for a busy machine, short for a test that fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// What is short in tests that wait for a deadline.
pub(crate) fn impatient() -> Deadlines {
    let short = Duration::from_millis(200);
    Deadlines { head: short, handshake: short, idle: short, ..Deadlines::default() }
}

/// A running proxy.
pub(crate) struct Bed {
    pub(crate) address: SocketAddr,
    pub(crate) notes: Arc<Mutex<Vec<Note>>>,
    /// Connections that the server behind it was given.
    reached: Arc<AtomicUsize>,
    roots: RootCertStore,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Bed {
    /// With a server behind it.
    pub(crate) async fn start(deadlines: Deadlines) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let bed = Self::before(server, deadlines).await;
        let (tasks, reached) = (bed.tasks.clone(), Arc::clone(&bed.reached));
        bed.tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                reached.fetch_add(1, Ordering::SeqCst);
                tasks.spawn(echo(stream));
            }
        });
        bed
    }

    /// With whatever is at that address.
    pub(crate) async fn before(server: SocketAddr, deadlines: Deadlines) -> Self {
        Self::with(server, deadlines, false).await
    }

    /// The same, perhaps with other hosts passed through.
    pub(crate) async fn with(server: SocketAddr, deadlines: Deadlines, pass_through: bool) -> Self {
        let way = (Server::plain(server.to_string()), || None);
        Self::made(way, deadlines, pass_through).await
    }

    /// With a server that is looked for when it is not there.
    pub(crate) async fn looking(
        server: SocketAddr,
        find_again: impl Fn() -> Option<Server> + Send + Sync + 'static,
    ) -> Self {
        let way = (Server::plain(server.to_string()), find_again);
        Self::made(way, Deadlines::default(), false).await
    }

    async fn made(
        (server, find_again): (Server, impl Fn() -> Option<Server> + Send + Sync + 'static),
        deadlines: Deadlines,
        pass_through: bool,
    ) -> Self {
        let authority = Authority::generate(now()).unwrap();
        let mut roots = RootCertStore::empty();
        let pem = authority.certificate_pem().as_bytes();
        roots.add(CertificateDer::from_pem_slice(pem).unwrap()).unwrap();
        let notes = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&notes);
        let settings = Settings {
            server,
            find_again: Arc::new(find_again),
            authority,
            now: now(),
            deadlines,
            pass_through,
            tell: Arc::new(move |note: &Note| told.lock().unwrap().push(note.clone())),
        };
        let proxy = Proxy::bind("127.0.0.1:0".parse().unwrap(), settings).await.unwrap();
        let (address, stop, tasks) =
            (proxy.address(), CancellationToken::new(), TaskTracker::new());
        tasks.spawn(proxy.serve(stop.clone()));
        Self { address, notes, reached: Arc::default(), roots, stop, tasks }
    }

    /// Tries to listen there.
    pub(crate) async fn bind(address: &str) -> Result<Proxy, BindError> {
        let settings = Settings {
            server: Server::plain("127.0.0.1:9"),
            find_again: Arc::new(|| None),
            authority: Authority::generate(now()).unwrap(),
            now: now(),
            deadlines: Deadlines::default(),
            pass_through: false,
            tell: Arc::new(|_note: &Note| {}),
        };
        Proxy::bind(address.parse().unwrap(), settings).await
    }

    /// How often the server behind it was connected to.
    pub(crate) fn reached(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }

    /// Stops the proxy.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// A raw connection to the proxy.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection on which a CONNECT was answered with 200.
    pub(crate) async fn tunnel(&self, target: &str) -> TcpStream {
        let mut stream = self.connect().await;
        let head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = head_of(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        stream
    }

    /// TLS on such a connection, as a client that trusts the authority; `name`: the name that it
    /// expects, sent as SNI if `sni`.
    pub(crate) async fn secure(
        &self,
        stream: TcpStream,
        name: &'static str,
        sni: bool,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.enable_sni = sni;
        let name = ServerName::try_from(name).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

/// The machine's time, because clients check certificates by it.
fn now() -> Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap())
}

/// Answers a request with its own head, then ends.
pub(crate) async fn echo(mut stream: TcpStream) {
    let head = head_of(&mut stream).await;
    let length = head.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nX-Seen: 1\r\n\r\n{head}");
    // a client that has gone needs no answer
    let _gone = stream.write_all(answer.as_bytes()).await;
}

/// Everything up to an empty line, or to the end.
pub(crate) async fn head_of(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let read = async {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => bytes.push(byte),
                Err(_end) => break,
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    timeout(DEADLINE, read).await.expect("no head came")
}

/// Everything to the end of the connection, however it ends.
pub(crate) async fn rest_of(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let read = timeout(DEADLINE, stream.read_to_end(&mut bytes)).await;
    let _however = read.expect("the connection did not end");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends a request and reads to the end.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &str,
) -> String {
    // a refusal may come before all is sent
    let _refused = stream.write_all(request.as_bytes()).await;
    rest_of(stream).await
}
