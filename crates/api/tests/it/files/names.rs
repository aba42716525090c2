//! Names: what they lead to, and which type they stand for.

use super::{Media, ask};
use crate::message::Message;
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_served_as_what_a_browser_would_run() {
    let server = Server::start().await;
    let beside: [(&str, &[u8]); 6] = [
        ("a.ts", b"x"),
        ("init.m4s", b"x"),
        ("words.vtt", b"x"),
        ("page.html", b"<script>"),
        ("p.svg", b"<svg>"),
        ("key", b"x"),
    ];
    let playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n";
    let media = Media::upload(&server, "m3u8", playlist, &beside).await;
    let bytes = "application/octet-stream";
    for (path, kind) in [
        (media.path.clone(), "application/vnd.apple.mpegurl"),
        (media.cover.clone(), "image/jpeg"),
        (media.beside("a.ts"), "video/mp2t"),
        (media.beside("init.m4s"), "video/mp4"),
        (media.beside("words.vtt"), "text/vtt"),
        (media.beside("page.html"), bytes),
        (media.beside("p.svg"), bytes),
        (media.beside("key"), bytes),
    ] {
        let answer = ask(&server, &path, &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("content-security-policy"), Some("sandbox"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_decoded_once_and_lead_nowhere_else() {
    let server = Server::start().await;
    let media = Media::hls(&server).await;
    let spelt = media.beside("part/%e4%b8%ad%200.ts");
    assert_eq!(ask(&server, &spelt, &[]).await.body, b"first");
    let (directory, name) = media.path.rsplit_once('/').unwrap();
    for path in [
        format!("{directory}/../{}/{name}", directory.rsplit_once('/').unwrap().1),
        format!("{directory}/%2e%2e/{name}"),
        format!("{directory}/./{name}"),
        format!("{directory}//{name}"),
        format!("{directory}/%00{name}"),
        format!("{directory}/%ff"),
        format!("{directory}/part%5c1.ts"),
        media.beside("part/%25E4%25B8%25AD%25200.ts"),
        format!("{directory}/"),
        directory.to_owned(),
        "/media/".to_owned(),
        "/media/x".to_owned(),
        "/media/../data/root.key".to_owned(),
        media.path.replace("/media/", "/media/x"),
    ] {
        let answer = ask(&server, &path, &[]).await;
        assert_eq!((answer.status, answer.body.len()), (404, 0), "{path}");
    }
    let post = server.send(&Message::new("POST", &media.path).body("x")).await;
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
    server.stop().await;
}
