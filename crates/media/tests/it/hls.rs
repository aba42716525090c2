//! HLS that ffmpeg makes, uploaded file by file, committed as one media and deleted as one.

use std::process::{Command, Stdio};

use media::{Applied, CommitUploadError};
use tempfile::TempDir;

use crate::world::{APP, World, application};

/// Every file of a playlist `index.m3u8` of five seconds, by its path, the playlist first.
fn make(options: &str) -> Vec<(String, Vec<u8>)> {
    let directory = TempDir::new().unwrap();
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(["-f", "lavfi", "-i", "testsrc=size=128x72:rate=25:duration=5"])
        .args(["-f", "lavfi", "-i", "sine=duration=5"])
        .args("-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p -c:a aac".split(' '))
        .args("-f hls -hls_time 1 -hls_list_size 0 -hls_playlist_type vod".split(' '))
        .args(options.split_whitespace())
        .current_dir(&directory)
        .stdin(Stdio::null())
        .output()
        .expect("these tests make their files with ffmpeg: ./scripts/test installs it");
    assert!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort_by_key(|(name, _)| (name != "index.m3u8", name.clone()));
    files
}

/// Where a file goes: the playlist to its announced key, everything else beside it.
fn key(applied: &Applied, name: &str) -> String {
    let session = &applied.session;
    if name == "index.m3u8" {
        return session.media_key.clone();
    }
    let beside = session.media_key.rsplit_once('/').unwrap().0;
    format!("{beside}/{name}")
}

async fn commits_and_goes(options: &str) {
    let files = make(options);
    assert!(files.len() > 2);
    let world = World::new().await;
    let (applied, grant) = world.apply("m3u8").await;
    let (missing, there) = files.split_last().unwrap();
    for (name, bytes) in there {
        world.put(&grant, &key(&applied, name), bytes).await.unwrap();
    }
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
    let size: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(meta["Size"], size);
    assert_eq!(meta["Container"], "hls");
    assert!((meta["Duration"].as_f64().unwrap() - 5.0).abs() < 0.2, "{meta}");
    // without ffprobe, as here, only a map can be read
    if options.contains("fmp4") {
        assert_eq!(meta["VideoStreamSet"][0]["Width"], 128, "{meta}");
        assert_eq!(meta["VideoStreamSet"][0]["Codec"], "h264", "{meta}");
    }
    let id = uploaded.file.to_string();
    let described = world.library.describe(APP, std::slice::from_ref(&id), &[]).await;
    let described = serde_json::to_value(described.unwrap()).unwrap();
    assert_eq!(described["MediaInfoSet"][0]["MetaData"]["Size"], size, "{described}");

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
