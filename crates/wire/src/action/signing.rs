//! Requests about signing secrets, which sign callbacks by Standard Webhooks.

use serde::Deserialize;

/// Makes a signing secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSigningSecret {
    /// The application whose callbacks it signs.
    pub sub_app_id: Option<u64>,
}

/// Lists an application's signing secrets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSigningSecrets {
    /// The application.
    pub sub_app_id: Option<u64>,
}

/// Deletes a signing secret; it signs nothing from then on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSigningSecret {
    /// The application.
    pub sub_app_id: Option<u64>,
    /// Which one.
    pub signing_secret_id: String,
}

super::plain_requests!(CreateSigningSecret DescribeSigningSecrets DeleteSigningSecret);
