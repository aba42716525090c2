//! Blocks of MediaInfo that no event shows: outputs, marks on the timeline, subtitles.
//!
//! Members that the spec lists are always written. What a member means is the spec's, and is not
//! repeated for those that are named as in MediaMetaData.

use serde::{Deserialize, Serialize};

use crate::event::task::{
    MediaAudioStreamItem, MediaBasicInfo, MediaMetaData, MediaVideoStreamItem,
};

/// MediaTranscodeInfo: in which forms a file can be had.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaTranscodeInfo {
    transcode_set: [MediaTranscodeItem; 1],
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MediaTranscodeItem {
    url: String,
    definition: i64,
    bitrate: i64,
    height: i64,
    width: i64,
    size: i64,
    duration: f64,
    md5: String,
    container: String,
    video_stream_set: Vec<MediaVideoStreamItem>,
    audio_stream_set: Vec<MediaAudioStreamItem>,
    digital_watermark_type: &'static str,
    copy_right_watermark_text: &'static str,
    blind_watermark_definition: i64,
    file_id: &'static str,
}

impl MediaTranscodeInfo {
    /// The original alone, which is at that address and in which that was found. Its Definition is 0
    /// (documented), and its FileId is empty: that is the one of an output that is a file of its own.
    pub fn original(url: String, meta: MediaMetaData) -> Self {
        let item = MediaTranscodeItem {
            url,
            definition: 0,
            bitrate: meta.bitrate,
            height: meta.height,
            width: meta.width,
            size: meta.size,
            duration: meta.duration,
            md5: meta.md5,
            container: meta.container,
            video_stream_set: meta.video_stream_set,
            audio_stream_set: meta.audio_stream_set,
            digital_watermark_type: "None",
            copy_right_watermark_text: "",
            blind_watermark_definition: 0,
            file_id: "",
        };
        Self { transcode_set: [item] }
    }
}

/// MediaKeyFrameDescInfo: the marks on a file's timeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaKeyFrameDescInfo {
    /// The marks.
    pub key_frame_desc_set: Vec<MediaKeyFrameDescItem>,
}

/// A mark on a file's timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaKeyFrameDescItem {
    /// Seconds.
    pub time_offset: f64,
    /// What there is to see.
    pub content: String,
}

/// MediaSubtitleInfo: the subtitles of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaSubtitleInfo {
    /// The subtitles.
    pub subtitle_set: Vec<MediaSubtitleItem>,
}

/// A subtitle of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaSubtitleItem {
    /// Its name within the file.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its language (RFC 5646).
    pub language: String,
    /// `vtt`.
    pub format: &'static str,
    /// Where it can be had.
    pub url: String,
    /// `UserUploaded`.
    pub source: &'static str,
}

/// The blocks of one file; those that were filtered out, and those that it has nothing for, are none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaBlocks {
    /// BasicInfo.
    pub basic_info: Option<MediaBasicInfo>,
    /// MetaData.
    pub meta_data: Option<MediaMetaData>,
    /// TranscodeInfo.
    pub transcode_info: Option<MediaTranscodeInfo>,
    /// KeyFrameDescInfo.
    pub key_frame_desc_info: Option<MediaKeyFrameDescInfo>,
    /// SubtitleInfo.
    pub subtitle_info: Option<MediaSubtitleInfo>,
}
