//! The upload SDK for browsers, unchanged, in a real Chromium under `callboard run`: one part and several,
//! a cover, progress, the event that says what the signature said, and refusals in the SDK's own words.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use client::{Client, CosClient};
use serde_json::{Value, json};
use sign::hotlink::Hotlink;
use testkit::process::{SECRET_ID, SECRET_KEY, Server};
use testkit::program::Program;
use tokio::process::Command;

use crate::clients::{node, root, setup};
use crate::launch;
use crate::unmodified::behind;

const APP: u64 = 1_500_000_001;
/// The origin of the test's page, whatever its port.
const CONFIG: &str = r#"
[pull]
wait = "1s"

[media]
cors_origins = ["http://page.localhost"]
upload_cors_origins = ["http://page.localhost"]

[[application]]
id = 1500000001
mode = "PULL"
upload = true
"#;
/// Three parts of the SDK's 8 MiB, the last one shorter.
const LARGE: usize = 20 * 1024 * 1024 + 12_345;

async fn server() -> Server {
    launch(CONFIG).start().await.unwrap()
}

/// A clip, the same with much after it, and a picture.
async fn files(directory: &Path) {
    let clip = root().join("tests/clients/clip.mp4");
    let mut bytes = fs::read(&clip).unwrap();
    fs::write(directory.join("small.mp4"), &bytes).unwrap();
    let padding = u32::try_from(LARGE - bytes.len()).unwrap();
    bytes.extend(padding.to_be_bytes());
    bytes.extend(b"free");
    let filler = (0..=250_u8).cycle().take(LARGE - bytes.len());
    bytes.extend(filler);
    fs::write(directory.join("large.mp4"), &bytes).unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(&clip).args(["-frames:v", "1", "cover.jpg"]);
    assert!(ffmpeg.current_dir(directory).status().await.unwrap().success());
}

async fn program(server: &Server, directory: &Path, facts: Value) -> Program {
    let mut all = json!({ "directory": directory });
    all.as_object_mut().unwrap().extend(facts.as_object().unwrap().clone());
    let program = behind(server, &node("browser_upload.js"));
    Program::start(program, &setup(server, all)).await.unwrap()
}

