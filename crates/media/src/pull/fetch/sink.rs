//! What a fetched file goes into: a new object; first a file that outlasts a restart, if it can go on from
//! there and that is worth it; or, of a playlist, memory. It can be begun anew; what an object had by then
//! is garbage like its name.

use std::io;

use model::FileId;

use crate::digest::Sums;
use crate::error::Fault;
use crate::library::Library;
use crate::objects::ObjectWriter;
use crate::partial::{Partial, Whose};
use crate::writing::Reserved;

/// A file on its way in.
#[derive(Debug)]
pub(super) struct Sink<'a> {
    library: &'a Library,
    into: Into<'a>,
}

#[derive(Debug)]
enum Into<'a> {
    /// What it goes into shows with the answer.
    Nothing(Place<'a>),
    /// Into an object.
    Object { place: Place<'a>, reserved: Reserved, writer: Box<ObjectWriter> },
    /// Into a file, and from there into an object.
    Partial { place: Place<'a>, partial: Box<Partial> },
    /// Into memory.
    Text(Vec<u8>),
}

/// Whose file it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The file that the object belongs to.
    pub file: FileId,
    /// The task and the object's key.
    pub whose: Whose<'a>,
}

impl<'a> Sink<'a> {
    /// For an object; with what has come of it before a restart.
    pub(super) async fn object(library: &'a Library, place: Place<'a>) -> Result<Self, Fault> {
        let step = library.settings.pull.step;
        let into = match library.partials.resume(place.whose, step).await? {
            Some(partial) => Into::Partial { place, partial: Box::new(partial) },
            None => Into::Nothing(place),
        };
        Ok(Self { library, into })
    }

    pub(super) const fn text(library: &'a Library) -> Self {
        Self { library, into: Into::Text(Vec::new()) }
    }

    /// Whether all of it is there from before a restart.
    pub(super) const fn is_whole(&self) -> bool {
        match &self.into {
            Into::Partial { partial, .. } => partial.is_whole(),
            Into::Nothing(_) | Into::Object { .. } | Into::Text(_) => false,
        }
    }

    /// What the source told the version of the file by that came before a restart.
    pub(super) fn validator(&self) -> Option<&str> {
        match &self.into {
            Into::Partial { partial, .. } => Some(partial.validator()),
            Into::Nothing(_) | Into::Object { .. } | Into::Text(_) => None,
        }
    }

    /// Forgets what was written.
    pub(super) fn restart(&mut self) {
        self.into = match &self.into {
            Into::Nothing(place) | Into::Object { place, .. } | Into::Partial { place, .. } => {
                Into::Nothing(*place)
            }
            Into::Text(_) => Into::Text(Vec::new()),
        };
    }

    /// Makes ready for a file of `total` bytes, if that was said, and of the version that `validator`
    /// tells, if one does.
    pub(super) async fn begin(
        &mut self,
        total: Option<u64>,
        validator: Option<&str>,
    ) -> Result<(), Fault> {
        let Into::Nothing(place) = self.into else { return Ok(()) };
        let library = self.library;
        let step = library.settings.pull.step;
        self.into = match validator {
            Some(validator) if total.is_none_or(|total| total > step) => {
                let partial = library.partials.begin(place.whose, validator, step).await?;
                Into::Partial { place, partial: Box::new(partial) }
            }
            _ => {
                let (reserved, writer) = Box::pin(library.begin_object(place.file)).await?;
                Into::Object { place, reserved, writer: Box::new(writer) }
            }
        };
        Ok(())
    }

    pub(super) async fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match &mut self.into {
            Into::Object { writer, .. } => writer.write(piece).await,
            Into::Partial { partial, .. } => partial.write(piece).await,
            Into::Text(text) => {
                text.extend_from_slice(piece);
                Ok(())
            }
            Into::Nothing(_) => Err(io::Error::other("a file was not begun")),
        }
    }

    pub(super) fn size(&self) -> u64 {
        match &self.into {
            Into::Nothing(_) => 0,
            Into::Object { writer, .. } => writer.size(),
            Into::Partial { partial, .. } => partial.size(),
            Into::Text(text) => u64::try_from(text.len()).unwrap_or(u64::MAX),
        }
    }

    /// Makes the object durable.
    pub(super) async fn finish(self) -> Result<(Reserved, Sums), Fault> {
        match self.into {
            Into::Object { reserved, writer, .. } => Ok((reserved, writer.finish().await?)),
            Into::Partial { place, mut partial } => {
                let (path, sums) = partial.finish().await?;
                let reserved = self.library.reserve_object(place.file).await?;
                let objects = &self.library.objects;
                Box::pin(objects.adopt(&path, sums.size, reserved.name())).await?;
                Ok((reserved, sums))
            }
            Into::Nothing(_) | Into::Text(_) => {
                Err(io::Error::other("what was fetched is no object").into())
            }
        }
    }

    pub(super) fn into_text(self) -> Vec<u8> {
        match self.into {
            Into::Text(text) => text,
            Into::Nothing(_) | Into::Object { .. } | Into::Partial { .. } => Vec::new(),
        }
    }
}
