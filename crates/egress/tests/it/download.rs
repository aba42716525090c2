//! Downloads: bodies of any length, the way there through redirects, and connections for more than one.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use egress::{
    Client, ExchangeError, Fetch, FetchError, Limits, Patience, Policy, Refusal, Resume,
    SystemResolver, Tls,
};
use tokio::time::Instant;
use url::Url;

use crate::exchange::loopback;
use crate::receiver::{Receiver, read_request, wait_closed, write};

fn client(policy: Policy) -> Client {
    let resolver = Arc::new(SystemResolver::default());
    Client::new(policy, resolver, Tls::default(), Limits::default()).unwrap()
}

fn fetch(url: &str) -> Fetch {
    Fetch {
        url: Url::parse(url).unwrap(),
        resume: None,
        part: None,
        owner: Some(1),
        patience: Patience {
            head: Duration::from_secs(5),
            window: Duration::from_millis(300),
            window_bytes: 1000,
            redirects: 2,
        },
        deadline: Instant::now() + Duration::from_secs(20),
    }
}

async fn whole(client: &Client, fetch: &Fetch) -> Result<Vec<u8>, FetchError> {
    let mut download = client.download(fetch).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = download.next().await? {
        bytes.extend_from_slice(&piece);
    }
    assert_eq!(download.next().await.unwrap(), None, "the end stays the end");
    Ok(bytes)
}

/// What is far larger than any limit of an exchange comes whole, and its connection serves the next.
#[tokio::test]
async fn a_connection_serves_one_file_after_another() {
    const LENGTH: usize = 3_000_000;
    let receiver = Receiver::start(|mut stream, _| async move {
        while !read_request(&mut stream).await.is_empty() {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
            write(&mut stream, head.as_bytes()).await;
            write(&mut stream, &vec![7; LENGTH]).await;
        }
    })
    .await;
    let client = client(loopback());
    for _ in 0..3 {
        let bytes = whole(&client, &fetch(&receiver.url())).await.unwrap();
        assert!(bytes == vec![7; LENGTH]);
    }
    assert_eq!(receiver.connections(), 1);
    // one that is given up in the middle serves nobody else
    let mut download = client.download(&fetch(&receiver.url())).await.unwrap();
    download.next().await.unwrap().unwrap();
    assert_eq!((download.start, download.total), (0, Some(LENGTH.try_into().unwrap())));
    drop(download);
    whole(&client, &fetch(&receiver.url())).await.unwrap();
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn the_rest_of_a_file_is_asked_for_with_its_validator() {
    let receiver = Receiver::start(|mut stream, _| async move {
        let request = read_request(&mut stream).await.to_lowercase();
        let asked = request.contains("range: bytes=5-") && request.contains("if-range: \"v\"");
        assert!(asked && !request.contains("content-length"), "{request}");
        let answer = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/10\r\n\
                      Content-Length: 5\r\nETag: \"v\"\r\n\r\n56789";
        write(&mut stream, answer.as_bytes()).await;
        wait_closed(&mut stream).await;
    })
    .await;
    let resume = Some(Resume { start: 5, validator: "\"v\"".to_owned() });
    let rest = Fetch { resume, ..fetch(&receiver.url()) };
    let client = client(loopback());
    let mut download = client.download(&rest).await.unwrap();
    assert_eq!((download.start, download.total), (5, Some(10)));
    assert_eq!(download.validator.as_deref(), Some("\"v\""));
    assert_eq!(download.next().await.unwrap().unwrap(), "56789");
    let other = Resume { start: 6, validator: "\"v\"".to_owned() };
    drop(download);
    let receiver = Receiver::start(|mut stream, _| async move {
        read_request(&mut stream).await;
        write(&mut stream, b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/10\r\n\r\n")
            .await;
    })
    .await;
    let error = whole(&client, &Fetch { resume: Some(other), ..fetch(&receiver.url()) }).await;
    assert!(matches!(error, Err(FetchError::Range)), "{error:?}");
}

#[tokio::test]
async fn a_part_of_a_file_is_that_part_or_nothing() {
    let told = async |head: &'static str, part: RangeInclusive<u64>| {
        let receiver = Receiver::start(move |mut stream, _| async move {
            let request = read_request(&mut stream).await.to_lowercase();
            assert!(
                request.contains("range: bytes=") && !request.contains("if-range"),
                "{request}"
            );
            write(&mut stream, format!("HTTP/1.1 {head}\r\n\r\n56789").as_bytes()).await;
        })
        .await;
        let part = Fetch { part: Some(part), ..fetch(&receiver.url()) };
        whole(&client(loopback()), &part).await
    };
    let partial = "206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 5-9/10";
    assert_eq!(told(partial, 5..=9).await.unwrap(), b"56789");
    let all = "200 OK\r\nContent-Length: 5";
    assert_eq!(told(all, 0..=4).await.unwrap(), b"56789");
    for (head, part) in [(all, 5..=9), (partial, 4..=9), (partial, 0..=4)] {
        let error = told(head, part).await;
        assert!(matches!(error, Err(FetchError::Range)), "{head}: {error:?}");
    }
}

/// A redirect is a new target: what may not be called may not be redirected to.
#[tokio::test]
async fn a_redirect_is_checked_like_the_first_url() {
    let listed = Policy { allow: vec!["127.0.0.1".parse().unwrap()], ..Policy::default() };
    for (to, count) in [("http://127.0.0.2/", 1), ("http://[::1]/", 1), ("/again", 3)] {
        let receiver = Receiver::start(move |mut stream, _| async move {
            read_request(&mut stream).await;
            let head = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            write(&mut stream, head.as_bytes()).await;
            wait_closed(&mut stream).await;
        })
        .await;
        let error = whole(&client(listed.clone()), &fetch(&receiver.url())).await.unwrap_err();
        let fits = match to {
            "/again" => matches!(error, FetchError::Redirects(2)),
            _ => matches!(
                error,
                FetchError::Exchange(ExchangeError::Refused(Refusal::Address { .. }))
            ),
        };
        assert!(fits, "{to}: {error}");
        assert_eq!(receiver.connections(), count);
    }
}

/// Only time spent waiting for the source counts against it.
#[tokio::test]
async fn a_slow_reader_is_not_the_sources_fault() {
    let receiver = Receiver::start(|mut stream, _| async move {
        read_request(&mut stream).await;
        write(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789").await;
        write(&mut stream, b"0123456789").await;
        wait_closed(&mut stream).await;
    })
    .await;
    let client = client(loopback());
    let mut download = client.download(&fetch(&receiver.url())).await.unwrap();
    let mut bytes = Vec::new();
    while bytes.len() < 20 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        bytes.extend_from_slice(&download.next().await.unwrap().unwrap());
    }
    assert_eq!(download.next().await.unwrap(), None);
}
