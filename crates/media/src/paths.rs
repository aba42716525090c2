//! Paths that are taken: where an application names its files by path, no two may have the same.
//!
//! A path is a record from ApplyUpload until the session ends without a commit or the media goes. An
//! object may lie at a key that nobody took (a segment beside its playlist); it is then its record that
//! keeps others away. Each is put only where neither was, so whoever comes first has the key, and no
//! file can ever overwrite or serve what is another's.

use model::{AppId, FileId};
use queue::{Commit, RecordKey};

use crate::error::{ApplyError, Fault, ObjectError};
use crate::library::Library;
use crate::record::{self, Media, Object, Path, Session};

impl Library {
    /// Adds to a commit that the session takes its paths, if its application names files by path.
    pub(crate) async fn take_paths(
        &self,
        app: AppId,
        session: &Session,
        commit: &mut Commit,
    ) -> Result<(), ApplyError> {
        if session.about.storage_path.is_none() {
            return Ok(());
        }
        let keys = session.announced();
        self.take_keys(app, session.file, keys, commit).await
    }

    /// Adds to a commit that a file takes these keys.
    pub(crate) async fn take_keys(
        &self,
        app: AppId,
        file: FileId,
        keys: impl Iterator<Item = &str> + Send,
        commit: &mut Commit,
    ) -> Result<(), ApplyError> {
        for key in keys {
            let (path, object) = (record::path_key(app, key), record::object_key(app, key));
            let found = self.backend.get(vec![path.clone(), object.clone()]).await;
            if found.map_err(Fault::from)?.iter().any(Option::is_some) {
                return Err(ApplyError::PathTaken(key.to_owned()));
            }
            commit.expect.extend([(path.clone(), None), (object, None)]);
            commit.put.push(Path { file }.put(path));
        }
        Ok(())
    }

    /// Whether a session may have an object at that key, as far as others are concerned: nobody else
    /// took the path, nobody else has an object there.
    pub(crate) async fn check_owner(
        &self,
        app: AppId,
        session: &Session,
        key: &str,
    ) -> Result<(), ObjectError> {
        if session.about.storage_path.is_none() {
            return Ok(());
        }
        let path: Option<(Path, u64)> = self.one(record::path_key(app, key)).await?;
        let object: Option<(Object, u64)> = self.one(record::object_key(app, key)).await?;
        check_file(session.file, key, path.map(|(path, _)| path.file))?;
        check_file(session.file, key, object.map(|(object, _)| object.file))
    }
}

/// Whether a key that `owner` has, if anybody, is this file's to write.
pub(crate) fn check_file(
    file: FileId,
    key: &str,
    owner: Option<FileId>,
) -> Result<(), ObjectError> {
    match owner {
        Some(owner) if owner != file => Err(ObjectError::Taken(key.to_owned())),
        _ => Ok(()),
    }
}

impl Session {
    /// The keys that ApplyUpload answered.
    pub(crate) fn announced(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.media_key.as_str()).chain(self.cover_key.as_deref())
    }

    /// Whether that is one of them.
    pub(crate) fn announces(&self, key: &str) -> bool {
        self.announced().any(|announced| announced == key)
    }

    /// The paths that it has taken.
    pub(crate) fn paths(&self, app: AppId) -> Vec<RecordKey> {
        if self.about.storage_path.is_none() {
            return Vec::new();
        }
        self.announced().map(|key| record::path_key(app, key)).collect()
    }
}

impl Media {
    /// The paths that it has taken; that of an original which was deleted stays its own.
    pub(crate) fn paths(&self, app: AppId) -> Vec<RecordKey> {
        let Some(path) = &self.about.storage_path else { return Vec::new() };
        let keys = std::iter::once(path).chain(self.attached());
        keys.map(|key| record::path_key(app, key)).collect()
    }

    /// The path of what lies at that key, if it has taken that.
    pub(crate) fn path_of(&self, app: AppId, key: &str) -> Option<RecordKey> {
        self.about.storage_path.is_some().then(|| record::path_key(app, key))
    }
}
