//! What a client has already is not sent again.

use super::{Media, ask};
use crate::server::Server;

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
