//! The two files of the local authority in a data directory.
//!
//! `intercept.key` holds the private key and its certificate, readable by the owner only;
//! `intercept-ca.pem` the certificate alone, for those who are to trust it. Neither is part of a
//! backup: they belong to a machine.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use intercept::Authority;
use model::Timestamp;

use crate::failure::{Exit, Failure};
use crate::keyfile;

/// The private half.
pub const KEY: &str = "intercept.key";
/// The public half.
pub const CERTIFICATE: &str = "intercept-ca.pem";

/// The authority of that data directory, made if there is none. Where there is no such directory
/// (the server is on another machine) it is one for this run only.
pub fn of(data: &Path, now: Timestamp) -> Result<Authority, Failure> {
    if data.is_dir() { kept(data, now) } else { Authority::generate(now).map_err(failed(data)) }
}

/// The authority of a data directory that exists, made if there is none.
pub fn kept(data: &Path, now: Timestamp) -> Result<Authority, Failure> {
    let path = data.join(KEY);
    let io = |error: io::Error| Failure::io(path.display(), &error);
    if !path.exists() {
        let made = Authority::generate(now).map_err(failed(&path))?;
        create(&path, &made.to_pem()).map_err(io)?;
    }
    let mode = fs::metadata(&path).map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.display();
        let text = format!("{path} has mode {mode:03o} and can be read by others: chmod 600 it");
        return Err(Failure::new(Exit::Config, text));
    }
    let text = fs::read_to_string(&path).map_err(io)?;
    let authority = Authority::from_pem(&text, now).map_err(failed(&path))?;
    let public = data.join(CERTIFICATE);
    if fs::read_to_string(&public).ok().as_deref() != Some(authority.certificate_pem()) {
        keyfile::write_private(&public, authority.certificate_pem())
            .and_then(|()| fs::set_permissions(&public, fs::Permissions::from_mode(0o644)))
            .map_err(|error| Failure::io(public.display(), &error))?;
    }
    Ok(authority)
}

fn failed(path: &Path) -> impl Fn(intercept::AuthorityError) -> Failure {
    let path = path.display().to_string();
    move |error| {
        let hint = "; delete the file and a new one is made";
        Failure::new(Exit::Config, format!("{path}: {error}{hint}"))
    }
}

/// Writes a file that nobody else may read, whole or not at all, unless another program was faster:
/// of two that start at once both must use the same one.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let own = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&own)?;
    let linked = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&own, path));
    fs::remove_file(&own)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn it_is_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = of(dir.path(), NOW).unwrap();
        let again = of(dir.path(), NOW).unwrap();
        assert_eq!(first.certificate_pem(), again.certificate_pem());
        let mode = |name| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(KEY), mode(CERTIFICATE)), (0o600, 0o644));
        let public = fs::read_to_string(dir.path().join(CERTIFICATE)).unwrap();
        assert_eq!(public, first.certificate_pem());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else is left");

        fs::set_permissions(dir.path().join(KEY), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(of(dir.path(), NOW).unwrap_err().message.contains("chmod 600"));
    }

    #[test]
    fn whoever_is_second_uses_what_the_first_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(KEY);
        create(&path, "first").unwrap();
        create(&path, "second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        let refused = of(dir.path(), NOW);
        assert!(refused.unwrap_err().message.contains("delete the file"));
    }

    #[test]
    fn without_a_data_directory_none_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let absent = dir.path().join("absent");
        of(&absent, NOW).unwrap();
        assert!(!absent.exists());
    }
}
