//! Subtitles of a file: WebVTT, each an object beside the original.
//!
//! What is not WebVTT is refused: it would be served as what it is not, and no player would show it.
//! That is told by the first line; cues are a player's business.

use model::{AppId, FileId, limits};
use queue::Commit;
use wire::action::{MediaSubtitleInput, ModifyMediaInfo};
use wire::reply::{MediaSubtitleInfo, MediaSubtitleItem};

use crate::attached::Written;
use crate::error::{Fault, ModifyError, SubtitleError};
use crate::library::Library;
use crate::record::{Media, Subtitle};
use crate::settings::Settings;
use crate::{modify, place, random, render};

/// The only documented format, which is the extension as well.
const FORMAT: &str = "vtt";
/// How every WebVTT file begins, after a byte order mark that it may have.
const SIGNATURE: &str = "WEBVTT";

/// A subtitle that is on disk and waits for its record.
#[derive(Debug)]
pub(crate) struct NewSubtitle {
    id: String,
    name: String,
    language: String,
    written: Written,
}

/// What can be judged without the file; the bytes of each new subtitle.
pub(crate) fn check(request: &ModifyMediaInfo) -> Result<Vec<Vec<u8>>, SubtitleError> {
    let (added, deleted) = (&request.add_subtitles, &request.delete_subtitles);
    if request.clear_subtitles && !added.is_empty() {
        return Err(SubtitleError::AddAndClear);
    }
    if added.len() > limits::SUBTITLES_MAX {
        return Err(SubtitleError::TooMany(limits::SUBTITLES_MAX));
    }
    for (nth, input) in added.iter().enumerate() {
        check_input(input)?;
        let id = &input.id;
        if deleted.contains(id) {
            return Err(SubtitleError::AddAndDelete(id.clone()));
        }
        if !id.is_empty() && added.iter().skip(nth + 1).any(|other| other.id == *id) {
            return Err(SubtitleError::Taken(id.clone()));
        }
    }
    added.iter().map(|input| content(&input.content)).collect()
}

fn check_input(input: &MediaSubtitleInput) -> Result<(), SubtitleError> {
    let max = limits::SUBTITLE_NAME_CHARS_MAX;
    if input.name.chars().count() > max {
        return Err(SubtitleError::Name(max));
    }
    let language = &input.language;
    let is_tag = (1..=limits::SUBTITLE_LANGUAGE_CHARS_MAX).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !is_tag {
        return Err(SubtitleError::Language(language.clone()));
    }
    if input.format != FORMAT {
        return Err(SubtitleError::Format(input.format.clone()));
    }
    let (id, max) = (&input.id, limits::SUBTITLE_ID_CHARS_MAX);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if id.len() > max || !id.bytes().all(allowed) {
        return Err(SubtitleError::Id { id: id.clone(), max });
    }
    Ok(())
}

fn content(data: &str) -> Result<Vec<u8>, SubtitleError> {
    let bytes = modify::decoded(data).ok_or(SubtitleError::Encoding)?;
    let text = std::str::from_utf8(&bytes).map_err(|_not_utf8| SubtitleError::Content)?;
    let rest = text.strip_prefix('\u{feff}').unwrap_or(text).strip_prefix(SIGNATURE);
    match rest.map(|rest| rest.chars().next()) {
        Some(None | Some(' ' | '\t' | '\n' | '\r')) => Ok(bytes),
        Some(Some(_)) | None => Err(SubtitleError::Content),
    }
}

/// A subtitle as the API shows it.
fn item(settings: &Settings, bucket: &str, subtitle: &Subtitle) -> MediaSubtitleItem {
    MediaSubtitleItem {
        id: subtitle.id.clone(),
        name: subtitle.name.clone(),
        language: subtitle.language.clone(),
        format: FORMAT,
        url: render::url(settings, bucket, &subtitle.key),
        source: "UserUploaded",
    }
}

/// The subtitles of a file as the API shows them; none: it has none.
pub(crate) fn info(settings: &Settings, media: &Media) -> Option<MediaSubtitleInfo> {
    let items = media.subtitles.iter().map(|subtitle| item(settings, &media.bucket, subtitle));
    let subtitle_set: Vec<MediaSubtitleItem> = items.collect();
    (!subtitle_set.is_empty()).then_some(MediaSubtitleInfo { subtitle_set })
}

impl Library {
    /// Writes new subtitles, whose bytes those are.
    pub(crate) async fn write_subtitles(
        &self,
        file: FileId,
        inputs: &[MediaSubtitleInput],
        contents: Vec<Vec<u8>>,
    ) -> Result<Vec<NewSubtitle>, ModifyError> {
        let mut written = Vec::with_capacity(contents.len());
        for (input, bytes) in inputs.iter().zip(contents) {
            let id = match input.id.as_str() {
                "" => random::text(limits::SUBTITLE_ID_CHARS_MAX).map_err(Fault::from)?,
                id => id.to_owned(),
            };
            written.push(NewSubtitle {
                id,
                name: input.name.clone(),
                language: input.language.clone(),
                written: self.write_attached(file, &bytes).await?,
            });
        }
        Ok(written)
    }

    /// Makes the commit change the subtitles of a file as asked; those that are added.
    pub(crate) async fn change_subtitles(
        &self,
        app: AppId,
        media: &mut Media,
        (request, added): (&ModifyMediaInfo, &[NewSubtitle]),
        commit: &mut Commit,
    ) -> Result<Vec<MediaSubtitleItem>, ModifyError> {
        let goes = |subtitle: &Subtitle| {
            request.clear_subtitles || request.delete_subtitles.contains(&subtitle.id)
        };
        let (gone, kept) = std::mem::take(&mut media.subtitles).into_iter().partition(goes);
        media.subtitles = kept;
        let gone: Vec<Subtitle> = gone;
        for subtitle in gone {
            self.detach(app, media, &subtitle.key, commit).await?;
        }
        let mut items = Vec::with_capacity(added.len());
        for new in added {
            if media.subtitles.iter().any(|subtitle| subtitle.id == new.id) {
                return Err(SubtitleError::Taken(new.id.clone()).into());
            }
            if media.subtitles.len() == limits::SUBTITLES_MAX {
                return Err(SubtitleError::TooMany(limits::SUBTITLES_MAX).into());
            }
            let key = place::join(&media.directory, &place::name(FORMAT).map_err(Fault::from)?);
            new.written.attach(app, media, &key, commit);
            let (id, name, language) = (new.id.clone(), new.name.clone(), new.language.clone());
            let subtitle = Subtitle { id, name, language, key };
            items.push(item(&self.settings, &media.bucket, &subtitle));
            media.subtitles.push(subtitle);
        }
        Ok(items)
    }
}
