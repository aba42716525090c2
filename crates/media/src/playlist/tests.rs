//! Playlists of both kinds, what their tags carry along, and what refuses them.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::{
    ByteRange, Key, KeyPlace, MasterPlaylist, MediaPlaylist, Method, PathError, Playlist, Problem,
    parse, path, rewrite, with_reference,
};

fn read(text: &str) -> Result<Playlist, super::PlaylistError> {
    parse(text, |reference| path::inside("", reference))
}

fn media(text: &str) -> MediaPlaylist {
    match read(text).unwrap() {
        Playlist::Media(media) => media,
        Playlist::Master(master) => panic!("{master:?}"),
    }
}

fn master(text: &str) -> MasterPlaylist {
    match read(text).unwrap() {
        Playlist::Master(master) => master,
        Playlist::Media(media) => panic!("{media:?}"),
    }
}

#[test]
fn a_media_playlist_is_its_segments() {
    let list = media(
        "\u{feff}#EXTM3U\r\n#EXT-X-VERSION:4\r\n#EXT-X-TARGETDURATION:10\r\n\
         #EXT-X-MEDIA-SEQUENCE:7\r\n\r\n# a comment\r\n#EXTINF:9.009,first, of two\r\na.ts\r\n\
         #EXT-X-DISCONTINUITY\r\n#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.678Z\r\n\
         #EXTINF:2\r\n./b.ts?x=1\r\n#EXT-X-GAP\r\n#EXTINF:1,\r\nmissing.ts\r\n#EXT-X-ENDLIST\r\n",
    );
    assert_eq!((list.version, list.target_duration_s, list.media_sequence), (4, 10, 7));
    assert!(list.ended);
    let [first, second, third] = &list.segments[..] else { panic!("{list:?}") };
    assert_eq!((&*first.file.path, &*first.title), ("a.ts", "first, of two"));
    assert_eq!(first.duration, Duration::from_millis(9_009));
    assert!(!first.discontinuity && second.discontinuity && !third.discontinuity);
    assert_eq!((&*second.file.uri, &*second.file.path), ("./b.ts?x=1", "b.ts"));
    assert_eq!(second.date.unwrap().0, 1_767_323_045_678);
    assert!(third.gap && third.date.is_none());
    assert_eq!(list.duration(), Duration::from_millis(12_009));
    assert_eq!(list.sequence_of(2), 9);
    assert_eq!(Playlist::Media(list).files(), ["a.ts", "b.ts"], "a gap is no file");
}

#[test]
fn byte_ranges_go_on_where_the_last_one_ended() {
    let list = media(
        "#EXTM3U\n#EXT-X-MAP:URI=\"all.mp4\",BYTERANGE=\"100@0\"\n#EXTINF:1,\n#EXT-X-BYTERANGE:10@100\n\
         all.mp4\n#EXTINF:1,\n#EXT-X-BYTERANGE:20\nall.mp4\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:1,\n\
         other.m4s\n",
    );
    let ranges: Vec<_> = list.segments.iter().map(|segment| segment.range).collect();
    let range = |start, len| Some(ByteRange { start, len });
    assert_eq!(ranges, [range(100, 10), range(110, 20), None]);
    let maps: Vec<_> = list.segments.iter().map(|segment| segment.map.clone().unwrap()).collect();
    assert_eq!((&*maps[1].file.path, maps[1].range), ("all.mp4", range(0, 100)));
    assert_eq!((&*maps[2].file.path, maps[2].range), ("init.mp4", None));
    assert_eq!(Playlist::Media(list).files(), ["all.mp4", "init.mp4", "other.m4s"]);
    for lost in [
        "#EXTM3U\n#EXTINF:1,\n#EXT-X-BYTERANGE:20\na.ts\n",
        "#EXTM3U\n#EXTINF:1,\n#EXT-X-BYTERANGE:20@0\na.ts\n#EXTINF:1,\n#EXT-X-BYTERANGE:20\nb.ts\n",
        "#EXTM3U\n#EXTINF:1,\n#EXT-X-BYTERANGE:2@18446744073709551615\na.ts\n",
    ] {
        assert_eq!(read(lost).unwrap_err().problem, Problem::Value("#EXT-X-BYTERANGE"), "{lost}");
    }
}

