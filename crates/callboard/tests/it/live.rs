//! Live recordings against the real binary: it is killed while it records and while clips are copied from
//! what it has recorded, the encoder goes on meanwhile, and nothing is missing or left over.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use model::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::agreement;
use testkit::process::Server;
use testkit::until::until;
use tokio::process::Command;

use crate::clips::{played, pull_all};
use crate::launch;

const CONFIG: &str = r#"
[pull]
wait = "1s"

[media]
live_window = "1m"

[[application]]
id = 1250000000
mode = "PULL"
upload = true
persistence = true
"#;
const STREAM: &str = "camera-1";
/// Segments, of a second each, that the playlist names at a time.
const SHOWN: usize = 8;
/// Segments that are encrypted with one key.
const KEYED: usize = 7;
const KEY: &str = "sixteen letters!";
const IV: &str = "another sixteen!";
/// Segments of the window in which certainly nothing went.
const SAFE: usize = 50;

/// An encoder that writes encrypted segments and a playlist that moves over them.
struct Encoder {
    directory: TempDir,
    /// When the first segment was made.
    start: Timestamp,
}

impl Encoder {
    async fn new(seconds: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-f", "lavfi"]);
        ffmpeg.args(["-i", &format!("testsrc=size=128x72:rate=25:duration={seconds}")]);
        ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p"]);
        ffmpeg.args(["-f", "hls", "-hls_time", "1", "-hls_list_size", "0", "-hls_enc", "1"]);
        // ffmpeg takes the letters for the bytes
        ffmpeg.args(["-hls_enc_key", KEY, "-hls_enc_iv", IV]);
        ffmpeg.arg("made.m3u8").current_dir(&directory);
        assert!(ffmpeg.status().await.unwrap().success());
        for nth in 0..=seconds / KEYED {
            std::fs::write(directory.path().join(format!("{nth}.key")), KEY).unwrap();
        }
        let start = this_second().plus_ms(-1000 * i64::try_from(seconds).unwrap());
        Self { directory, start }
    }

    /// When a segment begins.
    fn at(&self, nth: usize) -> Timestamp {
        self.start.plus_ms(i64::try_from(nth).unwrap() * 1000)
    }

    /// Shows the segments before that one.
    fn show(&self, end: usize) {
        let first = end.saturating_sub(SHOWN);
        let mut text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{first}\n");
        for nth in first..end {
            let (key, at) = (nth / KEYED, self.at(nth));
            let iv = hex::encode(IV);
            writeln!(text, "#EXT-X-KEY:METHOD=AES-128,URI=\"{key}.key\",IV=0x{iv}").unwrap();
            write!(text, "#EXT-X-PROGRAM-DATE-TIME:{at}\n#EXTINF:1.0,\nmade{nth}.ts\n").unwrap();
        }
        // as encoders do it: nobody reads half a playlist
        let (unfinished, playlist) = (self.directory.path().join("next"), self.playlist());
        std::fs::write(&unfinished, text).unwrap();
        std::fs::rename(unfinished, playlist).unwrap();
    }

    fn playlist(&self) -> PathBuf {
        self.directory.path().join("live.m3u8")
    }

    /// What LiveRealTimeClip is asked for.
    fn span(&self, segments: std::ops::Range<usize>, is_kept: u8) -> Value {
        json!({
            "StreamId": STREAM,
            "StartTime": self.at(segments.start).to_string(),
            "EndTime": self.at(segments.end).to_string(),
            "IsPersistence": is_kept,
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "what is live is of now, by the server's own time")]
fn this_second() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(now.as_secs()).unwrap() * 1000)
}

/// `callboard live`, and what it printed.
async fn command(server: &Server, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
    command.arg("live").arg("--data").arg(server.data()).args(arguments);
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Waits until the recording ends at that moment.
async fn recorded_to(server: &Server, end: Timestamp) {
    let client = server.client().unwrap();
    until("more footage", async || {
        let streams = client.call("DescribeLiveStreams", json!({})).await.unwrap();
        let stream = &streams["LiveStreamSet"][0];
        assert_eq!(stream["Reason"], "", "{stream}");
        stream["EndTime"] == end.to_string()
    })
    .await;
}

/// The names of all files in the object store.
fn files(data: &Path) -> BTreeSet<String> {
    let directories = std::fs::read_dir(data.join("objects")).unwrap();
    let files = directories.flat_map(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap());
    files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// An address of a server that has another port since.
fn moved(server: &Server, clip: &Value) -> String {
    let (_, path) = clip["Url"].as_str().unwrap().split_once("/media/").unwrap();
    format!("{}/media/{path}", server.endpoint())
}

#[tokio::test]
async fn a_recording_survives_kill_9() {
    let kills = usize::try_from(testkit::soak::count("live_kills", 2, 50)).unwrap();
    let encoder = Encoder::new(2 + 5 * kills).await;
    let launch = launch(CONFIG).env("CALLBOARD_MEDIA_LIVE_DIRECTORY", encoder.directory.path());
    let mut server = launch.start().await.unwrap();
    let mut shown = 2;
    encoder.show(shown);
    let playlist = encoder.playlist();
    command(&server, &["add", STREAM, "--playlist", playlist.to_str().unwrap()]).await;

    let (mut kept, mut objects) = (Vec::new(), 0);
    for round in 0..kills {
        recorded_to(&server, encoder.at(shown)).await;
        let before = files(&server.data());
        let span = encoder.span(shown - 2..shown, 1);
        kept.push(server.client().unwrap().call("LiveRealTimeClip", span).await.unwrap());
        // its playlist, two segments and the keys that these have
        objects += 3 + (shown - 1) / KEYED - (shown - 2) / KEYED + 1;
        shown += 3;
        encoder.show(shown);
        // each time at another place of the copy and of what is recorded
        until("new files", async || {
            files(&server.data()).difference(&before).count() > 1 + round % 6
        })
        .await;
        server.kill9().await.unwrap();
        shown += 2;
        encoder.show(shown);
        server.restart().await.unwrap();
    }
    recorded_to(&server, encoder.at(shown)).await;

    let client = server.client().unwrap();
    let mut seen = HashMap::new();
    until("every clip", async || {
        pull_all(&client, &mut seen).await;
        seen.len() == 2 * kept.len()
    })
    .await;
    assert!(seen.values().all(|count| *count == 1), "{seen:?}");
    for clip in &kept {
        let (seconds, frames) = played(&moved(&server, clip)).await;
        assert!((seconds - 2.0).abs() < 0.1 && frames == 50, "{clip}: {seconds} s, {frames}");
    }
    let span = encoder.span(shown - shown.min(SAFE)..shown, 0);
    let clip = client.call("LiveRealTimeClip", span).await.unwrap();
    assert_eq!(clip["SegmentSet"].as_array().unwrap().len(), 1, "no second is missing: {clip}");
    let (_, frames) = played(clip["Url"].as_str().unwrap()).await;
    assert_eq!(frames, shown.min(SAFE) * 25, "no second is missing, and none is there twice");
    let agreed = agreement::check(&server.data()).await.unwrap();
    assert_eq!(agreed.media, kept.len());
    // the oldest may end on the edge of the window
    assert!((shown.min(60)..=shown.min(62)).contains(&agreed.footage), "{agreed:?}");

    command(&server, &["remove", STREAM]).await;
    assert_eq!(command(&server, &["list"]).await, "");
    until("the end of the recording", async || {
        let agreed = agreement::check(&server.data()).await.unwrap();
        (agreed.footage, agreed.objects) == (0, objects)
    })
    .await;
}
