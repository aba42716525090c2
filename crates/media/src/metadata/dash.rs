//! DASH: whether everything that a manifest names is there, and what it adds up to.
//!
//! A representation is to the sums what a playlist is in HLS: an initialization and segments. Those
//! of the first period tell the streams. Deliberately absent: byte ranges, which players find by an
//! index; a file is looked at from its beginning.

use std::sync::Arc;
use std::time::Duration;

use super::{MetaDataError, Original};
use crate::dash::{self, Representation};
use crate::hls::{Hls, Named};
use crate::library::Library;
use crate::playlist::{Map, MediaPlaylist, Reference, Segment, path};
use crate::probe::{MetaData, bits_per_second};

impl Library {
    /// The metadata of a media whose original is a DASH manifest; none: it is none that is read here.
    ///
    /// # Errors
    /// A file that it names is not stored: the first of them. Or the machine failed.
    pub(super) async fn dash_metadata_of(
        &self,
        original: &Original<'_>,
    ) -> Result<Option<MetaData>, MetaDataError> {
        let Some(top) = original.path_of(original.media_key) else { return Ok(None) };
        let objects = self.objects_in(original).await?;
        let object = objects.get(&top).ok_or_else(|| original.missing(&top))?;
        let Some(text) = self.manifest_text(object).await? else { return Ok(None) };
        // the largest takes longer than a thread that serves others should be held
        let read = tokio::task::spawn_blocking(move || dash::read(&text));
        let Some(manifest) = read.await.ok().and_then(Result::ok) else { return Ok(None) };

        let base = path::directory(&top);
        let beside = |file: &str| match base {
            "" => file.to_owned(),
            base => format!("{base}/{file}"),
        };
        let mut size = object.size;
        for file in &manifest.files {
            let path = beside(file);
            let object = objects.get(&path).ok_or_else(|| original.missing(&path))?;
            size = size.saturating_add(object.size);
        }
        let as_playlist = |representation| Named {
            playlist: playlist(representation, beside),
            is_preview: false,
        };
        let playlists = manifest.representations.iter().map(as_playlist).collect();
        let streams = self.hls_metadata(&Hls { playlists, playlist_bytes: 0, objects }).await?;

        let duration = Duration::try_from_secs_f64(manifest.duration_s).unwrap_or_default();
        // streams last as long as the film, not as its first period
        let lasts = |some: bool| if some { duration.as_secs_f64() } else { 0.0 };
        Ok(Some(MetaData {
            size,
            container: "dash".to_owned(),
            bitrate: bits_per_second(size, Some(duration)).unwrap_or(0),
            duration: duration.as_secs_f64(),
            video_duration: lasts(!streams.video_streams.is_empty()),
            audio_duration: lasts(!streams.audio_streams.is_empty()),
            ..streams
        }))
    }
}

/// A representation as if it was a playlist. How long each segment is does not matter to the sums.
fn playlist(representation: &Representation, beside: impl Fn(&str) -> String) -> MediaPlaylist {
    let file = |uri: &String| Reference { uri: uri.clone(), path: beside(uri) };
    let map = representation
        .initialization
        .as_ref()
        .map(|uri| Arc::new(Map { file: file(uri), range: None, keys: Arc::new([]) }));
    let whole = Duration::try_from_secs_f64(representation.duration_s).unwrap_or_default();
    let segment = |(index, uri)| Segment {
        file: file(uri),
        range: None,
        duration: if index == 0 { whole } else { Duration::ZERO },
        title: String::new(),
        discontinuity: false,
        gap: false,
        map: map.clone(),
        keys: Arc::new([]),
        date: None,
    };
    MediaPlaylist {
        version: 1,
        target_duration_s: 0,
        media_sequence: 0,
        ended: true,
        segments: representation.media.iter().enumerate().map(segment).collect(),
        others: Vec::new(),
    }
}
