//! Kinds of live playlists: encrypted ones, parts of files, several playlists in one.

use std::fmt::Write;
use std::sync::Arc;

use aes::Aes128;
use cbc::cipher::{BlockEncryptMut, KeyIvInit};
use model::Timestamp;
use wire::action::{LiveRealTimeClip, Persistence};

use super::{
    Encoder, ID, START, clip, look, recorder, register, span, state, stretches, tick, world,
};
use crate::clips::{bytes, plays};
use crate::world::{APP, World};

/// What a packager makes of a segment.
fn encrypted(plain: &[u8], key: [u8; 16], iv: [u8; 16]) -> Vec<u8> {
    let padding = 16 - plain.len() % 16;
    let padding = std::iter::repeat_n(u8::try_from(padding).unwrap(), padding);
    let mut bytes: Vec<u8> = plain.iter().copied().chain(padding).collect();
    let mut cipher = cbc::Encryptor::<Aes128>::new(&key.into(), &iv.into());
    for block in bytes.chunks_exact_mut(16) {
        cipher.encrypt_block_mut(block.into());
    }
    bytes
}

/// The text of a playlist that begins with the segment of that number, and its lines for each.
pub(super) fn list(
    encoder: &Encoder,
    first: usize,
    lines: impl IntoIterator<Item = String>,
) -> String {
    let map = if encoder.map.is_some() { "#EXT-X-MAP:URI=\"init.mp4\"\n" } else { "" };
    let sequence = first + 7;
    let mut text =
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{sequence}\n{map}");
    for (nth, lines) in lines.into_iter().enumerate() {
        let date = Timestamp(START + i64::try_from(first + nth).unwrap() * 1000);
        write!(text, "#EXT-X-PROGRAM-DATE-TIME:{date}\n#EXTINF:1.0,\n{lines}\n").unwrap();
    }
    text
}

pub(super) fn insert(encoder: &Encoder, path: &str, bytes: impl Into<Vec<u8>>) {
    encoder.shown.lock().unwrap().insert(path.to_owned(), bytes.into());
}

/// The key of a segment, and its IV: the first two have the number for it.
fn lock(nth: usize) -> (u8, [u8; 16]) {
    if nth < 2 { (1, u128::try_from(nth + 7).unwrap().to_be_bytes()) } else { (2, [0xab; 16]) }
}

/// Shows these segments encrypted, the first two with one key, the others with another.
fn show_encrypted(encoder: &Encoder, segments: std::ops::Range<usize>) {
    let line = |nth: usize| {
        let (key, iv) = lock(nth);
        let iv = if key == 2 { format!(",IV=0x{}", hex::encode(iv)) } else { String::new() };
        format!("#EXT-X-KEY:METHOD=AES-128,URI=\"../keys/{key}?a=b\"{iv}\n{nth}.seg")
    };
    for nth in segments.clone() {
        let (key, iv) = lock(nth);
        insert(encoder, &format!("/keys/{key}?a=b"), [key; 16]);
        insert(
            encoder,
            &format!("/live/{nth}.seg"),
            encrypted(&encoder.segments[nth], [key; 16], iv),
        );
    }
    let text = list(encoder, segments.start, segments.map(line));
    insert(encoder, "/live/index.m3u8", text);
}

/// The same with a map that is encrypted with the first key.
fn show_encrypted_map(encoder: &Encoder, segments: std::ops::Range<usize>) {
    show_encrypted(encoder, segments);
    let iv = [0xcd; 16];
    insert(encoder, "/keys/1?a=b", [1; 16]);
    insert(encoder, "/live/init.mp4", encrypted(encoder.map.as_ref().unwrap(), [1; 16], iv));
    let text = encoder.shown.lock().unwrap()["/live/index.m3u8"].clone();
    let key = format!("#EXT-X-KEY:METHOD=AES-128,URI=\"../keys/1?a=b\",IV=0x{}", hex::encode(iv));
    let text = String::from_utf8(text).unwrap();
    let text = text.replace("#EXT-X-MAP", &format!("{key}\n#EXT-X-MAP"));
    insert(encoder, "/live/index.m3u8", text);
}

