//! Puts a query behind every name in a manifest.
//!
//! A player resolves names against the manifest's address and forgets its query, so each name must carry its
//! own: attributes that are addresses or patterns of them, and BaseURL where it is a file. What a query is
//! depends on where a name leads, and a pattern that stands in an outer element leads elsewhere for each
//! representation: so every representation states its patterns itself, as the standard lets it. Everything
//! else says what it said.
//!
//! The manifest is read twice: as the tree that says what is to change, and as the events that carry it,
//! which come in the same order.
//!
//! Deliberately absent: segments with their number or time in the name of a directory, and lists in an outer
//! element for representations in different directories. No packager is known to write either.

use model::limits;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};

use super::template::Values;
use super::xml::{self, Node};
use super::{MpdError, Scope, join};
use crate::playlist::path;

const TEMPLATE: &str = "SegmentTemplate";

/// Attributes by their names, with new values.
type Attributes = Vec<(&'static str, String)>;

/// What changes in one element.
#[derive(Default)]
struct Change {
    attributes: Attributes,
    text: Option<String>,
    /// A template that it has to state.
    template: Attributes,
}

/// The manifest with a query behind every name; `query` says which, of a name as seen from the manifest's
/// directory; none: it has none.
///
/// # Errors
/// A manifest that is refused as [`super::read`] refuses it, or that would become too long.
pub(crate) fn with_queries(
    text: &str,
    query: impl Fn(&str) -> Option<String>,
) -> Result<String, MpdError> {
    if text.len() > limits::PLAYLIST_BYTES_MAX {
        return Err(MpdError::TooLarge);
    }
    let root = xml::read(text)?;
    if root.name != "MPD" {
        return Err(MpdError::NoMpd);
    }
    let mut plan = Plan { query, changes: Vec::new(), added: 0 };
    plan.visit(&root, &Scope::default(), Vec::new())?;
    written(text, plan.changes)
}

/// What changes, element by element in their order.
struct Plan<Q> {
    query: Q,
    changes: Vec<Change>,
    added: usize,
}

impl<Q: Fn(&str) -> Option<String>> Plan<Q> {
    /// Plans for an element and all in it. `own` is what it states if it is a representation's template.
    fn visit(&mut self, node: &Node, outer: &Scope<'_>, own: Attributes) -> Result<(), MpdError> {
        let at = self.changes.len();
        let mut change = Change { attributes: own, ..Change::default() };
        let addresses: &[&'static str] = match node.name.as_str() {
            "SegmentURL" => &["media", "index"],
            "Initialization" | "RepresentationIndex" | "BitstreamSwitching" => &["sourceURL"],
            _ => &[],
        };
        for name in addresses {
            if let Some(uri) = node.attribute(name) {
                let queried = self.queried(uri, &join(&outer.base, uri))?;
                change.attributes.extend(queried.map(|uri| (*name, uri)));
            }
        }
        let base = node.text.trim();
        if node.name == "BaseURL" && !base.is_empty() && !base.ends_with('/') {
            change.text = self.queried(base, &join(&outer.base, base))?;
        }
        self.changes.push(change);
        let inherits =
            matches!(node.name.as_str(), "MPD" | "Period" | "AdaptationSet" | "Representation");
        let inner = if inherits { Some(outer.within(node)?) } else { None };
        let inner = inner.as_ref().unwrap_or(outer);
        let mut stated = Vec::new();
        if node.name == "Representation" && inner.template.is_some() {
            stated = self.patterns(node, inner)?;
            if node.child(TEMPLATE).is_none()
                && let Some(change) = self.changes.get_mut(at)
            {
                change.template = std::mem::take(&mut stated);
            }
        }
        for child in node.all() {
            // what an element says of its own base is seen from outside
            let scope = if child.name == "BaseURL" { outer } else { inner };
            let own = if child.name == TEMPLATE { std::mem::take(&mut stated) } else { Vec::new() };
            self.visit(child, scope, own)?;
        }
        Ok(())
    }

    /// The patterns of a representation.
    fn patterns(&mut self, node: &Node, scope: &Scope<'_>) -> Result<Attributes, MpdError> {
        let values = Values {
            id: node.attribute("id").unwrap_or_default(),
            bandwidth: node.attribute("bandwidth").unwrap_or_default(),
        };
        let mut stated = Vec::new();
        for (name, pattern, address) in scope.template.patterns(values)? {
            let queried = self.queried(pattern, &join(&scope.base, &address))?;
            stated.extend(queried.map(|pattern| (name, pattern)));
        }
        Ok(stated)
    }

    /// A name with its query; `address` is where it leads.
    fn queried(&mut self, name: &str, address: &str) -> Result<Option<String>, MpdError> {
        // what leads out of the directory was never part of an upload
        let inside = path::inside("", address).is_ok();
        let Some(query) = inside.then(|| (self.query)(address)).flatten() else { return Ok(None) };
        let queried = path::with_query(name, &query);
        self.added = self.added.saturating_add(queried.len());
        if self.added > limits::SIGNED_MANIFEST_BYTES_MAX {
            return Err(MpdError::LongSigned);
        }
        Ok(Some(queried))
    }
}

/// The document with these changes.
fn written(text: &str, changes: Vec<Change>) -> Result<String, MpdError> {
    let mut reader = Reader::from_str(text);
    let mut writer = Writer::new(Vec::with_capacity(text.len().saturating_mul(2)));
    let mut changes = changes.into_iter();
    let mut open: Vec<Change> = Vec::new();
    loop {
        let event = reader.read_event().map_err(|error| MpdError::Xml(error.to_string()))?;
        let replaced = open.last().is_some_and(|change| change.text.is_some());
        match event {
            Event::Eof => break,
            Event::Start(start) => {
                let change = changes.next().unwrap_or_default();
                writer.write_event(Event::Start(changed(&start, &change.attributes)?))?;
                open.push(change);
            }
            Event::Empty(start) => {
                let change = changes.next().unwrap_or_default();
                let start = changed(&start, &change.attributes)?;
                if change.template.is_empty() {
                    writer.write_event(Event::Empty(start))?;
                } else {
                    writer.write_event(Event::Start(start.borrow()))?;
                    writer.write_event(Event::Empty(template(&start, &change.template)))?;
                    writer.write_event(Event::End(start.to_end()))?;
                }
            }
            Event::End(end) => {
                let change = open.pop().unwrap_or_default();
                if let Some(text) = &change.text {
                    writer.write_event(Event::Text(BytesText::new(text)))?;
                }
                if !change.template.is_empty() {
                    let name = String::from_utf8_lossy(end.name().0).into_owned();
                    let beside = BytesStart::new(name);
                    writer.write_event(Event::Empty(template(&beside, &change.template)))?;
                }
                writer.write_event(Event::End(end))?;
            }
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) if replaced => {}
            Event::Text(_)
            | Event::CData(_)
            | Event::GeneralRef(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => writer.write_event(event)?,
        }
    }
    String::from_utf8(writer.into_inner()).map_err(|error| MpdError::Xml(error.to_string()))
}

/// The beginning of an element with these attributes in the place of those of the same names.
fn changed(
    start: &BytesStart<'_>,
    attributes: &Attributes,
) -> Result<BytesStart<'static>, MpdError> {
    let mut changed = start.to_owned();
    if attributes.is_empty() {
        return Ok(changed);
    }
    changed.clear_attributes();
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| MpdError::Xml(error.to_string()))?;
        let name = attribute.key.as_ref();
        if !attributes.iter().any(|(changed, _)| changed.as_bytes() == name) {
            // it is written between double quotes, between which a single one may have stood for a quote
            let value = String::from_utf8_lossy(&attribute.value).replace('"', "&quot;");
            changed
                .push_attribute(Attribute { key: attribute.key, value: value.into_bytes().into() });
        }
    }
    for (name, value) in attributes {
        changed.push_attribute((*name, value.as_str()));
    }
    Ok(changed)
}

