//! A playlist that is pulled: everything that it names is fetched, and the playlist is stored with the
//! names that the files have here.
//!
//! A file is called after the digest of its URL and of the FileId that it belongs to, so names never
//! lead anywhere, two pulls into one directory never meet, and after a restart what is there is found
//! again. The playlist itself is stored last: where it is, all of it is. What is stored is a recording,
//! whatever the source is: it ends where the playlist ended when it was fetched.
//!
//! A key with a format of its own is left where it is, because only a player can ask its server.
//! Deliberately absent: playlists of playlists of playlists, which HLS does not know.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use md5::{Digest, Md5};
use model::{FileId, limits};
use url::Url;

use super::sink::Sink;
use super::{Failure, FailureCode, Fetcher, Stop, What};
use crate::place;
use crate::playlist::{self, MediaPlaylist, PathError, Playlist, Problem};
use crate::record::{self, Object};

/// Extensions that files may keep; all others are served as mere bytes anyway.
const EXTENSIONS: [&str; 18] = [
    "ts", "m4s", "mp4", "m4v", "m4a", "aac", "mp3", "ac3", "ec3", "cmfv", "cmfa", "cmft", "vtt",
    "webvtt", "key", "jpg", "jpeg", "png",
];

/// A playlist as it came.
struct Text {
    /// What references in it are relative to.
    url: Url,
    text: String,
}

/// A playlist as it was read. Its paths are the digests of URLs, so that each URL is held once, however
/// often it is named.
struct Read {
    playlist: Playlist,
    urls: HashMap<String, String>,
}

/// A media playlist that waits for its files.
struct Variant {
    /// What it is called here.
    name: String,
    text: Text,
    /// The digests of what is left where it is.
    apart: HashSet<String>,
}

/// The files to be fetched: what they are called here, and where they are.
struct Plan {
    files: Vec<(String, String)>,
    seen: HashSet<String>,
    /// How many there may be.
    max: u64,
}

impl Fetcher<'_> {
    /// Fetches a playlist and everything that it names.
    pub(super) async fn hls(&self, url: &Url) -> Result<(), Stop> {
        let top = self.playlist(url, What::Media).await?;
        let mut plan = Plan { files: Vec::new(), seen: HashSet::new(), max: self.files_max() };
        let read = self.read(&top, What::Media).await?;
        match &read.playlist {
            Playlist::Media(media) => {
                let apart = plan.add(media, &read.urls, What::Media)?;
                self.segments(&plan).await?;
                self.store(&self.pull.media_key, &self.rewritten(&top, Some(&apart))).await
            }
            Playlist::Master(master) => {
                let distinct: HashSet<&str> =
                    master.playlists.iter().map(|reference| &*reference.path).collect();
                let max = limits::HLS_PLAYLISTS_MAX;
                if distinct.len() > max {
                    return Err(bad(What::Media, format!("it names more than {max} playlists")));
                }
                let mut variants = Vec::new();
                for digest in distinct {
                    let url =
                        super::parsed(read.urls.get(digest).map_or("", |url| url), What::Media)?;
                    variants.push(self.variant(&url, &mut plan).await?);
                }
                self.segments(&plan).await?;
                for variant in &variants {
                    let key = place::join(&self.pull.directory, &variant.name);
                    let text = self.rewritten(&variant.text, Some(&variant.apart));
                    self.store(&key, &text).await?;
                }
                self.store(&self.pull.media_key, &self.rewritten(&top, None)).await
            }
        }
    }

    /// Fetches a playlist that a master playlist names, and plans what it names.
    async fn variant(&self, url: &Url, plan: &mut Plan) -> Result<Variant, Stop> {
        let what = What::Named(url);
        let text = self.playlist(url, what).await?;
        let read = self.read(&text, what).await?;
        let Playlist::Media(media) = &read.playlist else {
            return Err(bad(what, "it is a playlist of playlists, which only the first may be"));
        };
        let apart = plan.add(media, &read.urls, what)?;
        let digest = digest(self.pull.file, url.as_str());
        Ok(Variant { name: playlist_name(&digest), text, apart })
    }

    async fn segments(&self, plan: &Plan) -> Result<(), Stop> {
        let count = u64::try_from(plan.files.len()).unwrap_or(u64::MAX);
        self.files.store(count, Ordering::Relaxed);
        let mut rest = plan.files.iter();
        let mut under_way = FuturesUnordered::new();
        loop {
            let room = limits::PULL_FILES_MAX.saturating_sub(under_way.len());
            under_way.extend(rest.by_ref().take(room).map(|file| Box::pin(self.segment(file))));
            let Some(ended) = under_way.next().await else { return Ok(()) };
            ended?;
            self.done.fetch_add(1, Ordering::Relaxed);
            self.report(0, None);
        }
    }

    async fn segment(&self, (name, text): &(String, String)) -> Result<(), Stop> {
        let url = super::parsed(text, What::Media)?;
        let key = place::join(&self.pull.directory, name);
        self.add(&key, (&url, What::Named(&url)), u64::MAX).await?;
        Ok(())
    }

    /// Fetches a playlist's text.
    async fn playlist(&self, url: &Url, what: What<'_>) -> Result<Text, Stop> {
        let mut sink = Sink::text(self.library);
        let max = u64::try_from(limits::PLAYLIST_BYTES_MAX).unwrap_or(u64::MAX);
        let max = max.min(
            limits::PULL_PLAYLISTS_BYTES_MAX.saturating_sub(self.texts.load(Ordering::Relaxed)),
        );
        let url = self.fill(&mut sink, (url, what), max).await?;
        if url.as_str().len() > limits::PULL_URL_BYTES_MAX {
            let max = limits::PULL_URL_BYTES_MAX;
            return Err(bad(what, format!("it was found at a URL of more than {max} bytes")));
        }
        self.texts.fetch_add(sink.size(), Ordering::Relaxed);
        let text = String::from_utf8(sink.into_text());
        let text = text.map_err(|_not_text| bad(what, "it is no playlist: it is not UTF-8"))?;
        Ok(Text { url, text })
    }

    async fn read(&self, fetched: &Text, what: What<'_>) -> Result<Read, Stop> {
        let (base, text, file) = (fetched.url.clone(), fetched.text.clone(), self.pull.file);
        let max = usize::try_from(self.files_max()).unwrap_or(usize::MAX);
        // the largest takes longer than a thread that serves others should be held
        let read = tokio::task::spawn_blocking(move || {
            let urls = RefCell::new(HashMap::new());
            let read = playlist::parse(&text, |reference| {
                let url = resolved(&base, reference)?;
                let digest = digest(file, &url);
                let mut urls = urls.borrow_mut();
                // one more than may be shows that there are too many
                if urls.len() <= max {
                    urls.insert(digest.clone(), url);
                }
                Ok(digest)
            });
            read.map(|playlist| Read { playlist, urls: urls.into_inner() })
        });
        let read = read.await.map_err(|_panicked| bad(what, "it cannot be read"))?;
        let read = read.map_err(|error| {
            if let Problem::Reference { uri, reason: PathError::Url } = &error.problem {
                let line = error.line;
                return bad(what, format!("line {line}: {uri}: it is neither http nor https"));
            }
            bad(what, error)
        })?;
        check_count(read.urls.len(), self.files_max())?;
        Ok(read)
    }

    fn files_max(&self) -> u64 {
        self.library.settings.session_objects_max
    }

    /// Stores a playlist, instead of one that was stored before a restart.
    async fn store(&self, key: &str, text: &str) -> Result<(), Stop> {
        let object_key = record::object_key(self.key.app, key);
        let known: Option<(Object, u64)> = self.library.one(object_key.clone()).await?;
        let written = self.library.written_object(self.pull.file, text.as_bytes());
        let (reserved, object) = Box::pin(written).await?;
        self.attach(object_key, (&object, reserved), known).await
    }

    /// A playlist with the names that its files have here. `apart` none: it is one of playlists.
    fn rewritten(&self, text: &Text, apart: Option<&HashSet<String>>) -> String {
        playlist::rewrite(&text.text, apart.is_some(), |uri| {
            // what the parser did not resolve is for the player alone
            let url = resolved(&text.url, uri).ok()?;
            let digest = digest(self.pull.file, &url);
            Some(match apart {
                None => playlist_name(&digest),
                Some(apart) if apart.contains(&digest) => url,
                Some(_) => local(&digest, &url),
            })
        })
    }
}

