//! Other hosts, with `--pass-through`.

use std::net::SocketAddr;

use intercept::Deadlines;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::bed::{Bed, echo, exchange, impatient, rest_of};

/// Another host: answers each request with its head.
async fn host() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    TaskTracker::new().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            echo(stream).await;
        }
    });
    address
}

/// Nobody is meant to be asked for it.
fn nowhere() -> SocketAddr {
    "127.0.0.1:9".parse().unwrap()
}

#[tokio::test]
async fn another_host_gets_the_bytes_of_a_connect() {
    let (host, bed) = (host().await, Bed::with(nowhere(), Deadlines::default(), true).await);
    let mut stream = bed.tunnel(&host.to_string()).await;
    let request = "ODD / HTTP/1.1\r\nHost: odd\r\n\r\n";
    assert!(exchange(&mut stream, request).await.ends_with(request));
}

#[tokio::test]
async fn another_host_gets_plain_requests_in_its_own_form() {
    let (host, bed) = (host().await, Bed::with(nowhere(), Deadlines::default(), true).await);
    let request = format!(
        "GET http://u:p@{host}/a?b HTTP/1.1\r\nHost: other\r\nProxy-Authorization: x\r\n\
         Connection: close\r\n\r\n"
    );
    let answer = exchange(&mut bed.connect().await, &request).await;
    assert!(answer.contains("GET /a?b HTTP/1.1\r\n"), "{answer}");
    assert!(answer.contains(&format!("Host: {host}\r\n")), "{answer}");
    assert!(!answer.contains("other") && !answer.contains("Proxy-"), "{answer}");
    assert!(!answer.contains("u:p"), "{answer}");
    let request = format!("GET https://{host}/ HTTP/1.1\r\n\r\n");
    let answer = exchange(&mut bed.connect().await, &request).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

#[tokio::test]
async fn the_proxy_never_calls_itself_and_says_what_it_cannot_reach() {
    let bed = Bed::with(nowhere(), Deadlines::default(), true).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for target in [
        format!("127.0.0.1:{}", bed.address.port()),
        format!("localhost:{}", bed.address.port()),
        nobody.to_string(),
        "169.254.169.254:80".to_owned(),
        "0.0.0.0:80".to_owned(),
    ] {
        let request = format!("CONNECT {target} HTTP/1.1\r\n\r\n");
        let answer = exchange(&mut bed.connect().await, &request).await;
        assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{target}: {answer}");
    }
}

#[tokio::test]
async fn silence_is_not_waited_for() {
    let bed = Bed::with(nowhere(), impatient(), true).await;
    let mut stream = bed.tunnel(&host().await.to_string()).await;
    assert_eq!(rest_of(&mut stream).await, "");
}
