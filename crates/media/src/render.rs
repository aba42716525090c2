//! Media as the API shows them: in NewFileUpload and in DescribeMediaInfos alike.

use model::FileId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wire::event::task::{
    DynamicRangeInfo, LiveRecordInfo, MediaAudioStreamItem, MediaBasicInfo, MediaMetaData,
    MediaSourceData, MediaVideoStreamItem,
};
use wire::reply::{MediaKeyFrameDescInfo, MediaKeyFrameDescItem, MediaTranscodeInfo};

use crate::catalogue::{self, Category};
use crate::classes::Label;
use crate::listing;
use crate::probe::{MetaData, VideoStream};
use crate::record::{KeyFrame, Media, Source};
use crate::settings::Settings;

/// What of a key stands in an address as it is; all else is percent-encoded, because some clients take
/// `+` for a space and some `;` for an end.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The address at which an object is served.
pub(crate) fn url(settings: &Settings, bucket: &str, key: &str) -> String {
    format!("{}/media/{bucket}/{}", settings.public_url, utf8_percent_encode(key, PLAIN))
}

/// The address of an object that may not be there: empty then.
pub(crate) fn url_or_empty(settings: &Settings, bucket: &str, key: Option<&str>) -> String {
    key.map(|key| url(settings, bucket, key)).unwrap_or_default()
}

/// How a media is named, filed and reached.
pub(crate) fn basic_info(
    settings: &Settings,
    file: FileId,
    media: &Media,
    class: &Label,
) -> MediaBasicInfo {
    let category = catalogue::category(&media.about.media_type);
    MediaBasicInfo {
        name: media.about.name.clone(),
        description: media.description.clone(),
        create_time: media.created,
        update_time: media.updated,
        expire_time: media.about.expire,
        class_id: media.about.class_id,
        class_name: class.name.clone(),
        class_path: class.path.clone(),
        cover_url: url_or_empty(settings, &media.bucket, media.cover.as_deref()),
        r#type: media.about.media_type.clone(),
        media_url: url_or_empty(settings, &media.bucket, media.original.as_deref()),
        source_info: Some(source_info(media)),
        storage_region: media.region.clone(),
        storage_path: media
            .about
            .storage_path
            .as_ref()
            .map(|key| format!("/{key}"))
            .unwrap_or_default(),
        tag_set: media.tags.clone(),
        vid: file,
        category: category.map_or("", Category::name).to_owned(),
        status: listing::status(media.forbidden).to_owned(),
        storage_class: "STANDARD".to_owned(),
    }
}

/// What made a media. Of a live stream the StreamId is all that is known here: it was pushed elsewhere.
fn source_info(media: &Media) -> MediaSourceData {
    let context = media.about.source_context.clone();
    match &media.source {
        Source::Record(record) => {
            let info = LiveRecordInfo {
                domain: String::new(),
                path: String::new(),
                stream_id: record.stream.clone(),
                record_start_time: record.start,
                record_end_time: record.end,
            };
            MediaSourceData::recorded(context, info)
        }
        source @ (Source::Upload | Source::VideoProcessing) => {
            MediaSourceData::new(source.name(), context)
        }
    }
}

/// What a probe found.
pub(crate) fn meta_data(meta: &MetaData) -> MediaMetaData {
    let audio = |stream: &crate::probe::AudioStream| MediaAudioStreamItem {
        bitrate: signed(stream.bitrate),
        sampling_rate: stream.sampling_rate.into(),
        codec: stream.codec.clone(),
    };
    MediaMetaData {
        size: signed(meta.size),
        container: meta.container.clone(),
        bitrate: signed(meta.bitrate),
        height: meta.height.into(),
        width: meta.width.into(),
        duration: meta.duration,
        rotate: meta.rotate.into(),
        video_stream_set: meta.video_streams.iter().map(video).collect(),
        audio_stream_set: meta.audio_streams.iter().map(audio).collect(),
        video_duration: meta.video_duration,
        audio_duration: meta.audio_duration,
        md5: meta.md5.clone().unwrap_or_default(),
    }
}

/// In which forms a video or audio file can be had: the original, if it is there and was understood.
pub(crate) fn transcodes(settings: &Settings, media: &Media) -> Option<MediaTranscodeInfo> {
    let category = catalogue::category(&media.about.media_type);
    let (original, meta) = (media.original.as_deref()?, media.meta.as_ref()?);
    matches!(category, Some(Category::Video | Category::Audio)).then(|| {
        MediaTranscodeInfo::original(url(settings, &media.bucket, original), meta_data(meta))
    })
}

/// The marks on a file's timeline; none: it has none.
pub(crate) fn key_frames(media: &Media) -> Option<MediaKeyFrameDescInfo> {
    let item = |frame: &KeyFrame| MediaKeyFrameDescItem {
        time_offset: frame.offset,
        content: frame.content.clone(),
    };
    let key_frame_desc_set: Vec<_> = media.key_frames.iter().map(item).collect();
    (!key_frame_desc_set.is_empty()).then_some(MediaKeyFrameDescInfo { key_frame_desc_set })
}

fn video(stream: &VideoStream) -> MediaVideoStreamItem {
    MediaVideoStreamItem {
        bitrate: signed(stream.bitrate),
        height: stream.height.into(),
        width: stream.width.into(),
        codec: stream.codec.clone(),
        fps: stream.fps.into(),
        codec_tag: stream.codec_tag.clone(),
        dynamic_range_info: DynamicRangeInfo {
            r#type: stream.dynamic_range.range_type().to_owned(),
            hdr_type: stream.dynamic_range.hdr_type().to_owned(),
        },
    }
}

/// The API's numbers are signed.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