#[test]
fn keys_are_in_force_until_the_next() {
    let list = media(
        "#EXTM3U\n#EXTINF:1,\nclear.ts\n\
         #EXT-X-KEY:METHOD=AES-128,URI=\"keys/1.key\",IV=0x000102030405060708090A0B0C0D0E0F\n\
         #EXT-X-MAP:URI=\"i.mp4\"\n#EXTINF:1,\na.ts\n#EXTINF:1,\nb.ts\n\
         #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://licence\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n\
         #EXTINF:1,\nc.ts\n#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.example/2\"\n#EXTINF:1,\nd.ts\n\
         #EXT-X-KEY:METHOD=NONE\n#EXTINF:1,\ne.ts\n",
    );
    let counts: Vec<_> = list.segments.iter().map(|segment| segment.keys.len()).collect();
    assert_eq!(counts, [0, 1, 1, 2, 2, 0]);
    let key = &list.segments[1].keys[0];
    assert_eq!((&key.method, &*key.format), (&Method::Aes128, "identity"));
    assert_eq!(key.iv.unwrap()[15], 15);
    assert_eq!(list.segments[1].map.as_ref().unwrap().keys.len(), 1);
    let elsewhere = &list.segments[4].keys[1];
    assert_eq!(elsewhere.place, KeyPlace::Elsewhere("https://keys.example/2".to_owned()));
    assert_eq!(list.segments[3].keys[1].method, Method::Samples("SAMPLE-AES".to_owned()));
    let files = ["clear.ts", "keys/1.key", "i.mp4", "a.ts", "b.ts", "c.ts", "d.ts", "e.ts"];
    assert_eq!(Playlist::Media(list).files(), files);
}

#[test]
fn a_master_playlist_is_its_playlists() {
    let list = master(
        "#EXTM3U\n#EXT-X-SESSION-DATA:DATA-ID=\"x\",URI=\"data.json\"\n\
         #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"en\",URI=\"audio/en.m3u8\"\n\
         #EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"c\",NAME=\"en\",INSTREAM-ID=\"CC1\"\n\
         #EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"1.key\"\n\
         #EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1,mp4a\"\n\n# which one\nv0/prog.m3u8\n\
         #EXT-X-STREAM-INF:BANDWIDTH=2\nv1/prog.m3u8\n\
         #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"v0/prog.m3u8\"\n",
    );
    let playlists: Vec<_> = list.playlists.iter().map(|reference| &*reference.path).collect();
    assert_eq!(playlists, ["audio/en.m3u8", "v0/prog.m3u8", "v1/prog.m3u8", "v0/prog.m3u8"]);
    let files = ["audio/en.m3u8", "v0/prog.m3u8", "v1/prog.m3u8", "data.json", "1.key"];
    assert_eq!(Playlist::Master(list).files(), files);
}

#[test]
fn every_reference_of_every_tag_must_be_inside() {
    let outside = ["http://127.0.0.1/a", "file:///etc/passwd", "/etc/passwd", "../a", "%2e%2e/a"];
    for uri in outside {
        for text in [
            format!("#EXTINF:1,\n{uri}\n"),
            format!("#EXTINF:1,\na.ts\n#EXTINF:1,\n{uri}\n#EXT-X-ENDLIST\n"),
            format!("#EXT-X-STREAM-INF:BANDWIDTH=1\n{uri}\n"),
            format!("#EXT-X-MAP:URI=\"{uri}\"\n"),
            format!("#EXT-X-MEDIA:TYPE=AUDIO,URI=\"{uri}\"\n"),
            format!("#EXT-X-I-FRAME-STREAM-INF:URI=\"{uri}\"\n"),
            format!("#EXT-X-SESSION-DATA:DATA-ID=\"x\",URI=\"{uri}\"\n"),
            format!("#EXT-X-PART:DURATION=1,URI=\"{uri}\"\n"),
            format!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{uri}\"\n"),
            format!("#EXT-X-RENDITION-REPORT:URI=\"{uri}\"\n"),
            format!("#EXT-X-NEW-TAG:A=\"b\",URI=\"{uri}\"\n"),
            format!("#EXT-X-NEW-TAG:URI={uri}\n"),
            format!("#EXT-X-BROKEN:###\n#EXTINF:1,\n{uri}\n"),
        ] {
            let error = read(&format!("#EXTM3U\n{text}")).unwrap_err();
            assert!(matches!(error.problem, Problem::Reference { .. }), "{text}: {error}");
        }
    }
    // a key may be elsewhere, but a path of a key is a path like any other
    for uri in ["/etc/passwd", "../a"] {
        for method in ["AES-128", "NONE"] {
            let text = format!("#EXTM3U\n#EXT-X-KEY:METHOD={method},URI=\"{uri}\"\n");
            assert!(matches!(read(&text).unwrap_err().problem, Problem::Reference { .. }), "{uri}");
        }
    }
}