impl Plan {
    /// Plans the files of a playlist, each once; the digests of what is left where it is.
    fn add(
        &mut self,
        media: &MediaPlaylist,
        urls: &HashMap<String, String>,
        what: What<'_>,
    ) -> Result<HashSet<String>, Stop> {
        if media.segments.is_empty() {
            return Err(bad(what, "it names no segment"));
        }
        let apart = kept_apart(media);
        for digest in media.needed() {
            if let Some(url) = urls.get(digest).filter(|_| !apart.contains(digest))
                && self.seen.insert(digest.to_owned())
            {
                self.files.push((local(digest, url), url.clone()));
                check_count(self.files.len(), self.max)?;
            }
        }
        Ok(apart)
    }
}

fn check_count(count: usize, max: u64) -> Result<(), Stop> {
    if u64::try_from(count).map_or(true, |count| count > max) {
        return Err(bad(What::Media, format!("it names more than {max} files")));
    }
    Ok(())
}

/// The URL that a reference means.
fn resolved(base: &Url, reference: &str) -> Result<String, PathError> {
    if reference.contains("{$") {
        return Err(PathError::Variable);
    }
    let mut url = base.join(reference).map_err(|_no_url| PathError::Url)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(PathError::Url);
    }
    url.set_fragment(None);
    if url.as_str().len() > limits::PULL_URL_BYTES_MAX {
        return Err(PathError::TooLong);
    }
    Ok(url.into())
}

/// The keys with a format of their own.
fn kept_apart(media: &MediaPlaylist) -> HashSet<String> {
    let of_segments = media.segments.iter().flat_map(|segment| {
        let of_map = segment.map.iter().flat_map(|map| map.keys.iter());
        segment.keys.iter().chain(of_map)
    });
    let apart = of_segments.filter(|key| !key.format.eq_ignore_ascii_case("identity"));
    apart.filter_map(|key| key.file()).map(|reference| reference.path.clone()).collect()
}

/// What the files of a pull are told apart by: a URL, and the file that it is fetched for, because a
/// directory may be shared.
fn digest(file: FileId, url: &str) -> String {
    hex::encode(Md5::digest(format!("{file} {url}")))
}

fn playlist_name(digest: &str) -> String {
    format!("{digest}.m3u8")
}

/// What a file is called here, with its extension if that is a known one.
fn local(digest: &str, url: &str) -> String {
    let path = url.split('?').next().unwrap_or_default();
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let known = EXTENSIONS.iter().find(|known| known.eq_ignore_ascii_case(extension));
    format!("{digest}.{}", known.unwrap_or(&"bin"))
}

fn bad(what: What<'_>, why: impl std::fmt::Display) -> Stop {
    Stop::Failed(Failure::new(FailureCode::Source, what, why))
}
