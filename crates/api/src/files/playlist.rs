//! Playlists and manifests behind a signed address: what they name is signed too, for as long and for as
//! many.
//!
//! A player resolves what a playlist names against its path and forgets its query, so the names themselves
//! get one, in the answer and nowhere else. Each is signed for its own directory, which may lie below. A
//! preview (`exper`) ends where its seconds are up; what it names may be had whole.
//!
//! Whoever uploads a playlist must not be given signatures for what is none of theirs. Nothing of what was
//! checked when it came is relied on, for one that could not be read, or lies beside the media's own, was
//! not checked at all: a name is signed only if it leads to somewhere in the directory of the playlist's own
//! media. Whole paths and URLs, and what leads out of that directory, are left as they are. In tags, what
//! [`playlist::with_reference`] finds is signed, and nothing else.
//!
//! Deliberately absent: checking what a playlist says, and looking whose each file is. Where an application
//! names its files by path and puts media below one another's directories, they are signed for one another.

use media::manifest::{self, ManifestError};
use media::playlist;
use model::limits;
use sign::hotlink::Hotlink;

use super::signed::{Signed, is_playlist};

const COMMENT: char = '#';
const LENGTH: &str = "#EXTINF:";
const END: &str = "#EXT-X-ENDLIST\n";

/// The text with everything in it signed that lies in `media`, the directory of its media; none: that
/// would be too long.
pub(super) fn sign(text: &str, signed: &Signed<'_>, media: &str) -> Option<String> {
    let names = Names { signed, media, whole: signed.hotlink.whole() };
    let preview: Option<f64> = signed.hotlink.preview().parse().ok().filter(|s| *s > 0.0);
    let (mut played, mut length) = (0.0, 0.0);
    let mut out = String::with_capacity(text.len() * 2);
    for line in text.split_inclusive('\n') {
        if out.len() > limits::SIGNED_MANIFEST_BYTES_MAX {
            return None;
        }
        let end = line.get(line.trim_end_matches(['\n', '\r']).len()..).unwrap_or_default();
        let content = line.trim();
        if let Some(seconds) = content.strip_prefix(LENGTH) {
            length = seconds.split(',').next().and_then(|s| s.trim().parse().ok()).unwrap_or(0.0);
            out.push_str(line);
        } else if content.starts_with(COMMENT) {
            let tag = playlist::with_reference(content, |uri| names.uri(uri));
            out.push_str(tag.as_deref().unwrap_or(content));
            out.push_str(end);
        } else if content.is_empty() {
            out.push_str(line);
        } else {
            out.push_str(&names.uri(content));
            out.push_str(end);
            played += length;
            length = 0.0;
            if preview.is_some_and(|preview| played >= preview) {
                if end.is_empty() {
                    out.push('\n');
                }
                out.push_str(END);
                return Some(out);
            }
        }
    }
    Some(out)
}

/// The same of a DASH manifest. It names patterns, each of which is signed for the directory that it leads to.
pub(super) fn sign_dash(
    mpd: &str,
    signed: &Signed<'_>,
    media: &str,
) -> Result<String, ManifestError> {
    let names = Names { signed, media, whole: signed.hotlink.whole() };
    manifest::with_queries(mpd, |name| names.query(name.split(['?', '#']).next()?))
}

struct Names<'a> {
    signed: &'a Signed<'a>,
    /// The directory of the media in its bucket, without slashes at the ends.
    media: &'a str,
    whole: Hotlink,
}

