//! Media in a bucket: a whole server over a real S3-compatible store, in good times and in bad.

use bytes::Bytes;
use client::{CallError, CosClient};
use serde_json::{Value, json};
use testkit::agreement::{self, Agreement};
use testkit::bucket::Bucket;
use testkit::certificate::Authority;
use testkit::process::Server;
use testkit::until::until;

use crate::clients::{root, round_configured};
use crate::launch;
use crate::upload::up_and_down;

/// Bytes of a file that goes into the bucket in parts.
const LARGE: usize = 12 * 1024 * 1024;

async fn apply(server: &Server, media_type: &str) -> (Value, CosClient) {
    let params = json!({ "MediaType": media_type });
    let applied = server.client().unwrap().call("ApplyUpload", params).await.unwrap();
    let cos = CosClient::for_upload(&server.endpoint(), &applied).unwrap();
    (applied, cos)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}

async fn commit(server: &Server, applied: &Value) -> Result<Value, CallError> {
    let key = json!({ "VodSessionKey": applied["VodSessionKey"] });
    server.client().unwrap().call("CommitUpload", key).await
}

/// The path of a MediaUrl; its host may be that of an earlier start.
fn path(committed: &Value) -> &str {
    let url = text(committed, "MediaUrl");
    &url[url.find("/media/").unwrap()..]
}

fn pattern(len: usize) -> Bytes {
    (0..len).map(|n| (n ^ (n >> 8) ^ (n >> 16)).to_le_bytes()[0]).collect()
}

/// What curl says of a URL: the status and the bytes.
async fn curl(args: &[&str], url: &str) -> (String, Vec<u8>) {
    let mut command = tokio::process::Command::new("curl");
    command.args(["-s", "-w", "\n%{http_code}"]).args(args).arg(url);
    let mut bytes = command.output().await.unwrap().stdout;
    let at = bytes.iter().rposition(|byte| *byte == b'\n').unwrap();
    let status = String::from_utf8(bytes.split_off(at)).unwrap();
    (status.trim().to_owned(), bytes)
}

/// Whether library, objects and events of a server agree, and nothing is left over.
pub(crate) async fn agreement(server: &Server, bucket: Option<&Bucket>) -> Agreement {
    let (copy, data) = (tempfile::tempdir().unwrap(), server.data());
    let Some(bucket) = bucket else { return agreement::check(&data).await.unwrap() };
    assert_eq!(bucket.incomplete().await.unwrap(), Vec::<String>::new());
    bucket.copy_to(&copy.path().join("objects")).await.unwrap();
    for directory in ["staging", "pulls"] {
        let link = copy.path().join(directory);
        std::os::unix::fs::symlink(data.join(directory), link).unwrap();
    }
    agreement::check_apart(&data, copy.path()).await.unwrap()
}

#[tokio::test]
async fn the_sdks_work_the_same() {
    let bucket = Bucket::start().await.unwrap();
    round_configured(&bucket.config()).await;
    // of the two files one was deleted
    assert_eq!(bucket.keys().await.unwrap().len(), 1);
    assert!(bucket.incomplete().await.unwrap().is_empty());
}

