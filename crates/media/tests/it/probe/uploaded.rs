//! Real files through ApplyUpload and CommitUpload: what NewFileUpload and DescribeMediaInfos say of
//! them, next to ffprobe's own words; and that nothing in a file keeps it from being uploaded.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use media::CommitUploadError;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{make, picture, plain_mp4, tone, write};
use crate::world::{APP, World, application};

/// The MetaData of an upload, which the event and DescribeMediaInfos tell alike.
async fn meta_data(world: &World, media_type: &str, bytes: &[u8]) -> Value {
    let (applied, grant) = world.apply(media_type).await;
    world.put(&grant, &applied.session.media_key, bytes).await.unwrap();
    let application = application(APP);
    let uploaded = world.library.commit_upload(&application, &applied.vod_session_key).await;
    let file = uploaded.expect("whatever is in it, it uploads").file.to_string();
    let (_, mut payload) = world.events().await.remove(0);
    assert_eq!(payload["FileId"], file);
    let told = payload["MetaData"].take();
    let described = world.library.describe(APP, std::slice::from_ref(&file), &[]).await.unwrap();
    let mut described = serde_json::to_value(described).unwrap();
    assert_eq!(described["MediaInfoSet"][0]["MetaData"].take(), told);
    told
}

/// What ffprobe itself says of a file.
fn ffprobe(path: &Path) -> Value {
    let output = Command::new("ffprobe")
        .args("-v error -of json -show_format -show_streams".split(' '))
        .arg(path)
        .output()
        .expect("these tests need ffprobe: ./scripts/test installs it");
    assert!(output.status.success(), "ffprobe: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A number that ffprobe writes as text; none: it is not known.
fn number(value: &Value) -> Option<f64> {
    value.as_str()?.parse().ok()
}

/// Rotation counts against the clock in ffprobe's side data.
fn rotation(stream: &Value) -> i64 {
    let mut sides = stream["side_data_list"].as_array().into_iter().flatten();
    let turned = sides.find_map(|side| side["rotation"].as_i64()).unwrap_or(0);
    (-turned).rem_euclid(360)
}

fn rounded_rate(text: &Value) -> i64 {
    let (frames, seconds) = text.as_str().unwrap().split_once('/').unwrap();
    let (frames, seconds): (i64, i64) = (frames.parse().unwrap(), seconds.parse().unwrap());
    (frames + seconds / 2) / seconds
}

/// Every member is what ffprobe says; bitrates that ffprobe does not know are not compared.
fn assert_is_ffprobes(name: &str, meta: &Value, path: &Path) {
    let said = ffprobe(path);
    let format = &said["format"];
    assert_eq!(meta["Size"].to_string(), format["size"].as_str().unwrap(), "{name}");
    assert_eq!(meta["Container"], format["format_name"], "{name}");
    let close = |ours: &Value, theirs: Option<f64>| {
        (ours.as_f64().unwrap() - theirs.unwrap_or(0.0)).abs() < 0.002
    };
    assert!(close(&meta["Duration"], number(&format["duration"])), "{name}: {meta}");
    assert_eq!(meta["Md5"], "", "{name}");
    let of_kind = |kind: &str| -> Vec<&Value> {
        let streams = said["streams"].as_array().unwrap().iter();
        streams.filter(|stream| stream["codec_type"] == kind).collect()
    };
    let (video, audio) = (of_kind("video"), of_kind("audio"));
    for (member, streams) in [("VideoDuration", &video), ("AudioDuration", &audio)] {
        let told = streams.first().map(|s| number(&s["duration"]).or(number(&format["duration"])));
        // Matroska has lengths in tags, which are told as well as they are written
        if said["format"]["format_name"] != "matroska,webm" {
            assert!(close(&meta[member], told.flatten()), "{name}: {member} {meta}");
        }
    }

    let ours = meta["VideoStreamSet"].as_array().unwrap();
    assert_eq!(ours.len(), video.len(), "{name}");
    for (ours, theirs) in ours.iter().zip(&video) {
        assert_eq!(ours["Codec"], theirs["codec_name"], "{name}");
        for (member, field) in [("Width", "width"), ("Height", "height")] {
            assert_eq!(ours[member], theirs[field], "{name}");
            assert_eq!(meta[member], theirs[field], "{name}");
        }
        assert_eq!(ours["Fps"], rounded_rate(&theirs["avg_frame_rate"]), "{name}");
        assert_eq!(meta["Rotate"], rotation(theirs), "{name}");
        let tag = theirs["codec_tag_string"].as_str().filter(|tag| ["hvc1", "hev1"].contains(tag));
        assert_eq!(ours["CodecTag"], tag.unwrap_or(""), "{name}");
        let range = match theirs["color_transfer"].as_str() {
            Some("smpte2084") => json!({"Type": "HDR", "HDRType": "hdr10"}),
            Some("arib-std-b67") => json!({"Type": "HDR", "HDRType": "hlg"}),
            _ => json!({"Type": "SDR", "HDRType": ""}),
        };
        assert_eq!(ours["DynamicRangeInfo"], range, "{name}");
    }
    let ours_audio = meta["AudioStreamSet"].as_array().unwrap();
    assert_eq!(ours_audio.len(), audio.len(), "{name}");
    for (ours, theirs) in ours_audio.iter().zip(&audio) {
        assert_eq!(ours["Codec"], theirs["codec_name"], "{name}");
        assert_eq!(ours["SamplingRate"].to_string(), theirs["sample_rate"].as_str().unwrap());
    }
    let mut sum = Some(0.0);
    for (ours, theirs) in ours.iter().chain(ours_audio).zip(video.iter().chain(&audio)) {
        let rate = number(&theirs["bit_rate"]);
        if let Some(rate) = rate {
            assert!(close(&ours["Bitrate"], Some(rate)), "{name}: {ours} {rate}");
        }
        sum = sum.zip(rate).map(|(sum, rate)| sum + rate);
    }
    assert!(close(&meta["Bitrate"], sum.or(number(&format["bit_rate"]))), "{name}: {meta} {sum:?}");
}

/// HEVC of ten bits with a transfer curve and a tag.
fn hevc(curve: &str, tag: &str) -> String {
    format!(
        "-c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p10le \
         -color_primaries bt2020 -color_trc {curve} -colorspace bt2020nc -tag:v {tag} -c:a aac"
    )
}

#[tokio::test]
async fn what_is_said_of_real_files_is_what_ffprobe_says() {
    let directory = TempDir::new().unwrap();
    let world = World::probing().await;
    let h264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac";
    let both = || vec![picture("1"), tone("1")];
    let sound = || vec![tone("1")];
    for (name, sources, options) in [
        ("h264.mp4", both(), h264.to_owned()),
        ("first.mp4", both(), format!("{h264} -movflags +faststart")),
        ("fragments.mp4", both(), format!("{h264} -movflags frag_keyframe+empty_moov")),
        ("ntsc.mp4", both(), format!("{h264} -r 30000/1001")),
        ("mute.mp4", vec![picture("1")], h264.to_owned()),
        ("hvc1.mp4", both(), hevc("bt709", "hvc1")),
        ("hev1.mp4", both(), hevc("bt709", "hev1")),
        ("hdr10.mp4", both(), hevc("smpte2084", "hvc1")),
        ("hlg.mp4", both(), hevc("arib-std-b67", "hev1")),
        ("av1.mp4", both(), "-c:v libaom-av1 -cpu-used 8 -s 64x64 -c:a aac".to_owned()),
        ("old.mov", both(), "-c:v mpeg4 -c:a pcm_s16le".to_owned()),
        ("vp9.webm", both(), "-c:v libvpx-vp9 -cpu-used 8 -s 64x64 -c:a libopus".to_owned()),
        ("h264.mkv", both(), h264.to_owned()),
        ("h264.ts", both(), h264.to_owned()),
        ("h264.flv", both(), h264.to_owned()),
        ("mpeg4.avi", both(), "-c:v mpeg4 -c:a libmp3lame".to_owned()),
        ("sound.m4a", sound(), "-c:a aac".to_owned()),
        ("sound.mp3", sound(), "-c:a libmp3lame".to_owned()),
        ("sound.flac", sound(), "-c:a flac".to_owned()),
        ("sound.wav", sound(), "-c:a pcm_s24le".to_owned()),
        ("sound.ogg", sound(), "-c:a libvorbis".to_owned()),
        ("sound.aac", sound(), "-c:a aac".to_owned()),
    ] {
        let path = make(&directory, name, &sources, &options);
        let media_type = name.rsplit_once('.').unwrap().1;
        let meta = meta_data(&world, media_type, &fs::read(&path).unwrap()).await;
        assert_is_ffprobes(name, &meta, &path);
    }
}

/// `bytes` with the matrix of the first track turned by `cosine` and `sine` (of 65,536).
fn turned(bytes: &[u8], (cosine, sine): (i32, i32)) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    // `tkhd` of version 0: the matrix is 40 bytes behind the name's end
    let at = bytes.windows(4).position(|name| name == b"tkhd").unwrap() + 4 + 40;
    let matrix = [cosine, sine, 0, -sine, cosine, 0, 0, 0, 0x4000_0000];
    let matrix: Vec<u8> = matrix.iter().flat_map(|word| word.to_be_bytes()).collect();
    bytes[at..at + 36].copy_from_slice(&matrix);
    bytes
}

#[tokio::test]
async fn turned_pictures_have_an_angle_below_360() {
    let directory = TempDir::new().unwrap();
    let bytes = fs::read(plain_mp4(&directory)).unwrap();
    let world = World::probing().await;
    let without = World::new().await;
    let one = 0x1_0000;
    for (angle, matrix) in
        [(0, (one, 0)), (45, (46_341, 46_341)), (90, (0, one)), (180, (-one, 0)), (270, (0, -one))]
    {
        let bytes = turned(&bytes, matrix);
        let path = write(&directory, "turned.mp4", &bytes);
        let meta = meta_data(&world, "mp4", &bytes).await;
        assert_eq!(meta["Rotate"], angle);
        assert_is_ffprobes("turned", &meta, &path);
        assert_eq!(meta_data(&without, "mp4", &bytes).await["Rotate"], angle);
    }
}

#[tokio::test]
async fn pictures_have_a_size() {
    let directory = TempDir::new().unwrap();
    for world in [World::probing().await, World::new().await] {
        for (name, media_type) in [
            ("a.jpg", "jpg"),
            ("a.png", "png"),
            ("a.gif", "gif"),
            ("a.bmp", "bmp"),
            ("a.tiff", "tif"),
            ("a.avif", "heif"),
            ("a.webp", "png"),
        ] {
            let path = make(&directory, name, &[picture("0.04")], "-frames:v 1");
            let bytes = fs::read(path).unwrap();
            let meta = meta_data(&world, media_type, &bytes).await;
            let expected = json!({
                "Size": bytes.len(), "Container": "", "Bitrate": 0, "Height": 180, "Width": 320,
                "Duration": 0.0, "Rotate": 0, "VideoStreamSet": [], "AudioStreamSet": [],
                "VideoDuration": 0.0, "AudioDuration": 0.0, "Md5": "",
            });
            assert_eq!(meta, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn a_broken_file_uploads_without_metadata() {
    let directory = TempDir::new().unwrap();
    let film = fs::read(plain_mp4(&directory)).unwrap();
    let moov = film.windows(4).position(|name| name == b"moov").unwrap() - 4;
    let program = fs::read("/proc/self/exe").unwrap();
    assert!(program.starts_with(b"\x7fELF"));
    let broken: [(&str, &[u8]); 7] = [
        ("empty", b""),
        ("cut in moov", &film[..moov + (film.len() - moov) / 2]),
        ("cut in mdat", &film[..moov / 2]),
        ("without moov", &film[..moov]),
        ("a program", &program[..program.len().min(100_000)]),
        ("zeros", &[0; 4096]),
        ("text", b"only words\n"),
    ];
    for world in [World::probing().await, World::new().await] {
        for (name, bytes) in broken {
            let meta = meta_data(&world, "mp4", bytes).await;
            assert_eq!(meta, Value::Null, "{name}");
        }
    }
}

#[tokio::test]
async fn a_film_by_the_name_of_a_playlist_is_a_film() {
    let directory = TempDir::new().unwrap();
    let film = fs::read(plain_mp4(&directory)).unwrap();
    let world = World::probing().await;
    let meta = meta_data(&world, "mp4", &film).await;
    for media_type in ["m3u8", "mpd", "png"] {
        assert_eq!(meta_data(&world, media_type, &film).await, meta, "{media_type}");
    }
}

#[tokio::test]
async fn a_film_whose_end_is_missing_is_described_by_its_beginning() {
    let directory = TempDir::new().unwrap();
    let options = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -movflags +faststart";
    let film = make(&directory, "first.mp4", &[picture("2"), tone("2")], options);
    let film = fs::read(film).unwrap();
    for world in [World::probing().await, World::new().await] {
        let meta = meta_data(&world, "mp4", &film[..film.len() * 3 / 4]).await;
        assert_eq!((&meta["Width"], &meta["Size"]), (&320.into(), &(film.len() * 3 / 4).into()));
        assert!((meta["Duration"].as_f64().unwrap() - 2.0).abs() < 0.1, "{meta}");
    }
}

/// Files that are lists of other files, with every way of naming one that ffmpeg knows.
fn lists(secret: &Path, address: &str) -> Vec<(&'static str, String)> {
    let path = secret.display();
    let targets = [
        path.to_string(),
        format!("file://{path}"),
        format!("file:{path}"),
        format!("concat:{path}|{path}"),
        format!("subfile,,start,0,end,10,,:{path}"),
        format!("crypto:{path}"),
        format!("data:text/plain,{path}"),
        "/etc/passwd".to_owned(),
        format!("http://{address}/a.ts"),
        format!("tcp://{address}"),
    ];
    let mut lists = Vec::new();
    for target in targets {
        let hls = format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n");
        lists.push(("mp4", hls.clone()));
        lists.push(("m3u8", hls));
        let keyed = "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI";
        lists.push(("m3u8", format!("{keyed}=\"{target}\"\n#EXTINF:1,\na.ts\n")));
        lists.push(("m3u8", format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n")));
        lists.push(("mp4", format!("ffconcat version 1.0\nfile '{target}'\n")));
        lists
            .push(("ts", format!("<?xml version=\"1.0\"?><MPD><BaseURL>{target}</BaseURL></MPD>")));
        lists.push(("mkv", target));
    }
    lists
}

#[tokio::test]
async fn lists_of_other_files_read_nothing() {
    let directory = TempDir::new().unwrap();
    // a pipe without a writer: who opens it hangs, and would be seen here
    let secret = directory.path().join("secret.ts");
    let made = Command::new("mkfifo").arg(&secret).status().unwrap();
    assert!(made.success());
    let (opened, seen) = std::sync::mpsc::channel();
    let pipe = secret.clone();
    let watcher = std::thread::spawn(move || {
        // returns when someone reads
        let file = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        opened.send(()).ok();
        drop(file);
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();

    for world in [World::probing().await, World::new().await] {
        for (media_type, list) in lists(&secret, &address) {
            let (applied, grant) = world.apply(media_type).await;
            let key = &applied.session.media_key;
            world.put(&grant, key, list.as_bytes()).await.unwrap();
            let beside = format!("{}/a.ts", key.rsplit_once('/').unwrap().0);
            world.put(&grant, &beside, b"locked").await.unwrap();
            let application = application(APP);
            let committed =
                world.library.commit_upload(&application, &applied.vod_session_key).await;
            // to us, and to whom we serve the list, `subfile,,:/a` is a file beside it, not uploaded
            if matches!(committed, Err(CommitUploadError::NotUploaded(_))) && media_type == "m3u8" {
                assert!(list.contains("subfile,,"), "{list}");
                continue;
            }
            committed.unwrap();
            let told = &world.events().await.remove(0).1["MetaData"];
            let streams = (&told["VideoStreamSet"], &told["AudioStreamSet"]);
            let none = (&json!([]), &json!([]));
            assert!(told.is_null() || streams == none, "{list}: {told}");
        }
    }
    let nobody = listener.accept().map(|(_, from)| from).map_err(|error| error.kind());
    assert_eq!(nobody, Err(ErrorKind::WouldBlock), "someone connected");
    assert!(seen.try_recv().is_err(), "someone read the file");
    // lets the watcher go
    fs::read(&secret).unwrap();
    watcher.join().unwrap();
}
