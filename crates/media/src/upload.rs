//! Multipart uploads: initiate, complete, abort, and what is there.
//!
//! Complete streams the parts once into one object, and only when that is durable commits its
//! record; then the parts go. Whatever interrupts it leaves either the parts or the object. It goes on
//! when the client hangs up, and a repeated Complete finds the object by the upload that made it.

use std::io;
use std::sync::Arc;

use model::{Timestamp, limits};
use tokio::io::AsyncReadExt;

use crate::digest::Sums;
use crate::error::{Fault, ObjectError};
use crate::incoming::Finished;
use crate::library::{Library, Served};
use crate::record::{self, Object};
use crate::session::Grant;
use crate::staging::{Head, Parts, Upload};

/// Bytes read of a part at once.
const READ_BYTES: usize = 1024 * 1024;

/// An incomplete upload in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRow {
    /// The key of the object that it will be.
    pub key: String,
    /// UploadId.
    pub id: String,
    /// When it was initiated.
    pub at: Timestamp,
}

/// A part in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRow {
    /// PartNumber.
    pub number: u32,
    /// ETag without quotes.
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// When it came.
    pub at: Timestamp,
}

/// A part as Complete names it: its number and its ETag without quotes.
pub type NamedPart = (u32, String);

impl Library {
    /// Initiates an upload; its id.
    pub async fn initiate(&self, grant: &Grant, key: &str) -> Result<String, ObjectError> {
        grant.check_key(key)?;
        self.check_write(grant).await?;
        self.check_owner(grant.app, &grant.session, key).await?;
        self.check_count(grant, grant.session.objects, 0)?;
        self.check_room(0)?;
        let head = Head {
            app: grant.app,
            session: grant.vod_session_key.clone(),
            key: key.to_owned(),
            at: self.now(),
        };
        Ok(self.staging.initiate(head).await?.id.clone())
    }

    /// Makes one object of the named parts.
    pub async fn complete(
        self: &Arc<Self>,
        grant: Grant,
        key: &str,
        upload_id: &str,
        named: Vec<NamedPart>,
    ) -> Result<Object, ObjectError> {
        let library = Arc::clone(self);
        let (key, upload_id) = (key.to_owned(), upload_id.to_owned());
        let work = async move { library.assemble(&grant, &key, &upload_id, &named).await };
        self.tracker.spawn(work).await.map_err(io::Error::other)?
    }

    /// Gives an upload up.
    pub async fn abort(
        &self,
        grant: &Grant,
        key: &str,
        upload_id: &str,
    ) -> Result<(), ObjectError> {
        self.check_write(grant).await?;
        let upload = self.upload(grant, key, upload_id)?;
        let mut parts = upload.parts.lock().await;
        if parts.closed {
            return Err(ObjectError::NoSuchUpload);
        }
        Ok(self.staging.remove(&upload, &mut parts).await?)
    }

    /// The incomplete uploads of the session, in the order of key and id.
    pub async fn uploads(&self, grant: &Grant) -> Result<Vec<UploadRow>, ObjectError> {
        self.check_grant(grant).await?;
        let uploads = self.staging.of_session(grant.app, &grant.vod_session_key);
        let row = |upload: &Arc<Upload>| UploadRow {
            key: upload.head.key.clone(),
            id: upload.id.clone(),
            at: upload.head.at,
        };
        let mut rows: Vec<UploadRow> = uploads.iter().map(row).collect();
        rows.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
        Ok(rows)
    }

    /// The parts of an upload, in the order of numbers.
    pub async fn parts(
        &self,
        grant: &Grant,
        key: &str,
        upload_id: &str,
    ) -> Result<Vec<PartRow>, ObjectError> {
        self.check_grant(grant).await?;
        let upload = self.upload(grant, key, upload_id)?;
        let parts = upload.parts.lock().await;
        if parts.closed {
            return Err(ObjectError::NoSuchUpload);
        }
        let row = |(number, part): (&u32, &crate::staging::Part)| PartRow {
            number: *number,
            etag: part.sums.etag(),
            size: part.sums.size,
            at: part.at,
        };
        Ok(parts.by_number.iter().map(row).collect())
    }

    /// A finished object of the session; none: there is none of that key.
    pub async fn object(&self, grant: &Grant, key: &str) -> Result<Option<Served>, ObjectError> {
        grant.check_key(key)?;
        self.check_grant(grant).await?;
        let object: Option<(Object, u64)> = self.one(record::object_key(grant.app, key)).await?;
        let own = object.map(|(object, _)| object).filter(|o| o.file == grant.session.file);
        Ok(own.map(|object| Served::stored(key, object)))
    }

