//! Receivers that misbehave: each costs at most its deadline, leaves the right row, and the next
//! event goes out.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use egress::Policy;
use queue::State;
use testkit::receiver::{Reaction, Receiver};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::bed::{APP, Bed, settings};

/// A bare socket that treats its first connection as told; every other one gets 200.
pub(crate) struct Once {
    pub(crate) address: SocketAddr,
    _accepting: AbortOnDropHandle<()>,
}

impl Once {
    pub(crate) async fn start<F>(treat: impl FnOnce(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = TaskTracker::new();
        let accepting = tasks.clone().spawn(async move {
            let (first, _) = listener.accept().await.unwrap();
            tasks.spawn(treat(first));
            while let Ok((mut stream, _)) = listener.accept().await {
                tasks.spawn(async move {
                    read_head(&mut stream).await;
                    write(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
                });
            }
        });
        Self { address, _accepting: AbortOnDropHandle::new(accepting) }
    }
}

pub(crate) async fn read_head(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"}") && stream.read_buf(&mut seen).await.is_ok_and(|n| n > 0) {}
}

pub(crate) async fn write(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    stream.write_all(bytes).await.is_ok()
}

async fn drip(stream: &mut TcpStream, drop: &[u8]) {
    while write(stream, drop).await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What the first event must come to: its state, and the status and error of its row.
pub(crate) struct Expected {
    pub(crate) state: State,
    pub(crate) status: Option<u16>,
    pub(crate) error: &'static str,
}

pub(crate) const fn failed(error: &'static str) -> Expected {
    Expected { state: State::Delayed, status: None, error }
}

pub(crate) const fn delivered(status: u16) -> Expected {
    Expected { state: State::Done, status: Some(status), error: "" }
}

pub(crate) async fn misbehaves<F>(
    expected: Expected,
    treat: impl FnOnce(TcpStream) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (bed, receiver) = (Bed::new(), Once::start(treat).await);
    bed.point(APP, format!("http://{}/", receiver.address)).await;
    let first = bed.publish(APP, 1).await[0];
    let start = Instant::now();
    bed.drive().await;
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert_eq!(bed.state(APP, first).await, expected.state);
    let row = bed.attempts(APP, first).await.remove(0);
    assert_eq!(row.status, expected.status, "{row:?}");
    assert!(row.error.contains(expected.error), "{row:?}");
    assert_eq!(row.error.is_empty(), expected.error.is_empty(), "{row:?}");

    let next = bed.publish(APP, 1).await[0];
    bed.drive().await;
    assert_eq!(bed.state(APP, next).await, State::Done);
    bed.pass(1_000).await;
    bed.drive().await;
    assert_eq!(bed.state(APP, first).await, State::Done);
}

#[tokio::test]
async fn never_answers() {
    misbehaves(failed("no answer in time"), |mut stream| async move {
        let mut sink = Vec::new();
        drop(stream.read_to_end(&mut sink).await);
    })
    .await;
}

#[tokio::test]
async fn drips_headers() {
    misbehaves(failed("no answer in time"), |mut stream| async move {
        read_head(&mut stream).await;
        write(&mut stream, b"HTTP/1.1 200 OK\r\n").await;
        drip(&mut stream, b"X-Drip: 1\r\n").await;
    })
    .await;
}

#[tokio::test]
async fn drips_the_body_after_200() {
    misbehaves(delivered(200), |mut stream| async move {
        read_head(&mut stream).await;
        write(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n").await;
        drip(&mut stream, b"z").await;
    })
    .await;
}

#[tokio::test]
async fn breaks_the_body_off_after_200() {
    misbehaves(delivered(202), |mut stream| async move {
        read_head(&mut stream).await;
        write(&mut stream, b"HTTP/1.1 202 OK\r\nContent-Length: 99999\r\n\r\nxyz").await;
    })
    .await;
}

#[tokio::test]
async fn closes_without_an_answer() {
    misbehaves(failed("the connection ended"), |mut stream| async move {
        read_head(&mut stream).await;
    })
    .await;
}

#[tokio::test]
async fn is_no_http_server() {
    misbehaves(failed("not usable"), |mut stream| async move {
        read_head(&mut stream).await;
        write(&mut stream, b"220 mail.example ESMTP\r\n\r\n").await;
    })
    .await;
}

#[tokio::test]
async fn answers_with_endless_headers() {
    misbehaves(failed("too large"), |mut stream| async move {
        read_head(&mut stream).await;
        write(&mut stream, b"HTTP/1.1 200 OK\r\n").await;
        while write(&mut stream, &b"X-Filler: aaaaaaaaaaaaaaaa\r\n".repeat(100)).await {}
    })
    .await;
}

#[tokio::test]
async fn sends_interim_answers_without_end() {
    misbehaves(failed("too large"), |mut stream| async move {
        read_head(&mut stream).await;
        while write(&mut stream, &b"HTTP/1.1 102 Processing\r\n\r\n".repeat(100)).await {}
    })
    .await;
}

#[tokio::test]
async fn closes_a_kept_connection_without_an_answer() {
    let once = Once::start(|mut stream| async move {
        read_head(&mut stream).await;
        write(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        read_head(&mut stream).await;
    })
    .await;
    let bed = Bed::new();
    bed.point(APP, format!("http://{}/", once.address)).await;
    for _ in 0..2 {
        let id = bed.publish(APP, 1).await[0];
        bed.drive().await;
        assert_eq!(bed.state(APP, id).await, State::Done);
        assert_eq!(bed.attempts(APP, id).await.len(), 1);
    }
}

#[tokio::test]
async fn endless_bodies_are_kept_in_part() {
    for (status, kept) in [(500, 16 * 1024), (200, 1024)] {
        let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
        bed.point(APP, receiver.url("/")).await;
        receiver.next([Reaction::Answer(status, vec![], vec![b'y'; 1_000_000].into())]);
        let id = bed.publish(APP, 1).await[0];
        bed.drive().await;
        let row = bed.attempts(APP, id).await.remove(0);
        assert_eq!((row.status, row.body.len()), (Some(status), kept));
    }
}

#[tokio::test]
async fn redirects_inside_are_failed_attempts() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    let inside = Receiver::start().await.unwrap();
    bed.point(APP, receiver.url("/")).await;
    for status in [301, 302, 303, 307, 308] {
        let location = vec![("location", inside.url("/secret"))];
        receiver.next([Reaction::Answer(status, location, "".into())]);
        let id = bed.publish(APP, 1).await[0];
        bed.drive().await;
        assert_eq!(bed.state(APP, id).await, State::Delayed);
        let row = bed.attempts(APP, id).await.remove(0);
        assert_eq!(row.status, Some(status));
        assert!(row.error.contains("redirects are not followed"), "{row:?}");
    }
    assert!(inside.received().is_empty());
}

#[tokio::test]
async fn refused_addresses_are_failed_attempts_that_name_the_setting() {
    let bed = Bed::with(settings(), Policy::default());
    let receiver = Receiver::start().await.unwrap();
    let port = receiver.url("/").rsplit(':').next().unwrap().to_owned();
    for host in ["127.0.0.1", "localhost", "2130706433", "[::1]", "169.254.169.254", "10.0.0.1"] {
        bed.point(APP, format!("http://{host}:{port}")).await;
        let id = bed.publish(APP, 1).await[0];
        bed.drive().await;
        let row = bed.attempts(APP, id).await.remove(0);
        assert_eq!(row.status, None);
        assert!(row.error.contains("push.allow_targets"), "{host}: {row:?}");
    }
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn nobody_listens() {
    let bed = Bed::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    bed.point(APP, format!("http://{}/", listener.local_addr().unwrap())).await;
    drop(listener);
    let id = bed.publish(APP, 1).await[0];
    bed.drive().await;
    let row = bed.attempts(APP, id).await.remove(0);
    assert!(row.error.starts_with("no connection to 127.0.0.1:"), "{row:?}");
    assert_eq!(bed.state(APP, id).await, State::Delayed);
}
