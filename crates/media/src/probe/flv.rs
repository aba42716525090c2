//! Flash video: the metadata that the writer put first, and the first header of each stream.
//!
//! The tags are read from the beginning until both streams are known; the last one tells the length
//! where the metadata do not. Absent: everything between.

use std::time::Duration;

use super::input::{Input, be};
use super::meta::{AudioFinding, AudioStream, Finding, VideoFinding, VideoStream, rounded};
use super::{mp4, mpegts};
use values::Values;

mod values;

/// Tags that are looked at: streams begin within the first dozen.
const TAGS_MAX: usize = 200;
/// Bytes of a tag that matter: metadata with the places of all key frames of a long film.
const TAG_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a tag's head.
const HEAD: u64 = 11;

/// What the file says about itself; none where no tag can be read.
pub(super) fn read(input: &mut Input) -> Option<Finding> {
    let mut film = Film::default();
    // behind the head there is the size of a tag before the first one
    let mut at = u64::from(be::u32(&input.some_at(5, 4).ok()?, 0)?) + 4;
    for _ in 0..TAGS_MAX {
        let head = input.some_at(at, 11).ok()?;
        let Some(length) = be::u32(&head, 0).map(|word| word & 0x00ff_ffff) else { break };
        let wanted = usize::try_from(length).ok()?.min(TAG_BYTES_MAX);
        let body = input.some_at(at + HEAD, wanted).ok()?;
        match be::u8(&head, 0)? & 0x1f {
            8 => film.add_sound(&body),
            9 => film.add_picture(&body),
            18 => film.values = film.values.take().or_else(|| Values::read(&body)),
            _ => break,
        }
        if film.is_known() {
            break;
        }
        at += HEAD + u64::from(length) + 4;
    }
    let last = film.values.as_ref().and_then(|values| values.number("duration"));
    let duration = last.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let duration = duration.filter(|d| !d.is_zero()).or_else(|| last_time(input));
    Some(film.finding(duration))
}

/// When the last tag is played: its size stands behind it.
fn last_time(input: &mut Input) -> Option<Duration> {
    let end = input.len().checked_sub(4)?;
    let size = u64::from(be::u32(&input.some_at(end, 4).ok()?, 0)?);
    let head = input.some_at(end.checked_sub(size)?, 11).ok()?;
    // the highest byte comes last
    let low = be::u32(&head, 4)? >> 8;
    let ms = u32::from(be::u8(&head, 7)?) << 24 | low;
    Some(Duration::from_millis(ms.into()))
}

/// What is known so far.
#[derive(Default)]
struct Film {
    values: Option<Values>,
    video: Option<VideoStream>,
    audio: Option<AudioStream>,
}

impl Film {
    /// Metadata and both streams: a stream that does not exist is looked for in vain.
    const fn is_known(&self) -> bool {
        self.values.is_some() && self.video.is_some() && self.audio.is_some()
    }

    fn add_picture(&mut self, body: &[u8]) {
        if self.video.is_none() {
            self.video = picture(body);
        }
    }

    fn add_sound(&mut self, body: &[u8]) {
        if self.audio.is_none() {
            self.audio = sound(body);
        }
    }

    fn finding(self, duration: Option<Duration>) -> Finding {
        let number = |name: &str| self.values.as_ref().and_then(|values| values.number(name));
        let whole = |name: &str| number(name).map(rounded).filter(|number| *number > 0);
        // writers divide by 1,024
        let rate = |name: &str| number(name).map(|kbps| u64::from(rounded(kbps * 1024.0)));
        let (wide, high) = (whole("width"), whole("height"));
        let video = self.video.clone().map(|video| VideoFinding {
            stream: VideoStream {
                width: if video.width > 0 { video.width } else { wide.unwrap_or(0) },
                height: if video.height > 0 { video.height } else { high.unwrap_or(0) },
                fps: whole("framerate").unwrap_or(0),
                ..video
            },
            bitrate: rate("videodatarate"),
            ..VideoFinding::default()
        });
        let audio = self.audio.clone().map(|stream| AudioFinding {
            stream,
            bitrate: rate("audiodatarate"),
            duration: None,
        });
        let (video, audio) = (Vec::from_iter(video), Vec::from_iter(audio));
        Finding { duration, video, audio, ..Finding::default() }
    }
}

/// The pictures of a video tag.
fn picture(body: &[u8]) -> Option<VideoStream> {
    let first = be::u8(body, 0)?;
    let codec = if first & 0x80 == 0 {
        match first & 0x0f {
            2 => "flv1",
            3 => "flashsv",
            4 => "vp6f",
            5 => "vp6a",
            7 => "h264",
            12 => "hevc",
            _ => return None,
        }
    } else {
        match body.get(1..5)? {
            b"avc1" => "h264",
            b"hvc1" => "hevc",
            b"av01" => "av1",
            b"vp09" => "vp9",
            b"vp08" => "vp8",
            _ => return None,
        }
    };
    let mut stream = VideoStream { codec: codec.to_owned(), ..VideoStream::default() };
    // the configuration of H.264 has its parameter set at a fixed place
    if codec == "h264" && first & 0x80 == 0 && be::u8(body, 1)? == 0 {
        let length = usize::from(be::u16(body, 11)?);
        let set = body.get(13..13 + length)?;
        if let Some(size) = mpegts::h264_size(set) {
            (stream.width, stream.height) = size;
        }
    }
    Some(stream)
}

/// The sound of an audio tag.
fn sound(body: &[u8]) -> Option<AudioStream> {
    let first = be::u8(body, 0)?;
    let stated = [5_512, 11_025, 22_050, 44_100].get(usize::from(first >> 2 & 3)).copied()?;
    let bits16 = first & 2 != 0;
    let (codec, sampling_rate) = match first >> 4 {
        0 | 3 => (if bits16 { "pcm_s16le" } else { "pcm_u8" }, stated),
        1 => ("adpcm_swf", stated),
        2 => ("mp3", stated),
        4 => ("nellymoser", 16_000),
        5 => ("nellymoser", 8_000),
        6 => ("nellymoser", stated),
        7 => ("pcm_alaw", 8_000),
        8 => ("pcm_mulaw", 8_000),
        10 if be::u8(body, 1)? == 0 => ("aac", mp4::aac_rate(body.get(2..)?)?),
        11 => ("speex", 16_000),
        14 => ("mp3", 8_000),
        _ => return None,
    };
    Some(AudioStream { bitrate: 0, sampling_rate, codec: codec.to_owned() })
}
