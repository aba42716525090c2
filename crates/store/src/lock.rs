//! One process for one data directory.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::limits;
use rustix::fs::{FlockOperation, flock};

/// Why a data directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{0} is in use by another process")]
    Held(PathBuf),
    /// It cannot be used at all.
    #[error("cannot use {path}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Milliseconds between two tries to take a lock.
const TRY_MS: u64 = 10;

/// Holds the directory until it is dropped; the kernel lets go of it when the process dies.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

impl Lock {
    pub(crate) fn take(dir: &Path) -> Result<Self, LockError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| LockError::Io { path, source }
        };
        make(dir).map_err(io(dir))?;
        let path = dir.join("lock");
        let mut options = OpenOptions::new();
        let file =
            options.write(true).create(true).truncate(false).open(&path).map_err(io(&path))?;
        for _ in 0..limits::LOCK_WAIT_MS / TRY_MS {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(file)),
                Err(rustix::io::Errno::WOULDBLOCK) => pause(),
                Err(errno) => return Err(io(&path)(errno.into())),
            }
        }
        Err(LockError::Held(dir.to_owned()))
    }
}

#[expect(clippy::disallowed_methods, reason = "a start has nothing else to do")]
fn pause() {
    std::thread::sleep(Duration::from_millis(TRY_MS));
}

/// Makes the directory if it is not there, so that it is still there after a power cut: SQLite syncs
/// what is in it, not its own name.
fn make(dir: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|path| !path.exists()).collect();
    fs::create_dir_all(dir)?;
    for made in missing {
        let parent = made.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_let_go_of_is_had() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        assert!(matches!(Lock::take(dir.path()), Err(LockError::Held(_))));
        std::thread::scope(|scope| {
            let second = scope.spawn(|| Lock::take(dir.path()));
            drop(first);
            second.join().unwrap().unwrap();
        });
    }
}
