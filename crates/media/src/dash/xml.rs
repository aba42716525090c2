//! The elements of a manifest that name files, as a small tree.
//!
//! Everything else is passed over while reading. No document type is accepted, so no entities can
//! be defined; depth and length are bounded.

use model::limits;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::MpdError;

/// How an element of xlink says where it is to be fetched from.
const HREF: &[u8] = b"href";

/// An element, by its local name.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    /// Its own text.
    pub(super) text: String,
    attributes: Vec<(String, String)>,
    children: Vec<Self>,
}

impl Node {
    /// The attribute of that local name.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(found, _)| found == name).map(|(_, value)| &**value)
    }

    /// The children of that name.
    pub(super) fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// All children, in their order.
    pub(super) fn all(&self) -> &[Self] {
        &self.children
    }

    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    fn open(start: &BytesStart<'_>) -> Result<Self, MpdError> {
        let name = text(start.local_name().as_ref())?;
        let mut attributes = Vec::new();
        // duplicates are not looked for: the search is quadratic, and the first one counts
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| MpdError::Xml(error.to_string()))?;
            // those of other namespaces are none of the standard's, but for xlink's
            let local = attribute.key.local_name();
            if attribute.key.prefix().is_some() && local.as_ref() != HREF {
                continue;
            }
            let value = attribute.unescape_value().map_err(|e| MpdError::Xml(e.to_string()))?;
            attributes.push((text(local.as_ref())?, value.into_owned()));
        }
        Ok(Self { name, attributes, ..Self::default() })
    }
}

/// Reads a document; its root.
pub(super) fn read(document: &str) -> Result<Node, MpdError> {
    let xml = |error: quick_xml::Error| MpdError::Xml(error.to_string());
    let mut reader = Reader::from_str(document);
    let mut open: Vec<Node> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().map_err(xml)? {
            Event::Start(start) => {
                if open.len() >= limits::MPD_DEPTH_MAX {
                    return Err(MpdError::TooDeep);
                }
                open.push(Node::open(&start)?);
            }
            Event::Empty(start) => close(Node::open(&start)?, &mut open, &mut root)?,
            Event::End(_) => {
                let node = open.pop().ok_or_else(|| broken("an end without a beginning"))?;
                close(node, &mut open, &mut root)?;
            }
            Event::Text(piece) => {
                if let Some(node) = open.last_mut() {
                    node.text.push_str(&text(&piece)?);
                }
            }
            Event::CData(piece) => {
                if let Some(node) = open.last_mut() {
                    node.text.push_str(&text(&piece)?);
                }
            }
            Event::GeneralRef(entity) => {
                let name = text(&entity)?;
                let escaped = format!("&{name};");
                let value = quick_xml::escape::unescape(&escaped);
                let value = value.map_err(|error| MpdError::Xml(error.to_string()))?;
                if let Some(node) = open.last_mut() {
                    node.text.push_str(&value);
                }
            }
            Event::DocType(_) => return Err(broken("a document type")),
            Event::Eof if open.is_empty() => {
                return root.ok_or_else(|| broken("no element"));
            }
            Event::Eof => return Err(broken("it ends within an element")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn close(node: Node, open: &mut [Node], root: &mut Option<Node>) -> Result<(), MpdError> {
    match open.last_mut() {
        Some(parent) => parent.children.push(node),
        None if root.is_none() => *root = Some(node),
        None => return Err(broken("a second root")),
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<String, MpdError> {
    String::from_utf8(bytes.to_vec()).map_err(|error| MpdError::Xml(error.to_string()))
}

fn broken(what: &str) -> MpdError {
    MpdError::Xml(what.to_owned())
}
