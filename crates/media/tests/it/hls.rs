//! HLS that ffmpeg makes, uploaded file by file, committed as one media and deleted as one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use media::{Applied, CommitUploadError, Grant};
use serde_json::Value;
use tempfile::TempDir;

use crate::world::{APP, World, application};

mod dash;
mod kinds;
mod odd;

/// The codecs of most tests: key frames at every second.
const CODECS: &str = "-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p -c:a aac -b:a 64k";
/// The shape of most tests: segments of a second, all in the playlist.
const SEGMENTS: &str = "-f hls -hls_time 1 -hls_list_size 0 -hls_playlist_type vod";

/// A playlist `index.m3u8`, or a manifest `index.mpd`, with all that it names, as a directory.
struct Made(TempDir);

impl Made {
    /// Nothing yet.
    fn empty() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Five seconds of picture and sound.
    fn plain(options: &str) -> Self {
        Self::new(&format!("{CODECS} {SEGMENTS} {options}"))
    }

    fn new(options: &str) -> Self {
        let made = Self::empty();
        made.add(options);
        made
    }

    /// Adds what ffmpeg makes of five seconds of picture and sound. A bar stands for a space that
    /// ends no option.
    fn add(&self, options: &str) {
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin"])
            .args(["-f", "lavfi", "-i", "testsrc=size=128x72:rate=25:duration=5"])
            .args(["-f", "lavfi", "-i", "sine=duration=5"])
            .args(options.split_whitespace().map(|word| word.replace('|', " ")))
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .output()
            .expect("these tests make their files with ffmpeg: ./scripts/test installs it");
        assert!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Every file by its name, the playlist first.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
            })
            .collect();
        files.sort_by_key(|(name, _)| (!is_top(name), name.clone()));
        files
    }

    fn size(&self) -> usize {
        self.files().iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// What CommitUpload finds out about it, with ffprobe.
    async fn meta_data(&self) -> Value {
        let world = World::probing().await;
        let files = self.files();
        let media_type = files[0].0.rsplit_once('.').unwrap().1;
        let (applied, grant) = world.apply(media_type).await;
        put_all(&world, (&applied, &grant), &files).await;
        let key = &applied.vod_session_key;
        world.library.commit_upload(&application(APP), key).await.unwrap();
        world.events().await.remove(0).1["MetaData"].take()
    }
}

/// Whether a name is that of the file that is played.
fn is_top(name: &str) -> bool {
    ["index.m3u8", "index.mpd"].contains(&name)
}

/// Every file of an HLS media of five seconds, the playlist first.
pub(crate) fn make(options: &str) -> Vec<(String, Vec<u8>)> {
    Made::plain(options).files()
}

/// Where a file goes: the playlist to its announced key, everything else beside it.
pub(crate) fn key(applied: &Applied, name: &str) -> String {
    let session = &applied.session;
    if is_top(name) {
        return session.media_key.clone();
    }
    let beside = session.media_key.rsplit_once('/').unwrap().0;
    format!("{beside}/{name}")
}

async fn put_all(world: &World, (applied, grant): (&Applied, &Grant), files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        world.put(grant, &key(applied, name), bytes).await.unwrap();
    }
}

async fn commits_and_goes(options: &str) {
    let made = Made::plain(options);
    let files = made.files();
    assert!(files.len() > 2);
    let world = World::new().await;
    let (applied, grant) = world.apply("m3u8").await;
    let (missing, there) = files.split_last().unwrap();
    put_all(&world, (&applied, &grant), there).await;
    let application = application(APP);
    let error =
        world.library.commit_upload(&application, &applied.vod_session_key).await.unwrap_err();
    let wanted = key(&applied, &missing.0);
    assert!(matches!(&error, CommitUploadError::NotUploaded(key) if *key == wanted), "{error}");
    assert!(world.events().await.is_empty());

    world.put(&grant, &wanted, &missing.1).await.unwrap();
    let uploaded =
        world.library.commit_upload(&application, &applied.vod_session_key).await.unwrap();
    let (_, payload) = world.events().await.remove(0);
    let meta = &payload["MetaData"];
    let size = made.size();
    assert_eq!(meta["Size"], size);
    assert_eq!(meta["Container"], "hls");
    assert!((meta["Duration"].as_f64().unwrap() - 5.0).abs() < 0.2, "{meta}");
    // the built-in readers look at segments of either kind
    assert_eq!(meta["VideoStreamSet"][0]["Width"], 128, "{meta}");
    assert_eq!(meta["VideoStreamSet"][0]["Codec"], "h264", "{meta}");
    assert_eq!(meta["VideoStreamSet"][0]["Fps"], 25, "{meta}");
    assert_eq!(meta["AudioStreamSet"][0]["SamplingRate"], 44_100, "{meta}");
    let id = uploaded.file.to_string();
    let described = world.library.describe(APP, std::slice::from_ref(&id), &[]).await;
    let described = serde_json::to_value(described.unwrap()).unwrap();
    assert_eq!(described["MediaInfoSet"][0]["MetaData"], *meta, "{described}");

    assert_eq!(world.object_files().len(), files.len());
    world.library.delete(&application, &id, &[]).await.unwrap();
    world.library.close().await;
    assert_eq!(world.object_files().len(), 0);
}

#[tokio::test]
async fn transport_streams_are_one_media() {
    commits_and_goes("index.m3u8").await;
}

#[tokio::test]
async fn fragments_with_a_map_are_one_media() {
    commits_and_goes("-hls_segment_type fmp4 index.m3u8").await;
}

#[tokio::test]
async fn a_master_playlist_takes_its_variants_along() {
    commits_and_goes("-master_pl_name index.m3u8 variant.m3u8").await;
}

#[tokio::test]
async fn what_is_no_playlist_has_no_metadata() {
    let world = World::new().await;
    let (applied, grant) = world.apply("m3u8").await;
    let outside = b"#EXTM3U\n#EXTINF:1,\n../../../other.ts\n";
    world.put(&grant, &applied.session.media_key, outside).await.unwrap();
    world.library.commit_upload(&application(APP), &applied.vod_session_key).await.unwrap();
    assert!(world.events().await.remove(0).1["MetaData"].is_null());
}
