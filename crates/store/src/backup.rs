//! A copy of the store's file while a server runs on it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use rustix::fs::statvfs;

use crate::schema::{self, meta};

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no store to copy.
    #[error("there is no store in {0}")]
    Missing(PathBuf),
    /// The destination exists; a backup never overwrites.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// The destination's disk has no room for it.
    #[error("{path} has {free} bytes free and the backup needs {needed}")]
    Full {
        /// Where it was to go.
        path: PathBuf,
        /// What is free there.
        free: u64,
        /// What it needs.
        needed: u64,
    },
    /// The disk cannot be used.
    #[error("cannot use {path}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The copy failed.
    #[error("copying the store")]
    Copy(#[from] rusqlite::Error),
}

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// Bytes of the copy.
    pub bytes: u64,
}

/// Copies the store in `dir` to the file `to`, which must not exist, as of one moment. The copy gets
/// its name when it is whole and synced: one that failed is removed, and one that was cut short is
/// never taken for a backup. Keys and media files are not part of it.
pub fn backup(dir: &Path, to: &Path) -> Result<BackupReport, BackupError> {
    let from = dir.join(schema::FILE);
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::Io { path, source }
    };
    if !from.exists() {
        return Err(BackupError::Missing(dir.to_owned()));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let source = schema::open_reader(dir)?;
    let pages: i64 = source.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let page: i64 = source.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let needed = crate::unsql(pages.saturating_mul(page));
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let disk = statvfs(parent).map_err(|errno| io(parent)(errno.into()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    // a twentieth more for what is committed while it runs
    if free < needed + needed / 20 {
        return Err(BackupError::Full { path: to.to_owned(), free, needed });
    }
    let part = part_of(to);
    remove(&part).map_err(io(&part))?;
    let made = copy(&source, &part).and_then(|()| set_apart(&part));
    if made.is_err() {
        remove(&part).map_err(io(&part))?;
    }
    made?;
    let file = File::open(&part).map_err(io(&part))?;
    file.sync_all().map_err(io(&part))?;
    fs::rename(&part, to).map_err(io(to))?;
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(io(parent))?;
    let bytes = file.metadata().map_err(io(to))?.len();
    Ok(BackupReport { bytes })
}

/// Where a copy is made before it gets its name.
fn part_of(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Numbers that a restored copy skips: more than any store gives out in its life, so that what the
/// original states after the backup and what the copy states share no EventId.
const SKIPPED: i64 = 1 << 40;
/// Starts that a restored copy skips, so that no handle of the original is given out again.
const BOOTS_SKIPPED: i64 = 1 << 20;

/// Moves the copy's numbers away from the original's.
fn set_apart(to: &Path) -> rusqlite::Result<()> {
    let copy = Connection::open(to)?;
    let last: i64 = copy.query_row("SELECT coalesce(max(seq), 0) FROM entry", [], |r| r.get(0))?;
    let floor = schema::get_meta(&copy, meta::FLOOR)?.unwrap_or(0).max(last);
    let boot = schema::get_meta(&copy, meta::BOOT)?.unwrap_or(0);
    schema::set_meta(&copy, meta::FLOOR, floor.saturating_add(SKIPPED))?;
    schema::set_meta(&copy, meta::BOOT, boot.saturating_add(BOOTS_SKIPPED))?;
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
}

/// One step, so that the writer cannot change the source in between and start the copy over.
fn copy(source: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut target = Connection::open(to)?;
    let backup = Backup::new(source, &mut target)?;
    if backup.step(-1)? == StepResult::Done {
        return Ok(());
    }
    let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    Err(rusqlite::Error::SqliteFailure(busy, Some("the store is busy".to_owned())))
}
