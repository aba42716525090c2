//! The answers of the built actions, as types.
//!
//! Members that the spec lists are always written, null where it allows null: some clients decode
//! strictly. RequestId is not here, `envelope` adds it. Ids and times are strings on the wire.

mod delivery;
mod keys;
mod signing;

use model::{EventConfig, EventId, EventKind, FileId, Mode, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::action::{EventState, ResourceTag};
use crate::error::ApiError;
use crate::event::PullItem;
use crate::event::task::{MediaBasicInfo, MediaMetaData, Never};
use crate::text::{self, Secret};

pub use delivery::{DeliveryReply, DeliveryState, TestReply};
pub use keys::{KeyInfo, KeyReply, KeysReply};
pub use signing::{SigningSecretInfo, SigningSecretReply, SigningSecretsReply};

/// One successful answer. The variants follow the answers' shapes; those with a RequestId only
/// share [`Reply::Done`].
#[derive(Clone, Debug)]
pub enum Reply {
    /// ModifyEventConfig, ConfirmEvents, DeleteMedia, ModifySubAppIdInfo, ModifySubAppIdStatus,
    /// DeleteKey, DeleteSigningSecret, ResumeDelivery.
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

/// Where to upload to, and with which temporary key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApplyUploadReply {
    /// `<name>-<appid>` in lower case: the upload SDKs insist on that form.
    pub storage_bucket: String,
    /// Lower-case letters, digits and `-`.
    pub storage_region: String,
    /// The key that CommitUpload takes.
    pub vod_session_key: Secret,
    /// Begins with `/`: the SDKs cut the first character off.
    pub media_storage_path: String,
    /// Begins with `/`; empty: no cover is expected.
    pub cover_storage_path: String,
    /// The temporary key.
    pub temp_certificate: TempCertificate,
}

/// A temporary key for the COS surface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TempCertificate {
    /// SecretId.
    pub secret_id: String,
    /// SecretKey.
    pub secret_key: Secret,
    /// Sent along as `x-cos-security-token`.
    pub token: Secret,
    /// Unix seconds.
    pub expired_time: u64,
}

/// The file that an upload became.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CommitUploadReply {
    /// FileId.
    #[serde(serialize_with = "text::display")]
    pub file_id: FileId,
    /// Where it can be played.
    pub media_url: String,
    /// Where the cover is; empty: none was uploaded.
    pub cover_url: String,
}

/// The files that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ManifestReply {
    /// Relative paths, each once.
    pub media_segment_set: Vec<String>,
}

/// What is known of some files.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaInfosReply {
    /// The files that exist.
    pub media_info_set: Vec<MediaInfo>,
    /// The ids, as sent, of those that do not.
    pub not_exist_file_id_set: Vec<String>,
}

/// What is known of one file. Blocks that were filtered out, and those of tasks that nothing here
/// runs, are null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "the fields are named as on the wire")]
pub struct MediaInfo {
    #[serde(serialize_with = "text::display")]
    file_id: FileId,
    basic_info: Option<MediaBasicInfo>,
    meta_data: Option<MediaMetaData>,
    transcode_info: Option<Never>,
    animated_graphics_info: Option<Never>,
    sample_snapshot_info: Option<Never>,
    image_sprite_info: Option<Never>,
    snapshot_by_time_offset_info: Option<Never>,
    key_frame_desc_info: Option<Never>,
    adaptive_dynamic_streaming_info: Option<Never>,
    mini_program_review_info: Option<Never>,
    subtitle_info: Option<Never>,
    review_info: Option<Never>,
    #[serde(rename = "MPSAiMediaInfo")]
    mps_ai_media_info: Option<Never>,
    image_understanding_info: Option<Never>,
    knowledge_bases_info: Option<Never>,
    face_recognition_info: Option<Never>,
}

impl MediaInfo {
    /// A file with the blocks that were asked for.
    pub const fn new(
        file_id: FileId,
        basic_info: Option<MediaBasicInfo>,
        meta_data: Option<MediaMetaData>,
    ) -> Self {
        Self {
            file_id,
            basic_info,
            meta_data,
            transcode_info: None,
            animated_graphics_info: None,
            sample_snapshot_info: None,
            image_sprite_info: None,
            snapshot_by_time_offset_info: None,
            key_frame_desc_info: None,
            adaptive_dynamic_streaming_info: None,
            mini_program_review_info: None,
            subtitle_info: None,
            review_info: None,
            mps_ai_media_info: None,
            image_understanding_info: None,
            knowledge_bases_info: None,
            face_recognition_info: None,
        }
    }
}

/// The id of a new application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SubAppIdReply {
    /// SubAppId.
    pub sub_app_id: u64,
}

/// A page of applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SubAppIdsReply {
    /// The page.
    pub sub_app_id_info_set: Vec<SubAppIdInfo>,
    /// How many there are on all pages.
    pub total_count: u64,
}

