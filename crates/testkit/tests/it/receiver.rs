//! Receivers: what comes is recorded, what was told is done.

use std::time::Duration;

use testkit::receiver::{Reaction, Receiver};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Posts a small body by hand; everything that comes back until the connection is closed.
async fn post(receiver: &Receiver, body: &str) -> String {
    let url = receiver.url("/hook?a=b");
    let address = url.trim_start_matches("http://").split('/').next().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head = "POST /hook?a=b HTTP/1.1\r\nhost: x\r\nx-n: 7\r\nconnection: close\r\n";
    let request = format!("{head}content-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_receiver_does_as_told() {
    let receiver = Receiver::start().await.unwrap();
    receiver.next([Reaction::status(503), Reaction::Close]);
    assert!(post(&receiver, "{}").await.starts_with("HTTP/1.1 503 "));
    assert_eq!(post(&receiver, "{}").await, "");
    assert!(post(&receiver, r#"{"n":3}"#).await.starts_with("HTTP/1.1 200 "));
    receiver.script(|received| Reaction::status(if received.body.is_empty() { 400 } else { 204 }));
    assert!(post(&receiver, "x").await.starts_with("HTTP/1.1 204 "));

    let all = receiver.wait_for(4, Duration::from_secs(10)).await.unwrap();
    assert_eq!(all[2].json()["n"], 3);
    assert_eq!(all[2].target, "/hook?a=b");
    assert_eq!(all[2].header("x-n"), "7");
    assert!(all[3].json().is_null());
    let late = receiver.wait_for(5, Duration::from_millis(20)).await.unwrap_err();
    assert!(late.to_string().contains("only 4 requests have come"), "{late}");
}
