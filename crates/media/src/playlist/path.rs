//! Where a reference in a playlist leads: a file of the playlist's own directory tree, or nowhere.
//!
//! Players resolve references as URLs, upload clients join them to a local directory, and the server
//! that serves the files decodes what players send. The path made here is the one on which all three
//! agree: percent-decoded, without query and fragment, without `.` and `..`. Whatever could lead out
//! of the tree is refused. Deliberately absent: reading; nothing here looks whether a file is there.

use model::limits;
use percent_encoding::percent_decode_str;

/// Why a reference is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It is empty, or nothing but a query.
    #[error("the reference is empty")]
    Empty,
    /// It has a scheme or a host.
    #[error("it is a URL; only relative paths may be named")]
    Url,
    /// It has a scheme that is not followed.
    #[error("it is a URL of another kind than http and https")]
    Scheme,
    /// It leads to a URL that is not asked for.
    #[error("it is a URL of more than {} bytes", limits::PULL_URL_BYTES_MAX)]
    TooLong,
    /// It begins at the root.
    #[error("it is an absolute path; only relative paths may be named")]
    Absolute,
    /// It leads out of the directory.
    #[error("it leads out of the playlist's directory")]
    Outside,
    /// It holds something that is in no file name, or that decodes to no text.
    #[error("it holds characters that a path cannot have")]
    Characters,
    /// It names a variable of EXT-X-DEFINE.
    #[error("variables are not supported")]
    Variable,
}

/// The path, from the root of the tree, that `reference` names in a playlist in the directory `base`
/// (empty: the root itself).
///
/// # Errors
/// For everything that is not a file in the tree.
pub fn inside(base: &str, reference: &str) -> Result<String, PathError> {
    if reference.contains("{$") {
        return Err(PathError::Variable);
    }
    let path = reference.split(['?', '#']).next().unwrap_or_default();
    if path.starts_with("//") || has_scheme(path) {
        return Err(PathError::Url);
    }
    if path.starts_with('/') {
        return Err(PathError::Absolute);
    }
    let mut segments: Vec<String> =
        base.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect();
    let mut is_file = false;
    // `a//b` is another path to a server than to a file system
    if path.contains("//") {
        return Err(PathError::Characters);
    }
    for segment in path.split('/') {
        // decoded one by one: an encoded slash must not become one
        let decoded = percent_decode_str(segment).decode_utf8();
        let decoded = decoded.map_err(|_not_text| PathError::Characters)?;
        if decoded.chars().any(|c| c.is_control() || matches!(c, '/' | '\\')) {
            return Err(PathError::Characters);
        }
        is_file = false;
        match &*decoded {
            "" | "." => {}
            ".." => {
                segments.pop().ok_or(PathError::Outside)?;
            }
            name => {
                segments.push(name.to_owned());
                is_file = true;
            }
        }
    }
    if is_file { Ok(segments.join("/")) } else { Err(PathError::Empty) }
}

/// The directory that a path lies in; empty: the root.
pub fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Whether a path is one that [`inside`] makes: for tests, which must not believe it.
/// A reference with a query behind it, or with more of one: before its fragment.
pub fn with_query(reference: &str, query: &str) -> String {
    let at = reference.find('#').unwrap_or(reference.len());
    let (before, fragment) = reference.split_at(at);
    let joint = if before.contains('?') { '&' } else { '?' };
    format!("{before}{joint}{query}{fragment}")
}

#[cfg(test)]
pub(crate) fn is_inside(path: &str) -> bool {
    let plain = |segment: &str| !matches!(segment, "" | "." | "..");
    path.split('/').all(plain) && !path.contains(|c: char| c.is_control() || c == '\\')
}

/// Whether it begins as a URL with a scheme does (RFC 3986), however short; `C:` of Windows is one.
fn has_scheme(path: &str) -> bool {
    let Some((scheme, _)) = path.split_once(':') else { return false };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_paths_of_the_tree() {
        for (base, reference, path) in [
            ("", "a.ts", "a.ts"),
            ("", "./a.ts?sign=1#t", "a.ts"),
            ("", "v0/a%20b.ts", "v0/a b.ts"),
            ("", "%E4%B8%AD.ts", "中.ts"),
            ("", "中 文.ts", "中 文.ts"),
            ("", "50%.ts", "50%.ts"),
            ("v0", "a.ts", "v0/a.ts"),
            ("v0", "../audio/a.ts", "audio/a.ts"),
            ("v0/x", "../.././a/b.ts", "a/b.ts"),
            ("", "x/../a.ts", "a.ts"),
            ("", "a/b:c.ts", "a/b:c.ts"),
            ("", "...", "..."),
        ] {
            assert_eq!(inside(base, reference).as_deref(), Ok(path), "{reference}");
        }
        assert_eq!((directory("a/b/c.ts"), directory("c.ts")), ("a/b", ""));
    }

    #[test]
    fn nothing_leads_out_of_the_tree() {
        for (reference, error) in [
            ("", PathError::Empty),
            ("?a.ts", PathError::Empty),
            (".", PathError::Empty),
            ("a/", PathError::Empty),
            ("a/..", PathError::Empty),
            ("../a.ts", PathError::Outside),
            ("x/../../a.ts", PathError::Outside),
            ("%2e%2e/a.ts", PathError::Outside),
            (".%2E/a.ts", PathError::Outside),
            ("/etc/passwd", PathError::Absolute),
            ("/", PathError::Absolute),
            ("//host/a.ts", PathError::Url),
            ("http://127.0.0.1/a.ts", PathError::Url),
            ("HTTP:a.ts", PathError::Url),
            ("file:///etc/passwd", PathError::Url),
            ("data:,x", PathError::Url),
            ("crypto+file:a.ts", PathError::Url),
            ("C:\\a.ts", PathError::Url),
            ("..\\a.ts", PathError::Characters),
            ("a//b.ts", PathError::Characters),
            ("a%2f..%2fb.ts", PathError::Characters),
            ("a%5cb.ts", PathError::Characters),
            ("a%00.ts", PathError::Characters),
            ("a\u{1}.ts", PathError::Characters),
            ("a%ff.ts", PathError::Characters),
            ("{$host}/a.ts", PathError::Variable),
        ] {
            assert_eq!(inside("", reference), Err(error), "{reference}");
        }
        assert_eq!(inside("v0", "../../a.ts"), Err(PathError::Outside));
    }
}
