//! Clients that mean no good, or no longer know what they do.

use std::time::Duration;

use serde_json::json;

use crate::message::{Message, code};
use crate::server::{NOW_S, ROOT, Server};

fn describe() -> Message {
    Message::post("DescribeEventConfig", "{}", NOW_S)
}

/// The server still works for everybody else.
async fn works(server: &Server) {
    assert_eq!(code(&server.call("DescribeEventConfig", json!({})).await), "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_ends_the_connection() {
    let server = Server::start().await;
    let mut bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    bytes.extend_from_slice(b"\r\n\r\n");
    for garbage in [b"\x16\x03\x01\x02\x00\x01\x00".as_slice(), b"GET\r\n\r\n", &bytes] {
        let mut connection = server.connect().await;
        connection.try_send(garbage).await;
        let said = String::from_utf8_lossy(&connection.closed().await).into_owned();
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_none_is_refused() {
    let server = Server::start().await;
    let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let lists = format!("{{\"a\":{}", "[".repeat(1_000_000));
    for body in [
        b"{\"SubAppId\": 14".as_slice(),
        b"",
        b"[]",
        b"null",
        b"{\"Mode\": \"\xff\xfe\"}",
        b"{\"Mode\": \"\\ud800\"}",
        b"{} {}",
        deep.as_bytes(),
        lists.as_bytes(),
    ] {
        let message = Message::post("ModifyEventConfig", body, NOW_S).signed(ROOT);
        let answer = server.send(&message).await;
        let head = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
        assert_eq!(answer.code(), "InvalidRequest", "{head}: {}", answer.message());
    }
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_over_the_documented_sizes_are_told_so() {
    let server = Server::start().await;
    let body = format!("{{\"NotificationUrl\":\"{}\"}}", "x".repeat(11 * 1024 * 1024));
    let tc3 = Message::post("ModifyEventConfig", body.clone(), NOW_S).signed(ROOT);
    assert_eq!(server.send(&tc3).await.code(), "RequestSizeLimitExceeded");
    let chunked = {
        let mut bytes = Message::post("ModifyEventConfig", "", NOW_S)
            .with("Transfer-Encoding", "chunked")
            .signed(ROOT)
            .bytes();
        bytes.extend_from_slice(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes());
        bytes
    };
    let mut connection = server.connect().await;
    connection.try_send(&chunked).await;
    assert_eq!(connection.answer().await.unwrap().code(), "RequestSizeLimitExceeded");
    let v1 = Message::new("POST", "/")
        .with("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("Action=ModifyEventConfig&Mode={}", "x".repeat(1024 * 1024)));
    let answer = server.send(&v1).await;
    assert_eq!(answer.code(), "AuthFailure.SignatureFailure");
    let text = "The provided credentials could not be validated because of exceeding request size \
                limit, please use new signature method `TC3-HMAC-SHA256`.";
    assert_eq!(answer.message(), text);
    let long = Message::new("GET", &format!("/?Action={}", "x".repeat(33 * 1024)));
    assert_eq!(server.send(&long).await.code(), "RequestSizeLimitExceeded");
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_within_the_limit_is_read() {
    let server = Server::start().await;
    let body = format!("{{\"NotificationUrl\":\"{}\"}}", "x".repeat(9 * 1024 * 1024));
    let message = Message::post("ModifyEventConfig", body, NOW_S).signed(ROOT);
    assert_eq!(server.send(&message).await.code(), "InvalidParameter");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_drip_end_the_connection() {
    let server = Server::with(|settings| {
        settings.transport.header_read = Duration::from_millis(300);
    })
    .await;
    let mut connection = server.connect().await;
    let begun = tokio::time::Instant::now();
    let bytes = describe().signed(ROOT).bytes();
    for byte in &bytes {
        let dripped = connection.try_send(&[*byte]).await;
        if !dripped || !connection.stands(Duration::from_millis(20)).await {
            break;
        }
    }
    connection.closed().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_drip_are_answered_and_ended() {
    let server = Server::with(|settings| {
        settings.transport.body_read = Duration::from_millis(300);
    })
    .await;
    let bytes = describe().body("{\"SubAppId\": 1400000001}").signed(ROOT).bytes();
    let mut connection = server.connect().await;
    connection.send(&bytes[..bytes.len() - 5]).await;
    let answer = connection.answer().await.unwrap();
    assert_eq!(answer.code(), "InvalidRequest");
    assert!(answer.message().contains("300ms"), "{}", answer.message());
    connection.closed().await;
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_harms_nobody() {
    let server = Server::start().await;
    for _ in 0..20 {
        let bytes = describe().body(" ".repeat(100_000)).signed(ROOT).bytes();
        let mut connection = server.connect().await;
        connection.send(&bytes[..50_000]).await;
        drop(connection);
    }
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_are_ended_and_others_served_meanwhile() {
    let server = Server::with(|settings| {
        settings.transport.header_read = Duration::from_secs(2);
    })
    .await;
    let mut idle = Vec::new();
    for _ in 0..2_000 {
        idle.push(server.connect().await);
    }
    works(&server).await;
    for connection in &mut idle {
        connection.closed().await;
    }
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_the_cap_wait_for_those_that_are_answered() {
    let server = Server::with(|settings| {
        settings.transport.connections = 2;
        settings.transport.make_room_after = Duration::from_millis(10);
        settings.pull_wait_ms = 700;
    })
    .await;
    server.call("ModifyEventConfig", json!({"Mode": "PULL"})).await;
    let ask = Message::post("PullEvents", "{}", NOW_S).signed(ROOT).bytes();
    let mut polls = Vec::new();
    for _ in 0..2 {
        let mut poll = server.connect().await;
        poll.send(&ask).await;
        polls.push(poll);
    }
    works(&server).await;
    for poll in &mut polls {
        assert_eq!(poll.answer().await.unwrap().message(), "no event");
    }
    server.stop().await;
}

/// A house with few seats, in which everybody may sit for a long time.
async fn full_house(seats: usize) -> Server {
    Server::with(|settings| {
        let transport = &mut settings.transport;
        transport.connections = seats;
        transport.make_room_after = Duration::from_millis(50);
        let long = Duration::from_mins(10);
        (transport.header_read, transport.body_read) = (long, long);
        (transport.keep_alive, transport.keep_alive_of_stranger) = (long, long);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_quiet_makes_room_and_who_has_a_key_stays() {
    let server = full_house(4).await;
    let mut known = server.connect().await;
    known.send(&describe().signed(ROOT).bytes()).await;
    assert_eq!(known.answer().await.unwrap().code(), "OK");
    let mut asked = server.connect().await;
    asked.send(&Message::new("GET", "/").bytes()).await;
    assert_eq!(asked.answer().await.unwrap().code(), "MissingParameter");
    let mut silent = server.connect().await;
    let mut half = server.connect().await;
    half.send(b"GET / HTTP/1.1\r\nHost: x").await;

    works(&server).await;
    asked.closed().await;
    let mut newcomers = Vec::new();
    for _ in 0..3 {
        let mut newcomer = server.connect().await;
        newcomer.send(&describe().signed(ROOT).bytes()).await;
        assert_eq!(newcomer.answer().await.unwrap().code(), "OK");
        newcomers.push(newcomer);
    }
    silent.closed().await;
    half.closed().await;
    known.send(&describe().signed(ROOT).bytes()).await;
    assert_eq!(known.answer().await.unwrap().code(), "OK");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_body_that_does_not_come_makes_room() {
    let server = full_house(2).await;
    let unsigned = Message::post("DescribeEventConfig", "{}", NOW_S).with("Content-Length", "99");
    let mut hogs = Vec::new();
    for _ in 0..2 {
        let mut hog = server.connect().await;
        hog.send(&unsigned.bytes()).await;
        hogs.push(hog);
    }
    works(&server).await;
    let [first, second] = &mut hogs[..] else { panic!("two") };
    // whose request was read first is not known
    tokio::select! {
        _ = first.closed() => {}
        _ = second.closed() => {}
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_have_a_deadline_and_take_a_seat() {
    let server = Server::secure(|settings| {
        settings.transport.header_read = Duration::from_millis(300);
        settings.transport.connections = 2;
    })
    .await;
    let mut stuck = [server.connect().await, server.connect().await];
    // the beginning of a record that does not come
    stuck[1].send(b"\x16\x03\x01\x02\x00\x01").await;
    let plain = server.send(&Message::new("GET", "/")).await;
    assert_eq!(plain.status, 400);
    for connection in &mut stuck {
        connection.closed().await;
    }
    let mut stays = server.connect().await;
    stays.send(b"\x16").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_key_is_kept_for_less_long() {
    let server = Server::with(|settings| {
        settings.transport.keep_alive = Duration::from_mins(10);
        settings.transport.keep_alive_of_stranger = Duration::from_millis(100);
    })
    .await;
    let mut stranger = server.connect().await;
    stranger.send(&describe().signed((ROOT.0, "wrong")).bytes()).await;
    assert_eq!(stranger.answer().await.unwrap().code(), "AuthFailure.SignatureFailure");
    stranger.closed().await;
    let mut known = server.connect().await;
    known.send(&describe().signed(ROOT).bytes()).await;
    assert_eq!(known.answer().await.unwrap().code(), "OK");
    assert!(known.stands(Duration::from_millis(500)).await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_cut_off() {
    let server = Server::with(|settings| {
        settings.transport.write_stall = Duration::from_millis(300);
        settings.rates = api::RateLimits::none();
        settings.transport.connections = 2;
    })
    .await;
    let large = "x".repeat(200 * 1024);
    let event = json!({"EventType": "PullComplete", "PullCompleteEvent": {"TaskId": large}});
    let published = server.call("PublishEvents", json!({"Events": [event]})).await;
    let detail = json!({"EventId": published["EventSet"][0]["EventId"]});
    let ask = Message::post("DescribeEventDetail", detail.to_string(), NOW_S).signed(ROOT).bytes();
    let mut deaf = server.connect().await;
    // the kernel takes some megabytes of answers; after that the server is stuck, and gives up
    while deaf.try_send(&ask).await {
        tokio::task::yield_now().await;
    }
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_of_some_do_not_keep_others_waiting() {
    let server = Server::with(|settings| {
        settings.transport.bodies_in_flight_bytes = 1024 * 1024;
        settings.transport.body_read = Duration::from_secs(5);
    })
    .await;
    let body = " ".repeat(900 * 1024);
    let bytes = describe().body(body).signed(ROOT).bytes();
    let mut hogs = Vec::new();
    for _ in 0..3 {
        let mut hog = server.connect().await;
        hog.send(&bytes[..600 * 1024]).await;
        hogs.push(hog);
    }
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn header_blocks_over_the_limit_are_refused() {
    let server = Server::start().await;
    let large = Message::new("GET", "/").with("X-Large", &"x".repeat(200 * 1024));
    let mut many = Message::new("GET", "/");
    many.headers.extend((0..1_000).map(|n| (format!("X-{n}"), String::new())));
    for message in [large, many] {
        let mut connection = server.connect().await;
        connection.try_send(&message.bytes()).await;
        let said = String::from_utf8_lossy(&connection.closed().await).into_owned();
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
    }
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_idle_connections() {
    let server = Server::start().await;
    let mut kept = server.connect().await;
    kept.send(&describe().signed(ROOT).bytes()).await;
    assert_eq!(kept.answer().await.unwrap().code(), "OK");
    let mut fresh = server.connect().await;
    works(&server).await;
    let begun = tokio::time::Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    kept.closed().await;
    fresh.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_kept_for_the_next_request() {
    let server = Server::with(|settings| {
        settings.transport.header_read = Duration::from_millis(200);
        settings.transport.keep_alive = Duration::from_mins(1);
    })
    .await;
    let mut kept = server.connect().await;
    for _ in 0..2 {
        kept.send(&describe().signed(ROOT).bytes()).await;
        assert_eq!(kept.answer().await.unwrap().code(), "OK");
        assert!(kept.stands(Duration::from_millis(500)).await);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_not_as_large_as_its_request() {
    let server = Server::start().await;
    let long = "\u{4e2d}".repeat(300_000);
    for (action, params) in [
        ("DeleteMedia", json!({"FileId": long})),
        ("DeleteMedia", json!({"FileId": "1", "DeleteParts": [{"Type": long}]})),
        ("ApplyUpload", json!({"MediaType": long})),
        ("CommitUpload", json!({"VodSessionKey": long})),
        ("ConfirmEvents", json!({"EventHandles": [long]})),
        ("DescribeEventDetail", json!({"EventId": long})),
        ("DescribeMediaInfos", json!({"FileIds": ["1"], "Filters": [long]})),
        ("ModifyEventConfig", json!({"NotificationUrl": long})),
        ("CreateKey", json!({"Actions": [long]})),
    ] {
        let refused = server.call(action, params).await;
        assert!(refused.to_string().len() < 2_000, "{action}: {} bytes", refused.to_string().len());
        assert_ne!(code(&refused), "OK", "{action}");
    }
    server.stop().await;
}
