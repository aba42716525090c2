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
    destination: Destination<'a>,
}

#[derive(Debug)]
enum Destination<'a> {
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
        let destination = match library.partials.resume(place.whose, step).await? {
            Some(partial) => Destination::Partial { place, partial: Box::new(partial) },
            None => Destination::Nothing(place),
        };
        Ok(Self { library, destination })
    }

    pub(super) const fn text(library: &'a Library) -> Self {
        Self { library, destination: Destination::Text(Vec::new()) }
    }

    /// Whether all of it is there from before a restart.
    pub(super) const fn is_whole(&self) -> bool {
        match &self.destination {
            Destination::Partial { partial, .. } => partial.is_whole(),
            Destination::Nothing(_) | Destination::Object { .. } | Destination::Text(_) => false,
        }
    }

    /// What the source told the version of the file by that came before a restart.
    pub(super) fn validator(&self) -> Option<&str> {
        match &self.destination {
            Destination::Partial { partial, .. } => Some(partial.validator()),
            Destination::Nothing(_) | Destination::Object { .. } | Destination::Text(_) => None,
        }
    }

    /// Forgets what was written.
    pub(super) fn restart(&mut self) {
        self.destination = match &self.destination {
            Destination::Nothing(place)
            | Destination::Object { place, .. }
            | Destination::Partial { place, .. } => Destination::Nothing(*place),
            Destination::Text(_) => Destination::Text(Vec::new()),
        };
    }

    /// Makes ready for a file of `total` bytes, if that was said, and of the version that `validator`
    /// tells, if one does.
    pub(super) async fn begin(
        &mut self,
        total: Option<u64>,
        validator: Option<&str>,
    ) -> Result<(), Fault> {
        let Destination::Nothing(place) = self.destination else { return Ok(()) };
        let library = self.library;
        let step = library.settings.pull.step;
        self.destination = match validator {
            Some(validator) if total.is_none_or(|total| total > step) => {
                let partial = library.partials.begin(place.whose, validator, step).await?;
                Destination::Partial { place, partial: Box::new(partial) }
            }
            _ => {
                let (reserved, writer) = Box::pin(library.begin_object(place.file)).await?;
                Destination::Object { place, reserved, writer: Box::new(writer) }
            }
        };
        Ok(())
    }

    pub(super) async fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match &mut self.destination {
            Destination::Object { writer, .. } => writer.write(piece).await,
            Destination::Partial { partial, .. } => partial.write(piece).await,
            Destination::Text(text) => {
                text.extend_from_slice(piece);
                Ok(())
            }
            Destination::Nothing(_) => Err(io::Error::other("a file was not begun")),
        }
    }

    pub(super) fn size(&self) -> u64 {
        match &self.destination {
            Destination::Nothing(_) => 0,
            Destination::Object { writer, .. } => writer.size(),
            Destination::Partial { partial, .. } => partial.size(),
            Destination::Text(text) => u64::try_from(text.len()).unwrap_or(u64::MAX),
        }
    }

    /// Makes the object durable.
    pub(super) async fn finish(self) -> Result<(Reserved, Sums), Fault> {
        match self.destination {
            Destination::Object { reserved, writer, .. } => Ok((reserved, writer.finish().await?)),
            Destination::Partial { place, mut partial } => {
                let (path, sums) = partial.finish().await?;
                let reserved = self.library.reserve_object(place.file).await?;
                let objects = &self.library.objects;
                Box::pin(objects.adopt(&path, sums.size, reserved.name())).await?;
                Ok((reserved, sums))
            }
            Destination::Nothing(_) | Destination::Text(_) => {
                Err(io::Error::other("what was fetched is no object").into())
            }
        }
    }

    pub(super) fn into_text(self) -> Vec<u8> {
        match self.destination {
            Destination::Text(text) => text,
            Destination::Nothing(_) | Destination::Object { .. } | Destination::Partial { .. } => {
                Vec::new()
            }
        }
    }
}
