//! Media files as players and web pages ask for them: ranges, conditions, types, refusals, signatures.

use serde_json::{Value, json};
use sign::hotlink::Hotlink;

use crate::cos::Upload;
use crate::message::{Answer, Message, code};
use crate::server::{APP, NOW_S, Server};

const BODY: &[u8] = b"0123456789";
const KEY: &str = "24FEQmTzro4V5u3D5epW";
const PAGE: &str = "http://localhost:3000";
const PLAYLIST: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-KEY:METHOD=AES-128,URI=\"k/the.key\"\n\
                        #EXTINF:4,\npart/%E4%B8%AD%200.ts\n#EXTINF:4,\npart/1.ts\n#EXT-X-ENDLIST\n";

/// A media with its cover and whatever else lies beside it.
struct Media {
    file: Value,
    /// The path of the original.
    path: String,
    cover: String,
}

impl Media {
    async fn upload(server: &Server, kind: &str, body: &[u8], beside: &[(&str, &[u8])]) -> Self {
        let params = json!({ "MediaType": kind, "CoverType": "jpg" });
        let applied = server.call("ApplyUpload", params).await;
        let session = json!({ "VodSessionKey": applied["VodSessionKey"] });
        let at = |name: &str| applied[name].as_str().unwrap().to_owned();
        let (media, cover) = (at("MediaStoragePath"), at("CoverStoragePath"));
        let upload = Upload::of(applied);
        let directory = media.rsplit_once('/').unwrap().0;
        let others = beside.iter().map(|(name, body)| (format!("{directory}/{name}"), *body));
        let all = [(media.clone(), body), (cover.clone(), BODY)].into_iter().chain(others);
        for (path, body) in all {
            let put = upload.request("PUT", &path).body(body);
            assert_eq!(server.send(&put).await.status, 200, "{path}");
        }
        let committed = server.call("CommitUpload", session).await;
        assert_eq!(code(&committed), "OK", "{committed}");
        let path = |url: &str| {
            committed[url]
                .as_str()
                .unwrap()
                .strip_prefix("http://127.0.0.1:8800")
                .unwrap()
                .to_owned()
        };
        Self { file: committed["FileId"].clone(), path: path("MediaUrl"), cover: path("CoverUrl") }
    }

    async fn clip(server: &Server) -> Self {
        Self::upload(server, "mp4", BODY, &[]).await
    }

    async fn hls(server: &Server) -> Self {
        let beside: [(&str, &[u8]); 4] = [
            ("k/the.key", b"0123456789abcdef"),
            ("part/%E4%B8%AD%200.ts", b"first"),
            ("part/1.ts", b"second"),
            ("words.vtt", b"WEBVTT\n"),
        ];
        Self::upload(server, "m3u8", PLAYLIST.as_bytes(), &beside).await
    }

    /// A file beside the original.
    fn beside(&self, name: &str) -> String {
        format!("{}/{name}", self.path.rsplit_once('/').unwrap().0)
    }
}

fn get(path: &str) -> Message {
    Message::new("GET", path)
}

