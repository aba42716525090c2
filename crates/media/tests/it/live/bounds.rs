//! How much is kept of live streams: how many streams, how much of each, whatever their dates say.

use std::fmt::Write;
use std::sync::Arc;

use media::LiveError;
use model::{Timestamp, limits};
use tokio::task::JoinSet;

use super::kinds::{insert, list};
use super::{Encoder, START, answer, clip, look, recorder, register, span, state, stretches};
use crate::clips::plays;
use crate::pull::bed;
use crate::pull::source::{Source, redirect};
use crate::world::{APP, World, application};

/// A year in seconds.
const YEAR: i64 = 31_536_000;

async fn world() -> World {
    World::with(|settings| {
        bed::settings(&mut settings.pull);
        settings.live.window_ms = 2_500;
    })
    .await
}

#[tokio::test]
async fn no_race_registers_more_streams_than_there_may_be() {
    let world = World::new().await;
    let register = |nth: usize| {
        let library = Arc::clone(&world.library);
        async move {
            let (id, playlist) = (format!("s-{nth}"), format!("http://127.0.0.1/{nth}.m3u8"));
            library.register_live_stream(&application(APP), &id, &playlist).await
        }
    };
    for nth in 1..limits::LIVE_STREAMS_MAX {
        register(nth).await.unwrap();
    }
    let mut racing = JoinSet::new();
    for nth in 0..10 {
        racing.spawn(register(1_000 + nth));
    }
    let outcomes = racing.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let refused = |outcome: &Result<(), LiveError>| matches!(outcome, Err(LiveError::TooMany(_)));
    assert_eq!(outcomes.iter().filter(|outcome| refused(outcome)).count(), 9);
    register(1).await.unwrap();
    let streams = world.library.describe_live_streams(APP, &[]).await.unwrap();
    assert_eq!(streams.live_stream_set.len(), limits::LIVE_STREAMS_MAX);
}

#[tokio::test]
async fn footage_dated_far_ahead_goes_too() {
    let encoder = Encoder::new("index.m3u8");
    let source = encoder.serve().await;
    let world = world().await;
    let worker = recorder(&world);
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    let ahead = 10 * YEAR;
    for sequence in 0_u64..20 {
        let after = i64::try_from(sequence).unwrap();
        let nth = usize::try_from(sequence % 5).unwrap();
        encoder.show(sequence, &[(nth, ahead + after)]);
        look(&world, &worker).await;
        let expected = usize::try_from(sequence + 1).unwrap().min(3);
        assert_eq!(world.object_files().len(), expected, "the window's 2.5 seconds");
    }
    let last = ahead * 1000 + 20_000;
    plays(&world, &clip(&world, &span(last - 2_000, last)).await.unwrap().url, 2.0, 50).await;
    // a clock that is set back again and again: what is dated behind the newest is not the newest
    for year in 1_i64..10 {
        encoder.show(0, &[(0, ahead - year * YEAR)]);
        look(&world, &worker).await;
        assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()));
        assert!(world.object_files().len() <= 3, "{year}: {:?}", world.object_files());
    }
    // a stream that has ended keeps what it left
    for _ in 0..3 {
        look(&world, &worker).await;
    }
    assert_eq!(world.object_files().len(), 3);
    encoder.show(0, &[(0, 0), (1, 1), (2, 2), (3, 3)]);
    look(&world, &worker).await;
    assert_eq!(world.object_files().len(), 3, "the clock is right again");
    plays(&world, &clip(&world, &span(2_000, 4_000)).await.unwrap().url, 2.0, 50).await;
}

/// Shows this many segments that begin when `date` says, each of `bytes`, and say this length.
fn show_odd(
    encoder: &Encoder,
    (first, count): (usize, usize),
    length: &str,
    bytes: usize,
    date: impl Fn(usize) -> i64,
) {
    let mut text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{first}\n");
    for nth in first..first + count {
        let ms = date(nth);
        let date = Timestamp(START).to_string().replace('Z', &format!(".{ms:03}Z"));
        write!(text, "#EXT-X-PROGRAM-DATE-TIME:{date}\n#EXTINF:{length},\n{nth}.ts\n").unwrap();
        insert(encoder, &format!("/live/{nth}.ts"), vec![7; bytes]);
    }
    insert(encoder, "/live/index.m3u8", text);
}

