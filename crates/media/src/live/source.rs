//! Where a live playlist is, and how it and what it names are read: by the way out like any pull, or
//! from files below one directory that the operator named.
//!
//! A path comes over the API, so it is followed only below that directory, after every link in it.

use std::io::SeekFrom;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use egress::{Client, Download, Fetch};
use model::{AppId, limits};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::follow::bare;
use crate::error::LiveError;
use crate::playlist::{self, ByteRange, PathError, Playlist, path};
use crate::pull::{PullSettings, unfetched};
use crate::settings::Live;

/// Bytes read of a file at once.
const READ_BYTES: usize = 256 * 1024;

/// Where a playlist is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On another server.
    Web(Url),
    /// A file below the directory for them.
    File(PathBuf),
}

/// Why something could not be read; in the words that the operator is told.
pub(super) type Unread = String;

impl Place {
    /// The place that a text names.
    pub(super) fn read(text: &str, settings: &Live) -> Result<Self, LiveError> {
        if text.len() > limits::LIVE_PLAYLIST_PLACE_BYTES_MAX {
            return Err(LiveError::Playlist("it is too long".to_owned()));
        }
        if text.starts_with('/') {
            let Some(directory) = &settings.directory else { return Err(LiveError::NoDirectory) };
            let path = PathBuf::from(text);
            return match within(directory, &path) {
                Ok(_) => Ok(Self::File(path)),
                Err(reason) => Err(LiveError::Playlist(reason)),
            };
        }
        let url = Url::parse(text)
            .map_err(|_no_url| LiveError::Playlist("it is neither a URL nor a path".to_owned()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(LiveError::Playlist("only http and https are followed".to_owned()));
        }
        Ok(Self::Web(url))
    }

    /// The playlist itself, as a text that [`Reader::open`] takes.
    pub(super) fn start(&self) -> Result<&str, Unread> {
        match self {
            Self::Web(url) => Ok(url.as_str()),
            Self::File(path) => {
                let name = path.file_name().and_then(|name| name.to_str());
                name.ok_or_else(|| "the path has no name".to_owned())
            }
        }
    }

    /// What a reference in the playlist at `base` leads to, as such a text.
    fn resolve(&self, base: &str, reference: &str) -> Result<String, PathError> {
        match self {
            Self::Web(_) => {
                let url = Url::parse(base).and_then(|base| base.join(reference));
                let url = url.map_err(|_no_url| PathError::Characters)?;
                if !matches!(url.scheme(), "http" | "https") {
                    return Err(PathError::Scheme);
                }
                let is_short = url.as_str().len() <= limits::PULL_URL_BYTES_MAX;
                is_short.then(|| url.into()).ok_or(PathError::TooLong)
            }
            Self::File(_) => path::inside(path::directory(base), reference),
        }
    }
}

/// Reads what belongs to one stream.
pub(super) struct Reader<'a> {
    pub client: &'a Client,
    pub app: AppId,
    pub place: &'a Place,
    pub live: &'a Live,
    pub pull: &'a PullSettings,
}

impl<'a> Reader<'a> {
    /// The playlist that `at` leads to.
    pub(super) async fn playlist(&self, at: &str) -> Result<Playlist, Unread> {
        let max = u64::try_from(limits::PLAYLIST_BYTES_MAX).unwrap_or(u64::MAX);
        let mut body = self.open(at, None, max).await?;
        // a redirect says where the files are, too
        let base = match &body.pieces {
            Pieces::Web(download) if download.url.as_str().len() > limits::PULL_URL_BYTES_MAX => {
                let (named, max) = (bare(at), limits::PULL_URL_BYTES_MAX);
                return Err(format!("{named}: it was found at a URL of more than {max} bytes"));
            }
            Pieces::Web(download) => download.url.to_string(),
            Pieces::File(_) => at.to_owned(),
        };
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().await? {
            bytes.extend_from_slice(&piece);
        }
        let place = self.place.clone();
        // the largest takes longer than a thread that serves others should be held
        let read = tokio::task::spawn_blocking(move || {
            let text = String::from_utf8(bytes);
            let text = text.map_err(|_binary| "the playlist is no text".to_owned())?;
            let read = playlist::parse(&text, |uri: &str| place.resolve(&base, uri));
            read.map_err(|error| error.to_string())
        });
        read.await.map_err(|error| error.to_string())?
    }

