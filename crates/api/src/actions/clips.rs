//! SimpleHlsClip, FastEditMedia, LiveRealTimeClip: what is clipped is decided in `media`; here its errors become the
//! documented codes of each action.

use std::sync::Arc;

use media::{ClipError, Library};
use model::Application;
use wire::action::{FastEditMedia, LiveRealTimeClip, SimpleHlsClip};
use wire::reply::{FastEditMediaReply, LiveRealTimeClipReply, SimpleHlsClipReply};
use wire::{ApiError, Code, Reply};

use super::library::{broken, sentence};

/// SimpleHlsClip: a span of one media.
pub(crate) async fn simple_hls_clip(
    library: &Arc<Library>,
    application: &Application,
    request: SimpleHlsClip,
) -> Result<Reply, ApiError> {
    let clipped = library.simple_hls_clip(application, &request).await.map_err(clip_error)?;
    Ok(Reply::SimpleHlsClip(SimpleHlsClipReply {
        url: clipped.url,
        meta_data: clipped.meta,
        file_id: clipped.file,
        task_id: String::new(),
    }))
}

/// FastEditMedia: spans of several media, one after the other.
pub(crate) async fn fast_edit_media(
    library: &Arc<Library>,
    application: &Application,
    request: FastEditMedia,
) -> Result<Reply, ApiError> {
    let clipped = library.fast_edit_media(application, &request).await.map_err(|error| {
        match clip_error(error) {
            // the only code that is documented for FastEditMedia
            error if error.code == Code::ResourceUnavailableMasterPlaylist => {
                error.coded(Code::InvalidParameterValue)
            }
            error => error,
        }
    })?;
    let file_id =
        clipped.file.ok_or_else(|| ApiError::internal("a clip that is kept has an id"))?;
    Ok(Reply::FastEditMedia(FastEditMediaReply { file_id, url: clipped.url }))
}

/// LiveRealTimeClip: a span of a live recording.
pub(crate) async fn live_real_time_clip(
    library: &Arc<Library>,
    application: &Application,
    request: LiveRealTimeClip,
) -> Result<Reply, ApiError> {
    let clipped = library.live_real_time_clip(application, &request).await.map_err(clip_error)?;
    Ok(Reply::LiveRealTimeClip(LiveRealTimeClipReply {
        url: clipped.url,
        file_id: clipped.file,
        vod_task_id: String::new(),
        meta_data: clipped.meta,
        segment_set: clipped.segments,
    }))
}

fn clip_error(error: ClipError) -> ApiError {
    let text = sentence(&error);
    let code = match error {
        ClipError::Fault(fault) => return broken(fault),
        ClipError::Value { member, reason } => {
            let text =
                format!("The value specified in the parameter `{member}` is not valid: {reason}.");
            return ApiError::new(Code::InvalidParameterValue, text);
        }
        ClipError::ApplicationOff(_) | ClipError::TooLong | ClipError::Incomplete(_) => {
            Code::FailedOperation
        }
        ClipError::Busy(_) => Code::LimitExceeded,
        ClipError::Url | ClipError::NoHls => Code::InvalidParameterValueUrl,
        ClipError::Master => Code::ResourceUnavailableMasterPlaylist,
        ClipError::Start => Code::InvalidParameterValueStartTimeOffset,
        ClipError::End => Code::InvalidParameterValueEndTimeOffset,
        ClipError::OutputMediaType(_) => Code::InvalidParameterValueOutputMediaType,
        ClipError::Procedure => Code::InvalidParameterValueProcedure,
        ClipError::ExpireTime => Code::InvalidParameterValueExpireTime,
        ClipError::Mixed => Code::InvalidParameterValue,
        ClipError::StreamId => Code::InvalidParameterValueStreamIdInvalid,
        ClipError::StartTime => Code::InvalidParameterValueStartTime,
        ClipError::EndTime => Code::InvalidParameterValueEndTime,
        ClipError::ClipDuration(_) => Code::InvalidParameterValueClipDuration,
        ClipError::Transcoded => Code::UnsupportedOperation,
    };
    ApiError::new(code, text)
}
