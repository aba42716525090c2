//! A large file goes on after a restart from what was synced of it, if it is still the same; else it is
//! fetched anew. Nothing of it stays, whatever becomes of the pull.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::bed::{Bed, request};
use super::source::{Act, Asked, Source, answer, promise, status};
use crate::world::{APP, MIB, noise};

/// Bytes of the file. The first answer breaks off in the middle of the third step.
const FILM: usize = 5 * MIB;
const BROKEN: usize = 2 * MIB + MIB / 2;
const KEPT: usize = 2 * MIB;

/// What an honest server answers: the rest if the file is what `If-Range` says, else all of it.
fn honest(asked: &Asked, etag: &str, body: &[u8]) -> Act {
    let line = format!("ETag: {etag}");
    match asked.from().filter(|_| asked.header("if-range") == Some(etag)) {
        Some(start) => part(start, &line, body),
        None => Act::Raw(promise(body.len(), &[&line], body)),
    }
}

fn part(start: usize, line: &str, body: &[u8]) -> Act {
    let range = format!("Content-Range: bytes {start}-{}/{}", body.len() - 1, body.len());
    let length = format!("Content-Length: {}", body.len() - start);
    Act::Raw(answer("206 Partial Content", &[line, &range, &length], &body[start..]))
}

async fn bed() -> Bed {
    Bed::with(|pull| {
        pull.step = u64::try_from(MIB).unwrap();
        pull.patience.window = Duration::from_mins(5);
    })
    .await
}

impl Bed {
    /// The files of what has come in part, by their extension.
    fn partial(&self, extension: &str) -> Vec<PathBuf> {
        self.partials().into_iter().filter(|path| path.extension().unwrap() == extension).collect()
    }

    /// How much is marked of the one file that has come in part.
    fn marked(&self) -> Option<u64> {
        let mark = fs::read(self.partial("json").first()?).ok()?;
        serde_json::from_slice::<Value>(&mark).unwrap()["size"].as_u64()
    }
}

/// Pulls `/a.mp4` from a source that stops in the middle of its first answer, up to a restart there.
async fn interrupted(source: &Source, kept: usize) -> (Bed, String) {
    let bed = bed().await;
    let task = bed.ask(&request(source.url("/a.mp4"))).await.unwrap();
    bed.puller.tick().await.unwrap();
    let kept = u64::try_from(kept).unwrap();
    bed.until("it is marked", async |bed| bed.marked() == Some(kept)).await;
    let [bytes] = &*bed.partial("bytes") else { panic!() };
    let mut file = OpenOptions::new().append(true).open(bytes).unwrap();
    // what may have reached the disk without having been synced
    file.write_all(&[0; 12_345]).unwrap();
    (bed.restart().await, task)
}

async fn ends_with(bed: &Bed, task: &str, bytes: &[u8]) {
    let done = bed.end(task).await;
    assert_eq!(done["ErrCode"], 0, "{done}");
    bed.keeps(1).await;
    assert!(fs::read(bed.world.object_files().remove(0)).unwrap() == bytes);
    bed.world.agreement().await;
}

fn starts(source: &Source) -> Vec<Option<usize>> {
    source.asked().iter().map(Asked::from).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_only_the_rest_is_fetched() {
    let bytes = noise(FILM, 1);
    let body = bytes.clone();
    let source = Source::start(move |asked, before| match before {
        0 => Act::Hold(promise(FILM, &["ETag: \"one\""], &body[..BROKEN])),
        _ => honest(asked, "\"one\"", &body),
    })
    .await;
    let (bed, task) = interrupted(&source, KEPT).await;
    ends_with(&bed, &task, &bytes).await;
    assert_eq!(starts(&source), [None, Some(KEPT)]);
    assert_eq!(source.asked()[1].header("if-range"), Some("\"one\""));
    source.stop().await;
}

/// It may break any number of times, before a restart and after it.
#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_after_a_restart_goes_on_too() {
    let bytes = noise(FILM, 2);
    let body = bytes.clone();
    let source = Source::start(move |asked, before| {
        let start = asked.from().unwrap_or(0);
        let Act::Raw(whole) = honest(asked, "\"one\"", &body) else { panic!() };
        let head = whole.len() - (FILM - start);
        match before {
            0 => Act::Raw(whole[..head + MIB + 1000].to_vec()),
            1 => Act::Hold(whole[..head + MIB + 1000].to_vec()),
            2 => Act::Raw(whole[..head + MIB + 2000].to_vec()),
            _ => Act::Raw(whole),
        }
    })
    .await;
    let (bed, task) = interrupted(&source, KEPT).await;
    ends_with(&bed, &task, &bytes).await;
    let starts = starts(&source);
    assert_eq!(starts, [None, Some(MIB + 1000), Some(KEPT), Some(KEPT + MIB + 2000)]);
    source.stop().await;
}

