//! Live streams: playlists that move, as an encoder writes them, recorded and clipped.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use egress::{Client, Limits, SystemResolver, Tls};
use media::{ClipError, LiveClipped, LiveError, Recorder};
use model::{EventKind, Timestamp};
use serde_json::json;
use tempfile::TempDir;
use testkit::until::until;
use wire::action::{LiveRealTimeClip, MediaSearch, Persistence};

use crate::clips::{bytes, kinds, plays, served};
use crate::hls::make;
use crate::pull::bed;
use crate::pull::source::{Act, Asked, Source};
use crate::world::{APP, OTHER, World, application};

mod bounds;
mod kinds;

/// When the first segment begins.
const START: i64 = 1_795_487_000_000;
const ID: &str = "camera-1";

/// What an encoder shows: files by their path.
type Shown = Arc<Mutex<HashMap<String, Vec<u8>>>>;

struct Encoder {
    /// The segments that it will show, a second each, and what is read before them.
    segments: Vec<Vec<u8>>,
    map: Option<Vec<u8>>,
    shown: Shown,
}

impl Encoder {
    fn new(options: &str) -> Self {
        let files = make(options);
        let is_map = |name: &str| name.starts_with("init");
        let of = |(_, bytes): &(String, Vec<u8>)| bytes.clone();
        let map = files.iter().find(|(name, _)| is_map(name)).map(of);
        let segments = files.iter().skip(1).filter(|(name, _)| !is_map(name)).map(of).collect();
        Self { segments, map, shown: Arc::default() }
    }

    /// Shows a playlist of these segments: which, under which number, how many seconds after the
    /// start.
    fn show(&self, sequence: u64, segments: &[(usize, i64)]) {
        let mut text =
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{sequence}\n");
        let mut shown = self.shown.lock().unwrap();
        if let Some(map) = &self.map {
            text += "#EXT-X-MAP:URI=\"init.mp4\"\n";
            shown.insert("/live/init.mp4".to_owned(), map.clone());
        }
        for (nth, after) in segments {
            let name = if self.map.is_some() { format!("{nth}.m4s") } else { format!("{nth}.ts") };
            let date = Timestamp(START + after * 1000);
            write!(text, "#EXT-X-PROGRAM-DATE-TIME:{date}\n#EXTINF:1.0,\n{name}\n").unwrap();
            shown.insert(format!("/live/{name}"), self.segments[*nth].clone());
        }
        shown.insert("/live/index.m3u8".to_owned(), text.into_bytes());
    }

    async fn serve(&self) -> Source {
        let shown = Arc::clone(&self.shown);
        Source::start(move |asked, _| answer(&shown, asked)).await
    }
}