/// A source that says the same date again and again, dates that fall, or no length.
#[tokio::test]
async fn a_source_that_stands_still_does_not_fill_the_disk() {
    let still: fn(usize) -> i64 = |_| 0;
    // the oldest in the middle of the dates
    let scattered: fn(usize) -> i64 = |nth| i64::try_from(nth * 7 % 20).unwrap();
    for (length, kept, date) in
        [("0", 26, still), ("1", 3, still), ("0", 26, scattered), ("0.001", 26, scattered)]
    {
        let encoder = Encoder::new("index.m3u8");
        let source = encoder.serve().await;
        let world = world().await;
        let worker = recorder(&world);
        register(&world, &source.url("/live/index.m3u8")).await.unwrap();
        for first in (0..120).step_by(20) {
            show_odd(&encoder, (first, 20), length, 10, date);
            look(&world, &worker).await;
            assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()));
        }
        assert_eq!(world.object_files().len(), kept, "{length}");
    }
}

#[tokio::test]
async fn a_recording_has_no_more_bytes_than_its_window_can_need() {
    const BYTES: usize = 3_000_000;
    let encoder = Encoder::new("index.m3u8");
    let source = encoder.serve().await;
    let world = world().await;
    let worker = recorder(&world);
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    show_odd(&encoder, (0, 8), "0.1", BYTES, |nth| i64::try_from(nth * 100).unwrap());
    look(&world, &worker).await;
    assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()));
    assert_eq!(world.object_files().len(), 4, "ten million bytes, and what they begin in");
    assert_eq!(stretches(&clip(&world, &span(0, 800)).await.unwrap()), [(400, 800)]);
}

/// The most that are looked at once, and one: what must go lies behind all of it.
#[tokio::test]
async fn what_must_go_is_found_behind_what_stays() {
    const MANY: usize = 70;
    let encoder = Encoder::new("index.m3u8");
    let source = encoder.serve().await;
    let window = u64::try_from(MANY).unwrap() * 1_000 + 500;
    let world = World::with(|settings| {
        bed::settings(&mut settings.pull);
        settings.live.window_ms = window;
    })
    .await;
    let worker = recorder(&world);
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    encoder.show(0, &[(0, 20 * YEAR), (1, 20 * YEAR + 1)]);
    look(&world, &worker).await;
    let many: Vec<(usize, i64)> =
        (0..MANY).map(|nth| (nth % 5, 10 * YEAR + i64::try_from(nth).unwrap())).collect();
    encoder.show(100, &many);
    for _ in 0..6 {
        look(&world, &worker).await;
    }
    assert_eq!(world.object_files().len(), MANY + 1, "the two of twenty years, less one");
}

#[tokio::test]
async fn maps_and_keys_go_with_the_last_that_needs_them() {
    let encoder = Encoder::new("-hls_segment_type fmp4 index.m3u8");
    let source = encoder.serve().await;
    let world = world().await;
    let worker = recorder(&world);
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    insert(&encoder, "/live/init.mp4", encoder.map.clone().unwrap());
    let show = |first: usize, init: &str| {
        let lines = (first..first + 2).map(|nth| {
            insert(&encoder, &format!("/live/{nth}.key"), [1; 16]);
            insert(&encoder, &format!("/live/{nth}.m4s"), encoder.segments[nth % 5].clone());
            format!("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"{nth}.key\"\n{nth}.m4s")
        });
        let text = list(&encoder, first, lines).replace("init.mp4", init);
        insert(&encoder, "/live/index.m3u8", text);
    };
    for first in 0..9 {
        show(first, "init.mp4");
        look(&world, &worker).await;
    }
    assert_eq!(world.object_files().len(), 3 + 3 + 1, "a key for each second, one map");
    insert(&encoder, "/live/other.mp4", encoder.map.clone().unwrap());
    for first in 9..14 {
        show(first, "other.mp4");
        look(&world, &worker).await;
    }
    assert_eq!(world.object_files().len(), 3 + 3 + 1, "the first map is gone");
    let made = clip(&world, &span(12_500, 15_000)).await.unwrap();
    assert_eq!(stretches(&made), [(12_000, 15_000)]);
    assert_eq!(source.paths().iter().filter(|path| path.ends_with("init.mp4")).count(), 1);
}

