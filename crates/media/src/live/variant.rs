//! Which playlist of a master playlist is recorded. Pure.
//!
//! One, because a clip is one playlist: the variant of the highest BANDWIDTH among those that carry their
//! own sound. It stays the same as long as it is there, so that a recording does not change its picture
//! because a ladder was written in another way.

use super::follow::bare;
use crate::playlist::{MasterPlaylist, Variant};

/// Why no variant can be recorded.
pub(super) const NONE_FITS: &str = "it is a master playlist, and none of its variants has its sound in itself; name the playlist that \
                                    is to be recorded";

/// The variant to be recorded, where `before` is what led to the one that was; none: none fits.
pub(super) fn choose<'a>(master: &'a MasterPlaylist, before: Option<&str>) -> Option<&'a Variant> {
    let is_before = |variant: &&Variant| Some(variant.file.path.as_str()) == before;
    // a query may be another one each time
    let is_bare = |variant: &&Variant| before.is_some_and(|b| bare(b) == bare(&variant.file.path));
    let mut fitting = master.self_contained();
    let mut nearly = master.self_contained();
    fitting
        .find(is_before)
        .or_else(|| nearly.find(is_bare))
        .or_else(|| master.self_contained().rev().max_by_key(|variant| variant.bandwidth))
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

    fn chosen<'a>(master: &'a MasterPlaylist, before: Option<&str>) -> Option<&'a str> {
        choose(master, before).map(|variant| variant.file.uri.as_str())
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