/// What is shown at a path, or the part of it that is asked for.
fn answer(shown: &Shown, asked: &Asked) -> Act {
    let found = shown.lock().unwrap().get(&asked.path).cloned();
    let part =
        asked.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let (status, body) = match (found, part) {
        (None, _) => ("404 Not Found".to_owned(), Vec::new()),
        (Some(body), None) => ("200 OK".to_owned(), body),
        (Some(body), Some((first, last))) => {
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            let range = format!("bytes {first}-{last}/{}", body.len());
            let part = body[first..=last.min(body.len() - 1)].to_vec();
            (format!("206 Partial Content\r\nContent-Range: {range}"), part)
        }
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
    Act::Raw([head.into_bytes(), body].concat())
}

fn recorder(world: &World) -> Arc<Recorder> {
    let policy = world.library.settings().pull.policy.clone();
    let resolver = Arc::new(SystemResolver::default());
    let client = Client::new(policy, resolver, Tls::default(), Limits::default()).unwrap();
    Recorder::new(Arc::clone(&world.library), Arc::new(client))
}

async fn world() -> World {
    World::with(|settings| bed::settings(&mut settings.pull)).await
}

/// Looks once more, whenever the last look was.
async fn look(world: &World, recorder: &Arc<Recorder>) {
    world.pass(60_000);
    tick(recorder).await;
}

/// Looks at what is due, to the end.
async fn tick(recorder: &Arc<Recorder>) {
    recorder.tick().await.unwrap();
    recorder.rest().await.unwrap();
}

fn span(from_ms: i64, to_ms: i64) -> LiveRealTimeClip {
    LiveRealTimeClip {
        sub_app_id: None,
        stream_id: ID.to_owned(),
        start_time: Timestamp(START + from_ms),
        end_time: Timestamp(START + to_ms),
        persistence: None,
        meta_data_required: true,
        transcoded: false,
    }
}

async fn clip(world: &World, request: &LiveRealTimeClip) -> Result<LiveClipped, ClipError> {
    world.library.live_real_time_clip(&application(APP), request).await
}

async fn register(world: &World, playlist: &str) -> Result<(), LiveError> {
    world.library.register_live_stream(&application(APP), ID, playlist).await
}

/// State and reason of the stream.
async fn state(world: &World) -> (String, String) {
    let streams = world.library.describe_live_streams(APP, &[ID.to_owned()]).await.unwrap();
    let stream = streams.live_stream_set.into_iter().next().unwrap();
    (stream.state, stream.reason)
}

/// The stretches of a clip in ms after the start.
fn stretches(made: &LiveClipped) -> Vec<(i64, i64)> {
    let after = |time: Timestamp| time.0 - START;
    let of = |stretch: &wire::reply::LiveRealTimeClipSegment| {
        (after(stretch.start_time), after(stretch.end_time))
    };
    made.segments.iter().map(of).collect()
}

async fn is_recorded(options: &str) {
    let encoder = Encoder::new(options);
    let source = encoder.serve().await;
    let world = world().await;
    let worker = recorder(&world);
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    tick(&worker).await;
    assert_eq!(state(&world).await.0, "FAILED", "there is no playlist yet");
    encoder.show(7, &[(0, 0), (1, 1)]);
    look(&world, &worker).await;
    assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()));
    drop(worker);
    let world = world.restart().await;
    let worker = recorder(&world);
    encoder.show(8, &[(1, 1), (2, 2)]);
    look(&world, &worker).await;
    look(&world, &worker).await;
    // an hour of which nothing was seen
    encoder.show(900, &[(3, 3_600), (4, 3_601)]);
    look(&world, &worker).await;

    let passing = clip(&world, &span(1_500, 3_600_500)).await.unwrap();
    assert_eq!(stretches(&passing), [(1_000, 3_000), (3_600_000, 3_601_000)]);
    assert_eq!(passing.file, None);
    plays(&world, &passing.url, 3.0, 75).await;
    let again = clip(&world, &span(1_000, 3_600_900)).await.unwrap();
    assert_eq!(again.url, passing.url, "the same segments are the same clip");

    let persistence = Persistence { source_context: "match".to_owned(), ..Persistence::default() };
    let request = LiveRealTimeClip { persistence: Some(persistence), ..span(0, 2_500) };
    let kept = clip(&world, &request).await.unwrap();
    assert!(world.library.delete_live_stream(APP, ID).await.unwrap());
    assert!(!world.library.delete_live_stream(APP, ID).await.unwrap());
    world.library.tick_clips().await.unwrap();
    assert_eq!(kinds(&world).await, [EventKind::NewFileUpload, EventKind::PersistenceComplete]);
    let events = world.events().await;
    assert_eq!(events[0].1["PersistenceSource"], "LiveRealTimeClip");
    let told = &events[1].1["MediaBasicInfo"]["SourceInfo"];
    let at = |ms: i64| Timestamp(START + ms).to_string();
    let info = json!({
        "Domain": "",
        "Path": "",
        "StreamId": ID,
        "RecordStartTime": at(0),
        "RecordEndTime": at(3_000),
    });
    assert_eq!((&told["SourceContext"], &told["SourceType"]), (&json!("match"), &json!("Record")));
    assert_eq!(told["LiveRecordInfo"], info, "the span of what is in the clip");
    for (stream, count) in [(ID, 1), ("camera-2", 0)] {
        let search = MediaSearch { stream_ids: vec![stream.to_owned()], ..MediaSearch::default() };
        let found = world.library.search(APP, &search).await.unwrap();
        assert_eq!(found.media_info_set.len(), count, "{stream}");
        for media in found.media_info_set {
            let media = serde_json::to_value(media).unwrap();
            assert_eq!(media["BasicInfo"]["SourceInfo"]["LiveRecordInfo"], info);
        }
    }
    assert!(served(&world, &passing.url).await.is_none());
    drop(worker);
    let world = world.restart().await;
    plays(&world, &kept.url, 3.0, 75).await;
    let file = kept.file.unwrap().to_string();
    world.library.delete(&application(APP), &file, &[]).await.unwrap();
    let world = world.restart().await;
    assert!(world.object_files().is_empty(), "{:?}", world.object_files());
    assert!(world.garbage().await.is_empty());
}

