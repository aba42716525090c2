//! Requests for clips: SimpleHlsClip, FastEditMedia. What belongs to a clip that is kept is read only
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

super::plain_requests!(FastEditMedia);
