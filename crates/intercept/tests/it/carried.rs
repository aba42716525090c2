//! What the proxy carries, and that it changes nothing of it.

use intercept::{BindError, Deadlines, Note, Server};
use tokio::io::AsyncWriteExt as _;

use crate::bed::{Bed, HOST, exchange, head_of, rest_of};

const REQUEST: &str = "PUT /key?a=b HTTP/1.1\r\nHost: vod.tencentcloudapi.com\r\n\
    AUTHORIZATION: q-sign-algorithm=sha1\r\nx-Odd:  1 \r\n\r\n";

#[tokio::test]
async fn what_is_inside_arrives_byte_for_byte() {
    let bed = Bed::start(Deadlines::default()).await;
    let stream = bed.tunnel(&format!("{HOST}:443")).await;
    let mut tls = bed.secure(stream, HOST, true).await.unwrap();
    let answer = exchange(&mut tls, REQUEST).await;
    assert!(answer.ends_with(REQUEST), "{answer}");
}

#[tokio::test]
async fn a_client_without_sni_gets_the_host_it_asked_the_proxy_for() {
    let bed = Bed::start(Deadlines::default()).await;
    let stream = bed.tunnel(&format!("{}:443", HOST.to_uppercase())).await;
    let mut tls = bed.secure(stream, HOST, false).await.unwrap();
    assert!(exchange(&mut tls, REQUEST).await.ends_with(REQUEST));
}

#[tokio::test]
async fn plain_http_inside_a_connect_arrives_too() {
    let bed = Bed::start(Deadlines::default()).await;
    let mut stream = bed.tunnel(&format!("{HOST}:80")).await;
    assert!(exchange(&mut stream, REQUEST).await.ends_with(REQUEST));
}

#[tokio::test]
async fn a_target_in_absolute_form_stays_so() {
    let bed = Bed::start(Deadlines::default()).await;
    for scheme in ["http", "https"] {
        let mut stream = bed.connect().await;
        let target = format!("{scheme}://a-1.cos.ap-x.myqcloud.com/k%20e?uploads=&x=%2f");
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: a-1.cos.ap-x.myqcloud.com\r\nX-Kept: 1\r\n\
             X-Hop: 1\r\nConnection: close, X-Hop\r\nProxy-Connection: close\r\n\
             Proxy-Authorization: Basic eDp5\r\nContent-Length: 4\r\n\r\nbody"
        );
        let answer = exchange(&mut stream, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("X-Seen: 1\r\n"), "names keep their spelling: {answer}");
        assert!(answer.contains(&format!("POST {target} HTTP/1.1\r\n")), "{answer}");
        assert!(answer.contains("X-Kept: 1\r\n"), "{answer}");
        let lower = answer.to_ascii_lowercase();
        assert!(!lower.contains("x-hop") && !lower.contains("proxy-"), "{answer}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_told_to_program_and_user() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let bed = Bed::before(nobody, Deadlines::default()).await;
    let stream = bed.tunnel(&format!("{HOST}:443")).await;
    let mut tls = bed.secure(stream, HOST, true).await.unwrap();
    let answer = exchange(&mut tls, REQUEST).await;
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
    assert!(answer.contains(&format!("cannot reach {nobody}")), "{answer}");
    let mut stream = bed.connect().await;
    let answer = exchange(&mut stream, &format!("GET http://{HOST}/ HTTP/1.1\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
    let notes = bed.notes.lock().unwrap().clone();
    assert!(matches!(notes.as_slice(), [Note::Unreachable { .. }]), "told once: {notes:?}");
}

#[tokio::test]
async fn a_server_that_has_moved_is_found() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let there = Bed::start(Deadlines::default()).await;
    // the other proxy's server, which answers plain HTTP in either form
    let moved = there.address;
    let bed = Bed::looking(nobody, move || Some(Server::plain(moved.to_string()))).await;
    let mut stream = bed.connect().await;
    let request = format!("GET http://{HOST}/ HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(exchange(&mut stream, &request).await.starts_with("HTTP/1.1 200 OK\r\n"));
    let stream = bed.tunnel(&format!("{HOST}:443")).await;
    let mut tls = bed.secure(stream, HOST, true).await.unwrap();
    assert!(exchange(&mut tls, &request).await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(*bed.notes.lock().unwrap(), []);

    let nowhere = Bed::looking(nobody, move || Some(Server::plain(nobody.to_string()))).await;
    let mut stream = nowhere.connect().await;
    assert!(exchange(&mut stream, &request).await.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    assert_eq!(nowhere.notes.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_stop_ends_what_is_under_way() {
    let bed = Bed::start(Deadlines::default()).await;
    let stream = bed.tunnel(&format!("{HOST}:443")).await;
    let mut tls = bed.secure(stream, HOST, true).await.unwrap();
    tls.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut half = bed.connect().await;
    half.write_all(b"CONNECT vod").await.unwrap();
    bed.stop();
    assert_eq!(rest_of(&mut tls).await, "");
    assert_eq!(head_of(&mut half).await, "");
}

#[tokio::test]
async fn others_cannot_reach_it() {
    let bed = Bed::bind("0.0.0.0:0").await;
    assert!(matches!(bed, Err(BindError::NotLoopback(_))));
}