/// A source that is away for a moment, or busy, does not cost what has come; one that refuses the range
/// does.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_brings_nothing_costs_nothing() {
    for (refusal, last) in [
        (status("503 Service Unavailable"), Some(BROKEN)),
        (Act::Raw(Vec::new()), Some(BROKEN)),
        (status("416 Range Not Satisfiable"), None),
    ] {
        let bytes = noise(FILM, 9);
        let body = bytes.clone();
        let source = Source::start(move |asked, before| match before {
            0 => Act::Raw(promise(FILM, &["ETag: \"one\""], &body[..BROKEN])),
            1 => refusal.clone(),
            _ => honest(asked, "\"one\"", &body),
        })
        .await;
        let bed = bed().await;
        let task = bed.ask(&request(source.url("/a.mp4"))).await.unwrap();
        ends_with(&bed, &task, &bytes).await;
        assert_eq!(starts(&source), [None, Some(BROKEN), last]);
        source.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_has_changed_is_fetched_anew() {
    // one source heeds If-Range, the other sends the rest of the new file, but says so
    for heeds in [true, false] {
        let (old, new) = (noise(FILM, 3), noise(FILM - 17, 4));
        let body = new.clone();
        let source = Source::start(move |asked, before| match (before, asked.from()) {
            (0, _) => Act::Hold(promise(FILM, &["ETag: \"one\""], &old[..BROKEN])),
            (_, Some(start)) if !heeds => part(start, "ETag: \"two\"", &body),
            _ => honest(asked, "\"two\"", &body),
        })
        .await;
        let (bed, task) = interrupted(&source, KEPT).await;
        ends_with(&bed, &task, &new).await;
        let anew = (!heeds).then_some(None);
        let expected: Vec<_> = [None, Some(KEPT)].into_iter().chain(anew).collect();
        assert_eq!(starts(&source), expected, "{heeds}");
        source.stop().await;
    }
}

/// What promises no equal bytes is not kept, nor what is soon fetched anew.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_go_on_or_is_small_is_not_kept() {
    let date = "Date: Tue, 24 Nov 2026 11:00:00 GMT";
    let modified = "Last-Modified: Tue, 24 Nov 2026 11:00:00 GMT";
    for (lines, size) in [
        (vec!["ETag: W/\"weak\""], FILM),
        (vec![], FILM),
        // it may have changed within the same second
        (vec![date, modified], FILM),
        (vec!["ETag: \"one\""], MIB),
    ] {
        let bytes = noise(size, 5);
        let body = bytes.clone();
        let source = Source::start(move |_, before| match before {
            0 => Act::Hold(promise(size, &lines, &body[..size - 1000])),
            _ => Act::Raw(promise(size, &lines, &body)),
        })
        .await;
        let bed = bed().await;
        let task = bed.ask(&request(source.url("/a.mp4"))).await.unwrap();
        bed.puller.tick().await.unwrap();
        bed.until("it has come", async |bed| {
            bed.detail(&task).await["PullUploadTask"]["Progress"] == 99
        })
        .await;
        assert_eq!(bed.partials(), Vec::<PathBuf>::new());
        let bed = bed.restart().await;
        ends_with(&bed, &task, &bytes).await;
        assert_eq!(starts(&source), [None, None]);
        source.stop().await;
    }
}

/// A file that was all there when the process ended is not asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_whole_is_not_fetched_again() {
    let bytes = noise(KEPT, 6);
    let chunk = [format!("{KEPT:x}\r\n").as_bytes(), &bytes, b"\r\n"].concat();
    let lines = ["ETag: \"one\"", "Transfer-Encoding: chunked"];
    let source = Source::start(move |_, _| Act::Hold(answer("200 OK", &lines, &chunk))).await;
    let (bed, task) = interrupted(&source, KEPT).await;
    let [mark] = &*bed.partial("json") else { panic!() };
    let text = fs::read_to_string(mark).unwrap();
    assert!(text.contains("\"whole\":false"), "{text}");
    fs::write(mark, text.replace("\"whole\":false", "\"whole\":true")).unwrap();
    ends_with(&bed, &task, &bytes).await;
    assert_eq!(source.asked().len(), 1);
    source.stop().await;
}

/// Nor is it stored, nor tried for ever, once the pull's time is over.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_whole_too_late_fails() {
    let bytes = noise(KEPT, 10);
    let chunk = [format!("{KEPT:x}\r\n").as_bytes(), &bytes, b"\r\n"].concat();
    let lines = ["ETag: \"one\"", "Transfer-Encoding: chunked"];
    let source = Source::start(move |_, _| Act::Hold(answer("200 OK", &lines, &chunk))).await;
    let (bed, task) = interrupted(&source, KEPT).await;
    let [mark] = &*bed.partial("json") else { panic!() };
    let text = fs::read_to_string(mark).unwrap();
    fs::write(mark, text.replace("\"whole\":false", "\"whole\":true")).unwrap();
    bed.world.pass(u32::try_from(model::limits::PULL_MS).unwrap());
    let done = bed.end(&task).await;
    assert_eq!(done["ErrCode"], 60_000, "{done}");
    bed.keeps(0).await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_or_the_end_of_the_application_leaves_nothing() {
    let body = noise(FILM, 7);
    let source = Source::start(move |_, before| match before {
        0 => Act::Hold(promise(FILM, &["ETag: \"one\""], &body[..BROKEN])),
        _ => status("404 Not Found"),
    })
    .await;
    let (bed, task) = interrupted(&source, KEPT).await;
    let done = bed.end(&task).await;
    assert_eq!(done["ErrCode"], 40_000, "{done}");
    bed.keeps(0).await;
    source.stop().await;

    let body = noise(FILM, 8);
    let source =
        Source::start(move |_, _| Act::Hold(promise(FILM, &["ETag: \"one\""], &body[..BROKEN])))
            .await;
    let (bed, _task) = interrupted(&source, KEPT).await;
    bed.world.library.tick().await.unwrap();
    assert!(bed.marked().is_some(), "it is needed");
    let mut gone = crate::world::application(APP);
    gone.status = model::ApplicationStatus::Destroyed;
    bed.world.put_application(&gone).await;
    bed.world.library.tick().await.unwrap();
    bed.keeps(0).await;
    source.stop().await;
}
