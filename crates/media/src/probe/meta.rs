//! What is known about a media file, and the one place where that becomes [`MetaData`].
//!
//! Both readers (the ffprobe program and the built-in parsers) end in a [`Finding`], so that the
//! rules about sums, maxima and fallbacks exist once. Absent: JSON field names of the VOD API,
//! which only crate `wire` knows; the serde derives here are for our own records.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The metadata of one media file, as the VOD API's `MediaMetaData` wants it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MetaData {
    /// Size of the file in bytes.
    pub size: u64,
    /// The container as ffprobe's `format_name` says it, for example `mov,mp4,m4a,3gp,3g2,mj2`;
    /// Tencent's samples carry these strings verbatim. Empty for images.
    pub container: String,
    /// Sum of the streams' bitrates in bit/s; the file's average where that cannot be told.
    pub bitrate: u64,
    /// Largest height of the video streams, or the image's, in pixels before rotation.
    pub height: u32,
    /// Largest width of the video streams, or the image's, in pixels before rotation.
    pub width: u32,
    /// Length in seconds; 0 for images and where the file does not say.
    pub duration: f64,
    /// Clockwise turn in degrees (0 to 359) that a player must apply. A phone's upright clip has
    /// 90, as in the `rotate` tag of older ffprobe versions.
    pub rotate: u32,
    /// The video streams in file order, without cover pictures.
    pub video_streams: Vec<VideoStream>,
    /// The audio streams in file order.
    pub audio_streams: Vec<AudioStream>,
    /// Length of the longest video stream in seconds; 0 without one.
    pub video_duration: f64,
    /// Length of the longest audio stream in seconds; 0 without one.
    pub audio_duration: f64,
    /// Lower-case hex MD5 of the file. Probing never fills it; who has streamed the bytes may.
    pub md5: Option<String>,
}

/// One video stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VideoStream {
    /// Average bitrate in bit/s; 0 where the file does not say.
    pub bitrate: u64,
    /// Height in pixels before rotation.
    pub height: u32,
    /// Width in pixels before rotation.
    pub width: u32,
    /// Codec as ffprobe names it: `h264`, `hevc`, `vp9`, … Empty if unknown.
    pub codec: String,
    /// Average frames per second, rounded; 0 where the file does not say.
    pub fps: u32,
    /// `hvc1` or `hev1` for HEVC in MP4, else empty.
    pub codec_tag: String,
    /// Brightness range.
    pub dynamic_range: DynamicRange,
}

/// One audio stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AudioStream {
    /// Average bitrate in bit/s; 0 where the file does not say.
    pub bitrate: u64,
    /// Sampling rate in Hz.
    pub sampling_rate: u32,
    /// Codec as ffprobe names it: `aac`, `mp3`, `opus`, … Empty if unknown.
    pub codec: String,
}

/// Brightness range of a video stream, from its transfer characteristics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DynamicRange {
    /// Standard range, and everything that does not say otherwise.
    #[default]
    Sdr,
    /// HDR with the PQ curve (SMPTE ST 2084).
    Hdr10,
    /// HDR with the hybrid log-gamma curve (ARIB STD-B67).
    Hlg,
}

impl DynamicRange {
    /// `SDR` or `HDR`, the values of the API's `DynamicRangeInfo.Type`.
    pub fn range_type(self) -> &'static str {
        match self {
            Self::Sdr => "SDR",
            Self::Hdr10 | Self::Hlg => "HDR",
        }
    }

    /// `hdr10`, `hlg` or nothing, the values of the API's `DynamicRangeInfo.HDRType`.
    pub fn hdr_type(self) -> &'static str {
        match self {
            Self::Sdr => "",
            Self::Hdr10 => "hdr10",
            Self::Hlg => "hlg",
        }
    }

    /// From the code point of ISO/IEC 23091-2 that MP4 (`colr`) and Matroska (`Colour`) carry.
    pub(super) fn from_transfer(code: u64) -> Self {
        match code {
            16 => Self::Hdr10,
            18 => Self::Hlg,
            _ => Self::Sdr,
        }
    }
}

/// What a reader has found out, before the rules of [`Finding::finish`].
#[derive(Debug, Default)]
pub(crate) struct Finding {
    pub container: String,
    pub duration: Option<Duration>,
    pub bitrate: Option<u64>,
    pub video: Vec<VideoFinding>,
    pub audio: Vec<AudioFinding>,
}

/// One video stream; `stream.bitrate` is filled by [`Finding::finish`].
#[derive(Debug, Default)]
pub(crate) struct VideoFinding {
    pub stream: VideoStream,
    pub bitrate: Option<u64>,
    pub duration: Option<Duration>,
    pub rotate: u32,
}

/// One audio stream; `stream.bitrate` is filled by [`Finding::finish`].
#[derive(Debug, Default)]
pub(crate) struct AudioFinding {
    pub stream: AudioStream,
    pub bitrate: Option<u64>,
    pub duration: Option<Duration>,
}