#[tokio::test]
async fn an_encoder_that_begins_anew_is_asked_for_its_map_again() {
    let encoder = Encoder::new("-hls_segment_type fmp4 index.m3u8");
    let source = encoder.serve().await;
    let world = World::with(|settings| bed::settings(&mut settings.pull)).await;
    let worker = recorder(&world);
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    encoder.show(7, &[(0, 0), (1, 1)]);
    look(&world, &worker).await;
    // another picture under the same names
    let anew = Encoder::new("-s 64x36 -hls_segment_type fmp4 index.m3u8");
    anew.show(0, &[(0, 2), (1, 3)]);
    *encoder.shown.lock().unwrap() = anew.shown.lock().unwrap().clone();
    look(&world, &worker).await;
    let made = clip(&world, &span(2_000, 4_000)).await.unwrap();
    plays(&world, &made.url, 2.0, 50).await;
    let meta = made.meta.unwrap();
    assert_eq!((meta.width, meta.height), (64, 36), "the map of the second picture");
    assert_eq!(world.object_files().len(), 4 + 2);
}

/// Every reference becomes a URL, so a long one would be kept for each.
#[tokio::test]
async fn long_urls_are_refused() {
    let long = "a".repeat(2_048);
    let encoder = Encoder::new("index.m3u8");
    insert(&encoder, "/live/index.m3u8", format!("#EXTM3U\n#EXTINF:1,\n{long}.ts\n"));
    insert(&encoder, &format!("/{long}.m3u8"), "#EXTM3U\n#EXTINF:1,\n/a.ts\n");
    let to = format!("/{long}.m3u8");
    let shown = Arc::clone(&encoder.shown);
    let source = Source::start(move |asked, _| match asked.path.as_str() {
        "/moved.m3u8" => redirect(&to),
        _ => answer(&shown, asked),
    })
    .await;
    let world = world().await;
    let worker = recorder(&world);
    for (path, why) in [
        ("/live/index.m3u8", "a: it is a URL of more than 2048 bytes"),
        ("/moved.m3u8", "/moved.m3u8: it was found at a URL of more than 2048 bytes"),
    ] {
        register(&world, &source.url(path)).await.unwrap();
        look(&world, &worker).await;
        let (_state, reason) = state(&world).await;
        assert!(reason.ends_with(why), "{reason}");
    }
    source.stop().await;
}

/// What a stream is told of an address that is not open to it names the setting that opens it.
#[tokio::test]
async fn a_refused_address_is_told_with_the_setting_that_allows_it() {
    let world = World::new().await;
    let playlist = "http://10.0.0.1/live/index.m3u8?token=1";
    let library = &world.library;
    library.register_live_stream(&application(APP), super::ID, playlist).await.unwrap();
    look(&world, &recorder(&world)).await;
    let (_state, reason) = state(&world).await;
    assert!(reason.ends_with("; `media.pull_allow_targets` can allow it"), "{reason}");
    assert!(!reason.contains("token"), "{reason}");
}

/// What a source writes is told, kept and sent on; the most of it that a playlist holds would be megabytes.
#[tokio::test]
async fn what_is_told_of_a_source_is_short() {
    let encoder = Encoder::new("index.m3u8");
    let source = encoder.serve().await;
    let world = world().await;
    let worker = recorder(&world);
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    let variant = "v".repeat(5_000);
    let master = format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{variant}\n");
    insert(&encoder, "/live/index.m3u8", master);
    look(&world, &worker).await;
    let (is, told) = state(&world).await;
    assert_eq!(is, "FAILED");
    assert!(told.chars().count() <= 512, "{told}");
}

#[tokio::test]
async fn what_is_kept_of_a_playlist_beside_its_segments_is_little() {
    let encoder = Encoder::new("index.m3u8");
    let source = encoder.serve().await;
    let world = world().await;
    let worker = recorder(&world);
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    encoder.show(0, &[(0, 0)]);
    let licence = |nth: usize, bytes: usize| {
        let licence = "x".repeat(bytes);
        format!("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://{licence}\",KEYFORMAT=\"com.{nth}\"\n")
    };
    let many: String = (0..12).map(|nth| licence(nth, 1_500)).collect();
    for (lines, reason) in [
        (format!("{}0.ts", licence(0, 20_000)), "16384 bytes together"),
        (format!("{many}0.ts"), "16384 bytes together"),
        (format!("{}0.ts", "./".repeat(2_000)), "a reference of more than 2048 bytes"),
    ] {
        insert(&encoder, "/live/index.m3u8", list(&encoder, 0, [lines]));
        look(&world, &worker).await;
        let (is, told) = state(&world).await;
        assert_eq!(is, "FAILED");
        assert!(told.contains(reason), "{told}");
    }
    assert!(world.object_files().is_empty());
    let lines = format!("{}0.ts", licence(0, 2_500));
    insert(&encoder, "/live/index.m3u8", list(&encoder, 0, [lines]));
    look(&world, &worker).await;
    assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()), "licences are long");
}
