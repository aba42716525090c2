//! What PullUpload asks for, checked.

use model::{Naming, Timestamp, limits};
use percent_encoding::percent_decode_str;
use url::Url;
use wire::action::PullUpload;

use super::PullUploadError;
use super::error::UrlError;
use crate::asked;
use crate::catalogue;
use crate::place;
use crate::record::About;
use crate::settings::Settings;

/// Characters of a MediaName, as for uploads.
const MEDIA_NAME_CHARS_MAX: usize = 255;
/// What a cover may be (documented for CoverUrl).
const COVER_TYPES: [&str; 4] = ["gif", "jpg", "jpeg", "png"];

/// A request that can be carried out as far as can be told now.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) url: String,
    /// The cover's URL and type.
    pub(super) cover: Option<(String, String)>,
    pub(super) about: About,
    /// StorageRegion; none: the application's.
    pub(super) region: Option<String>,
}

impl Asked {
    pub(super) fn check(
        request: &PullUpload,
        naming: Naming,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Self, PullUploadError> {
        let url = checked(&request.media_url, settings).map_err(PullUploadError::MediaUrl)?;
        let media_type = media_type(request, &url)?;
        let cover = match request.cover_url.as_str() {
            "" => None,
            text => {
                let cover = checked(text, settings).map_err(PullUploadError::CoverUrl)?;
                let extension = extension(&file_name(&cover)).unwrap_or_default();
                if !COVER_TYPES.contains(&extension.as_str()) {
                    return Err(PullUploadError::CoverType);
                }
                Some((text.to_owned(), extension))
            }
        };
        check_members(request, now)?;
        let region = match request.storage_region.as_str() {
            "" => None,
            region if place::is_region(region) => Some(region.to_owned()),
            other => return Err(PullUploadError::StorageRegion(other.to_owned())),
        };
        let storage_path = asked::storage_path(&request.media_storage_path, naming, &media_type);
        Ok(Self {
            cover,
            about: About {
                name: name(request, &url),
                media_type,
                class_id: request.class_id,
                expire: request.expire_time.unwrap_or(Timestamp::NEVER),
                source_context: request.source_context.clone(),
                session_context: request.session_context.clone(),
                storage_path: storage_path.map_err(PullUploadError::MediaStoragePath)?,
            },
            region,
            url: request.media_url.clone(),
        })
    }
}

/// A URL that may be asked for, as far as can be told without a look-up.
fn checked(text: &str, settings: &Settings) -> Result<Url, UrlError> {
    if text.len() > limits::PULL_URL_BYTES_MAX {
        return Err(UrlError::TooLong(limits::PULL_URL_BYTES_MAX));
    }
    let url = Url::parse(text).map_err(|_not_one| UrlError::NoUrl)?;
    settings.pull.policy.check_url(&url).map_err(UrlError::Refused)?;
    Ok(url)
}

/// MediaType; else what MediaName ends in, if that is a type; else what the URL's path ends in.
fn media_type(request: &PullUpload, url: &Url) -> Result<String, PullUploadError> {
    // the cloud pulls no DASH (documented)
    let accepted = |of: &str| catalogue::category(of).is_some() && of != "mpd";
    if !request.media_type.is_empty() {
        let given = request.media_type.to_ascii_lowercase();
        let refused = || PullUploadError::MediaType(request.media_type.clone());
        return accepted(&given).then_some(given).ok_or_else(refused);
    }
    if let Some(named) = extension(&request.media_name).filter(|named| accepted(named)) {
        return Ok(named);
    }
    match extension(&file_name(url)) {
        Some(found) if accepted(&found) => Ok(found),
        Some(found) => Err(PullUploadError::MediaType(found)),
        None => Err(PullUploadError::NoMediaType),
    }
}

/// MediaName, or the file's name in the URL without its extension.
fn name(request: &PullUpload, url: &Url) -> String {
    if !request.media_name.is_empty() {
        return request.media_name.clone();
    }
    let file = file_name(url);
    let stem = file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem);
    stem.chars().filter(|c| !c.is_control()).take(MEDIA_NAME_CHARS_MAX).collect()
}

/// The last part of a URL's path, decoded.
fn file_name(url: &Url) -> String {
    let last = url.path().rsplit('/').next().unwrap_or_default();
    percent_decode_str(last).decode_utf8_lossy().into_owned()
}

fn extension(name: &str) -> Option<String> {
    let (_, extension) = name.rsplit_once('.')?;
    let short = (1..=8).contains(&extension.len());
    let plain = extension.bytes().all(|b| b.is_ascii_alphanumeric());
    (short && plain).then(|| extension.to_ascii_lowercase())
}

fn check_members(request: &PullUpload, now: Timestamp) -> Result<(), PullUploadError> {
    let long = |text: &str, max: usize| text.chars().count() > max;
    if request.expire_time.is_some_and(|expire| expire <= now) {
        return Err(PullUploadError::ExpireTime);
    }
    if long(&request.session_context, limits::SESSION_CONTEXT_CHARS_MAX) {
        return Err(PullUploadError::SessionContextTooLong(limits::SESSION_CONTEXT_CHARS_MAX));
    }
    if long(&request.session_id, limits::SESSION_ID_CHARS_MAX) {
        return Err(PullUploadError::SessionIdTooLong(limits::SESSION_ID_CHARS_MAX));
    }
    let (member, reason) = if !request.procedure.is_empty() {
        ("Procedure", "processing is not offered, so no procedure exists")
    } else if long(&request.media_name, MEDIA_NAME_CHARS_MAX) {
        ("MediaName", "it is longer than 255 characters")
    } else if long(&request.source_context, limits::SOURCE_CONTEXT_CHARS_MAX) {
        ("SourceContext", "it is longer than 250 characters")
    } else {
        return Ok(());
    };
    Err(PullUploadError::Value { member, reason })
}
