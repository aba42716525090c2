//! The settings of the way out, from the configuration file to the row of the attempt.

use std::fs;
use std::net::SocketAddr;

use client::CallError;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::certificate::Authority;
use testkit::process::Server;
use testkit::receiver::Receiver;
use testkit::until::until_some;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::launch;

async fn call(server: &Server, action: &str, params: Value) -> Result<Value, CallError> {
    server.client().unwrap().call(action, params).await
}

async fn point(server: &Server, url: &str) -> Result<Value, CallError> {
    call(server, "ModifyEventConfig", json!({ "NotificationUrl": url })).await
}

/// Publishes one event and returns its first attempt, once it is there.
async fn attempt(server: &Server) -> Value {
    let event = json!({ "EventType": "PullComplete", "PullCompleteEvent": { "TaskId": "t" } });
    let published = call(server, "PublishEvents", json!({ "Events": [event] })).await.unwrap();
    let id = published["EventSet"][0]["EventId"].clone();
    until_some("an attempt", async || {
        let detail = call(server, "DescribeEventDetail", json!({ "EventId": id })).await.unwrap();
        detail["Event"]["AttemptSet"].as_array()?.first().cloned()
    })
    .await
}

#[tokio::test]
async fn plain_http_can_be_forbidden() {
    let receiver = Receiver::start().await.unwrap();
    let mut server = launch("").start().await.unwrap();
    point(&server, &receiver.url("/before")).await.unwrap();
    let delivered = attempt(&server).await;
    assert_eq!(delivered["Status"], 200, "{delivered}");

    server.stop().await.unwrap();
    let file = server.data().with_file_name("callboard.toml");
    fs::write(&file, "[push]\nhttps_only = true\n").unwrap();
    // the launch writes it only for a new directory
    server.restart().await.unwrap();
    let refused = attempt(&server).await;
    let error = refused["Error"].as_str().unwrap();
    assert!(error.contains("push.https_only"), "{refused}");
    assert_eq!(receiver.received().len(), 1);

    let error = point(&server, &receiver.url("/after")).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidParameter"), "{error}");
    assert!(error.to_string().contains("push.https_only"), "{error}");
    let secure = receiver.url("/after").replace("http:", "https:");
    point(&server, &secure).await.unwrap();
    let tried = attempt(&server).await;
    assert!(tried["Error"].as_str().unwrap().contains("TLS"), "{tried}");
}

