//! ParseStreamingManifest: which files belong to a manifest that a client is about to upload.
//!
//! The upload clients send a manifest's text, and then upload every file of the answer into the
//! directory of the upload, under the path given here; manifests among them they send again. So the
//! answer must hold every file that a player will ask for, and no path that leads elsewhere.

use crate::dash::{self, MpdError};
use crate::playlist::{self, PlaylistError};

/// Which kind of manifest a text is (`ManifestType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestType {
    /// HLS.
    M3u8,
    /// DASH.
    Mpd,
}

/// A manifest that is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// An HLS playlist.
    #[error(transparent)]
    Playlist(#[from] PlaylistError),
    /// A DASH manifest.
    #[error(transparent)]
    Mpd(#[from] MpdError),
}

/// The relative paths of the files that a manifest names, each once, in their order.
///
/// # Errors
/// What is wrong with the manifest.
pub fn files(kind: ManifestType, text: &str) -> Result<Vec<String>, ManifestError> {
    match kind {
        ManifestType::M3u8 => {
            let inside = |reference: &str| playlist::path::inside("", reference);
            let playlist = playlist::parse(text, inside)?;
            Ok(playlist.files().into_iter().map(str::to_owned).collect())
        }
        ManifestType::Mpd => Ok(dash::read(text)?.files),
    }
}

/// The text of a DASH manifest in which every name that a player asks for has a query; `query` says which,
/// of a name as seen from the manifest's directory; none: it has none.
///
/// # Errors
/// What is wrong with the manifest, or that it would become too long.
pub fn with_queries(
    mpd: &str,
    query: impl Fn(&str) -> Option<String>,
) -> Result<String, ManifestError> {
    Ok(dash::with_queries(mpd, query)?)
}