#[tokio::test]
async fn large_files_go_up_and_down_in_bounded_memory() {
    let bucket = Bucket::start().await.unwrap();
    up_and_down(launch(bucket.config()), 48).await;
    assert_eq!(bucket.keys().await.unwrap().len(), 2);
    assert!(bucket.incomplete().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_playlist_and_its_segments_are_served_by_ranges_and_deleted() {
    let bucket = Bucket::start().await.unwrap();
    let mut server = launch(bucket.config()).start().await.unwrap();
    let (applied, cos) = apply(&server, "m3u8").await;
    let list =
        "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n0.ts\n#EXTINF:4,\n1.ts\n#EXT-X-ENDLIST\n";
    let place = text(&applied, "MediaStoragePath");
    let directory = &place[..place.rfind('/').unwrap()];
    cos.put_object(place, Bytes::from_static(list.as_bytes())).await.unwrap();
    let segments = [pattern(700_001), pattern(6 << 20)];
    cos.put_object(&format!("{directory}/0.ts"), segments[0].clone()).await.unwrap();
    let refused = commit(&server, &applied).await.unwrap_err();
    assert!(refused.code().is_some(), "a segment is missing: {refused}");
    cos.put_object(&format!("{directory}/1.ts"), segments[1].clone()).await.unwrap();
    let committed = commit(&server, &applied).await.unwrap();
    let info = json!({ "FileIds": [committed["FileId"]] });
    let info = server.client().unwrap().call("DescribeMediaInfos", info.clone()).await.unwrap();
    let data = &info["MediaInfoSet"][0]["MetaData"];
    assert_eq!(data["Size"], list.len() + segments[0].len() + segments[1].len());
    assert_eq!(data["Duration"], 8.0);

    server.stop().await.unwrap();
    server.restart().await.unwrap();
    let list_path = path(&committed);
    let directory = &list_path[..list_path.rfind('/').unwrap()];
    let url = |name: &str| format!("{}{directory}/{name}", server.endpoint());
    assert_eq!(server.client().unwrap().get(list_path).await.unwrap(), list);
    for (name, segment) in ["0.ts", "1.ts"].iter().zip(&segments) {
        assert!(
            server.client().unwrap().get(&format!("{directory}/{name}")).await.unwrap() == segment
        );
        let (status, bytes) = curl(&["-r", "65530-70000"], &url(name)).await;
        assert_eq!(status, "206");
        assert!(bytes == segment[65530..=70000]);
        let (status, bytes) = curl(&["-r", "-5"], &url(name)).await;
        assert_eq!((status.as_str(), &bytes[..]), ("206", &segment[segment.len() - 5..]));
        let (status, _) = curl(&["-r", "99999999-"], &url(name)).await;
        assert_eq!(status, "416");
    }
    assert_eq!(bucket.keys().await.unwrap().len(), 3);
    let file = json!({ "FileId": committed["FileId"] });
    server.client().unwrap().call("DeleteMedia", file).await.unwrap();
    assert_eq!(curl(&[], &url("0.ts")).await.0, "404");
    until("a sweep", async || bucket.keys().await.unwrap().is_empty()).await;
}

#[tokio::test]
async fn an_outage_is_told_and_costs_nothing_but_time() {
    let bucket = Bucket::start().await.unwrap();
    let mut server = launch(bucket.config()).start().await.unwrap();
    let large = pattern(LARGE);
    let (applied, cos) = apply(&server, "mp4").await;
    let place = text(&applied, "MediaStoragePath");
    cos.put_object(place, large.clone()).await.unwrap();
    let before = commit(&server, &applied).await.unwrap();
    let url = format!("{}{}", server.endpoint(), path(&before));

    let (applied, cos) = apply(&server, "mp4").await;
    let place = text(&applied, "MediaStoragePath");
    let upload = cos.initiate(place).await.unwrap();
    let half = LARGE / 2;
    let mut etags = vec![cos.put_part(place, &upload, 1, large.slice(..half)).await.unwrap()];
    bucket.cut();
    // parts stay here until they are complete
    etags.push(cos.put_part(place, &upload, 2, large.slice(half..)).await.unwrap());
    let code = |error: &CallError| error.code().unwrap().to_owned();
    let refused = cos.complete(place, &upload, &etags).await.unwrap_err();
    assert_eq!(code(&refused), "ServiceUnavailable", "{refused}");
    let refused = cos.put_object(place, large.clone()).await.unwrap_err();
    assert_eq!(code(&refused), "ServiceUnavailable", "{refused}");
    assert!(commit(&server, &applied).await.is_err(), "nothing was uploaded");
    assert_eq!(curl(&[], &url).await.0, "503");
    // the queue does not notice
    let event = json!({ "EventType": "PullComplete" });
    server.client().unwrap().call("PublishEvents", json!({ "Events": [event] })).await.unwrap();

    // nor does a start, even of one that does not answer at all
    server.kill9().await.unwrap();
    bucket.freeze();
    server.restart().await.unwrap();
    server.logs("wait for the object store").await.unwrap();
    server.client().unwrap().call("DescribeEventsState", json!({})).await.unwrap();
    bucket.cut();
    let url = format!("{}{}", server.endpoint(), path(&before));
    assert_eq!(curl(&[], &url).await.0, "503");
    let cos = CosClient::for_upload(&server.endpoint(), &applied).unwrap();
    let refused = cos.complete(place, &upload, &etags).await.unwrap_err();
    assert_eq!(code(&refused), "ServiceUnavailable", "{refused}");

    bucket.mend();
    until("a sweep", async || cos.complete(place, &upload, &etags).await.is_ok()).await;
    let after = commit(&server, &applied).await.unwrap();
    for committed in [&before, &after] {
        assert!(server.client().unwrap().get(path(committed)).await.unwrap() == large);
    }
    until("a sweep", async || bucket.incomplete().await.unwrap().is_empty()).await;
    until("a sweep", async || bucket.keys().await.unwrap().len() == 2).await;
}

#[tokio::test]
async fn a_start_says_what_is_wrong_with_a_bucket() {
    let bucket = Bucket::start().await.unwrap();
    let config = bucket.config();
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut secret, b"testing\n").unwrap();
    let file = format!("secret_access_key_file = \"{}\"", secret.path().display());
    let from_file = config.replace("secret_access_key = \"testing\"", &file);
    launch(from_file).start().await.unwrap();
    let endpoint = bucket.endpoint();
    for (from, to, words) in [
        ("\"media\"", "\"other\"", "objects.s3.bucket: "),
        ("allow_http = true", "", "objects.s3.endpoint: "),
        (endpoint.as_str(), "http://127.0.0.1:1", "objects.s3.endpoint: "),
        ("secret_access_key = \"testing\"", "", "objects.s3.secret_access_key: "),
    ] {
        let refused = launch(config.replace(from, to)).start().await.unwrap_err();
        assert!(refused.to_string().contains(words), "{to}: {refused}");
    }
    let (id, secret) = bucket.demand_permissions().await.unwrap();
    let known = config.replace("\"testing\"", &format!("\"{secret}\""));
    let known = known.replace(&format!("id = \"{secret}\""), &format!("id = \"{id}\""));
    for (config, words) in [
        (config.clone(), "objects.s3.access_key_id: "),
        (known.clone(), "s3:ListBucketMultipartUploads"),
        (known.replace(&secret, "another"), "objects.s3.secret_access_key: "),
    ] {
        let refused = launch(config).start().await.unwrap_err().to_string();
        assert!(refused.contains(words) && !refused.contains(&secret), "{words}: {refused}");
    }
}

#[tokio::test]
async fn the_store_may_speak_tls_with_an_authority_of_its_own() {
    let authority = Authority::new().unwrap();
    let tls = authority.issue("127.0.0.1").unwrap().server(None).unwrap();
    let bucket = Bucket::start_with_tls(tls).await.unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, authority.pem().as_bytes()).unwrap();
    let stranger = bucket.config().replace("allow_http = true", "");
    let config = format!("{stranger}ca_file = \"{}\"\n", file.path().display());
    let server = launch(config).start().await.unwrap();
    let (applied, cos) = apply(&server, "mp4").await;
    let body = pattern(LARGE);
    cos.put_object(text(&applied, "MediaStoragePath"), body.clone()).await.unwrap();
    let committed = commit(&server, &applied).await.unwrap();
    assert!(server.client().unwrap().get(path(&committed)).await.unwrap() == body);
    let refused = launch(stranger).start().await.unwrap_err().to_string();
    assert!(refused.contains("objects.s3.endpoint: "), "{refused}");
    assert!(refused.contains("certificate"), "{refused}");
}

