//! The file types that uploads may have: the documented extensions and what each is.
//!
//! The list is the one of document 266/2846 (2024-12) plus MPD, which the upload SDKs handle too.
//! Content types stand here as well, because whoever serves a file must choose from a closed list:
//! nothing that a browser would run as a page or a script is on it.

/// What a file is to a player (`Category` of MediaBasicInfo).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Moving pictures, playlists included.
    Video,
    /// Sound.
    Audio,
    /// Still pictures.
    Image,
}

impl Category {
    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Video => "Video",
            Self::Audio => "Audio",
            Self::Image => "Image",
        }
    }
}

const VIDEO: &[&str] = &[
    "wmv", "rm", "mov", "mpeg", "mp4", "3gp", "flv", "avi", "rmvb", "ts", "asf", "mpg", "webm",
    "mkv", "m3u8", "wm", "asx", "ram", "mpe", "vob", "dat", "mp4v", "m4v", "f4v", "mxf", "qt",
    "ogg", "mpd",
];
const AUDIO: &[&str] = &["mp3", "m4a", "flac", "wav", "ra", "aac", "amr"];
const IMAGE: &[&str] =
    &["jpg", "jpeg", "png", "gif", "bmp", "tiff", "ai", "cdr", "eps", "tif", "heif"];

/// What files with that extension (lower case, no dot) are; none: not an accepted type.
/// `ogg` is on both lists of the document and counts as video.
pub fn category(extension: &str) -> Option<Category> {
    if VIDEO.contains(&extension) {
        Some(Category::Video)
    } else if AUDIO.contains(&extension) {
        Some(Category::Audio)
    } else if IMAGE.contains(&extension) {
        Some(Category::Image)
    } else {
        None
    }
}

/// Whether files of that type name others that are uploaded with them.
pub(crate) fn is_manifest(extension: &str) -> bool {
    matches!(extension, "m3u8" | "mpd")
}

/// The content type to serve a file of that name with; what is on no list is a mere run of bytes.
pub fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "mp4" | "mp4v" | "m4v" | "m4s" => "video/mp4",
        "f4v" | "flv" => "video/x-flv",
        "mov" | "qt" => "video/quicktime",
        "webm" => "video/webm",
        "mkv" => "video/x-matroska",
        "avi" => "video/x-msvideo",
        "wmv" | "wm" | "asf" => "video/x-ms-wmv",
        "mpg" | "mpeg" | "mpe" | "vob" | "dat" => "video/mpeg",
        "3gp" => "video/3gpp",
        "ts" => "video/mp2t",
        "mxf" => "application/mxf",
        "m3u8" => "application/vnd.apple.mpegurl",
        "mpd" => "application/dash+xml",
        "vtt" => "text/vtt",
        "ogg" => "video/ogg",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "aac" => "audio/aac",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "amr" => "audio/amr",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "tif" | "tiff" => "image/tiff",
        "heif" => "image/heif",
        "webp" => "image/webp",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_and_nothing_active_is_served() {
        assert_eq!(category("mp4"), Some(Category::Video));
        assert_eq!(category("mp3"), Some(Category::Audio));
        assert_eq!(category("png"), Some(Category::Image));
        for unknown in ["", "exe", "html", "MP4", ".mp4", "svg"] {
            assert_eq!(category(unknown), None, "{unknown}");
        }
        assert_eq!(content_type("a/b.MP4"), "video/mp4");
        for bytes in ["x.html", "x.svg", "x.js", "x.xml", "x", "mp4", "x."] {
            assert_eq!(content_type(bytes), "application/octet-stream", "{bytes}");
        }
    }
}
