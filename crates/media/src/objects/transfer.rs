//! One object on its way into the bucket: in one request if it is small, in parts of at least what S3
//! wants if it is not, whatever the pieces it comes in.
//!
//! All parts but the last are of one size, because some stores insist on that. What all transfers have
//! in memory together is limited; they draw from this machine's disk, so none of them can hold its
//! share for long. A failed transfer does not abort its upload itself: the bucket may be down, and the
//! sweeper aborts it by its name, which is garbage.

use std::io;
use std::sync::Arc;

use model::limits;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

use super::bucket::Bucket;

/// Parts of one object on their way at once, beside the one that is being filled.
const PARTS_IN_FLIGHT: usize = 2;
/// What the memory of transfers is counted in.
const MIB: u64 = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Transfer {
    bucket: Arc<Bucket>,
    path: Path,
    /// Bytes of every part but the last.
    part_bytes: usize,
    part: Vec<u8>,
    upload: Option<Box<dyn MultipartUpload>>,
    /// Whether there may be an upload in the bucket that is not complete.
    incomplete: bool,
    in_flight: JoinSet<object_store::Result<()>>,
    /// Its share of the memory.
    _share: OwnedSemaphorePermit,
}

impl Transfer {
    /// Waits for memory and begins. `size`: how many bytes will come.
    pub(super) async fn begin(bucket: &Arc<Bucket>, name: &str, size: u64) -> io::Result<Self> {
        let part_bytes = part_bytes(size);
        let memory = size.min(part_bytes.saturating_mul(1 + to_u64(PARTS_IN_FLIGHT)));
        let share = bucket.share(memory.div_ceil(MIB)).await?;
        Ok(Self {
            bucket: Arc::clone(bucket),
            path: bucket.path(name),
            part_bytes: usize::try_from(part_bytes).unwrap_or(usize::MAX),
            part: Vec::new(),
            upload: None,
            incomplete: false,
            in_flight: JoinSet::new(),
            _share: share,
        })
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            // sent when more comes, so that the last part is never empty
            if self.part.len() >= self.part_bytes {
                self.send_part().await?;
            }
            let room = self.part_bytes.saturating_sub(self.part.len());
            let (piece, later) = rest.split_at(room.min(rest.len()));
            self.part.extend_from_slice(piece);
            rest = later;
        }
        Ok(())
    }

    /// Makes the object appear, whole.
    pub(super) async fn finish(mut self) -> io::Result<()> {
        let explain = |error| self.bucket.explain(error);
        if self.upload.is_none() {
            let body = std::mem::take(&mut self.part);
            return match self.bucket.store().put(&self.path, body.into()).await {
                Ok(_) => Ok(()),
                Err(error) => Err(explain(error)),
            };
        }
        self.send_part().await?;
        self.wait_for_others(0).await?;
        if let Some(upload) = &mut self.upload
            && let Err(error) = upload.complete().await
        {
            return Err(self.bucket.explain(error));
        }
        self.incomplete = false;
        Ok(())
    }

    async fn send_part(&mut self) -> io::Result<()> {
        self.wait_for_others(PARTS_IN_FLIGHT - 1).await?;
        let part = std::mem::take(&mut self.part);
        if self.upload.is_none() {
            // even if the answer is lost
            self.incomplete = true;
            let begun = self.bucket.store().put_multipart(&self.path).await;
            self.upload = Some(begun.map_err(|error| self.bucket.explain(error))?);
        }
        if let Some(upload) = &mut self.upload {
            self.in_flight.spawn(upload.put_part(part.into()));
        }
        Ok(())
    }

    /// Waits until at most `max` parts are on their way.
    async fn wait_for_others(&mut self, max: usize) -> io::Result<()> {
        while self.in_flight.len() > max {
            if let Some(sent) = self.in_flight.join_next().await {
                let sent = sent.map_err(io::Error::other)?;
                sent.map_err(|error| self.bucket.explain(error))?;
            }
        }
        Ok(())
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if self.incomplete {
            self.bucket.suspect_leftovers();
        }
    }
}

/// Bytes of the parts of an object, so that there are not too many of them.
fn part_bytes(size: u64) -> u64 {
    let least = size.div_ceil(limits::S3_PARTS_MAX).div_ceil(MIB).saturating_mul(MIB);
    least.max(limits::S3_PART_BYTES_MIN)
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_large_enough_and_not_too_many() {
        for size in [0, 1, 5 * MIB, 5 * MIB + 1, 50_000 * MIB, 50_000 * MIB + 1, 1024 * 1024 * MIB]
        {
            let part = part_bytes(size);
            assert!(part >= limits::S3_PART_BYTES_MIN, "{size}");
            assert!(size.div_ceil(part) <= limits::S3_PARTS_MAX, "{size}");
        }
        assert_eq!(part_bytes(50_000 * MIB), 5 * MIB);
    }
}
