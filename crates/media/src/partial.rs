//! Files that are fetched and have come in part: what a restart, a kill included, need not fetch again.
//!
//! ```text
//! pulls/<TaskId>.<MD5 of the key>.bytes   what has come of one file of a pull
//! pulls/<TaskId>.<MD5 of the key>.json    the mark: how many of these bytes are synced, and of which
//!                                         version of the file they are
//! pulls/<TaskId>.<MD5 of the key>.tmp     a mark on its way
//! ```
//!
//! Bytes are appended; after every so many they are synced, and only then a new mark takes the place of
//! the last one. So a mark never promises what is not there; what lies behind it is cut off when the file
//! goes on. The mark has the CRC-64 of its bytes, so one that belongs to others is known. A file that has
//! no validator, or is small, is not kept here: it cannot go on, or need not.
//!
//! A file that is all there becomes an object without being written again (`Objects::adopt`). The names
//! say whose task it is, so what a crash left is found by looking at tasks, and nothing else refers to it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use crate::digest::{Summing, Sums};
use crate::staging::{blocking, sync_directory};

/// Bytes written or read at once.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Every file that has come in part.
#[derive(Debug)]
pub(crate) struct Partials {
    root: PathBuf,
}

/// Which file: the TaskId of its pull, and the key of the object that it will be.
pub(crate) type Whose<'a> = (&'a str, &'a str);

/// How much is there for good.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    /// How many bytes.
    size: u64,
    /// CRC-64 of them.
    crc64: u64,
    /// What the source told this version of the file by.
    validator: String,
    /// Whether that is all of it.
    whole: bool,
}

impl Partials {
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Begins a file, instead of what there was of it. `step`: after how many bytes they are synced.
    pub(crate) async fn begin(
        &self,
        whose: Whose<'_>,
        validator: &str,
        step: u64,
    ) -> io::Result<Partial> {
        self.remove(whose).await?;
        let base = self.base(whose);
        let file = File::create(extended(&base, "bytes")).await?;
        Ok(Partial {
            base,
            file,
            chunk: Vec::new(),
            summing: Summing::new(),
            marked: 0,
            validator: validator.to_owned(),
            whole: false,
            step,
        })
    }

    /// What there is of a file; none: nothing that it could go on from.
    pub(crate) async fn resume(&self, whose: Whose<'_>, step: u64) -> io::Result<Option<Partial>> {
        let base = self.base(whose);
        let mark = match tokio::fs::read(extended(&base, "json")).await {
            Ok(mark) => serde_json::from_slice::<Mark>(&mark).ok(),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let Some(mark) = mark else { return Ok(None) };
        let opened = File::options().read(true).write(true).open(extended(&base, "bytes")).await;
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let summing = summed(&mut file, mark.size).await?;
        if summing.size() != mark.size || summing.crc64() != mark.crc64 {
            return Ok(None);
        }
        file.set_len(mark.size).await?;
        file.seek(io::SeekFrom::Start(mark.size)).await?;
        Ok(Some(Partial {
            base,
            file,
            chunk: Vec::new(),
            summing,
            marked: mark.size,
            validator: mark.validator,
            whole: mark.whole,
            step,
        }))
    }

    /// Removes what there is of a file.
    pub(crate) async fn remove(&self, whose: Whose<'_>) -> io::Result<()> {
        let base = self.base(whose);
        // the mark first: bytes without one are worth nothing
        for extension in ["json", "tmp", "bytes"] {
            absent_is_fine(tokio::fs::remove_file(extended(&base, extension)).await)?;
        }
        Ok(())
    }

    /// Removes everything of a task.
    pub(crate) fn remove_all(&self, task: &str) -> io::Result<()> {
        for name in self.names()? {
            if task_of(&name) == Some(task) {
                absent_is_fine(fs::remove_file(self.root.join(&name)))?;
            }
        }
        Ok(())
    }

    /// The TaskIds of which there is something.
    pub(crate) fn tasks(&self) -> io::Result<BTreeSet<String>> {
        let names = self.names()?;
        Ok(names.iter().filter_map(|name| task_of(name)).map(str::to_owned).collect())
    }

    /// Bytes of all of them.
    pub(crate) fn bytes(&self) -> io::Result<u64> {
        let mut bytes = 0_u64;
        for name in self.names()? {
            match fs::metadata(self.root.join(name)) {
                Ok(facts) => bytes = bytes.saturating_add(facts.len()),
                Err(error) => absent_is_fine(Err(error))?,
            }
        }
        Ok(bytes)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.root)?.map(|entry| Ok(entry?.file_name()));
        let names: io::Result<Vec<_>> = names.collect();
        Ok(names?.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    fn base(&self, (task, key): Whose<'_>) -> PathBuf {
        self.root.join(format!("{task}.{}", hex::encode(Md5::digest(key))))
    }
}

/// A file that is being fetched. Dropped, it stays as of its last mark.
#[derive(Debug)]
pub(crate) struct Partial {
    /// Its path but for the extension.
    base: PathBuf,
    file: File,
    /// What was not written yet.
    chunk: Vec<u8>,
    summing: Summing,
    /// Bytes of the last mark.
    marked: u64,
    validator: String,
    whole: bool,
    step: u64,
}

impl Partial {
    /// Bytes that have come.
    pub(crate) const fn size(&self) -> u64 {
        self.summing.size()
    }

    /// What the source told this version of the file by.
    pub(crate) fn validator(&self) -> &str {
        &self.validator
    }

    /// Whether all of it is there.
    pub(crate) const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Takes the next bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let until_mark = self.step.saturating_sub(self.size().saturating_sub(self.marked));
            let len = usize::try_from(until_mark).unwrap_or(usize::MAX).clamp(1, rest.len());
            let (piece, later) = rest.split_at(len);
            self.summing.update(piece);
            self.chunk.extend_from_slice(piece);
            rest = later;
            if self.size().saturating_sub(self.marked) >= self.step {
                self.mark().await?;
            } else if self.chunk.len() >= CHUNK_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Says that this is all of it. Then it is there for good: its path and its sums.
    pub(crate) async fn finish(&mut self) -> io::Result<(PathBuf, Sums)> {
        if !self.whole {
            self.whole = true;
            self.mark().await?;
        }
        Ok((extended(&self.base, "bytes"), self.summing.sums()))
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.chunk).await?;
        self.chunk.clear();
        self.file.flush().await
    }

    /// Syncs what has come, and says so.
    async fn mark(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.file.sync_data().await?;
        let (size, crc64) = (self.size(), self.summing.crc64());
        let mark = Mark { size, crc64, validator: self.validator.clone(), whole: self.whole };
        let body = serde_json::to_vec(&mark)?;
        let (from, to) = (extended(&self.base, "tmp"), extended(&self.base, "json"));
        // a later mark that is lost with its name leaves an earlier one, which is as true
        let is_first = self.marked == 0;
        blocking(move || {
            let mut file = fs::File::create(&from)?;
            io::Write::write_all(&mut file, &body)?;
            file.sync_all()?;
            fs::rename(from, &to)?;
            match to.parent() {
                Some(root) if is_first => sync_directory(root),
                _ => Ok(()),
            }
        })
        .await?;
        self.marked = size;
        Ok(())
    }
}

/// The sums of at most `size` bytes of a file.
async fn summed(file: &mut File, size: u64) -> io::Result<Summing> {
    let mut summing = Summing::new();
    let mut reader = file.take(size);
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let len = reader.read(&mut buffer).await?;
        match buffer.get(..len) {
            Some(piece) if len > 0 => summing.update(piece),
            _ => return Ok(summing),
        }
    }
}

