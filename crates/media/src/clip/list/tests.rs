//! What is written is read back: the same segments, whatever stood around them in their sources.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::playlist::{self, Playlist, Reference, path};

fn file(path: &str) -> Reference {
    Reference { uri: path.to_owned(), path: path.to_owned() }
}

fn read(text: &str) -> MediaPlaylist {
    match playlist::parse(text, |uri: &str| path::inside("", uri)).unwrap() {
        Playlist::Media(list) => list,
        Playlist::Master(_) => panic!("{text}"),
    }
}

fn run<'a>(list: &'a MediaPlaylist, range: Range<usize>, prefix: &'a str) -> Run<'a> {
    Run { list, range, place: Box::new(move |path| format!("{prefix}{path}")) }
}

/// Everything that a player needs to play one segment, wherever it was said.
#[derive(Debug, PartialEq, Eq)]
struct Effective {
    file: String,
    range: Option<ByteRange>,
    micros: u128,
    title: String,
    gap: bool,
    discontinuity: bool,
    map: Option<(String, Option<ByteRange>, Vec<String>)>,
    keys: Vec<String>,
}

/// A key with the IV that a player uses.
fn key(key: &Key, prefix: &str, sequence: Option<u64>) -> String {
    let place = match &key.place {
        KeyPlace::Inside(file) => format!("{prefix}{}", file.path),
        KeyPlace::Elsewhere(url) => url.clone(),
    };
    let implied = sequence.filter(|_| key.format == IDENTITY).map(|n| u128::from(n).to_be_bytes());
    let (method, format, versions) = (&key.method, &key.format, &key.versions);
    format!("{method:?} {place} {format} {versions:?} {:?}", key.iv.or(implied))
}

fn effective(list: &MediaPlaylist, range: Range<usize>, prefix: &str) -> Vec<Effective> {
    let sorted = |mut keys: Vec<String>| {
        keys.sort();
        keys
    };
    let of = |index: usize| {
        let segment = &list.segments[index];
        let named = |key_: &Arc<Key>| key(key_, prefix, Some(list.sequence_of(index)));
        Effective {
            file: format!("{prefix}{}", segment.file.path),
            range: segment.range,
            micros: segment.duration.as_micros(),
            title: segment.title.clone(),
            gap: segment.gap,
            discontinuity: segment.discontinuity,
            map: segment.map.as_ref().map(|map| {
                let keys = map.keys.iter().map(|key_| key(key_, prefix, None)).collect();
                (format!("{prefix}{}", map.file.path), map.range, sorted(keys))
            }),
            keys: sorted(segment.keys.iter().map(named).collect()),
        }
    };
    range.map(of).collect()
}

fn keys() -> impl Strategy<Value = Arc<[Arc<Key>]>> {
    let name = prop::sample::select(vec!["k/1.key", "k/2.key", "a b.key"]);
    let place = prop_oneof![
        name.prop_map(|name| KeyPlace::Inside(file(name))),
        Just(KeyPlace::Elsewhere("https://keys.example/1?a=b".to_owned())),
    ];
    let iv = prop::option::of(any::<[u8; 16]>());
    let versions = prop::option::weighted(0.2, Just("1/2".to_owned()));
    let plain = (place, versions, iv).prop_map(|(place, versions, iv)| Key {
        method: Method::Aes128,
        place,
        format: IDENTITY.to_owned(),
        versions,
        iv,
    });
    let licence = Just(Key {
        method: Method::Samples("SAMPLE-AES".to_owned()),
        place: KeyPlace::Elsewhere("skd://licence".to_owned()),
        format: "com.apple.streamingkeydelivery".to_owned(),
        versions: Some("1".to_owned()),
        iv: None,
    });
    (prop::option::of(plain), prop::option::weighted(0.3, licence))
        .prop_map(|(plain, licence)| plain.into_iter().chain(licence).map(Arc::new).collect())
}

fn range() -> impl Strategy<Value = Option<ByteRange>> {
    prop::option::of(
        (0_u64..10_000, 1_u64..10_000).prop_map(|(start, len)| ByteRange { start, len }),
    )
}

fn segment(mapped: bool) -> impl Strategy<Value = Segment> {
    let name = prop::sample::select(vec!["a.ts", "v0/b c.ts", "中.m4s", "d%.ts", "e?f#.ts", "x:y"]);
    let map = (prop::sample::select(vec!["i.mp4", "v0/i 2.mp4"]), range(), keys())
        .prop_map(|(name, range, keys)| Arc::new(Map { file: file(name), range, keys }));
    let map = map.prop_map(move |map| mapped.then_some(map));
    let said = (any::<bool>(), prop::bool::weighted(0.1), prop::option::of(0_i64..1 << 42));
    (name, range(), 0_u64..20_000_000, "[a-z ,]{0,3}", map, keys(), said).prop_map(
        |(name, range, micros, title, map, keys, (discontinuity, gap, date))| Segment {
            file: file(name),
            range,
            duration: Duration::from_micros(micros),
            title: title.trim().to_owned(),
            discontinuity,
            gap,
            map,
            keys,
            date: date.map(Timestamp),
        },
    )
}

