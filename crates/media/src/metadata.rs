//! What is known about a media: the one way from its objects to its metadata.
//!
//! Uploads, pulls and clips come here alike, so that NewFileUpload, PullComplete and
//! DescribeMediaInfos show the same. A probe has its time; what it has not found by then is not
//! known. DASH is looked at like HLS, which has the same parts by other names. Absent: what the
//! metadata mean (`probe`), and how they are shown (`render`).

use std::collections::HashMap;
use std::fs::File;
use std::time::Duration;

use model::{AppId, FileId, limits};
use queue::RecordKey;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout_at};

use crate::error::{CommitUploadError, Fault};
use crate::hls;
use crate::library::Library;
use crate::place;
use crate::probe::MetaData;
use crate::record::{self, Object};

mod dash;

/// The MediaType that says DASH.
const DASH: &str = "mpd";

/// Which objects are a media.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Original<'a> {
    /// The application.
    pub app: AppId,
    /// The file that all objects belong to.
    pub file: FileId,
    /// Where the keys lie; no slash at either end. Empty: the root.
    pub directory: &'a str,
    /// The key of the file that is played: the playlist or manifest, if there is one.
    pub media_key: &'a str,
    /// The type, in lower case: `m3u8` is HLS, `mpd` is DASH.
    pub media_type: &'a str,
}

/// Why there is no metadata. What the objects contain is never a reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetaDataError {
    /// An object is missing: the media itself, or one that its playlist names.
    #[error("{0} is not stored")]
    Missing(String),
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<MetaDataError> for CommitUploadError {
    fn from(error: MetaDataError) -> Self {
        match error {
            MetaDataError::Missing(key) => Self::NotUploaded(key),
            MetaDataError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl Original<'_> {
    /// The path of a key from the directory; none: it lies elsewhere.
    pub(crate) fn path_of(&self, key: &str) -> Option<String> {
        place::relative(key, self.directory).map(str::to_owned)
    }

    /// The object at a path is missing.
    pub(crate) fn missing(&self, path: &str) -> MetaDataError {
        MetaDataError::Missing(place::join(self.directory, path))
    }
}

impl Library {
    /// The metadata of a media; none: nothing is known about it.
    ///
    /// # Errors
    /// An object is missing, or cannot be read.
    pub(crate) async fn metadata_of(
        &self,
        original: &Original<'_>,
    ) -> Result<Option<MetaData>, MetaDataError> {
        let found = match original.media_type {
            hls::MEDIA_TYPE => self.hls_metadata_of(original).await?,
            DASH => self.dash_metadata_of(original).await?,
            _ => None,
        };
        // what is called a playlist and is none may be a film
        if found.is_some() { Ok(found) } else { self.file_metadata_of(original).await }
    }

    /// The metadata of a media that is one file; none: nothing is known about it.
    async fn file_metadata_of(
        &self,
        original: &Original<'_>,
    ) -> Result<Option<MetaData>, MetaDataError> {
        let key = record::object_key(original.app, original.media_key);
        let object: Option<(Object, u64)> = self.one(key).await?;
        let Some((object, _)) = object else {
            return Err(MetaDataError::Missing(original.media_key.to_owned()));
        };
        let probing = async {
            let turn = self.probe.turn().await;
            let Some(input) = self.probe_input(&object).await? else { return Ok(None) };
            Ok::<_, Fault>(turn.meta_data(input).await?)
        };
        match timeout_at(probe_deadline(), probing).await {
            Ok(probed) => Ok(probed?),
            Err(_elapsed) => {
                tracing::warn!(file = %original.file, "no metadata: the probe was not done in time");
                Ok(None)
            }
        }
    }

    /// Every object of a media by its path.
    pub(crate) async fn objects_in(
        &self,
        original: &Original<'_>,
    ) -> Result<HashMap<String, Object>, Fault> {
        let objects = self.objects_of(original.app, original.file).await?;
        let by_path =
            |(key, object): (RecordKey, Object)| Some((original.path_of(&key.id)?, object));
        Ok(objects.into_iter().filter_map(by_path).collect())
    }

    /// The text of a playlist or manifest; none: it is none, or longer than they may be.
    pub(crate) async fn manifest_text(&self, object: &Object) -> Result<Option<String>, Fault> {
        if usize::try_from(object.size).map_or(true, |size| size > limits::PLAYLIST_BYTES_MAX) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.open(object, 0, object.size).await?.read_to_end(&mut bytes).await?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// An object as a probe looks at it; none: it would take too much to fetch.
    pub(crate) async fn probe_input(&self, object: &Object) -> Result<Option<File>, Fault> {
        Ok(self.objects.probe_input(&object.stored, object.size).await?)
    }
}

/// By when everything that is asked about one media must be known.
pub(crate) fn probe_deadline() -> Instant {
    Instant::now() + Duration::from_millis(limits::PROBE_WAIT_MS)
}
