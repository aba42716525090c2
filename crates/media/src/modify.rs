//! ModifyMediaInfo: name, description, class, tags, end and cover of a file change together.
//!
//! A change is decided by the record as it stands and committed against its version, so of two callers
//! at once neither loses what the other did. A new cover is written before and is garbage until the
//! commit that refers to it; what it replaces becomes garbage by the same commit.
//!
//! Deliberately absent: marks on the timeline, subtitles, knowledge bases. Nothing here shows them.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use model::{Application, FileId, Timestamp, limits};
use queue::{Commit, RecordKey};
use wire::action::ModifyMediaInfo;

use crate::error::{Fault, ModifyError, Refusal};
use crate::library::{Library, ROUNDS};
use crate::record::{self, Media, Object, Path};
use crate::writing::Reserved;
use crate::{place, render};

/// Base64 as clients write it: padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A picture with the extension of its type.
struct Picture {
    bytes: Vec<u8>,
    extension: &'static str,
}

/// A cover that is on disk and waits for its record.
struct NewCover {
    object: Object,
    extension: &'static str,
    _reserved: Reserved,
}

impl Library {
    /// Changes a file as asked; the address of its cover, empty if it has none.
    pub async fn modify(
        &self,
        application: &Application,
        request: &ModifyMediaInfo,
    ) -> Result<String, ModifyError> {
        check(request, self.now())?;
        let picture = picture(&request.cover_data)?;
        let absent = || ModifyError::NotFound(request.file_id.clone());
        let file: FileId = request.file_id.parse().map_err(|_not_an_id| absent())?;
        let key = record::media_key(application.id, file);
        let known: Option<(Media, u64)> = self.one(key.clone()).await?;
        if known.is_none() {
            return Err(absent());
        }
        let cover = match picture {
            Some(picture) => Some(self.write_cover(file, picture).await?),
            None => None,
        };
        for _ in 0..ROUNDS {
            let known: Option<(Media, u64)> = self.one(key.clone()).await?;
            let known = known.ok_or_else(absent)?;
            let changed = self.try_modify(&key, known, request, cover.as_ref()).await?;
            if let Some(media) = changed {
                let cover = media.cover.as_deref();
                return Ok(render::url_or_empty(&self.settings, &media.bucket, cover));
            }
        }
        Err(Fault::Contended.into())
    }

