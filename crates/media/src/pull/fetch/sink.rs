//! What a fetched file goes into: a new object. It can be begun anew, and what was written is
//! then garbage like its name.

use std::io;

use model::FileId;

use crate::digest::Sums;
use crate::error::Fault;
use crate::library::Library;
use crate::objects::ObjectWriter;
use crate::writing::Reserved;

/// An object on its way to the disk.
#[derive(Debug)]
pub(super) struct Sink {
    file: FileId,
    reserved: Reserved,
    writer: ObjectWriter,
}

impl Sink {
    pub(super) async fn object(library: &Library, file: FileId) -> Result<Self, Fault> {
        let (reserved, writer) = library.begin_object(file).await?;
        Ok(Self { file, reserved, writer })
    }

    /// Forgets what was written.
    pub(super) async fn restart(&mut self, library: &Library) -> Result<(), Fault> {
        if self.size() > 0 {
            *self = Self::object(library, self.file).await?;
        }
        Ok(())
    }

    pub(super) async fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.writer.write(piece).await
    }

    pub(super) const fn size(&self) -> u64 {
        self.writer.size()
    }

    pub(super) async fn finish(self) -> io::Result<(Reserved, Sums)> {
        let sums = self.writer.finish().await?;
        Ok((self.reserved, sums))
    }
}
