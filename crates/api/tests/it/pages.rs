//! Pages that are not the API's: the same bounds on whoever asks for them.

use std::net::SocketAddr;
use std::time::Duration;

use api::Transport;
use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::message::{Answer, DEADLINE, Message};

struct Pages {
    addr: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Pages {
    async fn start(change: impl FnOnce(&mut Transport)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/take", post(async |body: Bytes| body));
        let mut transport = Transport { drain: Duration::from_millis(100), ..Transport::default() };
        change(&mut transport);
        let stop = CancellationToken::new();
        let serving = api::serve_router(listener, router, transport, stop.clone());
        #[expect(clippy::disallowed_methods, reason = "the test waits for it in `stop`")]
        let task = tokio::spawn(serving);
        Self { addr, stop, task }
    }

    async fn sent(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    async fn works(&self) {
        let mut stream = self.sent(&Message::new("GET", "/healthz").bytes()).await;
        assert_eq!(Answer::read(&mut stream).await.unwrap().body, b"ok\n");
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.task).await.expect("a stop in time").unwrap();
    }
}

async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest));
    // a reset is an end too
    let _ended = read.await.expect("the server ends the connection in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_head_ends_at_its_deadline() {
    let pages = Pages::start(|transport| {
        transport.header_read = Duration::from_millis(200);
    })
    .await;
    closed(&mut pages.sent(b"GET /healthz HT").await).await;
    pages.works().await;
    pages.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_body_is_answered_at_its_deadline() {
    let pages = Pages::start(|transport| {
        transport.body_read = Duration::from_millis(200);
    })
    .await;
    let mut half =
        pages.sent(&Message::new("POST", "/take").with("Content-Length", "9").bytes()).await;
    assert_eq!(Answer::read(&mut half).await.unwrap().status, 408);
    pages.works().await;
    pages.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_keeps_quiet_makes_room() {
    let pages = Pages::start(|transport| {
        transport.connections = 2;
        transport.make_room_after = Duration::from_millis(50);
        transport.header_read = Duration::from_mins(10);
        transport.keep_alive_of_stranger = Duration::from_mins(10);
    })
    .await;
    let mut first = pages.sent(b"").await;
    let _second = pages.sent(b"GET").await;
    pages.works().await;
    closed(&mut first).await;
    pages.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_half_a_request() {
    let pages = Pages::start(|_| ()).await;
    let _head = pages.sent(b"GET /healthz HT").await;
    let _body =
        pages.sent(&Message::new("POST", "/take").with("Content-Length", "9").bytes()).await;
    pages.works().await;
    let begun = tokio::time::Instant::now();
    pages.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
