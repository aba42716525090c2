//! Bodies that leave in pieces.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use egress::{Client, Limits, Pace, Request, SystemResolver, Tls};
use tokio::io::AsyncReadExt as _;

use crate::exchange::{loopback, request};
use crate::receiver::{Receiver, write};

/// What arrives of a body of 27 bytes that leaves at that pace, up to `end`.
async fn arrives(chunked: bool, end: &'static str) -> String {
    let seen = Arc::new(Mutex::new(String::new()));
    let record = Arc::clone(&seen);
    let receiver = Receiver::start(move |mut stream, _| {
        let record = Arc::clone(&record);
        async move {
            let mut bytes = Vec::new();
            while !bytes.ends_with(end.as_bytes()) {
                if stream.read_buf(&mut bytes).await.unwrap() == 0 {
                    return;
                }
            }
            *record.lock().unwrap() = String::from_utf8(bytes).unwrap();
            write(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    })
    .await;
    let resolver = Arc::new(SystemResolver::default());
    let client = Client::new(loopback(), resolver, Tls::default(), Limits::default()).unwrap();
    let pace = Pace { piece_bytes: 10, pause: Duration::from_millis(30), chunked };
    let paced = Request { pace: Some(pace), ..request(&receiver.url(), 5_000) };
    let exchange = client.exchange(paced.clone()).await.unwrap();
    assert_eq!(exchange.status.as_u16(), 204);
    assert!(exchange.duration >= Duration::from_millis(60), "two pauses lie between three pieces");
    let seen = seen.lock().unwrap();
    seen.to_ascii_lowercase()
}

#[tokio::test]
async fn a_slow_body_has_its_length() {
    let seen = arrives(false, "leted\"}").await;
    assert!(seen.contains("content-length: 27\r\n") && !seen.contains("chunked"), "{seen}");
    assert!(seen.ends_with("\r\n\r\n{\"eventtype\":\"filedeleted\"}"), "{seen}");
}

#[tokio::test]
async fn a_body_in_chunks_says_so() {
    let seen = arrives(true, "\r\n0\r\n\r\n").await;
    assert!(seen.contains("transfer-encoding: chunked\r\n"), "{seen}");
    assert!(!seen.contains("content-length"), "{seen}");
    let chunks = "\r\n\r\na\r\n{\"eventtyp\r\na\r\ne\":\"filede\r\n7\r\nleted\"}\r\n0\r\n\r\n";
    assert!(seen.ends_with(chunks), "{seen}");
}
