//! Bytes coming in over the COS surface: one object put in one piece, or one part of an upload.
//!
//! The surface feeds pieces as they arrive; nothing is kept of them but sums. Limits and the free
//! disk are checked while the bytes run, because a chunked body declares nothing. What is dropped
//! unfinished leaves nothing behind.

use std::io;
use std::sync::Arc;

use model::{FileId, limits};
use queue::Commit;

use crate::digest::Sums;
use crate::error::{Fault, ObjectError, Refusal};
use crate::library::{Library, ROUNDS};
use crate::objects::{ObjectWriter, Objects};
use crate::paths;
use crate::record::{self, Object, Session};
use crate::session::Grant;
use crate::staging::{PartWriter, Upload};
use crate::writing::Reserved;

/// How many bytes may come between two looks at the free disk.
const LOOK_BYTES: u64 = 32 * 1024 * 1024;

/// A body on its way to the disk.
#[derive(Debug)]
pub struct Incoming {
    library: Arc<Library>,
    grant: Grant,
    sink: Sink,
    /// The most bytes that this body may have.
    limit: u64,
    /// Bytes since the free disk was last looked at.
    unseen: u64,
}

#[derive(Debug)]
enum Sink {
    Object { key: String, reserved: Reserved, writer: ObjectWriter },
    Part { upload: Arc<Upload>, number: u32, writer: PartWriter },
}

/// What a finished body became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// ETag without quotes.
    pub etag: String,
    /// CRC-64/XZ.
    pub crc64: u64,
}

/// An object that is on disk and waits for its record.
#[derive(Debug)]
pub(crate) struct Finished {
    pub key: String,
    pub reserved: Reserved,
    pub etag: String,
    pub crc64: u64,
    pub size: u64,
    pub upload: Option<String>,
}

impl Library {
    /// Begins to take an object in one piece. `declared`: its Content-Length.
    pub async fn put(
        self: &Arc<Self>,
        grant: Grant,
        key: &str,
        declared: Option<u64>,
    ) -> Result<Incoming, ObjectError> {
        grant.check_key(key)?;
        self.check_write(&grant).await?;
        self.check_owner(grant.app, &grant.session, key).await?;
        let limit = self.check_size(&grant, declared)?;
        self.check_count(&grant, grant.session.objects, 0)?;
        let (reserved, writer) = Box::pin(self.begin_object(grant.session.file)).await?;
        let sink = Sink::Object { key: key.to_owned(), reserved, writer };
        Ok(Incoming { library: Arc::clone(self), grant, sink, limit, unseen: 0 })
    }