/// Clips the first four seconds, not kept and kept, and plays both to the end.
async fn plays_either_way(world: &World) -> String {
    let made = clip(world, &span(0, 4_000)).await.unwrap();
    assert_eq!(stretches(&made), [(0, 4_000)]);
    assert_eq!(made.meta.as_ref().unwrap().video_stream_set[0].codec, "h264");
    plays(world, &made.url, 4.0, 100).await;
    let text = String::from_utf8(bytes(world, &made.url).await.unwrap()).unwrap();
    let persistence = Some(Persistence::default());
    let kept = clip(world, &LiveRealTimeClip { persistence, ..span(0, 4_000) }).await.unwrap();
    plays(world, &kept.url, 4.0, 100).await;
    assert!(world.library.delete_live_stream(APP, ID).await.unwrap());
    world.library.tick_clips().await.unwrap();
    world.library.tick().await.unwrap();
    plays(world, &kept.url, 4.0, 100).await;
    text
}

async fn is_recorded_encrypted(
    options: &str,
    objects: usize,
    show: fn(&Encoder, std::ops::Range<usize>),
) {
    let encoder = Encoder::new(options);
    let source = encoder.serve().await;
    let world = world().await;
    let worker = recorder(&world);
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    for segments in [0..1, 0..2, 1..4] {
        show(&encoder, segments);
        look(&world, &worker).await;
        assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()));
    }
    for key in ["/keys/1?a=b", "/keys/2?a=b"] {
        let asked = source.paths().iter().filter(|path| *path == key).count();
        assert_eq!(asked, 1, "{key} is fetched once");
    }
    assert_eq!(world.object_files().len(), objects);
    let text = plays_either_way(&world).await;
    for iv in ["07", "08"] {
        assert!(text.contains(&format!(",IV=0x{}{iv}\n", "0".repeat(30))), "{text}");
    }
    assert_eq!(
        world.object_files().len(),
        objects + 1,
        "the clip has its playlist and what it needs"
    );
}

#[tokio::test]
async fn encrypted_segments_are_recorded_with_their_keys() {
    is_recorded_encrypted("index.m3u8", 6, show_encrypted).await;
}

#[tokio::test]
async fn encrypted_fragments_are_recorded_with_keys_and_map() {
    is_recorded_encrypted("-hls_segment_type fmp4 index.m3u8", 7, show_encrypted_map).await;
}

#[tokio::test]
async fn keys_that_are_no_16_bytes_are_not_kept() {
    let encoder = Encoder::new("index.m3u8");
    let source = encoder.serve().await;
    let world = world().await;
    let worker = recorder(&world);
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    show_encrypted(&encoder, 0..1);
    for (key, reason) in
        [("<html>please log in</html>", "more than 16 bytes"), ("short", "less than 16 bytes")]
    {
        insert(&encoder, "/keys/1?a=b", key);
        look(&world, &worker).await;
        let (state, told) = state(&world).await;
        assert_eq!(state, "FAILED");
        assert!(told.contains(&format!("/keys/1: {reason}")) && !told.contains("a=b"), "{told}");
    }
    assert!(world.object_files().is_empty());

    // a licence is for one player: it stays where it is, and is not asked for
    let keys = "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"/licence\",KEYFORMAT=\"com.example\",KEYFORMATVERSIONS=\"1/2\"\n\
                #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://one\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n";
    insert(&encoder, "/live/0.seg", encoder.segments[0].clone());
    insert(&encoder, "/live/index.m3u8", list(&encoder, 0, [format!("{keys}0.seg")]));
    look(&world, &worker).await;
    assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()));
    let made = clip(&world, &span(0, 1_000)).await.unwrap();
    let text = String::from_utf8(bytes(&world, &made.url).await.unwrap()).unwrap();
    let licence = source.url("/licence");
    let said = format!("URI=\"{licence}\",KEYFORMAT=\"com.example\",KEYFORMATVERSIONS=\"1/2\"\n");
    assert!(text.contains(&said) && text.contains("URI=\"skd://one\","), "{text}");
    assert_eq!(world.object_files().len(), 1);
    assert!(!source.paths().iter().any(|path| path == "/licence"));
}

