//! Playlists that are lawful and unusual, and segments that are not what they should be.

use serde_json::{Value, json};

use super::Made;

fn duration(meta: &Value) -> f64 {
    meta["Duration"].as_f64().unwrap()
}

#[tokio::test]
async fn an_empty_playlist_has_a_size() {
    for text in ["#EXTM3U\n", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-ENDLIST\n"] {
        let made = Made::empty();
        made.write("index.m3u8", text);
        let meta = made.meta_data().await;
        assert_eq!((&meta["Size"], &meta["Container"]), (&text.len().into(), &"hls".into()));
        for member in ["Bitrate", "Width", "Height"] {
            assert_eq!(meta[member], 0, "{meta}");
        }
        assert!(duration(&meta).abs() < 1e-9, "{meta}");
        assert_eq!(meta["VideoStreamSet"], json!([]));
    }
}

#[tokio::test]
async fn a_playlist_without_an_end_is_what_it_is_now() {
    let made = Made::plain("index.m3u8");
    let ended = made.meta_data().await;
    let text = made.text("index.m3u8");
    let open = text.replace("#EXT-X-ENDLIST\n", "").replace("#EXT-X-PLAYLIST-TYPE:VOD\n", "");
    assert!(open.len() < text.len());
    made.write("index.m3u8", open);
    let meta = made.meta_data().await;
    assert_eq!(meta["Size"], made.size());
    assert!((duration(&meta) - duration(&ended)).abs() < 1e-9);
    assert_eq!(meta["VideoStreamSet"][0]["Fps"], ended["VideoStreamSet"][0]["Fps"]);
}

#[tokio::test]
async fn lengths_add_up_over_a_discontinuity_and_repeated_segments_weigh_once() {
    let made = Made::plain("index.m3u8");
    let once = made.meta_data().await;
    let text = made.text("index.m3u8");
    let body = text.split_once("#EXTINF").map(|(_, body)| format!("#EXTINF{body}")).unwrap();
    let twice = text.replace("#EXT-X-ENDLIST\n", &format!("#EXT-X-DISCONTINUITY\n{body}"));
    made.write("index.m3u8", twice);
    let meta = made.meta_data().await;
    assert!((duration(&meta) - 2.0 * duration(&once)).abs() < 1e-6, "{meta}");
    assert_eq!(meta["Size"], made.size());
    assert_eq!(meta["VideoStreamSet"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_first_segment_that_is_there_tells_the_streams() {
    let made = Made::plain("index.m3u8");
    let text = made.text("index.m3u8");
    made.write(
        "index.m3u8",
        text.replacen("#EXTINF", "#EXT-X-GAP\n#EXTINF:1.0,\ngone.ts\n#EXTINF", 1),
    );
    let meta = made.meta_data().await;
    assert_eq!(meta["VideoStreamSet"][0]["Width"], 128, "{meta}");
    assert_eq!(meta["Size"], made.size());
}

#[tokio::test]
async fn segments_that_are_no_media_have_sums_only() {
    for segment in [&b"no media"[..], b"", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"] {
        let made = Made::empty();
        made.write("index.m3u8", "#EXTM3U\n#EXTINF:4,\na.ts\n#EXT-X-ENDLIST\n");
        made.write("a.ts", segment);
        let meta = made.meta_data().await;
        assert_eq!(meta["Size"], made.size());
        assert!((duration(&meta) - 4.0).abs() < 1e-9);
        assert_eq!((&meta["VideoStreamSet"], &meta["AudioStreamSet"]), (&json!([]), &json!([])));
    }
}

#[tokio::test]
async fn more_segments_than_memory_should_hold_are_not_looked_at() {
    let made = Made::empty();
    made.write("a.ts", "no media");
    let segments = |count: usize| format!("#EXTM3U\n{}", "#EXTINF:1,\na.ts\n".repeat(count));
    let master = |count: usize| -> String {
        let variant = |n: usize| format!("#EXT-X-STREAM-INF:BANDWIDTH=1\nv{n}.m3u8\n");
        format!("#EXTM3U\n{}", (0..count).map(variant).collect::<String>())
    };
    for n in 0..5 {
        made.write(&format!("v{n}.m3u8"), segments(50_000));
    }
    made.write("index.m3u8", master(4));
    assert!((duration(&made.meta_data().await) - 50_000.0).abs() < 1e-6);
    made.write("index.m3u8", master(5));
    assert_eq!(made.meta_data().await, Value::Null);
}

#[tokio::test]
async fn ranges_beyond_the_file_are_no_error() {
    let made = Made::plain("-hls_flags single_file index.m3u8");
    let text = made.text("index.m3u8");
    let first = text.lines().find(|line| line.starts_with("#EXT-X-BYTERANGE")).unwrap();
    let far = format!("#EXT-X-BYTERANGE:{}@{}", u64::MAX / 2, u64::MAX / 4);
    for range in [far.as_str(), "#EXT-X-BYTERANGE:0@0", "#EXT-X-BYTERANGE:99999999999@0"] {
        made.write("index.m3u8", text.replacen(first, range, 1));
        let meta = made.meta_data().await;
        assert_eq!(meta["Size"], made.size(), "{range}");
        assert!((duration(&meta) - 5.0).abs() < 0.2, "{range}");
    }
}
