//! Receivers that reset the connection (RST): before the answer, inside its headers, inside its body.
//! What has been answered by then counts, and nothing else.

use queue::State;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::bed::{APP, Bed};
use crate::hostile::{Expected, Once, delivered, failed, misbehaves, read_head, write};

const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Ends a connection as a crashed machine or an impatient load balancer does.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
    drop(stream);
}

/// The whole request is read, the beginning of an answer written, the connection reset.
async fn resets_after(expected: Expected, beginning: &'static [u8]) {
    misbehaves(expected, move |mut stream| async move {
        read_head(&mut stream).await;
        write(&mut stream, beginning).await;
        reset(stream);
    })
    .await;
}

#[tokio::test]
async fn before_any_answer() {
    resets_after(failed("the connection ended before an answer came"), b"").await;
    misbehaves(failed("the connection ended"), |mut stream| async move {
        stream.read_u8().await.unwrap();
        reset(stream);
    })
    .await;
    // closing with unread bytes resets, too
    misbehaves(failed("the connection ended"), |mut stream| async move {
        stream.read_u8().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn inside_the_headers() {
    for beginning in [
        &b"HTTP/1.1 2"[..],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Half: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        resets_after(failed("the connection ended before an answer came"), beginning).await;
    }
}

#[tokio::test]
async fn inside_the_body() {
    let refused = |status| Expected {
        state: State::Delayed,
        status: Some(status),
        error: "the receiver answered",
    };
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\nhalf";
    resets_after(delivered(200), half).await;
    resets_after(delivered(200), b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n").await;
    let chunk = b"HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwo";
    resets_after(delivered(201), chunk).await;
    resets_after(delivered(200), b"HTTP/1.0 200 OK\r\n\r\nuntil the end").await;
    resets_after(refused(500), b"HTTP/1.1 500 No\r\nContent-Length: 99999\r\n\r\nhalf").await;
}

/// A connection that served one event and is then treated so; the second event's state, and its
/// attempts.
async fn second_on_a_kept_connection(beginning: &'static [u8]) -> (State, Vec<queue::Attempt>) {
    let once = Once::start(move |mut stream| async move {
        read_head(&mut stream).await;
        write(&mut stream, EMPTY).await;
        read_head(&mut stream).await;
        write(&mut stream, beginning).await;
        reset(stream);
    })
    .await;
    let bed = Bed::new();
    bed.point(APP, format!("http://{}/", once.address)).await;
    bed.publish(APP, 1).await;
    bed.drive().await;
    let second = bed.publish(APP, 1).await[0];
    bed.drive().await;
    let seen = (bed.state(APP, second).await, bed.attempts(APP, second).await);
    let third = bed.publish(APP, 1).await[0];
    bed.drive().await;
    assert_eq!(bed.state(APP, third).await, State::Done);
    seen
}

#[tokio::test]
async fn on_a_kept_connection() {
    // nothing had been answered: it goes out again within the same attempt
    let (state, attempts) = second_on_a_kept_connection(b"").await;
    assert_eq!((state, attempts.len()), (State::Done, 1));
    let (state, attempts) = second_on_a_kept_connection(b"HTTP/1.1 200 OK\r\nX-").await;
    assert_eq!((state, attempts.len()), (State::Delayed, 1));
    assert!(attempts[0].error.contains("the connection ended"), "{attempts:?}");
}
