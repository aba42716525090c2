//! One stream: its first headers and its time stamps.

use super::super::input::be;
use super::super::meta::{AudioStream, DynamicRange, VideoStream};
use super::{headers, picture};

/// Bytes of a stream in which its headers must come: a key frame with all that is put before it.
const HEADER_BYTES_MAX: usize = 256 * 1024;
/// Time stamps that are kept to work out the rate of frames.
const TIMES_MAX: usize = 1_000;
/// Time stamps begin anew after so many units: 26 hours.
const WRAP: u64 = 1 << 33;

/// A codec, by ffprobe's name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Video(&'static str),
    Audio(&'static str),
}

impl Codec {
    /// The codec of a stream type and its descriptors; none: neither pictures nor sound.
    pub(super) fn of(kind: u8, descriptors: &[u8]) -> Option<Self> {
        Some(match kind {
            0x01 => Self::Video("mpeg1video"),
            0x02 => Self::Video("mpeg2video"),
            0x1b => Self::Video("h264"),
            0x24 => Self::Video("hevc"),
            0x03 | 0x04 => Self::Audio("mp3"),
            0x0f => Self::Audio("aac"),
            0x81 => Self::Audio("ac3"),
            0x87 => Self::Audio("eac3"),
            0x06 => Self::Audio(private(descriptors)?),
            _ => return None,
        })
    }
}

/// The codec of a private stream, which its descriptors name.
fn private(mut descriptors: &[u8]) -> Option<&'static str> {
    loop {
        let [tag, length, rest @ ..] = descriptors else { return None };
        let (body, behind) = rest.split_at_checked(usize::from(*length))?;
        match (tag, body) {
            (0x6a, _) | (0x05, b"AC-3") => return Some("ac3"),
            (0x7a, _) | (0x05, b"EAC3") => return Some("eac3"),
            (0x05, b"Opus") => return Some("opus"),
            _ => descriptors = behind,
        }
    }
}

/// A stream as far as it has come.
pub(super) struct Stream {
    codec: Codec,
    /// The beginning of what it carries, across frames.
    head: Vec<u8>,
    /// A frame has begun: what came before is the end of one that is not there.
    begun: bool,
    /// The first time stamp, from which the others are counted.
    base: Option<u64>,
    times: Vec<u64>,
    first: Option<u64>,
    last: Option<u64>,
}

impl Stream {
    pub(super) const fn new(codec: Codec) -> Self {
        Self {
            codec,
            head: Vec::new(),
            begun: false,
            base: None,
            times: Vec::new(),
            first: None,
            last: None,
        }
    }

    pub(super) const fn codec(&self) -> Codec {
        self.codec
    }

    /// A payload of the beginning of the file.
    pub(super) fn add(&mut self, begins: bool, payload: &[u8]) {
        let carried = if begins {
            let Some(frame) = Frame::read(payload) else { return };
            self.begun = true;
            if let Some(time) = frame.time.map(|time| self.counted(time)) {
                self.extend(time);
                if self.times.len() < TIMES_MAX {
                    self.times.push(time);
                }
            }
            frame.carried
        } else {
            payload
        };
        if self.begun {
            let room = HEADER_BYTES_MAX.saturating_sub(self.head.len());
            self.head.extend(carried.iter().take(room));
        }
    }

    /// A payload of the end of the file, of which only the time matters.
    pub(super) fn see_time(&mut self, payload: &[u8]) {
        if let Some(time) = Frame::read(payload).and_then(|frame| frame.time) {
            let time = self.counted(time);
            self.extend(time);
        }
    }

    fn extend(&mut self, time: u64) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }

    /// A time stamp as if they did not begin anew: what is up to half of the way before the first one
    /// is before it.
    fn counted(&mut self, time: u64) -> u64 {
        let base = *self.base.get_or_insert(time);
        let behind = time.wrapping_sub(base) % WRAP;
        let from_base = if behind < WRAP / 2 { WRAP + behind } else { behind };
        base.saturating_add(from_base)
    }

    /// The earliest time stamp, in units of 1/90,000 s; comparable between streams that begin within
    /// half of 26 hours.
    pub(super) const fn first(&self) -> Option<u64> {
        self.first
    }

    /// The latest time stamp.
    pub(super) const fn last(&self) -> Option<u64> {
        self.last
    }

    /// How long a frame is, on the average of the beginning.
    pub(super) fn frame_ticks(&self) -> Option<u64> {
        let first = self.times.iter().min()?;
        let last = self.times.iter().max()?;
        let frames = u64::try_from(self.times.len()).ok()?.checked_sub(1)?;
        last.saturating_sub(*first).checked_div(frames).filter(|ticks| *ticks > 0)
    }

    /// The pictures, if their header came.
    pub(super) fn video(&self) -> Option<VideoStream> {
        let Codec::Video(codec) = self.codec else { return None };
        let picture = match codec {
            "h264" => picture::h264(&self.head),
            "hevc" => picture::hevc(&self.head),
            _ => picture::mpeg(&self.head),
        }?;
        Some(VideoStream {
            width: picture.width,
            height: picture.height,
            codec: codec.to_owned(),
            dynamic_range: picture.transfer.map_or(DynamicRange::Sdr, DynamicRange::from_transfer),
            ..VideoStream::default()
        })
    }

    /// The sound, if its header came.
    pub(super) fn audio(&self) -> Option<AudioStream> {
        let Codec::Audio(codec) = self.codec else { return None };
        let (codec, sampling_rate) = headers::audio(codec, &self.head)?;
        Some(AudioStream { bitrate: 0, sampling_rate, codec: codec.to_owned() })
    }
}

/// The beginning of a frame (PES).
struct Frame<'a> {
    /// When it is decoded, or shown if that is the same.
    time: Option<u64>,
    carried: &'a [u8],
}

impl<'a> Frame<'a> {
    fn read(payload: &'a [u8]) -> Option<Self> {
        if payload.get(..3)? != b"\0\0\x01" || be::u8(payload, 6)? & 0xc0 != 0x80 {
            return None;
        }
        let flags = be::u8(payload, 7)?;
        let carried = payload.get(9 + usize::from(be::u8(payload, 8)?)..)?;
        let time = match flags & 0xc0 {
            0x80 => time(payload, 9),
            0xc0 => time(payload, 14),
            _ => None,
        };
        Some(Self { time, carried })
    }
}

/// The 33 bits of a time stamp, with marks between them.
fn time(bytes: &[u8], at: usize) -> Option<u64> {
    let high = u64::from(be::u8(bytes, at)? >> 1 & 7);
    let middle = u64::from(be::u16(bytes, at + 1)? >> 1);
    let low = u64::from(be::u16(bytes, at + 3)? >> 1);
    Some(high << 30 | middle << 15 | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_may_begin_anew() {
        let mut stream = Stream::new(Codec::Video("h264"));
        let from = WRAP - 90_000;
        let counted: Vec<_> =
            [from, from + 3_600, from - 3_600, 0, 90_000].map(|time| stream.counted(time)).to_vec();
        let first = counted[0];
        assert_eq!(counted[1], first + 3_600);
        assert_eq!(counted[2], first - 3_600);
        assert_eq!(counted[3], first + 90_000);
        assert_eq!(counted[4], first + 180_000);
    }

    #[test]
    fn a_time_stamp_is_in_five_bytes() {
        // 0010 and the bits 1 0…0 1 0…0 1 with marks
        assert_eq!(time(&[0x29, 0x00, 0x03, 0x00, 0x03], 0), Some(1 << 32 | 1 << 15 | 1));
        assert_eq!(time(&[0x21, 0, 1, 0], 0), None);
    }
}
