//! From an understood call to its answer: one function an action.
//!
//! What all actions share is done here, in this order: which application is meant, whether the key's
//! policy allows the action there, whether that application exists. Two kinds of actions name no
//! application of their own: those about applications and those about keys.

pub(crate) mod applications;
mod classes;
mod clips;
pub(crate) mod config;
mod delivery;
mod events;
mod history;
pub(crate) mod keys;
pub(crate) mod library;
mod live;
mod modify;
mod search;
mod signing;
mod tasks;

use std::sync::Arc;

use model::{AppId, Application};
use wire::{Action, ApiError, Reply};

use crate::Gateway;
use crate::caller::Caller;

impl Gateway {
    /// Carries out a call. Everything that Callboard can be asked goes through here, whether it
    /// came over HTTP or from the console.
    #[expect(clippy::too_many_lines, reason = "a table of actions, one arm each")]
    pub async fn dispatch(&self, caller: &Caller, action: Action) -> Result<Reply, ApiError> {
        let gate = Gate { gateway: self, caller, action: action.name() };
        match action {
            Action::ModifyEventConfig(request) => {
                config::modify(self, gate.app(request.sub_app_id).await?, request).await
            }
            Action::DescribeEventConfig(request) => {
                Ok(config::describe(&*gate.application(request.sub_app_id).await?))
            }
            Action::PullEvents(request) => {
                events::pull(self, gate.app(request.sub_app_id).await?).await
            }
            Action::ConfirmEvents(request) => {
                let app = gate.app(request.sub_app_id).await?;
                events::confirm(self, app, &request.event_handles).await
            }
            Action::DescribeEventsState(request) => {
                Ok(events::state(self, gate.app(request.sub_app_id).await?))
            }
            Action::PublishEvents(request) => {
                events::publish(self, gate.app(request.sub_app_id).await?, request).await
            }
            Action::DescribeEvents(request) => {
                history::list(self, gate.app(request.sub_app_id).await?, request).await
            }
            Action::DescribeEventDetail(request) => {
                let app = gate.app(request.sub_app_id).await?;
                history::detail(self, app, request.event_id).await
            }
            Action::ReplayEvents(request) => {
                history::replay(self, gate.app(request.sub_app_id).await?, request).await
            }
            Action::PurgeEvents(request) => {
                history::purge(self, gate.app(request.sub_app_id).await?, request).await
            }
            Action::CreateSigningSecret(request) => {
                signing::create(self, gate.app(request.sub_app_id).await?).await
            }
            Action::DescribeSigningSecrets(request) => {
                Ok(signing::describe(&*gate.application(request.sub_app_id).await?))
            }
            Action::DeleteSigningSecret(request) => {
                let app = gate.app(request.sub_app_id).await?;
                signing::delete(self, app, &request.signing_secret_id).await
            }
            Action::TestNotification(request) => {
                let application = gate.application(request.sub_app_id).await?;
                delivery::test(self, &application, request).await
            }
            Action::DescribeDelivery(request) => {
                delivery::describe(self, &*gate.application(request.sub_app_id).await?).await
            }
            Action::ResumeDelivery(request) => {
                delivery::resume(self, &*gate.application(request.sub_app_id).await?)
            }
            Action::CreateSubAppId(request) => {
                gate.account()?;
                applications::create(self, caller, request).await
            }
            Action::DescribeSubAppIds(request) => {
                gate.account()?;
                applications::describe(self, caller, request).await
            }
            Action::ModifySubAppIdInfo(request) => {
                let app = gate.app(Some(request.sub_app_id)).await?;
                applications::modify(self, app, request).await
            }
            Action::ModifySubAppIdStatus(request) => {
                let app = gate.app(Some(request.sub_app_id)).await?;
                applications::switch(self, app, request.status).await
            }
            Action::CreateKey(request) => {
                gate.account()?;
                keys::create(self, caller, request).await
            }
            Action::DescribeKeys(_) => {
                gate.account()?;
                keys::describe(self, caller).await
            }
            Action::DeleteKey(request) => {
                gate.account()?;
                keys::delete(self, caller, &request.key_id).await
            }
            Action::ApplyUpload(request) => {
                let application = gate.application(request.sub_app_id).await?;
                Box::pin(library::apply_upload(self.library(), &application, request)).await
            }
            Action::CommitUpload(request) => {
                let application = gate.application(request.sub_app_id).await?;
                Box::pin(library::commit_upload(self.library(), &application, request)).await
            }
            Action::ParseStreamingManifest(request) => {
                gate.account()?;
                library::parse_streaming_manifest(request).await
            }
            Action::DeleteMedia(request) => {
                let application = gate.application(request.sub_app_id).await?;
                library::delete_media(self.library(), &application, request).await
            }
            Action::DescribeMediaInfos(request) => {
                let application = gate.application(request.sub_app_id).await?;
                library::describe_media_infos(self.library(), &application, request).await
            }
            Action::SearchMedia(request) => {
                let app = gate.app(request.sub_app_id).await?;
                search::media(self.library(), app, &request.search).await
            }
            Action::ListFiles(request) => {
                let application = gate.application(Some(request.sub_app_id)).await?;
                search::files(self.library(), &application, &request).await
            }
            Action::DescribeStorageData(request) => {
                search::storage(self.library(), gate.app(request.sub_app_id).await?).await
            }
            Action::ModifyMediaInfo(request) => {
                let application = gate.application(request.sub_app_id).await?;
                modify::modify(self.library(), &application, request).await
            }
            Action::ForbidMediaDistribution(request) => {
                let application = gate.application(request.sub_app_id).await?;
                modify::forbid(self.library(), &application, request).await
            }
            Action::CreateClass(request) => {
                let app = gate.app(request.sub_app_id).await?;
                classes::create(self.library(), app, request).await
            }
            Action::ModifyClass(request) => {
                let app = gate.app(request.sub_app_id).await?;
                classes::modify(self.library(), app, request).await
            }
            Action::DeleteClass(request) => {
                let app = gate.app(request.sub_app_id).await?;
                classes::delete(self.library(), app, request).await
            }
            Action::DescribeAllClass(request) => {
                classes::describe(self.library(), gate.app(request.sub_app_id).await?).await
            }
            Action::PullUpload(request) => {
                let application = gate.application(request.sub_app_id).await?;
                tasks::pull_upload(self.library(), &application, request).await
            }
            Action::DescribeTaskDetail(request) => {
                let app = gate.app(request.sub_app_id).await?;
                tasks::describe_task_detail(self.library(), app, request).await
            }
            Action::DescribeTasks(request) => {
                let app = gate.app(request.sub_app_id).await?;
                tasks::describe_tasks(self.library(), app, request).await
            }
            Action::SimpleHlsClip(request) => {
                let application = gate.application(request.sub_app_id).await?;
                Box::pin(clips::simple_hls_clip(self.library(), &application, request)).await
            }
            Action::FastEditMedia(request) => {
                let application = gate.application(request.sub_app_id).await?;
                Box::pin(clips::fast_edit_media(self.library(), &application, request)).await
            }
            Action::LiveRealTimeClip(request) => {
                let application = gate.application(request.sub_app_id).await?;
                Box::pin(clips::live_real_time_clip(self.library(), &application, request)).await
            }
            Action::RegisterLiveStream(request) => {
                let application = gate.application(request.sub_app_id).await?;
                live::register(self.library(), &application, request).await
            }
            Action::DescribeLiveStreams(request) => {
                let app = gate.app(request.sub_app_id).await?;
                live::describe(self.library(), app, request).await
            }
            Action::DeleteLiveStream(request) => {
                let app = gate.app(request.sub_app_id).await?;
                live::delete(self.library(), app, request).await
            }
        }
    }
}