#[tokio::test]
async fn a_moving_playlist_is_recorded() {
    is_recorded("index.m3u8").await;
}

#[tokio::test]
async fn fragments_are_recorded_with_their_map() {
    is_recorded("-hls_segment_type fmp4 index.m3u8").await;
}

#[tokio::test]
async fn what_is_older_than_the_window_goes() {
    let encoder = Encoder::new("index.m3u8");
    let source = encoder.serve().await;
    let world = World::with(|settings| {
        bed::settings(&mut settings.pull);
        settings.live.window_ms = 2_500;
    })
    .await;
    let worker = recorder(&world);
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    encoder.show(0, &[(0, 0), (1, 1)]);
    look(&world, &worker).await;
    let early = clip(&world, &span(0, 1_000)).await.unwrap();
    assert!(bytes(&world, &early.url).await.is_some());
    encoder.show(2, &[(2, 2), (3, 3), (4, 4)]);
    look(&world, &worker).await;
    assert_eq!(world.object_files().len(), 3, "seconds 2 to 5");
    assert!(served(&world, &early.url).await.is_none());
    assert_eq!(stretches(&clip(&world, &span(3_000, 5_000)).await.unwrap()), [(3_000, 5_000)]);
    let error = clip(&world, &span(0, 1_000)).await.unwrap_err();
    assert!(matches!(error, ClipError::EndTime), "{error}");
    // an encoder that begins anew, and says nothing more
    encoder.show(0, &[(0, 5), (1, 6)]);
    look(&world, &worker).await;
    assert_eq!(stretches(&clip(&world, &span(4_500, 6_500)).await.unwrap()), [(4_000, 7_000)]);
}

