//! Multipart uploads that are not complete: each a directory with its parts as files.
//!
//! ```text
//! staging/<upload>/upload.json                 which session and key; written first
//! staging/<upload>/<n>.<md5>.<crc64>           part n; the name carries its sums
//! staging/<upload>/<random>.tmp                a part on its way
//! ```
//!
//! A part gets its name by a rename after its bytes are synced, so a file with such a name is whole
//! and its sums are known without reading it. The list in memory is what the directory holds; a
//! start reads it from there, so that clients can resume over a restart. Parts are not records: they
//! are many, short-lived, and nothing but their upload refers to them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::{AppId, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;

use crate::digest::{Summing, Sums};
use crate::random;

const HEAD: &str = "upload.json";

/// Every incomplete upload.
#[derive(Debug)]
pub(crate) struct Staging {
    root: PathBuf,
    uploads: Mutex<Uploads>,
}

/// The uploads by id, and the ids of each session's: every part asks what its session has open, among
/// all that others have.
#[derive(Debug, Default)]
struct Uploads {
    by_id: BTreeMap<String, Arc<Upload>>,
    by_session: HashMap<(AppId, String), BTreeSet<String>>,
}

impl Uploads {
    fn insert(&mut self, upload: Arc<Upload>) {
        let ids = self.by_session.entry(upload.head.owner()).or_default();
        ids.insert(upload.id.clone());
        self.by_id.insert(upload.id.clone(), upload);
    }

    fn remove(&mut self, upload: &Upload) {
        self.by_id.remove(&upload.id);
        let owner = upload.head.owner();
        if let Some(ids) = self.by_session.get_mut(&owner) {
            ids.remove(&upload.id);
            if ids.is_empty() {
                self.by_session.remove(&owner);
            }
        }
    }
}

/// What an upload is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The application of its session.
    pub app: AppId,
    /// The VodSessionKey of its session.
    pub session: String,
    /// The key of the object that it will be.
    pub key: String,
    /// When it was initiated.
    pub at: Timestamp,
}

impl Head {
    fn owner(&self) -> (AppId, String) {
        (self.app, self.session.clone())
    }
}

/// An incomplete upload.
#[derive(Debug)]
pub(crate) struct Upload {
    /// Its UploadId.
    pub id: String,
    /// What it is for.
    pub head: Head,
    directory: PathBuf,
    /// Bytes of its parts, to be read without the lock.
    bytes: AtomicU64,
    /// Its parts. Held while one of them gets its name, and for the whole of Complete.
    pub parts: tokio::sync::Mutex<Parts>,
}

/// The parts of an upload by number.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// The parts.
    pub by_number: BTreeMap<u32, Part>,
    /// Completed or aborted: no part comes any more.
    pub closed: bool,
}

/// A part that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its sums.
    pub sums: Sums,
    /// When it came.
    pub at: Timestamp,
}

