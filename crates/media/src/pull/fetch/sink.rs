//! What a fetched file goes into: a new object, or, of a playlist, memory. It can be begun anew; what an
//! object had by then is garbage like its name.

use std::io;

use model::FileId;

use crate::digest::Sums;
use crate::error::Fault;
use crate::library::Library;
use crate::objects::ObjectWriter;
use crate::writing::Reserved;

/// A file on its way in.
#[derive(Debug)]
pub(super) enum Sink {
    /// Into an object.
    Object {
        /// The file that the object belongs to.
        file: FileId,
        reserved: Reserved,
        writer: Box<ObjectWriter>,
    },
    /// Into memory.
    Text(Vec<u8>),
}

impl Sink {
    pub(super) async fn object(library: &Library, file: FileId) -> Result<Self, Fault> {
        let (reserved, writer) = library.begin_object(file).await?;
        Ok(Self::Object { file, reserved, writer: Box::new(writer) })
    }

    pub(super) const fn text() -> Self {
        Self::Text(Vec::new())
    }

    /// Forgets what was written.
    pub(super) async fn restart(&mut self, library: &Library) -> Result<(), Fault> {
        if self.size() > 0 {
            *self = match self {
                Self::Object { file, .. } => Self::object(library, *file).await?,
                Self::Text(_) => Self::text(),
            };
        }
        Ok(())
    }

    pub(super) async fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Object { writer, .. } => writer.write(piece).await,
            Self::Text(text) => {
                text.extend_from_slice(piece);
                Ok(())
            }
        }
    }

    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Object { writer, .. } => writer.size(),
            Self::Text(text) => u64::try_from(text.len()).unwrap_or(u64::MAX),
        }
    }

    /// Makes the object durable.
    pub(super) async fn finish(self) -> io::Result<(Reserved, Sums)> {
        match self {
            Self::Object { reserved, writer, .. } => Ok((reserved, writer.finish().await?)),
            Self::Text(_) => Err(io::Error::other("a text is no object")),
        }
    }

    pub(super) fn into_text(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text,
            Self::Object { .. } => Vec::new(),
        }
    }
}
