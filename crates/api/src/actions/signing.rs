//! CreateSigningSecret, DescribeSigningSecrets and DeleteSigningSecret: the secrets of an
//! application's `Webhook-Signature`.
//!
//! They stand in the application's record, sealed, so that every send has them at hand. Two may be
//! live at once: while receivers are being given the new one, callbacks carry both signatures.
//! Deliberately absent: secrets that callers bring along, which would be as weak as they like.

use model::{AppId, Application, SigningSecret, limits};
use sign::seal::Purpose;
use wire::reply::{SigningSecretInfo, SigningSecretReply, SigningSecretsReply};
use wire::{ApiError, Code, Reply, Secret};

use super::applications;
use crate::{Gateway, secret};

/// Random bytes of a secret; Standard Webhooks asks for 24 to 64.
const SECRET_BYTES: usize = 32;
/// Random characters of a SigningSecretId.
const ID_CHARS: usize = 16;

/// Makes a secret, which signs every callback from the answer on.
pub(super) async fn create(gateway: &Gateway, app: AppId) -> Result<Reply, ApiError> {
    let random = secret::random_text(ID_CHARS).map_err(ApiError::internal)?;
    let id = format!("ss-{random}");
    let drawn = secret::random_bytes::<SECRET_BYTES>().map_err(ApiError::internal)?;
    let drawn = sign::webhook::SigningSecret::from_bytes(&*drawn).map_err(ApiError::internal)?;
    let shown = Secret(drawn.reveal());
    let place = SigningSecret::place(app, &id);
    let sealed = secret::seal(gateway.master(), Purpose::signing_secret(&place), &shown.0);
    let sealed = sealed.map_err(ApiError::internal)?;
    let made = SigningSecret { id: id.clone(), secret: sealed, created: gateway.now().wall };
    applications::update(gateway, app, |application| {
        let secrets = &mut application.config.signing_secrets;
        if secrets.len() >= limits::SIGNING_SECRETS_MAX {
            let text = format!(
                "The application has {} signing secrets already. Delete the old one first.",
                secrets.len()
            );
            return Err(ApiError::new(Code::LimitExceeded, text));
        }
        secrets.insert(0, made.clone());
        Ok(())
    })
    .await?;
    Ok(Reply::SigningSecret(SigningSecretReply { signing_secret_id: id, secret: shown }))
}

/// The secrets without what must stay secret, newest first.
pub(super) fn describe(application: &Application) -> Reply {
    let secrets = &application.config.signing_secrets;
    let signing_secret_set = secrets.iter().map(SigningSecretInfo::from).collect();
    Reply::SigningSecrets(SigningSecretsReply { signing_secret_set })
}

/// Deletes a secret; callbacks that begin after the answer are not signed with it.
pub(super) async fn delete(gateway: &Gateway, app: AppId, id: &str) -> Result<Reply, ApiError> {
    applications::update(gateway, app, |application| {
        let secrets = &mut application.config.signing_secrets;
        let count = secrets.len();
        secrets.retain(|secret| secret.id != id);
        if secrets.len() == count {
            let text = "The application has no signing secret with that SigningSecretId.";
            return Err(ApiError::new(Code::ResourceNotFound, text));
        }
        Ok(())
    })
    .await?;
    Ok(Reply::Done)
}
