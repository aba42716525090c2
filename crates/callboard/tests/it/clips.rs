//! Clips against the real binary: copies that are killed in the middle, sources that are deleted
//! meanwhile, and players that see the result to its end.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use client::{Client, CosClient};
use serde_json::{Value, json};
use testkit::bucket::Bucket;
use testkit::process::{Launch, Server};
use testkit::program::Program;
use testkit::until::until;
use tokio::process::Command;

use crate::bucket::agreement;
use crate::clients::{node, python, setup};
use crate::launch;

/// One second each; enough that a copy takes a while.
const SEGMENTS: usize = 600;
const CONFIG: &str = r#"
[pull]
wait = "1s"

[media]
cors_origins = ["http://page.localhost"]

[[application]]
id = 1250000000
mode = "PULL"
upload = true
delete = true
persistence = true
"#;

/// One second of a transport stream.
async fn second() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-f", "lavfi"]);
    ffmpeg.args(["-i", "testsrc=size=128x72:rate=25:duration=1"]);
    ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "s.ts"]);
    assert!(ffmpeg.current_dir(&directory).status().await.unwrap().success());
    std::fs::read(directory.path().join("s.ts")).unwrap()
}

/// Uploads that second under so many names, and the playlist of all of them; FileId and MediaUrl.
async fn upload(server: &Server, segments: usize) -> (String, String) {
    let client = server.client().unwrap();
    let applied = client.call("ApplyUpload", json!({ "MediaType": "m3u8" })).await.unwrap();
    let cos = CosClient::for_upload(&server.endpoint(), &applied).unwrap();
    let place = applied["MediaStoragePath"].as_str().unwrap();
    let beside = place.rsplit_once('/').unwrap().0;
    let bytes = bytes::Bytes::from(second().await);
    let mut list = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n".to_owned();
    for n in 0..segments {
        cos.put_object(&format!("{beside}/s/{n}.ts"), bytes.clone()).await.unwrap();
        list.push_str("#EXT-X-DISCONTINUITY\n#EXTINF:1.0,\ns/");
        list.push_str(&n.to_string());
        list.push_str(".ts\n");
    }
    list.push_str("#EXT-X-ENDLIST\n");
    cos.put_object(place, list.into()).await.unwrap();
    let key = json!({ "VodSessionKey": applied["VodSessionKey"] });
    let done = client.call("CommitUpload", key).await.unwrap();
    let text = |name: &str| done[name].as_str().unwrap().to_owned();
    (text("FileId"), text("MediaUrl"))
}

/// Objects of a file that are in the store.
async fn objects(server: &Server, bucket: Option<&Bucket>, file: &str) -> usize {
    let is_of_file = |name: &str| name.starts_with(&format!("{file}-"));
    if let Some(bucket) = bucket {
        let keys = bucket.keys().await.unwrap();
        return keys
            .iter()
            .filter_map(|key| key.rsplit('/').next())
            .filter(|n| is_of_file(n))
            .count();
    }
    let mut count = 0;
    for directory in std::fs::read_dir(server.data().join("objects")).unwrap() {
        for entry in std::fs::read_dir(directory.unwrap().path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            count += usize::from(is_of_file(&name));
        }
    }
    count
}

/// Every event that is there, confirmed: how often each type told of each file.
pub(crate) async fn pull_all(client: &Client, seen: &mut HashMap<(String, String), usize>) {
    loop {
        let answer = match client.call("PullEvents", json!({})).await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("ResourceNotFound") => return,
            Err(error) => panic!("{error}"),
        };
        let mut handles: Vec<&Value> = Vec::new();
        for event in answer["EventSet"].as_array().unwrap() {
            let kind = event["EventType"].as_str().unwrap();
            let file = match kind {
                "NewFileUpload" => &event["FileUploadEvent"]["FileId"],
                "FileDeleted" => &event["FileDeleteEvent"]["FileIdSet"][0],
                _ => &event["PersistenceCompleteEvent"]["FileId"],
            };
            *seen.entry((kind.to_owned(), file.as_str().unwrap().to_owned())).or_default() += 1;
            handles.push(&event["EventHandle"]);
        }
        client.call("ConfirmEvents", json!({ "EventHandles": handles })).await.unwrap();
    }
}

/// Seconds that ffprobe finds at an address, and frames that ffmpeg decodes of it.
pub(crate) async fn played(url: &str) -> (f64, usize) {
    let run = async |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(["-v", "error"]).args(arguments).env_remove("http_proxy");
        let output = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{program}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let duration = ["-show_entries", "format=duration", "-of", "csv=p=0", url];
    let seconds = run("ffprobe", &duration).await.trim().parse().unwrap();
    let frames = ["-i", url, "-map", "0:v", "-c", "copy", "-f", "framecrc", "-"];
    let frames = run("ffmpeg", &frames).await;
    (seconds, frames.lines().filter(|line| !line.starts_with('#')).count())
}

