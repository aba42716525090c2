//! Exchanges with receivers that misbehave in every way that a socket allows.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use egress::{
    Class, Client, Exchange, ExchangeError, Limits, Policy, Query, Refusal, Request, Resolve,
    SystemResolver, Tls,
};
use http::{HeaderMap, Method, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use url::Url;

use crate::receiver::{Receiver, read_request, wait_closed, write};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

pub(crate) fn loopback() -> Policy {
    Policy { allow_loopback: true, ..Policy::default() }
}

fn client() -> Client {
    Client::new(loopback(), Arc::new(SystemResolver::default()), Tls::default(), Limits::default())
        .unwrap()
}

pub(crate) fn request(url: &str, timeout_ms: u64) -> Request {
    Request {
        method: Method::POST,
        url: Url::parse(url).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{\"EventType\":\"FileDeleted\"}"),
        pace: None,
        owner: Some(1),
        timeout: Duration::from_millis(timeout_ms),
    }
}

/// Sends to a receiver that treats its first connection so: read the request, then write `answer`
/// and close.
async fn answered(answer: &'static [u8]) -> Result<Exchange, ExchangeError> {
    let receiver = Receiver::start(move |mut stream, _| async move {
        read_request(&mut stream).await;
        write(&mut stream, answer).await;
    })
    .await;
    client().exchange(request(&receiver.url(), 5_000)).await
}

#[tokio::test]
async fn the_request_is_what_was_asked_for() {
    let seen = Arc::new(Mutex::new(String::new()));
    let store = Arc::clone(&seen);
    let receiver = Receiver::start(move |mut stream, _| {
        let store = Arc::clone(&store);
        async move {
            *store.lock().unwrap() = read_request(&mut stream).await;
            write(&mut stream, OK).await;
        }
    })
    .await;
    let mut request = request(&receiver.url(), 5_000);
    request.headers.insert("webhook-id", "9f2c61aa-42".parse().unwrap());
    let exchange = client().exchange(request).await.unwrap();
    assert_eq!((exchange.status, &exchange.body[..]), (StatusCode::OK, &b"ok"[..]));
    assert_eq!(exchange.body_error, None);
    let seen = seen.lock().unwrap().to_ascii_lowercase();
    assert!(seen.starts_with("post /hook?a=1 http/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("\r\nhost: {}\r\n", receiver.address)));
    assert!(seen.contains("\r\nwebhook-id: 9f2c61aa-42\r\n"));
    assert!(seen.contains("\r\ncontent-length: 27\r\n"));
    assert!(!seen.contains("cookie") && !seen.contains("transfer-encoding"));
    assert!(seen.ends_with("\r\n\r\n{\"eventtype\":\"filedeleted\"}"));
}

#[tokio::test]
async fn connections_are_reused() {
    let receiver = Receiver::start(|mut stream, _| async move {
        while !read_request(&mut stream).await.is_empty() {
            write(&mut stream, OK).await;
        }
    })
    .await;
    let client = client();
    for number in 0..20 {
        let exchange = client.exchange(request(&receiver.url(), 5_000)).await.unwrap();
        assert_eq!(exchange.reused, number > 0);
    }
    assert_eq!(receiver.connections(), 1);
}

/// Sends that many requests at the same time.
async fn at_once(client: &Arc<Client>, urls: Vec<String>) {
    let mut sending = JoinSet::new();
    for url in urls {
        let client = Arc::clone(client);
        sending.spawn(async move { client.exchange(request(&url, 30_000)).await.unwrap() });
    }
    sending.join_all().await;
}

/// A receiver that answers nothing before it has that many requests.
async fn gathering(count: usize) -> Receiver {
    let barrier = Arc::new(Barrier::new(count));
    Receiver::start(move |mut stream, _| {
        let barrier = Arc::clone(&barrier);
        async move {
            while !read_request(&mut stream).await.is_empty() {
                barrier.wait().await;
                write(&mut stream, OK).await;
            }
        }
    })
    .await
}

/// As many applications with one receiver as may be called at the same time: from the second wave
/// on, none of them waits for a new connection.
#[tokio::test]
async fn those_who_share_a_receiver_share_all_its_connections() {
    let count = Limits::default().idle_max;
    let receiver = gathering(count).await;
    let client = Arc::new(client());
    for _ in 0..3 {
        at_once(&client, vec![receiver.url(); count]).await;
    }
    assert_eq!(receiver.connections(), count);
}

#[tokio::test]
async fn what_was_idle_for_longest_makes_room() {
    let (crowded, quiet) = (gathering(3).await, gathering(1).await);
    let limits = Limits { idle_max: 3, ..Limits::default() };
    let resolver = Arc::new(SystemResolver::default());
    let client = Arc::new(Client::new(loopback(), resolver, Tls::default(), limits).unwrap());
    at_once(&client, vec![quiet.url()]).await;
    at_once(&client, vec![crowded.url(); 3]).await;
    at_once(&client, vec![crowded.url(); 3]).await;
    assert_eq!(crowded.connections(), 3, "all of them were kept");
    at_once(&client, vec![quiet.url()]).await;
    assert_eq!(quiet.connections(), 2, "and the quiet one's was not");
    at_once(&client, vec![quiet.url()]).await;
    assert_eq!(quiet.connections(), 2, "now it is");
    at_once(&client, vec![crowded.url(); 3]).await;
    assert_eq!(crowded.connections(), 4, "for which one of the others went");
}

#[tokio::test]
async fn a_kept_connection_that_closes_without_an_answer_is_replaced() {
    let receiver = Receiver::start(|mut stream, number| async move {
        read_request(&mut stream).await;
        write(&mut stream, OK).await;
        if number == 0 {
            // the second request is read and then left unanswered
            read_request(&mut stream).await;
        } else {
            wait_closed(&mut stream).await;
        }
    })
    .await;
    let client = client();
    client.exchange(request(&receiver.url(), 5_000)).await.unwrap();
    let second = client.exchange(request(&receiver.url(), 5_000)).await.unwrap();
    assert_eq!(second.status, StatusCode::OK);
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn a_kept_connection_that_dies_inside_the_answer_is_not_replaced() {
    let receiver = Receiver::start(|mut stream, _| async move {
        read_request(&mut stream).await;
        write(&mut stream, OK).await;
        read_request(&mut stream).await;
        write(&mut stream, b"HTTP/1.1 20").await;
    })
    .await;
    let client = client();
    client.exchange(request(&receiver.url(), 5_000)).await.unwrap();
    let second = client.exchange(request(&receiver.url(), 5_000)).await;
    assert!(matches!(second, Err(ExchangeError::Ended(_))), "{second:?}");
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_fresh_connection_that_closes_is_a_failure() {
    let receiver = Receiver::start(|mut stream, _| async move {
        read_request(&mut stream).await;
    })
    .await;
    let result = client().exchange(request(&receiver.url(), 5_000)).await;
    assert!(matches!(result, Err(ExchangeError::Ended(_))), "{result:?}");
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_reset_is_a_failure() {
    let receiver = Receiver::start(|mut stream, _| async move {
        let mut one = [0; 1];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut one).await.unwrap();
        // closing with unread bytes resets
    })
    .await;
    let result = client().exchange(request(&receiver.url(), 5_000)).await;
    assert!(matches!(result, Err(ExchangeError::Ended(_))), "{result:?}");
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let receiver =
        Receiver::start(|mut stream, _| async move { wait_closed(&mut stream).await }).await;
    let result = client().exchange(request(&receiver.url(), 150)).await;
    assert!(matches!(result, Err(ExchangeError::TimedOut)), "{result:?}");
}

#[tokio::test]
async fn dripping_headers_end_at_the_deadline() {
    let receiver = Receiver::start(|mut stream, _| async move {
        read_request(&mut stream).await;
        write(&mut stream, b"HTTP/1.1 200 OK\r\n").await;
        while write(&mut stream, b"X-Drip: drop\r\n").await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let result = client().exchange(request(&receiver.url(), 300)).await;
    assert!(matches!(result, Err(ExchangeError::TimedOut)), "{result:?}");
}

#[tokio::test]
async fn a_dripping_body_changes_no_status() {
    let receiver = Receiver::start(|mut stream, _| async move {
        read_request(&mut stream).await;
        write(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n").await;
        while write(&mut stream, b"z").await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let exchange = client().exchange(request(&receiver.url(), 400)).await.unwrap();
    assert_eq!(exchange.status, StatusCode::OK);
    assert!(exchange.body.starts_with(b"z") && exchange.body.len() < 100_000);
    assert_eq!(exchange.body_error.as_deref(), Some("the body did not end in time"));
    assert!(exchange.duration >= Duration::from_millis(400));
}

#[tokio::test]
async fn a_body_that_breaks_off_changes_no_status() {
    let exchange = answered(b"HTTP/1.1 204 x\r\n\r\n").await.unwrap();
    assert_eq!((exchange.status.as_u16(), exchange.body_error), (204, None));
    let exchange = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
    assert_eq!((exchange.status.as_u16(), &exchange.body[..]), (200, &b"half"[..]));
    assert!(exchange.body_error.is_some());
    let exchange =
        answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").await.unwrap();
    assert!(exchange.status.is_success() && exchange.body_error.is_some());
}

#[tokio::test]
async fn an_endless_body_is_cut_and_its_connection_closed() {
    let receiver = Receiver::start(|mut stream, _| async move {
        read_request(&mut stream).await;
        write(&mut stream, b"HTTP/1.1 500 x\r\n\r\n").await;
        while write(&mut stream, &[b'y'; 4096]).await {}
    })
    .await;
    let client = client();
    for _ in 0..2 {
        let exchange = client.exchange(request(&receiver.url(), 5_000)).await.unwrap();
        assert_eq!(exchange.status.as_u16(), 500);
        assert_eq!(exchange.body.len(), 16 * 1024);
        assert_eq!(exchange.body_error, None);
    }
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn redirects_are_answers() {
    let exchange = answered(
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
    )
    .await
    .unwrap();
    assert_eq!(exchange.status, StatusCode::FOUND);
}

#[tokio::test]
async fn what_is_not_http_is_a_failure() {
    for garbage in
        [&b"SSH-2.0-OpenSSH_9.2\r\n\r\n"[..], b"HTTP/2.0 200\r\n\r\n", b"\0\0\0\0\r\n\r\n"]
    {
        let result = answered(garbage).await;
        assert!(matches!(result, Err(ExchangeError::Protocol(_))), "{result:?}");
    }
}

#[tokio::test]
async fn storms_of_interim_answers_and_huge_headers_are_cut() {
    for piece in
        ["HTTP/1.1 102 Processing\r\n\r\n", "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"]
    {
        let receiver = Receiver::start(move |mut stream, _| async move {
            read_request(&mut stream).await;
            if piece.starts_with('X') {
                write(&mut stream, b"HTTP/1.1 200 OK\r\n").await;
            }
            while write(&mut stream, piece.repeat(100).as_bytes()).await {}
        })
        .await;
        let result = client().exchange(request(&receiver.url(), 30_000)).await;
        assert!(matches!(result, Err(ExchangeError::Protocol(_))), "{result:?}");
    }
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let result = client().exchange(request(&format!("http://{address}/"), 5_000)).await;
    assert!(matches!(result, Err(ExchangeError::Connect { .. })), "{result:?}");
}

/// Maps names to addresses; a name it does not know has none.
#[derive(Debug)]
struct Names(HashMap<&'static str, Vec<SocketAddr>>);

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, query: Query<'_>) -> io::Result<Vec<SocketAddr>> {
        Ok(self.0.get(query.host).cloned().unwrap_or_default())
    }
}

pub(crate) fn named(policy: Policy, name: &'static str, addresses: &[SocketAddr]) -> Client {
    let names = Names(HashMap::from([(name, addresses.to_vec())]));
    Client::new(policy, Arc::new(names), Tls::default(), Limits::default()).unwrap()
}

#[tokio::test]
async fn a_name_is_only_as_good_as_its_worst_address() {
    let receiver = Receiver::start(|_, _| async {}).await;
    let inside = receiver.address;
    let public: SocketAddr = "192.0.43.7:80".parse().unwrap();
    for addresses in [&[inside][..], &[public, inside], &[inside, public]] {
        let client = named(Policy::default(), "hook.example", addresses);
        let url = format!("http://hook.example:{}/", inside.port());
        let result = client.exchange(request(&url, 5_000)).await;
        let Err(ExchangeError::Refused(Refusal::Address { class, .. })) = result else {
            panic!("{result:?}");
        };
        assert_eq!(class, Class::Loopback);
    }
    let literal =
        named(Policy::default(), "x", &[]).exchange(request(&receiver.url(), 5_000)).await;
    assert!(matches!(literal, Err(ExchangeError::Refused(_))), "{literal:?}");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn names_lead_to_their_first_working_address() {
    let receiver = Receiver::start(|mut stream, _| async move {
        read_request(&mut stream).await;
        write(&mut stream, OK).await;
    })
    .await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = named(loopback(), "hook.example", &[closed, receiver.address]);
    let exchange = client.exchange(request("http://hook.example/", 5_000)).await.unwrap();
    assert_eq!(exchange.status, StatusCode::OK);
    let unknown = client.exchange(request("http://other.example/", 5_000)).await;
    assert!(matches!(unknown, Err(ExchangeError::Resolve(_))), "{unknown:?}");
}

#[tokio::test]
async fn a_name_of_our_own_listener_is_refused() {
    let receiver = Receiver::start(|_, _| async {}).await;
    let wildcard = SocketAddr::from(([0, 0, 0, 0], receiver.address.port()));
    for own in [receiver.address, wildcard] {
        let policy = Policy { forbidden: vec![own], ..loopback() };
        let client = named(policy, "self.example", &[receiver.address]);
        let result = client.exchange(request("http://self.example/", 5_000)).await;
        let refused = matches!(result, Err(ExchangeError::Refused(Refusal::OwnListener(_))));
        assert!(refused, "{result:?}");
    }
}