#[tokio::test]
async fn a_receiver_is_believed_for_the_authority_in_the_file() {
    let (directory, authority) = (TempDir::new().unwrap(), Authority::new().unwrap());
    let receiver = Receiver::start_secure(&authority.issue("127.0.0.1").unwrap()).await.unwrap();
    let server = launch("").start().await.unwrap();
    point(&server, &receiver.url("/")).await.unwrap();
    let stranger = attempt(&server).await;
    assert_eq!(stranger["Status"], 0, "{stranger}");
    let error = stranger["Error"].as_str().unwrap();
    assert!(error.contains("not trusted; `push.ca_file` can name"), "{error}");
    assert!(receiver.received().is_empty());

    let file = directory.path().join("ca.pem");
    fs::write(&file, authority.pem()).unwrap();
    let server = launch(format!("[push]\nca_file = {file:?}\n")).start().await.unwrap();
    point(&server, &receiver.url("/")).await.unwrap();
    let delivered = attempt(&server).await;
    assert_eq!(delivered["Status"], 200, "{delivered}");
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_certificate_gets_the_configured_one() {
    let (directory, authority) = (TempDir::new().unwrap(), Authority::new().unwrap());
    let (theirs, ours) = (authority.issue("127.0.0.1"), authority.issue("callboard"));
    let (theirs, ours) = (theirs.unwrap(), ours.unwrap());
    let receiver = Receiver::start_secure(&theirs).await.unwrap();
    receiver.show_and_ask(&theirs, &authority).unwrap();
    let write = |name: &str, pem: &str| {
        let path = directory.path().join(name);
        fs::write(&path, pem).unwrap();
        path
    };
    let ca = write("ca.pem", &authority.pem());
    let (certificate, key) = (write("own.pem", ours.pem()), write("own.key", &ours.key_pem()));
    let trusting = format!("[push]\nca_file = {ca:?}\n");
    let server = launch(trusting.clone()).start().await.unwrap();
    point(&server, &receiver.url("/")).await.unwrap();
    let without = attempt(&server).await;
    let error = without["Error"].as_str().unwrap();
    assert!(error.to_lowercase().contains("certificate"), "{without}");
    assert!(receiver.received().is_empty());

    let own = format!("client_certificate = {certificate:?}\nclient_key = {key:?}\n");
    let server = launch(trusting + &own).start().await.unwrap();
    point(&server, &receiver.url("/")).await.unwrap();
    let delivered = attempt(&server).await;
    assert_eq!(delivered["Status"], 200, "{delivered}");
}

#[tokio::test]
async fn the_systems_authorities_are_believed_when_asked_for() {
    let (directory, authority) = (TempDir::new().unwrap(), Authority::new().unwrap());
    let receiver = Receiver::start_secure(&authority.issue("127.0.0.1").unwrap()).await.unwrap();
    let file = directory.path().join("system.pem");
    fs::write(&file, authority.pem()).unwrap();
    for (roots, status) in [("mozilla", 0), ("system", 200)] {
        let launch = launch(format!("[push]\nroots = \"{roots}\"\n"));
        let server = launch.env("SSL_CERT_FILE", &file).start().await.unwrap();
        point(&server, &receiver.url("/")).await.unwrap();
        let tried = attempt(&server).await;
        assert_eq!(tried["Status"], status, "{roots}: {tried}");
    }
}

#[tokio::test]
async fn our_own_listeners_are_no_targets() {
    let server = launch("").start().await.unwrap();
    let ops = server.ops_endpoint().await.unwrap();
    for own in [server.endpoint(), ops] {
        for url in [own.clone(), own.replace("127.0.0.1", "localhost")] {
            let refused = point(&server, &url).await.unwrap_err();
            assert_eq!(refused.code(), Some("InvalidParameter"), "{refused}");
            assert!(refused.to_string().contains("a listener of this server"), "{refused}");
        }
    }
}

/// A proxy that connects every tunnel to the one receiver; what each was asked for.
async fn proxy(receiver: SocketAddr) -> (SocketAddr, mpsc::Receiver<String>, impl Sized) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, heads) = mpsc::channel(16);
    let tasks = TaskTracker::new();
    let accepting = tasks.clone().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let asked = asked.clone();
            tasks.spawn(async move {
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    head.push(char::from(stream.read_u8().await.unwrap()));
                }
                asked.send(head).await.unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut onward = TcpStream::connect(receiver).await.unwrap();
                // either end may hang up
                drop(copy_bidirectional(&mut stream, &mut onward).await);
            });
        }
    });
    (address, heads, AbortOnDropHandle::new(accepting))
}

#[tokio::test]
async fn callbacks_go_through_the_configured_proxy() {
    let receiver = Receiver::start().await.unwrap();
    let (proxy, mut heads, _accepting) = proxy(receiver.address()).await;
    // an address of the documentation's, which is nowhere: only the proxy can lead to anything
    let config = format!(
        "[push]\nproxy = \"http://name:secret@{proxy}\"\nallow_targets = [\"192.0.2.0/24\"]\n"
    );
    let server = launch(config).start().await.unwrap();
    point(&server, "http://192.0.2.7:9000/vod").await.unwrap();
    let delivered = attempt(&server).await;
    assert_eq!(delivered["Status"], 200, "{delivered}");
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("CONNECT 192.0.2.7:9000 "), "{head}");
    assert!(head.contains("Basic bmFtZTpzZWNyZXQ="), "{head}");
    assert_eq!(receiver.received()[0].target, "/vod");
}

#[tokio::test]
async fn the_environments_proxies_are_not_asked() {
    let receiver = Receiver::start().await.unwrap();
    let (proxy, mut heads, _accepting) = proxy(receiver.address()).await;
    let mut launch = launch("");
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        launch = launch.env(name, format!("http://{proxy}"));
    }
    let server = launch.start().await.unwrap();
    point(&server, &receiver.url("/")).await.unwrap();
    let delivered = attempt(&server).await;
    assert_eq!(delivered["Status"], 200, "{delivered}");
    assert!(heads.try_recv().is_err());
}