/// Shows these segments as parts of one file, which the encoder writes on.
fn show_parts(encoder: &Encoder, segments: std::ops::Range<usize>) {
    let map = encoder.map.clone().unwrap_or_default();
    let name = if encoder.map.is_some() { "all.mp4" } else { "all.ts" };
    let start =
        |nth: usize| map.len() + encoder.segments[..nth].iter().map(Vec::len).sum::<usize>();
    let line = |nth: usize| {
        // only the first says where it begins: the others follow
        let at = if nth == segments.start { format!("@{}", start(nth)) } else { String::new() };
        format!("#EXT-X-BYTERANGE:{}{at}\n{name}", encoder.segments[nth].len())
    };
    let all = encoder.segments[..segments.end].concat();
    insert(encoder, &format!("/live/{name}"), [map.clone(), all].concat());
    let text = list(encoder, segments.start, segments.clone().map(line));
    let part = format!("URI=\"all.mp4\",BYTERANGE=\"{}@0\"", map.len());
    insert(encoder, "/live/index.m3u8", text.replace("URI=\"init.mp4\"", &part));
}

async fn parts_are_recorded(options: &str, objects: usize) {
    let encoder = Encoder::new(options);
    let source = encoder.serve().await;
    let world = world().await;
    let worker = recorder(&world);
    register(&world, &source.url("/live/index.m3u8")).await.unwrap();
    show_parts(&encoder, 0..2);
    tick(&worker).await;
    show_parts(&encoder, 1..4);
    look(&world, &worker).await;
    assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()));
    assert_eq!(world.object_files().len(), objects, "each part is a file");
    let text = plays_either_way(&world).await;
    assert!(!text.contains("BYTERANGE"), "{text}");
}

#[tokio::test]
async fn parts_of_a_file_are_recorded() {
    parts_are_recorded("index.m3u8", 4).await;
}

#[tokio::test]
async fn fragments_of_a_file_are_recorded_with_their_map() {
    parts_are_recorded("-hls_segment_type fmp4 index.m3u8", 5).await;
}

#[tokio::test]
async fn parts_are_read_of_files_of_the_server_too() {
    let encoder = Encoder::new("index.m3u8");
    let directory = tempfile::tempdir().unwrap();
    let live = directory.path().join("live");
    let world = World::with(|settings| settings.live.directory = Some(live.clone())).await;
    let worker = recorder(&world);
    std::fs::create_dir(&live).unwrap();
    let write = |segments| {
        show_parts(&encoder, segments);
        for (path, bytes) in encoder.shown.lock().unwrap().iter() {
            std::fs::write(directory.path().join(&path[1..]), bytes).unwrap();
        }
    };
    write(0..4);
    register(&world, live.join("index.m3u8").to_str().unwrap()).await.unwrap();
    tick(&worker).await;
    assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()));
    // what the playlist promises is not written yet
    write(0..5);
    let file = std::fs::OpenOptions::new().write(true).open(live.join("all.ts")).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    look(&world, &worker).await;
    let (state, told) = state(&world).await;
    assert_eq!(state, "FAILED");
    assert!(told.contains("all.ts: it ends before its range does"), "{told}");
    assert_eq!(world.object_files().len(), 4);
    plays_either_way(&world).await;
}

