//! Which playlist of a master playlist is recorded. Pure.
//!
//! One, because a clip is one playlist: the variant of the highest BANDWIDTH among those that carry their
//! own sound. It stays the same as long as it is there, so that a recording does not change its picture
//! because a ladder was written in another way.
//!
//! Where each reader is given a session of its own, the same playlist has another query at each look. If
//! that leaves several to choose from, because their queries are all that tells them apart, it is the one
//! of the same BANDWIDTH.

use serde::{Deserialize, Serialize};

use super::follow::bare;
use crate::playlist::{MasterPlaylist, Variant};

/// Why no variant can be recorded.
pub(super) const NONE_FITS: &str = concat!(
    "it is a master playlist, and none of its variants has its sound in itself; ",
    "name the playlist that is to be recorded",
);

/// The variant that is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chosen {
    /// What led to its playlist at the last look.
    pub path: String,
    /// Its BANDWIDTH then.
    pub bandwidth: u64,
}

impl From<&Variant> for Chosen {
    fn from(variant: &Variant) -> Self {
        Self { path: variant.file.path.clone(), bandwidth: variant.bandwidth }
    }
}

/// The variant to be recorded, and whether it is the one that was; none: none fits.
pub(super) fn choose<'a>(
    master: &'a MasterPlaylist,
    before: Option<&Chosen>,
) -> Option<(&'a Variant, bool)> {
    if let Some(same) = before.and_then(|before| same(master, before)) {
        return Some((same, true));
    }
    let best = master.self_contained().rev().max_by_key(|variant| variant.bandwidth)?;
    Some((best, false))
}

/// The variant that was recorded before.
fn same<'a>(master: &'a MasterPlaylist, before: &Chosen) -> Option<&'a Variant> {
    let mut all = master.self_contained();
    if let Some(same) = all.find(|variant| variant.file.path == before.path) {
        return Some(same);
    }
    let is_bare = |variant: &&Variant| bare(&variant.file.path) == bare(&before.path);
    let mut nearly = master.self_contained().filter(is_bare);
    let first = nearly.next()?;
    // the only one may say another BANDWIDTH each time, as it was measured
    let Some(second) = nearly.next() else { return Some(first) };
    let mut several = [first, second].into_iter().chain(nearly);
    several.find(|variant| variant.bandwidth == before.bandwidth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playlist::{self, Playlist};

    fn master(text: &str) -> MasterPlaylist {
        match playlist::parse(&format!("#EXTM3U\n{text}"), |uri: &str| Ok(uri.to_owned())).unwrap()
        {
            Playlist::Master(master) => master,
            Playlist::Media(_) => panic!("{text}"),
        }
    }

    /// What is chosen where this was before, with a BANDWIDTH of 5,000,000.
    fn chosen<'a>(master: &'a MasterPlaylist, before: Option<&str>) -> Option<&'a str> {
        let before = before.map(|path| Chosen { path: path.to_owned(), bandwidth: 5_000_000 });
        choose(master, before.as_ref()).map(|(variant, _)| variant.file.uri.as_str())
    }

    #[test]
    fn the_best_variant_is_chosen_and_stays() {
        let ladder = master(
            "#EXT-X-STREAM-INF:BANDWIDTH=800000\nlow?s=1\n#EXT-X-STREAM-INF:BANDWIDTH=5000000\nhigh?s=1\n\
             #EXT-X-STREAM-INF:BANDWIDTH=5000000\nbackup?s=1\n#EXT-X-STREAM-INF:AVERAGE=1\nnone?s=1\n\
             #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=9000000,URI=\"pictures\"\n",
        );
        assert_eq!(chosen(&ladder, None), Some("high?s=1"));
        assert_eq!(chosen(&ladder, Some("low?s=1")), Some("low?s=1"));
        assert_eq!(chosen(&ladder, Some("low?s=0")), Some("low?s=1"), "another session");
        assert_eq!(chosen(&ladder, Some("gone")), Some("high?s=1"));
    }

    #[test]
    fn several_that_only_their_queries_tell_apart_are_told_by_bandwidth() {
        let of = |level: u64, token: u64| {
            let bandwidth = level * 1_000;
            format!("#EXT-X-STREAM-INF:BANDWIDTH={bandwidth}\nv?level={level}&token={token}\n")
        };
        let before = Chosen { path: "v?level=2&token=1".to_owned(), bandwidth: 2_000 };
        let choice = |text: String| {
            let master = master(&text);
            let (variant, is_same) = choose(&master, Some(&before)).unwrap();
            (variant.file.uri.clone(), is_same)
        };
        let path = |path: &str| path.to_owned();
        let all = [of(1, 2), of(2, 2), of(3, 2)].concat();
        assert_eq!(choice(all), (path("v?level=2&token=2"), true));
        assert_eq!(choice([of(1, 1), of(2, 1)].concat()), (path("v?level=2&token=1"), true));
        assert_eq!(choice([of(3, 2), of(1, 2)].concat()), (path("v?level=3&token=2"), false));
        assert_eq!(choice(of(1, 2)), (path("v?level=1&token=2"), true), "measured anew");
    }

    #[test]
    fn a_variant_with_its_sound_elsewhere_is_none() {
        let apart = "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"en\",URI=\"en.m3u8\"\n\
                     #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"b\",NAME=\"en\"\n\
                     #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"a\",NAME=\"en\",URI=\"text.m3u8\"\n\
                     #EXT-X-STREAM-INF:BANDWIDTH=9,AUDIO=\"a\"\nsilent\n";
        assert_eq!(chosen(&master(apart), None), None);
        assert_eq!(chosen(&master(apart), Some("silent")), None);
        let within = format!(
            "{apart}#EXT-X-STREAM-INF:BANDWIDTH=5,AUDIO=\"b\"\nwithin\n\
             #EXT-X-STREAM-INF:BANDWIDTH=3,SUBTITLES=\"a\"\ntitled\n"
        );
        assert_eq!(chosen(&master(&within), None), Some("within"));
        assert_eq!(chosen(&master("#EXT-X-SESSION-KEY:METHOD=NONE\n"), None), None);
    }
}