    /// Begins to take a part of an upload.
    pub async fn put_part(
        self: &Arc<Self>,
        grant: Grant,
        (key, upload_id, number): (&str, &str, u32),
        declared: Option<u64>,
    ) -> Result<Incoming, ObjectError> {
        self.check_write(&grant).await?;
        if !(1..=limits::PARTS_MAX).contains(&number) {
            return Err(ObjectError::PartNumber(limits::PARTS_MAX));
        }
        let upload = self.upload(&grant, key, upload_id)?;
        let limit = self.check_size(&grant, declared)?;
        let writer = match upload.write().await {
            // completed or aborted since the look-up, and its directory with it
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ObjectError::NoSuchUpload);
            }
            written => written?,
        };
        let sink = Sink::Part { upload, number, writer };
        Ok(Incoming { library: Arc::clone(self), grant, sink, limit, unseen: 0 })
    }

    /// Begins an object whose bytes come at the pace of somebody else.
    pub(crate) async fn begin_object(
        &self,
        file: FileId,
    ) -> Result<(Reserved, ObjectWriter), Fault> {
        let reserved = self.reserve_object(file).await?;
        let writer = self.objects.write(reserved.name()).await?;
        Ok((reserved, writer))
    }

    /// The same for `size` bytes that are on this machine already.
    pub(crate) async fn begin_sized_object(
        &self,
        file: FileId,
        size: u64,
    ) -> Result<(Reserved, ObjectWriter), Fault> {
        let reserved = self.reserve_object(file).await?;
        let writer = self.objects.write_sized(reserved.name(), size).await?;
        Ok((reserved, writer))
    }

    /// Names an object and makes the name garbage until its record refers to it.
    pub(crate) async fn reserve_object(&self, file: FileId) -> Result<Reserved, Fault> {
        let reserved = self.writing.reserve(Objects::new_name(file)?);
        let commit = Commit { garbage: vec![reserved.name().to_owned()], ..Commit::default() };
        self.commit(commit).await.map_err(Refusal::give_up)?;
        Ok(reserved)
    }

    /// Records a finished object under its key, instead of an earlier one.
    pub(crate) async fn attach(
        &self,
        grant: &Grant,
        finished: Finished,
    ) -> Result<Object, ObjectError> {
        let session_key = record::session_key(grant.app, &grant.vod_session_key);
        let object_key = record::object_key(grant.app, &finished.key);
        let object = Object {
            file: grant.session.file,
            stored: finished.reserved.name().to_owned(),
            size: finished.size,
            etag: finished.etag.clone(),
            crc64: finished.crc64,
            at: self.now(),
            upload: finished.upload.clone(),
        };
        for _ in 0..ROUNDS {
            let session: Option<(Session, u64)> = self.one(session_key.clone()).await?;
            let Some((mut session, version)) = session else { return Err(ObjectError::Expired) };
            if session.committed {
                return Err(ObjectError::ReadOnly);
            }
            self.check_owner(grant.app, &session, &finished.key).await?;
            let old: Option<(Object, u64)> = self.one(object_key.clone()).await?;
            let (old, old_version) = old.unzip();
            paths::check_file(session.file, &finished.key, old.as_ref().map(|old| old.file))?;
            if let Some(old) = &old {
                session.bytes = session.bytes.saturating_sub(old.size);
            } else {
                let own = u64::from(finished.upload.is_some());
                self.check_count(grant, session.objects, own)?;
                session.objects += 1;
            }
            session.bytes = session.bytes.saturating_add(object.size);
            if session.bytes > self.settings.session_bytes_max {
                return Err(ObjectError::TooLarge(self.settings.session_bytes_max));
            }
            let mut expect =
                vec![(session_key.clone(), Some(version)), (object_key.clone(), old_version)];
            if session.about.storage_path.is_some() && !session.announces(&finished.key) {
                expect.push((record::path_key(grant.app, &finished.key), None));
            }
            let commit = Commit {
                expect,
                put: vec![session.put(session_key.clone()), object.put(object_key.clone())],
                garbage: old.into_iter().map(|old| old.stored).collect(),
                swept: vec![object.stored.clone()],
                ..Commit::default()
            };
            match self.commit(commit).await {
                Ok(()) => return Ok(object),
                Err(Refusal::Conflict) => {}
                Err(Refusal::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Fault::Contended.into())
    }

    /// Whether a grant is good for writing.
    pub(crate) async fn check_write(&self, grant: &Grant) -> Result<(), ObjectError> {
        self.check_grant(grant).await?;
        if grant.session.committed {
            return Err(ObjectError::ReadOnly);
        }
        Ok(())
    }

    /// Whether one more object fits into the session beside `objects` and its incomplete uploads,
    /// `own` of which are the object's.
    pub(crate) fn check_count(
        &self,
        grant: &Grant,
        objects: u64,
        own: u64,
    ) -> Result<(), ObjectError> {
        let uploads = self.staging.of_session(grant.app, &grant.vod_session_key).len();
        let uploads = u64::try_from(uploads).unwrap_or(u64::MAX).saturating_sub(own);
        let max = self.settings.session_objects_max;
        if objects.saturating_add(uploads) >= max {
            return Err(ObjectError::TooMany(max));
        }
        Ok(())
    }

    /// How many bytes a body may have, and that the declared ones fit.
    fn check_size(&self, grant: &Grant, declared: Option<u64>) -> Result<u64, ObjectError> {
        let mut used = grant.session.bytes;
        for upload in self.staging.of_session(grant.app, &grant.vod_session_key) {
            used = used.saturating_add(upload.bytes());
        }
        let left = self.settings.session_bytes_max.saturating_sub(used);
        let limit = left.min(limits::PART_BYTES_MAX);
        if declared.is_some_and(|declared| declared > limit) {
            return Err(ObjectError::TooLarge(limit));
        }
        self.check_room(declared.unwrap_or(0))?;
        Ok(limit)
    }
}

impl Incoming {
    /// Takes the next piece.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), ObjectError> {
        let more = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if self.size().saturating_add(more) > self.limit {
            return Err(ObjectError::TooLarge(self.limit));
        }
        self.unseen = self.unseen.saturating_add(more);
        if self.unseen >= LOOK_BYTES {
            self.library.check_room(0)?;
            self.unseen = 0;
        }
        match &mut self.sink {
            Sink::Object { writer, .. } => writer.write(piece).await?,
            Sink::Part { writer, .. } => writer.write(piece).await?,
        }
        Ok(())
    }

    /// Bytes that have come.
    pub fn size(&self) -> u64 {
        match &self.sink {
            Sink::Object { writer, .. } => writer.size(),
            Sink::Part { writer, .. } => writer.size(),
        }
    }

    /// Makes what came durable. `md5`: the client's Content-MD5. Goes on when the caller does not:
    /// an object must not be half recorded.
    pub async fn finish(self, md5: Option<[u8; 16]>) -> Result<Stored, ObjectError> {
        let Self { library, grant, sink, .. } = self;
        let tracker = library.tracker.clone();
        let work = async move {
            match sink {
                Sink::Object { key, reserved, writer } => {
                    finish_object(&library, &grant, (key, reserved, writer), md5).await
                }
                Sink::Part { upload, number, writer } => {
                    finish_part(&library, (&upload, number, writer), md5).await
                }
            }
        };
        tracker.spawn(work).await.map_err(io::Error::other)?
    }
}

async fn finish_object(
    library: &Library,
    grant: &Grant,
    (key, reserved, writer): (String, Reserved, ObjectWriter),
    md5: Option<[u8; 16]>,
) -> Result<Stored, ObjectError> {
    let sums = writer.finish().await?;
    check_md5(&sums, md5)?;
    let (etag, crc64, size) = (sums.etag(), sums.crc64, sums.size);
    let finished = Finished { key, reserved, etag, crc64, size, upload: None };
    let object = library.attach(grant, finished).await?;
    Ok(Stored { etag: object.etag, crc64: object.crc64 })
}

async fn finish_part(
    library: &Library,
    (upload, number, writer): (&Upload, u32, PartWriter),
    md5: Option<[u8; 16]>,
) -> Result<Stored, ObjectError> {
    let part = writer.sync().await?;
    let sums = part.sums;
    check_md5(&sums, md5)?;
    let mut parts = upload.parts.lock().await;
    if parts.closed {
        return Err(ObjectError::NoSuchUpload);
    }
    part.name(upload, &mut parts, number, library.now()).await?;
    Ok(Stored { etag: sums.etag(), crc64: sums.crc64 })
}

fn check_md5(sums: &Sums, promised: Option<[u8; 16]>) -> Result<(), ObjectError> {
    match promised {
        Some(promised) if promised != sums.md5 => Err(ObjectError::BadDigest),
        _ => Ok(()),
    }
}