/// One application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SubAppIdInfo {
    sub_app_id: u64,
    sub_app_id_name: String,
    description: String,
    #[serde(serialize_with = "text::display")]
    create_time: Timestamp,
    status: &'static str,
    name: String,
    mode: &'static str,
    storage_regions: Vec<String>,
    tags: Vec<ResourceTag>,
}

impl SubAppIdInfo {
    /// Shows an application; its files are stored in `region` and named by FileId.
    pub fn new(application: &model::Application, region: impl Into<String>) -> Self {
        let tag = |(key, value): &(String, String)| ResourceTag {
            tag_key: key.clone(),
            tag_value: value.clone(),
        };
        Self {
            sub_app_id: application.id.0,
            sub_app_id_name: application.name.clone(),
            description: application.description.clone(),
            create_time: application.created,
            status: match application.status {
                model::ApplicationStatus::On => "On",
                model::ApplicationStatus::Off => "Off",
                model::ApplicationStatus::Destroyed => "Destroyed",
            },
            name: application.name.clone(),
            mode: "fileid",
            storage_regions: vec![region.into()],
            tags: application.tags.iter().map(tag).collect(),
        }
    }
}

/// What became of published events, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PublishedReply {
    /// One for each event.
    pub event_set: Vec<PublishResult>,
}

/// What became of one published event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PublishResult {
    /// The event's id; of a repeated EventKey, the first one's.
    #[serde(serialize_with = "text::display")]
    pub event_id: EventId,
    /// READY or IGNORED when it was stated.
    #[serde(serialize_with = "state")]
    pub state: EventState,
    /// Why it was ignored; else empty.
    pub reason: String,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HistoryReply {
    /// The page, newest first.
    pub event_set: Vec<EventInfo>,
    /// Where the next page begins; none, and then not written: this was the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scroll_token: Option<String>,
}

/// One event in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventInfo {
    /// The id.
    #[serde(serialize_with = "text::display")]
    pub event_id: EventId,
    /// The type.
    #[serde(serialize_with = "kind")]
    pub event_type: EventKind,
    /// Where it stands.
    #[serde(serialize_with = "state")]
    pub state: EventState,
    /// Why it stands there, if there is more to say; else empty.
    pub reason: String,
    /// When it was stated.
    #[serde(serialize_with = "text::display")]
    pub create_time: Timestamp,
    /// How many attempts of PUSH were made in its latest life.
    pub attempt_count: u64,
    /// How often it was replayed.
    pub replay_count: u64,
    /// The first file that it speaks of; none: written as an empty string.
    #[serde(serialize_with = "text::display_or_empty")]
    pub file_id: Option<FileId>,
}

/// One event with everything known of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventDetailReply {
    event: EventDetail,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EventDetail {
    #[serde(serialize_with = "text::display")]
    event_id: EventId,
    #[serde(serialize_with = "kind")]
    event_type: EventKind,
    #[serde(serialize_with = "state")]
    state: EventState,
    reason: String,
    #[serde(serialize_with = "text::display")]
    create_time: Timestamp,
    attempt_count: u64,
    replay_count: u64,
    #[serde(serialize_with = "text::display_or_empty")]
    file_id: Option<FileId>,
    payload: Box<RawValue>,
    attempt_set: Vec<EventAttempt>,
}

impl EventDetailReply {
    /// Joins what the list shows, the stored payload, unchanged, and the attempts.
    ///
    /// # Errors
    /// `InternalError` if the payload is not JSON, which no stored one should be.
    pub fn new(
        info: EventInfo,
        payload: &[u8],
        attempts: Vec<EventAttempt>,
    ) -> Result<Self, ApiError> {
        let EventInfo {
            event_id,
            event_type,
            state,
            reason,
            create_time,
            attempt_count,
            replay_count,
            file_id,
        } = info;
        let payload = serde_json::from_slice(payload).map_err(ApiError::internal)?;
        Ok(Self {
            event: EventDetail {
                event_id,
                event_type,
                state,
                reason,
                create_time,
                attempt_count,
                replay_count,
                file_id,
                payload,
                attempt_set: attempts,
            },
        })
    }
}

/// One attempt to deliver an event by PUSH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventAttempt {
    /// When it began.
    #[serde(serialize_with = "text::display")]
    pub time: Timestamp,
    /// Where it went.
    pub url: String,
    /// The HTTP status of the answer; 0: none came.
    pub status: u64,
    /// How long it took, in ms.
    pub duration_ms: u64,
    /// The beginning of the answer's body.
    pub response_body: String,
    /// What failed; else empty.
    pub error: String,
}

/// How many events have a new life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReplayedReply {
    /// The number of this call; of a dry run: how many would have one.
    pub count: u64,
    /// Where the next call begins; none, and then not written: nothing is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scroll_token: Option<String>,
}

/// How many events were given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PurgedReply {
    /// The number.
    pub count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over the field by reference")]
fn state<S: serde::Serializer>(state: &EventState, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(state.as_str())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over the field by reference")]
fn kind<S: serde::Serializer>(kind: &EventKind, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(kind.name())
}
