//! From what a call names, an address or a file, to a playlist whose segments can be taken.

use std::sync::Arc;

use model::{AppId, FileId};
use percent_encoding::percent_decode_str;
use queue::RecordKey;
use wire::action::FastEditMediaFileInfo;

use super::list::date_of;
use super::{Taken, serve, value};
use crate::error::ClipError;
use crate::library::Library;
use crate::place;
use crate::playlist::{self, MediaPlaylist, Playlist, path};
use crate::probe::MetaData;
use crate::record::{self, Hold, Media, Object, Origin};

/// A media whose segments are to be taken, as it was looked at.
#[derive(Clone)]
pub(crate) struct Input {
    /// Its file.
    pub file: FileId,
    /// Its bucket.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// The key of the playlist.
    pub playlist: String,
    /// Which segment of it is the first of `list`: another one, if a clip that is not kept was named.
    pub first: usize,
    /// The playlist; its paths are seen from `directory`.
    pub list: Arc<MediaPlaylist>,
    /// Where its files are: its own directory, or, while it is itself an unfinished clip, those of
    /// its sources.
    pub origins: Vec<Origin>,
    /// Whether paths begin with the number of an origin.
    pub is_numbered: bool,
    /// What is known of its streams.
    pub meta: Option<MetaData>,
    /// How it is named.
    pub name: String,
    /// Whether it is kept from being served: then its clips are too.
    pub forbidden: bool,
    /// The media with its version, and what holds each origin: to be expected by a commit.
    pub expect: Vec<(RecordKey, Option<u64>)>,
    /// The holds in the order of the origins.
    pub holds: Vec<Hold>,
}

/// Who wants a playlist to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// Somebody with a key.
    Known,
    /// Anybody.
    Stranger,
}

impl Input {
    /// Where a path of the playlist leads: which origin, and the path in its directory.
    pub(crate) fn find<'a>(&self, path: &'a str) -> Option<(&Origin, &'a str)> {
        if !self.is_numbered {
            return Some((self.origins.first()?, path));
        }
        let (nth, rest) = path.split_once('/')?;
        Some((self.origins.get(nth.parse::<usize>().ok()?)?, rest))
    }
}

impl Library {
    /// The input at an address of ours.
    pub(super) async fn input_at(&self, app: AppId, url: &str) -> Result<Input, ClipError> {
        let (bucket, key) = self.place_of(url).ok_or(ClipError::Url)?;
        if place::application_of(&bucket, self.settings.account) != Some(app) {
            return Err(ClipError::Url);
        }
        let file = self.file_at(app, &key).await?.ok_or(ClipError::Url)?;
        self.input(app, file, Some(key)).await?.ok_or(ClipError::Url)
    }

    /// The input that an element of FileInfos names. `others` are those before it: a file that is
    /// named again is not looked at again, or one commit would rest on two states of it.
    pub(super) async fn input_of(
        &self,
        app: AppId,
        nth: usize,
        info: &FastEditMediaFileInfo,
        others: &[Taken],
    ) -> Result<Input, ClipError> {
        let member = |name: &str| format!("FileInfos.{nth}.{name}");
        match info.audio_video_type.as_str() {
            "Original" => {}
            "Transcode" => {
                let reason = "nothing is transcoded here, so no media has outputs of templates";
                return Err(value(&member("AudioVideoType"), reason));
            }
            other => {
                let reason = format!("`{other}` is neither Original nor Transcode");
                return Err(value(&member("AudioVideoType"), &reason));
            }
        }
        let unknown = || value(&member("FileId"), "no media has this id");
        let file: FileId = info.file_id.parse().map_err(|_not_an_id| unknown())?;
        if let Some(known) = others.iter().find(|other| other.input.file == file) {
            return Ok(known.input.clone());
        }
        match self.input(app, file, None).await {
            Ok(found) => found.ok_or_else(unknown),
            Err(ClipError::NoHls) => {
                Err(value(&member("FileId"), "the media is no HLS that can be read"))
            }
            Err(error) => Err(error),
        }
    }