impl Staging {
    /// Reads what is there. What an interrupted call left (an upload without head, a part without
    /// name) is removed. An upload that is there and cannot be read, and what cannot be removed, is
    /// let be: that may be otherwise at the next start, and must not keep this one from serving.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let mut uploads = Uploads::default();
        for entry in fs::read_dir(root)? {
            let directory = entry?.path();
            match read_upload(&directory) {
                Ok(Some(upload)) => {
                    uploads.insert(Arc::new(upload));
                }
                Ok(None) => {}
                Err(error) => {
                    let directory = directory.display();
                    tracing::warn!(%error, %directory, "an upload cannot be read and is let be");
                }
            }
        }
        Ok(Self { root: root.to_owned(), uploads: Mutex::new(uploads) })
    }

    /// Makes a new upload, durable when it returns.
    pub(crate) async fn initiate(&self, head: Head) -> io::Result<Arc<Upload>> {
        let id = random::text(32)?;
        let directory = self.root.join(&id);
        let body = serde_json::to_vec(&head)?;
        let (root, made) = (self.root.clone(), directory.clone());
        blocking(move || {
            fs::create_dir(&made)?;
            let mut file = fs::File::create_new(made.join("head.tmp"))?;
            io::Write::write_all(&mut file, &body)?;
            file.sync_all()?;
            fs::rename(made.join("head.tmp"), made.join(HEAD))?;
            sync_directory(&made)?;
            sync_directory(&root)
        })
        .await?;
        let (bytes, parts) = (AtomicU64::default(), tokio::sync::Mutex::default());
        let upload = Arc::new(Upload { id, head, directory, bytes, parts });
        self.lock().insert(Arc::clone(&upload));
        Ok(upload)
    }

    /// The upload with that id.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Upload>> {
        self.lock().by_id.get(id).cloned()
    }

    /// Every upload of a session, in the order of ids.
    pub(crate) fn of_session(&self, app: AppId, session: &str) -> Vec<Arc<Upload>> {
        let uploads = self.lock();
        let ids = uploads.by_session.get(&(app, session.to_owned())).into_iter().flatten();
        ids.filter_map(|id| uploads.by_id.get(id)).cloned().collect()
    }

    /// Every upload.
    pub(crate) fn all(&self) -> Vec<Arc<Upload>> {
        self.lock().by_id.values().cloned().collect()
    }

    /// Ends an upload and removes its files. `parts` is the upload's own lock, held.
    pub(crate) async fn remove(&self, upload: &Upload, parts: &mut Parts) -> io::Result<()> {
        parts.closed = true;
        parts.by_number.clear();
        self.lock().remove(upload);
        tokio::fs::remove_dir_all(&upload.directory).await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Uploads> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parts {
    fn bytes(&self) -> u64 {
        self.by_number.values().map(|part| part.sums.size).sum()
    }
}

impl Upload {
    /// Bytes of its parts.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Begins to write a part.
    pub(crate) async fn write(&self) -> io::Result<PartWriter> {
        let path = self.directory.join(format!("{}.tmp", random::text(16)?));
        let file = tokio::fs::File::create_new(&path).await?;
        Ok(PartWriter { file, unnamed: Unnamed(Some(path)), summing: Summing::new() })
    }

    /// The file of a part.
    pub(crate) fn path(&self, number: u32, sums: &Sums) -> PathBuf {
        self.directory.join(part_name(number, sums))
    }
}

/// A part being written. Dropping it removes its file.
#[derive(Debug)]
pub(crate) struct PartWriter {
    file: tokio::fs::File,
    unnamed: Unnamed,
    summing: Summing,
}

/// A file without its final name; removed when dropped.
#[derive(Debug)]
struct Unnamed(Option<PathBuf>);

impl Drop for Unnamed {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // if this fails, the next start removes it
            fs::remove_file(path).ok();
        }
    }
}

impl PartWriter {
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.summing.update(bytes);
        self.file.write_all(bytes).await
    }

    /// Bytes written so far.
    pub(crate) const fn size(&self) -> u64 {
        self.summing.size()
    }

    /// Syncs the bytes; the part has no name yet.
    pub(crate) async fn sync(mut self) -> io::Result<SyncedPart> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(SyncedPart { unnamed: self.unnamed, sums: self.summing.finish() })
    }
}

/// A part whose bytes are on disk, but which has no name yet.
#[derive(Debug)]
pub(crate) struct SyncedPart {
    unnamed: Unnamed,
    /// Its sums.
    pub sums: Sums,
}

impl SyncedPart {
    /// Gives the part its name in the upload, instead of an earlier part of that number. `parts` is
    /// the upload's own lock, held.
    pub(crate) async fn name(
        mut self,
        upload: &Upload,
        parts: &mut Parts,
        number: u32,
        at: Timestamp,
    ) -> io::Result<()> {
        let Some(from) = self.unnamed.0.take() else { return Ok(()) };
        let to = upload.path(number, &self.sums);
        let part = Part { sums: self.sums, at };
        let old = parts.by_number.get(&number).filter(|old| old.sums != part.sums);
        let old = old.map(|old| upload.path(number, &old.sums));
        let directory = upload.directory.clone();
        blocking(move || {
            fs::rename(from, to)?;
            old.map_or(Ok(()), fs::remove_file)?;
            sync_directory(&directory)
        })
        .await?;
        parts.by_number.insert(number, part);
        upload.bytes.store(parts.bytes(), Ordering::Relaxed);
        Ok(())
    }
}

