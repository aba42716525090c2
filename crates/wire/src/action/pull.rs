//! Requests of the PULL side: PullEvents, ConfirmEvents, DescribeEventsState. How many handles one
//! call may carry is judged where they are settled.

use serde::Deserialize;

/// Takes up to 16 events.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PullEvents {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
}

/// Settles events by their handles.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfirmEvents {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// The handles, in the order and number they were sent.
    pub event_handles: Vec<String>,
}

/// Asks how many events wait.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeEventsState {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
}

super::plain_requests!(PullEvents ConfirmEvents DescribeEventsState);
