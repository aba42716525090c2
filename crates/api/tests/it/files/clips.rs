//! Clips: what is served of one whose files are still its source's.

use serde_json::{Value, json};

use super::{Media, ask};
use crate::message::code;
use crate::server::Server;

async fn forbid(server: &Server, file: &Value, operation: &str) {
    let params = json!({ "FileIds": [file], "Operation": operation });
    let answer = server.call("ForbidMediaDistribution", params).await;
    assert_eq!((&*code(&answer), &answer["NotExistFileIdSet"]), ("OK", &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_clip_has_not_copied_is_forbidden_with_its_source() {
    let server = Server::start().await;
    let source = Media::hls(&server).await;
    // one file that cannot be copied keeps the others from being the clip's own, too
    let second = server.stored(b"second");
    let away = second.with_file_name("away");
    std::fs::rename(&second, &away).unwrap();
    let url = format!("http://127.0.0.1:8800{}", source.path);
    let made = server.call("SimpleHlsClip", json!({ "Url": url, "IsPersistence": 1 })).await;
    server.library.tick_clips().await.unwrap_err();
    let list = made["Url"].as_str().unwrap().strip_prefix("http://127.0.0.1:8800").unwrap();
    let beside = list.rsplit_once('/').unwrap().0;
    let text = String::from_utf8(ask(&server, list, &[]).await.body).unwrap();
    let names: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let [first, second_name] = names[..] else { panic!("{text}") };
    let segment = async |name: &str| {
        let answer = ask(&server, &format!("{beside}/{name}"), &[]).await;
        (answer.status, String::from_utf8(answer.body).unwrap())
    };
    let plays = (200, "first".to_owned());
    let refused = (403, String::new());
    assert_eq!(segment(first).await, plays);
    for file in [&source.file, &made["FileId"]] {
        forbid(&server, file, "forbid").await;
        assert_eq!(segment(first).await, refused, "{file}");
        forbid(&server, file, "recover").await;
        assert_eq!(segment(first).await, plays, "{file}");
    }

    forbid(&server, &source.file, "forbid").await;
    std::fs::rename(&away, &second).unwrap();
    server.library.tick_clips().await.unwrap();
    assert_eq!(segment(first).await, plays, "these bytes are the clip's own");
    assert_eq!(segment(second_name).await, (200, "second".to_owned()));
    assert_eq!(ask(&server, &source.path, &[]).await.status, 403);
    forbid(&server, &made["FileId"], "forbid").await;
    forbid(&server, &source.file, "recover").await;
    assert_eq!(segment(first).await, refused, "a file of its own");
    server.stop().await;
}
