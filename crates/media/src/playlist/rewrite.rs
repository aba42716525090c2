//! A playlist with other references: the same text, line for line, with each URI exchanged.
//!
//! It goes over the lines as the parser does, and is for texts that the parser has taken. Tags that
//! name files which are neither playlists, segments, maps nor keys are left out, because what a player
//! does with them is not known here: hints at segments to come, reports, session data.

use super::tag;

/// Tags whose URI is exchanged.
const KEPT: [&str; 5] =
    ["EXT-X-KEY", "EXT-X-MAP", "EXT-X-MEDIA", "EXT-X-I-FRAME-STREAM-INF", "EXT-X-IMAGE-STREAM-INF"];
/// Tags of playlists that still grow, besides those that name files.
const GROWING: [&str; 3] = ["EXT-X-SERVER-CONTROL", "EXT-X-PART-INF", "EXT-X-SKIP"];

/// The text with every reference exchanged by `to`, which gives none for those that shall stay. With
/// `end`, EXT-X-ENDLIST stands at its end.
pub(crate) fn rewrite(text: &str, end: bool, to: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut ended = false;
    for line in text.strip_prefix('\u{feff}').unwrap_or(text).lines().map(str::trim) {
        let written = match line.strip_prefix('#') {
            Some(tag) => {
                ended |= tag.starts_with("EXT-X-ENDLIST");
                tag_line(tag, &to)
            }
            None if line.is_empty() => Some(String::new()),
            None => Some(to(line).unwrap_or_else(|| line.to_owned())),
        };
        if let Some(written) = written {
            out.push_str(&written);
            out.push('\n');
        }
    }
    if end && !ended {
        out.push_str("#EXT-X-ENDLIST\n");
    }
    out
}

/// A tag's line; none: it is left out.
fn tag_line(tag: &str, to: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (name, value) = tag::split(tag);
    let whole = || Some(format!("#{tag}"));
    if GROWING.contains(&name) {
        return None;
    }
    let Some((attributes, uri)) = tag::reference(name, value) else { return whole() };
    if !KEPT.contains(&name) {
        return None;
    }
    let Some(new) = to(uri) else { return whole() };
    Some(format!("#{name}:{}", attributes.with("URI", &new)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playlist::{self, Playlist};

    fn renamed(text: &str) -> String {
        rewrite(text, true, |uri| (!uri.starts_with("skd:")).then(|| format!("<{uri}>")))
    }

    #[test]
    fn every_reference_is_exchanged_and_nothing_else() {
        let text = "\u{feff}#EXTM3U\r\n#EXT-X-VERSION:7\n# a comment, URI=\"a\"\n\
            #EXT-X-MAP:URI=\"m.mp4\",BYTERANGE=\"3@1\"\n\
            #EXT-X-KEY:METHOD=AES-128,URI=\"k?a=b,c\",IV=0x01\n\
            #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://x\",KEYFORMAT=\"com.apple\"\n\
            #EXTINF:2,a title, URI=\"t\"\n#EXT-X-BYTERANGE:10@5\n  http://h/a.ts?x  \n\
            #EXT-X-PART:DURATION=1,URI=\"p\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"q\"\n\
            #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n#EXT-X-DATERANGE:ID=\"a\",X-Y=\"b\"";
        assert_eq!(
            renamed(text),
            "#EXTM3U\n#EXT-X-VERSION:7\n# a comment, URI=\"a\"\n\
            #EXT-X-MAP:URI=\"<m.mp4>\",BYTERANGE=\"3@1\"\n\
            #EXT-X-KEY:METHOD=AES-128,URI=\"<k?a=b,c>\",IV=0x01\n\
            #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://x\",KEYFORMAT=\"com.apple\"\n\
            #EXTINF:2,a title, URI=\"t\"\n#EXT-X-BYTERANGE:10@5\n<http://h/a.ts?x>\n\
            #EXT-X-DATERANGE:ID=\"a\",X-Y=\"b\"\n#EXT-X-ENDLIST\n"
        );
        let master = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"a.m3u8\"\n\
            #EXT-X-SESSION-DATA:DATA-ID=\"x\",URI=\"d.json\"\n\
            #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"i.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1,URI=\"no reference\"\nv.m3u8\n";
        assert_eq!(
            rewrite(master, false, |uri| Some(uri.to_uppercase())),
            "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"A.M3U8\"\n\
            #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"I.M3U8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1,URI=\"no reference\"\nV.M3U8\n"
        );
    }

    #[test]
    fn what_was_rewritten_reads_as_before() {
        let text = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-KEY:METHOD=AES-128,URI=http://h/k\n\
            #EXTINF:4,\nhttp://h/1\n#EXT-X-GAP\n#EXTINF:4,\nhttp://h/2\n#EXT-X-ENDLIST\n";
        let written = rewrite(text, true, |uri| Some(uri.replace("http://h/", "x")));
        assert!(!written.contains("http"), "{written}");
        assert_eq!(written.matches("ENDLIST").count(), 1);
        let resolve = |uri: &str| playlist::path::inside("", uri);
        let Ok(Playlist::Media(media)) = playlist::parse(&written, resolve) else { panic!() };
        assert_eq!(media.files(), ["xk", "x1"]);
        assert!(media.ended && media.segments.len() == 2);
    }
}
