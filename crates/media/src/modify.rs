//! ModifyMediaInfo: what is said of a file, its cover, marks and subtitles change together.
//!
//! A change is decided by the record as it stands and committed against its version, so of two callers
//! at once neither loses what the other did. New covers and subtitles are written before (see
//! [`crate::attached`]).
//!
//! Deliberately absent: knowledge bases, of which nothing here is in any.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use model::{Application, FileId, Timestamp, limits};
use queue::{Commit, RecordKey};
use wire::action::ModifyMediaInfo;
use wire::reply::{MediaSubtitleItem, ModifyMediaInfoReply};

use crate::cover::{self, NewCover};
use crate::error::{Fault, ModifyError, Refusal};
use crate::library::{Library, ROUNDS};
use crate::record::{self, Media};
use crate::subtitles::{self, NewSubtitle};
use crate::{key_frames, render};

/// Base64 as clients write it: padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What was written for a change before its commit.
struct Attachments {
    cover: Option<NewCover>,
    subtitles: Vec<NewSubtitle>,
}

impl Library {
    /// Changes a file as asked. The answer has the address of its cover, empty if it has none.
    pub async fn modify(
        &self,
        application: &Application,
        request: &ModifyMediaInfo,
    ) -> Result<ModifyMediaInfoReply, ModifyError> {
        check(request, self.now())?;
        let picture = cover::picture(&request.cover_data)?;
        let contents = subtitles::check(request)?;
        let absent = || ModifyError::NotFound(request.file_id.clone());
        let file: FileId = request.file_id.parse().map_err(|_not_an_id| absent())?;
        let key = record::media_key(application.id, file);
        let known: Option<(Media, u64)> = self.one(key.clone()).await?;
        if known.is_none() {
            return Err(absent());
        }
        let cover = match &picture {
            Some(picture) => Some(self.write_cover(file, picture).await?),
            None => None,
        };
        let subtitles = self.write_subtitles(file, &request.add_subtitles, contents).await?;
        let attachments = Attachments { cover, subtitles };
        for _ in 0..ROUNDS {
            let known: Option<(Media, u64)> = self.one(key.clone()).await?;
            let known = known.ok_or_else(absent)?;
            let changed = self.try_modify(&key, known, request, &attachments).await?;
            if let Some((media, added_subtitle_set)) = changed {
                let cover = media.cover.as_deref();
                let cover_url = render::url_or_empty(&self.settings, &media.bucket, cover);
                return Ok(ModifyMediaInfoReply { cover_url, added_subtitle_set });
            }
        }
        Err(Fault::Contended.into())
    }

    /// The media as it stands after the change, and the subtitles that were added; none: something has
    /// changed meanwhile.
    async fn try_modify(
        &self,
        key: &RecordKey,
        (mut media, version): (Media, u64),
        request: &ModifyMediaInfo,
        attachments: &Attachments,
    ) -> Result<Option<(Media, Vec<MediaSubtitleItem>)>, ModifyError> {
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
        key_frames::change(&mut media.key_frames, request)?;
        if let Some(cover) = &attachments.cover {
            self.change_cover(key.app, &mut media, cover, &mut commit).await?;
        }
        let change = (request, attachments.subtitles.as_slice());
        let added = self.change_subtitles(key.app, &mut media, change, &mut commit).await?;
        media.updated = self.now();
        commit.put.push(media.put(key.clone()));
        match self.commit(commit).await {
            Ok(()) => Ok(Some((media, added))),
            Err(Refusal::Conflict) => Ok(None),
            Err(Refusal::Fault(fault)) => Err(fault.into()),
        }
    }
}

/// What can be judged without the file.
fn check(request: &ModifyMediaInfo, now: Timestamp) -> Result<(), ModifyError> {
    let long = |text: &str, max: usize| text.chars().count() > max;
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
    let deleted: HashSet<&String> = request.delete_tags.iter().collect();
    if let Some(tag) = request.add_tags.iter().find(|tag| deleted.contains(tag)) {
        return Err(ModifyError::AddAndDeleteTags(tag.clone()));
    }
    Ok(key_frames::check(request)?)
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

/// The bytes of a Base64 text; none: it is no such text.
pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    // some encoders break lines
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    BASE64.decode(text).ok()
}
