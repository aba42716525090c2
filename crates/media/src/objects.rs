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
use object_store::{MultipartUpload, ObjectStoreExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, ReadBuf, Take};
use tokio::task::JoinSet;

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
        let (chunk, in_flight) = (Vec::new(), JoinSet::new());
        Ok(ObjectWriter { upload, chunk, in_flight, summing: Summing::new() })
    }

    /// Makes an object of the bytes of another one, under a new name: durable when it returns. On
    /// the disk it is a hard link, which the file system counts; where it knows none, the bytes are
    /// written once more.
    pub(crate) async fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        match self.store.copy(&from.into(), &to.into()).await {
            Ok(()) => return Ok(()),
            Err(error @ object_store::Error::NotFound { .. }) => return Err(error.into()),
            Err(error) => tracing::debug!(%error, "an object is copied byte by byte"),
        }
        let mut reader = self.read(from, 0, u64::MAX).await?;
        let mut writer = self.write(to).await?;
        let mut buffer = vec![0; CHUNK_BYTES];
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

    /// Reads `len` bytes of an object from `start`.
    pub(crate) async fn read(&self, name: &str, start: u64, len: u64) -> io::Result<ObjectReader> {
        let mut file = tokio::fs::File::open(self.path(name)?).await?;
        if start > 0 {
            file.seek(SeekFrom::Start(start)).await?;
        }
        Ok(ObjectReader(file.take(len)))
    }

    /// An object as a probe looks at it: a file of this machine. None: it would take too much to
    /// make it one (see [`crate::probe::excerpt`]).
    pub(crate) async fn probe_input(&self, name: &str) -> io::Result<Option<fs::File>> {
        let file = tokio::fs::File::open(self.path(name)?).await?;
        Ok(Some(file.into_std().await))
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
///
/// The chunks are sent from here and not by `object_store::WriteMultipart`: when the end of an upload
/// fails, that one aborts it, fails with that too, and tells only `Aborted`; whether the disk was
/// full would be lost.
#[derive(Debug)]
pub(crate) struct ObjectWriter {
    upload: Box<dyn MultipartUpload>,
    chunk: Vec<u8>,
    in_flight: JoinSet<object_store::Result<()>>,
    summing: Summing,
}

impl ObjectWriter {
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.summing.update(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = CHUNK_BYTES.saturating_sub(self.chunk.len());
            // copied, because a small piece of a body holds the whole buffer it was read into
            let (piece, later) = rest.split_at(room.min(rest.len()));
            self.chunk.extend_from_slice(piece);
            rest = later;
            if self.chunk.len() == CHUNK_BYTES {
                self.send_chunk().await?;
            }
        }
        Ok(())
    }

    /// Bytes written so far.
    pub(crate) const fn size(&self) -> u64 {
        self.summing.size()
    }

    /// Makes the object durable under its name. What a failure leaves is garbage like its name.
    pub(crate) async fn finish(mut self) -> io::Result<Sums> {
        if !self.chunk.is_empty() {
            self.send_chunk().await?;
        }
        self.wait_for_others(0).await?;
        self.upload.complete().await?;
        Ok(self.summing.finish())
    }

    async fn send_chunk(&mut self) -> io::Result<()> {
        self.wait_for_others(CHUNKS_IN_FLIGHT - 1).await?;
        let chunk = std::mem::take(&mut self.chunk);
        self.in_flight.spawn(self.upload.put_part(chunk.into()));
        Ok(())
    }

    /// Waits until at most `max` chunks are on their way.
    async fn wait_for_others(&mut self, max: usize) -> io::Result<()> {
        while self.in_flight.len() > max {
            if let Some(sent) = self.in_flight.join_next().await {
                sent.map_err(io::Error::other)??;
            }
        }
        Ok(())
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
    kinds(error).any(|kind| matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

/// The kinds of all errors of the system that led to this one.
fn kinds(error: &io::Error) -> impl Iterator<Item = ErrorKind> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let every = std::iter::from_fn(move || {
        let error = next?;
        let system = error.downcast_ref::<io::Error>();
        // the source of an error that wraps another one is not that one, but the source of that
        let wrapped = system.and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
        Some(system.map(io::Error::kind))
    });
    every.flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_recognised_however_deep() {
        let full = || io::Error::from_raw_os_error(28);
        let stored: io::Error = object_store::Error::Generic {
            store: "LocalFileSystem",
            source: Box::new(io::Error::other(full())),
        }
        .into();
        let over_quota = io::Error::from_raw_os_error(122);
        for error in [full(), io::Error::other(full()), stored, over_quota] {
            assert!(is_disk_full(&error), "{error:?}");
        }
        for error in [io::Error::other("full"), io::Error::from_raw_os_error(5)] {
            assert!(!is_disk_full(&error), "{error:?}");
        }
    }

    #[tokio::test]
    async fn why_an_object_could_not_be_finished_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let objects = Objects::open(dir.path()).unwrap();
        let mut writer = objects.write("00/taken").await.unwrap();
        writer.write(b"bytes").await.unwrap();
        // renaming to this name fails, as it might for want of room
        fs::create_dir(dir.path().join("objects/00/taken")).unwrap();
        let error = writer.finish().await.unwrap_err();
        assert!(kinds(&error).any(|kind| kind == ErrorKind::IsADirectory), "{error:?}");
    }

    #[tokio::test]
    async fn an_object_is_whole_whatever_the_pieces() {
        let dir = tempfile::tempdir().unwrap();
        let objects = Objects::open(dir.path()).unwrap();
        let bytes: Vec<u8> = (0..3 * CHUNK_BYTES + 7).map(|n| n.to_le_bytes()[1]).collect();
        for (name, piece) in
            [("00/small", 70_001), ("00/exact", CHUNK_BYTES), ("00/all", bytes.len())]
        {
            let mut writer = objects.write(name).await.unwrap();
            for piece in bytes.chunks(piece) {
                writer.write(piece).await.unwrap();
            }
            let sums = writer.finish().await.unwrap();
            assert_eq!(usize::try_from(sums.size).unwrap(), bytes.len());
            assert!(fs::read(objects.path(name).unwrap()).unwrap() == bytes, "{name}");
        }
        let writer = objects.write("00/none").await.unwrap();
        writer.finish().await.unwrap();
        assert!(fs::read(objects.path("00/none").unwrap()).unwrap().is_empty());
    }
}
