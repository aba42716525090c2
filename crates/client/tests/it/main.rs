//! The client against a server that checks what it sent.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]
#![expect(clippy::disallowed_methods, reason = "the server ends with the test's runtime")]

use std::sync::Arc;

use client::{CallError, Client, CosClient};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sign::SignedRequest;
use tokio::net::TcpListener;

type Answers = Arc<dyn Fn(&SignedRequest<'_>) -> (StatusCode, String) + Send + Sync>;

/// Answers every request; the endpoint.
async fn serve(answers: Answers) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::task::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answers = Arc::clone(&answers);
            let service = service_fn(move |request| answer(Arc::clone(&answers), request));
            tokio::task::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    endpoint
}

async fn answer(
    answers: Answers,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let headers: Vec<(&str, &[u8])> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let (status, text) = answers(&SignedRequest {
        method: parts.method.as_str(),
        authority: None,
        path: parts.uri.path(),
        query: "",
        headers: &headers,
        body: &body,
    });
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert("etag", "\"0011\"".parse().unwrap());
    Ok(response)
}

fn authorization<'a>(request: &SignedRequest<'a>) -> &'a str {
    std::str::from_utf8(request.header("authorization").unwrap()).unwrap()
}

#[tokio::test]
async fn a_call_is_signed_and_its_answer_read() {
    let endpoint = serve(Arc::new(|request| {
        let parsed = sign::tc3::Tc3Authorization::parse(authorization(request)).unwrap();
        let good = parsed.secret_id == "AK" && sign::tc3::verify(request, &parsed, "SK", &[]);
        assert_eq!(request.header("x-tc-version"), Some(b"2018-07-17".as_slice()));
        let echo: Value = serde_json::from_slice(request.body).unwrap();
        (StatusCode::OK, json!({"Response": {"Good": good, "Echo": echo}}).to_string())
    }))
    .await;
    let client = Client::new(&endpoint, "AK", "SK").unwrap();
    let answer = client.call("PullEvents", json!({"SubAppId": 1})).await.unwrap();
    assert_eq!(answer, json!({"Good": true, "Echo": {"SubAppId": 1}}));
    let other = Client::new(&endpoint, "AK", "other").unwrap();
    assert_eq!(other.call("PullEvents", json!({})).await.unwrap()["Good"], json!(false));
}

#[tokio::test]
async fn errors_are_told_apart() {
    let endpoint = serve(Arc::new(|request| {
        let text = match request.header("x-tc-action") {
            Some(b"Html") => "<html>".to_owned(),
            Some(b"Empty") => "{}".to_owned(),
            _ => json!({"Response": {"RequestId": "r", "Error": {"Code": "C", "Message": "m"}}})
                .to_string(),
        };
        (StatusCode::OK, text)
    }))
    .await;
    let client = Client::new(&endpoint, "AK", "SK").unwrap();
    let error = client.call("Any", json!({})).await.unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (Some("C"), "C: m (request r)"));
    for strange in ["Html", "Empty"] {
        let error = client.call(strange, json!({})).await.unwrap_err();
        assert!(matches!(error, CallError::Protocol { .. }), "{error}");
    }
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = Client::new(&gone.to_string(), "AK", "SK").unwrap();
    let error = client.call("Any", json!({})).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn an_object_is_put_under_the_session_s_key() {
    let endpoint = serve(Arc::new(|request| {
        let parsed = sign::cos::CosAuthorization::parse(authorization(request)).unwrap();
        let good = sign::cos::verify(request, &parsed, "TSK")
            && parsed.signs_header("x-cos-security-token")
            && request.header("host") == Some(b"b-1.cos.r.myqcloud.com".as_slice())
            && request.path == "/a/b.mp4";
        let error = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>".to_owned();
        (if good { StatusCode::OK } else { StatusCode::FORBIDDEN }, error)
    }))
    .await;
    let applied = |secret: &str| {
        json!({"StorageBucket": "b-1", "StorageRegion": "r",
            "TempCertificate": {"SecretId": "TAK", "SecretKey": secret, "Token": "t"}})
    };
    let cos = CosClient::for_upload(&endpoint, &applied("TSK")).unwrap();
    let etag = cos.put_object("/a/b.mp4", Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(etag, "\"0011\"");
    let cos = CosClient::for_upload(&endpoint, &applied("other")).unwrap();
    let error = cos.put_object("/a/b.mp4", Bytes::new()).await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDenied"));
}
