//! Clips of HLS that ffmpeg makes: what is served is dumped as a player would fetch it, and decoded.

mod copying;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use media::playlist::{self, MediaPlaylist, Playlist, path};
use media::{ClipError, Clipped, Served};
use model::{EventKind, FileId};
use serde_json::Value;
use tempfile::TempDir;
use wire::action::{FastEditMedia, FastEditMediaFileInfo, Persistence, SimpleHlsClip};
use wire::conformance::check_type;

use crate::hls::{key, make};
use crate::world::{APP, OTHER, URL, World, application};

struct Uploaded {
    file: FileId,
    url: String,
}

async fn upload(world: &World, files: &[(String, Vec<u8>)]) -> Uploaded {
    let (applied, grant) = world.apply("m3u8").await;
    for (name, bytes) in files {
        world.put(&grant, &key(&applied, name), bytes).await.unwrap();
    }
    let session = &applied.vod_session_key;
    let done = world.library.commit_upload(&application(APP), session).await.unwrap();
    Uploaded { file: done.file, url: done.media_url }
}

fn simple(url: &str, start: f64, end: f64) -> SimpleHlsClip {
    SimpleHlsClip {
        sub_app_id: None,
        url: url.to_owned(),
        start_time_offset: start,
        end_time_offset: end,
        persistence: None,
        output_media_type: String::new(),
    }
}

fn kept(url: &str, start: f64, end: f64) -> SimpleHlsClip {
    let source_context = "order 17".to_owned();
    let persistence = Some(Persistence { source_context, ..Persistence::default() });
    SimpleHlsClip { persistence, ..simple(url, start, end) }
}

fn input(file: FileId, start: f64, end: f64) -> FastEditMediaFileInfo {
    FastEditMediaFileInfo {
        file_id: file.to_string(),
        audio_video_type: "Original".to_owned(),
        transcode_definition: 0,
        start_time_offset: start,
        end_time_offset: end,
    }
}

fn fast(inputs: Vec<FastEditMediaFileInfo>) -> FastEditMedia {
    FastEditMedia { sub_app_id: None, file_infos: inputs, clip_mode: String::new() }
}

async fn clip(world: &World, request: &SimpleHlsClip) -> Result<Clipped, ClipError> {
    world.library.simple_hls_clip(&application(APP), request).await
}

async fn edit(world: &World, request: &FastEditMedia) -> Result<Clipped, ClipError> {
    world.library.fast_edit_media(&application(APP), request).await
}

/// Bucket and key of an address.
fn place(url: &str) -> (String, String) {
    let rest = url.strip_prefix(URL).unwrap().strip_prefix("/media/").unwrap();
    let (bucket, key) = rest.split_once('/').unwrap();
    (bucket.to_owned(), key.to_owned())
}

pub(crate) async fn served(world: &World, url: &str) -> Option<Served> {
    let (bucket, key) = place(url);
    world.library.published(&bucket, &key).await.unwrap()
}

pub(crate) async fn bytes(world: &World, url: &str) -> Option<Vec<u8>> {
    let served = served(world, url).await?;
    Some(match &served.text {
        Some(text) => {
            assert_eq!(served.object.size, u64::try_from(text.len()).unwrap());
            text.to_vec()
        }
        None => world.read(&served.object).await,
    })
}

async fn list(world: &World, url: &str) -> MediaPlaylist {
    let text = String::from_utf8(bytes(world, url).await.unwrap()).unwrap();
    match playlist::parse(&text, |uri: &str| path::inside("", uri)).unwrap() {
        Playlist::Media(list) => list,
        Playlist::Master(_) => panic!("{text}"),
    }
}