/// The same address as the server has it since it was started last: a start takes another port.
fn here(server: &Server, url: &str) -> String {
    let (_, path) = url.split_once("/media/").unwrap();
    format!("{}/media/{path}", server.endpoint())
}

/// A copy that is killed so many times, and the end of its source meanwhile.
async fn survive(bucket: Option<Bucket>, kills: u64) {
    let bucket = bucket.as_ref();
    let place = bucket.map(Bucket::config).unwrap_or_default();
    let mut server = launch(format!("{CONFIG}{place}")).start().await.unwrap();
    let (source, url) = upload(&server, SEGMENTS).await;
    let request = json!({ "Url": url, "IsPersistence": 1, "SourceContext": "killed" });
    let clip = server.client().unwrap().call("SimpleHlsClip", request).await.unwrap();
    let file = clip["FileId"].as_str().unwrap().to_owned();
    server.client().unwrap().call("DeleteMedia", json!({ "FileId": source })).await.unwrap();

    let mut copied = 0;
    for _ in 0..kills {
        let before = copied;
        // the playlist is one more
        until("more copies", async || objects(&server, bucket, &file).await > before + 1).await;
        server.kill9().await.unwrap();
        copied = objects(&server, bucket, &file).await.saturating_sub(1);
        assert!(copied < SEGMENTS, "the copy was over before it was killed");
        server.restart().await.unwrap();
    }
    let mut seen = HashMap::new();
    let caller = server.client().unwrap();
    let complete = ("PersistenceComplete".to_owned(), file.clone());
    until("PersistenceComplete", async || {
        pull_all(&caller, &mut seen).await;
        seen.contains_key(&complete)
    })
    .await;
    let told = |kind: &str, file: &str| seen.get(&(kind.to_owned(), file.to_owned())).copied();
    assert_eq!(told("PersistenceComplete", &file), Some(1));
    assert_eq!(told("NewFileUpload", &file), Some(1));
    assert_eq!(told("FileDeleted", &source), Some(1));
    assert_eq!(seen.len(), 4, "{seen:?}");

    until("the end of the source", async || objects(&server, bucket, &source).await == 0).await;
    let all = SEGMENTS + 1;
    until("no garbage", async || objects(&server, bucket, &file).await == all).await;
    let agreement = agreement(&server, bucket).await;
    assert_eq!((agreement.media, agreement.objects), (1, all));
    let (seconds, found) = played(&here(&server, clip["Url"].as_str().unwrap())).await;
    assert!((seconds - 600.0).abs() < 1.0, "{seconds}");
    assert_eq!(found, SEGMENTS * 25);
    let seen_before = seen.clone();
    server.stop().await.unwrap();
    server.restart().await.unwrap();
    pull_all(&server.client().unwrap(), &mut seen).await;
    assert_eq!(seen, seen_before, "exactly once");
}

#[tokio::test]
async fn a_copy_in_a_directory_survives_kill_9_and_the_end_of_its_source() {
    survive(None, testkit::soak::count("clip_kills", 2, 50)).await;
}

#[tokio::test]
async fn a_copy_in_a_bucket_survives_kill_9_and_the_end_of_its_source() {
    // looking into it takes a while, in which more is copied than on the disk
    let kills = testkit::soak::count("clip_kills_in_a_bucket", 2, 10);
    survive(Some(Bucket::start().await.unwrap()), kills).await;
}

#[tokio::test]
async fn clips_in_a_bucket_outlive_their_sources_and_play_to_the_end() {
    let bucket = Bucket::start().await.unwrap();
    let server = launch(format!("{CONFIG}{}", bucket.config())).start().await.unwrap();
    let client = server.client().unwrap();
    let (first, url) = upload(&server, 4).await;
    let (second, _) = upload(&server, 3).await;
    let span = json!({ "Url": url, "StartTimeOffset": 1, "EndTimeOffset": 3 });
    let passing = client.call("SimpleHlsClip", span.clone()).await.unwrap();
    let (seconds, frames) = played(passing["Url"].as_str().unwrap()).await;
    assert!((seconds - 2.0).abs() < 0.1, "{seconds}");
    assert_eq!(frames, 50);
    let mut kept = span;
    kept["IsPersistence"] = json!(1);
    let simple = client.call("SimpleHlsClip", kept).await.unwrap();
    let input = |file: &str, start: i64| json!({ "FileId": file, "AudioVideoType": "Original", "StartTimeOffset": start });
    let inputs = json!({ "FileInfos": [input(&second, 1), input(&first, -1)] });
    let fast = client.call("FastEditMedia", inputs).await.unwrap();
    let mut seen = HashMap::new();
    for clip in [&simple, &fast] {
        let file = clip["FileId"].as_str().unwrap().to_owned();
        let complete = ("PersistenceComplete".to_owned(), file);
        until("PersistenceComplete", async || {
            pull_all(&client, &mut seen).await;
            seen.get(&complete) == Some(&1)
        })
        .await;
    }
    for source in [&first, &second] {
        client.call("DeleteMedia", json!({ "FileId": source })).await.unwrap();
    }
    // two segments and a playlist, three segments and a playlist
    until("a sweep", async || bucket.keys().await.unwrap().len() == 3 + 4).await;
    for (clip, seconds) in [(&simple, 2_u8), (&fast, 3)] {
        let (found, frames) = played(clip["Url"].as_str().unwrap()).await;
        assert!((found - f64::from(seconds)).abs() < 0.1, "{found}");
        assert_eq!(frames, 25 * usize::from(seconds));
    }
    let found = agreement(&server, Some(&bucket)).await;
    assert_eq!((found.media, found.objects), (2, 7));
}