fn list(mapped: bool) -> impl Strategy<Value = (MediaPlaylist, Range<usize>)> {
    let segments = prop::collection::vec(segment(mapped), 1..12);
    (1_u64..8, any::<u64>(), segments).prop_flat_map(|(version, media_sequence, segments)| {
        let count = segments.len();
        let list = MediaPlaylist {
            version,
            target_duration_s: 1,
            media_sequence: media_sequence / 2,
            ended: true,
            segments,
            others: Vec::new(),
        };
        (0..count).prop_flat_map(move |first| {
            let list = list.clone();
            (first + 1..=count).prop_map(move |last| (list.clone(), first..last))
        })
    })
}

fn runs() -> impl Strategy<Value = Vec<(MediaPlaylist, Range<usize>)>> {
    any::<bool>().prop_flat_map(|mapped| prop::collection::vec(list(mapped), 1..5))
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(sources in runs()) {
        let prefixes: Vec<String> = (0..sources.len()).map(|nth| format!("{nth}/")).collect();
        let parts: Vec<Run<'_>> = sources
            .iter()
            .zip(&prefixes)
            .map(|((list, range), prefix)| run(list, range.clone(), prefix))
            .collect();
        let text = write(&parts);
        let back = read(&text);
        let mut expected = Vec::new();
        for (nth, ((list, range), prefix)) in sources.iter().zip(&prefixes).enumerate() {
            let mut segments = effective(list, range.clone(), prefix);
            segments[0].discontinuity = nth > 0;
            expected.extend(segments);
        }
        let count = back.segments.len();
        prop_assert_eq!(effective(&back, 0..count, ""), expected, "{}", text);
        prop_assert!(back.ended);
        prop_assert_eq!(back.media_sequence, 0);
        for (list, _) in &sources {
            prop_assert!(back.version >= list.version);
        }
        // RFC 8216, 4.3.3.1: EXTINF rounded to whole seconds
        for segment in &back.segments {
            let rounded = (segment.duration + Duration::from_millis(500)).as_secs();
            prop_assert!(rounded <= back.target_duration_s);
        }
        // 4.3.2.5: after a discontinuity the map must be read again
        let lines: Vec<&str> = text.lines().collect();
        for (nth, line) in lines.iter().enumerate() {
            if *line == "#EXT-X-DISCONTINUITY" && back.segments[0].map.is_some() {
                let next = lines[nth..].iter().take_while(|line| line.starts_with('#'));
                prop_assert!(next.into_iter().any(|line| line.starts_with("#EXT-X-MAP")), "{}", text);
            }
        }
    }
}

#[test]
fn a_moved_segment_keeps_its_iv() {
    let source = read(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-KEY:METHOD=AES-128,URI=\"1.key\"\n\
         #EXTINF:4,\na.ts\n#EXTINF:4,\nb.ts\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:4.5,\nc.ts\n",
    );
    let text = write(&[run(&source, 1..3, "../x/"), run(&source, 1..2, "../x/")]);
    assert_eq!(
        text,
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:5\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n\
         #EXT-X-KEY:METHOD=AES-128,URI=\"../x/1.key\",IV=0x00000000000000000000000000000008\n\
         #EXTINF:4.000000,\n../x/b.ts\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:4.500000,\n../x/c.ts\n\
         #EXT-X-DISCONTINUITY\n\
         #EXT-X-KEY:METHOD=AES-128,URI=\"../x/1.key\",IV=0x00000000000000000000000000000008\n\
         #EXTINF:4.000000,\n../x/b.ts\n#EXT-X-ENDLIST\n"
    );
}

#[test]
fn the_first_segment_tells_the_time_that_was_told_before_it() {
    let source = read(
        "#EXTM3U\n#EXTINF:1,\n0.ts\n#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.678Z\n\
         #EXTINF:2.5,\n1.ts\n#EXTINF:2,\n2.ts\n#EXTINF:2,\n3.ts\n",
    );
    assert_eq!(date_of(&source, 0), None);
    assert_eq!(date_of(&source, 1), source.segments[1].date);
    assert_eq!(date_of(&source, 4), None, "there is none");
    let text = write(&[run(&source, 2..4, "")]);
    assert!(text.contains("#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:08.178Z\n"), "{text}");
    assert_eq!(text.matches("DATE-TIME").count(), 1);
}

#[test]
fn a_path_is_seen_from_the_playlist() {
    for (base, path, seen) in [
        ("", "a.ts", "a.ts"),
        ("", "v0/a.ts", "v0/a.ts"),
        ("v0", "v0/a.ts", "a.ts"),
        ("v0", "v1/a.ts", "../v1/a.ts"),
        ("v0/x", "a.ts", "../../a.ts"),
        ("v0/x", "v0/y/a.ts", "../y/a.ts"),
    ] {
        assert_eq!(relative(base, path), seen);
        assert_eq!(path::inside(base, &reference(seen)).as_deref(), Ok(path));
    }
}

#[test]
fn durations_that_nothing_can_have_are_no_harm() {
    let segment = "#EXTINF:1e19,\na.ts\n".repeat(3);
    let list = read(&format!("#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:2026-11-24T12:00:00Z\n{segment}"));
    assert!(write(&[run(&list, 2..3, "")]).contains("#EXTINF:10000000000000000000."));
    assert_eq!(total(&list.segments), Duration::MAX);
}