#[tokio::test]
async fn files_are_read_below_one_directory_only() {
    let encoder = Encoder::new("index.m3u8");
    encoder.show(0, &[(0, 0), (1, 1)]);
    let directory = TempDir::new().unwrap();
    let live = directory.path().join("live");
    fs::create_dir(&live).unwrap();
    for (path, bytes) in encoder.shown.lock().unwrap().iter() {
        fs::write(directory.path().join(&path[1..]), bytes).unwrap();
    }
    let outside = directory.path().join("outside.m3u8");
    fs::copy(live.join("index.m3u8"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, live.join("link.m3u8")).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let playlist = text(&live.join("index.m3u8"));

    let closed = world().await;
    let error = register(&closed, &playlist).await.unwrap_err();
    assert!(matches!(error, LiveError::NoDirectory), "{error}");
    let world = World::with(|settings| settings.live.directory = Some(live.clone())).await;
    for refused in [
        text(&outside),
        text(&live.join("../outside.m3u8")),
        text(&live.join("link.m3u8")),
        text(&live.join("missing.m3u8")),
        "/etc/passwd".to_owned(),
        "live/index.m3u8".to_owned(),
        format!("file://{playlist}"),
    ] {
        let error = register(&world, &refused).await.unwrap_err();
        assert!(matches!(error, LiveError::Playlist(_)), "{refused}: {error}");
    }
    for elsewhere in [outside, directory.path().join("none"), live.join("../none")] {
        let error = register(&world, &text(&elsewhere)).await.unwrap_err().to_string();
        assert!(error.contains("does not lie below"), "tells what is there: {error}");
    }
    register(&world, &playlist).await.unwrap();
    let worker = recorder(&world);
    tick(&worker).await;
    let made = clip(&world, &span(0, 2_000)).await.unwrap();
    plays(&world, &made.url, 2.0, 50).await;
    // the file that a segment was is now a link that leads out
    fs::remove_file(live.join("1.ts")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", live.join("1.ts")).unwrap();
    let more = fs::read_to_string(&playlist).unwrap().replace("SEQUENCE:0", "SEQUENCE:4");
    fs::write(&playlist, more).unwrap();
    look(&world, &worker).await;
    let (state, reason) = state(&world).await;
    assert_eq!(state, "FAILED");
    assert!(reason.contains("does not lie below"), "{reason}");
}

#[tokio::test]
async fn a_source_that_never_answers_keeps_no_other_stream_waiting() {
    let encoder = Encoder::new("index.m3u8");
    let (source, silent) =
        (encoder.serve().await, Source::start(|_, _| Act::Hold(Vec::new())).await);
    let world = World::with(|settings| {
        bed::settings(&mut settings.pull);
        settings.pull.patience.head = Duration::from_mins(1);
    })
    .await;
    let worker = recorder(&world);
    let slow = silent.url("/live/index.m3u8");
    world.library.register_live_stream(&application(APP), "a-slow-one", &slow).await.unwrap();
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    for (nth, after) in [(0, 0), (1, 1), (2, 2)] {
        encoder.show(nth, &[(usize::try_from(nth).unwrap(), after)]);
        world.pass(60_000);
        let second = span(after * 1000, (after + 1) * 1000);
        until("a segment", async || {
            worker.tick().await.unwrap();
            clip(&world, &second).await.is_ok()
        })
        .await;
    }
    assert_eq!(silent.asked().len(), 1, "the slow one is not asked twice at once");
    worker.close().await;
}

#[tokio::test]
async fn what_cannot_be_recorded_says_why() {
    let encoder = Encoder::new("index.m3u8");
    let source = encoder.serve().await;
    let world = world().await;
    let worker = recorder(&world);
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    encoder.show(0, &[(0, 0)]);
    let good = encoder.shown.lock().unwrap()["/live/index.m3u8"].clone();
    let good = String::from_utf8(good).unwrap();
    for (bad, reason) in [
        (good.replace("#EXT-X-PROGRAM", "#X-PROGRAM"), "EXT-X-PROGRAM-DATE-TIME is missing"),
        (
            "#EXTM3U\n#EXT-X-SESSION-DATA:A=\"b\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\na\n".to_owned(),
            "/live/a: it answered 404",
        ),
        ("<html>".to_owned(), "begins with #EXTM3U"),
        (good.replace("0.ts", "missing.ts?token=secret"), "missing.ts: it answered 404"),
        (good.replace("0.ts", "http://10.0.0.1/0.ts"), "10.0.0.1"),
        (good.replace("0.ts", "file:///etc/passwd"), "file:///etc/passwd"),
    ] {
        let shown = ("/live/index.m3u8".to_owned(), bad.clone().into_bytes());
        encoder.shown.lock().unwrap().extend([shown]);
        look(&world, &worker).await;
        let (state, told) = state(&world).await;
        assert_eq!(state, "FAILED", "{bad}");
        assert!(told.contains(reason) && !told.contains("secret"), "{told}");
    }
    assert!(world.object_files().is_empty(), "what was not recorded leaves nothing");
    encoder.show(0, &[(0, 0)]);
    look(&world, &worker).await;
    assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()));

    let refused = async |request: LiveRealTimeClip| clip(&world, &request).await.unwrap_err();
    let unknown = LiveRealTimeClip { stream_id: "other".to_owned(), ..span(0, 500) };
    assert!(matches!(refused(unknown).await, ClipError::StreamId));
    assert!(matches!(refused(span(500, 500)).await, ClipError::EndTime));
    assert!(matches!(refused(span(5_000, 6_000)).await, ClipError::StartTime));
    assert!(matches!(refused(span(-5_000, -4_000)).await, ClipError::EndTime));
    assert!(matches!(refused(span(0, 1_000_000_000)).await, ClipError::ClipDuration(_)));
    let transcoded = LiveRealTimeClip { transcoded: true, ..span(0, 500) };
    assert!(matches!(refused(transcoded).await, ClipError::Transcoded));
    let theirs = application(OTHER);
    let error = world.library.live_real_time_clip(&theirs, &span(0, 500)).await.unwrap_err();
    assert!(matches!(error, ClipError::StreamId), "it is another application's");
    for id in ["", "a/b", "a b", "ä", &"x".repeat(200)] {
        let asked = world.library.register_live_stream(&theirs, id, "http://127.0.0.1/").await;
        assert!(matches!(asked.unwrap_err(), LiveError::StreamId(_)), "{id}");
    }
}
