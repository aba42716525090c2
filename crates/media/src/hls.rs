//! HLS: whether everything that a playlist names is there, and what it adds up to.
//!
//! The tree of a playlist is the media's directory. A master playlist is followed one level, as HLS
//! knows no more. What cannot be read as HLS is looked at like any other file.
//! Deliberately absent: what DASH does otherwise (`metadata::dash`).

use std::collections::HashMap;

use model::limits;

use crate::error::Fault;
use crate::library::Library;
use crate::metadata::{MetaDataError, Original};
use crate::playlist::{self, MediaPlaylist, Playlist, path};
use crate::probe::MetaData;
use crate::record::Object;

mod sample;
mod sum;

/// The MediaType that says HLS.
pub(crate) const MEDIA_TYPE: &str = "m3u8";

/// The playlists of a media, with the objects that they name.
#[derive(Debug, Default)]
pub(crate) struct Hls {
    /// Those with segments, in the order of the master.
    pub playlists: Vec<Named>,
    /// Bytes of the playlists themselves.
    pub playlist_bytes: u64,
    /// Every object that a playlist names or might name, by the path that the playlists' references
    /// resolve to.
    pub objects: HashMap<String, Object>,
}

/// A playlist with segments.
#[derive(Debug)]
pub(crate) struct Named {
    /// It.
    pub playlist: MediaPlaylist,
    /// It holds excerpts of another's pictures: for searching, not for watching.
    pub is_preview: bool,
}

impl Library {
    /// The metadata of a media whose original is a playlist; none: it is none that is read here.
    ///
    /// # Errors
    /// A file that it names is not stored: the first of them. Or the machine failed.
    pub(crate) async fn hls_metadata_of(
        &self,
        original: &Original<'_>,
    ) -> Result<Option<MetaData>, MetaDataError> {
        let Some(top) = original.path_of(original.media_key) else { return Ok(None) };
        let objects = self.objects_in(original).await?;
        let missing = |path: &str| original.missing(path);

        let object = objects.get(&top).ok_or_else(|| missing(&top))?;
        let mut hls = Hls { playlist_bytes: object.size, ..Hls::default() };
        match self.read_playlist(&top, object).await? {
            None => return Ok(None),
            Some(Playlist::Media(playlist)) => {
                hls.playlists.push(Named { playlist, is_preview: false });
            }
            Some(Playlist::Master(master)) => {
                let files = master.files();
                if files.len() > limits::HLS_PLAYLISTS_MAX {
                    return Ok(None);
                }
                let mut segments = 0_usize;
                for path in files {
                    let object = objects.get(path).ok_or_else(|| missing(path))?;
                    hls.playlist_bytes = hls.playlist_bytes.saturating_add(object.size);
                    if !master.playlists.iter().any(|playlist| playlist.path == path) {
                        continue;
                    }
                    let Some(Playlist::Media(playlist)) = self.read_playlist(path, object).await?
                    else {
                        return Ok(None);
                    };
                    segments = segments.saturating_add(playlist.segments.len());
                    if segments > limits::HLS_SEGMENTS_MAX {
                        return Ok(None);
                    }
                    let is_preview = master.previews.contains(path);
                    hls.playlists.push(Named { playlist, is_preview });
                }
            }
        }
        hls.objects = objects;
        self.hls_metadata(&hls).await.map(Some).map_err(|error| match error {
            MetaDataError::Missing(path) => missing(&path),
            fault @ MetaDataError::Fault(_) => fault,
        })
    }

    /// A playlist in the tree; none: it is none.
    async fn read_playlist(&self, path: &str, object: &Object) -> Result<Option<Playlist>, Fault> {
        let Some(text) = self.manifest_text(object).await? else { return Ok(None) };
        let base = path::directory(path).to_owned();
        // the largest takes longer than a thread that serves others should be held
        let parsed = tokio::task::spawn_blocking(move || {
            playlist::parse(&text, |reference: &str| path::inside(&base, reference))
        });
        Ok(parsed.await.ok().and_then(Result::ok))
    }
}
