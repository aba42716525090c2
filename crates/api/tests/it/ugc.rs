//! The API of the upload SDKs: signatures, policies, sessions, and what web pages may see of it.

use serde_json::{Value, json};
use sign::upload;

use crate::cos::Upload;
use crate::message::{Answer, Message, code};
use crate::server::{APP, NOW_S, ROOT, Server};

const TARGET: &str = "/v3/index.php?Action=";
const PAGE: &str = "http://localhost:3000";

/// A signature of that key that holds for an hour, with more parameters.
fn signature(key: (&str, &str), random: u32, more: &str) -> String {
    let (from, to) = (NOW_S, NOW_S + 3600);
    let original =
        format!("secretId={}&currentTimeStamp={from}&expireTime={to}&random={random}{more}", key.0);
    upload::sign(key.1, &original)
}

fn call(action: &str, body: &Value) -> Message {
    Message::new("POST", &format!("{TARGET}{action}"))
        .with("Host", "vod2.qcloud.com")
        .with("Content-Type", "application/json;charset=UTF-8")
        .with("Origin", PAGE)
        .body(body.to_string())
}

/// An answer of this API.
fn read(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    serde_json::from_slice(&answer.body).unwrap()
}

async fn told(server: &Server, action: &str, body: &Value) -> Value {
    read(&server.send(&call(action, body)).await)
}

/// The place of an applied upload as the COS tests know it.
fn place(data: &Value) -> Upload {
    let certificate = &data["tempCertificate"];
    Upload::of(json!({
        "StorageBucket": format!("{}-{}", data["storageBucket"].as_str().unwrap(), data["storageAppId"]),
        "StorageRegion": data["storageRegionV5"],
        "MediaStoragePath": data["video"]["storagePath"],
        "CoverStoragePath": data["cover"]["storagePath"],
        "TempCertificate": {
            "SecretId": certificate["secretId"],
            "SecretKey": certificate["secretKey"],
            "Token": certificate["token"],
        },
    }))
}