impl Gateway {
    /// The application that a caller names, if its key may carry out that action there. For what is asked
    /// in other ways than by an action.
    pub(crate) async fn application_for(
        &self,
        caller: &Caller,
        action: &'static str,
        sub_app_id: Option<u64>,
    ) -> Result<Arc<Application>, ApiError> {
        Gate { gateway: self, caller, action }.application(sub_app_id).await
    }
}

/// What stands before every action: which application is meant, and whether the key may go there.
struct Gate<'a> {
    gateway: &'a Gateway,
    caller: &'a Caller,
    action: &'static str,
}

impl Gate<'_> {
    /// Lets the caller at its account.
    fn account(&self) -> Result<(), ApiError> {
        self.caller.authorize(self.action, None)
    }

    /// Lets the caller at the application that it names, which must exist.
    ///
    /// SubAppId absent or 0 means the default application, as documented for accounts older than
    /// 2023-12-25; `require_sub_app_id` refuses that, as the cloud does for younger ones. The policy
    /// comes before existence, so that a key learns nothing of what it may not see.
    async fn application(&self, sub_app_id: Option<u64>) -> Result<Arc<Application>, ApiError> {
        let settings = self.gateway.settings();
        let app = match sub_app_id {
            Some(id) if id != 0 => AppId(id),
            _ if settings.require_sub_app_id => {
                return Err(ApiError::missing_parameter("SubAppId"));
            }
            _ => settings.default_app,
        };
        self.caller.authorize(self.action, Some(app))?;
        Ok(applications::find(self.gateway, app).await?.application)
    }

    /// The same, for actions that need no more than the id.
    async fn app(&self, sub_app_id: Option<u64>) -> Result<AppId, ApiError> {
        Ok(self.application(sub_app_id).await?.id)
    }
}
