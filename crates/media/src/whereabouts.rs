//! Whether the objects are where the configuration says that they are, and what room there is.
//!
//! A library whose objects are in one place must not go on in another as if they were there: what is
//! not found would be served as lost and swept as removed. So a few of them are looked for before
//! anything is written or removed. Objects that were copied to another place pass, because their names
//! are the same everywhere. Deliberately absent: moving them, for which there are better programs.

use std::io;
use std::time::Duration;

use model::limits;
use queue::{Commit, RecordKind, RecordQuery};
use tokio::time::timeout;

use crate::error::{Fault, ObjectsError, Refusal};
use crate::library::Library;
use crate::objects::{ObjectCounts, bucket_error};
use crate::record::{self, Object};

/// Objects that are looked for. One that is found is enough: single ones may have been lost.
const SAMPLE: usize = 8;

/// Bytes on this machine's disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Free.
    pub free: u64,
    /// What uploads leave free.
    pub reserved: u64,
    /// Staged parts of uploads that are not complete, and what was pulled in part.
    pub staged: u64,
}

impl Library {
    /// Tries the object store out, and makes sure that it is the one that the library's objects are in.
    ///
    /// Takes no longer than a start can wait for it.
    pub async fn check_objects(&self) -> Result<(), ObjectsError> {
        self.announce_trial().await?;
        let names = self.some_objects().await?;
        let in_use = !names.is_empty();
        let most = Duration::from_millis(limits::S3_CHECK_MS);
        match timeout(most, self.check_sample(names)).await {
            Ok(checked) => checked,
            Err(_elapsed) => Err(ObjectsError::Bucket { error: self.objects.silent(), in_use }),
        }
    }

    /// Makes what the place is tried out with garbage before it is written, as every object: its removal
    /// may fail, too.
    async fn announce_trial(&self) -> Result<(), Fault> {
        let Some(name) = self.objects.trial() else { return Ok(()) };
        let commit = Commit { garbage: vec![name.to_owned()], ..Commit::default() };
        self.commit(commit).await.map_err(Refusal::give_up)
    }

    async fn check_sample(&self, names: Vec<String>) -> Result<(), ObjectsError> {
        let in_use = !names.is_empty();
        let told = |error: io::Error| match bucket_error(&error) {
            Some(error) => ObjectsError::Bucket { error: error.clone(), in_use },
            None => Fault::Io(error).into(),
        };
        self.objects.try_out().await.map_err(told)?;
        let mut missing = None;
        for name in names {
            if self.objects.size(&name).await.map_err(told)?.is_some() {
                missing = None;
                break;
            }
            missing = Some(name);
        }
        if let Some(name) = missing {
            let whereabouts = self.objects.whereabouts();
            return Err(ObjectsError::Elsewhere { name, whereabouts });
        }
        self.objects.set_checked();
        Ok(())
    }

    /// The names of some objects.
    async fn some_objects(&self) -> Result<Vec<String>, Fault> {
        let query = RecordQuery {
            kind: RecordKind::Object,
            app: None,
            term: None,
            after: None,
            limit: SAMPLE,
        };
        let found = self.backend.find(query).await?.records;
        let named = found.iter().map(|found| Ok(record::read::<Object>(found)?.stored));
        named.collect()
    }

    /// What has been stored, read and has failed since the start.
    pub fn object_counts(&self) -> ObjectCounts {
        self.objects.counts()
    }

    /// The room on the disk that uploads are staged on.
    pub fn room(&self) -> io::Result<Room> {
        let (free, reserved) = self.space()?;
        let uploads: u64 = self.staging.all().iter().map(|upload| upload.bytes()).sum();
        let staged = uploads.saturating_add(self.partials.bytes()?);
        Ok(Room { free, reserved, staged })
    }
}
