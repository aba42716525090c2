//! Where the bytes of finished objects are: one local directory, behind `object_store`.
//!
//! An object's name is random and never used twice, so writing one never touches another, and what
//! an overwritten key referred to stays whole until nobody reads it. Writing is streamed: a fixed
//! number of chunks is in memory whatever the object's size. An object is there when `finish` has
//! returned: file and directory are synced and the name is final.
//!
//! Deliberately absent: which objects are wanted. The records know, and garbage is swept by them.

use std::fs;
use std::io::{self, ErrorKind, SeekFrom};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use model::FileId;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStoreExt, WriteMultipart};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, ReadBuf, Take};

use crate::digest::{Summing, Sums};
use crate::random;

/// Bytes of one chunk on its way to the disk.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Chunks of one object on their way to the disk at once.
const CHUNKS_IN_FLIGHT: usize = 2;

/// The object store, and the directory for parts beside it.
#[derive(Debug)]
pub struct Objects {
    store: LocalFileSystem,
    root: PathBuf,
    staging: PathBuf,
}

impl Objects {
    /// Opens or makes `objects` and `staging` in the data directory, readable by their owner only.
    pub fn open(data: &Path) -> io::Result<Self> {
        let (root, staging) = (data.join("objects"), data.join("staging"));
        for directory in [&root, &staging] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        let store = LocalFileSystem::new_with_prefix(&root)?.with_fsync(true);
        Ok(Self { store, root, staging })
    }

    /// Where parts are staged.
    pub(crate) fn staging(&self) -> &Path {
        &self.staging
    }

    /// A new name for an object of a file. The 256 directories are never removed, so that removing
    /// one object cannot take the directory from under another that is just being written.
    pub(crate) fn new_name(file: FileId) -> io::Result<String> {
        Ok(format!("{:02x}/{file}-{}", file.0 % 256, random::text(16)?))
    }

    /// Begins to write an object under a new name.
    pub(crate) async fn write(&self, name: &str) -> io::Result<ObjectWriter> {
        let upload = self.store.put_multipart(&name.into()).await?;
        let write = WriteMultipart::new_with_chunk_size(upload, CHUNK_BYTES);
        Ok(ObjectWriter { write, summing: Summing::new() })
    }

    /// Reads `len` bytes of an object from `start`.
    pub(crate) async fn read(&self, name: &str, start: u64, len: u64) -> io::Result<ObjectReader> {
        let mut file = tokio::fs::File::open(self.path(name)?).await?;
        if start > 0 {
            file.seek(SeekFrom::Start(start)).await?;
        }
        Ok(ObjectReader(file.take(len)))
    }

    /// The file of an object, for programs that look into it.
    pub(crate) fn path(&self, name: &str) -> io::Result<PathBuf> {
        Ok(self.store.path_to_filesystem(&name.into())?)
    }

    /// Removes an object and whatever an interrupted write of it left. Removing what is not there is
    /// no error.
    pub(crate) async fn remove(&self, name: &str) -> io::Result<()> {
        // object_store writes to `name#1` before it renames; a crash leaves that file
        let mut unfinished = self.path(name)?.into_os_string();
        unfinished.push("#1");
        match tokio::fs::remove_file(unfinished).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match self.store.delete(&name.into()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Free bytes of the disk, and all bytes of it.
    pub(crate) fn space(&self) -> io::Result<(u64, u64)> {
        let facts = rustix::fs::statvfs(&self.root)?;
        Ok((
            facts.f_bavail.saturating_mul(facts.f_frsize),
            facts.f_blocks.saturating_mul(facts.f_frsize),
        ))
    }
}

/// An object being written. Dropping it unfinished leaves nothing under its name.
#[derive(Debug)]
pub(crate) struct ObjectWriter {
    write: WriteMultipart,
    summing: Summing,
}

impl ObjectWriter {
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write.wait_for_capacity(CHUNKS_IN_FLIGHT).await?;
        self.summing.update(bytes);
        // copied, because a small piece of a body holds the whole buffer it was read into
        self.write.write(bytes);
        Ok(())
    }

    /// Bytes written so far.
    pub(crate) const fn size(&self) -> u64 {
        self.summing.size()
    }

    /// Makes the object durable under its name.
    pub(crate) async fn finish(self) -> io::Result<Sums> {
        self.write.finish().await?;
        Ok(self.summing.finish())
    }
}

/// Bytes of an object.
#[derive(Debug)]
pub struct ObjectReader(Take<tokio::fs::File>);

impl AsyncRead for ObjectReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

/// Whether an error says that the disk is full, however deep.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(kind, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)) {
            return true;
        }
        next = error.source();
    }
    false
}
