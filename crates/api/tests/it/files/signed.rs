//! Signed addresses.

use std::path::Path;

use serde_json::json;
use sign::hotlink::Hotlink;
use tokio::process::Command;

use super::{Media, ask, get};
use crate::message::Message;
use crate::server::{NOW_S, Server};

const KEY: &str = "24FEQmTzro4V5u3D5epW";

/// A server whose media want signatures.
async fn guarded() -> Server {
    let key = Some(wire::Secret(KEY.to_owned()));
    Server::with(|settings| settings.media_signing_key = key).await
}

/// The address with a signature of its directory, and more parameters.
fn signed(path: &str, to_s: i64, more: &str) -> String {
    let directory = &path[..=path.rfind('/').unwrap()];
    let plain = format!("t={to_s:08x}&us=a1{more}&sign=0");
    format!("{path}?{}", Hotlink::parse(&plain).unwrap().of(KEY, directory).query())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_key_only_signed_addresses_are_served() {
    let server = guarded().await;
    let media = Media::clip(&server).await;
    let refused = async |path: &str, words: &str| {
        let answer = ask(&server, path, &[]).await;
        let text = String::from_utf8(answer.body.clone()).unwrap();
        assert_eq!(answer.status, 403, "{path}");
        assert!(text.contains(words), "{path}: {text}");
    };
    let good = signed(&media.path, NOW_S + 60, "");
    let answer = ask(&server, &good, &[("Range", "bytes=0-1")]).await;
    assert_eq!((answer.status, &*answer.body), (206, b"01".as_slice()));
    assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
    assert_eq!(ask(&server, &format!("{good}&player=1"), &[]).await.status, 200);
    assert_eq!(ask(&server, &media.cover, &[]).await.status, 200, "a picture");
    refused(&media.path, "needs a signature").await;
    refused(&good.replace("us=a1", "us=a2"), "not that of this directory").await;
    refused(&signed(&media.path, NOW_S - 301, ""), "expired").await;
    assert_eq!(ask(&server, &signed(&media.path, NOW_S - 300, ""), &[]).await.status, 200);
    let (path, query) = good.split_once('?').unwrap();
    refused(&format!("{}?{query}", path.replacen("vod", "vox", 1)), "not that of").await;
    let (above, name) = media.path.rsplit_once('/').unwrap();
    for slash in ["%2F", "%2f"] {
        let below = format!("{above}{slash}{name}");
        refused(&signed(&below, NOW_S, ""), "not that of this directory").await;
    }
    refused(&signed(&media.path, NOW_S, "&exper=5"), "HLS only").await;
    refused(&signed(&media.path, NOW_S, "&whref=a.com"), "not supported").await;
    refused(&signed(&media.path, NOW_S, "&rlimit=10"), "1 to 9").await;
    assert_eq!(ask(&server, &signed(&media.path, NOW_S, "&rlimit=1"), &[]).await.status, 200);
    assert_eq!(ask(&server, &signed("/media/b-1/x/y.mp4", NOW_S, ""), &[]).await.status, 404);
    let forbid = json!({ "FileIds": [media.file], "Operation": "forbid" });
    server.call("ForbidMediaDistribution", forbid).await;
    assert_eq!(ask(&server, &good, &[]).await.status, 403);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_signed_playlist_names_plays() {
    let server = guarded().await;
    let media = Media::hls(&server).await;
    let answer = ask(&server, &signed(&media.path, NOW_S, "&rlimit=2"), &[]).await;
    let kind = "application/vnd.apple.mpegurl";
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
    assert_eq!(answer.header("etag"), None);
    let text = String::from_utf8(answer.body).unwrap();
    let key = text.split_once("URI=\"").unwrap().1.split_once('"').unwrap().0;
    let segments: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for (name, body) in [(key, "0123456789abcdef"), (segments[0], "first"), (segments[1], "second")]
    {
        let answer = ask(&server, &media.beside(name), &[]).await;
        assert_eq!((answer.status, &*answer.body), (200, body.as_bytes()), "{name}");
        let bare = name.split_once('?').unwrap().0;
        assert_eq!(ask(&server, &media.beside(bare), &[]).await.status, 403);
    }
    let preview = ask(&server, &signed(&media.path, NOW_S, "&exper=4"), &[]).await;
    let preview = String::from_utf8(preview.body).unwrap();
    assert!(preview.contains("0.ts?") && !preview.contains("1.ts"), "{preview}");
    let segment = preview.lines().find(|line| line.contains("0.ts?")).unwrap();
    assert_eq!(ask(&server, &media.beside(segment), &[]).await.status, 200);
    let clip = media.path.replace(".m3u8", ".clip-1-1.m3u8");
    let clip = ask(&server, &signed(&clip, NOW_S, ""), &[]).await;
    let text = String::from_utf8(clip.body).unwrap();
    assert_eq!(clip.status, 200, "a clip that is not kept: {text}");
    assert!(text.contains("1.ts?") && !text.contains("0.ts"), "{text}");
    let head = Message { method: "HEAD".to_owned(), ..get(&signed(&media.path, NOW_S, "")) };
    let head = server.send_head(&head).await;
    let whole = ask(&server, &signed(&media.path, NOW_S, ""), &[]).await;
    assert_eq!(head.header("x-content-length"), Some(&*whole.body.len().to_string()));
    server.stop().await;
}

async fn ffmpeg(directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin"]).args(arguments).env_remove("http_proxy");
    let output = command.current_dir(directory).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_dash_manifest_plays_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let picture = ["-f", "lavfi", "-i", "testsrc=size=128x72:rate=25:duration=3"];
    let sound = ["-f", "lavfi", "-i", "sine=duration=3", "-c:a", "aac"];
    let coded = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25"];
    let dash = ["-f", "dash", "-seg_duration", "1", "all.mpd"];
    let all = [&picture[..], &sound[..], &coded[..], &dash[..]].concat();
    ffmpeg(directory.path(), &all).await;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        files.push((name, std::fs::read(entry.path()).unwrap()));
    }
    files.sort();
    assert!(files.len() > 8, "a manifest, two beginnings, six segments: {}", files.len());
    let (_, manifest) = files.remove(0);
    let beside: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (&**name, &**bytes)).collect();
    let server = guarded().await;
    let media = Media::upload(&server, "mpd", &manifest, &beside).await;
    assert_eq!(ask(&server, &media.beside(beside[0].0), &[]).await.status, 403);
    let url = format!("http://{}{}", server.addr, signed(&media.path, NOW_S, "&rlimit=1"));
    let copied = ["-map", "0", "-c", "copy", "-f", "framecrc", "-"];
    let frames = |text: String| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    let local = ffmpeg(directory.path(), &[&["-i", "all.mpd"], &copied[..]].concat()).await;
    let played = ffmpeg(directory.path(), &[&["-i", url.as_str()], &copied[..]].concat()).await;
    let (local, played) = (frames(local), frames(played));
    assert!(played.len() > 75 + 100, "pictures and sound: {}", played.len());
    assert_eq!(played, local);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_name_in_a_signed_dash_manifest_is_good_for_its_directory() {
    let server = guarded().await;
    let manifest = "<MPD mediaPresentationDuration=\"PT4S\"><Period><AdaptationSet>\
        <SegmentTemplate duration=\"4\" initialization=\"$RepresentationID$/i.mp4\" \
        media=\"$RepresentationID$/$Number$.m4s\"/><Representation id=\"v1\"/><Representation id=\"v2\"/>\
        </AdaptationSet><AdaptationSet><Representation id=\"a\"><BaseURL>s/a.mp4</BaseURL></Representation>\
        </AdaptationSet></Period></MPD>";
    let beside: [(&str, &[u8]); 5] = [
        ("v1/i.mp4", b"i1"),
        ("v1/1.m4s", b"m1"),
        ("v2/i.mp4", b"i2"),
        ("v2/1.m4s", b"m2"),
        ("s/a.mp4", b"a"),
    ];
    let media = Media::upload(&server, "mpd", manifest.as_bytes(), &beside).await;
    let answer = ask(&server, &signed(&media.path, NOW_S, ""), &[]).await;
    assert_eq!((answer.status, answer.header("etag")), (200, None));
    assert_eq!(answer.header("content-type"), Some("application/dash+xml"));
    let text = String::from_utf8(answer.body).unwrap();
    let value = |from: &str, before: &str, behind: &str| {
        let text = text.split_once(from).unwrap().1.split_once(before).unwrap().1;
        text.split_once(behind).unwrap().0.replace("&amp;", "&")
    };
    for (representation, other) in [("v1", "v2"), ("v2", "v1")] {
        let from = format!("<Representation id=\"{representation}\"");
        for (attribute, name) in [("initialization", "i.mp4"), ("media", "1.m4s")] {
            let pattern = value(&from, &format!("{attribute}=\""), "\"");
            let fill =
                |id: &str| pattern.replace("$RepresentationID$", id).replace("$Number$", "1");
            let answer = ask(&server, &media.beside(&fill(representation)), &[]).await;
            let (_, expected) = beside
                .iter()
                .find(|(path, _)| *path == format!("{representation}/{name}"))
                .unwrap();
            assert_eq!((answer.status, &*answer.body), (200, *expected), "{pattern}");
            assert_eq!(ask(&server, &media.beside(&fill(other)), &[]).await.status, 403);
        }
    }
    let single = value("<Representation id=\"a\"", "<BaseURL>", "</BaseURL>");
    assert_eq!(ask(&server, &media.beside(&single), &[]).await.body, b"a");
    let broken = Media::upload(&server, "mpd", b"<MPD><Period></MPD>", &[]).await;
    let answer = ask(&server, &signed(&broken.path, NOW_S, ""), &[]).await;
    assert_eq!((answer.status, &*answer.body), (200, b"<MPD><Period></MPD>".as_slice()));
    server.stop().await;
}
