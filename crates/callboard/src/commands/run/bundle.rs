//! Certificate bundles: whom the machine trusts already, and the local authority.
//!
//! A program that reads the bundle instead of its own must lose nobody it trusted, so a bundle that
//! the user has named in a variable stays in it.

use std::ffi::OsString;
use std::fs;

/// Where systems keep the certificates that everybody trusts: Debian, Alpine and Arch; Fedora;
/// openSUSE; macOS and BSD.
const SYSTEM: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The system's certificates; empty if it has none.
pub(super) fn system() -> String {
    SYSTEM.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default()
}

/// A bundle for the program: what it would have read, then our own. That is the file that the user
/// has named, if it can be read, else `usual`.
pub(super) fn of(named: Option<OsString>, usual: &str, own: &str) -> String {
    let named = named.and_then(|path| fs::read_to_string(path).ok());
    let mut text = named.unwrap_or_else(|| usual.to_owned());
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text + own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_trusts_stays() {
        let dir = tempfile::tempdir().unwrap();
        let user = dir.path().join("user.pem");
        fs::write(&user, "user").unwrap();
        assert_eq!(of(Some(user.into()), "system\n", "own\n"), "user\nown\n");
        let absent = dir.path().join("absent");
        assert_eq!(of(Some(absent.into()), "system\n", "own\n"), "system\nown\n");
        assert_eq!(of(None, "", "own\n"), "own\n");
    }
}
