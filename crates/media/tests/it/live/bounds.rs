//! How much is kept of live streams: how many streams, how much of each, whatever their dates say.

use std::sync::Arc;

use media::LiveError;
use model::limits;
use tokio::task::JoinSet;

use super::kinds::{insert, list};
use super::{Encoder, answer, clip, look, recorder, register, span, state, stretches};
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