    /// The media of a file with the playlist at `key`, by default its own; none: there is none.
    async fn input(
        &self,
        app: AppId,
        file: FileId,
        key: Option<String>,
    ) -> Result<Option<Input>, ClipError> {
        let media_key = record::media_key(app, file);
        let media: Option<(Media, u64)> = self.one(media_key.clone()).await?;
        let Some((media, version)) = media else { return Ok(None) };
        let Some(original) = media.original.clone() else { return Ok(None) };
        let playlist = key.unwrap_or(original);
        if !place::is_within(&playlist, &media.directory) {
            return Ok(None);
        }
        let found = match self.list_at(app, (&media, &playlist), Asker::Known).await? {
            Some(list) => Some((playlist, 0, list)),
            None => self.part_at(app, &media, &playlist).await?,
        };
        let Some((playlist, first, list)) = found else { return Ok(None) };
        let (origins, is_numbered) = match &media.copying {
            Some(copying) => (copying.sources.clone(), true),
            None => (vec![Origin { file, directory: media.directory.clone() }], false),
        };
        let mut expect = vec![(media_key, Some(version))];
        let mut holds = Vec::with_capacity(origins.len());
        for origin in &origins {
            let hold_key = record::hold_key(app, origin.file);
            let hold: Option<(Hold, u64)> = self.one(hold_key.clone()).await?;
            let (hold, version) = hold.unzip();
            expect.push((hold_key, version));
            holds.push(hold.unwrap_or_default());
        }
        Ok(Some(Input {
            file,
            forbidden: media.forbidden,
            bucket: media.bucket,
            region: media.region,
            playlist,
            first,
            list,
            origins,
            is_numbered,
            meta: media.meta,
            name: media.about.name,
            expect,
            holds,
        }))
    }

    /// The media playlist at a key of a media; none: nothing is there. Who shows no key needs a turn to
    /// have it read.
    pub(super) async fn list_at(
        &self,
        app: AppId,
        (media, key): (&Media, &str),
        asker: Asker,
    ) -> Result<Option<Arc<MediaPlaylist>>, ClipError> {
        let object: Option<(Object, u64)> = self.one(record::object_key(app, key)).await?;
        let Some((object, _)) = object else { return Ok(None) };
        if let Some(list) = self.lists.get(&object.stored) {
            return Ok(Some(list));
        }
        let turn = match asker {
            Asker::Known => None,
            Asker::Stranger => Some(self.lists.reading().await?),
        };
        let Some(text) = self.manifest_text(&object).await? else { return Err(ClipError::NoHls) };
        let (base, text_bytes) = (directory_in(&media.directory, key), text.len());
        let read = move || {
            let _turn = turn;
            playlist::parse(&text, |uri: &str| path::inside(&base, uri))
        };
        // the largest takes longer than a thread that serves others should be held
        let read = tokio::task::spawn_blocking(read).await;
        match read.ok().and_then(Result::ok) {
            Some(Playlist::Media(list)) => {
                let list = Arc::new(list);
                self.lists.keep(&object.stored, &list, text_bytes);
                Ok(Some(list))
            }
            Some(Playlist::Master(_)) => Err(ClipError::Master),
            None => Err(ClipError::NoHls),
        }
    }

    /// The clip that a key names without being kept: the playlist that it is of, the number of its
    /// first segment there, and its segments.
    async fn part_at(
        &self,
        app: AppId,
        media: &Media,
        key: &str,
    ) -> Result<Option<(String, usize, Arc<MediaPlaylist>)>, ClipError> {
        let Some((base, range)) = serve::part_of(key) else { return Ok(None) };
        let Some(list) = self.list_at(app, (media, &base), Asker::Known).await? else {
            return Ok(None);
        };
        let Some(segments) = list.segments.get(range.clone()) else { return Ok(None) };
        let (mut segments, date) = (segments.to_vec(), date_of(&list, range.start));
        if let Some(first) = segments.first_mut() {
            first.date = date;
        }
        let part = MediaPlaylist {
            version: list.version,
            target_duration_s: list.target_duration_s,
            media_sequence: list.sequence_of(range.start),
            ended: list.ended,
            segments,
            others: list.others.clone(),
        };
        Ok(Some((base, range.start, Arc::new(part))))
    }

    /// Bucket and key of an address under which media are served here: by the host that clients are
    /// told, or by one that means this machine.
    fn place_of(&self, url: &str) -> Option<(String, String)> {
        let (scheme, rest) = url.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return None;
        }
        let (authority, path) = rest.split_once('/')?;
        let own = self.settings.public_url.split_once("://").map_or("", |(_, rest)| rest);
        let (own, below) = own.split_once('/').unwrap_or((own, ""));
        let asked = host(authority);
        if !asked.eq_ignore_ascii_case(host(own)) && !is_loopback(asked) {
            return None;
        }
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = path.strip_prefix(below).unwrap_or(path).trim_start_matches('/');
        let (bucket, key) = path.strip_prefix("media/")?.split_once('/')?;
        let key = percent_decode_str(key).decode_utf8().ok()?;
        Some((bucket.to_owned(), key.into_owned()))
    }
}

/// The directory, within that of a media, in which a key lies.
pub(super) fn directory_in(media: &str, key: &str) -> String {
    path::directory(place::relative(key, media).unwrap_or_default()).to_owned()
}

/// The host of an authority without its port.
fn host(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Whether a host means the machine that says it.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
