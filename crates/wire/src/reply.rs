//! The answers of the built actions, as types.
//!
//! Members that the spec lists are always written, null where it allows null: some clients decode
//! strictly. RequestId is not here, `envelope` adds it. Ids and times are strings on the wire.

mod applications;
mod blocks;
mod class;
mod clips;
mod delivery;
mod history;
mod keys;
mod live;
mod media;
mod modify;
mod search;
mod signing;
mod task;

use model::{EventConfig, Mode};
use serde::Serialize;

use crate::event::PullItem;

pub use applications::{SubAppIdInfo, SubAppIdReply, SubAppIdsReply};
pub use blocks::{
    MediaBlocks, MediaKeyFrameDescInfo, MediaKeyFrameDescItem, MediaSubtitleInfo,
    MediaSubtitleItem, MediaTranscodeInfo,
};
pub use class::{ClassInfo, ClassReply, ClassesReply};
pub use clips::{FastEditMediaReply, SimpleHlsClipReply};
pub use delivery::{DeliveryReply, DeliveryState, TestReply};
pub use history::{
    EventAttempt, EventDetailReply, EventInfo, HistoryReply, PublishResult, PublishedReply,
    PurgedReply, ReplayedReply,
};
pub use keys::{KeyInfo, KeyReply, KeysReply};
pub use live::{LiveRealTimeClipReply, LiveRealTimeClipSegment, LiveStreamInfo, LiveStreamsReply};
pub use media::{
    ApplyUploadReply, CommitUploadReply, ManifestReply, MediaInfo, MediaInfosReply, TempCertificate,
};
pub use modify::{ForbidMediaDistributionReply, ModifyMediaInfoReply};
pub use search::{FileContent, ListFilesReply, SearchMediaReply, StorageDataReply, StorageStat};
pub use signing::{SigningSecretInfo, SigningSecretReply, SigningSecretsReply};
pub use task::{TaskDetailReply, TaskIdReply, TaskSimpleInfo, TasksReply};

/// One successful answer. The variants follow the answers' shapes; those with a RequestId only
/// share [`Reply::Done`].
#[derive(Clone, Debug)]
pub enum Reply {
    /// ModifyEventConfig, ConfirmEvents, DeleteMedia, ModifyClass, DeleteClass, ModifySubAppIdInfo,
    /// ModifySubAppIdStatus, DeleteKey, DeleteSigningSecret, RegisterLiveStream, DeleteLiveStream, ResumeDelivery.
    Done,
    /// DescribeEventConfig.
    EventConfig(EventConfigReply),
    /// PullEvents.
    Events(Vec<PullItem>),
    /// DescribeEventsState.
    EventsState(EventsStateReply),
    /// ApplyUpload.
    ApplyUpload(ApplyUploadReply),
    /// CommitUpload.
    CommitUpload(CommitUploadReply),
    /// ParseStreamingManifest.
    Manifest(ManifestReply),
    /// DescribeMediaInfos.
    MediaInfos(MediaInfosReply),
    /// SearchMedia.
    SearchMedia(SearchMediaReply),
    /// ListFiles.
    ListFiles(ListFilesReply),
    /// DescribeStorageData.
    StorageData(StorageDataReply),
    /// ModifyMediaInfo.
    ModifyMediaInfo(ModifyMediaInfoReply),
    /// ForbidMediaDistribution.
    Forbidden(ForbidMediaDistributionReply),
    /// CreateClass.
    Class(ClassReply),
    /// DescribeAllClass.
    Classes(ClassesReply),
    /// PullUpload.
    TaskId(TaskIdReply),
    /// DescribeTaskDetail.
    TaskDetail(TaskDetailReply),
    /// DescribeTasks.
    Tasks(TasksReply),
    /// SimpleHlsClip.
    SimpleHlsClip(SimpleHlsClipReply),
    /// FastEditMedia.
    FastEditMedia(FastEditMediaReply),
    /// LiveRealTimeClip.
    LiveRealTimeClip(LiveRealTimeClipReply),
    /// DescribeLiveStreams.
    LiveStreams(LiveStreamsReply),
    /// CreateSubAppId.
    SubAppId(SubAppIdReply),
    /// DescribeSubAppIds.
    SubAppIds(SubAppIdsReply),
    /// PublishEvents.
    Published(PublishedReply),
    /// DescribeEvents.
    History(HistoryReply),
    /// DescribeEventDetail.
    EventDetail(EventDetailReply),
    /// ReplayEvents.
    Replayed(ReplayedReply),
    /// PurgeEvents.
    Purged(PurgedReply),
    /// CreateKey.
    Key(KeyReply),
    /// DescribeKeys.
    Keys(KeysReply),
    /// CreateSigningSecret.
    SigningSecret(SigningSecretReply),
    /// DescribeSigningSecrets.
    SigningSecrets(SigningSecretsReply),
    /// TestNotification.
    Test(TestReply),
    /// DescribeDelivery.
    Delivery(DeliveryReply),
}

