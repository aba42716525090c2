//! The COS surface with the bytes of its clients: hosts, signatures, tokens, bodies, lists, errors.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sign::SignedRequest;
use sign::cos::{self, CosSigner};

use crate::message::{Answer, Message, code};
use crate::server::{NOW_S, Server};

const MIB: usize = 1024 * 1024;

/// An upload session as a client sees it.
pub(crate) struct Upload {
    applied: Value,
    /// Seconds by which the client's clock differs.
    skew_s: i64,
    /// What is signed besides the parameters.
    headers: &'static [&'static str],
}

impl Upload {
    async fn new(server: &Server) -> Self {
        let applied = server.call("ApplyUpload", json!({"MediaType": "mp4"})).await;
        assert_eq!(code(&applied), "OK", "{applied}");
        Self::of(applied)
    }

    /// Of what ApplyUpload has answered.
    pub(crate) const fn of(applied: Value) -> Self {
        Self { applied, skew_s: 0, headers: &["host"] }
    }

    fn text(&self, name: &str) -> &str {
        self.applied[name].as_str().unwrap()
    }

    fn secret(&self, name: &str) -> &str {
        self.applied["TempCertificate"][name].as_str().unwrap()
    }

    /// The path of the media file.
    fn path(&self) -> &str {
        self.text("MediaStoragePath")
    }

    fn host(&self) -> String {
        let (bucket, region) = (self.text("StorageBucket"), self.text("StorageRegion"));
        format!("{bucket}.cos.{region}.myqcloud.com")
    }

    /// A request to the session's bucket by its virtual host, signed and with the token.
    pub(crate) fn request(&self, method: &str, target: &str) -> Message {
        self.sign(self.plain(method, target))
    }

    pub(crate) fn plain(&self, method: &str, target: &str) -> Message {
        Message::new(method, target)
            .with("Host", &self.host())
            .with("x-cos-security-token", self.secret("Token"))
    }

    fn authorization(&self, message: &Message) -> cos::CosAuthorization {
        let headers: Vec<(&str, &[u8])> =
            message.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        let target = message
            .target
            .strip_prefix("http://")
            .map_or(&*message.target, |rest| &rest[rest.find('/').unwrap()..]);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = SignedRequest {
            method: &message.method,
            authority: None,
            path,
            query,
            headers: &headers,
            body: b"",
        };
        let signer = CosSigner {
            secret_id: self.secret("SecretId"),
            secret_key: self.secret("SecretKey"),
            start_s: NOW_S + self.skew_s - 60,
            end_s: NOW_S + self.skew_s + 900,
            headers: self.headers,
        };
        cos::sign(&request, &signer)
    }

    fn sign(&self, message: Message) -> Message {
        let authorization = self.authorization(&message).to_header();
        message.with("Authorization", &authorization)
    }
}

/// The code of an XML error, which says as much as COS's do.
fn refused(answer: &Answer) -> (u16, String) {
    let text = String::from_utf8(answer.body.clone()).unwrap();
    assert!(text.starts_with("<?xml"), "{text}");
    assert_eq!(answer.header("content-type"), Some("application/xml"));
    for element in ["Message", "Resource", "TraceId"] {
        element_of(&text, element);
    }
    assert_eq!(answer.header("x-cos-request-id"), Some(element_of(&text, "RequestId")));
    assert!(answer.header("date").is_some());
    (answer.status, element_of(&text, "Code").to_owned())
}

fn element_of<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("<{name}>")).expect(name);
    rest.split_once('<').unwrap().0
}

