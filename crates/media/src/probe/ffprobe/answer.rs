//! ffprobe's JSON, and what it says about a file.
//!
//! Every member may be missing: what a version of ffprobe does not tell is not known. Absent:
//! running it.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;

use super::super::meta::{
    AudioFinding, AudioStream, DynamicRange, Finding, VideoFinding, VideoStream, rounded,
    rounded_rate,
};
use super::super::tags;

/// Frames a second: beyond every camera. A stream without frames has the ticks of its clock for them.
const FPS_MAX: u32 = 1_000;

/// What we read of ffprobe's JSON. Numbers come as text but for sizes and flags.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    format: Format,
    streams: Vec<Stream>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Format {
    #[serde(rename = "format_name")]
    name: String,
    duration: Option<String>,
    bit_rate: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stream {
    codec_type: String,
    codec_name: String,
    codec_tag_string: String,
    width: u32,
    height: u32,
    avg_frame_rate: String,
    r_frame_rate: String,
    sample_rate: Option<String>,
    color_transfer: String,
    duration: Option<String>,
    bit_rate: Option<String>,
    disposition: HashMap<String, i64>,
    tags: HashMap<String, String>,
    side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
}

impl Answer {
    /// What it comes to.
    pub(super) fn finding(self) -> Finding {
        let mut finding = Finding {
            container: self.format.name,
            duration: self.format.duration.as_deref().and_then(seconds),
            bitrate: self.format.bit_rate.as_deref().and_then(number),
            ..Finding::default()
        };
        for stream in self.streams {
            match stream.codec_type.as_str() {
                // A cover picture is no video.
                "video" if stream.disposition.get("attached_pic") == Some(&1) => {}
                "video" => finding.video.push(stream.video()),
                "audio" => finding.audio.push(stream.audio()),
                _ => {}
            }
        }
        finding
    }
}

impl Stream {
    fn video(self) -> VideoFinding {
        let fps = [&self.avg_frame_rate, &self.r_frame_rate]
            .into_iter()
            .map(|rate| frame_rate(rate))
            .find(|fps| (1..=FPS_MAX).contains(fps));
        let tag = if matches!(self.codec_tag_string.as_str(), "hvc1" | "hev1") {
            self.codec_tag_string.clone()
        } else {
            String::new()
        };
        VideoFinding {
            bitrate: self.bitrate(),
            duration: self.duration(),
            rotate: self.rotate(),
            stream: VideoStream {
                bitrate: 0,
                height: self.height,
                width: self.width,
                codec: self.codec_name,
                fps: fps.unwrap_or(0),
                codec_tag: tag,
                dynamic_range: match self.color_transfer.as_str() {
                    "smpte2084" => DynamicRange::Hdr10,
                    "arib-std-b67" => DynamicRange::Hlg,
                    _ => DynamicRange::Sdr,
                },
            },
        }
    }

    fn audio(self) -> AudioFinding {
        let rate = self.sample_rate.as_deref().and_then(number);
        AudioFinding {
            bitrate: self.bitrate(),
            duration: self.duration(),
            stream: AudioStream {
                bitrate: 0,
                sampling_rate: rate.and_then(|rate| u32::try_from(rate).ok()).unwrap_or(0),
                codec: self.codec_name,
            },
        }
    }

    fn bitrate(&self) -> Option<u64> {
        let tagged = || self.tags.iter().find(|(name, _)| tags::is_bitrate(name));
        self.bit_rate.as_ref().or_else(|| tagged().map(|(_, text)| text)).and_then(|t| number(t))
    }

    fn duration(&self) -> Option<Duration> {
        let tagged = || self.tags.iter().find(|(name, _)| tags::is_duration(name));
        match &self.duration {
            Some(text) => seconds(text),
            None => tagged().and_then(|(_, text)| tags::clock_time(text)),
        }
    }

    /// The side data turns counter-clockwise, the tag of older versions clockwise.
    fn rotate(&self) -> u32 {
        let side = self.side_data_list.iter().find_map(|side| side.rotation).map(|ccw| -ccw);
        let tag = || self.tags.get("rotate").and_then(|text| text.trim().parse::<f64>().ok());
        let clockwise = side.or_else(tag).unwrap_or(0.0);
        rounded(clockwise.rem_euclid(360.0)) % 360
    }
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

/// `30000/1001` as whole frames a second; 0 for `0/0`.
fn frame_rate(text: &str) -> u32 {
    let parts = text.split_once('/').and_then(|(n, d)| number(n).zip(number(d)));
    parts.map_or(0, |(numerator, denominator)| rounded_rate(numerator, denominator))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(json: &str) -> Finding {
        serde_json::from_str::<Answer>(json).unwrap().finding()
    }

    #[test]
    fn an_iphone_clip() {
        let finding = finding(
            r#"{"streams":[
              {"codec_type":"video","codec_name":"hevc","codec_tag_string":"hvc1","width":1920,
               "height":1080,"avg_frame_rate":"30000/1001","color_transfer":"arib-std-b67",
               "duration":"2.5","bit_rate":"8000000","side_data_list":[
                 {"side_data_type":"DOVI configuration record"},{"rotation":-90}]},
              {"codec_type":"audio","codec_name":"aac","sample_rate":"44100","bit_rate":"96000"},
              {"codec_type":"data"}],
             "format":{"format_name":"mov,mp4,m4a,3gp,3g2,mj2","duration":"2.6"}}"#,
        );
        let meta = finding.finish(7).unwrap();
        assert_eq!((meta.rotate, meta.bitrate, meta.width), (90, 8_096_000, 1920));
        let video = &meta.video_streams[0];
        assert_eq!((video.fps, video.codec_tag.as_str()), (30, "hvc1"));
        assert_eq!(
            (video.dynamic_range.range_type(), video.dynamic_range.hdr_type()),
            ("HDR", "hlg")
        );
        assert!((meta.duration - 2.6).abs() < 1e-9 && (meta.video_duration - 2.5).abs() < 1e-9);
    }

    #[test]
    fn older_versions_and_mkvmerge_use_tags() {
        let finding = finding(
            r#"{"streams":[{"codec_type":"video","avg_frame_rate":"0/0","r_frame_rate":"25/1",
              "tags":{"rotate":"270","DURATION-eng":"00:00:03.5","BPS-eng":"1234"}}]}"#,
        );
        let video = &finding.video[0];
        assert_eq!((video.rotate, video.stream.fps, video.bitrate), (270, 25, Some(1234)));
        assert_eq!(video.duration, Some(Duration::from_millis(3500)));
    }

    #[test]
    fn a_cover_picture_is_no_video() {
        let finding = finding(
            r#"{"streams":[{"codec_type":"audio","codec_name":"mp3"},
              {"codec_type":"video","codec_name":"mjpeg","disposition":{"attached_pic":1}}]}"#,
        );
        assert_eq!((finding.audio.len(), finding.video.len()), (1, 0));
    }
}
