//! The two key files of a data directory: `master.key` and `root.key`.
//!
//! Both are made on the first start, readable by their owner only, and never part of a backup.
//! `root.key` has the form of an environment file, so that `set -a; . root.key` gives any tool the
//! key.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use client::Key;
use sign::seal::{MasterKey, MasterKeyError};

/// The file with the root key.
pub const ROOT_KEY: &str = "root.key";
/// The file with the key that seals every secret in the store.
pub const MASTER_KEY: &str = "master.key";

const SECRET_ID: &str = "CALLBOARD_SECRET_ID=";
const SECRET_KEY: &str = "CALLBOARD_SECRET_KEY=";

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Others may read it.
    #[error("{} has mode {mode:03o} and can be read by others: chmod 600 it", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds something else.
    #[error("{}: {cause}", path.display())]
    NotAKey {
        /// Which file.
        path: PathBuf,
        /// What it should be.
        cause: MasterKeyError,
    },
    /// The machine gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
}

/// Reads the master key; none: there is no such file.
pub fn read_master(dir: &Path) -> Result<Option<MasterKey>, KeyFileError> {
    let path = dir.join(MASTER_KEY);
    match read_private(&path) {
        Ok(text) => MasterKey::from_hex(&text)
            .map(Some)
            .map_err(|cause| KeyFileError::NotAKey { path, cause }),
        Err(KeyFileError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the master key. Only whoever holds the lock of the directory may call this: of two that
/// did at once, one would seal with a key that is gone.
pub fn make_master(dir: &Path) -> Result<MasterKey, KeyFileError> {
    let path = dir.join(MASTER_KEY);
    let key = MasterKey::from_bytes(random()?);
    let text = format!("{}\n", key.reveal_hex().as_str());
    write_private(&path, &text).map_err(|cause| KeyFileError::Io { path, cause })?;
    Ok(key)
}

/// Writes the root key for the commands of this machine.
pub fn write_root(dir: &Path, key: &Key) -> Result<(), KeyFileError> {
    let path = dir.join(ROOT_KEY);
    let text = format!("{SECRET_ID}{}\n{SECRET_KEY}{}\n", key.id(), key.secret());
    write_private(&path, &text).map_err(|cause| KeyFileError::Io { path, cause })
}

/// The key in the text of a `root.key`.
pub fn parse_root(text: &str) -> Option<Key> {
    let value = |name: &str| {
        let found = text.lines().find_map(|line| line.trim().strip_prefix(name))?;
        (!found.is_empty()).then(|| found.to_owned())
    };
    Some(Key::new(value(SECRET_ID)?, value(SECRET_KEY)?))
}

fn random<const N: usize>() -> Result<[u8; N], KeyFileError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(KeyFileError::Random)?;
    Ok(bytes)
}

/// Reads a file that nobody else may read.
fn read_private(path: &Path) -> Result<String, KeyFileError> {
    let io = |cause| KeyFileError::Io { path: path.to_owned(), cause };
    let mode = fs::metadata(path).map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Open { path: path.to_owned(), mode });
    }
    fs::read_to_string(path).map_err(io)
}

/// Writes a file that nobody else may read, whole or not at all.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    if let Err(error) = fs::remove_file(&new)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_master_key_is_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read_master(dir.path()).unwrap().is_none());
        let first = make_master(dir.path()).unwrap();
        let second = read_master(dir.path()).unwrap().unwrap();
        assert_eq!(first.reveal_hex(), second.reveal_hex());
        let path = dir.path().join(MASTER_KEY);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let text = read_master(dir.path()).unwrap_err().to_string();
        assert!(text.contains("mode 640") && text.contains("chmod 600"), "{text}");
        write_private(&path, "not a key\n").unwrap();
        assert!(read_master(dir.path()).unwrap_err().to_string().contains("64 hexadecimal"));
    }

    #[test]
    fn the_root_key_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let key = Key::new("AKIDa", "b=c");
        write_root(dir.path(), &key).unwrap();
        let text = fs::read_to_string(dir.path().join(ROOT_KEY)).unwrap();
        assert_eq!(parse_root(&text), Some(key));
        assert_eq!(parse_root("CALLBOARD_SECRET_ID=a\nCALLBOARD_SECRET_KEY=\n"), None);
    }
}
