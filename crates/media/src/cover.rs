//! CoverData of ModifyMediaInfo: a picture that replaces the cover of a file.

use model::{AppId, FileId};
use queue::Commit;

use crate::attached::Written;
use crate::error::{Fault, ModifyError};
use crate::library::Library;
use crate::record::Media;
use crate::{modify, place};

/// A picture with the extension of its type.
#[derive(Debug)]
pub(crate) struct Picture {
    bytes: Vec<u8>,
    extension: &'static str,
}

/// A cover that is on disk and waits for its record.
#[derive(Debug)]
pub(crate) struct NewCover {
    written: Written,
    extension: &'static str,
}

/// The picture that CoverData holds; none: it is empty.
pub(crate) fn picture(data: &str) -> Result<Option<Picture>, ModifyError> {
    if data.is_empty() {
        return Ok(None);
    }
    let bytes = modify::decoded(data).ok_or(ModifyError::CoverEncoding)?;
    let extension = match bytes.as_slice() {
        [0xff, 0xd8, 0xff, ..] => "jpg",
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => "png",
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => "gif",
        _ => return Err(ModifyError::CoverType),
    };
    Ok(Some(Picture { bytes, extension }))
}

impl Library {
    /// Writes a picture that shall be a cover.
    pub(crate) async fn write_cover(
        &self,
        file: FileId,
        picture: &Picture,
    ) -> Result<NewCover, ModifyError> {
        let written = self.write_attached(file, &picture.bytes).await?;
        Ok(NewCover { written, extension: picture.extension })
    }

    /// Makes the commit refer to a new cover and let go of the one before.
    pub(crate) async fn change_cover(
        &self,
        app: AppId,
        media: &mut Media,
        cover: &NewCover,
        commit: &mut Commit,
    ) -> Result<(), Fault> {
        if let Some(old) = media.cover.take() {
            self.detach(app, media, &old, commit).await?;
        }
        let key = place::join(&media.directory, &place::name(cover.extension)?);
        cover.written.attach(app, media, &key, commit);
        media.cover = Some(key);
        Ok(())
    }
}