#[test]
fn what_is_no_playlist_is_refused_with_its_line() {
    let long = format!("#EXTM3U\n{}", "#".repeat(4 * 1024 * 1024));
    let many = format!("#EXTM3U\n{}", "#EXTINF:1,\na.ts\n".repeat(50_001));
    for (text, line, problem) in [
        ("", 1, Problem::NoPlaylist),
        ("\n#EXTM3U\n", 1, Problem::NoPlaylist),
        ("#EXTM3U8\n", 1, Problem::NoPlaylist),
        (&*long, 1, Problem::TooLarge),
        (&*many, 100_003, Problem::TooMany),
        ("#EXTM3U\na.ts\n", 2, Problem::LooseReference),
        ("#EXTM3U\n#EXTINF:1,\n", 2, Problem::NoReference("#EXTINF")),
        ("#EXTM3U\n#EXT-X-STREAM-INF:A=1\n", 2, Problem::NoReference("#EXT-X-STREAM-INF")),
        ("#EXTM3U\n#EXTINF:x,\na.ts\n", 2, Problem::Value("#EXTINF")),
        ("#EXTM3U\n#EXTINF:-1,\na.ts\n", 2, Problem::Value("#EXTINF")),
        ("#EXTM3U\n#EXTINF:nan,\na.ts\n", 2, Problem::Value("#EXTINF")),
        ("#EXTM3U\n#EXT-X-MAP:BYTERANGE=\"1\"\n", 2, Problem::Attributes("#EXT-X-MAP".to_owned())),
        ("#EXTM3U\n#EXT-X-KEY:METHOD=AES-128\n", 2, Problem::Attributes("#EXT-X-KEY".to_owned())),
        ("#EXTM3U\n#EXTINF:1,\na.ts\n#EXT-X-STREAM-INF:A=1\nb\n", 4, Problem::Mixed),
        ("#EXTM3U\n#EXT-X-STREAM-INF:A=1\nb\n#EXTINF:1,\na.ts\n", 4, Problem::Mixed),
        ("#EXTM3U\n#x\rhttp://127.0.0.1/\n", 2, Problem::Characters),
    ] {
        let error = read(text).unwrap_err();
        assert_eq!((error.line, error.problem), (line, problem), "{}", &text[..text.len().min(50)]);
    }
    let shown = read("#EXTM3U\n#EXTINF:1,\n/a\n").unwrap_err().to_string();
    assert_eq!(shown, "line 3: /a: it is an absolute path; only relative paths may be named");
    let nothing = read("#EXTM3U\n").unwrap();
    assert!(nothing.files().is_empty());
}

/// Each key is carried along with all that are in force beside it, for every segment that follows.
#[test]
fn keys_in_force_are_few() {
    let key = |format: usize, uri: &str| {
        format!("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"{uri}\",KEYFORMAT=\"{format}\"\n")
    };
    let segment = "#EXTINF:1,\na.ts\n";
    let keys =
        |count| (0..count).map(|format| key(format, "skd://a") + segment).collect::<String>();
    let most = format!("#EXTM3U\n{}", keys(16));
    assert_eq!(media(&most).segments[15].keys.len(), 16);
    let replaced = media(&format!("{most}{}{segment}", key(3, "skd://b")));
    let [.., before, last] = &replaced.segments[..] else { panic!() };
    assert_eq!(last.keys.len(), 16);
    let same = |key: &Arc<Key>| before.keys.iter().any(|other| Arc::ptr_eq(key, other));
    assert_eq!(last.keys.iter().filter(|key| same(key)).count(), 15, "they are kept once only");
    let anew = format!("{most}#EXT-X-KEY:METHOD=NONE\n{}{segment}", key(16, "skd://a"));
    assert_eq!(media(&anew).segments[16].keys.len(), 1);
    let error = read(&format!("#EXTM3U\n{}", keys(17))).unwrap_err();
    assert_eq!((error.line, error.problem), (3 * 16 + 2, Problem::TooManyKeys));
    // and short, because each may be stated again for each segment
    let long = |bytes| format!("skd://{}", "a".repeat(bytes));
    let two = |bytes| format!("#EXTM3U\n{}{}{segment}", key(0, &long(9_000)), key(1, &long(bytes)));
    assert_eq!(media(&two(7_000)).segments[0].keys.len(), 2);
    let error = read(&two(8_000)).unwrap_err();
    assert_eq!((error.line, error.problem), (3, Problem::TooManyKeys));
}

