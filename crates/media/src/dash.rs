//! DASH manifests (ISO/IEC 23009-1), as far as an upload needs them: which files they name.
//!
//! Addresses follow the standard's inheritance, from the manifest down to the representation:
//! BaseURL, SegmentTemplate, SegmentList, SegmentBase. The same rules hold as for HLS: every file is
//! a relative path inside the manifest's own directory, and one that is not refuses the manifest.
//! Deliberately absent: manifests whose number of segments only time tells (live ones), remote
//! elements (xlink), and everything that only a player needs.

mod duration;
mod template;
mod xml;

use std::collections::HashSet;

use model::limits;

use crate::playlist::path::{self, PathError};
use template::{Template, Values};
use xml::Node;

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum MpdError {
    /// It is too long to look at.
    #[error("a manifest may have {} bytes", limits::PLAYLIST_BYTES_MAX)]
    TooLarge,
    /// It is no XML, or has a document type.
    #[error("it is no XML document without a document type: {0}")]
    Xml(String),
    /// Its elements nest too deep.
    #[error("its elements nest deeper than {} levels", limits::MPD_DEPTH_MAX)]
    TooDeep,
    /// The root is another one.
    #[error("the root element is not MPD")]
    NoMpd,
    /// It names too many files.
    #[error("a manifest may name {} files", limits::PLAYLIST_SEGMENTS_MAX)]
    TooMany,
    /// An element is to be fetched from elsewhere.
    #[error("elements that are fetched from elsewhere (xlink) are not supported")]
    Remote,
    /// A reference that is refused.
    #[error("{uri}: {reason}")]
    Reference {
        /// The reference, shortened.
        uri: String,
        /// Why.
        reason: PathError,
    },
    /// A template or a number that cannot be read.
    #[error("{0} cannot be read")]
    Value(&'static str),
    /// How many segments there are is not said.
    #[error("the manifest does not say how long a period is, so its segments cannot be counted")]
    Endless,
}

/// The paths of all files that a manifest names, each once, in their order.
///
/// # Errors
/// As the type says.
pub(crate) fn files(text: &str) -> Result<Vec<String>, MpdError> {
    if text.len() > limits::PLAYLIST_BYTES_MAX {
        return Err(MpdError::TooLarge);
    }
    let root = xml::read(text)?;
    if root.name != "MPD" {
        return Err(MpdError::NoMpd);
    }
    let mut files = Files::default();
    let whole = Scope::default().within(&root)?;
    let lengths = duration::of_periods(&root);
    for (period, length) in root.children("Period").zip(lengths) {
        let scope = Scope { length, ..whole.within(period)? };
        for set in period.children("AdaptationSet") {
            let scope = scope.within(set)?;
            for representation in set.children("Representation") {
                scope.within(representation)?.list(representation, &mut files)?;
            }
        }
    }
    Ok(files.paths)
}

/// Paths, each once.
#[derive(Default)]
struct Files {
    seen: HashSet<String>,
    paths: Vec<String>,
}

impl Files {
    fn add(&mut self, base: &str, uri: &str) -> Result<(), MpdError> {
        let path = resolve(base, uri)?;
        if !self.seen.contains(&path) {
            if self.paths.len() >= limits::PLAYLIST_SEGMENTS_MAX {
                return Err(MpdError::TooMany);
            }
            self.seen.insert(path.clone());
            self.paths.push(path);
        }
        Ok(())
    }
}

/// What an element inherits.
#[derive(Clone, Default)]
struct Scope<'a> {
    /// BaseURL, joined; its last segment counts only for a file of its own.
    base: String,
    has_base: bool,
    /// Seconds of the period.
    length: Option<f64>,
    template: Template<'a>,
    list: Option<&'a Node>,
    single: Option<&'a Node>,
}

impl<'a> Scope<'a> {
    /// The scope of an element inside this one.
    fn within(&self, node: &'a Node) -> Result<Self, MpdError> {
        let mut scope = self.clone();
        if node.attribute("href").is_some() {
            return Err(MpdError::Remote);
        }
        for (index, base) in node.children("BaseURL").enumerate() {
            let joined = join(&self.base, base.text.trim());
            // a directory is no file: what is asked is whether files in it would be in the tree
            resolve(&joined, "file")?;
            if index == 0 {
                scope.base = joined;
                scope.has_base = true;
            }
        }
        if let Some(template) = node.child("SegmentTemplate") {
            scope.template = scope.template.overridden(template)?;
        }
        for (name, place) in [("SegmentList", &mut scope.list), ("SegmentBase", &mut scope.single)]
        {
            *place = node.child(name).or(*place);
        }
        if scope.list.is_some_and(|list| list.attribute("href").is_some()) {
            return Err(MpdError::Remote);
        }
        Ok(scope)
    }

    /// The files of a representation.
    fn list(&self, representation: &Node, files: &mut Files) -> Result<(), MpdError> {
        let values = Values {
            id: representation.attribute("id").unwrap_or_default(),
            bandwidth: representation.attribute("bandwidth").unwrap_or_default(),
        };
        if self.template.is_some() {
            return self.template.list(values, self.length, |uri| files.add(&self.base, uri));
        }
        if let Some(list) = self.list {
            self.add_index(list, files)?;
            for segment in list.children("SegmentURL") {
                match segment.attribute("media") {
                    Some(uri) => files.add(&self.base, uri)?,
                    None => files.add("", &self.base)?,
                }
                if let Some(uri) = segment.attribute("index") {
                    files.add(&self.base, uri)?;
                }
            }
            return Ok(());
        }
        if let Some(single) = self.single {
            self.add_index(single, files)?;
        }
        if self.has_base { files.add("", &self.base) } else { Ok(()) }
    }

    /// Initialization and index of SegmentList and SegmentBase; without sourceURL they are parts of
    /// the media itself.
    fn add_index(&self, node: &Node, files: &mut Files) -> Result<(), MpdError> {
        for name in ["Initialization", "RepresentationIndex", "BitstreamSwitching"] {
            if let Some(uri) = node.child(name).and_then(|child| child.attribute("sourceURL")) {
                files.add(&self.base, uri)?;
            }
        }
        Ok(())
    }
}

/// A reference in the place of another's last segment, as URLs are joined; one with a scheme or from
/// the root replaces all of it, and is then refused.
fn join(base: &str, uri: &str) -> String {
    let replaces = uri.starts_with('/') || matches!(path::inside("", uri), Err(PathError::Url));
    match base.rsplit_once('/') {
        Some((directory, _)) if !replaces => format!("{directory}/{uri}"),
        _ => uri.to_owned(),
    }
}

fn resolve(base: &str, uri: &str) -> Result<String, MpdError> {
    const SHOWN_CHARS_MAX: usize = 100;
    let joined = join(base, uri);
    path::inside("", &joined).map_err(|reason| MpdError::Reference {
        uri: joined.chars().take(SHOWN_CHARS_MAX).collect(),
        reason,
    })
}

#[cfg(test)]
mod tests;