async fn put(server: &Server, upload: &Upload, path: &Value) {
    let request = upload.request("PUT", path.as_str().unwrap()).body("bytes");
    assert_eq!(server.send(&request).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_from_prepare_to_its_event() {
    let server = Server::start().await;
    let configure = json!({"Mode": "PULL", "UploadMediaCompleteEventSwitch": "ON"});
    server.call("ModifyEventConfig", configure).await;
    let context = "&sourceContext=a%20b%26c&vodSubAppId=0&taskPriority=1";
    let signed = signature(ROOT, 1, context);
    let prepared = told(&server, "PrepareUploadUGC", &json!({ "signature": signed })).await;
    assert_eq!((&prepared["code"], &prepared["data"]["appId"]), (&json!(0), &json!(APP)));
    let apply = json!({
        "signature": signed, "videoName": "holiday", "videoType": "mp4", "videoSize": 5,
        "coverName": "c", "coverType": "jpg", "uploadFromWeb": true,
        "ExpireTime": "2099-01-01T00:00:00Z",
    });
    let applied = told(&server, "ApplyUploadUGC", &apply).await;
    assert_eq!(applied["code"], 0, "{applied}");
    let data = &applied["data"];
    assert_eq!(data["timestamp"], NOW_S);
    let upload = place(data);
    put(&server, &upload, &data["video"]["storagePath"]).await;
    put(&server, &upload, &data["cover"]["storagePath"]).await;
    let commit = json!({ "signature": signed, "vodSessionKey": data["vodSessionKey"] });
    let committed = told(&server, "CommitUploadUGC", &commit).await;
    assert_eq!(committed["code"], 0, "{committed}");
    let again = told(&server, "CommitUploadUGC", &commit).await;
    assert_eq!(again["data"], committed["data"], "a repeated call is answered the same");

    let pulled = server.call("PullEvents", json!({})).await;
    let events = pulled["EventSet"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{pulled}");
    let event = &events[0]["FileUploadEvent"];
    assert_eq!(event["FileId"], committed["data"]["fileId"]);
    let basic = &event["MediaBasicInfo"];
    assert_eq!((&basic["Name"], &basic["Type"]), (&json!("holiday"), &json!("mp4")));
    assert_eq!(basic["SourceInfo"]["SourceContext"], "a b&c");
    assert_eq!(basic["MediaUrl"], committed["data"]["video"]["url"]);
    assert_eq!(basic["CoverUrl"], committed["data"]["cover"]["url"]);
    assert_eq!(basic["ExpireTime"], "2099-01-01T00:00:00Z");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_believed_or_done_says_why() {
    let server = Server::start().await;
    let apply = |signature: &str| json!({ "signature": signature, "videoType": "mp4" });
    let good = signature(ROOT, 1, "");
    let window = |from: i64, to: i64| {
        upload::sign(
            ROOT.1,
            &format!("secretId={}&currentTimeStamp={from}&expireTime={to}&random=1", ROOT.0),
        )
    };
    let cases = [
        (apply(&signature((ROOT.0, "another"), 1, "")), 10_004, "digest"),
        (apply(&signature(("AKIDnobody", ROOT.1), 1, "")), 10_004, "secretId"),
        (apply(&window(NOW_S - 100, NOW_S - 1)), 10_004, "expireTime has passed"),
        (apply(&window(NOW_S + 301, NOW_S + 900)), 10_004, "ahead"),
        (apply(&window(NOW_S, NOW_S + 90 * 86_400 + 1)), 10_004, "90 days"),
        (apply("not base64!"), 10_004, "base64"),
        (json!({}), 10_004, "base64"),
        (json!({ "signature": good }), 10_001, "videoType"),
        (json!({ "signature": good, "videoType": "exe" }), 10_001, "MediaType"),
        (
            json!({ "signature": good, "fileId": "1", "coverType": "jpg" }),
            10_001,
            "ModifyMediaInfo",
        ),
        (json!({ "signature": good, "vodSessionKey": "none" }), 10_012, "VodSessionKey"),
        (apply(&signature(ROOT, 1, "&vodSubAppId=77")), 10_001, "invalid vod user"),
        (json!({ "signature": good, "videoType": "mp4", "ExpireTime": "x" }), 10_001, "ExpireTime"),
    ];
    for (body, code, words) in cases {
        let answer = told(&server, "ApplyUploadUGC", &body).await;
        assert_eq!(answer["code"], code, "{body}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.starts_with("ugc upload | ") && message.contains(words), "{message}");
    }
    let commit = json!({ "signature": good, "vodSessionKey": "none" });
    assert_eq!(told(&server, "CommitUploadUGC", &commit).await["code"], 10_012);
    for message in [
        call("DeleteUGC", &json!({})),
        Message::new("GET", &format!("{TARGET}ApplyUploadUGC")),
        call("ApplyUploadUGC", &json!([])),
        call("ApplyUploadUGC", &json!({ "signature": "x".repeat(70_000) })),
    ] {
        assert_eq!(read(&server.send(&message).await)["code"], 10_001, "{}", message.target);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_can_do_what_its_key_may_do() {
    let server = Server::start().await;
    let other = server.call("CreateSubAppId", json!({ "Name": "other" })).await;
    let other = other["SubAppId"].as_u64().unwrap();
    let made =
        server.call("CreateKey", json!({ "Actions": ["ApplyUpload"], "SubAppIds": [other] })).await;
    assert_eq!(code(&made), "OK", "{made}");
    let key = (made["SecretId"].as_str().unwrap(), made["SecretKey"].as_str().unwrap());
    let body = |more: &str| json!({ "signature": signature(key, 1, more), "videoType": "mp4" });
    let refused = told(&server, "ApplyUploadUGC", &body("")).await;
    assert_eq!(refused["code"], 10_011, "another application: {refused}");
    let there = format!("&vodSubAppId={other}");
    let applied = told(&server, "ApplyUploadUGC", &body(&there)).await;
    assert_eq!(applied["code"], 0, "{applied}");
    let commit = json!({
        "signature": signature(key, 2, &there), "vodSessionKey": applied["data"]["vodSessionKey"],
    });
    let refused = told(&server, "CommitUploadUGC", &commit).await;
    assert_eq!(refused["code"], 10_011, "another action: {refused}");
    server.call("DeleteKey", json!({ "KeyId": key.0 })).await;
    let gone = told(&server, "ApplyUploadUGC", &body(&there)).await;
    assert_eq!(gone["code"], 10_004, "{gone}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_upload_goes_on() {
    let server = Server::start().await;
    let signed = signature(ROOT, 1, "");
    let apply = json!({ "signature": signed, "videoType": "mp4" });
    let first = told(&server, "ApplyUploadUGC", &apply).await["data"].clone();
    let resume = json!({ "signature": signed, "vodSessionKey": first["vodSessionKey"] });
    let mut again = told(&server, "ApplyUploadUGC", &resume).await["data"].clone();
    assert_eq!(again, first);
    server.set_time(NOW_S + 60);
    again = told(&server, "ApplyUploadUGC", &resume).await["data"].clone();
    assert_eq!(again["tempCertificate"], first["tempCertificate"]);
    assert_eq!(again["timestamp"], NOW_S + 60);
    put(&server, &place(&first), &first["video"]["storagePath"]).await;
    assert_eq!(told(&server, "CommitUploadUGC", &resume).await["code"], 0);
    assert_eq!(told(&server, "ApplyUploadUGC", &resume).await["code"], 10_012, "it is over");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_for_one_use_is_used_once() {
    let server = Server::start().await;
    let once = |random| signature(ROOT, random, "&oneTimeValid=1");
    let apply = |random| json!({ "signature": once(random), "videoType": "mp4" });
    let (a, b) = (call("ApplyUploadUGC", &apply(1)), call("ApplyUploadUGC", &apply(1)));
    let (a, b) = tokio::join!(server.send(&a), server.send(&b));
    let mut answers = [read(&a), read(&b)];
    answers.sort_by_key(|answer| answer["code"].as_u64());
    let [applied, refused] = answers;
    assert_eq!((&applied["code"], &refused["code"]), (&json!(0), &json!(10_004)));
    assert!(refused["message"].as_str().unwrap().contains("duplicate vod signature"));

    let data = &applied["data"];
    put(&server, &place(data), &data["video"]["storagePath"]).await;
    let session = &data["vodSessionKey"];
    let commit = |random| json!({ "signature": once(random), "vodSessionKey": session });
    // the apps' SDKs end an upload with the signature that it began with, the browser's with a new one
    assert_eq!(told(&server, "CommitUploadUGC", &commit(1)).await["code"], 0);
    assert_eq!(told(&server, "CommitUploadUGC", &commit(2)).await["code"], 0);
    assert_eq!(told(&server, "CommitUploadUGC", &commit(2)).await["code"], 10_004);
    assert_eq!(told(&server, "ApplyUploadUGC", &apply(2)).await["code"], 10_004);
    assert_eq!(
        told(&server, "PrepareUploadUGC", &json!({ "signature": once(1) })).await["code"],
        0
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_origins_only_see_answers() {
    let listed = api::Origins::Listed(vec![PAGE.to_owned()]);
    let server = Server::with(|settings| settings.upload_origins = listed).await;
    let body = json!({ "signature": signature(ROOT, 1, ""), "videoType": "mp4" });
    let message = call("ApplyUploadUGC", &body);
    let answer = server.send(&message).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(answer.header("vary"), Some("Origin"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let data = read(&answer)["data"].clone();
    let stranger = server.send(&message.clone().with("Origin", "http://evil.example")).await;
    assert_eq!(stranger.header("access-control-allow-origin"), None);
    assert_eq!(stranger.header("vary"), Some("Origin"));

    let upload = place(&data);
    let path = data["video"]["storagePath"].as_str().unwrap();
    let preflight = |target: &str, origin: &str| {
        Message::new("OPTIONS", target)
            .with("Origin", origin)
            .with("Access-Control-Request-Method", "PUT")
            .with("Access-Control-Request-Headers", "authorization,x-cos-security-token")
    };
    for target in [path, "/?uploads&prefix=a", &format!("{TARGET}CommitUploadUGC")] {
        let answer = server.send(&preflight(target, PAGE)).await;
        assert_eq!(answer.status, 204, "{target}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
        let allowed = answer.header("access-control-allow-headers");
        assert_eq!(allowed, Some("authorization,x-cos-security-token"));
        assert!(answer.header("access-control-allow-methods").unwrap().contains("PUT"));
        let stranger = server.send(&preflight(target, "http://evil.example")).await;
        assert_eq!(stranger.status, 403);
        assert_eq!(stranger.header("access-control-allow-origin"), None);
    }
    let put = upload.request("PUT", path).with("Origin", PAGE).body("x");
    let answer = server.send(&put).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(PAGE)));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("ETag") && exposed.contains("x-cos-request-id"), "{exposed}");
    let wrong = upload
        .plain("PUT", path)
        .with("Origin", PAGE)
        .with("Authorization", "q-sign-algorithm=sha1");
    let answer = server.send(&wrong.body("x")).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, Some(PAGE)));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_no_page_sees_anything() {
    let server = Server::start().await;
    let body = json!({ "signature": signature(ROOT, 1, ""), "videoType": "mp4" });
    let answer = server.send(&call("ApplyUploadUGC", &body)).await;
    assert_eq!(read(&answer)["code"], 0, "CORS refuses to tell, not to do");
    assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control")));
    let preflight = Message::new("OPTIONS", "/media/b/k")
        .with("Origin", PAGE)
        .with("Access-Control-Request-Method", "GET");
    assert_eq!(server.send(&preflight).await.status, 403);
    server.stop().await;

    let server = Server::with(|settings| settings.upload_origins = api::Origins::Any).await;
    let answer = server.send(&call("ApplyUploadUGC", &body)).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    server.stop().await;
}
