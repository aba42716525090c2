//! What lies in `objects`, `staging` and `pulls`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use crc_fast::{CrcAlgorithm, Digest};
use model::AppId;
use serde::Deserialize;

use crate::{Failure, Result};

/// How the name of a file ends while it is being written.
pub(super) const UNFINISHED: &str = "#1";

/// A file under `objects`.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoredFile {
    pub size: u64,
    pub crc64: u64,
}

/// An upload under `staging`: what its `upload.json` says.
#[derive(Debug, Deserialize)]
pub(super) struct Staged {
    #[serde(skip)]
    pub name: String,
    pub app: AppId,
    pub session: String,
}

/// Every file of the object store by its name there, with its sums.
pub(super) fn stored(objects: &Path) -> Result<BTreeMap<String, StoredFile>> {
    let mut stored = BTreeMap::new();
    for directory in fs::read_dir(objects)? {
        let directory = directory?;
        for file in fs::read_dir(directory.path())? {
            let file = file?;
            let (directory, name) = (directory.file_name(), file.file_name());
            let name = format!("{}/{}", directory.display(), name.display());
            match sums(&file.path()) {
                Ok(sums) => stored.insert(name, sums),
                // swept since its name was read
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Failure::new(format!("{name}: {error}"))),
            };
        }
    }
    Ok(stored)
}

fn sums(path: &Path) -> io::Result<StoredFile> {
    let mut file = fs::File::open(path)?;
    let (mut crc64, mut size) = (Digest::new(CrcAlgorithm::Crc64Xz), 0);
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        let len = file.read(&mut buffer)?;
        let Some(piece) = buffer.get(..len).filter(|piece| !piece.is_empty()) else { break };
        crc64.update(piece);
        size += u64::try_from(len).unwrap_or(u64::MAX);
    }
    Ok(StoredFile { size, crc64: crc64.finalize() })
}

/// The TaskIds of everything that was fetched in part.
pub(super) fn fetched(pulls: &Path) -> Result<BTreeSet<String>> {
    let mut tasks = BTreeSet::new();
    for file in fs::read_dir(pulls)? {
        let name = file?.file_name().display().to_string();
        tasks.insert(name.split('.').next().unwrap_or_default().to_owned());
    }
    Ok(tasks)
}

/// Every staged upload.
pub(super) fn staged(staging: &Path) -> Result<Vec<Staged>> {
    let mut uploads = Vec::new();
    for directory in fs::read_dir(staging)? {
        let directory = directory?;
        let name = directory.file_name().display().to_string();
        let head = fs::read(directory.path().join("upload.json"))
            .map_err(|error| Failure::new(format!("staged upload {name}: {error}")))?;
        let head: Staged = serde_json::from_slice(&head)
            .map_err(|error| Failure::new(format!("staged upload {name}: {error}")))?;
        uploads.push(Staged { name, ..head });
    }
    Ok(uploads)
}
