//! What a file is by its first bytes, never by its name.
//!
//! The answer decides which demuxer ffprobe is forced to use, so that a playlist, a script or an
//! executable is never handed to it and cannot make it open other files or addresses. Absent:
//! extensions and MIME types, which the uploader chose; formats that refer to other files.

use std::io;

use super::input::{Input, be};

/// Enough for two MPEG audio frames and three transport-stream packets.
const HEAD_BYTES: usize = 8192;

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A container with audio or video.
    Media(Container),
    /// A still image (animated GIF and WebP count as images).
    Image(Image),
    /// An HLS playlist: text that names other files, so not for a demuxer.
    Playlist,
    /// Anything else.
    Unknown,
}

/// The containers that are probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// MP4, MOV, M4A, 3GP.
    Mp4,
    /// Matroska and WebM.
    Matroska,
    /// MPEG audio layers II and III; the first frame is at or after `start`.
    Mp3 { start: u64 },
    /// AAC in ADTS frames; `start` is behind an ID3v2 tag.
    Adts { start: u64 },
    /// RIFF WAVE.
    Wav,
    /// FLAC; `start` is behind an ID3v2 tag.
    Flac { start: u64 },
    /// Ogg.
    Ogg,
    /// AVI.
    Avi,
    /// Flash video.
    Flv,
    /// MPEG transport stream.
    MpegTs,
    /// MPEG program stream.
    MpegPs,
    /// ASF: WMV, WMA.
    Asf,
}

impl Container {
    /// The name of ffmpeg's demuxer, for `-f` and `-format_whitelist`.
    pub(super) fn demuxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mov",
            Self::Matroska => "matroska",
            Self::Mp3 { .. } => "mp3",
            Self::Adts { .. } => "aac",
            Self::Wav => "wav",
            Self::Flac { .. } => "flac",
            Self::Ogg => "ogg",
            Self::Avi => "avi",
            Self::Flv => "flv",
            Self::MpegTs => "mpegts",
            Self::MpegPs => "mpeg",
            Self::Asf => "asf",
        }
    }

    /// What ffprobe's `format_name` says for it.
    pub(super) fn format_name(self) -> &'static str {
        match self {
            Self::Mp4 => "mov,mp4,m4a,3gp,3g2,mj2",
            Self::Matroska => "matroska,webm",
            Self::Mp3 { .. }
            | Self::Adts { .. }
            | Self::Wav
            | Self::Flac { .. }
            | Self::Ogg
            | Self::Avi
            | Self::Flv
            | Self::MpegTs
            | Self::MpegPs
            | Self::Asf => self.demuxer(),
        }
    }
}

/// The image formats whose size is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Image {
    Png,
    Jpeg,
    Gif,
    Webp,
    Bmp,
    Tiff,
    /// HEIF, with HEVC (HEIC) or AV1 (AVIF) in it.
    Heif,
}

/// Looks at the beginning of `input`.
pub(super) fn sniff(input: &mut Input) -> io::Result<Kind> {
    let head = input.some_at(0, HEAD_BYTES)?;
    if let Some(tagged) = id3_len(&head) {
        let rest = input.some_at(tagged, HEAD_BYTES)?;
        return Ok(behind_id3(&rest, tagged));
    }
    Ok(image(&head).map(Kind::Image).or_else(|| media(&head)).unwrap_or(Kind::Unknown))
}

fn image(head: &[u8]) -> Option<Image> {
    let riff_webp = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP");
    match head {
        _ if head.starts_with(b"\x89PNG\r\n\x1a\n") => Some(Image::Png),
        _ if head.starts_with(b"\xff\xd8\xff") => Some(Image::Jpeg),
        _ if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") => Some(Image::Gif),
        _ if riff_webp => Some(Image::Webp),
        _ if head.starts_with(b"II*\0") || head.starts_with(b"MM\0*") => Some(Image::Tiff),
        _ if heif(head) => Some(Image::Heif),
        // The reserved words of a bitmap header are 0; "BM" alone would match text.
        _ if head.starts_with(b"BM") && head.get(6..10) == Some(&[0; 4]) => Some(Image::Bmp),
        _ => None,
    }
}