#[tokio::test]
async fn the_best_variant_of_a_master_playlist_is_recorded_and_stays() {
    let encoder = Encoder::new("index.m3u8");
    let source = encoder.serve().await;
    let world = world().await;
    let worker = recorder(&world);
    let master = |text: &str| insert(&encoder, "/master.m3u8", format!("#EXTM3U\n{text}"));
    let copied = |path: &str| {
        let index = encoder.shown.lock().unwrap()["/live/index.m3u8"].clone();
        insert(&encoder, path, index);
    };
    let low = "#EXT-X-STREAM-INF:BANDWIDTH=1000\nlow/index.m3u8\n";
    let good = "#EXT-X-STREAM-INF:BANDWIDTH=2000\nlive/index.m3u8\n";
    let best = "#EXT-X-STREAM-INF:BANDWIDTH=3000\nlive/best.m3u8\n";
    register(&world, &source.url("/master.m3u8")).await.unwrap();
    master(&format!("{low}{good}"));
    encoder.show(0, &[(0, 0), (1, 1)]);
    tick(&worker).await;
    assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()));
    // one that is better came, but the one that is recorded is still there
    master(&format!("{best}{low}{good}"));
    encoder.show(1, &[(1, 1), (2, 2)]);
    drop(worker);
    let world = world.restart().await;
    let worker = recorder(&world);
    look(&world, &worker).await;
    assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()));
    let asked = source.paths();
    assert!(!asked.iter().any(|path| path == "/live/best.m3u8" || path == "/low/index.m3u8"));
    // it went: the other one goes on by time, whatever its numbers are
    master(&format!("{best}{low}"));
    encoder.show(2, &[(1, 1), (2, 2), (3, 3)]);
    copied("/live/best.m3u8");
    look(&world, &worker).await;
    look(&world, &worker).await;
    assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()));
    assert_eq!(world.object_files().len(), 4, "no second twice");
    let made = clip(&world, &span(0, 4_000)).await.unwrap();
    let text = String::from_utf8(bytes(&world, &made.url).await.unwrap()).unwrap();
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{text}");
    plays(&world, &made.url, 4.0, 100).await;

    let sound = "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"en\",URI=\"en.m3u8\"\n";
    master(&format!("{sound}#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\nlive/best.m3u8\n"));
    look(&world, &worker).await;
    let (is, told) = state(&world).await;
    assert_eq!(is, "FAILED");
    assert!(told.contains("none of its variants has its sound in itself"), "{told}");
    master("#EXT-X-STREAM-INF:BANDWIDTH=1\nmaster.m3u8\n");
    look(&world, &worker).await;
    assert!(state(&world).await.1.contains("names another"));
}

/// Where each reader of a master playlist is given a session of its own.
#[tokio::test]
async fn another_session_is_no_other_variant() {
    let encoder = Encoder::new("index.m3u8");
    let source = encoder.serve().await;
    let world = world().await;
    let worker = recorder(&world);
    register(&world, &source.url("/master.m3u8")).await.unwrap();
    for (token, segments) in [(1, 0..1), (2, 0..2), (3, 1..2)] {
        show_encrypted(&encoder, segments);
        let index = encoder.shown.lock().unwrap()["/live/index.m3u8"].clone();
        insert(&encoder, &format!("/live/v.m3u8?level=2&token={token}"), index);
        let variant = |level: usize| {
            format!(
                "#EXT-X-STREAM-INF:BANDWIDTH={level}000\nlive/v.m3u8?level={level}&token={token}\n"
            )
        };
        insert(&encoder, "/master.m3u8", format!("#EXTM3U\n{}{}", variant(1), variant(2)));
        look(&world, &worker).await;
        assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()), "{token}");
    }
    let made = clip(&world, &span(0, 2_000)).await.unwrap();
    let text = String::from_utf8(bytes(&world, &made.url).await.unwrap()).unwrap();
    assert!(!text.contains("#EXT-X-DISCONTINUITY\n"), "{text}");
    let asked = source.paths();
    assert_eq!(asked.iter().filter(|path| *path == "/keys/1?a=b").count(), 1, "{asked:?}");
    assert_eq!(world.object_files().len(), 3, "two seconds and their key");
}

#[tokio::test]
async fn a_playlist_is_where_its_redirect_leads() {
    let encoder = Encoder::new("index.m3u8");
    encoder.show(0, &[(0, 0)]);
    let shown = Arc::clone(&encoder.shown);
    let source = crate::pull::source::Source::start(move |asked, _| {
        if asked.path == "/now.m3u8" {
            let head =
                "HTTP/1.1 302 Found\r\nLocation: /live/index.m3u8\r\nContent-Length: 0\r\n\r\n";
            return crate::pull::source::Act::Raw(head.into());
        }
        super::answer(&shown, asked)
    })
    .await;
    let world = world().await;
    register(&world, &source.url("/now.m3u8")).await.unwrap();
    tick(&recorder(&world)).await;
    assert_eq!(state(&world).await, ("RECORDING".to_owned(), String::new()));
}
