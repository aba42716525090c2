//! The metadata of every kind of HLS, next to what ffprobe says when it may follow the playlist.

use std::path::Path;
use std::process::Command;

use cbc::cipher::{BlockEncryptMut, KeyIvInit};
use serde_json::Value;

use super::{CODECS, Made, SEGMENTS};

/// What ffprobe itself says of the playlist.
fn ffprobe(made: &Made) -> Value {
    let output = Command::new("ffprobe")
        .args("-v error -of json -show_format -show_streams -allowed_extensions ALL".split(' '))
        .arg("index.m3u8")
        .current_dir(made.path())
        .output()
        .expect("these tests need ffprobe: ./scripts/test installs it");
    assert!(output.status.success(), "ffprobe: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn near(value: &Value, expected: f64, by: f64) -> bool {
    (value.as_f64().unwrap() - expected).abs() <= by
}

/// The sums are those of the files, the streams those that ffprobe sees.
fn assert_agrees(name: &str, made: &Made, meta: &Value) {
    let size = made.size();
    assert_eq!(
        (&meta["Size"], &meta["Container"]),
        (&size.into(), &"hls".into()),
        "{name}: {meta}"
    );
    let duration = meta["Duration"].as_f64().unwrap();
    let rate = f64::from(u32::try_from(size * 8).unwrap()) / duration;
    assert!(near(&meta["Bitrate"], rate, 1.0), "{name}: {meta}");
    assert_eq!((&meta["Md5"], &meta["Rotate"]), (&"".into(), &0.into()), "{name}");

    let theirs = ffprobe(made);
    let told: f64 = theirs["format"]["duration"].as_str().unwrap().parse().unwrap();
    assert!((duration - told).abs() < 0.2, "{name}: {duration} is not {told}");
    let streams = |kind: &str| -> Vec<&Value> {
        let all = theirs["streams"].as_array().unwrap().iter();
        all.filter(|stream| stream["codec_type"] == kind).collect()
    };
    let (video, audio) = (streams("video"), streams("audio"));
    let ours = meta["VideoStreamSet"].as_array().unwrap();
    assert_eq!(ours.len(), video.len(), "{name}: {meta} {theirs}");
    for (ours, theirs) in ours.iter().zip(&video) {
        assert_eq!(ours["Codec"], theirs["codec_name"], "{name}");
        assert_eq!((&ours["Width"], &ours["Height"]), (&theirs["width"], &theirs["height"]));
        let rate = theirs["avg_frame_rate"].as_str().unwrap();
        assert_eq!(format!("{}/1", ours["Fps"]), rate, "{name}");
        assert!(ours["Bitrate"].as_i64().unwrap() > 1_000, "{name}: {meta}");
        assert_eq!(ours["DynamicRangeInfo"]["Type"], "SDR");
    }
    let ours = meta["AudioStreamSet"].as_array().unwrap();
    assert_eq!(ours.len(), audio.len(), "{name}: {meta} {theirs}");
    for (ours, theirs) in ours.iter().zip(&audio) {
        assert_eq!(ours["Codec"], theirs["codec_name"], "{name}");
        assert_eq!(ours["SamplingRate"].to_string(), theirs["sample_rate"].as_str().unwrap());
        assert!(near(&ours["Bitrate"], 64_000.0, 20_000.0), "{name}: {meta}");
    }
    let largest = |member: &str| video.iter().map(|v| v[member].as_i64().unwrap()).max();
    assert_eq!(meta["Width"].as_i64(), Some(largest("width").unwrap_or(0)), "{name}");
    assert_eq!(meta["Height"].as_i64(), Some(largest("height").unwrap_or(0)), "{name}");
    let lasts = |streams: &[&Value]| if streams.is_empty() { 0.0 } else { duration };
    assert!(near(&meta["VideoDuration"], lasts(&video), 0.1), "{name}: {meta}");
    assert!(near(&meta["AudioDuration"], lasts(&audio), 0.1), "{name}: {meta}");
}

#[tokio::test]
async fn segments_of_every_kind() {
    for (name, options) in [
        ("transport stream", "index.m3u8"),
        ("fragments", "-hls_segment_type fmp4 index.m3u8"),
        ("one transport stream", "-hls_flags single_file index.m3u8"),
        ("one file of fragments", "-hls_segment_type fmp4 -hls_flags single_file index.m3u8"),
        ("sound only", "-map 1:a index.m3u8"),
        ("sound only, in fragments", "-map 1:a -hls_segment_type fmp4 index.m3u8"),
        ("pictures only", "-map 0:v index.m3u8"),
    ] {
        let made = Made::plain(options);
        assert_agrees(name, &made, &made.meta_data().await);
    }
}

#[tokio::test]
async fn hevc_keeps_its_tag_and_its_range() {
    let made = Made::new(&format!(
        "-map 0:v -c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25 \
         -pix_fmt yuv420p10le -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc \
         -tag:v hvc1 {SEGMENTS} -hls_segment_type fmp4 index.m3u8"
    ));
    let meta = made.meta_data().await;
    let video = &meta["VideoStreamSet"][0];
    assert_eq!((&video["Codec"], &video["CodecTag"]), (&"hevc".into(), &"hvc1".into()), "{meta}");
    let range = serde_json::json!({"Type": "HDR", "HDRType": "hdr10"});
    assert_eq!(video["DynamicRangeInfo"], range, "{meta}");
}

#[tokio::test]
async fn a_ladder_with_sound_of_its_own() {
    let made = Made::new(&format!(
        "-map 0:v -map 0:v -map 1:a {CODECS} -s:v:1 64x36 {SEGMENTS} -master_pl_name index.m3u8 \
         -var_stream_map v:0,agroup:sound|v:1,agroup:sound|a:0,agroup:sound v%v.m3u8"
    ));
    let meta = made.meta_data().await;
    // ffmpeg names the sound twice, as a rendition and as a variant, and ffprobe counts it twice
    let counts =
        ["VideoStreamSet", "AudioStreamSet"].map(|set| meta[set].as_array().unwrap().len());
    assert_eq!(counts, [2, 1], "{meta}");
    assert_eq!((&meta["Width"], &meta["Height"]), (&128.into(), &72.into()), "{meta}");
    assert_eq!(meta["VideoStreamSet"][1]["Width"], 64, "{meta}");
    assert_eq!(meta["Size"], made.size());
    assert!(near(&meta["VideoDuration"], 5.0, 0.1) && near(&meta["AudioDuration"], 5.0, 0.2));
}

#[tokio::test]
async fn a_ladder_of_whole_variants() {
    let made = Made::new(&format!(
        "-map 0:v -map 1:a -map 0:v -map 1:a {CODECS} -s:v:1 64x36 {SEGMENTS} \
         -master_pl_name index.m3u8 -var_stream_map v:0,a:0|v:1,a:1 v%v.m3u8"
    ));
    assert_agrees("ladder", &made, &made.meta_data().await);
}

#[tokio::test]
async fn previews_count_in_size_and_are_no_streams() {
    let made = Made::plain("-master_pl_name index.m3u8 variant.m3u8");
    let whole = made.meta_data().await;
    let segment =
        made.text("variant.m3u8").lines().find(|line| !line.starts_with('#')).unwrap().to_owned();
    let preview = format!(
        "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:5\n#EXT-X-I-FRAMES-ONLY\n\
         #EXTINF:5.0,\n#EXT-X-BYTERANGE:1000@564\n{segment}\n#EXT-X-ENDLIST\n"
    );
    made.write("frames.m3u8", &preview);
    let master = made.text("index.m3u8");
    made.write(
        "index.m3u8",
        format!("{master}#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1000,URI=\"frames.m3u8\"\n"),
    );
    let meta = made.meta_data().await;
    assert_eq!(meta["Size"], made.size());
    for member in ["VideoStreamSet", "AudioStreamSet", "Duration", "Width"] {
        assert_eq!(meta[member], whole[member], "{member}");
    }
}

/// Makes segments that are locked with a key, which the playlist names as `uri`.
fn locked(uri: &str, iv: &str, options: &str) -> Made {
    let made = Made::empty();
    made.write("the.key", [7; 16]);
    made.write("info", format!("{uri}\nthe.key\n{iv}\n"));
    made.add(&format!("{CODECS} {SEGMENTS} -hls_key_info_file info {options}"));
    std::fs::remove_file(made.path().join("info")).unwrap();
    made
}

#[tokio::test]
async fn locked_segments_are_opened_with_a_key_beside_them() {
    for (name, iv, options) in [
        ("numbered", "", "index.m3u8"),
        ("with an IV", "0123456789abcdef0123456789abcdef", "index.m3u8"),
        ("numbered from 7", "", "-start_number 7 index.m3u8"),
    ] {
        let made = locked("the.key", iv, options);
        assert!(made.text("index.m3u8").contains("METHOD=AES-128"));
        assert_agrees(name, &made, &made.meta_data().await);
    }
}

#[tokio::test]
async fn segments_locked_with_a_key_elsewhere_have_sums_and_no_streams() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let uri = format!("http://{}/the.key", listener.local_addr().unwrap());
    let made = locked(&uri, "", "index.m3u8");
    std::fs::remove_file(made.path().join("the.key")).unwrap();
    let meta = made.meta_data().await;
    assert_eq!(meta["Size"], made.size());
    assert!(near(&meta["Duration"], 5.0, 0.2), "{meta}");
    assert!(meta["Bitrate"].as_i64().unwrap() > 1_000);
    assert_eq!(meta["VideoStreamSet"], serde_json::json!([]));
    assert_eq!(meta["AudioStreamSet"], serde_json::json!([]));
    let nobody = listener.accept().map(|(_, from)| from).map_err(|error| error.kind());
    assert_eq!(nobody, Err(std::io::ErrorKind::WouldBlock));
}