#[tokio::test]
async fn the_manual_s_bucket_is_one() {
    let manual = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, rest) = manual.split_once("```toml bucket\n").unwrap();
    let (config, _) = rest.split_once("```").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("callboard.toml");
    std::fs::write(&file, config).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_callboard"));
    let checked = command.args(["config", "--check", "--config"]).arg(&file).env_clear();
    let checked = checked.output().await.unwrap();
    assert!(checked.status.success(), "{checked:?}");
    // a backup says where the media are
    let server = launch("").start().await.unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_callboard"));
    command.arg("backup").arg("--data").arg(server.data()).arg("--config").arg(&file).env_clear();
    let said = command.arg(directory.path().join("copy.db")).output().await.unwrap();
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("https://minio.example.internal:9000/media/callboard/prod"), "{said}");
}

#[tokio::test]
async fn objects_that_are_somewhere_else_stop_a_start_until_they_are_copied() {
    let bucket = Bucket::start().await.unwrap();
    let mut server = launch("").start().await.unwrap();
    let (applied, cos) = apply(&server, "mp4").await;
    let body = pattern(100_000);
    cos.put_object(text(&applied, "MediaStoragePath"), body.clone()).await.unwrap();
    let committed = commit(&server, &applied).await.unwrap();
    server.stop().await.unwrap();
    server.configure(bucket.config()).unwrap();
    let refused = server.restart().await.unwrap_err().to_string();
    assert!(refused.contains("objects.store: ") && refused.contains("Copy them"), "{refused}");

    let objects = server.data().join("objects");
    for below in std::fs::read_dir(&objects).unwrap() {
        for file in std::fs::read_dir(below.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            let name = file.strip_prefix(&objects).unwrap().display().to_string();
            let bytes = std::fs::read(&file).unwrap();
            bucket.put(&format!("callboard/test/{name}"), bytes).await.unwrap();
        }
    }
    server.restart().await.unwrap();
    assert!(server.client().unwrap().get(path(&committed)).await.unwrap() == body);
    // and back
    server.stop().await.unwrap();
    std::fs::remove_dir_all(&objects).unwrap();
    server.configure("").unwrap();
    let refused = server.restart().await.unwrap_err().to_string();
    assert!(refused.contains("objects.store = \"s3\""), "{refused}");
}
