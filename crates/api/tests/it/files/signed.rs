//! Signed addresses.

use serde_json::json;
use sign::hotlink::Hotlink;

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
