//! An upload that goes on: a client that was interrupted asks for its session again.
//!
//! It gets what ApplyUpload answered then, so that the parts it has sent are still good. Only the upload
//! SDKs for browsers and apps do so; the API has no action for it.

use model::{Application, ApplicationStatus};

use crate::error::CommitUploadError;
use crate::library::Library;
use crate::record::{self, Session};
use crate::session::{Applied, SECRET_KEY, TOKEN};

impl Library {
    /// The session of an upload that was not committed yet.
    pub async fn resume(
        &self,
        application: &Application,
        vod_session_key: &str,
    ) -> Result<Applied, CommitUploadError> {
        if application.status != ApplicationStatus::On {
            return Err(CommitUploadError::ApplicationOff(application.id));
        }
        let key = record::session_key(application.id, vod_session_key);
        let session: Option<(Session, u64)> = self.one(key).await?;
        let (session, _) = session.ok_or(CommitUploadError::VodSessionKey)?;
        if session.committed || session.expires <= self.now() {
            return Err(CommitUploadError::VodSessionKey);
        }
        let open = |what, sealed| self.open_secret(what, &session.secret_id, sealed);
        Ok(Applied {
            vod_session_key: vod_session_key.to_owned(),
            secret_key: open(SECRET_KEY, &session.secret_key)?.to_string(),
            token: open(TOKEN, &session.token)?.to_string(),
            session,
        })
    }
}