impl Finding {
    /// The metadata of a file of `size` bytes; none when there is no stream to speak of.
    ///
    /// A stream that alone has no bitrate takes what the average leaves for it.
    pub(crate) fn finish(self, size: u64) -> Option<MetaData> {
        if self.video.is_empty() && self.audio.is_empty() {
            return None;
        }
        let longest_video = longest(self.video.iter().map(|v| v.duration));
        let longest_audio = longest(self.audio.iter().map(|a| a.duration));
        let duration = known(self.duration).or(longest_video.max(longest_audio));
        let average =
            self.bitrate.filter(|rate| *rate > 0).or_else(|| bits_per_second(size, duration));
        let stated = |rate: Option<u64>| rate.filter(|rate| *rate > 0);
        let rates = || {
            (self.video.iter().map(|v| v.bitrate))
                .chain(self.audio.iter().map(|a| a.bitrate))
                .map(stated)
        };
        let left = rates().flatten().fold(average, |left, rate| left?.checked_sub(rate));
        let left = left.filter(|_| rates().filter(Option::is_none).count() == 1);
        let own = |rate: Option<u64>| stated(rate).or(left);
        let rates: Option<Vec<u64>> = rates().map(own).collect();
        let bitrate = match rates {
            Some(rates) => rates.into_iter().fold(0, u64::saturating_add),
            None => average.unwrap_or(0),
        };
        let has = |any: bool, of: Option<Duration>| if any { of.or(duration) } else { None };
        Some(MetaData {
            size,
            container: self.container,
            bitrate,
            height: self.video.iter().map(|v| v.stream.height).max().unwrap_or(0),
            width: self.video.iter().map(|v| v.stream.width).max().unwrap_or(0),
            duration: seconds(duration),
            rotate: self.video.iter().map(|v| v.rotate).find(|r| *r != 0).unwrap_or(0),
            video_duration: seconds(has(!self.video.is_empty(), longest_video)),
            audio_duration: seconds(has(!self.audio.is_empty(), longest_audio)),
            video_streams: (self.video.into_iter())
                .map(|v| VideoStream { bitrate: own(v.bitrate).unwrap_or(0), ..v.stream })
                .collect(),
            audio_streams: (self.audio.into_iter())
                .map(|a| AudioStream { bitrate: own(a.bitrate).unwrap_or(0), ..a.stream })
                .collect(),
            md5: None,
        })
    }
}

fn known(duration: Option<Duration>) -> Option<Duration> {
    duration.filter(|d| !d.is_zero())
}

fn longest(durations: impl Iterator<Item = Option<Duration>>) -> Option<Duration> {
    known(durations.flatten().max())
}

fn seconds(duration: Option<Duration>) -> f64 {
    duration.unwrap_or_default().as_secs_f64()
}

/// `ticks` of `1/timescale` s; none for a timescale of 0 or a length beyond 584 years.
pub(super) fn ticks(ticks: u64, timescale: u64) -> Option<Duration> {
    let nanos = (u128::from(ticks) * 1_000_000_000).checked_div(u128::from(timescale))?;
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

/// The average rate of `bytes` over `duration`; none where the length is not known.
pub(crate) fn bits_per_second(bytes: u64, duration: Option<Duration>) -> Option<u64> {
    let nanos = known(duration)?.as_nanos();
    u64::try_from((u128::from(bytes) * 8_000_000_000).checked_div(nanos)?).ok()
}

/// `numerator / denominator`, rounded; 0 for a rate that makes no sense.
pub(super) fn rounded_rate(numerator: u64, denominator: u64) -> u32 {
    let (numerator, denominator) = (u128::from(numerator), u128::from(denominator));
    (numerator + denominator / 2)
        .checked_div(denominator)
        .and_then(|rate| u32::try_from(rate).ok())
        .unwrap_or(0)
}

/// The nearest whole number; 0 for what no `u32` can hold.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no TryFrom from f64 exists; the range is checked first"
)]
pub(super) fn rounded(value: f64) -> u32 {
    if value >= 0.0 && value <= f64::from(u32::MAX) { value.round() as u32 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitrates_are_summed_only_when_every_stream_has_one() {
        let finding = |audio| Finding {
            duration: Some(Duration::from_secs(2)),
            video: vec![VideoFinding { bitrate: Some(700), ..Default::default() }],
            audio: vec![AudioFinding { bitrate: audio, ..Default::default() }],
            ..Default::default()
        };
        assert_eq!(finding(Some(300)).finish(1000).unwrap().bitrate, 1000);
        assert_eq!(finding(None).finish(1000).unwrap().bitrate, 4000);
    }

    #[test]
    fn the_one_stream_without_a_bitrate_takes_what_is_left() {
        let finding = Finding {
            duration: Some(Duration::from_secs(2)),
            video: vec![VideoFinding::default()],
            audio: vec![AudioFinding { bitrate: Some(300), ..Default::default() }],
            ..Default::default()
        };
        let meta = finding.finish(1000).unwrap();
        assert_eq!((meta.bitrate, meta.video_streams[0].bitrate), (4000, 3700));

        let finding = Finding {
            duration: Some(Duration::from_secs(2)),
            video: vec![VideoFinding::default()],
            audio: vec![AudioFinding { bitrate: Some(5000), ..Default::default() }],
            ..Default::default()
        };
        let meta = finding.finish(1000).unwrap();
        assert_eq!((meta.bitrate, meta.video_streams[0].bitrate), (4000, 0));
    }

    #[test]
    fn a_single_stream_takes_the_average() {
        let finding = Finding {
            duration: Some(Duration::from_secs(4)),
            audio: vec![AudioFinding::default()],
            ..Default::default()
        };
        let meta = finding.finish(1000).unwrap();
        assert_eq!((meta.bitrate, meta.audio_streams[0].bitrate), (2000, 2000));
        assert!((meta.audio_duration - 4.0).abs() < 1e-9);
        assert!(meta.video_duration.abs() < 1e-9);
    }

    #[test]
    fn arithmetic_survives_nonsense() {
        assert_eq!(ticks(5, 0), None);
        assert_eq!(ticks(u64::MAX, 1), None);
        assert_eq!(bits_per_second(u64::MAX, Some(Duration::from_nanos(1))), None);
        assert_eq!(rounded_rate(30000, 1001), 30);
        assert_eq!(rounded_rate(1, 0), 0);
        assert_eq!((rounded(f64::NAN), rounded(-1.0), rounded(1e20), rounded(2.5)), (0, 0, 0, 3));
    }
}
