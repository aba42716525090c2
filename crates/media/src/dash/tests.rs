//! Manifests of every way to name files, and those that are refused.

use proptest::prelude::*;

use super::{MpdError, read as manifest};

fn files(text: &str) -> Result<Vec<String>, MpdError> {
    Ok(manifest(text)?.files)
}

fn listed(body: &str) -> Vec<String> {
    read(body).unwrap()
}

fn read(body: &str) -> Result<Vec<String>, MpdError> {
    files(&format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- made by hand -->\n\
         <MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" mediaPresentationDuration=\"PT9.5S\">{body}</MPD>"
    ))
}

#[test]
fn templates_are_filled_by_time_line_and_by_duration() {
    // as ffmpeg writes it
    let body = r#"<Period id="0" start="PT0.0S"><AdaptationSet><Representation id="0" bandwidth="10">
        <SegmentTemplate timescale="15360" initialization="init-stream$RepresentationID$.m4s"
         media="chunk-stream$RepresentationID$-$Number%05d$.m4s" startNumber="1"><SegmentTimeline>
        <S t="0" d="61440" r="1" /><S d="23040" /></SegmentTimeline></SegmentTemplate>
        </Representation></AdaptationSet></Period>"#;
    let expected = [
        "init-stream0.m4s",
        "chunk-stream0-00001.m4s",
        "chunk-stream0-00002.m4s",
        "chunk-stream0-00003.m4s",
    ];
    assert_eq!(listed(body), expected);
    let body = r#"<Period><AdaptationSet>
        <SegmentTemplate duration="4" media="$RepresentationID$/$Bandwidth$/$Time$-$Number$$$.m4s" startNumber="0"/>
        <Representation id="a" bandwidth="7"/><Representation id="b" bandwidth="8"><SegmentTemplate startNumber="9"/>
        </Representation></AdaptationSet></Period>"#;
    let expected = [
        "a/7/0-0$.m4s",
        "a/7/4-1$.m4s",
        "a/7/8-2$.m4s",
        "b/8/0-9$.m4s",
        "b/8/4-10$.m4s",
        "b/8/8-11$.m4s",
    ];
    assert_eq!(listed(body), expected);
    let body = r#"<Period duration="PT3S"><AdaptationSet><SegmentTemplate timescale="10" media="$Time$.m4s">
        <SegmentTimeline><S t="5" d="10" r="-1"/></SegmentTimeline></SegmentTemplate><Representation id="a"/>
        </AdaptationSet></Period>"#;
    assert_eq!(listed(body), ["5.m4s", "15.m4s", "25.m4s"]);
}

#[test]
fn lists_and_single_files_follow_base_urls() {
    let body = r#"<BaseURL>all/</BaseURL><Period><BaseURL>p&amp;q/</BaseURL><AdaptationSet>
        <Representation><BaseURL>video.mp4</BaseURL><SegmentBase indexRange="1-2">
        <Initialization range="0-1"/></SegmentBase></Representation>
        <Representation><BaseURL>sound.mp4</BaseURL></Representation>
        <Representation><SegmentList><Initialization sourceURL="i.mp4"/><SegmentURL media="1.m4s"/>
        <SegmentURL media="../2.m4s" index="2.idx"/></SegmentList></Representation>
        <Representation><BaseURL>ranges.mp4</BaseURL><SegmentList><SegmentURL mediaRange="0-9"/>
        <SegmentURL mediaRange="10-19"/></SegmentList></Representation>
        </AdaptationSet></Period>"#;
    let expected = [
        "all/p&q/video.mp4",
        "all/p&q/sound.mp4",
        "all/p&q/i.mp4",
        "all/p&q/1.m4s",
        "all/2.m4s",
        "all/p&q/2.idx",
        "all/p&q/ranges.mp4",
    ];
    assert_eq!(listed(body), expected);
}

#[test]
fn the_representations_of_the_first_period_are_told_apart() {
    let body = r#"<Period duration="PT4S"><AdaptationSet><Representation id="v">
        <SegmentTemplate duration="2" initialization="i$RepresentationID$.mp4" media="$Number$.m4s"/>
        </Representation><Representation><BaseURL>sound.mp4</BaseURL></Representation></AdaptationSet>
        </Period><Period><AdaptationSet><Representation><BaseURL>more.mp4</BaseURL></Representation>
        </AdaptationSet></Period>"#;
    let text = format!("<MPD mediaPresentationDuration=\"PT9.5S\">{body}</MPD>");
    let found = manifest(&text).unwrap();
    assert_eq!(found.files, ["iv.mp4", "1.m4s", "2.m4s", "sound.mp4", "more.mp4"]);
    assert!((found.duration_s - 9.5).abs() < 1e-9);
    let [first, second] = found.representations.as_slice() else { panic!("{found:?}") };
    assert_eq!(first.initialization.as_deref(), Some("iv.mp4"));
    assert_eq!(first.media, ["1.m4s", "2.m4s"]);
    assert!((first.duration_s - 4.0).abs() < 1e-9);
    assert_eq!(
        (second.initialization.as_deref(), second.media.as_slice()),
        (None, &["sound.mp4".to_owned()][..])
    );
}

