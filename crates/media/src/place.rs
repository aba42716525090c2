//! Where things are: buckets, directories, keys, URLs. Texts in, texts out.
//!
//! The shapes are those that clients and people know from the cloud: a bucket `<hex>-<appid>` (the
//! Node and Go SDKs insist on `^[a-z\d-]+-\d+$`), a directory
//! `{8hex}vod{region}{appid}/{8hex}{FileId}`, a name of 12 letters ending in `A`. Bucket and
//! directory say which application and file a key belongs to. Where an application names its files by
//! path, the key is the path, and the record of the object says whose it is.

use std::io;

use model::{AppId, FileId};

use crate::random;

/// Bytes of an object's key (COS: 850).
pub const KEY_BYTES_MAX: usize = 850;

/// The bucket of an application: its id in hex, and the account's AppId.
pub(crate) fn bucket(app: AppId, account: AppId) -> String {
    format!("{:08x}-{account}", app.0)
}

/// The application that a bucket belongs to.
pub(crate) fn application_of(bucket: &str, account: AppId) -> Option<AppId> {
    let (hex, suffix) = bucket.split_once('-')?;
    let app = AppId(u64::from_str_radix(hex, 16).ok()?);
    (suffix == account.to_string() && self::bucket(app, account) == bucket).then_some(app)
}

/// A new directory for a file: `{8hex}vod{region}{appid}/{8hex}{FileId}`, without slashes at the
/// ends.
pub(crate) fn directory(app: AppId, region: &str, file: FileId) -> io::Result<String> {
    let of_application = app.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let of_file = hex::encode(random::bytes::<4>()?);
    Ok(format!("{of_application:08x}vod{}{app}/{of_file}{file}", region_code(region)))
}

/// The name of an object that the library names: 11 letters, an `A`, the extension.
pub(crate) fn name(extension: &str) -> io::Result<String> {
    Ok(format!("{}A.{extension}", random::text(11)?))
}

/// The file whose own directory a key lies in, if it lies in one.
pub(crate) fn file_of(key: &str) -> Option<FileId> {
    let directory = key.split('/').nth(1)?;
    directory.get(8..)?.parse().ok()
}

/// Whether a text can be a key: it names one thing, and nothing else by a detour.
pub(crate) fn is_key(text: &str) -> bool {
    let plain = |segment: &str| !matches!(segment, "" | "." | "..");
    text.len() <= KEY_BYTES_MAX
        && text.split('/').all(plain)
        && !text.chars().any(|c| c.is_control() || c == '\\')
}

/// Whether a key names something under a directory; the empty one holds everything.
pub fn is_within(key: &str, directory: &str) -> bool {
    is_key(key) && relative(key, directory).is_some()
}

/// The path of a key from a directory.
pub(crate) fn relative<'a>(key: &'a str, directory: &str) -> Option<&'a str> {
    if directory.is_empty() {
        return Some(key);
    }
    key.strip_prefix(directory)?.strip_prefix('/')
}

/// The key of a path in a directory.
pub(crate) fn join(directory: &str, path: &str) -> String {
    if directory.is_empty() { path.to_owned() } else { format!("{directory}/{path}") }
}

/// The directory of a key; empty: it lies in none.
pub(crate) fn parent(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Whether a text can be a StorageRegion: `^[a-z\d-]+$`, as the Node SDK insists.
pub fn is_region(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(allowed)
}

/// The short form of a region in paths, as seen in the cloud's URLs.
fn region_code(region: &str) -> &str {
    match region {
        "ap-guangzhou" => "gzp",
        "ap-chongqing" => "cq",
        "ap-shanghai" => "sh",
        "ap-tianjin" => "tj",
        "ap-hongkong" => "hk",
        "ap-nanjing" => "nj",
        "ap-beijing" => "bj",
        _ => "x",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: AppId = AppId(1_250_000_000);

    #[test]
    fn a_bucket_leads_back_to_its_application_only() {
        let name = bucket(AppId(1_500_000_001), ACCOUNT);
        assert_eq!(name, "59682f01-1250000000");
        assert_eq!(application_of(&name, ACCOUNT), Some(AppId(1_500_000_001)));
        for other in ["59682F01-1250000000", "059682f01-1250000000", "59682f01-1", "", "-", "x-y"] {
            assert_eq!(application_of(other, ACCOUNT), None, "{other}");
        }
        assert_eq!(application_of(&bucket(AppId(7), ACCOUNT), ACCOUNT), Some(AppId(7)));
    }

    #[test]
    fn a_key_lies_in_the_directory_of_its_file() {
        let file = FileId(5_285_890_012_345_678_901);
        let directory = directory(ACCOUNT, "ap-guangzhou", file).unwrap();
        let key = join(&directory, &name("mp4").unwrap());
        assert!(directory.contains("vodgzp1250000000/"), "{directory}");
        assert!(directory.ends_with("5285890012345678901"), "{directory}");
        assert!(key.ends_with("A.mp4") && !key.starts_with('/'));
        assert!(is_within(&key, &directory));
        assert_eq!(parent(&key), directory);
        assert!(relative(&key, &directory).is_some_and(|name| !name.contains('/')));
    }

    #[test]
    fn nothing_outside_a_directory_is_within_it() {
        assert!(is_within("a/b/c/d e.ts", "a/b"));
        for outside in ["a/b", "a/b/", "a/bc", "a/c/x", "a/b/../x", "a/b//x", "a/b/.", "a/b/x\n"] {
            assert!(!is_within(outside, "a/b"), "{outside}");
        }
        assert!(!is_within(&format!("a/b/{}", "x".repeat(KEY_BYTES_MAX)), "a/b"));
    }

    #[test]
    fn the_directory_of_everything_has_no_name() {
        assert_eq!(
            (parent("a.mp4"), join("", "a.mp4"), join("d", "a.mp4").as_str()),
            ("", "a.mp4".to_owned(), "d/a.mp4")
        );
        assert_eq!(relative("d/a.mp4", ""), Some("d/a.mp4"));
        assert!(is_within("d/a.mp4", ""));
        for none in ["", "/a", "a/", "..", "a/../b", "a\\b"] {
            assert!(!is_within(none, ""), "{none}");
        }
    }
}
