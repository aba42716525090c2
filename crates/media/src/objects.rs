//! Where the bytes of finished objects are: a local directory, or a bucket that speaks S3.
//!
//! An object's name is random and never used twice, so writing one never touches another, and what
//! an overwritten key referred to stays whole until nobody reads it. Writing is streamed: a fixed
//! number of bytes is in memory whatever the object's size. An object is there when `finish` has
//! returned: in the directory file and directory are synced and the name is final, in the bucket the
//! last request was answered. Names are the same in both, so objects can be copied from one to the
//! other with any program.
//!
//! Deliberately absent: which objects are wanted. The records know, and garbage is swept by them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{FileId, Mono};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::probe::excerpt;
use crate::random;

mod bucket;
mod counts;
mod directory;
mod doubts;
mod leftovers;
mod reader;
mod s3;
mod spool;
#[cfg(test)]
mod tests;
mod transfer;
mod transport;
mod trouble;
mod writer;

use bucket::Bucket;
use counts::Counts;
use directory::Directory;

pub use counts::ObjectCounts;
pub(crate) use leftovers::Leftovers;
pub use reader::ObjectReader;
pub use s3::{S3, S3Error};
pub use trouble::{BucketError, Trouble};
pub(crate) use trouble::{bucket_error, is_disk_full};
pub(crate) use writer::ObjectWriter;

/// Bytes of a copy in memory at once.
const COPY_BYTES: usize = 1024 * 1024;

/// The object store, and the directory for what is on its way there.
#[derive(Debug)]
pub struct Objects {
    place: Place,
    staging: PathBuf,
    pulls: PathBuf,
    counts: Arc<Counts>,
}

#[derive(Debug)]
enum Place {
    Directory(Directory),
    Bucket(Arc<Bucket>),
}

impl Objects {
    /// Objects in `objects` in the data directory. Makes that, `staging` and `pulls`, readable by their
    /// owner only.
    pub fn open(data: &Path) -> io::Result<Self> {
        let counts = Arc::<Counts>::default();
        let place = Place::Directory(Directory::open(&data.join("objects"))?);
        let (staging, pulls) = (private(data, "staging")?, private(data, "pulls")?);
        Ok(Self { place, staging, pulls, counts })
    }

    /// Objects in a bucket. Makes `staging` and `pulls` in the data directory; asks the bucket nothing
    /// yet.
    pub fn in_bucket(data: &Path, s3: &S3) -> Result<Self, S3Error> {
        let counts = Arc::<Counts>::default();
        let place = Place::Bucket(Arc::new(Bucket::new(s3, Arc::clone(&counts))?));
        let (staging, pulls) = (private(data, "staging")?, private(data, "pulls")?);
        Ok(Self { place, staging, pulls, counts })
    }

    /// Where parts are staged.
    pub(crate) fn staging(&self) -> &Path {
        &self.staging
    }

    /// Where files lie that have been fetched in part.
    pub(crate) fn pulls(&self) -> &Path {
        &self.pulls
    }

    /// A new name for an object of a file. The 256 directories are never removed, so that removing
    /// one object cannot take the directory from under another that is just being written.
    pub(crate) fn new_name(file: FileId) -> io::Result<String> {
        Ok(format!("{:02x}/{file}-{}", file.0 % 256, random::text(16)?))
    }

    /// Begins to write an object under a new name, whose bytes come at the pace of somebody else. For
    /// a bucket they gather on the disk first: nobody who is slow holds what others need.
    pub(crate) async fn write(&self, name: &str) -> io::Result<ObjectWriter> {
        self.require_checked()?;
        match &self.place {
            Place::Directory(directory) => {
                let chunks = directory.write(name).await?;
                Ok(ObjectWriter::to_directory(chunks, Arc::clone(&self.counts)))
            }
            Place::Bucket(bucket) => Ok(ObjectWriter::to_spool(bucket, name, &self.staging)),
        }
    }

    /// The same for bytes that are on this machine already, `size` of them.
    pub(crate) async fn write_sized(&self, name: &str, size: u64) -> io::Result<ObjectWriter> {
        match &self.place {
            Place::Directory(_) => self.write(name).await,
            Place::Bucket(bucket) => {
                self.require_checked()?;
                Box::pin(ObjectWriter::to_bucket(bucket, name, size)).await
            }
        }
    }