#[test]
fn a_tag_with_very_many_attributes_names_nothing() {
    let tag = |name: &str, count: usize| {
        let others: Vec<String> = (1..count).map(|nth| format!(",A{nth}=1")).collect();
        format!("{name}:URI=\"a.m3u8\"{}", others.concat())
    };
    assert_eq!(master(&format!("#EXTM3U\n{}\n", tag("#EXT-X-MEDIA", 64))).playlists.len(), 1);
    let error = read(&format!("#EXTM3U\n{}\n", tag("#EXT-X-MEDIA", 65))).unwrap_err();
    assert_eq!(error.problem, Problem::Attributes("#EXT-X-MEDIA".to_owned()));
    // who checks, signs and exchanges references sees the same ones
    let signed = |count| with_reference(&tag("#EXT-X-NEW", count), |uri| format!("{uri}?signed"));
    assert_eq!((signed(64).is_some(), signed(65)), (true, None));
    let files = |count| media(&format!("#EXTM3U\n{}\n", tag("#EXT-X-NEW", count))).others.len();
    assert_eq!((files(64), files(65)), (1, 0));
}

#[test]
fn the_caller_says_what_a_reference_leads_to() {
    let text = "#EXTM3U\n#EXTINF:1,\na.ts\n#EXTINF:1,\n../b.ts\n";
    let list = parse(text, |reference| path::inside("v0/x", reference)).unwrap();
    assert_eq!(list.files(), ["v0/x/a.ts", "v0/b.ts"]);
    let refused = parse(text, |_| Err(PathError::Url)).unwrap_err();
    assert_eq!(refused.line, 3);
}

/// Lines of playlists, in any order.
fn line() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "#EXTM3U",
        "#EXTINF:1.5,a",
        "#EXTINF:-1",
        "#EXTINF:1e300,",
        "#EXT-X-ENDLIST",
        "#EXT-X-GAP",
        "#EXT-X-BYTERANGE:10@5",
        "#EXT-X-BYTERANGE:10",
        "#EXT-X-BYTERANGE:18446744073709551615@1",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x00",
        "#EXT-X-KEY:METHOD=NONE",
        "#EXT-X-DISCONTINUITY",
        "#EXT-X-MAP:URI=\"m.mp4\",BYTERANGE=\"3@1\"",
        "#EXT-X-STREAM-INF:BANDWIDTH=1",
        "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"../a\"",
        "#EXT-X-I-FRAME-STREAM-INF:URI=\"i.m3u8\"",
        "#EXT-X-MEDIA-SEQUENCE:18446744073709551615",
        "#EXT-X-PART:URI=\"p\"",
        "#EXT-X-ODD:A,URI=\"odd\"",
        "#EXT-X-ODD:URI=plain",
        "#EXT-X-KEY:METHOD=NONE,URI=\"none\"",
        "#EXT-X-STREAM-INF:BANDWIDTH=1,URI=\"variant\"",
        "#EXT-X-DATERANGE:ID=\"a\",X-ASSET-URI=\"asset\"",
        "#EXT-X-ENDLIST:URI=\"end\"",
        "#EXT-X-PROGRAM-DATE-TIME:URI=\"date\"",
        "a.ts",
        "b/../c.ts",
        "../d.ts",
        "/etc/passwd",
        "http://127.0.0.1/e.ts",
        "%2e%2e/f.ts",
        "#",
    ];
    prop_oneof![8 => prop::sample::select(PIECES).prop_map(str::to_owned), 1 => ".{0,12}"]
}

proptest! {
    /// What is exchanged in a playlist, or signed, was looked at when it was read.
    #[test]
    fn every_reference_that_is_seen_was_checked(lines in prop::collection::vec(line(), 0..30)) {
        let text = format!("#EXTM3U\n{}", lines.join("\n"));
        let checked = RefCell::new(HashSet::new());
        let resolve = |uri: &str| {
            checked.borrow_mut().insert(uri.to_owned());
            Ok(uri.to_owned())
        };
        if parse(&text, resolve).is_ok() {
            let checked = checked.borrow();
            let see = |uri: &str| {
                assert!(checked.contains(uri), "{uri} of {text}");
                uri.to_owned()
            };
            for line in text.lines().map(str::trim) {
                let _exchanged = with_reference(line, see);
            }
            let _rewritten = rewrite(&text, true, |uri| Some(see(uri)));
        }
    }

    #[test]
    fn whatever_is_written_names_only_what_is_inside(lines in prop::collection::vec(line(), 0..30)) {
        let text = format!("#EXTM3U\n{}", lines.join("\n"));
        if let Ok(playlist) = read(&text) {
            for file in playlist.files() {
                prop_assert!(path::is_inside(file), "{file:?} of {text}");
            }
            if let Playlist::Media(media) = playlist {
                // sums of anything do not overflow
                let last = media.segments.len();
                let _sums = (media.duration(), media.sequence_of(last));
            }
        }
    }
}
