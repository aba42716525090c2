//! Requests for clips: SimpleHlsClip, FastEditMedia, LiveRealTimeClip. What belongs to a clip that is kept is read only
//! if it is to be kept, as documented: "only with IsPersistence=1".

use model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{ApiError, Code};

/// Clips one HLS media. Omitted strings are empty.
#[derive(Clone, Debug, PartialEq)]
pub struct SimpleHlsClip {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// The address of the playlist.
    pub url: String,
    /// Where to begin, in seconds; negative: from the end.
    pub start_time_offset: f64,
    /// Where to end, in seconds; 0: the end; negative: from the end.
    pub end_time_offset: f64,
    /// How to keep the clip; none: it is not to be kept.
    pub persistence: Option<Persistence>,
    /// What to make; `hls` is all there is.
    pub output_media_type: String,
}

/// What is said of a clip that becomes a file of its own. Omitted strings are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Persistence {
    /// When the file shall be deleted; none: never.
    pub expire_time: Option<Timestamp>,
    /// The Procedure to run on it.
    pub procedure: String,
    /// ClassId; 0 by default.
    pub class_id: i64,
    /// Given back in the upload's event.
    pub source_context: String,
    /// Given back in the event of the Procedure.
    pub session_context: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawPersistence {
    is_persistence: i64,
    expire_time: Option<String>,
    procedure: String,
    class_id: i64,
    source_context: String,
    session_context: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawSimpleHlsClip {
    sub_app_id: Option<u64>,
    url: String,
    start_time_offset: f64,
    end_time_offset: f64,
    output_media_type: String,
}

impl SimpleHlsClip {
    /// # Errors
    /// `InvalidParameterValue.IsPersistence` if it is neither 0 nor 1,
    /// `InvalidParameterValue.ExpireTime` if it is no time.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let persistence = Persistence::read(tree.clone())?;
        let raw: RawSimpleHlsClip = super::typed(tree)?;
        Ok(Self {
            sub_app_id: raw.sub_app_id,
            url: raw.url,
            start_time_offset: raw.start_time_offset,
            end_time_offset: raw.end_time_offset,
            persistence,
            output_media_type: raw.output_media_type,
        })
    }
}

impl Persistence {
    fn read(tree: Map<String, Value>) -> Result<Option<Self>, ApiError> {
        let raw: RawPersistence = super::typed(tree)?;
        match raw.is_persistence {
            0 => return Ok(None),
            1 => {}
            other => {
                let error = ApiError::invalid_value("IsPersistence", &other.to_string());
                return Err(error.coded(Code::InvalidParameterValueIsPersistence));
            }
        }
        let code = Code::InvalidParameterValueExpireTime;
        Ok(Some(Self {
            expire_time: super::time(code, "ExpireTime", raw.expire_time.as_deref())?,
            procedure: raw.procedure,
            class_id: raw.class_id,
            source_context: raw.source_context,
            session_context: raw.session_context,
        }))
    }
}

/// Clips several HLS media into one file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FastEditMedia {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// What to take, in this order.
    pub file_infos: Vec<FastEditMediaFileInfo>,
    /// `StartInclusiveEndInclusive` or `StartInclusiveEndExclusive`; empty: the former.
    #[serde(default)]
    pub clip_mode: String,
}

/// One input of FastEditMedia.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FastEditMediaFileInfo {
    /// FileId as sent.
    pub file_id: String,
    /// `Original` or `Transcode`.
    pub audio_video_type: String,
    /// The template whose output is meant; only with `Transcode`.
    #[serde(default)]
    pub transcode_definition: i64,
    /// Where to begin, in seconds.
    #[serde(default)]
    pub start_time_offset: f64,
    /// Where to end, in seconds; 0: the end.
    #[serde(default)]
    pub end_time_offset: f64,
}

/// Clips a live recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRealTimeClip {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// StreamId.
    pub stream_id: String,
    /// When to begin.
    pub start_time: Timestamp,
    /// When to end.
    pub end_time: Timestamp,
    /// How to keep the clip; none: it is not to be kept.
    pub persistence: Option<Persistence>,
    /// MetaDataRequired: whether the answer shall tell of the streams.
    pub meta_data_required: bool,
    /// Whether StreamInfo asks for a transcoded stream.
    pub transcoded: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawLiveRealTimeClip {
    sub_app_id: Option<u64>,
    stream_id: String,
    start_time: String,
    end_time: String,
    meta_data_required: u64,
    stream_info: Option<RawStreamInfo>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawStreamInfo {
    r#type: String,
}

impl LiveRealTimeClip {
    /// # Errors
    /// `InvalidParameterValue.StartTime` and `.EndTime` if they are no times,
    /// `InvalidParameterValue` for what StreamInfo.Type and MetaDataRequired cannot be, and those of
    /// what belongs to a clip that is kept.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let persistence = Persistence::read(tree.clone())?;
        let raw: RawLiveRealTimeClip = super::typed(tree)?;
        let time = |code, name: &str, text: &str| {
            let absent = || ApiError::invalid_value(name, text).coded(code);
            super::time(code, name, Some(text))?.ok_or_else(absent)
        };
        let transcoded = match raw.stream_info.unwrap_or_default().r#type.as_str() {
            "" | "Original" => false,
            "Transcoding" => true,
            other => return Err(ApiError::invalid_value("StreamInfo.Type", other)),
        };
        let meta_data_required = match raw.meta_data_required {
            0 => false,
            1 => true,
            other => return Err(ApiError::invalid_value("MetaDataRequired", &other.to_string())),
        };
        Ok(Self {
            sub_app_id: raw.sub_app_id,
            stream_id: raw.stream_id,
            start_time: time(Code::InvalidParameterValueStartTime, "StartTime", &raw.start_time)?,
            end_time: time(Code::InvalidParameterValueEndTime, "EndTime", &raw.end_time)?,
            persistence,
            meta_data_required,
            transcoded,
        })
    }
}

super::plain_requests!(FastEditMedia);