/// Plays addresses to the end with hls.js in Chromium; seconds played, fragments and runs of each.
async fn in_a_browser(urls: &[String]) -> Vec<(f64, u64, u64)> {
    let program = Program::start(node("play.js"), &json!({ "urls": urls })).await.unwrap();
    let told = program.step("played").await.unwrap();
    let of = |facts: &Value| {
        let count = |name: &str| facts[name].as_u64().unwrap();
        assert_eq!(count("width"), 128);
        (facts["played"].as_f64().unwrap(), count("fragments"), count("runs"))
    };
    let played: Vec<_> = told["played"].as_array().unwrap().iter().map(of).collect();
    assert_eq!(played.len(), urls.len());
    program.finish().await.unwrap();
    played
}

/// A server that records live playlists in that directory.
fn launch_with(live: &Path) -> Launch {
    let launch = launch(CONFIG);
    launch.env("CALLBOARD_MEDIA_LIVE_DIRECTORY", live)
}

/// Five seconds of picture and sound in segments of one; the playlist.
async fn encode(directory: &Path, name: &str, options: &[&str]) -> PathBuf {
    let name = format!("{name}.m3u8");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-f", "lavfi"]);
    ffmpeg.args(["-i", "testsrc=size=128x72:rate=25:duration=5", "-f", "lavfi"]);
    ffmpeg.args(["-i", "sine=duration=5", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25"]);
    ffmpeg.args(["-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "hls", "-hls_time", "1"]);
    // where it is, because ffmpeg names a key by the path that it is given
    ffmpeg.args(["-hls_list_size", "0"]).args(options).arg(&name).current_dir(directory);
    assert!(ffmpeg.status().await.unwrap().success());
    directory.join(name)
}

/// A playlist of ffmpeg's with its dates set to whole seconds from a known time on, which it returns.
fn at_whole_seconds(playlist: &str) -> (&'static str, String) {
    let mut seconds = 0;
    let line = |line: &str| {
        if !line.starts_with("#EXT-X-PROGRAM-DATE-TIME") {
            return format!("{line}\n");
        }
        seconds += 1;
        format!("#EXT-X-PROGRAM-DATE-TIME:2026-11-24T12:00:0{}.000Z\n", seconds - 1)
    };
    let text: String = playlist.lines().map(line).collect();
    assert_eq!(seconds, 5, "{playlist}");
    ("2026-11-24T12:00:00Z", text)
}

#[tokio::test]
async fn the_sdk_makes_clips_and_a_browser_plays_them() {
    let directory = tempfile::tempdir().unwrap();
    let server = launch_with(directory.path()).start().await.unwrap();
    let playlist = encode(directory.path(), "index", &[]).await;
    let key = ["-hls_enc", "1", "-hls_enc_key", "sixteen letters!"];
    let encrypted = [&["-hls_flags", "program_date_time"], &key[..]].concat();
    let live = encode(directory.path(), "live", &encrypted).await;
    let text = std::fs::read_to_string(&live).unwrap();
    let (start, text) = at_whole_seconds(&text);
    std::fs::write(&live, text).unwrap();
    let app = 1_250_000_000;
    let facts = json!({ "app": app, "playlist": playlist, "live": live, "live_start": start });
    let program = Program::start(python("clip_round.py"), &setup(&server, facts)).await.unwrap();
    let made = program.step("made").await.unwrap();
    program.finish().await.unwrap();
    let urls = made["urls"].as_array().unwrap().iter();
    let urls: Vec<String> = urls.map(|url| url.as_str().unwrap().to_owned()).collect();

    let played = in_a_browser(&urls).await;
    for (nth, (seconds, fragments, runs)) in
        [(2.0, 2, 1), (3.0, 3, 2), (1.0, 1, 1), (2.0, 2, 1)].into_iter().enumerate()
    {
        let (found, count, marks) = played[nth];
        assert!((found - seconds).abs() < 0.3, "{}: {played:?}", urls[nth]);
        assert_eq!((count, marks), (fragments, runs), "{}", urls[nth]);
    }
}
