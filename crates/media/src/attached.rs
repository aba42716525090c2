//! What a file has beside its original: its cover and its subtitles, each an object of its own.
//!
//! One is written before it is spoken of, and is garbage until the commit that refers to it. What is
//! taken away becomes garbage by the commit that no longer does. So a crash leaves neither an address
//! without bytes nor bytes without an address.

use model::{AppId, FileId};
use queue::Commit;

use crate::error::{Fault, ModifyError};
use crate::library::Library;
use crate::record::{self, Media, Object, Path};
use crate::writing::Reserved;

/// Bytes that are on disk and wait for their record.
#[derive(Debug)]
pub(crate) struct Written {
    object: Object,
    _reserved: Reserved,
}

impl Media {
    /// The keys of what it has beside its original.
    pub(crate) fn attached(&self) -> impl Iterator<Item = &String> {
        self.cover.iter().chain(self.subtitles.iter().map(|subtitle| &subtitle.key))
    }
}

impl Library {
    /// Writes what a file shall have beside its original.
    pub(crate) async fn write_attached(
        &self,
        file: FileId,
        bytes: &[u8],
    ) -> Result<Written, ModifyError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.check_room(size).map_err(|_no_room| ModifyError::NoSpace)?;
        let (reserved, object) = self.written_object(file, bytes).await?;
        Ok(Written { object, _reserved: reserved })
    }

    /// Makes the commit take away what a file has at that key.
    pub(crate) async fn detach(
        &self,
        app: AppId,
        media: &mut Media,
        key: &str,
        commit: &mut Commit,
    ) -> Result<(), Fault> {
        commit.delete.extend(media.path_of(app, key));
        let object_key = record::object_key(app, key);
        let object: Option<(Object, u64)> = self.one(object_key.clone()).await?;
        if let Some((object, version)) = object {
            media.bytes = media.bytes.saturating_sub(object.size);
            commit.expect.push((object_key.clone(), Some(version)));
            commit.delete.push(object_key);
            commit.garbage.push(object.stored);
        }
        Ok(())
    }
}

impl Written {
    /// Makes the commit give it to a file, at that key, which nobody has.
    pub(crate) fn attach(&self, app: AppId, media: &mut Media, key: &str, commit: &mut Commit) {
        let object_key = record::object_key(app, key);
        commit.expect.push((object_key.clone(), None));
        commit.put.push(self.object.put(object_key));
        commit.swept.push(self.object.stored.clone());
        media.bytes = media.bytes.saturating_add(self.object.size);
        if let Some(taken) = media.path_of(app, key) {
            commit.expect.push((taken.clone(), None));
            commit.put.push(Path { file: self.object.file }.put(taken));
        }
    }
}
