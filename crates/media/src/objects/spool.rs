//! Bytes that come at a client's pace and are for a bucket: gathered here first, sent when they are
//! all there.
//!
//! So a slow client holds a file and not the memory of a part; the bucket sees no upload that its
//! client gives up; and the size is known, which decides how it is sent. A small body stays in memory.
//! The file has no name, so a crash leaves nothing of it. It needs no fsync: until the object is in the
//! bucket nothing is promised.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use super::bucket::Bucket;
use super::transfer::Transfer;
use crate::probe::unnamed;

/// Bytes of a body that are kept in memory.
const MEMORY_BYTES_MAX: usize = 256 * 1024;
/// Bytes read of the file at once.
const READ_BYTES: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Spool {
    bucket: Arc<Bucket>,
    name: String,
    directory: PathBuf,
    memory: Vec<u8>,
    file: Option<File>,
}

impl Spool {
    pub(super) fn new(bucket: &Arc<Bucket>, name: &str, directory: &Path) -> Self {
        Self {
            bucket: Arc::clone(bucket),
            name: name.to_owned(),
            directory: directory.to_owned(),
            memory: Vec::new(),
            file: None,
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            return file.write_all(bytes).await;
        }
        if self.memory.len().saturating_add(bytes.len()) <= MEMORY_BYTES_MAX {
            self.memory.extend_from_slice(bytes);
            return Ok(());
        }
        let mut file = File::from_std(Box::pin(unnamed(&self.directory)).await?);
        file.write_all(&std::mem::take(&mut self.memory)).await?;
        file.write_all(bytes).await?;
        self.file = Some(file);
        Ok(())
    }

    /// Sends the `size` bytes that came to the bucket.
    pub(super) async fn finish(mut self, size: u64) -> io::Result<()> {
        let mut transfer = Transfer::begin(&self.bucket, &self.name, size).await?;
        if let Some(mut file) = self.file.take() {
            file.flush().await?;
            file.rewind().await?;
            let mut buffer = vec![0; READ_BYTES];
            loop {
                let len = file.read(&mut buffer).await?;
                match buffer.get(..len) {
                    Some(piece) if len > 0 => transfer.write(piece).await?,
                    _ => break,
                }
            }
        } else {
            transfer.write(&self.memory).await?;
        }
        transfer.finish().await
    }
}
