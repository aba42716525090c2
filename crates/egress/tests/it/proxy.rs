//! Through a proxy: what it is told, what goes inside, and what its failures come to.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use egress::{
    Client, Exchange, ExchangeError, Limits, Policy, Query, Refusal, Resolve, SystemResolver, Tls,
};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use crate::exchange::{loopback, request};
use crate::receiver::{Receiver, read_request, wait_closed, write};

/// Finds one public address for every name.
#[derive(Debug)]
struct Public;

#[async_trait]
impl Resolve for Public {
    async fn resolve(&self, query: Query<'_>) -> io::Result<Vec<SocketAddr>> {
        let Query { host, port, .. } = query;
        let address = if host == "inside.example" { [10, 0, 0, 1] } else { [93, 184, 216, 34] };
        Ok(vec![SocketAddr::from((address, port))])
    }
}

/// What a proxy was asked.
type Asked = Arc<Mutex<Vec<String>>>;

/// A proxy that gives `answer` to CONNECT and leads on to `to`, whatever it is asked for.
async fn proxy(answer: &'static str, to: Option<SocketAddr>) -> (Receiver, Asked) {
    let asked = Asked::default();
    let heard = Arc::clone(&asked);
    let proxy = Receiver::start(move |mut stream, _| {
        let heard = Arc::clone(&heard);
        async move {
            let request = read_request(&mut stream).await;
            heard.lock().unwrap().push(request);
            write(&mut stream, answer.as_bytes()).await;
            match to {
                Some(to) => {
                    let mut inner = TcpStream::connect(to).await.unwrap();
                    let _ended = copy_bidirectional(&mut stream, &mut inner).await;
                }
                None => wait_closed(&mut stream).await,
            }
        }
    })
    .await;
    (proxy, asked)
}

fn client(proxy: &Receiver) -> Client {
    let proxy = format!("http://me:secret@{}", proxy.address).parse().unwrap();
    let client =
        Client::new(Policy::default(), Arc::new(Public), Tls::default(), Limits::default());
    client.unwrap().through(proxy)
}

async fn receiver() -> Receiver {
    Receiver::start(|mut stream, _| async move {
        let mut request = read_request(&mut stream).await;
        while !request.is_empty() {
            let host =
                request.lines().find(|line| line.to_lowercase().starts_with("host")).unwrap();
            let (status, length) = ("HTTP/1.1 200 OK", host.len());
            write(
                &mut stream,
                format!("{status}\r\nContent-Length: {length}\r\n\r\n{host}").as_bytes(),
            )
            .await;
            request = read_request(&mut stream).await;
        }
    })
    .await
}

#[tokio::test]
async fn it_is_told_the_checked_address_and_the_name_travels_inside() {
    let receiver = receiver().await;
    let (proxy, asked) = proxy("HTTP/1.1 200 Established\r\n\r\n", Some(receiver.address)).await;
    let client = client(&proxy);
    for _ in 0..2 {
        let exchange =
            client.exchange(request("http://hooks.example:8080/vod", 5_000)).await.unwrap();
        assert_eq!(exchange.body.to_ascii_lowercase(), b"host: hooks.example:8080");
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 1, "the tunnel is used again");
    assert!(asked[0].starts_with("CONNECT 93.184.216.34:8080 HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[0].contains("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n"), "{}", asked[0]);
    assert!(!asked[0].contains("hooks.example"));
}

#[tokio::test]
async fn what_may_not_be_called_is_not_asked_of_it() {
    let (proxy, asked) = proxy("HTTP/1.1 200 OK\r\n\r\n", None).await;
    for url in ["http://inside.example/", "http://192.168.0.1/", "http://169.254.169.254/"] {
        let result = client(&proxy).exchange(request(url, 5_000)).await;
        let refused = matches!(result, Err(ExchangeError::Refused(Refusal::Address { .. })));
        assert!(refused, "{url}: {result:?}");
    }
    assert_eq!(asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn our_own_listeners_are_no_target_of_it_either() {
    // the address that this machine has outside; nothing is sent to find it
    let outside = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    if outside.connect("192.0.2.1:9").is_err() {
        return; // it has none
    }
    let own = outside.local_addr().unwrap().ip();
    let (proxy, asked) = proxy("HTTP/1.1 403 No\r\n\r\n", None).await;
    let policy = Policy {
        allow: vec!["0.0.0.0/0".parse().unwrap()],
        forbidden: vec!["0.0.0.0:8800".parse().unwrap()],
        ..Policy::default()
    };
    let client = Client::new(policy, Arc::new(Public), Tls::default(), Limits::default());
    let client = client.unwrap().through(format!("http://{}", proxy.address).parse().unwrap());
    let result = client.exchange(request(&format!("http://{own}:8800/"), 5_000)).await;
    let refused = matches!(result, Err(ExchangeError::Refused(Refusal::OwnListener(_))));
    assert!(refused, "{result:?}");
    assert!(asked.lock().unwrap().is_empty());
    // another port of the same machine is not ours
    client.exchange(request(&format!("http://{own}:8801/"), 5_000)).await.unwrap_err();
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn loopback_targets_are_this_machines_own() {
    let receiver = receiver().await;
    let (proxy, asked) = proxy("HTTP/1.1 502 Bad Gateway\r\n\r\n", None).await;
    let through = format!("http://{}", proxy.address).parse().unwrap();
    let resolver = Arc::new(SystemResolver::default());
    let client = Client::new(loopback(), resolver, Tls::default(), Limits::default());
    let client = client.unwrap().through(through);
    let exchange = client.exchange(request(&receiver.url(), 5_000)).await.unwrap();
    assert_eq!((exchange.status.as_u16(), asked.lock().unwrap().len()), (200, 0));
}

/// What an exchange through a proxy that answers so comes to.
async fn failed(answer: &'static str, timeout_ms: u64) -> Result<Exchange, ExchangeError> {
    let (proxy, _) = proxy(answer, None).await;
    client(&proxy).exchange(request("https://hooks.example/vod", timeout_ms)).await
}

#[tokio::test]
async fn its_refusals_are_told() {
    for (answer, reason) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy answered 407 Proxy Auth"),
        (
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
            "the proxy answered 502 Bad Gateway",
        ),
        ("SSH-2.0-OpenSSH_9\r\n\r\n", "no HTTP"),
    ] {
        let error = failed(answer, 5_000).await.unwrap_err();
        assert!(matches!(error, ExchangeError::Connect { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn one_that_hangs_or_never_ends_its_head_is_left_in_time() {
    for answer in ["", "HTTP/1.1 200 OK\r\nX-Slow: "] {
        let error = failed(answer, 300).await.unwrap_err();
        let late = matches!(error, ExchangeError::TimedOut | ExchangeError::Connect { .. });
        assert!(late, "{error:?}");
    }
    let huge: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(9_000)).into());
    let error = failed(huge, 5_000).await.unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
}

#[tokio::test]
async fn one_that_is_not_there_is_told() {
    let (gone, _) = proxy("", None).await;
    let client = client(&gone);
    drop(gone);
    let error = client.exchange(request("http://hooks.example/vod", 5_000)).await.unwrap_err();
    assert!(error.to_string().contains("the proxy 127.0.0.1:"), "{error}");
}
