//! The answers about API keys. A SecretKey is shown once, by CreateKey.

use model::Timestamp;
use serde::Serialize;

use crate::text::{self, Secret};

/// A new key; the only time that its SecretKey is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyReply {
    /// SecretId, also the KeyId of DeleteKey.
    pub secret_id: String,
    /// SecretKey.
    pub secret_key: Secret,
}

/// The keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeysReply {
    /// In the order given.
    pub key_set: Vec<KeyInfo>,
}

/// One key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyInfo {
    secret_id: String,
    name: String,
    actions: Option<Vec<String>>,
    sub_app_ids: Option<Vec<u64>>,
    #[serde(serialize_with = "text::display")]
    create_time: Timestamp,
}

impl From<&model::ApiKey> for KeyInfo {
    fn from(key: &model::ApiKey) -> Self {
        let ids = |apps: &Vec<model::AppId>| apps.iter().map(|app| app.0).collect();
        Self {
            secret_id: key.secret_id.clone(),
            name: key.name.clone(),
            actions: key.policy.actions.clone(),
            sub_app_ids: key.policy.applications.as_ref().map(ids),
            create_time: key.created,
        }
    }
}
