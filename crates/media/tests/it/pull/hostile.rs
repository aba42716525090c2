//! Sources that are broken or mean it: each pull ends with a documented ErrCode, in bounded time and
//! with nothing left behind.

use std::time::Duration;

use wire::action::PullUpload;

use super::bed::{Bed, request};
use super::source::{Act, Source, answer, file, promise, status};
use crate::world::noise;

/// The ErrCode and the Message of a pull of `/a.mp4` that fails.
async fn failure(bed: &Bed, source: &Source) -> (i64, String) {
    let done = bed.pull(&request(source.url("/a.mp4"))).await;
    assert_eq!((&done["FileId"], &done["FileUrl"]), (&"".into(), &"".into()));
    assert!(done["MediaBasicInfo"].is_null());
    assert_eq!((&done["Status"], &done["Progress"]), (&"FINISH".into(), &100.into()));
    bed.keeps(0).await;
    assert_eq!(bed.told().await.last().unwrap(), &("PullComplete".to_owned(), done.clone()));
    (done["ErrCode"].as_i64().unwrap(), done["Message"].as_str().unwrap().to_owned())
}

async fn fails(act: impl Fn(usize) -> Act + Send + Sync + 'static, code: i64, why: &str) -> usize {
    let source = Source::start(move |_, before| act(before)).await;
    let bed = Bed::with(|pull| pull.bytes_max = 1_000_000).await;
    let (told, message) = failure(&bed, &source).await;
    assert_eq!(told, code, "{message}");
    assert!(message.starts_with("MediaUrl: ") && message.contains(why), "{message}");
    let asked = source.asked().len();
    source.stop().await;
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_never_answers() {
    assert_eq!(fails(|_| Act::Hold(Vec::new()), 60_000, "no answer in time").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_goes_silent() {
    let act = |_| Act::Hold(promise(1000, &[], b"the beginning"));
    assert_eq!(fails(act, 60_000, "it brought less than").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_drips() {
    let act = |_| Act::Drip(promise(900_000, &["ETag: \"a\""], b""));
    assert_eq!(fails(act, 60_000, "it brought less than").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_head_drips() {
    assert_eq!(fails(|_| Act::Drip(b"HTTP/1.1 200 OK\r\nA: ".to_vec()), 60_000, "").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_ends_early() {
    let act = |_| Act::Raw(promise(1000, &[], b"the beginning"));
    assert_eq!(fails(act, 60_000, "it ended early").await, 5);
    let act = |_| Act::Raw(answer("200 OK", &["Transfer-Encoding: chunked"], b"5\r\nbegin\r\n"));
    assert_eq!(fails(act, 60_000, "it ended early").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end() {
    let act = |_| Act::Endless(answer("200 OK", &["Transfer-Encoding: chunked"], b""));
    assert_eq!(fails(act, 60_000, "it is too large; at most 1000000 bytes may come").await, 1);
    let act = |_| Act::Endless(answer("200 OK", &[], b""));
    assert_eq!(fails(act, 60_000, "it is too large").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_promises_too_much() {
    let act = |_| Act::Hold(promise(1_000_001, &[], b""));
    assert_eq!(fails(act, 60_000, "it is too large").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_without_end() {
    let act = |_| Act::Raw([b"HTTP/1.1 200 OK\r\n".to_vec(), vec![b'a'; 1_000_000]].concat());
    assert_eq!(fails(act, 60_000, "").await, 5);
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100_000);
    assert_eq!(fails(move |_| Act::Hold(interim.clone()), 60_000, "").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_no_file() {
    assert_eq!(fails(|_| status("404 Not Found"), 40_000, "it answered 404").await, 1);
    assert_eq!(fails(|_| status("403 Forbidden"), 40_000, "it answered 403").await, 1);
    assert_eq!(fails(|_| status("500 Oops"), 60_000, "it answered 500").await, 5);
    assert_eq!(fails(|_| status("204 No Content"), 60_000, "it answered 204").await, 1);
    assert_eq!(fails(|_| Act::Raw(b"SSH-2.0-x\r\n".to_vec()), 60_000, "").await, 5);
    assert_eq!(fails(|_| file(b""), 60_000, "it is empty").await, 1);
    let gzip = |_| Act::Raw(promise(3, &["Content-Encoding: gzip"], b"abc"));
    assert_eq!(fails(gzip, 60_000, "Content-Encoding `gzip`").await, 1);
    let part = ["Content-Range: bytes 0-2/3", "Content-Length: 3"];
    let part = answer("206 Partial Content", &part, b"abc");
    assert_eq!(fails(move |_| Act::Raw(part.clone()), 60_000, "it answered 206").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_all_the_time() {
    let source = Source::start(|asked, before| {
        let etag = format!("ETag: \"{before}\"");
        match asked.from() {
            // another version, whatever If-Range says
            Some(start) => {
                let range = format!("Content-Range: bytes {start}-999/1000");
                let length = format!("Content-Length: {}", 1000 - start);
                let lines = [etag.as_str(), range.as_str(), length.as_str()];
                Act::Raw(answer("206 Partial Content", &lines, &vec![1; 1000 - start]))
            }
            None => Act::Raw(promise(1000, &[etag.as_str()], &[1; 10])),
        }
    })
    .await;
    let bed = Bed::new().await;
    let (code, message) = failure(&bed, &source).await;
    assert_eq!(code, 60_000, "{message}");
    let starts: Vec<_> = source.asked().iter().map(super::source::Asked::from).collect();
    assert_eq!(starts, [None, Some(10), None, Some(10), None]);
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_that_was_not_asked_for() {
    let bytes = noise(1000, 3);
    let body = bytes.clone();
    let source = Source::start(move |_, before| match before {
        0 | 2 => Act::Raw(promise(1000, &["ETag: \"a\""], &body[..10])),
        1 => {
            let lines = ["Content-Range: bytes 20-999/1000", "ETag: \"a\"", "Content-Length: 980"];
            Act::Raw(answer("206 Partial Content", &lines, &body[20..]))
        }
        3 => status("416 Range Not Satisfiable"),
        _ => file(&body),
    })
    .await;
    let bed = Bed::new().await;
    let done = bed.pull(&request(source.url("/a.mp4"))).await;
    assert_eq!(done["ErrCode"], 0, "{done}");
    assert!(std::fs::read(bed.world.object_files().remove(0)).unwrap() == bytes);
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_has_one_deadline() {
    let act = |_: &super::source::Asked, _| Act::Hold(promise(1000, &[], b"the beginning"));
    let source = Source::start(act).await;
    let bed = Bed::with(|pull| {
        pull.timeout = Duration::from_millis(300);
        pull.patience.window = Duration::from_mins(5);
    })
    .await;
    let (code, message) = failure(&bed, &source).await;
    assert_eq!((code, message.as_str()), (60_000, "MediaUrl: it did not end in time"));
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cover_that_is_not_there_or_too_large_fails_the_pull() {
    let source = Source::start(|asked, _| match asked.path.as_str() {
        "/large.png" => Act::Hold(promise(33 * 1024 * 1024, &[], b"")),
        "/a.mp4" => file(b"media"),
        _ => status("404 Not Found"),
    })
    .await;
    let bed = Bed::new().await;
    for (cover, code, why) in [
        ("/none.png", 40_000, "CoverUrl: it answered 404"),
        ("/large.png", 60_000, "CoverUrl: it is too large"),
    ] {
        let request = PullUpload { cover_url: source.url(cover), ..request(source.url("/a.mp4")) };
        let done = bed.pull(&request).await;
        assert_eq!(done["ErrCode"], code, "{done}");
        assert!(done["Message"].as_str().unwrap().starts_with(why), "{done}");
        bed.keeps(0).await;
    }
    assert!(!source.paths().contains(&"/a.mp4".to_owned()));
    source.stop().await;
}

/// Nobody listens there, and nobody can be resolved.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_there() {
    let source = Source::start(|_, _| status("200 OK")).await;
    let url = source.url("/a.mp4");
    source.stop().await;
    let bed = Bed::new().await;
    let done = bed.pull(&request(url)).await;
    assert_eq!(done["ErrCode"], 60_000, "{done}");
    assert!(done["Message"].as_str().unwrap().contains("no connection to"), "{done}");
    let done = bed.pull(&request("http://no-such-host.invalid/a.mp4")).await;
    assert_eq!(done["ErrCode"], 40_000, "{done}");
    bed.keeps(0).await;
}

/// A full disk is our failure, and is seen before anything is written.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_the_pull() {
    let source = Source::start(|_, _| file(b"media")).await;
    let world = crate::world::World::with(|all| {
        super::bed::settings(&mut all.pull);
        all.free_bytes_min = u64::MAX / 2;
    });
    let bed = Bed::over(world.await);
    let (code, message) = {
        let done = bed.pull(&request(source.url("/a.mp4"))).await;
        (done["ErrCode"].clone(), done["Message"].clone())
    };
    assert_eq!((code, message), (70_000.into(), "the disk of the server is too full".into()));
    source.stop().await;
}
