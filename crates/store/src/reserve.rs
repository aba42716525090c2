//! Disk held back for hard times: when the disk is full, it lets confirmations and retention go on.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Error, ErrorCode, ffi};
use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// How much is let go at once.
const SLICE: u64 = 4 * 1024 * 1024;

/// Whether SQLite failed because the disk is full: it says so, but for the index of its log, which it
/// could not make longer.
pub(crate) fn is_full(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || error.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
}

/// A preallocated file that shrinks when the disk is full and grows back when it is not.
#[derive(Debug)]
pub(crate) struct Reserve {
    dir: PathBuf,
    file: File,
    size: u64,
    full: u64,
}

impl Reserve {
    /// Opens the reserve as the last run left it.
    pub(crate) fn open(dir: &Path, full: u64) -> io::Result<Self> {
        let path = dir.join("reserve");
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(path)?;
        let size = file.metadata()?.len().min(full);
        file.set_len(size)?;
        Ok(Self { dir: dir.to_owned(), file, size, full })
    }

    /// Whether the disk has so little left that what fails on it may fail for that reason.
    pub(crate) fn is_needed(&self) -> io::Result<bool> {
        Ok(self.free()? < SLICE)
    }

    fn free(&self) -> io::Result<u64> {
        let disk = statvfs(&self.dir)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Lets a slice go; false if nothing is left.
    pub(crate) fn give(&mut self) -> io::Result<bool> {
        if self.size == 0 {
            return Ok(false);
        }
        self.size = self.size.saturating_sub(SLICE);
        self.file.set_len(self.size)?;
        Ok(true)
    }

    /// Grows back if the disk has room for it and as much again; true if it is whole.
    pub(crate) fn refill(&mut self) -> io::Result<bool> {
        if self.size == self.full {
            return Ok(true);
        }
        if self.free()? < self.full.saturating_mul(2) {
            return Ok(false);
        }
        match fallocate(&self.file, FallocateFlags::empty(), 0, self.full) {
            Ok(()) => {}
            // a file system without allocation: the size alone is better than nothing
            Err(rustix::io::Errno::OPNOTSUPP) => self.file.set_len(self.full)?,
            Err(rustix::io::Errno::NOSPC) => return Ok(false),
            Err(errno) => return Err(errno.into()),
        }
        self.size = self.full;
        Ok(true)
    }
}
