//! Which web pages may read media by script.

use super::{Media, ask};
use crate::message::Message;
use crate::server::Server;

const PAGE: &str = "http://localhost:3000";

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
