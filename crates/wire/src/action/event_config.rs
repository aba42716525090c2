//! Requests about an application's event configuration. Whether NotificationUrl may be used is
//! judged where addresses are known, not here.

use model::Mode;
use model::limits::SIGN_KEY_CHARS_MAX;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{ApiError, Code};
use crate::text::Secret;

/// Changes an event configuration; none: that member keeps its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModifyEventConfig {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// Mode.
    pub mode: Option<Mode>,
    /// NotificationUrl, not judged yet; empty: none from now on.
    pub notification_url: Option<String>,
    /// UploadMediaCompleteEventSwitch is ON.
    pub upload: Option<bool>,
    /// DeleteMediaCompleteEventSwitch is ON.
    pub delete: Option<bool>,
    /// PersistenceCompleteEventSwitch is ON.
    pub persistence: Option<bool>,
    /// SignKey, at most 32 letters and digits; empty: none from now on.
    pub sign_key: Option<Secret>,
}

/// Asks for an event configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeEventConfig {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
}

super::plain_requests!(DescribeEventConfig);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    sub_app_id: Option<u64>,
    mode: Option<String>,
    notification_url: Option<String>,
    upload_media_complete_event_switch: Option<String>,
    delete_media_complete_event_switch: Option<String>,
    persistence_complete_event_switch: Option<String>,
    sign_key: Option<Secret>,
}

impl ModifyEventConfig {
    /// # Errors
    /// `InvalidParameter`, the one parameter code in this action's list, naming the member and the
    /// reason.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: Raw = super::typed(tree)?;
        Ok(Self {
            sub_app_id: raw.sub_app_id,
            mode: raw.mode.map(|text| mode(&text)).transpose()?,
            notification_url: raw.notification_url,
            upload: switch(
                "UploadMediaCompleteEventSwitch",
                raw.upload_media_complete_event_switch.as_deref(),
            )?,
            delete: switch(
                "DeleteMediaCompleteEventSwitch",
                raw.delete_media_complete_event_switch.as_deref(),
            )?,
            persistence: switch(
                "PersistenceCompleteEventSwitch",
                raw.persistence_complete_event_switch.as_deref(),
            )?,
            sign_key: raw.sign_key.map(sign_key).transpose()?,
        })
    }
}

fn refuse(member: &str, reason: &str) -> ApiError {
    ApiError::new(Code::InvalidParameter, format!("The parameter `{member}` {reason}."))
}

fn mode(text: &str) -> Result<Mode, ApiError> {
    match text {
        "PUSH" => Ok(Mode::Push),
        "PULL" => Ok(Mode::Pull),
        _ => Err(refuse("Mode", "must be `PUSH` or `PULL`")),
    }
}

fn switch(member: &str, text: Option<&str>) -> Result<Option<bool>, ApiError> {
    match text {
        None => Ok(None),
        Some("ON") => Ok(Some(true)),
        Some("OFF") => Ok(Some(false)),
        Some(_) => Err(refuse(member, "must be `ON` or `OFF`")),
    }
}

fn sign_key(key: Secret) -> Result<Secret, ApiError> {
    let alphanumeric = key.0.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if alphanumeric && key.0.len() <= SIGN_KEY_CHARS_MAX {
        return Ok(key);
    }
    let reason = format!("must be at most {SIGN_KEY_CHARS_MAX} letters and digits");
    Err(refuse("SignKey", &reason))
}