/// A template in the namespace of the element that it stands in.
fn template(parent: &BytesStart<'_>, attributes: &Attributes) -> BytesStart<'static> {
    let name = match parent.name().prefix() {
        Some(prefix) => format!("{}:{TEMPLATE}", String::from_utf8_lossy(prefix.as_ref())),
        None => TEMPLATE.to_owned(),
    };
    let mut template = BytesStart::new(name);
    for (name, value) in attributes {
        template.push_attribute((*name, value.as_str()));
    }
    template
}

impl From<std::io::Error> for MpdError {
    fn from(error: std::io::Error) -> Self {
        Self::Xml(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dash::read;

    /// The manifest with the directory of each name as its query; but not of names that lead up.
    fn marked(body: &str) -> (String, String) {
        let text = format!(
            "<?xml version=\"1.0\"?>\n<MPD mediaPresentationDuration=\"PT8S\">{body}</MPD>"
        );
        let query = |address: &str| {
            let directory = address.rsplit_once('/').map_or("", |(directory, _)| directory);
            (!address.starts_with("other"))
                .then(|| format!("d={}&e=<", directory.replace('/', "-")))
        };
        let written = with_queries(&text, query).unwrap();
        (text, written)
    }

    /// That every file is named as before, with the query of its own directory behind it.
    fn all_are_marked(body: &str) -> String {
        let (before, after) = marked(body);
        let names: BTreeSet<String> = read(&before).unwrap().files.into_iter().collect();
        assert!(!names.is_empty());
        // what reads names for an upload passes over queries, so they are made part of the name
        let kept = after.replace("?d=", "%3Fd=");
        let found: BTreeSet<String> = read(&kept).unwrap().files.into_iter().collect();
        let expected = names.iter().map(|name| {
            let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
            format!("{name}?d={}&e=<", directory.replace('/', "-"))
        });
        assert_eq!(found, expected.collect(), "{after}");
        after
    }

    #[test]
    fn patterns_carry_the_query_of_their_representation() {
        let after = all_are_marked(
            r#"<Period><!-- as it is --><AdaptationSet><SegmentTemplate duration="4" startNumber="1"
            initialization="$RepresentationID$/i.mp4" media="$RepresentationID$/$Number%03d$.m4s"/>
            <Representation id="a"/><Representation id="b" bandwidth="1"><BaseURL>deep/</BaseURL></Representation>
            <Representation id="c"><SegmentTemplate startNumber="7" media="x$Number$.m4s"/></Representation>
            </AdaptationSet></Period>"#,
        );
        assert!(after.contains("<!-- as it is -->") && after.contains("<BaseURL>deep/</BaseURL>"));
        assert!(
            after.contains("media=\"$RepresentationID$/$Number%03d$.m4s?d=deep-b&amp;e=&lt;\""),
            "{after}"
        );
    }

    #[test]
    fn lists_and_files_carry_theirs() {
        all_are_marked(
            r#"<BaseURL>v/</BaseURL><Period><AdaptationSet><Representation id="a"><BaseURL>a.mp4</BaseURL>
            <SegmentBase><Initialization sourceURL="s/i.mp4"/></SegmentBase></Representation>
            <Representation id="b"><SegmentList><Initialization sourceURL="i.mp4"/><SegmentURL media="0.m4s"/>
            <SegmentURL media="t/1.m4s"/></SegmentList></Representation></AdaptationSet></Period>"#,
        );
    }

    #[test]
    fn prefixes_are_kept_and_what_has_no_query_is_left() {
        let text = "<d:MPD xmlns:d=\"urn:mpeg:dash:schema:mpd:2011\" mediaPresentationDuration=\"PT8S\"><d:Period>\
            <d:AdaptationSet><d:SegmentTemplate media=\"m.mp4\"/><d:Representation id=\"1\"></d:Representation>\
            </d:AdaptationSet></d:Period></d:MPD>";
        let after = with_queries(text, |_| Some("q".to_owned())).unwrap();
        assert!(
            after
                .contains("<d:Representation id=\"1\"><d:SegmentTemplate media=\"m.mp4?q\"/></d:R"),
            "{after}"
        );
        assert_eq!(with_queries(text, |_| None).unwrap(), text);
        let (before, after) = marked(
            "<Period><AdaptationSet><Representation id=\"1\"><BaseURL>other</BaseURL>\
            </Representation></AdaptationSet></Period>",
        );
        assert_eq!(before, after);
        let (before, after) = marked(
            "<Period><AdaptationSet><SegmentTemplate media=\"../x.mp4\"/><Representation id=\"1\"/>\
            <Representation><SegmentList><SegmentURL media=\"/x.mp4\"/></SegmentList></Representation>\
            </AdaptationSet></Period>",
        );
        assert_eq!(before, after, "out of its directory");
    }

    #[test]
    fn attributes_of_others_keep_what_they_say() {
        let text = "<MPD mediaPresentationDuration=\"PT8S\" xmlns:n=\"urn:n\"><Period><AdaptationSet>\
            <Representation><SegmentTemplate n:media='b' x='a\"b' media='m.mp4#f'/></Representation>\
            </AdaptationSet></Period></MPD>";
        let after = with_queries(text, |_| Some("q".to_owned())).unwrap();
        let wanted = "n:media=\"b\" x=\"a&quot;b\" media=\"m.mp4?q#f\"/>";
        assert!(after.contains(wanted), "{after}");
    }

    #[test]
    fn names_that_would_be_long_are_refused() {
        let refused = |body: &str| {
            let text = format!(
                "<MPD mediaPresentationDuration=\"PT8S\"><Period><AdaptationSet>{body}</AdaptationSet></Period></MPD>"
            );
            let signed = with_queries(&text, |_| Some("q".to_owned()));
            assert!(matches!(signed, Err(MpdError::LongName)), "{signed:?}");
            assert!(matches!(read(&text), Err(MpdError::LongName)));
        };
        let (long, half) = ("x".repeat(2_049), "x".repeat(1_100));
        let ids = "$RepresentationID$".repeat(2);
        refused(&format!("<SegmentTemplate media=\"{long}\"/><Representation/>"));
        refused(&format!("<SegmentTemplate media=\"{ids}\"/><Representation id=\"{half}\"/>"));
        refused(&format!("<Representation><BaseURL>{long}/</BaseURL></Representation>"));
        refused(&format!(
            "<BaseURL>{half}/</BaseURL><Representation><BaseURL>{half}/</BaseURL></Representation>"
        ));
    }

    #[test]
    fn what_would_become_too_long_is_refused() {
        let pattern = "x".repeat(2_000);
        let body = format!(
            "<Period><AdaptationSet><SegmentTemplate media=\"{pattern}\"/>{}</AdaptationSet></Period>",
            "<Representation/>".repeat(10_000)
        );
        let text = format!("<MPD mediaPresentationDuration=\"PT8S\">{body}</MPD>");
        let refused = with_queries(&text, |_| Some("q".to_owned()));
        assert!(matches!(refused, Err(MpdError::LongSigned)));
    }
}
