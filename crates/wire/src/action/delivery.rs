//! Requests about the way to an application's receiver.

use model::EventKind;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// Sends a sample to a receiver, once and at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestNotification {
    /// The application whose SignKey and signing secrets sign it.
    pub sub_app_id: Option<u64>,
    /// Where to, not judged yet; none: the application's address.
    pub notification_url: Option<String>,
    /// Of which type; NewFileUpload if omitted.
    pub kind: EventKind,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawTest {
    sub_app_id: Option<u64>,
    notification_url: Option<String>,
    event_type: Option<String>,
}

impl TestNotification {
    /// # Errors
    /// `InvalidParameterValue` for an unknown EventType.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: RawTest = super::typed(tree)?;
        let kind = match raw.event_type.as_deref().filter(|name| !name.is_empty()) {
            None => EventKind::NewFileUpload,
            Some(name) => EventKind::from_name(name)
                .ok_or_else(|| ApiError::invalid_value("EventType", name))?,
        };
        let notification_url = raw.notification_url.filter(|url| !url.is_empty());
        Ok(Self { sub_app_id: raw.sub_app_id, notification_url, kind })
    }
}

/// Asks how PUSH to an application's address fares.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeDelivery {
    /// The application.
    pub sub_app_id: Option<u64>,
}

/// Closes an application's circuit by hand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResumeDelivery {
    /// The application.
    pub sub_app_id: Option<u64>,
}

super::plain_requests!(DescribeDelivery ResumeDelivery);