fn media(head: &[u8]) -> Option<Kind> {
    let riff = head.starts_with(b"RIFF") || head.starts_with(b"RF64");
    let form = head.get(8..12).unwrap_or_default();
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    Some(Kind::Media(match head {
        _ if text.starts_with(b"#EXTM3U") => return Some(Kind::Playlist),
        _ if iso_media(head) => Container::Mp4,
        _ if head.starts_with(b"\x1a\x45\xdf\xa3") => Container::Matroska,
        _ if riff && form == b"WAVE" => Container::Wav,
        _ if head.starts_with(b"RIFF") && form == b"AVI " => Container::Avi,
        _ if head.starts_with(b"fLaC") => Container::Flac { start: 0 },
        _ if head.starts_with(b"OggS\0") => Container::Ogg,
        _ if head.starts_with(b"FLV\x01") => Container::Flv,
        _ if head.starts_with(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11") => Container::Asf,
        _ if head.starts_with(b"\0\0\x01\xba") => Container::MpegPs,
        _ if transport_stream(head) => Container::MpegTs,
        _ if two_frames(head, mpeg_audio_frame) => Container::Mp3 { start: 0 },
        _ if two_frames(head, adts_frame) => Container::Adts { start: 0 },
        _ => return None,
    }))
}

/// An `ftyp` whose brand is one of an image format.
fn heif(head: &[u8]) -> bool {
    let brand = head.get(8..12).unwrap_or_default();
    head.get(4..8) == Some(b"ftyp")
        && matches!(brand, b"heic" | b"heix" | b"mif1" | b"msf1" | b"avif" | b"avis")
}

/// MP4 and QuickTime begin with one of these boxes.
fn iso_media(head: &[u8]) -> bool {
    match head.get(4..8) {
        Some(b"ftyp") => !heif(head),
        Some(b"moov" | b"mdat" | b"wide" | b"pnot") => true,
        Some(b"free" | b"skip") => be::u32(head, 0).is_some_and(|size| size >= 8),
        _ => false,
    }
}

/// Packets of 188 bytes, or of 192 with a time stamp in front (M2TS).
fn transport_stream(head: &[u8]) -> bool {
    [(0, 188), (4, 192)]
        .into_iter()
        .any(|(first, step)| (0..3).all(|packet| be::u8(head, first + packet * step) == Some(0x47)))
}

/// Length of the ID3v2 tag that `head` begins with.
fn id3_len(head: &[u8]) -> Option<u64> {
    if !head.starts_with(b"ID3") {
        return None;
    }
    let size: [u8; 4] = be::array(head, 6)?;
    if size.iter().any(|byte| *byte >= 0x80) {
        return None;
    }
    let body = size.iter().fold(0, |sum, byte| (sum << 7) | u64::from(*byte));
    let footer = if be::u8(head, 5)? & 0x10 == 0 { 0 } else { 10 };
    Some(10 + body + footer)
}

fn behind_id3(rest: &[u8], tagged: u64) -> Kind {
    // Some writers pad behind the tag; the first frame follows the zeros.
    let padding = rest.iter().take_while(|byte| **byte == 0).count();
    let frames = rest.get(padding..).unwrap_or_default();
    if rest.starts_with(b"fLaC") {
        Kind::Media(Container::Flac { start: tagged })
    } else if two_frames(frames, mpeg_audio_frame) {
        Kind::Media(Container::Mp3 { start: tagged })
    } else if two_frames(frames, adts_frame) {
        let padding = u64::try_from(padding).unwrap_or(0);
        Kind::Media(Container::Adts { start: tagged.saturating_add(padding) })
    } else {
        Kind::Unknown
    }
}

/// A sync word alone is too common in arbitrary bytes; two frames in a row are not.
fn two_frames(bytes: &[u8], frame_len: fn(&[u8]) -> Option<usize>) -> bool {
    frame_len(bytes).and_then(|len| bytes.get(len..)).and_then(frame_len).is_some()
}

/// Length in bytes of the MPEG audio frame (layer II or III) that `bytes` begins with.
pub(super) fn mpeg_audio_frame(bytes: &[u8]) -> Option<usize> {
    const LAYER2_V1: [usize; 15] =
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
    const LAYER3_V1: [usize; 15] =
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const V2: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

    let word = be::u32(bytes, 0)?;
    if word >> 21 != 0x7ff {
        return None;
    }
    let field = |shift: u32, mask: u32| usize::try_from((word >> shift) & mask).ok();
    let (rate_shift, version1) = match field(19, 3)? {
        0 => (2, false),
        2 => (1, false),
        3 => (0, true),
        _ => return None,
    };
    let layer3 = match field(17, 3)? {
        1 => true,
        2 => false,
        _ => return None,
    };
    let table = match (version1, layer3) {
        (true, true) => LAYER3_V1,
        (true, false) => LAYER2_V1,
        (false, _) => V2,
    };
    let kbps = table.get(field(12, 15)?).copied().filter(|rate| *rate > 0)?;
    let rate = [44_100_usize, 48_000, 32_000].get(field(10, 3)?)? >> rate_shift;
    let factor = if layer3 && !version1 { 72_000 } else { 144_000 };
    Some(factor * kbps / rate + field(9, 1)?)
}

/// Length in bytes of the ADTS frame that `bytes` begins with.
pub(super) fn adts_frame(bytes: &[u8]) -> Option<usize> {
    if be::u16(bytes, 0)? & 0xfff6 != 0xfff0 {
        return None;
    }
    let length = (be::u32(bytes, 3)? >> 13) & 0x1fff;
    usize::try_from(length).ok().filter(|length| *length > 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_programs_are_unknown() {
        for bytes in [
            &b""[..],
            b"\x7fELF\x02\x01\x01\0",
            b"#!/bin/sh\n",
            b"ffconcat version 1.0\nfile /etc/passwd\n",
            b"BM is how this text begins",
            b"\xff\xfb\x90\x00 one sync word is not a stream",
            b"<?xml version=\"1.0\"?><MPD/>",
        ] {
            assert_eq!((image(bytes), media(bytes)), (None, None), "{bytes:?}");
        }
        assert_eq!(media(b"\xef\xbb\xbf#EXTM3U\n"), Some(Kind::Playlist));
    }

    #[test]
    fn an_id3_tag_says_how_long_it_is() {
        assert_eq!(id3_len(b"ID3\x04\0\0\0\0\x02\x01"), Some(10 + 257));
        assert_eq!(id3_len(b"ID3\x04\0\x10\0\0\0\x01"), Some(21));
        assert_eq!(id3_len(b"ID3\x04\0\0\x80\0\0\0"), None);
    }

    #[test]
    fn frame_lengths_follow_the_tables() {
        assert_eq!(mpeg_audio_frame(&[0xff, 0xfb, 0x90, 0x00]), Some(417));
        assert_eq!(mpeg_audio_frame(&[0xff, 0xfb, 0x92, 0x00]), Some(418));
        assert_eq!(mpeg_audio_frame(&[0xff, 0xf3, 0x80, 0x00]), Some(208));
        assert_eq!(mpeg_audio_frame(&[0xff, 0xfb, 0xf0, 0x00]), None);
    }
}
