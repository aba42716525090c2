//! The upload clients that know only the hosts of the cloud, unchanged, under `callboard run`: their
//! own upload calls, with one PUT, in parts, and a playlist with its segments.

use std::fs;
use std::path::{Path, PathBuf};

use client::Client;
use serde_json::{Value, json};
use testkit::process::Server;
use testkit::program::Program;
use tokio::process::Command;

use crate::clients::{node, python, root, setup};
use crate::launch;

const CONFIG: &str = r#"
[pull]
wait = "1s"

[[application]]
id = 1250000000
mode = "PULL"
upload = true
"#;
/// Twenty parts of 1 MiB, and one that is shorter.
const LARGE: usize = 20 * 1024 * 1024 + 12_345;

/// What is uploaded: a small file, a large one, and a playlist.
#[derive(Debug)]
struct Media {
    directory: tempfile::TempDir,
    segments: Vec<String>,
}

impl Media {
    async fn make() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clip = root().join("tests/clients/clip.mp4");
        let mut bytes = fs::read(&clip).unwrap();
        fs::write(directory.path().join("small.mp4"), &bytes).unwrap();
        let padding = u32::try_from(LARGE - bytes.len()).unwrap();
        bytes.extend(padding.to_be_bytes());
        bytes.extend(b"free");
        // a prime cycle, so that no two parts are alike
        let filler = (0..=250_u8).cycle().take(LARGE - bytes.len());
        bytes.extend(filler);
        fs::write(directory.path().join("large.mp4"), &bytes).unwrap();

        let hls = directory.path().join("hls");
        fs::create_dir_all(hls.join("part")).unwrap();
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-i"]).arg(&clip).args(["-c", "copy", "-f", "hls"]);
        // a playlist names its segments by their last part unless it is told where they are
        ffmpeg.args(["-hls_time", "1", "-hls_base_url", "part/"]);
        ffmpeg.args(["-hls_segment_filename", "part/%d.ts", "index.m3u8"]);
        assert!(ffmpeg.current_dir(&hls).status().await.unwrap().success());
        let playlist = fs::read_to_string(hls.join("index.m3u8")).unwrap();
        let named = playlist.lines().filter(|line| !line.starts_with('#'));
        let segments: Vec<String> = named.map(str::to_owned).collect();
        assert!(!segments.is_empty(), "{playlist}");
        Self { directory, segments }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// The command under `callboard run`.
pub(crate) fn behind(server: &Server, command: &Command) -> Command {
    let command = command.as_std();
    let mut run = Command::new(env!("CARGO_BIN_EXE_callboard"));
    run.arg("run").arg("--data").arg(server.data()).arg("--");
    run.arg(command.get_program()).args(command.get_args());
    run
}

async fn uploads(command: Command) {
    let server = launch(CONFIG).start().await.unwrap();
    let media = Media::make().await;
    let files = ["small.mp4", "large.mp4", "hls/index.m3u8"].map(|name| media.path(name));
    let facts = setup(&server, json!({ "files": files }));
    let program = Program::start(behind(&server, &command), &facts).await.unwrap();
    program.finish().await.unwrap();

    let client = server.client().unwrap();
    let mut events = Vec::new();
    while events.len() < files.len() {
        let pulled = client.call("PullEvents", json!({})).await.unwrap();
        let set = pulled["EventSet"].as_array().unwrap().clone();
        let handles: Vec<&Value> = set.iter().map(|event| &event["EventHandle"]).collect();
        client.call("ConfirmEvents", json!({ "EventHandles": handles })).await.unwrap();
        events.extend(set);
    }
    for (event, file) in events.iter().zip(&files) {
        assert_eq!(event["EventType"], "NewFileUpload");
        let basic = &event["FileUploadEvent"]["MediaBasicInfo"];
        assert_eq!(basic["SourceInfo"]["SourceContext"], "unmodified");
        let url = basic["MediaUrl"].as_str().unwrap();
        let path = url.strip_prefix(&server.endpoint()).unwrap();
        same(&client, path, file).await;
    }
    let url = events[2]["FileUploadEvent"]["MediaBasicInfo"]["MediaUrl"].as_str().unwrap();
    let directory = url.strip_prefix(&server.endpoint()).unwrap().rsplit_once('/').unwrap().0;
    for segment in &media.segments {
        same(&client, &format!("{directory}/{segment}"), &media.path("hls").join(segment)).await;
    }
}

/// What is served is what was uploaded.
async fn same(client: &Client, path: &str, file: &Path) {
    let served = client.get(path).await.unwrap();
    assert!(served == fs::read(file).unwrap(), "{path} is not {}", file.display());
}

#[tokio::test]
async fn vod_python_sdk() {
    uploads(python("vod_upload.py")).await;
}

#[tokio::test]
async fn vod_node_sdk() {
    uploads(node("vod_upload.js")).await;
}
