//! Receivers whose answers bend HTTP, come too early, are too large or ask for a pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use queue::State;
use testkit::receiver::{Reaction, Receiver};
use tokio::io::AsyncReadExt;

use crate::bed::{APP, Bed};
use crate::hostile::{Expected, Once, delivered, failed, misbehaves, read_head, write};

/// An answer that came and is no success.
const fn answered(status: u16) -> Expected {
    Expected { state: State::Delayed, status: Some(status), error: "the receiver answered" }
}

/// The whole request is read, `answer` written, the connection closed.
async fn says(expected: Expected, answer: &'static [u8]) {
    misbehaves(expected, move |mut stream| async move {
        read_head(&mut stream).await;
        write(&mut stream, answer).await;
    })
    .await;
}

#[tokio::test]
async fn http_1_0_is_understood() {
    says(delivered(200), b"HTTP/1.0 200 OK\r\n\r\n").await;
    says(delivered(200), b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end").await;
    says(answered(500), b"HTTP/1.0 500 No\r\nContent-Length: 2\r\n\r\nno").await;
}

#[tokio::test]
async fn invalid_status_lines_are_no_answers() {
    for line in [
        &b"HTTP/1.1\r\n\r\n"[..],
        b"HTTP/1.1 \r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 -20 OK\r\n\r\n",
        b"HTTP/1.1 099 Low\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"200 OK\r\n\r\n",
        b"\x16\x03\x03\x00\x02\x02\x28\r\n\r\n",
        b"HTTP/1.1 200 OK\0\r\n\r\n",
    ] {
        says(failed("not usable"), line).await;
    }
}

#[tokio::test]
async fn unknown_statuses_are_failed_attempts() {
    says(answered(600), b"HTTP/1.1 600 What\r\nContent-Length: 0\r\n\r\n").await;
    says(answered(999), b"HTTP/1.1 999\r\nContent-Length: 0\r\n\r\n").await;
    says(answered(101), b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n").await;
}

#[tokio::test]
async fn interim_answers_before_the_right_one_are_passed_over() {
    let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n\
                   HTTP/1.1 204 No Content\r\n\r\n";
    says(delivered(204), answer).await;
}

#[tokio::test]
async fn an_answer_before_the_request_is_read_counts() {
    misbehaves(delivered(200), |mut stream| async move {
        let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        write(&mut stream, answer).await;
        // kept open and never read, so that nothing resets it
        std::future::pending::<()>().await;
    })
    .await;
    misbehaves(answered(413), |mut stream| async move {
        stream.read_u8().await.unwrap();
        let answer = b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        write(&mut stream, answer).await;
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest).await);
    })
    .await;
}

/// 100 MB, of which only what the status allows is taken: the rest stays with the sender.
async fn writes_100_mb(status: u16, state: State, kept: usize) {
    const PIECE: usize = 16 * 1024;
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let once = Once::start(move |mut stream| async move {
        read_head(&mut stream).await;
        let head = format!("HTTP/1.1 {status} x\r\nContent-Length: 100000000\r\n\r\n");
        write(&mut stream, head.as_bytes()).await;
        while count.load(Ordering::SeqCst) < 100_000_000 && write(&mut stream, &[b'y'; PIECE]).await
        {
            count.fetch_add(PIECE, Ordering::SeqCst);
        }
    })
    .await;
    let bed = Bed::new();
    bed.point(APP, format!("http://{}/", once.address)).await;
    let first = bed.publish(APP, 1).await[0];
    bed.drive().await;
    assert_eq!(bed.state(APP, first).await, state);
    let row = bed.attempts(APP, first).await.remove(0);
    assert_eq!((row.status, row.body.len()), (Some(status), kept));
    // what both kernels hold is a few MB at most
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < 32_000_000, "{sent} bytes were taken");
    let next = bed.publish(APP, 1).await[0];
    bed.drive().await;
    assert_eq!(bed.state(APP, next).await, State::Done);
}

#[tokio::test]
async fn answers_of_100_mb_are_not_drained() {
    writes_100_mb(200, State::Done, 1024).await;
    writes_100_mb(500, State::Delayed, 16 * 1024).await;
}

#[tokio::test]
async fn retry_after_is_obeyed_in_seconds_and_as_a_date() {
    // the date is 30 s after the bed's clocks begin
    for status in [429, 503] {
        for value in ["30", "Tue, 14 Nov 2023 22:13:50 GMT"] {
            let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
            bed.point(APP, receiver.url("/")).await;
            let headers = vec![("retry-after", value.to_owned())];
            receiver.next([Reaction::Answer(status, headers, "later".into())]);
            let first = bed.publish(APP, 1).await[0];
            bed.drive().await;
            let row = bed.attempts(APP, first).await.remove(0);
            assert_eq!((row.status, &*row.body), (Some(status), &b"later"[..]));
            let next = bed.publish(APP, 1).await[0];
            bed.pass(29_999).await;
            bed.drive().await;
            assert_eq!(receiver.received().len(), 1, "{status} {value}: the pause is kept");
            bed.pass(1).await;
            bed.drive().await;
            assert_eq!(bed.state(APP, first).await, State::Done, "{status} {value}");
            assert_eq!(bed.state(APP, next).await, State::Done, "{status} {value}");
        }
    }
}