    /// What `at` leads to, or these bytes of it, of which no more than `max` are read.
    pub(super) async fn open(
        &self,
        at: &str,
        range: Option<ByteRange>,
        max: u64,
    ) -> Result<Body<'a>, Unread> {
        let deadline = Instant::now() + Duration::from_millis(limits::LIVE_READ_MS);
        // as the log and DescribeLiveStreams name it: the query of a URL may hold a token
        let named = bare(at);
        if range.is_some_and(|range| range.len > max) {
            return Err(format!("{named}: more than {max} bytes"));
        }
        let pieces = match self.place {
            Place::Web(_) => {
                let url = Url::parse(at).map_err(|error| format!("{named}: {error}"))?;
                let owner = Some(self.app.0);
                let part = range.map(|ByteRange { start, len }| {
                    start..=start.saturating_add(len.saturating_sub(1))
                });
                let patience = self.pull.patience;
                let fetch = Fetch { url, resume: None, part, owner, patience, deadline };
                let download = self.client.download(&fetch).await;
                Pieces::Web(Box::new(
                    download.map_err(|error| format!("{named}: {}", unfetched(&error)))?,
                ))
            }
            Place::File(playlist) => {
                let directory = self.live.directory.as_deref();
                let directory = directory.ok_or("media.live_directory is not set")?;
                let beside = playlist.parent().unwrap_or(directory);
                let path = within(directory, &beside.join(at))?;
                let open = async {
                    let mut file = tokio::fs::File::open(path).await?;
                    file.seek(SeekFrom::Start(range.map_or(0, |range| range.start))).await?;
                    Ok::<_, std::io::Error>(file)
                };
                let file = timeout_at(deadline, open).await;
                let file = file.map_err(|_late| format!("{named}: not in time"))?;
                Pieces::File(file.map_err(|error| format!("{named}: {error}"))?)
            }
        };
        let wanted = range.map(|range| range.len);
        Ok(Body { pieces, at: named.to_owned(), wanted, left: max, max, deadline })
    }
}

/// Bytes on their way here.
pub(super) struct Body<'a> {
    pieces: Pieces<'a>,
    at: String,
    /// How many bytes of the range are to come; none: all that there is was asked for.
    wanted: Option<u64>,
    left: u64,
    max: u64,
    deadline: Instant,
}

enum Pieces<'a> {
    Web(Box<Download<'a>>),
    File(tokio::fs::File),
}

impl Body<'_> {
    /// The next piece; none: that was all.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Unread> {
        if self.wanted == Some(0) {
            return Ok(None);
        }
        let at = &self.at;
        let piece = match &mut self.pieces {
            Pieces::Web(download) => {
                download.next().await.map_err(|error| format!("{at}: {error}"))?
            }
            Pieces::File(file) => {
                let mut buffer = BytesMut::with_capacity(READ_BYTES);
                let read = timeout_at(self.deadline, file.read_buf(&mut buffer)).await;
                let read = read.map_err(|_late| format!("{at}: not in time"))?;
                let len = read.map_err(|error| format!("{at}: {error}"))?;
                (len > 0).then(|| buffer.freeze())
            }
        };
        let Some(mut piece) = piece else {
            let is_cut = self.wanted.is_some();
            return if is_cut {
                Err(format!("{at}: it ends before its range does"))
            } else {
                Ok(None)
            };
        };
        if let Some(wanted) = self.wanted {
            piece.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
        }
        let len = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let max = self.max;
        self.left =
            self.left.checked_sub(len).ok_or_else(|| format!("{at}: more than {max} bytes"))?;
        self.wanted = self.wanted.map(|wanted| wanted.saturating_sub(len));
        Ok(Some(piece))
    }

    /// Whether so many bytes came.
    pub(super) fn check_least(&self, least: u64) -> Result<(), Unread> {
        let is_less = self.max - self.left < least;
        if is_less { Err(format!("{}: less than {least} bytes", self.at)) } else { Ok(()) }
    }
}

/// The file at a path, which must lie below the directory when every link was followed.
fn within(directory: &Path, path: &Path) -> Result<PathBuf, Unread> {
    const OUTSIDE: &str = "it does not lie below media.live_directory";
    // whether there is such a file elsewhere is nobody's business
    let leads_out = path.components().any(|part| part == Component::ParentDir);
    let is_inside = path.starts_with(directory) && !leads_out;
    let told = |error: std::io::Error| {
        if is_inside { format!("{}: {error}", path.display()) } else { OUTSIDE.to_owned() }
    };
    let (directory, path) =
        (directory.canonicalize().map_err(told)?, path.canonicalize().map_err(told)?);
    if !path.starts_with(&directory) {
        return Err(OUTSIDE.to_owned());
    }
    // anything else may never end, or never begin
    if path.is_file() { Ok(path) } else { Err("it is no file".to_owned()) }
}
