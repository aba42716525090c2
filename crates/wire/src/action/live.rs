//! Our own actions about live streams: RegisterLiveStream, DescribeLiveStreams, DeleteLiveStream.

use serde::Deserialize;

/// Records a live stream from now on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegisterLiveStream {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// The name that LiveRealTimeClip takes.
    pub stream_id: String,
    /// Where its playlist is: a URL, or the path of a file on the server.
    pub playlist: String,
}

/// Asks about live streams.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeLiveStreams {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// Which; empty: all.
    #[serde(default)]
    pub stream_ids: Vec<String>,
}

/// Stops recording a live stream and removes what was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteLiveStream {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// Which.
    pub stream_id: String,
}

super::plain_requests!(RegisterLiveStream DescribeLiveStreams DeleteLiveStream);