/// Everything that a player fetches for a clip, as files; the directory and the playlist in it.
async fn dump(world: &World, url: &str) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let beside = url.rsplit_once('/').unwrap().0;
    let mut wanted = vec![url.rsplit_once('/').unwrap().1.to_owned()];
    let list = Playlist::Media(list(world, url).await);
    wanted.extend(list.files().into_iter().map(str::to_owned));
    for path in &wanted {
        let bytes = bytes(world, &format!("{beside}/{path}")).await;
        let to = directory.path().join(path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, bytes.unwrap_or_else(|| panic!("{path} is not served"))).unwrap();
    }
    let playlist = directory.path().join(&wanted[0]);
    (directory, playlist)
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(["-v", "error", "-allowed_extensions", "ALL"])
        .args(["-protocol_whitelist", "file,crypto"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{program} {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Seconds that ffprobe finds, and frames of video that ffmpeg decodes to the end.
fn decoded(playlist: &Path) -> (f64, usize) {
    let playlist = playlist.to_str().unwrap();
    let seconds = run("ffprobe", &["-show_entries", "format=duration", "-of", "csv=p=0", playlist]);
    let frames = run("ffmpeg", &["-i", playlist, "-map", "0:v", "-f", "framemd5", "-"]);
    let frames = frames.lines().filter(|line| !line.starts_with('#')).count();
    (seconds.trim().parse().unwrap(), frames)
}

pub(crate) async fn plays(world: &World, url: &str, seconds: f64, frames: usize) {
    let (_directory, playlist) = dump(world, url).await;
    let (found, counted) = decoded(&playlist);
    assert!((found - seconds).abs() < 0.1, "{found} s instead of {seconds} s");
    assert_eq!(counted, frames, "frames of {}", std::fs::read_to_string(&playlist).unwrap());
}

pub(crate) async fn kinds(world: &World) -> Vec<EventKind> {
    let mut kinds: Vec<_> = world.events().await.iter().map(|(event, _)| event.row.kind).collect();
    kinds.reverse();
    kinds
}

/// The segments of one media, moved away in the store and back, so that they cannot be copied.
struct Hidden(Vec<(PathBuf, PathBuf)>);

impl Hidden {
    fn of(world: &World, file: FileId) -> Self {
        let of_file = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(&format!("{file}-")) && !is_playlist(path)
        };
        let pair = |(nth, path): (usize, PathBuf)| {
            let away = world.dir.path().join(format!("away-{nth}"));
            std::fs::rename(&path, &away).unwrap();
            (path, away)
        };
        Self(world.object_files().into_iter().filter(of_file).enumerate().map(pair).collect())
    }

    fn show(self) {
        for (path, away) in self.0 {
            std::fs::rename(away, path).unwrap();
        }
    }
}

#[tokio::test]
async fn a_clip_that_is_not_kept_is_an_address() {
    let world = World::new().await;
    let source = upload(&world, &make("index.m3u8")).await;
    let objects = world.object_files().len();
    let made = clip(&world, &simple(&source.url, 1.0, 3.0)).await.unwrap();
    assert_eq!(made.file, None);
    assert!((made.meta.duration - 2.0).abs() < 0.1, "{:?}", made.meta);
    assert_eq!((made.meta.size, made.meta.video_duration), (0, 0.0));
    plays(&world, &made.url, 2.0, 50).await;
    let again = clip(&world, &simple(&source.url, 1.5, 2.5)).await.unwrap();
    assert_eq!(again.url, made.url, "the same segments are the same clip");
    let other = source.url.replace("127.0.0.1", "LocalHost").replace("http:", "HTTPS:");
    let other = clip(&world, &simple(&format!("{other}?sign=x"), 1.0, 3.0)).await.unwrap();
    assert_eq!(other.url, made.url, "of an address only the path tells which media it is");
    let within = clip(&world, &simple(&made.url, -1.0, 0.0)).await.unwrap();
    assert!(within.url.ends_with(".clip-2-2.m3u8"), "{}", within.url);
    plays(&world, &within.url, 1.0, 25).await;

    assert_eq!(world.object_files().len(), objects);
    assert_eq!(kinds(&world).await, [EventKind::NewFileUpload]);
    let beyond = made.url.replace(".clip-1-2.", ".clip-1-5.");
    assert!(served(&world, &beyond).await.is_none());
    world.library.delete(&application(APP), &source.file.to_string(), &[]).await.unwrap();
    assert!(served(&world, &made.url).await.is_none(), "it dies with its source");
}

/// Makes, checks and outlives a kept clip of the second to fourth second.
async fn is_kept(options: &str) {
    let world = World::new().await;
    let files = make(options);
    let source = upload(&world, &files).await;
    let made = clip(&world, &kept(&source.url, 1.0, 4.0)).await.unwrap();
    let file = made.file.unwrap();
    plays(&world, &made.url, 3.0, 75).await;
    world.library.tick_clips().await.unwrap();
    let expected =
        [EventKind::NewFileUpload, EventKind::NewFileUpload, EventKind::PersistenceComplete];
    assert_eq!(kinds(&world).await, expected);
    let events = world.events().await;
    let (complete, upload) = (&events[0].1, &events[1].1);
    assert_eq!(check_type("PersistenceCompleteTask", complete), [""; 0]);
    assert_eq!(check_type("FileUploadTask", upload), [""; 0]);
    assert_eq!(complete["FileId"], file.to_string());
    assert_eq!(complete["PersistenceSource"], "SimpleHlsClip");
    let info = &upload["MediaBasicInfo"];
    assert_eq!(info["SourceInfo"]["SourceType"], "VideoProcessing");
    assert_eq!(info["SourceInfo"]["SourceContext"], "order 17");
    assert_eq!(info["MediaUrl"], made.url);
    let (directory, _) = dump(&world, &made.url).await;
    let dumped = size_under(directory.path());
    let told = &upload["MetaData"];
    assert_eq!(told["Size"], dumped, "the sizes of all files, of each once");
    let played = dumped - unplayed(&list(&world, &made.url).await, directory.path());
    let rate = f64::from(u32::try_from(played * 8).unwrap()) / told["Duration"].as_f64().unwrap();
    assert!((told["Bitrate"].as_f64().unwrap() - rate).abs() <= 1.0, "{rate}: {told}");

    world.library.delete(&application(APP), &source.file.to_string(), &[]).await.unwrap();
    let world = world.restart().await;
    assert_eq!(bytes(&world, &source.url).await, None);
    plays(&world, &made.url, 3.0, 75).await;
    world.library.delete(&application(APP), &file.to_string(), &[]).await.unwrap();
    let world = world.restart().await;
    assert!(world.object_files().is_empty(), "{:?}", world.object_files());
    assert!(world.garbage().await.is_empty());
}

/// Bytes in the files of a clip that no segment and no map names.
fn unplayed(list: &MediaPlaylist, directory: &Path) -> u64 {
    let Some(file) = list.segments.iter().find(|segment| segment.range.is_some()) else { return 0 };
    let size = std::fs::metadata(directory.join(&file.file.path)).unwrap().len();
    let named: u64 = list.segments.iter().map(|segment| segment.range.unwrap().len).sum();
    assert!(named < size, "two of five seconds are not in the clip");
    size - named
}

fn size_under(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let size = |path: PathBuf| match std::fs::metadata(&path).unwrap() {
        facts if facts.is_dir() => size_under(&path),
        facts => facts.len(),
    };
    entries.map(size).sum()
}

#[tokio::test]
async fn transport_streams_are_kept() {
    is_kept("index.m3u8").await;
}

#[tokio::test]
async fn fragments_with_their_map_are_kept() {
    is_kept("-hls_segment_type fmp4 index.m3u8").await;
}

#[tokio::test]
async fn ranges_of_one_file_are_kept() {
    is_kept("-hls_flags single_file index.m3u8").await;
}

#[tokio::test]
async fn keys_whose_iv_was_implied_are_kept() {
    let directory = TempDir::new().unwrap();
    let info = directory.path().join("info");
    std::fs::write(directory.path().join("0.key"), b"0123456789abcdef").unwrap();
    let key_file = directory.path().join("0.key");
    std::fs::write(&info, format!("0.key\n{}\n", key_file.display())).unwrap();
    let options = format!("-hls_key_info_file {} -start_number 5 index.m3u8", info.display());
    let world = World::new().await;
    let mut files = make(&options);
    let text = String::from_utf8(files[0].1.clone()).unwrap();
    // ffmpeg encrypts by the number of the segment and then says so; here it is left to be implied
    let (before, iv) = text.split_once(",IV=").unwrap();
    files[0].1 = format!("{before}{}", &iv[2 + 32..]).into_bytes();
    files.push(("0.key".to_owned(), b"0123456789abcdef".to_vec()));
    let source = upload(&world, &files).await;
    plays(&world, &source.url, 5.0, 125).await;
    let passing = clip(&world, &simple(&source.url, 2.0, 4.0)).await.unwrap();
    plays(&world, &passing.url, 2.0, 50).await;
    let made = clip(&world, &kept(&source.url, 2.0, 4.0)).await.unwrap();
    world.library.tick_clips().await.unwrap();
    world.library.delete(&application(APP), &source.file.to_string(), &[]).await.unwrap();
    plays(&world, &made.url, 2.0, 50).await;
}

/// Status and FileId of the one task that there is.
async fn task(world: &World) -> (String, String) {
    let params = wire::Params::from_json(b"{}").unwrap();
    let asked = wire::Action::parse("DescribeTasks", wire::spec::VERSION, params).unwrap();
    let wire::Action::DescribeTasks(request) = asked else { panic!("{asked:?}") };
    let tasks = world.library.describe_tasks(APP, &request).await.unwrap();
    let tasks = serde_json::to_value(tasks).unwrap();
    let [task] = &tasks["TaskSet"].as_array().unwrap()[..] else { panic!("{tasks}") };
    assert_eq!(task["TaskType"], "FastClipMedia");
    let text = |name: &str| task[name].as_str().unwrap().to_owned();
    (text("Status"), text("FileId"))
}

#[tokio::test]
async fn a_source_may_go_while_it_is_copied() {
    let world = World::new().await;
    let source = upload(&world, &make("index.m3u8")).await;
    let id = source.file.to_string();
    let hidden = Hidden::of(&world, source.file);
    let made = clip(&world, &kept(&source.url, 1.0, 3.0)).await.unwrap();
    world.library.tick_clips().await.unwrap_err();
    assert_eq!(task(&world).await, ("PROCESSING".to_owned(), made.file.unwrap().to_string()));
    world.library.delete(&application(APP), &id, &[]).await.unwrap();
    let error = world.library.delete(&application(APP), &id, &[]).await.unwrap_err();
    assert!(matches!(error, media::DeleteError::NotFound(_)), "{error}");
    assert!(served(&world, &source.url).await.is_none());
    let world = world.restart().await;
    world.library.tick_clips().await.unwrap_err();
    let expected = [EventKind::NewFileUpload, EventKind::NewFileUpload, EventKind::FileDeleted];
    assert_eq!(kinds(&world).await, expected);

    hidden.show();
    plays(&world, &made.url, 2.0, 50).await;
    world.library.tick_clips().await.unwrap();
    world.library.tick_clips().await.unwrap();
    assert_eq!(kinds(&world).await[3..], [EventKind::PersistenceComplete]);
    assert_eq!(task(&world).await, ("FINISH".to_owned(), made.file.unwrap().to_string()));
    let world = world.restart().await;
    assert_eq!(kinds(&world).await.len(), 4, "exactly once");
    plays(&world, &made.url, 2.0, 50).await;
    assert_eq!(world.object_files().len(), 3, "of the source nothing is left");
    assert!(world.garbage().await.is_empty());
}

fn is_playlist(path: &Path) -> bool {
    std::fs::read(path).unwrap().starts_with(b"#EXTM3U")
}

#[tokio::test]
async fn inputs_follow_one_another() {
    let world = World::new().await;
    let (a, b) =
        (upload(&world, &make("index.m3u8")).await, upload(&world, &make("index.m3u8")).await);
    let inputs = vec![input(a.file, 1.0, 3.0), input(b.file, -1.0, 0.0), input(a.file, 1.0, 2.0)];
    let made = edit(&world, &fast(inputs.clone())).await.unwrap();
    let file = made.file.unwrap();
    let written = list(&world, &made.url).await;
    let marks: Vec<bool> = written.segments.iter().map(|segment| segment.discontinuity).collect();
    assert_eq!(marks, [false, false, true, true]);
    world.library.tick_clips().await.unwrap();
    let uploads = [EventKind::NewFileUpload, EventKind::NewFileUpload];
    let kinds = kinds(&world).await;
    assert_eq!((&kinds[..2], &kinds[2..]), (&uploads[..], &[EventKind::PersistenceComplete][..]));
    assert_eq!(world.events().await[0].1["PersistenceSource"], "FastEditMedia");
    for source in [a, b] {
        world.library.delete(&application(APP), &source.file.to_string(), &[]).await.unwrap();
    }
    let world = world.restart().await;
    plays(&world, &made.url, 4.0, 100).await;
    assert_eq!(world.object_files().len(), 1 + 3, "what is named twice is kept once");

    let exclusive = FastEditMedia {
        clip_mode: "StartInclusiveEndExclusive".to_owned(),
        ..fast(vec![input(file, 0.5, 2.5)])
    };
    let shorter = edit(&world, &exclusive).await.unwrap();
    assert_eq!(list(&world, &shorter.url).await.segments.len(), 2);
    world.library.close().await;
}

#[tokio::test]
async fn a_clip_plays_at_every_moment_of_its_copy() {
    let world = World::new().await;
    let source = upload(&world, &make("index.m3u8")).await;
    for _ in 0..40 {
        let made = clip(&world, &kept(&source.url, 0.0, 0.0)).await.unwrap();
        let beside = made.url.rsplit_once('/').unwrap().0;
        let names: Vec<String> = Playlist::Media(list(&world, &made.url).await)
            .files()
            .into_iter()
            .map(|path| format!("{beside}/{path}"))
            .collect();
        let copy = world.library.tick_clips();
        let play = async {
            for url in names.iter().cycle() {
                assert!(served(&world, url).await.is_some(), "{url}");
            }
        };
        tokio::select! {
            copied = copy => copied.unwrap(),
            () = play => {}
        }
    }
}

#[tokio::test]
async fn clips_of_what_is_forbidden_are_forbidden() {
    let world = World::new().await;
    let source = upload(&world, &make("index.m3u8")).await;
    let file = source.file.to_string();
    world.library.forbid(APP, std::slice::from_ref(&file), true).await.unwrap();
    let kept_one = clip(&world, &kept(&source.url, 1.0, 3.0)).await.unwrap();
    let passing = clip(&world, &simple(&source.url, 1.0, 3.0)).await.unwrap();
    let fast_one = edit(&world, &fast(vec![input(source.file, 1.0, 3.0)])).await.unwrap();
    world.library.tick_clips().await.unwrap();
    for made in [&kept_one, &passing, &fast_one] {
        assert!(served(&world, &made.url).await.unwrap().forbidden, "{}", made.url);
    }
    world.library.forbid(APP, &[file], false).await.unwrap();
    assert!(!served(&world, &passing.url).await.unwrap().forbidden);
    assert!(served(&world, &kept_one.url).await.unwrap().forbidden, "it is a file of its own");
    world.library.close().await;
}

#[tokio::test]
async fn a_clip_of_an_unfinished_clip_takes_from_the_source() {
    let world = World::new().await;
    let source = upload(&world, &make("index.m3u8")).await;
    let hidden = Hidden::of(&world, source.file);
    let first = clip(&world, &kept(&source.url, 1.0, 4.0)).await.unwrap();
    let inputs = vec![input(first.file.unwrap(), 1.0, 2.0), input(source.file, 4.0, 0.0)];
    let second = edit(&world, &fast(inputs)).await.unwrap();
    for file in [source.file, first.file.unwrap()] {
        world.library.delete(&application(APP), &file.to_string(), &[]).await.unwrap();
    }
    hidden.show();
    let world = world.restart().await;
    world.library.tick_clips().await.unwrap();
    plays(&world, &second.url, 2.0, 50).await;
    let complete: Vec<Value> =
        world.events().await.into_iter().map(|(_, payload)| payload).collect();
    let complete = complete.iter().filter(|payload| payload.get("PersistenceSource").is_some());
    let files: Vec<_> = complete.map(|payload| payload["FileId"].as_str().unwrap()).collect();
    assert_eq!(files, [second.file.unwrap().to_string()], "a deleted clip is never complete");
    let world = world.restart().await;
    assert_eq!(world.object_files().len(), 3);
}

#[tokio::test]
async fn what_cannot_be_clipped_says_why() {
    let world = World::new().await;
    let master = upload(&world, &make("-master_pl_name index.m3u8 variant.m3u8")).await;
    let source = upload(&world, &make("index.m3u8")).await;
    let mapped = upload(&world, &make("-hls_segment_type fmp4 index.m3u8")).await;
    let refused = async |request: SimpleHlsClip| clip(&world, &request).await.unwrap_err();
    assert!(matches!(refused(simple(&master.url, 0.0, 0.0)).await, ClipError::Master));
    let variant = format!("{}/variant.m3u8", master.url.rsplit_once('/').unwrap().0);
    plays(&world, &clip(&world, &simple(&variant, 1.0, 2.0)).await.unwrap().url, 1.0, 25).await;
    let (_, path) = source.url.split_once("8800").unwrap();
    for url in [
        "",
        "not a url",
        "http://127.0.0.1:8800/",
        "http://127.0.0.1:8800/media/x",
        &format!("http://example.com{path}"),
        &format!("ftp://127.0.0.1:8800{path}"),
        &source.url.replace(".m3u8", ".mp4"),
        &source.url.replace("/media/", "/media/x"),
    ] {
        let error = refused(simple(url, 0.0, 0.0)).await;
        assert!(matches!(error, ClipError::Url), "{url}: {error}");
    }
    let (theirs, request) = (application(OTHER), simple(&source.url, 0.0, 0.0));
    let error = world.library.simple_hls_clip(&theirs, &request).await.unwrap_err();
    assert!(matches!(error, ClipError::Url), "it is another application's: {error}");
    for (start, end) in [(5.1, 0.0), (-6.0, 0.0), (f64::INFINITY, 0.0)] {
        let error = refused(kept(&source.url, start, end)).await;
        assert!(matches!(error, ClipError::Start), "{start}: {error}");
    }
    for (start, end) in [(2.0, 1.0), (2.0, 2.0), (0.0, -6.0), (0.0, f64::NAN)] {
        let error = refused(kept(&source.url, start, end)).await;
        assert!(matches!(error, ClipError::End), "{end}: {error}");
    }
    let change = |change: fn(&mut Persistence)| {
        let mut request = kept(&source.url, 0.0, 0.0);
        change(request.persistence.as_mut().unwrap());
        request
    };
    let error = refused(change(|asked| asked.procedure = "any".to_owned())).await;
    assert!(matches!(error, ClipError::Procedure), "{error}");
    let error = refused(change(|asked| asked.expire_time = Some(model::Timestamp(1)))).await;
    assert!(matches!(error, ClipError::ExpireTime), "{error}");
    let error = refused(change(|asked| asked.source_context = "x".repeat(251))).await;
    assert!(matches!(error, ClipError::Value { .. }), "{error}");

    let refused = async |request: FastEditMedia| edit(&world, &request).await.unwrap_err();
    let error =
        refused(fast(vec![input(source.file, 0.0, 1.0), input(mapped.file, 0.0, 0.0)])).await;
    assert!(matches!(error, ClipError::Mixed), "{error}");
    let transcode = FastEditMediaFileInfo {
        audio_video_type: "Transcode".to_owned(),
        ..input(source.file, 0.0, 0.0)
    };
    for (inputs, member) in [
        (vec![], "FileInfos"),
        (vec![input(source.file, 0.0, 1.0); 101], "FileInfos"),
        (vec![transcode], "FileInfos.0.AudioVideoType"),
        (vec![input(source.file, 0.0, 1.0), input(FileId(1), 0.0, 0.0)], "FileInfos.1.FileId"),
        (vec![input(source.file, 9.0, 0.0)], "FileInfos.0.StartTimeOffset"),
    ] {
        let error = refused(fast(inputs)).await;
        let ClipError::Value { member: found, .. } = &error else { panic!("{error}") };
        assert_eq!(found, member);
    }
    assert_eq!(kinds(&world).await, [EventKind::NewFileUpload; 3], "nothing was kept");
}