/// The TaskId in the name of a file.
fn task_of(name: &str) -> Option<&str> {
    name.split_once('.').map(|(task, _)| task)
}

fn extended(base: &Path, extension: &str) -> PathBuf {
    let mut path = base.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    path.into()
}

fn absent_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOSE: Whose<'static> = ("1-Pull-2tt0", "a/b.mp4");

    async fn written(partials: &Partials, bytes: &[u8]) -> Partial {
        let mut partial = partials.begin(WHOSE, "\"v\"", 10).await.unwrap();
        for piece in bytes.chunks(4) {
            partial.write(piece).await.unwrap();
        }
        partial
    }

    #[tokio::test]
    async fn what_was_marked_is_there_and_nothing_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let partials = Partials::new(dir.path().to_owned());
        let mut partial = written(&partials, b"0123456789abcdefgh").await;
        // as if more had reached the disk than was marked
        partial.flush().await.unwrap();
        drop(partial);
        let mut again = partials.resume(WHOSE, 10).await.unwrap().unwrap();
        assert_eq!((again.size(), again.validator(), again.is_whole()), (10, "\"v\"", false));
        again.write(b"abCDEF").await.unwrap();
        let (path, sums) = again.finish().await.unwrap();
        assert_eq!(fs::read(path).unwrap(), b"0123456789abCDEF");
        let mut whole = Summing::new();
        whole.update(b"0123456789abCDEF");
        assert_eq!(sums, whole.finish());
        drop(again);
        let again = partials.resume(WHOSE, 10).await.unwrap().unwrap();
        assert_eq!((again.size(), again.is_whole()), (16, true));
        assert!(partials.resume(("1-Pull-2tt0", "a/c.mp4"), 10).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_mark_of_other_bytes_counts_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let partials = Partials::new(dir.path().to_owned());
        drop(written(&partials, b"0123456789abcdefgh").await);
        let file = |extension| extended(&partials.base(WHOSE), extension);
        let bytes = fs::read(file("bytes")).unwrap();
        for other in [b"012345678x".as_slice(), b"0123", b""] {
            fs::write(file("bytes"), other).unwrap();
            assert!(partials.resume(WHOSE, 10).await.unwrap().is_none());
        }
        fs::write(file("bytes"), bytes).unwrap();
        assert!(partials.resume(WHOSE, 10).await.unwrap().is_some());
        fs::write(file("json"), b"{").unwrap();
        assert!(partials.resume(WHOSE, 10).await.unwrap().is_none());
        fs::remove_file(file("bytes")).unwrap();
        assert!(partials.resume(WHOSE, 10).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_belongs_to_a_task_is_found_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let partials = Partials::new(dir.path().to_owned());
        drop(written(&partials, b"0123456789ab").await);
        drop(partials.begin(("1-Pull-3tt0", "x"), "", 10).await.unwrap());
        let tasks = partials.tasks().unwrap();
        assert_eq!(tasks.iter().collect::<Vec<_>>(), ["1-Pull-2tt0", "1-Pull-3tt0"]);
        assert!(partials.bytes().unwrap() > 10);
        partials.remove_all("1-Pull-2tt0").unwrap();
        assert_eq!(partials.tasks().unwrap().iter().collect::<Vec<_>>(), ["1-Pull-3tt0"]);
        partials.remove(("1-Pull-3tt0", "x")).await.unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
