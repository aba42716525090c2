//! Clients that break the rules: each costs a bounded time, and none reaches what it should not.

use intercept::{Deadlines, Note};
use tokio::io::AsyncWriteExt as _;

use crate::bed::{Bed, HOST, exchange, impatient, rest_of};

#[tokio::test]
async fn other_hosts_are_refused_and_told_once() {
    let bed = Bed::start(Deadlines::default()).await;
    for request in [
        "CONNECT example.com:443 HTTP/1.1\r\n\r\n",
        "CONNECT example.com:80 HTTP/1.1\r\n\r\n",
        "GET http://example.com/ HTTP/1.1\r\n\r\n",
        "CONNECT 127.0.0.1:22 HTTP/1.1\r\n\r\n",
        "CONNECT [::1]:22 HTTP/1.1\r\n\r\n",
        "CONNECT vod.tencentcloudapi.com.example:443 HTTP/1.1\r\n\r\n",
        "GET http://vod.tencentcloudapi.com@example.net/ HTTP/1.1\r\n\r\n",
    ] {
        let answer = exchange(&mut bed.connect().await, request).await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{request}{answer}");
        assert!(answer.contains("not one of Tencent's upload hosts"), "{answer}");
    }
    let notes = bed.notes.lock().unwrap().clone();
    let told =
        notes.iter().filter(|note| matches!(note, Note::Refused { host } if host == "example.com"));
    assert_eq!((told.count(), notes.len()), (1, 5), "{notes:?}");
}

#[tokio::test]
async fn a_request_for_the_proxy_itself_is_refused() {
    let bed = Bed::start(Deadlines::default()).await;
    let request = "GET / HTTP/1.1\r\nHost: vod.tencentcloudapi.com\r\n\r\n";
    let answer = exchange(&mut bed.connect().await, request).await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
}

#[tokio::test]
async fn a_name_in_tls_that_is_not_that_of_the_connect_ends_the_handshake() {
    let bed = Bed::start(Deadlines::default()).await;
    let stream = bed.tunnel(&format!("{HOST}:443")).await;
    assert!(bed.secure(stream, "a-1.cos.ap-x.myqcloud.com", true).await.is_err());
}

#[tokio::test]
async fn half_a_connect_is_not_waited_for() {
    let bed = Bed::start(impatient()).await;
    let mut stream = bed.connect().await;
    stream.write_all(b"CONNECT vod.tencentcloudapi.com:443 HTT").await.unwrap();
    assert!(!rest_of(&mut stream).await.contains("200"));
}

#[tokio::test]
async fn silence_inside_a_connect_is_not_waited_for() {
    let bed = Bed::start(impatient()).await;
    let mut stream = bed.tunnel(&format!("{HOST}:443")).await;
    assert_eq!(rest_of(&mut stream).await, "");
    // half a ClientHello
    let mut stream = bed.tunnel(&format!("{HOST}:443")).await;
    stream.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap();
    assert_eq!(rest_of(&mut stream).await, "");
}

#[tokio::test]
async fn silence_after_the_handshake_is_not_waited_for() {
    let patient_handshake = Deadlines { handshake: Deadlines::default().handshake, ..impatient() };
    let bed = Bed::start(patient_handshake).await;
    let stream = bed.tunnel(&format!("{HOST}:443")).await;
    let mut tls = bed.secure(stream, HOST, true).await.unwrap();
    assert_eq!(rest_of(&mut tls).await, "");
    // half a request: the server waits for the rest, and then nothing moves
    let stream = bed.tunnel(&format!("{HOST}:443")).await;
    let mut tls = bed.secure(stream, HOST, true).await.unwrap();
    assert_eq!(exchange(&mut tls, "GET / HTTP/1.1\r\n").await, "");
    // the same in absolute form: the body never comes
    let request =
        format!("PUT http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9\r\n\r\n");
    let answer = exchange(&mut bed.connect().await, &request).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 "), "{answer}");
}

#[tokio::test]
async fn what_is_no_tls_is_answered_or_ended() {
    let bed = Bed::start(Deadlines::default()).await;
    let mut stream = bed.tunnel(&format!("{HOST}:443")).await;
    stream.write_all(&[22; 64]).await.unwrap();
    assert!(!rest_of(&mut stream).await.contains("200 OK"));
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let bed = Bed::start(Deadlines::default()).await;
    let filler = "x".repeat(1024 * 1024);
    let request = format!("CONNECT {HOST}:443 HTTP/1.1\r\nX: {filler}\r\n\r\n");
    // the refusal may be lost, because the proxy does not read on
    let answer = exchange(&mut bed.connect().await, &request).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let bytes = [0_u8, 159, 146, 150].repeat(1024);
    let mut stream = bed.connect().await;
    let _refused = stream.write_all(&bytes).await;
    let answer = rest_of(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(bed.reached(), 0, "nothing of it came through");
    let request =
        format!("GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    let answer = exchange(&mut bed.connect().await, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "others are served: {answer}");
    assert_eq!(bed.reached(), 1);
}
