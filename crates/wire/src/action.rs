//! The actions that are built, each with its typed request.
//!
//! [`ActionName::find`] answers whether an action exists, before anything is known of its
//! parameters; [`ActionName::parse`] then makes the typed request of them. What is left to whoever
//! carries an action out: whether things exist, quotas, and what depends on the configuration, such
//! as where NotificationUrl may point. Adding an action takes one line of the list below, a request
//! struct, and its types in the spec.

mod account;
mod class;
mod clips;
mod delivery;
mod event_config;
mod history;
mod live;
mod media;
mod modify;
mod publish;
mod pull;
mod pull_upload;
mod replay;
mod search;
mod signing;
mod task;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::params::Params;
use crate::spec::{Type, VERSION, spec};

pub use account::{
    CreateKey, CreateSubAppId, DeleteKey, DescribeKeys, DescribeSubAppIds, ModifySubAppIdInfo,
    ModifySubAppIdStatus, ResourceTag,
};
pub use class::{CreateClass, DeleteClass, DescribeAllClass, ModifyClass};
pub use clips::{
    FastEditMedia, FastEditMediaFileInfo, LiveRealTimeClip, Persistence, SimpleHlsClip,
};
pub use delivery::{DescribeDelivery, ResumeDelivery, TestNotification};
pub use event_config::{DescribeEventConfig, ModifyEventConfig};
pub use history::{DescribeEventDetail, DescribeEvents, EventState, PurgeEvents};
pub use live::{DeleteLiveStream, DescribeLiveStreams, RegisterLiveStream};
pub use media::{
    ApplyUpload, CommitUpload, DeleteMedia, DescribeMediaInfos, ParseStreamingManifest,
};
pub use modify::{ForbidMediaDistribution, MediaSubtitleInput, ModifyMediaInfo};
pub use publish::{PublishEvents, PublishedEvent};
pub use pull::{ConfirmEvents, DescribeEventsState, PullEvents};
pub use pull_upload::PullUpload;
pub use replay::{ReplayEvents, ReplaySelection};
pub use search::{DescribeStorageData, ListFiles, MediaSearch, SearchMedia, TimeRange};
pub use signing::{CreateSigningSecret, DeleteSigningSecret, DescribeSigningSecrets};
pub use task::{DescribeTaskDetail, DescribeTasks, Period, TaskSort};

/// Declares [`ActionName`] and [`Action`] from one list: each name is also its request's type.
macro_rules! actions {
    ($($name:ident: |$request:ident| $app:expr,)*) => {
        /// The name of a built action.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each variant is an action of the API's documentation")]
        pub enum ActionName { $($name,)* }

        impl ActionName {
            /// Every built action.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// Checks the parameters and makes the typed request of them.
            ///
            /// # Errors
            /// Those of [`crate::params::check`], then those of the single values, as the request's
            /// type says.
            pub fn parse(self, params: Params) -> Result<Action, ApiError> {
                let tree = params.into_tree(self.request())?;
                Ok(match self {
                    $(Self::$name => Action::$name($name::from_tree(tree)?),)*
                })
            }
        }

        /// One call, understood: the action with its typed request.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "each variant is an action of the API's documentation")]
        pub enum Action { $($name($name),)* }

        impl Action {
            /// Which action it is.
            pub const fn action_name(&self) -> ActionName {
                match self { $(Self::$name(_) => ActionName::$name,)* }
            }

            /// The application that the call names, as it was sent: 0 also means the default one.
            /// None: it names none, or the action takes none.
            pub fn sub_app_id(&self) -> Option<u64> {
                match self { $(Self::$name($request) => $app,)* }
            }
        }
    };
}

actions! {
    ModifyEventConfig: |request| request.sub_app_id,
    DescribeEventConfig: |request| request.sub_app_id,
    PullEvents: |request| request.sub_app_id,
    ConfirmEvents: |request| request.sub_app_id,
    DescribeEventsState: |request| request.sub_app_id,
    ApplyUpload: |request| request.sub_app_id,
    CommitUpload: |request| request.sub_app_id,
    ParseStreamingManifest: |_request| None,
    DeleteMedia: |request| request.sub_app_id,
    DescribeMediaInfos: |request| request.sub_app_id,
    SearchMedia: |request| request.sub_app_id,
    ListFiles: |request| Some(request.sub_app_id),
    DescribeStorageData: |request| request.sub_app_id,
    ModifyMediaInfo: |request| request.sub_app_id,
    ForbidMediaDistribution: |request| request.sub_app_id,
    CreateClass: |request| request.sub_app_id,
    ModifyClass: |request| request.sub_app_id,
    DeleteClass: |request| request.sub_app_id,
    DescribeAllClass: |request| request.sub_app_id,
    PullUpload: |request| request.sub_app_id,
    DescribeTaskDetail: |request| request.sub_app_id,
    DescribeTasks: |request| request.sub_app_id,
    SimpleHlsClip: |request| request.sub_app_id,
    FastEditMedia: |request| request.sub_app_id,
    LiveRealTimeClip: |request| request.sub_app_id,
    CreateSubAppId: |_request| None,
    DescribeSubAppIds: |_request| None,
    ModifySubAppIdInfo: |request| Some(request.sub_app_id),
    ModifySubAppIdStatus: |request| Some(request.sub_app_id),
    RegisterLiveStream: |request| request.sub_app_id,
    DescribeLiveStreams: |request| request.sub_app_id,
    DeleteLiveStream: |request| request.sub_app_id,
    PublishEvents: |request| request.sub_app_id,
    DescribeEvents: |request| request.sub_app_id,
    DescribeEventDetail: |request| request.sub_app_id,
    ReplayEvents: |request| request.sub_app_id,
    PurgeEvents: |request| request.sub_app_id,
    CreateKey: |request| request.sub_app_id,
    DescribeKeys: |request| request.sub_app_id,
    DeleteKey: |request| request.sub_app_id,
    CreateSigningSecret: |request| request.sub_app_id,
    DescribeSigningSecrets: |request| request.sub_app_id,
    DeleteSigningSecret: |request| request.sub_app_id,
    TestNotification: |request| request.sub_app_id,
    DescribeDelivery: |request| request.sub_app_id,
    ResumeDelivery: |request| request.sub_app_id,
}

