//! ParseStreamingManifest: what must be uploaded with a manifest, and what no manifest may name.

use serde_json::{Value, json};

use crate::message::{code, message};
use crate::server::Server;

const LIST: &str = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n\
    #EXT-X-KEY:METHOD=AES-128,URI=\"my.key\"\n#EXTINF:2,\nseg/0.ts\n#EXTINF:2,\n./seg/1.ts?sign=1\n\
    #EXTINF:1,\nseg/0.ts\n#EXT-X-ENDLIST\n";
const MPD: &str = "<?xml version=\"1.0\"?><MPD mediaPresentationDuration=\"PT3S\"><Period>\
    <AdaptationSet><SegmentTemplate duration=\"2\" initialization=\"i.mp4\" media=\"$Number$.m4s\"/>\
    <Representation id=\"0\"/></AdaptationSet></Period></MPD>";

async fn parse(server: &Server, kind: Option<&str>, content: &str) -> Value {
    let mut params = json!({ "MediaManifestContent": content });
    if let Some(kind) = kind {
        params["ManifestType"] = json!(kind);
    }
    server.call("ParseStreamingManifest", params).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_manifest_are_told() {
    let server = Server::start().await;
    let files = json!(["my.key", "seg/0.ts", "seg/1.ts"]);
    for kind in [None, Some(""), Some("m3u8")] {
        let answer = parse(&server, kind, LIST).await;
        assert_eq!((&*code(&answer), &answer["MediaSegmentSet"]), ("OK", &files), "{answer}");
    }
    let answer = parse(&server, Some("mpd"), MPD).await;
    assert_eq!(answer["MediaSegmentSet"], json!(["i.mp4", "1.m4s", "2.m4s"]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_names_anything_else_is_refused() {
    let server = Server::start().await;
    let refused = "InvalidParameterValue.MediaManifestContent";
    for uri in ["http://127.0.0.1/a.ts", "/a.ts", "../a.ts"] {
        let answer = parse(&server, None, &format!("#EXTM3U\n#EXTINF:1,\n{uri}\n")).await;
        assert_eq!(code(&answer), refused, "{answer}");
        let text = message(&answer);
        assert!(text.starts_with(&format!("Line 3: {uri}: it ")), "{text}");
        let mpd = format!("<MPD><BaseURL>{uri}</BaseURL></MPD>");
        assert_eq!(code(&parse(&server, Some("mpd"), &mpd).await), refused, "{uri}");
    }
    assert_eq!(code(&parse(&server, None, "").await), refused);
    assert_eq!(code(&parse(&server, None, MPD).await), refused);
    assert_eq!(code(&parse(&server, Some("mpd"), LIST).await), refused);
    assert_eq!(code(&parse(&server, Some("mp4"), LIST).await), "InvalidParameterValue");
    let missing = server.call("ParseStreamingManifest", json!({})).await;
    assert_eq!(code(&missing), "MissingParameter");
    server.stop().await;
}
