//! What ApplyUpload asks for, checked member by member.
//!
//! A member that has an error code of its own has an error of its own. Deliberately absent: whatever
//! needs a look at records, such as whether a class exists; that is checked where it is committed.

use model::{Naming, Timestamp, limits};
use wire::action::ApplyUpload;

use crate::catalogue::{self, Category};
use crate::error::ApplyError;
use crate::place;
use crate::record::About;

/// Characters of a MediaName: what file systems allow in a name, because SDKs send the file's.
const MEDIA_NAME_CHARS_MAX: usize = 255;

/// A checked request.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What is said of the media; `storage_path` only if one was asked for.
    pub about: About,
    /// CoverType in lower case; none: no cover is to come.
    pub cover_type: Option<String>,
    /// StorageRegion; none: the application's.
    pub region: Option<String>,
}

impl Asked {
    /// Checks a request to an application that names its files that way.
    pub(crate) fn check(
        request: &ApplyUpload,
        naming: Naming,
        now: Timestamp,
    ) -> Result<Self, ApplyError> {
        let media_type = request.media_type.to_ascii_lowercase();
        if catalogue::category(&media_type).is_none() {
            return Err(ApplyError::MediaType(request.media_type.clone()));
        }
        let cover_type = request.cover_type.to_ascii_lowercase();
        if !cover_type.is_empty() && catalogue::category(&cover_type) != Some(Category::Image) {
            return Err(ApplyError::CoverType(request.cover_type.clone()));
        }
        if request.expire_time.is_some_and(|expire| expire <= now) {
            return Err(ApplyError::ExpireTime);
        }
        if request.session_context.chars().count() > limits::SESSION_CONTEXT_CHARS_MAX {
            return Err(ApplyError::SessionContextTooLong(limits::SESSION_CONTEXT_CHARS_MAX));
        }
        let storage_path = storage_path(&request.media_storage_path, naming, &media_type)
            .map_err(ApplyError::MediaStoragePath)?;
        check_values(request)?;
        let about = About {
            name: request.media_name.clone(),
            media_type,
            class_id: request.class_id,
            expire: request.expire_time.unwrap_or(Timestamp::NEVER),
            source_context: request.source_context.clone(),
            session_context: request.session_context.clone(),
            storage_path,
        };
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Ok(Self { about, cover_type: some(&cover_type), region: some(&request.storage_region) })
    }
}

/// The key that a MediaStoragePath names, or what is wrong with it.
pub(crate) fn storage_path(
    path: &str,
    naming: Naming,
    media_type: &str,
) -> Result<Option<String>, &'static str> {
    if path.is_empty() {
        return Ok(None);
    }
    if naming != Naming::Path {
        return Err("it is for applications of mode fileid+path");
    }
    let key = path.strip_prefix('/').ok_or("it must begin with a slash")?;
    if !place::is_key(key) {
        return Err("it must have at most 850 bytes, no empty segments, `.`, `..`, control \
                    characters or backslashes");
    }
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    if extension.as_deref() != Some(media_type) {
        return Err("it must end in a dot and the MediaType");
    }
    Ok(Some(key.to_owned()))
}

/// The members that have no error code of their own.
fn check_values(request: &ApplyUpload) -> Result<(), ApplyError> {
    let long = |text: &str, max: usize| text.chars().count() > max;
    let region = request.storage_region.as_str();
    let (member, reason) = if !request.procedure.is_empty() {
        ("Procedure", "processing is not offered, so no procedure exists")
    } else if long(&request.media_name, MEDIA_NAME_CHARS_MAX) {
        ("MediaName", "it is longer than 255 characters")
    } else if long(&request.source_context, limits::SOURCE_CONTEXT_CHARS_MAX) {
        ("SourceContext", "it is longer than 250 characters")
    } else if !region.is_empty() && !place::is_region(region) {
        ("StorageRegion", "it is no region such as ap-guangzhou")
    } else {
        return Ok(());
    };
    Err(ApplyError::Value { member, reason })
}