    /// The media as it stands after the change; none: something has changed meanwhile.
    async fn try_modify(
        &self,
        key: &RecordKey,
        (mut media, version): (Media, u64),
        request: &ModifyMediaInfo,
        cover: Option<&NewCover>,
    ) -> Result<Option<Media>, ModifyError> {
        let mut commit = Commit { expect: vec![(key.clone(), Some(version))], ..Commit::default() };
        if let Some(class) = request.class_id {
            let filing = self.filing(key.app, class).await?;
            commit.expect.extend(filing.ok_or(ModifyError::ClassId(class))?.expect);
            media.about.class_id = class;
        }
        if let Some(name) = &request.name {
            media.about.name.clone_from(name);
        }
        if let Some(description) = &request.description {
            media.description.clone_from(description);
        }
        if let Some(expire) = request.expire_time {
            media.about.expire = expire;
        }
        change_tags(&mut media.tags, request)?;
        if let Some(cover) = cover {
            self.attach_cover(key, &mut media, cover, &mut commit).await?;
        }
        media.updated = self.now();
        commit.put.push(media.put(key.clone()));
        match self.commit(commit).await {
            Ok(()) => Ok(Some(media)),
            Err(Refusal::Conflict) => Ok(None),
            Err(Refusal::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Writes a picture under a name that is garbage until a record refers to it.
    async fn write_cover(&self, file: FileId, picture: Picture) -> Result<NewCover, ModifyError> {
        let size = u64::try_from(picture.bytes.len()).unwrap_or(u64::MAX);
        self.check_room(size).map_err(|_no_room| ModifyError::NoSpace)?;
        let (reserved, mut writer) = self.begin_object(file).await?;
        writer.write(&picture.bytes).await.map_err(Fault::from)?;
        let sums = writer.finish().await.map_err(Fault::from)?;
        let object = Object::new(file, reserved.name(), &sums, self.now());
        Ok(NewCover { object, extension: picture.extension, _reserved: reserved })
    }

    /// Makes the commit refer to a new cover and let go of the one before.
    async fn attach_cover(
        &self,
        key: &RecordKey,
        media: &mut Media,
        cover: &NewCover,
        commit: &mut Commit,
    ) -> Result<(), Fault> {
        commit.delete.extend(media.cover_path(key.app));
        if let Some(old) = media.cover.take() {
            let old_key = record::object_key(key.app, &old);
            let old: Option<(Object, u64)> = self.one(old_key.clone()).await?;
            if let Some((old, version)) = old {
                media.bytes = media.bytes.saturating_sub(old.size);
                commit.expect.push((old_key.clone(), Some(version)));
                commit.delete.push(old_key);
                commit.garbage.push(old.stored);
            }
        }
        let path = place::join(&media.directory, &place::name(cover.extension)?);
        let new_key = record::object_key(key.app, &path);
        commit.expect.push((new_key.clone(), None));
        commit.put.push(cover.object.put(new_key));
        commit.swept.push(cover.object.stored.clone());
        media.bytes = media.bytes.saturating_add(cover.object.size);
        media.cover = Some(path);
        if let Some(taken) = media.cover_path(key.app) {
            commit.expect.push((taken.clone(), None));
            commit.put.push(Path { file: cover.object.file }.put(taken));
        }
        Ok(())
    }
}

/// What can be judged without the file.
fn check(request: &ModifyMediaInfo, now: Timestamp) -> Result<(), ModifyError> {
    let long = |text: &str, max: usize| text.chars().count() > max;
    if let Some(member) = request.unoffered {
        return Err(ModifyError::Unoffered(member));
    }
    let max = limits::MEDIA_NAME_CHARS_MAX;
    if request.name.as_deref().is_some_and(|name| name.is_empty() || long(name, max)) {
        return Err(ModifyError::Name(max));
    }
    let max = limits::MEDIA_DESCRIPTION_CHARS_MAX;
    if request.description.as_deref().is_some_and(|text| long(text, max)) {
        return Err(ModifyError::Description(max));
    }
    if request.expire_time.is_some_and(|expire| expire <= now) {
        return Err(ModifyError::ExpireTime);
    }
    let max = limits::MEDIA_TAG_CHARS_MAX;
    if request.add_tags.iter().any(|tag| long(tag, max)) {
        return Err(ModifyError::TagTooLong(max));
    }
    if request.add_tags.iter().any(String::is_empty) {
        return Err(ModifyError::EmptyTag);
    }
    if request.clear_tags && !request.add_tags.is_empty() {
        return Err(ModifyError::AddAndClearTags);
    }
    if let Some(tag) = request.add_tags.iter().find(|tag| request.delete_tags.contains(tag)) {
        return Err(ModifyError::AddAndDeleteTags(tag.clone()));
    }
    Ok(())
}

fn change_tags(tags: &mut Vec<String>, request: &ModifyMediaInfo) -> Result<(), ModifyError> {
    if request.clear_tags {
        tags.clear();
    }
    tags.retain(|tag| !request.delete_tags.contains(tag));
    for tag in &request.add_tags {
        if !tags.contains(tag) {
            if tags.len() == limits::MEDIA_TAGS_MAX {
                return Err(ModifyError::TooManyTags(limits::MEDIA_TAGS_MAX));
            }
            tags.push(tag.clone());
        }
    }
    Ok(())
}

/// The picture that CoverData holds; none: it is empty.
fn picture(data: &str) -> Result<Option<Picture>, ModifyError> {
    if data.is_empty() {
        return Ok(None);
    }
    // some encoders break lines
    let data: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = BASE64.decode(data).map_err(|_not_base64| ModifyError::CoverEncoding)?;
    let extension = match bytes.as_slice() {
        [0xff, 0xd8, 0xff, ..] => "jpg",
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => "png",
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => "gif",
        _ => return Err(ModifyError::CoverType),
    };
    Ok(Some(Picture { bytes, extension }))
}
