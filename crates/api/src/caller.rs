//! Who calls, once that is established. Headers end here: an action sees nothing of HTTP.

use std::sync::Arc;

use model::{AppId, Policy};
use wire::ApiError;

/// An authenticated caller with what its key may do.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The key's public half.
    pub secret_id: Arc<str>,
    /// What the key may do.
    pub policy: Policy,
    /// Identifies this call in the answer and in the log.
    pub request_id: String,
}

impl Caller {
    /// Refuses what the key's policy does not allow, in CAM's wording. `app` none: the action
    /// belongs to the account, not to one application.
    pub(crate) fn authorize(&self, action: &str, app: Option<AppId>) -> Result<(), ApiError> {
        let allowed = self.policy.allows_action(action)
            && app.is_none_or(|app| self.policy.allows_application(app));
        if allowed { Ok(()) } else { Err(self.refusal(action, app)) }
    }

    /// The refusal itself, for what a policy forbids in other ways.
    pub(crate) fn refusal(&self, action: &str, app: Option<AppId>) -> ApiError {
        ApiError::not_authorized(&self.request_id, action, app)
    }
}
