//! DASH manifests (ISO/IEC 23009-1), as far as an upload needs them: which files they name, and how
//! long they are played.
//!
//! Addresses follow the standard's inheritance, from the manifest down to the representation:
//! BaseURL, SegmentTemplate, SegmentList, SegmentBase. The same rules hold as for HLS: every file is
//! a relative path inside the manifest's own directory, and one that is not refuses the manifest.
//! Deliberately absent: manifests whose number of segments only time tells (live ones), remote
//! elements (xlink), and everything that only a player needs.

mod duration;
mod queries;
mod template;
mod xml;

use std::collections::HashSet;

use model::limits;

use crate::playlist::path::{self, PathError};
pub(crate) use queries::with_queries;
use template::{Template, Values};
use xml::Node;

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum MpdError {
    /// It is too long to look at.
    #[error("a manifest may have {} bytes", limits::PLAYLIST_BYTES_MAX)]
    TooLarge,
    /// An address in it is too long.
    #[error("an address in a manifest may have {} bytes", limits::MPD_NAME_BYTES_MAX)]
    LongName,
    /// It would be too long with a query behind every name.
    #[error(
        "with its names signed it would have more than {} bytes",
        limits::SIGNED_MANIFEST_BYTES_MAX
    )]
    LongSigned,
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

/// A manifest.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    /// The paths of all files that it names, each once, in their order.
    pub files: Vec<String>,
    /// How long it is in seconds; 0 if it does not say.
    pub duration_s: f64,
    /// The representations of its first period; those of later ones go on with them.
    pub representations: Vec<Representation>,
}

/// One form of the pictures or the sound.
#[derive(Debug, Default)]
pub(crate) struct Representation {
    /// The path of what must be read before the media.
    pub initialization: Option<String>,
    /// The paths of the media, in their order; one may stand twice.
    pub media: Vec<String>,
    /// How long they are in seconds; 0 if the manifest does not say.
    pub duration_s: f64,
}

/// What a file is to a representation.
#[derive(Clone, Copy)]
enum Role {
    Initialization,
    Media,
    Other,
}

/// Reads a manifest.
///
/// # Errors
/// As the type says.
pub(crate) fn read(text: &str) -> Result<Manifest, MpdError> {
    if text.len() > limits::PLAYLIST_BYTES_MAX {
        return Err(MpdError::TooLarge);
    }
    let root = xml::read(text)?;
    if root.name != "MPD" {
        return Err(MpdError::NoMpd);
    }
    let mut files = Files::default();
    let mut representations = Vec::new();
    let whole = Scope::default().within(&root)?;
    let lengths = duration::of_periods(&root);
    let duration_s = lengths.iter().flatten().sum();
    for (index, (period, length)) in root.children("Period").zip(lengths).enumerate() {
        let scope = Scope { length, ..whole.within(period)? };
        for set in period.children("AdaptationSet") {
            let scope = scope.within(set)?;
            for representation in set.children("Representation") {
                let listed = scope.within(representation)?.list(representation, &mut files)?;
                if index == 0 {
                    let duration_s = length.unwrap_or(0.0);
                    representations.push(Representation { duration_s, ..listed });
                }
            }
        }
    }
    Ok(Manifest { files: files.paths, duration_s, representations })
}

/// Paths, each once.
#[derive(Default)]
struct Files {
    /// How often one was named.
    named: usize,
    seen: HashSet<String>,
    paths: Vec<String>,
}

impl Files {
    /// The path of a reference.
    fn add(&mut self, base: &str, uri: &str) -> Result<String, MpdError> {
        self.named += 1;
        if self.named > limits::MPD_REFERENCES_MAX {
            return Err(MpdError::TooMany);
        }
        let path = resolve(base, uri)?;
        if !self.seen.contains(&path) {
            if self.paths.len() >= limits::PLAYLIST_SEGMENTS_MAX {
                return Err(MpdError::TooMany);
            }
            self.seen.insert(path.clone());
            self.paths.push(path.clone());
        }
        Ok(path)
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
            let joined = short(join(&self.base, short(base.text.trim())?))?;
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
    fn list(&self, node: &Node, files: &mut Files) -> Result<Representation, MpdError> {
        let values = Values {
            id: node.attribute("id").unwrap_or_default(),
            bandwidth: node.attribute("bandwidth").unwrap_or_default(),
        };
        let mut listed = Representation::default();
        if self.template.is_some() {
            let add = |role, uri: &str| {
                listed.add(role, files.add(&self.base, uri)?);
                Ok(())
            };
            self.template.list(values, self.length, add)?;
            return Ok(listed);
        }
        if let Some(list) = self.list {
            self.add_index(list, files, &mut listed)?;
            for segment in list.children("SegmentURL") {
                let path = match segment.attribute("media") {
                    Some(uri) => files.add(&self.base, uri)?,
                    None => files.add("", &self.base)?,
                };
                listed.add(Role::Media, path);
                if let Some(uri) = segment.attribute("index") {
                    files.add(&self.base, uri)?;
                }
            }
            return Ok(listed);
        }
        if let Some(single) = self.single {
            self.add_index(single, files, &mut listed)?;
        }
        if self.has_base {
            listed.add(Role::Media, files.add("", &self.base)?);
        }
        Ok(listed)
    }

    /// Initialization and index of SegmentList and SegmentBase; without sourceURL they are parts of
    /// the media itself.
    fn add_index(
        &self,
        node: &Node,
        files: &mut Files,
        listed: &mut Representation,
    ) -> Result<(), MpdError> {
        for (name, role) in [
            ("Initialization", Role::Initialization),
            ("RepresentationIndex", Role::Other),
            ("BitstreamSwitching", Role::Other),
        ] {
            if let Some(uri) = node.child(name).and_then(|child| child.attribute("sourceURL")) {
                listed.add(role, files.add(&self.base, uri)?);
            }
        }
        Ok(())
    }
}

impl Representation {
    fn add(&mut self, role: Role, path: String) {
        match role {
            Role::Initialization => self.initialization = Some(path),
            Role::Media => self.media.push(path),
            Role::Other => {}
        }
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

/// A name that is not too long to be made again and again.
fn short<N: AsRef<str>>(name: N) -> Result<N, MpdError> {
    let is_short = name.as_ref().len() <= limits::MPD_NAME_BYTES_MAX;
    if is_short { Ok(name) } else { Err(MpdError::LongName) }
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