#[test]
fn nothing_outside_is_named() {
    let list = |uri: &str| {
        format!(
            "<Period><AdaptationSet><Representation><SegmentList><SegmentURL media=\"{uri}\"/>\
             </SegmentList></Representation></AdaptationSet></Period>"
        )
    };
    for uri in [
        "http://127.0.0.1/a",
        "file:///etc/passwd",
        "/etc/passwd",
        "//host/a",
        "../a",
        "%2e%2e/a",
        "a\\b",
    ] {
        assert!(matches!(read(&list(uri)), Err(MpdError::Reference { .. })), "{uri}");
    }
    for base in ["http://127.0.0.1/", "file:///", "/", "//host/", "../"] {
        let body = format!("<BaseURL>x/</BaseURL><BaseURL>{base}</BaseURL>{}", list("a.m4s"));
        assert!(matches!(read(&body), Err(MpdError::Reference { .. })), "the second: {base}");
        let body = format!("<BaseURL>{base}</BaseURL>{}", list("a.m4s"));
        assert!(matches!(read(&body), Err(MpdError::Reference { .. })), "{base}");
    }
    let template = r#"<Period><AdaptationSet><SegmentTemplate endNumber="1" media="$RepresentationID$.m4s"/>
        <Representation id="../../x"/></AdaptationSet></Period>"#;
    assert!(matches!(read(template), Err(MpdError::Reference { .. })));
    let remote = r#"<Period xlink:href="http://127.0.0.1/period"/>"#;
    assert!(matches!(read(remote), Err(MpdError::Remote)));
}

#[test]
fn what_cannot_be_read_or_counted_is_refused() {
    for (text, what) in [
        ("", "empty"),
        ("#EXTM3U", "text"),
        ("<MPD>", "cut off"),
        ("<MPD></MPD><MPD/>", "two roots"),
        ("<!DOCTYPE MPD [<!ENTITY a \"b\">]><MPD/>", "a document type"),
        ("<MPD><BaseURL>&a;</BaseURL></MPD>", "an entity"),
        ("<MPD a=\"&a;\"/>", "an entity"),
        ("<svg/>", "another root"),
    ] {
        assert!(files(text).is_err(), "{what}");
    }
    let deep = format!("<MPD>{}{}</MPD>", "<a>".repeat(100), "</a>".repeat(100));
    assert!(matches!(files(&deep), Err(MpdError::TooDeep)));
    let period = |template: &str| {
        format!(
            "<Period>{template}<AdaptationSet><Representation id=\"a\"/></AdaptationSet></Period>"
        )
    };
    let endless = files(&format!(
        "<MPD>{}</MPD>",
        period("<SegmentTemplate duration=\"2\" media=\"$Number$\"/>")
    ));
    assert!(matches!(endless, Err(MpdError::Endless)));
    for (template, what) in [
        ("<SegmentTemplate endNumber=\"99999999999\" media=\"$Number$\"/>", "too many"),
        ("<SegmentTemplate timescale=\"1000000\" duration=\"1\" media=\"$Number$\"/>", "too many"),
        ("<SegmentTemplate duration=\"0\" media=\"$Number$\"/>", "no duration"),
        ("<SegmentTemplate duration=\"x\" media=\"$Number$\"/>", "no number"),
        ("<SegmentTemplate duration=\"1\" media=\"$Number\"/>", "an open template"),
        ("<SegmentTemplate duration=\"1\" media=\"$Path$\"/>", "an unknown template"),
        ("<SegmentTemplate duration=\"1\" media=\"$Number%0999999999d$\"/>", "a wide template"),
    ] {
        assert!(read(&period(template)).is_err(), "{what}");
    }
    assert!(listed("<Period/>").is_empty());
}

#[test]
fn a_long_hostile_manifest_is_refused_in_time() {
    let attributes = " a=\"\"".repeat(600_000);
    assert!(files(&format!("<MPD{attributes}/>")).unwrap().is_empty());
    let entries = "<S d=\"1\" r=\"999999999999\"/>".repeat(1_000);
    let body = format!(
        "<Period><AdaptationSet><SegmentTemplate media=\"$Time$\"><SegmentTimeline>{entries}\
         </SegmentTimeline></SegmentTemplate><Representation/></AdaptationSet></Period>"
    );
    assert!(matches!(read(&body), Err(MpdError::TooMany)));
    // the same file again and again
    let set = "<Representation/>".repeat(1_000);
    let body = format!(
        "<Period><AdaptationSet><SegmentTemplate media=\"a.m4s\" endNumber=\"40000\"/>{set}\
         </AdaptationSet></Period>"
    );
    assert!(matches!(read(&body), Err(MpdError::TooMany)));
}

/// Pieces of manifests, in any order.
fn piece() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "<MPD mediaPresentationDuration=\"PT9S\">",
        "</MPD>",
        "<Period duration=\"PT1S\">",
        "<Period>",
        "</Period>",
        "<AdaptationSet>",
        "</AdaptationSet>",
        "<Representation id=\"a\">",
        "</Representation>",
        "<BaseURL>",
        "</BaseURL>",
        "<SegmentTemplate media=\"$Number$\" duration=\"1\">",
        "</SegmentTemplate>",
        "<SegmentTimeline><S d=\"1\" r=\"-1\"/></SegmentTimeline>",
        "<SegmentList><SegmentURL media=\"",
        "\"/></SegmentList>",
        "../",
        "/",
        "a.mp4",
        "%2e%2e/",
        "http://",
        "&amp;",
        "$Time$",
        "\"",
        "<![CDATA[..]]>",
    ];
    prop_oneof![8 => prop::sample::select(PIECES).prop_map(str::to_owned), 1 => ".{0,8}"]
}

proptest! {
    #[test]
    fn whatever_is_written_names_only_what_is_inside(pieces in prop::collection::vec(piece(), 0..40)) {
        for text in [pieces.concat(), format!("<MPD><Period>{}</Period></MPD>", pieces.concat())] {
            for file in files(&text).unwrap_or_default() {
                prop_assert!(crate::playlist::path::is_inside(&file), "{file:?} of {text}");
            }
        }
    }
}
