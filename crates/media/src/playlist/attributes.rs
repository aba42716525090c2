//! The attribute list of a tag: `NAME=VALUE,NAME="text, with commas"` (RFC 8216, 4.2).
//!
//! Names may stand once only: players differ in which of two they take, and a reference that was
//! checked must be the one that is followed. Values are texts; who asks for one knows what it is.

/// The attributes of one tag, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Attributes<'a> {
    /// Reads a list; none: it is none, or names something twice.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut found: Vec<(&str, &str)> = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (name, behind) = rest.split_once('=')?;
            let name = name.trim();
            let is_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
            if name.is_empty()
                || !name.bytes().all(is_name)
                || found.iter().any(|(n, _)| *n == name)
            {
                return None;
            }
            let (value, behind) = match behind.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => behind.split_at(behind.find(',').unwrap_or(behind.len())),
            };
            found.push((name, value.trim()));
            rest = behind.trim_start();
            if !rest.is_empty() {
                rest = rest.strip_prefix(',')?.trim_start();
            }
        }
        Some(Self(found))
    }

    /// The value of that name, without its quotes.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(found, _)| *found == name).map(|(_, value)| *value)
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
    fn what_players_may_read_in_two_ways_is_no_list() {
        for bad in ["A", "=1", "a=1", "A=1,A=2", r#"URI="a",URI="b""#, r#"URI="a"#, r#"URI="a"b"#] {
            assert_eq!(Attributes::parse(bad), None, "{bad}");
        }
    }
}
