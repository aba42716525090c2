//! Objects as files of a local directory, behind `object_store`, which gives a file its name only when
//! its bytes are synced.

use std::fs;
use std::io::{self, ErrorKind, SeekFrom};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use object_store::local::LocalFileSystem;
use object_store::{MultipartUpload, ObjectStoreExt as _};
use tokio::io::AsyncSeekExt as _;
use tokio::task::JoinSet;

/// Bytes of one chunk on its way to the disk.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Chunks of one object on their way to the disk at once.
const CHUNKS_IN_FLIGHT: usize = 2;

#[derive(Debug)]
pub(super) struct Directory {
    store: LocalFileSystem,
    root: PathBuf,
}

impl Directory {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        make_private(root)?;
        let store = LocalFileSystem::new_with_prefix(root)?.with_fsync(true);
        Ok(Self { store, root: root.to_owned() })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, name: &str) -> io::Result<PathBuf> {
        Ok(self.store.path_to_filesystem(&name.into())?)
    }

    pub(super) async fn write(&self, name: &str) -> io::Result<Chunks> {
        let upload = self.store.put_multipart(&name.into()).await?;
        Ok(Chunks { upload, chunk: Vec::new(), in_flight: JoinSet::new() })
    }

    pub(super) async fn read(&self, name: &str, start: u64) -> io::Result<tokio::fs::File> {
        let mut file = tokio::fs::File::open(self.path(name)?).await?;
        if start > 0 {
            file.seek(SeekFrom::Start(start)).await?;
        }
        Ok(file)
    }

    /// Makes a hard link of a file that is not here, whose bytes are synced.
    pub(super) async fn adopt(&self, file: &Path, name: &str) -> io::Result<()> {
        let (from, to) = (file.to_owned(), self.path(name)?);
        let root = self.root.clone();
        let linked = tokio::task::spawn_blocking(move || {
            let directory = to.parent().unwrap_or(&root);
            fs::create_dir_all(directory)?;
            fs::hard_link(from, &to)?;
            fs::File::open(directory)?.sync_all()?;
            fs::File::open(&root)?.sync_all()
        });
        linked.await.map_err(io::Error::other)?
    }

    /// Makes a hard link; `to` is new.
    pub(super) async fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        // the other copy makes it under another name first, and a crash would leave that
        Ok(self.store.copy_if_not_exists(&from.into(), &to.into()).await?)
    }

    pub(super) async fn size(&self, name: &str) -> io::Result<u64> {
        Ok(tokio::fs::metadata(self.path(name)?).await?.len())
    }

    pub(super) async fn remove(&self, names: &[String]) -> Vec<(String, io::Error)> {
        let mut failed = Vec::new();
        for name in names {
            if let Err(error) = self.remove_one(name).await {
                failed.push((name.clone(), error));
            }
        }
        failed
    }

    async fn remove_one(&self, name: &str) -> io::Result<()> {
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
}

/// Makes a directory that its owner alone can read.
pub(super) fn make_private(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// A file being written. Dropping it unfinished leaves nothing under its name.
///
/// The chunks are sent from here and not by `object_store::WriteMultipart`: when the end of an upload
/// fails, that one aborts it, fails with that too, and tells only `Aborted`; whether the disk was
/// full would be lost.
#[derive(Debug)]
pub(super) struct Chunks {
    upload: Box<dyn MultipartUpload>,
    chunk: Vec<u8>,
    in_flight: JoinSet<object_store::Result<()>>,
}

impl Chunks {
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
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

    /// Makes the file durable under its name. What a failure leaves is garbage like its name.
    pub(super) async fn finish(mut self) -> io::Result<()> {
        if !self.chunk.is_empty() {
            self.send_chunk().await?;
        }
        self.wait_for_others(0).await?;
        self.upload.complete().await?;
        Ok(())
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
