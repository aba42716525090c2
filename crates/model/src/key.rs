//! API keys and what they may do.

use serde::{Deserialize, Serialize};

use crate::{AppId, Sealed, Timestamp};

/// What a key may do. `None` means everything; an empty list means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Policy {
    /// The actions that the key may call.
    pub actions: Option<Vec<String>>,
    /// The applications that the key may name.
    pub applications: Option<Vec<AppId>>,
}

impl Policy {
    /// Whether the key may call that action at all.
    pub fn allows_action(&self, action: &str) -> bool {
        self.actions.as_ref().is_none_or(|list| list.iter().any(|a| a == action))
    }

    /// Whether the key may see or name that application.
    pub fn allows_application(&self, app: AppId) -> bool {
        self.applications.as_ref().is_none_or(|list| list.contains(&app))
    }

    /// Whether everything that `other` allows is allowed here too: no key makes a stronger one.
    pub fn covers(&self, other: &Self) -> bool {
        within(self.actions.as_deref(), other.actions.as_deref())
            && within(self.applications.as_deref(), other.applications.as_deref())
    }
}

fn within<T: PartialEq>(outer: Option<&[T]>, inner: Option<&[T]>) -> bool {
    match (outer, inner) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(outer), Some(inner)) => inner.iter().all(|item| outer.contains(item)),
    }
}

/// One API key: one record of the store, found by its SecretId.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// The public half, also the `KeyId` of DeleteKey.
    pub secret_id: String,
    /// The secret half, sealed.
    pub secret_key: Sealed,
    /// A name for people; may be empty.
    pub name: String,
    /// What it may do.
    pub policy: Policy,
    /// When it was made.
    pub created: Timestamp,
    /// The root key cannot be deleted.
    pub root: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_covers_more_than_it_has() {
        let all = Policy::default();
        let pull = Policy {
            actions: Some(vec!["PullEvents".to_owned()]),
            applications: Some(vec![AppId(1)]),
        };
        assert!(all.covers(&pull) && all.covers(&all) && pull.covers(&pull));
        assert!(!pull.covers(&all));
        assert!(!pull.covers(&Policy { applications: None, ..pull.clone() }));
        assert!(pull.allows_action("PullEvents") && !pull.allows_action("DeleteMedia"));
        assert!(pull.allows_application(AppId(1)) && !pull.allows_application(AppId(2)));
    }
}