impl Reply {
    /// Appends the JSON object, without RequestId.
    ///
    /// # Errors
    /// None in practice: the replies are plain data.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Self::Done => out.extend_from_slice(b"{}"),
            Self::Events(items) => write_events(items, out),
            Self::EventConfig(reply) => serde_json::to_writer(out, reply)?,
            Self::EventsState(reply) => serde_json::to_writer(out, reply)?,
            Self::ApplyUpload(reply) => serde_json::to_writer(out, reply)?,
            Self::CommitUpload(reply) => serde_json::to_writer(out, reply)?,
            Self::Manifest(reply) => serde_json::to_writer(out, reply)?,
            Self::MediaInfos(reply) => serde_json::to_writer(out, reply)?,
            Self::SearchMedia(reply) => serde_json::to_writer(out, reply)?,
            Self::ListFiles(reply) => serde_json::to_writer(out, reply)?,
            Self::StorageData(reply) => serde_json::to_writer(out, reply)?,
            Self::ModifyMediaInfo(reply) => serde_json::to_writer(out, reply)?,
            Self::Forbidden(reply) => serde_json::to_writer(out, reply)?,
            Self::Class(reply) => serde_json::to_writer(out, reply)?,
            Self::Classes(reply) => serde_json::to_writer(out, reply)?,
            Self::TaskId(reply) => serde_json::to_writer(out, reply)?,
            Self::TaskDetail(reply) => serde_json::to_writer(out, reply)?,
            Self::Tasks(reply) => serde_json::to_writer(out, reply)?,
            Self::SimpleHlsClip(reply) => serde_json::to_writer(out, reply)?,
            Self::FastEditMedia(reply) => serde_json::to_writer(out, reply)?,
            Self::LiveRealTimeClip(reply) => serde_json::to_writer(out, reply)?,
            Self::LiveStreams(reply) => serde_json::to_writer(out, reply)?,
            Self::SubAppId(reply) => serde_json::to_writer(out, reply)?,
            Self::SubAppIds(reply) => serde_json::to_writer(out, reply)?,
            Self::Published(reply) => serde_json::to_writer(out, reply)?,
            Self::History(reply) => serde_json::to_writer(out, reply)?,
            Self::EventDetail(reply) => serde_json::to_writer(out, reply)?,
            Self::Replayed(reply) => serde_json::to_writer(out, reply)?,
            Self::Purged(reply) => serde_json::to_writer(out, reply)?,
            Self::Key(reply) => serde_json::to_writer(out, reply)?,
            Self::Keys(reply) => serde_json::to_writer(out, reply)?,
            Self::SigningSecret(reply) => serde_json::to_writer(out, reply)?,
            Self::SigningSecrets(reply) => serde_json::to_writer(out, reply)?,
            Self::Test(reply) => serde_json::to_writer(out, reply)?,
            Self::Delivery(reply) => serde_json::to_writer(out, reply)?,
        }
        Ok(())
    }
}

/// The hot path: items are joined as they are, their payloads never parsed.
fn write_events(items: &[PullItem], out: &mut Vec<u8>) {
    out.reserve(items.iter().map(|item| item.as_bytes().len() + 1).sum::<usize>() + 128);
    out.extend_from_slice(b"{\"EventSet\":[");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(item.as_bytes());
    }
    out.extend_from_slice(b"]}");
}

/// An application's event configuration, without SignKey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventConfigReply {
    mode: &'static str,
    notification_url: String,
    upload_media_complete_event_switch: &'static str,
    delete_media_complete_event_switch: &'static str,
    persistence_complete_event_switch: &'static str,
}

impl From<&EventConfig> for EventConfigReply {
    fn from(config: &EventConfig) -> Self {
        let switch = |on| if on { "ON" } else { "OFF" };
        Self {
            mode: match config.mode {
                Mode::Push => "PUSH",
                Mode::Pull => "PULL",
            },
            notification_url: config.notification_url.clone(),
            upload_media_complete_event_switch: switch(config.upload),
            delete_media_complete_event_switch: switch(config.delete),
            persistence_complete_event_switch: switch(config.persistence),
        }
    }
}

/// How many events wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventsStateReply {
    /// READY and DELAYED together.
    pub count_of_events_to_pull: u64,
}
