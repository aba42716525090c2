//! Which reference the line of a tag makes. The parser, the writer of other references and the signer of
//! addresses all ask here: a reference that one of them sees and another does not would be followed
//! without having been checked.

use super::attributes::Attributes;

/// Tags whose value is no list of attributes, or one in which nobody looks for a URI.
const WITHOUT_URI: [&str; 10] = [
    "EXTINF",
    "EXT-X-STREAM-INF",
    "EXT-X-BYTERANGE",
    "EXT-X-VERSION",
    "EXT-X-TARGETDURATION",
    "EXT-X-MEDIA-SEQUENCE",
    "EXT-X-ENDLIST",
    "EXT-X-DISCONTINUITY",
    "EXT-X-GAP",
    "EXT-X-PROGRAM-DATE-TIME",
];

/// Name and value of a tag without its `#`.
pub(super) fn split(tag: &str) -> (&str, &str) {
    tag.split_once(':').unwrap_or((tag, ""))
}

/// The attributes of a tag that names something, and what it names; none: it names nothing. What cannot
/// be read as attributes names nothing.
pub(super) fn reference<'a>(name: &str, value: &'a str) -> Option<(Attributes<'a>, &'a str)> {
    if !name.starts_with("EXT") || WITHOUT_URI.contains(&name) {
        return None;
    }
    let attributes = Attributes::parse(value)?;
    let uri = attributes.get("URI")?;
    Some((attributes, uri))
}

/// The line of a tag with another reference; none: it makes none.
pub fn with_reference(line: &str, to: impl FnOnce(&str) -> String) -> Option<String> {
    let (name, value) = split(line.strip_prefix('#')?);
    let (attributes, uri) = reference(name, value)?;
    Some(format!("#{name}:{}", attributes.with("URI", &to(uri))))
}