    /// The upload of that id, if it is the session's and of that key.
    pub(crate) fn upload(
        &self,
        grant: &Grant,
        key: &str,
        upload_id: &str,
    ) -> Result<Arc<Upload>, ObjectError> {
        let theirs = |head: &Head| {
            head.app == grant.app && head.session == grant.vod_session_key && head.key == key
        };
        let upload = self.staging.get(upload_id).filter(|upload| theirs(&upload.head));
        upload.ok_or(ObjectError::NoSuchUpload)
    }

    async fn assemble(
        &self,
        grant: &Grant,
        key: &str,
        upload_id: &str,
        named: &[NamedPart],
    ) -> Result<Object, ObjectError> {
        self.check_grant(grant).await?;
        let Ok(upload) = self.upload(grant, key, upload_id) else {
            return self.completed(grant, key, upload_id).await;
        };
        let mut parts = upload.parts.lock().await;
        if parts.closed {
            return self.completed(grant, key, upload_id).await;
        }
        self.check_write(grant).await?;
        let chosen = choose(&parts, named)?;
        let sums: Vec<Sums> = chosen.iter().map(|(_, sums)| *sums).collect();
        // a bucket takes no room here beyond that of the parts
        let more =
            if self.objects.share_the_disk() { sums.iter().map(|s| s.size).sum() } else { 0 };
        self.check_room(more)?;
        let finished = self.join(grant, &upload, &chosen).await?;
        let object = self.attach(grant, finished).await?;
        if let Err(error) = self.staging.remove(&upload, &mut parts).await {
            // the object stands; the next start removes what is left
            tracing::warn!(%error, "the parts of a completed upload were not removed");
        }
        Ok(object)
    }

    /// The object that an upload became, if a Complete was repeated.
    async fn completed(
        &self,
        grant: &Grant,
        key: &str,
        upload_id: &str,
    ) -> Result<Object, ObjectError> {
        let object = self.object(grant, key).await?.map(|served| served.object);
        let made = |object: &Object| object.upload.as_deref() == Some(upload_id);
        object.filter(made).ok_or(ObjectError::NoSuchUpload)
    }

    /// Streams parts into one object.
    async fn join(
        &self,
        grant: &Grant,
        upload: &Upload,
        chosen: &[(u32, Sums)],
    ) -> Result<Finished, ObjectError> {
        let size = chosen.iter().map(|(_, sums)| sums.size).sum();
        let (reserved, mut writer) = self.begin_sized_object(grant.session.file, size).await?;
        let mut buffer = vec![0; READ_BYTES];
        for (number, sums) in chosen {
            let mut file = tokio::fs::File::open(upload.path(*number, sums)).await?;
            loop {
                let len = file.read(&mut buffer).await?;
                match buffer.get(..len) {
                    Some(piece) if len > 0 => writer.write(piece).await?,
                    _ => break,
                }
            }
        }
        let whole = writer.finish().await?;
        let sums: Vec<Sums> = chosen.iter().map(|(_, sums)| *sums).collect();
        let (etag, crc64) = Sums::of_parts(&sums);
        if whole.crc64 != crc64 {
            let text = "the parts on disk are not those that were uploaded";
            return Err(Fault::Io(io::Error::new(io::ErrorKind::InvalidData, text)).into());
        }
        Ok(Finished {
            key: upload.head.key.clone(),
            reserved,
            etag,
            crc64,
            size: whole.size,
            upload: Some(upload.id.clone()),
        })
    }
}

/// The parts that Complete names, in its order.
fn choose(parts: &Parts, named: &[NamedPart]) -> Result<Vec<(u32, Sums)>, ObjectError> {
    if named.is_empty() || !named.is_sorted_by(|(a, _), (b, _)| a < b) {
        return Err(ObjectError::PartOrder);
    }
    let mut chosen = Vec::with_capacity(named.len());
    for (number, etag) in named {
        let part = parts.by_number.get(number).filter(|part| part.sums.etag() == *etag);
        let part = part.ok_or(ObjectError::InvalidPart(*number))?;
        chosen.push((*number, part.sums));
    }
    let min = limits::PART_BYTES_MIN;
    let all_but_last = chosen.split_last().map(|(_, others)| others).unwrap_or_default();
    match all_but_last.iter().find(|(_, sums)| sums.size < min) {
        Some(&(number, Sums { size, .. })) => Err(ObjectError::PartTooSmall { number, size, min }),
        None => Ok(chosen),
    }
}
