//! AVI: the list of headers at the beginning.
//!
//! Absent: the index and the frames; and what OpenDML adds, which repeats the lengths of the streams.

use std::time::Duration;

use super::input::{Input, be};
use super::meta::{
    AudioFinding, AudioStream, Finding, VideoFinding, VideoStream, rounded_rate, ticks,
};

/// Bytes of the headers: real ones have some KB.
const HEADERS_BYTES_MAX: u64 = 1024 * 1024;
/// Streams of a file.
const STREAMS_MAX: usize = 32;

/// What the file says about itself; none without its headers.
pub(super) fn read(input: &mut Input) -> Option<Finding> {
    let head = input.some_at(12, 12).ok()?;
    if head.get(..4)? != b"LIST" || head.get(8..)? != b"hdrl" {
        return None;
    }
    let length = u64::from(le32(&head, 4)?).min(HEADERS_BYTES_MAX).checked_sub(4)?;
    let headers = input.some_at(24, usize::try_from(length).ok()?).ok()?;
    let mut finding = Finding::default();
    let lists =
        Chunks(&headers).filter(|(name, body)| name == b"LIST" && body.starts_with(b"strl"));
    for (_, list) in lists.take(STREAMS_MAX) {
        let inside = list.get(4..)?;
        let chunk = |wanted: [u8; 4]| Chunks(inside).find(|(name, _)| *name == wanted);
        if let (Some((_, header)), Some((_, format))) = (chunk(*b"strh"), chunk(*b"strf")) {
            add_stream(&mut finding, header, format);
        }
    }
    Some(finding)
}

fn add_stream(finding: &mut Finding, header: &[u8], format: &[u8]) -> Option<()> {
    let (scale, rate) = (u64::from(le32(header, 20)?), u64::from(le32(header, 24)?));
    let length = u64::from(le32(header, 32)?);
    let duration = length.checked_mul(scale).and_then(|units| ticks(units, rate));
    let duration = duration.filter(|duration: &Duration| !duration.is_zero());
    match header.get(..4)? {
        b"vids" => {
            let stream = VideoStream {
                width: le32(format, 4)?,
                // a negative height means rows from the top
                height: i32::from_le_bytes(be::array(format, 8)?).unsigned_abs(),
                codec: video_codec(be::array(format, 16)?).to_owned(),
                fps: rounded_rate(rate, scale),
                ..VideoStream::default()
            };
            finding.video.push(VideoFinding { stream, duration, ..VideoFinding::default() });
        }
        b"auds" => {
            let bits = le16(format, 14).unwrap_or(0);
            let stream = AudioStream {
                bitrate: 0,
                sampling_rate: le32(format, 4)?,
                codec: audio_codec(le16(format, 0)?, bits).to_owned(),
            };
            let bitrate = u64::from(le32(format, 8)?).checked_mul(8);
            finding.audio.push(AudioFinding { stream, bitrate, duration });
        }
        _ => {}
    }
    finding.duration = finding.duration.max(duration);
    Some(())
}

/// ffprobe's name for a FourCC.
fn video_codec(code: [u8; 4]) -> &'static str {
    match &code.map(|byte| byte.to_ascii_uppercase()) {
        b"H264" | b"X264" | b"AVC1" => "h264",
        b"HEVC" | b"H265" | b"HVC1" => "hevc",
        b"XVID" | b"DIVX" | b"DX50" | b"FMP4" | b"MP4V" => "mpeg4",
        b"DIV3" | b"MP43" => "msmpeg4v3",
        b"MP42" => "msmpeg4v2",
        b"MJPG" => "mjpeg",
        b"MPG1" => "mpeg1video",
        b"MPG2" => "mpeg2video",
        b"WMV1" => "wmv1",
        b"WMV2" => "wmv2",
        b"WMV3" => "wmv3",
        b"VP80" => "vp8",
        b"VP90" => "vp9",
        b"AV01" => "av1",
        [0, 0, 0, 0] => "rawvideo",
        _ => "",
    }
}

/// ffprobe's name for the format tag of a WAVEFORMATEX.
fn audio_codec(tag: u16, bits: u16) -> &'static str {
    match (tag, bits) {
        (0x0001, 8) => "pcm_u8",
        (0x0001, 24) => "pcm_s24le",
        (0x0001, _) => "pcm_s16le",
        (0x0006, _) => "pcm_alaw",
        (0x0007, _) => "pcm_mulaw",
        (0x0002, _) => "adpcm_ms",
        (0x0050, _) => "mp2",
        (0x0055, _) => "mp3",
        (0x00ff, _) => "aac",
        (0x2000, _) => "ac3",
        (0x2001, _) => "dts",
        _ => "",
    }
}

/// The chunks in a list; ends at the first that does not fit.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, length) = (be::array(self.0, 0)?, usize::try_from(le32(self.0, 4)?).ok()?);
        let body = self.0.get(8..8_usize.checked_add(length)?)?;
        // chunks begin at even places
        self.0 = self.0.get(8 + length + length % 2..).unwrap_or_default();
        Some((name, body))
    }
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    be::u16(bytes, at).map(u16::swap_bytes)
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    be::u32(bytes, at).map(u32::swap_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_end_where_they_do_not_fit() {
        let bytes = b"abcd\x01\0\0\0x\0efgh\0\0\0\0ijkl\x05\0\0\0four";
        let found: Vec<_> = Chunks(bytes).collect();
        assert_eq!(found, [(*b"abcd", &b"x"[..]), (*b"efgh", b"")]);
    }
}
