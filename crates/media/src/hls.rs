//! HLS at CommitUpload: whether everything that a playlist names is there, and what it adds up to.
//!
//! The tree of a playlist is the session's directory. A master playlist is followed one level, as HLS
//! knows no more. What cannot be read as HLS is committed like any other unreadable file, without
//! metadata. Deliberately absent: DASH, and joining a map with its segment for the probe: the map
//! alone tells the streams, but not their frame rate.

use std::collections::{HashMap, HashSet};

use model::{Application, limits};
use tokio::io::AsyncReadExt;

use crate::error::{CommitUploadError, Fault};
use crate::library::Library;
use crate::playlist::{self, MediaPlaylist, Playlist, path};
use crate::probe::MetaData;
use crate::record::{Object, Session};

/// The MediaType that says HLS.
pub(crate) const MEDIA_TYPE: &str = "m3u8";

/// What an upload adds up to.
struct Tree<'a> {
    directory: &'a str,
    objects: HashMap<String, Object>,
    /// Paths that were counted.
    counted: HashSet<String>,
    bytes: u64,
}

impl Tree<'_> {
    /// The object at a path, counted once.
    fn take(&mut self, path: &str) -> Result<Object, CommitUploadError> {
        let key = format!("{}/{path}", self.directory);
        let Some(object) = self.objects.get(&key) else {
            return Err(CommitUploadError::NotUploaded(key));
        };
        if self.counted.insert(path.to_owned()) {
            self.bytes = self.bytes.saturating_add(object.size);
        }
        Ok(object.clone())
    }
}

impl Library {
    /// The metadata of an uploaded playlist with its segments; none: it is no playlist that is read
    /// here.
    ///
    /// # Errors
    /// A file that it names was not uploaded: the first of them.
    pub(crate) async fn hls_meta(
        &self,
        application: &Application,
        session: &Session,
    ) -> Result<Option<MetaData>, CommitUploadError> {
        let directory = session.directory.as_str();
        let Some(top) = session.media_key.strip_prefix(directory) else { return Ok(None) };
        let top = top.trim_start_matches('/');
        let objects = self.objects_of(application.id, session.file).await?;
        let objects = objects.into_iter().map(|(key, object)| (key.id, object)).collect();
        let mut tree = Tree { directory, objects, counted: HashSet::new(), bytes: 0 };
        let object = tree.take(top)?;
        let playlists = match self.read_playlist(top, &object).await? {
            None => return Ok(None),
            Some(Playlist::Media(media)) => vec![media],
            Some(Playlist::Master(master)) => {
                let master = Playlist::Master(master);
                let files = master.files();
                if files.len() > limits::HLS_PLAYLISTS_MAX {
                    return Ok(None);
                }
                let Playlist::Master(named) = &master else { return Ok(None) };
                let mut playlists = Vec::new();
                for path in files {
                    let object = tree.take(path)?;
                    if named.playlists.iter().any(|playlist| playlist.path == path) {
                        let Some(Playlist::Media(media)) =
                            self.read_playlist(path, &object).await?
                        else {
                            return Ok(None);
                        };
                        playlists.push(media);
                    }
                }
                playlists
            }
        };
        let mut duration = 0.0_f64;
        let mut first = None;
        for media in playlists {
            duration = duration.max(media.duration().as_secs_f64());
            let sample = sample(&media);
            for path in Playlist::Media(media).files() {
                tree.take(path)?;
            }
            first = first.or(sample);
        }
        let streams = match first {
            Some(path) => {
                let object = tree.take(&path)?;
                self.probed(session, &object).await?
            }
            None => None,
        };
        Ok(Some(summed(streams.unwrap_or_default(), tree.bytes, duration)))
    }

    /// A playlist in the tree; none: it is none.
    async fn read_playlist(&self, path: &str, object: &Object) -> Result<Option<Playlist>, Fault> {
        if usize::try_from(object.size).map_or(true, |size| size > limits::PLAYLIST_BYTES_MAX) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.open(object, 0, object.size).await?.read_to_end(&mut bytes).await?;
        let Ok(text) = String::from_utf8(bytes) else { return Ok(None) };
        let base = path::directory(path).to_owned();
        // the largest takes longer than a thread that serves others should be held
        let parsed = tokio::task::spawn_blocking(move || {
            playlist::parse(&text, |reference: &str| path::inside(&base, reference))
        });
        Ok(parsed.await.ok().and_then(Result::ok))
    }
}

/// The file that tells the streams.
fn sample(media: &MediaPlaylist) -> Option<String> {
    let segment = media.segments.iter().find(|segment| !segment.gap)?;
    let file = segment.map.as_ref().map_or(&segment.file, |map| &map.file);
    Some(file.path.clone())
}

/// One file's streams with the sums of all files.
fn summed(streams: MetaData, size: u64, duration: f64) -> MetaData {
    let of = |any: bool| if any { duration } else { 0.0 };
    MetaData {
        size,
        container: "hls".to_owned(),
        duration,
        video_duration: of(!streams.video_streams.is_empty()),
        audio_duration: of(!streams.audio_streams.is_empty()),
        ..streams
    }
}
