//! The attribute list of a tag: `NAME=VALUE,NAME="text, with commas"` (RFC 8216, 4.2).
//!
//! Names may stand once only: players differ in which of two they take, and a reference that was
//! checked must be the one that is followed. A list of more attributes than any writer gives is none.
//! Values are texts; who asks for one knows what it is.

use std::ops::Range;

use model::limits;

/// The attributes of one tag, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes<'a> {
    text: &'a str,
    found: Vec<Attribute<'a>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Attribute<'a> {
    name: &'a str,
    /// Without its quotes.
    value: &'a str,
    /// Where the value stands in the text, with its quotes.
    place: Range<usize>,
}

impl<'a> Attributes<'a> {
    /// Reads a list; none: it is none, names something twice, or has too many attributes.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let mut found: Vec<Attribute<'_>> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (name, behind) = rest.split_once('=')?;
            let name = name.trim();
            let is_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
            if found.len() >= limits::PLAYLIST_ATTRIBUTES_MAX
                || name.is_empty()
                || !name.bytes().all(is_name)
                || found.iter().any(|other| other.name == name)
            {
                return None;
            }
            let (value, after) = match behind.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => behind.split_at(behind.find(',').unwrap_or(behind.len())),
            };
            let place = text.len() - behind.len()..text.len() - after.len();
            found.push(Attribute { name, value: value.trim(), place });
            rest = after.trim_start();
            if !rest.is_empty() {
                rest = rest.strip_prefix(',')?.trim_start();
            }
        }
        Some(Self { text, found })
    }

    /// The value of that name, without its quotes.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.find(name).map(|attribute| attribute.value)
    }

    /// The list with another value of that name, in quotes, and otherwise as it is.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let place = self.find(name).map_or(0..0, |attribute| attribute.place.clone());
        let before = self.text.get(..place.start).unwrap_or_default();
        let behind = self.text.get(place.end..).unwrap_or_default();
        format!("{before}\"{value}\"{behind}")
    }

    fn find(&self, name: &str) -> Option<&Attribute<'a>> {
        self.found.iter().find(|attribute| attribute.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name() {
        let list = Attributes::parse(r#"BANDWIDTH=1280000,CODECS="avc1,mp4a", URI="a,b=c.m3u8""#);
        let list = list.unwrap();
        assert_eq!(list.get("BANDWIDTH"), Some("1280000"));
        assert_eq!(list.get("CODECS"), Some("avc1,mp4a"));
        assert_eq!(list.get("URI"), Some("a,b=c.m3u8"));
        assert_eq!(list.get("bandwidth"), None);
        assert_eq!(Attributes::parse(""), Some(Attributes::default()));
        assert!(Attributes::parse("A=1,").is_some(), "players let a last comma be");
    }

    #[test]
    fn a_value_is_exchanged_and_all_else_stays() {
        let list = Attributes::parse(r#" A=1, URI ="x,y" ,LANGUAGE="en""#).unwrap();
        assert_eq!(list.with("URI", "z"), r#"A=1, URI ="z" ,LANGUAGE="en""#);
    }

    #[test]
    fn what_players_may_read_in_two_ways_is_no_list() {
        for bad in ["A", "=1", "a=1", "A=1,A=2", r#"URI="a",URI="b""#, r#"URI="a"#, r#"URI="a"b"#] {
            assert_eq!(Attributes::parse(bad), None, "{bad}");
        }
    }
}
