//! RegisterLiveStream, DescribeLiveStreams, DeleteLiveStream: which live streams are recorded.

use media::{Library, LiveError};
use model::{AppId, Application};
use wire::action::{DeleteLiveStream, DescribeLiveStreams, RegisterLiveStream};
use wire::{ApiError, Code, Reply};

use super::library::{broken, sentence};

/// RegisterLiveStream: records a stream from now on.
pub(crate) async fn register(
    library: &Library,
    application: &Application,
    request: RegisterLiveStream,
) -> Result<Reply, ApiError> {
    let registered =
        library.register_live_stream(application, &request.stream_id, &request.playlist).await;
    registered.map_err(|error| {
        let text = sentence(&error);
        let code = match error {
            LiveError::Fault(fault) => return broken(fault),
            LiveError::ApplicationOff(_) => Code::FailedOperation,
            LiveError::StreamId(_) => Code::InvalidParameterValueStreamIdInvalid,
            LiveError::Playlist(_) => {
                return ApiError::new(Code::InvalidParameterValue, format!("Playlist: {text}"));
            }
            LiveError::NoDirectory => Code::InvalidParameterValue,
            LiveError::TooMany(_) => Code::LimitExceeded,
        };
        ApiError::new(code, text)
    })?;
    Ok(Reply::Done)
}

/// DescribeLiveStreams: what is known of streams.
pub(crate) async fn describe(
    library: &Library,
    app: AppId,
    request: DescribeLiveStreams,
) -> Result<Reply, ApiError> {
    let streams = library.describe_live_streams(app, &request.stream_ids).await;
    streams.map(Reply::LiveStreams).map_err(broken)
}

/// DeleteLiveStream: records a stream no longer, and removes what was recorded.
pub(crate) async fn delete(
    library: &Library,
    app: AppId,
    request: DeleteLiveStream,
) -> Result<Reply, ApiError> {
    if library.delete_live_stream(app, &request.stream_id).await.map_err(broken)? {
        return Ok(Reply::Done);
    }
    let text = format!("No live stream `{}` is recorded.", request.stream_id);
    Err(ApiError::new(Code::ResourceNotFound, text))
}