    /// Makes an object of a file of this machine, whose bytes are synced and change no more: durable
    /// when it returns. In a directory it is a hard link, where that is possible.
    pub(crate) async fn adopt(&self, file: &Path, size: u64, name: &str) -> io::Result<()> {
        self.require_checked()?;
        if let Place::Directory(directory) = &self.place {
            match directory.adopt(file, name).await {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                // another file system, or one without links
                Err(error) => tracing::debug!(%error, "a file is copied to the objects"),
                Ok(()) => {
                    self.counts.stored(size);
                    return Ok(());
                }
            }
        }
        let reader = tokio::fs::File::open(file).await?;
        self.write_from(reader, size, name).await
    }

    /// Makes an object of the `size` bytes that can be read.
    async fn write_from(
        &self,
        mut reader: impl AsyncRead + Unpin,
        size: u64,
        name: &str,
    ) -> io::Result<()> {
        let mut writer = self.write_sized(name, size).await?;
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let len = reader.read(&mut buffer).await?;
            match buffer.get(..len) {
                Some(piece) if len > 0 => writer.write(piece).await?,
                _ => break,
            }
        }
        writer.finish().await?;
        Ok(())
    }

    /// Makes an object of the bytes of another one, under a new name: durable when it returns. On
    /// the disk it is a hard link, which the file system counts, in a bucket a copy that the store
    /// makes itself; where that is not possible, the bytes are written once more.
    pub(crate) async fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        self.require_checked()?;
        let copied = match &self.place {
            Place::Directory(directory) => directory.copy(from, to).await,
            Place::Bucket(bucket) => Box::pin(bucket.copy(from, to)).await,
        };
        match copied {
            Err(error) if !is_final(&error) => {
                tracing::debug!(%error, "an object is copied byte by byte");
            }
            copied => return copied,
        }
        let size = self.size(from).await?.ok_or(io::ErrorKind::NotFound)?;
        let reader = self.read(from, 0, size).await?;
        self.write_from(reader, size, to).await
    }

    /// Reads `len` bytes of an object from `start`.
    pub(crate) async fn read(&self, name: &str, start: u64, len: u64) -> io::Result<ObjectReader> {
        match &self.place {
            Place::Directory(directory) => {
                let file = directory.read(name, start).await?;
                Ok(ObjectReader::of_file(file, len, Arc::clone(&self.counts)))
            }
            Place::Bucket(bucket) => {
                let stream = Box::pin(bucket.read(name, start, len)).await?;
                Ok(ObjectReader::of_bucket(stream, bucket))
            }
        }
    }

    /// An object of `size` bytes as a probe looks at it: a file of this machine. None: it would take
    /// too much to make it one (see [`excerpt`]).
    pub(crate) async fn probe_input(&self, name: &str, size: u64) -> io::Result<Option<File>> {
        match &self.place {
            Place::Directory(directory) => {
                Ok(Some(directory.read(name, 0).await?.into_std().await))
            }
            Place::Bucket(_) => {
                let read = |start, len| self.read(name, start, len);
                Box::pin(excerpt(&self.staging, size, read)).await
            }
        }
    }

    /// How many bytes an object has; none: there is no such object.
    pub(crate) async fn size(&self, name: &str) -> io::Result<Option<u64>> {
        let found = match &self.place {
            Place::Directory(directory) => directory.size(name).await,
            Place::Bucket(bucket) => bucket.size(name).await,
        };
        match found {
            Ok(size) => Ok(Some(size)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins a sweep: what interrupted writes have left, to be removed with the objects that they
    /// were to be. For a bucket this asks it, but only when there may be something.
    pub(crate) async fn sweep_begins(&self, now: Mono) -> io::Result<Leftovers> {
        match &self.place {
            // they are found by their names
            Place::Directory(_) => Ok(Leftovers::default()),
            Place::Bucket(bucket) => bucket.sweep_begins(now).await,
        }
    }

    /// Ends a sweep that has seen all garbage. `all_removed`: with what [`Objects::sweep_begins`] found.
    pub(crate) fn sweep_ends(&self, leftovers: &Leftovers, all_removed: bool) {
        if let Place::Bucket(bucket) = &self.place {
            bucket.doubts().sweep_ends();
            if all_removed {
                bucket.leftovers_removed(leftovers);
            }
        }
    }

    /// Whether garbage is to be removed now; not, if it was and may still come back.
    pub(crate) fn is_due(&self, name: &str) -> bool {
        match &self.place {
            Place::Directory(_) => true,
            Place::Bucket(bucket) => bucket.doubts().is_due(name),
        }
    }

    /// Notes that garbage was removed. Returns whether it is gone for good: a bucket may carry out
    /// later what it never answered.
    pub(crate) fn is_settled(&self, name: &str) -> bool {
        match &self.place {
            Place::Directory(_) => true,
            Place::Bucket(bucket) => bucket.doubts().is_settled(name),
        }
    }

    /// Removes objects and whatever an interrupted write of them left; those that could not be
    /// removed. Removing what is not there is no error.
    pub(crate) async fn remove(
        &self,
        names: &[String],
        leftovers: &Leftovers,
    ) -> Vec<(String, io::Error)> {
        match &self.place {
            Place::Directory(directory) => directory.remove(names).await,
            Place::Bucket(bucket) => bucket.remove(names, leftovers).await,
        }
    }

    /// Whether objects may be written and removed: their place is known to be the right one.
    pub(crate) fn is_checked(&self) -> bool {
        match &self.place {
            Place::Directory(_) => true,
            Place::Bucket(bucket) => bucket.is_checked(),
        }
    }

    /// The same as an error.
    pub(crate) fn require_checked(&self) -> io::Result<()> {
        match &self.place {
            Place::Directory(_) => Ok(()),
            Place::Bucket(bucket) => bucket.require_checked(),
        }
    }

    /// Says that the place is the right one.
    pub(crate) fn set_checked(&self) {
        if let Place::Bucket(bucket) = &self.place {
            bucket.set_checked();
        }
    }

    /// Whether finished objects take room on the disk that uploads are staged on.
    pub(crate) const fn share_the_disk(&self) -> bool {
        matches!(self.place, Place::Directory(_))
    }

    /// The name of the object that a bucket is tried out with.
    pub(crate) fn trial(&self) -> Option<&str> {
        match &self.place {
            Place::Directory(_) => None,
            Place::Bucket(bucket) => Some(bucket.trial()),
        }
    }

    /// Tries everything that will be asked of the bucket; a directory needs no trial.
    pub(crate) async fn try_out(&self) -> io::Result<()> {
        match &self.place {
            Place::Directory(_) => Ok(()),
            Place::Bucket(bucket) => bucket.try_out().await,
        }
    }

    /// That the place has not answered.
    pub(crate) fn silent(&self) -> BucketError {
        BucketError::new(&self.whereabouts(), Trouble::Unreachable, "no answer in time")
    }

    /// Where objects are, for people.
    pub(crate) fn whereabouts(&self) -> String {
        match &self.place {
            Place::Directory(directory) => directory.root().display().to_string(),
            Place::Bucket(bucket) => bucket.whereabouts().to_owned(),
        }
    }

    /// What has been stored, read and has failed.
    pub(crate) fn counts(&self) -> ObjectCounts {
        self.counts.read()
    }

    /// Free bytes of the disk that uploads take room on, and all bytes of it: the staged parts' disk,
    /// which the objects share if they are in a directory.
    pub(crate) fn space(&self) -> io::Result<(u64, u64)> {
        let facts = rustix::fs::statvfs(&self.staging)?;
        Ok((
            facts.f_bavail.saturating_mul(facts.f_frsize),
            facts.f_blocks.saturating_mul(facts.f_frsize),
        ))
    }
}

/// Whether a copy that failed for this reason would fail in any other way too.
fn is_final(error: &io::Error) -> bool {
    let trouble = bucket_error(error).map(BucketError::trouble);
    error.kind() == io::ErrorKind::NotFound
        || trouble.is_some_and(|trouble| trouble != Trouble::Refused)
}

fn private(data: &Path, name: &str) -> io::Result<PathBuf> {
    let made = data.join(name);
    directory::make_private(&made)?;
    Ok(made)
}
