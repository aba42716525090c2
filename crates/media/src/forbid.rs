//! ForbidMediaDistribution: files are kept from being served, or served again.

use model::{AppId, FileId, limits};
use queue::{Commit, RecordKey};

use crate::error::{Fault, ForbidError, Refusal};
use crate::library::{Library, ROUNDS};
use crate::record::{self, Media};

impl Library {
    /// Forbids or permits files; the ids, as sent, of those that do not exist. Repeated ids count
    /// once, and a file that is as asked already stays as it is.
    pub async fn forbid(
        &self,
        app: AppId,
        ids: &[String],
        forbid: bool,
    ) -> Result<Vec<String>, ForbidError> {
        if ids.is_empty() {
            return Err(ForbidError::Empty);
        }
        if ids.len() > limits::FORBID_MEDIA_MAX {
            return Err(ForbidError::TooMany(limits::FORBID_MEDIA_MAX));
        }
        let mut missing: Vec<String> = Vec::new();
        for id in ids {
            let there = match id.parse::<FileId>() {
                Ok(file) => self.forbid_one(record::media_key(app, file), forbid).await?,
                Err(_not_an_id) => false,
            };
            if !there && !missing.contains(id) {
                missing.push(id.clone());
            }
        }
        Ok(missing)
    }

    /// Whether the file exists; if so it is as asked.
    async fn forbid_one(&self, key: RecordKey, forbid: bool) -> Result<bool, Fault> {
        for _ in 0..ROUNDS {
            let known: Option<(Media, u64)> = self.one(key.clone()).await?;
            let Some((media, version)) = known else { return Ok(false) };
            if media.forbidden == forbid {
                return Ok(true);
            }
            let changed = Media { forbidden: forbid, updated: self.now(), ..media };
            let commit = Commit {
                expect: vec![(key.clone(), Some(version))],
                put: vec![changed.put(key.clone())],
                ..Commit::default()
            };
            match self.commit(commit).await {
                Ok(()) => return Ok(true),
                Err(Refusal::Conflict) => {}
                Err(Refusal::Fault(fault)) => return Err(fault),
            }
        }
        Err(Fault::Contended)
    }
}