impl Names<'_> {
    fn uri(&self, uri: &str) -> String {
        let path = uri.split(['?', '#']).next().unwrap_or_default();
        let query = self.query(path);
        query.map_or_else(|| uri.to_owned(), |query| playlist::path::with_query(uri, &query))
    }

    /// The signature of a path; none: it leads elsewhere.
    fn query(&self, path: &str) -> Option<String> {
        let full = self.path(path)?;
        let directory = full.rfind('/').and_then(|at| full.get(..=at)).unwrap_or("/");
        let hotlink = if is_playlist(path) { &self.signed.hotlink } else { &self.whole };
        Some(hotlink.of(self.signed.key, directory).query())
    }

    /// The path that a name leads to within the media's own directory; none: it leads elsewhere.
    fn path(&self, name: &str) -> Option<String> {
        self.path_here(name).filter(|path| {
            // decoded, as it will be looked up: a slash or dots in disguise must not lead out either
            let key = super::place(path);
            key.is_some_and(|(_, key)| media::is_within(&key, self.media))
        })
    }

    /// The path that a relative name leads to.
    fn path_here(&self, name: &str) -> Option<String> {
        let first = name.split('/').next().unwrap_or_default();
        if first.is_empty() || first.contains(':') {
            return None;
        }
        let mut segments: Vec<&str> = self.signed.directory.split('/').collect();
        segments.pop();
        for segment in name.split('/') {
            match segment {
                "." => {}
                ".." => {
                    segments.pop();
                }
                segment => segments.push(segment),
            }
        }
        Some(segments.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "24FEQmTzro4V5u3D5epW";
    const DIR: &str = "/media/b-1/d/e/";
    const MEDIA: &str = "d/e";

    /// The playlist that a signed address gets, with every query cut off after it was checked.
    fn signed(text: &str, more: &str) -> String {
        let hotlink = Hotlink::parse(&format!("t=5a71afc0&us=x&sign=0{more}")).unwrap();
        let signed = Signed { key: KEY, directory: DIR, hotlink };
        sign(text, &signed, MEDIA).unwrap()
    }

    fn query(line: &str) -> Hotlink {
        Hotlink::parse(line.split_once('?').unwrap().1.trim_end_matches('"')).unwrap()
    }

    #[test]
    fn every_name_is_signed_for_its_directory() {
        let text = "#EXTM3U\r\n#EXT-X-KEY:METHOD=AES-128,URI=\"k.key\",IV=0x1\n#EXT-X-MAP:URI=\"i.mp4?v=1\"\n\
                    #EXTINF:4,\na%20b/0.ts\n#EXTINF:4,\nf/../f/1.ts\n\nhttp://h:1/media/b-1/d/e/2.ts\n\
                    https://cdn.example/3.ts\n/other/4.ts\nvariant.m3u8#x";
        let out = signed(text, "");
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), text.lines().count());
        assert!(out.starts_with("#EXTM3U\r\n") && lines[6].starts_with("f/../f/1.ts?"));
        let key = lines[1].split_once("URI=\"").unwrap().1.split_once('"').unwrap();
        assert!(query(key.0).verify(KEY, DIR) && key.1 == ",IV=0x1", "{}", lines[1]);
        assert!(lines[2].contains("URI=\"i.mp4?v=1&t=5a71afc0&us=x&sign="));
        assert!(query(lines[4]).verify(KEY, "/media/b-1/d/e/a%20b/"), "{}", lines[4]);
        assert!(query(lines[6]).verify(KEY, "/media/b-1/d/e/f/"));
        let whole = ["http://h:1/media/b-1/d/e/2.ts", "https://cdn.example/3.ts", "/other/4.ts"];
        assert_eq!(lines[8..11], whole);
        let (variant, fragment) = lines[11].rsplit_once('#').unwrap();
        assert!(query(variant).verify(KEY, DIR) && fragment == "x");
    }

    #[test]
    fn what_is_none_of_its_own_is_not_signed() {
        let text = "#EXTM3U\n# URI=\"0.ts\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"http://h:1/media/b-2/k/s.mp4\"\n\
                    #EXTINF:4,\n../../../b-2/k/s.mp4\n#EXTINF:4,\n/media/b-2/k/s.mp4\n#EXTINF:4,\n/media/b-10/s.mp4\n";
        assert_eq!(signed(text, ""), text);
    }

    #[test]
    fn what_leads_out_of_the_directory_of_its_media_is_not_signed() {
        let hotlink = Hotlink::parse("t=5a71afc0&us=x&sign=0").unwrap();
        for (directory, name, within) in [
            (DIR, "../f/1.ts", false),
            (DIR, "../ef/1.ts", false),
            (DIR, "1.ts", true),
            (DIR, "../e/1.ts", true),
            (DIR, "%2e%2e/f/1.ts", false),
            (DIR, "x%2f..%2f..%2ff/1.ts", false),
            (DIR, "x/../../f/1.m3u8", false),
            ("/media/b-1/d/e/v0/", "../1.ts", true),
            ("/media/b-1/d/e/v0/", "../../f/1.ts", false),
            ("/media/b-1/d/e%2Fv0/", "../1.ts", false),
            ("/media/b-1/d/e%2Fv0/", "1.ts", true),
            ("/media/b-1/%64/e/", "1.ts", true),
        ] {
            let signed = Signed { key: KEY, directory, hotlink: hotlink.clone() };
            for (text, mark) in [
                (format!("#EXTM3U\n#EXTINF:4,\n{name}\n"), "?t="),
                (format!("#EXTM3U\n#EXT-X-MAP:URI=\"{name}\"\n"), "?t="),
            ] {
                let out = sign(&text, &signed, MEDIA).unwrap();
                assert_eq!(out.contains(mark), within, "{directory} {name}: {out}");
            }
        }
    }

    #[test]
    fn what_no_check_has_seen_is_not_signed() {
        for line in [
            "#EXT-X-ODD:A,URI=\"../f/0.ts\"",
            "#EXT-X-ODD:URI=\"a\",URI=\"../f/0.ts\"",
            "#EXT-X-STREAM-INF:BANDWIDTH=1,URI=\"../f/0.ts\"",
            "#EXT-X-DATERANGE:ID=\"a\",X-ASSET-URI=\"../f/0.ts\"",
            "#EXT-X-ENDLIST:URI=\"../f/0.ts\"",
            "#EXTRA URI=\"../f/0.ts\"",
        ] {
            assert_eq!(signed(&format!("#EXTM3U\n{line}\n"), ""), format!("#EXTM3U\n{line}\n"));
        }
        let unquoted = signed("#EXTM3U\n  #EXT-X-MAP:URI=i.mp4\n", "");
        let uri = unquoted.split('"').nth(1).unwrap();
        assert!(uri.starts_with("i.mp4?") && query(uri).verify(KEY, DIR), "{unquoted}");
    }

    #[test]
    fn one_that_would_become_too_long_is_not_signed() {
        let hotlink = Hotlink::parse(&format!("t=5a71afc0&us={}&sign=0", "x".repeat(1_000)));
        let signed = Signed { key: KEY, directory: DIR, hotlink: hotlink.unwrap() };
        assert!(sign(&"a\n".repeat(10_000), &signed, MEDIA).is_some());
        assert!(sign(&"a\n".repeat(20_000), &signed, MEDIA).is_none());
    }

    #[test]
    fn a_preview_ends_where_its_seconds_are_up() {
        let text =
            "#EXTM3U\n#EXTINF:4.0,\n0.ts\n#EXTINF:4.0,\n1.ts\n#EXTINF:4.0,\n2.ts\n#EXT-X-ENDLIST\n";
        let out = signed(text, "&exper=5");
        assert!(out.contains("1.ts?t=") && !out.contains("2.ts"), "{out}");
        assert!(out.ends_with("\n#EXT-X-ENDLIST\n") && !out.contains("exper"), "{out}");
        let master = signed("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8", "&exper=5");
        assert!(master.contains("low.m3u8?t=5a71afc0&exper=5&us=x"), "{master}");
        assert!(signed(text, "&exper=0").contains("2.ts?"));
    }
}