fn part_name(number: u32, sums: &Sums) -> String {
    format!("{number}.{}.{:016x}", hex::encode(sums.md5), sums.crc64)
}

/// Whether an error says that there is no such file, not that it cannot be read.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads an upload; none: there was none, and what was there is removed.
fn read_upload(directory: &Path) -> io::Result<Option<Upload>> {
    let head: Option<Head> = match fs::read(directory.join(HEAD)) {
        Ok(bytes) => serde_json::from_slice(&bytes).ok(),
        Err(error) if is_absent(&error) => None,
        Err(error) => return Err(error),
    };
    let id = directory.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let (Some(head), Some(id)) = (head, id) else {
        let remove = if directory.is_dir() { fs::remove_dir_all } else { fs::remove_file };
        return remove(directory).map(|()| None);
    };
    let mut parts = Parts::default();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == HEAD {
            continue;
        }
        let facts = entry.metadata()?;
        let Some((number, md5, crc64)) = name.to_str().and_then(parse_part_name) else {
            fs::remove_file(entry.path())?;
            continue;
        };
        let at = facts.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let at = Timestamp(i64::try_from(at.as_millis()).unwrap_or(i64::MAX));
        let part = Part { sums: Sums { md5, crc64, size: facts.len() }, at };
        // two of one number: a crash came between the rename and the removal of the older one
        match parts.by_number.get(&number) {
            Some(other) if other.at > at => fs::remove_file(entry.path())?,
            Some(other) => {
                fs::remove_file(directory.join(part_name(number, &other.sums)))?;
                parts.by_number.insert(number, part);
            }
            None => {
                parts.by_number.insert(number, part);
            }
        }
    }
    let bytes = AtomicU64::new(parts.bytes());
    let parts = tokio::sync::Mutex::new(parts);
    Ok(Some(Upload { id, head, directory: directory.to_owned(), bytes, parts }))
}

fn parse_part_name(name: &str) -> Option<(u32, [u8; 16], u64)> {
    let mut fields = name.split('.');
    let number = fields.next()?.parse().ok()?;
    let mut md5 = [0; 16];
    hex::decode_to_slice(fields.next()?, &mut md5).ok()?;
    let crc64 = u64::from_str_radix(fields.next()?, 16).ok()?;
    fields.next().is_none().then_some((number, md5, crc64))
}

pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Runs file work off the runtime's threads. Once begun it runs to its end, even when the caller is
/// gone, so a rename and what belongs to it are not torn apart.
pub(crate) async fn blocking(
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> io::Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_finds_its_uploads_until_they_end() {
        let dir = tempfile::tempdir().unwrap();
        let staging = Staging::open(dir.path()).unwrap();
        let head = |app, session: &str| Head {
            app: AppId(app),
            session: session.to_owned(),
            key: "d/a.mp4".to_owned(),
            at: Timestamp(0),
        };
        for owner in [(1, "a"), (1, "b"), (2, "a"), (1, "a")] {
            staging.initiate(head(owner.0, owner.1)).await.unwrap();
        }
        let ids = |staging: &Staging, app, session: &str| -> Vec<String> {
            let uploads = staging.of_session(AppId(app), session);
            uploads.iter().map(|upload| upload.id.clone()).collect()
        };
        let both = ids(&staging, 1, "a");
        assert!(both.len() == 2 && both.is_sorted());
        assert_eq!((ids(&staging, 1, "b").len(), ids(&staging, 2, "a").len()), (1, 1));
        assert!(ids(&staging, 2, "b").is_empty());
        // another start finds the same
        let staging = Staging::open(dir.path()).unwrap();
        assert_eq!(ids(&staging, 1, "a"), both);
        for id in &both {
            let upload = staging.get(id).unwrap();
            let mut parts = upload.parts.lock().await;
            staging.remove(&upload, &mut parts).await.unwrap();
        }
        assert!(ids(&staging, 1, "a").is_empty() && staging.get(&both[0]).is_none());
        assert_eq!((staging.all().len(), staging.lock().by_session.len()), (2, 2));
    }
}
