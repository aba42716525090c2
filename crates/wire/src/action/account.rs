//! Requests about applications and keys. Lengths and quotas are judged where the records are.

use model::{AppId, ApplicationStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::spec::spec;

/// A tag of an application, in requests and replies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResourceTag {
    /// Its name.
    pub tag_key: String,
    /// Its value.
    pub tag_value: String,
}

/// Creates an application. Omitted strings are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateSubAppId {
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// `AllInOne` or `Professional`.
    pub r#type: String,
    /// `fileid` or `fileid+path`.
    pub mode: String,
    /// StorageRegion.
    pub storage_region: String,
    /// Tags.
    pub tags: Vec<ResourceTag>,
}

/// Lists applications.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeSubAppIds {
    /// Only the application of that name.
    pub name: Option<String>,
    /// Only applications with all of these tags.
    pub tags: Vec<ResourceTag>,
    /// How many to pass over.
    pub offset: Option<u64>,
    /// How many to answer.
    pub limit: Option<u64>,
}

/// Renames an application; none: that member keeps its value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifySubAppIdInfo {
    /// SubAppId, required here.
    pub sub_app_id: u64,
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    pub description: Option<String>,
}

/// Switches an application on or off, or destroys it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModifySubAppIdStatus {
    /// SubAppId, required here.
    pub sub_app_id: u64,
    /// The new status.
    pub status: ApplicationStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawStatus {
    sub_app_id: u64,
    status: String,
}

impl ModifySubAppIdStatus {
    /// # Errors
    /// `InvalidParameterValue` for a Status that is not `On`, `Off` or `Destroyed`.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: RawStatus = super::typed(tree)?;
        let status = match raw.status.as_str() {
            "On" => ApplicationStatus::On,
            "Off" => ApplicationStatus::Off,
            "Destroyed" => ApplicationStatus::Destroyed,
            other => return Err(ApiError::invalid_value("Status", other)),
        };
        Ok(Self { sub_app_id: raw.sub_app_id, status })
    }
}

/// Makes a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateKey {
    /// The application of the call itself; it does not limit the key.
    pub sub_app_id: Option<u64>,
    /// A name for people; may be empty.
    pub name: String,
    /// What the new key may do.
    pub policy: model::Policy,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawKey {
    sub_app_id: Option<u64>,
    name: Option<String>,
    actions: Option<Vec<String>>,
    sub_app_ids: Option<Vec<u64>>,
}

impl CreateKey {
    /// # Errors
    /// `InvalidParameterValue` for an action that the API does not have.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: RawKey = super::typed(tree)?;
        for (index, action) in raw.actions.iter().flatten().enumerate() {
            if spec().action(action).is_none() {
                return Err(ApiError::invalid_value(&format!("Actions.{index}"), action));
            }
        }
        let applications = raw.sub_app_ids.map(|ids| ids.into_iter().map(AppId).collect());
        Ok(Self {
            sub_app_id: raw.sub_app_id,
            name: raw.name.unwrap_or_default(),
            policy: model::Policy { actions: raw.actions, applications },
        })
    }
}

/// Lists keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKeys {
    /// The application of the call itself.
    pub sub_app_id: Option<u64>,
}

/// Deletes a key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteKey {
    /// The application of the call itself.
    pub sub_app_id: Option<u64>,
    /// The key's SecretId.
    pub key_id: String,
}

super::plain_requests!(CreateSubAppId DescribeSubAppIds ModifySubAppIdInfo DescribeKeys DeleteKey);