/// The authority, made if there is none; the number by which Chromium believes in it.
async fn trusted(server: &Server) -> String {
    let mut trust = Command::new(env!("CARGO_BIN_EXE_callboard"));
    trust.args(["trust", "--spki", "--data"]).arg(server.data());
    let said = trust.output().await.unwrap();
    assert!(said.status.success());
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn vod_js_sdk() {
    let server = server().await;
    let media = tempfile::tempdir().unwrap();
    files(media.path()).await;
    trusted(&server).await;
    let client = Client::new(&server.endpoint(), SECRET_ID, SECRET_KEY).unwrap();
    let class = json!({ "SubAppId": APP, "ParentId": -1, "ClassName": "from browsers" });
    let class = client.call("CreateClass", class).await.unwrap()["ClassId"].clone();
    let context = "browser & 中文 100%";
    let said = json!({ "sourceContext": context, "classId": class, "vodSubAppId": APP });
    let facts = json!({
        "ca": server.data().join("intercept-ca.pem"),
        "signatures": { "good": said, "once": { "oneTimeValid": 1, "vodSubAppId": APP } },
        "uploads": [
            { "name": "small", "media": "small.mp4", "signature": "good" },
            { "name": "large", "media": "large.mp4", "cover": "cover.jpg", "signature": "good" },
            { "name": "once", "media": "small.mp4", "signature": "once" },
        ],
    });
    let program = program(&server, media.path(), facts).await;
    let small = program.step("small").await.unwrap();
    let large = program.step("large").await.unwrap();
    let once = program.step("once").await.unwrap();
    program.finish().await.unwrap();

    let etag = |told: &Value| told["etags"][0].as_str().unwrap().trim_matches('"').to_owned();
    assert!(etag(&small).ends_with("-1") && etag(&large).ends_with("-3"), "{small} {large}");
    assert_eq!(small["etags"].as_array().unwrap().len(), 1);
    assert_eq!(large["media"].as_array().unwrap().last(), Some(&json!(1)), "{large}");
    assert_eq!(large["cover"].as_array().unwrap().last(), Some(&json!(1)), "{large}");
    let pulled = client.call("PullEvents", json!({ "SubAppId": APP })).await.unwrap();
    let events = pulled["EventSet"].as_array().unwrap();
    assert_eq!(events.len(), 3, "{pulled}");
    let none = json!(0);
    let told = [
        (&small, "small", context, &class),
        (&large, "large", context, &class),
        (&once, "small", "", &none),
    ];
    for (event, (done, name, context, class)) in events.iter().zip(told) {
        let event = &event["FileUploadEvent"];
        let done = &done["done"];
        assert_eq!(event["FileId"], done["fileId"], "{done}");
        let basic = &event["MediaBasicInfo"];
        assert_eq!(basic["Name"], name);
        assert_eq!(basic["SourceInfo"]["SourceContext"], context);
        assert_eq!(basic["ClassId"], *class);
        assert_eq!(basic["MediaUrl"], done["video"]["url"]);
        same(&server, &client, &basic["MediaUrl"], &media.path().join(format!("{name}.mp4"))).await;
    }
    let cover = &events[1]["FileUploadEvent"]["MediaBasicInfo"]["CoverUrl"];
    assert_eq!(*cover, large["done"]["cover"]["url"]);
    same(&server, &client, cover, &media.path().join("cover.jpg")).await;
}

#[tokio::test]
async fn vod_js_sdk_is_refused() {
    let server = server().await;
    let media = tempfile::tempdir().unwrap();
    files(media.path()).await;
    let facts = json!({
        "spki": trusted(&server).await,
        "signatures": {
            "forged": { "secret_key": "not the key" },
            "expired": { "currentTimeStamp": 1_600_000_000, "expireTime": 1_600_003_600 },
            "elsewhere": { "vodSubAppId": 77 },
        },
        "uploads": [
            { "name": "forged", "media": "small.mp4", "signature": "forged" },
            { "name": "expired", "media": "small.mp4", "signature": "expired" },
            { "name": "elsewhere", "media": "small.mp4", "signature": "elsewhere" },
        ],
    });
    let program = program(&server, media.path(), facts).await;
    for (name, code, words) in [
        ("forged", 10_004, "ugc upload | invalid signature: its digest"),
        ("expired", 10_004, "ugc upload | invalid signature: its expireTime has passed"),
        ("elsewhere", 10_001, "invalid vod user"),
    ] {
        let told = program.step(name).await.unwrap();
        assert_eq!(told["code"], code, "{told}");
        assert!(told["message"].as_str().unwrap().contains(words), "{told}");
    }
    program.finish().await.unwrap();
}

/// A playlist with a key, and segments in a directory below it.
async fn hls(directory: &Path) -> Vec<String> {
    fs::create_dir(directory.join("part")).unwrap();
    fs::write(directory.join("the.key"), [7; 16]).unwrap();
    let info = format!("the.key\n{}\n", directory.join("the.key").display());
    fs::write(directory.join("key.info"), info).unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-f", "lavfi"]);
    ffmpeg.args(["-i", "testsrc=size=128x72:rate=25:duration=3", "-c:v", "libx264"]);
    // without frames out of order, so that the first one is shown at the very beginning
    ffmpeg.args(["-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25"]);
    ffmpeg.args(["-f", "hls", "-hls_time", "1", "-hls_key_info_file", "key.info"]);
    ffmpeg.args(["-hls_base_url", "part/", "-hls_segment_filename", "part/%d.ts", "index.m3u8"]);
    assert!(ffmpeg.current_dir(directory).status().await.unwrap().success());
    let playlist = fs::read_to_string(directory.join("index.m3u8")).unwrap();
    let segments = playlist.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
    segments.collect()
}

#[tokio::test]
async fn a_player_plays_what_was_signed() {
    let config =
        format!("{CONFIG}\n").replace("[media]", "[media]\nsigning_key = \"24FEQmTzro4V5u3D5epW\"");
    let launch = launch(config);
    let server = launch.start().await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let segments = hls(files.path()).await;
    let client = Client::new(&server.endpoint(), SECRET_ID, SECRET_KEY).unwrap();
    let applied = client.call("ApplyUpload", json!({ "MediaType": "m3u8" })).await.unwrap();
    let cos = CosClient::for_upload(&server.endpoint(), &applied).unwrap();
    let place = applied["MediaStoragePath"].as_str().unwrap();
    let beside = place.rsplit_once('/').unwrap().0;
    let bytes = |name: &str| Bytes::from(fs::read(files.path().join(name)).unwrap());
    for name in segments.iter().map(String::as_str).chain(["the.key"]) {
        cos.put_object(&format!("{beside}/{name}"), bytes(name)).await.unwrap();
    }
    cos.put_object(place, bytes("index.m3u8")).await.unwrap();
    let commit = json!({ "VodSessionKey": applied["VodSessionKey"] });
    let committed = client.call("CommitUpload", commit).await.unwrap();
    let url = committed["MediaUrl"].as_str().unwrap();
    let path = url.strip_prefix(&server.endpoint()).unwrap();
    assert!(client.get(path).await.unwrap_err().to_string().contains("403"), "without a signature");

    let directory = &path[..=path.rfind('/').unwrap()];
    let signed = Hotlink::new("24FEQmTzro4V5u3D5epW", directory, u32::MAX.into(), "x").unwrap();
    let urls = [format!("{url}?{}", signed.query())];
    let program = Program::start(node("play.js"), &json!({ "urls": urls })).await.unwrap();
    let played = program.step("played").await.unwrap();
    program.finish().await.unwrap();
    let fragments = played["played"][0]["fragments"].as_u64();
    assert_eq!(fragments, u64::try_from(segments.len()).ok(), "{played}");
    assert!(played["played"][0]["played"].as_f64().unwrap() > 2.5, "{played}");
}

/// What is served is what was uploaded.
async fn same(server: &Server, client: &Client, url: &Value, file: &Path) {
    let path = url.as_str().unwrap().strip_prefix(&server.endpoint()).unwrap();
    let bytes = client.get(path).await.unwrap();
    assert!(bytes == fs::read(file).unwrap(), "{path} is not {}", file.display());
}
