//! Parts of a file.

use super::{BODY, Media, ask, get};
use crate::message::Message;
use crate::server::Server;

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
