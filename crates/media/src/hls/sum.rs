//! What playlists and their segments add up to.
//!
//! Lengths are the playlists', sizes the objects', streams those of each playlist's first segment:
//! a whole film is never looked through. Averages follow from length and size, because one segment's
//! are not the film's.

use std::collections::HashSet;
use std::time::Duration;

use model::limits;
use tokio::time::timeout_at;

use super::{Hls, Named};
use crate::library::Library;
use crate::metadata::{MetaDataError, probe_deadline};
use crate::playlist::{ByteRange, MediaPlaylist};
use crate::probe::{Finding, MetaData, bits_per_second};

impl Library {
    /// What is known of playlists with their objects. Streams are those of all playlists, in their
    /// order; what is not known in time, is not there, or cannot be decrypted has none.
    ///
    /// # Errors
    /// An object is missing: the path of the first. Or the machine failed.
    pub(crate) async fn hls_metadata(&self, hls: &Hls) -> Result<MetaData, MetaDataError> {
        let mut size = hls.playlist_bytes;
        let mut counted = HashSet::new();
        for Named { playlist, .. } in &hls.playlists {
            for path in playlist.files() {
                let missing = || MetaDataError::Missing(path.to_owned());
                let object = hls.objects.get(path).ok_or_else(missing)?;
                if counted.insert(path) {
                    size = size.saturating_add(object.size);
                }
            }
        }
        let mut sum = Sum::default();
        let deadline = probe_deadline();
        let mut samples = 0..limits::HLS_SAMPLES_MAX;
        for named in hls.playlists.iter().filter(|named| !named.is_preview) {
            let streams = match samples.next() {
                Some(_) => timeout_at(deadline, self.sample_streams(hls, &named.playlist)).await,
                None => Ok(Ok(None)),
            };
            let streams = streams.unwrap_or_else(|_elapsed| {
                tracing::warn!("streams of a playlist are not told: no probe in time");
                Ok(None)
            })?;
            sum.add(hls, &named.playlist, streams);
        }
        Ok(sum.finish(size))
    }
}

/// The sums over playlists.
#[derive(Default)]
struct Sum {
    duration: Duration,
    streams: MetaData,
}

impl Sum {
    fn add(&mut self, hls: &Hls, playlist: &MediaPlaylist, streams: Option<Finding>) {
        let duration = playlist.duration();
        self.duration = self.duration.max(duration);
        let Some(streams) = streams else { return };
        let bytes = played_bytes(hls, playlist);
        let Some(meta) = of_whole(streams, duration).finish(bytes) else { return };
        let all = &mut self.streams;
        all.height = all.height.max(meta.height);
        all.width = all.width.max(meta.width);
        all.rotate = if all.rotate == 0 { meta.rotate } else { all.rotate };
        all.video_duration = all.video_duration.max(meta.video_duration);
        all.audio_duration = all.audio_duration.max(meta.audio_duration);
        all.video_streams.extend(meta.video_streams);
        all.audio_streams.extend(meta.audio_streams);
    }

    fn finish(self, size: u64) -> MetaData {
        MetaData {
            size,
            container: "hls".to_owned(),
            bitrate: bits_per_second(size, Some(self.duration)).unwrap_or(0),
            duration: self.duration.as_secs_f64(),
            ..self.streams
        }
    }
}

/// The streams of one segment as those of all: they last as long as the playlist, and the pictures
/// take what sound leaves of its bytes.
fn of_whole(sample: Finding, duration: Duration) -> Finding {
    let Finding { mut video, mut audio, .. } = sample;
    let alone = video.len() == 1;
    for stream in &mut video {
        stream.duration = None;
        stream.bitrate = stream.bitrate.filter(|_| !alone);
    }
    for stream in &mut audio {
        stream.duration = None;
    }
    Finding { duration: Some(duration), video, audio, ..Finding::default() }
}

/// Bytes of a playlist's segments, each once, however often it is played.
fn played_bytes(hls: &Hls, playlist: &MediaPlaylist) -> u64 {
    let mut counted: HashSet<(&str, Option<ByteRange>)> = HashSet::new();
    let mut bytes = 0_u64;
    for segment in playlist.segments.iter().filter(|segment| !segment.gap) {
        let path = segment.file.path.as_str();
        if counted.insert((path, segment.range)) {
            let whole = hls.objects.get(path).map_or(0, |object| object.size);
            let part = |range: ByteRange| range.len.min(whole.saturating_sub(range.start));
            bytes = bytes.saturating_add(segment.range.map_or(whole, part));
        }
    }
    bytes
}
