//! An object being written, wherever it goes: its sums are taken while the bytes pass by.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::bucket::Bucket;
use super::counts::Counts;
use super::directory::Chunks;
use super::spool::Spool;
use super::transfer::Transfer;
use crate::digest::{Summing, Sums};

/// An object being written. Dropping it unfinished leaves nothing under its name.
#[derive(Debug)]
pub(crate) struct ObjectWriter {
    sink: Sink,
    summing: Summing,
    counts: Arc<Counts>,
}

#[derive(Debug)]
enum Sink {
    Directory(Chunks),
    Spool(Spool),
    Bucket(Box<Transfer>),
}

impl ObjectWriter {
    pub(super) fn to_directory(chunks: Chunks, counts: Arc<Counts>) -> Self {
        Self { sink: Sink::Directory(chunks), summing: Summing::new(), counts }
    }

    pub(super) fn to_spool(bucket: &Arc<Bucket>, name: &str, directory: &Path) -> Self {
        let sink = Sink::Spool(Spool::new(bucket, name, directory));
        Self { sink, summing: Summing::new(), counts: Arc::clone(bucket.counts()) }
    }

    pub(super) async fn to_bucket(bucket: &Arc<Bucket>, name: &str, size: u64) -> io::Result<Self> {
        let sink = Sink::Bucket(Box::new(Transfer::begin(bucket, name, size).await?));
        Ok(Self { sink, summing: Summing::new(), counts: Arc::clone(bucket.counts()) })
    }

    /// Takes the next bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.summing.update(bytes);
        match &mut self.sink {
            Sink::Directory(chunks) => chunks.write(bytes).await,
            // boxed, so that those who write to a directory need no room for it
            Sink::Spool(spool) => Box::pin(spool.write(bytes)).await,
            Sink::Bucket(transfer) => Box::pin(transfer.write(bytes)).await,
        }
    }

    /// Bytes written so far.
    pub(crate) const fn size(&self) -> u64 {
        self.summing.size()
    }

    /// Makes the object durable under its name. What a failure leaves is garbage like its name.
    pub(crate) async fn finish(self) -> io::Result<Sums> {
        let sums = self.summing.finish();
        match self.sink {
            Sink::Directory(chunks) => chunks.finish().await?,
            Sink::Spool(spool) => Box::pin(spool.finish(sums.size)).await?,
            Sink::Bucket(transfer) => Box::pin(transfer.finish()).await?,
        }
        self.counts.stored(sums.size);
        Ok(sums)
    }
}
