//! A server that files are pulled from, as good or as bad as a test wants it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What is done with one request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends these bytes and ends the connection.
    Raw(Vec<u8>),
    /// Sends these bytes and then nothing.
    Hold(Vec<u8>),
    /// Sends these bytes and then one byte every 5 ms.
    Drip(Vec<u8>),
    /// Sends these bytes and then chunks without end.
    Endless(Vec<u8>),
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) head: String,
}

impl Asked {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The first byte of Range.
    pub(crate) fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

type Handler = dyn Fn(&Asked, usize) -> Act + Send + Sync;

pub(crate) struct Source {
    pub(crate) addr: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Source {
    /// `act` gets each request and how many of the same path came before it.
    pub(crate) async fn start(act: impl Fn(&Asked, usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let act: Arc<Handler> = Arc::new(act);
        let (log, until, others) = (Arc::clone(&asked), stop.clone(), tracker.clone());
        tracker.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = until.cancelled() => return,
                    accepted = listener.accept() => accepted.unwrap().0,
                };
                let (act, log, until) = (Arc::clone(&act), Arc::clone(&log), until.clone());
                others.spawn(async move {
                    tokio::select! {
                        () = until.cancelled() => {}
                        () = serve(accepted, &*act, &log) => {}
                    }
                });
            }
        });
        Self { addr, asked, stop, tracker }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// What was asked for so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

async fn serve(mut stream: TcpStream, act: &Handler, log: &Mutex<Vec<Asked>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_gone) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let asked = Asked { path, head };
    let before = {
        let mut log = log.lock().unwrap();
        log.push(asked.clone());
        log.iter().filter(|other| other.path == asked.path).count() - 1
    };
    // whoever has had enough closes the connection, and a test looks at what became of the pull
    let _gone = play(&mut stream, act(&asked, before)).await;
}

async fn play(stream: &mut TcpStream, act: Act) -> std::io::Result<()> {
    match act {
        Act::Raw(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Act::Hold(bytes) => {
            stream.write_all(&bytes).await?;
            std::future::pending().await
        }
        Act::Drip(bytes) => {
            stream.write_all(&bytes).await?;
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                stream.write_all(b"x").await?;
            }
        }
        Act::Endless(bytes) => {
            stream.write_all(&bytes).await?;
            let chunk = [b"10000\r\n".as_slice(), &vec![7; 0x1_0000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk).await?;
            }
        }
    }
}

/// An answer with these header lines and this body.
pub(crate) fn answer(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for line in headers {
        head.push_str(line);
        head.push_str("\r\n");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// A whole file.
pub(crate) fn file(body: &[u8]) -> Act {
    Act::Raw(answer("200 OK", &[&format!("Content-Length: {}", body.len())], body))
}

pub(crate) fn status(status: &str) -> Act {
    Act::Raw(answer(status, &["Content-Length: 0"], b""))
}

pub(crate) fn redirect(to: &str) -> Act {
    Act::Raw(answer("302 Found", &[&format!("Location: {to}"), "Content-Length: 0"], b""))
}

/// The head of a file of which less comes than is promised.
pub(crate) fn promise(len: usize, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {len}");
    answer("200 OK", &[&[length.as_str()], headers].concat(), body)
}