async fn ask(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    let message =
        headers.iter().fold(get(path), |message, (name, value)| message.with(name, value));
    server.send(&message).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_range_is_served_and_many_are_the_whole() {
    let server = Server::start().await;
    let media = Media::clip(&server).await;
    let ranged = async |range: &str| ask(&server, &media.path, &[("Range", range)]).await;
    for (range, content_range, body) in [
        ("bytes=0-", "bytes 0-9/10", "0123456789"),
        ("bytes=2-4", "bytes 2-4/10", "234"),
        ("bytes=8-99", "bytes 8-9/10", "89"),
        ("bytes=-3", "bytes 7-9/10", "789"),
    ] {
        let answer = ranged(range).await;
        assert_eq!((answer.status, answer.header("content-range")), (206, Some(content_range)));
        assert_eq!(answer.body, body.as_bytes());
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    }
    for range in ["bytes=10-", "bytes=-0"] {
        let answer = ranged(range).await;
        assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */10")));
        assert!(answer.body.is_empty());
    }
    for range in ["bytes=0-1,4-5", "bytes=5-2", "lines=1-2"] {
        let answer = ranged(range).await;
        assert_eq!((answer.status, &*answer.body), (200, BODY), "{range}");
        assert_eq!(answer.header("content-range"), None);
    }
    let head = get(&media.path).with("Range", "bytes=2-4");
    let head = server.send_head(&Message { method: "HEAD".to_owned(), ..head }).await;
    assert_eq!((head.status, head.header("x-content-length")), (206, Some("3")));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_has_is_not_sent_again() {
    let server = Server::start().await;
    let media = Media::clip(&server).await;
    let first = ask(&server, &media.path, &[]).await;
    let etag = first.header("etag").unwrap();
    let modified = first.header("last-modified").unwrap();
    assert_eq!(etag, "\"781e5e245d69b566979b86e28d23f2c7\"");
    assert_eq!(first.header("cache-control"), Some("no-cache"), "it is to be asked about again");
    let weak = format!("W/{etag}, \"x\"");
    for (name, value, status) in [
        ("If-None-Match", etag, 304),
        ("If-None-Match", &*weak, 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", "\"x\"", 200),
        ("If-Modified-Since", modified, 304),
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 200),
        ("If-Match", "\"x\"", 412),
        ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 412),
    ] {
        let answer = ask(&server, &media.path, &[(name, value)]).await;
        assert_eq!(answer.status, status, "{name}: {value}");
        assert_eq!(answer.header("etag"), Some(etag));
        assert_eq!(answer.body.is_empty(), status != 200);
    }
    for (value, status) in
        [(etag, 206), (modified, 206), ("\"x\"", 200), (&*format!("W/{etag}"), 200)]
    {
        let headers = [("Range", "bytes=0-1"), ("If-Range", value)];
        assert_eq!(ask(&server, &media.path, &headers).await.status, status, "{value}");
    }
    server.stop().await;
}

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

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_seen_is_refused() {
    let server = Server::start().await;
    let media = Media::clip(&server).await;
    let forbid = |operation: &str| json!({ "FileIds": [media.file], "Operation": operation });
    let answer = server.call("ForbidMediaDistribution", forbid("forbid")).await;
    assert_eq!(code(&answer), "OK", "{answer}");
    assert_eq!(ask(&server, &media.path, &[]).await.status, 403);
    assert_eq!(ask(&server, &media.cover, &[]).await.status, 403);
    server.call("ForbidMediaDistribution", forbid("recover")).await;
    assert_eq!(ask(&server, &media.path, &[]).await.status, 200);
    let switch = |status: &str| json!({ "SubAppId": APP, "Status": status });
    server.call("ModifySubAppIdStatus", switch("Off")).await;
    assert_eq!(ask(&server, &media.path, &[]).await.status, 404);
    server.call("ModifySubAppIdStatus", switch("On")).await;
    assert_eq!(ask(&server, &media.path, &[]).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_origins_may_read() {
    let listed = api::Origins::Listed(vec![PAGE.to_owned()]);
    let server = Server::with(|settings| settings.media_origins = listed).await;
    let media = Media::clip(&server).await;
    let answer = ask(&server, &media.path, &[("Origin", PAGE), ("Range", "bytes=0-1")]).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("Content-Range") && exposed.contains("ETag"), "{exposed}");
    let preflight = |origin: &str| {
        Message::new("OPTIONS", &media.path)
            .with("Origin", origin)
            .with("Access-Control-Request-Method", "GET")
            .with("Access-Control-Request-Headers", "range")
    };
    let allowed = server.send(&preflight(PAGE)).await;
    assert_eq!(
        (allowed.status, allowed.header("access-control-allow-headers")),
        (204, Some("range"))
    );
    assert_eq!(allowed.header("access-control-allow-methods"), Some("GET, HEAD"));
    let other = "http://localhost:3001";
    assert_eq!(server.send(&preflight(other)).await.status, 403);
    let stranger = ask(&server, &media.path, &[("Origin", other)]).await;
    assert_eq!((stranger.status, stranger.header("access-control-allow-origin")), (200, None));
    assert_eq!(stranger.header("vary"), Some("Origin"));
    let missing = ask(&server, &format!("{}x", media.path), &[("Origin", PAGE)]).await;
    assert_eq!((missing.status, missing.header("access-control-allow-origin")), (404, Some(PAGE)));
    server.stop().await;
}

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
