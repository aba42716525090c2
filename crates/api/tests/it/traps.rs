//! Everything in facts/api3.md sections 0 to 3 that breaks real clients if missed, with the bytes
//! seen there.

use serde_json::json;

use crate::message::Message;
use crate::server::{NOW_S, ROOT, Server};

fn describe() -> Message {
    Message::post("DescribeEventConfig", "{}", NOW_S)
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_status_200_the_exact_content_type_and_a_request_id() {
    let server = Server::start().await;
    // `send` + `code` check status, Content-Type, Content-Length, RequestId and the two members
    let bare = server.send(&Message::new("GET", "/")).await;
    assert_eq!(bare.code(), "MissingParameter");
    assert_eq!(bare.message(), "The request is missing a required parameter `Timestamp`.");
    let ok = server.send(&describe().signed(ROOT)).await;
    assert_eq!(ok.code(), "OK");
    let first = server.send(&Message::new("GET", "/")).await.response()["RequestId"].clone();
    assert_ne!(first, bare.response()["RequestId"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_id_is_echoed_if_it_is_short_and_printable() {
    let server = Server::start().await;
    let trace = "f7ffd6aa-83ef-48be-9857-0bc42c47e7c3";
    let ok = server.send(&describe().signed(ROOT).with("X-TC-TraceId", trace)).await;
    assert_eq!(ok.header("x-tc-traceid"), Some(trace));
    let error = server.send(&Message::new("GET", "/").with("X-TC-TraceId", trace)).await;
    assert_eq!(error.header("x-tc-traceid"), Some(trace));
    for odd in ["x".repeat(129), "caf\u{e9}".to_owned()] {
        let answer = server.send(&Message::new("GET", "/").with("X-TC-TraceId", &odd)).await;
        assert_eq!(answer.header("x-tc-traceid"), None);
        assert_eq!(answer.code(), "MissingParameter");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_are_signed_with_and_without_port_scheme_and_alias() {
    let server = Server::with(|settings| {
        settings.host_aliases = vec!["vod.tencentcloudapi.com".to_owned()];
    })
    .await;
    for (signed, sent) in [
        ("127.0.0.1:19301", "127.0.0.1:19301"),
        ("127.0.0.1", "127.0.0.1:19301"),
        ("http://127.0.0.1:19301", "http://127.0.0.1:19301"),
        ("127.0.0.1:19301", "http://127.0.0.1:19301"),
        ("vod.tencentcloudapi.com", "gateway.example.test"),
        ("localhost", "LOCALHOST:80"),
    ] {
        let message = describe().with("Host", signed).signed(ROOT).with("Host", sent);
        let answer = server.send(&message).await;
        assert_eq!(answer.code(), "OK", "{signed} sent as {sent}");
    }
    let other = describe().with("Host", "a.test").signed(ROOT).with("Host", "b.test");
    assert_eq!(server.send(&other).await.code(), "AuthFailure.SignatureFailure");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_may_be_absolute_have_a_path_or_an_empty_query() {
    let server = Server::start().await;
    for target in ["http://127.0.0.1:8800/", "/?", "/prefix/x", "http://127.0.0.1:8800"] {
        let mut message = describe().signed(ROOT);
        target.clone_into(&mut message.target);
        assert_eq!(server.send(&message).await.code(), "OK", "{target}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn content_types_are_parsed_and_other_ones_refused_by_name() {
    let server = Server::start().await;
    for kind in ["application/json; charset=utf-8", "Application/JSON", "application/json;x=y"] {
        let message = describe().with("Content-Type", kind).signed(ROOT);
        assert_eq!(server.send(&message).await.code(), "OK", "{kind}");
    }
    for kind in ["text/plain", "application/octet-stream", "application/xml"] {
        let message = describe().with("Content-Type", kind).signed(ROOT);
        let answer = server.send(&message).await;
        assert_eq!(answer.code(), "UnsupportedProtocol");
        assert!(answer.message().contains(kind), "{}", answer.message());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tc3_gets_and_forms_coerce_by_the_spec() {
    let server = Server::start().await;
    let get = |query: &str| {
        Message::new("GET", &format!("/?{query}"))
            .with("Content-Type", "application/x-www-form-urlencoded")
            .with("X-TC-Action", "DescribeEventConfig")
            .with("X-TC-Version", "2018-07-17")
            .with("X-TC-Timestamp", &NOW_S.to_string())
    };
    let ok = server.send(&get("SubAppId=1400000001").signed(ROOT)).await;
    assert_eq!(ok.response()["Mode"], "PUSH");
    let wrong = server.send(&get("SubAppId=x").signed(ROOT)).await;
    assert_eq!(wrong.code(), "InvalidParameter");
    assert_eq!(wrong.message(), "The value type of parameter `SubAppId` is not valid.");
    let unknown = server.send(&get("SubAppId=1400000001&Nonsense=1").signed(ROOT)).await;
    assert_eq!(unknown.code(), "UnknownParameter");
    assert_eq!(unknown.message(), "The parameter `Nonsense` is not recognized.");
    let list = get("EventHandles.0=h1&EventHandles.1=h2").with("X-TC-Action", "ConfirmEvents");
    let unknown_handles = server.send(&list.signed(ROOT)).await;
    assert_eq!(unknown_handles.code(), "InvalidParameterValue");
    let not_utf8 = server.send(&get("NotificationUrl=%ff").signed(ROOT)).await;
    assert_eq!(not_utf8.code(), "InvalidRequest");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn booleans_are_read_as_every_client_writes_them() {
    let server = Server::start().await;
    for (text, expected) in [
        ("true", json!(true)),
        ("True", json!(true)),
        ("1", json!(true)),
        ("false", json!(false)),
        ("False", json!(false)),
        ("0", json!(false)),
        ("yes", json!(null)),
    ] {
        let member = "ExtractBlindWatermarkComplete";
        let query = format!("Events.0.EventType={member}&Events.0.{member}.IsDetected={text}");
        let get = Message::new("GET", &format!("/?{query}"))
            .with("Content-Type", "application/x-www-form-urlencoded")
            .with("X-TC-Action", "PublishEvents")
            .with("X-TC-Version", "2018-07-17")
            .with("X-TC-Timestamp", &NOW_S.to_string())
            .signed(ROOT);
        let answer = server.send(&get).await;
        if expected.is_null() {
            let told =
                format!("The value type of parameter `Events.0.{member}.IsDetected` is not valid.");
            assert_eq!(answer.message(), told);
            continue;
        }
        let id = answer.response()["EventSet"][0]["EventId"].clone();
        let detail = server.call("DescribeEventDetail", json!({"EventId": id})).await;
        assert_eq!(detail["Event"]["Payload"]["IsDetected"], expected, "{text}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn multipart_lists_are_json_text() {
    let server = Server::start().await;
    let body = "--b\r\nContent-Disposition: form-data; name=\"EventHandles\"\r\n\
                Content-Type: application/json\r\n\r\n[\"h1\",\"h2\"]\r\n--b\r\n\
                Content-Disposition: form-data; name=\"SubAppId\"\r\n\r\n1400000001\r\n--b--\r\n";
    let message = Message::post("ConfirmEvents", body, NOW_S)
        .with("Content-Type", "multipart/form-data; boundary=b")
        .signed(ROOT);
    let answer = server.send(&message).await;
    assert_eq!(answer.code(), "InvalidParameterValue");
    assert!(answer.message().contains("`h1` is unknown, `h2` is unknown"), "{}", answer.message());
    let cut = Message::post("ConfirmEvents", &body.as_bytes()[..100], NOW_S)
        .with("Content-Type", "multipart/form-data; boundary=b")
        .signed(ROOT);
    assert_eq!(server.send(&cut).await.code(), "InvalidRequest");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsigned_payloads_and_empty_tokens_are_accepted() {
    let server = Server::start().await;
    let message = describe()
        .with("X-TC-Content-SHA256", "UNSIGNED-PAYLOAD")
        .body("UNSIGNED-PAYLOAD")
        .signed(ROOT)
        .body("{\"SubAppId\": 0}");
    assert_eq!(server.send(&message).await.code(), "OK");
    let ruby = describe().with("X-TC-Token", "").with("X-TC-Region", "").signed(ROOT);
    assert_eq!(server.send(&ruby).await.code(), "OK");
    let temporary = describe().with("X-TC-Token", "TOKEN123").signed(ROOT);
    let answer = server.send(&temporary).await;
    assert_eq!(answer.code(), "AuthFailure.TokenFailure");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_identical_signed_requests_both_succeed() {
    let server = Server::start().await;
    let message = Message::post("ModifyEventConfig", r#"{"Mode":"PULL"}"#, NOW_S).signed(ROOT);
    let (one, other) = tokio::join!(server.send(&message), server.send(&message));
    assert_eq!((one.code(), other.code()), ("OK".to_owned(), "OK".to_owned()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_may_escape_as_their_clients_like() {
    let server = Server::start().await;
    for body in [
        r#"{"NotificationUrl": "http://a.b/c?x=1&y=\u4e2d"}"#,
        r#"{"NotificationUrl":"http:\/\/a.b\/c?x=1\u0026y=中"}"#,
    ] {
        let message = Message::post("ModifyEventConfig", body, NOW_S).signed(ROOT);
        assert_eq!(server.send(&message).await.code(), "OK");
        let config = server.call("DescribeEventConfig", json!({})).await;
        assert_eq!(config["NotificationUrl"], "http://a.b/c?x=1&y=中");
    }
    let empty = Message::post("DescribeEventConfig", "", NOW_S).signed(ROOT);
    assert_eq!(server.send(&empty).await.code(), "InvalidRequest");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_paths_are_told_so() {
    let server = Server::start().await;
    for method in ["PUT", "DELETE", "PATCH"] {
        assert_eq!(server.send(&Message::new(method, "/")).await.code(), "UnsupportedProtocol");
    }
    let head = server.send_head(&Message::new("HEAD", "/")).await;
    assert_eq!(head.status, 200);
    let options = server.send_head(&Message::new("OPTIONS", "/")).await;
    assert_eq!((options.status, options.header("allow")), (204, Some("GET, POST, HEAD, OPTIONS")));
    let icon = server.send(&Message::new("GET", "/favicon.ico")).await;
    assert_eq!(icon.status, 404);
    assert!(String::from_utf8(icon.body).unwrap().contains("nothing at this path"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_expects_100_continue_gets_it() {
    let server = Server::start().await;
    let message = describe().body("{\"SubAppId\": 1400000001}").signed(ROOT);
    let bytes = message.with("Expect", "100-continue").bytes();
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let mut stream = server.connect().await;
    stream.send(&bytes[..head]).await;
    assert_eq!(stream.line().await, "HTTP/1.1 100 Continue");
    assert_eq!(stream.line().await, "");
    stream.send(&bytes[head..]).await;
    assert_eq!(stream.answer().await.unwrap().code(), "OK");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unbuilt_unknown_and_other_versions_are_told_apart() {
    let server = Server::start().await;
    for (action, version, expected) in [
        ("ProcessMedia", "2018-07-17", "UnsupportedOperation"),
        ("Nonsense", "2018-07-17", "InvalidAction"),
        ("describeEventConfig", "2018-07-17", "InvalidAction"),
        ("DescribeEventConfig", "2017-03-12", "NoSuchVersion"),
    ] {
        let message = Message::post(action, "{}", NOW_S).with("X-TC-Version", version).signed(ROOT);
        let answer = server.send(&message).await;
        assert_eq!(answer.code(), expected, "{action} {version}");
    }
    let told = Message::post("Nonsense", "{}", NOW_S).signed(ROOT);
    let told = server.send(&told).await.message();
    let text = "The request action=`Nonsense` is invalid or not found in service=`vod` and \
                version=`2018-07-17`.";
    assert_eq!(told, text);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_carries_many_requests_and_old_versions() {
    let server = Server::start().await;
    let mut connection = server.connect().await;
    let bytes = describe().signed(ROOT).bytes();
    for _ in 0..3 {
        connection.send(&bytes).await;
        assert_eq!(connection.answer().await.unwrap().code(), "OK");
    }
    connection.send(&[&*bytes, &*bytes].concat()).await;
    for _ in 0..2 {
        assert_eq!(connection.answer().await.unwrap().code(), "OK");
    }
    let old = String::from_utf8(bytes).unwrap().replacen("HTTP/1.1", "HTTP/1.0", 1);
    connection.send(old.as_bytes()).await;
    assert_eq!(connection.answer().await.unwrap().code(), "OK");
    connection.closed().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_of_v1_that_comes_twice_or_malformed_is_refused() {
    let server = Server::start().await;
    let pairs = [
        ("Action", "DescribeEventConfig"),
        ("Nonce", "9223372036854775807"),
        ("SecretId", ROOT.0),
        ("Timestamp", "1795487629"),
        ("Version", "2018-07-17"),
    ];
    let sign = |method, pairs: &[(&str, &str)]| {
        sign::v1::sign(method, ROOT.1, "GET", "127.0.0.1:8800", pairs).replace('+', "%2B")
    };
    let get = |query: &str, signature: &str| {
        Message::new("GET", &format!("/?{query}&Signature={signature}"))
    };
    let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = query.join("&");
    let signature = sign(sign::v1::Method::HmacSha1, &pairs);
    assert_eq!(server.send(&get(&query, &signature)).await.code(), "OK");
    let newline = signature.clone() + "%0A";
    assert_eq!(server.send(&get(&query, &newline)).await.code(), "OK", "Ruby");
    let twice = format!("{query}&Action=DescribeEventConfig");
    let twice = server.send(&get(&twice, &signature)).await;
    assert_eq!(twice.code(), "AuthFailure.SignatureFailure");
    let token = server.send(&get(&format!("{query}&Token=x"), &signature)).await;
    assert_eq!(token.code(), "AuthFailure.TokenFailure");
    let nonce = server.send(&get(&query.replace("9223372036854775807", "x"), &signature)).await;
    assert_eq!(nonce.message(), "Parameter `Nonce` type error.");
    let unsigned = server.send(&Message::new("GET", &format!("/?{query}"))).await;
    assert_eq!(unsigned.message(), "The request is missing a required parameter `Signature`.");
    server.stop().await;
}
