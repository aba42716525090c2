//! The answers about signing secrets. The secret itself is shown once, by CreateSigningSecret.

use model::{SigningSecret, Timestamp};
use serde::Serialize;

use crate::text::{self, Secret};

/// A new signing secret; the only time that it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SigningSecretReply {
    /// What DeleteSigningSecret names it by.
    pub signing_secret_id: String,
    /// `whsec_` and Base64, as the libraries of Standard Webhooks take it.
    pub secret: Secret,
}

/// An application's signing secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SigningSecretsReply {
    /// Newest first.
    pub signing_secret_set: Vec<SigningSecretInfo>,
}

/// One signing secret, without what must stay secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SigningSecretInfo {
    signing_secret_id: String,
    #[serde(serialize_with = "text::display")]
    create_time: Timestamp,
}

impl From<&SigningSecret> for SigningSecretInfo {
    fn from(secret: &SigningSecret) -> Self {
        Self { signing_secret_id: secret.id.clone(), create_time: secret.created }
    }
}
