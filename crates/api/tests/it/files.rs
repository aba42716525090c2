//! Media files as players and web pages ask for them.

mod clips;
mod conditions;
mod names;
mod origins;
mod permission;
mod ranges;
mod signed;

use serde_json::{Value, json};

use crate::cos::Upload;
use crate::message::{Answer, Message, code};
use crate::server::Server;

const BODY: &[u8] = b"0123456789";
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
