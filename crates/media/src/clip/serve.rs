//! Clips as players ask for them: playlists that are written on the spot, and segments that are still
//! another file's.
//!
//! `<playlist>.clip-<first>-<last>.m3u8` is the playlist of the segments `first` to `last`, counted
//! from 0, of `<playlist>.m3u8`, and lies beside it. Whoever can make up such an address knows that of
//! the whole, so it opens nothing that was closed.

use std::ops::Range;

use bytes::Bytes;
use model::{AppId, FileId, Timestamp};

use super::list::{self, Run};
use super::source::{Asker, directory_in};
use crate::digest::Summing;
use crate::error::{ClipError, Fault};
use crate::library::{Library, Served};
use crate::place;
use crate::record::{self, Media, Object};

const EXTENSION: &str = ".m3u8";
const MARK: &str = ".clip-";

/// The key of a clip of the playlist at `base`; none: that is no key of a playlist, or `range` is
/// empty.
pub(super) fn key(base: &str, range: &Range<usize>) -> Option<String> {
    let stem = base.strip_suffix(EXTENSION)?;
    let last = range.end.checked_sub(1)?;
    Some(format!("{stem}{MARK}{}-{last}{EXTENSION}", range.start))
}

/// The key of the playlist, and the segments, that the key of a clip names; none: it is none.
pub(super) fn part_of(name: &str) -> Option<(String, Range<usize>)> {
    let (stem, numbers) = name.strip_suffix(EXTENSION)?.rsplit_once(MARK)?;
    let (first, last) = numbers.split_once('-')?;
    let range = first.parse().ok()?..last.parse::<usize>().ok()?.checked_add(1)?;
    let base = format!("{stem}{EXTENSION}");
    // one clip has one address: no signs, no leading zeros
    let is_canonical = range.start < range.end && key(&base, &range).as_deref() == Some(name);
    is_canonical.then_some((base, range))
}

impl Library {
    /// What lies at a key where no object does.
    pub(crate) async fn clip_at(&self, app: AppId, key: &str) -> Result<Option<Served>, Fault> {
        if let Some((base, range)) = part_of(key) {
            let object: Option<(Object, u64)> = self.one(record::object_key(app, &base)).await?;
            let Some((object, _)) = object else { return Ok(None) };
            let media: Option<(Media, u64)> = self.one(record::media_key(app, object.file)).await?;
            let media = media.map(|(media, _)| media).filter(|media| media.original.is_some());
            let Some(media) = media else { return Ok(None) };
            let at = (object.file, object.at);
            let served = self.part(app, &media, (&base, range), (key, at)).await?;
            let forbidden = media.forbidden;
            let of_media = |served: Served| served.of_directory(&media.directory);
            return Ok(served.map(|served| Served { forbidden, ..of_media(served) }));
        }
        let Some(file) = place::file_of(key) else { return Ok(None) };
        let media: Option<(Media, u64)> = self.one(record::media_key(app, file)).await?;
        let Some((media, _)) = media else { return self.live_at(app, file, key).await };
        if let Some(served) = self.borrowed(app, &media, key).await? {
            return Ok(Some(served));
        }
        // its copy may have ended since it was looked for
        let own: Option<(Object, u64)> = self.one(record::object_key(app, key)).await?;
        let own = own.map(|(object, _)| object).filter(|object| object.file == file);
        Ok(own.and_then(|object| Served::of(&media, key, object)))
    }

    /// The playlist of some segments of the one at `base`; none: there are not as many.
    async fn part(
        &self,
        app: AppId,
        media: &Media,
        (base, range): (&str, Range<usize>),
        (key, at): (&str, (FileId, Timestamp)),
    ) -> Result<Option<Served>, Fault> {
        let list = match self.list_at(app, (media, base), Asker::Stranger).await {
            Ok(Some(list)) if range.end <= list.segments.len() => list,
            Err(ClipError::Fault(fault)) => return Err(fault),
            Ok(_) | Err(_) => return Ok(None),
        };
        let turn = self.lists.writing().await?;
        let (beside, key) = (directory_in(&media.directory, base), key.to_owned());
        let write = move || {
            let _turn = turn;
            let place = Box::new(move |path: &str| list::relative(&beside, path));
            written(&key, at, list::write(&[Run { list: &list, range, place }]))
        };
        let written = tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other)?;
        Ok(Some(written))
    }

    /// The file whose playlist is at a key, or the playlist that a clip is of.
    pub(super) async fn file_at(&self, app: AppId, key: &str) -> Result<Option<FileId>, Fault> {
        let of = |(object, _): (Object, u64)| object.file;
        let object: Option<(Object, u64)> = self.one(record::object_key(app, key)).await?;
        match (object, part_of(key)) {
            (Some(object), _) => Ok(Some(of(object))),
            (None, Some((base, _))) => Ok(self.one(record::object_key(app, &base)).await?.map(of)),
            (None, None) => Ok(None),
        }
    }

    /// The object of a source that stands for one that a clip has not copied yet. Its bytes are the
    /// source's, so they are forbidden with it as well as with the clip.
    async fn borrowed(
        &self,
        app: AppId,
        media: &Media,
        key: &str,
    ) -> Result<Option<Served>, Fault> {
        let Some(copying) = &media.copying else { return Ok(None) };
        let path = place::relative(key, &media.directory);
        let found = path.and_then(|path| Some((path, copying.source_of(path)?)));
        let (Some((path, (origin, at))), Some(playlist)) = (found, &media.original) else {
            return Ok(None);
        };
        // whatever else the source has is none of the clip's
        let is_named = match self.list_at(app, (media, playlist), Asker::Stranger).await {
            Ok(list) => list.is_some_and(|list| list.names(path)),
            Err(ClipError::Fault(fault)) => return Err(fault),
            Err(_) => false,
        };
        if !is_named {
            return Ok(None);
        }
        let source: Option<(Media, u64)> = self.one(record::media_key(app, origin.file)).await?;
        let object: Option<(Object, u64)> = self.one(record::object_key(app, &at)).await?;
        // a source that was deleted meanwhile forbids nothing any more
        let forbidden = media.forbidden || source.is_some_and(|(source, _)| source.forbidden);
        let of_clip = |object| Served::stored(key, object).of_directory(&media.directory);
        Ok(object.map(|(object, _)| Served { forbidden, ..of_clip(object) }))
    }
}

/// A playlist that is kept nowhere. `at` is when what it was made of was.
pub(crate) fn written(key: &str, (file, at): (FileId, Timestamp), text: String) -> Served {
    let mut summing = Summing::new();
    summing.update(text.as_bytes());
    let sums = summing.finish();
    let object = Object::new(file, "", &sums, at);
    Served { text: Some(Bytes::from(text)), ..Served::stored(key, object) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_playlist_and_its_segments() {
        let name = key("a/b.m3u8", &(3..7)).unwrap();
        assert_eq!(name, "a/b.clip-3-6.m3u8");
        assert_eq!(part_of(&name), Some(("a/b.m3u8".to_owned(), 3..7)));
        assert_eq!(key("a/b.mp4", &(0..1)), None);
        assert_eq!(key("a/b.m3u8", &(0..0)), None);
        for other in [
            "a/b.m3u8",
            "a/b.clip-3-6.ts",
            "a/b.clip-03-6.m3u8",
            "a/b.clip-+3-6.m3u8",
            "a/b.clip-6-3.m3u8",
            "a/b.clip-3.m3u8",
            "a/b.clip--3-6.m3u8",
            "a/b.clip-0-18446744073709551615.m3u8",
        ] {
            assert_eq!(part_of(other), None, "{other}");
        }
    }
}