/// `bytes` locked as players expect it: AES-128 in CBC mode, padded to whole blocks.
fn lock(bytes: &[u8], key: [u8; 16], iv: [u8; 16]) -> Vec<u8> {
    let mut cipher = cbc::Encryptor::<aes::Aes128>::new(&key.into(), &iv.into());
    let padding = 16 - bytes.len() % 16;
    let mut locked = bytes.to_vec();
    locked.resize(bytes.len() + padding, u8::try_from(padding).unwrap());
    for block in locked.chunks_exact_mut(16) {
        cipher.encrypt_block_mut(block.into());
    }
    locked
}

#[tokio::test]
async fn fragments_are_opened_with_their_map() {
    let (key, iv) = ([7; 16], [9; 16]);
    let tag = format!("#EXT-X-KEY:METHOD=AES-128,URI=\"the.key\",IV=0x{}\n", "09".repeat(16));
    for (name, map_is_locked) in [("locked with its map", true), ("behind a map for all", false)] {
        let made = Made::plain("-hls_segment_type fmp4 index.m3u8");
        let plain = made.meta_data().await;
        let text = made.text("index.m3u8");
        let before = if map_is_locked { "#EXT-X-MAP" } else { "#EXTINF" };
        made.write("index.m3u8", text.replacen(before, &format!("{tag}{before}"), 1));
        for (file, bytes) in made.files() {
            if Path::new(&file).extension().is_some_and(|e| e == "m4s")
                || (map_is_locked && file == "init.mp4")
            {
                made.write(&file, lock(&bytes, key, iv));
            }
        }
        made.write("the.key", key);
        let meta = made.meta_data().await;
        for member in ["Width", "Duration"] {
            assert_eq!(meta[member], plain[member], "{name}");
        }
        let stream = |meta: &Value| {
            (meta["VideoStreamSet"][0]["Fps"].clone(), meta["AudioStreamSet"][0]["Codec"].clone())
        };
        assert_eq!(stream(&meta), (25.into(), "aac".into()), "{name}: {meta}");
        assert_eq!(meta["Size"], made.size(), "{name}");
    }
}

#[tokio::test]
async fn a_key_that_is_none_opens_nothing() {
    for (name, key) in [("too short", vec![7; 15]), ("too long", vec![7; 17]), ("none", Vec::new())]
    {
        let made = locked("the.key", "", "index.m3u8");
        made.write("the.key", key);
        let meta = made.meta_data().await;
        assert_eq!(
            (&meta["VideoStreamSet"], &meta["Size"]),
            (&serde_json::json!([]), &made.size().into()),
            "{name}"
        );
    }
    // another key makes noise of the segment
    let made = locked("the.key", "", "index.m3u8");
    made.write("the.key", [8; 16]);
    assert_eq!(made.meta_data().await["VideoStreamSet"], serde_json::json!([]));
}
