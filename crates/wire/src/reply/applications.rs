//! The answers about applications.

use model::Timestamp;
use serde::Serialize;

use crate::action::ResourceTag;
use crate::text;

/// The id of a new application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SubAppIdReply {
    /// SubAppId.
    pub sub_app_id: u64,
}

/// A page of applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SubAppIdsReply {
    /// The page.
    pub sub_app_id_info_set: Vec<SubAppIdInfo>,
    /// How many there are on all pages.
    pub total_count: u64,
}

/// One application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SubAppIdInfo {
    sub_app_id: u64,
    sub_app_id_name: String,
    description: String,
    #[serde(serialize_with = "text::display")]
    create_time: Timestamp,
    status: &'static str,
    name: String,
    mode: &'static str,
    storage_regions: Vec<String>,
    tags: Vec<ResourceTag>,
}

impl SubAppIdInfo {
    /// Shows an application; `region` is where its files are stored if it has no region of its own.
    pub fn new(application: &model::Application, region: &str) -> Self {
        let tag = |(key, value): &(String, String)| ResourceTag {
            tag_key: key.clone(),
            tag_value: value.clone(),
        };
        Self {
            sub_app_id: application.id.0,
            sub_app_id_name: application.name.clone(),
            description: application.description.clone(),
            create_time: application.created,
            status: match application.status {
                model::ApplicationStatus::On => "On",
                model::ApplicationStatus::Off => "Off",
                model::ApplicationStatus::Destroyed => "Destroyed",
            },
            name: application.name.clone(),
            mode: match application.naming {
                model::Naming::FileId => "fileid",
                model::Naming::Path => "fileid+path",
            },
            storage_regions: match application.regions.as_slice() {
                [] => vec![region.to_owned()],
                regions => regions.to_vec(),
            },
            tags: application.tags.iter().map(tag).collect(),
        }
    }
}