impl ActionName {
    /// The built action of that name.
    ///
    /// # Errors
    /// `NoSuchVersion` for another version than ours, `InvalidAction` for a name that the API does
    /// not have, `UnsupportedOperation` for one that it has and Callboard does not.
    pub fn find(name: &str, version: &str) -> Result<Self, ApiError> {
        if version != VERSION {
            return Err(ApiError::no_such_version(version));
        }
        if let Some(found) = Self::from_name(name) {
            return Ok(found);
        }
        Err(match spec().action(name) {
            Some(_) => ApiError::unsupported_action(name),
            None => ApiError::invalid_action(name),
        })
    }

    /// The built action of that name, exactly as spelt.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == name)
    }

    /// The type of its parameters.
    pub fn request(self) -> &'static Type {
        spec().get(self.spec().request)
    }

    /// The type of its answer.
    pub fn response(self) -> &'static Type {
        spec().get(self.spec().response)
    }

    #[expect(clippy::expect_used, reason = "a test finds every built action in the spec")]
    fn spec(self) -> crate::spec::ActionSpec {
        spec().action(self.as_str()).expect("a built action is in the spec")
    }
}

impl Action {
    /// [`ActionName::find`] and [`ActionName::parse`] in one.
    ///
    /// # Errors
    /// Those of both.
    pub fn parse(name: &str, version: &str, params: Params) -> Result<Self, ApiError> {
        ActionName::find(name, version)?.parse(params)
    }

    /// The name on the wire.
    pub const fn name(&self) -> &'static str {
        self.action_name().as_str()
    }
}

/// Makes a struct of a checked tree. It cannot fail while struct and spec agree, which a test
/// sees to.
fn typed<T: DeserializeOwned>(tree: Map<String, Value>) -> Result<T, ApiError> {
    serde_json::from_value(Value::Object(tree)).map_err(ApiError::internal)
}

/// Gives requests that need no look at their values the function that the list above calls.
macro_rules! plain_requests {
    ($($name:ident)*) => {$(
        impl $name {
            pub(super) fn from_tree(
                tree: serde_json::Map<String, serde_json::Value>,
            ) -> Result<Self, crate::error::ApiError> {
                super::typed(tree)
            }
        }
    )*};
}
use plain_requests;

/// Reads an optional ISO 8601 time; the empty string counts as absent.
fn time(
    code: crate::error::Code,
    name: &str,
    text: Option<&str>,
) -> Result<Option<model::Timestamp>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let refuse = || ApiError::invalid_value(name, text).coded(code);
    model::Timestamp::parse_iso(text).ok_or_else(refuse).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn every_built_action_is_in_the_spec() {
        for &action in ActionName::ALL {
            assert_eq!(ActionName::find(action.as_str(), VERSION).unwrap(), action);
            assert!(action.response().member("RequestId").is_some());
            // by this member every SDK knows that a call was refused
            assert!(action.response().member("Error").is_none(), "{action:?}");
            assert!(!action.request().name.is_empty());
        }
    }

    #[test]
    fn names_and_versions_are_told_apart() {
        let code = |name, version| ActionName::find(name, version).unwrap_err().code;
        assert_eq!(code("PullEvents", "2017-03-12"), Code::NoSuchVersion);
        assert_eq!(code("Nonsense", "2017-03-12"), Code::NoSuchVersion);
        assert_eq!(code("Nonsense", VERSION), Code::InvalidAction);
        assert_eq!(code("pullEvents", VERSION), Code::InvalidAction);
        assert_eq!(code("RepeatEvents", VERSION), Code::InvalidAction);
        assert_eq!(code("ProcessMedia", VERSION), Code::UnsupportedOperation);
    }
}