fn denied(code: &str) -> (u16, String) {
    (403, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_is_answered_with_both_sums() {
    let server = Server::start().await;
    let upload = Upload::new(&server).await;
    let put = upload.request("PUT", upload.path()).body("123456789");
    let answer = server.send(&put).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("etag"), Some("\"25f9e794323b453885f5181f1b624d0b\""));
    assert_eq!(answer.header("x-cos-hash-crc64ecma"), Some("11051210869376104954"));
    assert_eq!(answer.header("x-cos-request-id").unwrap().len(), 32);
    let got = server.send(&upload.request("GET", upload.path()).with("Range", "bytes=2-4")).await;
    assert_eq!((got.status, &*got.body), (206, b"345".as_slice()));
    assert_eq!(got.header("content-range"), Some("bytes 2-4/9"));
    assert_eq!(got.header("x-cos-hash-crc64ecma"), Some("11051210869376104954"));
    let head = server.send_head(&upload.request("HEAD", upload.path())).await;
    assert_eq!((head.status, head.header("x-content-length")), (200, Some("9")));
    let beyond = server.send(&upload.request("GET", upload.path()).with("Range", "bytes=9-")).await;
    assert_eq!(refused(&beyond), (416, "InvalidRange".to_owned()));
    let missing = server.send(&upload.request("GET", &format!("{}x", upload.path()))).await;
    assert_eq!(refused(&missing), (404, "NoSuchKey".to_owned()));
    let head = server.send_head(&upload.request("HEAD", &format!("{}x", upload.path()))).await;
    assert_eq!(head.status, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_may_be_named_as_every_client_does() {
    let server = Server::start().await;
    let upload = Upload::new(&server).await;
    let (path, bucket) = (upload.path(), upload.text("StorageBucket"));
    let port = server.addr.port();
    let local = format!("127.0.0.1:{port}");
    let put = |target: &str, host: &str| upload.plain("PUT", target).with("Host", host).body("x");
    let absolute = format!("http://{}{path}", upload.host());
    for message in [
        put(path, &format!("{}:{port}", upload.host())),
        put(path, &local),
        put(&format!("/{bucket}{path}"), &local),
        put(&absolute, &upload.host()),
        put(path, &format!("{bucket}.localhost:{port}")),
    ] {
        let answer = server.send(&upload.sign(message.clone())).await;
        assert_eq!(answer.status, 200, "{message:?}");
    }
    // the Python client signs the host without the port that it sends
    let signed = upload.sign(put(path, "127.0.0.1"));
    assert_eq!(server.send(&signed.with("Host", &local)).await.status, 200);
    // the browser client does not sign the host
    let unsigned = Upload { headers: &[], applied: upload.applied.clone(), skew_s: 0 };
    assert_eq!(server.send(&unsigned.sign(put(path, &local))).await.status, 200);
    let foreign = put(path, "other-1.cos.ap-guangzhou.myqcloud.com");
    let answer = server.send(&upload.sign(foreign)).await;
    assert_eq!(refused(&answer), (404, "NoSuchBucket".to_owned()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_why() {
    let server = Server::start().await;
    let upload = Upload::new(&server).await;
    let other = Upload::new(&server).await;
    let put = || upload.plain("PUT", upload.path()).body("x");
    let send = async |message: Message| refused(&server.send(&message).await);

    let signed = upload.sign(put());
    let (_, authorization) =
        signed.headers.iter().find(|(name, _)| name == "Authorization").unwrap().clone();
    let tampered = authorization.replace("q-signature=", "q-signature=0");
    assert_eq!(send(put().with("Authorization", &tampered)).await, denied("SignatureDoesNotMatch"));
    let moved = signed.clone().with("Host", "127.0.0.1");
    assert_eq!(send(moved).await, denied("SignatureDoesNotMatch"));
    let mut renamed = signed.clone();
    renamed.target += "x";
    assert_eq!(send(renamed).await, denied("SignatureDoesNotMatch"));
    let stranger = authorization.replace(upload.secret("SecretId"), "AKIDnobody");
    assert_eq!(send(put().with("Authorization", &stranger)).await, denied("InvalidAccessKeyId"));
    let cut = authorization.replace("&q-signature=", "&q-x=");
    assert_eq!(send(put().with("Authorization", &cut)).await, denied("AccessDenied"));
    let tokenless = upload.sign(put().without("x-cos-security-token"));
    assert_eq!(send(tokenless).await, denied("InvalidToken"));
    let wrong = upload.sign(put().with("x-cos-security-token", other.secret("Token")));
    assert_eq!(send(wrong).await, denied("InvalidToken"));
    let elsewhere = upload.request("PUT", other.path()).body("x");
    assert_eq!(send(elsewhere).await, denied("AccessDenied"));
    for (skew_s, code) in [(-7_200, "AccessDenied"), (7_200, "RequestTimeTooSkewed")] {
        let late = Upload { applied: upload.applied.clone(), skew_s, headers: &["host"] };
        assert_eq!(send(late.sign(put())).await, denied(code));
    }
    server.set_time(NOW_S + 24 * 3_600);
    let ended = Upload { applied: upload.applied.clone(), skew_s: 24 * 3_600, headers: &["host"] };
    assert_eq!(send(ended.sign(put())).await, denied("ExpiredToken"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_request_does_not_become_another_one() {
    let server = Server::start().await;
    let upload = Upload::new(&server).await;
    assert_eq!(server.send(&upload.request("PUT", upload.path()).body("kept")).await.status, 200);
    for more in ["uploads", "uploadId=x&partNumber=1", "uploadId=x"] {
        for method in ["PUT", "POST", "GET", "DELETE"] {
            let mut message = upload.request(method, upload.path());
            message.target = format!("{}?{more}", message.target);
            let answer = server.send(&message).await;
            assert_eq!(refused(&answer), denied("SignatureDoesNotMatch"), "{method} {more}");
        }
    }
    for (method, query) in [("PUT", "?acl"), ("DELETE", ""), ("PUT", "?tagging="), ("GET", "?acl")]
    {
        let answer =
            server.send(&upload.request(method, &format!("{}{query}", upload.path()))).await;
        assert_eq!(refused(&answer).0, 501, "{method} {query}");
    }
    let copy = upload.plain("PUT", upload.path()).with("x-cos-copy-source", "a/b");
    assert_eq!(refused(&server.send(&upload.sign(copy)).await).0, 501);
    assert_eq!(refused(&server.send(&upload.request("GET", "/")).await).0, 501);
    let got = server.send(&upload.request("GET", upload.path())).await;
    assert_eq!(got.body, b"kept");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presigned_address_needs_no_headers() {
    let server = Server::start().await;
    let upload = Upload::new(&server).await;
    assert_eq!(server.send(&upload.request("PUT", upload.path()).body("shown")).await.status, 200);
    let token = upload.secret("Token");
    let target = format!("{}?x-cos-security-token={token}", upload.path());
    let plain = Message::new("GET", &target).with("Host", &upload.host());
    let query = upload.authorization(&plain).to_query();
    let mut presigned = plain;
    presigned.target = format!("{}&{query}", presigned.target);
    assert_eq!(server.send(&presigned).await.body, b"shown");
    presigned.target = presigned.target.replace(token, "x");
    assert_eq!(refused(&server.send(&presigned).await), denied("SignatureDoesNotMatch"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_come_chunked_announced_and_with_a_digest() {
    let server = Server::start().await;
    let upload = Upload::new(&server).await;
    let put = || upload.plain("PUT", upload.path());
    let chunked =
        put().with("Transfer-Encoding", "chunked").body("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
    let answer = server.send(&upload.sign(chunked)).await;
    assert_eq!(answer.header("etag"), Some("\"5eb63bbbe01eeed093cb22bb8f5acdc3\""));

    let md5 = |hex: &str| STANDARD.encode(hex::decode(hex).unwrap());
    let right = put().with("Content-MD5", &md5("5eb63bbbe01eeed093cb22bb8f5acdc3"));
    assert_eq!(server.send(&upload.sign(right.clone().body("hello world"))).await.status, 200);
    let answer = server.send(&upload.sign(right.body("hello worlds"))).await;
    assert_eq!(refused(&answer), (400, "BadDigest".to_owned()));
    let answer = server.send(&upload.sign(put().with("Content-MD5", "abc").body("x"))).await;
    assert_eq!(refused(&answer), (400, "InvalidDigest".to_owned()));

    let waiting = upload.sign(put().with("Expect", "100-continue").body("later"));
    let mut connection = server.connect().await;
    let bytes = waiting.bytes();
    let (head, body) = bytes.split_at(bytes.len() - 5);
    connection.send(head).await;
    assert_eq!(connection.line().await, "HTTP/1.1 100 Continue");
    assert_eq!(connection.line().await, "");
    connection.send(body).await;
    assert_eq!(connection.answer().await.unwrap().status, 200);
    // who waits for leave and does not get it sends nothing
    let denied = waiting.with("Authorization", "q-sign-algorithm=sha1");
    let bytes = denied.bytes();
    let mut connection = server.connect().await;
    connection.send(&bytes[..bytes.len() - 5]).await;
    assert_eq!(connection.answer().await.unwrap().status, 403);
    let got = server.send(&upload.request("GET", upload.path())).await;
    assert_eq!(got.body, b"later");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_changes_nothing() {
    let server = Server::start().await;
    let upload = Upload::new(&server).await;
    assert_eq!(server.send(&upload.request("PUT", upload.path()).body("whole")).await.status, 200);
    let bytes = upload.request("PUT", upload.path()).body(vec![7; 2 * MIB]).bytes();
    let mut connection = server.connect().await;
    connection.send(&bytes[..bytes.len() - MIB]).await;
    drop(connection);
    let got = server.send(&upload.request("GET", upload.path())).await;
    assert_eq!(got.body, b"whole");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_listed_completed_and_aborted() {
    let server = Server::start().await;
    let upload = Upload::new(&server).await;
    let path = upload.path();
    let send = async |method: &str, query: &str, body: Vec<u8>| {
        let target = format!("{path}?{query}");
        server.send(&upload.request(method, &target).body(body)).await
    };
    let text = |answer: &Answer| String::from_utf8(answer.body.clone()).unwrap();
    let initiated = text(&send("POST", "uploads", Vec::new()).await);
    let id = element_of(&initiated, "UploadId").to_owned();
    assert_eq!(element_of(&initiated, "Key"), &path[1..]);
    assert_eq!(element_of(&initiated, "Bucket"), upload.text("StorageBucket"));
    let mut etags = Vec::new();
    for number in 1..=3_u8 {
        let query = format!("partNumber={number}&uploadId={id}");
        let answer = send("PUT", &query, vec![number; MIB]).await;
        assert!(answer.header("x-cos-hash-crc64ecma").is_some());
        etags.push(answer.header("etag").unwrap().to_owned());
    }
    let page = text(&send("GET", &format!("max-parts=2&uploadId={id}"), Vec::new()).await);
    assert_eq!(element_of(&page, "IsTruncated"), "true");
    assert_eq!(element_of(&page, "NextPartNumberMarker"), "2");
    let query = format!("part-number-marker=2&uploadId={id}");
    let page = text(&send("GET", &query, Vec::new()).await);
    assert_eq!((element_of(&page, "IsTruncated"), element_of(&page, "Size")), ("false", "1048576"));
    let list = format!("/?uploads&prefix={}&max-uploads=1000&encoding-type=url", &path[1..]);
    let page = text(&server.send(&upload.request("GET", &list)).await);
    assert_eq!(element_of(&page, "UploadId"), id);

    let part = |(n, etag): (usize, &String)| {
        format!("<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag></Part>", n + 1)
    };
    let parts: String = etags.iter().enumerate().map(part).collect();
    let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let query = format!("uploadId={id}");
    for (body, code) in [
        ("<Complete".to_owned(), "MalformedXML"),
        (document.replace("<PartNumber>2", "<PartNumber>9"), "InvalidPartOrder"),
        (document.replace(&*etags[1], &etags[0]), "InvalidPart"),
    ] {
        let answer = send("POST", &query, body.into_bytes()).await;
        assert_eq!(refused(&answer), (400, code.to_owned()));
    }
    for _ in 0..2 {
        let answer = send("POST", &query, document.clone().into_bytes()).await;
        assert_eq!(answer.status, 200, "{}", text(&answer));
        assert!(answer.header("x-cos-hash-crc64ecma").is_some());
        assert!(answer.header("etag").unwrap().ends_with("-3\""));
        assert!(text(&answer).contains("-3&quot;</ETag>") || text(&answer).contains("-3\"</ETag>"));
    }
    let second = text(&send("POST", "uploads", Vec::new()).await);
    let query = format!("uploadId={}", element_of(&second, "UploadId"));
    assert_eq!(send("DELETE", &query, Vec::new()).await.status, 204);
    let answer = send("GET", &query, Vec::new()).await;
    assert_eq!(refused(&answer), (404, "NoSuchUpload".to_owned()));
    let got = server.send(&upload.request("GET", path)).await;
    assert_eq!(got.body.len(), 3 * MIB);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_object_is_where_its_location_says() {
    let server = Server::start().await;
    let upload = Upload::new(&server).await;
    let directory = upload.path().rsplit_once('/').unwrap().0;
    let path = format!("{directory}/a%20%26%20%E4%B8%AD%25%3F%23.ts");
    let local = format!("127.0.0.1:{}", server.addr.port());
    let at = |method: &str, query: &str| {
        upload.plain(method, &format!("{path}{query}")).with("Host", &local)
    };
    let initiated = server.send(&upload.sign(at("POST", "?uploads"))).await;
    let id = element_of(&String::from_utf8(initiated.body).unwrap(), "UploadId").to_owned();
    let part = upload.sign(at("PUT", &format!("?partNumber=1&uploadId={id}")).body("bytes"));
    let etag = server.send(&part).await.header("etag").unwrap().to_owned();
    let document = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>\
         </CompleteMultipartUpload>"
    );
    let complete = at("POST", &format!("?uploadId={id}")).body(document.as_str());
    let answer = server.send(&upload.sign(complete)).await;
    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!(element_of(&text, "Location"), format!("http://{local}{path}"));
    let mut absolute = at("POST", &format!("?uploadId={id}")).body(document.as_str());
    absolute.target = format!("http://{}:81{}", upload.host(), absolute.target);
    let answer = server.send(&upload.sign(absolute.with("Host", &upload.host()))).await;
    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!(element_of(&text, "Location"), format!("http://{}:81{path}", upload.host()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_not_the_expected_one_is_not_served() {
    let server = Server::start().await;
    let upload = Upload::new(&server).await;
    let put = server.send(&upload.request("PUT", upload.path()).body("bytes")).await;
    let etag = put.header("etag").unwrap().to_owned();
    let get = async |name: &str, value: &str| {
        server.send(&upload.request("GET", upload.path()).with(name, value)).await
    };
    assert_eq!(get("If-Match", &etag).await.body, b"bytes");
    assert_eq!(get("If-Unmodified-Since", "Fri, 31 Dec 2100 00:00:00 GMT").await.status, 200);
    for (name, value) in
        [("If-Match", "\"x\""), ("If-Unmodified-Since", "Fri, 31 Dec 1999 00:00:00 GMT")]
    {
        let answer = get(name, value).await;
        assert_eq!(refused(&answer), (412, "PreconditionFailed".to_owned()), "{name}");
    }
    assert_eq!(get("If-None-Match", &etag).await.status, 304);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_s3_is_refused_in_its_own_terms() {
    let server = Server::start().await;
    let upload = Upload::new(&server).await;
    let scope = format!("{}/20260101/ap-guangzhou/s3/aws4_request", upload.secret("SecretId"));
    let signed = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
    let put = upload.plain("PUT", upload.path()).with("Authorization", &signed).body("x");
    assert_eq!(refused(&server.send(&put).await), (501, "NotImplemented".to_owned()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_are_served_as_nothing_that_a_browser_runs() {
    let server = Server::start().await;
    let upload = Upload::new(&server).await;
    let directory = upload.path().rsplit_once('/').unwrap().0;
    let page = format!("{directory}/evil%20page.html");
    assert_eq!(server.send(&upload.request("PUT", upload.path()).body("media")).await.status, 200);
    assert_eq!(server.send(&upload.request("PUT", &page).body("<script>")).await.status, 200);
    let at = |path: &str| format!("/media/{}{path}", upload.text("StorageBucket"));
    let get = async |path: &str| server.send(&Message::new("GET", &at(path))).await;
    assert_eq!(get(upload.path()).await.status, 404, "nothing before the commit");
    let commit = json!({"VodSessionKey": upload.applied["VodSessionKey"]});
    assert_eq!(code(&server.call("CommitUpload", commit).await), "OK");
    let shown = get(&page).await;
    assert_eq!((shown.status, &*shown.body), (200, b"<script>".as_slice()));
    assert_eq!(shown.header("content-type"), Some("application/octet-stream"));
    assert_eq!(shown.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(shown.header("content-security-policy"), Some("sandbox"));
    let played = get(upload.path()).await;
    assert_eq!(played.header("content-type"), Some("video/mp4"));
    assert_eq!(played.header("accept-ranges"), Some("bytes"));
    let etag = played.header("etag").unwrap();
    let known = Message::new("GET", &at(upload.path())).with("If-None-Match", etag);
    let answer = server.send(&known).await;
    assert_eq!((answer.status, answer.body.len()), (304, 0));
    let beyond = Message::new("GET", &at(upload.path())).with("Range", "bytes=5-");
    let answer = server.send(&beyond).await;
    assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */5")));
    for path in ["/../../store", "/x/y/z.mp4", directory, "/%ff"] {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
    assert_eq!(server.send(&Message::new("PUT", &at(upload.path())).body("x")).await.status, 405);
    let write = server.send(&upload.request("PUT", upload.path()).body("x")).await;
    assert_eq!(refused(&write), denied("AccessDenied"));
    assert_eq!(server.send(&upload.request("GET", upload.path())).await.body, b"media");
    server.stop().await;
}
